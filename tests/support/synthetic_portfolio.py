"""A made-up run of a portfolio with known numbers: four networks, two folds, an average of two settings."""

from __future__ import annotations

from typing import Any

import polars as pl

from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.runs.records import TrainRecord, learned
from synthetic_run import SyntheticRun, as_read, digits, prices

EPOCHS = 30
SETTINGS: list[tuple[str, tuple[int, ...], float, float, str, tuple[float, float]]] = [
    ("standard", (256, 256), 0.01, 0.0, "finished", (0.10, 0.12)),
    ("piecewise", (128, 128), 0.01, 0.0, "finished", (0.12, 0.122)),
    ("standard", (256, 256), 0.02, 0.3, "finished", (0.20, 0.24)),
    ("piecewise", (128, 128), 0.02, 0.3, "finished", (0.32, 0.36)),
    ("robust", (64,), 0.01, 0.1, "finished", (0.3, 0.3)),
    ("robust", (), 0.01, 0.0, "diverged", (0.0, 0.0)),
]
"""Encoding, hidden units, rate, dropout, end, loss in each fold."""

WEIGHTS = {0: 0.625, 1: 0.375}
WINNER, AVERAGE = 0.11, 0.099
"""Losses on all held-out rows."""


def portfolio(
    regression: bool = False,
    folds: bool = True,
    tested: bool = True,
    weights: dict[int, float] = WEIGHTS,
    distilled: float | None = None,
) -> SyntheticRun[TrainRecord]:
    """The run, with folds or a validation part, with a test part or without one.

    `distilled` is the test loss of one network that is kept in place of the average, where there is one.
    """
    run, factor = (prices(), 1e5) if regression else (digits(), 1.0)
    record = run.record
    first = {"optimizer": "adamw", "loss": "mse" if regression else "cross_entropy"}
    rows = [_row(number, first["loss"], factor, record.data.task) for number in range(len(SETTINGS))]
    run.leaderboard = pl.DataFrame(rows, infer_schema_length=None)
    run.history = _history(factor)
    run.tables = {"folds": _folds(record.metric, factor)} if folds else {}
    record.plan, record.n_members = "portfolio", len(SETTINGS)
    record.counts = {"finished": 5, "stopped": 0, "left": 0, "diverged": 1}
    record.winner.member, record.winner.best_epoch = 0, EPOCHS
    record.winner.hyperparameters = _member(0, first["loss"]).describe()
    record.ensemble = [learned.Share(member=each, weight=weight) for each, weight in weights.items()]
    record.validation = _scores(record, WINNER * factor)
    record.finalists = _finalists(record, factor, 2 if folds else 1, kept=len(weights) > 1)
    if distilled is not None:
        _distil(record, distilled * factor, None if folds else _scores(record, AVERAGE * factor))
    if folds:
        record.data.split.train += record.data.split.validation
        record.data.split.validation = 0
        record.cross_validation = _crossed(record, factor)
    if not tested:
        record.test = record.baseline = record.linear = record.ledger = None
        record.data.split.test = 0
        for each in record.finalists:
            each.test = each.microseconds = None
    run.record = as_read(record)
    return run


def _member(number: int, loss: str) -> Member:
    encoding, hidden, rate, dropout, *_ = SETTINGS[number]
    return Member(
        RULES["adamw"],
        rate,
        encoding=encoding,
        hidden=hidden,
        activation="silu",
        dropout=dropout,
        loss=loss,
        epochs=EPOCHS,
        schedule="one_cycle",
    )


def _row(number: int, loss: str, factor: float, task: str) -> dict[str, Any]:
    *_, status, values = SETTINGS[number]
    mean = factor * sum(values) / 2
    known = status == "finished"
    others = ("mae", "r2") if task == "regression" else ("accuracy", "balanced_accuracy")
    described = _member(number, loss).describe()
    return {
        "rank": number + 1,
        "member": number,
        **described,
        "hidden": "-".join(map(str, described["hidden"])) or "none",
        "n_parameters": 1000,
        "best_epoch": None if status == "diverged" else EPOCHS,
        "epochs_run": {"finished": EPOCHS, "diverged": 3}[status],
        "validation_loss": mean if known else None,
        **{f"validation_{name}": 0.9 - number / 100 if known else None for name in others},
        "training_loss": mean / 2 if known else None,
        "status": status,
        "diverged_epoch": 3 if status == "diverged" else None,
    }


def _folds(metric: str, factor: float) -> pl.DataFrame:
    rows = [
        {
            "member": member,
            "fold": fold,
            metric: factor * values[fold] if status == "finished" else None,
            "status": status,
        }
        for member, (*_, status, values) in enumerate(SETTINGS)
        for fold in range(2)
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def _history(factor: float) -> pl.DataFrame:
    """Losses that fall to the scores of the first fold; the winner's were lower at epoch 20."""
    rows = []
    for member, (*_, status, values) in enumerate(SETTINGS):
        last = {"finished": EPOCHS, "diverged": 3}[status]
        for epoch in range(1, last + 1):
            loss = factor * (values[0] + 1 - epoch / last)
            if (member, epoch) == (0, 20):
                loss = factor * 0.05
            rows.append((member, epoch, loss / 2, loss))
    columns = ["member", "epoch", "training_loss", "validation_loss"]
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        training_accuracy=pl.lit(0.9), validation_accuracy=pl.lit(0.8), training_r2=0.9, validation_r2=0.8
    )


def _scores(record: TrainRecord, loss: float) -> dict[str, float]:
    others = (
        {"mae": 1.0, "r2": 0.9} if record.metric == "mse" else {"accuracy": 0.9, "balanced_accuracy": 0.9}
    )
    return {record.metric: loss, **others}


def _finalists(record: TrainRecord, factor: float, folds: int, kept: bool) -> list[learned.Finalist]:
    members = len(record.ensemble or [])
    parts = {"winner": (WINNER, 0.2, 1), "ensemble": (AVERAGE, 0.15, members)}
    return [
        learned.Finalist(
            name=name,
            headline=(name == "ensemble") == kept,
            networks=count * folds,
            validation=_scores(record, judged * factor),
            test=_scores(record, test * factor),
            parameters=250_000 * count * folds,
            microseconds=12.0 * count,
        )
        for name, (judged, test, count) in parts.items()
    ]


def _distil(record: TrainRecord, loss: float, judged: dict[str, float] | None) -> None:
    """Keep one network of 60,000 parameters that learnt from the average's answers."""
    for each in record.finalists:
        each.headline = False
    record.distilled = learned.Distilled(teacher="ensemble", member=0, epochs=4 * EPOCHS, share=0.5)
    small = {"parameters": 60_000, "microseconds": 3.0}
    found = learned.Finalist(
        name="distilled", headline=True, validation=judged, test=_scores(record, loss), **small
    )
    record.finalists.append(found)


def _crossed(record: TrainRecord, factor: float) -> learned.CrossValidation:
    values = [factor * value for value in SETTINGS[0][-1]]
    held = record.data.split.train // 2
    size = learned.FoldSizes(train=record.data.split.train - held, stopping=0, held_out=held)
    return learned.CrossValidation(
        folds=2,
        kind="plain",
        metric=record.metric,
        scores={record.metric: learned.FoldScores(mean=sum(values) / 2, spread=0.014, values=values)},
        best_epochs=[EPOCHS, EPOCHS],
        median_best_epochs=EPOCHS,
        sizes=[size, size],
    )
