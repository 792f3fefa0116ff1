"""scikit-learn's random forest: fit on one part of a table, predict the other.

usage: forest.py TABLE LABELS TEST PARAMS THREADS (PARAMS: the JSON that `faultline-bench forest` takes)
"""

import json
import sys

import numpy as np
from measured import Section, limit_threads
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score


def main(table, labels, test, params, threads):
    table, labels, test = np.load(table), np.load(labels), np.load(test).astype(bool)
    params = json.loads(params)
    params["random_state"] = params.pop("seed")
    params["class_weight"] = None if params["class_weight"] == "none" else params["class_weight"]
    limit_threads(int(threads))
    model = RandomForestClassifier(**params, n_jobs=int(threads) or -1)
    train, train_labels, rest = table[~test], labels[~test], table[test]
    section = Section()
    with section.measured():
        probabilities = model.fit(train, train_labels).predict_proba(rest)[:, 1]
    section.report(roc_auc=roc_auc_score(labels[test], probabilities))


if __name__ == "__main__":
    main(*sys.argv[1:])
