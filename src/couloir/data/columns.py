"""What a column holds: text is read as numbers, truth values, dates or categories, and never by guessing.

After `type_column` a column's kind can be read off its Polars type:

=============  ====================  =======================================================
kind           Polars type           meaning
=============  ====================  =======================================================
numeric        Int64, Float64        numbers; NaN has become missing
boolean        Boolean               true and false
date           Date, Datetime        ISO dates; prepared as days since 1970 (`couloir.data.dates`)
ordered        Enum                  categories whose order the frame declares, as ranks
categorical    String                texts, few enough for a feature each
hashed         String                texts, too many for a feature each (`couloir.data.hashing`)
text           String                texts that hardly repeat: nothing to learn (`is_free_text`)
empty          Null                  no cell has a value
=============  ====================  =======================================================

Only a frame can declare an order: an ordered Categorical of pandas, an Enum of Polars, an ordered dictionary
of Arrow.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from couloir.errors import InputError

Place = Callable[[int], str]
"""Names a row for a person: index of the row -> "row 7"."""

NUMERIC_SHARE = 0.9
"""A text column with at least this share of numbers is meant to be numeric; the rest are mistakes."""

MISSING_WORDS = frozenset(
    {"", "na", "n/a", "nan", "null", "none", "nil", "?", "-", "--", ".", "#n/a", "missing"}
)
"""Texts that people write for a missing number; a numeric column that holds one is refused, with advice."""

LARGEST = 1e100
"""Beyond this a number is taken for a mistake, as an infinite one is."""

MANY_CATEGORIES = 50
MOST_ONE_HOT = 256
"""Categories of one column that become a feature each; a column of more is hashed."""

WRITTEN_KINDS = ("categorical", "hashed", "ordered")
"""Kinds whose cells are texts in new data, whatever the type they come in."""

_ISO_DATE = r"^\d{4}-\d{2}-\d{2}"
_OFFSET = r":\d{2}(\.\d+)?[-+]\d{2}:?\d{2}$"
_WRITTEN_NUMBER = "|".join(
    (
        r"^[€$£¥]?\s?[-+]?\d{1,3}(,\d{3})+(\.\d+)?$",  # 1,234.5 and $1,234
        r"^[-+]?\d+(\.\d{3})*,\d+$",  # 1,5 and 1.234,5
        r"^[€$£¥]\s?[-+]?\d+(\.\d+)?$",  # $12
        r"^[-+]?\d+(\.\d+)?\s?%$",  # 12 %
    )
)
"""Numbers as people write them, which are refused as categories."""
_WRITTEN_DATE = r"^(\d{4}[./]\d{1,2}[./]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{4})([ T]|$)"
"""Dates as people write them: which is the day and which the month would be guessing."""


def one_line(value: object) -> str:
    """A value as text without line breaks and other characters that cannot be seen."""
    text = str(value)
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def quoted(value: object) -> str:
    """A value as it is shown in a sentence: in quotes, on one line, cut at 40 characters."""
    text = one_line(value)
    return f"'{text[:37]}...'" if len(text) > 40 else f"'{text}'"


def is_free_text(distinct: int, rows: int) -> bool:
    """Whether so many different texts in so many rows repeat too rarely to be learnt from.

    So it is when there are more than half as many as rows, or when there are more than 50 and they are
    more than a tenth of the rows.
    """
    return distinct > min(max(MANY_CATEGORIES, rows / 10), rows / 2)


def holds_written_dates(texts: pl.Series) -> bool:
    """Whether nearly all texts look like dates that are not written as 2024-12-31."""
    present = texts.drop_nulls()
    if texts.dtype != pl.String or present.is_empty():
        return False
    return int(present.str.contains(_WRITTEN_DATE).sum()) >= NUMERIC_SHARE * len(present)


def column_kind(column: pl.Series) -> str:
    """The kind of a column that `type_column` has returned; see the table at the top of this module."""
    if column.dtype == pl.Null:
        return "empty"
    if column.dtype.is_numeric():
        return "numeric"
    if column.dtype == pl.Boolean:
        return "boolean"
    if column.dtype.is_temporal():
        return "date"
    if column.dtype == pl.Enum:
        return "ordered"
    distinct = column.drop_nulls().n_unique()
    if is_free_text(distinct, len(column)):
        return "text"
    return "categorical" if distinct <= MOST_ONE_HOT else "hashed"


def type_column(column: pl.Series, missing: Sequence[str], place: Place) -> pl.Series:
    """The column with the type that its cells show.

    Args:
        column: as read: text from a CSV file, any simple type from a frame.
        missing: texts that stand for a missing cell, besides the empty one.
        place: names a row for a person.

    Raises:
        InputError: a column of numbers holds a few cells that are not, or an infinite one; a column's
            type is not one that a table can hold.
    """
    dtype = column.dtype
    if dtype == pl.Enum:
        return _type_ordered(column, missing)
    if dtype == pl.Categorical:
        return _tidy(column.cast(pl.String), missing)
    if dtype == pl.String:
        return _type_text(_tidy(column, missing), place)
    if dtype.is_numeric():
        return _type_numbers(column, missing, place)
    if dtype in (pl.Boolean, pl.Date, pl.Datetime):
        return _filled(column)
    if dtype == pl.Null:
        return column
    if dtype == pl.Duration:
        return (column.dt.total_microseconds() / 86_400e6).alias(column.name)
    raise InputError(
        f"Column {quoted(column.name)} holds {dtype.base_type().__name__.lower()} values, which cannot be "
        "learnt from: turn it into numbers or text, or leave it out."
    )


def conform_column(column: pl.Series, kind: str, missing: Sequence[str], place: Place) -> pl.Series:
    """A column of new data, read as the kind that the column of this name had in training.

    Raises:
        InputError: a cell cannot be read as that kind.
    """
    if column.dtype in (pl.String, pl.Categorical, pl.Enum):
        texts = _tidy(column if column.dtype == pl.String else column.cast(pl.String), missing)
        return texts if kind in WRITTEN_KINDS else _conform_text(texts, kind, place)
    column = type_column(column, missing, place)
    if kind in WRITTEN_KINDS:
        return _tidy(as_text(column), missing)
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


def _a(kind: str) -> str:
    """The kind with its article."""
    return ("an " if kind[0] in "aeiou" else "a ") + kind


def _filled(column: pl.Series) -> pl.Series:
    """The column, or one of type Null where no cell has a value."""
    return column.cast(pl.Null) if column.null_count() == len(column) else column


def _tidy(texts: pl.Series, missing: Sequence[str]) -> pl.Series:
    """The texts without surrounding blanks; empty ones and the missing tokens as missing."""
    # One expression: what Polars does on the way to each counts, where there is a single row.
    stripped = pl.first().str.strip_chars()
    blank = stripped.is_in(["", *(token.strip() for token in missing)])
    return texts.to_frame().select(pl.when(~blank).then(stripped).alias(texts.name)).to_series()


def levels_of(column: pl.Series) -> list[str]:
    """The texts that a column of ordered categories can take, in their order."""
    assert isinstance(column.dtype, pl.Enum), "only an Enum declares an order"
    return column.dtype.categories.to_list()


def _type_ordered(column: pl.Series, missing: Sequence[str]) -> pl.Series:
    """Ordered categories, tidied; plain texts where two of them differ in surrounding blanks only."""
    texts = _tidy(column.cast(pl.String), missing)
    tidied = _tidy(pl.Series(levels_of(column), dtype=pl.String), missing).drop_nulls()
    return texts if tidied.n_unique() < len(tidied) else _filled(texts.cast(pl.Enum(tidied)))


def as_text(column: pl.Series) -> pl.Series:
    """Any column as text; whole floats as '3', as a CSV file would have them."""
    if column.dtype.is_float() and bool((column.drop_nulls() == column.drop_nulls().floor()).all()):
        column = column.cast(pl.Int64, strict=False)
    return column.cast(pl.String)


def _type_numbers(column: pl.Series, missing: Sequence[str], place: Place) -> pl.Series:
    """Numbers as Int64 or Float64, NaN and numeric missing tokens as missing, infinity refused."""
    if not missing and column.dtype in (pl.Float64, pl.Int64) and _are_plain(column):
        return column
    values = column.cast(pl.Float64).fill_nan(None)
    gone = values.is_in(missing_numbers(missing)) | values.is_null()
    _refuse_infinite(values, place)
    if bool(gone.all()):
        return pl.Series(column.name, [None] * len(column), dtype=pl.Null)
    typed = column.cast(pl.Int64, strict=False) if column.dtype.is_integer() else values
    typed = values if typed.null_count() > values.null_count() else typed
    return (
        typed.to_frame()
        .select(pl.when(~gone.fill_null(True)).then(pl.first()).alias(column.name))
        .to_series()
    )


def missing_numbers(missing: Sequence[str]) -> list[float]:
    """The numbers among the texts that stand for a missing cell."""
    texts = pl.Series([*missing], dtype=pl.String)
    return texts.cast(pl.Float64, strict=False).drop_nulls().drop_nans().to_list()


def _are_plain(column: pl.Series) -> bool:
    """Whether all cells are finite numbers, none too large and none missing."""
    return column.null_count() == 0 and bool((np.abs(column.to_numpy()) <= LARGEST).all())


def _type_text(texts: pl.Series, place: Place) -> pl.Series:
    """Tidied text as numbers, truth values or dates where every cell allows it, as text otherwise."""
    present = texts.drop_nulls()
    if present.is_empty():
        return texts.cast(pl.Null)
    if bool(present.str.to_lowercase().is_in(["true", "false"]).all()):
        return texts.str.to_lowercase() == "true"
    numbers = texts.cast(pl.Float64, strict=False)
    wrong = texts.is_not_null() & numbers.is_null()
    if not bool(wrong.any()):
        return _type_numbers(_whole(texts, numbers), (), place)
    _refuse_nearly_numeric(texts, wrong, place)
    return _dates(texts, present)


def _whole(texts: pl.Series, numbers: pl.Series) -> pl.Series:
    """The numbers as integers where every text is one."""
    integers = texts.cast(pl.Int64, strict=False)
    return integers if integers.null_count() == texts.null_count() else numbers


def _dates(texts: pl.Series, present: pl.Series) -> pl.Series:
    """ISO dates or moments where every cell is one; the texts themselves otherwise."""
    if not bool(present.head(1).str.contains(_ISO_DATE).all()):
        return texts
    days = texts.str.to_date("%Y-%m-%d", strict=False)
    if days.null_count() == texts.null_count():
        return days
    moments = _moments(texts)
    return moments if moments.null_count() == texts.null_count() else texts


def _moments(texts: pl.Series) -> pl.Series:
    """Dates with or without a time of day, missing where a text is neither.

    Where a time is followed by its distance from UTC, as in 12:00+02:00, it is taken in UTC, as frames have
    it; the letter Z says that it is.
    """
    written = texts.str.replace("T", " ").str.strip_suffix("Z")
    times = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
    parsed = [written.str.to_datetime(shape, strict=False, time_unit="us") for shape in (*times, "%Y-%m-%d")]
    if written.str.contains(_OFFSET).any():
        zoned = [written.str.to_datetime(f"{shape}%z", strict=False, time_unit="us") for shape in times]
        parsed += [moments.dt.replace_time_zone(None) for moments in zoned]
    return pl.select(pl.coalesce(parsed)).to_series().alias(texts.name)


def _refuse_nearly_numeric(texts: pl.Series, wrong: pl.Series, place: Place) -> None:
    """Raise where nearly all cells are numbers, or all are but for words that mean missing."""
    bad = texts.filter(wrong)
    share = 1 - len(bad) / (len(texts) - texts.null_count())
    words = bad.str.to_lowercase().is_in(list(MISSING_WORDS))
    if share >= NUMERIC_SHARE or (share > 0 and bool(words.all())):
        raise _not_a_number(texts, wrong, place)
    written = bad.str.contains(_WRITTEN_NUMBER)
    if (len(bad) - int(written.sum())) <= (1 - NUMERIC_SHARE) * len(texts) and bool(written.any()):
        first = int(wrong.arg_max() or 0)
        raise InputError(
            f"Column {quoted(texts.name)} holds numbers written as {quoted(texts[first])} in {place(first)}: "
            "write them with a point before the decimals and nothing else, as in 1234.5."
        )


def _not_a_number(texts: pl.Series, wrong: pl.Series, place: Place) -> InputError:
    """The error for a text in a numeric column, with both ways out."""
    first, count = int(wrong.arg_max() or 0), int(wrong.sum())
    others = "" if count == 1 else f" (and {count - 1} more such cell{'s' if count > 2 else ''})"
    text = texts[first]
    return InputError(
        f"Column {quoted(texts.name)} is numeric but holds {quoted(text)} in {place(first)}{others}: "
        f"mend the cell, or have this text read as missing with --missing {_shell(text)}."
    )


def _shell(text: str) -> str:
    """A text as it has to be typed in a shell, or what to type where it is long or unseen."""
    return shlex.quote(text) if text.isprintable() and len(text) <= 40 else "TEXT"


def _conform_text(texts: pl.Series, kind: str, place: Place) -> pl.Series:
    """Tidied text read as the kind given."""
    if kind == "date":
        typed = _dates(texts, texts.drop_nulls()) if texts.null_count() < len(texts) else texts.cast(pl.Null)
        if typed.dtype == pl.String:
            first = int((texts.is_not_null() & _moments(texts).is_null()).arg_max() or 0)
            raise InputError(
                f"Column {quoted(texts.name)} held dates in training but holds {quoted(texts[first])} in "
                f"{place(first)}: write every cell as 2024-12-31."
            )
        return typed
    numbers = texts.cast(pl.Float64, strict=False)
    if kind == "boolean":
        lower = texts.str.to_lowercase()
        numbers = lower.replace_strict({"true": 1.0, "false": 0.0}, default=numbers, return_dtype=pl.Float64)
    wrong = texts.is_not_null() & numbers.is_null()
    if bool(wrong.any()):
        raise _not_a_number(texts, wrong, place)
    return _type_numbers(numbers.alias(texts.name), (), place)


def _refuse_infinite(values: pl.Series, place: Place) -> None:
    """Raise for the first number that is infinite, or so large that its square would be."""
    beyond = (values.abs() > LARGEST).fill_null(False)
    if bool(beyond.any()):
        first = int(beyond.arg_max() or 0)
        size = "is infinite" if np.isinf(values[first]) else f"holds {values[first]:.6g}, which is too large,"
        raise InputError(
            f"Column {quoted(values.name)} {size} in {place(first)}: "
            "mend the cell, or leave it empty to have it read as missing."
        )
