"""A trained network with its preparation, or several of them: raw rows in, labels or values out.

Plain NumPy in float64: predicting imports no JAX and compiles nothing.

A row gets the same answer alone and in any batch, to rounding: see `couloir.model.forward`. What standardises
the rows is folded into each network's first layer, where that costs no digits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from couloir.data.preparation import Preparation
from couloir.errors import InputError
from couloir.model.forward import signals
from couloir.model.tiles import in_tiles


class Predictor(ABC):
    """What predicts from raw rows: one network, or several."""

    preparation: Preparation
    """How new data are to be read; a network's own way of preparing them is its own matter."""

    @abstractmethod
    def _some_answers(self, features: Any, gaps: bool) -> np.ndarray:
        """The answers to some raw rows, few enough to be taken at once.

        Where `gaps`, numbers missing that were not in training, are not looked for, they make answers NaN.
        """

    @abstractmethod
    def all_networks(self) -> Sequence[Model]:
        """The networks it consists of."""

    @property
    def widest(self) -> int:
        """The inputs or outputs of the widest layer of all networks."""
        return max(max(np.shape(weight)) for network in self.all_networks() for weight, _ in network.layers)

    @property
    def answer_width(self) -> int:
        """Numbers that a row is answered with: its classes, or its outputs."""
        return len(self.all_networks()[0].layers[-1][1])

    def answers(self, features: Any) -> np.ndarray:
        """Class probabilities [sample, class], or values in target units, for raw features.

        Values are [sample], or [sample, output] of an estimator that was fitted to several outputs.
        """
        return in_tiles(self._checked_answers, features, self.widest)

    def _checked_answers(self, features: Any) -> np.ndarray:
        """The answers to some raw rows; gaps are looked for only where answers show that there are some.

        A look at each number takes as long as a quarter of the network, and NaN goes through it to the end.
        """
        with np.errstate(invalid="ignore"):  # some activations warn of NaN
            answers = self._some_answers(features, gaps=False)
        return self._some_answers(features, gaps=True) if np.isnan(answers).any() else answers

    def probabilities(self, features: Any) -> np.ndarray:
        """Class probabilities [sample, class] for raw features, classes in sorted order.

        Raises:
            InputError: the model predicts a number, not a class.
        """
        if self.preparation.classes is None:
            raise InputError("This model predicts a number, so it has no class probabilities: use predict.")
        return self.answers(features)

    def predict(self, features: Any) -> np.ndarray:
        """Labels or values [sample] for raw features; values [sample, output] where there are several."""
        answers = self.answers(features)
        if self.preparation.classes is None:
            return answers
        return np.array(self.preparation.classes)[np.argmax(answers, axis=1)]


@dataclass(frozen=True)
class Model(Predictor):
    """A network and what prepares its rows.

    Attributes:
        layers: (weight [output, input], bias [output]), first to last.
        activation: of the hidden layers: a name in `ACTIVATIONS`, or one for each with "-" between.
        preparation: from raw rows to inputs, and from outputs to answers.
    """

    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    activation: str
    preparation: Preparation

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: the folded layers are made anew."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def _folded(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The layers in float64, with the preparation's scales in the first."""
        layers = (self.preparation.folded(*self.layers[0]), *self.layers[1:])
        return [(np.asarray(weight, np.float64), np.asarray(bias, np.float64)) for weight, bias in layers]

    def all_networks(self) -> Sequence[Model]:
        """This one."""
        return [self]

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """What the network answers to prepared inputs [sample, feature]: [sample, output], float64."""
        return in_tiles(self._some_outputs, inputs, self.widest)

    def predict_prepared(self, inputs: np.ndarray) -> np.ndarray:
        """Class probabilities [sample, class], or values [sample] in target units."""
        return in_tiles(lambda rows: self._finished(self._some_outputs(rows)), inputs, self.widest)

    def answers_unscaled(self, inputs: np.ndarray) -> np.ndarray:
        """The answers to some rows as `Preparation.unscaled` gives them, few enough to be taken at once."""
        return self._finished(signals(self._folded, inputs, self.activation)[-1])

    def _some_answers(self, features: Any, gaps: bool) -> np.ndarray:
        return self.answers_unscaled(self.preparation.unscaled(features, gaps))

    def _some_outputs(self, inputs: np.ndarray) -> np.ndarray:
        return signals(self.layers, np.asarray(inputs, np.float64), self.activation)[-1]

    def _finished(self, outputs: np.ndarray) -> np.ndarray:
        """The answers that outputs stand for."""
        if self.preparation.classes:
            return softmax(outputs)
        values = self.preparation.restore(outputs)
        return values if values.shape[1] > 1 else values[:, 0]


@dataclass(frozen=True)
class Ensemble(Predictor):
    """Networks whose answers are averaged.

    Attributes:
        preparation: how new data are to be read.
        networks: each with a preparation of its own, which networks of one fold share.
        weights: of the networks in the average; their sum is 1.
        temperature: T in softmax(log p / T), applied to averaged probabilities (Guo et al. 2017).
    """

    preparation: Preparation
    networks: tuple[Model, ...]
    weights: tuple[float, ...]
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """New data are read with all columns that any of the networks uses."""
        own = self.preparation.raw_kinds
        needed = {name: kind for each in self.networks for name, kind in each.preparation.raw_kinds.items()}
        also = tuple((name, kind) for name, kind in needed.items() if name not in own)
        if also:
            also = (*self.preparation.also_read, *also)
            object.__setattr__(self, "preparation", replace(self.preparation, also_read=also))

    def all_networks(self) -> Sequence[Model]:
        """Those that are averaged."""
        return self.networks

    def _some_answers(self, features: Any, gaps: bool) -> np.ndarray:
        prepared: dict[int, np.ndarray] = {}
        total: Any = 0.0
        for network, weight in zip(self.networks, self.weights, strict=True):
            own = network.preparation
            if id(own) not in prepared:
                prepared[id(own)] = own.unscaled(features, gaps)
            total = total + weight * network.answers_unscaled(prepared[id(own)])
        return total if self.temperature == 1.0 else scaled(total, self.temperature)


def scaled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(log p / T), [..., class]: T above 1 makes less sure, below 1 surer; the order is kept."""
    logarithms = np.log(np.maximum(np.asarray(probabilities, np.float64), np.finfo(float).tiny))
    return softmax(logarithms / temperature)


def softmax(outputs: np.ndarray) -> np.ndarray:
    """Probabilities from logits, along the last axis."""
    # Classes first: NumPy is slow at taking the largest of a few numbers, and at adding them, row by row.
    powers = np.array(np.moveaxis(outputs, -1, 0), order="C")
    powers -= powers.max(axis=0)
    np.exp(powers, out=powers)
    powers /= powers.sum(axis=0)
    return np.ascontiguousarray(np.moveaxis(powers, 0, -1))


def from_network(network: Sequence[Any], activation: str, preparation: Preparation) -> Model:
    """A model from a trained network's layers."""
    layers = tuple((np.asarray(layer.weight), np.asarray(layer.bias)) for layer in network)
    return Model(layers, activation, preparation)
