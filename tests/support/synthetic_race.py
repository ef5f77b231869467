"""Made-up races with known numbers, for the tests of figures and pages: nothing is trained here."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from synthetic_run import FLOORS, HOSTILE, RATES

EPOCHS, STEPS = 30, 18
SPLIT = {"train": 1257, "validation": 270, "test": 270}


@dataclass
class SyntheticTables:
    """What figures and pages read of a race or a search."""

    record: dict[str, Any]
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)


def _tuning(rule: str, scale: float) -> list[dict[str, Any]]:
    """Twelve rates over four decades and the customary one; too high a rate diverges for the plain rules."""
    rows = []
    for power in sorted([*np.linspace(-2, 2, 12), 0.0]):
        off = power - 0.3
        diverged = power > 0.9 and rule in ("sgd", "momentum", "nesterov")
        bend = (0.25 if rule in ("adam", "adamw") else 0.6) + (1.5 if off > 1.2 else 0.0)
        loss = scale * 0.06 * FLOORS[rule] * (1 + bend * off**2)
        rows.append(
            {
                "rule": rule,
                "learning_rate": float(f"{RATES[rule] * 10**power:.4g}"),
                "best_loss": None if diverged else loss,
                "final_loss": None if diverged else 1.1 * loss,
                "best_epoch": None if diverged else 20,
                "status": "diverged" if diverged else "finished",
                "diverged_epoch": 3 if diverged else None,
                "customary": bool(power == 0.0),
            }
        )
    return rows


def _curves(
    rule: str, replicates: int, scale: float, lost: int, task: str, shifts: np.ndarray
) -> list[dict[str, Any]]:
    generator = np.random.default_rng(len(rule) + replicates)
    rows = []
    for rate, slower in (("tuned", 1.0), ("customary", 1.5)):
        for replicate in range(replicates):
            floor = scale * 0.06 * FLOORS[rule] * slower * (1 + 0.08 * shifts[replicate])
            floor *= 1 + 0.06 * generator.standard_normal()
            for epoch in range(1, EPOCHS + 1):
                loss = floor + scale * 2.2 * math.exp(-0.35 / FLOORS[rule] / slower * epoch)
                if rate == "tuned" and replicate < lost and epoch > 5:
                    break
                diverged = rate == "tuned" and replicate < lost and epoch == 5
                row = {"rule": rule, "rate": rate, "replicate": replicate, "epoch": epoch}
                row |= {"training_loss": None if diverged else 0.6 * loss}
                row |= {"validation_loss": None if diverged else loss}
                if task == "classification":
                    row["validation_accuracy"] = None if diverged else max(0.0, 1 - 0.4 * loss)
                rows.append(row)
    return rows


def _interval(values: list[float]) -> dict[str, float | None]:
    """Mean and Nadeau and Bengio's interval."""
    mean, size = float(np.mean(values)), len(values)
    if size < 2:
        return {"mean": mean, "low": None, "high": None}
    error = np.std(values, ddof=1) * math.sqrt(1 / size + SPLIT["validation"] / SPLIT["train"])
    half = float(stats.t.ppf(0.975, size - 1) * error)
    return {"mean": mean, "low": mean - half, "high": mean + half}


def _best(curves: list[dict[str, Any]], rate: str, column: str, larger: bool) -> list[float]:
    """The best value of each replicate that did not diverge."""
    by_replicate: dict[int, list[float | None]] = {}
    for row in curves:
        if row["rate"] == rate:
            by_replicate.setdefault(row["replicate"], []).append(row[column])
    return [(max if larger else min)(v) for v in by_replicate.values() if None not in v]


def _entry(
    rule: str, curves: list[dict[str, Any]], tuning: list, replicates: int, task: str
) -> dict[str, Any]:
    alive = [row for row in tuning if row["best_loss"] is not None]
    tuned = min(alive, key=lambda row: row["best_loss"])
    good = [row["learning_rate"] for row in alive if row["best_loss"] <= 1.1 * tuned["best_loss"]]
    loss = "log_loss" if task == "classification" else "mse"
    columns = {loss: ("validation_loss", False)}
    if task == "classification":
        columns["accuracy"] = ("validation_accuracy", True)

    def scores(rate: str) -> dict[str, Any] | None:
        found = {name: _best(curves, rate, *where) for name, where in columns.items()}
        return {name: _interval(values) for name, values in found.items()} if found[loss] else None

    best = scores("tuned")
    return {
        "rule": rule,
        "learning_rate": tuned["learning_rate"],
        "customary_rate": RATES[rule],
        "at_edge": "highest" if rule == "adadelta" else None,
        "best": best,
        "final": best,
        "customary_best": scores("customary"),
        "diverged": replicates - len(_best(curves, "tuned", "validation_loss", False)),
        "tuning_diverged": len(tuning) - len(alive),
        "good_range": [min(good), max(good)],
    }


