"""A trained network with its preparation, or several of them: raw rows in, labels or values out.

Plain NumPy in float64: predicting imports no JAX and compiles nothing.

A row gets the same answer, to the last bit, alone and in any batch: see `couloir.model.blocks`. What
standardises the rows is folded into each network's first layer, where that costs no digits.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from couloir.data.preparation import Preparation
from couloir.errors import InputError
from couloir.model.blocks import in_tiles, one_thread
from couloir.model.forward import Forward

MODEL_VERSION = 2
"""Version of the files that `Predictor.save` writes; `load_model` reads this one only."""


FEW_CLASSES = 16
"""Up to so many classes, a softmax is computed class by class."""


class Predictor(ABC):
    """What predicts from raw rows: one network, or several."""

    preparation: Preparation
    """How new data are to be read; a network's own way of preparing them is its own matter."""

    @abstractmethod
    def _some_answers(self, features: Any, gaps: bool) -> np.ndarray:
        """The answers to some raw rows, few enough to be taken at once.

        Args:
            features: the rows.
            gaps: whether numbers are looked for that are missing and were not in training. Where they are
                not, the answers to their rows are NaN.
        """

    @property
    @abstractmethod
    def widest(self) -> int:
        """The inputs or outputs of the widest layer."""

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

    def answers(self, features: Any) -> np.ndarray:
        """Class probabilities [sample, class], or values in target units, for raw features.

        Values are [sample], or [sample, output] of an estimator that was fitted to several outputs.
        """
        for network in self._networks():
            network._folded  # noqa: B018  what is kept for all tiles is made once, not by each of their threads
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
    def _forward(self) -> Forward:
        """The network, for prepared inputs."""
        return Forward.of(self.layers, self.activation)

    @cached_property
    def _folded(self) -> Forward:
        """The network with the preparation's scales in its first layer."""
        return Forward.of((self.preparation.folded(*self.layers[0]), *self.layers[1:]), self.activation)

    @property
    def widest(self) -> int:
        """The inputs or outputs of the widest layer."""
        return max(max(np.shape(weight)) for weight, _ in self.layers)

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """What the network answers to prepared inputs [sample, feature]: [sample, output], float64."""
        forward = self._forward
        return in_tiles(lambda rows: _in_one(forward, rows), inputs, self.widest)

    def predict_prepared(self, inputs: np.ndarray) -> np.ndarray:
        """Class probabilities [sample, class], or values [sample] in target units."""
        forward = self._forward
        return in_tiles(lambda rows: self._finished(forward, rows), inputs, self.widest)

    def answers_unscaled(self, inputs: np.ndarray) -> np.ndarray:
        """The answers to some rows as `Preparation.unscaled` gives them, few enough to be taken at once."""
        return self._finished(self._folded, inputs)

    def _some_answers(self, features: Any, gaps: bool) -> np.ndarray:
        return self.answers_unscaled(self.preparation.unscaled(features, gaps))

    def _finished(self, forward: Forward, inputs: np.ndarray) -> np.ndarray:
        """The answers to some rows of what the network takes."""
        answers = _in_one(forward, inputs, softmax if self.preparation.classes else self.preparation.restore)
        return answers if self.preparation.classes or answers.shape[1] > 1 else answers[:, 0]

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

    @property
    def widest(self) -> int:
        """The inputs or outputs of the widest layer of all networks."""
        return max(network.widest for network in self.networks)

    def _some_answers(self, features: Any, gaps: bool) -> np.ndarray:
        prepared: dict[int, np.ndarray] = {}
        total: Any = 0.0
        for network, weight in zip(self.networks, self.weights, strict=True):
            own = network.preparation
            if id(own) not in prepared:
                prepared[id(own)] = own.unscaled(features, gaps)
            total = total + weight * network.answers_unscaled(prepared[id(own)])
        return total if self.temperature == 1.0 else scaled(total, self.temperature)

    def _networks(self) -> Sequence[Model]:
        return self.networks

    def _description(self) -> dict[str, Any]:
        return {"weights": list(self.weights), "temperature": self.temperature}


def _in_one(
    forward: Forward, inputs: np.ndarray, finish: Callable[[np.ndarray], np.ndarray] | None = None
) -> np.ndarray:
    """What a network makes of some rows [sample, ...], each block of outputs finished before they are one."""
    with one_thread():
        parts = [finish(outputs) if finish else outputs for outputs in forward(inputs)]
    rows = [part.reshape(-1, part.shape[-1]) for part in parts]
    return (np.concatenate(rows) if len(rows) > 1 else rows[0])[: len(inputs)]


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
    # Class by class: NumPy is slow at taking the largest of two numbers, and at adding two, row by row. And
    # `sum` over the first axis would add in another order where there is but one row.
    by_class = np.array(np.moveaxis(outputs, -1, 0), order="C")
    by_class -= by_class.max(axis=0)
    np.exp(by_class, out=by_class)
    total = by_class[0].copy()
    for each in by_class[1:]:
        total += each
    by_class /= total
    return np.ascontiguousarray(np.moveaxis(by_class, 0, -1))


def from_network(network: Sequence[Any], activation: str, preparation: Preparation) -> Model:
    """A model from a trained network's layers."""
    layers = tuple((np.asarray(layer.weight), np.asarray(layer.bias)) for layer in network)
    return Model(layers, activation, preparation)
