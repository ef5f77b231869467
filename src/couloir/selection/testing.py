"""What a run found: run.json's content.

`_test` is the only function that looks at the test part. It comes last, when every model on its list
is fixed.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, NamedTuple

import jax
import numpy as np
import polars as pl

from couloir.data.dataset import Dataset, describe
from couloir.data.preparation import Preparation
from couloir.engine.architectures.mlp import parameter_count
from couloir.engine.member import Member
from couloir.engine.metrics import METRICS
from couloir.engine.outcomes import ENDS, End, Outcome, Trained, ending
from couloir.model.predictor import Ensemble, Predictor, scaled
from couloir.runs import ledger
from couloir.runs import stored as runs
from couloir.selection import evaluation
from couloir.selection.ensemble import calibration_error, reliability
from couloir.selection.evaluation import Judged
from couloir.selection.problem import Conditions, Problem


@dataclass(frozen=True)
class Finalist:
    """A model on the list that is tested.

    Attributes:
        name: "winner", "refitted" or "ensemble".
        model: the model.
        rows: what it was fitted to.
        validation: its scores where it was chosen, None for what was refitted afterwards.
        networks: how many it averages.
    """

    name: str
    model: Predictor
    rows: np.ndarray
    validation: evaluation.Scores | None = None
    networks: int = 1


class Winner(NamedTuple):
    """The chosen member: its number, itself, its best epoch, and for how many it was trained again."""

    number: int
    member: Member
    best_epoch: int
    refit_epochs: int | None = None


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
        finalists: every model to be tested.
        headline: the place among them of the one that is kept.
        command: what was run.
        history: the scores of members by epoch.
        leaderboard: a row for every member, best first.
        kind: "train", "race" or "search".
        more: what else run.json is to say.
        tables: what else was measured.
    """

    problem: Problem
    conditions: Conditions
    metric: str
    members: int
    cohorts: int
    counts: dict[str, int]
    samples_per_second: float
    winner: Winner
    judged: Judged
    training: evaluation.Scores
    importance: list[dict[str, Any]] | None
    finalists: list[Finalist]
    headline: int
    command: str
    history: pl.DataFrame
    leaderboard: pl.DataFrame
    kind: str = "train"
    more: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)

    @property
    def final(self) -> Predictor:
        """The model that is kept."""
        return self.finalists[self.headline].model


def record(choice: Choice) -> dict[str, Any]:
    """Everything that run.json holds, save how the run ended and how long it took."""
    problem, judged = choice.problem, choice.judged
    truth = problem.truth(judged.rows)
    return {
        "schema_version": runs.SCHEMA_VERSION,
        "kind": choice.kind,
        "command": choice.command,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "seed": choice.conditions.seed,
        "metric": choice.metric,
        "source": dict(problem.dataset.source),
        "fractions": list(choice.conditions.split),
        "class_weights": choice.conditions.class_weights,
        "data": _data_record(problem),
        "n_members": choice.members,
        "n_cohorts": choice.cohorts,
        "counts": choice.counts,
        "winner": _winner_record(choice),
        "validation": evaluation.scores(judged.answers, truth),
        "training": choice.training,
        "importance": choice.importance,
        "mistakes": _mistakes(problem, judged, truth),
        **choice.more,
        **_test(choice),
        "throughput": {"member_samples_per_second": round(choice.samples_per_second)},
        "versions": _versions(),
        "device": jax.default_backend(),
    }


def counts(trained: Trained) -> dict[str, int]:
    """How many members ended in which way; in folds, by the worst of a member's ends."""
    return counted([ending(outcomes) for outcomes in zip(*trained.folds, strict=True)])


def counted(ends: Sequence[End]) -> dict[str, int]:
    """How often there is each end."""
    return {end: ends.count(end) for end in ENDS}


def stopping(outcome: Outcome, metric: str, conditions: Conditions) -> dict[str, Any] | None:
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
    return {
        "patience": conditions.patience,
        "stopped": stop >= 0,
        "compared": conditions.no_stop,
        "stop_epoch": stop + 1 if stop >= 0 else None,
        "best_epoch": best + 1,
        "score_at_stop": outcome.validation[best][metric],
        "training_at_stop": outcome.training[best][metric],
        "last_epoch": len(scores),
        "score_at_last": outcome.validation[-1][metric],
        "best_of_all": {
            "epoch": int(np.argmin(scores)) + 1,
            "score": outcome.validation[int(np.argmin(scores))][metric],
        },
    }


