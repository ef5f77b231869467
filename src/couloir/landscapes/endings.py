"""How a runner's path over a surface ended: arrived, stuck, escaped, diverged, or still on its way.

How a runner ends is decided in this order: it *escaped* down a surface that has no bottom; it has *diverged*
(see `couloir.landscapes.paths`); it *arrived* at a lowest minimum, or is *in a local minimum*, and stayed
within `NEAR` of it; it is *stuck at a saddle*, where the gradient is small though a curvature is negative,
and the flat point is within `NEAR` by Newton's step; or it is *on its way*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from couloir.landscapes import functions
from couloir.landscapes.functions import Point, Surface
from couloir.landscapes.paths import Paths
from couloir.landscapes.wording import number, point

NEAR = 0.01
"""A runner is at a minimum within this distance of it, both coordinates in units of the domain's sides."""

SMALL = 0.01
"""A gradient is small below this share of the median gradient over the domain."""

EVEN = 1e-9
"""Losses within this share of the descent from the start to the lowest count as equally low."""

ESCAPED = 1.0
"""On the saddle a runner has escaped when |y| is larger."""

ENDINGS = ("arrived", "in a local minimum", "escaped", "stuck at a saddle", "diverged", "on its way")
"""What can become of a runner."""


@dataclass(frozen=True, eq=False)
class Finish:
    """One rule's race.

    Attributes:
        name: the rule's name.
        learning_rate: its α in this race.
        tuned: whether α was chosen among rates that were tried; otherwise it was given or stated, or is the
            rule's own.
        at_edge: whether the chosen α is the least or the greatest of those tried.
        path: [step + 1, 2], the start first.
        losses: [step + 1].
        arrived: the step from which on it stayed at a minimum, of whatever height; None: at none.
        minimum: that minimum.
        escaped: the first step with |y| > 1 on a surface without a bottom.
        diverged: the step it could not take.
        ending: one of `ENDINGS`.
        gradient: size of the gradient at its last point, without noise.
        curvatures: the Hessian's two eigenvalues there, the least first.
        sentence: all this in words.
    """

    name: str
    learning_rate: float
    tuned: bool
    at_edge: bool
    path: np.ndarray
    losses: np.ndarray
    arrived: int | None
    minimum: Point | None
    escaped: int | None
    diverged: int | None
    ending: str
    gradient: float
    curvatures: Point
    sentence: str


def minima_of(paths: Paths) -> tuple[Point, ...]:
    """The surface's known minima, or those that Newton's method finds close to where runners ended."""
    if paths.surface.minima or not paths.surface.bounded:
        return paths.surface.minima
    found: list[Point] = []
    for end, lost in zip(paths.points[:, -1], paths.diverged, strict=True):
        if lost is None and _distances(end[None], found, paths.surface).min(initial=np.inf) > NEAR:
            minimum = _polished(paths.surface, end)
            if minimum is not None:
                found.append(minimum)
    return tuple(found)


def _polished(surface: Surface, end: np.ndarray, rounds: int = 20) -> Point | None:
    """The minimum within `NEAR` of a point; None where there is none."""
    place = end
    for _ in range(rounds):
        gradient, hessian = functions.slope_and_curvature(surface, place)
        if not np.all(np.isfinite(hessian)) or np.linalg.eigvalsh(hessian)[0] <= 0:
            return None
        move = np.linalg.solve(hessian, gradient)
        place = place - move
        if _distances(place[None], [(end[0], end[1])], surface)[0, 0] > NEAR:
            return None
        if np.all(np.abs(move) <= 1e-12 * np.asarray(surface.size)):
            break
    return float(place[0]), float(place[1])


def _distances(points: np.ndarray, minima: Sequence[Point], surface: Surface) -> np.ndarray:
    """Distances [point, minimum], both coordinates in units of the domain's sides."""
    gaps = (points[:, None, :] - np.asarray(minima, float).reshape(1, -1, 2)) / np.asarray(surface.size)
    return np.hypot(gaps[..., 0], gaps[..., 1])


def arrival(points: np.ndarray, minima: Sequence[Point], surface: Surface) -> tuple[int | None, Point | None]:
    """The step from which on a path [step + 1, 2] stays near a minimum, and that minimum."""
    ending = _distances(points[-1:], minima, surface)[0]
    if not minima or ending.min() > NEAR:
        return None, None
    minimum = minima[int(np.argmin(ending))]
    outside = np.flatnonzero(_distances(points, [minimum], surface)[:, 0] > NEAR)
    return int(outside[-1]) + 1 if len(outside) else 0, minimum


def median_gradient(surface: Surface, resolution: int = 41) -> float:
    """The middle size of the gradient over the domain."""
    x, y = (np.linspace(low, high, resolution) for low, high in surface.domain)
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return float(np.median(np.linalg.norm(functions.slopes(surface, places), axis=1)))


