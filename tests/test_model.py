"""Prediction in NumPy: the same as the engine's forward pass, stored and read back."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import couloir
from couloir import model, networks
from couloir.data.preparation import Preparation
from couloir.errors import InputError
from couloir.model import Model, from_network


def test_the_activations_are_those_of_the_networks() -> None:
    assert set(model.ACTIVATIONS) == set(networks.ACTIVATIONS)


@pytest.mark.parametrize("activation", networks.ACTIVATIONS)
def test_outputs_equal_the_forward_pass(activation: str, float64: None) -> None:
    data = couloir.load("iris")
    preparation = Preparation.fit(data, np.arange(150))
    inputs = 3 * preparation.inputs(data.features, np.float64)
    network = networks.initialise((2,), (4, 7, 5, 3), activation, "float64")
    expected = networks.forward(network, jnp.asarray(inputs).T, activation).T
    found = from_network(network, activation, preparation).outputs(inputs)
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
    ours.save(tmp_path)
    again = Model.load(tmp_path)
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
