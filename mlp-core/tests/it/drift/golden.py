"""Statistics of drift by SciPy 1.17.1 and NumPy 2.4.6: `golden.py golden.json > new.json`.

Takes the samples from the file and computes everything that is expected of them again; values of
NannyML 0.13.1 and evidently 0.7.23 are kept as they are. What each value is stands under `calls`.
"""

import json
import math
import sys

import numpy as np
from scipy import stats
from scipy.spatial.distance import jensenshannon

CALLS = {
    "versions": {"numpy": "2.4.6", "scipy": "1.17.1", "nannyml": "0.13.1", "evidently": "0.7.23"},
    "bins": "numbers: unique(np.quantile(ref, 0, .1, ..., 1)) without the first and the last, "
            "np.searchsorted(inner, x, side='left'), a constant is its own edge; "
            "levels: the sorted union",
    "ks": "scipy.stats.ks_2samp(ref, cur, method='auto' | 'exact' | 'asymp')",
    "wasserstein1": "scipy.stats.wasserstein_distance(ref, cur), over np.std(ref, ddof=0)",
    "chi2": "scipy.stats.chi2_contingency([ref_counts, cur_counts] without empty columns, "
            "correction=False); yates: correction=True",
    "psi": "sum((q - p) * log(q / p)), shares at least eps, or (count + .5) / (n + .5 * bins)",
    "js": "scipy.spatial.distance.jensenshannon(p, q, base=2 | e)",
    "hellinger": "sqrt(1 - sum(sqrt(p * q)))",
    "kolmogorov": "n, d, scipy.stats.kstwo.sf(d, n)",
    "exact": "scipy.stats.ks_2samp(arange(n), a sample of m that is d away, method='exact')",
    "chi2_sf": "x, degrees, scipy.stats.chi2.sf(x, degrees)",
    "nannyml": "UnivariateDriftCalculator's methods. Kept: KS and Wasserstein of numbers, all of "
               "levels, where chi2 is with Yates' correction for two. Not ours: Jensen-Shannon and "
               "Hellinger of numbers, in bins by Doane's rule and one for what is left over",
    "evidently": "stattests. Kept: ks_p and wasserstein_norm of numbers, psi, base-e Jensen-Shannon "
                 "and Hellinger of levels. Not ours: those of numbers, in Sturges' bins of both "
                 "samples together; wasserstein_norm of a constant, over 0.001; chi2 as a test of "
                 "the reference's shares taken as known",
}


def binned(p, q, found):
    n, m = sum(p), sum(q)
    table = np.array([p, q])
    table = table[:, table.sum(axis=0) > 0]
    for name, yates in [("chi2", False), ("chi2_yates", True)]:
        if yates and table.shape[1] != 2:
            continue
        if table.shape[1] == 1:
            statistic, p_value, degrees = 0.0, 1.0, 0
        else:
            statistic, p_value, degrees, _ = stats.chi2_contingency(table, correction=yates)
        found[f"{name}_statistic"], found[f"{name}_p"] = statistic, p_value
        if not yates:
            found["chi2_dof"] = degrees
    a, b = np.array(p) / n, np.array(q) / m
    for eps in [1e-4, 1e-6]:
        x, y = np.maximum(a, eps), np.maximum(b, eps)
        found[f"psi_eps{eps}"] = np.sum((y - x) * np.log(y / x))
    x = (np.array(p) + 0.5) / (n + 0.5 * len(p))
    y = (np.array(q) + 0.5) / (m + 0.5 * len(q))
    found["psi_laplace0.5"] = np.sum((y - x) * np.log(y / x))
    found["js_distance_base2"] = jensenshannon(a, b, base=2)
    found["js_distance_basee"] = jensenshannon(a, b)
    found["hellinger"] = math.sqrt(max(0.0, 1 - np.sum(np.sqrt(a * b))))
    found["l_infinity"] = np.max(np.abs(a - b))
    found["tvd"] = np.sum(np.abs(a - b)) / 2


def statistics(case):
    ref, cur = case["ref"], case["cur"]
    found = {}
    if case["type"] == "numeric":
        for method in ["auto", "exact", "asymp"]:
            ks = stats.ks_2samp(ref, cur, method=method)
            found[f"ks_p_{method}"] = ks.pvalue
            if method == "auto":
                found["ks_statistic"] = ks.statistic
                found["ks_statistic_location"] = ks.statistic_location
        found["wasserstein1"] = stats.wasserstein_distance(ref, cur)
        spread = np.std(ref, ddof=0)
        found["wasserstein1_over_refstd_ddof0"] = found["wasserstein1"] / spread if spread else None
        inner = np.unique(np.quantile(ref, np.linspace(0, 1, 11)))
        inner = inner[1:-1] if len(inner) > 1 else inner
        case["inner_edges"] = inner.tolist()
        counts = [np.bincount(np.searchsorted(inner, x, side="left"), minlength=len(inner) + 1)
                  for x in (ref, cur)]
    else:
        case["categories"] = sorted(set(ref) | set(cur))
        counts = [[x.count(level) for level in case["categories"]] for x in (ref, cur)]
    case["ref_counts"], case["cur_counts"] = ([int(c) for c in side] for side in counts)
    binned(case["ref_counts"], case["cur_counts"], found)
    case["expected"] = {name: None if x is None else float(x) for name, x in found.items()}


def exact(n, m, share):
    """A sample of m whose greatest distance from 0..n-1 is about the share."""
    ref = np.arange(n, dtype=float)
    cur = np.floor(np.arange(m) * (n / m) * (1 - share)) + 0.5
    ks = stats.ks_2samp(ref, cur, method="exact")
    return {"n": n, "m": m, "statistic": float(ks.statistic), "p": float(ks.pvalue)}


def one_sample(n, z):
    """The p-value of two samples of 2 n each whose distance is about z / sqrt(n)."""
    d = round(z / math.sqrt(n) * 2 * n) / (2 * n)
    return [n, d, float(stats.kstwo.sf(d, n))]


golden = json.load(open(sys.argv[1]))
for case in golden["drift"]:
    statistics(case)
golden["calls"] = CALLS
golden["kolmogorov"] = [
    one_sample(n, z)
    for n in [1, 2, 3, 7, 20, 67, 100, 140, 141, 250, 399, 410, 500, 667, 1000, 5000, 33333, 500000]
    for z in [0.3, 0.5, 0.7, 0.85, 1.0, 1.2, 1.45, 1.5, 1.7, 1.95, 2.05, 2.5, 3.5, 6.0, 12.0]
    if z * z <= n
]
golden["exact"] = [
    exact(n, m, share)
    for n, m in [(3, 5), (10, 6), (50, 49), (300, 60), (1000, 50), (997, 1000), (2000, 1000),
                 (5000, 60), (4000, 4000), (10000, 500)]
    for share in [0.02, 0.06, 0.15, 0.5]
]
golden["chi2_sf"] = [
    [float(x), k, float(stats.chi2.sf(x, k))]
    for k in [1, 2, 3, 4, 9, 19, 60, 400]
    for x in [0.01, 0.5, 0.9, 1.5, k * 0.5, k, k + 1, 2 * k + 5, k + 40, k + 80, k + 300, k + 1000]
]
print(json.dumps(golden, separators=(",", ":")).replace("},{", "},\n{").replace("],[", "],\n["))
