"""Functions of two coordinates to descend on: each with its minima, a domain and a start.

`SURFACES` has them by name; `line_fit`, `ravine` and `neuron` make them from other points or settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import product
from types import MappingProxyType

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from jaxtyping import Array

from couloir.errors import InputError, check_number, unknown
from couloir.surfaces.evaluation import Point, Surface

SEVEN_POINTS = ((2.4, 1.7), (2.8, 1.85), (3.2, 1.79), (3.6, 1.95), (4.0, 2.1), (4.2, 2.0), (5.0, 2.7))
"""The points (x, y) that the line is fitted to."""

NEURON_POINTS = ((-1.0, 0.0), (-0.5, 0.2), (0.5, 0.9), (1.0, 1.0), (1.5, 0.8), (5.0, 0.1))
"""The points (x, y) that the neuron is fitted to: a rise, and one point far out that contradicts it."""

NEURON_MINIMA = ((3.6418780504257557, 0.37181943548884183), (-0.034467702266520114, 0.038988951474080845))
"""Where the neuron's loss has its minima on `NEURON_POINTS`: by Newton's method, as are those below."""

STYBLINSKI_TANG_MINIMA = (-2.9035340277711774, 2.746802770990837)
"""Where ½ (x⁴ − 16x² + 5x) has its two, the lower one first: the surface's are all pairs of them."""

HILLS_STARTS = ((-0.3, -0.95), (-0.3, -0.8))
"""Two starts on the hills, a short step apart, from which plain gradient descent ends in two minima."""


def _line_fit(points: np.ndarray, at: Array) -> Array:
    x, y = (jnp.asarray(column, at.dtype) for column in points.T)
    return jnp.mean((y - (at[0] * x + at[1])) ** 2)


def _neuron(points: np.ndarray, at: Array) -> Array:
    x, y = (jnp.asarray(column, at.dtype) for column in points.T)
    return jnp.mean((y - jax.nn.sigmoid(at[0] * x + at[1])) ** 2)


def _ravine(condition: float, at: Array) -> Array:
    return 0.5 * (at[0] ** 2 + condition * at[1] ** 2)


def _saddle(at: Array) -> Array:
    return at[0] ** 2 - at[1] ** 2


def _beale(at: Array) -> Array:
    x, y = at
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _rosenbrock(at: Array) -> Array:
    x, y = at
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def _himmelblau(at: Array) -> Array:
    x, y = at
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def _rastrigin(at: Array) -> Array:
    return 20 + jnp.sum(at**2 - 10 * jnp.cos(2 * jnp.pi * at))


def _camel(at: Array) -> Array:
    x, y = at
    return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2


def _styblinski_tang(at: Array) -> Array:
    return 0.5 * jnp.sum(at**4 - 16 * at**2 + 5 * at)


def _hills(at: Array) -> Array:
    x, y = at
    return jnp.sin(1.4 * x + 0.3) * jnp.cos(1.6 * y - 0.4) + (x - 0.5) ** 2 / 16 + (y + 0.3) ** 2 / 12


def line_fit(points: Sequence[Point] = SEVEN_POINTS) -> Surface:
    """Mean squared error of the line m·x + b on some points, over (m, b): a bowl (Legendre 1805; Gauss 1809).

    The minimum is the least-squares line of the centred points: m = Σ x′y / Σ x′x′, x′ = x − x̄.

    Raises:
        InputError: fewer than two points, or all above one another.
    """
    return _line_fit_surface(_as_points(points))


def _as_points(points: Sequence[Point]) -> tuple[Point, ...]:
    """The points as tuples of numbers, which can be looked up in a cache."""
    return tuple((float(x), float(y)) for x, y in points)


