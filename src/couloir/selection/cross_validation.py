"""Cross-validation: every member in every fold, scored on rows that the fold has not seen.

Within a fold a member learns from one part, is stopped by a second and scored on a third. All members
and folds train as one population; here their scores are put together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from couloir.engine.metrics import DEFAULT_METRIC, METRICS, metrics_of
from couloir.engine.outcomes import Outcome, Trained, ranking
from couloir.model.predictor import Model, from_network
from couloir.runs.records import learned
from couloir.selection import evaluation
from couloir.selection.candidates import POOL, Candidate, median_epochs
from couloir.selection.evaluation import Judged, Scores, or_none
from couloir.selection.problem import Problem
from couloir.text import METRIC_NAMES, count, number, one_line
from couloir.text import metric as metric_text


@dataclass(frozen=True)
class CrossValidation:
    """A population trained in every fold of a problem.

    Attributes:
        problem: with its folds.
        trained: the outcomes of every member in every fold.
        metric: what members are chosen by.
    """

    problem: Problem
    trained: Trained
    metric: str

    def __repr__(self) -> str:
        """What came of it, in one line."""
        members, folds = len(self.trained.outcomes), len(self.trained.folds)
        found = f"cross-validation of {one_line(self.problem.dataset.name)}: "
        found += f"{count(members, 'member')} in {count(folds, 'fold')}"
        if self.winner is None:
            return f"<{found}, none of which came to its end in all>"
        best = self.trained.outcomes[self.winner].member
        mean = metric_text(self.metric, float(np.mean(self.scores[self.metric][self.winner])))
        found += f", best {best.rule.name} at {number(best.learning_rate)}"
        return f"<{found} with a mean {METRIC_NAMES[self.metric]} of {mean}>"

    @cached_property
    def scores(self) -> dict[str, np.ndarray]:
        """Per metric every member's score on what each fold held out, [member, fold].

        From the member's best weights in that fold; NaN where it diverged, left or has none.
        """
        members, folds = len(self.trained.outcomes), len(self.trained.folds)
        found = {name: np.full((members, folds), np.nan) for name in metrics_of(self.problem.data.task)}
        for fold in range(folds):
            truth = self.problem.truth(self.problem.held_out[fold])
            for member in range(members):
                model = self.model(member, fold)
                if model is not None:
                    answers = model.predict_prepared(self.problem.asked(model, fold))
                    for name, value in evaluation.scores(answers, truth).items():
                        found[name][member, fold] = value
        return found

    def model(self, member: int, fold: int) -> Model | None:
        """A member as it was trained in a fold; None if it diverged or left there."""
        outcome = self.trained.folds[fold][member]
        if not outcome.eligible or outcome.status == "left":
            return None
        part = self.problem.encoded(outcome.member.encoding)[fold]
        return from_network(outcome.network, outcome.member.design, part.preparation)

    def models(self, member: int) -> list[Model]:
        """A member as it was trained in each fold.

        Raises:
            ValueError: it diverged in one of them.
        """
        found = [self.model(member, fold) for fold in range(len(self.trained.folds))]
        if None in found:
            raise ValueError(f"Member {member} diverged in a fold, so it has no model there.")
        return [model for model in found if model is not None]

    @cached_property
    def means(self) -> list[tuple[float, float]]:
        """Per member the mean scores that it is ranked by, lower is better: the metric, then the default.

        A member that diverged in any fold, or left before its end, is infinitely bad.
        """
        names, found = (self.metric, DEFAULT_METRIC[self.problem.data.task]), []
        for member in range(len(self.trained.outcomes)):
            first, second = (METRICS[name].sign * float(np.mean(self.scores[name][member])) for name in names)
            whole = math.isfinite(first) and math.isfinite(second)
            found.append((first, second) if whole else (math.inf, math.inf))
        return found

    @cached_property
    def ranking(self) -> list[int]:
        """Members' numbers, best mean first."""
        return sorted(range(len(self.means)), key=lambda member: self.means[member])

    @cached_property
    def eligible(self) -> list[int]:
        """Those among them that came to their end in every fold."""
        return [member for member in self.ranking if math.isfinite(self.means[member][0])]

    @property
    def winner(self) -> int | None:
        """The member with the best mean over the folds; None when every one diverged somewhere."""
        return self.eligible[0] if self.eligible else None

    def candidates(self) -> list[Candidate]:
        """The members that may be chosen, best first."""
        return [
            Candidate(
                number,
                self.trained.outcomes[number].member,
                [fold[number].best_epoch for fold in self.trained.folds],
                self.models(number),
                self.problem.answers,
            )
            for number in self.eligible[:POOL]
        ]

    def best_epochs(self, member: int) -> int:
        """The median over the folds of a member's best number of epochs."""
        return median_epochs([fold[member].best_epoch for fold in self.trained.folds])

    def judged(self, member: int) -> Judged:
        """A member's answers for all rows that were held out, each by the fold that had not seen it."""
        return Judged(self.problem.judged_rows, self.problem.answers(self.models(member)))

    def training(self, member: int) -> Scores:
        """A member's training scores as they were at its best epochs, averaged over the folds."""
        outcomes = [fold[member] for fold in self.trained.folds]
        best = [outcome.training[outcome.best_epoch - 1] for outcome in outcomes]
        return {name: float(np.mean([scores[name] for scores in best])) for name in best[0]}

    @cached_property
    def nested(self) -> dict[str, np.ndarray]:
        """Per metric the score of choosing within the fold: inner choice, outer score, [fold].

        In each fold the member that did best on the rows it was stopped by is scored on what the fold
        held out. As no held-out row had a say in the choice, their mean is an honest estimate of what
        the whole procedure gives. NaN where the fold has no rows to stop by or nobody to choose.
        """
        chosen = [self._inner_choice(outcomes) for outcomes in self.trained.folds]
        return {
            name: np.array(
                [np.nan if member is None else values[member, fold] for fold, member in enumerate(chosen)]
            )
            for name, values in self.scores.items()
        }

    def _inner_choice(self, outcomes: Sequence[Outcome]) -> int | None:
        if not len(self.problem.folds[0].stopping):
            return None
        first = ranking(outcomes, self.metric)[0]
        return first if outcomes[first].eligible else None

    def record(self, member: int) -> learned.CrossValidation:
        """What run.json says of the cross-validation, with a member's scores."""
        scores = {name: values[member].tolist() for name, values in self.scores.items()}
        nested = {name: values.tolist() for name, values in self.nested.items()}
        whole = np.isfinite(self.nested[self.metric]).all()
        best = [fold[member].best_epoch for fold in self.trained.folds]
        return fold_record(self.problem, self.metric, scores, nested if whole else None, best)

    def table(self) -> pl.DataFrame:
        """One row per member and fold: scores on what was held out, epochs, status."""
        rows = [
            {
                "member": member,
                "fold": fold,
                **{name: or_none(values[member, fold]) for name, values in self.scores.items()},
                "best_epoch": outcomes[member].best_epoch or None,
                "epochs_run": outcomes[member].epochs_run,
                "status": outcomes[member].status,
            }
            for member in range(len(self.trained.outcomes))
            for fold, outcomes in enumerate(self.trained.folds)
        ]
        return pl.DataFrame(rows, infer_schema_length=None)


