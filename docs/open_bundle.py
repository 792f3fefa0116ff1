"""Opens a model bundle without Faultline and scores raw rows as Faultline does; needs numpy, pyarrow and xgboost alone.

usage: open_bundle.py BUNDLE ROWS [TOP]

BUNDLE is the folder of a model version; ROWS a Parquet table (such as the export.parquet of a predict run) or a CSV
file with one column per raw feature. Prints a JSON object per row: cluster, probability, decision, bias, and the TOP
(default 5) contributions: of features to a forest's probability, else to the log-odds, before any calibration.
"""
import json, sys
from pathlib import Path
import numpy as np, pyarrow.csv, pyarrow.parquet, xgboost

def read(path, features):
    """The raw features in the bundle's order, row by row; missing values NaN."""
    table = pyarrow.csv.read_csv(path) if Path(path).suffix == ".csv" else pyarrow.parquet.read_table(path)
    return np.stack([table[name].cast("float64").to_numpy() for name in features], axis=1).astype(np.float32)

def impute(rows, donors, state):
    """The mean of the nearest donors that have the value, by the mean squared difference over what both rows have."""
    rows, donors = rows[:, state["kept"]], donors[:, state["kept"]].astype(np.float64)
    for row in rows:
        squares = (row - donors) ** 2
        common = (~np.isnan(squares)).sum(axis=1)
        distances = np.nancumsum(squares, axis=1)[:, -1] / np.where(common > 0, common, np.nan)
        order = np.argsort(distances, kind="stable")[: (common > 0).sum()]  # the earlier donor of equals
        for column in np.flatnonzero(np.isnan(row)):
            nearest = [value for value in donors[order, column] if not np.isnan(value)][: state["n_neighbors"]]
            row[column] = np.mean(nearest) if nearest else state["means"][column]
    return rows

def scaled(rows, scaler):
    """Every column less its mean, divided by its scale; at most the greatest number of single precision."""
    greatest = np.finfo(np.float32).max
    return ((rows - np.array(scaler["means"])) / np.array(scaler["scales"])).clip(-greatest, greatest).astype(np.float32)

def forest(nodes, rows):
    """Probabilities, the mean over the trees of that of the row's leaf, and contributions by TreeSHAP, leaf by leaf:
    with o (1 if the row meets the path's conditions on a feature, else 0) and z (the share of the cover that does),
    i gets (o_i - z_i) * integral over t in 0..1 of the product over all j but i of z_j + t (o_j - z_j)."""
    p, contributions, bias = np.zeros(len(rows)), np.zeros((len(rows), rows.shape[1] + 1)), rows.shape[1]
    starts = np.flatnonzero(nodes["node"] == 0)
    todo = [(start, start, {bias: (np.ones(len(rows), bool), 1.0)}) for start in reversed(starts)]
    while todo:
        start, at, path = todo.pop()
        if (feature := nodes["feature"][at]) >= 0:
            met, share = path.get(feature, path[bias])
            goes_left = rows[:, feature] <= nodes["threshold"][at]
            children = start + nodes["left"][at], start + nodes["right"][at]
            both = sum(nodes["cover"][child] for child in children)
            for child, goes in zip(children, (goes_left, ~goes_left)):
                ratio = nodes["cover"][child] / both if both > 0 else 0.5
                todo.append((start, child, {**path, feature: (met & goes, share * ratio)}))
        else:
            o, z = (np.array(part, float).reshape(len(path), -1, 1) for part in zip(*path.values()))
            t, weights = np.polynomial.legendre.leggauss((len(path) + 1) // 2)  # exact for polynomials
            factors = z + (t + 1) / 2 * (o - z)  # by feature, row and point
            slopes = np.divide(o - z, factors, out=np.zeros_like(factors), where=factors > 0)
            p += nodes["probability"][at] * o[:, :, 0].all(axis=0)
            contributions[:, list(path)] += nodes["probability"][at] * (slopes * factors.prod(axis=0) @ weights / 2).T
            contributions[:, bias] += nodes["probability"][at] * z.prod()
    return p / len(starts), contributions / len(starts)

def score(path, model, rows):
    """Probabilities, and for every feature and the bias the contributions to what the model says uncalibrated."""
    if model["family"] == "forest":
        table = pyarrow.parquet.read_table(path)
        p, contributions = forest({name: table[name].to_numpy() for name in table.column_names}, rows)
    elif model["family"] == "logistic":
        fit = json.loads(path.read_text())
        shares = scaled(rows, fit["scaler"]) * np.array(fit["coefficients"])
        contributions = np.c_[shares, np.full(len(rows), fit["intercept"])]
        p = 1 / (1 + np.exp(-contributions.sum(axis=1)))
    else:
        booster, matrix = xgboost.Booster(model_file=path), xgboost.DMatrix(rows)
        p, contributions = (booster.predict(matrix, pred_contribs=of).astype(float) for of in (False, True))
    calibration = model.get("calibration", {"method": "none"})
    if calibration["method"] == "platt":  # of the log-odds, here turned over
        p = 1 / (1 + np.exp(calibration["b"] - calibration["a"] * np.log(1 / np.clip(p, 1e-4, 1 - 1e-4) - 1)))
    elif calibration["method"] == "isotonic":
        p = np.interp(p, calibration["x"], calibration["y"])
    return p, contributions

def main(bundle, rows, top=5):
    index, state, clusters = (json.loads((bundle / name).read_text())
                              for name in ("bundle.json", "preprocessor.json", "clusters.json"))
    x = impute(read(rows, index["features"]), read(bundle / "donors.parquet", index["features"]), state["imputer"])
    x = x[:, state["variance"]["kept"]]
    x = scaled(x, state["scaler"]) if state["scaler"] else x
    cluster = np.array([((np.array(clusters["centroids"]) - row) ** 2).sum(axis=1).argmin() for row in x], int)
    names, lines = np.array(state["feature_names_out"]), {}
    for name, model in index["models"].items():
        served = np.flatnonzero(np.array(index["model_of_cluster"])[cluster] == name)
        for row, p, shares in zip(served, *score(bundle / model["file"], model, x[served])) if len(served) else ():
            most = np.argsort(-abs(shares[:-1]), kind="stable")[:top]
            lines[row] = dict(row=int(row), cluster=int(cluster[row]), model=name, probability=p,
                              decision=index["labels"][int(p >= model["threshold"])], bias=shares[-1],
                              contributions=dict(zip(names[most].tolist(), shares[most].tolist())))
    print(*(json.dumps(lines[row]) for row in sorted(lines)), sep="\n")

main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))
