"""Paired tests over replicates: against SciPy, hand calculation, and races of equals."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement
from math import factorial

import numpy as np
import pytest
from scipy import stats

from couloir.selection.comparison.paired import Pair, compare, corrected_interval, corrected_t, holm, verdicts

# Tests and intervals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 5, 10])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_without_validation_rows_it_is_the_ordinary_paired_test(count: int, confidence: float) -> None:
    first, second = np.random.default_rng(count).normal([[0.0], [0.4]], 1, (2, count))
    reference = stats.ttest_rel(first, second)
    bounds = reference.confidence_interval(confidence)
    found = corrected_t(first - second, 80, 0, confidence)
    assert found == pytest.approx(
        (np.mean(first - second), bounds.low, bounds.high, reference.statistic, reference.pvalue), rel=1e-9
    )


def test_the_correction_by_hand() -> None:
    # Mean 2, s² = 1, S = 3: √((1/3 + 20/80) · 1) = √(7/12); t(2) at 97.5 % is 4.30265.
    error = np.sqrt(7 / 12)
    found = corrected_t(np.array([1.0, 2.0, 3.0]), 80, 20)
    assert found.t == pytest.approx(2 / error)
    assert (found.low, found.high) == pytest.approx((2 - 4.30265 * error, 2 + 4.30265 * error), rel=1e-5)
    # Student's t with two degrees of freedom in closed form: P(T > t) = 1/2 − t / (2 √(2 + t²)).
    assert found.p == pytest.approx(1 - found.t / np.sqrt(2 + found.t**2))
    assert corrected_interval(np.array([1.0, 2.0, 3.0]), 80, 20) == found[:3]


def test_the_interval_and_the_test_agree() -> None:
    random = np.random.default_rng(3)
    for _ in range(20):
        found = corrected_t(random.normal(0.5, 1, 6), 60, 30)
        assert found.low is not None
        assert found.high is not None
        assert found.p is not None
        assert (found.low > 0 or found.high < 0) == (found.p < 0.05)


def test_equal_differences_leave_no_variance() -> None:
    # Three times 0.1 has a variance of 3e-34 by rounding.
    assert corrected_t(np.full(3, 0.1), 80, 20) == (0.1, 0.1, 0.1, np.inf, 0.0)
    assert corrected_t(np.full(3, -0.1), 80, 20) == (-0.1, -0.1, -0.1, -np.inf, 0.0)
    assert corrected_t(np.zeros(10), 80, 20) == (0.0, 0.0, 0.0, 0.0, 1.0)


def test_one_replicate_has_a_mean_only() -> None:
    assert corrected_interval(np.array([3.0]), 80, 20) == (3.0, None, None)
    assert corrected_t(np.array([3.0]), 80, 20) == (3.0, None, None, None, None)


@pytest.mark.parametrize("values", [[], [1.0, np.nan], [np.inf, 1.0], [[1.0, 2.0]]])
def test_what_is_not_a_list_of_finite_numbers_is_refused(values: list) -> None:
    with pytest.raises(ValueError, match="finite"):
        corrected_interval(np.array(values), 80, 20)
    with pytest.raises(ValueError, match="rows"):
        corrected_interval(np.ones(3), 0, 20)


# Holm ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        # 4·0.005, 3·0.01, 2·0.03, 1·0.04 raised to the one before it.
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.5, 0.4, 0.03], [0.8, 0.8, 0.09]),
        ([0.7, 0.6], [1.0, 1.0]),
        ([0.02, 0.02, 0.02], [0.06, 0.06, 0.06]),
        ([0.0, 1.0], [0.0, 1.0]),
        ([0.03], [0.03]),
        ([], []),
    ],
)
def test_holm_by_hand(p_values: list[float], adjusted: list[float]) -> None:
    assert holm(p_values) == pytest.approx(adjusted)


def test_holm_rejects_what_the_step_down_procedure_rejects() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        p = random.uniform(0, 0.1, 6) ** 2
        rejected, left = set(), sorted(range(6), key=lambda place: p[place])
        while left and p[left[0]] < 0.05 / len(left):
            rejected.add(left.pop(0))
        assert set(np.flatnonzero(holm(p) < 0.05)) == rejected


# Pairs --------------------------------------------------------------------------------------------------


def scores(gaps: dict[str, float], replicates: int = 10, seed: int = 0) -> dict[str, np.ndarray]:
    """Names a known distance apart, around a level that all share in a replicate."""
    random = np.random.default_rng(seed)
    level = random.normal(0, 5, replicates)
    return {name: gap + level + random.normal(0, 0.1, replicates) for name, gap in gaps.items()}


def names(pair: Pair) -> tuple[str, str]:
    return pair.first, pair.second


def test_pairs_are_paired_tests_with_holm_over_all() -> None:
    values = scores({"slow": 2.0, "quick": 0.0, "quicker": -0.02})
    pairs = compare(values, 80, 20)
    assert [{pair.first, pair.second} for pair in pairs] == [set(each) for each in combinations(values, 2)]
    for pair in pairs:
        tested = corrected_t(values[pair.first] - values[pair.second], 80, 20)
        assert (pair.difference, pair.low, pair.high, pair.p) == (*tested[:3], tested.p)
        assert pair.difference <= 0
        assert pair.different is ("slow" in names(pair))
    assert [pair.p_adjusted for pair in pairs] == holm([pair.p for pair in pairs]).tolist()


def test_order_and_unit_do_not_matter() -> None:
    values = scores({"a": 0.0, "b": 0.1, "c": 0.2})
    backwards = {name: 1000 * values[name][::-1] for name in reversed(values)}
    found = {frozenset(names(pair)): pair for pair in compare(values, 80, 20)}
    for pair in compare(backwards, 80, 20):
        same = found[frozenset(names(pair))]
        assert pair.first == same.first
        assert (pair.p, pair.p_adjusted) == pytest.approx((same.p, same.p_adjusted))
        assert pair.difference == pytest.approx(1000 * same.difference)


def test_a_name_that_diverged_is_not_compared_and_costs_the_others_nothing() -> None:
    values = scores({"a": 0.0, "b": 0.1, "c": -5.0, "d": -6.0})
    values["c"][[1, 4]] = np.nan, np.inf
    values["d"][:] = np.nan
    pairs = compare(values, 80, 20)
    alone = compare({name: values[name] for name in "ab"}, 80, 20)
    assert [pair for pair in pairs if pair.p is not None] == alone
    without = [pair for pair in pairs if pair.p is None]
    assert [names(pair) for pair in without] == [("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")]
    for pair in without:
        assert pair == Pair(first=pair.first, second=pair.second, untested=pair.untested)
        assert (pair.difference, pair.p, pair.p_adjusted, pair.different) == (None,) * 4
    reason = "c diverged in 2 of 10 replicates and is not compared."
    assert without[0].untested == [reason]
    assert without[4].untested == [reason, "d diverged in 10 of 10 replicates and is not compared."]


def test_one_replicate_and_unequal_replicates() -> None:
    (pair,) = compare({"a": np.array([2.0]), "b": np.array([1.0])}, 80, 20)
    assert pair == Pair(first="b", second="a", difference=-1.0, untested=pair.untested)
    assert verdicts([pair], ["b", "a"]) == ["One replicate alone cannot show which differences are real."]
    with pytest.raises(ValueError, match="same replicates"):
        compare({"a": np.ones(2), "b": np.ones(3)}, 80, 20)


# Races of equals ----------------------------------------------------------------------------------------

RULES, ROWS, TRAIN = 8, 100, 80


def race_of_equals(random: np.random.Generator, replicates: int) -> np.ndarray:
    """Scores [rule, replicate] of eight rules of the same expectation on random splits of the same rows.

    A score is the mean of what the rows in its training part and in its validation part contribute, each
    row in its own way to each rule, plus what the initial weights contribute: 15, 55 and 30 % of its
    variance. Two replicates share 80 % of the one, 20 % of the other and nothing of the last.
    """
    train = random.permuted(np.tile(np.arange(ROWS) < TRAIN, (replicates, 1)), axis=1)
    trained_on, scored_on = random.normal(size=(2, RULES, ROWS))
    start = random.normal(size=(RULES, replicates))
    validation = ROWS - TRAIN
    return (
        np.sqrt(0.15 / TRAIN) * trained_on @ train.T
        + np.sqrt(0.55 / validation) * scored_on @ ~train.T
        + np.sqrt(0.30) * start
    )


def bootstrap_p(differences: np.ndarray) -> np.ndarray:
    """Two-sided percentile bootstrap of the mean, exactly: all resamples of few values, [pair]."""
    count = differences.shape[1]
    drawn = [
        np.bincount(each, minlength=count) for each in combinations_with_replacement(range(count), count)
    ]
    ways = np.array([factorial(count) / np.prod([factorial(times) for times in each]) for each in drawn])
    above = (differences @ np.array(drawn).T > 0) @ (ways / count**count)
    return 2 * np.minimum(above, 1 - above)


def test_the_model_of_equals_has_the_correlation_it_says() -> None:
    random = np.random.default_rng(1)
    values = np.concatenate([race_of_equals(random, 2) for _ in range(3000)])
    assert np.mean(values, axis=0) == pytest.approx(0, abs=0.03)
    # 0.15 · 0.8 + 0.55 · 0.2 = 0.23, close to the 0.2 that the correction supposes; 24,000 pairs of values.
    assert np.corrcoef(values.T)[0, 1] == pytest.approx(0.23, abs=0.02)


@pytest.mark.slow
def test_equals_are_told_apart_in_five_of_a_hundred_races_and_by_a_percentile_bootstrap_in_most() -> None:
    random = np.random.default_rng(0)
    races, corrected, uncorrected, bootstrap = 400, 0, 0, 0
    for _ in range(races):
        values = {str(number): each for number, each in enumerate(race_of_equals(random, 10))}
        corrected += any(pair.different for pair in compare(values, TRAIN, ROWS - TRAIN))
        uncorrected += any(pair.different for pair in compare(values, TRAIN, 0))
        five = race_of_equals(random, 5)
        differences = np.array([five[i] - five[j] for i, j in combinations(range(RULES), 2)])
        bootstrap += bool(np.any(holm(bootstrap_p(differences)) < 0.05))
    # 5 % of 400 races is 20 ± 4.4: three deviations.
    assert 7 <= corrected <= 33
    assert uncorrected > 0.4 * races
    assert bootstrap > 0.6 * races


# Sentences ----------------------------------------------------------------------------------------------


def pair(first: str, second: str, p: float, adjusted: float, different: bool) -> Pair:
    return Pair(
        first=first,
        second=second,
        difference=-1.0,
        low=-2.0,
        high=0.0,
        p=p,
        p_adjusted=adjusted,
        different=different,
    )


def made(ranking: str, different: str) -> list[Pair]:
    """Pairs of one-letter names in the order of a ranking; those named are different."""
    apart = set(different.split())
    return [pair(a, b, 0.01, 0.01, a + b in apart) for a, b in combinations(ranking, 2)]


HOLM = "p below 0.05 after Holm's correction)."


@pytest.mark.parametrize(
    ("ranking", "different", "sentences"),
    [
        ("ab", "", ["a and b cannot be told apart here."]),
        ("ab", "ab", [f"a is better than b ({HOLM}"]),
        ("abc", "", ["a, b and c cannot be told apart here."]),
        (
            "abc",
            "ac bc",
            ["a and b cannot be told apart here.", f"a and b are each better than c (each {HOLM}"],
        ),
        ("abc", "ab ac bc", [f"a and b are each better than all that rank below (each {HOLM}"]),
        ("abcde", "", ["No two of the 5 can be told apart here."]),
        (
            "abcd",
            "ac ad bc bd",
            [
                "a and b cannot be told apart here.",
                f"a and b are each better than c and d (each {HOLM}",
                "c and d cannot be told apart here.",
            ],
        ),
        (
            "abcd",
            "ab ac ad",
            [f"a is better than all the others (each {HOLM}", "b, c and d cannot be told apart here."],
        ),
        ("abcd", "ab ac ad bc bd cd", [f"a, b and c are each better than all that rank below (each {HOLM}"]),
        (
            "abcde",
            "ad ae be ce",
            [
                "a, b and c cannot be told apart here.",
                f"a is better than d and e (each {HOLM}",
                "b, c and d cannot be told apart here.",
                "b and c are each better than e.",
                "d and e cannot be told apart here.",
            ],
        ),
        # Not in the order of the ranking: a is better than c though it ties with d.
        (
            "abcd",
            "ac",
            [
                "a, b and d cannot be told apart here.",
                f"a is better than c ({HOLM}",
                "b, c and d cannot be told apart here.",
            ],
        ),
    ],
)
def test_sentences(ranking: str, different: str, sentences: list[str]) -> None:
    assert verdicts(made(ranking, different), list(ranking)) == sentences


@pytest.mark.parametrize("seed", range(30))
def test_sentences_say_all_that_the_pairs_say_and_nothing_else(seed: int) -> None:
    """Read back, the sentences give every pair's answer: for any pattern, also one no race would give."""
    random = np.random.default_rng(seed)
    ranking = "abcdefg"[: 4 + seed % 4]
    couples = ["".join(each) for each in combinations(ranking, 2)]
    different = {each for each in couples if random.random() < (seed % 5) / 4}
    better, alike = set(), set()
    for sentence in verdicts(made(ranking, " ".join(different)), list(ranking)):
        left, _, right = sentence.split(" (")[0].rstrip(".").partition(" better than ")
        names = [word for word in left.replace(",", " ").split() if len(word) == 1 and word in ranking]
        if not right:
            group = ranking if left.startswith("No two") else names
            alike |= {"".join(each) for each in combinations(group, 2)}
        for name in names if right else []:
            others = right.replace(",", " ").split()
            if right == "all the others":
                others = [other for other in ranking if other not in names]
            elif right == "all that rank below":
                others = [*ranking[ranking.index(name) + 1 :]]
            better |= {name + other for other in others if other != "and"}
    assert better == different
    assert alike == set(couples) - different


def test_names_that_diverged_come_last_once_each() -> None:
    values = scores({"adam": 0.0, "sgd": 3.0, "lion": 1.0, "rprop": 0.5})
    values["lion"][0] = values["rprop"][:3] = np.nan
    assert verdicts(compare(values, 80, 20, 0.01), ["adam", "lion", "rprop", "sgd"], 0.01) == [
        "adam is better than sgd (p below 0.01 after Holm's correction).",
        "lion diverged in 1 of 10 replicates and is not compared.",
        "rprop diverged in 3 of 10 replicates and is not compared.",
    ]


def test_a_large_race_of_equals_is_one_sentence_at_once() -> None:
    names = [f"rule {number}" for number in range(40)]
    pairs = [pair(a, b, 0.9, 1.0, False) for a, b in combinations(names, 2)]
    assert verdicts(pairs, names) == ["No two of the 40 can be told apart here."]


def test_a_ranking_that_lacks_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks b"):
        verdicts(made("ab", ""), ["a"])
    assert verdicts([], ["a"]) == []
