"""Ensembles and calibration: against exhaustive search, grids, scikit-learn and hand calculation."""

from __future__ import annotations

import time
from itertools import combinations_with_replacement

import numpy as np
import pytest
from sklearn.metrics import log_loss, mean_squared_error

from couloir.model.predictor import scaled, softmax
from couloir.selection.ensemble import (
    best_temperature,
    calibration_error,
    log_loss_of,
    mse_of,
    reliability,
    select,
    select_in_bags,
    tells,
    temperature,
)


def classes(
    candidates: int, samples: int = 60, count: int = 3, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Candidates that each know a little, by their own noise: probabilities [candidate, sample, class]."""
    random = np.random.default_rng(seed)
    truth = random.integers(count, size=samples)
    signal = np.eye(count)[truth] * random.uniform(0.2, 2, (candidates, 1, 1))
    return softmax(signal + random.normal(0, 1.5, (candidates, samples, count))), truth


def values(candidates: int, samples: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.normal(10, 3, samples)
    return truth + random.normal(0, 1, (candidates, samples)) * random.uniform(1, 3, (candidates, 1)), truth


def error_rate(answers: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean(answers.argmax(axis=-1) != truth))


def average(weights: np.ndarray, answers: np.ndarray) -> np.ndarray:
    return np.tensordot(weights, answers, 1)


def exhaustive(answers: np.ndarray, truth: np.ndarray, score, size: int) -> float:
    """The lowest score of an average over any `size` candidates or fewer, with replacement."""
    return min(
        score(answers[list(chosen)].mean(axis=0), truth)
        for members in range(1, size + 1)
        for chosen in combinations_with_replacement(range(len(answers)), members)
    )


# Scores -------------------------------------------------------------------------------------------------


def test_scores_are_scikit_learns_for_every_candidate() -> None:
    answers, truth = classes(4)
    assert log_loss_of(answers, truth) == pytest.approx([log_loss(truth, each) for each in answers])
    answers, truth = values(4)
    assert mse_of(answers, truth) == pytest.approx([mean_squared_error(truth, each) for each in answers])
    sure = np.array([[0.0, 1.0]])
    assert log_loss_of(sure, np.array([0])) == pytest.approx(708.396, abs=1e-3)


# Selection ----------------------------------------------------------------------------------------------

PROBLEMS = [(classes, log_loss_of), (classes, error_rate), (values, mse_of)]


@pytest.mark.parametrize(("make", "score"), PROBLEMS)
@pytest.mark.parametrize("seed", range(8))
def test_greedy_lies_between_the_best_candidate_and_exhaustive_search(make, score, seed: int) -> None:
    answers, truth = make(5, samples=25, seed=seed)
    weights = select(answers, truth, score, rounds=4)
    found = score(average(weights, answers), truth)
    assert weights.sum() == pytest.approx(1)
    assert np.all(weights >= 0)
    assert found >= exhaustive(answers, truth, score, 5) - 1e-12
    assert found <= min(score(each, truth) for each in answers) + 1e-12


@pytest.mark.parametrize(("make", "score"), [(classes, log_loss_of), (values, mse_of)])
@pytest.mark.parametrize("seed", range(8))
def test_of_two_candidates_greedy_finds_the_best_of_all(make, score, seed: int) -> None:
    # A convex score of one weight has one minimum, and one more member of two is always a step to it.
    answers, truth = make(2, samples=25, seed=seed)
    found = score(average(select(answers, truth, score, rounds=1), answers), truth)
    assert found == pytest.approx(exhaustive(answers, truth, score, 2), rel=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_many_rounds_come_close_to_the_best_weights_of_all(seed: int) -> None:
    # Least squares on the simplex, by exponentiated gradient: independent of the greedy steps.
    answers, truth = values(4, seed=seed)
    weights = np.full(4, 0.25)
    for _ in range(20_000):
        slope = 2 * answers @ (weights @ answers - truth) / len(truth)
        weights = weights * np.exp(-0.05 * slope)
        weights /= weights.sum()
    found = mse_of(average(select(answers, truth, mse_of, rounds=100), answers), truth)
    assert found == pytest.approx(mse_of(weights @ answers, truth), rel=2e-3)
    assert found >= mse_of(weights @ answers, truth) - 1e-9


def test_selection_by_hand() -> None:
    truth = np.zeros(4)
    answers = np.array([[1.0, 1, 1, 1], [-3.0, -3, -3, -3], [9.0, 9, 9, 9]])
    # Rounds: a (1), aa (1) against ab (−1): both square to 1, the first index wins; then aab (−1/3), and
    # with four members aaab is exactly 0.
    assert select(answers, truth, mse_of, rounds=0).tolist() == [1, 0, 0]
    assert select(answers, truth, mse_of, rounds=1).tolist() == [1, 0, 0]
    assert select(answers, truth, mse_of, rounds=2).tolist() == pytest.approx([2 / 3, 1 / 3, 0])
    assert select(answers, truth, mse_of, rounds=3).tolist() == [0.75, 0.25, 0]
    assert select(answers, truth, mse_of, rounds=50).tolist() == [0.75, 0.25, 0]


def test_the_fast_ways_choose_as_the_general_one_does() -> None:
    for (answers, truth), score in ((classes(6), log_loss_of), (values(6), mse_of)):
        general = select(answers, truth, lambda mean, true, score=score: score(mean, true), rounds=20)
        assert np.array_equal(select(answers, truth, score, rounds=20), general)
        assert np.count_nonzero(general) > 1


def test_order_of_candidates_and_samples_does_not_matter() -> None:
    answers, truth = classes(6, seed=3)
    random = np.random.default_rng(0)
    order, rows = random.permutation(6), random.permutation(len(truth))
    weights = select(answers, truth, log_loss_of)
    assert select(answers[order], truth, log_loss_of).tolist() == weights[order].tolist()
    assert select(answers[:, rows], truth[rows], log_loss_of).tolist() == weights.tolist()


def test_copies_of_one_candidate_add_nothing() -> None:
    answers, truth = classes(1)
    weights = select(np.repeat(answers, 5, axis=0), truth, log_loss_of)
    assert weights.tolist() == [1, 0, 0, 0, 0]
    # Nor do copies that differ by rounding, though one mixture or another then scores lower by 1e-15.
    answers, truth = values(1)
    rounding = 1 + 2.0**-50 * np.random.default_rng(0).integers(-2, 3, (5, len(truth)))
    assert np.count_nonzero(select(answers * rounding, truth, mse_of)) == 1


@pytest.mark.parametrize("most", [1, 2, 3])
def test_at_most_so_many_different_candidates(most: int) -> None:
    answers, truth = values(8, 200)
    assert np.count_nonzero(select(answers, truth, mse_of)) > 3
    weights = select(answers, truth, mse_of, most=most)
    assert np.count_nonzero(weights) == most
    if most == 1:
        assert np.argmax(weights) == np.argmin(mse_of(answers, truth))


@pytest.mark.parametrize("score", [log_loss_of, error_rate])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_candidate_that_is_not_finite_is_never_added(score, bad: float) -> None:
    answers, truth = classes(5)
    best = int(np.argmin(log_loss_of(answers, truth)))
    answers[best, 3] = bad
    others = np.delete(np.arange(5), best)
    weights = select(answers, truth, score)
    assert weights[best] == 0
    assert weights[others].tolist() == select(answers[others], truth, score).tolist()


def test_nothing_to_choose_from_is_refused() -> None:
    answers, truth = classes(2)
    with pytest.raises(ValueError, match="finite"):
        select(np.full_like(answers, np.nan), truth, log_loss_of)
    with pytest.raises(ValueError, match="finite"):
        select(answers, truth, lambda mean, true: np.nan)
    with pytest.raises(ValueError, match="at most 0"):
        select(answers, truth, log_loss_of, most=0)


def test_fifty_candidates_are_chosen_from_in_a_moment() -> None:
    answers, truth = classes(50, 2000, 10)
    start = time.thread_time()  # of processor, whatever else runs
    select(answers.astype(np.float32), truth, log_loss_of)
    assert time.thread_time() - start < 1.0


# Selection in bags --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "score"), [(classes, log_loss_of), (values, mse_of)])
def test_averages_chosen_in_bags_are_better_on_rows_that_chose_nothing(make, score) -> None:
    """What bags are for, on made-up candidates: thirty, chosen among by 25 rows, scored on 1,000 others."""
    ratios = []
    for seed in range(40):
        answers, truth = make(30, 1025, seed=seed)
        order = np.argsort(score(answers[:, :25], truth[:25]))
        few, many = answers[order][:, :25], answers[order][:, 25:]
        ways = [chosen(few, truth[:25], score) for chosen in (select_in_bags, select)]
        in_bags, greedy = (score(average(weights, many), truth[25:]) for weights in ways)
        ratios.append(np.log(in_bags / greedy))
    assert np.mean(ratios) < -3 * np.std(ratios, ddof=1) / np.sqrt(40)


def test_weights_are_the_mean_of_the_bags() -> None:
    answers, truth = classes(14, 40)
    random, total = np.random.default_rng(0), np.zeros(14)
    for _ in range(20):
        bag = np.sort(random.choice(np.arange(14), 7, replace=False))
        total[bag] += select(answers[bag], truth, log_loss_of, rounds=10)
    assert select_in_bags(answers, truth, log_loss_of) == pytest.approx(total / 20, rel=1e-12)
    heaviest = np.sort(np.argsort(-total)[:4])
    weights = select_in_bags(answers, truth, log_loss_of, most=4)
    assert np.flatnonzero(weights).tolist() == heaviest.tolist()
    assert weights[heaviest] == pytest.approx(total[heaviest] / total[heaviest].sum(), rel=1e-12)


def test_with_many_rows_the_best_is_in_every_bag() -> None:
    answers, truth = values(14, 200)
    answers[5] = truth + 0.1 * (answers[5] - truth)  # far better than all others
    random, total = np.random.default_rng(0), np.zeros(14)
    for _ in range(20):
        bag = np.array(sorted({5, *random.choice(np.arange(14), 7, replace=False).tolist()}))
        total[bag] += select(answers[bag], truth, mse_of, rounds=10)
    assert select_in_bags(answers, truth, mse_of) == pytest.approx(total / 20, rel=1e-12)
    few = select_in_bags(answers[:, :199], truth[:199], mse_of)
    assert few[5] < 0.75 < total[5] / 20


@pytest.mark.parametrize("candidates", [1, 3, 5])
def test_among_few_there_are_no_bags(candidates: int) -> None:
    answers, truth = classes(candidates)
    assert np.array_equal(
        select_in_bags(answers, truth, log_loss_of), select(answers, truth, log_loss_of, rounds=50)
    )


def test_at_most_one_is_the_best_one() -> None:
    answers, truth = values(30)
    assert select_in_bags(answers, truth, mse_of, most=1)[np.argmin(mse_of(answers, truth))] == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_in_bags_too_a_candidate_that_is_not_finite_is_never_added(bad: float) -> None:
    answers, truth = values(30)
    answers[[2, 7, 20], 3] = bad
    others = np.delete(np.arange(30), [2, 7, 20])
    weights = select_in_bags(answers, truth, mse_of)
    assert weights[[2, 7, 20]].tolist() == [0, 0, 0]
    assert weights[others] == pytest.approx(select_in_bags(answers[others], truth, mse_of), rel=1e-12)
    with pytest.raises(ValueError, match="finite"):
        select_in_bags(np.full_like(answers, bad), truth, mse_of)
    with pytest.raises(ValueError, match="at most 0"):
        select_in_bags(answers, truth, mse_of, most=0)


def test_what_samples_tell() -> None:
    # Mean 1, standard deviation 2/√3, standard error 1/√3: below two of them, 1.15.
    assert not tells(np.array([2.0, 2, 0, 0]))
    # Mean 1, standard deviation 1/√3, standard error 1/√12: above two of them, 0.58.
    assert tells(np.array([1.5, 1.5, 0.5, 0.5]))
    assert not tells(-np.array([1.5, 1.5, 0.5, 0.5]))
    assert not tells(np.array([5.0]))
    assert not tells(np.zeros(9))


# Temperature --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("true_temperature", [0.3, 1.0, 4.0])
def test_the_temperature_that_labels_were_drawn_with_is_found(true_temperature: float) -> None:
    random = np.random.default_rng(0)
    probabilities = softmax(random.normal(0, 3, (20_000, 4)))
    honest = probabilities ** (1 / true_temperature)
    honest /= honest.sum(axis=1, keepdims=True)
    truth = (random.random((20_000, 1)) > np.cumsum(honest, axis=1)).sum(axis=1).clip(0, 3)
    assert temperature(probabilities, truth) == pytest.approx(true_temperature, rel=0.05)
    assert calibration_error(scaled(probabilities, true_temperature), truth) < 0.02


def test_temperature_in_closed_form() -> None:
    # All say 0.9, and 3 of 4 and half of one more are right: σ(log 9 / T) has to be 3.5/5.
    probabilities, truth = np.tile([0.9, 0.1], (4, 1)), np.array([0, 0, 0, 1])
    assert best_temperature(probabilities, truth) == pytest.approx(np.log(9) / np.log(0.7 / 0.3), rel=1e-4)
    assert scaled(probabilities, 2.0) == pytest.approx(np.tile([0.75, 0.25], (4, 1)))


@pytest.mark.parametrize("seed", range(5))
def test_no_temperature_on_a_grid_is_better(seed: int) -> None:
    (probabilities,), truth = classes(1, 40, seed=seed)

    def loss(at: float) -> float:
        logarithms = np.log(probabilities ** (1 / at) / np.sum(probabilities ** (1 / at), axis=1)[:, None])
        return -float(logarithms[np.arange(40), truth].sum() + logarithms.mean())

    found = loss(best_temperature(probabilities, truth))
    grid = [loss(each) for each in np.geomspace(0.05, 20, 2000)]
    assert found <= min(grid) + 1e-9
    assert found == pytest.approx(min(grid), abs=4e-3)


def test_temperature_goes_to_its_bounds_and_stays_at_one_without_evidence() -> None:
    sure = np.tile([0.6, 0.4], (5, 1))
    # Five of five and half of one more are right: σ(log 1.5 / T) has to be 5.5/6.
    assert best_temperature(sure, np.zeros(5, int)) == pytest.approx(np.log(1.5) / np.log(11), rel=1e-4)
    assert best_temperature(sure, np.ones(5, int)) == 20
    many = np.tile([0.6, 0.4], (50_000, 1))
    assert best_temperature(many, np.zeros(50_000, int)) == 0.05
    assert best_temperature(np.full((5, 3), 1 / 3), np.array([0, 1, 2, 0, 1])) == 1.0


def test_a_temperature_is_used_only_where_the_samples_tell() -> None:
    # All say 0.95, and three of four are right: cooler answers are better, but of four samples who knows?
    probabilities, truth = np.tile([0.95, 0.05], (4, 1)), np.array([0, 0, 0, 1])
    assert best_temperature(probabilities, truth) > 2
    assert temperature(probabilities, truth) == 1
    many = np.tile(probabilities, (30, 1)), np.tile(truth, 30)
    assert temperature(*many) == best_temperature(*many) == pytest.approx(np.log(19) / np.log(3), rel=0.02)


def test_scaling_keeps_sums_and_order_and_one_changes_nothing() -> None:
    (probabilities,), _ = classes(1)
    for each in (0.05, 0.7, 3.0, 20.0):
        found = scaled(probabilities.astype(np.float32), each)
        assert found.sum(axis=1) == pytest.approx(1)
        assert np.array_equal(found.argmax(axis=1), probabilities.argmax(axis=1))
    assert scaled(probabilities, 1.0) == pytest.approx(probabilities)
    assert scaled(scaled(probabilities, 2.0), 3.0) == pytest.approx(scaled(probabilities, 6.0))
    assert scaled(np.array([[0.0, 1.0]]), 1.0).tolist() == [[pytest.approx(0), 1]]


# Calibration --------------------------------------------------------------------------------------------


def certain(confidence: list[float], right: list[bool]) -> tuple[np.ndarray, np.ndarray]:
    """Two classes: the first is named with a confidence above a half, and is or is not the true one."""
    top = np.array(confidence)
    return np.column_stack([top, 1 - top]), np.where(right, 0, 1)


def test_calibration_error_by_hand() -> None:
    probabilities, truth = certain([0.95, 0.93, 0.72, 0.78, 0.55], [True, False, True, True, False])
    # Tenths: 0.9–1: mean 0.94, half right; 0.7–0.8: 0.75, all right; 0.5–0.6: 0.55, none right.
    assert calibration_error(probabilities, truth, bins=10) == pytest.approx(
        (2 * 0.44 + 2 * 0.25 + 1 * 0.55) / 5
    )
    found = reliability(probabilities, truth)
    assert [each.samples for each in found] == [1, 2, 2]
    assert [each[:4] for each in found] == [
        pytest.approx((0.5, 0.6, 0.55, 0.0)),
        pytest.approx((0.7, 0.8, 0.75, 1.0)),
        pytest.approx((0.9, 1.0, 0.94, 0.5)),
    ]
    # One bin of everything: mean confidence 0.786, three of five right.
    assert calibration_error(probabilities, truth, bins=1) == pytest.approx(0.786 - 0.6)


def test_edges_belong_to_the_bin_below_and_nothing_is_lost() -> None:
    probabilities, truth = certain([0.5, 0.75, 1.0], [True] * 3)
    found = reliability(probabilities, truth, bins=4)
    assert [(each.low, each.samples) for each in found] == [(0.25, 1), (0.5, 1), (0.75, 1)]
    # A float32 softmax can exceed 1 by its rounding.
    above = np.array([[np.nextafter(np.float32(1), np.float32(2)), 0]], np.float32)
    assert reliability(above, np.array([0]))[0].samples == 1


@pytest.mark.parametrize("bins", [1, 7, 15])
def test_calibration_error_is_that_of_a_plain_loop(bins: int) -> None:
    (probabilities,), truth = classes(1, 300)
    total = 0.0
    for number in range(bins):
        inside = [
            (max(row), int(np.argmax(row)) == true)
            for row, true in zip(probabilities.tolist(), truth.tolist(), strict=True)
            if number / bins < max(row) <= (number + 1) / bins
        ]
        total += abs(sum(right for _, right in inside) - sum(confidence for confidence, _ in inside))
    assert calibration_error(probabilities, truth, bins) == pytest.approx(total / 300)


def test_calibration_error_ignores_order_and_names_of_classes() -> None:
    (probabilities,), truth = classes(1, 300)
    rows, order = np.random.default_rng(0).permutation(300), np.array([2, 0, 1])
    expected = calibration_error(probabilities, truth)
    assert calibration_error(probabilities[rows], truth[rows]) == pytest.approx(expected)
    assert calibration_error(probabilities[:, order], np.argsort(order)[truth]) == pytest.approx(expected)
    assert calibration_error(np.eye(3)[truth], truth) == 0
    assert calibration_error(np.eye(3)[truth], (truth + 1) % 3) == 1
