"""What a run found: run.json's content.

`_test` is the only function that looks at the test part. It comes last, when every model on its list
is fixed. Where there is no test part, nothing is scored, and the ledger counts nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
import polars as pl

from couloir.data.dataset import Dataset
from couloir.data.preparation import Preparation
from couloir.engine.metrics import METRICS
from couloir.engine.outcomes import ENDS, End, Outcome, Trained, ending
from couloir.model.predictor import Ensemble, Predictor, scaled
from couloir.runs import ledger
from couloir.runs.records import LearnedRecord, TrainRecord, learned
from couloir.runs.records.common import data_of
from couloir.selection import evaluation
from couloir.selection.ensemble import calibration_error, reliability
from couloir.selection.evaluation import Judged
from couloir.selection.problem import Conditions, Problem


@dataclass(frozen=True)
class Finalist:
    """A model on the list that is tested.

    Attributes:
        name: "winner", "refitted", "ensemble" or "distilled".
        model: the model.
        rows: what it was fitted to.
        validation: its scores where it was chosen, None for what was refitted afterwards.
    """

    name: learned.FinalistName
    model: Predictor
    rows: np.ndarray
    validation: evaluation.Scores | None = None

    @property
    def networks(self) -> int:
        """How many it averages."""
        return len(self.model.networks) if isinstance(self.model, Ensemble) else 1

    @property
    def parameters(self) -> int:
        """Of all its networks together, and the numbers of training rows that it compares others with."""
        networks = self.model.all_networks()
        weights = sum(np.size(part) for each in networks for layer in each.layers for part in layer)
        kept = {id(each.preparation): each.preparation for each in networks}.values()
        return weights + sum(np.size(array) for each in kept for array in each.arrays.values())


@dataclass(frozen=True)
class Choice:
    """A trained population with its winner: all that is fixed before the test.

    Attributes:
        problem: the data, split and prepared.
        conditions: what was asked for.
        metric: what members were chosen by.
        members: how many there were.
        cohorts: how many programs.
        counts: how many members ended in which way.
        samples_per_second: training samples seen, summed over members, per second of training.
        winner: the chosen member.
        judged: its answers for the rows it was chosen by.
        training: its scores on what it learnt from.
        importance: of the columns, on rows it was chosen by; None for images.
        finalists: every model to be tested, where there is a test part.
        headline: the place among them of the one that is kept.
        validation_error: the average's calibration error where it was chosen; None for values and without it.
        command: what was run.
        history: the scores of members by epoch.
        leaderboard: a row for every member, best first.
        record: the kind of record that run.json holds.
        more: the attributes of the record that are not every run's.
        tables: what else was measured.
    """

    problem: Problem
    conditions: Conditions
    metric: str
    members: int
    cohorts: int
    counts: dict[str, int]
    samples_per_second: float
    winner: learned.Winner
    judged: Judged
    training: evaluation.Scores
    importance: list[learned.Importance] | None
    finalists: list[Finalist]
    headline: int
    validation_error: float | None
    command: str
    history: pl.DataFrame
    leaderboard: pl.DataFrame
    record: type[LearnedRecord] = TrainRecord
    more: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)

    @property
    def final(self) -> Predictor:
        """The model that is kept."""
        return self.finalists[self.headline].model


def record(choice: Choice) -> LearnedRecord:
    """Everything that run.json holds, save how the run ended and how long it took."""
    problem, judged, conditions = choice.problem, choice.judged, choice.conditions
    truth = problem.truth(judged.rows)
    return choice.record(
        command=choice.command,
        seed=conditions.seed,
        device=jax.default_backend(),
        machine=conditions.machine,
        metric=choice.metric,
        source=learned.Source(**problem.dataset.source),
        fractions=conditions.split,
        class_weights=conditions.class_weights,
        data=data_of(problem.dataset, problem.split, problem.warnings),
        n_members=choice.members,
        n_cohorts=choice.cohorts,
        counts=choice.counts,
        winner=choice.winner,
        validation=evaluation.scores(judged.answers, truth),
        training=choice.training,
        importance=choice.importance,
        mistakes=_mistakes(problem, judged, truth),
        throughput=learned.Throughput(member_samples_per_second=round(choice.samples_per_second)),
        **(_test(choice) if len(problem.split.test) else _untested(choice)),
        **choice.more,
    )


def counts(trained: Trained) -> dict[str, int]:
    """How many members ended in which way; in folds, by the worst of a member's ends."""
    return counted([ending(outcomes) for outcomes in zip(*trained.folds, strict=True)])


def counted(ends: Sequence[End]) -> dict[str, int]:
    """How often there is each end."""
    return {end: ends.count(end) for end in ENDS}


def stopping(outcome: Outcome, metric: str, conditions: Conditions) -> learned.Stopping | None:
    """Where a member stopped, or would have stopped, and what the epochs after that gave.

    Scores are the metric on validation. `score_at_stop` is that of the weights that stopping keeps;
    `score_at_last` that after the last epoch. None where nothing is stopped.
    """
    if conditions.patience is None or not outcome.validation:
        return None
    sign = METRICS[metric].sign
    scores = [sign * epoch[metric] for epoch in outcome.validation]
    best = stop = 0
    for epoch, score in enumerate(scores):
        best = epoch if score < scores[best] else best
        stop = epoch
        if epoch - best >= conditions.patience:
            break
    else:
        stop = -1
    of_all = int(np.argmin(scores))
    return learned.Stopping(
        patience=conditions.patience,
        stopped=stop >= 0,
        compared=conditions.no_stop,
        stop_epoch=stop + 1 if stop >= 0 else None,
        best_epoch=best + 1,
        score_at_stop=outcome.validation[best][metric],
        training_at_stop=outcome.training[best][metric],
        last_epoch=len(scores),
        score_at_last=outcome.validation[-1][metric],
        best_of_all=learned.BestOfAll(epoch=of_all + 1, score=outcome.validation[of_all][metric]),
    )