def _pairs(curves: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Corrected t tests with Holm's adjustment, written down anew."""
    values = {rule: _best(rows, "tuned", "validation_loss", False) for rule, rows in curves.items()}
    size = max(len(v) for v in values.values())
    pairs = []
    for one, other in itertools.combinations(values, 2):
        first, second = sorted((one, other), key=lambda rule: np.mean(values[rule] or [np.inf]))
        pair: dict[str, Any] = {"first": first, "second": second}
        if min(len(values[first]), len(values[second])) < size or size < 2:
            pair |= dict.fromkeys(("difference", "low", "high", "p", "p_adjusted", "different"))
        else:
            gaps = np.array(values[first]) - np.array(values[second])
            error = gaps.std(ddof=1) * math.sqrt(1 / size + SPLIT["validation"] / SPLIT["train"])
            half = float(stats.t.ppf(0.975, size - 1) * error)
            p = float(2 * stats.t.sf(abs(gaps.mean()) / error, size - 1))
            mean = float(gaps.mean())
            pair |= {"difference": mean, "low": mean - half, "high": mean + half, "p": p}
        pairs.append(pair)
    tested = sorted((pair for pair in pairs if pair["p"] is not None), key=lambda pair: pair["p"])
    adjusted = 0.0
    for rank, pair in enumerate(tested):
        adjusted = min(1.0, max(adjusted, pair["p"] * (len(tested) - rank)))
        pair |= {"p_adjusted": adjusted, "different": adjusted < 0.05}
    return pairs


def _target(
    curves: dict[str, list[dict[str, Any]]], standing: list[dict[str, Any]], loss: str
) -> dict[str, Any]:
    """A loss that half of the rules reach, and who reaches it when."""
    means = [entry["best"][loss]["mean"] for entry in standing if entry["best"]]
    target = 1.02 * sorted(means)[(len(means) - 1) // 2] if means else 1.0
    for entry in standing:
        steps = []
        for replicate in {row["replicate"] for row in curves[entry["rule"]]}:
            rows = [r for r in curves[entry["rule"]] if r["rate"] == "tuned" and r["replicate"] == replicate]
            arrival = next((r["epoch"] for r in rows if (r["validation_loss"] or math.inf) <= target), None)
            if arrival is not None:
                steps.append(arrival * STEPS)
        often = 2 * len(steps) >= len({row["replicate"] for row in curves[entry["rule"]]})
        entry["reached"] = len(steps)
        entry["steps_to_target"] = float(np.median(steps)) if often and steps else None
        entry["seconds_to_target"] = 0.002 * float(np.median(steps)) if often and steps else None
    return {"metric": loss, "value": target}


def race(
    rules: tuple[str, ...] = tuple(RATES),
    replicates: int = 10,
    lost: dict[str, int] | None = None,
    task: str = "classification",
    scale: float = 1.0,
) -> SyntheticTables:
    """A race of rules; `lost` says in how many replicates a rule diverged at its tuned rate."""
    lost, shifts = lost or {}, np.random.default_rng(7).standard_normal(replicates)
    curves = {rule: _curves(rule, replicates, scale, lost.get(rule, 0), task, shifts) for rule in rules}
    tuning = {rule: _tuning(rule, scale) for rule in rules}
    standing = [_entry(rule, curves[rule], tuning[rule], replicates, task) for rule in rules]
    loss = "log_loss" if task == "classification" else "mse"
    standing.sort(key=lambda entry: (entry["best"] or {}).get(loss, {}).get("mean", math.inf))
    target = _target(curves, standing, loss)
    pairs = _pairs(curves)
    best = standing[0]
    record = {
        **_frame(task, scale),
        "kind": "race",
        "command": "couloir race digits --seed 0",
        "metric": loss,
        "epochs": EPOCHS,
        "steps_per_epoch": STEPS,
        "replicates": replicates,
        "rates_per_rule": 12,
        "n_trainings": len(rules) * (13 + 2 * replicates),
        "standing": standing,
        "target": target,
        "pairs": pairs,
        "verdicts": [
            "adam is better than sgd, adagrad and adadelta.",
            "adam and adamw cannot be told apart here.",
        ],
        "validation": {name: value["mean"] for name, value in (best["best"] or {}).items()},
    }
    record["winner"] |= {"optimizer": best["rule"], "learning_rate": best["learning_rate"]}
    tables = {
        "tuning": pl.DataFrame([row for rows in tuning.values() for row in rows], infer_schema_length=None),
        "curves": pl.DataFrame([row for rows in curves.values() for row in rows], infer_schema_length=None),
    }
    return SyntheticTables(record, tables)


def _frame(task: str, scale: float) -> dict[str, Any]:
    """What a run of any kind has."""
    classes = task == "classification"
    scores = {"accuracy": 0.9741, "log_loss": 0.0912} if classes else {"r2": 0.98, "mae": 271.0, "mse": 2.9e5}
    linear = (
        {"accuracy": 0.9519, "log_loss": 0.1874} if classes else {"r2": 0.919, "mae": 739.0, "mse": 1.27e6}
    )
    base = (
        {"accuracy": 0.1037, "log_loss": 2.3031} if classes else {"r2": -0.0001, "mae": 3020.0, "mse": 1.56e7}
    )
    interval = {"accuracy": [0.948, 0.988]} if classes else {"r2": [0.979, 0.983]}
    data: dict[str, Any] = {
        "name": "digits" if classes else "diamonds",
        "rows": sum(SPLIT.values()),
        "columns": 64,
        "column_kinds": {"pixel": 64},
        "task": task,
        "target": "digit" if classes else "price",
        "missing": 0,
        "fingerprint": "4f1c0d8a9b7e6d5c4b3a2918f7e6d5c4",
        "image_shape": [8, 8] if classes else None,
        "split": dict(SPLIT),
        "warnings": [],
    }
    if classes:
        data |= {"classes": list(range(10)), "class_counts": [178 + k % 4 for k in range(10)]}
    winner = {
        "member": 0,
        "optimizer": "adam",
        "learning_rate": 0.006,
        "momentum": None,
        "hidden": [64],
        "activation": "relu",
        "loss": "cross_entropy" if classes else "mse",
        "batch_size": 64,
        "epochs": EPOCHS,
        "l1": 0.0,
        "l2": 0.0,
        "dropout": 0.0,
        "noise": 0.0,
        "schedule": "constant",
        "warmup": 0,
        "restart": 0,
        "n_parameters": 4810,
        "best_epoch": 21,
        "refit_epochs": None,
    }
    return {
        "schema_version": 1,
        "created": "2026-11-23T07:10:00+00:00",
        "status": "complete",
        "seed": 0,
        "data": data,
        "winner": winner,
        "test": {**scores, "intervals": interval},
        "baseline": {"name": "majority class" if classes else "mean", "test": base},
        "linear": {"name": "logistic regression" if classes else "linear regression", "test": linear},
        "ledger": {"times_scored": 1},
        "seconds": {"load": 0.1, "tune": 6.4, "judge": 9.1, "total": 16.8},
        "versions": {"python": "3.11.7", "couloir": "0.1.0"},
        "device": "cpu",
    }


def hostile_race() -> SyntheticTables:
    """Markup in every name that comes from outside, the rules' too."""
    run = race(("adam", "sgd"), replicates=3)
    names = {"adam": f"{HOSTILE}a", "sgd": f"{HOSTILE}s"}
    for entry in run.record["standing"]:
        entry["rule"] = names[entry["rule"]]
    for pair in run.record["pairs"]:
        pair |= {"first": names[pair["first"]], "second": names[pair["second"]]}
    run.tables = {
        name: frame.with_columns(pl.col("rule").replace(names)) for name, frame in run.tables.items()
    }
    run.record["winner"]["optimizer"] = names["adam"]
    run.record["data"] |= {"name": HOSTILE, "target": HOSTILE, "warnings": [HOSTILE]}
    run.record |= {"verdicts": [HOSTILE], "command": f"couloir race '{HOSTILE}'"}
    return run
