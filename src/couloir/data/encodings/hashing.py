"""A fixed number of features for a text column that has too many values for a feature each.

Every value lights a few features of a fixed number, picked by a hash of the text alone: the same on every
machine and in every fold. Values share single features, and hardly ever all of theirs: there are
635,376 ways to pick 4 of 64. This is a Bloom filter's code of the value (Serrà and Karatzoglou 2017,
"Getting deep recommenders fit: Bloom embeddings"), as the hashing trick (Weinberger et al. 2009) is with
one feature a value.

A value that no training row has lights nothing, as an unknown category does: of features that it would
share by chance with others, nothing has been learnt about it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cached_property

import numpy as np
import polars as pl

from couloir.data.encodings.categories import OneHot

HASHED_FEATURES = 64
HITS = 4


class Hashed(OneHot):
    """A text lights those of 64 features that its hash picks; one that was not seen in training, none."""

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
