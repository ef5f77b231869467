"""Made-up races with known numbers, for the tests of figures and pages: nothing is trained here."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import Any, Generic

import numpy as np
import polars as pl
from scipy import stats

from couloir.engine.metrics import DEFAULT_METRIC, METRICS, metrics_of
from couloir.runs.records import RaceRecord, learned
from couloir.runs.records.common import Data
from couloir.runs.stored import R
from synthetic_run import FLOORS, HOSTILE, RATES, described, digits_data, prices_data, recorded

EPOCHS, STEPS = 30, 18
SIZES = learned.ReplicateSizes(train=1257, validation=270)
SCORES = {
    "classification": (
        {"accuracy": 0.9741, "log_loss": 0.0912, "balanced_accuracy": 0.973},
        {"accuracy": (0.948, 0.988), "log_loss": (0.052, 0.139), "balanced_accuracy": (0.947, 0.989)},
    ),
    "regression": (
        {"r2": 0.98, "mae": 271.0, "mse": 2.9e5},
        {"r2": (0.979, 0.983), "mae": (262.0, 281.0), "mse": (271_000.0, 312_000.0)},
    ),
}
RIVALS = {
    "classification": {
        "linear": learned.Rival(
            name="logistic regression",
            test={"accuracy": 0.9519, "log_loss": 0.1874, "balanced_accuracy": 0.952},
        ),
        "baseline": learned.Rival(
            name="majority class", test={"accuracy": 0.1037, "log_loss": 2.3031, "balanced_accuracy": 0.1}
        ),
    },
    "regression": {
        "linear": learned.Rival(name="linear regression", test={"r2": 0.919, "mae": 739.0, "mse": 1.27e6}),
        "baseline": learned.Rival(name="mean", test={"r2": -0.0001, "mae": 3020.0, "mse": 1.56e7}),
    },
}


@dataclass
class SyntheticTables(Generic[R]):
    """What figures and pages read of a race or a search."""

    record: R
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    history: pl.DataFrame = field(default_factory=pl.DataFrame)
    leaderboard: pl.DataFrame = field(default_factory=pl.DataFrame)
    predictions: pl.DataFrame = field(default_factory=pl.DataFrame)


def data_of(task: str) -> Data:
    """The data of a race or a search."""
    return digits_data() if task == "classification" else prices_data()


def winner_of(task: str, rule: str, learning_rate: float, member: int = 0) -> learned.Winner:
    """A winner of so many epochs as a race has."""
    hyperparameters = described(rule, learning_rate, task, EPOCHS)
    return learned.Winner(member=member, hyperparameters=hyperparameters, n_parameters=4810, best_epoch=21)


def _tuning(rule: str, scale: float) -> list[dict[str, Any]]:
    """Twelve rates over four decades; too high a rate diverges for the plain rules."""
    rows = []
    for power in np.linspace(-2, 2, 12):
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


def _error(values: list[float] | np.ndarray) -> float:
    """Half of Nadeau and Bengio's interval."""
    size = len(values)
    error = np.std(values, ddof=1) * math.sqrt(1 / size + SIZES.validation / SIZES.train)
    return float(stats.t.ppf(0.975, size - 1) * error)


def _interval(values: list[float]) -> learned.Interval:
    mean = float(np.mean(values))
    if len(values) < 2:
        return learned.Interval(mean=mean, low=None, high=None)
    half = _error(values)
    return learned.Interval(mean=mean, low=mean - half, high=mean + half)


def _best(curves: list[dict[str, Any]], rate: str, column: str, larger: bool) -> list[float]:
    """The best value of each replicate that did not diverge."""
    by_replicate: dict[int, list[float | None]] = {}
    for row in curves:
        if row["rate"] == rate:
            by_replicate.setdefault(row["replicate"], []).append(row[column])
    return [(max if larger else min)(v) for v in by_replicate.values() if None not in v]


def _entry(
    rule: str, curves: list[dict[str, Any]], tuning: list[dict[str, Any]], replicates: int, task: str
) -> learned.Standing:
    alive = [row for row in tuning if row["best_loss"] is not None]
    tuned = min(alive, key=lambda row: row["best_loss"])
    good = [row["learning_rate"] for row in alive if row["best_loss"] <= 1.1 * tuned["best_loss"]]
    metrics = [METRICS[name] for name in metrics_of(task) if METRICS[name].column("validation") in curves[0]]

    def scores(rate: str) -> dict[str, learned.Interval] | None:
        found = {m.name: _best(curves, rate, m.column("validation"), m.more_is_better) for m in metrics}
        whole = all(len(values) == replicates for values in found.values())
        return {name: _interval(values) for name, values in found.items()} if whole else None

    best, customary = scores("tuned"), scores("customary")
    return learned.Standing(
        rule=rule,
        learning_rate=tuned["learning_rate"],
        customary_rate=RATES[rule],
        at_edge="highest" if rule == "adadelta" else None,
        best=best,
        final=best,
        customary_best=customary,
        diverged=replicates - len(_best(curves, "tuned", "validation_loss", False)),
        customary_diverged=0,
        tuning_diverged=len(tuning) - len(alive),
        good_range=(min(good), max(good)),
        steps_to_target=None,
        seconds_to_target=None,
        reached=0,
    )


