"""Which differences between rules are real: paired tests over replicates, and plain sentences about them.

A replicate is the same race run again with another split, batch order and initial weights. Replicates share
most of their training rows, so that they agree with each other more than independent repetitions would;
a test that ignores this declares winners among equals. Lower scores are better throughout.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from couloir.runs.records.learned import Pair


class PairedTest(NamedTuple):
    """A paired t test: mean difference, its interval, the statistic and the two-sided p."""

    mean: float
    low: float | None
    high: float | None
    t: float | None
    p: float | None


ONE_REPLICATE = "One replicate alone cannot show which differences are real."


# Tests --------------------------------------------------------------------------------------------------


def corrected_interval(
    values: np.ndarray, train_rows: float, validation_rows: float, confidence: float = 0.95
) -> tuple[float, float | None, float | None]:
    """The t interval of a mean over replicates that share training rows (Nadeau & Bengio 2003).

    mean ± t(S−1) · √((1/S + n_validation/n_train) · s²), with s² the sample variance of S values. The
    correction supposes that replicates correlate by n_validation / (n_train + n_validation), as they do
    where the rows that happen to be scored matter more than the rows that happen to be trained on.

    Args:
        values: one score per replicate, [replicate], all finite.
        train_rows: rows that a replicate trains on.
        validation_rows: rows that its score is measured on; 0 gives the ordinary t interval.
        confidence: coverage of the interval.

    Returns:
        the mean and the bounds in the unit of the values; bounds of None for a single value.
    """
    from scipy.special import stdtrit

    mean, error = _mean_and_error(values, train_rows, validation_rows)
    if error is None:
        return mean, None, None
    half = float(stdtrit(len(values) - 1, (1 + confidence) / 2)) * error
    return mean, mean - half, mean + half


def corrected_t(
    differences: np.ndarray, train_rows: float, validation_rows: float, confidence: float = 0.95
) -> PairedTest:
    """The paired t test over replicates that share training rows (Nadeau & Bengio 2003).

    t = mean / √((1/S + n_validation/n_train) · s²), with S − 1 degrees of freedom, two-sided.
    Differences that are all the same leave no variance to test with: p is 1 if they are 0 (t = 0),
    otherwise 0 (t = ±∞). A single difference gives no interval, t or p.

    Args:
        differences: one per replicate, [replicate], all finite.
        train_rows, validation_rows, confidence: as in `corrected_interval`.
    """
    from scipy.special import stdtr

    mean, low, high = corrected_interval(differences, train_rows, validation_rows, confidence)
    _, error = _mean_and_error(differences, train_rows, validation_rows)
    if error is None:
        return PairedTest(mean, low, high, None, None)
    if error == 0:
        t, p = (float(np.sign(mean) * np.inf), 0.0) if mean else (0.0, 1.0)
        return PairedTest(mean, low, high, t, p)
    t = mean / error
    return PairedTest(mean, low, high, t, float(2 * stdtr(len(differences) - 1, -abs(t))))


def _mean_and_error(
    values: np.ndarray, train_rows: float, validation_rows: float
) -> tuple[float, float | None]:
    """Mean and corrected standard error; no error from one value."""
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not len(values) or not np.all(np.isfinite(values)):
        raise ValueError(f"Replicates have to be a list of finite numbers, not {values!r}.")
    if train_rows <= 0 or validation_rows < 0:
        raise ValueError(f"{train_rows} training and {validation_rows} validation rows make no replicate.")
    if len(values) == 1:
        return float(values[0]), None
    if np.ptp(values) == 0:  # the variance of equal values can be a rounding error instead of 0
        return float(values[0]), 0.0
    inflation = 1 / len(values) + validation_rows / train_rows
    return float(values.mean()), float(np.sqrt(inflation * values.var(ddof=1)))


def holm(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
    """P values adjusted for testing many hypotheses at once (Holm 1979).

    With p sorted upwards, p̃₍ᵢ₎ = max over j ≤ i of min(1, (m − j + 1) · p₍ⱼ₎). Declaring those below α
    keeps the chance of even one false declaration at α or below, whatever the tests' dependence.

    Args:
        p_values: [hypothesis].

    Returns:
        the adjusted values in the order given.
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(np.minimum(p[order] * np.arange(len(p), 0, -1), 1.0))
    return adjusted


