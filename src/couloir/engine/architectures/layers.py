"""What architectures have in common: which activation each layer has, and where a layer starts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from couloir.errors import InputError

if TYPE_CHECKING:
    from couloir.engine.architectures.architecture import Draw

BETWEEN = "-"
"""What stands between the names where each hidden layer has its own; no name holds it."""

NORMAL_VARIANCE: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("relu", "leaky_relu", "elu", "gelu", "silu", "mish"), 2.0),
        "selu": 1.0,
    }
)
"""Activations with normal initial weights before them: the weights' variance times the number of inputs."""


class Layer(NamedTuple):
    """One layer's parameters, on the host or the device: ``weight [output, input]``, ``bias [output]``."""

    weight: Any
    bias: Any


def dense(draw: Draw, inputs: int, outputs: int, activation: str = "linear") -> Layer:
    """A layer's initial weights as fits the activation after it; biases 0.

    Before relu, leaky relu, elu, gelu, silu or mish: normal with variance 2/inputs (He et al. 2015); before
    selu: with variance 1/inputs (LeCun et al. 1998; Klambauer et al. 2017). Before any other, or none:
    uniform within ±√(6/(inputs + outputs)) (Glorot & Bengio 2010).

    Args:
        draw: draws.
        inputs, outputs: of the layer.
        activation: the name of the one that follows.
    """
    variance = NORMAL_VARIANCE.get(activation)
    if variance is not None:
        weight = draw.normal((variance / inputs) ** 0.5, (outputs, inputs))
    else:
        weight = draw.uniform((6 / (inputs + outputs)) ** 0.5, (outputs, inputs))
    return Layer(weight, draw.full(0, (outputs,)))


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