def _pair(one: str, other: str, values: dict[str, list[float]], size: int) -> learned.Pair:
    """A corrected t test, written down anew."""
    first, second = sorted((one, other), key=lambda rule: np.mean(values[rule] or [np.inf]))
    pair = learned.Pair(
        first=first,
        second=second,
        difference=None,
        low=None,
        high=None,
        p=None,
        p_adjusted=None,
        different=None,
    )
    if size > 1 and len(values[first]) == len(values[second]) == size:
        gaps = np.array(values[first]) - np.array(values[second])
        half, pair.difference = _error(gaps), float(gaps.mean())
        pair.low, pair.high = pair.difference - half, pair.difference + half
        error = half / stats.t.ppf(0.975, size - 1)
        pair.p = float(2 * stats.t.sf(abs(pair.difference) / error, size - 1))
    return pair


def _pairs(curves: dict[str, list[dict[str, Any]]], replicates: int) -> list[learned.Pair]:
    """Every two rules, with Holm's adjustment."""
    values = {rule: _best(rows, "tuned", "validation_loss", False) for rule, rows in curves.items()}
    pairs = [_pair(*two, values, replicates) for two in itertools.combinations(values, 2)]
    tested = sorted((pair for pair in pairs if pair.p is not None), key=lambda pair: pair.p)
    adjusted = 0.0
    for rank, pair in enumerate(tested):
        adjusted = min(1.0, max(adjusted, pair.p * (len(tested) - rank)))
        pair.p_adjusted, pair.different = adjusted, adjusted < 0.05
    return pairs


def _target(
    curves: dict[str, list[dict[str, Any]]], standing: list[learned.Standing], loss: str
) -> learned.Target:
    """A loss that half of the rules reach, and who reaches it when."""
    means, half = sorted(entry.best[loss].mean for entry in standing if entry.best), (len(standing) - 1) // 2
    target = 1.02 * means[half] if len(means) > half else None
    for entry in standing if target is not None else []:
        steps, replicates = [], {row["replicate"] for row in curves[entry.rule]}
        for replicate in replicates:
            rows = [r for r in curves[entry.rule] if r["rate"] == "tuned" and r["replicate"] == replicate]
            arrival = next((r["epoch"] for r in rows if (r["validation_loss"] or math.inf) <= target), None)
            if arrival is not None:
                steps.append(arrival * STEPS)
        entry.reached = len(steps)
        if steps and 2 * len(steps) >= len(replicates):
            entry.steps_to_target = float(np.median(steps))
            entry.seconds_to_target = 0.002 * entry.steps_to_target
    return learned.Target(metric=loss, value=target)


def race(
    rules: tuple[str, ...] = tuple(RATES),
    replicates: int = 10,
    lost: dict[str, int] | None = None,
    task: str = "classification",
    scale: float = 1.0,
) -> SyntheticTables[RaceRecord]:
    """A race of rules; `lost` says in how many replicates a rule diverged at its tuned rate."""
    lost, shifts = lost or {}, np.random.default_rng(7).standard_normal(replicates)
    curves = {rule: _curves(rule, replicates, scale, lost.get(rule, 0), task, shifts) for rule in rules}
    tuning = {rule: _tuning(rule, scale) for rule in rules}
    standing = [_entry(rule, curves[rule], tuning[rule], replicates, task) for rule in rules]
    loss = DEFAULT_METRIC[task]
    standing.sort(key=lambda entry: entry.best[loss].mean if entry.best else math.inf)
    best, (test, intervals) = standing[0], SCORES[task]
    record = recorded(
        RaceRecord,
        data_of(task),
        winner_of(task, best.rule, best.learning_rate),
        command="couloir race digits --seed 0",
        n_members=12 * len(rules),
        counts={"finished": 12 * len(rules), "stopped": 0, "left": 0, "diverged": 0},
        validation={name: found.mean for name, found in best.best.items()} if best.best else test,
        test=learned.Test(scores=test, intervals=intervals),
        **RIVALS[task],
        epochs=EPOCHS,
        steps_per_epoch=STEPS,
        replicates=replicates,
        rates_per_rule=12,
        n_trainings=len(rules) * (12 + 2 * replicates),
        replicate_sizes=SIZES,
        target=_target(curves, standing, loss),
        standing=standing,
        pairs=_pairs(curves, replicates),
        verdicts=[
            "adam is better than sgd, adagrad and adadelta.",
            "adam and adamw cannot be told apart here.",
        ],
    )
    tables = {
        "tuning": pl.DataFrame([row for rows in tuning.values() for row in rows], infer_schema_length=None),
        "curves": pl.DataFrame([row for rows in curves.values() for row in rows], infer_schema_length=None),
    }
    return SyntheticTables(record, tables)


def hostile_race() -> SyntheticTables[RaceRecord]:
    """Markup in every name that comes from outside, the rules' too."""
    run = race(("adam", "sgd"), replicates=3)
    names = {"adam": f"{HOSTILE}a", "sgd": f"{HOSTILE}s"}
    record = run.record
    for entry in record.standing:
        entry.rule = names[entry.rule]
    for pair in record.pairs:
        pair.first, pair.second = names[pair.first], names[pair.second]
    run.tables = {
        name: frame.with_columns(pl.col("rule").replace(names)) for name, frame in run.tables.items()
    }
    record.winner.hyperparameters["optimizer"] = names["adam"]
    record.data.name, record.data.target, record.data.warnings = HOSTILE, HOSTILE, [HOSTILE]
    record.verdicts, record.command = [HOSTILE], f"couloir race '{HOSTILE}'"
    return run
