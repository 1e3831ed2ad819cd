"""What the learners are compared with. Arguments: what, the directory of the data, and how many rows to write, or how to read.

data    writes points, to be clustered, and rows to train and to test boosting on
kmeans, boosting
        print what scikit-learn found and the milliseconds of its fit
labels  reads the table point with psycopg, as text or binary, fits, and copies the labels back; prints the inertia and the
        milliseconds
"""
import sys
import time

import numpy as np

what, directory = sys.argv[1:3]
K, CLUSTERED, FEATURES = 8, 10, 15


def load(name, width):
    return np.fromfile(f"{directory}/{name}.bin").reshape(-1, width)


def write_data(count):
    """Numbers as customers have them: correlated, skewed, some missing."""
    random = np.random.default_rng(7)
    spend = random.gamma(1.5, 1.0, count)
    counts = [random.poisson(spend * rate) for rate in (1, 2, 4, 8)]
    amounts = [np.exp(random.normal(0, 0.7, count)) * (count_ + 0.1) for count_ in counts[:3]]
    habits = [random.gamma(2, 1, count) * (1 + spend) for _ in range(3)]
    points = np.log1p(np.column_stack(counts + amounts + habits))
    points = (points - points.mean(axis=0)) / points.std(axis=0)
    points.tofile(f"{directory}/points.bin")
    np.savetxt(f"{directory}/points.csv", np.column_stack([np.arange(count), points]), delimiter=",",
               fmt=["%d"] + ["%.17g"] * CLUSTERED)
    for name in ("train", "test"):
        rows = random.normal(size=(count, FEATURES))
        rows[:, :5] = np.exp(rows[:, :5])
        score = np.log(rows[:, 0]) * rows[:, 5] + np.abs(rows[:, 6]) - (rows[:, 1] > 2) * rows[:, 7] - 3
        target = random.random(count) < 1 / (1 + np.exp(-score))
        rows[random.random(rows.shape) < 0.02] = np.nan
        np.column_stack([rows, target]).tofile(f"{directory}/{name}.bin")


def clusters(points):
    from sklearn.cluster import KMeans

    return KMeans(K, init=points[:K], n_init=1, max_iter=300, tol=1e-4, algorithm="lloyd").fit(points)


def kmeans():
    points = load("points", CLUSTERED)
    began = time.perf_counter()
    found = clusters(points)
    return found.inertia_, time.perf_counter() - began


def boosting():
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    train, test = load("train", FEATURES + 1), load("test", FEATURES + 1)
    learner = HistGradientBoostingClassifier(
        max_iter=100, max_depth=3, learning_rate=0.1, max_leaf_nodes=None, min_samples_leaf=20, l2_regularization=1.0, max_bins=255,
        early_stopping=False)
    began = time.perf_counter()
    learner.fit(train[:, :-1], train[:, -1])
    took = time.perf_counter() - began
    return roc_auc_score(test[:, -1], learner.decision_function(test[:, :-1])), took


def labels():
    import psycopg

    with psycopg.connect(autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS labels")
        began = time.perf_counter()
        with connection.transaction():
            rows = np.array(connection.cursor(binary=sys.argv[3] == "binary").execute("SELECT * FROM point").fetchall())
            found = clusters(rows[:, 1:])
            connection.execute("CREATE TABLE labels (id integer, cluster integer)")
            lines = [f"{id:.0f}\t{label}\n" for id, label in zip(rows[:, 0], found.labels_)]
            with connection.cursor().copy("COPY labels FROM STDIN") as copy:
                copy.write("".join(lines))
        return found.inertia_, time.perf_counter() - began


if what == "data":
    write_data(int(sys.argv[3]))
else:
    work = {"kmeans": kmeans, "boosting": boosting, "labels": labels}[what]
    # The first time imports modules and warms caches up, and is not counted.
    work()
    found, seconds = work()
    print(repr(float(found)), seconds * 1000)
