"""Batches' paths, the scatter of their gradients, escapes and effective steps, against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

import couloir
from couloir.experiments import noise, stall
from couloir.surfaces import evaluation, functions
from problems import SEVEN_POINTS

# Paths ------------------------------------------------------------------------------------------------


def test_the_batch_path_is_gradient_descent_in_closed_form() -> None:
    """W_t − W* = (I − αH)ᵗ (W₀ − W*)."""
    found = noise.batch_paths(0.02, 30)
    minimum, start = SEVEN_POINTS.minimum, np.array(found.surface.start)
    shrink = np.eye(2) - 0.02 * SEVEN_POINTS.hessian
    expected = [minimum + np.linalg.matrix_power(shrink, t) @ (start - minimum) for t in range(31)]
    assert [path.name for path in found.paths] == ["batch", "mini-batch", "stochastic"]
    np.testing.assert_allclose(found.paths[0].points, expected, rtol=1e-10)


def test_every_path_sees_every_row_once_an_epoch() -> None:
    found = noise.batch_paths(0.01, 4)
    for path, size, updates in zip(found.paths, (7, 3, 1), (1, 3, 7), strict=True):
        assert (path.batch_size, len(path.points)) == (size, 4 * updates + 1)
        assert path.samples[::updates].tolist() == [0, 7, 14, 21, 28]
        assert path.epochs[-1] == 4
        np.testing.assert_allclose(
            path.losses, [SEVEN_POINTS.value(line) for line in path.points], rtol=1e-12
        )
    # Near enough to α = 0 the seven small steps of an epoch add up to seven steps of the batch.
    small = noise.batch_paths(1e-9, 1)
    moved = [path.points[-1] - path.points[0] for path in small.paths]
    np.testing.assert_allclose(moved[2], 7 * moved[0], rtol=1e-5)
    np.testing.assert_allclose(
        noise.batch_paths(1e-9, 1, (7, 1), seed=9).paths[1].points[-1], small.paths[2].points[-1]
    )


def test_orders_differ_between_epochs_and_seeds() -> None:
    first, second = (noise.batch_paths(0.01, 3, (1,), seed=seed).paths[0].points for seed in (0, 1))
    assert np.abs(first - second).max() > 1e-6
    np.testing.assert_array_equal(first, noise.batch_paths(0.01, 3, (1,), seed=0).paths[0].points)


# Clouds -----------------------------------------------------------------------------------------------


def test_batch_gradients_scatter_as_draws_without_replacement_do() -> None:
    cloud = noise.gradient_cloud(draws=3000)
    line = np.array(cloud.point)
    rows = np.array(noise.many_points())
    residual = rows[:, 1] - rows[:, 0] * line[0] - line[1]
    own = -2 * np.column_stack([rows[:, 0] * residual, residual])
    np.testing.assert_allclose(cloud.exact, own.mean(axis=0), rtol=1e-12)
    for size, gradients, spread, expected in zip(
        cloud.sizes, cloud.gradients, cloud.spreads, cloud.expected, strict=True
    ):
        variance = own.var(axis=0, ddof=1).sum() / size * (1 - size / len(rows))
        assert expected == pytest.approx(math.sqrt(variance), rel=1e-12)
        assert spread == pytest.approx(expected, rel=0.06, abs=0)
        if size < len(rows):
            error = np.sqrt(variance / len(gradients))
            assert np.abs(gradients.mean(axis=0) - cloud.exact).max() < 4 * error
    assert cloud.spreads[-1] == 0 == cloud.expected[-1]


def test_a_batch_of_one_has_the_gradient_of_a_row() -> None:
    cloud = noise.gradient_cloud((1,), 50, points=functions.SEVEN_POINTS, point=(0.1, 2.0))
    rows = [noise.line_gradient(np.array([0.1, 2.0]), np.array([row])) for row in functions.SEVEN_POINTS]
    for gradient in cloud.gradients[0]:
        assert min(np.abs(gradient - row).max() for row in rows) < 1e-12


# Escapes ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found() -> noise.Escapes:
    return noise.escapes((1, 4, 16, 256), runs=150, steps=150)


def test_the_two_wells_have_the_minima_that_the_cubic_says() -> None:
    """x³ − x + ¼ = 0."""
    roots = np.sort(np.roots([1, 0, -1, 0.25]).real)
    wells = noise.TWO_WELLS
    np.testing.assert_allclose([place[0] for place in wells.minima], roots[[0, 2]], rtol=1e-12)
    heights = evaluation.values(wells, wells.minima)
    assert heights[0] == pytest.approx(wells.least, rel=1e-14)
    assert heights[0] < heights[1] < evaluation.values(wells, [(roots[1], 0)])[0]
    low = optimize.minimize(
        lambda at: at[0] ** 4 / 4 - at[0] ** 2 / 2 + at[0] / 4 + at[1] ** 2 / 2, (-1, 0.1)
    ).x
    np.testing.assert_allclose(low, wells.minima[0], atol=1e-5)


def test_noise_frees_paths_and_the_exact_gradient_never_does(found: noise.Escapes) -> None:
    for place in (found.minimum, found.saddle):
        assert place.sizes == (1, 4, 16, 256)
        assert place.shares[-1] == 0
        assert place.shares[0] > 0.8
        assert list(place.shares) == sorted(place.shares, reverse=True)
        assert [share * 150 for share in place.shares] == pytest.approx(
            [np.sum(steps > 0) for steps in place.left]
        )
    assert found.minimum.shares[2] == 0


def test_a_batchs_noise_is_the_mean_of_its_samples_tilts() -> None:
    tilts = np.random.default_rng(0).normal(size=(12, 2))
    tilts -= tilts.mean(axis=0)
    dealt = noise.batch_noise(tilts, 4, runs=5, steps=7, seed=1)
    assert dealt.shape == (5, 7, 2)
    # Three batches are an epoch, in which every sample has its turn: their means add up to 0.
    np.testing.assert_allclose(dealt[:, :6].reshape(5, 2, 3, 2).sum(axis=2), 0, atol=1e-12)
    singles = noise.batch_noise(tilts, 1, runs=2, steps=12, seed=1)
    np.testing.assert_allclose(np.sort(singles[0, :, 0]), np.sort(tilts[:, 0]))
    assert np.abs(singles[0] - singles[1]).max() > 0
    assert np.all(noise.batch_noise(tilts, 12, runs=2, steps=3, seed=1) == 0)


def test_the_share_that_leaves_the_saddle_is_that_of_a_sum_of_normal_numbers() -> None:
    """On the ridge y_T = −α Σ (1 + 2α)^(T−1−t) e_t, e with the covariance of draws without replacement."""
    steps, runs, samples, size, rate = 150, 400, 256, 2, noise.SADDLE_RATE
    found = noise.escapes((size,), runs, steps, samples).saddle
    weights = rate * (1 + 2 * rate) ** np.arange(steps - 1, -1, -1.0)
    within = noise.TILT**2 * samples / (samples - 1)
    epoch = np.arange(steps) // (samples // size)
    covariance = -within / samples * (epoch[:, None] == epoch[None, :]) + within / size * np.eye(steps)
    spread = math.sqrt(weights @ covariance @ weights)
    share = 2 * stats.norm.sf(1 / spread)  # of those outside at the end; hardly one comes back in
    assert 0.3 < share < 0.99
    assert abs(found.shares[0] - share) < 4 * math.sqrt(share * (1 - share) / runs) + 0.01


# Effective steps --------------------------------------------------------------------------------------


def test_effective_steps_are_those_of_the_closed_forms() -> None:
    phases = ((1.0, 40), (5.0, 20), (0.1, 100))
    found = stall.effective_steps(phases)
    g = np.repeat([1.0, 5.0, 0.1], [40, 20, 100])
    np.testing.assert_array_equal(found.gradients, g)
    np.testing.assert_allclose(found.steps["adagrad"], 0.01 / np.sqrt(np.cumsum(g**2) + 1e-8), rtol=1e-12)
    ages = np.arange(160)[:, None] - np.arange(160)[None, :]
    average = np.where(ages >= 0, 0.1 * 0.9 ** np.maximum(ages, 0), 0) @ g**2
    np.testing.assert_allclose(found.steps["rmsprop"], 1e-3 / np.sqrt(average + 1e-8), rtol=1e-12)
    square = drift = 0.0
    for step in range(160):
        square = 0.95 * square + 0.05 * g[step] ** 2
        ratio = math.sqrt((drift + 1e-6) / (square + 1e-6))
        drift = 0.95 * drift + 0.05 * (ratio * g[step]) ** 2
        assert found.steps["adadelta"][step] == pytest.approx(ratio, rel=1e-11)
    np.testing.assert_allclose(found.travelled["rmsprop"], np.cumsum(found.steps["rmsprop"] * g), rtol=1e-12)


def test_adagrad_only_shrinks_and_the_others_recover() -> None:
    found = stall.effective_steps()
    assert np.all(np.diff(found.steps["adagrad"]) < 0)
    assert found.regained("adagrad") == 1
    for name in ("rmsprop", "adadelta"):
        assert found.regained(name) > 10
        assert found.steps[name][-1] > found.steps[name][0]
    assert found.rates == {"adagrad": 0.01, "rmsprop": 1e-3, "adadelta": 1.0}


def test_mistakes_are_told() -> None:
    for message, call in {
        "batch of 8 of 7": lambda: noise.batch_paths(batch_sizes=(8,)),
        "above 0": lambda: noise.batch_paths(-0.1),
        "batch of 0": lambda: noise.gradient_cloud((0,)),
        "draws 0": lambda: noise.gradient_cloud(draws=0),
        "divide the 256": lambda: noise.escapes((3,)),
        "runs 0": lambda: noise.escapes(runs=0),
        "gradient above 0": lambda: stall.effective_steps(((0.0, 5),)),
    }.items():
        with pytest.raises(couloir.InputError, match=message):
            call()
