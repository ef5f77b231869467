"""Which activation each hidden layer has: one name for all of them, or one for each, as in "relu-tanh"."""

from __future__ import annotations

from couloir.errors import InputError

BETWEEN = "-"
"""What stands between the names where each hidden layer has its own; no name holds it."""


def by_layer(activation: str, layers: int) -> tuple[str, ...]:
    """The name of each hidden layer's activation, first to last.

    Args:
        activation: one name, which serves any number of layers, or one for each with "-" between.
        layers: hidden layers of the network.

    Raises:
        InputError: the names are more than one, and not as many as the layers.
    """
    names = activation.split(BETWEEN)
    if len(names) == 1:
        return tuple(names) * layers
    if len(names) != layers:
        wanted = f", or {layers} with '{BETWEEN}' between" if layers > 1 else ""
        count = f"{layers} hidden layer{'' if layers == 1 else 's'}"
        raise InputError(
            f"The activation '{activation}' is for {len(names)} hidden layers, and the network has {count}: "
            f"give one name{wanted}."
        )
    return tuple(names)
