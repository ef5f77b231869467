"""A person's table as rows in a plane: two columns of numbers, and a target."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from couloir.data.dataset import Dataset
from couloir.data.loading import load
from couloir.engine import seeds
from couloir.errors import InputError, unknown
from couloir.studio.rooms.network.settings import DataSettings

MOST_CLASSES = 6
"""Classes that can be told apart in a picture."""

MOST_COLUMNS = 200


@dataclass(frozen=True)
class PlaneTable:
    """A table's rows for the plane, the columns that are not used, and how many rows could be used."""

    dataset: Dataset
    unused: list[str]
    rows: int


def columns(path: Path) -> tuple[list[str], list[str]]:
    """All columns of a table, and those that hold numbers; an InputError where there are fewer than three."""
    first = _readable(path)
    frame = first.features
    if not isinstance(frame, pl.DataFrame) or frame.width < 2:
        raise InputError(f"The file '{path.name}' needs at least three columns: two to see, one to predict.")
    names = [*frame.columns, first.target_name][:MOST_COLUMNS]
    numeric = [name for name in frame.columns if frame[name].dtype.is_numeric()]
    if np.asarray(first.target).dtype.kind in "iuf":
        numeric.append(first.target_name)
    return names, numeric


def _readable(path: Path) -> Dataset:
    """The table with some column as the target: the first that can be one, from the last on."""
    try:
        return load(path)
    except InputError as error:
        if "--target" not in str(error):
            raise
    from couloir.data.sources.opening import read_table

    failed: InputError | None = None
    for name in reversed(read_table(path).frame.columns[-20:]):
        try:
            return load(path, target=name)
        except InputError as error:
            failed = failed or error
    raise failed or InputError(f"The file '{path.name}' has no column: give one with a header.")


def plane_table(path: Path, settings: DataSettings) -> PlaneTable:
    """The rows of a table that have both numbers, at most as many as are asked for.

    Raises:
        InputError: a column is not there, is used twice or holds no numbers; too many classes; too few rows.
    """
    names, numeric = columns(path)
    for name in (settings.x, settings.y, settings.target):
        if name not in names:
            raise unknown("column", name, names)
    if len({settings.x, settings.y, settings.target}) < 3:
        raise InputError("The two inputs and the target have to be three columns: choose another.")
    for name in (settings.x, settings.y):
        if name not in numeric:
            raise InputError(f"Column '{name}' holds no numbers: choose one that does.")
    used = (settings.x, settings.y, settings.target)
    unused = [name for name in names if name not in used]
    return _thinned(load(path, target=settings.target, drop=unused), unused, settings)


def _thinned(dataset: Dataset, unused: list[str], settings: DataSettings) -> PlaneTable:
    if dataset.classes and len(dataset.classes) > MOST_CLASSES:
        raise InputError(
            f"Column '{dataset.target_name}' has {len(dataset.classes)} classes: choose a target with "
            f"at most {MOST_CLASSES}, or a number."
        )
    features: Any = dataset.features
    values = features[[settings.x, settings.y]].cast(float).fill_null(np.nan).to_numpy()
    rows = np.flatnonzero(np.isfinite(values).all(axis=1))
    usable = len(rows)
    if usable < 30:
        raise InputError(f"{usable} rows have numbers in both columns: at least 30 are needed.")
    if usable > settings.rows:
        rows = np.sort(seeds.generator(seeds.SHOWN, settings.seed).choice(rows, settings.rows, replace=False))
    chosen = replace(dataset, features=dataset.rows(rows), target=dataset.target[rows])
    return PlaneTable(chosen, unused, usable)
