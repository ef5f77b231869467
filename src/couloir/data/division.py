"""How rows are divided: class by class, by whole groups, or along time.

Everything here works on positions among some rows, given their class numbers, groups or times.
`couloir.data.splits` turns the answers into parts, folds and replicates of a data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from couloir.engine import seeds
from couloir.errors import InputError
from couloir.text import count


def take_rows(labels: np.ndarray, share: float, leave: int, generator: np.random.Generator) -> np.ndarray:
    """A random share of the rows, of each class its share to within one row.

    Args:
        labels: class of each row [row]; all equal where there are no classes.
        share: of the rows to take, between 0 and 1.
        leave: of each class at least so many rows are left, where taking one row allows it.
        generator: what the choice is drawn from.

    Returns:
        Whether each row is taken [row]. A class of one row is left.
    """
    _, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
    # The rounded running sum of the shares gives every class its share to within one row, and the
    # whole part too, which rounding class by class would not.
    running = np.round(np.cumsum(counts) * share).astype(int)
    most = np.maximum(counts - leave, np.minimum(counts - 1, 1))
    quotas = np.clip(np.diff(running, prepend=0), np.minimum(1, most), most)
    shuffled = generator.permutation(len(labels))
    ordered = shuffled[np.argsort(numbers[shuffled], kind="stable")]
    starts = np.cumsum(counts) - counts
    place_in_class = np.arange(len(labels)) - np.repeat(starts, counts)
    taken = np.zeros(len(labels), bool)
    taken[ordered[place_in_class < np.repeat(quotas, counts)]] = True
    return taken


def take_groups(
    labels: np.ndarray, groups: np.ndarray, share: float, leave: int, generator: np.random.Generator
) -> np.ndarray:
    """Whole groups, drawn at random, that hold about a share of the rows and of each class.

    The groups are gone through in a random order, and one is taken where that brings the part nearer to
    its share of each class: where Σ_class (rows taken − rows wanted)² / rows of the class falls. At first
    none is taken that makes the part too large, so that a large group does not keep out small ones that
    fit. No group is taken whose going leaves a class without a row, unless each group is such a one.

    Args:
        labels: class of each row [row]; all equal where there are no classes.
        groups: group of each row [row]; there are more groups than `leave`.
        share: of the rows to take, between 0 and 1.
        leave: at least so many groups are left.
        generator: what the order is drawn from.

    Returns:
        Whether each row is taken [row]; one group is taken at least.
    """
    classes, class_of_row = np.unique(labels, return_inverse=True)
    names, group_of_row = np.unique(groups, return_inverse=True)
    cells = np.bincount(group_of_row * len(classes) + class_of_row, minlength=len(names) * len(classes))
    tallies = cells.reshape(len(names), len(classes))  # rows of each class in each group
    totals, sizes = tallies.sum(axis=0), tallies.sum(axis=1)
    wanted = share * totals
    order = generator.permutation(len(tallies))
    chosen, held = np.zeros(len(tallies), bool), np.zeros(len(totals), int)
    room = len(tallies) - leave
    for limit in (wanted.sum(), np.inf):
        for group in order:
            if room == 0 or chosen[group] or held.sum() + sizes[group] > limit:
                continue
            # What the sum of squares above would grow by.
            growth = tallies[group] @ ((2 * (held - wanted) + tallies[group]) / totals)
            if growth < 0 and (held + tallies[group] < totals).all():
                chosen[group], held, room = True, held + tallies[group], room - 1
    if not chosen.any():
        strips = (tallies == totals).any(axis=1)
        distances = np.sum((tallies - wanted) ** 2 / totals, axis=1)
        chosen[order[np.lexsort((distances[order], strips[order]))[0]]] = True
    return chosen[group_of_row]


def take_latest(times: np.ndarray, share: float, leave: int, column: str) -> np.ndarray:
    """The latest rows, about a share of them; rows of one time stay together.

    Args:
        times: time of each row [row].
        share: of the rows to take; the border is the change of time nearest to it.
        leave: rows of at least so many different times are left.
        column: what the times are called, for the error.

    Returns:
        Whether each row is taken [row]; one is at least.

    Raises:
        InputError: there are too few different times.
    """
    order = np.argsort(times, kind="stable")
    (cut,) = _cuts(times[order], [len(times) * (1 - share)], leave - 1, column)
    taken = np.zeros(len(times), bool)
    taken[order[cut:]] = True
    return taken


def blocks(
    labels: np.ndarray | None, groups: np.ndarray | None, rows: int, folds: int, seed: int
) -> list[np.ndarray]:
    """Positions in each of k blocks, which share none and together are all.

    Without groups shuffled rows, class after class, are dealt out to the blocks in turn: their sizes, and
    their rows of each class, differ by at most one. (scikit-learn's KFold and StratifiedKFold make blocks
    of the same sizes, but to import them takes longer than to train a hundred small networks.) With groups
    they are scikit-learn's StratifiedGroupKFold and GroupKFold. The latter puts the largest groups first,
    each into the block with the fewest rows; the seed decides only among groups of one size, for its
    shuffling would balance the number of groups and not that of rows.
    """
    if groups is None:
        marks = np.zeros(rows, int) if labels is None else by_appearance(labels)
        shuffled = seeds.generator(seeds.BLOCKS, seed).permutation(rows)
        ordered = shuffled[np.argsort(marks[shuffled], kind="stable")]
        return [np.sort(ordered[first::folds]) for first in range(folds)]
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    if labels is None:
        names, groups = np.unique(groups, return_inverse=True)
        groups = seeds.generator(seeds.BLOCKS, seed).permutation(len(names))[groups]
        pairs = GroupKFold(folds).split(groups, None, groups)
    else:
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        pairs = splitter.split(labels, np.unique(labels, return_inverse=True)[1], groups)
    return [np.sort(held_out) for _, held_out in pairs]


def by_appearance(values: np.ndarray) -> np.ndarray:
    """Each value as a number, counted in the order in which the values first appear, [row]."""
    _, first, numbers = np.unique(values, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[numbers]


def windows(times: np.ndarray, folds: int, fewest: int, column: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of positions (before, held out): k blocks in the order of time, and all that was before each.

    The borders are those of scikit-learn's TimeSeriesSplit on the rows sorted by time, each moved to the
    nearest change of time, so that rows of one time stay together. The rows before the first border are
    in no block.

    Args:
        times: time of each row [row].
        folds: the number of blocks.
        fewest: different times that have to be before the first border.
        column: what the times are called, for the error.

    Raises:
        InputError: there are too few different times.
    """
    order = np.argsort(times, kind="stable")
    _check_times(times, folds + fewest, column)
    size = len(order) // (folds + 1)
    wishes = [len(order) - size * later for later in range(folds, 0, -1)]
    borders = [*_cuts(times[order], wishes, fewest - 1, column), len(order)]
    return [(np.sort(order[:start]), np.sort(order[start:end])) for start, end in pairwise(borders)]


def _cuts(ordered: np.ndarray, wishes: Sequence[float], skip: int, column: str) -> list[int]:
    """Rising positions at which sorted times change, each the nearest to its wish that leaves one for all.

    The first `skip` changes are not used.
    """
    changes = np.flatnonzero(ordered[1:] != ordered[:-1])[skip:] + 1
    if len(changes) < len(wishes):
        _check_times(ordered, len(wishes) + 1 + skip, column)
    chosen: list[int] = []
    lowest = 0
    for later, wish in zip(range(len(wishes) - 1, -1, -1), wishes, strict=True):
        room = changes[lowest : len(changes) - later]
        lowest += int(np.abs(room - wish).argmin()) + 1
        chosen.append(int(changes[lowest - 1]))
    return chosen


def _check_times(times: np.ndarray, needed: int, column: str) -> None:
    """Raise where there are fewer different times than needed."""
    found = len(np.unique(times))
    if found < needed:
        raise InputError(
            f"The {len(times)} rows to divide have {count(found, 'different time')} in '{column}', and "
            f"{needed} are needed, since rows of one time stay together: give more rows, or ask for fewer "
            "parts."
        )
