"""What readers of sources give: tables and arrays in which nothing is interpreted yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from couloir.data.cells import RowName


@dataclass(frozen=True)
class Table:
    """Columns with names, cells as they were read.

    Attributes:
        frame: the columns; those of a text file are all texts.
        row_name: names a row for a person.
        name: what the data set is called; in a sentence it is `file`, where it comes from one.
        target: the target's cells, where they stand beside the columns; else it is one of them.
        target_name: which column the source says is the target, or what it calls the cells beside.
    """

    frame: pl.DataFrame
    row_name: RowName
    name: str
    file: str | None = None
    target: Any = None
    target_name: str | None = None

    @property
    def called(self) -> str:
        """What it is called in a sentence."""
        return self.file or self.name


@dataclass(frozen=True)
class Arrays:
    """Rows without column names, as they were handed over.

    Attributes:
        features: numbers [sample, feature], or images [sample, height, width].
        target: one for each row, or None where new rows come without.
        target_name: what the source calls it.
        name: what the data set is called.
        pixel_maximum: the brightest that a pixel of an image can be, where the source says it.
        test_rows: rows that the source sets aside for the test, or None.
    """

    features: Any
    target: Any = None
    target_name: str | None = None
    name: str = "arrays"
    pixel_maximum: float | None = None
    test_rows: np.ndarray | None = None
