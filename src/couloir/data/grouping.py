"""The column that binds rows: into groups that stay together, or into an order of time.

Neither is a feature: a new row comes from another patient and a later day, so that what was learnt from
such a column would not hold for it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from couloir.data.columns import Place, conform_column, one_line, quoted, type_column
from couloir.errors import InputError, unknown


class Binding(NamedTuple):
    """What binds the rows, and the column that says so."""

    role: Literal["group", "time"]
    column: str


def binding_of(group: str | None, time: str | None) -> Binding | None:
    """The one of the two that is given, if any.

    Raises:
        InputError: both are given.
    """
    if group is not None and time is not None:
        raise InputError(
            f"The rows cannot be bound both by the group {quoted(group)} and by the time {quoted(time)}: "
            "give one of the two."
        )
    if group is not None:
        return Binding("group", group)
    return None if time is None else Binding("time", time)


def refuse_binding(binding: Binding | None, name: str) -> None:
    """Raise where rows without named columns are to be bound by one."""
    if binding is not None:
        raise InputError(
            f"The data {quoted(name)} have no named columns, so none is the {binding.role} "
            f"{quoted(binding.column)}: leave it out, or give a table."
        )


def read_binding(
    frame: pl.DataFrame, binding: Binding, target_name: str, missing: tuple[str, ...], place: Place
) -> np.ndarray:
    """The groups as numbers from 0 [sample], or the times as numbers that can be sorted [sample].

    Groups are told apart by their text. Times are numbers, dates, moments, or texts of ISO dates; an
    int64 holds whole numbers, days or fractions of a second, a float64 other numbers.

    Raises:
        InputError: there is no such column, or it is the target; a cell is missing, or is not a time.
    """
    role, name = binding
    if name == target_name:
        raise InputError(f"The target {quoted(name)} cannot be the {role} as well: name another column.")
    if name not in frame.columns:
        raise unknown("column", one_line(name), map(one_line, frame.columns))
    if role == "group":
        texts = conform_column(frame[name], "categorical", missing, place)
        _refuse_missing(texts, binding, place)
        return np.unique(np.array(texts.to_list(), dtype=np.str_), return_inverse=True)[1]
    return _times(frame[name], binding, missing, place)


def _times(column: pl.Series, binding: Binding, missing: tuple[str, ...], place: Place) -> np.ndarray:
    """Times as int64 or float64."""
    typed = type_column(column, missing, place)
    _refuse_missing(typed, binding, place)
    if typed.dtype == pl.String:
        first = int((~typed.str.contains(r"^\d{4}-\d{2}-\d{2}")).arg_max() or 0)
        raise InputError(
            f"The time {quoted(binding.column)} holds {quoted(typed[first])} in {place(first)}, and its "
            "cells are not all dates: write each as 2024-12-31 or 2024-12-31 18:30:00, or give numbers."
        )
    if typed.dtype == pl.Boolean:
        raise InputError(
            f"The time {quoted(binding.column)} holds true and false: give a column of dates or of numbers."
        )
    kind = pl.Float64 if typed.dtype.is_float() else pl.Int64
    return typed.to_physical().cast(kind).to_numpy().copy()


def _refuse_missing(typed: pl.Series, binding: Binding, place: Place) -> None:
    """Raise for the first row that is bound to nothing."""
    count = typed.null_count()
    if count:
        first = int(typed.is_null().arg_max() or 0)
        others = f" and {count - 1} more" if count > 1 else ""
        raise InputError(
            f"The {binding.role} {quoted(binding.column)} is missing in {place(first)}{others}: "
            "fill it in, or leave such rows out."
        )
