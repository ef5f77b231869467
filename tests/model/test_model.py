"""Prediction in NumPy: the same as the engine's forward pass, stored and read back."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest
from safetensors.numpy import save_file

import couloir
from couloir.data.loading import load_features
from couloir.data.preparation import Preparation
from couloir.engine.activations import ACTIVATIONS
from couloir.engine.architectures import on_jax
from couloir.engine.architectures.mlp import MLP, initialise
from couloir.errors import InputError
from couloir.model import forward
from couloir.model.files import load_model, save_model
from couloir.model.predictor import Ensemble, Model, from_network, scaled


def test_the_activations_are_those_of_the_networks() -> None:
    assert set(forward.ACTIVATIONS) == set(ACTIVATIONS)


@pytest.mark.parametrize("activation", [*ACTIVATIONS, "tanh-softplus", "relu-sigmoid"])
def test_outputs_equal_the_forward_pass(activation: str, float64: None) -> None:
    data = couloir.load("iris")
    preparation = Preparation.fit(data, np.arange(150))
    inputs = 3 * preparation.inputs(data.features, np.float64)
    network = initialise((2,), (4, 7, 5, 3), activation, "float64")
    expected = on_jax.forward(network, jnp.asarray(inputs).T, activation).T
    found = from_network(network, MLP((7, 5), activation), preparation).outputs(inputs)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def trained(name: str) -> tuple[Any, Model]:
    data = couloir.load(name)
    preparation = Preparation.fit(data, np.arange(len(data)))
    random = np.random.default_rng(4)
    outputs = len(data.classes or (0,))
    widths = (len(preparation.feature_names), 6, outputs)
    layers = tuple((random.normal(size=(b, a)), random.normal(size=b)) for a, b in pairwise(widths))
    return data, Model(layers, "tanh", preparation)


@pytest.mark.parametrize("name", ["iris", "digits", "diabetes"])
def test_what_is_stored_predicts_the_same_when_read_back(name: str, tmp_path: Path) -> None:
    data, ours = trained(name)
    save_model(ours, tmp_path)
    again = load_model(tmp_path)
    assert isinstance(again, Model)
    assert np.array_equal(again.predict(data.features), ours.predict(data.features))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "model.safetensors"]


def test_probabilities_are_a_softmax_and_the_label_is_the_likeliest() -> None:
    data, ours = trained("iris")
    shares = ours.probabilities(data.features)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-12)
    labels = np.array(data.classes)[shares.argmax(axis=1)]
    assert np.array_equal(ours.predict(data.features), labels)


def test_values_come_in_target_units_and_have_no_probabilities() -> None:
    data, ours = trained("diabetes")
    inputs = ours.preparation.inputs(data.features, np.float64)
    expected = ours.outputs(inputs)[:, 0] * data.target.std() + data.target.mean()
    np.testing.assert_allclose(ours.predict(data.features), expected, rtol=1e-12)
    with pytest.raises(InputError, match="no class probabilities"):
        ours.probabilities(data.features)


def averaged(temperature: float = 1.0) -> tuple[Any, Ensemble]:
    """Three networks: two that share a preparation, and one with another; the average's own is a third."""
    data, first = trained("iris")
    random = np.random.default_rng(6)
    second = Model(
        tuple((w + random.normal(size=w.shape), b) for w, b in first.layers), "relu", first.preparation
    )
    third = Model(first.layers, "tanh", Preparation.fit(data, np.arange(0, 150, 2)))
    whole = Preparation.fit(data, np.arange(0, 150, 3))
    return data, Ensemble(whole, (first, second, third), (0.5, 0.2, 0.3), temperature)


def test_an_average_is_the_weighted_mean_of_its_networks() -> None:
    data, ours = averaged()
    expected = sum(
        weight * network.answers(data.features)
        for weight, network in zip(ours.weights, ours.networks, strict=True)
    )
    np.testing.assert_allclose(ours.answers(data.features), expected, rtol=1e-12)
    assert np.array_equal(ours.predict(data.features), np.array(data.classes)[expected.argmax(axis=1)])


def test_an_average_is_made_surer_or_less_sure_by_its_temperature() -> None:
    data, plain = averaged()
    _, heated = averaged(2.5)
    powers = plain.probabilities(data.features) ** (1 / 2.5)
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(heated.probabilities(data.features), expected, rtol=1e-12)
    assert np.array_equal(heated.predict(data.features), plain.predict(data.features))


