"""scikit-learn's KMeans for 1 to K_MAX clusters, as the elbow method does it.

usage: kmeans.py TABLE K_MAX RUNS SEED THREADS
"""

import sys

import numpy as np
from measured import Section, limit_threads
from sklearn.cluster import KMeans


def main(table, k_max, runs, seed, threads):
    table = np.load(table)
    limit_threads(int(threads))
    section = Section()
    with section.measured():
        inertia = [
            KMeans(n_clusters=k, init="k-means++", n_init=int(runs), random_state=int(seed)).fit(table).inertia_
            for k in range(1, int(k_max) + 1)
        ]
    section.report(inertia=[float(value) for value in inertia])


if __name__ == "__main__":
    main(*sys.argv[1:])
