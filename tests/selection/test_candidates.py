"""Candidates judged by a validation part: who may be chosen, and what is said of each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

import couloir
from couloir.engine.outcomes import Outcome
from couloir.engine.training import train_population
from couloir.selection import evaluation
from couloir.selection.candidates import (
    POOL,
    best_validated,
    importance,
    median_epochs,
    training_scores,
    validated,
)
from couloir.selection.members import Options
from couloir.selection.problem import Conditions, Problem, plan, prepare

CONDITIONS = Conditions(precision="float64")
OPTIONS: dict[str, Any] = {"hidden": 6, "learning_rate": [0.003, 0.03, 0.1], "optimizer": "adam", "epochs": 6}


@pytest.fixture(scope="module")
def problem() -> Problem:
    return prepare(couloir.load("wine"), CONDITIONS)


@pytest.fixture(scope="module")
def outcomes(problem: Problem) -> list[Outcome]:
    planned = plan(problem, Options(**OPTIONS), CONDITIONS)
    return train_population(planned.members, problem.data, precision="float64").outcomes


@pytest.mark.slow
def test_who_may_be_chosen_stands_in_the_order_of_the_best_scores(
    problem: Problem, outcomes: list[Outcome]
) -> None:
    def numbers(given: list[Outcome]) -> list[int]:
        return [each.number for each in best_validated(problem, given, "log_loss")]

    lowest = [min(scores["log_loss"] for scores in outcome.validation) for outcome in outcomes]
    order = np.argsort(lowest).tolist()
    assert numbers(outcomes) == order
    lost = list(outcomes)
    lost[order[0]] = replace(lost[order[0]], status="diverged")
    lost[order[1]] = replace(lost[order[1]], best_epoch=0)
    assert numbers(lost) == order[2:]
    lost[order[2]] = replace(lost[order[2]], status="diverged")
    assert numbers(lost) == []
    assert numbers(outcomes * 20) == sorted(range(60), key=lambda number: lowest[number % 3])[:POOL]


@pytest.mark.parametrize("number", range(3))
def test_scores_are_those_of_the_model(number: int, problem: Problem, outcomes: list[Outcome]) -> None:
    found = validated(problem, outcomes, number)
    (model,), raw = found.models, problem.dataset.rows
    learnt = model.answers(raw(problem.split.train))
    truth = np.searchsorted(np.array(problem.dataset.classes), problem.dataset.target[problem.split.train])
    scores = training_scores(problem, found.models)
    assert scores["log_loss"] == pytest.approx(log_loss(truth, learnt), rel=1e-9)
    assert scores["accuracy"] == accuracy_score(truth, learnt.argmax(axis=1))
    judged = model.answers(raw(problem.split.validation))
    np.testing.assert_allclose(found.answers, judged, rtol=1e-9, atol=1e-12)
    assert found.epochs == outcomes[number].best_epoch
    expected = outcomes[number].validation[found.epochs - 1]["log_loss"]
    assert log_loss(problem.truth(problem.judged_rows), found.answers) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("best", "expected"), [([7], 7), ([1, 9, 4], 4), ([3, 5], 4), ([1, 2], 2), ([0, 0, 8], 1)]
)
def test_the_median_of_the_best_epochs(best: list[int], expected: int) -> None:
    assert median_epochs(best) == expected


def test_importance_is_of_columns_on_the_rows_judged_on(problem: Problem, outcomes: list[Outcome]) -> None:
    assert problem.data.validation is not None
    models, inputs = validated(problem, outcomes, 0).models, problem.data.validation.inputs
    truth = problem.truth(problem.split.validation)
    assert importance(problem, models, 3) == evaluation.importance(models[0], inputs, truth, 3)


def test_pixels_have_no_importance() -> None:
    assert importance(prepare(couloir.load("digits"), CONDITIONS), [], 0) is None
