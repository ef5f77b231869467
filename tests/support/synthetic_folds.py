"""A made-up run with a cross-validation of known numbers."""

from __future__ import annotations

import numpy as np

from synthetic_run import digits


def folded(kind: str = "stratified", **more):
    """A run with a cross-validation of known numbers: 1,527 rows in five folds."""
    run = digits(rates=3)
    held = [306, 306, 305, 305, 305]
    sizes = [{"train": 1527 - h - 183, "stopping": 183, "held_out": h} for h in held]
    if kind == "in time":
        sizes = [{"train": 210 * n, "stopping": 40 * n, "held_out": 250} for n in range(1, 6)]
    values = [0.06, 0.07, 0.08, 0.065, 0.075]
    found = {"mean": 0.07, "spread": float(np.std(values, ddof=1)), "values": values}
    run.record["cross_validation"] = {
        "folds": 5,
        "kind": kind,
        "metric": "log_loss",
        "scores": {"log_loss": found, "accuracy": {"mean": 0.97, "spread": 0.01, "values": [0.97] * 5}},
        "nested": None,
        "sizes": sizes,
        **more,
    }
    return run
