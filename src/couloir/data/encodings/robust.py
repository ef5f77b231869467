"""Numbers by their median and quartiles, those far out clipped smoothly.

A number x becomes, in its column,

    y = (x - median) / r,    z = y / √(1 + (y / 3)²),

with r = q₇₅ - q₂₅, the quartiles of the known training values; where that is 0, for half of the values and
more are one, r = (max - min) / 2; and where that is 0 too, z is always 0. z rises with y, is close to it
around 0 and stays within -3 and 3, so that a long tail neither sets the scale of all other values nor gives
single rows inputs of hundreds. Each number [sample] is one feature [sample], as a standardised one is; a
missing one is filled with the median, and marked.

Holzmüller, Grinsztajn and Steinwart 2024, "Better by default: strong pre-tuned MLPs and boosted trees on
tabular data": robust scaling with smooth clipping.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from couloir.data.encodings.column import ColumnPreparation

CLIP = 3.0
"""What a number's size stays below."""


def robust(columns: Sequence[ColumnPreparation], cells: Iterable[np.ndarray]) -> list[ColumnPreparation]:
    """The columns with the median as their mean, and r as their scale.

    Args:
        columns: those that are numbers.
        cells: of each column the training rows' [sample], missing as NaN.
    """
    return [
        replace(column, mean=column.fill, scale=_scale(column, values[~np.isnan(values)]), smooth=True)
        for column, values in zip(columns, cells, strict=True)
    ]


def _scale(column: ColumnPreparation, known: np.ndarray) -> float:
    """r, of the known values [sample]."""
    low, high = np.quantile(known, [0.25, 0.75]).tolist()
    most, span = column.high - column.low, high - low
    # A span that is next to nothing beside the range counts as 0: numbers counted in it would overflow.
    return span if span > 0 and most / span < np.inf else most / 2


def clip_smoothly(values: np.ndarray) -> np.ndarray:
    """z for each y, in place; `hypot` does not overflow where a square would."""
    values /= np.hypot(1.0, values / CLIP)
    return values
