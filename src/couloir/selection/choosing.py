"""Who is kept: the list of models that will be tested, fixed before the test part is looked at.

However candidates were judged, the list is the same: the winner, the winner trained again on all rows but the
test part, the average of several, the one network that was trained to its answers. Which of them is the
headline is decided here too, on the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from couloir.data.preparation import Preparation
from couloir.engine.outcomes import Trained
from couloir.errors import InputError
from couloir.model.predictor import Ensemble, Model
from couloir.runs.records import learned
from couloir.selection import evaluation
from couloir.selection.averages import Average, as_one, averaged, is_kept, refitted, shares
from couloir.selection.candidates import Candidate, best_validated, importance, training_scores
from couloir.selection.cross_validation import CrossValidation
from couloir.selection.distilling import SHARE, Teacher, distilled, pupil
from couloir.selection.evaluation import Judged, Scores
from couloir.selection.portfolio import PORTFOLIO
from couloir.selection.problem import Conditions, Plan, Problem
from couloir.selection.tables import fold_leaderboard, history, leaderboard
from couloir.selection.testing import Choice, Finalist, counts, stopping

Stage = Callable[[str], None]
"""Told what begins that takes time."""


class Shortlist(NamedTuple):
    """The models to choose among, by name; the name of the one that is kept; the average, if there is one.

    Names are "winner", "refitted", "ensemble" and "distilled", in this order. The teacher is whose answers
    the last was trained to, if it did not diverge: None where none was asked for, or one network is kept.
    """

    models: dict[learned.FinalistName, Model | Ensemble]
    headline: learned.FinalistName
    average: Average | None
    teacher: Teacher | None = None


def shortlist(
    candidates: Sequence[Candidate],
    metric: str,
    preparation: Preparation,
    truth: np.ndarray,
    *,
    ensemble: int | None = None,
    refit: Callable[[], Model | None] | None = None,
    prefer_average: bool = False,
    distil: Callable[[Teacher], Model | None] | None = None,
    stage: Stage = lambda what: None,
) -> Shortlist:
    """The models to choose among, and the choice: the average if it is kept, else the winner's refit.

    Who asks for a distilled network wants a small model: it is kept in place of whatever consists of several.

    Args:
        candidates: best first; the first is the winner, all may enter the average.
        metric: what they are ranked by.
        preparation: how several networks together read new data.
        truth: class numbers or values of the rows judged on.
        ensemble: average at most so many candidates; None: make no average.
        refit: trains the winner again on more rows, and returns None where it diverges; None: no refit.
        prefer_average: keep the average whatever the rows tell (see `is_kept`).
        distil: trains a network to the answers of what would be kept, and returns None where it diverges;
            None: none is to be.
        stage: told what begins.
    """
    winner = candidates[0]
    models: dict[learned.FinalistName, Model | Ensemble] = {"winner": as_one(preparation, winner.models)}
    average = None
    if ensemble is not None:
        stage("averaging the best trials")
        average = averaged(candidates, preparation, truth, ensemble)
    if refit is not None:
        stage("training the winner again on all rows but the test part")
        if (again := refit()) is not None:
            models["refitted"] = again
    headline: learned.FinalistName = "refitted" if "refitted" in models else "winner"
    if average is not None:
        models["ensemble"] = average.model
        if prefer_average or is_kept(average, winner.answers, truth, metric):
            headline = "ensemble"
    teacher = None if distil is None else _teacher(candidates, models[headline], average)
    if distil is not None and teacher is not None:
        stage("training one network to the answers of several")
        if (small := distil(teacher)) is not None:
            models["distilled"], headline = small, "distilled"
    return Shortlist(models, headline, average, teacher)


def _teacher(
    candidates: Sequence[Candidate], kept: Model | Ensemble, average: Average | None
) -> Teacher | None:
    """What would be kept as a teacher; None where that is one network."""
    if not isinstance(kept, Ensemble):
        return None
    if average is None or kept is not average.model:
        return Teacher(kept, candidates[0].answers, candidates[0])
    best = next(each for each in candidates if each.number in average.shares)
    return Teacher(kept, average.answers, best)


def choose(
    problem: Problem,
    conditions: Conditions,
    metric: str,
    candidates: Sequence[Candidate],
    *,
    ensemble: int | None = None,
    refit: bool = False,
    training: Scores | None = None,
    more: dict[str, Any],
    stage: Stage = lambda what: None,
    **told: Any,
) -> Choice:
    """Fix the models of a run that will be tested.

    Args:
        problem: the data, which candidates were judged on.
        conditions: what was asked for.
        metric: what candidates are ranked by.
        candidates: best first; the first is the winner, all may enter the average.
        ensemble: average at most so many candidates; None: make no average.
        refit: train the winner again on all rows but the test part.
        training: the winner's scores on what it learnt from; None: its models are asked.
        more: what else run.json is to say.
        stage: told what begins.
        told: the fields of `Choice` about everybody who was trained, as they are.
    """
    winner, truth = candidates[0], problem.truth(problem.judged_rows)
    rest = np.union1d(problem.split.train, problem.split.validation)
    learnt = rest if refit else problem.split.train
    again = partial(refitted, problem, conditions, winner.member, rest, winner.epochs) if refit else None
    distil = partial(distilled, problem, conditions, rows=learnt) if conditions.distil else None
    given = candidates, metric, problem.preparation, truth
    listed = shortlist(*given, ensemble=ensemble, refit=again, distil=distil, stage=stage)
    if conditions.distil:
        more = more | _distilling(listed)
    if refit:
        more = more | {"refit_diverged": "refitted" not in listed.models}
    if average := listed.average:
        more = more | {"ensemble": shares(average)}
    return Choice(
        problem=problem,
        conditions=conditions,
        metric=metric,
        winner=_winner(problem, winner, "refitted" in listed.models),
        judged=Judged(problem.judged_rows, winner.answers),
        training=training or training_scores(problem, winner.models),
        importance=importance(problem, winner.models, conditions.seed),
        finalists=_finalists(problem, listed, winner, learnt),
        headline=list(listed.models).index(listed.headline),
        validation_error=average.calibration_error if average else None,
        more=more,
        **told,
    )


def _winner(problem: Problem, best: Candidate, refitted: bool) -> learned.Winner:
    """What run.json says of the best candidate."""
    return learned.Winner(
        member=best.number,
        hyperparameters=best.member.describe(),
        n_parameters=problem.parameters(best.member),
        best_epoch=best.epochs,
        refit_epochs=best.epochs if refitted else None,
    )


def _finalists(problem: Problem, listed: Shortlist, winner: Candidate, learnt: np.ndarray) -> list[Finalist]:
    """The models as they are tested, with scores on the rows judged on where these were not learnt from.

    Args:
        problem: the data.
        listed: the models.
        winner: the best candidate.
        learnt: what a refit and a distilled network learnt from.
    """
    truth = problem.truth(problem.judged_rows)
    scores: dict[learned.FinalistName, Scores] = {"winner": evaluation.scores(winner.answers, truth)}
    if listed.average is not None:
        scores["ensemble"] = listed.average.validation
    small = listed.models.get("distilled")
    if isinstance(small, Model) and not np.isin(problem.judged_rows, learnt).any():
        scores["distilled"] = evaluation.scores(problem.answers([small]), truth)
    rows = dict.fromkeys(("refitted", "distilled"), learnt)
    return [
        Finalist(name, model, rows.get(name, problem.split.train), scores.get(name))
        for name, model in listed.models.items()
    ]


def _distilling(listed: Shortlist) -> dict[str, Any]:
    """What run.json says of a network that was to be distilled."""
    teacher = listed.teacher
    if teacher is None or "distilled" not in listed.models:
        return {"undistilled": "diverged" if teacher else "one network"}
    told = learned.Distilled(
        teacher="ensemble" if teacher.model is listed.models.get("ensemble") else "winner",
        member=teacher.best.number,
        epochs=pupil(teacher.best.member, teacher.best.epochs).epochs,
        share=SHARE,
    )
    return {"distilled": told}


def choose_trained(planned: Plan, trained: Trained, command: str) -> Choice:
    """Fix the models that will be tested of a trained population, judged by a validation part or in folds.

    Raises:
        InputError: every member diverged.
    """
    problem, metric, outcomes = planned.problem, planned.metric, trained.outcomes
    conditions = planned.conditions
    crossed = CrossValidation(problem, trained, metric) if problem.folds else None
    candidates = crossed.candidates() if crossed else best_validated(problem, outcomes, metric)
    if not candidates:
        raise none_left(len(outcomes), " in some fold" if crossed else "")
    number = candidates[0].number
    how = {"plan": conditions.plan}
    if crossed:
        told: dict[str, Any] = {
            "training": crossed.training(number),
            "more": {"cross_validation": crossed.record(number), **how},
            "leaderboard": fold_leaderboard(crossed),
            "tables": {"folds": crossed.table()},
        }
    else:
        told = {
            "more": {"stopping": stopping(outcomes[number], metric, conditions), **how},
            "leaderboard": leaderboard(outcomes, metric, problem.parameters),
        }
    return choose(
        problem,
        conditions,
        metric,
        candidates,
        ensemble=conditions.ensemble,
        refit=conditions.refit or (crossed is not None and conditions.plan != PORTFOLIO),
        members=len(planned.members),
        cohorts=planned.cost.cohorts,
        counts=counts(trained),
        samples_per_second=trained.member_samples / max(trained.seconds, 1e-9),
        command=command,
        history=history(trained),
        **told,
    )


def none_left(members: int, where: str = "") -> InputError:
    """The error where every member diverged."""
    return InputError(
        f"All {members} members diverged{where}, so there is none to choose: give smaller learning rates."
    )
