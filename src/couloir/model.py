"""A trained network with its preparation: raw rows in, labels or values out.

Plain NumPy in float64: predicting imports no JAX and compiles nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from couloir.data.preparation import Preparation
from couloir.errors import InputError

MODEL_VERSION = 1


def _gelu(x: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    return 0.5 * x * (1 + erf(x / np.sqrt(2)))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))


ACTIVATIONS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = MappingProxyType(
    {
        "sigmoid": _sigmoid,
        "tanh": np.tanh,
        "relu": lambda x: np.maximum(x, 0),
        "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
        "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        "gelu": _gelu,
        "silu": lambda x: x * _sigmoid(x),
        "softplus": lambda x: np.logaddexp(x, 0),
        "linear": lambda x: x,
    }
)
"""The activations of `couloir.networks`, for predicting."""


@dataclass(frozen=True)
class Model:
    """Layers (weight [output, input], bias [output]), their activation, and the preparation."""

    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    activation: str
    preparation: Preparation

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """What the network answers to prepared inputs [sample, feature]: [sample, output], float64."""
        function = ACTIVATIONS[self.activation]
        signal = np.asarray(inputs, np.float64)
        for number, (weight, bias) in enumerate(self.layers):
            signal = signal @ weight.astype(np.float64).T + bias
            if number < len(self.layers) - 1:
                signal = function(signal)
        return signal

    def predict_prepared(self, inputs: np.ndarray) -> np.ndarray:
        """Class probabilities [sample, class], or values [sample] in target units."""
        outputs = self.outputs(inputs)
        return softmax(outputs) if self.preparation.classes else self.preparation.restore(outputs)[:, 0]

    def probabilities(self, features: Any) -> np.ndarray:
        """Class probabilities [sample, class] for raw features, classes in sorted order.

        Raises:
            InputError: the model predicts a number, not a class.
        """
        if self.preparation.classes is None:
            raise InputError("This model predicts a number, so it has no class probabilities: use predict.")
        return self.predict_prepared(self.preparation.inputs(features, np.float64))

    def predict(self, features: Any) -> np.ndarray:
        """Labels or values [sample] for raw features."""
        answers = self.predict_prepared(self.preparation.inputs(features, np.float64))
        if self.preparation.classes is None:
            return answers
        return np.array(self.preparation.classes)[np.argmax(answers, axis=1)]

    def save(self, folder: Path) -> None:
        """Write `model.safetensors` (weights) and `model.json` (everything else)."""
        from safetensors.numpy import save

        tensors = {}
        for number, (weight, bias) in enumerate(self.layers):
            tensors[f"layer{number}.weight"] = np.ascontiguousarray(weight)
            tensors[f"layer{number}.bias"] = np.ascontiguousarray(bias)
        (folder / "model.safetensors").write_bytes(save(tensors))
        description = {
            "model_version": MODEL_VERSION,
            "activation": self.activation,
            "layers": len(self.layers),
            "preparation": self.preparation.to_json(),
        }
        (folder / "model.json").write_text(json.dumps(description, indent=1, ensure_ascii=False), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Model:
        """Read what `save` wrote; what is broken raises what the reading library raises."""
        from safetensors.numpy import load_file

        description = json.loads((folder / "model.json").read_text("utf-8"))
        tensors = load_file(folder / "model.safetensors")
        layers = tuple(
            (tensors[f"layer{number}.weight"], tensors[f"layer{number}.bias"])
            for number in range(description["layers"])
        )
        return cls(layers, description["activation"], Preparation.from_json(description["preparation"]))


def softmax(outputs: np.ndarray) -> np.ndarray:
    """Probabilities from logits, along the last axis."""
    powers = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def from_network(network: Sequence[Any], activation: str, preparation: Preparation) -> Model:
    """A model from a trained network's layers."""
    layers = tuple((np.asarray(layer.weight), np.asarray(layer.bias)) for layer in network)
    return Model(layers, activation, preparation)
