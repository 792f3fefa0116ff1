"""Makes the tables that both sides read, as .npy.

usage: tables.py synthetic OUT ROWS COLUMNS MISSING SEED     OUT.npy (f32), OUT.labels.npy (u8)
       tables.py wafers OUT FOLDER                           the labelled batch files of a folder: OUT.raw.npy with its gaps,
                                                             OUT.npy imputed and without constant columns, OUT.labels.npy;
                                                             prints their shapes
       tables.py split OUT LABELS SEED                       OUT (u8): a quarter of each class is 1
       tables.py difference TABLE OURS THEIRS                the greatest difference of filled values, in standard deviations
"""

import glob
import json
import os
import sys

import numpy as np

RECIPES = 3
RECIPE_SHIFT = 2.5
TELLING = 8


def synthetic(out, rows, columns, missing, seed):
    """Wafers of three recipes that differ in a third of the sensors; eight sensors tell the faulty ones, about 8%."""
    rows, columns = int(rows), int(columns)
    random = np.random.default_rng(int(seed))
    deviates = random.standard_normal((rows, columns), dtype=np.float32)
    odds = 0.9 * deviates[:, :: columns // TELLING][:, :TELLING].sum(axis=1) - 4.4
    labels = random.random(rows) < 1 / (1 + np.exp(-odds))
    shifts = np.where(np.arange(columns) % 3 == 1, random.choice([-RECIPE_SHIFT, 0, RECIPE_SHIFT], (RECIPES, columns)), 0)
    deviates += shifts.astype(np.float32)[random.integers(0, RECIPES, rows)]
    means = 10 ** random.uniform(0.5, 3.5, columns)
    table = means + means * random.uniform(0.01, 0.1, columns) * deviates
    if float(missing) > 0:
        table[random.random((rows, columns), dtype=np.float32) < float(missing)] = np.nan
    save(out + ".npy", table)
    np.save(out + ".labels.npy", labels.astype(np.uint8))


def save(path, table):
    """As f32, row by row: pandas' frames lie column by column."""
    np.save(path, np.ascontiguousarray(table, dtype="<f4"))


def wafers(out, folder):
    """Every file with a label column."""
    import pandas as pd
    from sklearn.impute import KNNImputer

    frames = []
    for path in sorted(glob.glob(os.path.join(folder, "*.csv"))):
        frame = pd.read_csv(path)
        if frame.shape[1] == 592:
            frames.append(frame.set_axis(range(592), axis="columns"))
    data = pd.concat(frames, ignore_index=True)
    features = data.iloc[:, 1:-1].to_numpy(dtype=np.float64)
    filled = KNNImputer(n_neighbors=3).fit_transform(features)
    save(out + ".raw.npy", features)
    varying = filled.std(axis=0) != 0
    save(out + ".npy", filled[:, varying])
    np.save(out + ".labels.npy", (data.iloc[:, -1].to_numpy() == 1).astype(np.uint8))
    shape = {"rows": len(features), "columns": features.shape[1], "columns_kept": int(varying.sum())}
    print(json.dumps({**shape, "missing": float(np.isnan(features).mean())}))


def split(out, labels, seed):
    from sklearn.model_selection import train_test_split

    labels = np.load(labels)
    _, test = train_test_split(np.arange(len(labels)), test_size=0.25, random_state=int(seed), stratify=labels)
    marks = np.zeros(len(labels), dtype=np.uint8)
    marks[test] = 1
    np.save(out, marks)


def difference(table, ours, theirs):
    table, ours, theirs = (np.load(path).astype(np.float64) for path in (table, ours, theirs))
    observed = ~np.isnan(table).all(axis=0)
    deviations = np.nanstd(table[:, observed], axis=0)
    deviations[deviations == 0] = 1
    print(np.abs((ours - theirs) / deviations).max())


if __name__ == "__main__":
    {"synthetic": synthetic, "wafers": wafers, "split": split, "difference": difference}[sys.argv[1]](*sys.argv[2:])
