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
from couloir.engine.architectures.architecture import Architecture
from couloir.engine.architectures.mlp import MLP
from couloir.errors import InputError
from couloir.model.forward import outputs as answered
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
        return max(network.cells for network in self.all_networks())

    @property
    def answer_width(self) -> int:
        """Numbers that a row is answered with: its classes, or its outputs."""
        network = self.all_networks()[0]
        return network.design.outputs(network.layers) or len(network.preparation.classes or (None,))

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
        layers: the network's parts, first to last: of a multilayer perceptron (weight [output, input],
            bias [output]).
        activation: of the hidden layers: a name in `ACTIVATIONS`, or one for each with "-" between.
        preparation: from raw rows to inputs, and from outputs to answers.
        architecture: the network's, where it is no multilayer perceptron.
    """

    layers: tuple[tuple[np.ndarray, ...], ...]
    activation: str
    preparation: Preparation
    architecture: Architecture | None = None

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: the folded layers are made anew."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def design(self) -> Architecture:
        """The network's architecture."""
        return self.architecture or MLP(tuple(len(layer[1]) for layer in self.layers[:-1]), self.activation)

    @property
    def cells(self) -> int:
        """The inputs, or what a row becomes in the widest layer, whichever are more."""
        inputs = len(self.preparation.feature_names) if self.architecture else self.layers[0][0].shape[1]
        return max(inputs, *self.design.size(inputs, self.answer_width).signals)

    @cached_property
    def _folded(self) -> list[tuple[np.ndarray, ...]]:
        """The layers in float64, of a multilayer perceptron with the preparation's scales in the first."""
        layers = self.layers
        if self.architecture is None:
            weight, bias = layers[0]
            layers = (self.preparation.folded(weight, bias), *layers[1:])
        return [tuple(np.asarray(leaf, np.float64) for leaf in part) for part in layers]

    def all_networks(self) -> Sequence[Model]:
        """This one."""
        return [self]

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """What the network answers to prepared inputs [sample, feature]: [sample, output], float64."""
        return in_tiles(self._some_outputs, inputs, self.widest)

    def predict_prepared(self, inputs: np.ndarray) -> np.ndarray:
        """Class probabilities [sample, class], or values [sample] in target units."""
        return in_tiles(lambda rows: self._finished(self._some_outputs(rows)), inputs, self.widest)

    def read(self, features: Any, gaps: bool) -> np.ndarray:
        """What `answers_read` takes of raw rows: the inputs, or those before they are standardised."""
        if self.architecture is None:
            return self.preparation.unscaled(features, gaps)
        return self.preparation.inputs(features, np.float64)

    def answers_read(self, inputs: np.ndarray) -> np.ndarray:
        """The answers to some rows as `read` gives them, few enough to be taken at once."""
        return self._finished(self._computed(self._folded, inputs))

    def _some_answers(self, features: Any, gaps: bool) -> np.ndarray:
        return self.answers_read(self.read(features, gaps))

    def _some_outputs(self, inputs: np.ndarray) -> np.ndarray:
        return self._computed(self.layers, np.asarray(inputs, np.float64))

    def _computed(self, layers: Sequence[tuple[np.ndarray, ...]], inputs: np.ndarray) -> np.ndarray:
        task = self.preparation.task if self.preparation else "regression"
        return answered(self.design, layers, inputs, self.answer_width, task)

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
        prepared: dict[tuple[int, bool], np.ndarray] = {}
        total: Any = 0.0
        for network, weight in zip(self.networks, self.weights, strict=True):
            own = id(network.preparation), network.architecture is None
            if own not in prepared:
                prepared[own] = network.read(features, gaps)
            total = total + weight * network.answers_read(prepared[own])
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


def from_network(network: Any, design: Architecture, preparation: Preparation) -> Model:
    """A model from a trained network of an architecture."""
    if isinstance(design, MLP):
        return Model(design.parts(network), design.activation, preparation)
    own = design.fitting(preparation.image_shape)
    return Model(own.parts(network), own.activation, preparation, own)
