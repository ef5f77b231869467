"""Every surface against a formula written apart from it, its minima against SciPy's search for them."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, special

import couloir
from couloir.surfaces import evaluation, functions
from couloir.surfaces.evaluation import Surface, grid
from couloir.surfaces.functions import SURFACES, surface
from problems import SEVEN_POINTS as LINE
from references import central_difference

Value = Callable[[float, float], float]

NEURON_X, NEURON_Y = np.array([-1, -0.5, 0.5, 1, 1.5, 5]), np.array([0, 0.2, 0.9, 1, 0.8, 0.1])


def two_of(one: Callable[[float], float]) -> Value:
    return lambda x, y: one(x) + one(y)


FORMULAS: dict[str, Value] = {
    "line-fit": lambda m, b: LINE.value(np.array([m, b])),
    "ravine": lambda x, y: x * x / 2 + 25 * y * y,
    "saddle": lambda x, y: (x - y) * (x + y),
    "beale": lambda x, y: sum((c - x * (1 - y**k)) ** 2 for c, k in ((1.5, 1), (2.25, 2), (2.625, 3))),
    "rosenbrock": lambda x, y: (x - 1) ** 2 + (10 * (y - x * x)) ** 2,
    "himmelblau": lambda x, y: (x * x - (11 - y)) ** 2 + (y * y - (7 - x)) ** 2,
    "rastrigin": two_of(lambda t: t * t + 20 * math.sin(math.pi * t) ** 2),
    "camel": lambda x, y: 4 * x**2 - 2.1 * x**4 + x**6 / 3 + x * y - 4 * y**2 + 4 * y**4,
    "styblinski-tang": two_of(lambda t: t**4 / 2 - 8 * t * t + 2.5 * t),
    "hills": lambda x, y: (
        (math.sin(1.4 * x + 1.6 * y - 0.1) + math.sin(1.4 * x - 1.6 * y + 0.7)) / 2
        + (x - 0.5) ** 2 / 16
        + (y + 0.3) ** 2 / 12
    ),
    "neuron": lambda w, b: float(np.mean((NEURON_Y - special.expit(w * NEURON_X + b)) ** 2)),
}
"""Each function in another form than the package's."""

BOUNDED = [name for name in FORMULAS if name != "saddle"]


def random_points(of: Surface, count: int = 60) -> np.ndarray:
    low, high = np.array(of.domain).T
    return np.random.default_rng(5).uniform(low, high, (count, 2))


def test_every_surface_of_the_list_is_there() -> None:
    assert list(SURFACES) == [
        "line-fit", "ravine", "saddle", "beale", "rosenbrock", "himmelblau", "rastrigin", "camel",
        "styblinski-tang", "hills", "neuron",
    ]  # fmt: skip
    for name, each in SURFACES.items():
        assert each.name == name
        assert all((each.title, each.equation, each.source, each.note.endswith(".")))
        for coordinate, (low, high) in zip(each.start, each.domain, strict=True):
            assert low <= coordinate <= high


@pytest.mark.parametrize("name", SURFACES)
def test_heights_are_those_of_the_formula(name: str) -> None:
    points = random_points(SURFACES[name])
    expected = np.array([FORMULAS[name](*point) for point in points])
    np.testing.assert_allclose(evaluation.values(SURFACES[name], points), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", SURFACES)
def test_slopes_and_curvatures_are_the_differences_of_the_formula(name: str) -> None:
    def formula(at: np.ndarray) -> float:
        return FORMULAS[name](*at)

    points = random_points(SURFACES[name], 5)
    slopes = evaluation.slopes(SURFACES[name], points)
    for point, slope in zip(points, slopes, strict=True):
        scale = 1 + abs(formula(point)) + np.abs(slope).max()
        np.testing.assert_allclose(slope, central_difference(formula, point), atol=1e-7 * scale)
        gradient, hessian = evaluation.slope_and_curvature(SURFACES[name], point)
        np.testing.assert_allclose(gradient, slope, rtol=1e-12, atol=1e-12 * scale)
        rows = [
            central_difference(lambda at, k=k: central_difference(formula, at, 1e-3)[k], point, 1e-3)
            for k in (0, 1)
        ]
        np.testing.assert_allclose(hessian, rows, atol=1e-3 * (scale + np.abs(hessian).max()))


def hollows(name: str, resolution: int = 181) -> list[np.ndarray]:
    """Minima inside the domain, by SciPy from each point of a fine grid that is below its neighbours."""
    formula, domain = FORMULAS[name], SURFACES[name].domain
    x, y = (np.linspace(low, high, resolution) for low, high in domain)
    z = np.array([[formula(a, b) for a in x] for b in y])
    inner = z[1:-1, 1:-1]
    lower = np.ones(inner.shape, bool)
    for down in (0, 1, 2):
        for right in (0, 1, 2):
            lower &= inner <= z[down : down + resolution - 2, right : right + resolution - 2]
    found: list[np.ndarray] = []
    for row, column in np.argwhere(lower) + 1:
        start = np.array([x[column], y[row]])
        end = optimize.minimize(
            lambda at: formula(*at), start, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-15}
        ).x
        inside = all(low <= value <= high for value, (low, high) in zip(end, domain, strict=True))
        if inside and all(np.abs(end - other).max() > 1e-3 for other in found):
            found.append(end)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in BOUNDED if name != "rastrigin"])
