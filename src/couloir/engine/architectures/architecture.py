"""What an architecture is: how a network is laid out, where it starts, and what it computes.

An architecture is a value. It is written once, for one network, in a few operations that JAX trains with,
NumPy predicts with and ONNX graphs are made of (`Operations`); and once for its parameters, from which their
shapes and their initial values follow (`Draw`). `couloir.engine.epochs` maps it over many networks.

A network is a tuple of named tuples of arrays, whatever its architecture. The names of the arrays say what
is done to them: `couloir.engine.losses.is_weight` tells which are penalised and decay, `Architecture.rates`
which ones learn faster or slower. Nothing here imports JAX, since predicting does not.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np

from couloir.engine.architectures.layers import by_layer
from couloir.errors import InputError

Network = Any
"""A network's parameters: a tuple of parts, each a named tuple of arrays. (A person's own is any tree.)"""

Drop = Callable[[Any, int], Any]
"""Switches units off: a hidden layer's signal and the layer's number to the signal left."""


@dataclass(frozen=True)
class Operations:
    """What architectures compute with besides +, −, ×, ÷ and indexing of parameters.

    Signals are [unit, batch], or have more axes, the batch the last of them. Axes are never added silently.

    Attributes:
        entering: a first layer's weight [output, feature] times the inputs [feature, batch], of which no
            slopes are asked: where many networks share their inputs, it is one wide product.
        product: a later layer's weight [..., output, unit] times its signal [..., unit, batch].
        activation: a name in `couloir.engine.activations.ACTIVATIONS` and a signal.
        exp, log, sqrt, cos: element by element.
        mean, most: a signal's mean and its largest number along an axis, which stays, with length 1.
        reshape: a signal in another shape, of which one length may be −1.
        transpose: a signal with its axes in another order.
        concatenate: signals along an axis.
        gather: of a signal [unit, place, batch] the places at whole numbers [...]: [unit, ..., batch].
        constant: a parameter that is not trained.
    """

    entering: Callable[[Any, Any], Any]
    product: Callable[[Any, Any], Any]
    activation: Callable[[str, Any], Any]
    exp: Callable[[Any], Any]
    log: Callable[[Any], Any]
    sqrt: Callable[[Any], Any]
    cos: Callable[[Any], Any]
    mean: Callable[[Any, int], Any]
    most: Callable[[Any, int], Any]
    reshape: Callable[[Any, tuple[int, ...]], Any]
    transpose: Callable[[Any, tuple[int, ...]], Any]
    concatenate: Callable[[Sequence[Any], int], Any]
    gather: Callable[[Any, np.ndarray], Any]
    constant: Callable[[Any], Any]


class Draw:
    """Initial parameters as NumPy arrays, drawn in double precision and rounded once.

    Both precisions thus begin alike. It is done on the host, where nothing has to be compiled for it. The
    n-th draw is from a generator of its own, so that a layer's weights depend on its place and its shape.
    """

    def __init__(self, entropy: Sequence[int], dtype: Any) -> None:
        """Begin to draw.

        Args:
            entropy: whole numbers that all draws depend on; the n-th one on n besides, from 0.
            dtype: of the parameters.
        """
        self.entropy, self.dtype, self.drawn = entropy, dtype, 0

    def normal(self, deviation: float, shape: tuple[int, ...]) -> Any:
        """Normal numbers of mean 0."""
        return self._next().normal(0, deviation, shape).astype(self.dtype)

    def uniform(self, limit: float, shape: tuple[int, ...]) -> Any:
        """Uniform numbers within ± the limit."""
        return self._next().uniform(-limit, limit, shape).astype(self.dtype)

    def signs(self, shape: tuple[int, ...]) -> Any:
        """−1 or 1, each as likely."""
        return (2 * self._next().integers(0, 2, shape) - 1).astype(self.dtype)

    def full(self, value: float, shape: tuple[int, ...]) -> Any:
        """One number everywhere; nothing is drawn."""
        return np.full(shape, value, self.dtype)

    def _next(self) -> np.random.Generator:
        generator = np.random.default_rng([*self.entropy, self.drawn])
        self.drawn += 1
        return generator


class Outline(Draw):
    """Draws nothing: arrays that have the shapes of the parameters, and take no memory."""

    def __init__(self) -> None:
        """Begin to outline."""
        super().__init__((), np.float32)

    def normal(self, deviation: float, shape: tuple[int, ...]) -> Any:
        """Zeros of this shape."""
        return self.full(0, shape)

    def uniform(self, limit: float, shape: tuple[int, ...]) -> Any:
        """Zeros of this shape."""
        return self.full(0, shape)

    def signs(self, shape: tuple[int, ...]) -> Any:
        """Zeros of this shape."""
        return self.full(0, shape)

    def full(self, value: float, shape: tuple[int, ...]) -> Any:
        """Zeros of this shape."""
        return np.broadcast_to(np.zeros((), self.dtype), shape)


class Size(NamedTuple):
    """How large a network is.

    Attributes:
        parameters: how many numbers are trained.
        flops: floating-point operations of a step, per sample.
        signals: numbers of a sample that each layer answers, which are kept for the gradient.
    """

    parameters: int
    flops: int
    signals: tuple[int, ...]


@dataclass(frozen=True)
class Architecture(ABC):
    """A way to lay out a network, with its sizes.

    Attributes:
        hidden: units of the hidden layers.
        activation: of the hidden layers: a name in `couloir.engine.activations.ACTIVATIONS`, or one for each
            with "-" between.
        name: what it is called.
        heads: whether it gives several answers to each row, [head, output, batch]. It is then trained on the
            mean of their losses, and answers with the mean of their probabilities, or values.
        rates: by the name of an array, what its changes are multiplied by; 1 for those not named.
        fillable: whether features that are 0 in every row change nothing where their parameters are 0, so
            that folds of different numbers of features may share a program.
        droppable: whether units of its hidden layers can be switched off.
    """

    hidden: tuple[int, ...] = (64,)
    activation: str = "relu"

    name: ClassVar[str]
    heads: ClassVar[bool] = False
    rates: ClassVar[Mapping[str, float]] = MappingProxyType({})
    fillable: ClassVar[bool] = True
    droppable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Raise an InputError for activations that are not as many as the hidden layers."""
        by_layer(self.activation, len(self.hidden))

    @abstractmethod
    def drawn(self, draw: Draw, inputs: int, outputs: int) -> Network:
        """A network's initial parameters, drawn with `draw`, for so many features and outputs.

        The last part ends with its bias [..., output].
        """

    @abstractmethod
    def apply(self, ops: Operations, network: Network, inputs: Any, drop: Drop | None = None) -> Any:
        """What a network answers to prepared rows.

        Args:
            ops: what is computed with.
            network: its parameters.
            inputs: the rows as columns, [feature, batch].
            drop: switches units of hidden signals off in training; None: none are off.

        Returns:
            logits, or values in standardised target units, [output, batch]; [head, output, batch] of heads.
        """

    def fitting(self, image_shape: tuple[int, ...] | None) -> Architecture:
        """The architecture for images [height, width] that lie flat in the inputs; None: they are none."""
        return self

    def check(self, inputs: int, outputs: int) -> None:  # noqa: B027 (most have nothing to check)
        """Raise an InputError where it cannot be trained on so many features and outputs."""

    def initialise(self, entropy: Sequence[int], inputs: int, outputs: int, dtype: Any) -> Network:
        """A network's initial parameters as NumPy arrays.

        Args:
            entropy: whole numbers that they depend on besides the shapes.
            inputs, outputs: numbers of features and of outputs.
            dtype: of the parameters.
        """
        return self.drawn(Draw(entropy, dtype), inputs, outputs)

    def outline(self, inputs: int, outputs: int) -> Network:
        """A network of zeros that takes no memory, for the shapes of its parameters."""
        return self.drawn(Outline(), inputs, outputs)

    def network(self, parts: Sequence[Sequence[Any]], inputs: int, outputs: int) -> Network:
        """A network from its parts as plain sequences of arrays, as files and persons have them."""
        like = self.outline(1, 1)
        return tuple(type(own)(*part) for own, part in zip(like, parts, strict=True))

    def parts(self, network: Network) -> tuple[tuple[np.ndarray, ...], ...]:
        """The inverse of `network`."""
        return tuple(tuple(map(np.asarray, part)) for part in network)

    def rescaled(
        self, parts: Sequence[Sequence[Any]], scale: np.ndarray, centre: np.ndarray
    ) -> tuple[tuple[np.ndarray, ...], ...]:
        """The parts of the network whose outputs are those of this one times the scale [output], + centre."""
        weight, bias = (np.asarray(leaf, np.float64) for leaf in parts[-1])
        return (*map(tuple, parts[:-1]), (weight * scale[:, None], bias * scale + centre))

    def outputs(self, parts: Sequence[Sequence[Any]]) -> int | None:
        """How many outputs a network has, by its parts; None where these do not tell."""
        return int(parts[-1][-1].shape[-1])

    def names(self, parts: Sequence[Sequence[Any]]) -> list[list[str]]:
        """What the arrays of a network's parts are called, part by part."""
        return [list(part._fields) for part in self.outline(1, 1)]

    def answers(self, ops: Operations, network: Network, inputs: Any, task: str) -> Any:
        """What a network answers, [output, batch]; of heads their mean: see `apply`."""
        outputs = self.apply(ops, network, inputs)
        return merged(ops, outputs, network[-1][-1].shape[-1], task) if self.heads else outputs

    def size(self, inputs: int, outputs: int) -> Size:
        """How large a network for so many features and outputs is."""
        return _size(self, inputs, outputs)

    def measured(self, inputs: int, outputs: int) -> Size:
        """What `size` gives, worked out.

        A product of a layer with one sample is 2·inputs·outputs operations. The first layer takes two
        products (forward, gradient of its weights), later ones a third (gradient of their inputs).
        """
        leaves = [leaf for part in self.outline(inputs, outputs) for leaf in part]
        wider = [leaf for part in self.outline(inputs + 1, outputs) for leaf in part]
        products = sum(
            (6 if leaf.shape == more.shape else 4) * leaf.size
            for leaf, more in zip(leaves, wider, strict=True)
            if leaf.ndim > 1
        )
        return Size(sum(leaf.size for leaf in leaves), products, (*self.hidden, outputs))


@lru_cache(maxsize=1024)
def _size(design: Architecture, inputs: int, outputs: int) -> Size:
    return design.measured(inputs, outputs)


def merged(ops: Operations, answers: Any, outputs: int, task: str) -> Any:
    """The one answer of several heads' [head, output, batch], for so many outputs: [output, batch].

    Values are averaged. Of classes it is the logarithm of the mean probability, log(Σ_k softmax(f_k) / K),
    whose softmax is that mean.
    """
    if task == "classification":
        shifted = answers - ops.most(answers, 1)
        logs = shifted - ops.log(ops.mean(ops.exp(shifted), 1)) - math.log(outputs)
        top = ops.most(logs, 0)
        found = top + ops.log(ops.mean(ops.exp(logs - top), 0))
    else:
        found = ops.mean(answers, 0)
    return ops.reshape(found, (outputs, -1))


def needs_layers(design: Architecture) -> None:
    """Raise an InputError for an architecture that has no hidden layers, and needs some."""
    if not design.hidden:
        raise InputError(
            f"The architecture {design.name} has at least one hidden layer: give --hidden, as in 64,64, or "
            "take the architecture mlp."
        )
