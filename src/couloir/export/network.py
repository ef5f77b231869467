"""What architectures compute with, as ONNX nodes: a network's definition adds itself to a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from couloir.engine.architectures.architecture import Operations
from couloir.export.activations import ACTIVATIONS
from couloir.export.nodes import Nodes


class Signal:
    """A signal of the graph, which can be reckoned with like an array; parameters become constants."""

    __array_ufunc__ = None
    """So that NumPy leaves what stands to the right of its arrays to the methods here."""

    def __init__(self, nodes: Nodes, name: str) -> None:
        """A signal by its name in a graph."""
        self.nodes, self.name = nodes, name

    def of(self, operator: str, *others: Any, **attributes: Any) -> Signal:
        """What an operator makes of this signal, and others after it."""
        names = [_named(self.nodes, other) for other in others]
        return Signal(self.nodes, self.nodes.add(operator, self.name, *names, **attributes))

    def __add__(self, other: Any) -> Signal:
        """The sum."""
        return self.of("Add", other)

    __radd__ = __add__

    def __mul__(self, other: Any) -> Signal:
        """The product."""
        return self.of("Mul", other)

    __rmul__ = __mul__

    def __sub__(self, other: Any) -> Signal:
        """The difference."""
        return self.of("Sub", other)

    def __rsub__(self, other: Any) -> Signal:
        """The difference, the other way round."""
        return self.of("Neg").of("Add", other)

    def __truediv__(self, other: Any) -> Signal:
        """The quotient."""
        return self.of("Div", other)


def _named(nodes: Nodes, value: Any) -> str:
    """A signal's name in the graph; of numbers that of a constant, whole ones being places."""
    if isinstance(value, Signal):
        return value.name
    values = np.asarray(value)
    return nodes.constant(values if values.dtype == np.int64 else values.astype(np.float64))


def _product(weight: Any, signal: Signal) -> Signal:
    nodes = signal.nodes
    return Signal(nodes, nodes.add("MatMul", _named(nodes, weight), signal.name))


def _concatenate(signals: Sequence[Signal], axis: int) -> Signal:
    first, *others = signals
    return first.of("Concat", *others, axis=axis)


def _activation(name: str, signal: Signal) -> Signal:
    return Signal(signal.nodes, ACTIVATIONS[name](signal.nodes, signal.name))


def _reshape(signal: Signal, shape: Sequence[int]) -> Signal:
    nodes = signal.nodes
    return Signal(nodes, nodes.add("Reshape", signal.name, nodes.constant(np.array(shape, np.int64))))


ONNX = Operations(
    entering=_product,
    product=_product,
    activation=_activation,
    exp=lambda signal: signal.of("Exp"),
    log=lambda signal: signal.of("Log"),
    sqrt=lambda signal: signal.of("Sqrt"),
    cos=lambda signal: signal.of("Cos"),
    mean=lambda signal, axis: signal.of("ReduceMean", axes=[axis], keepdims=1),
    most=lambda signal, axis: signal.of("ReduceMax", axes=[axis], keepdims=1),
    reshape=_reshape,
    transpose=lambda signal, axes: signal.of("Transpose", perm=list(axes)),
    concatenate=_concatenate,
    gather=lambda signal, places: signal.of("Gather", places, axis=1),
    constant=lambda parameter: parameter,
)
"""The operations on signals of a graph; parameters are NumPy arrays."""
