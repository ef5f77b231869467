"""From a name, a path, arrays or a frame to a data set whose features are still raw, and to new rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from couloir.data.cells import RowName, missing_numbers
from couloir.data.columns import conform_column, type_column
from couloir.data.dataset import Dataset, Task, fingerprint
from couloir.data.encodings.rows import pixel_names
from couloir.data.preparation import Preparation
from couloir.data.roles import read_groups, read_target, read_times
from couloir.data.sources.bundled import BUNDLED
from couloir.data.sources.frames import feature_array, frame_row, target_column
from couloir.data.sources.opening import TARGET_NAMES, open_source
from couloir.data.sources.openml import is_openml
from couloir.data.sources.raw import Arrays, Table
from couloir.errors import InputError, listed, nearest, unknown
from couloir.text import one_line, quoted


@dataclass(frozen=True)
class Reading:
    """What a person says of how a source is to be read; `load` explains each."""

    target: str | None = None
    task: Task | None = None
    drop: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    name: str | None = None
    group: str | None = None
    time: str | None = None

    def __post_init__(self) -> None:
        """Refuse what can be told without the source."""
        if self.group is not None and self.time is not None:
            raise InputError(
                f"The rows cannot be bound both by the group {quoted(self.group)} and by the time "
                f"{quoted(self.time)}: give one of the two."
            )
        if self.task not in (None, "classification", "regression"):
            raise unknown("task", self.task, ("classification", "regression"))


def load(
    source: Any,
    *,
    target: str | None = None,
    task: Task | None = None,
    drop: Iterable[str] = (),
    missing: Iterable[str] = (),
    name: str | None = None,
    group: str | None = None,
    time: str | None = None,
) -> Dataset:
    """Read a data set; nothing is fitted, and every cell is checked.

    Args:
        source: one of
            - a set that ships with scikit-learn: digits, iris, wine, breast_cancer, diabetes;
            - the path of a .csv, .tsv or .txt file, packed (.gz, .bz2, .xz, .zst) or not, of a .parquet
              or Arrow file (.arrow, .feather), or of an .npz file (arrays X and y);
            - openml:NAME, openml:NAME@VERSION or openml:NUMBER: a set of openml.org, kept once fetched;
            - the path of a folder of IDX files as MNIST has them, gzipped or not;
            - a pair (X, y): X an array [sample, feature] or [sample, height, width], or a frame;
            - a Polars, pandas or Arrow table, with `target` naming one of its columns.
        target: the column to predict. Where it is not given, the one column called target, label,
            class or y. For a pair it names y.
        task: classification or regression. Where it is not given: text and truth values are classes;
            so are whole numbers of at most 20 different values, each with five rows on average; anything
            else is a number.
        drop: columns to leave out.
        missing: texts to read as a missing cell, besides the empty one.
        name: what to call the set; by default the file's name without its ending.
        group: for tables, a column that says which rows belong together (a patient, a house): no group is
            divided between training, validation, test and folds. It is not a feature.
        time: for tables, a column of numbers, dates or moments: later rows judge what was learnt from
            earlier ones. It is not a feature. A group or a time is given, not both.

    Raises:
        InputError: anything in the source is not as it should be; one sentence says what, where, and
            what to do.
    """
    reading = Reading(target, task, _texts(drop), _texts(missing), name, group, time)
    raw = open_source(source, target)
    dataset = _of_table(raw, reading) if isinstance(raw, Table) else _of_arrays(raw, reading)
    if not isinstance(source, (str, Path)):
        return dataset
    said = {key: [*value] if isinstance(value, tuple) else value for key, value in vars(reading).items()}
    said = {key: value for key, value in said.items() if value}
    named = str(source) in BUNDLED or is_openml(source) or not Path(source).exists()
    from_anywhere = str(source) if named else str(Path(source).resolve())
    return replace(dataset, source={"data": from_anywhere, "loading": said})


def load_features(
    source: Any, preparation: Preparation
) -> tuple[pl.DataFrame | np.ndarray, np.ndarray | None]:
    """New rows for a trained model, from any source that `load` takes, with or without the target.

    Columns are found by name, in any order; others are ignored.

    Returns:
        The raw features for `Preparation.inputs`, and the target where the source has it and each of
        its cells can be read, else None.

    Raises:
        InputError: a column is lacking, a cell cannot be read as it was in training, or there are no rows.
    """
    raw = _opened_rows(source, preparation)
    if preparation.tabular:
        if isinstance(raw, Table):
            return _new_cells(raw, preparation)
        raise InputError(
            "The model was trained on a table with named columns, which these data have not: "
            "give a CSV, TSV or Parquet file, or a frame."
        )
    if isinstance(raw, Arrays):
        return _new_numbers(raw, preparation)
    raise InputError(
        "The model was trained on an array without column names, and these data are a table: "
        "give an array [sample, feature] or an .npz file with X."
    )


def _texts(values: Iterable[str] | str) -> tuple[str, ...]:
    """A lone text as a tuple of one."""
    return (values,) if isinstance(values, str) else tuple(str(value) for value in values)


def _of_table(table: Table, reading: Reading) -> Dataset:
    """A table as a data set, every cell checked."""
    frame, cells, target_name = _parted(table, reading)
    target, task = read_target(cells, target_name, reading.task, reading.missing, table.row_name)
    bound = _bound(frame, target_name, reading, table.row_name)
    left_out = (*reading.drop, *(name for name in (reading.group, reading.time) if name is not None))
    kept = _kept(frame.columns, left_out, target_name)
    typed = []
    for column in frame.get_columns():
        try:
            typed.append(type_column(column, reading.missing, table.row_name))
        except InputError:
            # A column to be left out that cannot be read is passed over, for it is not used.
            if column.name in kept:
                raise
    everything = pl.DataFrame(typed)
    # Dropped columns, and those of groups and times, count in the fingerprint: the ledger of tests should
    # know the same rows again when a column less is used.
    # The order of ordered categories, which a CSV file cannot say, does not make other rows of them.
    plain = everything.cast({pl.Enum: pl.String})
    return Dataset(
        name=reading.name or table.name,
        features=everything.select(kept),
        target=target,
        target_name=target_name,
        task=task,
        fingerprint=fingerprint(plain, plain.columns, target),
        column_names=kept,
        missing_tokens=reading.missing,
        **bound,
    )


def _parted(table: Table, reading: Reading) -> tuple[pl.DataFrame, pl.Series, str]:
    """The features, the target's cells, and what the target is called."""
    frame = table.frame
    if table.target is None:
        name = _find_target(frame.columns, reading.target or table.target_name, table.called)
        return frame.drop(name), target_column(frame[name]), name
    cells = target_column(table.target)
    name = reading.target or table.target_name or cells.name or "target"
    _check_lengths(frame.height, len(cells))
    if name in frame.columns:
        raise InputError(
            f"X has a column {quoted(name)} and y is called so too: take the target out of X, "
            "or call y by another name with target=."
        )
    return frame, cells, name