def _test(choice: Choice) -> dict[str, Any]:
    """Score the frozen list on the test part: the finalists, the naive answer, a linear model.

    The models to beat are fitted on the rows that the model which is kept was fitted to.
    """
    problem, headline = choice.problem, choice.finalists[choice.headline]
    dataset, split = problem.dataset, problem.split
    classes = problem.data.outputs if dataset.classes else None
    preparation = Preparation.fit(dataset, headline.rows)
    known = preparation.inputs(dataset.rows(headline.rows), np.float64)
    naive = evaluation.naive(problem.truth(headline.rows), classes)
    linear = evaluation.linear(known, problem.truth(headline.rows), classes)

    times = ledger.enter(dataset.fingerprint, split.test, choice.command)
    raw, truth = dataset.rows(split.test), problem.truth(split.test)
    timed = [_timed(finalist.model, raw, len(truth)) for finalist in choice.finalists]
    answers, microseconds = [found for found, _ in timed], [took for _, took in timed]
    kept = answers[choice.headline]
    return {
        "test": learned.Test(
            scores=evaluation.scores(kept, truth),
            intervals=evaluation.intervals(kept, truth, choice.conditions.seed),
            confusion=evaluation.confusion(kept, truth) if classes else None,
        ),
        "finalists": _finalists(choice, [evaluation.scores(found, truth) for found in answers], microseconds),
        "baseline": learned.Rival(
            name="majority class" if classes else "mean", test=evaluation.scores(naive(len(truth)), truth)
        ),
        "linear": learned.Rival(
            name="logistic regression" if classes else "linear regression",
            test=evaluation.scores(linear(preparation.inputs(raw, np.float64)), truth),
        ),
        "ledger": learned.Ledger(times_scored=times),
        "calibration": _calibration(choice, kept, truth),
    }


def _untested(choice: Choice) -> dict[str, Any]:
    """What is said in place of scores where no row was kept to test on."""
    nothing = dict.fromkeys(("test", "baseline", "linear", "ledger"))
    unknown = [None] * len(choice.finalists)
    return nothing | {"finalists": _finalists(choice, unknown, unknown)}


def _timed(model: Predictor, raw: Any, rows: int) -> tuple[evaluation.Answers, float]:
    """A model's answers to raw rows, and the microseconds that one of them took."""
    model.answers(raw[:1])  # what is folded once for all rows is no part of their time
    before = time.perf_counter()
    answers = model.answers(raw)
    return answers, 1e6 * (time.perf_counter() - before) / rows


def _finalists(
    choice: Choice,
    scores: Sequence[evaluation.Scores | None],
    microseconds: Sequence[float | None],
) -> list[learned.Finalist]:
    """The models with their scores on the test part, and the time they took there, if there is one."""
    return [
        learned.Finalist(
            name=finalist.name,
            networks=finalist.networks,
            headline=place == choice.headline,
            validation=finalist.validation,
            test=found,
            parameters=finalist.parameters,
            microseconds=took,
        )
        for place, (finalist, found, took) in enumerate(
            zip(choice.finalists, scores, microseconds, strict=True)
        )
    ]


def _calibration(
    choice: Choice, answers: evaluation.Answers, truth: np.ndarray
) -> learned.Calibration | None:
    """How far the probabilities of an average can be trusted, before and after its temperature."""
    model = choice.final
    if not isinstance(model, Ensemble) or not choice.problem.dataset.classes:
        return None
    plain = scaled(answers, 1 / model.temperature)
    return learned.Calibration(
        validation_error=choice.validation_error,
        temperature=model.temperature,
        test_error=calibration_error(plain, truth),
        test_error_scaled=calibration_error(answers, truth),
        reliability=_bins(plain, truth),
        reliability_scaled=_bins(answers, truth),
    )


def _bins(answers: evaluation.Answers, truth: np.ndarray) -> list[learned.Bin]:
    return [
        learned.Bin(confidence=bin.confidence, accuracy=bin.accuracy, count=bin.samples)
        for bin in reliability(answers, truth)
    ]


def _mistakes(problem: Problem, judged: Judged, truth: np.ndarray) -> list[learned.Mistake]:
    """The worst mistakes on the rows that the winner was chosen by, with what these hold."""
    dataset, answers, found = problem.dataset, judged.answers, []
    for position in evaluation.worst(answers, truth):
        row, answer = int(judged.rows[position]), answers[position]
        if dataset.classes:
            true, given = dataset.classes[truth[position]], dataset.classes[int(np.argmax(answer))]
            probability = float(answer[truth[position]])
            mistake = learned.Mistake(row=row, true=true, predicted=given, probability=probability)
        else:
            value, predicted = float(truth[position]), float(answer)
            mistake = learned.Mistake(row=row, true=value, predicted=predicted, error=predicted - value)
        if dataset.image_shape:
            mistake.pixels = np.asarray(dataset.features[row]).reshape(dataset.image_shape).tolist()
        else:
            mistake.values = _row_values(dataset, row)
        found.append(mistake)
    return found


def _row_values(dataset: Dataset, row: int) -> dict[str, Any]:
    """One row's raw cells as JSON values."""
    if isinstance(dataset.features, pl.DataFrame):
        cells = dataset.features.row(row, named=True)
    else:
        cells = dict(zip(dataset.column_names, np.asarray(dataset.features[row]).tolist(), strict=True))
    found = {name: None if value != value else value for name, value in list(cells.items())[:40]}
    plain = (int, float, type(None))
    return {name: value if isinstance(value, plain) else str(value) for name, value in found.items()}
