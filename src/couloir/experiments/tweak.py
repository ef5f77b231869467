"""One weight of a network tweaked: which neurons notice.

A weight leads to one neuron. Change it, and of the next layer that neuron alone answers differently; but its
answer goes to every neuron of the layer after, so that from there on everything changes, outputs included.
Shown with tanh: a rectified neuron that is off would hide the change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from couloir.engine import seeds
from couloir.engine.architectures.mlp import Layer, Network, initialise
from couloir.errors import InputError
from couloir.model.forward import signals

WIDTHS = (3, 5, 5, 4, 2)
"""A network with three hidden layers, small enough to be drawn."""


@dataclass(frozen=True, eq=False)
class Tweak:
    """The answers of every neuron before and after one weight was changed.

    Attributes:
        network: the layers before, in float64.
        layer, source, target: the weight: its layer from 0, the unit it comes from, the neuron it leads to.
        amount: what was added to it.
        before, after: the signals of the inputs, of each hidden layer and of the outputs, [unit] each.
    """

    network: Network
    layer: int
    source: int
    target: int
    amount: float
    before: tuple[np.ndarray, ...]
    after: tuple[np.ndarray, ...]

    @property
    def widths(self) -> tuple[int, ...]:
        """Units of every layer, from the inputs to the outputs."""
        return tuple(len(signal) for signal in self.before)

    @property
    def changes(self) -> tuple[np.ndarray, ...]:
        """After minus before, layer by layer."""
        return tuple(after - before for before, after in zip(self.before, self.after, strict=True))

    @property
    def changed(self) -> tuple[int, ...]:
        """How many units of each layer answer differently."""
        return tuple(int(np.count_nonzero(change)) for change in self.changes)


def tweak(
    widths: Sequence[int] = WIDTHS,
    layer: int = 0,
    source: int = 1,
    target: int = 2,
    amount: float = 0.5,
    seed: int = 0,
) -> Tweak:
    """Change one weight of a random tanh network by an amount, and compare all signals.

    Args:
        widths: units of every layer, from the inputs to the outputs.
        layer: which layer of weights, from 0.
        source, target: the unit the weight comes from and the neuron it leads to, from 0.
        amount: added to the weight.
        seed: of the weights and of the row that goes in.

    Raises:
        InputError: there is no such weight.
    """
    if not (0 <= layer < len(widths) - 1 and 0 <= source < widths[layer] and 0 <= target < widths[layer + 1]):
        raise InputError(
            f"There is no weight from unit {source} to unit {target} in layer {layer} of a network of widths "
            f"{tuple(widths)}: all are counted from 0."
        )
    network = initialise(seeds.entropy(seeds.EXPERIMENT, seed, 0), widths, "tanh", np.float64)
    row = seeds.generator(seeds.EXPERIMENT, seed, 1).uniform(-1, 1, widths[0])
    weight = np.array(network[layer].weight)
    weight[target, source] += amount
    changed = (*network[:layer], Layer(weight, network[layer].bias), *network[layer + 1 :])
    before, after = (
        (row, *(signal[0] for signal in signals(layers, row[None], "tanh"))) for layers in (network, changed)
    )
    return Tweak(network, layer, source, target, amount, before, after)
