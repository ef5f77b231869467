"""Every metric's function in the training program against scikit-learn."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax
from sklearn import metrics as sklearn_metrics

from couloir.engine.metrics import METRICS, metrics_of
from couloir.engine.scoring import SCORES

CLASSES = 4
SCALE = np.array([2.5, 0.1, 30.0])


def sklearn_log_loss(outputs: np.ndarray, targets: np.ndarray) -> float:
    return sklearn_metrics.log_loss(targets, softmax(outputs.T, axis=1), labels=np.arange(len(outputs)))


def of_classes(score: Callable[..., float]) -> Callable[[np.ndarray, np.ndarray], float]:
    return lambda outputs, targets: score(targets, outputs.argmax(axis=0))


def of_values(score: Callable[..., float]) -> Callable[[np.ndarray, np.ndarray], float]:
    """In target units: scikit-learn gets outputs and targets after both have been scaled back."""
    return lambda outputs, targets: score((targets * SCALE[:, None]).T, (outputs * SCALE[:, None]).T)


REFERENCES: Mapping[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "log_loss": sklearn_log_loss,
    "accuracy": of_classes(sklearn_metrics.accuracy_score),
    "balanced_accuracy": of_classes(sklearn_metrics.balanced_accuracy_score),
    "mse": of_values(sklearn_metrics.mean_squared_error),
    "mae": of_values(sklearn_metrics.mean_absolute_error),
    "r2": of_values(sklearn_metrics.r2_score),
}


def sample(name: str, seed: int, count: int = 37) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    if METRICS[name].task == "classification":
        return 2 * random.normal(size=(CLASSES, count)), random.integers(0, CLASSES, count)
    targets = random.normal(size=(len(SCALE), count)) + 0.5
    return targets + random.normal(size=targets.shape) * 0.6, targets


def found(name: str, outputs: Any, targets: Any, scale: np.ndarray = SCALE) -> float:
    """The score with every sample counted once, and the same with rows of weight 0 added: they are one."""
    outputs, targets = np.asarray(outputs), np.asarray(targets)
    weights = np.ones(outputs.shape[-1], outputs.dtype)
    score = METRICS[name].score(*map(jnp.asarray, (outputs, targets, scale, weights)))
    padded = [np.concatenate([each, 0 * each[..., :1]], axis=-1) for each in (outputs, targets)]
    more = np.append(weights, 0).astype(weights.dtype)
    again = METRICS[name].score(*map(jnp.asarray, (*padded, scale, more)))
    assert float(again) == pytest.approx(float(score), rel=1e-12)
    return float(score)


def test_every_metric_has_a_reference_and_none_is_left_over() -> None:
    assert set(SCORES) == set(METRICS) == set(REFERENCES)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", METRICS)
def test_scores_are_scikit_learn_s(name: str, seed: int, float64: None) -> None:
    outputs, targets = sample(name, seed)
    assert found(name, outputs, targets) == pytest.approx(REFERENCES[name](outputs, targets), rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", METRICS)
def test_scores_in_float32(name: str) -> None:
    outputs, targets = sample(name, 7, count=2000)
    single = outputs.astype(np.float32)
    if targets.dtype != np.int64:
        targets = targets.astype(np.float32)
    expected = REFERENCES[name](single.astype(float), targets.astype(float if targets.ndim > 1 else int))
    weights = np.ones(single.shape[-1], np.float32)
    score = METRICS[name].score(*map(jnp.asarray, (single, targets, SCALE.astype(np.float32), weights)))
    assert float(score) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", metrics_of("classification"))
def test_a_class_that_is_absent(name: str, float64: None) -> None:
    """Class 2 has no sample, though some are taken for it: balanced accuracy is over the classes present."""
    outputs, targets = sample(name, 3)
    targets[targets == 2] = 1
    assert np.any(outputs.argmax(axis=0) == 2)
    with (
        pytest.warns(UserWarning, match="y_pred contains classes")
        if name == "balanced_accuracy"
        else contextlib.nullcontext()
    ):
        expected = REFERENCES[name](outputs, targets)
    assert found(name, outputs, targets) == pytest.approx(expected, rel=1e-12)


def test_balanced_accuracy_by_hand() -> None:
    """Three of class 0, all right; one of class 1, wrong: (1 + 0)/2, where plain accuracy is 3/4."""
    outputs, targets = np.array([[5.0, 5.0, 5.0, 5.0], [0.0] * 4]), np.array([0, 0, 0, 1])
    assert found("balanced_accuracy", outputs, targets) == 0.5
    assert found("accuracy", outputs, targets) == 0.75


def test_log_loss_of_a_confident_mistake_is_finite_and_not_clipped() -> None:
    """−log p = the lead of the wrong logit: 200 nats, where a clipped probability would give 36."""
    assert found("log_loss", [[200.0], [0.0]], [1]) == pytest.approx(200.0, rel=1e-6)


@pytest.mark.parametrize("name", metrics_of("regression"))
def test_units_are_those_of_the_target(name: str, float64: None) -> None:
    """Twice the scale: twice the absolute error, four times the squared error, the same R²."""
    outputs, targets = sample(name, 5)
    factor = {"mse": 4, "mae": 2, "r2": 1}[name]
    once, twice = (found(name, outputs, targets, scale) for scale in (SCALE, 2 * SCALE))
    assert twice == pytest.approx(factor * once, rel=1e-12)


def test_r2_of_the_mean_is_0_and_of_the_truth_1(float64: None) -> None:
    _, targets = sample("r2", 6)
    mean = np.tile(targets.mean(axis=1, keepdims=True), targets.shape[1])
    assert found("r2", mean, targets) == pytest.approx(0.0, abs=1e-12)
    assert found("r2", targets, targets) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("name", METRICS)
def test_better_outputs_score_better(name: str) -> None:
    """The direction that members are ranked in: nearer to the truth is never worse."""
    outputs, targets = sample(name, 8)
    truth = 9.0 * np.eye(CLASSES)[targets].T if METRICS[name].task == "classification" else targets
    near, far = (found(name, truth + share * (outputs - truth), targets) for share in (0.1, 1.0))
    assert (near > far) is METRICS[name].more_is_better
