"""Categories: a feature for each, the rank of those that are ordered, and hashes where there are many."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import polars as pl

from couloir.data.columns import MANY_CATEGORIES, levels_of
from couloir.data.encodings.column import ColumnPreparation

HASHED_FEATURES = 64
HITS = 4


class OneHot(ColumnPreparation):
    """A category becomes one feature for each category of the training rows: 1 for its own, 0 for the others.

    All are 0 for a category that was not seen in training. Where the encoding asks for it, of two categories
    there is one feature, categories of few rows have one together (`compact`), or there are means of the
    target in place of them all (`couloir.data.encodings.target`).
    """

    @classmethod
    def fit(cls, column: pl.Series, kind: str, number: dict[str, Any]) -> Self | None:
        """The categories, unless one value stands in every row."""
        categories = tuple(column.drop_nulls().unique().sort().to_list())
        marker = column.null_count() > 0
        if len(categories) + marker < 2:
            return None
        return cls(column.name, kind, marker=marker, categories=categories)

    @property
    def own_names(self) -> tuple[str, ...]:
        """A name for each category's feature, or for each mean."""
        if self.means:
            count = len(self.means[0])
            numbers = [""] if count == 1 else [f" {number}" for number in range(1, count + 1)]
            return tuple(f"{self.name} target mean{number}" for number in numbers)
        named = self.categories[1:] if self.signed else self.categories
        return tuple(f"{self.name}={category}" for category in named) + (f"{self.name} rare",) * self.rare

    @cached_property
    def table(self) -> np.ndarray:
        """The features of each category, and last those of any other text [category + 1, feature]."""
        if self.means:
            return np.array(self.means)
        if self.signed:
            return np.array([[-1.0], [1.0], [0.0]])
        return np.eye(len(self.categories) + 1, len(self.own_names), dtype=np.uint8)

    def write(self, cells: pl.Series, features: np.ndarray) -> None:
        """Write the features of the cells' categories."""
        places = self.places(cells)
        rows = np.flatnonzero(places < len(self.categories) + (self.rare or bool(self.means)))
        if self.means or self.signed:
            features[rows] = self.table[places[rows]]
        else:
            features[rows, places[rows]] = 1

    def places(self, cells: pl.Series) -> np.ndarray:
        """Where each cell's features stand in the `table` [sample]; one past its end where it is missing."""
        places = places_among(cells, self._category_type)
        others = len(self.categories) + cells.is_null().to_numpy()
        return np.where(np.isnan(places), others, places).astype(int)

    @cached_property
    def _category_type(self) -> pl.Enum:
        return pl.Enum(self.categories)


class Ordered(OneHot):
    """An ordered category is a number, its rank among the levels that were declared.

    A trend along the order can be learnt from few rows, and holds for a level between that no training row
    has. Where at most 50 levels were seen in training, and more than two, each has a feature of its own
    besides, for steps are seldom equal, and a declared order need not matter. A text that is no level counts
    as missing.
    """

    is_number = True

    @classmethod
    def fit(cls, column: pl.Series, kind: str, number: dict[str, Any]) -> Self:
        """The rank, and the levels that were seen."""
        seen = column.drop_nulls().unique().sort().cast(pl.String).to_list()
        # Of two levels the rank says all.
        own = tuple(seen) if 2 < len(seen) <= MANY_CATEGORIES else ()
        return cls(column.name, kind, levels=tuple(levels_of(column)), categories=own, **number)

    def numbers(self, cells: pl.Series) -> np.ndarray:
        """The rank of each cell [sample], NaN where it is no level."""
        return places_among(cells, self._level_type)

    @cached_property
    def _level_type(self) -> pl.Enum:
        return pl.Enum(self.levels)


