"""Times scikit-learn's lbfgs: `learn.py DIRECTORY L2 TOL REPEATS`, JSON to standard output."""

import json
import pathlib
import sys
import time

import numpy as np
from sklearn.linear_model import LogisticRegression

place, l2, tol, repeats = sys.argv[1:]
x = np.load(pathlib.Path(place) / "features.npy")
y = np.load(pathlib.Path(place) / "labels.npy")
told = []
for _ in range(int(repeats)):
    model = LogisticRegression(C=1 / float(l2), solver="lbfgs", tol=float(tol), max_iter=10_000)
    begun = time.perf_counter()
    model.fit(x, y)
    seconds = time.perf_counter() - begun
    told.append({"seconds": seconds, "weights": [*model.coef_[0].tolist(), model.intercept_[0]]})
print(json.dumps(told))