# Pairs --------------------------------------------------------------------------------------------------


def compare(
    scores: Mapping[str, np.ndarray], train_rows: float, validation_rows: float, level: float = 0.05
) -> list[Pair]:
    """Every pair of names, tested over the replicates they share, with Holm's correction over the pairs.

    A score that is not finite means that the name diverged in that replicate. Leaving the replicate out
    would hide its worst result, and there is no number to put in its place: pairs with such a name are not
    tested (p and different are None, `untested` says why) and do not count in Holm's correction. In them
    `first` is the name that diverged less often.

    Args:
        scores: name → scores [replicate], lower is better, replicates in the same order for all.
        train_rows, validation_rows: as in `corrected_interval`.
        level: chance of one false declaration or more that is accepted.

    Returns:
        pairs in the order of the names.
    """
    values = {name: np.asarray(each, np.float64) for name, each in scores.items()}
    if len({each.shape for each in values.values()}) > 1:
        raise ValueError("All names need a score for each of the same replicates.")
    rows = train_rows, validation_rows
    pairs = [_pair(names, values, rows, 1 - level) for names in itertools.combinations(values, 2)]
    p_values = [pair.p for pair in pairs if pair.p is not None]
    tested = [pair for pair in pairs if pair.p is not None]
    for pair, adjusted in zip(tested, holm(p_values).tolist(), strict=True):
        pair.p_adjusted, pair.different = adjusted, adjusted < level
    return pairs


def _pair(
    names: tuple[str, str], values: Mapping[str, np.ndarray], rows: tuple[float, float], confidence: float
) -> Pair:
    """One pair before Holm's correction, the better name first."""
    first, second = sorted(names, key=lambda name: standing(values[name]))
    untested = [_divergence(name, values[name]) for name in (first, second) if _failures(values[name])]
    if untested:
        return Pair(first=first, second=second, untested=untested)
    mean, low, high, _, p = corrected_t(values[first] - values[second], *rows, confidence)
    untested = [ONE_REPLICATE] if p is None else []
    return Pair(first=first, second=second, difference=mean, low=low, high=high, p=p, untested=untested)


def _failures(values: np.ndarray) -> int:
    return int(np.sum(~np.isfinite(values)))


def standing(values: np.ndarray) -> tuple[int, float]:
    """What puts one name before another: fewer divergences, then the lower mean of the rest."""
    finite = values[np.isfinite(values)]
    return _failures(values), float(finite.mean()) if len(finite) else np.inf


def _divergence(name: str, values: np.ndarray) -> str:
    count = len(values)
    replicates = f"{count} replicate{'s' if count > 1 else ''}"
    return f"{name} diverged in {_failures(values)} of {replicates} and is not compared."


# Sentences ----------------------------------------------------------------------------------------------

Relation = dict[str, frozenset[str]]


