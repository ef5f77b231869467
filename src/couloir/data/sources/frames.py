"""What Python hands over, frames and arrays, in the two forms that the rest of the package knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from couloir.data.columns import as_text, missing_numbers, quoted
from couloir.data.dataset import Dataset
from couloir.errors import InputError


def frame_place(row: int) -> str:
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
    if not _is_pandas(frame):
        return _arrow_frame(frame)
    names = [str(column) for column in frame.columns]
    repeated = next((column for i, column in enumerate(names) if column in names[:i]), None)
    if repeated is not None:
        raise InputError(f"Two columns of the frame are called {quoted(repeated)}: rename one.")
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
    repeated = next((column for i, column in enumerate(names) if column in names[:i]), None)
    if repeated is not None:
        raise InputError(f"Two columns of the table are called {quoted(repeated)}: rename one.")
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


def _is_pandas(source: Any) -> bool:
    """Whether the source is a pandas frame."""
    return type(source).__module__.split(".")[0] == "pandas" and hasattr(source, "columns")


def is_frame(source: Any) -> bool:
    """Whether the source is a Polars, pandas or Arrow table."""
    if isinstance(source, (pl.DataFrame, pl.LazyFrame)) or _is_pandas(source):
        return True
    return hasattr(source, "__arrow_c_stream__") and not isinstance(source, pl.Series)


def target_column(target: Any) -> pl.Series:
    """A target in any form as a Polars column; for a target the order of ordered categories is nothing."""
    if isinstance(target, pl.Series):
        return target.cast(pl.String) if target.dtype == pl.Enum else target
    if type(target).__module__.split(".")[0] == "pandas" and hasattr(target, "dtype"):
        return target_column(_polars_column(str(target.name) if target.name is not None else "", target))
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


def _all_texts(values: list | tuple) -> bool:
    """Whether there is nothing but texts in a list of them, or of lists of one."""
    return all(
        _all_texts(value) if isinstance(value, (list, tuple)) else isinstance(value, str) for value in values
    )


def check_lengths(rows: int, targets: int) -> None:
    """Raise where X and y differ in length."""
    if rows != targets:
        raise InputError(f"X has {rows} rows and y has {targets}: give one target for each row.")


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


def raw_arrays(array: np.ndarray, column: pl.Series, target_name: str, name: str) -> Dataset:
    """Arrays as a data set that is not yet checked."""
    shape = array.shape[1:] if array.ndim == 3 else None
    brightest = None
    if shape is not None:
        brightest = 255.0 if array.dtype == np.uint8 else float(np.abs(array).max()) or 1.0
    flat = array.reshape(len(array), -1)
    return Dataset(
        name=name,
        features=flat,
        target=np.empty(0),
        target_name=target_name,
        task="classification",
        fingerprint="",
        column_names=_array_names(flat.shape[1], shape),
        image_shape=shape,
        pixel_maximum=brightest,
    )


def _array_names(width: int, shape: tuple[int, ...] | None) -> tuple[str, ...]:
    """Names for columns that have none."""
    if shape is None:
        return tuple(f"x{number}" for number in range(width))
    return tuple(f"pixel {row},{column}" for row in range(shape[0]) for column in range(shape[1]))


def clean_array(array: np.ndarray, missing: tuple[str, ...], raw: Dataset) -> np.ndarray:
    """The array with numeric missing tokens as NaN, and nothing infinite."""
    if array.dtype.kind == "f" and np.isinf(array).any():
        row, column = np.argwhere(np.isinf(array))[0]
        raise InputError(
            f"Column {quoted(raw.column_names[column])} is infinite in {frame_place(row)}: "
            "mend the value, or give NaN to have it read as missing."
        )
    if raw.image_shape and array.dtype.kind == "f" and np.isnan(array).any():
        row = np.argwhere(np.isnan(array))[0][0]
        raise InputError(
            f"The image in {frame_place(row)} has a pixel that is NaN: mend or leave out the image."
        )
    return array if raw.image_shape else without_tokens(array, missing)


def without_tokens(array: np.ndarray, missing: tuple[str, ...]) -> np.ndarray:
    """The array with numbers that stand for a missing one as NaN."""
    tokens = missing_numbers(missing)
    return np.where(np.isin(array, tokens), np.nan, array) if tokens else array
