"""Min–max scaling and SelectKBest by scikit-learn 1.9.1: `preprocess.py > preprocess.json`."""

import json

import numpy as np
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import MinMaxScaler

from golden import rows

x, y = rows(60, 5, 1)
# Twice the same, so that their statistics tie; and one that is constant, which has none.
x = np.column_stack([x, x[:, 1], np.full(len(y), 7.0)])
scaler = MinMaxScaler().fit(x)
z = scaler.transform(x)
found = {"center": scaler.data_min_.tolist(), "scale": scaler.scale_.tolist(), "selections": []}
for k in [1, 2, 3, 5, 6]:
    with np.errstate(invalid="ignore"):
        selector = SelectKBest(chi2, k=k).fit(z, y)
    kept = selector.get_support()
    model = LogisticRegression(C=1, solver="lbfgs", tol=1e-12, max_iter=100_000).fit(z[:, kept], y)
    weights = np.zeros(x.shape[1])
    weights[kept] = model.coef_[0]
    found["selections"].append({
        "k": k, "kept": kept.tolist(), "weights": weights.tolist(), "bias": model.intercept_[0],
        "chi2": [None if np.isnan(s) else s for s in selector.scores_],
    })
print(json.dumps(found, indent=1))
