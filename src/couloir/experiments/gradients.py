"""The gradient, computed twice: by nudging one weight at a time, and by backpropagation.

A forward difference ∂J/∂wᵢ ≈ (J(W + εeᵢ) − J(W))/ε takes one loss evaluation a weight and one more for all;
a central one (J(W + εeᵢ) − J(W − εeᵢ))/2ε takes two a weight. Backpropagation takes one pass forward and one
backward for all weights together. The backward pass costs about twice a forward one, and about as much where
the first layer dominates, whose input needs no gradient; other texts print "about the same" for all.

The difference has two errors: truncation, which falls with ε (as ε for the forward and ε² for the central
difference), and rounding, which grows as 1/ε. Everything here is computed in float64.

A network of rectified units has kinks: where a nudge switches a unit for some row, the difference sees both
slopes and backpropagation one of them.

Source: Rumelhart, Hinton & Williams 1986; Nocedal & Wright 2006, chapter 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from couloir.engine import seeds
from couloir.engine.architectures.mlp import Network
from couloir.engine.architectures.on_jax import forward
from couloir.engine.compilation import cached
from couloir.engine.epochs import Part
from couloir.engine.losses import LOSSES

FORWARD_STEP = float(np.finfo(np.float64).eps ** (1 / 2))
"""ε of a forward difference at which truncation and rounding are about equal: √(machine epsilon)."""

CENTRAL_STEP = float(np.finfo(np.float64).eps ** (1 / 3))
"""The same of a central one: its cube root. Both are for weights and losses near 1."""

MOST_WEIGHTS = 20_000
"""Weights that are nudged; of a larger network so many, spread evenly over all."""

MOST_WORK = 4e10
"""Multiplications that nudging may take: what is above it is left out, and said to be."""

SMALL = 1e-4
"""Share of the largest gradient that a relative difference is taken of where a gradient is smaller still."""

TOLERANCE = 0.01
"""Relative difference from which on a numerical and a backpropagated derivative count as different."""

EPSILONS = tuple(float(10 ** (-k / 2)) for k in range(2, 27))
"""Nudges from 0.1 to 1e-13, two to a decade."""

TOGETHER = 64
"""Nudged networks that are evaluated side by side."""

Batch = tuple[Array, Array]
"""What the loss is the mean over: inputs [feature, sample], and targets as the loss wants them."""


def mean_loss(network: Network, batch: Batch, activation: str, loss: str) -> Float[Array, ""]:
    """J: the mean of a loss over a batch."""
    inputs, targets = batch
    return jnp.mean(LOSSES[loss].per_sample(forward(network, inputs, activation), targets))


@partial(jax.jit, static_argnames=("activation", "loss"))
def backpropagated(network: Network, batch: Batch, activation: str, loss: str) -> tuple[Array, Array]:
    """J, and its gradient by backpropagation as one vector [parameter]: layer by layer, weights first."""
    value, gradient = jax.value_and_grad(mean_loss)(network, batch, activation, loss)
    return value, ravel_pytree(gradient)[0]


@partial(jax.jit, static_argnames=("activation", "loss", "central"))
def differences(
    network: Network,
    batch: Batch,
    places: Array,
    epsilon: Array,
    activation: str,
    loss: str,
    central: bool = False,
) -> Array:
    """Numerical partial derivatives for some places of the parameter vector, [place].

    Forward: (J(W + εeᵢ) − J(W))/ε. Central: (J(W + εeᵢ) − J(W − εeᵢ))/2ε. What is divided by is the
    distance between the two weights as they are stored, which differs from ε by rounding.
    """
    vector, rebuilt = ravel_pytree(network)

    def at(place: Array, nudge: Array) -> tuple[Array, Array]:
        moved = vector.at[place].add(nudge)
        return mean_loss(rebuilt(moved), batch, activation, loss), moved[place]

    here = mean_loss(network, batch, activation, loss)

    def one(place: Array) -> Array:
        above, right = at(place, epsilon)
        below, left = at(place, -epsilon) if central else (here, vector[place])
        return (above - below) / (right - left)

    return jax.lax.map(one, places, batch_size=min(TOGETHER, len(places)))


@dataclass(frozen=True)
class LayerAgreement:
    """How far numerical gradients of one layer's weights and biases are from backpropagation's.

    Attributes:
        layer: its number, from 1.
        shape: (outputs, inputs).
        checked: weights and biases that were nudged.
        largest_gradient: max |gᵢ| of them.
        forward, central: the largest relative difference max |nᵢ − gᵢ| / max(|nᵢ|, |gᵢ|, floor).
    """

    layer: int
    shape: tuple[int, int]
    checked: int
    largest_gradient: float
    forward: float
    central: float


@dataclass(frozen=True, eq=False)
class Agreement:
    """Numerical gradients beside backpropagation's, weight by weight.

    Attributes:
        places: the parameters that were nudged, as places in the parameter vector.
        gradient, forward, central: ∂J/∂w of each by the three ways, [place].
        layers: the same, layer by layer.
        floor: `SMALL` of the largest gradient; smaller gradients are compared with it.
        loss: J.
        parameters: weights and biases of the network.
    """

    places: np.ndarray
    gradient: np.ndarray
    forward: np.ndarray
    central: np.ndarray
    layers: list[LayerAgreement]
    floor: float
    loss: float
    parameters: int

    @property
    def apart(self) -> int:
        """Weights at which both differences are more than `TOLERANCE` from backpropagation's derivative."""
        return int(np.sum(self._off(self.forward) & self._off(self.central)))

    @property
    def kinks(self) -> int:
        """Weights at which the central difference is, while the forward one, of a shorter nudge, is not.

        There a rectified unit is switched on or off by the longer nudge.
        """
        return int(np.sum(self._off(self.central) & ~self._off(self.forward)))

    def _off(self, numerical: np.ndarray) -> np.ndarray:
        return relative_difference(numerical, self.gradient, self.floor) > TOLERANCE

    @property
    def largest_forward(self) -> float:
        """The largest relative difference of any weight, forward differences."""
        return max(layer.forward for layer in self.layers)

    @property
    def largest_central(self) -> float:
        """The largest relative difference of any weight, central differences."""
        return max(layer.central for layer in self.layers)


