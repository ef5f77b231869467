"""What Python hands over, frames and arrays, as Polars frames and NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from couloir.data.columns import as_text
from couloir.errors import InputError
from couloir.text import quoted


def frame_row(row: int) -> str:
    """Names a row of a frame or an array."""
    return f"row {row} (counted from 0)"


def polars_frame(frame: Any, target: Sequence[str] = ()) -> pl.DataFrame:
    """A Polars, pandas or Arrow table as a Polars frame; pandas frames without the help of pyarrow.

    Args:
        frame: the table.
        target: columns that keep the values of their categories, numbers as numbers; those of others are
            texts, for a number that is declared a category is a name.
    """
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if isinstance(frame, pl.DataFrame):
        return frame
    if not is_pandas(frame):
        return _arrow_frame(frame)
    names = [str(column) for column in frame.columns]
    _refuse_repeated(names, "frame")
    return pl.DataFrame([_feature(name, frame.iloc[:, i], target) for i, name in enumerate(names)])


def _feature(name: str, column: Any, target: Sequence[str]) -> pl.Series:
    """A pandas column as a Polars one, categories as such where it is not the target."""
    values = _polars_column(name, column)
    categories = hasattr(column.dtype, "categories") and values.dtype != pl.Enum and name not in target
    if not categories or (column.dtype.ordered and values.dtype.is_numeric()):
        return values
    return as_text(values).cast(pl.Categorical)


def _polars_column(name: str, column: Any) -> pl.Series:
    """A pandas column as a Polars one; None, NaN, NaT and NA become missing."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iufbM":
        values = column.to_numpy()
        # Polars does not take the unit of a second, which pandas gives to dates.
        return pl.Series(name, values.astype("datetime64[us]") if values.dtype.kind == "M" else values)
    cells = column.astype(object).to_numpy(copy=True)
    cells[column.isna().to_numpy()] = None
    values = cells.tolist()
    if getattr(column.dtype, "ordered", False):
        return _ordered(name, values, column.dtype.categories.tolist())
    try:
        return pl.Series(name, values, strict=True)
    except (TypeError, pl.exceptions.PolarsError):
        return pl.Series(name, [None if value is None else str(value) for value in values])


def _ordered(name: str, values: list, levels: list) -> pl.Series:
    """Values of an ordered type as an Enum; numbers bring their own order, and stay numbers."""
    if not all(isinstance(level, str) for level in levels):
        return pl.Series(name, values)
    return pl.Series(name, values, dtype=pl.Enum(levels))


def _arrow_frame(table: Any) -> pl.DataFrame:
    """Whatever speaks Arrow's C stream: a pyarrow table or batch, a table of DuckDB, and others."""
    names = list(getattr(getattr(table, "schema", None), "names", ()))
    _refuse_repeated(names, "table")
    try:
        frame = pl.DataFrame(table)
    except pl.exceptions.PolarsError as error:
        raise InputError(
            "The Arrow table holds a type that cannot be read: leave the column out, or turn it into "
            "numbers or text."
        ) from error
    # Polars reads a dictionary as categories without an order; Arrow says which have one.
    for number, name in enumerate(names):
        if getattr(table.schema.types[number], "ordered", False):
            cells = table.column(number)
            whole = cells.combine_chunks() if hasattr(cells, "combine_chunks") else cells
            texts = frame[name].cast(pl.String).to_list()
            frame = frame.with_columns(_ordered(name, texts, whole.dictionary.to_pylist()))
    return frame


def _refuse_repeated(names: list[str], what: str) -> None:
    repeated = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if repeated is not None:
        raise InputError(f"Two columns of the {what} are called {quoted(repeated)}: rename one.")


def is_pandas(source: Any) -> bool:
    """Whether the source is a frame, a column or another thing of pandas."""
    return type(source).__module__.split(".")[0] == "pandas"


def is_frame(source: Any) -> bool:
    """Whether the source is a Polars, pandas or Arrow table."""
    if isinstance(source, (pl.DataFrame, pl.LazyFrame)):
        return True
    if is_pandas(source):
        return hasattr(source, "columns")
    return hasattr(source, "__arrow_c_stream__") and not isinstance(source, pl.Series)


def target_column(target: Any) -> pl.Series:
    """A target in any form as a Polars column; for a target the order of ordered categories is nothing."""
    if isinstance(target, pl.Series):
        return target.cast(pl.String) if target.dtype == pl.Enum else target
    if is_pandas(target) and not is_frame(target) and hasattr(target, "iloc"):
        return target_column(_polars_column("" if target.name is None else str(target.name), target))
    array = np.asarray(target)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise InputError(
            f"The target y has the shape {array.shape}: give one number or label for each row, as [sample]."
        )
    # NumPy turns a list such as [1, "a"] into texts.
    if isinstance(target, (list, tuple)) and array.dtype.kind == "U" and not _all_texts(target):
        raise InputError("The target y holds texts and other values: give numbers, or texts, throughout.")
    try:
        return pl.Series("", array.tolist() if array.dtype.kind in "OUS" else array)
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise InputError(
            "The target y holds values of several types: give numbers, or texts, throughout."
        ) from error


def _all_texts(value: Any) -> bool:
    """Whether it is a text, or there is nothing but texts in a list of them, or of lists of one."""
    return all(map(_all_texts, value)) if isinstance(value, (list, tuple)) else isinstance(value, str)


def feature_array(features: Any) -> np.ndarray:
    """X as a number array [sample, feature] or [sample, height, width]."""
    try:
        array = np.asarray(features)
    except ValueError as error:
        raise InputError("X has rows of different lengths: give an array [sample, feature].") from error
    if array.dtype.kind not in "biuf":
        raise InputError(
            f"X holds {'Python objects' if array.dtype.kind == 'O' else array.dtype.name + ' values'}, "
            "not numbers: give a Polars or pandas frame where columns are text."
        )
    if array.ndim not in (2, 3):
        raise InputError(
            f"X has the shape {array.shape}: give an array [sample, feature], "
            "or images [sample, height, width]."
        )
    if array.size == 0:
        raise InputError(f"X has the shape {array.shape}, so that there is nothing to learn from: give rows.")
    return array if array.dtype in (np.uint8, np.float32) else array.astype(np.float64)