def fold_record(
    problem: Problem,
    metric: str,
    scores: Mapping[str, Sequence[float]],
    nested: Mapping[str, Sequence[float]] | None,
    best_epochs: Sequence[int],
) -> learned.CrossValidation:
    """What run.json says of a cross-validation.

    Args:
        problem: with its folds.
        metric: what members are chosen by.
        scores: the chosen member's, per metric, [fold].
        nested: per metric the scores of choosing within each fold, [fold], if there are any.
        best_epochs: the chosen member's, [fold].
    """
    dataset = problem.dataset
    kind = "stratified" if dataset.classes else "plain"
    kind = "grouped" if dataset.groups is not None else "in time" if dataset.times is not None else kind
    sizes = [
        {name: len(getattr(fold, name)) for name in ("train", "stopping", "held_out")}
        for fold in problem.folds
    ]
    return learned.CrossValidation(
        folds=len(problem.folds),
        kind=kind,
        metric=metric,
        scores={name: summary(values) for name, values in scores.items()},
        nested=None if nested is None else {name: summary(values) for name, values in nested.items()},
        best_epochs=list(best_epochs),
        median_best_epochs=median_epochs(best_epochs),
        sizes=[learned.FoldSizes(**each) for each in sizes],
    )


def summary(values: Sequence[float]) -> learned.FoldScores:
    """Mean, spread (standard deviation over the folds, divisor k − 1) and every fold's score."""
    return learned.FoldScores(
        mean=float(np.mean(values)),
        spread=float(np.std(values, ddof=1)) if len(values) > 1 else 0.0,
        values=[float(value) for value in values],
    )
