"""Who is kept: the list of models that will be tested, fixed before the test part is looked at.

From a trained population, judged by a validation part or in folds: the winner, the winner refitted, an
average of several members. Which of them is the headline is decided here too, on the same rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from couloir.engine.outcomes import Trained, leader, ranking_key
from couloir.errors import InputError
from couloir.selection import evaluation
from couloir.selection.averages import (
    POOL,
    Average,
    Candidate,
    average_record,
    averaged,
    bagged,
    is_kept,
    refitted,
    validated,
)
from couloir.selection.cross_validation import CrossValidation, fold_importance
from couloir.selection.evaluation import Judged, Scores
from couloir.selection.problem import Conditions, Plan, Problem
from couloir.selection.testing import Choice, Finalist, Winner, counts, history, leaderboard, stopping


def choose(planned: Plan, conditions: Conditions, trained: Trained, command: str) -> Choice:
    """Fix the models that will be tested.

    Raises:
        InputError: every member diverged.
    """
    if planned.problem.folds:
        return _by_folds(planned, conditions, trained, command)
    return _by_validation(planned, conditions, trained, command)


def _by_validation(planned: Plan, conditions: Conditions, trained: Trained, command: str) -> Choice:
    problem, winner = planned.problem, leader(trained.outcomes, planned.metric)
    if winner is None:
        raise _none_left(trained)
    number = next(i for i, outcome in enumerate(trained.outcomes) if outcome is winner)
    chosen, judged = validated(problem, winner)
    finalists = [Finalist("winner", chosen, problem.split.train, _scores(problem, judged))]
    headline, epochs = 0, None
    more: dict[str, Any] = {"stopping": stopping(winner, planned.metric, conditions)}
    if conditions.ensemble:
        order = sorted(trained.outcomes, key=lambda outcome: ranking_key(outcome, planned.metric))
        numbers = {id(outcome): i for i, outcome in enumerate(trained.outcomes)}
        pool = [
            Candidate(numbers[id(outcome)], [model], own.answers)
            for outcome in order[:POOL]
            if ranking_key(outcome, planned.metric)[0] < np.inf
            for model, own in [validated(problem, outcome)]
        ]
        average = averaged(problem, pool, judged.rows, conditions.ensemble)
        finalists.append(_average_finalist(average, problem.split.train))
        more |= average_record(average)
        headline = int(is_kept(average, judged, problem.truth(judged.rows), planned.metric))
    if conditions.refit:
        rows, epochs = np.union1d(problem.split.train, problem.split.validation), winner.best_epoch
        refit = refitted(problem, conditions, winner.member, rows, epochs)
        more["refit_diverged"] = refit is None
        if refit is None:
            epochs = None
        else:
            finalists.append(Finalist("refitted", refit, rows))
            headline = headline or len(finalists) - 1
    inputs = problem.data.validation.inputs if problem.data.validation else problem.data.train.inputs
    importance = (
        None
        if problem.dataset.image_shape
        else evaluation.importance(chosen, inputs, problem.truth(judged.rows), conditions.seed)
    )
    answers = chosen.predict_prepared(problem.data.train.inputs)
    training = evaluation.scores(answers, problem.truth(problem.split.train))
    won = Winner(number, winner.member, winner.best_epoch, epochs)
    return Choice(
        **_common(planned, conditions, trained, command),
        winner=won,
        judged=judged,
        training=training,
        importance=importance,
        finalists=finalists,
        headline=headline,
        leaderboard=leaderboard(problem, trained),
        more=more,
    )


def _by_folds(planned: Plan, conditions: Conditions, trained: Trained, command: str) -> Choice:
    problem = planned.problem
    crossed = CrossValidation(problem, trained, planned.metric)
    number = crossed.winner
    if number is None:
        raise _none_left(trained)
    judged, rest, epochs = crossed.judged(number), problem.split.train, crossed.best_epochs(number)
    bag = bagged(problem, crossed.models(number))
    finalists = [Finalist("winner", bag, rest, _scores(problem, judged), len(bag.networks))]
    refit = refitted(problem, conditions, trained.outcomes[number].member, rest, epochs)
    if refit is not None:
        finalists.append(Finalist("refitted", refit, rest))
    headline = len(finalists) - 1
    more: dict[str, Any] = {
        "cross_validation": crossed.record(number),
        "refit_diverged": refit is None,
    }
    if conditions.ensemble:
        pool = [
            Candidate(member, crossed.models(member), crossed.judged(member).answers)
            for member in crossed.ranking[:POOL]
            if crossed.means[member][0] < np.inf
        ]
        average = averaged(problem, pool, judged.rows, conditions.ensemble)
        finalists.append(_average_finalist(average, rest))
        more |= average_record(average)
        if is_kept(average, judged, problem.truth(judged.rows), planned.metric):
            headline = len(finalists) - 1
    importance = None
    if not problem.dataset.image_shape:
        importance = fold_importance(problem, crossed.models(number), conditions.seed)
    won = Winner(number, trained.outcomes[number].member, epochs, epochs if refit is not None else None)
    return Choice(
        **_common(planned, conditions, trained, command),
        winner=won,
        judged=judged,
        training=_fold_training(crossed, number),
        importance=importance,
        finalists=finalists,
        headline=headline,
        leaderboard=leaderboard(problem, trained, crossed),
        more=more,
        tables={"folds": crossed.table()},
    )


def _common(planned: Plan, conditions: Conditions, trained: Trained, command: str) -> dict[str, Any]:
    """What a choice says of the population, whichever way it was judged."""
    return {
        "problem": planned.problem,
        "conditions": conditions,
        "metric": planned.metric,
        "members": len(planned.members),
        "cohorts": planned.cost.cohorts,
        "counts": counts(trained),
        "samples_per_second": trained.member_samples / max(trained.seconds, 1e-9),
        "command": command,
        "history": history(trained),
    }


def _none_left(trained: Trained) -> InputError:
    where = " in some fold" if len(trained.folds) > 1 else ""
    return InputError(
        f"All {len(trained.outcomes)} members diverged{where}, so there is none to choose: "
        "give smaller learning rates."
    )


def _fold_training(crossed: CrossValidation, member: int) -> Scores:
    """A member's training scores at its best epochs, averaged over the folds."""
    outcomes = [fold[member] for fold in crossed.trained.folds]
    best = [outcome.training[outcome.best_epoch - 1] for outcome in outcomes]
    return {name: float(np.mean([scores[name] for scores in best])) for name in best[0]}


# The list of finalists ------------------------------------------------------------------------------


def _average_finalist(average: Average, rows: np.ndarray) -> Finalist:
    return Finalist("ensemble", average.model, rows, average.validation, len(average.model.networks))


def _scores(problem: Problem, judged: Judged) -> Scores:
    return evaluation.scores(judged.answers, problem.truth(judged.rows))
