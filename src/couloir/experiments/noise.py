"""Gradients of a few samples: the paths they make, how far they scatter, and what the scatter is good for.

Everywhere here the rows are shuffled anew for every epoch and dealt out in batches of K, each row once an
epoch; the last batch holds what is left.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from couloir.engine import compilation, seeds
from couloir.errors import InputError, check_number, check_whole
from couloir.surfaces import evaluation, functions
from couloir.surfaces.evaluation import Function, Point, Surface
from couloir.surfaces.functions import SEVEN_POINTS


@dataclass(frozen=True, eq=False)
class BatchPath:
    """Gradient descent on batches of one size.

    Attributes:
        batch_size: K.
        name: "batch", "mini-batch" or "stochastic".
        points: [step + 1, 2], the start first.
        losses: [step + 1], over all rows.
        samples: [step + 1], rows seen before each point.
        epochs: [step + 1], the same in passes over all rows.
    """

    batch_size: int
    name: str
    points: np.ndarray
    losses: np.ndarray
    samples: np.ndarray
    epochs: np.ndarray


@dataclass(frozen=True, eq=False)
class BatchPaths:
    """The paths of several batch sizes from one start at one learning rate.

    Attributes:
        surface: the loss over all rows.
        learning_rate: α.
        epochs: passes over the rows, the same for all.
        paths: the largest batch first.
    """

    surface: Surface
    learning_rate: float
    epochs: int
    paths: tuple[BatchPath, ...]


def batch_paths(
    learning_rate: float = 0.02,
    epochs: int = 150,
    batch_sizes: Sequence[int] | None = None,
    *,
    points: Sequence[Point] = SEVEN_POINTS,
    start: Point | None = None,
    seed: int = 0,
) -> BatchPaths:
    """Fit a line by gradient descent on batches of several sizes, from one start.

    Each step is (m, b) ← (m, b) − α ∇J_B with the gradient of the batch's mean squared error,
    ∂J_B/∂m = −(2/|B|) Σ xᵢ rᵢ and ∂J_B/∂b = −(2/|B|) Σ rᵢ, where rᵢ = yᵢ − (m xᵢ + b).

    Args:
        learning_rate: α, the same for all.
        epochs: passes over the rows.
        batch_sizes: values of K; None: all rows, about half of them, and one.
        points: the rows (x, y).
        start: (m, b); None: the surface's customary start.
        seed: of the shuffling; every batch size sees the rows in the same orders.

    Raises:
        InputError: a batch size outside 1 … rows, no epoch, a rate that is not above 0.
    """
    surface, rows = functions.line_fit(points), np.asarray(points, float)
    sizes = (len(rows), len(rows) // 2, 1) if batch_sizes is None else tuple(batch_sizes)
    _check_sizes(sizes, len(rows))
    check_whole("number of epochs", epochs)
    check_number("learning rate", learning_rate, excluded=True)
    begin = surface.start if start is None else start
    falling = sorted(set(sizes), reverse=True)
    paths = tuple(_batch_path(surface, rows, k, learning_rate, epochs, begin, seed) for k in falling)
    return BatchPaths(surface, learning_rate, epochs, paths)


def _batch_path(
    surface: Surface, rows: np.ndarray, size: int, rate: float, epochs: int, start: Point, seed: int
) -> BatchPath:
    points = [np.asarray(start, float)]
    batches = list(_batches(len(rows), size, epochs, seeds.generator(seeds.EXPERIMENT, seed)))
    for batch in batches:
        points.append(points[-1] - rate * line_gradient(points[-1], rows[batch]))
    name = "batch" if size == len(rows) else "stochastic" if size == 1 else "mini-batch"
    path, counted = np.array(points), np.cumsum([0, *map(len, batches)])
    return BatchPath(size, name, path, evaluation.values(surface, path), counted, counted / len(rows))


def _batches(rows: int, size: int, epochs: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """The rows of every batch: shuffled for every epoch, each row once an epoch."""
    for _ in range(epochs):
        order = random.permutation(rows)
        yield from (order[first : first + size] for first in range(0, rows, size))


def line_gradient(line: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Gradient [2] of the mean squared error of the line (m, b) on rows [row, (x, y)]."""
    x, y = rows.T
    residual = y - (line[0] * x + line[1])
    return np.array([-2 * np.mean(x * residual), -2 * np.mean(residual)])


def _check_sizes(sizes: Sequence[int], rows: int) -> None:
    for size in sizes:
        if isinstance(size, bool) or size != int(size) or not 1 <= size <= rows:
            raise InputError(f"A batch of {size!r} of {rows} rows cannot be: give 1 to {rows}.")


