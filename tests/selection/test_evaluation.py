"""Scores, intervals, rivals and importance, against scikit-learn and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics
from sklearn.linear_model import LinearRegression, LogisticRegression

from couloir.engine.metrics import METRICS
from couloir.selection import evaluation


def classes(count: int = 90, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    powers = np.exp(random.normal(0, 1.5, (count, 3)))
    return powers / powers.sum(axis=1, keepdims=True), random.choice(3, count, p=[0.6, 0.3, 0.1])


def values(count: int = 90, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.normal(200, 30, count)
    return truth + random.normal(0, 20, count), truth


def test_scores_of_classes_are_scikit_learns() -> None:
    answers, truth = classes()
    found = np.argmax(answers, axis=1)
    assert evaluation.scores(answers, truth) == pytest.approx(
        {
            "log_loss": metrics.log_loss(truth, answers),
            "accuracy": metrics.accuracy_score(truth, found),
            "balanced_accuracy": metrics.balanced_accuracy_score(truth, found),
        },
        rel=1e-12,
    )
    assert evaluation.confusion(answers, truth) == metrics.confusion_matrix(truth, found).tolist()


def test_scores_of_values_are_scikit_learns() -> None:
    answers, truth = values()
    assert evaluation.scores(answers, truth) == pytest.approx(
        {
            "mse": metrics.mean_squared_error(truth, answers),
            "mae": metrics.mean_absolute_error(truth, answers),
            "r2": metrics.r2_score(truth, answers),
        },
        rel=1e-12,
    )


@pytest.mark.parametrize("metric", METRICS)
def test_the_mean_of_what_samples_cost_is_the_metric(metric: str) -> None:
    answers, truth = classes() if METRICS[metric].task == "classification" else values()
    cost, score = evaluation.costs(answers, truth, metric).mean(), evaluation.scores(answers, truth)[metric]
    if metric == "r2":
        assert 1 - cost / np.var(truth) == pytest.approx(score, rel=1e-12)
    else:
        assert (1 - cost if METRICS[metric].more_is_better else cost) == pytest.approx(score, rel=1e-12)


@pytest.mark.parametrize(("successes", "count"), [(0, 7), (7, 7), (96, 100), (1, 270)])
def test_wilson_is_scipys(successes: int, count: int) -> None:
    expected = stats.binomtest(successes, count).proportion_ci(0.95, method="wilson")
    assert evaluation.wilson(successes, count) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_bootstrap_intervals_are_as_wide_as_the_closed_form() -> None:
    answers, truth = values(400)
    residual = (answers - truth) ** 2
    low, high = evaluation.intervals(answers, truth)["mse"]
    expected = 2 * 1.96 * residual.std() / np.sqrt(len(residual))
    assert (high - low) == pytest.approx(expected, rel=0.15)
    assert low < residual.mean() < high


def test_intervals_of_classes_use_wilson_for_the_accuracy_alone() -> None:
    answers, truth = classes()
    found = evaluation.intervals(answers, truth)
    right = int(np.sum(np.argmax(answers, axis=1) == truth))
    assert found["accuracy"] == evaluation.wilson(right, len(truth))
    assert found["log_loss"][0] < evaluation.scores(answers, truth)["log_loss"] < found["log_loss"][1]
    assert found == evaluation.intervals(answers, truth), "the same seed gives the same interval"


def test_the_naive_answers_are_the_class_shares_and_the_mean() -> None:
    assert evaluation.naive(np.array([0, 0, 1, 2]), 3)(2).tolist() == [[0.5, 0.25, 0.25]] * 2
    assert evaluation.naive(np.array([1.0, 2.0, 6.0]), None)(2).tolist() == [3.0, 3.0]


@pytest.mark.parametrize("count", [2, 3])
def test_the_linear_rival_of_classes_is_scikit_learns(count: int) -> None:
    random = np.random.default_rng(1)
    inputs, truth = random.normal(size=(60, 4)), np.arange(60) % count
    expected = LogisticRegression(max_iter=200).fit(inputs, truth).predict_proba(inputs)
    np.testing.assert_allclose(evaluation.linear(inputs, truth, count)(inputs), expected, atol=1e-12)


def test_the_linear_rival_of_many_numbers_is_the_same_in_single_precision() -> None:
    random = np.random.default_rng(1)
    count = evaluation.MANY_NUMBERS // 40 + 1
    inputs = random.normal(size=(count, 40))
    truth = (inputs[:, 0] + random.normal(size=count) > 0).astype(int)
    expected = LogisticRegression().fit(inputs, truth).predict_proba(inputs)
    found = evaluation.linear(inputs, truth, 2)(inputs)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.max(np.abs(found - expected)) > 1e-12, "single precision was to be used"


def test_the_linear_rival_of_values_is_least_squares() -> None:
    random = np.random.default_rng(1)
    inputs, truth = random.normal(size=(60, 4)), random.normal(size=60)
    expected = LinearRegression().fit(inputs, truth).predict(inputs)
    np.testing.assert_allclose(evaluation.linear(inputs, truth, None)(inputs), expected, atol=1e-12)


def test_the_worst_are_the_most_confident_errors_and_the_largest_residuals() -> None:
    answers = np.array([[0.9, 0.1], [0.4, 0.6], [0.99, 0.01], [0.2, 0.8]])
    assert evaluation.worst(answers, np.array([1, 0, 1, 1])).tolist() == [2, 0, 1]
    assert evaluation.worst(np.array([1.0, 5.0, 2.0]), np.array([1.5, 1.0, 2.0]), 2).tolist() == [1, 0]
