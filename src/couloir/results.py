"""What a run found: run.json's content and the tables beside it.

`_test` is the only function that looks at the test part. It comes last, when every model on its list
is fixed.
"""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import jax
import numpy as np
import polars as pl

from couloir import evaluation, ledger, runs
from couloir.data.dataset import Dataset
from couloir.data.description import describe
from couloir.metrics import DEFAULT_METRIC, metrics_of
from couloir.model import Model
from couloir.networks import parameter_count
from couloir.planning import Conditions, Plan, Problem
from couloir.training import Outcome, Trained, ranking_key


@dataclass(frozen=True)
class Choice:
    """A trained population with its winner: all that is fixed before the test.

    `chosen` has the weights that won on validation; `final` is the model to test and keep, the same
    unless it was refitted for `refit_epochs` on training and validation rows.
    """

    planned: Plan
    conditions: Conditions
    trained: Trained
    winner: Outcome
    chosen: Model
    final: Model
    refit_epochs: int | None
    command: str


def record(choice: Choice) -> dict[str, Any]:
    """Everything that run.json holds, save how the run ended and how long it took."""
    problem, trained = choice.planned.problem, choice.trained
    validation = problem.validation
    answers = choice.chosen.predict_prepared(validation.inputs)
    truth = _truth(problem, problem.split.validation)
    training = choice.chosen.predict_prepared(problem.data.train.inputs)
    return {
        "schema_version": runs.SCHEMA_VERSION,
        "command": choice.command,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "seed": choice.conditions.seed,
        "metric": choice.planned.metric,
        "data": _data_record(problem),
        "n_members": len(choice.planned.members),
        "n_cohorts": choice.planned.cost.cohorts,
        "counts": {
            status: sum(outcome.status == status for outcome in trained.outcomes)
            for status in ("finished", "stopped", "diverged")
        },
        "winner": _winner_record(choice),
        "validation": evaluation.scores(answers, truth),
        "training": evaluation.scores(training, _truth(problem, problem.split.train)),
        "importance": None
        if problem.dataset.image_shape
        else evaluation.importance(choice.chosen, validation.inputs, truth, choice.conditions.seed),
        "mistakes": _mistakes(problem, answers, truth),
        **_test(choice),
        "throughput": {
            "member_samples_per_second": round(trained.member_samples / max(trained.seconds, 1e-9))
        },
        "versions": _versions(),
        "device": jax.default_backend(),
    }


def _winner_record(choice: Choice) -> dict[str, Any]:
    member = choice.winner.member
    return {
        "member": choice.trained.outcomes.index(choice.winner),
        **member.describe(),
        "n_parameters": parameter_count(choice.planned.problem.widths(member)),
        "best_epoch": choice.winner.best_epoch,
        "refit_epochs": choice.refit_epochs,
    }


def _truth(problem: Problem, rows: np.ndarray) -> np.ndarray:
    """Class numbers, or values in target units."""
    target = problem.dataset.target[rows]
    return problem.preparation.targets(target) if problem.dataset.classes else target.astype(np.float64)


def _test(choice: Choice) -> dict[str, Any]:
    """Score the frozen list on the test part: the final model, the naive answer, a linear model.

    The models to beat are fitted on the rows that the final model was trained on.
    """
    problem, model = choice.planned.problem, choice.final
    split, classes = problem.split, problem.data.outputs if problem.dataset.classes else None
    fitted_on = np.concatenate([split.train, split.validation]) if choice.refit_epochs else split.train
    known = model.preparation.inputs(problem.dataset.rows(fitted_on), np.float64)
    naive = evaluation.naive(_truth(problem, fitted_on), classes)
    linear = evaluation.linear(known, _truth(problem, fitted_on), classes)

    times = ledger.enter(problem.dataset.fingerprint, split.test, choice.command)
    inputs = model.preparation.inputs(problem.dataset.rows(split.test), np.float64)
    truth, answers = _truth(problem, split.test), model.predict_prepared(inputs)
    test: dict[str, Any] = evaluation.scores(answers, truth)
    test["intervals"] = {
        name: list(pair)
        for name, pair in evaluation.intervals(answers, truth, choice.conditions.seed).items()
    }
    if classes:
        test["confusion"] = evaluation.confusion(answers, truth)
    return {
        "test": test,
        "baseline": {
            "name": "majority class" if classes else "mean",
            "test": evaluation.scores(naive(len(truth)), truth),
        },
        "linear": {
            "name": "logistic regression" if classes else "linear regression",
            "test": evaluation.scores(linear(inputs), truth),
        },
        "ledger": {"times_scored": times},
    }


