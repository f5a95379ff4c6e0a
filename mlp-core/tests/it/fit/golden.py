"""Weights by scikit-learn 1.9.1: `golden.py > golden.json`.

The objective is the summed log loss + l2 / 2 * sum(w ** 2) with a free constant, which is
LogisticRegression(C=1 / l2) on standardised features.
"""

import json

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler


def noise(i):
    return ((i * 7919 + 104729) % 1009) / 1009


def rows(sessions, shown, limit):
    """mood, size, mood * size, size > mood; the label."""
    x, y = [], []
    for s in range(sessions):
        mood = 4 * noise(s) - 1
        sizes = [6 * noise(1000 + s * shown + i) for i in range(shown)]
        liking = [mood * size - 0.3 * size * size + 3 * noise(5000 + s * shown + i)
                  for i, size in enumerate(sizes)]
        best = max(range(shown), key=lambda i: (liking[i], -i))
        picked = best if liking[best] > limit else None
        for i, size in enumerate(sizes):
            x.append([mood, size, mood * size, float(size > mood)])
            y.append(i == picked)
    return np.array(x), np.array(y)


def main():
    found = {}
    for name, (sessions, shown, limit) in {
        "few picks": (60, 5, 1), "half picks": (60, 2, -100), "most picks": (80, 1, -1.5),
    }.items():
        x, y = rows(sessions, shown, limit)
        scaler = StandardScaler().fit(x)
        z = scaler.transform(x)
        cases = []
        for l2 in [0.1, 1.0, 10.0]:
            model = LogisticRegression(C=1 / l2, solver="lbfgs", tol=1e-12, max_iter=100_000).fit(z, y)
            cases.append({"l2": l2, "weights": model.coef_[0].tolist(), "bias": model.intercept_[0]})
        found[name] = {
            "sessions": sessions, "shown": shown, "limit": limit, "rows": len(y),
            "picks": int(y.sum()), "center": scaler.mean_.tolist(), "scale": scaler.scale_.tolist(),
            "fits": cases,
        }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
