"""The line fit against exact fractions, NumPy's solver, finite differences and descent's closed form."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from couloir.errors import InputError
from couloir.experiments.regression import (
    CANDIDATES,
    FRACTIONS,
    LINE_START,
    METHODS,
    descend,
    descents,
    line_fit,
    regression,
    solve,
    three_rates,
)
from couloir.figures.experiments import regression as drawn

# Typed in once more, so that a slip in the package's own points is noticed.
X = [2.4, 2.8, 3.2, 3.6, 4.0, 4.2, 5.0]
Y = [1.7, 1.85, 1.79, 1.95, 2.1, 2.0, 2.7]


def mean_squared_error(slope: float, intercept: float) -> float:
    return sum((y - (slope * x + intercept)) ** 2 for x, y in zip(X, Y, strict=True)) / len(X)


def five_variables():
    random = np.random.default_rng(1)
    inputs = random.normal(size=(40, 5)) * [1, 3, 0.5, 2, 1] + [0, 1, 2, -1, 0]
    return inputs, inputs @ np.arange(1, 6) - 2 + random.normal(size=40)


# The loss and its derivatives -----------------------------------------------------------------------------


def test_the_three_candidates_score_as_the_formula_says():
    losses = [float(line_fit().loss(line)) for line in CANDIDATES]
    assert [f"{loss:.3f}" for loss in losses] == ["0.338", "0.160", "0.043"]
    assert losses == pytest.approx([mean_squared_error(*line) for line in CANDIDATES], rel=1e-14)
    assert [f"{loss / 2:.2f}" for loss in losses] == ["0.17", "0.08", "0.02"], "what half the mean gives"


@pytest.mark.parametrize("line", [*CANDIDATES, LINE_START])
def test_the_gradient_has_its_minus_signs(line):
    slope, intercept = line
    pairs = list(zip(X, Y, strict=True))
    expected = [
        -2 / 7 * sum(x * (y - (slope * x + intercept)) for x, y in pairs),
        -2 / 7 * sum(y - (slope * x + intercept) for x, y in pairs),
    ]
    np.testing.assert_allclose(line_fit().gradient(line), expected, rtol=1e-12)
    nudge = 1e-6
    central = [
        (mean_squared_error(slope + nudge, intercept) - mean_squared_error(slope - nudge, intercept)),
        (mean_squared_error(slope, intercept + nudge) - mean_squared_error(slope, intercept - nudge)),
    ]
    np.testing.assert_allclose(line_fit().gradient(line), np.array(central) / (2 * nudge), rtol=1e-6)


def test_curvature_condition_and_critical_rate():
    problem = line_fit()
    columns = [problem.gradient(np.eye(2)[i]) - problem.gradient([0, 0]) for i in range(2)]
    np.testing.assert_allclose(problem.hessian, np.stack(columns, axis=1), rtol=1e-12)
    np.testing.assert_allclose(problem.eigenvalues, np.linalg.eigvalsh(np.stack(columns)), rtol=1e-11)
    assert [f"{value:.4g}" for value in problem.eigenvalues] == ["0.09244", "29.18"]
    assert f"{problem.condition_number:.1f}" == "315.6"
    assert f"{problem.critical_rate:.4f}" == "0.0685"
    assert problem.critical_rate == pytest.approx(2 / np.linalg.norm(problem.hessian, 2), rel=1e-12)


def test_fewer_rows_than_columns_leave_flat_directions():
    problem = regression([[1.0, 2.0, 3.0], [0.0, 1.0, 1.0]], [1.0, 2.0])
    np.testing.assert_allclose(problem.eigenvalues, np.linalg.eigvalsh(problem.hessian), atol=1e-12)
    assert problem.condition_number == float("inf")


# The exact minimum ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_least_squares_equals_numpy(method):
    design = np.column_stack([X, np.ones(7)])
    expected = np.linalg.lstsq(design, np.array(Y), rcond=None)[0]
    np.testing.assert_allclose(solve(line_fit(), method), expected, rtol=1e-12)
    inputs, targets = five_variables()
    expected = np.linalg.lstsq(np.column_stack([inputs, np.ones(40)]), targets, rcond=None)[0]
    np.testing.assert_allclose(solve(regression(inputs, targets), method), expected, rtol=1e-12)


def test_the_minimum_is_that_of_exact_fractions():
    x, y = [Fraction(str(value)) for value in X], [Fraction(str(value)) for value in Y]
    sums = sum(x), sum(y), sum(a * a for a in x), sum(a * b for a, b in zip(x, y, strict=True))
    slope = (7 * sums[3] - sums[0] * sums[1]) / (7 * sums[2] - sums[0] ** 2)
    intercept = (sums[1] - slope * sums[0]) / 7
    np.testing.assert_allclose(line_fit().minimum, [float(slope), float(intercept)], rtol=1e-13)
    assert [f"{value:.5f}" for value in line_fit().minimum] == ["0.33559", "0.80472"]
    assert f"{line_fit().least:.6f}" == "0.018052"


def test_the_stable_forms_keep_the_digits_that_the_normal_equations_lose():
    # Two columns that are nearly the same; y is exactly their sum plus 1.
    first = np.arange(1.0, 9)
    second = first + 1e-6 * np.array([1, -1, 1, -1, 1, -1, -1, 1.0])
    problem = regression(np.stack([first, second], axis=1), first + second + 1)
    errors = {method: np.abs(solve(problem, method) - 1).max() for method in METHODS}
    stable = max(errors["svd"], errors["qr"])
    assert stable < 1e-8
    assert errors["normal"] > 100 * stable


def test_columns_that_depend_on_each_other():
    inputs = np.stack([np.arange(5.0), 2 * np.arange(5.0)], axis=1)
    problem = regression(inputs, np.array([0, 1, 1, 3, 5.0]))
    expected = np.linalg.pinv(problem.design) @ problem.targets
    np.testing.assert_allclose(solve(problem), expected, atol=1e-12)
    for method in ("qr", "normal"):
        with pytest.raises(InputError, match="depend on each other"):
            solve(problem, method)


# Gradient descent -----------------------------------------------------------------------------------------


def test_descent_follows_the_closed_form_along_each_eigenvector():
    problem, rate, steps = line_fit(), 0.05, 300
    found = descend(problem, rate, steps, LINE_START)
    values, vectors = np.linalg.eigh(problem.hessian)
    first = vectors.T @ (np.array(LINE_START) - problem.minimum)
    shrunk = (1 - rate * values) ** np.arange(steps + 1)[:, None] * first
    np.testing.assert_allclose(found.weights, problem.minimum + shrunk @ vectors.T, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.losses[:3], [mean_squared_error(*w) for w in found.weights[:3]])


@pytest.mark.parametrize(("rate", "ending"), [(0.0685, "converged"), (0.0686, "diverged")])
def test_descent_converges_below_the_critical_rate_and_diverges_above(rate, ending):
    assert descend(line_fit(), rate, 20_000, LINE_START).ending == ending


@pytest.mark.parametrize("share", [0.999, 1.001])
def test_the_critical_rate_in_five_dimensions(share):
    problem = regression(*five_variables())
    found = descend(problem, share * problem.critical_rate, 6_000)
    assert found.ending == ("converged" if share < 1 else "diverged")
    if share < 1:
        np.testing.assert_allclose(found.weights[-1], solve(problem), rtol=1e-3)


def test_all_ways_agree_in_five_dimensions():
    problem = regression(*five_variables())
    found = descend(problem, problem.best_rate, 8_000)
    np.testing.assert_allclose(found.weights[-1], solve(problem, "qr"), rtol=1e-10)
    assert found.arrived is not None
    assert np.all(found.excess[found.arrived :] <= 1e-6 * found.excess[0])
    assert found.excess[found.arrived - 1] > 1e-6 * found.excess[0]


def test_an_overflowing_descent_ends_with_numbers():
    found = descend(line_fit(), 10.0, 1_000, LINE_START)
    assert found.ending == "diverged"
    assert len(found.losses) < 1_000
    assert np.isfinite(found.losses).all()


def test_standardised_variables_curve_alike():
    inputs, targets = five_variables()
    assert regression(X, Y, standardised=True).condition_number == pytest.approx(1, rel=1e-12)
    assert regression(inputs, targets, standardised=True).condition_number < 5
    assert regression(inputs, targets).condition_number > 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: regression([1, 2, 3], [1, 2]), "do not belong together"),
        (lambda: regression([1, np.nan], [1, 2]), "not finite"),
        (lambda: solve(line_fit(), "qrr"), "did you mean 'qr'"),
        (lambda: descend(line_fit(), -0.1, 5), "above 0"),
        (lambda: descend(line_fit(), 0.1, 0), "at least 1"),
        (lambda: descend(line_fit(), 0.1, 5, (1, 2, 3)), "2 coefficients"),
    ],
)
def test_mistakes_are_explained(call, message):
    with pytest.raises(InputError, match=message):
        call()


# Figures ---------------------------------------------------------------------------------------------------


def named(chart, name):
    (trace,) = [trace for trace in chart.figure.data if trace.name == name and trace.x[0] is not None]
    return trace


def test_the_scatter_shows_the_points():
    (points,) = drawn.scatter().figure.data
    assert (list(points.x), list(points.y)) == (X, Y)


def test_candidates_carry_their_errors():
    chart = drawn.candidate_lines()
    names = ["0.92·x − 1: 0.338", "−0.11·x + 2.5: 0.160", "0.52·x + 0.1: 0.043"]
    assert [trace.name for trace in chart.figure.data if trace.mode == "lines"] == names
    for name, (slope, intercept) in zip(names, CANDIDATES, strict=True):
        line = named(chart, name)
        assert list(line.y) == pytest.approx([slope * x + intercept for x in line.x])
    assert "0.52·x + 0.1 is the best; the best of all lines, 0.336·x + 0.805, has 0.018." in chart.sentence


def test_error_bars_reach_from_the_points_to_the_line():
    chart = drawn.error_bars()
    bars = named(chart, "error")
    assert bars.line.dash == "dash"
    for place, (x, y) in enumerate(zip(X, Y, strict=True)):
        assert list(bars.x[3 * place : 3 * place + 3]) == [x, x, None]
        assert bars.y[3 * place : 3 * place + 2] == pytest.approx((y, 0.52 * x + 0.1))
    squares = sum((y - 0.52 * x - 0.1) ** 2 for x, y in zip(X, Y, strict=True))
    assert f"sum to {squares:.4f}, and their mean is the loss, {squares / 7:.3f}" in chart.sentence


def test_the_contour_shows_candidates_and_minimum_on_the_domain():
    chart = drawn.line_contour()
    levels = chart.figure.data[0]
    assert (min(levels.x), max(levels.x), min(levels.y), max(levels.y)) == (-2, 4, -6, 8)
    at = len(levels.y) // 3, len(levels.x) // 2
    expected = mean_squared_error(levels.x[at[1]], levels.y[at[0]])
    assert levels.customdata[at[0]][at[1]] == pytest.approx(expected, rel=1e-6)
    minimum = named(chart, "the minimum: 0.018")
    assert (minimum.x[0], minimum.y[0]) == pytest.approx(tuple(line_fit().minimum))
    for number in ("29.18", "0.0924", "315.6", "0.3356", "0.8047", "0.01805"):
        assert number in chart.sentence


def test_three_rates_are_low_right_and_above_the_critical_one():
    low, right, high = three_rates(line_fit(), 100, LINE_START)
    assert [each.ending for each in (low, right, high)] == ["on its way", "on its way", "diverged"]
    assert right.losses[-1] < low.losses[-1] < low.losses[0] < high.losses[-1]
    chart = drawn.three_rates()
    losses = [trace for trace in chart.figure.data if trace.xaxis == "x2" and trace.mode == "lines"]
    for trace, found in zip(losses, (low, right, high), strict=True):
        np.testing.assert_allclose(trace.y, found.losses - line_fit().least, rtol=1e-5, atol=1e-12)
    assert "0.06855" in chart.sentence


def test_the_slider_sets_path_and_losses_of_each_rate():
    chart = drawn.rate_slider()
    (slider,) = chart.figure.layout.sliders
    assert len(slider.steps) == len(FRACTIONS) == 25
    rates = [share * line_fit().critical_rate for share in FRACTIONS]
    assert [step.label.split(":")[0] for step in slider.steps] == [drawn.number(rate) for rate in rates]
    for step, found in zip(slider.steps, descents(line_fit(), 100, LINE_START), strict=True):
        settings, places = step.args
        assert [chart.figure.data[place].meta for place in places] == ["moves"] * 4
        path = np.stack(settings["x"][:1] + settings["y"][:1], axis=1)
        np.testing.assert_allclose(path, found.weights[: len(path)], rtol=1e-5, atol=1e-9)
        np.testing.assert_allclose(settings["y"][2], found.excess, rtol=1e-5, atol=1e-12)
        assert ("diverges" in step.label) == (found.learning_rate > line_fit().critical_rate)
    assert slider.steps[slider.active].args[0]["y"][2] == list(chart.figure.data[-2].y)


def test_the_path_is_drawn_from_its_start():
    chart = drawn.line_descent(0.05, 40)
    path = chart.figure.data[-4]
    np.testing.assert_allclose([path.x[0], path.y[0]], LINE_START)
    np.testing.assert_allclose(path.x, descend(line_fit(), 0.05, 40, LINE_START).weights[:, 0], rtol=1e-5)
