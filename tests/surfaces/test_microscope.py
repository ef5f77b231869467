"""One step under the microscope: its numbers against the formulas, its text against its numbers."""

from __future__ import annotations

import re

import numpy as np
import pytest

import couloir
import references
from couloir.engine.optimizers import RULES
from couloir.surfaces import evaluation, functions
from couloir.surfaces.microscope import Microscope, magnify, microscope
from couloir.surfaces.paths import Paths, Runner, follow
from couloir.text import point

RATE = {"adadelta": 1.0, "momentum": 0.001, "nesterov": 0.001}
LOOKED_AT = (1, 2, 7)


@pytest.fixture(scope="module")
def paths() -> Paths:
    return follow("beale", [Runner(rule, RATE.get(rule.name, 0.01)) for rule in RULES.values()], 8)


def seen(paths: Paths, rule: str, step: int) -> Microscope:
    return magnify(paths, list(RULES).index(rule), step)


def remembered(rule: str, step: int, start: np.ndarray) -> tuple[np.ndarray, dict]:
    """Point and memory before a step, by the independent formulas with the package's exact gradient."""
    reference, settings = references.reference(references.RULES, rule), settings_of(rule)
    w, memory = start, reference.start(start)
    for _ in range(step - 1):
        g = evaluation.slopes(functions.surface("beale"), reference.place(w, memory, settings)[None])[0]
        change, memory = reference.step(w, g, memory, settings, np.ones(2, bool))
        w = w + change
    return w, memory


def settings_of(rule: str) -> dict[str, float]:
    return {**RULES[rule].defaults, "learning_rate": RATE.get(rule, 0.01)}


@pytest.mark.parametrize("step", LOOKED_AT)
@pytest.mark.parametrize("rule", RULES)
def test_the_numbers_are_those_of_the_formulas(paths: Paths, rule: str, step: int) -> None:
    one, settings = seen(paths, rule, step), settings_of(rule)
    reference = references.RULES[rule]
    w, memory = remembered(rule, step, np.array([1.0, 1.5]))
    asked = reference.place(w, memory, settings)
    g = evaluation.slopes(functions.surface("beale"), asked[None])[0]
    change, after = reference.step(w, g, memory, settings, np.ones(2, bool))
    for actual, expected in (
        (one.point, w),
        (one.asked, asked),
        (one.gradient, g),
        (one.change, change),
        (one.next_point, w + change),
    ):
        np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-13)
    if "velocity" in after:
        np.testing.assert_allclose(one.velocity, after["velocity"], rtol=1e-10)
    if rule in ("adagrad", "rmsprop", "adadelta"):
        np.testing.assert_allclose(one.squares, after["square"], rtol=1e-10)
    assert (one.step, one.learning_rate, one.hyper) == (step, settings["learning_rate"], settings)
    np.testing.assert_allclose(
        [one.loss, one.next_loss], evaluation.values(one.surface, [one.point, one.next_point]), rtol=1e-13
    )


@pytest.mark.parametrize("rule", RULES)
def test_the_change_is_the_effective_step_times_what_it_multiplies(paths: Paths, rule: str) -> None:
    for step in LOOKED_AT:
        one = seen(paths, rule, step)
        direction = np.array(one.gradient if one.velocity is None else one.velocity)
        expected = -np.array(one.effective) * direction
        if rule == "adamw":
            expected = expected - 0.01 * 0.01 * np.array(one.point)
        np.testing.assert_allclose(one.change, expected, rtol=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_the_filled_in_formula_says_the_same_numbers(paths: Paths, rule: str) -> None:
    one = seen(paths, rule, 3)
    text = "\n".join(one.formula)
    assert one.formula[-1].startswith(f"W ← {point(one.point, 4)}")
    assert one.formula[-1].endswith(f"= {point(one.next_point, 4)}")
    assert f"g = ∇J{point(one.asked, 4)} = {point(one.gradient, 4)}" in text
    assert not re.search(r"nan|None|e-\d", text)
    rows = {row.symbol: row.value for row in one.rows}
    assert rows["W"] == one.point
    assert rows["g"] == one.gradient
    assert rows["ΔW"] == one.change
    assert rows["W′"] == one.next_point
    assert len(rows) == len(one.rows)
    assert ("W − αβz" in rows) == (rule == "nesterov")
    for symbol, value in rows.items():
        assert all(np.isfinite(value)), symbol


def test_the_first_step_of_adam_is_its_rate_along_both_coordinates(paths: Paths) -> None:
    """m̂ = g and v̂ = g², so that the change is −α sign(g), short of α by ε/|g|."""
    one = seen(paths, "adam", 1)
    np.testing.assert_allclose(one.change, -0.01 * np.sign(one.gradient), rtol=1e-8)
    np.testing.assert_allclose(one.velocity, one.gradient, rtol=1e-13)


def test_a_step_alone_is_that_of_a_longer_path(paths: Paths) -> None:
    alone = microscope("beale", "adam", 0.01, 7)
    np.testing.assert_allclose(alone.next_point, seen(paths, "adam", 7).next_point, rtol=1e-12)
    moved = microscope("beale", "sgd", 0.01, 1, start=(0.5, 0.5), noise=0.1, seed=3)
    assert moved.point == (0.5, 0.5)
    exact = evaluation.slopes(functions.surface("beale"), [(0.5, 0.5)])[0]
    assert 0 < np.abs(np.array(moved.gradient) - exact).max() < 0.5


def test_an_optax_rule_shows_what_goes_in_and_comes_out() -> None:
    one = microscope("beale", "optax.lion", 0.01, 2)
    assert [row.symbol for row in one.rows] == ["W", "g", "ΔW", "W′"]
    assert (one.velocity, one.squares, one.effective) == (None, None, None)


def test_mistakes_are_told(paths: Paths) -> None:
    with pytest.raises(couloir.InputError, match="from 1 to 8"):
        magnify(paths, 0, 9)
    lost = follow("ravine", [Runner(RULES["sgd"], 1.0)], 20)
    with pytest.raises(couloir.InputError, match=f"could not take step {lost.diverged[0]}"):
        magnify(lost, 0, 20)
