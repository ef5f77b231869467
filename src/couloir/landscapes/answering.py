"""What trained networks answer, in float64 on the host: nothing is compiled for a few hundred rows."""

from __future__ import annotations

import numpy as np

from couloir.model import ACTIVATIONS
from couloir.networks import Network


def outputs(network: Network, inputs: np.ndarray, activation: str) -> np.ndarray:
    """What one network answers to prepared inputs [row, feature]: [row, output].

    Args:
        network: layers of (weight [output, input], bias [output]), first to last.
        inputs: as it was trained on.
        activation: a name in `couloir.networks.ACTIVATIONS`.
    """
    signal = np.asarray(inputs, np.float64)
    for number, (weight, bias) in enumerate(network):
        signal = signal @ np.asarray(weight, np.float64).T + np.asarray(bias, np.float64)
        if number < len(network) - 1:
            signal = ACTIVATIONS[activation](signal)
    return signal
