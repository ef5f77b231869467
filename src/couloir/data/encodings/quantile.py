"""Numbers by where they stand among the training rows', as scores of the normal distribution.

With q₀ ≤ … ≤ q_T the quantiles 0, 1/T, …, 1 of the known training values, T + 1 the number of these or 257,
a value v among them gets the score

    z(v) = clip(Φ⁻¹((a + b) / 2T), -5.2, 5.2),

a and b the first and the last of the quantiles that equal v, so that equal values share the middle of their
ranks, and between two of them z is interpolated linearly. Whatever the numbers' distribution, the scores'
is about normal with mean 0 and deviation 1, and only the order of the numbers counts. Each number [sample]
is one feature [sample], as a standardised one is; a missing one is filled with the median, and marked.

It is scikit-learn's `QuantileTransformer(output_distribution="normal")` (its bounds, and ties by both
directions), but for this: between two quantiles the score is interpolated, not the rank, which needs no Φ⁻¹
to predict; and the least and the greatest value, where they repeat, share the middle of their ranks as others
do. There they are ±5.2 however many they are: of a column that is 0 in nine rows of ten, all zeros.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from couloir.data.encodings.column import ColumnPreparation
from couloir.data.encodings.piecewise import quantiles

MOST_QUANTILES = 257
"""Of a column: as many pairs of numbers stand in the model's file, for each column and each fold."""

FARTHEST = 5.199337582605575
"""Φ⁻¹(1 - 10⁻⁷), which scores stay within."""


def quantile(columns: Sequence[ColumnPreparation], cells: Iterable[np.ndarray]) -> list[ColumnPreparation]:
    """The columns with their different quantiles as knots, and the scores of these.

    Args:
        columns: those that are numbers.
        cells: of each column the training rows' [sample], missing as NaN.
    """
    return [
        column if column.low == column.high else _scored(column, values[~np.isnan(values)])
        for column, values in zip(columns, cells, strict=True)
    ]


def _scored(column: ColumnPreparation, known: np.ndarray) -> ColumnPreparation:
    """The column with knots and scores, from the known values [sample]."""
    from scipy.special import ndtri

    count = min(len(known), MOST_QUANTILES)
    knots, first, repeats = np.unique(quantiles(known, count - 1), return_index=True, return_counts=True)
    ranks = (first + (repeats - 1) / 2) / (count - 1)
    scores = np.clip(ndtri(ranks), -FARTHEST, FARTHEST)
    return replace(column, knots=tuple(knots.tolist()), scores=tuple(scores.tolist()))


class Scores:
    """The scores of all columns; of a column without knots they are 0."""

    def __init__(self, numeric: Sequence[ColumnPreparation]) -> None:
        """Those of fitted columns that are numbers."""
        self._lines = [(np.array(column.knots), np.array(column.scores)) for column in numeric]

    def write(self, values: np.ndarray) -> None:
        """Make scores of numbers in their own units [sample, numeric column], in place; NaN stays NaN."""
        for place, (knots, scores) in enumerate(self._lines):
            values[:, place] = interpolated(values[:, place], knots, scores) if len(knots) else 0.0


def interpolated(values: np.ndarray, knots: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Where a line through (knot, height), knots rising, lies over each value [sample].

    Beyond its ends it is level. As `np.interp`, which overflows where two knots are next to nothing apart.
    """
    start = np.clip(np.searchsorted(knots, values, "right") - 1, 0, len(knots) - 2)
    low = knots[start]
    share = np.clip((values - low) / (knots[start + 1] - low), 0.0, 1.0)
    return (1 - share) * heights[start] + share * heights[start + 1]
