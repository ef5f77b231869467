"""Every update rule against formulas written apart from it, against Optax, and against hand calculation."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import references
from couloir.engine.architectures.mlp import Layer
from couloir.engine.optimizers import RULES, from_optax
from couloir.engine.rule import Rule
from problems import ROSENBROCK, SADDLE, SEVEN_POINTS, ravine

pytestmark = pytest.mark.usefixtures("float64")

MEMBERS = 60
WIDTHS = (5, 4, 3, 2)
RAVINE = ravine(50.0)
RANGES = {
    "learning_rate": (1e-4, 1.0),
    "momentum": (0.05, 0.99),
    "decay": (0.5, 0.99),
    "beta1": (0.5, 0.95),
    "beta2": (0.9, 0.999),
    "epsilon": (1e-10, 1e-4),
    "weight_decay": (1e-4, 0.1),
}


def rule_reference(name: str) -> references.RuleReference:
    return references.reference(references.RULES, name)


def customary(name: str, **changed: float) -> dict[str, Any]:
    return {key: jnp.asarray(value) for key, value in {**RULES[name].defaults, **changed}.items()}


def descend(
    name: str, gradient: Any, start: Any, steps: int, **changed: float
) -> tuple[np.ndarray, np.ndarray]:
    """The points W a rule visits and the places where it asked for the gradient, [step, parameter]."""
    rule, hyper = RULES[name], customary(name, **changed)
    update = jax.jit(rule.update)
    w = jnp.asarray(start, float)
    state = rule.init(w)
    visited, places = [w], []
    for _ in range(steps):
        place = w if rule.look_ahead is None else rule.look_ahead(state, w, hyper)
        change, state = update(jnp.asarray(gradient(np.asarray(place))), state, w, hyper)
        w = w + change
        visited.append(w)
        places.append(place)
    return np.array(visited), np.array(places)


# Single steps -----------------------------------------------------------------------------------------


def spread(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of either sign over many orders of magnitude, some of them exactly 0, as gradients are."""
    numbers = random.choice([-1.0, 1.0], shape) * 10.0 ** random.uniform(-7, 3, shape)
    return np.where(random.random(shape) < 0.1, 0.0, numbers)


def random_tree(random: np.random.Generator, kind: str) -> Any:
    """The parameters of many members, [member, ...]: networks, or bare vectors."""
    if kind == "vector":
        return spread(random, (MEMBERS, 7))
    return tuple(
        Layer(spread(random, (MEMBERS, outputs, inputs)), spread(random, (MEMBERS, outputs)))
        for inputs, outputs in pairwise(WIDTHS)
    )


def random_state(random: np.random.Generator, kind: str, memory: tuple[str, ...]) -> dict[str, Any]:
    state: dict[str, Any] = {}
    for name in memory:
        tree = random_tree(random, kind)
        if name == "step":
            # The first steps are there, where Adam's corrections 1/(1 − βᵗ) lose most digits.
            state[name] = np.arange(MEMBERS, dtype=np.int32) ** 2
        else:
            state[name] = jax.tree.map(np.square, tree) if "square" in name else tree
    return state


def random_hyper(random: np.random.Generator, defaults: Any) -> dict[str, np.ndarray]:
    """Each member has its own settings; the first few have the customary ones."""
    hyper = {}
    for name, default in defaults.items():
        low, high = np.log(RANGES[name])
        hyper[name] = np.exp(random.uniform(low, high, MEMBERS))
        hyper[name][:10] = default
    return hyper


def flat(tree: Any, member: int) -> np.ndarray:
    return np.concatenate([np.ravel(leaf[member]) for leaf in jax.tree.leaves(tree)])


def weight_mask(kind: str) -> np.ndarray:
    if kind == "vector":
        return np.ones(7, bool)
    return np.concatenate([np.repeat([True, False], [i * o, o]) for i, o in pairwise(WIDTHS)])


def member_memory(state: dict[str, Any], member: int) -> dict[str, Any]:
    return {
        name: int(value[member]) if name == "step" else flat(value, member) for name, value in state.items()
    }


