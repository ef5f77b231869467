"""Models made of trained members, on made-up members whose answers are known."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import couloir
import known_candidates
from couloir.data.preparation import Preparation
from couloir.engine.member import Member
from couloir.engine.optimizers import find_rule
from couloir.model.predictor import Model
from couloir.runs.records.learned import Share
from couloir.selection.averages import Average, as_one, averaged, is_kept, refitted, shares
from couloir.selection.problem import Conditions, prepare
from known_candidates import READING, known

ROWS = np.arange(12)
TRUTH = ROWS % 3
sure = partial(known_candidates.sure, TRUTH, 3)


def average_of(
    answers: dict[int, np.ndarray], most: int, folds: int = 1, truth: np.ndarray = TRUTH
) -> Average:
    return averaged(known(answers, folds), READING, truth, most)


def test_those_that_err_on_different_rows_are_averaged() -> None:
    pool = {4: sure(0.8, (0, 1)), 9: sure(0.4), 2: sure(0.8, (5, 6))}
    found = average_of(pool, 10)
    assert set(found.shares) >= {4, 2}
    mean = sum(found.shares.get(number, 0) * answers for number, answers in pool.items())
    chosen = mean[ROWS, ROWS % 3]
    assert found.validation["log_loss"] == pytest.approx(-np.log(chosen).mean(), rel=1e-12)
    single = min(-np.log(answers[ROWS, ROWS % 3]).mean() for answers in pool.values())
    assert found.validation["log_loss"] < single
    assert sum(found.shares.values()) == pytest.approx(1)


def test_a_member_s_share_is_divided_among_its_folds() -> None:
    found = average_of({4: sure(0.8, (0, 1)), 2: sure(0.8, (5, 6))}, 10, folds=3)
    assert found.shares == {4: 0.5, 2: 0.5}
    names = [each.name for each in found.model.networks]  # type: ignore[attr-defined]
    assert names == ["4.0", "4.1", "4.2", "2.0", "2.1", "2.2"]
    assert found.model.weights == pytest.approx([1 / 6] * 6)
    assert found.model.preparation is READING


def test_of_one_there_is_no_average() -> None:
    found = average_of({4: sure(0.8, (0, 1)), 2: sure(0.7, (5, 6))}, 1)
    assert found.shares == {4: 1.0}
    assert found.validation["accuracy"] == pytest.approx(10 / 12)


def test_the_calibration_of_what_is_right_less_often_than_it_says() -> None:
    found = average_of({0: sure(0.99, (0, 1, 2, 3, 4, 5))}, 1)
    assert found.calibration_error == pytest.approx(0.99 - 6 / 12)
    # 6 of 12 rows are right, and a third of one more: at the best temperature each is with that share.
    heated = np.array([0.99, 0.005]) ** (1 / found.model.temperature)
    assert heated[0] / (heated[0] + 2 * heated[1]) == pytest.approx((6 + 1 / 3) / 13, rel=1e-4)
    assert shares(found) == [Share(member=0, weight=1.0)]


def test_an_average_is_kept_unless_the_rows_tell_that_the_winner_is_better() -> None:
    truth, winner = ROWS % 3, sure(0.8)

    def kept(answers: np.ndarray, metric: str = "log_loss", several: int = 2) -> bool:
        average = average_of({0: winner, 1: winner}, 2)
        given = dict.fromkeys(range(several), 1 / several)
        return is_kept(replace(average, answers=answers, shares=given), winner, truth, metric)

    assert kept(sure(0.9))
    assert not kept(sure(0.9), several=1), "one alone is no average"
    assert not kept(sure(0.79)), "worse on every row alike: there is no doubt"
    # Two rows of twelve wrong: the mean difference is positive, and less than two of its standard errors.
    assert kept(sure(0.85, (0, 1)))
    assert not kept(sure(0.85, (0, 1, 2, 3, 4, 5)))
    assert kept(sure(0.4), "accuracy"), "right where the winner is right"
    assert not kept(sure(0.9, (0, 1, 2, 3, 4, 5)), "accuracy")


def test_values_are_averaged_by_their_squared_error_and_have_no_temperature() -> None:
    answers = {0: ROWS + 1.0, 1: ROWS - 1.0, 2: ROWS + 50.0}
    found = average_of(answers, 10, truth=ROWS.astype(float))
    assert found.shares == {0: 0.5, 1: 0.5}
    assert found.validation["mse"] == pytest.approx(0, abs=1e-12)
    assert found.model.temperature == 1.0
    assert found.calibration_error is None
    assert shares(found) == [Share(member=0, weight=0.5), Share(member=1, weight=0.5)]


def test_a_bag_gives_every_fold_the_same_weight() -> None:
    data = couloir.load("iris")
    whole = Preparation.fit(data, np.arange(150))
    generator, models = np.random.default_rng(0), []
    for fold in range(3):
        rows = np.setdiff1d(np.arange(150), np.arange(150)[fold::3])
        layers = ((generator.normal(size=(3, 4)), generator.normal(size=3)),)
        models.append(Model(layers, "tanh", Preparation.fit(data, rows)))
    assert as_one(whole, models[:1]) is models[0]
    bag = as_one(whole, models)
    expected = np.mean([model.answers(data.features) for model in models], axis=0)
    np.testing.assert_allclose(bag.answers(data.features), expected, rtol=1e-12)
    assert bag.preparation is whole


def test_a_refit_that_diverges_is_none() -> None:
    conditions = Conditions()
    found = prepare(couloir.load("diabetes"), conditions)
    member = Member(find_rule("sgd"), 1e30, hidden=(3,), loss="mse", epochs=2)
    rows = np.union1d(found.split.train, found.split.validation)
    assert refitted(found, conditions, member, rows, 2) is None
