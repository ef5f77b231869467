"""A made-up run with a cross-validation of known numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from couloir.runs.records import TrainRecord
from couloir.runs.records.learned import CrossValidation, Finalist, FoldScores, FoldSizes
from synthetic_run import SyntheticRun, as_read, digits


def folded(kind: str = "stratified", **more: Any) -> SyntheticRun[TrainRecord]:
    """A run with a cross-validation of known numbers: 1,527 rows in five folds."""
    run = digits(rates=3)
    held = [306, 306, 305, 305, 305]
    sizes = [FoldSizes(train=1527 - h - 183, stopping=183, held_out=h) for h in held]
    if kind == "in time":
        sizes = [FoldSizes(train=210 * n, stopping=40 * n, held_out=250) for n in range(1, 6)]
    values = [0.06, 0.07, 0.08, 0.065, 0.075]
    found = FoldScores(mean=0.07, spread=float(np.std(values, ddof=1)), values=values)
    run.record.data.split.train, run.record.data.split.validation = 1527, 0
    run.record.winner.refit_epochs = 21
    test, validation = run.record.test.scores, run.record.validation
    run.record.finalists = [
        Finalist(name="winner", headline=False, networks=5, validation=validation, test=test),
        Finalist(name="refitted", headline=True, test=test),
    ]
    usual = {"best_epochs": [20, 21, 21, 22, 30], "median_best_epochs": 21, "sizes": sizes}
    run.record.cross_validation = CrossValidation(
        folds=5,
        kind=kind,
        metric="log_loss",
        scores={"log_loss": found, "accuracy": FoldScores(mean=0.97, spread=0.01, values=[0.97] * 5)},
        **{**usual, **more},
    )
    run.record = as_read(run.record)
    return run
