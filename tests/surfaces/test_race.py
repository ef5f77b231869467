"""Surface races: an equal budget of tuning, and every kind of ending on ground where it is certain."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import couloir
import references
from couloir.engine.optimizers import RULES
from couloir.surfaces import evaluation, functions
from couloir.surfaces.endings import NEAR
from couloir.surfaces.paths import Runner, follow
from couloir.surfaces.race import RATES, SADDLE_RATES, SurfaceRace, race, saddle_race
from problems import SEVEN_POINTS

STEPS = 120


@pytest.fixture(scope="module")
def beale() -> SurfaceRace:
    return race("beale", steps=STEPS)


@pytest.fixture(scope="module")
def hills() -> SurfaceRace:
    """Plain gradient descent from a start whose valley is not the lowest, and one that does not move."""
    return race(
        "hills", ["sgd", "momentum"], steps=60, rates={"sgd": 0.2, "momentum": 1e-9}, start=(-1.0, 0.0)
    )


def test_every_rule_but_adadelta_tries_the_same_rates(beale: SurfaceRace) -> None:
    tried: dict[str, list[float]] = {}
    for trial in beale.tuning:
        tried.setdefault(trial.rule, []).append(trial.learning_rate)
    assert tried == {rule: list(RATES) for rule in RULES if rule != "adadelta"}
    np.testing.assert_allclose(np.diff(np.log10(RATES)), 1 / 6, atol=3e-3)
    assert (len(RATES), RATES[0], RATES[-1]) == (31, 1e-4, 10)
    adadelta = beale.runner("adadelta")
    assert (adadelta.learning_rate, adadelta.tuned) == (1.0, False)
    assert any("AdaDelta was not tuned" in note and "Zeiler" in note for note in beale.notes)


def test_the_chosen_rate_ends_lowest_by_a_search_in_numpy(beale: SurfaceRace) -> None:
    """Every rate of plain gradient descent, run again with the independent formulas."""

    def gradient(at: np.ndarray) -> np.ndarray:
        x, y = at
        terms = [
            (c - x + x * y**k, y**k - 1, k * x * y ** (k - 1)) for c, k in ((1.5, 1), (2.25, 2), (2.625, 3))
        ]
        return 2 * np.array([sum(r * a for r, a, _ in terms), sum(r * b for r, _, b in terms)])

    ends = {}
    for rate in RATES:
        with np.errstate(all="ignore"):
            path = references.trajectory(
                references.RULES["sgd"], gradient, np.array([1, 1.5]), {"learning_rate": rate}, STEPS
            )
        x, y = path[-1]
        with np.errstate(all="ignore"):
            ends[rate] = sum((c - x + x * y**k) ** 2 for c, k in ((1.5, 1), (2.25, 2), (2.625, 3)))
    finite = {rate: loss for rate, loss in ends.items() if math.isfinite(loss)}
    best = min(finite, key=finite.__getitem__)
    assert beale.runner("sgd").learning_rate == best
    chosen = [trial for trial in beale.tuning if trial.rule == "sgd" and trial.chosen]
    assert [trial.learning_rate for trial in chosen] == [best]
    assert chosen[0].loss == pytest.approx(finite[best], rel=1e-9)
    diverged = {t.learning_rate for t in beale.tuning if t.rule == "sgd" and t.diverged is not None}
    assert {rate for rate in RATES if rate not in finite} <= diverged
    assert best not in diverged


def test_a_race_is_run_with_the_chosen_rates(beale: SurfaceRace) -> None:
    assert [runner.name for runner in beale.runners] == list(RULES)
    assert (beale.start, beale.steps) == ((1.0, 1.5), STEPS)
    again = follow("beale", [Runner(RULES["adam"], beale.runner("adam").learning_rate)], STEPS)
    np.testing.assert_allclose(beale.runner("adam").path, again.points[0], rtol=1e-10)
    for runner in beale.runners:
        chosen = [t.learning_rate for t in beale.tuning if t.rule == runner.name and t.chosen]
        assert chosen == ([runner.learning_rate] if runner.tuned else [])
        assert runner.sentence.startswith(runner.name)


def test_lists_of_settings_multiply_and_name_the_runners() -> None:
    numbers = {"momentum": {"momentum": [0.5, 0.9]}, "adam": {"beta1": [0.8], "epsilon": 1e-3}}
    raced = race("beale", ["momentum", "adam", "sgd"], 3, {"momentum": 0.01, "adam": 0.1}, hyper=numbers)
    names = ["momentum β=0.5", "momentum β=0.9", "adam β₁=0.8", "sgd"]
    assert [runner.name for runner in raced.runners] == names
    assert [runner.rule for runner in raced.runners] == ["momentum", "momentum", "adam", "sgd"]
    assert [runner.learning_rate for runner in raced.runners[:3]] == [0.01, 0.01, 0.1]
    assert {tried.rule for tried in raced.tuning} == {"sgd"}
    assert raced.runner("momentum β=0.5").sentence.startswith("momentum β=0.5 is on its way")
    other = race("beale", ["momentum"], 3, {"momentum β=0.9": 0.02, "momentum": 0.01}, hyper=numbers)
    assert [runner.learning_rate for runner in other.runners] == [0.01, 0.02]


def test_two_steps_of_the_heavy_ball_by_hand() -> None:
    """On ½(x² + 50 y²) the gradient is (x, 50 y): z ← β z + g, W ← W − α z."""
    raced = race("ravine", "momentum", 2, 0.01, (4, 2), hyper={"momentum": {"momentum": [0.5, 0.75]}})
    for runner, beta in zip(raced.runners, (0.5, 0.75), strict=True):
        first = [4 - 0.01 * 4, 2 - 0.01 * 100]
        second = [first[0] - 0.01 * (beta * 4 + first[0]), first[1] - 0.01 * (beta * 100 + 50 * first[1])]
        np.testing.assert_allclose(runner.path, [[4, 2], first, second], rtol=1e-14)


def test_steps_of_adam_with_numbers_of_ones_own_are_optaxs() -> None:
    numbers = {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3}
    (runner,) = race("ravine", "adam", 4, 0.1, (4, 2), hyper={"adam": numbers}).runners
    with jax.enable_x64(True):
        rule, at = optax.adam(0.1, b1=0.8, b2=0.95, eps=1e-3), jnp.array([4.0, 2.0])
        state, path = rule.init(at), [at]
        for _ in range(4):
            change, state = rule.update(at * jnp.array([1.0, 50.0]), state)
            at = at + change
            path.append(at)
    np.testing.assert_allclose(runner.path, np.stack(path), rtol=1e-12)


def test_arrival_is_the_step_from_which_on_a_runner_stays_near(beale: SurfaceRace) -> None:
    arrivals = [runner for runner in beale.runners if runner.ending == "arrived"]
    assert arrivals
    for runner in arrivals:
        assert runner.minimum == (3.0, 0.5)
        away = np.linalg.norm((runner.path - [3, 0.5]) / 9, axis=1)
        assert runner.arrived is not None
        assert away[runner.arrived :].max() <= NEAR < away[runner.arrived - 1]
        assert f"(3, 0.5) at step {runner.arrived}" in runner.sentence
    standing = [runner.arrived for runner in beale.standing if runner.ending == "arrived"]
    assert standing == sorted(standing)
    assert beale.standing[0].ending == "arrived"


def test_rates_that_end_equally_low_are_told_apart_by_arrival() -> None:
    """With momentum many rates end at rounding's height above the bottom; the least of those says nothing."""
    raced = race("ravine", "momentum", steps=400)
    even = [t for t in raced.tuning if t.diverged is None and t.loss < 1e-9 * raced.paths.losses[0, 0]]
    assert len(even) > 5
    first, lowest = min(even, key=lambda t: t.arrived), min(even, key=lambda t: t.loss)
    assert lowest.learning_rate != first.learning_rate
    assert raced.runner("momentum").learning_rate == first.learning_rate