def test_the_known_minima_are_all_that_scipy_finds(name: str) -> None:
    known, found = np.array(SURFACES[name].minima), hollows(name)
    assert len(found) == len(known)
    for place in found:
        assert np.abs(known - place).max(axis=1).min() < 1e-6


def test_rastrigins_minima_are_the_pairs_of_those_along_a_line() -> None:
    line = [
        optimize.minimize_scalar(
            lambda t: t * t + 20 * math.sin(math.pi * t) ** 2,
            bounds=(whole - 0.3, whole + 0.3),
            method="bounded",
            options={"xatol": 1e-10},
        ).x
        for whole in range(-5, 6)
    ]
    pairs = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    known = np.array(SURFACES["rastrigin"].minima)
    assert known.shape == (121, 2)
    np.testing.assert_allclose(
        known[np.lexsort(known.round(3).T)], pairs[np.lexsort(pairs.round(3).T)], atol=1e-6
    )
    assert tuple(known[0]) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", BOUNDED)
def test_at_a_minimum_the_ground_is_flat_and_the_first_is_the_lowest(name: str) -> None:
    each = SURFACES[name]
    heights = np.array([FORMULAS[name](*place) for place in each.minima])
    assert heights[0] == pytest.approx(each.least, abs=1e-13, rel=1e-13)
    assert heights[0] <= heights.min() + 1e-13
    steepest = np.abs(evaluation.slopes(each, random_points(each))).max()
    assert np.abs(evaluation.slopes(each, np.array(each.minima))).max() < 1e-13 * max(steepest, 1)
    for place in each.minima:
        assert np.linalg.eigvalsh(evaluation.slope_and_curvature(each, place)[1])[0] > 0


def test_the_saddle_is_flat_at_0_with_a_curvature_of_either_sign_and_has_no_least_value() -> None:
    saddle = surface("saddle")
    gradient, hessian = evaluation.slope_and_curvature(saddle, (0, 0))
    assert gradient.tolist() == [0, 0]
    assert np.linalg.eigvalsh(hessian).tolist() == [-2, 2]
    assert (saddle.minima, saddle.least, saddle.bounded) == ((), None, False)
    assert saddle.starts == ((1.0, 1e-3), (1.0, 0.0))


def test_the_line_fit_is_the_least_squares_line_with_the_known_curvatures() -> None:
    fit = surface("line-fit")
    x, y = np.array(functions.SEVEN_POINTS).T
    slope, intercept = np.linalg.lstsq(np.column_stack([x, np.ones(7)]), y, rcond=None)[0]
    np.testing.assert_allclose(fit.minima[0], (slope, intercept), rtol=1e-12)
    assert fit.least == pytest.approx(0.018052, abs=5e-7)
    curvatures = np.linalg.eigvalsh(evaluation.slope_and_curvature(fit, (0, 0))[1])
    np.testing.assert_allclose(curvatures, np.linalg.eigvalsh(LINE.hessian), rtol=1e-11)
    assert curvatures == pytest.approx([0.0924, 29.18], rel=1e-3)
    candidates = evaluation.values(fit, [(0.92, -1.0), (-0.11, 2.5), (0.52, 0.1)])
    assert candidates.round(3).tolist() == [0.338, 0.160, 0.043]


