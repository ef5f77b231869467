"""One network in place of several: what it is trained to, by which rows, and what of it is kept."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import couloir
import known_candidates
from couloir.data.dataset import Fold
from couloir.engine.member import Member, initial_network
from couloir.engine.optimizers import RULES
from couloir.errors import InputError
from couloir.model.predictor import Ensemble, Model
from couloir.report import render
from couloir.runs.records import read_record
from couloir.selection.candidates import Candidate
from couloir.selection.choosing import shortlist
from couloir.selection.distilling import SHARE, TIMES, Teacher, distilled, mixed
from couloir.selection.problem import Conditions, Problem, prepare
from known_candidates import READING, known
from poison import hold_division, poisoned

RULES_OPTIONS: dict[str, Any] = {
    "optimizer": "adam",
    "learning_rate": [0.001, 0.003],
    "hidden": 6,
    "epochs": 10,
    "batch_size": 32,
    "restarts": 4,
    "ensemble": 4,
}
WAYS: dict[str, dict[str, Any]] = {
    "validation": {},
    "refit": {"refit": True},
    "folds": {"cv": 3},
    "portfolio": {"members": 2, "cv": 2},
}


def given(way: str) -> dict[str, Any]:
    return WAYS[way] if way == "portfolio" else RULES_OPTIONS | WAYS[way]


def teacher_of(problem: Problem, member: Member, epochs: int = 1) -> Teacher:
    """A made-up teacher, two linear networks that nobody trained, and answers where it was chosen."""
    random, reading = np.random.default_rng(3), problem.preparation
    outputs = len(problem.dataset.classes) if problem.dataset.classes else 1
    shape = outputs, len(reading.feature_names)
    layers = [((random.normal(size=shape), random.normal(size=outputs)),) for _ in range(2)]
    networks = tuple(Model(each, "relu", reading) for each in layers)
    rows = len(problem.judged_rows)
    answers = random.normal(size=rows)
    if problem.dataset.classes:
        answers = random.dirichlet(np.ones(outputs), rows)
    model = Ensemble(reading, networks, (0.25, 0.75), 1.5 if problem.dataset.classes else 1.0)
    return Teacher(model, answers, Candidate(0, member, [epochs], networks, lambda _: answers))


# What it is trained to --------------------------------------------------------------------------------------


def test_without_folds_the_teacher_itself_answers() -> None:
    problem = prepare(couloir.load("iris"), Conditions())
    teacher, rows = teacher_of(problem, Member(RULES["sgd"], 0.1)), problem.split.train
    hard = np.eye(3)[problem.truth(rows)]
    soft = teacher.model.answers(problem.dataset.rows(rows))
    np.testing.assert_allclose(mixed(problem, teacher, rows), SHARE * soft + (1 - SHARE) * hard, rtol=1e-12)


def test_in_folds_each_row_is_answered_by_those_that_have_not_seen_it() -> None:
    problem = prepare(couloir.load("iris"), Conditions(cv=3))
    teacher, rows = teacher_of(problem, Member(RULES["sgd"], 0.1)), problem.split.train
    powers = teacher.answers ** (1 / 1.5)
    soft = powers / powers.sum(axis=1, keepdims=True)
    order = np.argsort(np.concatenate([fold.held_out for fold in problem.folds]))
    assert np.array_equal(np.concatenate([fold.held_out for fold in problem.folds])[order], rows)
    expected = SHARE * soft + (1 - SHARE) * np.eye(3)[problem.truth(rows)]
    np.testing.assert_allclose(mixed(problem, teacher, rows), expected, rtol=1e-12)


def test_a_row_that_no_fold_holds_out_is_what_it_is() -> None:
    problem = prepare(couloir.load("diabetes"), Conditions(cv=3))
    first, *others = problem.folds
    problem = replace(problem, folds=tuple(others))
    teacher, rows = teacher_of(problem, Member(RULES["sgd"], 0.1)), problem.split.train
    found, truth = mixed(problem, teacher, rows), problem.truth(rows)
    never = np.isin(rows, first.held_out)
    np.testing.assert_array_equal(found[never], truth[never])
    np.testing.assert_allclose(found[~never], SHARE * teacher.answers + (1 - SHARE) * truth[~never])


@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_a_linear_pupil_takes_the_steps_that_one_takes_by_hand(name: str) -> None:
    """Full batches of plain gradient descent: W ← W − α ∂L/∂W, with ∂L/∂f = softmax(f) − t, or 2 (f − t)."""
    conditions, epochs, rate = Conditions(precision="float64"), 3, 0.05
    problem = prepare(couloir.load(name), conditions)
    rows = problem.split.train
    loss = "cross_entropy" if problem.dataset.classes else "mse"
    member = Member(RULES["sgd"], rate, hidden=(), loss=loss, batch_size=len(rows), epochs=epochs)
    teacher = teacher_of(problem, member, epochs)
    targets = mixed(problem, teacher, rows)
    inputs = problem.preparation.inputs(problem.dataset.rows(rows), np.float64)
    outputs = targets.shape[1] if problem.dataset.classes else 1
    if not problem.dataset.classes:
        values = problem.dataset.target[rows]
        targets = ((targets - values.mean()) / values.std())[:, None]
    ((weight, bias),) = initial_network(member, conditions.seed, inputs.shape[1], outputs, np.float64)
    for _ in range(TIMES * epochs):
        answers = inputs @ weight.T + bias
        if problem.dataset.classes:
            powers = np.exp(answers)
            slope = (powers / powers.sum(axis=1, keepdims=True) - targets) / len(rows)
        else:
            slope = 2 * (answers - targets) / len(rows)
        weight, bias = weight - rate * slope.T @ inputs, bias - rate * slope.sum(axis=0)
    model = distilled(problem, conditions, teacher, rows)
    assert model is not None
    np.testing.assert_allclose(model.layers[0][0], weight, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.layers[0][1], bias, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("folds", [0, 3])
def test_rows_that_are_not_learnt_from_have_no_say(folds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data, conditions = couloir.load("wine"), Conditions(cv=folds or None)
    problem = prepare(data, conditions)
    hold_division(monkeypatch, problem.split, problem.folds)
    others = np.concatenate([problem.split.validation, problem.split.test])
    member = Member(RULES["adam"], 0.01, hidden=(4,), epochs=3)
    changed = prepare(poisoned(data, others), conditions)
    one, other = (
        distilled(each, conditions, teacher_of(problem, member, 3), problem.split.train)
        for each in (problem, changed)
    )
    assert one is not None
    assert other is not None
    for ours, theirs in zip(one.layers, other.layers, strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])


# What is kept -----------------------------------------------------------------------------------------------

TRUTH = np.arange(12) % 2
HALVES = known(
    {n: known_candidates.sure(TRUTH, 2, 0.8, rows) for n, rows in enumerate([(0, 1), (6, 7)])}, folds=2
)
SMALL: Any = known_candidates.named("small")


def test_the_average_is_the_teacher_and_its_pupil_is_kept() -> None:
    seen: list[Teacher] = []

    def teach(teacher: Teacher) -> Any:
        seen.append(teacher)
        return SMALL

    found = shortlist(HALVES, "log_loss", READING, TRUTH, ensemble=2, distil=teach)
    assert list(found.models) == ["winner", "ensemble", "distilled"]
    assert (found.headline, found.models["distilled"]) == ("distilled", SMALL)
    (teacher,) = seen
    assert found.average is not None
    assert teacher.model is found.average.model
    assert teacher.answers is found.average.answers
    assert teacher.best is HALVES[0]


def test_a_winner_of_several_folds_is_a_teacher_too() -> None:
    found = shortlist(HALVES, "log_loss", READING, TRUTH, ensemble=1, distil=lambda _: SMALL)
    assert found.headline == "distilled"
    assert found.teacher is not None
    assert found.teacher.model is found.models["winner"]
    assert found.teacher.answers is HALVES[0].answers


def test_a_pupil_that_diverges_is_not_kept() -> None:
    found = shortlist(HALVES, "log_loss", READING, TRUTH, ensemble=2, distil=lambda _: None)
    assert list(found.models) == ["winner", "ensemble"]
    assert found.headline == "ensemble"
    assert found.teacher is not None


def test_one_network_teaches_nobody() -> None:
    def teach(_: Teacher) -> Any:
        raise AssertionError

    found = shortlist(HALVES, "log_loss", READING, TRUTH, refit=lambda: SMALL, distil=teach)
    assert (found.headline, found.teacher) == ("refitted", None)


# Whole runs -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs() -> dict[str, Any]:
    return {way: couloir.train("wine", distil=True, **given(way)) for way in ("validation", "portfolio")}


@pytest.mark.parametrize("way", ["validation", "portfolio"])
def test_a_run_has_one_finalist_more_and_keeps_it(way: str, runs: dict[str, Any]) -> None:
    without, record = couloir.train("wine", **given(way)).record, runs[way].record
    assert without.headline.name == "ensemble", "there is nothing to distil"
    *before, small = record.finalists
    assert [each.name for each in before] == [each.name for each in without.finalists]
    assert [each.test for each in before] == [each.test for each in without.finalists]
    assert (small.name, small.headline, small.networks) == ("distilled", True, 1)
    assert small.parameters < record.finalists[1].parameters
    assert small.test == record.test.scores
    # In folds it has learnt from all rows that others were judged on.
    assert (small.validation is None) == (way == "portfolio")
    assert record.distilled.teacher == "ensemble"
    assert record.distilled.member in [share.member for share in record.ensemble]
    member = runs[way].leaderboard.filter(member=record.distilled.member).row(0, named=True)
    assert record.distilled.epochs == TIMES * member["best_epoch"]
    assert record.undistilled is None
    assert without.distilled is None


@pytest.mark.parametrize("way", ["validation", "portfolio"])
def test_its_folder_opens_and_predicts(way: str, runs: dict[str, Any], tmp_path: Path) -> None:
    run = runs[way]
    folder = run.save(tmp_path)
    again = couloir.open_run(folder)
    assert isinstance(again.model, Model)
    rows = couloir.load("wine").features
    np.testing.assert_array_equal(again.model.answers(rows), run.model.answers(rows))
    assert read_record(folder) == run.record
    page = render(run)
    assert "What one network keeps" in page
    assert "(Hinton et al. 2015)" in page


@pytest.mark.parametrize("way", ["refit", "folds"])
def test_with_a_refit_it_learns_from_the_validation_rows_too(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, np.ndarray] = {}

    def note(problem: Problem, conditions: Conditions, teacher: Teacher, rows: np.ndarray) -> None:
        asked.update(learnt=rows, rest=np.union1d(problem.split.train, problem.split.validation))

    monkeypatch.setattr("couloir.selection.choosing.distilled", note)
    record = couloir.train("wine", distil=True, **given(way)).record
    np.testing.assert_array_equal(asked["learnt"], asked["rest"])
    assert record.undistilled == "diverged"
    assert record.headline.name == "ensemble"


@pytest.mark.parametrize("way", ["validation", "portfolio"])
def test_poisoned_test_rows_change_no_weight(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = couloir.load("wine")
    conditions = Conditions(cv=2 if way == "portfolio" else None, patience=None)
    problem = prepare(data, conditions)
    folds = [Fold(fold.train, fold.train[:0], fold.held_out) for fold in problem.folds]
    hold_division(monkeypatch, problem.split, folds)
    train = partial(couloir.train, distil=True, **given(way))
    one, other = train(data), train(poisoned(data, problem.split.test))
    assert one.record.headline.name == "distilled"
    for ours, theirs in zip(one.model.layers, other.model.layers, strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])
    assert one.record.test != other.record.test


@pytest.mark.parametrize(
    "wrong",
    [
        {"ensemble": 1},
        {"members": 1},
        {"plan": "rules"},
        {"optimizer": "adam", "learning_rate": 0.01, "hidden": (), "ensemble": 3},
    ],
)
def test_without_an_average_it_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"There is no average to distil: .*, or leave out --distil\."):
        couloir.train("iris", distil=True, **wrong)
