"""What trained networks answer, in float64 on the host: nothing is compiled for a few hundred rows."""

from __future__ import annotations

import numpy as np

from couloir.engine.architectures.layers import by_layer
from couloir.engine.architectures.mlp import Network
from couloir.model.forward import ACTIVATIONS


def outputs(network: Network, inputs: np.ndarray, activation: str) -> np.ndarray:
    """What one network answers to prepared inputs [row, feature]: [row, output].

    Args:
        network: layers of (weight [output, input], bias [output]), first to last.
        inputs: as it was trained on.
        activation: of the hidden layers: one name, or one for each with "-" between.
    """
    signal = np.asarray(inputs, np.float64)
    names = (*by_layer(activation, len(network) - 1), "linear")
    for (weight, bias), name in zip(network, names, strict=True):
        signal = signal @ np.asarray(weight, np.float64).T + np.asarray(bias, np.float64)
        signal = ACTIVATIONS[name](signal)
    return signal