def test_rates_that_diverge_are_those_beyond_the_critical_one() -> None:
    """On ½x² + ½y² plain gradient descent shrinks by 1 − α: α = 1 is there at once, α > 2 diverges."""
    raced = race(functions.ravine(1.0), "sgd", steps=400)
    assert raced.runner("sgd").learning_rate == 1.0
    assert raced.runner("sgd").arrived == 1
    assert [t.diverged is not None for t in raced.tuning] == [t.learning_rate > 2 for t in raced.tuning]


def test_a_higher_minimum_is_called_local(hills: SurfaceRace) -> None:
    descended, still = hills.runners
    assert descended.ending == "in a local minimum"
    assert descended.minimum == functions.surface("hills").minima[1]
    above = evaluation.values(functions.surface("hills"), functions.surface("hills").minima[:2])
    assert f"{above[1] - above[0]:.3g} above the lowest" in descended.sentence
    assert still.ending == "on its way"
    assert still.arrived is None
    assert "on its way: after 60 steps" in still.sentence
    assert hills.tuning == ()
    assert hills.standing == (descended, still)


def test_a_rate_beyond_the_critical_one_diverges() -> None:
    critical = 2 / np.linalg.eigvalsh(SEVEN_POINTS.hessian)[-1]
    beyond, within = (
        race("line-fit", "sgd", steps=3000, rates=share * critical).runner("sgd") for share in (1.01, 0.99)
    )
    assert beyond.ending == "diverged"
    assert f"could not take step {beyond.diverged:,}" in beyond.sentence
    assert within.ending == "arrived"


