"""The tables beside run.json: who was trained, how that went, and what the winner answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl

from couloir.engine.member import Member
from couloir.engine.metrics import DEFAULT_METRIC, METRICS, metrics_of
from couloir.engine.outcomes import Outcome, Trained, ending, ranking
from couloir.selection.cross_validation import CrossValidation
from couloir.selection.evaluation import Judged, or_none, true_class
from couloir.selection.problem import Problem

Parameters = Callable[[Member], int]
"""How many numbers of a member are trained."""


def history(trained: Trained) -> pl.DataFrame:
    """One row per member and epoch, in the first fold; see `Metric.column` for the columns' names."""
    columns: dict[str, list[Any]] = {"member": [], "epoch": []}
    for number, outcome in enumerate(trained.outcomes):
        columns["member"] += [number] * outcome.epochs_run
        columns["epoch"] += range(1, outcome.epochs_run + 1)
        for part in ("training", "validation"):
            for scores in getattr(outcome, part):
                for name, value in scores.items():
                    columns.setdefault(METRICS[name].column(part), []).append(or_none(value))
    return pl.DataFrame(columns)


def leaderboard(outcomes: Sequence[Outcome], metric: str, parameters: Parameters) -> pl.DataFrame:
    """One row per member with its scores on validation, best first; those last that may not be chosen."""
    task = METRICS[metric].task
    return _ranked({number: _row(outcomes[number], task, parameters) for number in ranking(outcomes, metric)})


def fold_leaderboard(crossed: CrossValidation) -> pl.DataFrame:
    """The same, its scores the means of those on what the folds held out."""
    problem, outcomes = crossed.problem, crossed.trained.outcomes
    task, parameters = problem.data.task, problem.parameters
    return _ranked(
        {
            each: _row(outcomes[each], task, parameters) | _over_folds(crossed, each)
            for each in crossed.ranking
        }
    )


def _ranked(rows: dict[int, dict[str, Any]]) -> pl.DataFrame:
    """The members' rows, best first, with their ranks and numbers."""
    ranks = enumerate(rows.items(), start=1)
    found = [{"rank": rank, "member": number, **row} for rank, (number, row) in ranks]
    return pl.DataFrame(found, infer_schema_length=None)


def described(member: Member) -> dict[str, Any]:
    """A member's hyperparameters as columns hold them."""
    return {**member.describe(), "hidden": "-".join(map(str, member.hidden)) or "none"}


def _row(outcome: Outcome, task: str, parameters: Parameters) -> dict[str, Any]:
    """A member in one fold, with the scores of its best epoch, if it has one."""
    best = outcome.best_epoch - 1
    validation = outcome.validation[best] if best >= 0 else {}
    training = outcome.training[best] if best >= 0 else {}
    loss = DEFAULT_METRIC[task]
    return {
        **described(outcome.member),
        "n_parameters": parameters(outcome.member),
        "best_epoch": outcome.best_epoch or None,
        "epochs_run": outcome.epochs_run,
        **{METRICS[name].column("validation"): validation.get(name) for name in metrics_of(task)},
        METRICS[loss].column("training"): training.get(loss),
        "status": outcome.status,
        "diverged_epoch": outcome.diverged_epoch,
    }


def _over_folds(crossed: CrossValidation, member: int) -> dict[str, Any]:
    """What of a row is a mean over the folds, or the worst of a member's ends in them."""
    outcomes = [fold[member] for fold in crossed.trained.folds]
    loss = DEFAULT_METRIC[crossed.problem.data.task]
    whole = all(outcome.best_epoch for outcome in outcomes)
    training = [o.training[o.best_epoch - 1][loss] for o in outcomes] if whole else []
    means = {name: or_none(np.mean(values[member])) for name, values in crossed.scores.items()}
    return {
        **{METRICS[name].column("validation"): mean for name, mean in means.items()},
        METRICS[loss].column("training"): float(np.mean(training)) if training else None,
        "best_epoch": crossed.best_epochs(member) if whole else None,
        "epochs_run": max(outcome.epochs_run for outcome in outcomes),
        "status": ending(outcomes),
        "diverged_epoch": next((o.diverged_epoch for o in outcomes if o.diverged_epoch), None),
    }


def predictions(problem: Problem, judged: Judged) -> pl.DataFrame:
    """The winner's answers for the rows it was chosen by, from weights that were not fitted to them."""
    answers, truth, rows = judged.answers, problem.truth(judged.rows), judged.rows
    columns: dict[str, Any] = {"row": rows, "true": problem.dataset.target[rows], "predicted": answers}
    if problem.dataset.classes:
        columns["predicted"] = np.array(problem.dataset.classes)[np.argmax(answers, axis=1)]
        columns["probability_of_true"] = true_class(answers, truth)
    return pl.DataFrame(columns)
