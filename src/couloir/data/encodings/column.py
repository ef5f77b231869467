"""What every encoding has: a column's fitted state, as it is stored, and what is asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from couloir.data.columns import numbers_of


@dataclass(frozen=True)
class ColumnPreparation:
    """How one raw column becomes features.

    These are, in their order: its number, standardised, if it is one; the number's components: bins if it has
    edges (`couloir.data.encodings.piecewise`), waves if it has frequencies
    (`couloir.data.encodings.periodic`); features of its own; and where training rows had any missing, the
    marker, which is 1 where the cell is missing and 0 elsewhere. Numbers, their components and their markers
    are computed for all columns at once (`couloir.data.encodings.rows`); a kind of column says how it is
    fitted, and names and writes the features of its own.

    Attributes:
        name: the raw column.
        kind: numeric, boolean, date, ordered, categorical or hashed.
        index: its place among the raw columns.
        start: the first of its features.
        stop: one past its last feature.
        fill: median of the training rows, in the column's own units.
        low: the smallest value of the training rows, and
        high: the largest, in the column's own units.
        mean: of the filled training rows; their median where the column is `smooth`.
        scale: their standard deviation (divisor n), or what `couloir.data.encodings.robust` says where the
            column is `smooth`; where it is 0 the feature is always 0, for nothing has been learnt about
            other values.
        marker: whether there is a feature for "missing".
        categories: the texts seen in training, sorted (of an ordered column in its order) that have
            features, or means of the target.
        parts: what of a date has features besides its days.
        levels: all texts that an ordered column can take, in their order.
        edges: b₀ < … < b_T, between which its T piecewise-linear components rise, in the column's own units;
            empty where it has none.
        smooth: whether the standardised number is clipped smoothly.
        knots: the different quantiles of the training rows, rising, in the column's own units, and
        scores: what the number is there in place of the standardised one (`couloir.data.encodings.quantile`);
            empty where it is the standardised one.
        frequencies: of its waves, in turns while the standardised number rises by 1.
        rare: whether texts that are not among the categories have a feature together.
        signed: whether two categories are one feature: -1, or 1 for the second.
        means: the features of each category, and last those of all other texts, made of the targets
            (`couloir.data.encodings.target`); empty where categories have features each.
    """

    name: str
    kind: str
    index: int = 0
    start: int = 0
    stop: int = 0
    fill: float = 0.0
    low: float = 0.0
    high: float = 0.0
    mean: float = 0.0
    scale: float = 1.0
    marker: bool = False
    categories: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    smooth: bool = False
    knots: tuple[float, ...] = ()
    scores: tuple[float, ...] = ()
    frequencies: tuple[float, ...] = ()
    rare: bool = False
    signed: bool = False
    means: tuple[tuple[float, ...], ...] = ()

    is_number: ClassVar[bool] = False
    """Whether its first feature is a number that is standardised."""

    @classmethod
    def fit(cls, column: pl.Series, kind: str, number: dict[str, Any]) -> Self | None:
        """Fit to the training rows of a column.

        Args:
            column: its cells, with their type.
            kind: what `column_kind` says of it.
            number: for an encoding that is a number, what `numbers.statistics` found; else nothing.

        Returns:
            The column's preparation, without its place among the features; None where nothing varies.
        """
        return cls(column.name, kind, **number)

    @property
    def own_names(self) -> tuple[str, ...]:
        """Names of the features that are neither the number, nor its components, nor the marker."""
        return ()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of its features, in order: "age", "age bin 1", "age missing", "sex=female", "day Monday"."""
        number = (self.name,) if self.is_number else ()
        bins = (f"{self.name} bin {number}" for number in range(1, len(self.edges)))
        waves = range(1, len(self.frequencies) + 1)
        turning = (f"{self.name} {part} {number}" for number in waves for part in ("sine", "cosine"))
        missing = (f"{self.name} missing",) if self.marker else ()
        return (*number, *bins, *turning, *self.own_names, *missing)

    @property
    def components(self) -> slice:
        """Which features are the number's components, its bins or its waves."""
        first = self.start + self.is_number
        return slice(first, first + max(len(self.edges) - 1, 0) + 2 * len(self.frequencies))

    @property
    def own(self) -> slice:
        """Which features are those of `own_names`."""
        return slice(self.components.stop, self.stop - self.marker)

    def numbers(self, cells: pl.Series) -> np.ndarray:
        """The raw cells of a column that is a number [sample], missing as NaN."""
        return numbers_of(cells)

    def write(self, cells: pl.Series, features: np.ndarray) -> None:
        """Write the features of `own_names` into `features` [sample, feature], which holds zeros."""
