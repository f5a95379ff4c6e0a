"""Conditional logits by statsmodels 0.15.0 and scipy: `golden.py > golden.json`.

Coefficients and log-likelihoods without a penalty are statsmodels' ConditionalLogit, whose groups
with one success each are choice situations; the outside option is a row of zeros, a weight a group
that is there so many times. With a penalty they are scipy.optimize.minimize on
-log-likelihood + l2 / 2 * sum(b ** 2). Standard errors come from the Hessian at that place, which is
written out here pair by pair, as p_i * (1[i = j] - p_j).
"""

import json

import numpy as np
import scipy.optimize
from statsmodels.discrete.conditional_models import ConditionalLogit


def noise(i):
    return ((i * 7919 + 104729) % 1009) / 1009


def situations(n):
    """features of up to 4 alternatives, which are available, the chosen one, the weight."""
    found = []
    for s in range(n):
        k = 2 + s % 3
        x = [[3 * noise(s * 4 + i) - 1, noise(2000 + s * 4 + i), float(i == 0)] for i in range(k)]
        available = [i == s % k or noise(7000 + s * 4 + i) > 0.2 for i in range(k)]
        liking = [x[i][0] - 2 * x[i][1] + 0.3 * x[i][2] + 4 * noise(4000 + 5 * (s * 4 + i)) ** 2
                  if available[i] else -np.inf for i in range(k)]
        best = int(np.argmax(liking))
        found.append((x, available, best, liking[best], 1 + s % 3))
    return found


def design(n, outside, constant):
    """One list of (rows, chosen row) per situation, unavailable alternatives left out."""
    out = []
    for x, available, best, liking, weight in situations(n):
        rows = [r + ([1.0] if constant else []) for r, a in zip(x, available) if a]
        chosen = sum(available[:best])
        if outside:
            rows.append([0.0] * len(rows[0]))
            if liking < 1.5:
                chosen = len(rows) - 1
        out.append((np.array(rows), chosen, weight))
    return out


def log_likelihood(beta, data):
    return sum(w * (u[c] - np.logaddexp.reduce(u)) for x, c, w in data for u in [x @ beta])


def gradient(beta, data):
    g = np.zeros(len(beta))
    for x, c, w in data:
        u = x @ beta
        g += w * (x[c] - np.exp(u - np.logaddexp.reduce(u)) @ x)
    return g


def hessian(beta, data):
    h = np.zeros((len(beta), len(beta)))
    for x, c, w in data:
        u = x @ beta
        p = np.exp(u - np.logaddexp.reduce(u))
        for i in range(len(x)):
            for j in range(len(x)):
                h -= w * p[i] * (float(i == j) - p[j]) * np.outer(x[i], x[j])
    return h


cases = []
for outside, constant, weighted, l2 in [
    (False, False, False, 0), (False, False, True, 0), (True, False, False, 0), (True, True, False, 0),
    (True, True, True, 0), (True, True, False, 2.5), (False, False, True, 10),
]:
    data = [(x, c, w if weighted else 1) for x, c, w in design(120, outside, constant)]
    p = data[0][0].shape[1]
    if l2 == 0:
        y, x, groups, number = [], [], [], 0
        for rows, chosen, weight in data:
            for _ in range(weight):
                # A group with one alternative says nothing, and statsmodels warns of it.
                y += [int(i == chosen) for i in range(len(rows))]
                x += rows.tolist()
                groups += [number] * len(rows)
                number += 1
        fit = ConditionalLogit(np.array(y), np.array(x), groups=np.array(groups)).fit(
            disp=False, method="newton", tol=1e-14, gtol=1e-12)
        beta = fit.params
    else:
        beta = np.zeros(p)
    # A last polish: both leave 1e-8 or so.
    penalty = np.full(p, float(l2))
    for _ in range(50):
        beta = beta - np.linalg.solve(hessian(beta, data) - np.diag(penalty),
                                      gradient(beta, data) - penalty * beta)
    if l2 == 0:
        assert np.allclose(beta, fit.params, rtol=1e-6, atol=1e-7), (beta, fit.params)
        assert np.isclose(log_likelihood(beta, data), fit.llf, rtol=1e-9)
    else:
        free = scipy.optimize.minimize(
            lambda b: -log_likelihood(b, data) + l2 / 2 * b @ b, np.zeros(p),
            jac=lambda b: -gradient(b, data) + l2 * b, method="BFGS", options={"gtol": 1e-9})
        assert np.allclose(beta, free.x, rtol=1e-6, atol=1e-7), (beta, free.x)
    covariance = np.linalg.inv(np.diag(penalty) - hessian(beta, data))
    cases.append({
        "outside": outside, "constant": constant, "weighted": weighted, "l2": l2,
        "coefficients": beta.tolist(), "standard_errors": np.sqrt(np.diag(covariance)).tolist(),
        "log_likelihood": log_likelihood(beta, data),
        "null_log_likelihood": log_likelihood(np.zeros(p), data),
    })
print(json.dumps(cases, indent=1))
