"""A trained network with its preparation, or several of them: raw rows in, labels or values out.

Plain NumPy in float64: predicting imports no JAX and compiles nothing.

A row gets the same answer, to the last bit, alone and in any batch: see `couloir.blocks`.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from couloir.activations import by_layer
from couloir.blocks import in_blocks, in_tiles, one_thread, small_block
from couloir.data.preparation import Preparation
from couloir.errors import InputError
from couloir.products import Product, plain, quick_alone

MODEL_VERSION = 2
"""Version of the files that `Predictor.save` writes; `load_model` reads this one only."""


def _gelu(x: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    return 0.5 * x * (1 + erf(x / np.sqrt(2)))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))


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
        "linear": lambda x: x,
    }
)
"""The activations of `couloir.networks`, for predicting; some write over the array that they are given."""


FEW_CLASSES = 16
"""Up to so many classes, a softmax is computed class by class."""


class Predictor(ABC):
    """What predicts from raw rows: one network, or several."""

    preparation: Preparation
    """How new data are to be read; a network's own way of preparing them is its own matter."""

    @abstractmethod
    def answers(self, features: Any) -> np.ndarray:
        """Class probabilities [sample, class], or values in target units, for raw features.

        Values are [sample], or [sample, output] of an estimator that was fitted to several outputs.
        """

    @abstractmethod
    def _networks(self) -> Sequence[Model]:
        """The networks it consists of."""

    @abstractmethod
    def _description(self) -> dict[str, Any]:
        """What is to be written besides the networks."""

    @property
    def answer_width(self) -> int:
        """Numbers that a row is answered with: its classes, or its outputs."""
        return len(self._networks()[0].layers[-1][1])

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

    def save(self, folder: Path) -> None:
        """Write `model.safetensors` (weights) and `model.json` (everything else)."""
        weights, description = self.stored()
        (folder / "model.safetensors").write_bytes(weights)
        (folder / "model.json").write_bytes(description)

    def stored(self) -> tuple[bytes, bytes]:
        """The contents of the two files: safetensors with the weights, JSON with everything else."""
        from safetensors.numpy import save

        tensors, networks = {}, []
        preparations = {id(self.preparation): self.preparation}
        for number, network in enumerate(self._networks()):
            preparations.setdefault(id(network.preparation), network.preparation)
            for layer, (weight, bias) in enumerate(network.layers):
                tensors[f"network{number}.layer{layer}.weight"] = np.ascontiguousarray(weight)
                tensors[f"network{number}.layer{layer}.bias"] = np.ascontiguousarray(bias)
            networks.append(
                {
                    "activation": network.activation,
                    "layers": len(network.layers),
                    "preparation": list(preparations).index(id(network.preparation)),
                }
            )
        description = {
            "model_version": MODEL_VERSION,
            **self._description(),
            "networks": networks,
            "preparations": [preparation.to_json() for preparation in preparations.values()],
        }
        return save(tensors), json.dumps(description, indent=1, ensure_ascii=False).encode()


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
        """The fields alone: what was tried out on this machine need not hold on another."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def _products(self) -> list[Product]:
        """Each layer's product with rows."""
        with one_thread():
            return [quick_alone(plain(weight, bias)) for weight, bias in self.layers]

    @cached_property
    def _activations(self) -> tuple[str, ...]:
        """What each layer's sums go through, by name; those of the outputs stay as they are."""
        return (*by_layer(self.activation, len(self.layers) - 1), "linear")

    @cached_property
    def _small_block(self) -> int | None:
        return small_block([product.factor.shape for product in self._products])

    @property
    def _widest(self) -> int:
        """The inputs or outputs of the widest layer."""
        return max(max(np.shape(weight)) for weight, _ in self.layers)

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """What the network answers to prepared inputs [sample, feature]: [sample, output], float64."""
        return in_tiles(self._some_outputs, inputs, self._widest)

    def predict_prepared(self, inputs: np.ndarray) -> np.ndarray:
        """Class probabilities [sample, class], or values [sample] in target units."""
        return self._finished(self.outputs(inputs))

    def answers(self, features: Any) -> np.ndarray:
        """Class probabilities [sample, class], or values [sample] in target units, for raw features."""
        return in_tiles(
            lambda rows: self._some_answers(self.preparation.inputs(rows, np.float64)), features, self._widest
        )

    def _some_outputs(self, inputs: np.ndarray) -> np.ndarray:
        """The outputs for some rows, few enough to be taken at once."""
        with one_thread():
            blocks = in_blocks(inputs, self._small_block)
            parts = [self._through(some, alone=len(inputs) == 1) for some in blocks]
        outputs = np.concatenate(parts) if len(parts) > 1 else parts[0]
        return outputs[: len(inputs)]

    def _through(self, signal: np.ndarray, alone: bool) -> np.ndarray:
        """The outputs [sample, output] for blocks of rows [block, row, feature], or for a row alone."""
        for product, name in zip(self._products, self._activations, strict=True):
            signal = ACTIVATIONS[name](product(signal, alone))
        return signal.reshape(-1, signal.shape[-1])

    def _some_answers(self, inputs: np.ndarray) -> np.ndarray:
        """The answers to some prepared rows."""
        return self._finished(self._some_outputs(inputs))

    def _finished(self, outputs: np.ndarray) -> np.ndarray:
        """Probabilities or values from outputs."""
        if self.preparation.classes:
            return softmax(outputs)
        values = self.preparation.restore(outputs)
        return values if values.shape[1] > 1 else values[:, 0]

    def _networks(self) -> Sequence[Model]:
        return [self]

    def _description(self) -> dict[str, Any]:
        return {}


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

    def answers(self, features: Any) -> np.ndarray:
        """Averaged class probabilities [sample, class], or values [sample] in target units."""
        return in_tiles(self._some_answers, features, max(network._widest for network in self.networks))

    def _some_answers(self, features: Any) -> np.ndarray:
        """The answers to some raw rows, few enough to be taken at once."""
        prepared: dict[int, np.ndarray] = {}
        total: Any = 0.0
        for network, weight in zip(self.networks, self.weights, strict=True):
            own = network.preparation
            if id(own) not in prepared:
                prepared[id(own)] = own.inputs(features, np.float64)
            total = total + weight * network._some_answers(prepared[id(own)])
        return total if self.temperature == 1.0 else scaled(total, self.temperature)

    def _networks(self) -> Sequence[Model]:
        return self.networks

    def _description(self) -> dict[str, Any]:
        return {"weights": list(self.weights), "temperature": self.temperature}


