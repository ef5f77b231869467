"""Whole rows: the features of all columns side by side, or the pixels of an image.

Both answer the same questions: what the features are called, what they are for some rows, and how the
standardising of them can be folded into the first layer of a network, W [output, feature] and b [output]:

    W (x - m) / s + b = (W / s) x + (b - W (m / s))
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from couloir.data.encodings.categories import OneHot
from couloir.data.encodings.column import ColumnPreparation
from couloir.data.encodings.periodic import Waves
from couloir.data.encodings.piecewise import Components
from couloir.data.encodings.quantile import Scores
from couloir.data.encodings.robust import clip_smoothly
from couloir.data.encodings.target import out_of_fold
from couloir.errors import InputError

FARTHEST = 1e4
"""Scales that a number may lie from zero where its scale is folded into weights: four digits are lost."""

LEAST_SCALE = 1e-100
"""A smaller scale is not folded into weights: they could overflow."""

RUN = 64
"""Rows whose numbers are computed in one run where there are many: NumPy is slow at few numbers a row."""


class Pixels:
    """Images: each pixel is a feature, divided by the brightest that it can be."""

    def __init__(self, shape: tuple[int, int], brightest: float) -> None:
        """Images of a shape (height, width)."""
        self.brightest, self.feature_names = brightest, pixel_names(shape)
        self.feature_slices = {name: slice(i, i + 1) for i, name in enumerate(self.feature_names)}

    def inputs(self, features: Any, dtype: Any) -> np.ndarray:
        """The pixels [sample, pixel], divided."""
        return np.divide(_flat(features), self.brightest, dtype=dtype)

    def unscaled(self, features: Any, gaps: bool) -> np.ndarray:
        """The pixels as they are [sample, pixel], float64; none is missing."""
        return _flat(features).astype(np.float64)

    def folded(self, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first layer for pixels as they are."""
        return np.asarray(weight, np.float64) / self.brightest, bias