@lru_cache(maxsize=64)
def _line_fit_surface(points: tuple[Point, ...]) -> Surface:
    """One surface for the same points: its function compiles once."""
    table = np.asarray(points, float)
    if len(table) < 2 or np.ptp(table[:, 0]) == 0:
        raise InputError("A line needs at least two points (x, y) of different x: give those.")
    x, y = table.T
    slope = float((x - x.mean()) @ (y - y.mean()) / ((x - x.mean()) @ (x - x.mean())))
    minimum = (slope, float(y.mean() - slope * x.mean()))
    return Surface(
        "line-fit",
        "Line fit to seven points" if points == SEVEN_POINTS else "Line fit",
        Partial(_line_fit, table),
        ((-2.0, 4.0), (-6.0, 8.0)),
        (3.0, 4.0),
        (minimum,),
        float(np.mean((y - slope * x - minimum[1]) ** 2)),
        ("m", "b"),
        "J(m, b) = (1/n) Σ (yᵢ − (m xᵢ + b))²",
        "Legendre 1805; Gauss 1809",
        "The mean squared error of a straight line: a long bowl with one minimum.",
    )


@lru_cache(maxsize=64)
def ravine(condition: float = 50.0) -> Surface:
    """½ (x² + κ y²): a valley κ times as steep across as along.

    Args:
        condition: κ, the condition number, at least 1; 1 is a round bowl.

    Raises:
        InputError: κ below 1 or not finite.
    """
    check_number("condition number", condition, 1)
    return Surface(
        "ravine",
        f"Ravine of condition number {condition:g}",
        Partial(_ravine, float(condition)),
        ((-2.0, 2.0), (-1.5, 1.5)),
        (-1.8, 1.0),
        ((0.0, 0.0),),
        0.0,
        equation=f"½ (x² + {condition:g} y²)",
        source="Cauchy 1847",
        note="An ill-conditioned quadratic: a rate that is safe across the valley is slow along it.",
    )


def neuron(points: Sequence[Point] = NEURON_POINTS) -> Surface:
    """Mean squared error of one sigmoid neuron σ(w·x + b) on some points, over (w, b): not convex.

    The minima are known for the shipped points only.

    Raises:
        InputError: no points.
    """
    return _neuron_surface(_as_points(points))


@lru_cache(maxsize=64)
def _neuron_surface(points: tuple[Point, ...]) -> Surface:
    """One surface for the same points: its function compiles once."""
    table = np.asarray(points, float)
    if not len(table):
        raise InputError("The neuron needs points (x, y) to be fitted to: give at least one.")
    minima: tuple[Point, ...] = ()
    least = None
    if points == NEURON_POINTS:
        minima, (x, y), (weight, bias) = NEURON_MINIMA, table.T, NEURON_MINIMA[0]
        least = float(np.mean((y - 1 / (1 + np.exp(-(weight * x + bias)))) ** 2))
    return Surface(
        "neuron",
        "One sigmoid neuron",
        Partial(_neuron, table),
        ((-6.0, 10.0), (-8.0, 8.0)),
        (-4.0, -4.0),
        minima,
        least,
        ("w", "b"),
        "J(w, b) = (1/n) Σ (yᵢ − σ(w xᵢ + b))²",
        "Auer, Herbster & Warmuth 1996",
        "One neuron is enough to lose convexity: plateaus, and a second minimum for a point far out.",
    )


def _rastrigin_minima() -> tuple[Point, ...]:
    """All 121 minima in the domain: each coordinate is at one of the eleven of x² − 10 cos 2πx."""
    right = (0.9949586376523348, 1.9899122337085495, 2.9848557010394816, 3.979783860300754, 4.974691390895051)
    line = (0.0, *right, *(-value for value in right))
    return tuple(sorted(product(line, line), key=lambda point: point[0] ** 2 + point[1] ** 2))


