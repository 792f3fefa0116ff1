"""P2, P3 and P4: forest, KMeans and imputing alone, against scikit-learn, by processor time of the measured section."""

import json
import statistics

from harness import inputs
from harness.rows import compared
from harness.setting import Skipped, note

ONE_OR_ALL = "scikit-learn, at its best of one thread and all"
AS_IT_COMES = "scikit-learn, threads as it comes"
# 0 leaves the peer its default.
THREADS = (1, 0)
# Areas of one split of the real wafers differ by 0.04 from forest to forest, means of forty by a sixth of that.
SEEDS = 40
LARGE_SEEDS = 10
AUC_TOLERANCE = 0.01
INERTIA_TOLERANCE = 0.005
VALUE_TOLERANCE = 1e-4

FORESTS = (
    ("100 trees, gini, no depth limit", {}),
    ("130 trees, entropy, depth 4", {"n_estimators": 130, "criterion": "entropy", "max_depth": 4}),
    ("100 trees, balanced, leaves of 5 or more", {"class_weight": "balanced", "min_samples_leaf": 5}),
)
FOREST_DEFAULTS = {
    "n_estimators": 100,
    "criterion": "gini",
    "max_features": "sqrt",
    "max_depth": None,
    "min_samples_leaf": 1,
    "class_weight": "none",
}


def real(setting, rounds):
    """The real wafers, if they are here, with so many rounds of them."""
    try:
        return [(inputs.wafers(setting), rounds)]
    except Skipped as reason:
        note(f"skipped the real wafers: {reason}")
        return []


class Best:
    """Runs the peer in every way once, and after that in the way that took the least."""

    def __init__(self, setting, ways):
        self.ways = ways[-1:] if setting.quick else ways

    def run(self, call):
        results = [(call(way), way) for way in self.ways]
        result, way = min(results, key=lambda pair: pair[0]["cpu_seconds"])
        self.ways = (way,)
        return result


def cpu(ours, theirs):
    return ours["cpu_seconds"], theirs["cpu_seconds"]


def forests(setting):
    if setting.quick:
        work = [(inputs.synthetic(setting, 600, 40), 1)]
    else:
        work = [*real(setting, SEEDS), (inputs.synthetic(setting, 20_000, 474), LARGE_SEEDS)]
    return [forest(setting, table, seeds, *each) for table, seeds in work for each in FORESTS]


def forest(setting, table, seeds, name, params):
    """Every seed is a round: another split, another forest."""
    best, pairs, areas = Best(setting, THREADS), [], []
    for seed in range(seeds):
        params_text = json.dumps({**FOREST_DEFAULTS, **params, "seed": seed})
        test = inputs.split(setting, table, seed)
        ours = setting.kernel(
            "forest", "--table", table.whole, "--labels", table.labels, "--test", test, "--params", params_text
        )
        theirs = best.run(
            lambda threads, test=test, text=params_text: setting.peer(
                "forest", table.whole, table.labels, test, text, threads
            ).json()
        )
        pairs.append(cpu(ours, theirs))
        areas.append((ours["result"]["roc_auc"], theirs["result"]["roc_auc"]))
    means = [statistics.mean(side) for side in zip(*areas, strict=True)]
    # One seed on a small table tells no more than that both learn.
    tolerance = 0.15 if setting.quick else AUC_TOLERANCE
    shown = [f"ROC AUC {mean:.4f}, the mean of {seeds}" for mean in means]
    quality = (*shown, means[0] >= means[1] - tolerance)
    return compared("P2", f"forest, {name}; {table.name}", ONE_OR_ALL, "s cpu", pairs, target=5, quality=quality)


def clusters(setting):
    if setting.quick:
        work = [(inputs.synthetic(setting, 600, 40), 1)]
    else:
        work = [*real(setting, 5), (inputs.synthetic(setting, 50_000, 474), 3)]
    return [row for table, rounds in work for row in elbow(setting, table, setting.at_most(rounds))]


def elbow(setting, table, rounds):
    """Two rows: the peer at its best, and as users run it, once. OpenMP's threads wait actively, which costs processor time."""
    k_max, runs = 10, 3 if setting.quick else 10
    best, at_best, as_it_comes, worst = Best(setting, THREADS), [], [], []
    for seed in range(rounds):
        ours = setting.kernel("kmeans", "--table", table.whole, "--k-max", k_max, "--runs", runs, "--seed", seed)
        seen = {}

        def peer(threads, seed=seed, seen=seen):
            seen[threads] = setting.peer("kmeans", table.whole, k_max, runs, seed, threads).json()
            return seen[threads]

        theirs = best.run(peer)
        at_best.append(cpu(ours, theirs))
        if 0 in seen:
            as_it_comes.append(cpu(ours, seen[0]))
        inertia = zip(ours["result"]["inertia"], theirs["result"]["inertia"], strict=True)
        worst.append(max(mine / other for mine, other in inertia))
    tolerance = 0.05 if setting.quick else INERTIA_TOLERANCE
    text = f"inertia {max(worst) - 1:+.2%} of theirs at the worst k"
    quality = (text, "the measure", max(worst) <= 1 + tolerance)
    work = f"elbow and KMeans, k = 1 to {k_max}, {runs} starts each; {table.name}"
    return [
        compared("P3", work, ONE_OR_ALL, "s cpu", at_best, target=4, quality=quality),
        compared("P3", work, AS_IT_COMES, "s cpu", as_it_comes, target=4, quality=quality),
    ]


def imputing(setting):
    if setting.quick:
        work = [(inputs.synthetic(setting, 600, 40, 0.05), 1)]
    else:
        work = [*real(setting, 5), (inputs.synthetic(setting, 20_000, 590, 0.05), 3)]
    return [impute(setting, table, setting.at_most(rounds)) for table, rounds in work]


def impute(setting, table, rounds):
    """Users' frames hold f64, so that is what the peer gets."""
    path, name = table.with_gaps, table.name_with_gaps
    best, pairs, differences = Best(setting, THREADS), [], []
    ours_out, theirs_out = (inputs.folder(setting, "filled") / name for name in ("ours.npy", "theirs.npy"))
    for _ in range(rounds):
        ours = setting.kernel("impute", "--table", path, "--out", ours_out)
        theirs = best.run(lambda threads: setting.peer("impute", path, theirs_out, 3, "float64", threads).json())
        pairs.append(cpu(ours, theirs))
        differences.append(setting.peer("tables", "difference", path, ours_out, theirs_out).json())
    worst = max(differences)
    text = f"values within {worst:.1g} standard deviations"
    quality = (text, "the measure", worst <= VALUE_TOLERANCE)
    return compared("P4", f"imputing from the 3 nearest rows; {name}", ONE_OR_ALL, "s cpu", pairs, target=5, quality=quality)
