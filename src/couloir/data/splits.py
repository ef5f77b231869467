"""Parts of the rows: to learn from, to choose by, to test once; folds, and replicates.

Rows are divided at random, class by class where there are classes. Where the data set has groups
(`load(group=…)`), no group is in two parts. Where it has times (`load(time=…)`), nothing is drawn: later
rows judge what was learnt from earlier ones, and rows of one time stay together.
"""

from __future__ import annotations

import numpy as np

from couloir.data.dataset import Dataset, Fold, Split
from couloir.data.division import blocks, take_groups, take_latest, take_rows, windows
from couloir.engine import seeds
from couloir.errors import InputError
from couloir.kinds import are_shares
from couloir.options import TRAIN, taken_by
from couloir.text import count

Fractions = tuple[float, float, float]

USUAL: Fractions = taken_by(TRAIN)["split"].default

INNER = 0.15
"""Share of a fold's training rows that its members are stopped by."""


def split_rows(dataset: Dataset, fractions: Fractions = USUAL, seed: int = 0) -> Split:
    """Divide the rows into training, validation and test.

    - Each part gets its share of the rows to within one, and of each class to within two, but at least
      one row of each class.
    - With groups the shares are met as well as whole groups allow, and each class is in training.
    - With times the test rows are the latest and the validation rows those before; the borders are the
      changes of time nearest to the shares. The seed changes nothing.
    - Where the data set brings test rows of its own, they are the test part, and the others are divided
      in the proportion of the first two fractions. (Test rows and others may then share a group.)
    - A test share of 0 leaves the test part empty: nothing is tested. Test rows that the data set brings
      are then in no part.

    Args:
        dataset: what to divide.
        fractions: of training, validation and test, of which only the last may be 0; their sum is 1.
        seed: the run seed; the same seed gives the same split.

    Returns:
        Sorted row numbers that share none and together are every row, but for test rows left alone.

    Raises:
        InputError: a part that is asked for would be empty; a class has too few rows to be in each of them
            (with groups or times: in training); there are fewer groups or times than parts.
    """
    if not are_shares(fractions, 1):
        raise InputError(
            f"The split {tuple(fractions)} is not three fractions with the sum 1, of which only the last may "
            "be 0: give training, validation and test, as in (0.7, 0.15, 0.15), or (0.85, 0.15, 0) to test "
            "nothing."
        )
    generator = seeds.generator(seeds.PARTS, seed)
    rows = np.arange(len(dataset))
    train_share, validation_share, test_share = fractions
    if dataset.test_rows is not None:
        test = np.sort(dataset.test_rows)
        rest = np.setdiff1d(rows, test, assume_unique=True)
    elif test_share:
        test, rest = _divide(dataset, rows, test_share, 2, generator)
    else:
        rest = rows
    share = validation_share / (train_share + validation_share)
    validation, train = _divide(dataset, rest, share, 1, generator)
    parts = {"train": train, "validation": validation} | ({"test": test} if test_share else {})
    _check_parts(dataset, rows, parts)
    return Split(train=train, validation=validation, test=parts.get("test", rows[:0]))


