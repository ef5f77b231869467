"""What a cell says: texts as numbers, truth values or dates, and never by guessing; numbers are checked.

All cells of a column are read at once, and in one way: a few that do not fit are a mistake, which ends in a
sentence with the row and the ways out.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from couloir.errors import InputError
from couloir.text import quoted

RowName = Callable[[int], str]
"""Names a row for a person: index of the row -> "row 7"."""

NUMERIC_SHARE = 0.9
"""A text column with at least this share of numbers is meant to be numeric; the rest are mistakes."""

MISSING_WORDS = ("", "na", "n/a", "nan", "null", "none", "nil", "?", "-", "--", ".", "#n/a", "missing")
"""Texts that people write for a missing number; a numeric column that holds one is refused, with advice."""

LARGEST = 1e100
"""Beyond this a number is taken for a mistake, as an infinite one is."""

ISO_DATE = r"^\d{4}-?\d{2}-?\d{2}"
"""How dates of ISO 8601 begin. Where all cells are as 20241231 they are numbers like others."""

_BASIC = (
    (r"^(\d{4})(\d{2})(\d{2})(T|$)", "${1}-${2}-${3}${4}"),
    (r"T(\d{2})(\d{2})", "T${1}:${2}"),
    (r"T(\d{2}:\d{2})(\d{2})", "T${1}:${2}"),
)
"""What makes of the basic form, 20241231T235959, the extended one, 2024-12-31T23:59:59, step by step."""
_OFFSET = r":\d{2}(\.\d+)?[-+]\d{2}:?\d{2}$"
_WRITTEN_NUMBER = (
    r"^[€$£¥]?\s?[-+]?\d{1,3}(,\d{3})+(\.\d+)?$"  # 1,234.5 and $1,234
    r"|^[-+]?\d+(\.\d{3})*,\d+$"  # 1,5 and 1.234,5
    r"|^[€$£¥]\s?[-+]?\d+(\.\d+)?$"  # $12
    r"|^[-+]?\d+(\.\d+)?\s?%$"  # 12 %
)
"""Numbers as people write them, which are refused as categories."""
_WRITTEN_DATE = r"^(\d{4}[./]\d{1,2}[./]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{4})([ T]|$)"
"""Dates as people write them: which is the day and which the month would be guessing."""


def tidied(column: pl.Series, missing: Sequence[str]) -> pl.Series:
    """The cells as texts without surrounding blanks; empty ones and the missing tokens as missing."""
    texts = column if column.dtype == pl.String else column.cast(pl.String)
    # One expression: what Polars does on the way to each counts, where there is a single row.
    stripped = pl.first().str.strip_chars()
    blank = stripped.is_in(["", *(token.strip() for token in missing)])
    return texts.to_frame().select(pl.when(~blank).then(stripped).alias(texts.name)).to_series()


def read_texts(texts: pl.Series, row_name: RowName) -> pl.Series:
    """Tidied text as numbers, truth values or dates where every cell allows it, as text otherwise.

    Raises:
        InputError: nearly all cells are numbers, or are numbers as people write them.
    """
    present = texts.drop_nulls()
    if present.is_empty():
        return texts.cast(pl.Null)
    if bool(present.str.to_lowercase().is_in(["true", "false"]).all()):
        return texts.str.to_lowercase() == "true"
    numbers = texts.cast(pl.Float64, strict=False)
    wrong = texts.is_not_null() & numbers.is_null()
    if bool(wrong.any()):
        _refuse_nearly_numeric(texts, wrong, row_name)
        return _dates(texts)
    integers = texts.cast(pl.Int64, strict=False)
    whole = integers.null_count() == texts.null_count()
    return checked_numbers(integers if whole else numbers, (), row_name)


def read_texts_as(kind: str, texts: pl.Series, row_name: RowName) -> pl.Series:
    """Tidied text of new data read as numbers, truth values or dates, as its column was in training.

    Raises:
        InputError: a cell cannot be read so.
    """
    if kind == "date":
        typed = _dates(texts) if texts.null_count() < len(texts) else texts.cast(pl.Null)
        if typed.dtype == pl.String:
            first = first_of(texts.is_not_null() & _moments(texts).is_null())
            raise InputError(
                f"Column {quoted(texts.name)} held dates in training but holds {quoted(texts[first])} in "
                f"{row_name(first)}: write every cell as 2024-12-31."
            )
        return typed
    numbers = texts.cast(pl.Float64, strict=False)
    if kind == "boolean":
        lower = texts.str.to_lowercase()
        numbers = lower.replace_strict({"true": 1.0, "false": 0.0}, default=numbers, return_dtype=pl.Float64)
    wrong = texts.is_not_null() & numbers.is_null()
    if bool(wrong.any()):
        raise _not_a_number(texts, wrong, row_name)
    return checked_numbers(numbers.alias(texts.name), (), row_name)


def checked_numbers(column: pl.Series, missing: Sequence[str], row_name: RowName) -> pl.Series:
    """Numbers as Int64 or Float64, NaN and numeric missing tokens as missing.

    Raises:
        InputError: a number is infinite, or so large that its square would be.
    """
    plain = not missing and column.dtype in (pl.Float64, pl.Int64) and column.null_count() == 0
    if plain and bool((np.abs(column.to_numpy()) <= LARGEST).all()):
        return column
    values = column.cast(pl.Float64).fill_nan(None)
    beyond = (values.abs() > LARGEST).fill_null(False)
    if bool(beyond.any()):
        first = first_of(beyond)
        size = "is infinite" if np.isinf(values[first]) else f"holds {values[first]:.6g}, which is too large,"
        raise InputError(
            f"Column {quoted(values.name)} {size} in {row_name(first)}: "
            "mend the cell, or leave it empty to have it read as missing."
        )
    gone = values.is_in(missing_numbers(missing)) | values.is_null()
    if bool(gone.all()):
        return pl.Series(column.name, [None] * len(column), dtype=pl.Null)
    typed = column.cast(pl.Int64, strict=False) if column.dtype.is_integer() else values
    typed = values if typed.null_count() > values.null_count() else typed
    present = pl.when(~gone.fill_null(True)).then(pl.first()).alias(column.name)
    return typed.to_frame().select(present).to_series()


def missing_numbers(missing: Sequence[str]) -> list[float]:
    """The numbers among the texts that stand for a missing cell."""
    texts = pl.Series([*missing], dtype=pl.String)
    return texts.cast(pl.Float64, strict=False).drop_nulls().drop_nans().to_list()


def refuse_missing(column: pl.Series, called: str, row_name: RowName) -> None:
    """Raise for the first missing cell of a column that has to have one in every row."""
    if count := column.null_count():
        others = f" and {count - 1} more" if count > 1 else ""
        raise InputError(
            f"The {called} is missing in {row_name(first_of(column.is_null()))}{others}: "
            "fill it in, or leave such rows out."
        )


def first_of(found: pl.Series) -> int:
    """The first row for which something holds."""
    return int(found.arg_max() or 0)


def holds_written_dates(texts: pl.Series) -> bool:
    """Whether nearly all texts look like dates that are not written as 2024-12-31."""
    present = texts.drop_nulls()
    if texts.dtype != pl.String or present.is_empty():
        return False
    return int(present.str.contains(_WRITTEN_DATE).sum()) >= NUMERIC_SHARE * len(present)


def _dates(texts: pl.Series) -> pl.Series:
    """ISO dates or moments where every cell is one; the texts themselves otherwise."""
    if not bool(texts.drop_nulls().head(1).str.contains(ISO_DATE).all()):
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
    written = texts
    for basic, extended in _BASIC:
        written = written.str.replace(basic, extended)
    written = written.str.replace("T", " ").str.strip_suffix("Z")
    times = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
    parsed = [written.str.to_datetime(shape, strict=False, time_unit="us") for shape in (*times, "%Y-%m-%d")]
    if written.str.contains(_OFFSET).any():
        zoned = [written.str.to_datetime(f"{shape}%z", strict=False, time_unit="us") for shape in times]
        parsed += [moments.dt.replace_time_zone(None) for moments in zoned]
    return pl.select(pl.coalesce(parsed)).to_series().alias(texts.name)


def _refuse_nearly_numeric(texts: pl.Series, wrong: pl.Series, row_name: RowName) -> None:
    """Raise where nearly all cells are numbers, or all are but for words that mean missing."""
    bad = texts.filter(wrong)
    share = 1 - len(bad) / (len(texts) - texts.null_count())
    words = bad.str.to_lowercase().is_in(MISSING_WORDS)
    if share >= NUMERIC_SHARE or (share > 0 and bool(words.all())):
        raise _not_a_number(texts, wrong, row_name)
    written = bad.str.contains(_WRITTEN_NUMBER)
    if (len(bad) - int(written.sum())) <= (1 - NUMERIC_SHARE) * len(texts) and bool(written.any()):
        first = first_of(wrong)
        raise InputError(
            f"Column {quoted(texts.name)} holds numbers written as {quoted(texts[first])} in "
            f"{row_name(first)}: write them with a point before the decimals and nothing else, as in 1234.5."
        )


def _not_a_number(texts: pl.Series, wrong: pl.Series, row_name: RowName) -> InputError:
    """The error for a text in a numeric column, with both ways out."""
    first, count = first_of(wrong), int(wrong.sum())
    others = "" if count == 1 else f" (and {count - 1} more such cell{'s' if count > 2 else ''})"
    text = texts[first]
    # As it has to be typed in a shell, or what to type where it is long or unseen.
    typed = shlex.quote(text) if text.isprintable() and len(text) <= 40 else "TEXT"
    return InputError(
        f"Column {quoted(texts.name)} is numeric but holds {quoted(text)} in {row_name(first)}{others}: "
        f"mend the cell, or have this text read as missing with --missing {typed}."
    )
