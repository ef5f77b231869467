"""From a name, a path, arrays or a frame to a data set whose features are still raw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from couloir.data.columns import conform_column, one_line, quoted, type_column
from couloir.data.dataset import Dataset, Task
from couloir.data.description import describe, summary_lines
from couloir.data.fingerprints import fingerprint
from couloir.data.grouping import Binding, binding_of, read_binding, refuse_binding
from couloir.data.preparation import Preparation
from couloir.data.sources.bundled import BUNDLED, bundled
from couloir.data.sources.files import (
    Place,
    Table,
    existing,
    is_there,
    read_arrow,
    read_idx,
    read_npz,
    read_parquet,
    read_text_table,
    unpacked_name,
)
from couloir.data.sources.frames import (
    check_lengths,
    clean_array,
    feature_array,
    frame_place,
    is_frame,
    polars_frame,
    raw_arrays,
    target_column,
    without_tokens,
)
from couloir.data.sources.idx import idx_folder
from couloir.data.sources.openml import is_openml, read_openml
from couloir.data.targets import read_target
from couloir.errors import InputError, unknown

__all__ = ["describe", "load", "load_features", "summary_lines"]

TARGET_NAMES = ("target", "label", "class", "y")
"""Column names that are taken for the target's where none is given, in any case of letters."""

TEXT_ENDINGS = (".csv", ".tsv", ".tab", ".txt")
PARQUET_ENDINGS = (".parquet", ".pq")
ARROW_ENDINGS = (".arrow", ".feather", ".ipc")


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
    drop, missing, binding = _texts(drop), _texts(missing), binding_of(group, time)
    _check_task(task)
    if isinstance(source, (str, Path)):
        dataset = _load_path(source, target, task, drop, missing, binding)
        words = {"target": target, "task": task, "drop": list(drop), "missing": list(missing), "name": name}
        words |= {"group": group, "time": time}
        dataset = replace(dataset, source=_origin(source, {key: word for key, word in words.items() if word}))
    elif isinstance(source, (tuple, list)) and len(source) == 2:
        dataset = _load_pair(source[0], source[1], target, task, drop, missing, binding)
    elif is_frame(source):
        own = (target,) if target else [str(n) for n in _names(source) if str(n).lower() in TARGET_NAMES]
        table = Table(polars_frame(source, own), frame_place, "frame")
        dataset = _from_table(table, target, task, drop, missing, binding)
    else:
        raise InputError(
            f"A {type(source).__name__} is not a data source: give a name, a path, a pair (X, y), or a frame."
        )
    return replace(dataset, name=name) if name else dataset


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
    if preparation.tabular:
        return _table_features(_any_table(source), preparation)
    features, target = _any_arrays(source, preparation)
    if len(features) == 0:
        raise InputError("The new data have no rows: give at least one.")
    width = features[0].size
    if width != preparation.width:
        wanted = "x".join(map(str, preparation.image_shape)) if preparation.image_shape else preparation.width
        raise InputError(
            f"The model was trained on rows of {wanted} numbers and these have {width}: "
            "give data of the same shape."
        )
    tokens = () if preparation.image_shape else preparation.missing_tokens
    return without_tokens(features, tokens), target


def _names(frame: Any) -> Iterable[Any]:
    """The column names of a pandas frame; there are none to be told apart in others."""
    return () if isinstance(frame, (pl.DataFrame, pl.LazyFrame)) else getattr(frame, "columns", ())


def _origin(source: str | Path, loading: dict[str, Any]) -> dict[str, Any]:
    """How to load the same again, from any folder."""
    found = str(Path(source).resolve()) if Path(source).exists() else str(source)
    named = str(source) in BUNDLED or is_openml(source)
    return {"data": str(source) if named else found, "loading": loading}


def _texts(values: Iterable[str] | str) -> tuple[str, ...]:
    """A lone text as a tuple of one."""
    return (values,) if isinstance(values, str) else tuple(str(value) for value in values)


def _check_task(task: str | None) -> None:
    """Raise for a task that there is not."""
    if task not in (None, "classification", "regression"):
        raise unknown("task", task, ("classification", "regression"))


