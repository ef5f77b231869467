"""Data sets to be divided, and what holds for every division."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from couloir.data.dataset import Dataset, Fold
from couloir.data.loading import load


def values_of(rows: int) -> Dataset:
    """A regression data set."""
    target = np.random.default_rng(0).normal(size=rows)
    return load((target[:, None], target))


def classes_of_sizes(sizes: list[int]) -> Dataset:
    """A classification data set with so many rows of each class, in a random order."""
    target = np.repeat(np.arange(len(sizes)), sizes)
    np.random.default_rng(0).shuffle(target)
    return load((np.arange(len(target), dtype=float)[:, None], target), task="classification")


def grouped(data: Dataset, sizes: list[int]) -> Dataset:
    """The data set with groups of the sizes given, up to its last row."""
    groups = np.repeat(np.arange(len(sizes)), sizes)[: len(data)]
    return replace(data, groups=np.random.default_rng(1).permutation(groups), group_name="patient")


def timed(data: Dataset, times: np.ndarray) -> Dataset:
    return replace(data, times=np.asarray(times), time_name="day")


def check_fold(fold: Fold, rows: np.ndarray) -> None:
    """Sorted row numbers among the rows, none of them twice."""
    parts = (fold.train, fold.stopping, fold.held_out)
    together = np.concatenate(parts)
    assert len(np.unique(together)) == len(together)
    assert np.isin(together, rows).all()
    assert all((np.diff(part) > 0).all() for part in parts)
    assert all(part.dtype.kind == "i" for part in parts)


def check_cover(folds: list[Fold], rows: np.ndarray) -> None:
    """Each fold uses all rows, and each row is held out once."""
    for fold in folds:
        check_fold(fold, rows)
        used = np.concatenate([fold.train, fold.stopping, fold.held_out])
        assert np.array_equal(np.sort(used), rows)
    assert np.array_equal(np.sort(np.concatenate([fold.held_out for fold in folds])), rows)


def same(first: list[Fold], second: list[Fold]) -> bool:
    names = ("train", "stopping", "held_out")
    return all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for a, b in zip(first, second, strict=True)
        for name in names
    )


def group_sets(data: Dataset, parts: list[np.ndarray]) -> list[set[int]]:
    assert data.groups is not None
    return [set(data.groups[part].tolist()) for part in parts]
