"""The forward pass in NumPy: nothing is compiled, and no JAX imported.

A multilayer perceptron has a pass of its own, made for many rows; others run as they are written, in NumPy.
Only a person's own architecture needs JAX.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from couloir.engine.architectures.architecture import Architecture, Operations
from couloir.engine.architectures.layers import by_layer
from couloir.engine.architectures.mlp import MLP
from couloir.engine.architectures.own import Own


def _gelu(x: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    return 0.5 * x * (1 + erf(x / np.sqrt(2)))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))


def _mish(x: np.ndarray) -> np.ndarray:
    """x n / (n + 2) with n = eˣ (eˣ + 2), as `couloir.engine.activations.mish` has it."""
    power = np.exp(np.minimum(x, 20))
    n = power * (power + 2)
    return x * (n / (n + 2))


SELU_SCALE, SELU_DEPTH = 1.0507009873554804934, 1.6732632423543772848
"""λ and α of selu, λx above 0 and λα (eˣ − 1) below: normal sums keep mean 0 and variance 1 with these."""


def _selu(x: np.ndarray) -> np.ndarray:
    return SELU_SCALE * np.where(x > 0, x, SELU_DEPTH * np.expm1(np.minimum(x, 0)))


ACTIVATIONS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = MappingProxyType(
    {
        "sigmoid": _sigmoid,
        "tanh": lambda x: np.tanh(x, out=x),
        "relu": lambda x: np.maximum(x, 0, out=x),
        "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
        "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        "gelu": _gelu,
        "silu": lambda x: x * _sigmoid(x),
        "softplus": lambda x: np.logaddexp(x, 0),
        "mish": _mish,
        "selu": _selu,
        "linear": lambda x: x,
    }
)
"""Those of `couloir.engine.activations`, for predicting; some write over the array that they are given."""


def signals(
    network: Sequence[tuple[np.ndarray, np.ndarray]], inputs: np.ndarray, activation: str
) -> list[np.ndarray]:
    """What each layer after the inputs answers, [row, unit] each: hidden signals, then outputs.

    A row's answers in a batch and alone are equal to rounding: a matrix product may add in another order.

    Args:
        network: layers (weight [output, input], bias [output]), first to last.
        inputs: prepared rows [row, feature]; where they are in float64, so is all that follows.
        activation: of the hidden layers: a name in `ACTIVATIONS`, or one for each with "-" between.
    """
    found, signal = [], inputs
    names = (*by_layer(activation, len(network) - 1), "linear")
    for (weight, bias), name in zip(network, names, strict=True):
        signal = ACTIVATIONS[name](signal @ np.asarray(weight).T + np.asarray(bias))
        found.append(signal)
    return found


NUMPY = Operations(
    entering=np.matmul,
    product=np.matmul,
    activation=lambda name, signal: ACTIVATIONS[name](signal.copy()),  # some write over what they get
    exp=np.exp,
    log=np.log,
    sqrt=np.sqrt,
    cos=np.cos,
    mean=lambda signal, axis: np.mean(signal, axis, keepdims=True),
    most=lambda signal, axis: np.max(signal, axis, keepdims=True),
    reshape=np.reshape,
    transpose=np.transpose,
    concatenate=np.concatenate,
    gather=lambda signal, places: np.take(signal, places, axis=1),
    constant=lambda parameter: parameter,
)
"""What architectures compute with, in NumPy."""


def outputs(
    design: Architecture, parts: Sequence[Sequence[np.ndarray]], inputs: np.ndarray, count: int, task: str
) -> np.ndarray:
    """What a network of any architecture answers, [row, output].

    Args:
        design: its architecture.
        parts: its parts as plain sequences of arrays.
        inputs: prepared rows [row, feature]; where all is in float64, so are the answers.
        count: outputs.
        task: "classification" or "regression".
    """
    if isinstance(design, MLP):
        return signals([(weight, bias) for weight, bias in parts], inputs, design.activation)[-1]
    if isinstance(design, Own):
        return design.predicted(parts, inputs, count)
    network = design.network(parts, inputs.shape[1], count)
    return np.asarray(design.answers(NUMPY, network, inputs.T, task)).T