def _load_path(
    source: str | Path,
    target: str | None,
    task: Task | None,
    drop: tuple[str, ...],
    missing: tuple[str, ...],
    binding: Binding | None,
) -> Dataset:
    """A bundled set, a file or a folder."""
    if str(source) in BUNDLED:
        _refuse_target(str(source), target)
        found = bundled(str(source))
        if isinstance(found.features, pl.DataFrame):
            table = Table(found.features, frame_place, found.name)
            return _from_parts(table, found.target, found.target_name, task, drop, missing, binding)
        return _from_arrays(found, found.target, task, drop, missing, binding)
    if is_openml(source):
        table, own = read_openml(str(source))
        return _from_table(table, target or own, task, drop, missing, binding)
    path = _path(source)
    if path.is_dir():
        _refuse_target(path.name, target)
        return _from_arrays(idx_folder(path), None, task, drop, missing, binding)
    if path.name.lower().endswith(".npz"):
        _refuse_target(path.name, target)
        arrays = read_npz(path, ("X", "y"))
        return _load_pair(arrays["X"], arrays["y"], None, task, drop, missing, binding, path.stem)
    return _from_table(_read_table(path), target, task, drop, missing, binding, _stem(path))


def _path(source: str | Path) -> Path:
    """The path, where something is at it; near names of bundled sets are suggested too."""
    import difflib

    if "://" in str(source):
        raise InputError(f"The address {quoted(source)} cannot be read: download the file and give its path.")
    path = Path(source).expanduser()
    bare = path.name == str(source) and not path.suffix and not is_there(path)
    near = difflib.get_close_matches(str(source).lower().replace("-", "_"), BUNDLED, n=1, cutoff=0.6)
    if bare and near:
        raise InputError(
            f"There is no file and no bundled set {quoted(source)}: the nearest name is {quoted(near[0])}, "
            f"and the bundled sets are {', '.join(BUNDLED)}."
        )
    return existing(path)


def _stem(path: Path) -> str:
    """The file's name without its endings."""
    return Path(unpacked_name(path)).stem


def _read_table(path: Path) -> Table:
    """A text or Parquet file as a raw table, told by its ending."""
    ending = Path(unpacked_name(path).lower()).suffix
    if ending in TEXT_ENDINGS:
        return read_text_table(path)
    if ending in PARQUET_ENDINGS:
        return read_parquet(path)
    if ending in ARROW_ENDINGS:
        return read_arrow(path)
    known = ", ".join((*TEXT_ENDINGS, *PARQUET_ENDINGS, *ARROW_ENDINGS, ".npz"))
    raise InputError(
        f"The file {quoted(path.name)} has an ending that is not known: the endings are {known}, "
        "and a folder may hold IDX files."
    )


def _refuse_target(name: str, target: str | None) -> None:
    """Raise where a target is named for a source that brings its own."""
    if target is not None:
        raise InputError(f"The data '{name}' bring their own target: leave out the target {quoted(target)}.")


def _load_pair(
    features: Any,
    target: Any,
    target_name: str | None,
    task: Task | None,
    drop: tuple[str, ...],
    missing: tuple[str, ...],
    binding: Binding | None,
    name: str = "arrays",
) -> Dataset:
    """A pair (X, y)."""
    column = target_column(target)
    target_name = target_name or column.name or "target"
    if is_frame(features):
        table = Table(polars_frame(features), frame_place, "frame")
        check_lengths(table.frame.height, len(column))
        if target_name in table.frame.columns:
            raise InputError(
                f"X has a column {quoted(target_name)} and y is called so too: take the target out of X, "
                "or call y by another name with target=."
            )
        return _from_parts(table, column, target_name, task, drop, missing, binding)
    array = feature_array(features)
    check_lengths(len(array), len(column))
    raw = raw_arrays(array, column, target_name, name)
    return _from_arrays(raw, column, task, drop, missing, binding)


