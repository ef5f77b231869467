"""How a runner's path over a surface ended: arrived, stuck, escaped, diverged, or still on its way.

How a runner ends is decided in this order: it *escaped* down a surface that has no bottom; it has *diverged*
(see `couloir.surfaces.paths`); it *arrived* at a lowest minimum, or is *in a local minimum*, and stayed
within `NEAR` of it; it is *stuck at a saddle*, where the gradient is small though a curvature is negative,
and the flat point is within `NEAR` by Newton's step; or it is *on its way*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from couloir.surfaces import evaluation
from couloir.surfaces.evaluation import Point, Surface
from couloir.surfaces.paths import Paths
from couloir.text import number, point

NEAR = 0.01
"""A runner is at a minimum within this distance of it, both coordinates in units of the domain's sides."""

SMALL = 0.01
"""A gradient is small below this share of the median gradient over the domain."""

MOST = 256
"""Hollows of a grid that are looked into for minima."""

EVEN = 1e-9
"""Losses within this share of the descent from the start to the lowest count as equally low."""

ESCAPED = 1.0
"""On the saddle a runner has escaped when |y| is larger."""

ENDINGS = ("arrived", "in a local minimum", "escaped", "stuck at a saddle", "diverged", "on its way")
"""What can become of a runner."""


@dataclass(frozen=True, eq=False)
class Finish:
    """How one rule ran in a surface race.

    Attributes:
        name: what it is called: as its rule, with the numbers that tell it from others of the rule.
        rule: the rule's name.
        learning_rate: its α.
        tuned: whether α was chosen among rates that were tried; otherwise it was given or stated, or is the
            rule's own.
        at_edge: whether the chosen α is the least or the greatest of those tried.
        path: [step + 1, 2], the start first.
        losses: [step + 1].
        arrived: the step from which on it stayed at a minimum, of whatever height; None: it is at none.
        minimum: that minimum.
        escaped: the first step with |y| > 1 on a surface without a bottom.
        diverged: the step it could not take.
        ending: one of `ENDINGS`.
        gradient: size of the gradient at its last point, without noise.
        curvatures: the Hessian's two eigenvalues there, the least first.
        sentence: all this in words.
    """

    name: str
    rule: str
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
    return _polished(paths.surface, paths.points[[lost is None for lost in paths.diverged], -1], NEAR)


def minima_in_domain(surface: Surface, resolution: int = 101) -> tuple[Point, ...]:
    """Minima of a surface of which none are known, the lowest first.

    Newton's method from every point of a grid that is no higher than its eight neighbours, at most `MOST` of
    them: a hollow that falls through the grid is not found.
    """
    x, y, z = evaluation.grid(surface, resolution)
    padded = np.pad(np.where(np.isfinite(z), z, np.inf), 1, constant_values=np.inf)
    around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).min(axis=(2, 3))
    rows, columns = np.nonzero(np.isfinite(z) & (z <= around))
    lowest = np.argsort(z[rows, columns], kind="stable")[:MOST]
    hollows = np.stack([x[columns], y[rows]], axis=1)[lowest]
    low, high = np.asarray(surface.domain).T
    close = _polished(surface, hollows, 3 / (resolution - 1))
    found = [at for at in close if np.all((low <= at) & (at <= high))]
    heights = evaluation.values(surface, np.reshape(found, (-1, 2)))
    return tuple(found[index] for index in np.argsort(heights, kind="stable"))


def _polished(surface: Surface, ends: np.ndarray, reach: float, rounds: int = 20) -> tuple[Point, ...]:
    """The different minima within ``reach`` of points [point, 2], in units of the domain's sides."""
    size, places = np.asarray(surface.size), ends.astype(float)
    near = np.ones(len(places), bool)
    for _ in range(rounds if len(places) else 0):
        slopes, hessians = evaluation.slopes_and_curvatures(surface, places)
        near &= np.isfinite(hessians).all(axis=(1, 2)) & np.isfinite(slopes).all(axis=1)
        hessians = np.where(near[:, None, None], hessians, np.eye(2))
        near &= np.linalg.eigvalsh(hessians)[:, 0] > 0
        curved = np.where(near[:, None, None], hessians, np.eye(2))
        moves = np.where(near[:, None], np.linalg.solve(curved, slopes[..., None])[..., 0], 0.0)
        places = places - moves
        near &= np.hypot(*((places - ends) / size).T) <= reach
        if np.all(np.abs(moves) <= 1e-12 * size):
            break
    found: list[Point] = []
    for place in places[near]:
        if _distances(place[None], found, surface).min(initial=np.inf) > NEAR:
            found.append((float(place[0]), float(place[1])))
    return tuple(found)