def test_a_probability_of_nothing_stays_finite_at_any_temperature() -> None:
    found = scaled(np.array([[1.0, 0.0], [0.5, 0.5]]), 0.05)
    np.testing.assert_allclose(found, [[1, 0], [0.5, 0.5]], atol=1e-12)


def test_an_average_that_is_stored_predicts_the_same_when_read_back(tmp_path: Path) -> None:
    data, ours = averaged(0.7)
    save_model(ours, tmp_path)
    again = load_model(tmp_path)
    assert isinstance(again, Ensemble)
    assert np.array_equal(again.answers(data.features), ours.answers(data.features))
    assert again.preparation == ours.preparation
    assert (again.weights, again.temperature) == (ours.weights, ours.temperature)
    one, two, three = (network.preparation for network in again.networks)
    assert one is two
    assert (one, three) == (ours.networks[0].preparation, ours.networks[2].preparation)
    assert one != three != again.preparation


def test_an_average_of_values_comes_in_target_units() -> None:
    data, first = trained("diabetes")
    second = Model(first.layers, "relu", Preparation.fit(data, np.arange(0, len(data), 2)))
    ours = Ensemble(first.preparation, (first, second), (0.25, 0.75))
    expected = 0.25 * first.predict(data.features) + 0.75 * second.predict(data.features)
    np.testing.assert_allclose(ours.predict(data.features), expected, rtol=1e-12)
    with pytest.raises(InputError, match="no class probabilities"):
        ours.probabilities(data.features)


def test_a_model_of_another_version_is_refused(tmp_path: Path) -> None:
    _, ours = trained("iris")
    save_model(ours, tmp_path)
    path = tmp_path / "model.json"
    path.write_text(path.read_text("utf-8").replace('"model_version": 3', '"model_version": 4'), "utf-8")
    with pytest.raises(ValueError, match="model version 4 is not 1 to 3"):
        load_model(tmp_path)


def test_a_model_of_version_1_is_read(tmp_path: Path) -> None:
    """It knew one network, and named neither it nor its preparation."""
    data, ours = trained("iris")
    tensors = {
        f"layer{number}.{name}": values
        for number, layer in enumerate(ours.layers)
        for name, values in zip(("weight", "bias"), layer, strict=True)
    }
    description = {"model_version": 1, "activation": "tanh", "layers": 2}
    description["preparation"] = ours.preparation.to_json()
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "model.json").write_text(json.dumps(description), "utf-8")
    assert np.array_equal(load_model(tmp_path).answers(data.features), ours.answers(data.features))


def test_a_model_of_version_2_is_read(tmp_path: Path) -> None:
    """It knew one architecture, and counted the layers."""
    data, ours = trained("iris")
    save_model(ours, tmp_path)
    path = tmp_path / "model.json"
    description = json.loads(path.read_text("utf-8")) | {"model_version": 2}
    description["networks"] = [{"activation": "tanh", "layers": 2, "preparation": 0}]
    path.write_text(json.dumps(description), "utf-8")
    assert np.array_equal(load_model(tmp_path).answers(data.features), ours.answers(data.features))


def test_new_rows_are_read_with_the_columns_that_any_network_of_an_average_uses(tmp_path: Path) -> None:
    """A column can be free text among all rows, and categories among those of a fold."""
    frame = pl.DataFrame({"x": [0.5 * n for n in range(40)], "word": ["ab"[n % 2] for n in range(40)]})
    frame = frame.with_columns(y=pl.Series([n % 3 for n in range(40)]))
    networks_, rows = [], np.arange(40)
    for dropped in (["word"], []):
        preparation = Preparation.fit(couloir.load(frame, target="y", drop=dropped), rows)
        random = np.random.default_rng(len(dropped))
        layers = ((random.normal(size=(3, len(preparation.feature_names))), np.zeros(3)),)
        networks_.append(Model(layers, "tanh", preparation))
    without, with_ = networks_
    both = Ensemble(without.preparation, (without, with_), (0.5, 0.5))
    save_model(both, tmp_path)
    for each in (both, load_model(tmp_path)):
        assert set(each.preparation.raw_kinds) == {"x", "word"}
        features, _ = load_features(frame.head(5), each.preparation)
        expected = (without.answers(features) + with_.answers(features)) / 2
        np.testing.assert_allclose(each.answers(features), expected, rtol=1e-12)
    with pytest.raises(InputError, match="lack the column 'word'"):
        load_features(frame.select("x"), both.preparation)
