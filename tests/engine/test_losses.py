"""Losses and penalties against closed forms, scikit-learn and central differences."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics

import references
from couloir.engine.architectures.mlp import Layer
from couloir.engine.losses import (
    DEFAULT_LOSS,
    LOSSES,
    cross_entropy,
    l1_penalty,
    l2_penalty,
    soft_cross_entropy,
)

OUTPUTS, BATCH = 4, 25
REGRESSION = [name for name, loss in LOSSES.items() if loss.task == "regression"]


def sample(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Outputs [output, batch] and targets of the loss's task, no residual within 1e-3 of a kink."""
    random = np.random.default_rng(7)
    outputs = random.normal(0, 2, (OUTPUTS, BATCH))
    if LOSSES[name].task == "classification":
        return outputs, random.integers(0, OUTPUTS, BATCH)
    targets = random.normal(0, 2, (OUTPUTS, BATCH))
    sizes = np.abs(targets - outputs)
    assert np.minimum(sizes, np.abs(sizes - 1)).min() > 1e-3
    return outputs, targets


def expected_values(name: str, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    loss = references.reference(references.LOSSES, name)
    return np.array([loss(outputs[:, i], targets[..., i]) for i in range(outputs.shape[1])])


@pytest.mark.parametrize("name", LOSSES)
def test_values_are_those_of_the_formula(name: str, float64: None) -> None:
    outputs, targets = sample(name)
    values = jax.jit(LOSSES[name].per_sample)(outputs, targets)
    assert values.shape == (BATCH,)
    np.testing.assert_allclose(values, expected_values(name, outputs, targets), rtol=1e-13)


@pytest.mark.parametrize("name", LOSSES)
def test_values_in_float32(name: str) -> None:
    outputs, targets = sample(name)
    if targets.dtype == float:
        targets = targets.astype(np.float32)
    outputs = outputs.astype(np.float32)
    values = jax.jit(LOSSES[name].per_sample)(outputs, targets)
    assert values.dtype == jnp.float32
    expected = expected_values(name, outputs.astype(float), targets)
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)


def test_every_loss_has_a_reference_and_none_is_left_over() -> None:
    assert set(LOSSES) == set(references.LOSSES)
    assert {task: LOSSES[name].task for task, name in DEFAULT_LOSS.items()} == {
        "classification": "classification",
        "regression": "regression",
    }


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_central_differences_of_the_formula(name: str, float64: None) -> None:
    """Of the sum over the batch, so that every sample counts with weight 1."""
    outputs, targets = sample(name)
    per_sample = LOSSES[name].per_sample
    gradient = jax.jit(jax.grad(lambda f, y: jnp.sum(per_sample(f, y))))(outputs, targets)
    slopes = references.central_difference(
        lambda f: float(expected_values(name, f, targets).sum()), outputs, width=1e-5
    )
    np.testing.assert_allclose(gradient, slopes, rtol=1e-7, atol=1e-8)


def test_cross_entropy_is_scikit_learn_s_log_loss(float64: None) -> None:
    outputs, targets = sample("cross_entropy")
    shares = np.exp(outputs) / np.exp(outputs).sum(axis=0)
    values = jax.jit(LOSSES["cross_entropy"].per_sample)(outputs, targets)
    expected = metrics.log_loss(targets, shares.T, labels=range(OUTPUTS))
    assert np.mean(values) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "metric"), [("mse", metrics.mean_squared_error), ("mae", metrics.mean_absolute_error)]
)
def test_errors_are_scikit_learn_s(name: str, metric: Any, float64: None) -> None:
    outputs, targets = sample(name)
    values = jax.jit(LOSSES[name].per_sample)(outputs, targets)
    assert np.mean(values) == pytest.approx(metric(targets.T, outputs.T), rel=1e-13)


def values_and_slopes(name: str, outputs: Any, targets: Any) -> tuple[np.ndarray, np.ndarray]:
    """Each sample's loss and the gradient of their sum, in float32."""

    def total(f: Any, y: Any) -> Any:
        values = LOSSES[name].per_sample(f, y)
        return jnp.sum(values), values

    program = jax.jit(jax.grad(total, has_aux=True))
    targets = np.asarray(targets) if name == "cross_entropy" else np.asarray(targets, np.float32)
    gradient, values = program(np.asarray(outputs, np.float32), targets)
    return np.asarray(values), np.asarray(gradient)


def test_huber_by_hand() -> None:
    """½r² up to 1, |r| − ½ beyond; value and slope are continuous at the bend."""
    values, slopes = values_and_slopes("huber", [[0.0, 0.5, 1.0, -3.0]], np.zeros((1, 4)))
    np.testing.assert_array_equal(values, [0.0, 0.125, 0.5, 2.5])
    np.testing.assert_array_equal(slopes, [[0.0, 0.5, 1.0, -1.0]])


