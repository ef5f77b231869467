"""How runners end, at every step of their way at once, and minima that are looked for."""

from __future__ import annotations

import numpy as np
import pytest

from couloir.engine.optimizers import RULES
from couloir.surfaces import evaluation, functions
from couloir.surfaces.endings import (
    ENDINGS,
    endings_along,
    finishes,
    minima_in_domain,
)
from couloir.surfaces.formulas import from_formula
from couloir.surfaces.paths import Runner, follow
from couloir.surfaces.race import race

EVENTFUL = {
    "saddle": ((1.0, 1e-3), {"sgd": 0.02, "momentum": 0.02, "rmsprop": 0.02, "adagrad": 0.1}, 200),
    "ravine": ((-1.8, 1.0), {"sgd": 0.041, "momentum": 0.01, "adam": 0.3, "adagrad": 1.0}, 120),
    "hills": ((-0.3, -0.95), {"sgd": 0.4, "momentum": 0.9, "adam": 0.3, "rmsprop": 1.0}, 120),
    "camel": ((1.9, 1.0), {"sgd": 0.05, "momentum": 0.03, "adam": 0.2, "adagrad": 0.5}, 120),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EVENTFUL)
def test_the_ending_at_a_step_is_that_of_a_race_of_so_many_steps(name: str) -> None:
    start, rates, steps = EVENTFUL[name]
    surface = functions.surface(name)
    paths = follow(surface, [Runner(RULES[rule], rate, start=start) for rule, rate in rates.items()], steps)
    endings, places = endings_along(paths, surface.minima)
    seen = set()
    for step in range(steps + 1):
        for runner, finish in enumerate(finishes(paths.until(step), surface.minima)):
            assert ENDINGS[endings[runner, step]] == finish.ending, (step, runner)
            place = places[runner, step]
            assert finish.minimum == (None if place < 0 else surface.minima[place])
            seen.add(finish.ending)
    assert len(seen) >= 2


def test_a_saddle_is_named_on_the_way_and_left_again() -> None:
    """Momentum from beside the ridge: stuck for a while as far as anyone could say, then away."""
    surface = functions.surface("saddle")
    paths = follow(surface, [Runner(RULES["sgd"], 0.1, start=(1.0, 1e-6))], 120)
    names = [ENDINGS[code] for code in endings_along(paths, ())[0][0]]
    assert names[0] == "on its way"
    assert "stuck at a saddle" in names
    assert names[-1] == "escaped"
    assert names.index("escaped") == int(np.argmax(np.abs(paths.points[0, :, 1]) > 1))


@pytest.mark.slow
@pytest.mark.parametrize("name", functions.SURFACES)
def test_the_minima_looked_for_are_those_known(name: str) -> None:
    surface = functions.surface(name)
    found, known = minima_in_domain(surface), surface.minima
    assert len(found) == len(known)
    if known:
        gaps = np.abs(np.array(found)[:, None] - np.array(known)).max(axis=2)
        np.testing.assert_allclose(gaps.min(axis=0), 0, atol=1e-8)
        assert np.all(np.diff(evaluation.values(surface, found)) >= -1e-12)


@pytest.mark.parametrize(
    ("text", "minima"),
    [
        ("(x − 0.3)^2 + 5 (y + 0.2)²", [(0.3, -0.2)]),
        ("(x² − 1)² + y²", [(-1, 0), (1, 0)]),
        ("x^2 − y^2", []),
        ("x + y", []),
        ("3 + 0x", []),
        ("log(abs(x) + 0.1) + y²", []),  # its minimum is a kink: Newton's method finds no slope of 0
    ],
)
def test_a_formulas_minima_are_looked_for(text: str, minima: list[tuple[float, float]]) -> None:
    found = from_formula(text, ((-2.0, 2.0), (-1.0, 1.0))).minima
    np.testing.assert_allclose(sorted(found), minima, atol=1e-10)


def test_tuning_may_keep_other_settings() -> None:
    """With β = 0 momentum is gradient descent, and so is its tuning."""
    raced = race("beale", ["sgd", "momentum"], 100, hyper={"momentum": {"momentum": 0.0}})
    plain, other = (raced.runner(name) for name in ("sgd", "momentum"))
    assert other.learning_rate == plain.learning_rate
    np.testing.assert_allclose(other.path, plain.path, rtol=1e-9)
    trials = {rule: [t.loss for t in raced.tuning if t.rule == rule] for rule in ("sgd", "momentum")}
    np.testing.assert_allclose(trials["sgd"], trials["momentum"], rtol=1e-6)
