"""Grids of guesses against whole numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from couloir.engine.architectures.mlp import parameter_count
from couloir.errors import InputError
from couloir.experiments.grids import dimension_counter, grid_points
from couloir.figures.experiments import grids as drawn


@pytest.mark.parametrize("segments", [2, 7, 10, 99, 100])
@pytest.mark.parametrize("parameters", [1, 3, 14, 200, 11_935])
def test_the_counter_agrees_with_whole_numbers(parameters, segments):
    found, exact = dimension_counter(parameters, segments), segments**parameters
    assert found.logarithm == pytest.approx(parameters * math.log10(segments), rel=1e-14)
    if "^" not in found.text:
        assert found.text == f"{exact:,}"
        assert exact < 10**15
        return
    mantissa, _, exponent = found.text.rpartition("10^")
    shown = float(mantissa.rstrip("×")) if mantissa else 1.0
    power = int(exponent)
    # Whole numbers all the way: exact / 10^(power − 6) has the digits.
    digits = exact // 10 ** (power - 6)
    assert abs(shown * 10**6 - digits) <= 5001


def test_the_counter_of_the_digit_network():
    assert parameter_count((784, 15, 10)) == 784 * 15 + 15 * 10 + 25 == 11_935
    assert dimension_counter(11_935).text == "10^11935"
    assert [dimension_counter(n, g).text for g in (10, 100) for n in (2, 3)] == [
        *("100", "1,000", "10,000", "1,000,000")
    ]
    assert dimension_counter(10**12).text == f"10^{10**12}"
    with pytest.raises(InputError, match="parameters 0"):
        dimension_counter(0)


@pytest.mark.parametrize(("dimensions", "segments"), [(2, 10), (3, 10), (3, 4)])
def test_a_grid_fills_the_cube_evenly(dimensions, segments):
    points = grid_points(dimensions, segments)
    assert len(np.unique(points, axis=0)) == len(points) == segments**dimensions
    for axis in points.T:
        values, counts = np.unique(axis, return_counts=True)
        np.testing.assert_allclose(np.diff(values), 1 / segments)
        assert set(counts) == {segments ** (dimensions - 1)}
        assert (values[0], values[-1]) == pytest.approx((0.5 / segments, 1 - 0.5 / segments))


def test_the_grids_are_drawn_whole():
    chart = drawn.grid_samples()
    square, cube = chart.figure.data
    assert (len(square.x), len(cube.x)) == (100, 1000)
    assert (
        "100 guesses and three need 1,000; ten times finer, they need 10,000 and 1,000,000." in chart.sentence
    )
    with pytest.raises(InputError, match="2 to 20"):
        drawn.grid_samples(100)


def test_guesses_needed_are_straight_lines_through_the_network():
    chart = drawn.guesses_needed()
    ten, hundred, network = chart.figure.data
    np.testing.assert_allclose(ten.y, ten.x, rtol=1e-14)
    np.testing.assert_allclose(hundred.y, 2 * np.array(hundred.x), rtol=1e-14)
    assert (network.x[0], network.y[0]) == (11_935, 11_935)
    assert "11,935 weights and biases" in chart.sentence
    assert "10¹¹⁹³⁵" in chart.sentence
    assert "81 weights" in chart.sentence  # 10^81 is the first power above 10^80
