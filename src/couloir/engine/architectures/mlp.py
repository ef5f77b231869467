"""The multilayer perceptron: layer after layer, ``h ← φ(W h + b)``.

Weights are ``[output, input]`` and signals ``[feature, batch]``: under `jax.vmap` the first layer of a
whole population is then one wide matrix product, since its members see the same batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from couloir.engine.architectures.architecture import Architecture, Draw, Drop, Operations
from couloir.engine.architectures.architecture import Network as Network
from couloir.engine.architectures.layers import Layer as Layer
from couloir.engine.architectures.layers import by_layer, dense


class MLP(Architecture):
    """A multilayer perceptron; without hidden layers a linear model."""

    name = "mlp"

    def drawn(self, draw: Draw, inputs: int, outputs: int) -> tuple[Layer, ...]:
        """Its layers, first to last: see `couloir.engine.architectures.layers.dense`."""
        names = (*by_layer(self.activation, len(self.hidden)), "linear")
        widths = pairwise((inputs, *self.hidden, outputs))
        return tuple(dense(draw, *ends, name) for ends, name in zip(widths, names, strict=True))

    def apply(self, ops: Operations, network: Network, inputs: Any, drop: Drop | None = None) -> Any:
        """``h ← φ(W h + b)`` through the hidden layers, ``W h + b`` at the end."""
        return computed(ops, network, inputs, self.activation, drop)


def computed(
    ops: Operations, network: Network, inputs: Any, activation: str, drop: Drop | None = None
) -> Any:
    """What a multilayer perceptron of any number of layers answers, [output, batch]; see `MLP.apply`."""
    signal, names = inputs, by_layer(activation, len(network) - 1)
    for number, layer in enumerate(network):
        multiply = ops.product if number else ops.entering
        signal = multiply(layer.weight, signal) + layer.bias[:, None]
        if number < len(names):
            signal = ops.activation(names[number], signal)
            if drop is not None:
                signal = drop(signal, number)
    return signal


def initialise(entropy: Sequence[int], widths: Sequence[int], activation: str, dtype: Any) -> Network:
    """Initial weights of a multilayer perceptron, as NumPy arrays; see `MLP.drawn`.

    Args:
        entropy: whole numbers that the draw depends on; each layer draws from its own number added.
        widths: numbers of inputs, of hidden units layer by layer, and of outputs.
        activation: of the hidden layers: a name in `ACTIVATIONS`, or one for each with "-" between.
        dtype: of the parameters.
    """
    inputs, *hidden, outputs = widths
    return MLP(tuple(hidden), activation).initialise(entropy, inputs, outputs, dtype)


def parameter_count(widths: Sequence[int]) -> int:
    """Number of weights and biases: Σ (inputs + 1)·outputs over the layers."""
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise(widths))
