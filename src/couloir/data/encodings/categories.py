"""Categories: a feature for each, the rank of those that are ordered, and hashes where there are many."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
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

    All are 0 for a category that was not seen in training.
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
        """A name for each category's feature."""
        return tuple(f"{self.name}={category}" for category in self.categories)

    def write(self, cells: pl.Series, features: np.ndarray) -> None:
        """Write 1 where a cell holds the feature's category."""
        rows, places = self.known(cells)
        features[rows, places] = 1

    def known(self, cells: pl.Series) -> tuple[np.ndarray, np.ndarray]:
        """The rows whose cells are among the categories, and where they stand there."""
        places = places_among(cells, self._category_type)
        rows = np.flatnonzero(~np.isnan(places))
        return rows, places[rows].astype(int)

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
        return tuple(f"{self.name} #{number}" for number in range(HASHED_FEATURES))

    @cached_property
    def codes(self) -> np.ndarray:
        """The features of each category [category, feature]: 1 for those that its hash picks."""
        return hashed_codes(self.categories)

    def write(self, cells: pl.Series, features: np.ndarray) -> None:
        """Write the codes of the cells."""
        rows, places = self.known(cells)
        features[rows] = self.codes[places]


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
