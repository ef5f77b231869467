"""The loss on a plane through a network's parameters, over all rows.

The points of a plane are a population that never trains, and a special one: on a plane the first layer's
pre-activations are affine in the two coordinates,

    (W + x·U + y·V) X + (b + x·u + y·v) = (W X + b) + x (U X + u) + y (V X + v),

so the three products with the data are made once for a block of rows, and a point costs only the layers
after the first. (That is so of multilayer perceptrons; of other architectures every point is a whole
network.) Blocks of rows are small enough that they and the hidden signals stay in the processor's cache while
all points pass over them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from couloir.engine import compilation
from couloir.engine.activations import ACTIVATIONS
from couloir.engine.architectures.architecture import Architecture, Network
from couloir.engine.architectures.layers import BETWEEN, by_layer
from couloir.engine.architectures.mlp import MLP, Layer
from couloir.engine.architectures.on_jax import JAX, forward
from couloir.engine.losses import LOSSES
from couloir.engine.training import numerics
from couloir.errors import InputError
from couloir.landscapes.measuring import ROWS_AT_ONCE, Measure, OnProgress, RowBlocks, in_calls, summed
from couloir.landscapes.planes import Plane, flattened

MOST_NUMBERS = 2**18
"""Numbers in the widest layer's signals of the points that pass a block together: 1 MiB in float32."""

MOST_POINTS = 64
"""Points that pass a block together, at most."""


class Heights(NamedTuple):
    """What was measured at each point [point].

    Attributes:
        losses: the mean over all rows.
        accuracies: the share of rows recognised; None for regression.
    """

    losses: np.ndarray
    accuracies: np.ndarray | None


@dataclass(frozen=True)
class Slice:
    """A plane with the loss on a grid of it.

    Attributes:
        plane: where.
        x, y: the grid's coordinates, [x] and [y]; a line has the one y 0.
        loss: the mean loss [y, x]; it need not be finite far out.
        accuracy: the share of rows recognised [y, x], for classes.
        centre: the same two at (0, 0), which need not be on the grid.
        rows: how many rows it was measured on.
    """

    plane: Plane
    x: np.ndarray
    y: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray | None
    centre: tuple[float, float | None]
    rows: int


def loss_slice(
    plane: Plane,
    measure: Measure,
    x: tuple[float, float] = (-1.0, 1.0),
    y: tuple[float, float] = (-1.0, 1.0),
    resolution: int = 51,
    on_progress: OnProgress | None = None,
) -> Slice:
    """The loss on a grid of a plane.

    Args:
        plane: where.
        measure: on which rows, by which loss.
        x, y: the ends of the grid along each direction; a line has no y.
        resolution: points along each.
        on_progress: told how much is done of how much, now and then.

    Raises:
        InputError: a grid of fewer than two points a side, or of no width.
    """
    if resolution < 2 or not x[0] < x[1] or not y[0] < y[1]:
        raise InputError(
            f"A grid of {resolution} points a side from {x[0]:g} to {x[1]:g} and {y[0]:g} to {y[1]:g} shows "
            "nothing: give 2 points or more, and a range above 0."
        )
    across = _spaced(*x, resolution)
    up = np.zeros(1) if plane.kind == "line" else _spaced(*y, resolution)
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    found = heights(plane, np.vstack([grid, np.zeros((1, 2))]), measure, on_progress)
    shape, accuracy, central = (len(up), len(across)), None, None
    if found.accuracies is not None:
        accuracy, central = found.accuracies[:-1].reshape(shape), float(found.accuracies[-1])
    loss, centre = found.losses[:-1].reshape(shape), (float(found.losses[-1]), central)
    return Slice(plane, across, up, loss, accuracy, centre, len(measure.inputs))


def _spaced(low: float, high: float, count: int) -> np.ndarray:
    """Evenly spaced numbers, in which the middle of a range about 0 is 0 itself."""
    places = np.linspace(low, high, count)
    places[np.abs(places) < 1e-12 * (high - low)] = 0.0
    return places


