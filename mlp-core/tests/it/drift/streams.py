"""Where river 0.26.1 sees drift in seeded streams: `streams.py > streams.json`.

`river.drift.ADWIN(**options)` and `river.drift.PageHinkley(**options)` are fed the values of a
stream one by one; `drifts` are the indices at which `drift_detected` is true, `checkpoints` of ADWIN
are [index, width, estimation] after every 97th value and after each drift.
"""

import json

import numpy as np
from river import drift

rng = np.random.default_rng(20260101)
n = 2000
STREAMS = {
    "none": rng.normal(0, 1, n),
    "step": np.concatenate([rng.normal(0, 1, 1000), rng.normal(1, 1, 1000)]),
    "gradual": rng.normal(0, 1, n) + np.clip((np.arange(n) - 600) / 800, 0, 1) * 3,
    "back_and_forth": rng.normal(0, 0.5, n) + 4 * (np.arange(n) // 400 % 2),
    "heavy_tail": np.concatenate([rng.standard_t(1.5, 1000), rng.standard_t(1.5, 1000) + 4]),
    "offset": np.concatenate([rng.normal(1e6, 1, 1000), rng.normal(1e6 - 2, 1, 1000)]),
    "constant": np.full(400, 0.1),
    "bernoulli": (rng.random(n) < np.where(np.arange(n) < 1200, 0.1, 0.3)).astype(float),
    "bernoulli_none": (rng.random(n) < 0.2).astype(float),
}
ADWIN = [{}, {"delta": 0.2, "clock": 1}, {"clock": 7, "max_buckets": 2, "min_window_length": 20,
                                           "grace_period": 100}]
PAGE_HINKLEY = [{}, {"mode": "up", "threshold": 10.0}, {"mode": "down", "threshold": 10.0},
                {"min_instances": 100, "delta": 0.05, "threshold": 5.0, "alpha": 0.99}]

told = []
for name, values in STREAMS.items():
    values = [round(float(x), 4) for x in values]
    case = {"name": name, "values": values, "adwin": [], "page_hinkley": []}
    for options in ADWIN:
        detector, drifts, checkpoints = drift.ADWIN(**options), [], []
        for i, x in enumerate(values):
            detector.update(x)
            if detector.drift_detected:
                drifts.append(i)
            if detector.drift_detected or i % 97 == 96:
                checkpoints.append([i, int(detector.width), detector.estimation])
        case["adwin"].append({"options": options, "drifts": drifts, "checkpoints": checkpoints})
    for options in PAGE_HINKLEY:
        detector, drifts = drift.PageHinkley(**options), []
        for i, x in enumerate(values):
            detector.update(x)
            if detector.drift_detected:
                drifts.append(i)
        case["page_hinkley"].append({"options": options, "drifts": drifts})
    told.append(case)
print(json.dumps(told, separators=(",", ":")).replace("},{", "},\n{"))
