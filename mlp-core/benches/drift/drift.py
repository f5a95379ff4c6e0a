"""Times SciPy's statistics: `drift.py DIRECTORY REPEATS ROWS COLUMNS`, JSON to standard output."""

import json
import pathlib
import sys
import time

import numpy as np
from scipy import stats
from scipy.spatial.distance import jensenshannon

place, repeats, rows, columns = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:])
reference, current = (np.fromfile(place / f"{side}.f64") for side in ("reference", "current"))


def timed(work):
    told = []
    for _ in range(repeats):
        begun = time.perf_counter()
        value = work()
        told.append(time.perf_counter() - begun)
    return {"seconds": told, "value": float(value)}


def five():
    """KS, chi2, PSI, Jensen-Shannon and Wasserstein of every column; the sum of the statistics."""
    total = 0.0
    for j in range(columns):
        a, b = (side[j * rows:(j + 1) * rows] for side in (reference, current))
        total += stats.ks_2samp(a, b).statistic
        inner = np.unique(np.quantile(a, np.linspace(0, 1, 11)))[1:-1]
        n, m = (np.bincount(np.searchsorted(inner, x, side="left"), minlength=len(inner) + 1)
                for x in (a, b))
        total += stats.chi2_contingency([n, m], correction=False)[0]
        p, q = (np.maximum(c / rows, 1e-4) for c in (n, m))
        total += np.sum((q - p) * np.log(q / p))
        total += jensenshannon(n / rows, m / rows, base=2)
        total += stats.wasserstein_distance(a, b)
    return total


print(json.dumps({
    "ks": timed(lambda: stats.ks_2samp(reference, current, method="asymp").pvalue),
    "five": timed(five),
}))
