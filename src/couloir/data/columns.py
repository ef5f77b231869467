"""What a column is: its kind, which its cells decide, and the numbers or texts that it holds.

After `type_column` a column's kind can be read off its Polars type:

=============  ====================  ==============================================================
kind           Polars type           meaning
=============  ====================  ==============================================================
numeric        Int64, Float64        numbers; NaN has become missing
boolean        Boolean               true and false
date           Date, Datetime        ISO dates; prepared as days since 1970
ordered        Enum                  categories whose order the frame declares, as ranks
categorical    String                texts, few enough for a feature each
hashed         String                texts, too many for a feature each
text           String                texts that hardly repeat: nothing to learn (`is_free_text`)
empty          Null                  no cell has a value
=============  ====================  ==============================================================

Only a frame can declare an order: an ordered Categorical of pandas, an Enum of Polars, an ordered dictionary
of Arrow. What a single cell says is decided in `couloir.data.cells`, what a kind becomes in
`couloir.data.encodings`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from couloir.data.cells import RowName, checked_numbers, read_texts, read_texts_as, tidied
from couloir.errors import InputError
from couloir.text import quoted

MANY_CATEGORIES = 50
MOST_ONE_HOT = 256
"""Categories of one column that become a feature each; a column of more is hashed."""

WRITTEN_KINDS = ("categorical", "hashed", "ordered")
"""Kinds whose cells are texts in new data, whatever the type they come in."""

_KINDS = {pl.Null: "empty", pl.Boolean: "boolean", pl.Date: "date", pl.Datetime: "date", pl.Enum: "ordered"}


def is_free_text(distinct: int, rows: int) -> bool:
    """Whether so many different texts in so many rows repeat too rarely to be learnt from.

    So it is when there are more than half as many as rows, or when there are more than 50 and they are
    more than a tenth of the rows.
    """
    return distinct > min(max(MANY_CATEGORIES, rows / 10), rows / 2)


def column_kind(column: pl.Series) -> str:
    """The kind of a column that `type_column` has returned; see the table at the top of this module."""
    if column.dtype.is_numeric():
        return "numeric"
    if column.dtype != pl.String:
        return _KINDS[column.dtype.base_type()]
    distinct = column.drop_nulls().n_unique()
    if is_free_text(distinct, len(column)):
        return "text"
    return "categorical" if distinct <= MOST_ONE_HOT else "hashed"


def type_column(column: pl.Series, missing: Sequence[str], row_name: RowName) -> pl.Series:
    """The column with the type that its cells show.

    Args:
        column: as read: text from a CSV file, any simple type from a frame.
        missing: texts that stand for a missing cell, besides the empty one.
        row_name: names a row for a person.

    Raises:
        InputError: a column of numbers holds a few cells that are not, or an infinite one; a column's
            type is not one that a table can hold.
    """
    dtype = column.dtype
    if dtype == pl.Enum:
        return _type_ordered(column, missing)
    if dtype == pl.Categorical:
        return tidied(column, missing)
    if dtype == pl.String:
        return read_texts(tidied(column, missing), row_name)
    if dtype.is_numeric():
        return checked_numbers(column, missing, row_name)
    if dtype in (pl.Boolean, pl.Date, pl.Datetime, pl.Null):
        return _filled(column)
    if dtype == pl.Duration:
        return (column.dt.total_microseconds() / 86_400e6).alias(column.name)
    raise InputError(
        f"Column {quoted(column.name)} holds {dtype.base_type().__name__.lower()} values, which cannot be "
        "learnt from: turn it into numbers or text, or leave it out."
    )


def conform_column(column: pl.Series, kind: str, missing: Sequence[str], row_name: RowName) -> pl.Series:
    """A column of new data, read as the kind that the column of this name had in training.

    Raises:
        InputError: a cell cannot be read as that kind.
    """
    if column.dtype in (pl.String, pl.Categorical, pl.Enum):
        texts = tidied(column, missing)
        return texts if kind in WRITTEN_KINDS else read_texts_as(kind, texts, row_name)
    column = type_column(column, missing, row_name)
    if kind in WRITTEN_KINDS:
        return tidied(as_text(column), missing)
    if column.dtype == pl.Null:
        return column
    if (kind == "date") != column.dtype.is_temporal():
        raise InputError(
            f"Column {quoted(column.name)} was {_a(kind)} column in training but is "
            f"{_a(column_kind(column))} column here: give it the values it had in training."
        )
    return column if kind == "date" else column.cast(pl.Float64)


def numbers_of(column: pl.Series) -> np.ndarray:
    """A numeric, boolean, date, ordered or empty column as float64, missing as NaN.

    Dates are days since 1970, ordered categories their ranks from 0.
    """
    if column.dtype == pl.Float64:
        return column.to_numpy()
    if column.dtype.is_temporal():
        column = column.cast(pl.Datetime("us")).dt.epoch("us") / 86_400e6
    elif column.dtype == pl.Enum:
        column = column.to_physical()
    return column.cast(pl.Float64).to_numpy()


def as_text(column: pl.Series) -> pl.Series:
    """Any column as text; whole floats as '3', as a CSV file would have them."""
    if column.dtype.is_float() and bool((column.drop_nulls() == column.drop_nulls().floor()).all()):
        column = column.cast(pl.Int64, strict=False)
    return column.cast(pl.String)


def levels_of(column: pl.Series) -> list[str]:
    """The texts that a column of ordered categories can take, in their order."""
    assert isinstance(column.dtype, pl.Enum), "only an Enum declares an order"
    return column.dtype.categories.to_list()


def _type_ordered(column: pl.Series, missing: Sequence[str]) -> pl.Series:
    """Ordered categories, tidied; plain texts where two of them differ in surrounding blanks only."""
    texts = tidied(column, missing)
    levels = tidied(pl.Series(levels_of(column), dtype=pl.String), missing).drop_nulls()
    return texts if levels.n_unique() < len(levels) else _filled(texts.cast(pl.Enum(levels)))


def _filled(column: pl.Series) -> pl.Series:
    """The column, or one of type Null where no cell has a value."""
    return column.cast(pl.Null) if column.null_count() == len(column) else column


def _a(kind: str) -> str:
    """The kind with its article."""
    return ("an " if kind[0] in "aeiou" else "a ") + kind
