"""RealMLP (Holzmüller et al. 2024): a perceptron with what their meta-tuning on 118 tables settled on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from couloir.engine.architectures.architecture import (
    Architecture,
    Draw,
    Drop,
    Network,
    Operations,
    Size,
    needs_layers,
)
from couloir.engine.architectures.layers import by_layer

FREQUENCIES, COMPONENTS = 16, 3
"""Cosines of each feature, and what they are mixed into."""

BEFORE_COSINE = 0.1
"""Standard deviation of the frequencies."""


class Embedding(NamedTuple):
    """What each feature becomes: ``frequency, phase [feature, 16]``, ``mix [feature, 3, 16]``.

    ``shift [feature, 3]``, and ``scale [feature, 4]`` of the feature and its three components.
    """

    frequency: Any
    phase: Any
    mix: Any
    shift: Any
    scale: Any


class First(NamedTuple):
    """The first layer: ``weight [unit, feature, 4]``, ``slope, bias [unit]``.

    ``fan []`` is the number of its inputs, which is not trained. (A fold may be filled up with features that
    are 0, and they do not count.)
    """

    weight: Any
    fan: Any
    slope: Any
    bias: Any


class Hidden(NamedTuple):
    """A further hidden layer: ``weight [output, input]``, ``slope, bias [output]``."""

    weight: Any
    slope: Any
    bias: Any


class Last(NamedTuple):
    """The last layer: ``weight [output, input]``, ``bias [output]``."""

    weight: Any
    bias: Any


class RealMLP(Architecture):
    """A perceptron ``h ← x + a (σ(x) − x)``, ``x = d^−½ W h + b``, on scaled, embedded features.

    Each feature x becomes s ∘ (x, M cos(2π f x + p) + c): itself and three mixtures of sixteen cosines of it
    (PBLD). f ~ N(0, 0.1²), p ~ U(−π, π), M and c ~ U(−¼, ¼), s = 1, W and the first layer's b ~ N(0, 1),
    a = 1 at first; all other biases 0. Scales learn six times as fast as weights, biases, slopes a and
    embeddings a tenth as fast. d is the number of a layer's inputs.

    Holzmüller et al. embed numbers alone, and draw biases near the data; here every feature is embedded.
    It counts on the encoding robust, and on a schedule such as flat_cosine or coslog4.
    """

    name = "realmlp"
    rates: ClassVar[Mapping[str, float]] = MappingProxyType(
        {"scale": 6.0, **dict.fromkeys(("bias", "slope", "frequency", "phase", "mix", "shift"), 0.1)}
    )

    def __post_init__(self) -> None:
        """Raise an InputError for a network without hidden layers."""
        super().__post_init__()
        needs_layers(self)

    def drawn(self, draw: Draw, inputs: int, outputs: int) -> Network:
        """The embedding; the hidden layers; the last."""
        size, limit = 1 + COMPONENTS, FREQUENCIES**-0.5
        embedding = Embedding(
            draw.normal(BEFORE_COSINE, (inputs, FREQUENCIES)),
            draw.uniform(math.pi, (inputs, FREQUENCIES)),
            draw.uniform(limit, (inputs, COMPONENTS, FREQUENCIES)),
            draw.uniform(limit, (inputs, COMPONENTS)),
            draw.full(1, (inputs, size)),
        )
        width, *others = self.hidden
        weight, bias = draw.normal(1, (width, inputs, size)), draw.normal(1, (width,))
        parts: list[Any] = [
            embedding,
            First(weight, draw.full(size * inputs, ()), draw.full(1, (width,)), bias),
        ]
        for units in others:
            weight = draw.normal(1, (units, width))
            parts.append(Hidden(weight, draw.full(1, (units,)), draw.full(0, (units,))))
            width = units
        return (*parts, Last(draw.normal(1, (outputs, width)), draw.full(0, (outputs,))))

    def apply(self, ops: Operations, network: Network, inputs: Any, drop: Drop | None = None) -> Any:
        """See the class."""
        embedding, first, *others = network[:-1]
        last, names = network[-1], by_layer(self.activation, len(self.hidden))
        weight = first.weight.reshape(first.weight.shape[0], -1)
        signal = ops.product(weight, _embedded(ops, embedding, inputs)) * ops.constant(first.fan) ** -0.5
        for number, (layer, name) in enumerate(zip((first, *others), names, strict=True)):
            if number:
                signal = ops.product(layer.weight, signal) * layer.weight.shape[1] ** -0.5
            signal = signal + layer.bias[:, None]
            signal = signal + (ops.activation(name, signal) - signal) * layer.slope[:, None]
            if drop is not None:
                signal = drop(signal, number)
        return ops.product(last.weight, signal) * last.weight.shape[1] ** -0.5 + last.bias[:, None]

    def measured(self, inputs: int, outputs: int) -> Size:
        """The first layer's inputs have slopes; a cosine and its slope count as some thirty operations."""
        plain, size = super().measured(inputs, outputs), 1 + COMPONENTS
        first = 2 * size * inputs * self.hidden[0]
        embedded = inputs * FREQUENCIES * (30 + 6 * COMPONENTS)
        return Size(
            plain.parameters,
            plain.flops + first + embedded,
            (FREQUENCIES * inputs, size * inputs, *self.hidden, outputs),
        )


def _embedded(ops: Operations, embedding: Embedding, inputs: Any) -> Any:
    """The scaled features with their components [4 feature, batch], those of a feature side by side."""
    features = embedding.scale.shape[0]
    plain = ops.reshape(inputs, (features, 1, -1))
    cosines = ops.cos(plain * (2 * math.pi * embedding.frequency[:, :, None]) + embedding.phase[:, :, None])
    components = ops.product(embedding.mix, cosines) + embedding.shift[:, :, None]
    whole = ops.concatenate((plain, components), 1) * embedding.scale[:, :, None]
    return ops.reshape(whole, (embedding.scale.shape[1] * features, -1))
