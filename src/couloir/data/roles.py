"""The columns that are no features: the target, and the one that groups the rows or orders them in time.

A group or a time is no feature because a new row comes from another patient and a later day: what was learnt
from such a column would not hold for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from couloir.data.cells import ISO_DATE, RowName, first_of, refuse_missing
from couloir.data.columns import conform_column, type_column
from couloir.data.dataset import Task
from couloir.errors import InputError
from couloir.text import count, quoted

FEWEST_ROWS = 10
FEWEST_OF_A_CLASS = 3
MOST_CLASSES = 20
ROWS_PER_CLASS = 5


def read_target(
    column: pl.Series,
    name: str,
    task: Task | None,
    missing: Sequence[str],
    row_name: RowName,
    *,
    check: bool = True,
) -> tuple[np.ndarray, Task]:
    """The target's values, which are class labels or float64, and the task that they make.

    Text and truth values are classes. Whole numbers are classes where they take at most 20 different
    values and each has five rows on average. Anything else is regression.

    Args:
        column: as read.
        name: the target's name.
        task: what the person asked for, or None.
        missing: texts that stand for a missing cell.
        row_name: names a row for a person.
        check: whether there have to be rows enough to learn from (new data need not have them).

    Raises:
        InputError: a target is missing or infinite, constant, too rare a class, or does not fit the task.
    """
    typed = type_column(column.alias(name), missing, row_name)
    if check and len(typed) < FEWEST_ROWS:
        raise InputError(f"There are {len(typed)} rows, too few to learn from: give at least {FEWEST_ROWS}.")
    refuse_missing(typed, f"target {quoted(name)}", row_name)
    if typed.dtype.is_temporal():
        raise InputError(f"The target {quoted(name)} holds dates: give a column of numbers or of classes.")
    found = task or _infer(typed)
    values = _labels(typed) if found == "classification" else _numbers(typed, name)
    if check:
        _check_values(values, name, found)
    return values, found


def read_groups(column: pl.Series, missing: Sequence[str], row_name: RowName) -> np.ndarray:
    """The groups as numbers from 0 [sample]; they are told apart by their text.

    Raises:
        InputError: a cell is missing.
    """
    texts = conform_column(column, "categorical", missing, row_name)
    refuse_missing(texts, f"group {quoted(column.name)}", row_name)
    return np.unique(np.array(texts.to_list(), dtype=np.str_), return_inverse=True)[1]


def read_times(column: pl.Series, missing: Sequence[str], row_name: RowName) -> np.ndarray:
    """The times as numbers that can be sorted [sample]: numbers, dates, moments, or texts of ISO dates.

    An int64 holds whole numbers, days or fractions of a second, a float64 other numbers.

    Raises:
        InputError: a cell is missing, or is not a time.
    """
    typed, called = type_column(column, missing, row_name), f"time {quoted(column.name)}"
    refuse_missing(typed, called, row_name)
    if typed.dtype == pl.String:
        first = first_of(~typed.str.contains(ISO_DATE))
        raise InputError(
            f"The {called} holds {quoted(typed[first])} in {row_name(first)}, and its cells are not all "
            "dates: write each as 2024-12-31 or 2024-12-31 18:30:00, or give numbers."
        )
    if typed.dtype == pl.Boolean:
        raise InputError(f"The {called} holds true and false: give a column of dates or of numbers.")
    kind = pl.Float64 if typed.dtype.is_float() else pl.Int64
    return typed.to_physical().cast(kind).to_numpy().copy()


def _infer(typed: pl.Series) -> Task:
    if typed.dtype in (pl.String, pl.Boolean):
        return "classification"
    distinct = typed.n_unique()
    few = distinct <= MOST_CLASSES and distinct * ROWS_PER_CLASS <= len(typed)
    return "classification" if few and _whole(typed) else "regression"


def _whole(typed: pl.Series) -> bool:
    return typed.dtype.is_integer() or bool(((typed == typed.floor()) & (typed.abs() < 2**53)).all())


def _labels(typed: pl.Series) -> np.ndarray:
    """Class labels: texts, truth values or numbers, whole ones as integers."""
    if typed.dtype == pl.String:
        return np.array(typed.to_list(), dtype=np.str_)
    if typed.dtype == pl.Boolean:
        return typed.to_numpy().astype(bool)
    return (typed.cast(pl.Int64) if _whole(typed) else typed).to_numpy().copy()


def _numbers(typed: pl.Series, name: str) -> np.ndarray:
    if typed.dtype == pl.String:
        raise InputError(
            f"The target {quoted(name)} holds text such as {quoted(typed[0])}, which regression cannot "
            "predict: use --task classification, or another target."
        )
    return typed.cast(pl.Float64).to_numpy().copy()


def _check_values(values: np.ndarray, name: str, task: Task) -> None:
    """Raise for a target from which nothing can be learnt."""
    labels, counts = np.unique(values, return_counts=True)
    if len(labels) == 1:
        raise InputError(
            f"The target {quoted(name)} is {quoted(labels[0])} in every row: "
            "give one that takes two values at least."
        )
    if task == "regression":
        return
    fractional = values.dtype.kind == "f"
    if (fractional and len(labels) > MOST_CLASSES) or len(labels) * FEWEST_OF_A_CLASS > len(values):
        hint = "another target" if values.dtype.kind in "US" else "--task regression"
        raise InputError(
            f"The target {quoted(name)} takes {len(labels)} different values in {len(values)} rows, "
            f"too many to be classes: use {hint}."
        )
    if counts.min() < FEWEST_OF_A_CLASS:
        label, rows = labels[counts.argmin()], count(int(counts.min()), "row")
        raise InputError(
            f"Class {quoted(label)} of the target {quoted(name)} has {rows}, "
            f"too few to split: give at least {FEWEST_OF_A_CLASS}, or leave the class out."
        )