def _distances(points: np.ndarray, minima: Sequence[Point], surface: Surface) -> np.ndarray:
    """Distances [point, minimum], both coordinates in units of the domain's sides."""
    gaps = (points[:, None, :] - np.asarray(minima, float).reshape(1, -1, 2)) / np.asarray(surface.size)
    return np.hypot(gaps[..., 0], gaps[..., 1])


def arrival(points: np.ndarray, minima: Sequence[Point], surface: Surface) -> int | None:
    """The step from which on a path [step + 1, 2] stays near the minimum that it ends at; None: at none."""
    ending = _distances(points[-1:], minima, surface)[0]
    if not minima or ending.min() > NEAR:
        return None
    away = _distances(points, [minima[int(np.argmin(ending))]], surface)[:, 0]
    outside = np.flatnonzero(away > NEAR)
    return int(outside[-1]) + 1 if len(outside) else 0


@lru_cache(maxsize=64)
def median_gradient(surface: Surface, resolution: int = 41) -> float:
    """The middle size of the gradient over the domain."""
    x, y = (np.linspace(low, high, resolution) for low, high in surface.domain)
    slopes = evaluation.slopes(surface, np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))
    return float(np.median(np.linalg.norm(slopes, axis=1)))


def finishes(
    paths: Paths, minima: tuple[Point, ...], tried: Mapping[str, Sequence[float]] | None = None
) -> tuple[Finish, ...]:
    """How every runner ended.

    Args:
        paths: of all runners.
        minima: the surface's minima, known or found.
        tried: the learning rates that were tried, by the runner's name; one that is not here was not tuned.
    """
    surface, found = paths.surface, []
    endings, at = (columns[:, 0] for columns in endings_along(paths, minima, paths.steps))
    slopes, hessians = evaluation.slopes_and_curvatures(surface, paths.points[:, -1])
    for number_, runner in enumerate(paths.runners):
        points, hessian = paths.points[number_], hessians[number_]
        minimum = None if at[number_] < 0 else minima[at[number_]]
        rates = (tried or {}).get(runner.name, ())
        least, greatest = np.linalg.eigvalsh(hessian) if np.isfinite(hessian).all() else (np.nan, np.nan)
        finish = Finish(
            name=runner.name,
            rule=runner.rule.name,
            learning_rate=runner.learning_rate,
            tuned=bool(rates),
            at_edge=bool(rates) and runner.learning_rate in (min(rates), max(rates)),
            path=points,
            losses=paths.losses[number_],
            arrived=None if minimum is None else arrival(points, [minimum], surface),
            minimum=minimum,
            escaped=_escaped(points, surface),
            diverged=paths.diverged[number_],
            ending=ENDINGS[endings[number_]],
            gradient=float(np.linalg.norm(slopes[number_])),
            curvatures=(float(least), float(greatest)),
            sentence="",
        )
        found.append(replace(finish, sentence=_sentence(finish, surface, minima)))
    return tuple(found)


def _escaped(points: np.ndarray, surface: Surface) -> int | None:
    """The first step outside the saddle; None on a surface with a bottom."""
    beyond = np.flatnonzero(np.abs(points[:, 1]) > ESCAPED)
    return int(beyond[0]) if len(beyond) and not surface.bounded else None


