"""The target column: which task it makes, and whether it can be learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from couloir.data.columns import Place, quoted, type_column
from couloir.data.dataset import Task
from couloir.errors import InputError

FEWEST_ROWS = 10
FEWEST_OF_A_CLASS = 3
MOST_CLASSES = 20
ROWS_PER_CLASS = 5


@dataclass(frozen=True)
class Target:
    """A checked target: class labels, or float64 values, with the task they make."""

    values: np.ndarray
    task: Task


def read_target(
    column: pl.Series,
    name: str,
    task: Task | None,
    missing: Sequence[str],
    place: Place,
    *,
    check: bool = True,
) -> Target:
    """The target's values and task.

    Text and truth values are classes. Whole numbers are classes where they take at most 20 different
    values and each has five rows on average. Anything else is regression.

    Args:
        column: as read.
        name: the target's name.
        task: what the person asked for, or None.
        missing: texts that stand for a missing cell.
        place: names a row for a person.
        check: whether there have to be rows enough to learn from (new data need not have them).

    Raises:
        InputError: a target is missing or infinite, constant, too rare a class, or does not fit the task.
    """
    typed = type_column(column.alias(name), missing, place)
    if check and len(typed) < FEWEST_ROWS:
        raise InputError(f"There are {len(typed)} rows, too few to learn from: give at least {FEWEST_ROWS}.")
    _refuse_missing(typed, name, place)
    if typed.dtype.is_temporal():
        raise InputError(f"The target {quoted(name)} holds dates: give a column of numbers or of classes.")
    found = task or _infer(typed)
    values = _labels(typed) if found == "classification" else _numbers(typed, name)
    if check:
        _check_values(values, name, found)
    return Target(values, found)


def _infer(typed: pl.Series) -> Task:
    """The task that the values suggest."""
    if typed.dtype in (pl.String, pl.Boolean):
        return "classification"
    distinct = typed.n_unique()
    few = distinct <= MOST_CLASSES and distinct * ROWS_PER_CLASS <= len(typed)
    return "classification" if few and _whole(typed) else "regression"


def _whole(typed: pl.Series) -> bool:
    """Whether all numbers are whole."""
    return typed.dtype.is_integer() or bool(((typed == typed.floor()) & (typed.abs() < 2**53)).all())


def _labels(typed: pl.Series) -> np.ndarray:
    """Class labels: texts, truth values or numbers, whole ones as integers."""
    if typed.dtype == pl.String:
        return np.array(typed.to_list(), dtype=np.str_)
    if typed.dtype == pl.Boolean:
        return typed.to_numpy().astype(bool)
    return (typed.cast(pl.Int64) if _whole(typed) else typed).to_numpy().copy()


def _numbers(typed: pl.Series, name: str) -> np.ndarray:
    """Values as float64."""
    if typed.dtype == pl.String:
        raise InputError(
            f"The target {quoted(name)} holds text such as {quoted(typed[0])}, which regression cannot "
            "predict: use --task classification, or another target."
        )
    return typed.cast(pl.Float64).to_numpy().copy()


def _refuse_missing(typed: pl.Series, name: str, place: Place) -> None:
    """Raise for the first missing target."""
    count = typed.null_count()
    if count:
        first = int(typed.is_null().arg_max() or 0)
        others = f" and {count - 1} more" if count > 1 else ""
        raise InputError(
            f"The target {quoted(name)} is missing in {place(first)}{others}: "
            "fill it in, or leave such rows out."
        )


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
        label, count = labels[counts.argmin()], int(counts.min())
        raise InputError(
            f"Class {quoted(label)} of the target {quoted(name)} has {count} row{'s' if count > 1 else ''}, "
            f"too few to split: give at least {FEWEST_OF_A_CLASS}, or leave the class out."
        )