def verdicts(pairs: Sequence[Pair], ranking: Sequence[str], level: float = 0.05) -> list[str]:
    """What the pairs say, in plain sentences: who is better than whom, and who cannot be told apart.

    Names that are better than the same others share a sentence. A group that cannot be told apart is as
    large as can be: every two of its names were tested and no difference was declared. Groups may overlap:
    that a cannot be told from b, nor b from c, does not mean that a cannot be told from c.

    Args:
        pairs: from `compare`.
        ranking: every name in the pairs, best first; the order of names within and between sentences.
        level: the level that the pairs were tested at, to be printed.

    Returns:
        sentences, those about the best names first, those about names that were not compared last.
    """
    place = {name: number for number, name in enumerate(ranking)}
    missing = {name for pair in pairs for name in (pair.first, pair.second)} - place.keys()
    if missing:
        raise ValueError(f"The ranking lacks {', '.join(sorted(missing))}.")
    tested = {name for pair in pairs if pair.different is not None for name in (pair.first, pair.second)}
    compared = [name for name in ranking if name in tested]
    beaten, alike = _relation(pairs, compared, True), _relation(pairs, compared, False)
    better = [(group, _better(group, beaten, compared)) for group in _equals(beaten, compared)]
    better.sort(key=lambda claim: place[claim[0][0]])
    if better:
        (group, sentence), claims = better[0], sum(map(len, beaten.values()))
        # The level holds for this and all other claims.
        each = "each p" if claims > 1 else "p"
        better[0] = group, f"{sentence} ({each} below {level:g} after Holm's correction)"
    equal = [(group, _alike(group, compared)) for group in _groups(alike, compared)]
    found = sorted([*equal, *better], key=lambda claim: place[claim[0][0]])
    reasons = dict.fromkeys(reason for pair in pairs for reason in pair.untested)
    return [*(f"{sentence}." for _, sentence in found), *reasons]


def _relation(pairs: Sequence[Pair], names: Sequence[str], different: bool) -> Relation:
    """Whom each name is better than; or, in both directions, whom it cannot be told from."""
    related: dict[str, set[str]] = {name: set() for name in names}
    for pair in pairs:
        if pair.different is different:
            related[pair.first].add(pair.second)
            if not different:
                related[pair.second].add(pair.first)
    return {name: frozenset(others) for name, others in related.items()}


def _groups(alike: Relation, names: Sequence[str]) -> list[list[str]]:
    """The largest groups of which every two are alike: the maximal cliques (Bron & Kerbosch 1973)."""
    found: list[list[str]] = []

    def grow(group: list[str], candidates: list[str], done: list[str]) -> None:
        if not candidates and not done:
            found.append(sorted(group, key=names.index))
            return
        # A largest group holds the pivot or a name that is not alike to it: the others need no look.
        pivot = max([*candidates, *done], key=lambda name: len(alike[name].intersection(candidates)))
        for name in [name for name in candidates if name not in alike[pivot]]:
            near = alike[name]
            grow([*group, name], [c for c in candidates if c in near], [d for d in done if d in near])
            candidates.remove(name)
            done.append(name)

    grow([], list(names), [])
    return [group for group in found if len(group) > 1]


def _equals(beaten: Relation, names: Sequence[str]) -> list[list[str]]:
    """Names that share a sentence: better than the same others, or each than all that rank below it."""
    same: dict[frozenset[str], list[str]] = {}
    for name in names:
        if beaten[name]:
            same.setdefault(beaten[name], []).append(name)
    clear = [
        group
        for others, group in same.items()
        if len(group) == 1 and others == frozenset(names[names.index(group[0]) + 1 :])
    ]
    if len(clear) < 2:
        return list(same.values())
    return [[name for (name,) in clear], *(group for group in same.values() if group not in clear)]


def _alike(group: Sequence[str], names: Sequence[str]) -> str:
    if len(group) == len(names) > 3:
        return f"No two of the {len(names)} can be told apart here"
    return f"{_listed(group)} cannot be told apart here"


def _better(group: Sequence[str], beaten: Relation, names: Sequence[str]) -> str:
    if len({beaten[name] for name in group}) > 1:
        return f"{_listed(group)} are each better than all that rank below"
    others = [name for name in names if name in beaten[group[0]]]
    are = "is" if len(group) == 1 else "are each"
    rest = len(names) - len(group)
    whom = "all the others" if len(others) == rest > 2 else _listed(others)
    return f"{_listed(group)} {are} better than {whom}"


def _listed(names: Sequence[str]) -> str:
    """Names in a sentence: a; a and b; a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