def _at_saddle(slopes: np.ndarray, hessians: np.ndarray, surface: Surface, small: float) -> np.ndarray:
    """Whether points, by their gradients [point, 2] and Hessians [point, 2, 2], are at a saddle, [point].

    The gradient is small, a curvature negative, and the point of no gradient that Newton's step leads to is
    within `NEAR`. Without the last the floor of a bent valley would pass for a saddle: it descends slowly,
    and may be curved downwards along its length.
    """
    known = np.isfinite(hessians).all(axis=(1, 2)) & np.isfinite(slopes).all(axis=1)
    curvatures, directions = np.linalg.eigh(np.where(known[:, None, None], hessians, 1.0))
    flat = known & (np.linalg.norm(slopes, axis=1) < small) & (curvatures[:, 0] < 0) & (curvatures[:, 1] != 0)
    curved = np.where(flat[:, None], curvatures, 1.0)
    moves = np.einsum("pij,pj->pi", directions, np.einsum("pji,pj->pi", directions, slopes) / curved)
    return flat & (np.hypot(*(moves / np.asarray(surface.size)).T) <= NEAR)


def endings_along(paths: Paths, minima: tuple[Point, ...], first: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """How each runner would be said to have ended, had the race ended at any of its steps.

    Args:
        paths: of all runners.
        minima: the surface's minima, known or found.
        first: from which step on this is asked.

    Returns:
        Indices in `ENDINGS`, [runner, step from ``first`` on], and the index in ``minima`` of the one that
        the runner is at, −1 where it is at none.
    """
    surface, points = paths.surface, paths.points[:, first:].reshape(-1, 2)
    nearest = np.full(len(points), -1)
    if minima:
        gaps = _distances(points, minima, surface)
        nearest = np.where(gaps.min(axis=1) <= NEAR, gaps.argmin(axis=1), -1)
    at: np.ndarray = nearest.reshape(len(paths.runners), -1)
    higher = _heights_above(surface, minima) > EVEN * max(1.0, abs(surface.least or 0.0))
    local = np.append(higher, False)[at]
    slopes, hessians = evaluation.slopes_and_curvatures(surface, points)
    saddle = _at_saddle(slopes, hessians, surface, SMALL * median_gradient(surface)).reshape(at.shape)
    found = np.select(
        [(at >= 0) & local, at >= 0, saddle],
        [ENDINGS.index(name) for name in ("in a local minimum", "arrived", "stuck at a saddle")],
        ENDINGS.index("on its way"),
    )
    for runner, lost in enumerate(paths.diverged):
        escaped = _escaped(paths.points[runner], surface)
        for step, ending in ((lost, "diverged"), (escaped, "escaped")):
            if step is not None:
                since = max(step - first, 0)
                found[runner, since:], at[runner, since:] = ENDINGS.index(ending), -1
    return found, at


@lru_cache(maxsize=64)
def _heights_above(surface: Surface, minima: tuple[Point, ...]) -> np.ndarray:
    """How far above the least value, known or found, each minimum lies, [minimum]."""
    if not minima:
        return np.zeros(0)
    heights = evaluation.values(surface, minima)
    return heights - (heights.min() if surface.least is None else surface.least)


def _sentence(finish: Finish, surface: Surface, minima: tuple[Point, ...]) -> str:
    """How a runner ended, in words."""
    steps, name = len(finish.losses) - 1, finish.name
    gradient = number(finish.gradient, missing="not a number")
    if finish.ending == "escaped":
        return f"{name} left the saddle: |y| > {number(ESCAPED)} after {finish.escaped:,} steps."
    if finish.ending == "diverged":
        return f"{name} diverged: it could not take step {finish.diverged:,}."
    if finish.minimum is not None and finish.ending == "arrived":
        return f"{name} arrived at the minimum {point(finish.minimum)} at step {finish.arrived:,}."
    if finish.minimum is not None:
        above = float(_heights_above(surface, minima)[minima.index(finish.minimum)])
        text = f"{name} is in the local minimum {point(finish.minimum)} since step {finish.arrived:,}, "
        return f"{text}{number(above)} above the lowest."
    if finish.ending == "stuck at a saddle":
        text = f"{name} is stuck at a saddle: after {steps:,} steps the gradient is {gradient}, "
        return f"{text}though the curvature along one direction is {number(finish.curvatures[0])}."
    text = f"{name} is on its way: after {steps:,} steps it is at {point(finish.path[-1])}, "
    return f"{text}where the loss is {number(float(finish.losses[-1]))} and the gradient {gradient}."
