"""TabM (Gorishniy et al. 2025): heads that share their weights, each with scales of its own.

Several networks in one: they are trained side by side on the same rows, and answer with their mean. What sets
them apart is little: factors on what goes into and comes out of each layer, the biases, and the last layer.
"""

from __future__ import annotations

import itertools
from typing import Any, ClassVar, NamedTuple

from couloir.engine.architectures.architecture import (
    Architecture,
    Draw,
    Drop,
    Network,
    Operations,
    Size,
    needs_layers,
)
from couloir.engine.architectures.layers import Layer, by_layer, dense

HEADS = 8
"""Heads of a network. Gorishniy et al. take 32; eight take a quarter of the time, and a population averages
several networks besides."""


class Shared(NamedTuple):
    """A layer of all heads: ``weight [output, input]``, the rest is each head's own.

    ``entering [head, input]`` and ``leaving, bias [head, output]``.
    """

    weight: Any
    entering: Any
    leaving: Any
    bias: Any


class TabM(Architecture):
    """Heads k that share weights: ``h_k ← φ(((h_k ∘ r_k) Wᵀ) ∘ s_k + b_k)``, and a last layer for each.

    Factors r of the first layer are ±1 at first, each as likely; all others r and s are 1. All heads of a
    layer begin with the same bias, 0. The last layers are drawn one by one.
    """

    name = "tabm"
    heads: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Raise an InputError for a network without hidden layers."""
        super().__post_init__()
        needs_layers(self)

    def drawn(self, draw: Draw, inputs: int, outputs: int) -> Network:
        """Its layers, first to last, the last with weight [head, output, unit] and bias [head, output]."""
        names, parts, width = by_layer(self.activation, len(self.hidden)), [], inputs
        for number, (units, name) in enumerate(zip(self.hidden, names, strict=True)):
            own = (HEADS, width)
            entering = draw.full(1, own) if number else draw.signs(own)
            weight = dense(draw, width, units, name).weight
            parts.append(Shared(weight, entering, draw.full(1, (HEADS, units)), draw.full(0, (HEADS, units))))
            width = units
        limit = (6 / (width + outputs)) ** 0.5  # as `dense` has it
        last = Layer(draw.uniform(limit, (HEADS, outputs, width)), draw.full(0, (HEADS, outputs)))
        return (*parts, last)

    def apply(self, ops: Operations, network: Network, inputs: Any, drop: Drop | None = None) -> Any:
        """What each head answers, [head, output, batch].

        Signals are [unit, head, batch], so that a layer's product is one with all heads side by side. The
        first layer's factors r are multiplied into the weights instead: it stays a wide product of inputs
        that all heads, and all members, share.
        """
        first, *others = network[:-1]
        heads, names = first.bias.shape[0], by_layer(self.activation, len(self.hidden))
        weight = (first.weight[None] * first.entering[:, None]).reshape(-1, first.weight.shape[1])
        signal = ops.reshape(ops.entering(weight, inputs), (heads, first.weight.shape[0], -1))
        signal = signal * first.leaving[:, :, None] + first.bias[:, :, None]
        signal = ops.transpose(signal, (1, 0, 2))
        for number, name in enumerate(names):
            if number:
                layer = others[number - 1]
                signal = ops.reshape(signal * layer.entering.T[:, :, None], (layer.weight.shape[1], -1))
                signal = ops.reshape(ops.product(layer.weight, signal), (layer.weight.shape[0], heads, -1))
                signal = signal * layer.leaving.T[:, :, None] + layer.bias.T[:, :, None]
            signal = ops.activation(name, signal)
            if drop is not None:
                signal = drop(signal, number)
        last = network[-1]
        return ops.product(last.weight, ops.transpose(signal, (1, 0, 2))) + last.bias[:, :, None]

    def measured(self, inputs: int, outputs: int) -> Size:
        """Every product is made for each head."""
        plain = super().measured(inputs, outputs)
        widths = (inputs, *self.hidden, outputs)
        products = sum(
            (6 if number else 4) * a * b for number, (a, b) in enumerate(itertools.pairwise(widths))
        )
        return Size(plain.parameters, HEADS * products, tuple(HEADS * width for width in widths[1:]))
