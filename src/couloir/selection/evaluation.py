"""How good a model is: scores with intervals, the models to beat, and where it errs.

Works on answers (class probabilities [sample, class] or values [sample]) and true targets, in NumPy,
apart from the metrics that the training program computes.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from couloir.engine import seeds
from couloir.engine.metrics import DEFAULT_METRIC
from couloir.model.predictor import Model, softmax
from couloir.runs.records.learned import Importance
from couloir.text import SHARES

RESAMPLES = 1000
"""Bootstrap resamples behind an interval."""

SMALLEST = np.finfo(np.float64).tiny
"""Probabilities are kept above this before their logarithm is taken."""

Answers = np.ndarray
Scores = dict[str, float]


class Judged(NamedTuple):
    """Answers for rows that a model was chosen by and not fitted to; row numbers ascending."""

    rows: np.ndarray
    answers: Answers


def scores(answers: Answers, truth: np.ndarray) -> Scores:
    """The task's metrics: log loss, accuracy, balanced accuracy; or MSE, MAE, R².

    Args:
        answers: probabilities [sample, class], or values [sample].
        truth: class numbers [sample], or values [sample].
    """
    means = _contributions(answers, truth).mean(axis=0)
    return {name: float(value) for name, value in _from_means(means, answers.ndim == 2).items()}


def costs(answers: Answers, truth: np.ndarray, metric: str) -> np.ndarray:
    """What each sample costs by a metric, [sample]: the lower their mean, the better the metric.

    Log loss and absolute or squared residual (for R² too) are their own; of accuracy a wrong answer costs
    1, of balanced accuracy n / (classes present · samples of its class).
    """
    if metric == "log_loss":
        return log_losses(answers, truth)
    if metric in SHARES:
        wrong = (np.argmax(answers, axis=1) != truth).astype(np.float64)
        if metric == "accuracy":
            return wrong
        sizes = np.bincount(truth)
        return wrong * len(truth) / (np.count_nonzero(sizes) * sizes[truth])
    residual = truth - answers
    return np.abs(residual) if metric == "mae" else residual**2


def _contributions(answers: Answers, truth: np.ndarray) -> np.ndarray:
    """What each sample adds to the means that every metric is a function of, [sample, mean].

    Classes: log loss, then per class whether it is the true one, then whether it was also recognised.
    Values: squared and absolute residual, then the centred target and its square.
    """
    if answers.ndim == 2:
        member = truth[:, None] == np.arange(answers.shape[1])
        right = member & (np.argmax(answers, axis=1) == truth)[:, None]
        return np.column_stack([log_losses(answers, truth), member, right])
    residual, centred = truth - answers, truth - truth.mean()
    return np.column_stack([residual**2, np.abs(residual), centred, centred**2])


def _from_means(means: np.ndarray, classes: bool) -> dict[str, np.ndarray]:
    """Metrics from means of contributions; leading axes are kept."""
    if classes:
        shares, recognised = np.split(means[..., 1:], 2, axis=-1)
        recalls = recognised / np.where(shares > 0, shares, 1)
        balanced = recalls.sum(axis=-1) / np.count_nonzero(shares > 0, axis=-1)
        return {"log_loss": means[..., 0], "accuracy": recognised.sum(axis=-1), "balanced_accuracy": balanced}
    mse, mae, centre, square = np.moveaxis(means, -1, 0)
    variance = square - centre**2
    explained = 1 - mse / np.where(variance > 0, variance, np.inf)
    return {"mse": mse, "mae": mae, "r2": np.where(variance > 0, explained, 0.0)}


def log_losses(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """−log p(true class) of every sample, in nats; leading axes are kept."""
    return surprise(true_class(probabilities, truth))


def true_class(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """What [..., sample, class] gives the true classes [sample], [..., sample]."""
    return probabilities[..., np.arange(len(truth)), truth]


def surprise(chosen: np.ndarray) -> np.ndarray:
    """−log p, in nats; p is kept above the smallest float."""
    return -np.log(np.maximum(chosen, SMALLEST))


def or_none(value: float) -> float | None:
    """A finite number as it is; for any other None, as tables have it."""
    return float(value) if math.isfinite(value) else None


def wilson(successes: int, count: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927): (p + z²/2n ± z√(p(1−p)/n + z²/4n²)) / (1 + z²/n)."""
    share, square = successes / count, z * z / count
    middle = (share + square / 2) / (1 + square)
    half = z * np.sqrt(share * (1 - share) / count + square / (4 * count)) / (1 + square)
    return float(max(middle - half, 0.0)), float(min(middle + half, 1.0))