class Hashed(OneHot):
    """A text of a column with too many for a feature each lights a few of 64, which a hash of it picks.

    The hash is of the text alone: the same on every machine and in every fold. Texts share single features,
    and hardly ever all of theirs: there are 635,376 ways to pick 4 of 64. This is a Bloom filter's code of
    the text (Serrà and Karatzoglou 2017, "Getting deep recommenders fit: Bloom embeddings"), as the hashing
    trick (Weinberger et al. 2009) is with one feature a text.

    A text that no training row has lights nothing, as an unknown category does: of features that it would
    share by chance with others, nothing has been learnt about it.
    """

    @property
    def own_names(self) -> tuple[str, ...]:
        """A number for each feature, for they are nobody's alone."""
        if self.means:
            return super().own_names
        return tuple(f"{self.name} #{number}" for number in range(HASHED_FEATURES))

    @cached_property
    def table(self) -> np.ndarray:
        """The features of each category: 1 for those that its hash picks; and those of other texts."""
        if self.means:
            return np.array(self.means)
        return np.vstack([hashed_codes(self.categories), np.zeros((1, HASHED_FEATURES), np.uint8)])

    def write(self, cells: pl.Series, features: np.ndarray) -> None:
        """Write the codes of the cells, or the means."""
        places = self.places(cells)
        rows = np.flatnonzero(places < len(self.table))
        features[rows] = self.table[places[rows]]


FEW_ROWS = 4
"""A category with fewer in training is rare, where the encoding counts such together."""


def as_fitted(column: ColumnPreparation, cells: pl.Series, responses: np.ndarray) -> ColumnPreparation:
    """The column as it is: a feature for each category, or a code of each."""
    return column


def compact(column: ColumnPreparation, cells: pl.Series, responses: np.ndarray) -> ColumnPreparation:
    """The column with one feature for all rare categories, and one for two categories.

    A category of very few rows is learnt by heart. Such have a feature together, and texts that no training
    row has are counted as rare as well: what holds of categories that hardly occur is the best guess for
    them. Of two categories, none of them rare, one feature says all: -1 for the first, 1 for the second, 0
    where it is neither. A hashed column stays as it is.

    Args:
        column: as it was fitted to these cells.
        cells: of the training rows.
        responses: of no use here.
    """
    common = common_categories(column, cells)
    if column.kind == "hashed" or not common:
        return column
    rare = len(common) < len(column.categories)
    return replace(column, categories=common, rare=rare, signed=len(common) == 2 and not rare)


def common_categories(column: ColumnPreparation, cells: pl.Series) -> tuple[str, ...]:
    """The categories of a column that are not rare among the cells of the training rows."""
    counts = cells.drop_nulls().value_counts(name=f"{column.name} rows")
    common = counts.filter(counts[f"{column.name} rows"] >= FEW_ROWS)[column.name].to_list()
    return tuple(category for category in column.categories if category in set(common))


def places_among(cells: pl.Series, texts: pl.Enum) -> np.ndarray:
    """Where each cell stands among the texts [sample], NaN for a cell that is missing or not among them."""
    written = cells if cells.dtype == pl.String else cells.cast(pl.String)
    return written.cast(texts, strict=False).to_physical().cast(pl.Float64).to_numpy()


def hashed_places(text: str) -> np.ndarray:
    """Which of the 64 features a text lights: four numbers, of which two may be equal.

    They are the four 16-bit little-endian words of the text's 8-byte BLAKE2b, modulo 64.
    """
    digest = hashlib.blake2b(text.encode(), digest_size=2 * HITS).digest()
    return np.frombuffer(digest, "<u2") % HASHED_FEATURES


def hashed_codes(texts: Iterable[str]) -> np.ndarray:
    """The features of each text [text, 64], 1 where it lights one and 0 elsewhere, as bytes."""
    places = np.array([hashed_places(text) for text in texts]).reshape(-1, HITS)
    codes = np.zeros((len(places), HASHED_FEATURES), np.uint8)
    codes[np.arange(len(places))[:, None], places] = 1
    return codes
