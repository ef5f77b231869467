"""One network in place of several: trained to their answers, it is as small and fast as one.

Its targets lie between the truth and what the others answer together, its *teacher* (Hinton, Vinyals and
Dean 2015, at temperature 1): the one class that a row happens to have tells less than how likely each class
is. For classes and numbers alike the target is s·answer + (1 − s)·truth. As the gradients of cross entropy
and squared error are linear in the target, that is s times the loss against the teacher and 1 − s times that
against the truth.

The teacher's answers are out-of-fold where there are folds: each row is answered by networks that did not
learn from it, so that they tell what is not known already. Without folds the teacher itself is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from couloir.engine.losses import soft_cross_entropy
from couloir.engine.member import Member
from couloir.engine.training import train_population
from couloir.errors import InputError
from couloir.model.predictor import Ensemble, Model, from_network, scaled
from couloir.selection.candidates import Candidate
from couloir.selection.evaluation import Answers
from couloir.selection.problem import Conditions, Problem, prepare_rows

SHARE, TIMES = 0.5, 4
"""s, and how many times as long as its setting the network is trained: soft targets fit more slowly.

Chosen on training rows alone, 3,000 to learn from and 1,000 to judge by of 12 tables. In geometric means of
losses, that of the winner (a network of each of five folds) being 1, the average has 0.970, and one network

    s      0      0.3    0.5    0.7    0.9    1
    1 x    1.016  0.996  0.994  0.993  1.004  1.013
    2 x           0.993  0.976  0.984  0.999  1.008
    4 x           0.993  0.972  0.981  0.999  1.011
    6 x           0.989  0.980  0.983  0.999  1.012
"""


SOFT_LOSS: Any = soft_cross_entropy  # a member's loss is a name, or any function


@dataclass(frozen=True)
class Teacher:
    """Whose answers a network is trained to.

    Attributes:
        model: what would be kept.
        answers: its answers for the rows that candidates are judged on, by networks that have not seen them,
            and before its temperature.
        best: the best candidate that is part of it.
    """

    model: Ensemble
    answers: Answers
    best: Candidate


def refuse_without_average(conditions: Conditions, members: Sequence[Member]) -> None:
    """Raise an InputError where a network is to be distilled and there will be no average."""
    if conditions.distil and min(conditions.ensemble or 1, len(members)) < 2:
        instead = "give --ensemble K, of 2 or more" if len(members) > 1 else "train two networks or more"
        raise InputError(f"There is no average to distil: {instead}, or leave out --distil.")


def pupil(member: Member, epochs: int) -> Member:
    """The member that is trained to a teacher's answers: a setting, its schedule as long as its training."""
    return replace(member, epochs=TIMES * epochs)


def distilled(problem: Problem, conditions: Conditions, teacher: Teacher, rows: np.ndarray) -> Model | None:
    """A network with the setting of the teacher's best, trained to its answers; None if it diverges.

    Args:
        problem: with the folds, if there are any.
        conditions: how networks are trained.
        teacher: whose answers.
        rows: to learn from, ascending.
    """
    member = pupil(teacher.best.member, teacher.best.epochs)
    preparation, data = prepare_rows(problem.dataset, rows, None, conditions, member.encoding)
    targets = mixed(problem, teacher, rows)
    if problem.dataset.classes:
        member = replace(member, loss=SOFT_LOSS)
    else:
        targets = preparation.targets(targets, conditions.precision)
    # Probabilities are values to the engine, and the loss alone knows better: its scores of them say nothing.
    data = replace(data, task="regression", train=data.train._replace(targets=targets))
    trained = train_population(
        [member],
        data,
        seed=conditions.seed,
        to_the_end=True,
        precision=conditions.precision,
        machine=conditions.machine,
    ).winner
    return None if trained is None else from_network(trained.network, member.design, preparation)


def mixed(problem: Problem, teacher: Teacher, rows: np.ndarray) -> np.ndarray:
    """The targets of some rows, s·answer + (1 − s)·truth, [sample, class], or [sample] in target units."""
    truth = problem.truth(rows)
    hard = np.eye(len(problem.dataset.classes))[truth] if problem.dataset.classes else truth
    return SHARE * _taught(problem, teacher, rows, hard) + (1 - SHARE) * hard


def _taught(problem: Problem, teacher: Teacher, rows: np.ndarray, hard: np.ndarray) -> np.ndarray:
    """The teacher's answers to some rows; where no fold holds a row out, as the first in time, the truth."""
    if not problem.folds:
        return teacher.model.answers(problem.dataset.rows(rows))
    found, answers = hard.copy(), teacher.answers
    if problem.dataset.classes and teacher.model.temperature != 1.0:
        answers = scaled(answers, teacher.model.temperature)
    found[np.searchsorted(rows, problem.judged_rows)] = answers
    return found
