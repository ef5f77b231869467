"""Numbers as a piecewise-linear encoding, beside the standardised number.

Of a number x, component t of T is how far it is through bin t,

    e_t = clip((x - b_{t-1}) / (b_t - b_{t-1}), 0, 1),    t = 1, …, T,

with edges b₀ < … < b_T at quantiles of the known training values, so that each bin has about as many of
them, and equal edges counted once. The bins below that of x are 1, those above are 0. A linear function of
the components is any piecewise-linear function of x with its corners at the edges: what a network would
have to put together from many hidden units stands ready in its inputs, on the scale on which values differ.

A column [sample] has its standardised number and T more features [sample, T] with it, where more than two
values differ in training: of two the number says all. An ordered column whose levels have features of their
own has no need of others. A missing number is filled with the median first, and marked.

Gorishniy, Rubachev and Babenko 2022, "On embeddings for numerical features in tabular deep learning": the
encoding by quantiles, here clipped in the first and the last bin as well, as numbers are anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from couloir.data.encodings.column import ColumnPreparation

MOST_BINS, FEWEST_BINS = 48, 4
"""Of a column; what repeats itself often can have fewer, for equal edges count once."""

MOST_FEATURES = 1000
"""About so many features may all numbers of a table have, as long as each column has its fewest bins."""

TILE = 2**15
"""Components that are computed at a time: what is worked on stays in the processor's nearer cache."""


def piecewise(columns: Sequence[ColumnPreparation], cells: Iterable[np.ndarray]) -> list[ColumnPreparation]:
    """The columns with their edges.

    Args:
        columns: those that are numbers.
        cells: of each column the training rows' [sample], missing as NaN.
    """
    each = list(cells)
    several = [varied(column, values) for column, values in zip(columns, each, strict=True)]
    bins = bins_of_each(sum(several))
    return [
        replace(column, edges=edges(values[~np.isnan(values)], bins)) if differ else column
        for column, values, differ in zip(columns, each, several, strict=True)
    ]


def varied(column: ColumnPreparation, values: np.ndarray) -> bool:
    """Whether a column's number says more in several features: of two values one says all.

    Nor is there need of others where its levels have features of their own.
    """
    return not column.categories and bool(((column.low < values) & (values < column.high)).any())


def bins_of_each(columns: int) -> int:
    """The most bins that each of so many columns may have; a number and a marker it has besides."""
    return min(max(MOST_FEATURES // max(columns, 1) - 2, FEWEST_BINS), MOST_BINS)


def edges(known: np.ndarray, bins: int) -> tuple[float, ...]:
    """The different ones among the quantiles 0, 1/bins, …, 1 of known values [sample], rising."""
    return tuple(np.unique(quantiles(known, bins)).tolist())


def quantiles(known: np.ndarray, bins: int) -> np.ndarray:
    """The quantiles 0, 1/bins, …, 1 of known values [sample].

    Between two values it is interpolated, as `np.quantile` does. But places are counted in whole numbers:
    where a quantile is a value, a rounding error would make of equal ones two, next to each other.
    """
    ordered = np.sort(known)
    before, rest = np.divmod(np.arange(bins + 1) * (len(ordered) - 1), bins)
    low, high = ordered[before], ordered[np.minimum(before + 1, len(ordered) - 1)]
    return low + (high - low) * (rest / bins)


class Components:
    """The components of all columns at once: for each feature of a row the bin that it is, in flat arrays."""

    def __init__(self, numeric: Sequence[ColumnPreparation], features: int) -> None:
        """Those of fitted columns that are numbers, some of which have edges, among so many features."""
        self._positions = np.array([column.start for column in numeric], np.intp)
        self._number, self._low = np.zeros(features, np.intp), np.zeros(features)
        # Features that are no components become 0, whatever number they are taken of.
        self._width = np.full(features, np.inf)
        for place, column in enumerate(numeric):
            if column.edges:
                self._number[column.components] = place
                self._low[column.components] = column.edges[:-1]
                self._width[column.components] = np.diff(column.edges)

    def beside(self, numbers: np.ndarray, own_units: np.ndarray, dtype: Any) -> np.ndarray:
        """All features of some rows [sample, feature], 0 where they are neither numbers nor components.

        Computed in float64 and rounded once. A row that has NaN among its numbers may be NaN all over.

        Args:
            numbers: as features [sample, numeric column].
            own_units: the same, filled, in their columns' own units [sample, numeric column].
            dtype: type of the result.
        """
        count, features = len(numbers), len(self._number)
        result = np.empty((count, features), dtype)
        tile = max(TILE // features, 1)
        room = np.empty((min(tile, count), features))
        with np.errstate(over="ignore"):  # what is far beyond a very narrow bin is clipped
            for start in range(0, count, tile):
                rows = slice(start, start + tile)
                part = room[: len(own_units[rows])]
                # By default it would check the places, and write to an array of its own first.
                np.take(own_units[rows], self._number, axis=1, out=part, mode="clip")
                part -= self._low
                part /= self._width
                np.clip(part, 0.0, 1.0, out=result[rows], casting="same_kind")
                result[rows, self._positions] = numbers[rows]
        return result
