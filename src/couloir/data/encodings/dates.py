"""What a date says besides how late it is: the season, the day of the week, the hour.

A date is a number already, days since 1970-01-01, and a network reads it so: what grows or ages with time
can be learnt from it. What comes back every year, week or day cannot, for the number only ever rises. So a
date column has further features, for those of the circles below that its training rows move on:

=======  ============================================  ==================================
part     features                                      of the days t since 1970
=======  ============================================  ==================================
season   sin a, cos a                                  a = 2π t / 365.2425
weekday  seven, 1 for the day's own and 0 elsewhere    (⌊t⌋ + 3) mod 7; Monday is 0
hour     sin a, cos a                                  a = 2π (t - ⌊t⌋)
=======  ============================================  ==================================

An angle's sine and cosine join the end of a circle to its beginning: December to January, and 23 o'clock
to 0. The mean Gregorian year is at most a day and a half away from the calendar's, and the season needs
no calendar. Days of a week have no such order (a Sunday is closer to the next Saturday than to a Monday),
hence a feature for each. The calendar year has no feature of its own: the days say it already, and a step
at New Year can be put together from them and the season. Where a date is missing, all of these are 0: the
middle of each circle, and no day of the week.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import polars as pl

from couloir.data.columns import numbers_of
from couloir.data.encodings.numbers import Number

YEAR = 365.2425
"""Days of the mean Gregorian year."""

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
THURSDAY = 3
"""The number of the weekday of 1970-01-01."""

PART_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"season": ("season sine", "season cosine"), "weekday": WEEKDAYS, "hour": ("hour sine", "hour cosine")}
)
"""The parts of a date, in the order of their features, and what the features are called."""


class Date(Number):
    """A number, days since 1970, and the parts that vary in training."""

    @classmethod
    def fit(cls, column: pl.Series, kind: str, number: dict[str, Any]) -> Self:
        """The days, and the parts that vary."""
        return cls(column.name, kind, parts=varying_parts(numbers_of(column)), **number)

    @property
    def own_names(self) -> tuple[str, ...]:
        """Names of its parts' features."""
        return tuple(f"{self.name} {part}" for part in part_names(self.parts))

    def write(self, cells: pl.Series, features: np.ndarray) -> None:
        """Write its parts' features."""
        features[:] = part_features(self.numbers(cells), self.parts)


def varying_parts(days: np.ndarray) -> tuple[str, ...]:
    """The parts that differ among these dates, days since 1970 [sample], missing as NaN.

    The season counts where two dates lie in different twelfths of a year: days of one month say nothing
    of seasons.
    """
    present = days[~np.isnan(days)]
    kinds: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "season": lambda t: np.floor(12 * _turn(t / YEAR)),
        "weekday": weekdays,
        "hour": _turn,
    }
    return tuple(part for part, kind in kinds.items() if len(np.unique(kind(present))) > 1)


def part_names(parts: Sequence[str]) -> tuple[str, ...]:
    """What the features of these parts are called, in order."""
    return tuple(name for part in parts for name in PART_NAMES[part])


def part_features(days: np.ndarray, parts: Sequence[str]) -> np.ndarray:
    """The features of these parts [sample, feature], from days since 1970 [sample], missing as NaN."""
    columns: list[np.ndarray] = []
    for part in parts:
        if part == "weekday":
            columns += list(weekdays(days) == np.arange(7)[:, None])
        else:
            angle = 2 * np.pi * _turn(days / YEAR if part == "season" else days)
            columns += [np.sin(angle), np.cos(angle)]
    features = np.stack(columns, axis=1).astype(np.float64)
    features[np.isnan(days)] = 0
    return features


def weekdays(days: np.ndarray) -> np.ndarray:
    """The day of the week of each date [sample], Monday as 0; NaN where it is missing."""
    return np.mod(np.floor(days) + THURSDAY, 7)


def _turn(turns: np.ndarray) -> np.ndarray:
    """The part of a turn that is not whole, in [0, 1)."""
    return turns - np.floor(turns)