def relative_error(actual: np.ndarray, expected: np.ndarray, terms: np.ndarray) -> float:
    """The largest |actual − expected| / |terms|; where all terms are 0 the two have to be equal."""
    gap, size = np.abs(actual - expected), np.abs(terms)
    return float(np.max(np.divide(gap, size, out=np.where(gap > 0, np.inf, 0.0), where=size > 0)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["network", "vector"])
@pytest.mark.parametrize("name", RULES)
def test_a_single_step_is_that_of_the_formula(name: str, kind: str) -> None:
    """From random states, to 1e-13 of the size of the terms: a sum of terms that cancel keeps no more."""
    rule, expected = RULES[name], rule_reference(name)
    random = np.random.default_rng(20)
    params, gradient = random_tree(random, kind), random_tree(random, kind)
    state, hyper = random_state(random, kind, expected.memory), random_hyper(random, rule.defaults)
    computed = jax.jit(jax.vmap(rule.update))(gradient, state, params, hyper)
    change, after = jax.tree.map(np.asarray, computed)
    assert set(after) == set(expected.memory)

    weights, errors = weight_mask(kind), []
    for member in range(MEMBERS):
        w, g, memory = flat(params, member), flat(gradient, member), member_memory(state, member)
        h = {key: float(value[member]) for key, value in hyper.items()}
        reached, kept = expected.step(w, g, memory, h, weights)
        # All of a rule's sums have terms of one sign where W, g and the memory have.
        sizes = {key: abs(value) for key, value in memory.items()}
        reach, keep = expected.step(abs(w), abs(g), sizes, h, weights)
        errors.append(relative_error(flat(change, member), reached, reach))
        actual = member_memory(after, member)
        errors += [relative_error(actual[key], kept[key], keep[key]) for key in expected.memory]
    assert max(errors) <= 1e-13


def test_every_rule_has_a_reference_and_none_is_left_over() -> None:
    assert set(RULES) == set(references.RULES)
    assert all(rule.name == name and rule.equation and rule.source for name, rule in RULES.items())


@pytest.mark.parametrize("name", RULES)
def test_a_rule_starts_with_an_empty_memory(name: str) -> None:
    params = (Layer(jnp.ones((2, 3)), jnp.ones(2)),)
    state = RULES[name].init(params)
    assert set(state) == set(rule_reference(name).memory)
    for key, value in state.items():
        leaves = jax.tree.leaves(value)
        assert all(np.all(np.asarray(leaf) == 0) for leaf in leaves)
        assert [leaf.shape for leaf in leaves] == ([()] if key == "step" else [(2, 3), (2,)])


@pytest.mark.parametrize("name", RULES)
def test_the_place_of_the_gradient(name: str) -> None:
    """W − αβz for Nesterov, computed here by hand; W for all others."""
    rule = RULES[name]
    if not rule_reference(name).looks_ahead:
        assert rule.look_ahead is None
        return
    w, z = jnp.asarray([1.0, -2.0, 0.5]), jnp.asarray([4.0, 8.0, -16.0])
    place = rule.look_ahead({"velocity": z}, w, {"learning_rate": 0.25, "momentum": 0.5})
    np.testing.assert_array_equal(place, [1.0 - 0.5, -2.0 - 1.0, 0.5 + 2.0])


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("momentum", {"momentum": 0.9}),
        ("nesterov", {"momentum": 0.9}),
        ("adagrad", {"learning_rate": 0.01, "epsilon": 1e-8}),
        ("adadelta", {"learning_rate": 1.0, "decay": 0.95, "epsilon": 1e-6}),
        ("rmsprop", {"learning_rate": 1e-3, "decay": 0.9, "epsilon": 1e-8}),
        ("adam", {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}),
        (
            "adamw",
            {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.01},
        ),
    ],
)
def test_customary_settings_are_the_published_ones(name: str, printed: dict[str, float]) -> None:
    assert printed.items() <= dict(RULES[name].defaults).items()


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov"])
def test_rules_without_a_scale_of_their_own_start_in_the_customary_range(name: str) -> None:
    assert 0.01 <= RULES[name].defaults["learning_rate"] <= 0.1


# Whole descents ---------------------------------------------------------------------------------------