def _winner_record(choice: Choice) -> dict[str, Any]:
    winner = choice.winner
    return {
        "member": winner.number,
        **winner.member.describe(),
        "n_parameters": parameter_count(choice.problem.widths(winner.member)),
        "best_epoch": winner.best_epoch,
        "refit_epochs": winner.refit_epochs,
    }


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
    answers = [finalist.model.answers(raw) for finalist in choice.finalists]
    test: dict[str, Any] = evaluation.scores(answers[choice.headline], truth)
    test["intervals"] = {
        name: list(pair)
        for name, pair in evaluation.intervals(
            answers[choice.headline], truth, choice.conditions.seed
        ).items()
    }
    if classes:
        test["confusion"] = evaluation.confusion(answers[choice.headline], truth)
    return {
        "test": test,
        "finalists": [
            {
                "name": finalist.name,
                "networks": finalist.networks,
                "headline": number == choice.headline,
                "validation": finalist.validation,
                "test": evaluation.scores(found, truth),
            }
            for number, (finalist, found) in enumerate(zip(choice.finalists, answers, strict=True))
        ],
        "baseline": {
            "name": "majority class" if classes else "mean",
            "test": evaluation.scores(naive(len(truth)), truth),
        },
        "linear": {
            "name": "logistic regression" if classes else "linear regression",
            "test": evaluation.scores(linear(preparation.inputs(raw, np.float64)), truth),
        },
        "ledger": {"times_scored": times},
        **_calibration(choice, answers[choice.headline], truth),
    }


def _calibration(choice: Choice, answers: evaluation.Answers, truth: np.ndarray) -> dict[str, Any]:
    """How far the probabilities of an ensemble can be trusted, before and after its temperature."""
    model = choice.final
    if not isinstance(model, Ensemble) or not choice.problem.dataset.classes:
        return {}
    plain = scaled(answers, 1 / model.temperature)
    return {
        "calibration": {
            **choice.more.get("calibration", {}),
            "temperature": model.temperature,
            "test_error": calibration_error(plain, truth),
            "test_error_scaled": calibration_error(answers, truth),
            "reliability": _bins(plain, truth),
            "reliability_scaled": _bins(answers, truth),
        }
    }


def _bins(answers: evaluation.Answers, truth: np.ndarray) -> list[dict[str, Any]]:
    return [
        {"confidence": bin.confidence, "accuracy": bin.accuracy, "count": bin.samples}
        for bin in reliability(answers, truth)
    ]


def _data_record(problem: Problem) -> dict[str, Any]:
    return {**describe(problem.dataset), "split": problem.split.sizes, "warnings": problem.warnings}


def _mistakes(problem: Problem, judged: Judged, truth: np.ndarray) -> list[dict[str, Any]]:
    """The worst mistakes on the rows that the winner was chosen by, with what these hold."""
    dataset, answers, found = problem.dataset, judged.answers, []
    for position in evaluation.worst(answers, truth):
        row = int(judged.rows[position])
        entry: dict[str, Any] = {"row": row, "values": None, "pixels": None}
        if dataset.classes:
            entry |= {
                "true": dataset.classes[truth[position]],
                "predicted": dataset.classes[int(np.argmax(answers[position]))],
                "probability": float(answers[position, truth[position]]),
            }
        else:
            true, predicted = float(truth[position]), float(answers[position])
            entry |= {"true": true, "predicted": predicted, "error": predicted - true}
        if dataset.image_shape:
            entry["pixels"] = np.asarray(dataset.features[row]).reshape(dataset.image_shape).tolist()
        else:
            entry["values"] = _row_values(dataset, row)
        found.append(entry)
    return found


def _row_values(dataset: Dataset, row: int) -> dict[str, Any]:
    """One row's raw cells as JSON values."""
    if isinstance(dataset.features, pl.DataFrame):
        cells = dataset.features.row(row, named=True)
    else:
        cells = dict(zip(dataset.column_names, np.asarray(dataset.features[row]).tolist(), strict=True))
    return {
        name: None
        if value is None or value != value
        else value
        if isinstance(value, (int, float, bool))
        else str(value)
        for name, value in list(cells.items())[:40]
    }


def _versions() -> dict[str, str]:
    packages = ("couloir", "jax", "numpy", "polars", "scikit-learn", "plotly")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
