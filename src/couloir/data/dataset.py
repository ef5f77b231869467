"""What a data set is, once loaded: raw columns, a target, a task; its fingerprint and its description."""

from __future__ import annotations

import hashlib
import html
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import polars as pl

from couloir.data.columns import column_kind, numbers_of
from couloir.text import count, one_line

Task = Literal["classification", "regression"]
"""What is to be predicted: a class, or a number."""

DIGITS = 16
"""Hexadecimal digits of a fingerprint that are kept: 64 bits, so that two sets never meet by chance."""

SHOWN_CLASSES = 10


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

    def __repr__(self) -> str:
        """What is in it, in one line."""
        size = f"{count(len(self), 'row')}, {count(len(self.column_names), 'column')}"
        classes = "" if self.classes is None else f" ({count(len(self.classes), 'class', 'classes')})"
        wanted = f"{self.task} of {one_line(self.target_name)}{classes}"
        return f"<dataset {one_line(self.name)}: {size}, {wanted}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the description, and the first rows of a table."""
        lines = "<br>".join(html.escape(line) for line in summary_lines(self))
        table = self.features.head()._repr_html_() if isinstance(self.features, pl.DataFrame) else ""
        return f"<div><p>{lines}</p>{table}</div>"

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.target)

    @cached_property
    def classes(self) -> tuple[str | int | float | bool, ...] | None:
        """The class labels in sorted order, as plain Python values; None for regression."""
        return None if self.task == "regression" else tuple(np.unique(self.target).tolist())

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


def describe(dataset: Dataset) -> dict[str, Any]:
    """Name, rows, columns by kind, task, target, missing cells and fingerprint, as plain JSON values.

    `group` and `time` name the column that groups the rows or orders them, with the number of different
    `groups` or `times`; they are None where there is none. For classification `classes` and
    `class_counts` are lists in the same order; for regression `target_minimum`, `target_mean` and
    `target_maximum` are in the target's units.
    """
    if isinstance(dataset.features, pl.DataFrame):
        columns = dataset.features.get_columns()
        kinds = dict(Counter(map(column_kind, columns)))
        missing = sum(column.null_count() for column in columns)
    else:
        kinds = {"pixel" if dataset.image_shape else "numeric": len(dataset.column_names)}
        missing = int(np.isnan(dataset.features).sum()) if dataset.features.dtype.kind == "f" else 0
    description: dict[str, Any] = {
        "name": dataset.name,
        "rows": len(dataset),
        "columns": len(dataset.column_names),
        "column_kinds": kinds,
        "task": dataset.task,
        "target": dataset.target_name,
        "missing": missing,
        "image_shape": list(dataset.image_shape) if dataset.image_shape else None,
        "test_rows": None if dataset.test_rows is None else len(dataset.test_rows),
        "group": dataset.group_name,
        "groups": _different(dataset.groups),
        "time": dataset.time_name,
        "times": _different(dataset.times),
        "fingerprint": dataset.fingerprint,
    }
    if dataset.classes is not None:
        counts = np.unique(dataset.target, return_counts=True)[1]
        return {**description, "classes": list(dataset.classes), "class_counts": counts.tolist()}
    target = dataset.target
    low, mean, high = float(target.min()), float(target.mean()), float(target.max())
    return {**description, "target_minimum": low, "target_mean": mean, "target_maximum": high}


def summary_lines(dataset: Dataset) -> list[str]:
    """The description in two to five lines for a person."""
    found = describe(dataset)
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in found["column_kinds"].items())
    lines = [f"{found['name']}: {count(found['rows'], 'row')}, {count(found['columns'], 'column')} ({kinds})"]
    if dataset.classes is None:
        low, mean, high = (found[f"target_{what}"] for what in ("minimum", "mean", "maximum"))
        lines.append(f"regression of {found['target']}: from {low:.6g} to {high:.6g}, mean {mean:.6g}")
    else:
        pairs = list(zip(found["classes"], found["class_counts"], strict=True))
        shown = ", ".join(f"{label} ({number:,})" for label, number in pairs[:SHOWN_CLASSES])
        more = f" and {len(pairs) - SHOWN_CLASSES} more" if len(pairs) > SHOWN_CLASSES else ""
        lines.append(f"classification of {found['target']}, {len(pairs)} classes: {shown}{more}")
    if found["missing"]:
        lines.append(count(found["missing"], "missing cell"))
    if found["groups"]:
        lines.append(f"grouped by {found['group']}: {count(found['groups'], 'group')}, none of them divided")
    if found["times"]:
        times = f"{found['times']:,} different times"
        lines.append(f"ordered by {found['time']}: {times}, the latest for the test")
    if found["test_rows"]:
        lines.append(f"{found['test_rows']:,} rows are set aside by the source for the test")
    return lines


def _different(values: np.ndarray | None) -> int | None:
    """The number of different values, where there are any."""
    return None if values is None else len(np.unique(values))


def fingerprint(features: pl.DataFrame | np.ndarray, names: Iterable[str], target: np.ndarray) -> str:
    """A short name for the contents, the same on every machine: SHA-256 over names, raw values and target.

    Numbers, truth values and dates count as little-endian float64 and texts as UTF-8, so that the same
    values give the same fingerprint whether they came as a CSV file, a Parquet file or a frame. Arrays of
    whole numbers from 0 to 255 count as bytes, in whatever type they came.
    """
    digest = hashlib.sha256()
    _add_texts(digest, pl.Series([*names], dtype=pl.String))
    if isinstance(features, pl.DataFrame):
        for column in features.get_columns():
            _add_column(digest, column)
    else:
        _add_array(digest, features)
    _add_column(digest, pl.Series(target)) if target.dtype.kind in "US" else _add_numbers(digest, target)
    return digest.hexdigest()[:DIGITS]


def _add_column(digest: hashlib._Hash, column: pl.Series) -> None:
    if column.dtype == pl.String:
        _add_texts(digest, column)
    else:
        _add_numbers(digest, numbers_of(column))


def _add_texts(digest: hashlib._Hash, texts: pl.Series) -> None:
    """Add texts with their lengths, so that no two lists give the same bytes; -1 is a missing one."""
    lengths = texts.str.len_bytes().cast(pl.Int64).fill_null(-1).to_numpy().astype("<i8")
    digest.update(b"text" + len(texts).to_bytes(8, "little") + lengths.tobytes())
    digest.update((texts.str.join("")[0] or "").encode())


def _add_numbers(digest: hashlib._Hash, values: np.ndarray) -> None:
    """Add numbers as float64, with one kind of zero and one kind of NaN."""
    values = np.asarray(values, "<f8") + 0.0
    digest.update(b"real" + values.size.to_bytes(8, "little"))
    digest.update(np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes())


def _add_array(digest: hashlib._Hash, array: np.ndarray) -> None:
    """Add an array [sample, feature], as bytes where it holds bytes."""
    digest.update(b"array" + b"".join(size.to_bytes(8, "little") for size in array.shape))
    if array.dtype != np.uint8 and array.size and array.min() >= 0 and array.max() <= 255:
        as_bytes = array.astype(np.uint8)
        array = as_bytes if np.array_equal(as_bytes, array) else array
    if array.dtype == np.uint8:
        digest.update(b"byte")
        digest.update(np.ascontiguousarray(array).data)
    else:
        _add_numbers(digest, array)