@pytest.mark.parametrize("condition", [1.0, 8.0, 3000.0])
def test_a_ravine_has_the_condition_number_asked_for(condition: float) -> None:
    hessian = evaluation.slope_and_curvature(functions.ravine(condition), (0.3, -0.2))[1]
    assert np.linalg.cond(hessian) == pytest.approx(condition, rel=1e-12)
    assert functions.ravine(condition) is functions.ravine(condition)


def test_between_the_neurons_minima_the_ground_rises_and_bends_downwards() -> None:
    first, second = np.array(functions.NEURON_MINIMA)
    segment = [first + share * (second - first) for share in np.linspace(0, 1, 101)]
    heights = np.array([FORMULAS["neuron"](*place) for place in segment])
    assert heights.max() > max(heights[0], heights[-1]) + 0.02
    top = segment[int(heights.argmax())]
    least, greatest = np.linalg.eigvalsh(evaluation.slope_and_curvature(surface("neuron"), top)[1])
    assert least < 0 < greatest


def test_on_the_hills_two_starts_side_by_side_end_in_two_minima() -> None:
    first, second = (np.array(start) for start in functions.HILLS_STARTS)
    assert np.linalg.norm(second - first) < 0.2
    ends = []
    for place in (first, second):
        for _ in range(400):
            place = place - 0.05 * central_difference(lambda at: FORMULAS["hills"](*at), place)
        ends.append(np.abs(np.array(surface("hills").minima) - place).max(axis=1))
    assert ends[0].min() < 1e-3
    assert ends[1].min() < 1e-3
    assert ends[0].argmin() != ends[1].argmin()


def test_a_grid_has_rows_of_y_and_columns_of_x_in_float64() -> None:
    sampled = grid(surface("ravine"), 5)
    assert sampled.x.tolist() == [-2, -1, 0, 1, 2]
    assert sampled.y.tolist() == [-1.5, -0.75, 0, 0.75, 1.5]
    assert sampled.z.dtype == np.float64
    expected = [[FORMULAS["ravine"](x, y) for x in sampled.x] for y in sampled.y]
    np.testing.assert_allclose(sampled.z, expected, rtol=1e-15)


def test_a_surface_of_any_function() -> None:
    made = evaluation.from_function(lambda at: jnp.sum(at**4), ((-1, 1), (0, 2)), (0.5, 1), name="quartic")
    assert (made.name, made.domain, made.start) == ("quartic", ((-1, 1), (0, 2)), (0.5, 1))
    assert (made.minima, made.least, made.size) == ((), None, (2, 2))
    assert evaluation.values(made, [(1, 2)]).tolist() == [17]


def test_what_is_no_surface_is_said_so() -> None:
    with pytest.raises(couloir.InputError, match=r"no surface 'beal': did you mean 'beale'\?"):
        surface("beal")
    with pytest.raises(couloir.InputError, match="at least 1"):
        functions.ravine(0.5)
    with pytest.raises(couloir.InputError, match="x0 < x1"):
        evaluation.from_function(jnp.sum, ((1, 1), (0, 2)), (0, 0))
    with pytest.raises(couloir.InputError, match="two numbers"):
        evaluation.from_function(jnp.sum, ((0, 1), (0, 2)), (0, 0, 0))  # type: ignore[arg-type]
    with pytest.raises(couloir.InputError, match=r"shape \(2,\)"):
        evaluation.from_function(jnp.sin, ((0, 1), (0, 2)), (0, 0))
    with pytest.raises(couloir.InputError, match="at least 2"):
        grid(surface("beale"), 1)
    with pytest.raises(couloir.InputError, match="different x"):
        functions.line_fit(((1.0, 2.0), (1.0, 3.0)))
    with pytest.raises(couloir.InputError, match="at least one"):
        functions.neuron(())


def test_nothing_is_left_switched_to_float64() -> None:
    grid(surface("beale"), 3)
    assert jnp.zeros(()).dtype == jnp.float32
    assert not jax.config.jax_enable_x64
