"""Learning-rate schedules against scalar formulas and values known by hand."""

from __future__ import annotations

import numpy as np
import optax
import pytest

import references
from couloir.engine.schedules import FROM_NOTHING, SCHEDULES, factors


def expected(name: str, steps: np.ndarray, total: int, warmup: float = 0.0) -> np.ndarray:
    references.reference(references.SCHEDULES, name)
    return np.array([references.schedule_factor(name, int(step), total, warmup) for step in steps])


def test_every_schedule_has_a_reference_and_none_is_left_over() -> None:
    assert set(SCHEDULES) == set(references.SCHEDULES)


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.25, 1.0])
@pytest.mark.parametrize("total", [1, 2, 3, 30, 997])
@pytest.mark.parametrize("name", SCHEDULES)
def test_factors_are_those_of_the_formula_and_hold_beyond_the_horizon(
    name: str, total: int, warmup: float
) -> None:
    steps = np.arange(total + 10)
    table = factors(name, steps, total, warmup)
    assert table.dtype == np.float64
    np.testing.assert_allclose(table, expected(name, steps, total, warmup), rtol=1e-12, atol=1e-16)
    np.testing.assert_array_equal(table[total:], np.full(10, table[total - 1]))


@pytest.mark.parametrize("warmup", [0.0, 0.3])
@pytest.mark.parametrize("total", [1, 7, 3000])
@pytest.mark.parametrize("name", SCHEDULES)
def test_factors_are_above_0_and_at_most_1(name: str, total: int, warmup: float) -> None:
    table = factors(name, np.arange(2 * total), total, warmup)
    assert table.max() <= 1
    if name == "coslog4":  # it touches 0 at the first step and between its waves, where steps fall there
        assert table.min() >= 0
        assert total == 1 or table.max() > 0.8 * (1 - warmup)
    else:
        assert table.min() > 0


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("constant", [1, 1, 1, 1]),
        ("step", [1, 1, 0.1, 0.01]),
        ("exponential", [1, 100**-0.3, 0.1, 100**-0.9]),
        ("inverse_time", [1, 1 / 3.7, 1 / 5.5, 1 / 9.1]),
        ("linear", [1, 0.7, 0.5, 0.1]),
        ("cosine", [1, 0.793892626146237, 0.5, 0.024471741852423]),
        ("one_cycle", [0.04, 1, None, None]),
        ("coslog4", [0, 0.983844426922876, 0.073618934185856, 0.186200800125677]),
        ("flat_cosine", [1, 1, 1, 0.095491502812526]),
    ],
)
def test_values_by_hand_at_0_30_50_and_90_percent(name: str, by_hand: list[float | None]) -> None:
    """cos 54° = 0.587785252292473 and cos 162° = −0.951056516295154 give the cosine's.

    cos 144° = −0.809016994374947 gives the flat cosine's. coslog4's are the squared sines of so many half
    turns: log₂ 5.5 = 2.459431618637297, log₂ 8.5 = 3.087462841250339, log₂ 14.5 = 3.857980995127572.
    """
    table = factors(name, np.array([0, 30, 50, 90]), 100)
    known = [i for i, value in enumerate(by_hand) if value is not None]
    np.testing.assert_allclose(table[known], [by_hand[i] for i in known], rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("step", 0.01),
        ("exponential", 0.01),
        ("inverse_time", 0.1),
        ("linear", 0.0),
        ("cosine", 0.0),
        ("one_cycle", 1e-4),
        ("coslog4", 0.0),
        ("flat_cosine", 0.0),
    ],
)
def test_where_a_long_training_ends(name: str, end: float) -> None:
    assert factors(name, np.array([999_999]), 1_000_000)[0] == pytest.approx(end, rel=1e-5, abs=2e-6)


@pytest.mark.parametrize("name", sorted(set(SCHEDULES) - {"one_cycle", "coslog4"}))
def test_rates_never_rise_without_warm_up(name: str) -> None:
    assert np.all(np.diff(factors(name, np.arange(200), 200)) <= 0)


def test_one_cycle_rises_once_and_falls_once() -> None:
    table = factors("one_cycle", np.arange(200), 200)
    peak = int(np.argmax(table))
    assert peak == 60
    assert np.all(np.diff(table[: peak + 1]) > 0)
    assert np.all(np.diff(table[peak:]) < 0)


def test_coslog4_is_four_waves_each_twice_as_long_as_the_last() -> None:
    """Wave k from (2ᵏ − 1)/15 to twice that and 1/15; its peak, and its halves, at equal steps of log₂."""

    def at(turns: float) -> np.ndarray:
        return SCHEDULES["coslog4"](np.array([(2 ** (wave + turns) - 1) / 15 for wave in range(4)]))

    np.testing.assert_allclose(at(0), 0, atol=1e-15)
    np.testing.assert_allclose(at(1), 0, atol=1e-15)
    np.testing.assert_allclose(at(1 / 4), 0.5, rtol=1e-13)
    np.testing.assert_allclose(at(1 / 2), 1, rtol=1e-15)
    np.testing.assert_allclose(at(3 / 4), 0.5, rtol=1e-13)
    np.testing.assert_allclose(factors("coslog4", np.array([0, 10, 30, 70]), 150), 0, atol=1e-15)


@pytest.mark.parametrize("total", [2, 100, 998])
def test_flat_cosine_is_optax_s_constant_with_its_cosine_joined_to_it(total: int) -> None:
    half, steps = total // 2, np.arange(total)
    joined = optax.join_schedules(
        [optax.constant_schedule(1.0), optax.cosine_decay_schedule(1.0, half)], [half]
    )
    np.testing.assert_allclose(factors("flat_cosine", steps, total), joined(steps), rtol=1e-6, atol=2e-7)


def test_the_schedules_that_do_not_wait_for_the_warm_up_are_those_that_begin_at_0() -> None:
    assert {name for name in SCHEDULES if factors(name, np.array([0]), 100)[0] == 0} == FROM_NOTHING


def test_a_schedule_from_0_runs_under_the_warm_up_s_straight_line() -> None:
    """With 20 of 100 steps: 1/21, 2/21 … 20/21 of what it is without, and from step 20 on all of it."""
    without, table = (factors("coslog4", np.arange(100), 100, warmup) for warmup in (0.0, 0.2))
    np.testing.assert_allclose(table[:20], without[:20] * np.arange(1, 21) / 21, rtol=1e-13)
    np.testing.assert_array_equal(table[20:], without[20:])
    assert np.all(table[1:20] > 0)


@pytest.mark.parametrize("name", sorted(set(SCHEDULES) - FROM_NOTHING))
def test_warm_up_is_a_straight_line_up_to_the_schedule_s_start(name: str) -> None:
    """With 20 of 100 steps: 1/21, 2/21 … 20/21 of the first factor, which step 20 then has in full."""
    table = factors(name, np.arange(100), 100, warmup=0.2)
    first = factors(name, np.array([0]), 100)[0]
    np.testing.assert_allclose(table[:21], first * np.arange(1, 22) / 21, rtol=1e-13)
    np.testing.assert_allclose(table[20:], factors(name, np.arange(80), 80), rtol=1e-13)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_factor_does_not_depend_on_which_steps_are_asked_for(name: str) -> None:
    whole = factors(name, np.arange(50), 50, warmup=0.1)
    np.testing.assert_array_equal(factors(name, np.arange(20, 35), 50, warmup=0.1), whole[20:35])
