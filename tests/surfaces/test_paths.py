"""Paths on surfaces: each step and whole paths against NumPy's formulas and Optax, and how runners end."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import couloir
import references
from couloir.engine.optimizers import RULES, find_rule
from couloir.surfaces import evaluation
from couloir.surfaces.paths import REACH, Paths, Runner, follow, noise_table

STEPS = 500
Gradient = Callable[[np.ndarray], np.ndarray]


def beale_gradient(at: np.ndarray) -> np.ndarray:
    """Term by term: r_k = c_k − x (1 − yᵏ), ∇ Σ r_k² = 2 Σ r_k (yᵏ − 1, k x yᵏ⁻¹)."""
    x, y = at
    terms = [
        (c - x * (1 - y**k), y**k - 1, k * x * y ** (k - 1)) for c, k in ((1.5, 1), (2.25, 2), (2.625, 3))
    ]
    return 2 * np.array([sum(r * a for r, a, _ in terms), sum(r * b for r, _, b in terms)])


GRADIENTS: dict[str, Gradient] = {
    "beale": beale_gradient,
    "ravine": lambda at: np.array([1.0, 50.0]) * at,
    "saddle": lambda at: np.array([2.0, -2.0]) * at,
}
RATES = {
    "beale": {"sgd": 0.01, "momentum": 0.001, "nesterov": 0.001, "adagrad": 0.5, "adadelta": 1.0,
              "rmsprop": 0.001, "adam": 0.1, "adamw": 0.1},
    "ravine": {"sgd": 0.01, "momentum": 0.005, "nesterov": 0.005, "adagrad": 0.5, "adadelta": 1.0,
               "rmsprop": 0.001, "adam": 0.05, "adamw": 0.05},
    "saddle": {"sgd": 0.01, "momentum": 0.002, "nesterov": 0.002, "adagrad": 0.1, "adadelta": 0.5,
               "rmsprop": 0.01, "adam": 0.01, "adamw": 0.01},
}  # fmt: skip
"""Rates at which paths are not chaotic: nothing bounces across the floor of a valley for ever."""


@pytest.fixture(scope="module", params=GRADIENTS)
def all_rules(request: pytest.FixtureRequest) -> Paths:
    name = request.param
    return follow(name, [Runner(rule, RATES[name][rule.name]) for rule in RULES.values()], STEPS)


def runner_of(paths: Paths, rule: str) -> int:
    return [runner.rule.name for runner in paths.runners].index(rule)


def state_before(paths: Paths, runner: int, step: int) -> dict[str, Any]:
    return jax.tree.map(lambda leaf: leaf[step], paths.states[runner])


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_every_single_step_is_that_of_the_formula_from_the_same_state(all_rules: Paths, rule: str) -> None:
    """To 1e-13: the next point relative to itself, next state and gradient to the terms in their sums."""
    place, gradient = runner_of(all_rules, rule), GRADIENTS[all_rules.surface.name]
    reference, settings = references.reference(references.RULES, rule), all_rules.runners[place].settings()
    weights = np.ones(2, bool)
    assert all_rules.diverged[place] is None
    for step in range(STEPS):
        w, memory = all_rules.points[place, step], state_before(all_rules, place, step)
        asked, used = all_rules.asked[place, step], all_rules.gradients[place, step]
        np.testing.assert_allclose(asked, reference.place(w, memory, settings), rtol=1e-13, atol=1e-300)
        change, after = reference.step(w, used, memory, settings, weights)
        reached = all_rules.points[place, step + 1]
        assert np.linalg.norm(reached - (w + change)) <= 1e-13 * np.linalg.norm(reached)
        for name, value in state_before(all_rules, place, step + 1).items():
            scale = np.abs(after[name]) + np.abs(memory[name])
            assert np.all(np.abs(value - after[name]) <= 1e-13 * scale), (step, name)
        # The gradient is a sum of products that cancel at a minimum: its terms are of the size it has
        # where the coordinates are of the same size but on a slope.
        terms = 1e-13 * (np.abs(gradient(np.abs(asked) + 1)) + np.abs(gradient(-np.abs(asked) - 1)))
        assert np.all(np.abs(used - gradient(asked)) <= terms)


def optax_rule(name: str, rate: float) -> optax.GradientTransformation:
    """Optax's rule as it has to be set for the table of formulas to hold.

    Its Nesterov is not among these: it reports the look-ahead point W − αβz in place of W.
    """
    made: dict[str, Any] = {
        "sgd": lambda: optax.sgd(rate),
        "momentum": lambda: optax.sgd(rate, momentum=0.9),
        "adagrad": lambda: optax.adagrad(rate, initial_accumulator_value=0, eps=1e-8),
        "adadelta": lambda: optax.adadelta(rate, rho=0.95, eps=1e-6),
        "rmsprop": lambda: optax.rmsprop(rate, decay=0.9, eps=1e-8, eps_in_sqrt=True),
        "adam": lambda: optax.adam(rate),
        "adamw": lambda: optax.adamw(rate, weight_decay=0.01),
    }
    return made[name]()


IN_OPTAX: dict[str, dict[str, str]] = {
    "sgd": {},
    "momentum": {"velocity": "trace"},
    "adagrad": {"square": "sum_of_squares"},
    "adadelta": {"square": "e_g", "change_square": "e_x"},
    "rmsprop": {"square": "nu"},
    "adam": {"mean": "mu", "square": "nu", "step": "count"},
    "adamw": {"mean": "mu", "square": "nu", "step": "count"},
}
"""What each rule remembers, under our name and Optax's."""