def heights(
    plane: Plane, points: np.ndarray, measure: Measure, on_progress: OnProgress | None = None
) -> Heights:
    """The loss at points [point, 2] of a plane."""
    if not isinstance(measure.design, MLP):
        return _one_by_one(plane, points, measure, on_progress)
    with compilation.cached(), numerics(measure.precision):
        layers = [
            tuple(jnp.asarray(np.stack(leaves), measure.precision) for leaves in zip(*three, strict=True))
            for three in zip(plane.centre, plane.first, plane.second, strict=True)
        ]
        widest = max(weight.shape[1] for weight, _ in layers)
        chunk = _power_of_two(MOST_NUMBERS // (widest * min(ROWS_AT_ONCE, len(measure.inputs))))
        chunk = min(chunk, _power_of_two(len(points)))
        filled = np.concatenate([points, np.repeat(points[-1:], -len(points) % chunk, axis=0)])
        chunks = jnp.asarray(filled.reshape(-1, chunk, 2), measure.precision)
        sums = partial(
            _sums_on_plane, layers, chunks, activation=measure.design.activation, loss=measure.loss
        )
        return _over_rows(sums, measure, len(points), on_progress)


def _one_by_one(
    plane: Plane, points: np.ndarray, measure: Measure, on_progress: OnProgress | None
) -> Heights:
    """The loss at points of a plane through networks of any architecture, some networks at a time."""
    found = []
    size = len(flattened(plane.centre))
    chunk = min(_power_of_two(MOST_NUMBERS // size), _power_of_two(len(points)))
    filled = np.concatenate([points, np.repeat(points[-1:], -len(points) % chunk, axis=0)])
    for done in range(0, len(filled), chunk):
        found.append(heights_of([plane.at(*point) for point in filled[done : done + chunk]], measure))
        if on_progress is not None:
            on_progress(done + chunk, len(filled))
    losses = np.concatenate([each.losses for each in found])[: len(points)]
    shares = [each.accuracies for each in found if each.accuracies is not None]
    return Heights(losses, np.concatenate(shares)[: len(points)] if shares else None)


def _power_of_two(limit: int) -> int:
    """The largest power of two up to a limit, from 1 to `MOST_POINTS`."""
    return 2 ** int(np.log2(min(max(limit, 1), MOST_POINTS)))


def heights_of(networks: Sequence[Network], measure: Measure) -> Heights:
    """The loss of networks of one shape, wherever they are: what a path's points truly have."""
    with compilation.cached(), numerics(measure.precision):
        stacked = jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves), measure.precision), *networks)
        sums = partial(_sums_of_networks, stacked, design=measure.design, loss=measure.loss)
        return _over_rows(sums, measure, len(networks), None)


def _over_rows(
    sums: Callable[[RowBlocks], Array], measure: Measure, points: int, on_progress: OnProgress | None
) -> Heights:
    """Means over all rows of what a program sums over blocks of them, [2, block, …]."""

    def over_blocks(rows: RowBlocks) -> np.ndarray:
        found = np.asarray(sums(jax.tree.map(jnp.asarray, rows)), np.float64)
        return found.sum(axis=1).reshape(2, -1)[:, :points]  # over the blocks, in double precision

    total = summed(over_blocks, in_calls(measure), measure.precision, on_progress)
    means = total / len(measure.inputs)
    return Heights(means[0] * measure.scale, means[1] if measure.classes else None)


# What is compiled -------------------------------------------------------------------------------------


@partial(jax.jit, static_argnames=("activation", "loss"))
def _sums_on_plane(
    layers: Sequence[tuple[Array, Array]],
    chunks: Float[Array, "chunk point 2"],
    rows: RowBlocks,
    *,
    activation: str,
    loss: str,
) -> Float[Array, "2 block chunk point"]:
    """Sums over each block of the loss and of what is recognised, at each point of a plane.

    `layers` hold weights [3, output, input] and biases [3, output]: centre, first, second direction.
    """
    (weights, biases), *upper = layers
    names = by_layer(activation, len(upper))

    def at(leaf: Array, point: Float[Array, "2"]) -> Array:
        return leaf[0] + point[0] * leaf[1] + point[1] * leaf[2]

    def over_block(block: RowBlocks) -> Array:
        products = jnp.einsum("koi,ri->kor", weights, block.inputs) + biases[:, :, None]

        def of_point(point: Float[Array, "2"]) -> Array:
            signal = at(products, point)
            if upper:
                above = tuple(Layer(at(weight, point), at(bias, point)) for weight, bias in upper)
                signal = forward(above, ACTIVATIONS[names[0]](signal), BETWEEN.join(names[1:]))
            return _judged(signal, block, loss)

        return jax.lax.map(jax.vmap(of_point), chunks)

    return jnp.moveaxis(jax.lax.map(over_block, rows), -1, 0)


@partial(jax.jit, static_argnames=("design", "loss"))
def _sums_of_networks(
    networks: Network, rows: RowBlocks, *, design: Architecture, loss: str
) -> Float[Array, "2 block network"]:
    """The same for networks that have nothing in common."""

    def over_block(block: RowBlocks) -> Array:
        def of_network(network: Network) -> Array:
            outputs = design.answers(JAX, network, block.inputs.T, LOSSES[loss].task)
            return _judged(outputs, block, loss)

        return jax.vmap(of_network)(networks)

    return jnp.moveaxis(jax.lax.map(over_block, rows), -1, 0)


def _judged(outputs: Float[Array, "output row"], block: RowBlocks, loss: str) -> Float[Array, "2"]:
    """Sums over a block's rows of the loss and, for classes, of whether the largest output is right.

    As `argmax` has it, the first of equal outputs counts as the largest: written as comparisons, which
    a processor makes eight or sixteen at a time. (The right output is not compared with itself: a compiler
    may compute it twice, rounded differently.)
    """
    total = jnp.sum(jnp.where(block.weights > 0, LOSSES[loss].per_sample(outputs, block.targets.T), 0))
    if LOSSES[loss].task != "classification":
        return jnp.stack([total, jnp.zeros_like(total)])
    classes, target = jnp.arange(outputs.shape[0])[:, None], block.targets[None, :]
    true = jnp.sum(outputs, axis=0, where=classes == target)[None, :]
    beaten = jnp.where(classes < target, true > outputs, (classes == target) | (true >= outputs))
    return jnp.stack([total, jnp.sum(jnp.all(beaten, axis=0) * block.weights)])
