"""One generation of a search: which trials come first, and what training a generation's trials gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from couloir.engine.member import Member
from couloir.engine.metrics import DEFAULT_METRIC, METRICS
from couloir.engine.outcomes import Outcome, Rung, RungResult, Trained, ending, mean_curve
from couloir.engine.training import Callback, train_population
from couloir.model.predictor import Model, from_network
from couloir.selection import portfolio
from couloir.selection.candidates import Candidate
from couloir.selection.cross_validation import CrossValidation
from couloir.selection.problem import Conditions, Problem, shrunk
from couloir.selection.search.space import Space
from couloir.selection.search.study import TrialResult


@dataclass(frozen=True, eq=False)
class TrainedTrial(Candidate):
    """A trial that has come to a result, with its networks.

    Attributes:
        value: the score that trials are ranked by.
        curves: training and validation loss, averaged over the folds, [2, epoch].
    """

    value: float
    curves: np.ndarray


@dataclass(frozen=True)
class Generation:
    """What one generation came to.

    Attributes:
        results: one for each trial, in the order they were asked in.
        trained: the trials that have come to a result.
        rungs: what happened at the rungs.
        member_samples, seconds, compile_seconds: of its training.
    """

    results: Sequence[TrialResult]
    trained: list[TrainedTrial]
    rungs: tuple[RungResult, ...]
    member_samples: int
    seconds: float
    compile_seconds: float


def first_generation(space: Space, problem: Problem, count: int) -> list[dict[str, Any]]:
    """The portfolio of `couloir train`, as far as it lies in the space: where to begin.

    The most useful settings, at most `count`; what of them is outside moves inside, but for the rule.
    """
    found: list[dict[str, Any]] = []
    for member in portfolio.members(problem.data.task, problem.least_rows):
        values = space.parameters(member, nearest=True)
        if values is not None and values not in found:
            found.append(values)
    return found[:count]


def member_of(space: Space, problem: Problem, parameters: Mapping[str, Any]) -> Member:
    """What a trial stands for; its batches are no larger than the smallest part that is trained on."""
    return shrunk(space.member(parameters), problem.least_rows)


def train_generation(
    problem: Problem,
    members: Sequence[Member],
    first: int,
    conditions: Conditions,
    metric: str,
    rungs: Sequence[Rung],
    on_epoch: Callback | None = None,
) -> Generation:
    """Train the members of a generation and score them.

    Args:
        problem: the data, with folds or a validation part.
        members: what the trials stand for.
        first: the number of the first trial.
        conditions: seed, patience and precision.
        metric: what trials are ranked by.
        rungs: where the worse leave.
        on_epoch: called after every epoch; training ends when it returns True.
    """
    trained = train_population(
        members,
        problem.trained_on(members),
        seed=conditions.seed,
        patience=conditions.patience,
        metric=metric,
        rungs=rungs,
        to_the_end=conditions.to_the_end,
        on_epoch=on_epoch,
        precision=conditions.precision,
        machine=conditions.machine,
    )
    results, kept, loss = [], [], DEFAULT_METRIC[problem.data.task]
    for number, (value, models, attributes) in enumerate(_scored(problem, trained, metric)):
        outcomes = [fold[number] for fold in trained.folds]
        epochs = [outcome.best_epoch for outcome in outcomes]
        attributes |= {
            "best_epochs": epochs,
            "epochs_run": sum(outcome.epochs_run for outcome in outcomes),
            "n_parameters": problem.parameters(members[number]),
        }
        reached = tuple(at_rungs(outcomes, trained.rungs, metric))
        results.append(TrialResult(value, ending(outcomes), reached, attributes))
        if value is not None:
            curves = np.stack([mean_curve(outcomes, part, loss) for part in ("training", "validation")])
            ask = partial(answers_of, problem)
            kept.append(TrainedTrial(first + number, members[number], epochs, models, ask, value, curves))
    return Generation(
        results, kept, trained.rungs, trained.member_samples, trained.seconds, trained.compile_seconds
    )


def answers_of(problem: Problem, models: Sequence[Model]) -> np.ndarray:
    """A trial's answers for the rows that trials are chosen by, from models that have not seen them."""
    if problem.folds:
        return problem.answers(models)
    # Prepared in float64, as new rows are, whatever the precision of the search.
    return models[0].answers(problem.dataset.rows(problem.judged_rows))


Scored = tuple[float | None, list[Model], dict[str, Any]]
"""A trial's value, None where it left or diverged; its models; what else is kept of it."""


def _scored(problem: Problem, trained: Trained, metric: str) -> list[Scored]:
    """What each trial is worth: its best validation score, or its mean score on what the folds held out."""
    found: list[Scored] = [(None, [], {}) for _ in trained.outcomes]
    if not problem.folds:
        for number, outcome in enumerate(trained.outcomes):
            if outcome.eligible and outcome.status != "left":
                preparation = problem.encoded(outcome.member.encoding)[0].preparation
                model = from_network(outcome.network, outcome.member.design, preparation)
                found[number] = float(outcome.score), [model], {}
        return found
    crossed = CrossValidation(problem, trained, metric)
    for number in crossed.eligible:
        attributes = {  # From every fold's scores the nested estimate is made.
            "held_out": {name: values[number].tolist() for name, values in crossed.scores.items()},
            "stopping": [float(fold[number].score) for fold in trained.folds],
        }
        value = float(np.mean(crossed.scores[metric][number]))
        found[number] = value, crossed.models(number), attributes
    return found


def at_rungs(
    outcomes: Sequence[Outcome], rungs: Sequence[RungResult], metric: str
) -> list[tuple[int, float]]:
    """(epoch, mean best score so far) at every rung that a member came to."""
    pick = max if METRICS[metric].more_is_better else min
    found = []
    for rung in rungs:
        gone = [_gone(outcome, rung.epoch) for outcome in outcomes]
        so_far = [[scores[metric] for scores in outcome.validation[: rung.epoch]] for outcome in outcomes]
        finite = [[value for value in values if np.isfinite(value)] for values in so_far]
        if any(gone) or not all(finite):
            break
        found.append((rung.epoch, float(np.mean([pick(values) for values in finite]))))
    return found


def _gone(outcome: Outcome, epoch: int) -> bool:
    """Whether a member no longer came to the rung after an epoch; one that has stopped still competes."""
    if outcome.status == "diverged":
        return outcome.epochs_run <= epoch
    return outcome.status == "left" and outcome.epochs_run < epoch
