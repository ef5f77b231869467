"""What every layer of a network answers, in NumPy: for a few rows nothing has to be compiled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from couloir.engine.architectures.layers import by_layer
from couloir.model.forward import ACTIVATIONS


def signals(
    network: Sequence[tuple[np.ndarray, np.ndarray]], inputs: np.ndarray, activation: str
) -> list[np.ndarray]:
    """What each layer after the inputs answers, [row, unit] each: hidden signals, then outputs.

    Args:
        network: layers (weight [output, input], bias [output]), first to last.
        inputs: prepared rows [row, feature]; where they are in float64, so is all that follows.
        activation: of the hidden layers: one name, or one for each with "-" between.
    """
    found, signal = [], inputs
    names = (*by_layer(activation, len(network) - 1), "linear")
    for (weight, bias), name in zip(network, names, strict=True):
        signal = ACTIVATIONS[name](signal @ np.asarray(weight).T + np.asarray(bias))
        found.append(signal)
    return found
