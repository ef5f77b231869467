"""Models made of trained members: one of its own, one trained again, the average of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from couloir.data.preparation import Preparation
from couloir.engine.member import Member
from couloir.engine.training import train_population
from couloir.model.predictor import Ensemble, Model, from_network
from couloir.runs.records.learned import Share
from couloir.selection import ensemble, evaluation
from couloir.selection.candidates import Candidate
from couloir.selection.evaluation import Answers, Scores
from couloir.selection.problem import Conditions, Problem, prepare_rows


@dataclass(frozen=True)
class Average:
    """A chosen average: its model, whom it consists of, its answers and scores where it was chosen.

    The answers are from models that have not seen the rows, and without the temperature, which has.
    """

    model: Ensemble
    shares: dict[int, float]
    answers: np.ndarray
    validation: Scores
    calibration_error: float | None


def refitted(
    problem: Problem, conditions: Conditions, member: Member, rows: np.ndarray, epochs: int
) -> Model | None:
    """A member's configuration trained afresh on some rows for a number of epochs; None if it diverges."""
    preparation, data = prepare_rows(problem.dataset, rows, None, conditions, member.encoding)
    again = train_population(
        [member],
        data,
        seed=conditions.seed,
        patience=None,
        epochs=epochs,
        precision=conditions.precision,
        machine=conditions.machine,
    ).winner
    return None if again is None else from_network(again.network, member.design, preparation)


def as_one(preparation: Preparation, models: Sequence[Model]) -> Model | Ensemble:
    """A candidate's one model as it is; its models of all folds averaged (Breiman 1996)."""
    if len(models) == 1:
        return models[0]
    return Ensemble(preparation, tuple(models), (1 / len(models),) * len(models))


def averaged(pool: Sequence[Candidate], preparation: Preparation, truth: np.ndarray, most: int) -> Average:
    """The average of candidates that does best on the rows they were judged on, with its temperature.

    By log loss or MSE, whatever they are ranked by: a share of right answers is too coarse to add
    networks by.

    Args:
        pool: who may enter.
        preparation: how the average reads new data.
        truth: class numbers or values of the rows judged on.
        most: at most so many different candidates.
    """
    answers = np.stack([candidate.answers for candidate in pool])
    classes = answers.ndim == 3
    score = ensemble.log_loss_of if classes else ensemble.mse_of
    weights = ensemble.select_in_bags(answers, truth, score, most=most)
    entered = [(each, float(weight)) for each, weight in zip(pool, weights, strict=True) if weight]
    mean = np.tensordot(weights, answers, axes=1)
    model = Ensemble(
        preparation,
        tuple(model for candidate, _ in entered for model in candidate.models),
        tuple(weight / len(candidate.models) for candidate, weight in entered for _ in candidate.models),
        ensemble.temperature(mean, truth) if classes else 1.0,
    )
    error = ensemble.calibration_error(mean, truth) if classes else None
    weights_by_number = {candidate.number: weight for candidate, weight in entered}
    return Average(model, weights_by_number, mean, evaluation.scores(mean, truth), error)


def is_kept(average: Average, winner: Answers, truth: np.ndarray, metric: str) -> bool:
    """Whether an average is the model to keep: unless the rows tell that the winner alone is better.

    The winner is the best of many on these very rows, so its score on them flatters it more than the
    average's does: to ask the average for a better one would throw good averages away.

    Args:
        average: what was chosen.
        winner: the best single candidate's answers for the same rows, by networks that have not seen them.
        truth: class numbers or values of these rows.
        metric: what candidates are chosen by.
    """
    more = evaluation.costs(average.answers, truth, metric)
    less = evaluation.costs(winner, truth, metric)
    return len(average.shares) > 1 and not ensemble.tells(more - less)


def shares(average: Average) -> list[Share]:
    """What run.json says of whom an average consists of."""
    return [Share(member=member, weight=weight) for member, weight in average.shares.items()]
