"""P7: prediction of many rows by the step `predict`, the champion loaded from the store, against a pickled Python stack."""

from harness import inputs
from harness.pipelines import pipeline
from harness.process import run
from harness.rows import compared

PEER = "pandas, scikit-learn, xgboost, the stack loaded from a pickle"
TOP_FEATURES = 3
# The same trees over features that both sides impute and scale: a value right at a threshold may go the other way.
PROBABILITY_TOLERANCE = 0.01
# Rows that such a value moves may have another feature first, and other contributions.
SAME_FIRST_FEATURE = 0.99
CONTRIBUTION_TOLERANCE = 0.001
# A forest of the peer's own can only be held against ours as a whole: by the mean probability, and by how alike the rows are ranked.
MEAN_TOLERANCE = 0.02
RANKED_ALIKE = 0.5
# Of this many rows does the peer explain a forest: enough for its start to be of no account, and a tenth of the time for all.
EXPLAINED_BY_SHAP = 10_000


def champions(setting):
    return [row for family in ("boosting", "forest") for row in champion(setting, family)]


def champion(setting, family):
    training, prediction = inputs.to_predict(setting, 300 if setting.quick else 1_000, 2, 1 if setting.quick else 100)
    root = setting.fresh(f"predicting/{family}")
    params = setting.checkout / f"crates/bench/params/{family}.json"
    trained = pipeline(setting, "train", root, training, "train", params_uri=params)
    stack = root / "stack.joblib"
    version = next((root / "models/wafer/versions").iterdir())
    features, assignments = trained.path("preprocess", "features.parquet"), trained.path("cluster", "assignments.parquet")
    setting.peer("predict", "prepare", version, features, assignments, params, stack)

    predicted = pipeline(setting, "predict", root, prediction, "all")
    if setting.quick:
        return [measured(setting, family, root, stack, predicted, TOP_FEATURES)]
    rows = [measured(setting, family, root, stack, predicted, 0)]
    if family == "forest":
        _, few = inputs.to_predict(setting, 1_000, 2, EXPLAINED_BY_SHAP // 1_000)
        predicted = pipeline(setting, "predict", root, few, "few")
    return [*rows, measured(setting, family, root, stack, predicted, TOP_FEATURES)]


def measured(setting, family, root, stack, predicted, top):
    export, name = predicted.path("load", "export.parquet"), f"{predicted.folder.name}-{top}"
    count = predicted.manifests("load")[None]["counts"]["rows_out"]
    pairs, theirs_out = [], root / "theirs"
    for nth in range(setting.at_most(3)):
        again = f"{name}-{nth}"
        manifest = predicted.folder / "load/manifest.json"
        flags = ["--root-uri", root, "--run-id", again, "--no-cache=true", "--top-features", top]
        ours = run(setting.program("predict"), *flags, "--load-manifest-uri", manifest)
        theirs = setting.peer("predict", "score", stack, export, theirs_out, top)
        pairs.append((ours.wall, theirs.wall))
    written = next((root / "runs" / again / "predict").rglob("predictions.parquet"))
    apart = setting.peer("predict", "difference", written, f"{theirs_out}.parquet", top).json()
    quality = (same_trees if family == "boosting" else other_trees)(setting, apart, top)
    how = f"the {top} largest contributions of each" if top else "no contributions"
    explainer = {"boosting": ", pred_contribs", "forest": ", shap"}[family] if top else ""
    work = f"prediction of {count:,} rows by {family}, {how}"
    return compared("P7", work, PEER + explainer, "s", pairs, target=3 if top else 10, quality=quality)


def same_trees(_, apart, top):
    """The peer has the very trees of ours, so that every row is held against its own."""
    said = f"probabilities within {apart['max']:.1g}, {apart['other']} rows in another cluster"
    good = apart["max"] <= PROBABILITY_TOLERANCE and apart["other"] == 0
    if top:
        said += f"; the first feature is the same in {apart['same_first']:.2%} of the rows, its contribution in 99% of those within {apart['contribution']:.1g}"
        good = good and apart["same_first"] >= SAME_FIRST_FEATURE and apart["contribution"] <= CONTRIBUTION_TOLERANCE
    return said, "the measure", good


def other_trees(setting, apart, _):
    near = abs(apart["mean_ours"] - apart["mean_theirs"]) <= (0.1 if setting.quick else MEAN_TOLERANCE)
    alike = setting.quick or apart["rank_correlation"] >= RANKED_ALIKE
    ours = f"mean probability {apart['mean_ours']:.4f}, rank correlation with the peer's {apart['rank_correlation']:.2f}"
    return ours, f"mean probability {apart['mean_theirs']:.4f}", near and alike
