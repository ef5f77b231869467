"""Made-up runs with known numbers, for the tests of figures and report: nothing is trained here."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any, Generic

import numpy as np
import polars as pl

from couloir.engine.member import Member
from couloir.engine.metrics import DEFAULT_METRIC, metrics_of
from couloir.engine.optimizers import RULES
from couloir.runs.records import TrainRecord, learned, record_of, text_of
from couloir.runs.records.common import Data, Sizes
from couloir.runs.stored import R

RATES = {
    "sgd": 0.1,
    "momentum": 0.03,
    "nesterov": 0.03,
    "adagrad": 0.03,
    "adadelta": 1.0,
    "rmsprop": 0.001,
    "adam": 0.003,
    "adamw": 0.003,
}
# How good each rule can be here, as a factor on the lowest loss: adam wins.
FLOORS = dict(zip(RATES, (1.9, 1.35, 1.25, 1.6, 2.3, 1.12, 1.0, 1.05), strict=True))
EPOCHS, PATIENCE = 40, 10
LOSSES = {"classification": "cross_entropy", "regression": "mse"}


@dataclass
class SyntheticRun(Generic[R]):
    """The shape of `couloir.runs.stored.StoredRun`."""

    record: R
    history: pl.DataFrame
    leaderboard: pl.DataFrame
    predictions: pl.DataFrame = field(default_factory=pl.DataFrame)
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)


def described(rule: str, learning_rate: float, task: str, epochs: int = EPOCHS) -> dict[str, Any]:
    """The hyperparameters of a member."""
    return Member(RULES[rule], learning_rate, loss=LOSSES[task], epochs=epochs).describe()


def _curve(generator: np.random.Generator, off: float, floor: float, start: float) -> tuple[list, list]:
    """Training and validation loss by epoch; `off` is the distance from the best rate, in factors of ten."""
    speed = 0.35 * 10 ** (-abs(off))
    epochs = np.arange(1, EPOCHS + 1)
    training = start * np.exp(-speed * epochs) + floor * (0.2 + 0.5 * abs(off))
    validation = training + floor * 0.8 + 0.0012 * start * speed * epochs
    wiggle = 1 + 0.03 * generator.standard_normal(EPOCHS)
    return list(training), list(validation * wiggle)


def _tables(task: str, scale: float, rates: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    generator = np.random.default_rng(0)
    history, rows, member = [], [], 0
    extra = metrics_of(task)[1:]
    for rule, customary in RATES.items():
        for place in range(rates):
            off = (place - rates // 2) * 0.5
            floor = scale * 0.06 * FLOORS[rule]
            training, validation = _curve(generator, off, floor, scale * 2.2)
            diverged = off >= 1.5 and rule in ("sgd", "momentum", "nesterov")
            length = 4 if diverged else EPOCHS
            best = int(np.argmin(validation)) + 1
            if not diverged and best + PATIENCE < EPOCHS:
                length = best + PATIENCE
            for epoch in range(1, length + 1):
                losses = training[epoch - 1], validation[epoch - 1]
                if diverged:
                    losses = tuple(scale * 10.0**epoch for _ in losses) if epoch < 4 else (math.nan, math.nan)
                scores = [
                    value
                    for name in extra
                    for value in (
                        list(losses)
                        if name == "mae"
                        else [max(0.0, 1 - 0.4 * loss / scale) for loss in losses]
                    )
                ]
                history.append((member, epoch, *losses, *scores))
            rows.append(
                {
                    "member": member,
                    **described(rule, float(f"{customary * 10**off:.2g}"), task),
                    "hidden": "64",
                    "n_parameters": 4810,
                    "best_epoch": None if diverged else best,
                    "epochs_run": length,
                    "validation_loss": None if diverged else validation[best - 1],
                    **{
                        f"validation_{name}": None
                        if diverged
                        else (
                            validation[best - 1]
                            if name == "mae"
                            else max(0.0, 1 - 0.4 * validation[best - 1] / scale)
                        )
                        for name in extra
                    },
                    "training_loss": None if diverged else training[best - 1],
                    "status": "diverged" if diverged else ("stopped" if length < EPOCHS else "finished"),
                    "diverged_epoch": 4 if diverged else None,
                }
            )
            member += 1
    columns = ["member", "epoch", "training_loss", "validation_loss"]
    columns += [f"{part}_{name}" for name in extra for part in ("training", "validation")]
    board = pl.DataFrame(rows, infer_schema_length=None)
    board = board.sort("validation_loss", nulls_last=True).with_row_index("rank", offset=1)
    return pl.DataFrame(history, schema=columns, orient="row"), board


def as_read(record: R) -> R:
    """A record as it is read back; the reader refuses what no record holds."""
    return record_of(json.loads(text_of(record)))


def recorded(kind: type[R], data: Data, winner: learned.Winner, **parts: Any) -> R:
    """A record of a kind, with what every kind has filled in."""
    test, metric = parts["test"], DEFAULT_METRIC[data.task]
    kept = learned.Finalist(name="winner", headline=True, validation=parts["validation"], test=test.scores)
    usual = {
        "command": f"couloir train {data.name} --seed 0",
        "created": "2026-11-23T07:10:00+00:00",
        "versions": {"python": "3.11.7", "couloir": "0.1.0", "jax": "0.10.2", "numpy": "2.4.6"},
        "device": "cpu",
        "seed": 0,
        "metric": metric,
        "fractions": (0.7, 0.15, 0.15),
        "n_cohorts": 1,
        "training": parts["validation"],
        "mistakes": [],
        "finalists": [kept],
        "ledger": learned.Ledger(times_scored=1),
        "throughput": learned.Throughput(member_samples_per_second=1_234_567),
        "seconds": {"import": 0.6, "load": 0.1, "compile": 1.9, "train": 6.4, "report": 0.8, "total": 9.8},
    }
    return as_read(kind(data=data, winner=winner, **{**usual, **parts}))


def _record(data: Data, board: pl.DataFrame, **parts: Any) -> TrainRecord:
    best, counts = board.row(0, named=True), dict(board["status"].value_counts().rows())
    loss, *others = metrics_of(data.task)
    return recorded(
        TrainRecord,
        data,
        learned.Winner(
            member=best["member"],
            hyperparameters=described(best["optimizer"], best["learning_rate"], data.task),
            n_parameters=best["n_parameters"],
            best_epoch=best["best_epoch"],
        ),
        n_members=len(board),
        counts={key: counts.get(key, 0) for key in ("finished", "stopped", "left", "diverged")},
        validation={loss: best["validation_loss"], **{m: best[f"validation_{m}"] for m in others}},
        training={loss: best["training_loss"]},
        **parts,
    )


def digits_data(images: bool = True, test: int = 270) -> Data:
    """Ten classes of small images."""
    return Data(
        name="digits",
        rows=1797,
        columns=64,
        column_kinds={"pixel": 64},
        task="classification",
        target="digit",
        classes=list(range(10)),
        class_counts=[178 + k % 4 for k in range(10)],
        missing=0,
        fingerprint="4f1c0d8a9b7e6d5c4b3a2918f7e6d5c4",
        image_shape=(8, 8) if images else None,
        split=Sizes(train=1257, validation=269, test=test),
    )


def prices_data() -> Data:
    """A regression on columns of several kinds, with a warning."""
    return Data(
        name="diamonds",
        rows=53_940,
        columns=9,
        column_kinds={"numeric": 6, "categorical": 3},
        task="regression",
        target="price",
        target_minimum=326.0,
        target_mean=3932.8,
        target_maximum=18823.0,
        missing=17,
        fingerprint="0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        split=Sizes(train=37_758, validation=8091, test=8091),
        warnings=["Column 'id' differs in every row and looks like an identifier: drop it with --drop id."],
    )


def digits(images: bool = True, rates: int = 8) -> SyntheticRun[TrainRecord]:
    """Ten classes of small images, with mistakes as pictures."""
    history, board = _tables("classification", 1.0, rates)
    generator = np.random.default_rng(1)
    matrix = np.diag([26, 27, 26, 28, 27, 26, 27, 27, 24, 25])
    matrix[8, 1], matrix[3, 9], matrix[9, 5], matrix[4, 7] = 3, 2, 1, 1
    mistakes = [
        learned.Mistake(
            row=40 + 7 * n,
            true=n % 10,
            predicted=(n + 3) % 10,
            probability=0.01 * (n + 1),
            pixels=generator.integers(0, 17, (8, 8)).tolist(),
        )
        for n in range(12)
    ]
    right = float(np.trace(matrix) / matrix.sum())
    record = _record(
        digits_data(images, int(matrix.sum())),
        board,
        test=learned.Test(
            scores={"accuracy": right, "log_loss": 0.0912, "balanced_accuracy": 0.9731},
            intervals={
                "accuracy": (0.948, 0.988),
                "log_loss": (0.052, 0.139),
                "balanced_accuracy": (0.947, 0.989),
            },
            confusion=matrix.tolist(),
        ),
        baseline=learned.Rival(
            name="majority class", test={"accuracy": 0.1037, "log_loss": 2.3031, "balanced_accuracy": 0.1}
        ),
        linear=learned.Rival(
            name="logistic regression",
            test={"accuracy": 0.9519, "log_loss": 0.1874, "balanced_accuracy": 0.952},
        ),
        mistakes=mistakes,
    )
    predictions = pl.DataFrame(
        {"row": [40, 47], "true": [0, 1], "predicted": [3, 4], "probability_of_true": [0.01, 0.02]}
    )
    return SyntheticRun(record, history, board, predictions)


def prices(rows: int = 600, rates: int = 8) -> SyntheticRun[TrainRecord]:
    """A regression on columns of several kinds, with warnings, importance, and mistakes as a table."""
    history, board = _tables("regression", 4.0e5, rates)
    generator = np.random.default_rng(2)
    true = np.round(generator.lognormal(8, 0.8, rows), 1)
    predicted = true * (1 + 0.08 * generator.standard_normal(rows)) + 40
    order = np.argsort(-abs(predicted - true))[:12]
    columns = ["carat", "cut", "color", "clarity", "depth", "table", "x", "y", "z"]
    rises = [3.1e6, 4.2e4, 3.6e5, 7.7e5, 900.0, 1100.0, 2.2e5, 4.1e5, 6.0e4]
    spreads = [6.1e4, 2.2e3, 9.9e3, 1.3e4, 700.0, 800.0, 8e3, 1e4, 4e3]
    mistakes = [
        learned.Mistake(
            row=int(index),
            true=float(true[index]),
            predicted=float(predicted[index]),
            error=float(predicted[index] - true[index]),
            values=dict(zip(columns, [1.2, "Ideal", "E", "VS2", 61.5, None, 6.8, 6.9, 4.2], strict=True)),
        )
        for index in order
    ]
    record = _record(
        prices_data(),
        board,
        test=learned.Test(
            scores={"mse": 291_000.0, "mae": 271.0, "r2": 0.9814},
            intervals={"r2": (0.979, 0.983), "mse": (271_000.0, 312_000.0), "mae": (262.0, 281.0)},
        ),
        baseline=learned.Rival(name="mean", test={"mse": 1.56e7, "mae": 3020.0, "r2": -0.0001}),
        linear=learned.Rival(name="linear regression", test={"mse": 1.27e6, "mae": 739.0, "r2": 0.919}),
        importance=[
            learned.Importance(column=c, increase=i, spread=s)
            for c, i, s in zip(columns, rises, spreads, strict=True)
        ],
        mistakes=mistakes,
    )
    predictions = pl.DataFrame({"row": np.arange(rows), "true": true, "predicted": predicted})
    return SyntheticRun(record, history, board, predictions)


HOSTILE = "</script><script>alert('couloir')</script><img src=x onerror=alert(1)>%{x}{{ 7*7 }}"


def hostile() -> SyntheticRun[TrainRecord]:
    """Three classes, with markup in every name that comes from the data."""
    run = digits(images=False, rates=3)
    labels = [f"{HOSTILE}{place}" for place in range(3)]
    data = run.record.data
    data.name, data.target, data.warnings = HOSTILE, HOSTILE, [HOSTILE]
    data.classes, data.class_counts, data.column_kinds = labels, [9, 9, 9], {HOSTILE: 4}
    run.record.test.confusion = [[5, 1, 0], [0, 6, 0], [0, 2, 4]]
    run.record.command = f"couloir train '{HOSTILE}'"
    run.record.importance = [
        learned.Importance(column=f"{HOSTILE}{n}", increase=1.0 - n / 9, spread=0.1) for n in range(3)
    ]
    run.record.mistakes = [
        learned.Mistake(
            row=4,
            true=labels[0],
            predicted=labels[1],
            probability=0.1,
            values={f"{HOSTILE}0": HOSTILE},
        )
    ]
    return run
