"""Three parts of the rows: to learn from, to choose by, to test once."""

from __future__ import annotations

import numpy as np

from couloir.data.dataset import Dataset, Split
from couloir.errors import InputError

Fractions = tuple[float, float, float]


def parse_split(text: str) -> Fractions:
    """The fractions that "70/15/15" names: training, validation, test.

    Raises:
        InputError: not three positive numbers with the sum 100.
    """
    try:
        parts = [float(part) for part in text.split("/")]
    except ValueError:
        parts = []
    if len(parts) != 3 or not all(0 < part < 100 for part in parts) or abs(sum(parts) - 100) > 1e-9:
        raise InputError(
            f"The split '{text}' is not three positive percentages with the sum 100: "
            "write training/validation/test, as in 70/15/15."
        )
    return parts[0] / 100, parts[1] / 100, parts[2] / 100


def split_rows(dataset: Dataset, fractions: Fractions = (0.70, 0.15, 0.15), seed: int = 0) -> Split:
    """Divide the rows at random, class by class where there are classes.

    Each part gets its share of the rows to within one, and of each class to within two, but at least
    one row of each class. Where the data set brings test rows of its own, they are the test part, and
    the others are divided in the proportion of the first two fractions.

    Args:
        dataset: what to divide.
        fractions: of training, validation and test; their sum is 1.
        seed: the run seed; the same seed gives the same split.

    Returns:
        Sorted row numbers that share none and together are every row.

    Raises:
        InputError: a part would be empty, or a class has too few rows to be in every part.
    """
    _check_fractions(fractions)
    generator = np.random.default_rng([seed, 0x5B117])
    rows = np.arange(len(dataset))
    train_share, validation_share, test_share = fractions
    if dataset.test_rows is not None:
        test = np.sort(dataset.test_rows)
        rest = np.setdiff1d(rows, test, assume_unique=True)
    else:
        test, rest = _take(dataset, rows, test_share, 2, generator)
    validation, train = _take(
        dataset, rest, validation_share / (train_share + validation_share), 1, generator
    )
    split = Split(train=train, validation=validation, test=test)
    _check_parts(dataset, split)
    return split


def _take(
    dataset: Dataset, rows: np.ndarray, share: float, leave: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Part the rows into (taken, left), both sorted; of each class at least `leave` rows are left."""
    labels = dataset.target[rows] if dataset.task == "classification" else np.zeros(len(rows), np.int8)
    _, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
    # The rounded running sum of the shares gives every class its share to within one row, and the
    # whole part too, which rounding class by class would not.
    running = np.round(np.cumsum(counts) * share).astype(int)
    quotas = np.clip(np.diff(running, prepend=0), 1, np.maximum(counts - leave, 1))
    shuffled = generator.permutation(len(rows))
    ordered = shuffled[np.argsort(numbers[shuffled], kind="stable")]
    starts = np.cumsum(counts) - counts
    place_in_class = np.arange(len(rows)) - np.repeat(starts, counts)
    taken = place_in_class < np.repeat(quotas, counts)
    return np.sort(rows[ordered[taken]]), np.sort(rows[ordered[~taken]])


def _check_fractions(fractions: Fractions) -> None:
    """Raise unless there are three positive fractions with the sum 1."""
    if len(fractions) != 3 or not all(0 < part < 1 for part in fractions) or abs(sum(fractions) - 1) > 1e-9:
        raise InputError(
            f"The split {tuple(fractions)} is not three positive fractions with the sum 1: "
            "give training, validation and test, as in (0.7, 0.15, 0.15)."
        )


def _check_parts(dataset: Dataset, split: Split) -> None:
    """Raise for an empty part, or a class that a part has no row of."""
    for part, size in split.sizes.items():
        if size == 0:
            raise InputError(
                f"The {part} part of {len(dataset)} rows would be empty: give more rows or another split."
            )
    if dataset.classes is None:
        return
    for part, indices in (("train", split.train), ("validation", split.validation), ("test", split.test)):
        absent = set(dataset.classes) - set(np.unique(dataset.target[indices]).tolist())
        if absent:
            label = min(absent, key=str)
            count = int((dataset.target == label).sum())
            raise InputError(
                f"Class '{label}' of '{dataset.target_name}' has {count} row{'s' if count != 1 else ''} "
                f"and none in the {part} part: give more rows of it, or leave the class out."
            )
