"""A residual network for tables (Gorishniy et al. 2021): blocks that each add something to one signal."""

from __future__ import annotations

from typing import Any, NamedTuple

from couloir.engine.architectures.architecture import (
    Architecture,
    Draw,
    Drop,
    Network,
    Operations,
    Size,
    needs_layers,
)
from couloir.engine.architectures.layers import by_layer, dense

EPSILON = 1e-5
"""What is added to a variance before it is divided by."""


class Norm(NamedTuple):
    """A layer norm's parameters: ``scale [unit]``, ``bias [unit]``."""

    scale: Any
    bias: Any


class ResNet(Architecture):
    """A residual network: ``h + W₂ drop(φ(W₁ norm(h) + b₁)) + b₂``, block after block.

    The first entry of `hidden` is the width of the signal h, which a first layer makes of the inputs; each
    further one is a block, and the units within it. At the end stand a norm, the activation and a layer.
    The norm is that of each row over its units (Ba et al. 2016), so that a row alone is answered as in a
    batch; Gorishniy et al. take batch norm.
    """

    name = "resnet"

    def __post_init__(self) -> None:
        """Raise an InputError for a network without hidden layers."""
        super().__post_init__()
        needs_layers(self)

    def drawn(self, draw: Draw, inputs: int, outputs: int) -> Network:
        """The first layer; of each block norm and two layers; norm and layer. Scales are 1 at first."""
        trunk, *blocks = self.hidden
        names = by_layer(self.activation, len(self.hidden))
        parts: list[Any] = [dense(draw, inputs, trunk)]

        def norm() -> Norm:
            return Norm(draw.full(1, (trunk,)), draw.full(0, (trunk,)))

        for width, name in zip(blocks, names[1:], strict=True):
            parts += [norm(), dense(draw, trunk, width, name), dense(draw, width, trunk)]
        return (*parts, norm(), dense(draw, trunk, outputs))

    def apply(self, ops: Operations, network: Network, inputs: Any, drop: Drop | None = None) -> Any:
        """See the class; the activations are those of the end, then block by block."""
        first, *blocks = network[:-2]
        norm, last = network[-2:]
        end, *names = by_layer(self.activation, len(self.hidden))
        signal = ops.entering(first.weight, inputs) + first.bias[:, None]
        for number, name in enumerate(names):
            own, inner, outer = blocks[3 * number : 3 * number + 3]
            hidden = ops.product(inner.weight, normed(ops, own, signal)) + inner.bias[:, None]
            hidden = ops.activation(name, hidden)
            if drop is not None:
                hidden = drop(hidden, number)
            signal = signal + (ops.product(outer.weight, hidden) + outer.bias[:, None])
        signal = ops.activation(end, normed(ops, norm, signal))
        return ops.product(last.weight, signal) + last.bias[:, None]

    def measured(self, inputs: int, outputs: int) -> Size:
        """The signal and its norm are kept besides each block's units."""
        found, trunk = super().measured(inputs, outputs), self.hidden[0]
        kept = [width for block in self.hidden[1:] for width in (trunk, trunk, block)]
        return found._replace(signals=(trunk, *kept, trunk, outputs))


def normed(ops: Operations, norm: Norm, signal: Any) -> Any:
    """``(h − mean) / √(variance + 1e-5) · scale + bias``, mean and variance of each row's units."""
    centred = signal - ops.mean(signal, 0)
    spread = ops.sqrt(ops.mean(centred * centred, 0) + EPSILON)
    return centred / spread * norm.scale[:, None] + norm.bias[:, None]
