"""Activations as ONNX nodes; those that runtimes lack in float64 are put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from couloir.export.nodes import Nodes
from couloir.model.forward import SELU_DEPTH, SELU_SCALE


def _elu(nodes: Nodes, x: str) -> str:
    zero = nodes.constant(0.0)
    return nodes.add("Add", nodes.add("Max", x, zero), _below(nodes, x))


def _below(nodes: Nodes, x: str) -> str:
    """exp(min(x, 0)) − 1."""
    zero, one = nodes.constant(0.0), nodes.constant(1.0)
    return nodes.add("Sub", nodes.add("Exp", nodes.add("Min", x, zero)), one)


def _selu(nodes: Nodes, x: str) -> str:
    above = nodes.add("Max", x, nodes.constant(0.0))
    below = nodes.add("Mul", nodes.constant(SELU_DEPTH), _below(nodes, x))
    return nodes.add("Mul", nodes.constant(SELU_SCALE), nodes.add("Add", above, below))


def _mish(nodes: Nodes, x: str) -> str:
    """x n / (n + 2) with n = eˣ (eˣ + 2), the exponent at most 20 (`couloir.engine.activations.mish`)."""
    two = nodes.constant(2.0)
    power = nodes.add("Exp", nodes.add("Min", x, nodes.constant(20.0)))
    n = nodes.add("Mul", power, nodes.add("Add", power, two))
    return nodes.add("Mul", x, nodes.add("Div", n, nodes.add("Add", n, two)))


def _softplus(nodes: Nodes, x: str) -> str:
    zero, one = nodes.constant(0.0), nodes.constant(1.0)
    tail = nodes.add("Exp", nodes.add("Neg", nodes.add("Abs", x)))
    return nodes.add("Add", nodes.add("Max", x, zero), nodes.add("Log", nodes.add("Add", one, tail)))


def _gelu(nodes: Nodes, x: str) -> str:
    """x erfc(-x / √2) / 2, without ONNX's Erf, which runtimes have in float32 only.

    erfc(z) = exp(-z²) t P(2t - 1) for z ≥ 0, with t = 2 / (2 + z) and a polynomial P (after Press et al.,
    Numerical Recipes, 3rd ed., 6.2.2, who interpolate its logarithm).
    """
    one, half, two = (nodes.constant(value) for value in (1.0, 0.5, 2.0))
    z = nodes.add("Abs", nodes.add("Mul", x, nodes.constant(float(np.sqrt(0.5)))))
    t = nodes.add("Div", two, nodes.add("Add", two, z))
    place = nodes.add("Sub", nodes.add("Mul", two, t), one)
    first, *others = (nodes.constant(float(each)) for each in reversed(_complement()))
    polynomial = first
    for coefficient in others:
        polynomial = nodes.add("Add", nodes.add("Mul", polynomial, place), coefficient)
    tail = nodes.add("Mul", t, nodes.add("Exp", nodes.add("Neg", nodes.add("Mul", z, z))))
    tail = nodes.add("Mul", half, nodes.add("Mul", tail, polynomial))
    above = nodes.add("Greater", x, nodes.constant(0.0))
    return nodes.add("Mul", x, nodes.add("Where", above, nodes.add("Sub", one, tail), tail))


def _complement() -> np.ndarray:
    """Coefficients of P in `_gelu`, lowest power first; erfc comes out right to 2e-14."""
    from numpy.polynomial import chebyshev
    from scipy.special import erfcx

    places = chebyshev.chebpts1(21)
    t = (places + 1) / 2
    return chebyshev.cheb2poly(chebyshev.chebfit(places, erfcx(2 / t - 2) / t, 20))


ACTIVATIONS: Mapping[str, Callable[[Nodes, str], str]] = MappingProxyType(
    {
        "sigmoid": lambda nodes, x: nodes.add("Sigmoid", x),
        "tanh": lambda nodes, x: nodes.add("Tanh", x),
        "relu": lambda nodes, x: nodes.add("Relu", x),
        "leaky_relu": lambda nodes, x: nodes.add("Max", x, nodes.add("Mul", x, nodes.constant(0.01))),
        "elu": _elu,
        "gelu": _gelu,
        "silu": lambda nodes, x: nodes.add("Mul", x, nodes.add("Sigmoid", x)),
        "softplus": _softplus,
        "mish": _mish,
        "selu": _selu,
        "linear": lambda nodes, x: x,
    }
)
"""Those of `couloir.engine.activations`: each adds its nodes to a signal and returns the result's name."""
