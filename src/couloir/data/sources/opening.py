"""Whatever names or holds a data set, as a raw table or raw arrays: which reader is for what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from couloir.data.sources.bundled import BUNDLED, bundled
from couloir.data.sources.columnar import read_arrow, read_parquet
from couloir.data.sources.delimited import read_text_table
from couloir.data.sources.files import existing, is_there, unpacked_name
from couloir.data.sources.frames import frame_row, is_frame, is_pandas, polars_frame
from couloir.data.sources.idx import read_idx, read_idx_folder
from couloir.data.sources.npz import read_npz
from couloir.data.sources.openml import is_openml, read_openml
from couloir.data.sources.raw import Arrays, Table
from couloir.errors import InputError, nearest
from couloir.text import quoted

TARGET_NAMES = ("target", "label", "class", "y")
"""Column names that are taken for the target's where none is given, in any case of letters."""

READERS: Mapping[str, Callable[[Path], Table]] = MappingProxyType(
    {
        **dict.fromkeys((".csv", ".tsv", ".tab", ".txt"), read_text_table),
        **dict.fromkeys((".parquet", ".pq"), read_parquet),
        **dict.fromkeys((".arrow", ".feather", ".ipc"), read_arrow),
    }
)
"""What reads a table, by the ending of the file's name."""


def open_source(source: Any, target: str | None = None, *, labelled: bool = True) -> Table | Arrays:
    """Read a source that `couloir.load` takes; nothing in it is interpreted yet.

    Args:
        source: a name, a path, a pair (X, y), or a frame.
        target: which column of a frame is the target, where that is known.
        labelled: whether a target belongs to it. Without, rows alone will do: an array or a list of rows
            (so that a list of two rows is no pair), an .npz file with X, an IDX file of images.

    Raises:
        InputError: there is no such source, or it cannot be read.
    """
    if isinstance(source, (str, Path)):
        return _open_name(source, target if labelled else None, labelled)
    pair = isinstance(source, (tuple, list)) and len(source) == 2
    # Without a target belonging to it, two rows are no pair: its X has rows of its own.
    if pair and (labelled or is_frame(source[0]) or np.ndim(source[0]) > 1):
        features, cells = source
        if is_frame(features):
            return Table(polars_frame(features), frame_row, "frame", target=cells)
        return Arrays(features, cells)
    if is_frame(source):
        return Table(polars_frame(source, _target_columns(source, target)), frame_row, "frame")
    if labelled:
        raise InputError(
            f"A {type(source).__name__} is not a data source: give a name, a path, a pair (X, y), or a frame."
        )
    return Arrays(source)


def is_table_file(path: Path) -> bool:
    """Whether the ending of a file's name says that it holds a table."""
    return _ending(path) in READERS


def read_table(path: Path) -> Table:
    """A file as a raw table, told by its ending.

    Raises:
        InputError: the ending is not known, or the file cannot be read.
    """
    if not is_table_file(path):
        raise InputError(
            f"The file {quoted(path.name)} has an ending that is not known: the endings are "
            f"{', '.join((*READERS, '.npz'))}, and a folder may hold IDX files."
        )
    return READERS[_ending(path)](path)


def _open_name(source: str | Path, target: str | None, labelled: bool) -> Table | Arrays:
    """A bundled set, one of OpenML, a file or a folder."""
    if str(source) in BUNDLED:
        _refuse_target(str(source), target)
        return bundled(str(source))
    if is_openml(source):
        return read_openml(str(source))
    path = _path(source)
    if path.is_dir():
        _refuse_target(path.name, target)
        return read_idx_folder(path)
    if _ending(path) == ".npz":
        _refuse_target(path.name, target)
        return read_npz(path, labelled)
    if not labelled and not is_table_file(path) and "idx" in path.name:
        return Arrays(read_idx(path))
    return read_table(path)


def _refuse_target(name: str, target: str | None) -> None:
    """Raise where a target is named for a source that brings its own."""
    if target is not None:
        raise InputError(f"The data '{name}' bring their own target: leave out the target {quoted(target)}.")


def _path(source: str | Path) -> Path:
    """The path, where something is at it; near names of bundled sets are suggested too."""
    if "://" in str(source):
        raise InputError(f"The address {quoted(source)} cannot be read: download the file and give its path.")
    path = Path(source).expanduser()
    near = nearest(str(source).replace("-", "_"), BUNDLED)
    if near and path.name == str(source) and not path.suffix and not is_there(path):
        raise InputError(
            f"There is no file and no bundled set {quoted(source)}: the nearest name is {quoted(near)}, "
            f"and the bundled sets are {', '.join(BUNDLED)}."
        )
    return existing(path)


def _ending(path: Path) -> str:
    """The ending that says what is in a file, packed or not."""
    return Path(unpacked_name(path).lower()).suffix


def _target_columns(frame: Any, target: str | None) -> list[str]:
    """The columns of a pandas frame that are, or may be, its target."""
    if target or not is_pandas(frame):
        return [target] if target else []
    return [str(name) for name in frame.columns if str(name).lower() in TARGET_NAMES]
