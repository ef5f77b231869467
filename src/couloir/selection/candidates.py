"""Candidates: trained configurations, each judged on the same rows by networks that have not seen them.

However they came to be judged (by a validation part, in folds, in a search, inside an estimator),
`couloir.selection.choosing` chooses among them in one way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from couloir.engine.member import Member
from couloir.engine.outcomes import Outcome, eligible
from couloir.model.predictor import Model, from_network
from couloir.runs.records.learned import Importance
from couloir.selection import evaluation
from couloir.selection.evaluation import Answers, Scores
from couloir.selection.problem import Problem

POOL = 50
"""Candidates that an average is chosen from, at most: the best."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A trained configuration that may be chosen.

    Attributes:
        number: what it is called: a member's number, or a trial's.
        member: its hyperparameters.
        best_epochs: its best number of epochs in each fold.
        models: its model, or one of each fold.
        ask: gives the models' answers for the rows that candidates are judged on.
    """

    number: int
    member: Member
    best_epochs: Sequence[int]
    models: Sequence[Model]
    ask: Callable[[Sequence[Model]], Answers]

    @cached_property
    def answers(self) -> Answers:
        """Its answers for these rows, each by a network that has not seen the row."""
        return self.ask(self.models)

    @property
    def epochs(self) -> int:
        """For how many epochs to train it again."""
        return median_epochs(self.best_epochs)


def median_epochs(best_epochs: Sequence[int]) -> int:
    """The number of epochs to train again for: the median over the folds, at least 1."""
    return max(1, round(float(np.median(best_epochs))))


def validated(problem: Problem, outcomes: Sequence[Outcome], number: int) -> Candidate:
    """A member of a population, judged by the validation part."""
    outcome = outcomes[number]
    preparation = problem.encoded(outcome.member.encoding)[0].preparation
    model = from_network(outcome.network, outcome.member.design, preparation)
    return Candidate(number, outcome.member, [outcome.best_epoch], [model], problem.answers)


def best_validated(problem: Problem, outcomes: Sequence[Outcome], metric: str) -> list[Candidate]:
    """The members of a population that may be chosen, judged by the validation part, best first."""
    return [validated(problem, outcomes, number) for number in eligible(outcomes, metric)[:POOL]]


def training_scores(problem: Problem, models: Sequence[Model]) -> Scores:
    """The scores of a model, or of one a fold, on what it learnt from, averaged over the folds."""
    parts = problem.encoded(models[0].preparation.encoding)
    rows = [fold.train for fold in problem.folds] or [problem.split.train]
    scores = [
        evaluation.scores(model.predict_prepared(part.data.train.inputs), problem.truth(own))
        for model, part, own in zip(models, parts, rows, strict=True)
    ]
    return {name: float(np.mean([each[name] for each in scores])) for name in scores[0]}


def importance(problem: Problem, models: Sequence[Model], seed: int) -> list[Importance] | None:
    """Permutation importance of the columns, on the rows judged on, over the folds; None for images."""
    if problem.dataset.image_shape:
        return None
    found: dict[str, list[tuple[float, float]]] = {}
    for fold, (model, rows) in enumerate(zip(models, problem.held_out, strict=True)):
        for entry in evaluation.importance(model, problem.asked(model, fold), problem.truth(rows), seed):
            found.setdefault(entry.column, []).append((entry.increase, entry.spread))
    averaged = [
        Importance(
            column=column,
            # A column that a fold leaves out changes nothing there.
            increase=float(sum(rise for rise, _ in pairs) / len(models)),
            spread=float(np.sqrt(sum(spread**2 for _, spread in pairs)) / len(models)),
        )
        for column, pairs in found.items()
    ]
    return sorted(averaged, key=lambda entry: -entry.increase)
