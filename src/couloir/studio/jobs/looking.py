"""What is in a table before anything is made of it: its columns by name and kind, and its first rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from couloir.data.columns import column_kind, type_column
from couloir.data.loading import ARROW_ENDINGS, PARQUET_ENDINGS, TARGET_NAMES, TEXT_ENDINGS, load
from couloir.data.sources.bundled import BUNDLED, bundled
from couloir.data.sources.files import Table, read_arrow, read_parquet, read_text_table, unpacked_name
from couloir.errors import InputError
from couloir.studio.jobs.request import JobRequest

PREVIEW_ROWS, PREVIEW_COLUMNS, MOST_COLUMNS = 12, 40, 2000


def looked_at(request: JobRequest) -> dict[str, Any]:
    """What is in the data of a request, as plain values.

    Raises:
        InputError: the data cannot be read.
    """
    table = _raw(request.data)
    columns, names = [], []
    for column in table.frame.get_columns()[:MOST_COLUMNS]:
        try:
            typed = type_column(column, (), table.place)
            kind, trouble, missing = column_kind(typed), None, typed.null_count()
        except InputError as error:
            kind, trouble, missing = "unclear", request.named(str(error)), column.null_count()
        names.append(column.name)
        columns.append({"name": column.name, "kind": kind, "missing": missing, "trouble": trouble})
    first = table.frame.head(PREVIEW_ROWS)[:, :PREVIEW_COLUMNS]
    rows = [[_cell(value) for value in row] for row in first.cast(pl.String, strict=False).iter_rows()]
    likely = [name for name in names if name.lower() in TARGET_NAMES]
    own = bundled(request.data).target_name if request.data in BUNDLED else None
    return {
        "rows": table.frame.height,
        "width": table.frame.width,
        "columns": columns,
        "preview": rows,
        "target": own or (likely[0] if len(likely) == 1 else ""),
        "fixed": own is not None,
    }


def _cell(value: str | None) -> str | None:
    return value if value is None or len(value) <= 60 else value[:59] + "…"


def _raw(source: str) -> Table:
    """The table as it lies there, before anything of it is made out; of arrays a frame."""
    readers = ((TEXT_ENDINGS, read_text_table), (PARQUET_ENDINGS, read_parquet), (ARROW_ENDINGS, read_arrow))
    ending = Path(unpacked_name(Path(source))).suffix.lower()
    for endings, read in readers:
        if source not in BUNDLED and ending in endings:
            return read(Path(source))
    dataset = bundled(source) if source in BUNDLED else load(source)
    features, target = dataset.features, pl.Series(dataset.target_name, list(dataset.target))
    if not isinstance(features, pl.DataFrame):
        wide = features.reshape(len(features), -1)
        names = dataset.column_names or tuple(f"pixel {n}" for n in range(wide.shape[1]))
        features = pl.DataFrame(wide, schema=list(names))
    return Table(features.with_columns(target), lambda row: f"row {row + 1}", dataset.name)