@dataclass(frozen=True, eq=False)
class GradientCloud:
    """Gradients of many batches at one point.

    Attributes:
        point: where they were taken.
        exact: the gradient over all rows.
        rows: how many rows there are.
        sizes: values of K.
        gradients: for each K [draw, 2].
        spreads: for each K the root mean squared distance of its gradients from the exact one.
        expected: the same by formula, s/√K · √((n − K)/(n − 1)), s² the mean squared distance of the rows'
            own gradients: batches are drawn without putting rows back (Cochran 1977).
    """

    point: Point
    exact: Point
    rows: int
    sizes: tuple[int, ...]
    gradients: tuple[np.ndarray, ...]
    spreads: tuple[float, ...]
    expected: tuple[float, ...]


def many_points(count: int = 256, seed: int = 0) -> tuple[Point, ...]:
    """Rows like the seven points, but more of them: y = 0.34 x + 0.8 with noise of 0.15, x from 2.4 to 5."""
    random = seeds.generator(seeds.EXPERIMENT, seed)
    x = random.uniform(2.4, 5.0, count)
    y = 0.34 * x + 0.8 + random.normal(0, 0.15, count)
    return tuple(zip(x.tolist(), y.tolist(), strict=True))


def gradient_cloud(
    batch_sizes: Sequence[int] = (1, 4, 16, 64, 256),
    draws: int = 400,
    *,
    points: Sequence[Point] | None = None,
    point: Point = (0.6, 0.4),
    seed: int = 0,
) -> GradientCloud:
    """The gradients of many batches at one point, around the exact one.

    Args:
        batch_sizes: values of K.
        draws: batches of each size.
        points: the rows (x, y); None: `many_points`.
        point: the line (m, b) where the gradients are taken.
        seed: of the draws.

    Raises:
        InputError: a batch size outside 1 … rows, or no draw.
    """
    rows = np.asarray(many_points() if points is None else points, float)
    _check_sizes(batch_sizes, len(rows))
    check_whole("draws", draws)
    place, random = np.asarray(point, float), seeds.generator(seeds.EXPERIMENT, seed)
    own = np.array([line_gradient(place, row[None]) for row in rows])
    exact = line_gradient(place, rows)
    single = float(np.mean(np.sum((own - exact) ** 2, axis=1)))
    clouds, expected = [], []
    for size in batch_sizes:
        # The mean over a batch of the rows' own gradients is the gradient of the batch; over all rows, in
        # whatever order, it is the exact one.
        orders = random.permuted(np.tile(np.arange(len(rows)), (draws, 1)), axis=1)[:, :size]
        apart = np.mean(own[orders] - exact, axis=1) * (size < len(rows))
        clouds.append(exact + apart)
        expected.append(math.sqrt(single / size * (len(rows) - size) / max(len(rows) - 1, 1)))
    spreads = [float(np.sqrt(np.mean(np.sum((cloud - exact) ** 2, axis=1)))) for cloud in clouds]
    (x, y), (along_x, along_y) = place.tolist(), exact.tolist()
    sizes = tuple(int(size) for size in batch_sizes)
    return GradientCloud(
        (x, y), (along_x, along_y), len(rows), sizes, tuple(clouds), tuple(spreads), tuple(expected)
    )


def _two_wells(at: Array) -> Array:
    x, y = at
    return x**4 / 4 - x**2 / 2 + x / 4 + y**2 / 2


TWO_WELLS = Surface(
    "two-wells",
    "Two wells",
    _two_wells,
    ((-1.8, 1.6), (-1.2, 1.2)),
    (0.8375654352833235, 0.0),
    ((-1.1071598716887676, 0.0), (0.8375654352833235, 0.0)),
    -0.5140432213111601,
    equation="x⁴/4 − x²/2 + x/4 + y²/2",
    source="Couloir",
    note="A small minimum beside a deep one, with a low ridge between.",
)
"""A surface with a small minimum, where its start is, and a deeper one."""

TILT = 2.0
"""Standard deviation of the samples' own slopes around the mean one, along each coordinate."""

WELL_RATE, SADDLE_RATE = 0.15, 0.02
"""The learning rates in the small minimum and on the saddle's ridge."""


