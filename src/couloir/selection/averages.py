"""Models made of trained members: one of its own, one trained again, the average of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from couloir.engine.member import Member
from couloir.engine.outcomes import Outcome
from couloir.engine.training import train_population
from couloir.model.predictor import Ensemble, Model, from_network
from couloir.selection import evaluation
from couloir.selection.ensemble import (
    calibration_error,
    log_loss_of,
    mse_of,
    select_in_bags,
    tells,
    temperature,
)
from couloir.selection.evaluation import Judged, Scores
from couloir.selection.problem import Conditions, Problem, prepare_rows

POOL = 50
"""Members that an average is chosen from, at most: the best on validation."""


@dataclass(frozen=True)
class Candidate:
    """A member that may enter an average: its models (one, or one of each fold) and its answers.

    `answers` are for the rows that members are chosen by, from models that have not seen them.
    """

    member: int
    models: Sequence[Model]
    answers: np.ndarray


@dataclass(frozen=True)
class Average:
    """A chosen average: its model, whom it consists of, its answers and scores where it was chosen.

    The answers are from models that have not seen the rows, and without the temperature, which has.
    """

    model: Ensemble
    shares: dict[int, float]
    answers: np.ndarray
    validation: Scores
    calibration: dict[str, float]


def validated(problem: Problem, outcome: Outcome) -> tuple[Model, Judged]:
    """A member's model and its answers for the validation part."""
    assert problem.data.validation is not None, "without folds a problem has a validation part"
    model = from_network(outcome.network, outcome.member.activation, problem.preparation)
    return model, Judged(problem.split.validation, model.predict_prepared(problem.data.validation.inputs))


def refitted(
    problem: Problem, conditions: Conditions, member: Member, rows: np.ndarray, epochs: int
) -> Model | None:
    """A member's configuration trained afresh on some rows for a number of epochs; None if it diverges."""
    preparation, data = prepare_rows(problem.dataset, rows, None, conditions)
    trained = train_population(
        [member],
        data,
        seed=conditions.seed,
        epochs=epochs,
        precision=conditions.precision,
        machine=conditions.machine,
    )
    if trained.winner is None:
        return None
    return from_network(trained.winner.network, member.activation, preparation)


def bagged(problem: Problem, models: Sequence[Model]) -> Ensemble:
    """One member's models of all folds, averaged (Breiman 1996)."""
    return Ensemble(problem.preparation, tuple(models), (1 / len(models),) * len(models))


def averaged(problem: Problem, pool: Sequence[Candidate], rows: np.ndarray, most: int) -> Average:
    """The average of members that does best on the rows they were chosen by, with its temperature.

    By log loss or MSE, whatever members are ranked by: a share of right answers is too coarse to add
    members by.

    Args:
        problem: the data.
        pool: who may enter.
        rows: the rows that the candidates' answers are for.
        most: at most so many different members.
    """
    truth, classes = problem.truth(rows), problem.dataset.classes
    answers = np.stack([candidate.answers for candidate in pool])
    weights = select_in_bags(answers, truth, log_loss_of if classes else mse_of, most=most)
    entered = [(each, float(weight)) for each, weight in zip(pool, weights, strict=True) if weight]
    mean = np.tensordot(weights, answers, axes=1)
    heat = temperature(mean, truth) if classes else 1.0
    model = Ensemble(
        problem.preparation,
        tuple(model for candidate, _ in entered for model in candidate.models),
        tuple(weight / len(candidate.models) for candidate, weight in entered for _ in candidate.models),
        heat,
    )
    calibration = {"validation_error": calibration_error(mean, truth)} if classes else {}
    return Average(
        model,
        {candidate.member: weight for candidate, weight in entered},
        mean,
        evaluation.scores(mean, truth),
        calibration,
    )


def is_kept(average: Average, winner: Judged, truth: np.ndarray, metric: str) -> bool:
    """Whether an average is the model to keep: unless the rows tell that the winner alone is better.

    The winner is the best of many on these very rows, so its score on them flatters it more than the
    average's does: to ask the average for a better one would throw good averages away.

    Args:
        average: what was chosen.
        winner: the best single member's answers for the same rows, by models that have not seen them.
        truth: class numbers or values of these rows.
        metric: what members are chosen by.
    """
    more = evaluation.costs(average.answers, truth, metric)
    less = evaluation.costs(winner.answers, truth, metric)
    return len(average.shares) > 1 and not tells(more - less)


def average_record(average: Average) -> dict[str, Any]:
    """What run.json says of an average: its members with their shares, and how calibrated it was."""
    found: dict[str, Any] = {
        "ensemble": [{"member": member, "weight": weight} for member, weight in average.shares.items()]
    }
    return found | ({"calibration": average.calibration} if average.calibration else {})
