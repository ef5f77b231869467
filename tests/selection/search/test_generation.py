"""One generation: which trials come first, what a trial is worth, and who leaves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import couloir
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.engine.outcomes import Outcome, RungResult, Trained, halving
from couloir.engine.training import train_population
from couloir.options import SEARCH, taken_by
from couloir.selection import portfolio
from couloir.selection.cross_validation import CrossValidation
from couloir.selection.problem import Problem, prepare
from couloir.selection.search.entries import Fixed
from couloir.selection.search.generation import (
    Generation,
    at_rungs,
    first_generation,
    member_of,
    train_generation,
)
from couloir.selection.search.space import Space
from searches import CONDITIONS, SPACE

RUNGS = halving(9, keep=1 / 3)


def member(rate: float, schedule: str = "constant") -> Member:
    rule = RULES["adam"]
    return Member(
        rule, rate, hidden=(6,), activation="tanh", batch_size=16, epochs=9, schedule=schedule, l2=1e-6
    )


GENERATION = taken_by(SEARCH)["generation"].default


MEMBERS = [
    member(3e-4),
    member(0.03, "cosine"),
    member(1e300),
    member(0.1, "cosine"),
    member(1e-3),
    member(0.01, "cosine"),
    member(3e-3),
]
DIVERGES = 2


def whole(given: Problem) -> Trained:
    """The members without rungs: nobody leaves."""
    return train_population(MEMBERS, given.trained_on(MEMBERS), patience=4, precision="float64")


@pytest.fixture(scope="module")
def generation(problem: Problem) -> Generation:
    return train_generation(problem, MEMBERS, 40, CONDITIONS, "log_loss", RUNGS)


@pytest.fixture(scope="module")
def in_folds(folded: Problem) -> Generation:
    return train_generation(folded, MEMBERS, 40, CONDITIONS, "log_loss", RUNGS)


# The first generation -------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["iris", "diabetes"])
def test_a_search_begins_with_the_portfolio_of_train(source: str) -> None:
    given = prepare(couloir.load(source), replace(CONDITIONS, cv=2))
    task, rows = given.data.task, given.least_rows
    space = Space.default(task, rows)
    expected = portfolio.members(task, rows)
    found = [space.member(each) for each in first_generation(space, given, GENERATION)]
    assert [replace(each, numbers={}) for each in found] == [replace(each, numbers={}) for each in expected]
    assert [each.hyper() for each in found] == [each.hyper() for each in expected]
    few = [space.member(each) for each in first_generation(space, given, 3)]
    assert few == found[:3], "the most useful come first"


def test_what_is_given_narrows_the_beginning(problem: Problem) -> None:
    space = Space.default("classification", 1000)
    standard = space.with_values({"encoding": ["standard"], "activation": ["mish"], "hidden": [(8, 4)]})
    found = [standard.member(each) for each in first_generation(standard, problem, GENERATION)]
    assert {(each.encoding, each.activation, each.hidden) for each in found} == {("standard", "mish", (8, 4))}
    assert len(found) > 3
    assert first_generation(space.with_values({"optimizer": ["adam", "sgd"]}), problem, GENERATION) == []


def test_where_the_portfolio_is_not_in_the_space_there_is_no_beginning(problem: Problem) -> None:
    assert first_generation(SPACE, problem, 64) == []


def test_a_trial_s_batches_are_no_larger_than_the_least_part(problem: Problem, folded: Problem) -> None:
    """Of 150 rows 105 are learnt from; of the two folds' 128, half are, and of these 15 % stop."""
    large = Space("classification", SPACE.entries | {"batch_size": Fixed(4096)})
    values = {"rate": 1.0, "schedule": "constant", "l2": 1e-6}
    for given in (problem, folded):
        rows = [len(part.train.inputs) for part in given.trained_on(MEMBERS)["standard"]]
        assert member_of(large, given, values).batch_size == min(rows)
        assert member_of(SPACE, given, values).batch_size == 16


# What a trial is worth ------------------------------------------------------------------------------------


def best_so_far(trained: Trained, number: int, epochs: int) -> float:
    """The mean over the folds of a member's best validation loss within so many epochs."""
    return float(
        np.mean([min(s["log_loss"] for s in fold[number].validation[:epochs]) for fold in trained.folds])
    )


