"""RealMLP against its formula, and its rates by group (Holzmüller et al. 2024)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from couloir.engine.architectures.on_jax import JAX
from couloir.engine.architectures.realmlp import RealMLP
from couloir.engine.losses import LOSSES, is_weight, leaf_name
from couloir.engine.member import initial_network
from couloir.model.forward import NUMPY
from trainings import SEED, classification, leaves, member, watched

OWN = RealMLP((6, 4), "tanh")
ROWS = np.random.default_rng(1).normal(size=(7, 5))


def random_network() -> Any:
    random = np.random.default_rng(0)
    parts = [[random.normal(size=leaf.shape) for leaf in part] for part in OWN.outline(5, 3)]
    parts[1][1] = np.array(20.0)
    return OWN.network(parts, 5, 3)


def parametric(x: np.ndarray, a: np.ndarray) -> np.ndarray:
    return x + a * (np.tanh(x) - x)


def test_it_computes_its_formula() -> None:
    network = random_network()
    embedding, first, hidden, last = network
    features = []
    for j in range(5):
        angle = 2 * np.pi * ROWS[:, j : j + 1] * embedding.frequency[j] + embedding.phase[j]
        components = np.cos(angle) @ embedding.mix[j].T + embedding.shift[j]
        features.append(np.column_stack([ROWS[:, j], components]) * embedding.scale[j])
    signal = np.einsum("jrc,ujc->ru", np.stack(features), first.weight) / np.sqrt(20) + first.bias
    signal = parametric(signal, first.slope)
    signal = parametric(signal @ hidden.weight.T / np.sqrt(6) + hidden.bias, hidden.slope)
    expected = signal @ last.weight.T / np.sqrt(4) + last.bias
    np.testing.assert_allclose(OWN.apply(NUMPY, network, ROWS.T).T, expected, rtol=1e-11)


def test_it_starts_as_it_says() -> None:
    embedding, first, hidden, last = RealMLP((300, 200), "selu").initialise((1,), 40, 3, np.float64)
    np.testing.assert_allclose(embedding.frequency.std(), 0.1, rtol=0.1)
    assert np.abs(embedding.phase).max() <= np.pi
    assert np.abs(embedding.mix).max() <= 0.25
    assert np.all(embedding.scale == 1)
    assert float(first.fan) == 160
    for weight in (first.weight, hidden.weight, last.weight):
        np.testing.assert_allclose(weight.std(), 1, rtol=0.05)
    assert np.all(first.slope == 1)
    assert not np.any(hidden.bias)


def test_groups_learn_at_their_own_rates() -> None:
    """One step of gradient descent over all rows: each array moves by −α · its factor · its gradient."""
    own, data = member("sgd", 0.1, architecture="realmlp", batch_size=43, epochs=1), classification()
    _, networks = watched([own], data)
    begun = initial_network(own, SEED, 5, 3, np.float32)
    inputs, targets = jnp.asarray(data.train.inputs.T, jnp.float32), jnp.asarray(data.train.targets)

    def loss(network: Any) -> Any:
        answers = own.design.apply(JAX, network, inputs)
        return jnp.mean(LOSSES["cross_entropy"].per_sample(answers, targets))

    slopes = jax.tree.leaves(jax.grad(loss)(begun))
    factors = {"scale": 6.0, "weight": 1.0, **dict.fromkeys(("bias", "slope"), 0.1)}
    factors |= dict.fromkeys(("frequency", "phase", "mix", "shift"), 0.1)
    paths = jax.tree_util.tree_leaves_with_path(begun)
    for (path, first), moved, slope in zip(paths, leaves(networks[0][0]), slopes, strict=True):
        factor = factors.get(leaf_name(path), 0.0)
        np.testing.assert_allclose(moved, first - 0.1 * factor * slope, rtol=1e-5, atol=1e-6)
        assert np.any(moved != first) == (factor > 0)


def test_weights_and_mixtures_decay_and_the_number_of_inputs_stays() -> None:
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(random_network())]
    assert {leaf_name(path) for path in paths if is_weight(path)} == {"weight", "mix"}
    _, networks = watched([member("adamw", 0.01, architecture="realmlp")], classification())
    assert float(networks[-1][0][1].fan) == 20