def finish_of(
    paths: Paths, place: int, minima: tuple[Point, ...], small: float, tried: Mapping[str, Sequence[float]]
) -> Finish:
    """How one of the runners ended.

    Args:
        paths: of all runners.
        place: the runner's number.
        minima: the surface's minima, known or found.
        small: below this size a gradient is small.
        tried: the learning rates that were tried, by the rule's name; a rule that is not here was not tuned.
    """
    runner, surface, points = paths.runners[place], paths.surface, paths.points[place]
    slope, hessian = functions.slope_and_curvature(surface, points[-1])
    least, greatest = np.linalg.eigvalsh(hessian) if np.all(np.isfinite(hessian)) else (np.nan, np.nan)
    arrived, minimum = arrival(points, minima, surface)
    rates = tried.get(runner.rule.name, ())
    finish = Finish(
        name=runner.rule.name,
        learning_rate=runner.learning_rate,
        tuned=bool(rates),
        at_edge=bool(rates) and runner.learning_rate in (min(rates), max(rates)),
        path=points,
        losses=paths.losses[place],
        arrived=arrived,
        minimum=minimum,
        escaped=_escaped(points, surface),
        diverged=paths.diverged[place],
        ending="on its way",
        gradient=float(np.linalg.norm(slope)),
        curvatures=(float(least), float(greatest)),
        sentence="",
    )
    flat = finish.gradient < small and least < 0 and _beside_flat_point(slope, hessian, surface)
    return _told(_ended(finish, surface, minima, flat), surface, minima)


def _escaped(points: np.ndarray, surface: Surface) -> int | None:
    """The first step outside the saddle; None on a surface with a bottom."""
    beyond = np.flatnonzero(np.abs(points[:, 1]) > ESCAPED)
    return int(beyond[0]) if len(beyond) and not surface.bounded else None


def _ended(finish: Finish, surface: Surface, minima: tuple[Point, ...], flat: bool) -> Finish:
    """The finish with its ending; one that left again has arrived nowhere."""
    if finish.escaped is not None or finish.diverged is not None:
        ending = "diverged" if finish.escaped is None else "escaped"
        return replace(finish, ending=ending, arrived=None, minimum=None)
    if finish.minimum is not None:
        local = _is_local(surface, minima, finish.minimum)
        return replace(finish, ending="in a local minimum" if local else "arrived")
    return replace(finish, ending="stuck at a saddle" if flat else "on its way")


def _beside_flat_point(slope: np.ndarray, hessian: np.ndarray, surface: Surface) -> bool:
    """Whether the point of no gradient that Newton's step leads to is within `NEAR`.

    Without this the floor of a bent valley would pass for a saddle: it descends slowly, and may be curved
    downwards along its length.
    """
    curvatures, directions = np.linalg.eigh(hessian)
    if np.any(curvatures == 0):
        return False
    move = directions @ ((directions.T @ slope) / curvatures)
    return bool(np.hypot(*(move / np.asarray(surface.size))) <= NEAR)


def _height_above(surface: Surface, minima: tuple[Point, ...], place: Sequence[float]) -> float:
    """How far above the least value, known or found, a point lies."""
    heights = functions.values(surface, np.asarray([place, *minima], float))
    least = surface.least if surface.least is not None else float(np.min(heights))
    return float(heights[0]) - least


def _is_local(surface: Surface, minima: tuple[Point, ...], minimum: Point) -> bool:
    """Whether a minimum lies higher than the lowest, beyond rounding."""
    above = _height_above(surface, minima, minimum)
    return above > EVEN * max(1.0, abs(surface.least or 0.0))


def _told(finish: Finish, surface: Surface, minima: tuple[Point, ...]) -> Finish:
    """The finish with its sentence."""
    steps, name = len(finish.losses) - 1, finish.name
    if finish.ending == "escaped":
        text = f"{name} left the saddle: |y| > {number(ESCAPED)} after {finish.escaped:,} steps."
    elif finish.ending == "diverged":
        text = f"{name} diverged: it could not take step {finish.diverged:,}."
    elif finish.ending == "arrived":
        text = f"{name} arrived at the minimum {point(finish.minimum or ())} at step {finish.arrived:,}."
    elif finish.ending == "in a local minimum":
        above = _height_above(surface, minima, finish.minimum or ())
        text = (
            f"{name} is in the local minimum {point(finish.minimum or ())} since step {finish.arrived:,}, "
            f"{number(above)} above the lowest."
        )
    elif finish.ending == "stuck at a saddle":
        text = (
            f"{name} is stuck at a saddle: after {steps:,} steps the gradient is {number(finish.gradient)}, "
            f"though the curvature along one direction is {number(finish.curvatures[0])}."
        )
    else:
        text = (
            f"{name} is on its way: after {steps:,} steps it is at {point(finish.path[-1])}, "
            f"where the loss is {number(float(finish.losses[-1]))} "
            f"and the gradient {number(finish.gradient)}."
        )
    return replace(finish, sentence=text)