@pytest.mark.slow
@pytest.mark.parametrize("which", ["generation", "in_folds"])
def test_the_worse_leave_at_rungs_and_can_be_told_from_who_diverged(
    which: str, request: pytest.FixtureRequest, problem: Problem, folded: Problem
) -> None:
    found: Generation = request.getfixturevalue(which)
    alone = whole(problem if which == "generation" else folded)
    assert [rung.epoch for rung in RUNGS] == [1, 3]
    alive = [number for number in range(len(MEMBERS)) if number != DIVERGES]
    came = dict.fromkeys(range(len(MEMBERS)), 0)
    for rung in RUNGS:
        for number in alive:
            came[number] += 1
        alive.sort(key=lambda number: best_so_far(alone, number, rung.epoch))
        alive = alive[: -(-len(alive) // 3)]
    assert [(rung.entered, rung.kept) for rung in found.rungs] == [(6, 2), (2, 1)]
    for number, result in enumerate(found.results):
        left = [best_so_far(alone, number, rung.epoch) for rung in RUNGS[: came[number]]]
        expected = "diverged" if number == DIVERGES else "left"
        assert result.status == (alone.outcomes[number].status if number in alive else expected)
        assert [epoch for epoch, _ in result.rungs] == [1, 3][: came[number]]
        assert [value for _, value in result.rungs] == pytest.approx(left, rel=1e-9)
        assert (result.value is None) == (number not in alive)
    assert len({result.status for result in found.results}) == 3


def test_who_diverged_between_two_rungs_came_to_the_first_alone() -> None:
    losses = [{"log_loss": loss} for loss in (0.9, 0.8, float("nan"))]
    passed = [RungResult(epoch, 9, 3, 0.5) for epoch in (1, 2, 3, 6)]
    for status, epochs in (("diverged", [1, 2]), ("left", [1, 2, 3]), ("stopped", [1, 2, 3, 6])):
        outcome = Outcome(MEMBERS[0], status, 2, 0.8, losses, losses)
        found = at_rungs([outcome], passed, "log_loss")
        assert found == [(epoch, 0.9 if epoch == 1 else 0.8) for epoch in epochs]


def test_a_trial_s_value_is_its_best_on_validation(generation: Generation, problem: Problem) -> None:
    """Also where its rate follows a schedule: the whole budget stays the horizon."""
    alone = whole(problem)
    kept = [number for number, result in enumerate(generation.results) if result.value is not None]
    assert kept
    for number in kept:
        outcome, result = alone.outcomes[number], generation.results[number]
        assert result.value == pytest.approx(min(s["log_loss"] for s in outcome.validation), rel=1e-9)
        assert result.attributes["best_epochs"] == [outcome.best_epoch]
        assert result.attributes["epochs_run"] == outcome.epochs_run
        assert result.attributes["n_parameters"] == 4 * 6 + 6 + 6 * 3 + 3
    assert any(MEMBERS[number].schedule == "cosine" for number in kept)


def test_a_trial_s_value_in_folds_is_its_mean_on_what_they_held_out(
    in_folds: Generation, folded: Problem
) -> None:
    crossed = CrossValidation(folded, whole(folded), "log_loss")
    kept = [number for number, result in enumerate(in_folds.results) if result.value is not None]
    assert kept
    for number in kept:
        result = in_folds.results[number]
        assert result.value == pytest.approx(crossed.scores["log_loss"][number].mean(), rel=1e-9)
        for name, values in crossed.scores.items():
            assert result.attributes["held_out"][name] == pytest.approx(values[number].tolist(), rel=1e-9)
        inner = [fold[number].score for fold in crossed.trained.folds]
        assert result.attributes["stopping"] == pytest.approx(inner, rel=1e-9)
        assert result.attributes["epochs_run"] == sum(
            fold[number].epochs_run for fold in crossed.trained.folds
        )


@pytest.mark.parametrize("which", ["generation", "in_folds"])
def test_networks_are_kept_of_the_trials_with_a_value(which: str, request: pytest.FixtureRequest) -> None:
    found: Generation = request.getfixturevalue(which)
    given = {number + 40: result for number, result in enumerate(found.results) if result.value is not None}
    assert [entry.number for entry in found.trained] == list(given)
    for entry in found.trained:
        assert entry.value == given[entry.number].value
        assert len(entry.models) == (1 if which == "generation" else 2)


def test_curves_are_means_over_the_folds(in_folds: Generation, folded: Problem) -> None:
    alone = whole(folded)
    for entry in in_folds.trained:
        outcomes = [fold[entry.number - 40] for fold in alone.folds]
        for epoch, (training, validation) in enumerate(entry.curves.T):
            for found, part in ((training, "training"), (validation, "validation")):
                histories = [getattr(outcome, part) for outcome in outcomes]
                losses = [scores[min(epoch, len(scores) - 1)]["log_loss"] for scores in histories]
                expected = np.mean(losses)
                assert found == pytest.approx(expected, rel=1e-9)


def test_more_of_an_accuracy_is_better(problem: Problem) -> None:
    found = train_generation(problem, MEMBERS, 0, CONDITIONS, "accuracy", RUNGS)
    alone = train_population(
        MEMBERS, problem.trained_on(MEMBERS), patience=4, precision="float64", metric="accuracy"
    ).outcomes
    (kept,) = [number for number, result in enumerate(found.results) if result.value is not None]
    assert found.results[kept].value == max(s["accuracy"] for s in alone[kept].validation)
    firsts = [outcome.validation[0]["accuracy"] for n, outcome in enumerate(alone) if n != DIVERGES]
    assert found.rungs[0].cut == pytest.approx(sorted(firsts, reverse=True)[1])
