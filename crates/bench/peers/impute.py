"""scikit-learn's KNNImputer: a table's missing values from its own rows.

usage: impute.py TABLE OUT NEIGHBORS DTYPE THREADS
"""

import sys

import numpy as np
from measured import Section, limit_threads
from sklearn.impute import KNNImputer


def main(table, out, neighbors, dtype, threads):
    table = np.load(table).astype(dtype)
    limit_threads(int(threads))
    section = Section()
    with section.measured():
        filled = KNNImputer(n_neighbors=int(neighbors), weights="uniform").fit_transform(table)
    np.save(out, filled.astype("<f4"))
    section.report(n_samples=filled.shape[0], n_features=filled.shape[1])


if __name__ == "__main__":
    main(*sys.argv[1:])
