"""The default plan: which settings are trained, in which folds, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import couloir
from couloir.commands.stages import Stages
from couloir.commands.train import plan_run
from couloir.engine.machine import Machine
from couloir.errors import InputError
from couloir.options import ENCODINGS, FOLDS_BELOW
from couloir.selection import portfolio
from couloir.selection.members import Options
from couloir.selection.problem import Conditions, Plan

MACHINE = Machine(2, 2**34)


def planned(data: Any, options: dict[str, Any] | None = None, **conditions: Any) -> Plan:
    return plan_run(data, Conditions(machine=MACHINE, **conditions), Options(**(options or {})), Stages())


@pytest.fixture(scope="module")
def wine() -> Any:
    return couloir.load("wine")


def test_the_settings_can_all_be_members_and_no_two_are_alike() -> None:
    for task in ("classification", "regression"):
        members = portfolio.members(task, 3000)
        assert len(members) == len(portfolio.settings()) >= portfolio.FEWEST
        assert len({repr(each) for each in members}) == len(members)
        assert {each.encoding for each in members} <= set(ENCODINGS)
        assert {each.loss for each in members} == {"cross_entropy" if task == "classification" else "mse"}


def test_few_rows_are_gone_through_more_often_in_smaller_batches() -> None:
    sizes = [50, 700, 3000, 30_000, 10**6]
    first = [portfolio.members("classification", rows)[0] for rows in sizes]
    epochs, batches = [each.epochs for each in first], [each.batch_size for each in first]
    assert epochs == sorted(epochs, reverse=True)
    assert batches == sorted(batches)
    assert batches[0] <= sizes[0]
    assert first[2].epochs == portfolio.settings()[0]["epochs"]
    assert min(epochs) >= portfolio.FEWEST_EPOCHS
    assert max(epochs) <= portfolio.MOST_EPOCHS


def test_without_options_of_the_network_the_portfolio_is_the_plan(wine: Any) -> None:
    found = planned(wine)
    assert found.conditions.plan == portfolio.PORTFOLIO
    assert (
        found.members == portfolio.members("classification", found.problem.least_rows)[: len(found.members)]
    )
    assert len(found.problem.folds) == 5
    assert found.conditions.ensemble
    assert found.conditions.patience is None


@pytest.mark.parametrize(
    "options", [{"hidden": 8}, {"optimizer": "sgd"}, {"epochs": 3}, {"encoding": "robust"}]
)
def test_with_one_the_rules_are(wine: Any, options: dict[str, Any]) -> None:
    found = planned(wine, options)
    assert found.conditions.plan == portfolio.GRID
    assert not found.problem.folds
    assert found.conditions.ensemble is None
    with pytest.raises(InputError, match=r"sets the .* itself: leave out --.*, or give --plan rules"):
        planned(wine, options, plan=portfolio.PORTFOLIO)


@pytest.mark.parametrize("stopping", [{"patience": 3}, {"patience": None}, {"no_stop": True}])
def test_who_says_when_to_stop_gets_the_rules(wine: Any, stopping: dict[str, Any]) -> None:
    assert planned(wine, **stopping).conditions.plan == portfolio.GRID
    with pytest.raises(InputError, match=r"sets the .* itself: leave out --"):
        planned(wine, plan=portfolio.PORTFOLIO, **stopping)


def test_an_effort_without_the_portfolio_is_refused(wine: Any) -> None:
    for options, more in (({"hidden": 8}, {}), ({}, {"plan": portfolio.GRID})):
        with pytest.raises(InputError, match="leave out --effort"):
            planned(wine, options, effort="high", **more)


def test_a_cross_validation_has_folds(wine: Any) -> None:
    with pytest.raises(InputError, match="cv 0 is no number of folds"):
        couloir.cross_validate(wine, cv=0, optimizer="adam")


def test_rules_are_the_eight_as_ever(wine: Any) -> None:
    found = planned(wine, plan=portfolio.GRID)
    assert len(found.members) == 64
    assert len({each.rule for each in found.members}) == 8
    assert not found.conditions.to_the_end


def test_members_and_folds_that_are_given_hold(wine: Any) -> None:
    assert len(planned(wine, members=5).members) == 5
    assert len(planned(wine, cv=3).problem.folds) == 3
    assert not planned(wine, cv=0).problem.folds


def test_of_many_rows_a_validation_part_chooses() -> None:
    random = np.random.default_rng(0)
    rows = FOLDS_BELOW
    data = couloir.load((random.normal(size=(rows, 1)), random.normal(size=rows)))
    assert not planned(data, effort="quick").problem.folds
    assert len(planned(data, effort="quick", cv=2).problem.folds) == 2


def test_effort_says_how_many_are_trained(wine: Any) -> None:
    counts = [len(planned(wine, effort=effort).members) for effort in ("quick", "normal", "high")]
    assert counts == sorted(counts)
    assert counts[0] >= portfolio.FEWEST


def test_images_are_read_as_they_are() -> None:
    found = planned(couloir.load("digits"))
    assert {each.encoding for each in found.members} == {"standard"}


def test_images_have_convolutions_first_and_as_many_as_there_is_room_for() -> None:
    """Kernels of 5: 28 → 12 → 4, 64 → 30 → 13 → 4, 30 → 13 → 4; of 3: 8 → 3. Three pixels are too few."""
    hidden = {(28, 28): (16, 32), (64, 30): (16, 32), (64, 64): (8, 16, 32), (8, 8): (32,)}
    for shape, channels in hidden.items():
        found = portfolio.members("classification", 3000, shape)
        own = [each for each in found if each.architecture == "conv"]
        assert found[: len(own)] == own
        assert len(own) == len(portfolio.settings("images"))
        assert {each.hidden[:-1] for each in own} == {channels}
        assert {each.architecture for each in found[len(own) :]} == {"mlp"}
    assert {each.architecture for each in portfolio.members("classification", 3000, (3, 28))} == {"mlp"}
    assert all(each.batch_size <= 128 for each in portfolio.members("regression", 10**6, (28, 28))[:3])


def test_the_first_networks_of_digits_have_convolutions() -> None:
    found = planned(couloir.load("digits"), effort="quick")
    assert [each.architecture for each in found.members] == ["conv", "conv"]
    assert len({chunk.cohort for chunk in found.chunks}) == 1, "they are trained by one program"


def test_out_of_fold_answers_are_by_networks_that_no_row_of_the_fold_has_fitted_or_stopped(wine: Any) -> None:
    for fold in planned(wine).problem.folds:
        assert not len(fold.stopping)
        assert not set(fold.train) & set(fold.held_out)