def load_model(folder: Path, name: str = "model") -> Model | Ensemble:
    """Read what `save` or `couloir.export` wrote; what is broken raises what the reading library raises.

    Args:
        folder: where the two files are.
        name: theirs, without the endings.
    """
    from safetensors.numpy import load_file

    description = json.loads((folder / f"{name}.json").read_text("utf-8"))
    if description["model_version"] != MODEL_VERSION:
        raise ValueError(f"model version {description['model_version']!r} is not {MODEL_VERSION}")
    tensors = load_file(folder / f"{name}.safetensors")
    preparations = [Preparation.from_json(each) for each in description["preparations"]]
    networks = tuple(
        Model(
            tuple(
                (
                    tensors[f"network{number}.layer{layer}.weight"],
                    tensors[f"network{number}.layer{layer}.bias"],
                )
                for layer in range(own["layers"])
            ),
            own["activation"],
            preparations[own["preparation"]],
        )
        for number, own in enumerate(description["networks"])
    )
    if "weights" not in description:
        return networks[0]
    return Ensemble(preparations[0], networks, tuple(description["weights"]), description["temperature"])


def scaled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(log p / T), [..., class]: T above 1 makes less sure, below 1 surer; the order is kept."""
    logarithms = np.log(np.maximum(np.asarray(probabilities, np.float64), np.finfo(float).tiny))
    return softmax(logarithms / temperature)


def softmax(outputs: np.ndarray) -> np.ndarray:
    """Probabilities from logits, along the last axis."""
    if not 0 < outputs.shape[-1] <= FEW_CLASSES:
        powers = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)
    # Class by class: NumPy is slow at taking the largest of two numbers, and at adding two, row by row.
    by_class = np.array(np.moveaxis(outputs, -1, 0))
    largest, total = by_class[0].copy(), np.zeros(by_class.shape[1:])
    for each in by_class[1:]:
        np.maximum(largest, each, out=largest)
    np.exp(np.subtract(by_class, largest, out=by_class), out=by_class)
    for each in by_class:
        total += each
    by_class /= total
    return np.ascontiguousarray(np.moveaxis(by_class, 0, -1))


def from_network(network: Sequence[Any], activation: str, preparation: Preparation) -> Model:
    """A model from a trained network's layers."""
    layers = tuple((np.asarray(layer.weight), np.asarray(layer.bias)) for layer in network)
    return Model(layers, activation, preparation)
