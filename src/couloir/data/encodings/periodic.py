"""Numbers as waves of rising frequencies, beside the robust number.

Of a number x that `couloir.data.encodings.robust` makes z of, the features are z and

    sin(2π f z), cos(2π f z),    f = 1/8, 1/4, 1/2, …, 2^(K - 4),

so that the first wave goes round once where z goes from -4 to 4, and each further one is twice as fast: a
function of x that rises and falls, or whose fine detail counts, is a sum of few of them, where a network
would have to put it together from many hidden units. The frequencies are the same in every fold and for every
member: fixed inputs, as Fourier features are, where they are not learnt as in periodic embeddings.

A column [sample] has 2K features more [sample, 2K], where more than two values differ in training, K up to 6
and the fewer the more columns there are. An ordered column whose levels have features of their own has no
need of others. A missing number is filled with the median first, and marked.

Gorishniy, Rubachev and Babenko 2022, "On embeddings for numerical features in tabular deep learning"; Tancik
et al. 2020, "Fourier features let networks learn high frequency functions in low dimensional domains": the
ladder of powers of two, as its positional encoding has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from couloir.data.encodings.column import ColumnPreparation
from couloir.data.encodings.piecewise import MOST_FEATURES, varied
from couloir.data.encodings.robust import robust

SLOWEST = 1 / 8
"""Turns of the first wave while z, the robust number, rises by 1."""

MOST_WAVES, FEWEST_WAVES = 6, 2
"""Of a column. Eight, or six from 1/4 on, are better where fine detail counts (california) and worse where it
is noise (electricity, phoneme); four, or six from 1/16 on, are better on electricity alone."""


def periodic(columns: Sequence[ColumnPreparation], cells: Iterable[np.ndarray]) -> list[ColumnPreparation]:
    """The columns as robust ones, with the frequencies of their waves.

    Args:
        columns: those that are numbers.
        cells: of each column the training rows' [sample], missing as NaN.
    """
    each = list(cells)
    several = [varied(column, values) for column, values in zip(columns, each, strict=True)]
    frequencies = frequencies_of_each(sum(several))
    return [
        replace(column, frequencies=frequencies if wavy else ())
        for column, wavy in zip(robust(columns, each), several, strict=True)
    ]


def frequencies_of_each(columns: int) -> tuple[float, ...]:
    """Those that each of so many columns has; a number and a marker it has besides."""
    most = (MOST_FEATURES // max(columns, 1) - 2) // 2
    return tuple(SLOWEST * 2.0**k for k in range(min(max(most, FEWEST_WAVES), MOST_WAVES)))


class Waves:
    """The waves of all columns."""

    def __init__(self, numeric: Sequence[ColumnPreparation]) -> None:
        """Those of fitted columns that are numbers, some of which have frequencies."""
        wavy = [(place, column) for place, column in enumerate(numeric) if column.frequencies]
        self._numbers = np.repeat([place for place, _ in wavy], [len(c.frequencies) for _, c in wavy])
        self._turns = 2 * np.pi * np.concatenate([column.frequencies for _, column in wavy])
        starts = [np.arange(c.components.start, c.components.stop, 2) for _, c in wavy]
        self._sines = np.concatenate(starts)

    def write(self, numbers: np.ndarray, features: np.ndarray) -> None:
        """Write the waves of numbers [sample, numeric column] among all features [sample, feature]."""
        angles = numbers[:, self._numbers] * self._turns
        features[:, self._sines], features[:, self._sines + 1] = np.sin(angles), np.cos(angles)
