"""Paths that are interrupted, cut and resumed: the same numbers, and changed settings as the formulas say."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.tree_util import Partial

import couloir
import references
from couloir.engine.optimizers import RULES
from couloir.surfaces import evaluation
from couloir.surfaces.microscope import magnify
from couloir.surfaces.paths import Paths, Runner, begin, follow, go_on

RUNNERS = [Runner(rule, 0.01) for rule in RULES.values()]
SHUFFLED = [Runner(RULES[name], rate) for name, rate in (("adam", 0.1), ("sgd", 0.01), ("adam", 0.02))]


def same(some: Paths, others: Paths) -> None:
    """Every number of two paths is equal, to the last bit."""
    for name in ("points", "losses", "asked", "gradients"):
        np.testing.assert_array_equal(getattr(some, name), getattr(others, name), strict=True)
    assert some.diverged == others.diverged
    assert (some.runners, some.noise, some.seed) == (others.runners, others.noise, others.seed)
    for mine, theirs in zip((*some.states, *some.settings), (*others.states, *others.settings), strict=True):
        assert mine.keys() == theirs.keys()
        for name in mine:
            np.testing.assert_array_equal(mine[name], theirs[name], strict=True)


WHOLE = follow("rosenbrock", RUNNERS, 200, noise=0.2, seed=5)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 130), min_size=1, max_size=4))
def test_a_resumed_path_is_the_uninterrupted_one(lengths: list[int]) -> None:
    paths = begin("rosenbrock", RUNNERS, seed=5)
    for length in lengths:
        paths = go_on(paths, length, noise=0.2)
    known = min(sum(lengths), 200)
    same(paths.until(known), WHOLE.until(known))


@pytest.mark.parametrize("step", [0, 1, 63, 64, 65, 137, 200])
def test_from_any_step_of_a_known_path(step: int) -> None:
    cut = WHOLE.until(step)
    assert cut.steps == step
    same(go_on(cut, 200 - step) if step < 200 else cut, WHOLE)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["beale", "line-fit", "neuron"])
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_runners_of_a_rule_in_any_order_and_either_precision(name: str, precision: str) -> None:
    whole = follow(name, SHUFFLED, 100, noise=0.1, precision=precision)
    same(go_on(whole.until(31), 69), whole)
    assert whole.points.dtype == precision


TURNED: dict[str, dict[str, float]] = {
    "sgd": {"learning_rate": 0.004},
    "momentum": {"momentum": 0.5},
    "nesterov": {"learning_rate": 0.002, "momentum": 0.7},
    "adagrad": {"learning_rate": 0.3, "epsilon": 0.1},
    "adadelta": {"decay": 0.6, "epsilon": 1e-3},
    "rmsprop": {"decay": 0.99},
    "adam": {"beta1": 0.5, "beta2": 0.9},
    "adamw": {"weight_decay": 0.5, "epsilon": 0.01},
}


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_a_knob_turned_on_the_way_is_turned_in_the_formulas_too(rule: str) -> None:
    """On ½(x² + 50y²), whose gradient is (x, 50y); the state is kept, the next step has the new setting."""
    first, second = dict(RULES[rule].defaults), {**RULES[rule].defaults, **TURNED[rule]}
    paths = go_on(
        follow("ravine", [Runner(RULES[rule], first["learning_rate"])], 70), 90, {rule: TURNED[rule]}
    )
    formula = references.reference(references.RULES, rule)
    w, memory = np.array(paths.surface.start), None
    for step in range(160):
        hyper = first if step < 70 else second
        memory = formula.start(w) if memory is None else memory
        gradient = np.array([1.0, 50.0]) * formula.place(w, memory, hyper)
        change, memory = formula.step(w, gradient, memory, hyper, np.ones(2, bool))
        w = w + change
        np.testing.assert_allclose(paths.points[0, step + 1], w, rtol=1e-9, atol=1e-99, err_msg=str(step))
    for name, values in paths.settings[0].items():
        np.testing.assert_array_equal(values, np.repeat([first[name], second[name]], [70, 90]))
    assert paths.runners[0].settings() == second


def test_the_microscope_reads_the_settings_of_its_step() -> None:
    paths = go_on(follow("beale", RUNNERS, 5), 5, {"adam": {"learning_rate": 0.5, "beta1": 0.3}})
    before, after = (magnify(paths, list(RULES).index("adam"), step) for step in (5, 6))
    assert (before.learning_rate, before.hyper["beta1"]) == (0.01, 0.9)
    assert (after.learning_rate, after.hyper["beta1"]) == (0.5, 0.3)


def test_noise_turned_on_and_off_is_that_of_the_steps_number() -> None:
    quiet = follow("ravine", RUNNERS[:1], 40, seed=9)
    paths = go_on(go_on(quiet, 30, noise=0.5), 30, noise=0.0)
    added = paths.gradients[0] - evaluation.slopes(paths.surface, paths.asked[0].reshape(-1, 2)).reshape(
        100, 2
    )
    with jax.enable_x64(True):
        numbers = [
            0.5 * jax.random.normal(jax.random.fold_in(jax.random.key(9), step), (2,), "float64")
            for step in range(40, 70)
        ]
    np.testing.assert_allclose(added[40:70], numbers, atol=1e-12)
    np.testing.assert_allclose(added[np.r_[:40, 70:100]], 0, atol=1e-12)


def test_who_has_diverged_stays_and_going_back_before_it_helps() -> None:
    lost = follow("ravine", [Runner(RULES["sgd"], 0.1)], 40)
    fell = lost.diverged[0]
    assert fell is not None
    assert go_on(lost, 30, {"sgd": {"learning_rate": 0.01}}).diverged == (fell,)
    assert lost.until(fell).diverged == (fell,)
    assert lost.until(fell - 1).diverged == (None,)
    saved = go_on(lost.until(fell - 1), 50, {"sgd": {"learning_rate": 0.01}})
    assert saved.diverged == (None,)
    assert saved.losses[0, -1] < saved.losses[0, fell - 1]


def test_no_setting_and_no_number_of_steps_traces_anything() -> None:
    traced = []

    def steep(condition: Any, at: Any) -> Any:
        traced.append(condition)
        return at[0] ** 2 + condition * at[1] ** 2

    def bowl(condition: float) -> evaluation.Surface:
        return evaluation.from_function(Partial(steep, condition), ((-1, 1), (-1, 1)), (0.5, 0.5))

    first, second = bowl(3.0), bowl(50.0)
    paths = go_on(follow(first, RUNNERS, 10), 300, {"adam": {"learning_rate": 0.7}}, noise=0.3)
    evaluation.grid(first, 5)
    before = len(traced)
    assert before < 20
    elsewhere = [Runner(runner.rule, 0.5, start=(1.0, 1.0)) for runner in RUNNERS]
    other = follow(second, elsewhere, 77, seed=3)
    go_on(paths.until(130), 1)
    assert evaluation.values(second, np.ones((25, 2)))[0] == 51
    assert len(traced) == before
    assert other.losses[0, 0] == 51


def test_mistakes_are_told() -> None:
    paths = follow("beale", RUNNERS[:2], 5)
    calls: dict[str, Any] = {
        "no step 6: .*from 0 to 5": lambda: paths.until(6),
        "no step -1": lambda: paths.until(-1),
        "steps 0": lambda: go_on(paths, 0),
        "noise nan": lambda: go_on(paths, 5, noise=float("nan")),
        "no running rule 'adam': .*sgd, momentum": lambda: go_on(paths, 5, {"adam": {"learning_rate": 1}}),
        "no setting of sgd 'momentum'": lambda: go_on(paths, 5, {"sgd": {"momentum": 0.1}}),
        "learning_rate inf of sgd": lambda: go_on(paths, 5, {"sgd": {"learning_rate": float("inf")}}),
    }
    for message, call in calls.items():
        with pytest.raises(couloir.InputError, match=message):
            call()
