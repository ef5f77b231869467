"""Rows that a run's model could be asked about, as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from couloir.data.preparation import ColumnPreparation, Preparation
    from couloir.runs.records import LearnedRecord

EXAMPLES = 3


def example_rows(preparation: Preparation, record: LearnedRecord) -> str:
    """Some rows of the run's data as CSV: those it was most mistaken about, as far as they were kept."""
    mistakes = record.mistakes[:EXAMPLES]
    lines = io.StringIO()
    write = csv.writer(lines, lineterminator="\n")
    if not preparation.tabular:
        write.writerow(f"x{number}" for number in range(1, preparation.width + 1))
        known = [np.ravel(entry.pixels or list((entry.values or {}).values())).tolist() for entry in mistakes]
        write.writerows((flat + [0] * preparation.width)[: preparation.width] for flat in known or [[]])
        return lines.getvalue()
    usual = {column.name: _usual(column) for column in preparation.columns}
    write.writerow(preparation.raw_kinds)
    for values in [entry.values or {} for entry in mistakes] or [{}]:
        cells = [values.get(name, usual.get(name, "")) for name in preparation.raw_kinds]
        write.writerow("" if cell is None else cell for cell in cells)
    return lines.getvalue()


def _usual(column: ColumnPreparation) -> str:
    """A cell that a column could hold: its median, or the first of its categories."""
    if column.kind == "date":
        return str(np.datetime64("1970-01-01") + np.timedelta64(round(column.fill), "D"))
    if column.kind == "boolean":
        return "true" if column.fill >= 0.5 else "false"
    if column.kind == "ordered":
        return str(column.levels[min(round(column.fill), len(column.levels) - 1)])
    return f"{column.fill:.6g}" if column.is_number else next(iter(column.categories), "")