RATES = {
    "sgd": (0.03, 1e-3),
    "momentum": (0.01, 2e-4),
    "nesterov": (0.01, 2e-4),
    "adagrad": (0.3, 0.1),
    "adadelta": (1.0, 1.0),
    "rmsprop": (0.01, 1e-3),
    "adam": (0.05, 0.01),
    "adamw": (0.05, 0.01),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(("number", "problem"), [(0, RAVINE), (1, ROSENBROCK)], ids=["ravine", "rosenbrock"])
def test_200_steps_follow_the_formulas(name: str, number: int, problem: Any) -> None:
    rate = RATES[name][number]
    visited, _ = descend(name, problem.gradient, problem.start, 200, learning_rate=rate)
    hyper = {**RULES[name].defaults, "learning_rate": rate}
    expected = references.trajectory(rule_reference(name), problem.gradient, problem.start, hyper, 200)
    assert np.ptp(expected, axis=0).min() > 0.01, "the path has to lead somewhere"
    np.testing.assert_allclose(visited, expected, rtol=1e-10, atol=1e-12)


def optax_twin(name: str, rate: float, weights: Any) -> optax.GradientTransformation:
    """Optax's version of a rule, with the settings under which it is the same formula."""
    return {
        "sgd": lambda: optax.sgd(rate),
        "momentum": lambda: optax.sgd(rate, momentum=0.9),
        "nesterov": lambda: optax.sgd(rate, momentum=0.9, nesterov=True),
        "adagrad": lambda: optax.adagrad(rate, initial_accumulator_value=0.0, eps=1e-8),
        "adadelta": lambda: optax.adadelta(rate, rho=0.95, eps=1e-6),
        "rmsprop": lambda: optax.rmsprop(rate, decay=0.9, eps=1e-8, eps_in_sqrt=True),
        "adam": lambda: optax.adam(rate, b1=0.9, b2=0.999, eps=1e-8),
        "adamw": lambda: optax.adamw(rate, b1=0.9, b2=0.999, eps=1e-8, weight_decay=0.01, mask=weights),
    }[name]()


def network_and_pull() -> tuple[Any, Any, Any]:
    """One network's parameters, a gradient that depends on them, and which leaves are weights."""
    random = np.random.default_rng(4)
    shapes = [(4, 3), (2, 4)]
    params = tuple(
        Layer(jnp.asarray(random.normal(size=shape)), jnp.asarray(random.normal(size=shape[0])))
        for shape in shapes
    )
    curvature = jax.tree.map(lambda w: jnp.asarray(random.uniform(0.1, 3.0, w.shape)), params)

    def gradient(place: Any) -> Any:
        return jax.tree.map(lambda c, w: c * w + 0.1 * w**3, curvature, place)

    return params, gradient, (Layer(True, False), Layer(True, False))


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_30_steps_of_a_network_are_those_of_optax(name: str) -> None:
    """Optax's Nesterov reports the look-ahead point, so it is that point which is compared."""
    rule, rate = RULES[name], RATES[name][0]
    params, gradient, weights = network_and_pull()
    hyper = customary(name, learning_rate=rate)
    twin, theirs, state = optax_twin(name, rate, weights), params, rule.init(params)
    memory = twin.init(theirs)

    @jax.jit
    def both(params: Any, state: Any, theirs: Any, memory: Any) -> Any:
        place = params if rule.look_ahead is None else rule.look_ahead(state, params, hyper)
        change, state = rule.update(gradient(place), state, params, hyper)
        their_change, memory = twin.update(gradient(theirs), memory, theirs)
        after, theirs_after = optax.apply_updates(params, change), optax.apply_updates(theirs, their_change)
        return place, after, state, theirs_after, memory

    for _ in range(30):
        place, params, state, theirs_after, memory = both(params, state, theirs, memory)
        for mine, other in zip(jax.tree.leaves(place), jax.tree.leaves(theirs), strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-11, atol=1e-13)
        theirs = theirs_after


# What is known of each rule ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["momentum", "nesterov"])
def test_momentum_of_0_is_gradient_descent(name: str) -> None:
    plain, _ = descend("sgd", ROSENBROCK.gradient, ROSENBROCK.start, 50, learning_rate=1e-3)
    other, _ = descend(name, ROSENBROCK.gradient, ROSENBROCK.start, 50, learning_rate=1e-3, momentum=0.0)
    np.testing.assert_array_equal(other, plain)


def test_momentum_on_a_quadratic_is_a_linear_recurrence() -> None:
    """(W, z) ← M (W, z) with M = [[1 − αc, −αβ], [c, β]] for curvature c."""
    rate, beta, curvature, steps = 0.05, 0.8, 3.0, 40
    visited, _ = descend("momentum", lambda w: curvature * w, [2.0], steps, learning_rate=rate, momentum=beta)
    advance = np.array([[1 - rate * curvature, -rate * beta], [curvature, beta]])
    w, _ = np.linalg.matrix_power(advance, steps) @ [2.0, 0.0]
    assert visited[-1, 0] == pytest.approx(w, rel=1e-10)


def test_adadelta_s_first_step_by_hand() -> None:
    """g = 2: E = 0.05 · 4 = 0.2, Δ = −√1e-6 / √(0.2 + 1e-6) · 2, D = 0.05 Δ²."""
    rule = RULES["adadelta"]
    w = jnp.asarray([10.0])
    change, state = rule.update(jnp.asarray([2.0]), rule.init(w), w, customary("adadelta"))
    by_hand = -0.001 * 2 / math.sqrt(0.200001)
    assert change[0] == pytest.approx(by_hand, rel=1e-14)
    assert state["square"][0] == pytest.approx(0.2, rel=1e-14)
    assert state["change_square"][0] == pytest.approx(0.05 * by_hand**2, rel=1e-13)


def test_adam_s_first_step_is_the_learning_rate_in_the_gradient_s_direction() -> None:
    """m̂ = g and v̂ = g², so |change| = α |g| / (|g| + ε), which is less than α."""
    gradient = np.array([1e-6, -1e-3, 1.0, -1e5])
    rule, w = RULES["adam"], jnp.zeros(4)
    change, _ = rule.update(jnp.asarray(gradient), rule.init(w), w, customary("adam", learning_rate=0.02))
    assert np.all(np.abs(change) <= 0.02 * (1 + 1e-13))
    np.testing.assert_allclose(change, -0.02 * gradient / (np.abs(gradient) + 1e-8), rtol=1e-12)


def effective_steps(name: str, gradients: np.ndarray) -> np.ndarray:
    """|change| / |g| at each step of a given sequence of gradients."""
    queue = iter(gradients)
    visited, _ = descend(name, lambda w: np.array([next(queue)]), [0.0], len(gradients))
    return np.abs(np.diff(visited[:, 0])) / np.abs(gradients)


def test_adagrad_s_effective_step_only_shrinks() -> None:
    """α / √(Σ g² + ε): after t equal gradients α / (|g| √t), and never more than before."""
    gradients = np.concatenate([np.full(100, 3.0), np.full(100, -0.03)])
    steps = effective_steps("adagrad", gradients)
    np.testing.assert_allclose(steps[:100], 0.01 / (3.0 * np.sqrt(np.arange(1, 101))), rtol=1e-8)
    assert np.all(np.diff(steps) < 1e-9 * steps[1:])
    assert steps[-1] > 0.999 * steps[99], "stalled: small gradients hardly change the sum"


@pytest.mark.parametrize(("name", "gain"), [("rmsprop", 90.0), ("adadelta", 10.0)])
def test_rmsprop_and_adadelta_recover_when_gradients_become_small(name: str, gain: float) -> None:
    """RMSprop's step tends to α/|g|, a hundred times larger when g is a hundred times smaller."""
    gradients = np.concatenate([np.full(100, 3.0), np.full(200, -0.03)])
    steps = effective_steps(name, gradients)
    assert steps[100] < 2 * steps[99], "one small gradient is not yet a change"
    assert steps[-1] > gain * steps[99]


def test_adamw_shrinks_weights_and_leaves_biases() -> None:
    """Without a gradient only the decay acts: W ← (1 − αλ) W."""
    rule = RULES["adamw"]
    params = (Layer(jnp.asarray([[2.0, -4.0]]), jnp.asarray([3.0])),)
    still = jax.tree.map(jnp.zeros_like, params)
    hyper = customary("adamw", learning_rate=0.1, weight_decay=0.05)
    change, _ = rule.update(still, rule.init(params), params, hyper)
    np.testing.assert_allclose(change[0].weight, [[-0.01, 0.02]], rtol=1e-14)
    np.testing.assert_array_equal(change[0].bias, [0.0])


def test_adam_is_adamw_without_decay() -> None:
    decayless, _ = descend("adamw", ROSENBROCK.gradient, ROSENBROCK.start, 40, weight_decay=0.0)
    plain, _ = descend("adam", ROSENBROCK.gradient, ROSENBROCK.start, 40)
    np.testing.assert_allclose(decayless, plain, rtol=1e-14)


def test_nesterov_asks_for_the_gradient_ahead_on_its_path() -> None:
    """The place of each gradient is W − αβz, with z recovered from the last change, −αz."""
    rate, beta = 2e-4, 0.9
    visited, places = descend(
        "nesterov", ROSENBROCK.gradient, ROSENBROCK.start, 50, learning_rate=rate, momentum=beta
    )
    np.testing.assert_array_equal(places[0], visited[0])
    ahead = visited[1:-1] + beta * np.diff(visited, axis=0)[:-1]
    np.testing.assert_allclose(places[1:], ahead, rtol=1e-12)
    assert np.all(np.abs(places[1:] - visited[1:-1]).max(axis=1) > 1e-6)


# Problems with known answers --------------------------------------------------------------------------


def test_gradient_descent_on_the_seven_points_diverges_above_2_over_the_largest_curvature() -> None:
    small, large = np.linalg.eigvalsh(SEVEN_POINTS.hessian)
    assert (round(large, 2), round(small, 4), round(large / small, 1)) == (29.18, 0.0924, 315.6)
    best = SEVEN_POINTS.minimum
    np.testing.assert_allclose(best, [0.33559, 0.80472], atol=1e-5)
    assert SEVEN_POINTS.value(best) == pytest.approx(0.018052, abs=5e-7)

    limit, start = 2 / large, np.array([0.92, -1.0])
    below, _ = descend("sgd", SEVEN_POINTS.gradient, start, 1500, learning_rate=0.95 * limit)
    above, _ = descend("sgd", SEVEN_POINTS.gradient, start, 300, learning_rate=1.05 * limit)
    # W − W* is multiplied by I − αH at every step.
    left = np.linalg.matrix_power(np.eye(2) - 0.95 * limit * SEVEN_POINTS.hessian, 1500) @ (start - best)
    np.testing.assert_allclose(below[-1] - best, left, rtol=1e-8)
    np.testing.assert_allclose(below[-1], best, rtol=1e-3)
    assert SEVEN_POINTS.value(above[-1]) > 1e20


@pytest.mark.parametrize(
    ("line", "loss"), [((0.92, -1.0), 0.338), ((-0.11, 2.5), 0.160), ((0.52, 0.1), 0.043)]
)
def test_the_seven_points_loss_and_gradient(line: tuple[float, float], loss: float) -> None:
    at = np.array(line)
    assert round(SEVEN_POINTS.value(at), 3) == loss
    slopes = references.central_difference(SEVEN_POINTS.value, at)
    np.testing.assert_allclose(SEVEN_POINTS.gradient(at), slopes, rtol=1e-8)


@pytest.mark.parametrize("problem", [RAVINE, ROSENBROCK, SADDLE], ids=["ravine", "rosenbrock", "saddle"])
def test_the_problems_gradients_are_those_of_their_values(problem: Any) -> None:
    at = np.array(problem.start) + 0.1
    slopes = references.central_difference(problem.value, at)
    np.testing.assert_allclose(problem.gradient(at), slopes, rtol=1e-7)
    if problem.minimum is not None:
        np.testing.assert_array_equal(problem.gradient(np.array(problem.minimum)), [0, 0])


def test_momentum_is_faster_than_gradient_descent_along_a_ravine() -> None:
    """Each at its best rate for curvatures 1 and κ: 2/(1+κ); (2/(1+√κ))² with β = ((√κ−1)/(√κ+1))²."""
    root = math.sqrt(50.0)
    plain, _ = descend("sgd", RAVINE.gradient, RAVINE.start, 100, learning_rate=2 / 51)
    heavy, _ = descend(
        "momentum",
        RAVINE.gradient,
        RAVINE.start,
        100,
        learning_rate=(2 / (1 + root)) ** 2,
        momentum=((root - 1) / (root + 1)) ** 2,
    )
    np.testing.assert_allclose(np.abs(plain[-1]), np.abs(RAVINE.start) * (49 / 51) ** 100, rtol=1e-10)
    assert np.linalg.norm(heavy[-1]) < 1e-6 * np.linalg.norm(plain[-1])


def steps_to_leave(name: str, rate: float) -> int:
    visited, _ = descend(name, SADDLE.gradient, SADDLE.start, 400, learning_rate=rate)
    return int(np.argmax(np.abs(visited[:, 1]) > 1))


def test_steps_to_leave_the_saddle() -> None:
    """Gradient descent's y grows by 1 + 2α a step; momentum's by a linear recurrence, which is faster."""
    rate = 0.01
    plain = math.ceil(math.log(1000) / math.log(1 + 2 * rate))
    advance, place, heavy = np.array([[1 + 2 * rate, -rate * 0.9], [-2, 0.9]]), np.array([1e-3, 0.0]), 0
    while abs(place[0]) <= 1:
        place, heavy = advance @ place, heavy + 1
    assert steps_to_leave("sgd", rate) == plain
    assert steps_to_leave("momentum", rate) == heavy < plain
    assert steps_to_leave("adam", rate) < plain
    assert steps_to_leave("rmsprop", rate) < plain


@pytest.mark.parametrize("name", RULES)
def test_on_the_saddle_s_ridge_only_noise_helps(name: str) -> None:
    rate = 0.01 if name != "adadelta" else 1.0
    still, _ = descend(name, SADDLE.gradient, (1.0, 0.0), 100, learning_rate=rate)
    assert np.all(still[:, 1] == 0)
    random = np.random.default_rng(0)

    def noisy(w: np.ndarray) -> np.ndarray:
        return SADDLE.gradient(w) + random.normal(0, 1e-2, 2)

    freed, _ = descend(name, noisy, (1.0, 0.0), 100, learning_rate=rate)
    assert abs(freed[-1, 1]) > 1e-3


# Rules from Optax -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("factory", [optax.lion, optax.adam], ids=["lion", "adam"])
def test_an_optax_rule_in_a_population_is_optax_alone(factory: Any) -> None:
    rule = from_optax("guest", factory, learning_rate=1e-3, b2=0.95)
    assert isinstance(rule, Rule)
    assert rule.name == "guest"
    assert dict(rule.defaults) == {"learning_rate": 1e-3}
    rates = np.array([1e-3, 1e-2, 0.3])
    params, gradient, _ = network_and_pull()
    members = jax.tree.map(lambda leaf: jnp.stack([leaf] * len(rates)), params)
    state, hyper = jax.vmap(rule.init)(members), {"learning_rate": jnp.asarray(rates)}

    def step(p: Any, s: Any, h: Any) -> tuple[Any, Any]:
        change, s = rule.update(gradient(p), s, p, h)
        return optax.apply_updates(p, change), s

    population_step = jax.jit(jax.vmap(step))
    for _ in range(20):
        members, state = population_step(members, state, hyper)

    for number, rate in enumerate(rates):
        alone, twin = params, factory(float(rate), b2=0.95)
        memory = twin.init(alone)

        @jax.jit
        def lone_step(p: Any, m: Any, twin: Any = twin) -> tuple[Any, Any]:
            change, m = twin.update(gradient(p), m, p)
            return optax.apply_updates(p, change), m

        for _ in range(20):
            alone, memory = lone_step(alone, memory)
        for mine, other in zip(jax.tree.leaves(members), jax.tree.leaves(alone), strict=True):
            np.testing.assert_allclose(np.asarray(mine)[number], other, rtol=1e-12, atol=1e-14)