def agreement(network: Network, rows: Part, activation: str, loss: str, most: int | None = None) -> Agreement:
    """Compare numerical gradients with backpropagation's.

    Args:
        network: one network's layers.
        rows: what the loss is the mean over.
        activation, loss: names in the registries.
        most: nudge at most so many parameters, spread evenly over all; None: `MOST_WEIGHTS`, or as many
            as `MOST_WORK` allows.
    """
    parameters = sum(leaf.size for leaf in jax.tree.leaves(network))
    if most is None:
        most = min(MOST_WEIGHTS, max(100, int(MOST_WORK / (parameters * len(rows.inputs)))))
    places = np.unique(np.linspace(0, parameters - 1, min(most, parameters)).round().astype(np.int64))
    with jax.enable_x64(True), cached():
        network, batch = _doubled(network), columns(rows)
        value, gradient = backpropagated(network, batch, activation, loss)
        ahead, around = (
            np.asarray(differences(network, batch, places, jnp.float64(step), activation, loss, central))
            for step, central in ((FORWARD_STEP, False), (CENTRAL_STEP, True))
        )
    exact = np.asarray(gradient)[places]
    floor = SMALL * float(np.abs(exact).max())
    layers = _by_layer(network, places, exact, (ahead, around), floor)
    return Agreement(places, exact, ahead, around, layers, floor, float(value), parameters)


def relative_difference(numerical: np.ndarray, exact: np.ndarray, floor: float) -> np.ndarray:
    """|n − g| / max(|n|, |g|, floor), elementwise; 0 where all three are 0."""
    size = np.maximum(np.maximum(np.abs(numerical), np.abs(exact)), floor)
    return np.divide(np.abs(numerical - exact), size, out=np.zeros_like(size), where=size > 0)


