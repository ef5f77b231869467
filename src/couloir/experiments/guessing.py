"""Guessing weights: random search, beside gradient descent at the same expense.

Random search draws all parameters of a network at once, scores the network on the training rows, and keeps
the best. Guesses are a population: a program draws and scores many of them side by side. Guess number i
depends on the seed and on i alone, so that the best one can be drawn again, and neither the number of guesses
nor how they are grouped changes any of them.

Guesses are drawn as initial weights are (`couloir.engine.architectures.mlp.initialise`), each multiplied by
one of `SCALES` in turn; biases, which start at 0 in training, are drawn like the weights of their layer, or
nobody would search over them.

Source: Rastrigin 1963.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from couloir.engine.architectures.layers import NORMAL_VARIANCE, by_layer
from couloir.engine.architectures.mlp import Layer, Network, initialise, parameter_count
from couloir.engine.architectures.on_jax import forward
from couloir.engine.compilation import cached
from couloir.engine.epochs import Part
from couloir.engine.losses import LOSSES
from couloir.engine.optimizers import RULES, customary_rates
from couloir.engine.randomness import key_of, standard_normal, uniform
from couloir.errors import InputError
from couloir.landscapes.measuring import ROWS_AT_ONCE, RowBlocks, in_blocks

SCALES = (0.5, 1.0, 2.0, 4.0)
"""What the customary initial weights are multiplied by, guess by guess in turn."""

NUMBERS_AT_ONCE = 2**19
"""Signals and parameters of the guesses that are scored side by side, about: they stay in the cache."""

GUESSES_A_CALL = 2**14
"""Guesses between two reports of progress, about."""

GRADIENT_COST = 3
"""Loss evaluations that a gradient counts for: one pass forward, and one backward at twice its cost."""

MOST_STEPS = 500
"""Steps after which gradient descent is ended, however many evaluations are left."""


def guess(
    key: Array, number: Any, widths: Sequence[int], activation: str, scales: Sequence[float], dtype: Any
) -> Network:
    """The network of a guess: every weight and bias drawn, times ``scales[number % len(scales)]``.

    Into a hidden layer of one of `NORMAL_VARIANCE`: normal with that variance, divided by the number of
    inputs. Into any other: uniform within ±√(6/(inputs + outputs)).
    """
    own = jax.random.fold_in(key, number)
    scale = jnp.asarray(scales, dtype)[number % len(scales)]
    layers, names = [], (*by_layer(activation, len(widths) - 2), "linear")
    for place, (inputs, outputs) in enumerate(pairwise(widths)):
        layer_key, shape = jax.random.fold_in(own, place), (outputs, inputs + 1)
        variance = NORMAL_VARIANCE.get(names[place])
        if variance is not None:
            drawn = math.sqrt(variance / inputs) * standard_normal(layer_key, shape, dtype)
        else:
            drawn = math.sqrt(6 / (inputs + outputs)) * uniform(layer_key, shape, dtype)
        drawn = scale * drawn
        layers.append(Layer(drawn[:, :-1], drawn[:, -1]))
    return tuple(layers)


def rows_of(part: Part) -> RowBlocks:
    """All rows in blocks of one size; their weights sum to 1."""
    count = len(part.inputs)
    blocks = math.ceil(count / ROWS_AT_ONCE)
    rows = in_blocks(part.inputs, part.targets, blocks, math.ceil(count / blocks))
    return rows._replace(weights=rows.weights / rows.weights.dtype.type(count))


@partial(jax.jit, static_argnames=("widths", "activation", "loss", "scales", "groups", "size"))
def guess_losses(
    key: Array,
    first: Array,
    rows: RowBlocks,
    widths: tuple[int, ...],
    activation: str,
    loss: str,
    scales: tuple[float, ...],
    groups: int,
    size: int,
) -> Array:
    """Losses [groups · size] of the guesses from number `first` on: the mean over all rows."""
    dtype = rows.inputs.dtype

    def of_group(numbers: Array) -> Array:
        draw = partial(guess, key, widths=widths, activation=activation, scales=scales, dtype=dtype)
        networks = jax.vmap(draw)(numbers)

        def add(total: Array, block: RowBlocks) -> tuple[Array, None]:
            def one(network: Network) -> Array:
                outputs = forward(network, block.inputs.T, activation)
                return jnp.sum(LOSSES[loss].per_sample(outputs, block.targets.T) * block.weights)

            return total + jax.vmap(one)(networks), None

        return jax.lax.scan(add, jnp.zeros(size, dtype), rows)[0]

    numbers = first + jnp.arange(groups * size, dtype=jnp.uint32)
    return jax.lax.map(of_group, numbers.reshape(groups, size)).reshape(-1)


def together(widths: Sequence[int], rows: int) -> int:
    """How many guesses are scored side by side, from the shapes: a power of two from 8 to 1,024."""
    numbers = parameter_count(widths) + 2 * max(widths[1:]) * min(rows, ROWS_AT_ONCE)
    return 2 ** max(3, min(10, round(math.log2(max(NUMBERS_AT_ONCE / numbers, 1)))))


class Best(NamedTuple):
    """A guess better than all before it: its number from 0, its loss, its scale."""

    number: int
    loss: float
    scale: float


@dataclass(frozen=True, eq=False)
class RandomSearch:
    """What guessing came to.

    Attributes:
        widths, activation, loss: the network, and what it is scored by.
        guesses: how many were scored; each is one loss evaluation.
        improvements: every guess better than all before it, in order; the last one is the best.
        best_by_scale: the lowest loss of each scale.
        median: half of the guesses are better.
        constant: the loss of the best constant answer; None where the loss has no simple one.
        seed: what the guesses were drawn from.
        seconds: of drawing and scoring, compiling left out.
    """

    widths: tuple[int, ...]
    activation: str
    loss: str
    guesses: int
    improvements: list[Best]
    best_by_scale: dict[float, float]
    median: float
    constant: float | None
    seed: int
    seconds: float

    @property
    def best(self) -> Best:
        """The best guess."""
        return self.improvements[-1]

    @property
    def parameters(self) -> int:
        """Weights and biases of a guess."""
        return parameter_count(self.widths)

    def network(self) -> Network:
        """The best guess, drawn again."""
        key = key_of(self.seed)
        return guess(key, self.best.number, self.widths, self.activation, SCALES, jnp.float32)


OnProgress = Callable[[int, float], Any]
"""Told how many guesses are scored and the lowest loss so far; a true answer ends the search."""


def random_search(
    widths: Sequence[int],
    part: Part,
    activation: str = "relu",
    loss: str = "cross_entropy",
    guesses: int = 10_000,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> RandomSearch:
    """Guess all parameters of a network many times, and keep the best.

    Args:
        widths: numbers of inputs, of hidden units layer by layer, and of outputs.
        part: the training rows; nothing else is looked at.
        activation, loss: names in the registries of networks and losses.
        guesses: how many.
        seed: the same seed draws the same guesses.
        on_progress: called between blocks of some thousands.

    Raises:
        InputError: fewer than one guess, or more than 2³².
    """
    if not 1 <= guesses < 2**32:
        raise InputError(f"The number of guesses {guesses!r} cannot be used: give 1 to 2^32 - 1.")
    widths, size = tuple(widths), together(widths, len(part.inputs))
    groups, rows = _groups(guesses, size), jax.device_put(rows_of(part))
    network = {"widths": widths, "activation": activation, "loss": loss, "scales": SCALES}
    score = partial(guess_losses, key_of(seed), rows=rows, groups=groups, size=size, **network)
    with cached():
        score(jnp.uint32(0)).block_until_ready()  # compiles
        began = time.perf_counter()
        found = np.concatenate(list(_calls(score, guesses, groups * size, on_progress)))
    seconds = time.perf_counter() - began
    losses = np.where(np.isfinite(found), found, np.inf)[:guesses]
    better, median = _improvements(losses), float(np.median(losses))
    by_scale = {s: float(losses[n :: len(SCALES)].min(initial=np.inf)) for n, s in enumerate(SCALES)}
    constant = constant_loss(part.targets, loss)
    return RandomSearch(
        widths, activation, loss, len(losses), better, by_scale, median, constant, seed, seconds
    )


def _groups(guesses: int, size: int) -> int:
    """Groups of guesses in a call: a power of 4, so that few different programs come up."""
    wanted = 4 ** math.ceil(math.log(max(guesses / size, 1), 4) - 1e-9)
    return max(1, min(GUESSES_A_CALL // size, wanted))


def _calls(score: Callable[[Array], Array], guesses: int, block: int, on_progress: OnProgress | None) -> Any:
    """The losses block by block; while one is looked at, the next is computed."""
    lowest, waiting = math.inf, score(jnp.uint32(0))
    for first in range(0, guesses, block):
        ready = waiting
        if first + block < guesses:
            waiting = score(jnp.uint32(first + block))
        losses = np.asarray(ready)
        yield losses
        done = min(first + block, guesses)
        lowest = float(np.fmin.reduce(losses[: done - first], initial=lowest))
        if on_progress is not None and on_progress(done, lowest):
            return


def _improvements(losses: np.ndarray) -> list[Best]:
    """Every guess better than all before it; the first one where none has a loss."""
    better = np.flatnonzero(np.diff(np.minimum.accumulate(losses), prepend=np.inf) < 0).tolist() or [0]
    return [Best(number, float(losses[number]), SCALES[number % len(SCALES)]) for number in better]


def constant_loss(targets: np.ndarray, loss: str) -> float | None:
    """The loss of the best answer that is the same for every row: what a network has to beat.

    For cross-entropy the entropy of the class shares −Σ p log p; for the mean squared error the variance.
    """
    if loss == "cross_entropy":
        shares = np.bincount(targets) / len(targets)
        shares = shares[shares > 0]
        return float(-np.sum(shares * np.log(shares)))
    return float(np.mean(np.var(targets.astype(np.float64), axis=0))) if loss == "mse" else None


@dataclass(frozen=True, eq=False)
class CountedDescent:
    """Plain gradient descent on all training rows at several rates, each of which is paid for.

    Attributes:
        rates: the learning rates, all from the same initial weights.
        steps: how many each took.
        evaluations: loss evaluations spent after each step by all rates together, [step].
        best: the lowest loss so far of any rate, [step].
        best_rate: the rate that the lowest loss is of.
        capped: whether it was ended with evaluations left to spend.
        seconds: of computing, compiling left out.
    """

    rates: list[float]
    steps: int
    evaluations: np.ndarray
    best: np.ndarray
    best_rate: float
    capped: bool
    seconds: float

    def reached(self, loss: float) -> int | None:
        """Evaluations after which it is at least as good as a loss; None: never."""
        there = np.flatnonzero(self.best <= loss)
        return int(self.evaluations[there[0]]) if len(there) else None


@partial(jax.jit, static_argnames=("steps", "activation", "loss"))
def _descend(
    network: Network, rates: Array, inputs: Array, targets: Array, steps: int, activation: str, loss: str
) -> Array:
    """Losses [step, rate] before each step of gradient descent on all rows."""
    rule = RULES["sgd"]

    def of(one: Network) -> Array:
        return jnp.mean(LOSSES[loss].per_sample(forward(one, inputs, activation), targets))

    def advance(networks: Network, _: None) -> tuple[Network, Array]:
        losses, gradients = jax.vmap(jax.value_and_grad(of))(networks)
        change = jax.vmap(lambda g, p, a: rule.update(g, {}, p, {"learning_rate": a})[0])
        return jax.tree.map(jnp.add, networks, change(gradients, networks, rates)), losses

    many = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(rates), *leaf.shape)), network)
    return jax.lax.scan(advance, many, None, length=steps)[1]


def counted_descent(
    widths: Sequence[int],
    part: Part,
    activation: str = "relu",
    loss: str = "cross_entropy",
    evaluations: int = 10_000,
    seed: int = 0,
    rates: Sequence[float] | None = None,
    most_steps: int = MOST_STEPS,
) -> CountedDescent:
    """Gradient descent for as many loss evaluations as guessing had.

    A gradient on all rows, which also gives the loss there, counts as `GRADIENT_COST` evaluations, and every
    rate that is tried pays for itself. A rate that diverges is paid for to the end.

    Args:
        widths, part, activation, loss: as for `random_search`.
        evaluations: how many may be spent; at least one step is taken.
        seed: of the initial weights.
        rates: learning rates; None: the eight customary ones of gradient descent.
        most_steps: end after so many, with evaluations left.
    """
    tried = list(customary_rates(RULES["sgd"]) if rates is None else rates)
    price = GRADIENT_COST * len(tried)
    steps = max(1, min(evaluations // price, most_steps))
    dtype = part.inputs.dtype
    network = initialise((seed, 0), widths, activation, dtype)
    arrays = (network, jnp.asarray(tried, dtype), jnp.asarray(part.inputs.T), jnp.asarray(part.targets.T))
    with cached():
        program = _descend.lower(*arrays, steps=steps, activation=activation, loss=loss).compile()
    began = time.perf_counter()
    found = np.asarray(program(*arrays))
    seconds = time.perf_counter() - began
    losses = np.where(np.isfinite(found), found, np.inf)
    best, best_rate = np.minimum.accumulate(losses.min(axis=1)), tried[int(losses.min(axis=0).argmin())]
    capped = steps == most_steps and (steps + 1) * price <= evaluations
    spent = price * np.arange(1, steps + 1)
    return CountedDescent(tried, steps, spent, best, best_rate, capped, seconds)
