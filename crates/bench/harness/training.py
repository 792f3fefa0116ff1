"""P1 and P8: the whole training on the real folder, against the same pipeline in one Python process."""

import statistics

from harness import inputs
from harness.pipelines import pipeline
from harness.process import CLOSELY, run, run_watched
from harness.rows import compared

JOBS = (1, 2, -1)
MEGABYTE = 1e6
# Ours fits on the wafers that it does not hold out, so a column may be constant there that is not so in all of them.
FEATURES_APART = 5


def real(setting):
    return setting.data() / "wafer/Training_Batch_Files"


def ours(setting, raw, name, *, watched=None):
    """One run on an empty store, so that nothing is reused."""
    params = {"schema_uri": "builtin://wafer-strict", "params_uri": "builtin://original"}
    if setting.quick:
        params["params_uri"] = setting.checkout / "crates/bench/params/small.json"
    return pipeline(setting, "train", setting.fresh(f"training/{name}"), raw, "train", watched=watched, **params)


def peer_command(setting, raw, jobs):
    grid = "small" if setting.quick else "full"
    return setting.python, setting.training_peer(), raw, "--grid", grid, "--jobs", jobs


def times(setting):
    """P1. The peer's number of jobs is the one with the least time in the first round."""
    setting.training_peer()
    raw = real(setting)
    jobs = [JOBS[-1]] if setting.quick else list(JOBS)
    whole, alike, said = [], [], None
    for nth in range(setting.at_most(3)):
        mine = ours(setting, raw, f"p1-{nth}")
        results = [(run(*peer_command(setting, raw, each)), each) for each in jobs]
        theirs, best = min(results, key=lambda pair: pair[0].wall)
        jobs = [best]
        whole.append((mine.finished.wall, theirs.wall))
        alike.append((mine.ended("train"), theirs.wall))
        said = agreement(mine, theirs.json())
    grid = "the small grids" if setting.quick else "the original's grids"
    peer = f"pandas, scikit-learn, xgboost in one process, --jobs {jobs[0]}"
    work = f"training on the real folder, strict schema, {grid}"
    return [
        compared("P1", work, peer, "s", whole, target=10, quality=said),
        compared("P1", f"{work}: until the last model is trained", peer, "s", alike, target=10, quality=said),
    ]


def agreement(mine, theirs):
    """Both must have read and clustered the same. The areas are of different rows: ours out of fold, theirs of one fifth that was held
    back."""
    files = mine.manifests("validate")[None]["counts"]
    clusters = mine.document("cluster", "clusters.json")
    features = len(mine.document("preprocess", "preprocessor.json")["feature_names_out"])
    same = (
        files["rows_accepted"] == theirs["rows"]
        and files["files_accepted"] == theirs["files_good"]
        and abs(features - theirs["features"]) <= FEATURES_APART
        and abs(clusters["k"] - theirs["k"]) <= 1
    )
    out_of_fold = []
    for part, manifest in sorted(mine.manifests("train").items()):
        trained = mine.document("train", "evaluation.json", part).get("trained")
        if trained:
            out_of_fold.append(area(part, trained["out_of_fold"]["metrics"]["roc_auc"]))
    split_off = [area(f"{each['cluster']}-{each['model']}", each["auc"]) for each in theirs["models"] if each.get("auc")]
    return (
        f"{files['rows_accepted']} rows, {features} features, k {clusters['k']}; ROC AUC out of fold: {', '.join(out_of_fold)}",
        f"{theirs['rows']} rows, {theirs['features']} features, k {theirs['k']}; ROC AUC on a fifth: {', '.join(split_off)}",
        same,
    )


def area(name, value):
    return f"{name} {value:.2f}"


def memory(setting):
    """P8. The runner, its steps and all their threads against the peer and its workers, looked at together."""
    setting.training_peer()
    raw = inputs.batch_files(setting, 2, 100) if setting.quick else real(setting)
    together = {jobs: [] for jobs in (JOBS[-1:] if setting.quick else JOBS)}
    fewest, single, took = next(iter(together)), [], {jobs: [] for jobs in together}
    for nth in range(setting.at_most(3)):
        mine = ours(setting, raw, f"p8-{nth}", watched=CLOSELY)
        largest, step = mine.largest()
        for jobs in together:
            finished, theirs = run_watched(*peer_command(setting, raw, jobs))
            took[jobs].append(finished.wall)
            together[jobs].append((mine.memory.sum_bytes / MEGABYTE, theirs.sum_bytes / MEGABYTE))
            if jobs == fewest:
                single.append((largest / MEGABYTE, theirs.single_bytes / MEGABYTE))
    work = f"peak memory of the training on {'200 made-up wafers' if setting.quick else 'the real folder'}"
    name = "pandas, scikit-learn, xgboost in one process"
    # The target is about the run that P1 times, the peer's fastest; the others are for the reader.
    fastest = min(took, key=lambda jobs: statistics.median(took[jobs]))
    rows = [
        compared("P8", f"{work}, all processes together", f"{name}, --jobs {jobs}", "MB", pairs, target=3 if jobs == fastest else None)
        for jobs, pairs in together.items()
    ]
    work = f"{work}, the largest process ({step})"
    return [*rows, compared("P8", work, f"{name}, --jobs {fewest}", "MB", single)]