def _from_arrays(
    raw: Dataset,
    target: Any,
    task: Task | None,
    drop: tuple[str, ...],
    missing: tuple[str, ...],
    binding: Binding | None,
) -> Dataset:
    """Check an array data set and finish it."""
    refuse_binding(binding, raw.name)
    column = target_column(raw.target if target is None else target)
    read = read_target(column, raw.target_name, task, missing, frame_place)
    features = clean_array(np.asarray(raw.features), missing, raw)
    mark = fingerprint(features, raw.column_names, read.values)
    names = raw.column_names
    if drop and raw.image_shape:
        raise InputError(f"The rows of '{raw.name}' are images, which have no columns to drop.")
    if drop:
        keep = _kept(names, drop, raw.target_name)
        features = features[:, [names.index(column) for column in keep]]
        names = keep
    return replace(
        raw,
        features=features,
        target=read.values,
        task=read.task,
        fingerprint=mark,
        column_names=names,
        missing_tokens=missing,
    )


def _from_table(
    table: Table,
    target: str | None,
    task: Task | None,
    drop: tuple[str, ...],
    missing: tuple[str, ...],
    binding: Binding | None,
    name: str | None = None,
) -> Dataset:
    """A table whose target is one of its columns."""
    names = table.frame.columns
    target = _find_target(names, target, table.name)
    if target in drop:
        raise InputError(f"The target {quoted(target)} is among the columns to drop: drop another.")
    rest = replace(table, frame=table.frame.drop(target))
    dataset = _from_parts(rest, table.frame[target], target, task, drop, missing, binding)
    return replace(dataset, name=name or table.name)


def _find_target(names: Sequence[str], target: str | None, source: str) -> str:
    """The target column's name, given or found."""
    if target is not None:
        if target not in names:
            raise unknown("column", one_line(target), map(one_line, names))
        return target
    found = [name for name in names if name.lower() in TARGET_NAMES]
    if len(found) != 1:
        shown = (
            ", ".join(map(one_line, names[:20])) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
            or "none"
        )
        raise InputError(
            f"Say which column of {quoted(source)} is the target, with --target NAME: "
            f"the columns are {shown}."
        )
    return found[0]


def _from_parts(
    table: Table,
    target: Any,
    target_name: str,
    task: Task | None,
    drop: tuple[str, ...],
    missing: tuple[str, ...],
    binding: Binding | None,
) -> Dataset:
    """A table of features with its target beside it."""
    read = read_target(target_column(target), target_name, task, missing, table.place)
    bound: dict[str, Any] = {}
    if binding is not None:
        cells = read_binding(table.frame, binding, target_name, missing, table.place)
        bound = {f"{binding.role}s": cells, f"{binding.role}_name": binding.column}
        drop = (*drop, binding.column)
    kept = _kept(table.frame.columns, drop, target_name)
    typed = [
        _typed(column, column.name in kept, missing, table.place) for column in table.frame.get_columns()
    ]
    everything = pl.DataFrame([column for column in typed if column is not None])
    # Dropped columns, and those of groups and times, count in the fingerprint: the ledger of tests should
    # know the same rows again when a column less is used.
    # The order of ordered categories, which a CSV file cannot say, does not make other rows of them.
    plain = everything.cast({pl.Enum: pl.String})
    mark = fingerprint(plain, plain.columns, read.values)
    return Dataset(
        name=table.name,
        features=everything.select(kept),
        target=read.values,
        target_name=target_name,
        task=read.task,
        fingerprint=mark,
        column_names=kept,
        missing_tokens=missing,
        **bound,
    )


def _typed(column: pl.Series, kept: bool, missing: tuple[str, ...], place: Place) -> pl.Series | None:
    """A column with its type; a dropped one that cannot be read is passed over, for it is not used."""
    try:
        return type_column(column, missing, place)
    except InputError:
        if kept:
            raise
        return None


def _kept(names: Sequence[str], drop: tuple[str, ...], target_name: str) -> tuple[str, ...]:
    """The feature columns that remain."""
    for column in drop:
        if column == target_name:
            raise InputError(f"The target {quoted(column)} is among the columns to drop: drop another.")
        if column not in names:
            raise unknown("column", one_line(column), map(one_line, names))
    kept = tuple(column for column in names if column not in drop)
    if not kept:
        raise InputError("No column is left besides the target: give at least one to learn from.")
    return kept