def _find_target(names: Sequence[str], target: str | None, source: str) -> str:
    """The target column's name, given or found."""
    if target is not None:
        if target not in names:
            raise _no_column(target, names)
        return target
    found = [name for name in names if name.lower() in TARGET_NAMES]
    if len(found) != 1:
        raise InputError(
            f"Say which column of {quoted(source)} is the target, with --target NAME: "
            f"the columns are {listed([*map(one_line, names)]) or 'none'}."
        )
    return found[0]


def _bound(frame: pl.DataFrame, target_name: str, reading: Reading, row_name: RowName) -> dict[str, Any]:
    """The groups or the times of a data set, with the name of the column that holds them."""
    for role, name, read in (("group", reading.group, read_groups), ("time", reading.time, read_times)):
        if name is None:
            continue
        if name == target_name:
            raise InputError(f"The target {quoted(name)} cannot be the {role} as well: name another column.")
        if name not in frame.columns:
            raise _no_column(name, frame.columns)
        return {f"{role}s": read(frame[name], reading.missing, row_name), f"{role}_name": name}
    return {}


def _kept(names: Sequence[str], drop: Sequence[str], target_name: str) -> tuple[str, ...]:
    for column in drop:
        if column == target_name:
            raise InputError(f"The target {quoted(column)} is among the columns to drop: drop another.")
        if column not in names:
            raise _no_column(column, names)
    kept = tuple(column for column in names if column not in drop)
    if not kept:
        raise InputError("No column is left besides the target: give at least one to learn from.")
    return kept


def _no_column(name: str, names: Iterable[str]) -> InputError:
    return unknown("column", one_line(name), map(one_line, names))


def _check_lengths(rows: int, targets: int) -> None:
    if rows != targets:
        raise InputError(f"X has {rows} rows and y has {targets}: give one target for each row.")


def _of_arrays(raw: Arrays, reading: Reading) -> Dataset:
    """Arrays as a data set, every number checked."""
    cells, (features, image) = target_column(raw.target), _checked_array(raw.features)
    target_name = reading.target or raw.target_name or cells.name or "target"
    _check_lengths(len(features), len(cells))
    _refuse_names(raw.name, reading, images=image is not None)
    target, task = read_target(cells, target_name, reading.task, reading.missing, frame_row)
    names, brightest = _array_names(features.shape[1], image), None
    if image is None:
        features = _without_tokens(features, reading.missing)
    else:
        brightest = 255.0 if features.dtype == np.uint8 else float(np.abs(features).max()) or 1.0
    kept = _kept(names, reading.drop, target_name)
    return Dataset(
        name=reading.name or raw.name,
        features=features if kept == names else features[:, [names.index(name) for name in kept]],
        target=target,
        target_name=target_name,
        task=task,
        fingerprint=fingerprint(features, names, target),
        column_names=kept,
        image_shape=image,
        pixel_maximum=raw.pixel_maximum or brightest,
        test_rows=raw.test_rows,
        missing_tokens=reading.missing,
    )


