"""A short name for the contents of a data set, the same on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import polars as pl

from couloir.data.columns import numbers_of

DIGITS = 16
"""Hexadecimal digits of the SHA-256 that are kept: 64 bits, so that two sets never meet by chance."""


def fingerprint(features: pl.DataFrame | np.ndarray, names: Iterable[str], target: np.ndarray) -> str:
    """SHA-256 over column names, raw values and target; its first 16 hexadecimal digits.

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
    """Add one column of a table."""
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
