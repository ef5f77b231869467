"""Parquet and Arrow files as tables."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import polars as pl

from couloir.data.sources.files import bare_name, read_bytes
from couloir.data.sources.raw import Table
from couloir.errors import InputError
from couloir.text import quoted


def read_parquet(path: Path) -> Table:
    """A Parquet file as a table.

    Raises:
        InputError: it is not one.
    """
    return _read(path, pl.read_parquet, "a Parquet file", "CSV")


def read_arrow(path: Path) -> Table:
    """An Arrow file (Feather) or stream as a table.

    Raises:
        InputError: it is neither.
    """
    return _read(path, _read_ipc, "an Arrow file", "Parquet or CSV")


def _read(path: Path, read: Callable[[io.BytesIO], pl.DataFrame], kind: str, others: str) -> Table:
    data = io.BytesIO(read_bytes(path))
    try:
        frame = read(data)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            f"The file {quoted(path.name)} is not {kind}, or is cut short: "
            f"write it again, or save it as {others}."
        ) from error
    return Table(frame, lambda row: f"row {row + 1} (counted from 1)", bare_name(path), path.name)


def _read_ipc(data: io.BytesIO) -> pl.DataFrame:
    return pl.read_ipc(data) if data.getvalue().startswith(b"ARROW1") else pl.read_ipc_stream(data)
