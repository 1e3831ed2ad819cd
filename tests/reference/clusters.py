"""Writes data of scikit-learn, and what it makes of them by k-means and DBSCAN. Argument: the directory."""
import sys

import numpy as np
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import load_breast_cancer, load_iris, load_wine, make_blobs
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score
from sklearn.preprocessing import StandardScaler

directory = sys.argv[1]
data = {"iris": load_iris().data, "wine": load_wine().data, "breast_cancer": load_breast_cancer().data}
# The example of DBSCAN in scikit-learn's manual.
blobs, _ = make_blobs(n_samples=750, centers=[[1, 1], [-1, -1], [1, -1]], cluster_std=0.4, random_state=0)
data["blobs"] = StandardScaler().fit_transform(blobs)
for name, rows in data.items():
    np.savetxt(f"{directory}/clusters_{name}.csv", rows, delimiter=",", fmt="%.17g")

with open(f"{directory}/clusters_kmeans.csv", "w") as file:
    for name, standardised, ks in [
        ("iris", False, (2, 3, 4, 5)),
        ("iris", True, (2, 3)),
        ("wine", False, (3,)),
        ("wine", True, (3,)),
        ("breast_cancer", False, (2,)),
        ("breast_cancer", True, (2,)),
    ]:
        rows = StandardScaler().fit_transform(data[name]) if standardised else data[name]
        for k in ks:
            fit = KMeans(k, n_init=50, tol=0, random_state=0).fit(rows)
            figures = [
                fit.inertia_,
                silhouette_score(rows, fit.labels_),
                davies_bouldin_score(rows, fit.labels_),
                calinski_harabasz_score(rows, fit.labels_),
            ]
            sizes = "{" + ",".join(map(str, sorted(np.bincount(fit.labels_), reverse=True))) + "}"
            print(name, standardised, k, *map(repr, map(float, figures)), sizes, sep=";", file=file)

with open(f"{directory}/clusters_dbscan.csv", "w") as file:
    for name, radius, neighbours in [("iris", 0.5, 5), ("iris", 0.4, 4), ("blobs", 0.3, 10)]:
        labels = DBSCAN(eps=radius, min_samples=neighbours).fit(data[name]).labels_
        sizes = "{" + ",".join(map(str, sorted(np.bincount(labels[labels >= 0]), reverse=True))) + "}"
        print(name, radius, neighbours, sizes, int((labels < 0).sum()), sep=";", file=file)
