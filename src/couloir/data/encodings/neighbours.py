"""What came of the training rows that are most like a row, as further inputs beside its own.

A row is compared with training rows by its distance d to each, between their inputs as
`couloir.data.encodings.robust` reads numbers, categories as 0 and 1. With r the distance of the one after its
k nearest, the nearest ones' targets y are averaged,

    Σ wᵢ yᵢ / Σ wᵢ,    wᵢ = 1 / (dᵢ²/r² + 0.01) - 1 / 1.01,

so that near ones count more and those at r nothing, whichever of several at one distance they are. This, for
k of 4, 16 and 64, as far as rows suffice, is standardised and becomes one input for a number, one for two
classes (the share of the second), one for each of more classes; and log r, how lonely the row is, becomes
another. A network so begins with what a model of local averages knows, and learns where to trust it: it helps
where what is near is alike, in a way that a network of few layers is slow to draw.

**A row that is learnt from is never among its own nearest**, nor are rows of its group: so its input is made
of others' targets alone, as those of new rows are. What is taken from all rows together, scales and
quartiles, says nothing of one.

The rows that others are compared with are a part of the model, at most `MOST_ROWS` of them.

Nadaraya 1964 and Watson 1964 (averages by kernels), with the bandwidth of Loftsgaarden and Quesenberry 1965;
Gorishniy et al. 2024, "TabR: tabular deep learning meets nearest neighbors", on what networks gain by it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import polars as pl

from couloir.data.encodings.rows import Columns
from couloir.text import NEAREST

COMPARED_AS = "robust"
"""The encoding that rows are compared in."""

COUNTS = (4, 16, 64)
"""k: of how many nearest rows there are averages."""

MOST_ROWS = 8192
"""That others are compared with, of more every so many-th."""

NEAR = 0.01
"""A row at no distance counts 99, one at half of r 3."""

LEAST_SQUARE = 1e-6
"""Added to r²: of rows that are nearer than its root, more than k perhaps, all count alike."""

TIE = 1e-12
"""Of rows at one distance the first are taken: to squared distances so much is added from row to row, more
than their last digits differ between libraries."""

SCALED_BY = 512
"""Rows whose features tell the scale of all, at most."""

CELLS = 2**22
"""Distances, or responses, that are held at once, at most."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Training rows to compare others with.

    Attributes:
        rows: their inputs [row, input], float32.
        responses: what came of them [row, response], float32: numbers whose averages say something.
        places: which of the rows that are learnt from they are [row], rising.
        mean, scale: of the features of rows that are learnt from [feature], by which all are standardised.
    """

    rows: np.ndarray
    responses: np.ndarray
    places: np.ndarray
    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, inputs: np.ndarray, responses: np.ndarray, groups: np.ndarray | None = None) -> Neighbours:
        """Fit to rows that are learnt from.

        Args:
            inputs: by which rows are compared [sample, input].
            responses: of the same rows [sample, response].
            groups: number of each row's group [sample]; None: each is one of its own.
        """
        count = len(inputs)
        places = np.arange(min(count, MOST_ROWS)) * count // min(count, MOST_ROWS)
        kept = inputs[places].astype(np.float32), responses[places].astype(np.float32)
        groups = np.arange(count) if groups is None else groups
        most_alike = int(np.unique(groups[places], return_counts=True)[1].max())
        width = len(counts(len(places) - most_alike)) * (responses.shape[1] + 1)
        plain = cls(*kept, places, np.zeros(width), np.ones(width))
        some = np.arange(0, len(places), -(-len(places) // SCALED_BY))
        found = plain._features(kept[0][some], (groups[places][some], groups[places]))
        spread = found.std(axis=0)
        return cls(*kept, places, found.mean(axis=0), np.where(spread > 0, spread, 1.0))

    @property
    def counts(self) -> tuple[int, ...]:
        """Of how many nearest rows there are averages, each with a distance."""
        return COUNTS[: len(self.mean) // (self.responses.shape[1] + 1)]

    @property
    def names(self) -> list[str]:
        """A name for each feature: the averages of each k, then its distance."""
        responses = self.responses.shape[1]
        numbers = [""] if responses == 1 else [f" {number}" for number in range(1, responses + 1)]
        each = [*(f"target{number} of the nearest" for number in numbers), "distance of the nearest"]
        return [f"{name} {count}" for count in self.counts for name in each]

    def of(self, inputs: np.ndarray) -> np.ndarray:
        """The features of new rows [sample, feature], float64, from the inputs that they are compared by."""
        return self._features(inputs, None)

    def of_learnt(self, inputs: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
        """The features of all rows that it was fitted to, in their order, each made of other groups' rows."""
        groups = np.arange(len(inputs)) if groups is None else groups
        return self._features(inputs, (groups, groups[self.places]))

    def _features(self, inputs: np.ndarray, groups: tuple[np.ndarray, np.ndarray] | None) -> np.ndarray:
        """The features of rows; groups: theirs, and those of the rows that they are compared with."""
        if not self.counts:
            return np.empty((len(inputs), 0))
        # A row takes its distances, and the responses of its nearest.
        cells = max(len(self.rows), (self.counts[-1] + 1) * self.responses.shape[1])
        size = max(CELLS // cells, 1)
        found = [np.empty((0, len(self.mean)))]
        for start in range(0, len(inputs), size):
            block = slice(start, start + size)
            alike = None if groups is None else groups[0][block, None] == groups[1]
            found.append(self._some(inputs[block].astype(np.float64), alike))
        return (np.concatenate(found) - self.mean) / self.scale

    def _some(self, inputs: np.ndarray, alike: np.ndarray | None) -> np.ndarray:
        """The features of some rows before they are standardised; alike: with whom each is not compared."""
        # |x − y|² = |x|² + (|y|² − 2 x·y), of which the first part is the same for all that a row is compared
        # with: the other, with the ties, is one product.
        rows, ties = self.rows.astype(np.float64), TIE * np.arange(len(self.rows))
        beside = np.column_stack([-2 * rows, (rows**2).sum(axis=1) + ties])
        square = np.column_stack([inputs, np.ones(len(inputs))]) @ beside.T
        if alike is not None:
            square[alike] = np.inf
        nearest = _least(square, self.counts[-1] + 1)
        squares = np.take_along_axis(square, nearest, axis=1) - ties[nearest]
        squares += (inputs**2).sum(axis=1)[:, None]
        np.maximum(squares, 0, out=squares)
        responses = self.responses.astype(np.float64)[nearest]
        return np.concatenate([_average(squares, responses, count) for count in self.counts], axis=1)

    def arrays(self) -> dict[str, np.ndarray]:
        """All it consists of, by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def __eq__(self, other: object) -> bool:
        """Whether the other has the same rows, responses and scales."""
        if not isinstance(other, Neighbours):
            return NotImplemented
        own, others = self.arrays(), other.arrays()
        return all(np.array_equal(own[name], others[name]) for name in own)

    def __hash__(self) -> int:
        """One number for equal ones."""
        return hash(self.mean.tobytes())


class Compared:
    """Rows of a table as their columns' features, and after them those of the nearest training rows."""

    def __init__(self, columns: Columns, reading: Columns, neighbours: Neighbours) -> None:
        """Fitted columns; the columns as rows are compared by; and what they are compared with."""
        self._columns, self._reading, self._neighbours = columns, reading, neighbours
        self._own = len(columns.feature_names)
        self.feature_names = (*columns.feature_names, *neighbours.names)
        self.feature_slices = {**columns.feature_slices, NEAREST: slice(self._own, len(self.feature_names))}

    def inputs(self, features: pl.DataFrame | np.ndarray, dtype: Any) -> np.ndarray:
        """The features [sample, feature]."""
        nearest = self._neighbours.of(self._reading.unscaled(features, gaps=True))
        return np.hstack([self._columns.inputs(features, dtype), nearest.astype(dtype)])

    def training_inputs(
        self,
        features: pl.DataFrame | np.ndarray,
        responses: np.ndarray,
        dtype: Any,
        groups: np.ndarray | None,
    ) -> np.ndarray:
        """The features of the rows that are learnt from [sample, feature], no row's of its own response."""
        nearest = self._neighbours.of_learnt(self._reading.unscaled(features, gaps=True), groups)
        own = self._columns.training_inputs(features, responses, dtype, groups)
        return np.hstack([own, nearest.astype(dtype)])

    def unscaled(self, features: pl.DataFrame | np.ndarray, gaps: bool) -> np.ndarray:
        """The columns' features before they are standardised, and the others, float64."""
        nearest = self._neighbours.of(self._reading.unscaled(features, gaps))
        return np.hstack([self._columns.unscaled(features, gaps), nearest])

    def folded(self, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first layer for what `unscaled` gives."""
        own, bias = self._columns.folded(weight[:, : self._own], bias)
        return np.hstack([own, weight[:, self._own :]]), bias

    def raw_numbers(self, features: pl.DataFrame | np.ndarray) -> np.ndarray:
        """The numbers in their columns' own units [sample, numeric column], missing as NaN."""
        return self._columns.raw_numbers(features)


def counts(others: int) -> tuple[int, ...]:
    """The k, where a row can be compared with so many others: at most the half of them."""
    return tuple(count for count in COUNTS if 2 * count <= others)


def _least(values: np.ndarray, count: int) -> np.ndarray:
    """Where the least so many of each row [sample, row] stand, rising."""
    found = np.argpartition(values, count - 1, axis=1)[:, :count]
    order = np.argsort(np.take_along_axis(values, found, axis=1), axis=1)
    return np.take_along_axis(found, order, axis=1)


def _average(squares: np.ndarray, responses: np.ndarray, count: int) -> np.ndarray:
    """The averages of the nearest so many and log r [sample, response + 1].

    Args:
        squares: of the distances of the nearest, rising [sample, near].
        responses: theirs [sample, near, response].
        count: k.
    """
    radius = squares[:, count : count + 1] + LEAST_SQUARE
    weights = 1 / (squares[:, :count] / radius + NEAR) - 1 / (1 + NEAR)
    sums = np.einsum("sn,sno->so", weights, responses[:, :count])
    return np.concatenate([sums / weights.sum(axis=1, keepdims=True), np.log(radius) / 2], axis=1)
