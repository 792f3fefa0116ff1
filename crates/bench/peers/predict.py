"""Prediction as a Python stack does it: a pickled imputer, scaler, KMeans and one model per cluster.

usage: predict.py prepare BUNDLE FEATURES ASSIGNMENTS PARAMS OUT    the stack for a version of ours, of the same families and sizes
       predict.py score OUT EXPORT TO TOP                           scores an export; TOP: features to name by their contributions
       predict.py difference OURS THEIRS TOP                        how far two sides' probabilities and first contributions are apart
"""

import json
import pathlib
import sys


def prepare(bundle, features, assignments, params, out):
    """Everything is fitted on the rows that ours was fitted on. Boosted trees are ours themselves, so that both sides score by the
    same trees; a forest is scikit-learn's own."""
    import joblib
    import numpy as np
    import pyarrow.parquet as pq
    from sklearn.cluster import KMeans
    from sklearn.impute import KNNImputer
    from sklearn.preprocessing import StandardScaler

    bundle = pathlib.Path(bundle)
    index, state, clusters = (
        json.loads((bundle / name).read_text()) for name in ("bundle.json", "preprocessor.json", "clusters.json")
    )
    donors = pq.read_table(bundle / "donors.parquet").to_pandas()[index["features"]].to_numpy(dtype=np.float64)
    imputer = KNNImputer(n_neighbors=state["imputer"]["n_neighbors"]).fit(donors)
    kept = state["variance"]["kept"]
    scaler = StandardScaler().fit(imputer.transform(donors)[:, kept])
    centroids = np.array(clusters["centroids"])

    table = pq.read_table(features).to_pandas()
    rows = table["_split"].to_numpy() == "train"
    x, y = table.loc[rows, state["feature_names_out"]].to_numpy(), table.loc[rows, "_target"].to_numpy() == 1
    kmeans = KMeans(len(centroids), init=centroids, n_init=1).fit(x.astype(np.float64))
    kmeans.cluster_centers_ = centroids
    of_row = pq.read_table(assignments)["cluster"].to_numpy()[rows]
    models = {}
    for name, model in index["models"].items():
        members = of_row >= 0 if name == "pooled" else of_row == int(name)
        models[name] = fitted(bundle / model["file"], model["family"], json.loads(pathlib.Path(params).read_text()), x[members], y[members])
    stack = {
        "features": index["features"],
        "imputer": imputer,
        "kept": kept,
        "scaler": scaler,
        "kmeans": kmeans,
        "models": models,
        "model_of_cluster": index["model_of_cluster"],
        "thresholds": {name: model["threshold"] for name, model in index["models"].items()},
        "names": state["feature_names_out"],
    }
    joblib.dump(stack, out)


def fitted(file, family, params, x, y):
    if family == "boosting":
        from xgboost import XGBClassifier

        model = XGBClassifier()
        model.load_model(file)
        return model
    from sklearn.ensemble import RandomForestClassifier

    params = {name: values[0] for name, values in params["train"]["forest"].items() if name != "engine"}
    params["class_weight"] = None if params["class_weight"] == "none" else params["class_weight"]
    return RandomForestClassifier(**params, n_jobs=-1, random_state=7).fit(x, y)


def score(stack, export, to, top):
    import joblib
    import numpy as np
    import pandas as pd

    stack, top = joblib.load(stack), int(top)
    table = pd.read_parquet(export)
    x = stack["imputer"].transform(table[stack["features"]].to_numpy(dtype=np.float64))[:, stack["kept"]]
    x = stack["scaler"].transform(x)
    cluster = stack["kmeans"].predict(x)
    names = np.array(stack["names"])
    out = table[["_id", "_source_file", "_source_sha256", "_row"]].assign(cluster=cluster, probability=0.0, decision="good")
    for place in range(top):
        out[f"top_{place + 1}_feature"], out[f"top_{place + 1}_contribution"] = "", 0.0
    for name, model in stack["models"].items():
        rows = np.flatnonzero(np.array(stack["model_of_cluster"])[cluster] == name)
        if len(rows) == 0:
            continue
        probability = model.predict_proba(x[rows])[:, 1]
        out.loc[rows, "probability"] = probability
        out.loc[rows, "decision"] = np.where(probability >= stack["thresholds"][name], "faulty", "good")
        if top:
            shares = contributions(model, x[rows])
            most = np.argsort(-np.abs(shares), axis=1, kind="stable")[:, :top]
            for place in range(top):
                out.loc[rows, f"top_{place + 1}_feature"] = names[most[:, place]]
                out.loc[rows, f"top_{place + 1}_contribution"] = np.take_along_axis(shares, most, 1)[:, place]
    out.to_parquet(to + ".parquet", compression="zstd")
    out.to_csv(to + ".csv", index=False)
    print(len(out))


def contributions(model, x):
    if hasattr(model, "get_booster"):
        import xgboost

        return model.get_booster().predict(xgboost.DMatrix(x), pred_contribs=True)[:, :-1]
    import shap

    return shap.TreeExplainer(model).shap_values(x)[:, :, 1]


def difference(ours, theirs, top):
    import pandas as pd

    first = ["top_1_feature", "top_1_contribution"] if int(top) else []
    ours, theirs = (pd.read_parquet(path, columns=["_id", "cluster", "probability", *first]) for path in (ours, theirs))
    one, other = ours["probability"], theirs["probability"]
    elsewhere = int((ours["cluster"] != theirs["cluster"]).sum()) + int((ours["_id"] != theirs["_id"]).sum())
    found = {
        "max": (one - other).abs().max(),
        "other": elsewhere,
        "mean_ours": one.mean(),
        "mean_theirs": other.mean(),
        # Spearman's, which pandas takes from ranks without SciPy.
        "rank_correlation": one.rank().corr(other.rank()),
    }
    if first:
        same = ours[first[0]] == theirs[first[0]]
        found["same_first"] = float(same.mean())
        found["contribution"] = float((ours[first[1]] - theirs[first[1]]).abs()[same].quantile(0.99))
    print(json.dumps(found))


if __name__ == "__main__":
    {"prepare": prepare, "score": score, "difference": difference}[sys.argv[1]](*sys.argv[2:])
