"""What is in a table before anything is made of it: its columns by name and kind, and its first rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from couloir.data.columns import column_kind, type_column
from couloir.data.loading import load
from couloir.data.sources.bundled import BUNDLED
from couloir.data.sources.opening import TARGET_NAMES, is_table_file, read_table
from couloir.data.sources.raw import Table
from couloir.errors import InputError
from couloir.studio.jobs.request import JobRequest

PREVIEW_ROWS, PREVIEW_COLUMNS, MOST_COLUMNS = 12, 40, 2000


def looked_at(request: JobRequest) -> dict[str, Any]:
    """What is in the data of a request, as plain values; an InputError where they cannot be read."""
    table = _raw(request.data)
    columns, names = [], []
    for column in table.frame.get_columns()[:MOST_COLUMNS]:
        try:
            typed = type_column(column, (), table.row_name)
            kind, trouble, missing = column_kind(typed), None, typed.null_count()
        except InputError as error:
            kind, trouble, missing = "unclear", request.named(str(error)), column.null_count()
        names.append(column.name)
        columns.append({"name": column.name, "kind": kind, "missing": missing, "trouble": trouble})
    first = table.frame.head(PREVIEW_ROWS)[:, :PREVIEW_COLUMNS]
    rows = [[_cell(value) for value in row] for row in first.cast(pl.String, strict=False).iter_rows()]
    likely = [name for name in names if name.lower() in TARGET_NAMES]
    return {
        "rows": table.frame.height,
        "width": table.frame.width,
        "columns": columns,
        "preview": rows,
        "target": table.target_name or (likely[0] if len(likely) == 1 else ""),
        "fixed": table.target_name is not None,
    }


def _cell(value: str | None) -> str | None:
    return value if value is None or len(value) <= 60 else value[:59] + "…"


def _raw(source: str) -> Table:
    """The table as it lies there, before anything of it is made out; of arrays a frame."""
    if source not in BUNDLED and is_table_file(Path(source)):
        return read_table(Path(source))
    dataset = load(source)
    features, target = dataset.features, pl.Series(dataset.target_name, list(dataset.target))
    if not isinstance(features, pl.DataFrame):
        features = pl.DataFrame(features, schema=list(dataset.column_names))
    fixed = dataset.target_name if source in BUNDLED else None
    frame = features.with_columns(target)
    return Table(frame, lambda row: f"row {row + 1}", dataset.name, target_name=fixed)
