"""Writes the data that tests/domain/src/reference.rs reads, and what scikit-learn makes of them. Argument: the directory."""
import sys

import numpy as np
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score

directory = sys.argv[1]


def write(name, *columns):
    np.savetxt(f"{directory}/{name}.csv", np.column_stack(columns), delimiter=",", fmt="%.17g")


cancer, iris = load_breast_cancer(), load_iris()
write("breast_cancer", cancer.data, cancer.target)
write("iris", iris.data, iris.target)
# Isotonic regression of the outcome on one feature, at every row.
score = -cancer.data[:, 0]
write("isotonic", score, cancer.target, IsotonicRegression().fit(score, cancer.target).predict(score))
# The counts of a feature of both classes in the tenths of the second.
benign, malignant = cancer.data[cancer.target == 1, 0], cancer.data[cancer.target == 0, 0]
edges = np.concatenate([[-np.inf], np.quantile(benign, np.arange(0.1, 0.95, 0.1)), [np.inf]])
write("tenths", np.histogram(benign, edges)[0], np.histogram(malignant, edges)[0])
# Boosting: trained on the rows with an even number, tested on the others.
even = np.arange(len(cancer.target)) % 2 == 0
boosting = HistGradientBoostingClassifier(
    max_iter=100, max_depth=3, learning_rate=0.1, max_leaf_nodes=None, min_samples_leaf=20, early_stopping=False
).fit(cancer.data[even], cancer.target[even])
write("boosting", roc_auc_score(cancer.target[~even], boosting.decision_function(cancer.data[~even])))