class Columns:
    """Rows of a table or of an array: each column's features, side by side.

    The numbers are computed in one operation, for which their constants lie in arrays.
    """

    def __init__(self, columns: Sequence[ColumnPreparation], tabular: bool, width: int) -> None:
        """Fitted columns of a table with named columns, or of an array of so many."""
        self.columns, self.tabular, self.width = columns, tabular, width
        self.feature_names = tuple(name for column in columns for name in column.feature_names)
        self.feature_slices = {column.name: slice(column.start, column.stop) for column in columns}
        self._by_target = [c for c in columns if isinstance(c, OneHot) and c.means]
        self._more = [column for column in columns if column.own_names]
        self._numeric = [column for column in columns if column.is_number]
        self._indices = [column.index for column in self._numeric]
        # Whether the numbers are all the features there are, and in their order.
        self._whole = len(self._numeric) == len(self.feature_names)
        self._positions = np.array([column.start for column in self._numeric], int)
        self._marked = np.flatnonzero([column.marker for column in self._numeric])
        self._markers = np.array([column.stop - 1 for column in self._numeric if column.marker], int)
        # The encoding is the whole preparation's: all numbers are clipped smoothly, or none.
        self._smooth = any(column.smooth for column in self._numeric)
        edged = any(column.edges for column in self._numeric)
        self._components = Components(self._numeric, len(self.feature_names)) if edged else None
        self._scores = Scores(self._numeric) if any(column.knots for column in self._numeric) else None
        self._waves = Waves(self._numeric) if any(column.frequencies for column in self._numeric) else None
        self._fill, self._low, high, self._mean, self._scale = (
            np.array([getattr(column, name) for column in self._numeric])
            for name in ("fill", "low", "high", "mean", "scale")
        )
        self._scale[self._scale == 0] = np.inf
        constants = (high, self._mean, self._scale)
        self._runs = {rows: tuple(np.tile(each, rows) for each in constants) for rows in (1, RUN)}

    def inputs(self, features: pl.DataFrame | np.ndarray, dtype: Any) -> np.ndarray:
        """The features [sample, feature], computed in float64 and rounded once."""
        return self._side_by_side(features, dtype, standardised=True, gaps=True)

    def training_inputs(
        self,
        features: pl.DataFrame | np.ndarray,
        responses: np.ndarray,
        dtype: Any,
        groups: np.ndarray | None,
    ) -> np.ndarray:
        """The features of rows that are learnt from [sample, feature], no row's made of its own responses."""
        found = self.inputs(features, dtype)
        for column in self._by_target:
            cells: Any = features[column.name]
            places = column.places(cells)
            found[:, column.own] = out_of_fold(places, responses, len(column.means), groups)
        return found

    def unscaled(self, features: pl.DataFrame | np.ndarray, gaps: bool) -> np.ndarray:
        """The features before they are standardised, or the inputs where that is not foldable, float64."""
        return self._side_by_side(features, np.float64, standardised=not self._foldable, gaps=gaps)

    def folded(self, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first layer for what `unscaled` gives."""
        if not self._foldable:
            return weight, bias
        mean, scale = np.zeros(len(self.feature_names)), np.ones(len(self.feature_names))
        mean[self._positions], scale[self._positions] = self._mean, self._scale
        weight = np.asarray(weight, np.float64)
        return weight / scale, bias - weight @ (mean / scale)

    @cached_property
    def _foldable(self) -> bool:
        """Whether no number lies farther from zero than `FARTHEST` scales, nor has next to no scale.

        What is clipped smoothly, or a score, is not linear in the number, so that no first layer can do it.
        """
        return not (self._smooth or self._scores) and all(
            max(abs(column.low), abs(column.high)) <= FARTHEST * scale and scale >= LEAST_SCALE
            for column, scale in zip(self._numeric, self._scale.tolist(), strict=True)
        )

    def _side_by_side(
        self, features: pl.DataFrame | np.ndarray, dtype: Any, standardised: bool, gaps: bool
    ) -> np.ndarray:
        """The features of raw rows; numbers may stay as they are, and gaps NaN."""
        if isinstance(features, pl.DataFrame) != self.tabular:
            wanted = "a table with named columns" if self.tabular else "an array of numbers [sample, feature]"
            raise InputError(f"The model was trained on {wanted}: give new rows in the same form.")
        numbers, absent = self._numbers(features, gaps or len(self._marked) > 0)
        own_units = numbers.copy() if self._components and standardised else numbers
        if standardised:
            self._standardise(numbers)
        if self._whole:
            return numbers.astype(dtype, copy=False)
        if self._components:
            result = self._components.beside(numbers, own_units, dtype)
        else:
            result = np.zeros((len(features), len(self.feature_names)), dtype)
            result[:, self._positions] = numbers
        if self._waves:
            self._waves.write(numbers, result)
        if absent is not None:
            result[:, self._markers] = absent[:, self._marked]
        for column in self._more:
            cells: Any = features[column.name]
            column.write(cells, result[:, column.own])
            if column.marker and not column.is_number:
                result[cells.is_null().to_numpy(), column.stop - 1] = 1
        return result

    def _numbers(
        self, features: pl.DataFrame | np.ndarray, gaps: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The numbers in their own units [sample, numeric column], and where they are missing, if any are.

        They are filled, and taken as the nearest of the training rows.
        """
        raw = self.raw_numbers(features)
        # In place from here on: over wide rows each copy costs as much as the arithmetic.
        values, absent = np.maximum(raw, self._low, order="C"), None
        flat = values.reshape(-1)
        # Whether some are NaN the sum of their squares tells, several times sooner than a look at each.
        if gaps and np.isnan(np.dot(flat, flat)):
            absent = np.isnan(values)
            np.maximum(np.where(absent, self._fill, raw), self._low, out=values)
        run, (high, _, _) = self._in_runs(values)
        np.minimum(run, high, out=run)
        return values, absent

    def _standardise(self, values: np.ndarray) -> None:
        """Make of numbers in their own units [sample, numeric column] what networks read, in place."""
        if self._scores:
            self._scores.write(values)
            return
        run, (_, mean, scale) = self._in_runs(values)
        run -= mean
        run /= scale
        if self._smooth:
            clip_smoothly(run)

    def _in_runs(self, values: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """The same numbers, `RUN` rows in one where there are so many, with their high, mean and scale."""
        rows = RUN if len(values) % RUN == 0 else 1
        return values.reshape(len(values) // rows, rows * values.shape[1]), self._runs[rows]

    def raw_numbers(self, features: pl.DataFrame | np.ndarray) -> np.ndarray:
        """The numbers in their columns' own units [sample, numeric column], missing as NaN."""
        if isinstance(features, pl.DataFrame):
            cells = [column.numbers(features[column.name]) for column in self._numeric]
            return np.stack(cells, axis=1) if cells else np.empty((len(features), 0))
        if features.ndim != 2 or features.shape[1] != self.width:
            raise InputError(
                f"The model was trained on {self.width} features a row, and these rows have the shape "
                f"{features.shape}: give an array [sample, {self.width}]."
            )
        used = features if len(self._indices) == self.width else features[:, self._indices]
        return np.asarray(used, np.float64)


def pixel_names(shape: tuple[int, int]) -> tuple[str, ...]:
    """What the pixels of an image (height, width) are called, row by row."""
    return tuple(f"pixel {row},{column}" for row in range(shape[0]) for column in range(shape[1]))


def _flat(features: Any) -> np.ndarray:
    """Images, or their pixels, as [sample, pixel]."""
    array = np.asarray(features)
    return array.reshape(len(array), -1)
