"""What a gradient costs: one loss evaluation a weight by nudging, a few in all by backpropagation.

Measured for a ladder of networks of one shape, so that it is seen how each grows. Everything is computed in
float64.

Source: Rumelhart, Hinton & Williams 1986.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array

from couloir.engine import seeds
from couloir.engine.architectures.mlp import Network, initialise, parameter_count
from couloir.engine.compilation import cached
from couloir.engine.epochs import Part
from couloir.errors import InputError
from couloir.experiments.gradients import FORWARD_STEP, MOST_WORK, Batch, columns, differences, mean_loss

COST_LADDER = (0.125, 0.25, 0.5, 1.0)
"""Shares of the hidden units of a network that costs are measured at."""


class Cost(NamedTuple):
    """What a gradient costs for one network; seconds are medians.

    Attributes:
        widths: units of every layer.
        parameters: N, weights and biases.
        evaluations: loss evaluations of a forward-difference gradient: N + 1.
        loss_seconds: one loss evaluation.
        backprop_seconds: loss and gradient by backpropagation.
        numerical_seconds: the whole gradient by forward differences, many nudges side by side.
        backward_ratio: the backward pass in forward passes, (backpropagation − loss) / loss: the median
            over pairs of timings, one taken right after the other. Below 0 it is lost in other work.
    """

    widths: tuple[int, ...]
    parameters: int
    evaluations: int
    loss_seconds: float
    backprop_seconds: float
    numerical_seconds: float
    backward_ratio: float

    @property
    def factor(self) -> float:
        """How many times as long the numerical gradient takes."""
        return self.numerical_seconds / self.backprop_seconds


Clock = Callable[[], float]
"""Tells the time, in seconds from some moment on."""


def ladder(widths: Sequence[int], samples: int, most_work: float = MOST_WORK) -> list[tuple[int, ...]]:
    """Smaller networks of the same shape, and the network itself where its gradient can be waited for.

    Raises:
        InputError: not even the smallest can.
    """
    inputs, *hidden, outputs = widths
    found = [(inputs, *(max(1, round(share * units)) for units in hidden), outputs) for share in COST_LADDER]
    fitting = [each for each in dict.fromkeys(found) if parameter_count(each) ** 2 * samples <= most_work]
    if not fitting:
        raise InputError(
            f"A numerical gradient of {parameter_count(found[0]):,} weights on {samples:,} rows takes too "
            "long to be measured: take fewer rows with --samples."
        )
    return fitting


def costs(
    networks: Sequence[Sequence[int]],
    rows: Part,
    activation: str,
    loss: str,
    repeats: int = 5,
    seed: int = 0,
    clock: Clock = time.perf_counter,
) -> list[Cost]:
    """Measure what gradients cost, for networks of several sizes.

    Args:
        networks: the widths of each.
        rows: what the loss is the mean over.
        activation, loss: names in the registries.
        repeats: timings of a numerical gradient that its median is of.
        seed: of the weights.
        clock: what timings are read from, in seconds: before and after.
    """
    with jax.enable_x64(True), cached():
        batch = columns(rows)
        return [_cost(tuple(each), batch, activation, loss, repeats, seed, clock) for each in networks]


INSIDE = 16
"""Evaluations in one call when their cost is measured, so that the call itself does not count."""

PAIRS = 4
"""Timings of the loss and of backpropagation for each of a numerical gradient."""


@partial(jax.jit, static_argnames=("activation", "loss", "gradient"))
def _again(
    network: Network, batch: Batch, nothing: Array, activation: str, loss: str, gradient: bool
) -> Array:
    """The loss `INSIDE` times over, with its gradient or without.

    Each time the weights hang on the time before, by an addition of 0 that the compiler cannot foresee: it
    would otherwise compute what stays the same only once.
    """

    def once(before: Array, _: None) -> tuple[Array, None]:
        same = jax.tree.map(lambda leaf: leaf + nothing * before, network)
        if not gradient:
            return mean_loss(same, batch, activation, loss), None
        value, slopes = jax.value_and_grad(mean_loss)(same, batch, activation, loss)
        return value + nothing * jnp.sum(ravel_pytree(slopes)[0]), None

    return jax.lax.scan(once, jnp.zeros_like(nothing), None, length=INSIDE)[0]


def _cost(
    widths: tuple[int, ...], batch: Batch, activation: str, loss: str, repeats: int, seed: int, clock: Clock
) -> Cost:
    drawn_from = seeds.entropy(seeds.EXPERIMENT, seed, 0)
    network = jax.device_put(initialise(drawn_from, widths, activation, np.float64))
    count, nothing = parameter_count(widths), jnp.float64(0)
    places, epsilon = jnp.arange(count), jnp.float64(FORWARD_STEP)
    ways: list[Callable[[], Any]] = [
        lambda: _again(network, batch, nothing, activation, loss, gradient=False),
        lambda: _again(network, batch, nothing, activation, loss, gradient=True),
        lambda: differences(network, batch, places, epsilon, activation, loss),
    ]
    calls = [_calls_for(way, clock) for way in ways]
    # Taken in turn, so that other work on the machine falls on all three; the short ones more often.
    turns = (0, 1) * PAIRS + (2,)
    timings: list[list[float]] = [[], [], []]
    for which in turns * repeats:
        timings[which].append(_seconds(ways[which], calls[which], clock))
    value, backprop, numerical = (median(each) for each in timings)
    ratio = median(both / alone for alone, both in zip(*timings[:2], strict=True)) - 1
    return Cost(widths, count, count + 1, value / INSIDE, backprop / INSIDE, numerical, ratio)


def _calls_for(way: Callable[[], Any], clock: Clock, least: float = 0.005) -> int:
    """How many calls a timing takes, so that the clock's own time does not count; the first compiles."""
    jax.block_until_ready(way())
    return max(1, round(least / max(_seconds(way, 1, clock), 1e-6)))


def _seconds(way: Callable[[], Any], calls: int, clock: Clock) -> float:
    began = clock()
    for _ in range(calls):
        jax.block_until_ready(way())
    return (clock() - began) / calls