def replicate_rows(
    dataset: Dataset, rows: np.ndarray, share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Divide some rows into training and validation once more, as `split_rows` does.

    Different seeds give different divisions; with times, the one that there is.

    Args:
        dataset: what the rows are of.
        rows: row numbers to divide: all but the test part.
        share: of the rows for validation, between 0 and 1.
        seed: the replicate's seed.

    Returns:
        (train, validation), sorted row numbers that share none and together are `rows`.

    Raises:
        InputError: as for `split_rows`.
    """
    _check_share(share, "validation")
    rows = np.unique(rows)
    generator = seeds.generator(seeds.REPLICATE, seed)
    validation, train = _divide(dataset, rows, share, 1, generator)
    _check_parts(dataset, rows, {"train": train, "validation": validation})
    return train, validation


def fold_rows(
    dataset: Dataset, rows: np.ndarray, folds: int, seed: int = 0, inner: float | None = INNER
) -> list[Fold]:
    """Divide some rows into k folds for cross-validation, each with a part of its own to stop by.

    - Without times each row is held out by one fold. The folds' sizes differ by at most one row, and so
      do their rows of each class; with groups they are as equal as whole groups allow.
    - With times the rows are cut into k + 1 blocks in their order; each but the first is held out once,
      by a fold that learns from all blocks before it.
    - A fold's rows to stop by are taken from those that it would learn from: stratified, by whole
      groups, or the latest.

    Args:
        dataset: what the rows are of.
        rows: row numbers to divide: all but the test part.
        folds: k, at least 2.
        seed: the run seed; the same seed gives the same folds.
        inner: share of a fold's training rows to stop by; None to have them all learnt from.

    Raises:
        InputError: `folds` is not a whole number of at least 2; there are too few rows, groups or times; a
            class has fewer rows than there are folds, or none in what some fold learns from.
    """
    rows = np.unique(rows)
    if inner is not None:
        _check_share(inner, "inner")
    _check_folds(dataset, rows, folds)
    found = []
    for number, (known, held_out) in enumerate(_folds(dataset, rows, folds, seed, inner), start=1):
        stopping, train = rows[:0], known
        if inner is not None:
            if dataset.groups is not None:
                purpose = f"fold {number} to stop by one and learn from another"
                _check_groups(dataset, dataset.groups[known], 2, purpose)
            generator = seeds.generator(seeds.INNER, seed, number)
            stopping, train = _divide(dataset, known, inner, 1, generator)
        fold = Fold(train=train, stopping=stopping, held_out=held_out)
        _check_fold(dataset, rows, fold, number, inner is not None)
        found.append(fold)
    return found


def _divide(
    dataset: Dataset, rows: np.ndarray, share: float, leave: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Part sorted rows into (taken, left), both sorted; what is left can be parted into `leave` parts."""
    labels = _labels(dataset, rows)
    labels = np.zeros(len(rows), np.int8) if labels is None else labels
    if dataset.times is not None:
        taken = take_latest(dataset.times[rows], share, leave, str(dataset.time_name))
    elif dataset.groups is not None:
        groups = dataset.groups[rows]
        _check_groups(dataset, groups, leave + 1, f"{leave + 1} parts")
        taken = take_groups(labels, groups, share, leave, generator)
    else:
        taken = take_rows(labels, share, leave, generator)
    return rows[taken], rows[~taken]


def _folds(
    dataset: Dataset, rows: np.ndarray, folds: int, seed: int, inner: float | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of sorted row numbers: what each fold knows, and what it holds out."""
    if dataset.times is not None:
        # The first fold's rows are divided once more where it needs a part to stop by.
        fewest = 1 if inner is None else 2
        pairs = windows(dataset.times[rows], folds, fewest, str(dataset.time_name))
        return [(rows[before], rows[held_out]) for before, held_out in pairs]
    groups = None if dataset.groups is None else dataset.groups[rows]
    state = seeds.state(seeds.FOLDS, seed)
    held = [rows[block] for block in blocks(_labels(dataset, rows), groups, len(rows), folds, state)]
    return [(np.setdiff1d(rows, held_out, assume_unique=True), held_out) for held_out in held]


def _labels(dataset: Dataset, rows: np.ndarray) -> np.ndarray | None:
    """The class of each row, or None for regression."""
    return dataset.target[rows] if dataset.task == "classification" else None


def _check_share(share: float, what: str) -> None:
    if not 0 < share < 1:
        raise InputError(f"The {what} share {share} is not between 0 and 1: give one such as 0.15.")


def _check_parts(dataset: Dataset, rows: np.ndarray, parts: dict[str, np.ndarray]) -> None:
    """Raise for an empty part, or a class that is lacking where it has to be."""
    for part, indices in parts.items():
        if len(indices) == 0:
            raise InputError(
                f"The {part} part of {len(rows)} rows would be empty: give more rows or another split."
            )
    # Whole groups and times cannot be had in each part with each class; but none can go unlearnt.
    bound = dataset.groups is not None or dataset.times is not None
    for part in ("train",) if bound else tuple(parts):
        _check_classes(dataset, rows, parts[part], f"in the {part} part", "give more rows of it")


def _check_classes(dataset: Dataset, rows: np.ndarray, part: np.ndarray, where: str, advice: str) -> None:
    """Raise for a class that the rows have and a part of them lacks."""
    labels = _labels(dataset, rows)
    if labels is None:
        return
    absent = set(np.unique(labels).tolist()) - set(np.unique(dataset.target[part]).tolist())
    if absent:
        label = min(absent, key=str)
        known = count(int((labels == label).sum()), "row")
        raise InputError(
            f"Class '{label}' of '{dataset.target_name}' has {known} and none {where}: {advice}, "
            "or leave the class out."
        )


def _check_groups(dataset: Dataset, groups: np.ndarray, needed: int, purpose: str) -> None:
    found = len(np.unique(groups))
    if found < needed:
        raise InputError(
            f"The {len(groups)} rows to divide have {count(found, 'group')} in '{dataset.group_name}', "
            f"too few for {purpose}, since no group is divided: give at least {needed} groups, or ask for "
            "fewer parts."
        )


def _check_folds(dataset: Dataset, rows: np.ndarray, folds: int) -> None:
    """Raise where some rows cannot be divided into so many folds."""
    if not isinstance(folds, (int, np.integer)) or isinstance(folds, bool) or folds < 2:
        raise InputError(f"The number of folds, {folds}, is not a whole number of at least 2: give 5 or 10.")
    if len(rows) < folds:
        raise InputError(
            f"There are {len(rows)} rows for {folds} folds: give more rows, or ask for fewer folds."
        )
    if dataset.times is not None:
        return
    if dataset.groups is not None:
        _check_groups(dataset, dataset.groups[rows], folds, f"{folds} folds")
    if dataset.task == "classification":
        labels, counts = np.unique(dataset.target[rows], return_counts=True)
        label, fewest = labels[counts.argmin()], int(counts.min())
        if fewest < folds:
            fewer = f"ask for at most {fewest} folds, " if fewest > 1 else ""
            raise InputError(
                f"Class '{label}' of '{dataset.target_name}' has {count(fewest, 'row')} outside the test "
                f"part and {folds} folds need at least {folds}: {fewer}give more rows of it, or leave the "
                "class out."
            )


def _check_fold(dataset: Dataset, rows: np.ndarray, fold: Fold, number: int, stops: bool) -> None:
    """Raise where a fold has no row for something, or does not learn from every class."""
    parts = {"learn from": fold.train, "hold out": fold.held_out, "stop by": fold.stopping}
    for use, part in parts.items():
        if len(part) == 0 and (stops or use != "stop by"):
            raise InputError(
                f"Fold {number} of the {len(rows)} rows would have none to {use}: "
                "give more rows, or ask for fewer folds."
            )
    advice = "ask for another number of folds, give more rows of it"
    _check_classes(dataset, rows, fold.train, f"in what fold {number} learns from", advice)