def _by_layer(
    network: Network, places: np.ndarray, exact: np.ndarray, numerical: Sequence[np.ndarray], floor: float
) -> list[LayerAgreement]:
    apart = [relative_difference(each, exact, floor) for each in numerical]
    found, first = [], 0
    for number, layer in enumerate(network, 1):
        outputs, inputs = layer.weight.shape
        last = first + outputs * (inputs + 1)
        own = (places >= first) & (places < last)
        first = last
        if own.any():
            worst = [float(each[own].max()) for each in apart]
            largest = float(np.abs(exact[own]).max())
            found.append(LayerAgreement(number, (outputs, inputs), int(own.sum()), largest, *worst))
    return found


def columns(rows: Part) -> Batch:
    """Rows as a batch, in float64."""
    return _doubled((rows.inputs.T, rows.targets.T))


def _doubled(tree: Any) -> Any:
    """Every array of floats in float64."""
    return jax.tree.map(
        lambda leaf: jnp.asarray(leaf, jnp.float64) if np.issubdtype(leaf.dtype, np.floating) else leaf, tree
    )


class Slopes(NamedTuple):
    """Powers of ε that an error follows: where truncation rules, and where rounding does; None: too short."""

    truncation: float | None
    rounding: float | None


@dataclass(frozen=True, eq=False)
class ErrorCurves:
    """The error of numerical gradients against ε: ‖n − g‖ / ‖g‖ over some weights.

    Attributes:
        epsilons: the nudges, largest first, [nudge].
        forward, central: the errors, [nudge].
        weights: how many weights were nudged.
    """

    epsilons: np.ndarray
    forward: np.ndarray
    central: np.ndarray
    weights: int

    def best(self, kind: str) -> tuple[float, float]:
        """The ε with the least error of "forward" or "central", and that error."""
        errors = getattr(self, kind)
        place = int(np.argmin(errors))
        return float(self.epsilons[place]), float(errors[place])

    def slopes(self, kind: str) -> Slopes:
        """Slopes in the logarithms, by least squares, a decade or more away from the best ε."""
        errors, turn = getattr(self, kind), self.best(kind)[0]
        above = (self.epsilons >= 9.9 * turn) & (self.epsilons <= 0.0101)
        below = self.epsilons <= turn / 9.9
        return Slopes(*(_slope(self.epsilons[part], errors[part]) for part in (above, below)))


def _slope(epsilons: np.ndarray, errors: np.ndarray) -> float | None:
    shown = errors > 0
    if shown.sum() < 3:
        return None
    return float(np.polyfit(np.log10(epsilons[shown]), np.log10(errors[shown]), 1)[0])


def error_curves(
    network: Network,
    rows: Part,
    activation: str,
    loss: str,
    epsilons: Sequence[float] = EPSILONS,
    weights: int = 128,
    seed: int = 0,
) -> ErrorCurves:
    """The error of forward and central differences as ε shrinks, over a random sample of weights."""
    parameters = sum(leaf.size for leaf in jax.tree.leaves(network))
    chosen = seeds.generator(seeds.EXPERIMENT, seed).permutation(parameters)[: min(weights, parameters)]
    places = np.sort(chosen).astype(np.int64)
    with jax.enable_x64(True), cached():
        network, batch = _doubled(network), columns(rows)
        exact = np.asarray(backpropagated(network, batch, activation, loss)[1])[places]
        size = float(np.linalg.norm(exact)) or 1.0

        def error(epsilon: float, central: bool) -> float:
            found = differences(network, batch, places, jnp.float64(epsilon), activation, loss, central)
            return float(np.linalg.norm(np.asarray(found) - exact)) / size

        ahead, around = (np.array([error(each, central) for each in epsilons]) for central in (False, True))
    return ErrorCurves(np.asarray(epsilons), ahead, around, len(places))