_OTHERS = (
    Surface(
        "saddle",
        "Saddle",
        _saddle,
        ((-1.5, 1.5), (-1.5, 1.5)),
        (1.0, 1e-3),
        equation="x² − y²",
        source="Dauphin et al. 2014",
        note="Flat at 0 without a minimum: a valley along x, a ridge along y, and no bottom.",
        starts=((1.0, 1e-3), (1.0, 0.0)),
        bounded=False,
    ),
    Surface(
        "beale",
        "Beale's function",
        _beale,
        ((-4.5, 4.5), (-4.5, 4.5)),
        (1.0, 1.5),
        ((3.0, 0.5),),
        0.0,
        equation="(1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)²",
        source="Beale 1958",
        note="A flat valley between walls that rise with the sixth power.",
    ),
    Surface(
        "rosenbrock",
        "Rosenbrock's function",
        _rosenbrock,
        ((-2.0, 2.0), (-1.0, 3.0)),
        (-1.2, 1.0),
        ((1.0, 1.0),),
        0.0,
        equation="(1 − x)² + 100 (y − x²)²",
        source="Rosenbrock 1960",
        note="A bent ravine: into the valley is easy, along it is not.",
    ),
    Surface(
        "himmelblau",
        "Himmelblau's function",
        _himmelblau,
        ((-5.0, 5.0), (-5.0, 5.0)),
        (0.0, -1.0),
        (
            (3.0, 2.0),
            (3.5844283403304917, -1.8481265269644036),
            (-3.779310253377747, -3.283185991286169),
            (-2.805118086952745, 3.131312518250573),
        ),
        0.0,
        equation="(x² + y − 11)² + (x + y² − 7)²",
        source="Himmelblau 1972",
        note="Four minima, all equally low.",
    ),
    Surface(
        "rastrigin",
        "Rastrigin's function",
        _rastrigin,
        ((-5.12, 5.12), (-5.12, 5.12)),
        (3.3, 2.4),
        _rastrigin_minima(),
        0.0,
        equation="20 + x² + y² − 10 cos 2πx − 10 cos 2πy",
        source="Rastrigin 1974",
        note="A bowl covered with 121 hollows, of which one is the lowest.",
    ),
    Surface(
        "camel",
        "Six-hump camel",
        _camel,
        ((-2.0, 2.0), (-1.2, 1.2)),
        (1.9, 1.0),
        (
            (0.08984201310031806, -0.7126564030207396),
            (-0.08984201310031806, 0.7126564030207396),
            (-1.7036067149699807, 0.7960835686726252),
            (1.7036067149699807, -0.7960835686726252),
            (-1.6071047529201972, -0.5686514548841314),
            (1.6071047529201972, 0.5686514548841314),
        ),
        -1.0316284534898774,
        equation="(4 − 2.1x² + x⁴/3) x² + xy + (4y² − 4) y²",
        source="Dixon & Szegő 1978",
        note="Six minima, two of them the lowest.",
    ),
    Surface(
        "styblinski-tang",
        "Styblinski and Tang's function",
        _styblinski_tang,
        ((-5.0, 5.0), (-5.0, 5.0)),
        (4.5, 0.5),
        tuple(product(STYBLINSKI_TANG_MINIMA, STYBLINSKI_TANG_MINIMA)),
        -78.33233140754282,
        equation="½ (x⁴ − 16x² + 5x + y⁴ − 16y² + 5y)",
        source="Styblinski & Tang 1990",
        note="Four hollows of four different depths but for one pair.",
    ),
    Surface(
        "hills",
        "Hills and valleys",
        _hills,
        ((-3.0, 4.0), (-3.0, 3.0)),
        HILLS_STARTS[0],
        (
            (0.8830411233417618, -1.6267866406219846),
            (-1.2256251514296888, 0.21598334982838496),
            (2.9912383912965175, 0.2155527427054829),
            (0.8825377098999894, 2.058275725641624),
        ),
        -0.8339342565792089,
        equation="sin(1.4x + 0.3) cos(1.6y − 0.4) + (x − 0.5)²/16 + (y + 0.3)²/12",
        source="Couloir",
        note="Four valleys between hills: two starts a short step apart end in different ones.",
        starts=HILLS_STARTS,
    ),
)

SURFACES: Mapping[str, Surface] = MappingProxyType(
    {each.name: each for each in (line_fit(), ravine(), *_OTHERS, neuron())}
)
"""The surfaces by name."""


def surface(named: str | Surface) -> Surface:
    """The surface of a name in `SURFACES`; a surface is given back as it is.

    Raises:
        InputError: there is none of that name; the nearest one is suggested.
    """
    if isinstance(named, Surface):
        return named
    if named not in SURFACES:
        raise unknown("surface", named, SURFACES)
    return SURFACES[named]
