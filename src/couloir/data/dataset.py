"""What a data set is, once loaded: raw columns, a target, a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import polars as pl

Task = Literal["classification", "regression"]
"""What is to be predicted: a class, or a number."""


@dataclass(frozen=True)
class Dataset:
    """Rows of raw features with a target; nothing here has been fitted to anything.

    Attributes:
        name: what the person called it (a bundled set's name, a file's stem).
        features: the raw columns: a Polars frame for tables, a number array [sample, feature]
            for arrays and images (bytes stay bytes).
        target: class labels (any scalar type) or float64 values, [sample].
        target_name: the target's column name.
        task: what is to be predicted.
        column_names: the feature columns, in order; x0, x1 … for arrays, "pixel row,column" for images.
        image_shape: (height, width) where every row is an image whose pixels are the features.
        pixel_maximum: the brightest value a pixel can take (255, or 16 for digits), for images.
        test_rows: rows that the source itself sets aside for the test, or None.
        missing_tokens: texts that were read as missing besides the empty cell.
        fingerprint: hash of the raw contents, the same for the same data on every machine.
        groups: number of each row's group [sample], or None; no group is divided between parts.
        group_name: the column that the groups come from; it is not among the features.
        times: when each row was [sample], int64 or float64 that can be sorted, or None; rows are divided
            along time, and those of one time stay together.
        time_name: the column that the times come from; it is not among the features.
        source: how to load it again from any folder: the `data` and the words of `loading` for
            `couloir.load`; empty for what came from memory.
    """

    name: str
    features: pl.DataFrame | np.ndarray
    target: np.ndarray
    target_name: str
    task: Task
    fingerprint: str
    column_names: tuple[str, ...]
    image_shape: tuple[int, int] | None = None
    pixel_maximum: float | None = None
    test_rows: np.ndarray | None = None
    missing_tokens: tuple[str, ...] = ()
    groups: np.ndarray | None = None
    group_name: str | None = None
    times: np.ndarray | None = None
    time_name: str | None = None
    source: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.target)

    @cached_property
    def classes(self) -> tuple[str | int | float | bool, ...] | None:
        """The class labels in sorted order, as plain Python values; None for regression."""
        if self.task == "regression":
            return None
        return tuple(np.unique(self.target).tolist())

    def rows(self, indices: np.ndarray) -> pl.DataFrame | np.ndarray:
        """The raw features of the rows named, in their order."""
        return self.features[indices]


@dataclass(frozen=True)
class Split:
    """Row numbers of the three parts; they share none and together are every row used.

    Attributes:
        train: what is learnt from, and all that anything is fitted to.
        validation: what members are stopped and chosen by.
        test: what is scored once, at the end.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @property
    def sizes(self) -> dict[str, int]:
        """Rows in each part."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}


@dataclass(frozen=True)
class Fold:
    """Row numbers of one fold of a cross-validation, each sorted; they share none.

    Attributes:
        train: what the fold's members learn from, and all that anything is fitted to.
        stopping: what they are stopped by; empty where nothing stops them.
        held_out: what they are scored on.
    """

    train: np.ndarray
    stopping: np.ndarray
    held_out: np.ndarray