def intervals(answers: Answers, truth: np.ndarray, seed: int = 0) -> dict[str, tuple[float, float]]:
    """95 % intervals of `scores`: how they vary with the rows that happened to be in the test part.

    Accuracy: Wilson. Everything else: the 2.5 and 97.5 percentiles over bootstrap resamples of the
    rows. They say nothing of what another training run would have given.
    """
    generator = seeds.generator(seeds.BOOTSTRAP, seed)
    contributions, count = _contributions(answers, truth), len(truth)
    means = np.empty((RESAMPLES, contributions.shape[1]))
    for number in range(RESAMPLES):
        times_drawn = np.bincount(generator.integers(count, size=count), minlength=count)
        means[number] = times_drawn @ contributions / count
    found = {}
    for name, values in _from_means(means, answers.ndim == 2).items():
        low, high = np.percentile(values, (2.5, 97.5)).tolist()
        found[name] = low, high
    if answers.ndim == 2:
        found["accuracy"] = wilson(int(np.sum(np.argmax(answers, axis=1) == truth)), count)
    return found


def confusion(probabilities: np.ndarray, truth: np.ndarray) -> list[list[int]]:
    """Samples by true class (row) and predicted class (column)."""
    classes = probabilities.shape[1]
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (truth, np.argmax(probabilities, axis=1)), 1)
    return counts.tolist()


# The models to beat -----------------------------------------------------------------------------------


def naive(truth: np.ndarray, classes: int | None) -> Callable[[int], Answers]:
    """The answer that ignores the inputs, from training targets: class shares, or the mean.

    Returns:
        a function from a number of samples to the answers for them.
    """
    if classes is None:
        return lambda count: np.full(count, truth.mean())
    shares = np.bincount(truth, minlength=classes) / len(truth)
    return lambda count: np.tile(shares, (count, 1))


MANY_NUMBERS = 2**22
"""Inputs of more numbers are fitted in single precision and in at most 100 steps instead of 200: on MNIST in
a third of the time, and as well."""


def linear(inputs: np.ndarray, truth: np.ndarray, classes: int | None) -> Callable[[np.ndarray], Answers]:
    """A linear model of the prepared inputs, fitted to training rows.

    Logistic regression with scikit-learn's customary penalty (C = 1), or least squares.

    Returns:
        a function from prepared inputs [sample, feature] to answers.
    """
    if classes is None:
        inputs = np.asarray(inputs, np.float64)
        design = np.column_stack([inputs, np.ones(len(inputs))])
        weights = np.linalg.lstsq(design, truth, rcond=None)[0]
        return lambda rows: np.column_stack([rows, np.ones(len(rows))]) @ weights
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        precision, steps = (np.float32, 100) if inputs.size > MANY_NUMBERS else (np.float64, 200)
        fitted = LogisticRegression(max_iter=steps).fit(np.asarray(inputs, precision), truth)
    if classes == 2:
        return lambda rows: softmax(np.column_stack([np.zeros(len(rows)), fitted.decision_function(rows)]))
    return lambda rows: softmax(fitted.decision_function(rows))


# Where it looks and where it errs -----------------------------------------------------------------------

MOST_ROWS = 2000
MOST_COLUMNS = 200
SHUFFLES = 5


def importance(model: Model, inputs: np.ndarray, truth: np.ndarray, seed: int = 0) -> list[Importance]:
    """Permutation importance (Breiman 2001) of the raw columns on held-out prepared rows.

    How much the loss (log loss or MSE) rises when one column's values are shuffled among the rows:
    mean and standard deviation over five shuffles, at most 2,000 rows and 200 columns; highest first.
    """
    generator = seeds.generator(seeds.SHUFFLES, seed)
    if len(inputs) > MOST_ROWS:
        rows = generator.choice(len(inputs), MOST_ROWS, replace=False)
        inputs, truth = inputs[rows], truth[rows]
    name = DEFAULT_METRIC[model.preparation.task]
    before = scores(model.predict_prepared(inputs), truth)[name]
    found = []
    for column, places in list(model.preparation.feature_slices.items())[:MOST_COLUMNS]:
        rises = []
        for _ in range(SHUFFLES):
            shuffled = inputs.copy()
            shuffled[:, places] = inputs[generator.permutation(len(inputs)), places]
            rises.append(scores(model.predict_prepared(shuffled), truth)[name] - before)
        rise, spread = float(np.mean(rises)), float(np.std(rises))
        found.append(Importance(column=column, increase=rise, spread=spread))
    return sorted(found, key=lambda entry: -entry.increase)


def worst(answers: Answers, truth: np.ndarray, count: int = 12) -> np.ndarray:
    """Positions of the samples that the model errs on most, worst first; for classes only wrong ones."""
    if answers.ndim == 1:
        return np.argsort(-np.abs(truth - answers), kind="stable")[:count]
    wrong = np.flatnonzero(np.argmax(answers, axis=1) != truth)
    return wrong[np.argsort(answers[wrong, truth[wrong]], kind="stable")][:count]
