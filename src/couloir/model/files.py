"""A model as two files, and read back: safetensors with the weights, JSON with everything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from couloir.data.preparation import Preparation
from couloir.engine.architectures.registry import design
from couloir.model.predictor import Ensemble, Model, Predictor

MODEL_VERSION = 3
"""Version of the files that are written; `load_model` reads those before, too."""


def stored(model: Predictor) -> tuple[bytes, bytes]:
    """The contents of the two files."""
    from safetensors.numpy import save

    tensors: dict[str, np.ndarray] = {}
    networks: list[dict[str, Any]] = []
    preparations = {id(model.preparation): model.preparation}
    for number, network in enumerate(model.all_networks()):
        preparations.setdefault(id(network.preparation), network.preparation)
        names = network.design.names(network.layers)
        for part, (own, values) in enumerate(zip(names, network.layers, strict=True)):
            tensors |= {
                _name(number, part, name): np.asarray(each, order="C")
                for name, each in zip(own, values, strict=True)
            }
        networks.append(
            {
                "architecture": network.design.name,
                "hidden": list(network.design.hidden),
                "activation": network.activation,
                "layers": names,
                "preparation": list(preparations).index(id(network.preparation)),
            }
        )
    for place, preparation in enumerate(preparations.values()):
        for name, array in preparation.arrays.items():
            tensors[f"preparation{place}.{name}"] = np.ascontiguousarray(array)
    average = {}
    if isinstance(model, Ensemble):
        average = {"weights": list(model.weights), "temperature": model.temperature}
    description = {
        "model_version": MODEL_VERSION,
        **average,
        "networks": networks,
        "preparations": [preparation.to_json() for preparation in preparations.values()],
    }
    return save(tensors), json.dumps(description, indent=1, ensure_ascii=False).encode()


def save_model(model: Predictor, folder: Path) -> None:
    """Write `model.safetensors` (weights) and `model.json` (everything else)."""
    weights, description = stored(model)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "model.json").write_bytes(description)


def load_model(folder: Path, name: str = "model") -> Model | Ensemble:
    """Read what `save_model` or `couloir.export` wrote; what is broken raises what the library raises.

    Args:
        folder: where the two files are.
        name: theirs, without the endings.
    """
    from safetensors.numpy import load_file

    description = json.loads((folder / f"{name}.json").read_text("utf-8"))
    tensors = load_file(folder / f"{name}.safetensors")
    if description["model_version"] == 1:
        description, tensors = _from_version_1(description, tensors)
    if description["model_version"] == 2:
        description = _from_version_2(description)
    if description["model_version"] != MODEL_VERSION:
        raise ValueError(f"model version {description['model_version']!r} is not 1 to {MODEL_VERSION}")
    preparations = [
        Preparation.from_json(each, _under(f"preparation{place}.", tensors))
        for place, each in enumerate(description["preparations"])
    ]
    networks = []
    for number, own in enumerate(description["networks"]):
        layers = tuple(
            tuple(tensors[_name(number, part, name)] for name in names)
            for part, names in enumerate(own["layers"])
        )
        preparation, architecture = preparations[own["preparation"]], None
        if own["architecture"] != "mlp":
            architecture = design(own["architecture"], tuple(own["hidden"]), own["activation"])
            architecture = architecture.fitting(preparation.image_shape)
        networks.append(Model(layers, own["activation"], preparation, architecture))
    if "weights" not in description:
        return networks[0]
    weights = tuple(description["weights"])
    return Ensemble(preparations[0], tuple(networks), weights, description["temperature"])


def _from_version_1(
    description: dict[str, Any], tensors: dict[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What version 1 wrote of the one network that it knew, as version 2 has it."""
    network = {"activation": description["activation"], "layers": description["layers"], "preparation": 0}
    found = {"model_version": 2, "networks": [network], "preparations": [description["preparation"]]}
    return found, {f"network0.{name}": tensor for name, tensor in tensors.items()}


def _under(prefix: str, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors whose names begin so, by the rest of their names."""
    return {name.removeprefix(prefix): each for name, each in tensors.items() if name.startswith(prefix)}


def _from_version_2(description: dict[str, Any]) -> dict[str, Any]:
    """What version 2 wrote of multilayer perceptrons, which were all that it knew, as version 3 has it."""
    plain = {"architecture": "mlp", "hidden": []}
    networks = [
        {**own, **plain, "layers": [["weight", "bias"]] * own["layers"]} for own in description["networks"]
    ]
    return {**description, "model_version": 3, "networks": networks}


def _name(network: int, part: int, name: str) -> str:
    """What an array of a part of a network is called in the file."""
    return f"network{network}.layer{part}.{name}"
