"""Files: where Couloir keeps its own; whether a person's can be written; written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from couloir.errors import InputError, unknown

if TYPE_CHECKING:
    import polars as pl

TABLE_ENDINGS = (".csv", ".tsv", ".parquet")


def own(name: str, lasting: bool = False) -> Path:
    """Where a file or folder of Couloir's own is kept: in COULOIR_HOME, else in the user's cache folder.

    Args:
        name: its name there.
        lasting: it cannot be made again, so without COULOIR_HOME it is in the user's data folder.
    """
    if home := os.environ.get("COULOIR_HOME"):
        return Path(home) / name
    import platformdirs

    folder = platformdirs.user_data_dir if lasting else platformdirs.user_cache_dir
    return Path(folder("couloir", appauthor=False)) / name


@contextlib.contextmanager
def whole(path: Path, durable: bool = False) -> Iterator[Path]:
    """A path beside another to write to; what was written takes the other's place when the block ends well.

    So whoever reads finds the old file or the new one, never half of one. Where the block ends in an
    exception, what it wrote is removed. What is durable is on the disk before it takes the place: it is whole
    even if the machine stops.
    """
    temporary = path.with_name(f".{path.name}.part{os.getpid()}")
    try:
        yield temporary
        if durable:
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_folder(folder: Path) -> None:
    """Raise an InputError if a folder of runs can be neither used nor made at a path."""
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise InputError(f"The runs cannot be saved in '{folder}', as '{nearest}' is a file: name a folder.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"Nothing can be written to the folder '{nearest}': name another with --out.")


def check_table_path(path: Path, force: bool) -> None:
    """Raise an InputError if a table cannot be written to a path; done before work that takes time."""
    if path.suffix.lower() not in TABLE_ENDINGS:
        raise unknown("table format", path.suffix or path.name, TABLE_ENDINGS)
    check_path(path, force)


def check_path(path: Path, force: bool) -> None:
    """Raise an InputError if a new file cannot stand at a path."""
    if not path.parent.is_dir():
        raise InputError(f"There is no folder '{path.parent}' to write '{path.name}' into: make it first.")
    if path.is_dir():
        raise InputError(f"The path '{path}' is a folder: name a file to write.")
    if path.exists() and not force:
        raise InputError(f"The file '{path}' exists already: name another, or replace it with --force.")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"Nothing can be written to the folder '{path.parent}': name another.")


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write a table as its file's ending says, under a temporary name that is then changed.

    Raises:
        InputError: the system refuses, for want of space or of a right.
    """
    try:
        with whole(path) as temporary:
            if path.suffix.lower() == ".parquet":
                table.write_parquet(temporary)
            else:
                table.write_csv(temporary, separator="\t" if path.suffix.lower() == ".tsv" else ",")
    except OSError as error:
        raise InputError(f"The file '{path}' cannot be written ({error.strerror or error}).") from None
