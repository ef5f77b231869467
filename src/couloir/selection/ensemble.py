"""Several trained networks as one: whose answers to average, and how far to trust the average.

Works on answers in NumPy: class probabilities [sample, class], or values [sample]. Everything here is
fitted to answers that the networks did not train on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from couloir.engine import seeds
from couloir.model.predictor import scaled
from couloir.selection.evaluation import SMALLEST, log_losses, surprise, true_class

Score = Callable[[np.ndarray, np.ndarray], Any]
"""A number from answers and truth, lower is better."""

COLDEST, HOTTEST = 0.05, 20.0
"""The temperatures that are looked at."""


# Choosing whom to average -------------------------------------------------------------------------------


def log_loss_of(answers: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mean of −log p(true class), in nats; leading axes are kept.

    Args:
        answers: probabilities [..., sample, class].
        truth: class numbers [sample].
    """
    return np.mean(log_losses(answers, truth), axis=-1)


def mse_of(answers: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mean of (y − f)² in squared units of the target; leading axes are kept.

    Args:
        answers: values [..., sample].
        truth: values [sample].
    """
    return np.mean((answers - truth) ** 2, axis=-1)


def select(
    answers: np.ndarray, truth: np.ndarray, score: Score, rounds: int = 50, most: int | None = None
) -> np.ndarray:
    """Weights of an average that scores well: greedy selection with replacement (Caruana et al. 2004).

    Starts from the best single candidate. Each round adds the candidate, new or not, with which the average
    of all added so far scores lowest; of all rounds, the start included, the one with the lowest score is
    kept, the earliest among equals. So the average never scores worse than the best candidate on these rows.
    A candidate with an answer that is not finite is never added.

    Args:
        answers: probabilities [candidate, sample, class], or values [candidate, sample].
        truth: class numbers or values, [sample].
        score: from averaged answers and truth to a number, lower is better; `log_loss_of` and `mse_of` are
            computed for all candidates at once.
        rounds: how many are added to the first.
        most: at most so many different candidates; None for no limit.

    Returns:
        how often each was added, as a share: [candidate], at least 0, of sum 1.

    Raises:
        ValueError: no candidate has finite answers with a finite score, or `most` is below 1.
    """
    if most is not None and most < 1:
        raise ValueError(f"An average of at most {most} candidates is none.")
    able = _able(answers)
    parts, score_all = _prepared(np.asarray(answers), truth, score)
    counts, total = np.zeros(len(parts), int), np.zeros(parts.shape[1:])
    kept, lowest = counts, np.inf
    for size in range(1, rounds + 2):
        open_to = able & ((counts > 0) | (most is None or np.count_nonzero(counts) < most))
        found = np.full(len(parts), np.inf)
        found[open_to] = score_all((total + parts[open_to]) / size)
        chosen = int(np.argmin(np.where(np.isnan(found), np.inf, found)))
        if not np.isfinite(found[chosen]):
            break
        counts[chosen] += 1
        total += parts[chosen]
        # Lower by more than the rounding of an average of equal answers.
        if size == 1 or found[chosen] < lowest - 1e-12 * abs(lowest):
            kept, lowest = counts.copy(), found[chosen]
    if not kept.any():
        raise ValueError("No candidate has finite answers with a finite score.")
    return kept / kept.sum()


BAGS, HALF, SMALLEST_BAG, ROUNDS_IN_A_BAG = 20, 0.5, 5, 10
"""So many bags, each of this share of the candidates but no fewer than so many, and the rounds in each."""

ROWS_THAT_TELL = 200
"""With as many rows to choose by, the best candidate is hardly so by luck."""


def select_in_bags(
    answers: np.ndarray, truth: np.ndarray, score: Score, most: int | None = None
) -> np.ndarray:
    """Weights of an average that scores well on other rows too: `select` in bags (Caruana et al. 2004).

    Greedy selection from many candidates by few rows fits those rows: it finds the few candidates that
    happen to suit them. Here it selects from random halves of the candidates in turn, and the weights are
    the mean of the bags': who is good beside any others counts, who is only lucky beside one other does not.
    (`benchmarks/small_tables.py` measures what that is worth.) Of few candidates there are no halves, and
    `select` chooses among all. With many rows the best candidate is in every bag: where one is far better
    than all others, halves without it only spoil the average. (Forty-five settings on twelve tables, chosen
    by half of the out-of-fold answers, judged by the other: the error falls by 0.1 % with 4,000 rows, on one
    table by 0.8 %, and by 0.5 % with 500; chosen by 30 rows it would rise by 6 %.)

    Args:
        answers, truth, score: as in `select`.
        most: at most so many different candidates, those with the largest weights; None for no limit.

    Returns:
        the share of each candidate: [candidate], at least 0, of sum 1.

    Raises:
        ValueError: no candidate has finite answers with a finite score, or `most` is below 1.
    """
    scores = {i: float(score(answers[i], truth)) for i in np.flatnonzero(_able(answers)).tolist()}
    able = [i for i, value in scores.items() if np.isfinite(value)]
    size = max(SMALLEST_BAG, math.ceil(HALF * len(able)))
    if size >= len(able) or (most is not None and most < 2):
        return select(answers, truth, score, most=most)
    random = seeds.generator(seeds.BAGS, 0)  # the same answers, the same average
    total = np.zeros(len(answers))
    always = [min(able, key=scores.__getitem__)] if len(truth) >= ROWS_THAT_TELL else []
    for _ in range(BAGS):
        bag = np.union1d(random.choice(able, size, replace=False), always).astype(int)
        total[bag] += select(answers[bag], truth, score, ROUNDS_IN_A_BAG)
    if most is not None:
        total[np.argsort(-total, kind="stable")[most:]] = 0
    return total / total.sum()


def _able(answers: np.ndarray) -> np.ndarray:
    """Whose answers are all finite, [candidate]."""
    return np.all(np.isfinite(answers), axis=tuple(range(1, np.ndim(answers))))


def _prepared(
    answers: np.ndarray, truth: np.ndarray, score: Score
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """What of the answers is averaged, [candidate, ...], and the scores of such averages, [average].

    The log loss of an average needs the probability of the true class only.
    """
    if score is log_loss_of:
        return true_class(answers, truth).astype(np.float64), lambda p: np.mean(surprise(p), axis=-1)
    if score is mse_of:
        return answers.astype(np.float64), lambda means: mse_of(means, truth)
    return answers.astype(np.float64), lambda means: np.array([float(score(mean, truth)) for mean in means])


def tells(differences: np.ndarray) -> bool:
    """Whether differences of the samples tell a mean above 0: by more than two standard errors.

    Of what was chosen on these samples, little can be told by them: smaller differences are mostly luck.
    """
    count = len(differences)
    return count > 1 and bool(np.mean(differences) > 2 * np.std(differences, ddof=1) / np.sqrt(count))


# Calibration --------------------------------------------------------------------------------------------


def temperature(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """The `best_temperature`, where the samples tell that it is better than none; else 1.

    A temperature of some tens of samples is mostly luck, and on other rows worse than none (averages of
    networks on tables of 150 to 900 rows: their log loss rose by a tenth and more).

    Args:
        probabilities: [sample, class].
        truth: class numbers [sample].
    """
    found = best_temperature(probabilities, truth)
    gains = log_losses(probabilities, truth) - log_losses(scaled(probabilities, found), truth)
    return found if tells(gains) else 1.0


def best_temperature(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """The temperature T > 0 that minimises the log loss of `scaled` probabilities (Guo et al. 2017).

    As if there were one sample more, whose true class is as likely to be any (after Platt 1999): few
    samples that are all answered rightly would otherwise ask for certainty. That is n·L(T) + U(T), with
    L the mean of −log p(true class) and U the mean of −log p over all samples and classes. It is convex
    in 1/T, so that a bounded search over log T between 0.05 and 20 finds its minimum. Where no T is
    better than leaving the probabilities as they are, T is 1.

    Args:
        probabilities: [sample, class].
        truth: class numbers [sample].
    """
    from scipy.optimize import minimize_scalar

    def loss(temperature: float) -> float:
        found = scaled(probabilities, temperature)
        anything = -np.mean(np.log(np.maximum(found, SMALLEST)))
        return float(len(truth) * log_loss_of(found, truth) + anything)

    bounds = np.log([COLDEST, HOTTEST])
    found = minimize_scalar(
        lambda logarithm: loss(np.exp(logarithm)), bounds=bounds, method="bounded", options={"xatol": 1e-6}
    )
    # The search comes near its bounds without trying them; the first of equals is taken.
    return min((1.0, float(np.exp(found.x)), COLDEST, HOTTEST), key=loss)


class Bin(NamedTuple):
    """Samples whose top probability is in (low, high]: its mean, the share that is right, how many."""

    low: float
    high: float
    confidence: float
    accuracy: float
    samples: int


def reliability(probabilities: np.ndarray, truth: np.ndarray, bins: int = 10) -> list[Bin]:
    """How often the top class is right, by how probable it was said to be (Guo et al. 2017).

    Args:
        probabilities: [sample, class].
        truth: class numbers [sample].
        bins: equal widths that divide 0 to 1; those without a sample are left out.
    """
    right = np.argmax(probabilities, axis=1) == truth
    confidence = np.max(probabilities, axis=1).astype(np.float64)
    edges = np.linspace(0, 1, bins + 1)
    place = np.digitize(confidence, edges[1:-1], right=True)
    found = []
    for number in np.unique(place).tolist():
        inside = place == number
        means = float(confidence[inside].mean()), float(right[inside].mean())
        found.append(Bin(float(edges[number]), float(edges[number + 1]), *means, int(inside.sum())))
    return found


def calibration_error(probabilities: np.ndarray, truth: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of the top class (Guo et al. 2017): Σ n_b/n · |accuracy_b − confidence_b|.

    Args:
        probabilities: [sample, class].
        truth: class numbers [sample].
        bins: of equal width, b.

    Returns:
        0 for probabilities that are right as often as they say, up to 1.
    """
    found = reliability(probabilities, truth, bins)
    return sum(each.samples * abs(each.accuracy - each.confidence) for each in found) / len(truth)