@pytest.mark.parametrize("size", [1e4, 1e30])
def test_extreme_logits_stay_finite(size: float) -> None:
    """Right by far: 0. Wrong by far: the difference of the logits. Undecided: log of their number."""
    logits = [[size, -size, size], [-size, size, size], [-size, -size, size]]
    values, gradient = values_and_slopes("cross_entropy", logits, [0, 0, 2])
    np.testing.assert_allclose(values[:2], [0, 2 * size], rtol=1e-6)
    # log 3 is added to a logit of this size before the logit is taken off again.
    assert values[2] == pytest.approx(np.log(3), abs=size * 2e-7)
    third = 1 / 3
    expected = [[0, -1, third], [0, 1, third], [0, 0, third - 1]]
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


@pytest.mark.parametrize("name", REGRESSION)
def test_extreme_errors_stay_finite(name: str) -> None:
    values, gradient = values_and_slopes(name, [[1e4, -1e4, 0.0]], [[-1e4, 1e4, 0.0]])
    expected = [references.LOSSES[name](np.array([f]), np.array([-f])) for f in (1e4, -1e4, 0.0)]
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    assert np.all(np.isfinite(gradient))
    assert gradient[0, 2] == 0, "an exact answer pulls nowhere"


# Penalties --------------------------------------------------------------------------------------------


def penalised() -> tuple[Layer, ...]:
    return (
        Layer(jnp.asarray([[0.5, -2.0], [0.0, 3.0]]), jnp.asarray([7.0, -7.0])),
        Layer(jnp.asarray([[-1.5, 4.0]]), jnp.asarray([100.0])),
    )


def test_penalties_by_hand(float64: None) -> None:
    """Weights 0.5, −2, 0, 3, −1.5, 4: Σ|w| = 11, ½ Σw² = ½ · 31.5; the biases do not count."""
    assert float(l1_penalty(penalised())) == 11.0
    assert float(l2_penalty(penalised())) == 15.75


def test_penalty_gradients_are_exact_and_0_on_biases() -> None:
    """λ sign(w) and λ w; a weight of 0 stays where it is."""
    strength = 0.25
    l1 = jax.jit(jax.grad(lambda net: strength * l1_penalty(net)))(penalised())
    l2 = jax.jit(jax.grad(lambda net: strength * l2_penalty(net)))(penalised())
    for layer, one, two in zip(penalised(), l1, l2, strict=True):
        np.testing.assert_array_equal(one.weight, strength * np.sign(layer.weight))
        np.testing.assert_array_equal(two.weight, strength * np.asarray(layer.weight))
        np.testing.assert_array_equal(one.bias, np.zeros(layer.bias.shape))
        np.testing.assert_array_equal(two.bias, np.zeros(layer.bias.shape))


@pytest.mark.parametrize("penalty", [l1_penalty, l2_penalty])
def test_penalties_keep_the_precision_of_the_weights(penalty: Any) -> None:
    assert jax.eval_shape(penalty, penalised()).dtype == jnp.float32
    with jax.enable_x64(True):
        single = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), penalised())
        assert jax.eval_shape(penalty, penalised()).dtype == jnp.float64
        assert jax.eval_shape(penalty, single).dtype == jnp.float32


def test_soft_cross_entropy_and_its_gradient_by_hand(float64: None) -> None:
    """L = log Σ eᶠ − Σ t f and ∂L/∂f = softmax(f) − t, for targets t of sum 1."""
    random = np.random.default_rng(3)
    outputs = random.normal(0, 2, (OUTPUTS, BATCH))
    targets = random.dirichlet(np.ones(OUTPUTS), BATCH).T
    powers = np.exp(outputs)
    shares = powers / powers.sum(axis=0)
    expected = -np.sum(targets * np.log(shares), axis=0)
    np.testing.assert_allclose(jax.jit(soft_cross_entropy)(outputs, targets), expected, rtol=1e-12)
    slope = jax.jit(jax.grad(lambda some: jnp.sum(soft_cross_entropy(some, jnp.array(targets)))))(outputs)
    np.testing.assert_allclose(slope, shares - targets, rtol=1e-9, atol=1e-12)


def test_soft_cross_entropy_of_a_certain_class_is_cross_entropy(float64: None) -> None:
    outputs, classes = sample("cross_entropy")
    hard = np.eye(OUTPUTS)[classes].T
    expected = jax.jit(cross_entropy)(outputs, classes)
    np.testing.assert_allclose(jax.jit(soft_cross_entropy)(outputs, hard), expected, rtol=1e-12)
