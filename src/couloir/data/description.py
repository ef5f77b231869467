"""What a data set holds, in numbers and in words."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import polars as pl

from couloir.data.columns import column_kind
from couloir.data.dataset import Dataset

SHOWN_CLASSES = 10


def describe(dataset: Dataset) -> dict[str, Any]:
    """Name, rows, columns by kind, task, target, missing cells and fingerprint, as plain JSON values.

    `group` and `time` name the column that binds the rows, with the number of different `groups` or
    `times`; they are None where there is none. For classification `classes` and `class_counts` are lists
    in the same order; for regression `target_minimum`, `target_mean` and `target_maximum` are in the
    target's units.
    """
    description: dict[str, Any] = {
        "name": dataset.name,
        "rows": len(dataset),
        "columns": len(dataset.column_names),
        "column_kinds": _kinds(dataset),
        "task": dataset.task,
        "target": dataset.target_name,
        "missing": _missing(dataset),
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
    return {
        **description,
        "target_minimum": float(dataset.target.min()),
        "target_mean": float(dataset.target.mean()),
        "target_maximum": float(dataset.target.max()),
    }


def summary_lines(dataset: Dataset) -> list[str]:
    """The description in two to five lines for a person."""
    found = describe(dataset)
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in found["column_kinds"].items())
    lines = [
        f"{found['name']}: {_count(found['rows'], 'row')}, {_count(found['columns'], 'column')} ({kinds})"
    ]
    if dataset.classes is None:
        low, mean, high = (found[f"target_{what}"] for what in ("minimum", "mean", "maximum"))
        lines.append(f"regression of {found['target']}: from {low:.6g} to {high:.6g}, mean {mean:.6g}")
    else:
        pairs = list(zip(found["classes"], found["class_counts"], strict=True))
        shown = ", ".join(f"{label} ({count:,})" for label, count in pairs[:SHOWN_CLASSES])
        more = f" and {len(pairs) - SHOWN_CLASSES} more" if len(pairs) > SHOWN_CLASSES else ""
        lines.append(f"classification of {found['target']}, {len(pairs)} classes: {shown}{more}")
    if found["missing"]:
        lines.append(_count(found["missing"], "missing cell"))
    if found["groups"]:
        lines.append(f"grouped by {found['group']}: {_count(found['groups'], 'group')}, none of them divided")
    if found["times"]:
        lines.append(
            f"ordered by {found['time']}: {found['times']:,} different times, the latest for the test"
        )
    if found["test_rows"]:
        lines.append(f"{found['test_rows']:,} rows are set aside by the source for the test")
    return lines


def _different(values: np.ndarray | None) -> int | None:
    """The number of different values, where there are any."""
    return None if values is None else len(np.unique(values))


def _count(number: int, what: str) -> str:
    """A number with its noun."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _kinds(dataset: Dataset) -> dict[str, int]:
    """How many columns there are of each kind."""
    if isinstance(dataset.features, pl.DataFrame):
        return dict(Counter(column_kind(column) for column in dataset.features.get_columns()))
    return {"pixel" if dataset.image_shape else "numeric": len(dataset.column_names)}


def _missing(dataset: Dataset) -> int:
    """The number of missing cells among the features."""
    if isinstance(dataset.features, pl.DataFrame):
        return int(sum(column.null_count() for column in dataset.features.get_columns()))
    return int(np.isnan(dataset.features).sum()) if dataset.features.dtype.kind == "f" else 0