def test_minima_of_a_function_nothing_is_known_of_are_found() -> None:
    bowl = evaluation.from_function(
        lambda at: (at[0] - 0.3) ** 2 + 3 * (at[1] + 0.2) ** 4 + at[1] ** 2, ((-1, 1), (-1, 1)), (0.9, 0.9)
    )
    raced = race(bowl, ["sgd", "adam"], steps=200)
    assert len(raced.minima) == 1
    slope, hessian = evaluation.slope_and_curvature(bowl, raced.minima[0])
    assert np.abs(slope).max() < 1e-12
    assert np.linalg.eigvalsh(hessian)[0] > 0
    assert {runner.ending for runner in raced.runners} == {"arrived"}


def test_a_valley_floor_without_a_flat_point_is_no_saddle() -> None:
    """A gutter that falls gently and is curved downwards along its length: small gradient, no saddle."""
    gutter = evaluation.from_function(
        lambda at: 500 * at[0] ** 2 - 0.1 * at[1] - 0.05 * at[1] ** 2 + 2e-3 * at[1] ** 4,
        ((-2, 2), (-2, 2)),
        (0.5, 0.5),
    )
    runner = race(gutter, "sgd", steps=3, rates=1e-3).runner("sgd")
    assert runner.gradient < 1
    assert runner.curvatures[0] < 0
    assert runner.ending == "on its way"


def test_the_saddle_is_left_after_the_steps_that_the_formulas_need() -> None:
    raced = saddle_race(steps=200)
    for runner in raced.beside.runners:
        path = references.trajectory(
            references.reference(references.RULES, runner.name),
            lambda at: np.array([2.0, -2.0]) * at,
            np.array([1.0, 1e-3]),
            {**RULES[runner.name].defaults, "learning_rate": SADDLE_RATES[runner.name]},
            200,
        )
        assert runner.escaped == int(np.argmax(np.abs(path[:, 1]) > 1)) > 0
        assert (runner.ending, runner.tuned) == ("escaped", False)
    # Plain gradient descent multiplies y by 1 + 2α.
    assert raced.beside.runner("sgd").escaped == math.ceil(math.log(1000) / math.log(1.04))
    assert [runner.name for runner in raced.beside.standing][-1] == "sgd"
    assert any("stated, not tuned" in note for note in raced.beside.notes)


def test_on_the_ridge_no_rule_moves_off_and_noise_frees_them_all() -> None:
    raced = saddle_race(steps=400)
    for runner in raced.on_ridge.runners:
        assert np.all(runner.path[:, 1] == 0)
        assert runner.escaped is None
        assert runner.curvatures == (-2, 2)
    stuck = [runner for runner in raced.on_ridge.runners if runner.ending == "stuck at a saddle"]
    assert {"sgd", "momentum", "nesterov", "adam"} <= {runner.name for runner in stuck}
    for runner in stuck:
        assert runner.gradient < 0.05
        assert "curvature along one direction is −2" in runner.sentence
    assert all(runner.escaped for runner in raced.freed.runners)
    assert raced.freed.noise == 1e-3


def test_rates_may_be_given_for_some_rules_and_the_others_are_tuned() -> None:
    raced = race("ravine", ["sgd", "momentum"], steps=20, rates={"sgd": 0.01})
    assert (raced.runner("sgd").learning_rate, raced.runner("sgd").tuned) == (0.01, False)
    assert raced.runner("momentum").tuned
    assert {trial.rule for trial in raced.tuning} == {"momentum"}
    given = race("ravine", "adadelta", steps=20, rates=3.0)
    assert given.runner("adadelta").learning_rate == 3
    assert given.notes == ()


def test_the_best_rate_at_the_edge_of_those_tried_is_marked() -> None:
    flat = evaluation.from_function(lambda at: 1e-4 * jnp.sum(at**2), ((-1, 1), (-1, 1)), (0.5, 0.5))
    raced = race(flat, ["sgd", "adam"], steps=20)
    assert raced.runner("sgd").at_edge
    assert raced.runner("sgd").learning_rate == RATES[-1]
    assert not raced.runner("adam").at_edge


def test_mistakes_are_told() -> None:
    with pytest.raises(couloir.InputError, match="did you mean 'adam'"):
        race("beale", "adamm")
    with pytest.raises(couloir.InputError, match="'adam', which does not race"):
        race("beale", "sgd", rates={"adam": 0.1})
    with pytest.raises(couloir.InputError, match="no rule to race"):
        race("beale", [])