def _refuse_names(name: str, reading: Reading, images: bool) -> None:
    """Raise where a column is named that rows of arrays or images cannot have."""
    for role, column in (("group", reading.group), ("time", reading.time)):
        if column is not None:
            raise InputError(
                f"The data {quoted(name)} have no named columns, so none is the {role} "
                f"{quoted(column)}: leave it out, or give a table."
            )
    if reading.drop and images:
        raise InputError(f"The rows of '{name}' are images, which have no columns to drop.")


def _checked_array(features: Any) -> tuple[np.ndarray, tuple[int, int] | None]:
    """Rows of numbers [sample, feature], none infinite, and the shape of the images that they are, if any."""
    array = feature_array(features)
    image = (array.shape[1], array.shape[2]) if array.ndim == 3 else None
    flat = array.reshape(len(array), -1)
    if flat.dtype.kind != "f":
        return flat, image
    if np.isinf(flat).any():
        row, column = np.argwhere(np.isinf(flat))[0]
        raise InputError(
            f"Column {quoted(_array_names(flat.shape[1], image)[column])} is infinite in {frame_row(row)}: "
            "mend the value, or give NaN to have it read as missing."
        )
    if image and np.isnan(flat).any():
        row = np.argwhere(np.isnan(flat))[0][0]
        raise InputError(
            f"The image in {frame_row(row)} has a pixel that is NaN: mend or leave out the image."
        )
    return flat, image


def _array_names(width: int, image: tuple[int, int] | None) -> tuple[str, ...]:
    """Names for columns that have none."""
    return pixel_names(image) if image else tuple(f"x{number}" for number in range(width))


def _without_tokens(array: np.ndarray, missing: Sequence[str]) -> np.ndarray:
    """The array with numbers that stand for a missing one as NaN."""
    tokens = missing_numbers(missing)
    return np.where(np.isin(array, tokens), np.nan, array) if tokens else array


def _opened_rows(source: Any, preparation: Preparation) -> Table | Arrays:
    if isinstance(source, (str, Path)) and str(source) in BUNDLED:
        source = load(source)
    if not isinstance(source, Dataset):
        return open_source(source, preparation.target_name, labelled=False)
    if preparation.tabular and isinstance(source.features, pl.DataFrame):
        return Table(source.features, frame_row, source.name, target=source.target)
    return Arrays(source.features, source.target)


def _new_cells(table: Table, preparation: Preparation) -> tuple[pl.DataFrame, np.ndarray | None]:
    """The columns that the model needs, each read as it was in training, and the target."""
    frame = table.frame
    if frame.height == 0:
        raise InputError(f"The new data {quoted(table.called)} have no rows: give at least one.")
    columns = []
    for name, kind in preparation.raw_kinds.items():
        if name not in frame.columns:
            near = nearest(name, frame.columns)
            hint = f" (is {quoted(near)} meant?)" if near else ""
            raise InputError(
                f"The new data {quoted(table.called)} lack the column {quoted(name)} that the model was "
                f"trained on{hint}: add it."
            )
        columns.append(conform_column(frame[name], kind, preparation.missing_tokens, table.row_name))
    target = table.target
    if target is None and preparation.target_name in frame.columns:
        target = frame[preparation.target_name]
    return pl.DataFrame(columns), _known_target(target, preparation, table.row_name)


def _new_numbers(raw: Arrays, preparation: Preparation) -> tuple[np.ndarray, np.ndarray | None]:
    """The rows as the model needs them, flat, and the target."""
    flat, width = _checked_array(raw.features)[0], preparation.width
    if flat.shape[1] != width:
        wanted = "x".join(map(str, preparation.image_shape)) if preparation.image_shape else width
        raise InputError(
            f"The model was trained on rows of {wanted} numbers and these have {flat.shape[1]}: "
            "give data of the same shape."
        )
    features = flat if preparation.image_shape else _without_tokens(flat, preparation.missing_tokens)
    return features, _known_target(raw.target, preparation, frame_row)


def _known_target(target: Any, preparation: Preparation, row_name: RowName) -> np.ndarray | None:
    """The target of new data, or None where there is none or a cell of it is empty."""
    if target is None:
        return None
    cells, missing = target_column(target), preparation.missing_tokens
    try:
        typed = type_column(cells, missing, row_name)
    except InputError:
        return None
    if typed.null_count() or not len(typed):
        return None
    return read_target(cells, preparation.target_name, preparation.task, missing, row_name, check=False)[0]