def _data_record(problem: Problem) -> dict[str, Any]:
    return {**describe(problem.dataset), "split": problem.split.sizes, "warnings": problem.warnings}


def _mistakes(problem: Problem, answers: np.ndarray, truth: np.ndarray) -> list[dict[str, Any]]:
    """The worst mistakes on validation, with what the rows hold."""
    dataset, found = problem.dataset, []
    for position in evaluation.worst(answers, truth):
        row = int(problem.split.validation[position])
        entry: dict[str, Any] = {"row": row, "values": None, "pixels": None}
        if dataset.classes:
            entry |= {
                "true": dataset.classes[truth[position]],
                "predicted": dataset.classes[int(np.argmax(answers[position]))],
                "probability": float(answers[position, truth[position]]),
            }
        else:
            true, predicted = float(truth[position]), float(answers[position])
            entry |= {"true": true, "predicted": predicted, "error": predicted - true}
        if dataset.image_shape:
            entry["pixels"] = np.asarray(dataset.features[row]).reshape(dataset.image_shape).tolist()
        else:
            entry["values"] = _row_values(dataset, row)
        found.append(entry)
    return found


def _row_values(dataset: Dataset, row: int) -> dict[str, Any]:
    """One row's raw cells as JSON values."""
    if isinstance(dataset.features, pl.DataFrame):
        cells = dataset.features.row(row, named=True)
    else:
        cells = dict(zip(dataset.column_names, np.asarray(dataset.features[row]).tolist(), strict=True))
    return {
        name: None
        if value is None or value != value
        else value
        if isinstance(value, (int, float, bool))
        else str(value)
        for name, value in list(cells.items())[:40]
    }


def _versions() -> dict[str, str]:
    packages = ("couloir", "jax", "numpy", "polars", "scikit-learn", "plotly")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


# Tables ----------------------------------------------------------------------------------------------------


def history(trained: Trained) -> pl.DataFrame:
    """One row per member and epoch; the default metric is called the loss."""
    columns: dict[str, list[Any]] = {"member": [], "epoch": []}
    for number, outcome in enumerate(trained.outcomes):
        columns["member"] += [number] * outcome.epochs_run
        columns["epoch"] += range(1, outcome.epochs_run + 1)
        for part in ("training", "validation"):
            for scores in getattr(outcome, part):
                for name, value in scores.items():
                    columns.setdefault(_column(part, name), []).append(value if np.isfinite(value) else None)
    return pl.DataFrame(columns)


def _column(part: str, metric: str) -> str:
    return f"{part}_loss" if metric in DEFAULT_METRIC.values() else f"{part}_{metric}"


def leaderboard(planned: Plan, trained: Trained) -> pl.DataFrame:
    """One row per member, best on validation first; diverged ones last."""
    outcomes = trained.outcomes
    order = sorted(range(len(outcomes)), key=lambda number: ranking_key(outcomes[number], trained.metric))
    rows = [
        {"rank": rank, "member": number, **_leaderboard_row(planned.problem, outcomes[number])}
        for rank, number in enumerate(order, start=1)
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def _leaderboard_row(problem: Problem, outcome: Outcome) -> dict[str, Any]:
    member, best = outcome.member, outcome.best_epoch - 1
    validation = outcome.validation[best] if best >= 0 else {}
    training = outcome.training[best] if best >= 0 else {}
    return {
        **member.describe(),
        "hidden": "-".join(map(str, member.hidden)) or "none",
        "n_parameters": parameter_count(problem.widths(member)),
        "best_epoch": outcome.best_epoch or None,
        "epochs_run": outcome.epochs_run,
        **{_column("validation", name): validation.get(name) for name in metrics_of(problem.data.task)},
        "training_loss": training.get(DEFAULT_METRIC[problem.data.task]),
        "status": outcome.status,
        "diverged_epoch": outcome.diverged_epoch,
    }


def predictions(problem: Problem, chosen: Model) -> pl.DataFrame:
    """The winner's answers on the validation part, from the weights it was chosen for."""
    answers = chosen.predict_prepared(problem.validation.inputs)
    truth, rows = _truth(problem, problem.split.validation), problem.split.validation
    columns: dict[str, Any] = {"row": rows, "true": problem.dataset.target[rows]}
    if not problem.dataset.classes:
        return pl.DataFrame({**columns, "predicted": answers})
    labels = np.array(problem.dataset.classes)
    return pl.DataFrame(
        {
            **columns,
            "predicted": labels[np.argmax(answers, axis=1)],
            "probability_of_true": answers[np.arange(len(truth)), truth],
        }
    )