@pytest.mark.parametrize("rule", IN_OPTAX)
def test_every_single_step_is_that_of_optax_from_the_same_state(all_rules: Paths, rule: str) -> None:
    place, names = runner_of(all_rules, rule), IN_OPTAX[rule]
    assert set(names) == set(all_rules.states[place])
    points, gradients = all_rules.points[place], all_rules.gradients[place]
    memory = {theirs: all_rules.states[place][ours] for ours, theirs in names.items()}

    def step(point: Any, gradient: Any, remembered: Any) -> tuple[Any, Any]:
        state = optax.tree_utils.tree_set(made.init(point), **remembered)
        change, state = made.update(gradient, state, point)
        return change, {name: optax.tree_utils.tree_get(state, name) for name in remembered}

    with jax.enable_x64(True):
        made = optax_rule(rule, RATES[all_rules.surface.name][rule])
        before = {name: jnp.asarray(values[:-1]) for name, values in memory.items()}
        change, after = jax.vmap(step)(jnp.asarray(points[:-1]), jnp.asarray(gradients), before)
    expected = points[:-1] + np.asarray(change)
    off = np.linalg.norm(points[1:] - expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert off.max() <= 1e-13
    for name, values in memory.items():
        scale = np.abs(after[name]) + np.abs(values[:-1])
        assert np.all(np.abs(values[1:] - np.asarray(after[name])) <= 1e-13 * scale), name


def trajectory_in_optax(name: str, gradient: Gradient, start: Any, rate: float) -> np.ndarray:
    """The points W that Optax's rule visits."""
    with jax.enable_x64(True):
        rule = optax_rule(name, rate)
        point = jnp.asarray(start, float)
        state, update = rule.init(point), jax.jit(rule.update)
        visited = [np.asarray(point)]
        for _ in range(STEPS):
            change, state = update(jnp.asarray(gradient(visited[-1])), state, point)
            point = optax.apply_updates(point, change)
            visited.append(np.asarray(point))
    return np.array(visited)


def gap(actual: np.ndarray, expected: np.ndarray) -> float:
    """The largest distance between two paths, relative to how far from 0 the point is at that step."""
    return float(np.max(np.linalg.norm(actual - expected, axis=1) / np.linalg.norm(expected, axis=1)))


@pytest.mark.parametrize("rule", RULES)
def test_a_path_of_500_steps_is_that_of_the_formulas(all_rules: Paths, rule: str) -> None:
    place, surface = runner_of(all_rules, rule), all_rules.surface
    expected = references.trajectory(
        references.reference(references.RULES, rule),
        GRADIENTS[surface.name],
        np.array(surface.start),
        all_rules.runners[place].settings(),
        STEPS,
    )
    assert gap(all_rules.points[place], expected) < 1e-10
    moved = np.linalg.norm(np.diff(expected, axis=0), axis=1)
    assert moved[:50].min() > 0


@pytest.mark.slow
@pytest.mark.parametrize("rule", IN_OPTAX)
def test_a_path_of_500_steps_is_that_of_optax(all_rules: Paths, rule: str) -> None:
    place, name = runner_of(all_rules, rule), all_rules.surface.name
    expected = trajectory_in_optax(rule, GRADIENTS[name], all_rules.surface.start, RATES[name][rule])
    assert gap(all_rules.points[place], expected) < 1e-10


def test_optax_has_every_rule_but_nesterovs() -> None:
    assert set(IN_OPTAX) == set(RULES) - {"nesterov"}


def test_a_path_does_not_depend_on_company_or_place() -> None:
    alone = follow("beale", [Runner(RULES["adam"], 0.1, start=(0.5, 1.0))], 60, noise=0.3, seed=4)
    crowd = [
        Runner(RULES["momentum"], 0.001),
        Runner(RULES["adam"], 0.02),
        Runner(RULES["sgd"], 0.01, start=(0.5, 1.0)),
        Runner(RULES["adam"], 0.1, start=(0.5, 1.0)),
        Runner(RULES["momentum"], 0.002),
    ]
    together = follow("beale", crowd, 60, noise=0.3, seed=4)
    assert together.runners == tuple(crowd)
    np.testing.assert_allclose(together.points[3], alone.points[0], rtol=1e-12)
    np.testing.assert_allclose(together.points[:, 0], [(1, 1.5), (1, 1.5), (0.5, 1), (0.5, 1), (1, 1.5)])
    assert together.states[3]["step"].tolist() == list(range(61))
    assert set(together.states[4]) == {"velocity"}
    assert together.states[2] == {}


def test_losses_are_the_heights_of_the_points_and_gradients_those_asked_for() -> None:
    paths = follow("himmelblau", [Runner(RULES["nesterov"], 0.005)], 20)
    points = paths.points[0]
    np.testing.assert_allclose(paths.losses[0], evaluation.values(paths.surface, points), rtol=1e-13)
    np.testing.assert_allclose(
        paths.gradients[0], evaluation.slopes(paths.surface, paths.asked[0]), rtol=1e-12
    )
    assert np.abs(paths.asked[0, 1:] - points[1:-1]).max() > 0.01
    assert paths.points.dtype == np.float64
    assert paths.steps == 20


def test_noise_is_the_same_for_every_runner_and_normal_with_the_size_asked_for() -> None:
    runners = [Runner(RULES[rule], 1e-4) for rule in ("sgd", "adam", "nesterov")]
    noisy = follow("ravine", runners, 400, noise=0.5, seed=7)
    added = noisy.gradients - evaluation.slopes(noisy.surface, noisy.asked.reshape(-1, 2)).reshape(3, 400, 2)
    np.testing.assert_allclose(added[1:], added[:1].repeat(2, axis=0), atol=1e-12)
    # 800 numbers of standard deviation 0.5: four standard errors of mean and of deviation.
    assert abs(added[0].mean()) < 4 * 0.5 / np.sqrt(800)
    assert abs(added[0].std() - 0.5) < 4 * 0.5 / np.sqrt(1600)
    assert abs(np.corrcoef(added[0].T)[0, 1]) < 4 / np.sqrt(400)
    longer = follow("ravine", runners[:1], 450, noise=0.5, seed=7)
    np.testing.assert_array_equal(longer.points[0, :401], noisy.points[0])
    other = follow("ravine", runners[:1], 400, noise=0.5, seed=8)
    assert np.abs(other.points[0] - noisy.points[0]).max() > 1e-4


def test_a_steps_noise_has_a_key_of_its_own() -> None:
    with jax.enable_x64(True):
        table = np.asarray(noise_table(3, 6))
        expected = [
            jax.random.normal(jax.random.fold_in(jax.random.key(3), step), (2,), "float64")
            for step in range(6)
        ]
    np.testing.assert_array_equal(table, np.array(expected))


def test_a_runner_that_diverges_stays_where_it_was_and_is_marked() -> None:
    """On ½(x² + 50y²) plain gradient descent multiplies y by 1 − 50α at every step."""
    rate = 0.1
    paths = follow("ravine", [Runner(RULES["sgd"], rate), Runner(RULES["sgd"], 0.03)], 40)
    y = np.abs(paths.surface.start[1] * (1 - 50 * rate) ** np.arange(41.0))
    first = int(np.argmax(y > REACH * 4))
    assert paths.diverged == (first, None)
    np.testing.assert_allclose(np.abs(paths.points[0, :first, 1]), y[:first], rtol=1e-12)
    assert np.all(paths.points[0, first:] == paths.points[0, first - 1])
    assert np.all(paths.losses[0, first:] == paths.losses[0, first - 1])
    assert np.all(np.isfinite(paths.points))
    assert len(np.unique(paths.points[1], axis=0)) == 41


def test_a_loss_that_is_not_finite_stops_a_runner_too() -> None:
    cliff = evaluation.from_function(lambda at: -jnp.sqrt(at[0]) + at[1] ** 2, ((0, 1), (-1, 1)), (0.5, 0.5))
    uphill = evaluation.from_function(lambda at: jnp.sqrt(at[0]) + at[1] ** 2, ((0, 1), (-1, 1)), (0.5, 0.5))
    runner = [Runner(RULES["sgd"], 0.3)]
    assert follow(cliff, runner, 30).diverged == (None,)
    lost = follow(uphill, runner, 30)
    assert lost.diverged[0] is not None
    assert np.all(np.isfinite(lost.points))
    assert np.all(np.isfinite(lost.losses))


def test_an_optax_rule_runs_among_the_others() -> None:
    paths = follow("beale", [Runner(RULES["sgd"], 0.01), Runner(find_rule("optax.lion"), 0.01)], 10)
    steps = np.abs(np.diff(paths.points[1], axis=0))
    np.testing.assert_allclose(steps, 0.01, rtol=1e-2)  # lion moves by α along every coordinate


def test_settings_of_a_runner_take_the_place_of_the_customary_ones() -> None:
    runner = Runner(RULES["momentum"], 0.01, {"momentum": 0.5})
    assert runner.settings() == {"learning_rate": 0.01, "momentum": 0.5}
    velocity = follow("ravine", [runner], 3).states[0]["velocity"]
    gradients = follow("ravine", [runner], 3).gradients[0]
    for (before, after), gradient in zip(pairwise(velocity), gradients, strict=True):
        np.testing.assert_allclose(after, 0.5 * before + gradient, rtol=1e-13)


def test_float32_is_float32_and_close() -> None:
    runners = [Runner(RULES["momentum"], 0.001)]
    single = follow("beale", runners, 30, precision="float32")
    assert single.points.dtype == np.float32
    np.testing.assert_allclose(single.points, follow("beale", runners, 30).points, rtol=1e-4)


def test_mistakes_are_told() -> None:
    runner = Runner(RULES["sgd"], 0.01)
    for message, call in {
        "at least one runner": lambda: follow("beale", [], 5),
        "steps 0": lambda: follow("beale", [runner], 0),
        "noise -1": lambda: follow("beale", [runner], 5, noise=-1),
        "no precision 'float16'": lambda: follow("beale", [runner], 5, precision="float16"),
        "not a point": lambda: follow("beale", [Runner(RULES["sgd"], 0.01, start=(1, 2, 3))], 5),  # type: ignore[arg-type]
        "no setting of sgd 'momentum'": lambda: follow(
            "beale", [Runner(RULES["sgd"], 0.1, {"momentum": 0.5})], 5
        ),
        "learning_rate nan": lambda: follow("beale", [Runner(RULES["sgd"], float("nan"))], 5),
    }.items():
        with pytest.raises(couloir.InputError, match=message):
            call()