def _any_table(source: Any) -> tuple[Table, Any]:
    """The raw table of any source of rows with names, and a target that stands beside it."""
    if isinstance(source, (tuple, list)) and len(source) == 2 and is_frame(source[0]):
        return Table(polars_frame(source[0]), frame_place, "frame"), source[1]
    if is_frame(source):
        return Table(polars_frame(source), frame_place, "frame"), None
    if isinstance(source, Dataset) and isinstance(source.features, pl.DataFrame):
        return Table(source.features, frame_place, source.name), source.target
    if isinstance(source, (str, Path)):
        if str(source) in BUNDLED:
            return _any_table(bundled(str(source)))
        if is_openml(source):
            return read_openml(str(source)).table, None
        path = _path(source)
        if path.is_file() and not path.name.lower().endswith(".npz"):
            return _read_table(path), None
    raise InputError(
        "The model was trained on a table with named columns, which these data have not: "
        "give a CSV, TSV or Parquet file, or a frame."
    )


def _table_features(
    found: tuple[Table, Any], preparation: Preparation
) -> tuple[pl.DataFrame, np.ndarray | None]:
    """The columns that the model needs, each read as it was in training."""
    table, beside = found
    frame, tokens = table.frame, preparation.missing_tokens
    if frame.height == 0:
        raise InputError(f"The new data {quoted(table.name)} have no rows: give at least one.")
    for column in preparation.raw_kinds:
        if column not in frame.columns:
            raise _lacking(column, frame.columns, table.name)
    features = pl.DataFrame(
        [
            conform_column(frame[name], kind, tokens, table.place)
            for name, kind in preparation.raw_kinds.items()
        ]
    )
    if beside is None and preparation.target_name in frame.columns:
        beside = frame[preparation.target_name]
    return features, _known_target(beside, preparation, table.place)


def _lacking(column: str, names: Sequence[str], source: str) -> InputError:
    """The error for a column that new data have not."""
    import difflib

    near = difflib.get_close_matches(column.lower(), [name.lower() for name in names], n=1, cutoff=0.6)
    meant = next((name for name in names if near and name.lower() == near[0]), None)
    hint = f" (is {quoted(meant)} meant?)" if meant else ""
    return InputError(
        f"The new data {quoted(source)} lack the column {quoted(column)} that the model was trained on"
        f"{hint}: add it."
    )


def _known_target(target: Any, preparation: Preparation, place: Place) -> np.ndarray | None:
    """The target of new data, or None where there is none or a cell of it is empty."""
    if target is None:
        return None
    column = target_column(target)
    try:
        typed = type_column(column, preparation.missing_tokens, place)
    except InputError:
        return None
    if typed.null_count() or not len(typed):
        return None
    read = read_target(
        column, preparation.target_name, preparation.task, preparation.missing_tokens, place, check=False
    )
    return read.values


def _any_arrays(source: Any, preparation: Preparation) -> tuple[np.ndarray, np.ndarray | None]:
    """Arrays of any source of rows without names, flat, and the target that stands beside them."""
    target: Any = None
    if isinstance(source, Dataset):
        return np.asarray(source.features), source.target
    if isinstance(source, (str, Path)):
        if str(source) in BUNDLED or _path(source).is_dir():
            return _any_arrays(load(source), preparation)
        path = _path(source)
        if path.name.lower().endswith(".npz"):
            arrays = read_npz(path, ("X",))
            source, target = arrays["X"], arrays.get("y")
        elif "idx" in path.name:
            source = read_idx(path)
        else:
            source = _read_table(path).frame
    elif isinstance(source, (tuple, list)) and len(source) == 2 and np.ndim(source[0]) > 1:
        source, target = source
    if is_frame(source):
        raise InputError(
            "The model was trained on an array without column names, and these data are a table: "
            "give an array [sample, feature] or an .npz file with X."
        )
    array = feature_array(source)
    flat = array.reshape(len(array), -1)
    values = None if target is None else _known_target(target, preparation, frame_place)
    if np.isinf(flat).any():
        row = int(np.argwhere(np.isinf(flat))[0][0])
        raise InputError(f"A value of X is infinite in {frame_place(row)}: mend it, or give NaN.")
    return flat, values
