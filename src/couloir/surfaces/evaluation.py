"""A surface: a function of two coordinates, what is known about it, its heights, slopes and curvatures.

Its function is JAX, from a point [2] to a number, so that it can be differentiated, mapped over a
grid and compiled into a race; everything known about it is plain numbers. Heights and derivatives are in
float64. The surfaces with names are those of `couloir.surfaces.functions`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from jaxtyping import Array, Float

from couloir.errors import InputError, check_whole

Point = tuple[float, float]
"""Two coordinates (x, y)."""

Domain = tuple[Point, Point]
"""((least x, greatest x), (least y, greatest y))."""

Function = Callable[[Float[Array, "2"]], Float[Array, ""]]
"""JAX, from a point [2] to a number."""

TOGETHER = 256
"""Points at which second derivatives are taken in one call."""


@dataclass(frozen=True)
class Surface:
    """A function of two coordinates, and what is known about it.

    Attributes:
        name: its key in `SURFACES`.
        title: what people call it.
        function: JAX, from a point [2] to a number.
        domain: ((least x, greatest x), (least y, greatest y)): the part of the plane that is drawn.
        start: where descents customarily begin.
        minima: all its minima in the domain, local ones too, the lowest first; empty where none is known.
        least: the least value it has; None where that is not known, or where there is none.
        axes: what the two coordinates are called.
        equation: the function in a line of text.
        source: author and year.
        note: what it is for, in a sentence.
        starts: further starts that belong together, such as two that end in different minima.
        bounded: whether it has a least value; the saddle goes down for ever.
    """

    name: str
    title: str
    function: Function
    domain: Domain
    start: Point
    minima: tuple[Point, ...] = ()
    least: float | None = None
    axes: tuple[str, str] = ("x", "y")
    equation: str = ""
    source: str = ""
    note: str = ""
    starts: tuple[Point, ...] = field(default=())
    bounded: bool = True

    @property
    def size(self) -> Point:
        """Width and height of the domain."""
        return self.domain[0][1] - self.domain[0][0], self.domain[1][1] - self.domain[1][0]


class Grid(NamedTuple):
    """A surface's heights over its domain: x [column], y [row] and z [row, column], in float64."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray


def from_function(function: Function, domain: Domain, start: Point, *, name: str = "function") -> Surface:
    """A surface of any JAX function of a point [2].

    Args:
        function: from an array [2] to a number, in `jax.numpy`.
        domain: ((least x, greatest x), (least y, greatest y)).
        start: where descents begin.
        name: what to call it.

    Raises:
        InputError: a domain without extent, a start that is not two numbers, or a function that does not
            turn an array [2] into one number.
    """
    edges = np.asarray(domain, float)
    if edges.shape != (2, 2) or not np.all(np.isfinite(edges)) or np.any(edges[:, 0] >= edges[:, 1]):
        raise InputError(
            f"The domain {domain!r} cannot be used: give ((x0, x1), (y0, y1)) with x0 < x1 and y0 < y1."
        )
    place = np.asarray(start, float)
    if place.shape != (2,) or not np.all(np.isfinite(place)):
        raise InputError(f"The start {start!r} is not a point: give two numbers (x, y).")
    shape = jax.eval_shape(function, jax.ShapeDtypeStruct((2,), jnp.float32)).shape
    if shape != ():
        raise InputError(
            f"The function '{name}' gives an array of shape {shape} for a point: make it give one number."
        )
    (x0, x1), (y0, y1) = edges.tolist()
    return Surface(name, name, function, ((x0, x1), (y0, y1)), (float(place[0]), float(place[1])))


def grid(surface: Surface, resolution: int = 101) -> Grid:
    """A surface's heights at evenly spaced points of its domain, borders included, in float64.

    Args:
        surface: what to evaluate.
        resolution: points along each coordinate, at least 2.

    Raises:
        InputError: fewer than 2 points.
    """
    check_whole("resolution", resolution, 2)
    x, y = (np.linspace(low, high, resolution) for low, high in surface.domain)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return Grid(x, y, values(surface, points).reshape(resolution, resolution))


def traceable(function: Function) -> Partial:
    """A function as an argument of a compiled program.

    What a `jax.tree_util.Partial` carries is traced: the ravine compiles once for all condition numbers, a
    line's loss once for all data of as many points. Any other function is a program of its own.
    """
    return function if isinstance(function, Partial) else Partial(function)


def values(surface: Surface, points: Sequence[Point] | np.ndarray) -> np.ndarray:
    """The surface's heights at points [point, 2], as [point], in float64."""
    with jax.enable_x64(True):
        return np.asarray(_heights(traceable(surface.function), np.asarray(points, float)))


@jax.jit
def _heights(function: Function, points: Float[Array, "point 2"]) -> Float[Array, "point"]:
    return jax.vmap(function)(points)


def slopes(surface: Surface, points: Sequence[Point] | np.ndarray) -> np.ndarray:
    """The gradients at points [point, 2], as [point, 2], in float64."""
    with jax.enable_x64(True):
        return np.asarray(_slopes(traceable(surface.function), np.asarray(points, float)))


@jax.jit
def _slopes(function: Function, points: Float[Array, "point 2"]) -> Float[Array, "point 2"]:
    return jax.vmap(jax.grad(function))(points)


def slope_and_curvature(
    surface: Surface, point: Sequence[float] | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient [2] and Hessian [2, 2] at a point, by automatic differentiation in float64."""
    gradients, hessians = slopes_and_curvatures(surface, np.asarray(point, float)[None])
    return gradients[0], hessians[0]


def slopes_and_curvatures(surface: Surface, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradients [point, 2] and Hessians [point, 2, 2] at points [point, 2], in float64.

    Computed `TOGETHER` at a time, the last of them filled up, so that no number of points compiles anew.
    """
    count = len(points)
    padded = np.concatenate([points, np.repeat(points[-1:], -count % TOGETHER, axis=0)])
    with jax.enable_x64(True):
        parts = [
            jax.device_get(_derivatives(traceable(surface.function), padded[first : first + TOGETHER]))
            for first in range(0, count, TOGETHER)
        ]
    gradients, hessians = (np.concatenate(each)[:count] for each in zip(*parts, strict=True))
    return gradients, hessians


@jax.jit
def _derivatives(function: Function, points: Float[Array, "point 2"]) -> tuple[Array, Array]:
    return jax.vmap(jax.grad(function))(points), jax.vmap(jax.hessian(function))(points)