@dataclass(frozen=True, eq=False)
class EscapesFrom:
    """How many of many runs left one place, for each batch size.

    Attributes:
        place: "small minimum" or "saddle".
        surface: the loss over all samples.
        start: where every run began, at which the gradient over all samples leads nowhere else.
        learning_rate: α of the plain stochastic gradient descent.
        sizes: values of K.
        left: for each K [run], the first step outside; 0: it stayed.
        shares: for each K the share of runs that left.
    """

    place: str
    surface: Surface
    start: Point
    learning_rate: float
    sizes: tuple[int, ...]
    left: tuple[np.ndarray, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Escapes:
    """Escapes from a small minimum and from a saddle.

    Attributes:
        samples: samples n in the data; a batch of n is the exact gradient.
        steps: updates that every run had, whatever its batch size.
        runs: runs of each batch size, each with a shuffling of its own.
        minimum, saddle: what was found at either place.
    """

    samples: int
    steps: int
    runs: int
    minimum: EscapesFrom
    saddle: EscapesFrom


def escapes(
    batch_sizes: Sequence[int] = (1, 2, 4, 8, 16, 32, 64, 128, 256),
    runs: int = 200,
    steps: int = 200,
    samples: int = 256,
    seed: int = 0,
) -> Escapes:
    """The share of runs that leave a small minimum and a saddle, against the batch size.

    Sample i has the loss J(W) + aᵢ·W with Σ aᵢ = 0, so that J is the mean over all samples and the gradient
    of a batch is ∇J(W) + the mean of its aᵢ; the aᵢ are normal with standard deviation `TILT` along both
    coordinates. Every run is plain stochastic gradient descent, at `WELL_RATE` from the small minimum of
    `TWO_WELLS` and at `SADDLE_RATE` from the saddle's ridge, on samples shuffled anew for every epoch.

    Args:
        batch_sizes: values of K, each a divisor of `samples`.
        runs: runs of each size.
        steps: updates of each run.
        samples: n.
        seed: of the samples and of the shuffling.

    Raises:
        InputError: a batch size that does not divide the samples, no run, no step.
    """
    _check_sizes(batch_sizes, samples)
    if any(samples % size for size in batch_sizes):
        raise InputError(f"Every batch size has to divide the {samples} samples: give such sizes.")
    check_whole("number of runs", runs)
    check_whole("number of steps", steps)
    tilts = seeds.generator(seeds.EXPERIMENT, seed).normal(0, 1, (samples, 2))
    tilts = TILT * (tilts - tilts.mean(axis=0)) / tilts.std(axis=0)
    noises = {size: batch_noise(tilts, size, runs, steps, seed) for size in batch_sizes}
    ridge = functions.surface("saddle")
    minimum = _escapes_from("small minimum", TWO_WELLS, TWO_WELLS.start, WELL_RATE, noises)
    saddle = _escapes_from("saddle", ridge, ridge.starts[1], SADDLE_RATE, noises)
    return Escapes(samples, steps, runs, minimum, saddle)


def batch_noise(tilts: np.ndarray, size: int, runs: int, steps: int, seed: int) -> np.ndarray:
    """What batches of one size add to the gradient, [run, step, 2]: means of the tilts [sample, 2]."""
    count = len(tilts)
    if size == count:
        return np.zeros((runs, steps, 2))  # exactly: the tilts' sum is 0, rounding would grow on a saddle
    random, a_epoch = seeds.generator(seeds.EXPERIMENT, seed, size), count // size
    passes = math.ceil(steps / a_epoch)
    orders = random.permuted(np.tile(np.arange(count), (runs * passes, 1)), axis=1)
    means = tilts[orders].reshape(runs, passes * a_epoch, size, 2).mean(axis=2)
    return means[:, :steps]


def _escapes_from(
    place: str, surface: Surface, start: Point, rate: float, noises: dict[int, np.ndarray]
) -> EscapesFrom:
    left = []
    for noise in noises.values():
        path = _wander(surface, start, rate, noise)
        outside = path[..., 0] < -0.5 if place == "small minimum" else np.abs(path[..., 1]) > 1
        left.append(np.where(outside.any(axis=1), outside.argmax(axis=1), 0))
    shares = tuple(float(np.mean(steps > 0)) for steps in left)
    return EscapesFrom(place, surface, start, rate, tuple(noises), tuple(left), shares)


def _wander(surface: Surface, start: Point, rate: float, noise: np.ndarray) -> np.ndarray:
    """The paths [run, step + 1, 2] of plain gradient descent with given noise [run, step, 2], in float64."""
    with jax.enable_x64(True), compilation.cached():
        begin = jnp.broadcast_to(jnp.asarray(start, float), (len(noise), 2))
        after = _descend(surface.function, begin, jnp.asarray(rate, float), jnp.asarray(noise))
        return np.concatenate([np.asarray(begin)[:, None], np.asarray(after)], axis=1)


@partial(jax.jit, static_argnames="function")
def _descend(
    function: Function, starts: Float[Array, "run 2"], rate: Array, noise: Float[Array, "run step 2"]
) -> Float[Array, "run step 2"]:
    slope = jax.vmap(jax.grad(function))

    def step(points: Array, added: Array) -> tuple[Array, Array]:
        points = points - rate * (slope(points) + added)
        return points, points

    return jnp.swapaxes(jax.lax.scan(step, starts, jnp.swapaxes(noise, 0, 1))[1], 0, 1)
