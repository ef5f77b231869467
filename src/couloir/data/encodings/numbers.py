"""Numbers: standardised, missing ones filled and marked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from couloir.data.encodings.column import ColumnPreparation


class Number(ColumnPreparation):
    """A number x becomes (x - mean) / scale; a missing one is taken as `fill` first.

    A number beyond those of the training rows is taken as the nearest of them: a network is not to be
    trusted out there, and one mistyped cell can cost more than all other rows together. False and true are
    0 and 1.
    """

    is_number = True


def standard(
    columns: Sequence[ColumnPreparation], cells: Iterable[np.ndarray]
) -> Sequence[ColumnPreparation]:
    """The columns as they are: standardised, and no more."""
    return columns


def statistics(values: np.ndarray) -> list[dict[str, Any]]:
    """What is fitted to each column of numbers [sample, column], all at once; missing ones are NaN.

    Returns:
        for each column `fill`, `low`, `high`, `mean`, `scale` and `marker`, as `ColumnPreparation` explains
        them; nothing for a column that is the same in every row.
    """
    absent, width = np.isnan(values), values.shape[1]
    known = np.flatnonzero(~absent.all(axis=0))
    values, absent = values[:, known], absent[:, known]
    fill, marker = np.zeros(len(known)), absent.any(axis=0)
    # nanmedian is several times slower than median: only the columns with gaps go through it.
    for some, median in ((marker, np.nanmedian), (~marker, np.median)):
        if some.any():
            fill[some] = median(values[:, some], axis=0)
    filled = np.where(absent, fill, values)
    low, high = filled.min(axis=0), filled.max(axis=0)
    found = {"fill": fill, "low": low, "high": high, "mean": filled.mean(axis=0)}
    # The deviation of equal numbers can be a rounding error instead of 0.
    found |= {"scale": np.where(high > low, filled.std(axis=0), 0.0), "marker": marker}
    columns: list[dict[str, Any]] = [{} for _ in range(width)]
    for place, column in enumerate(known.tolist()):
        one = {name: each[place].item() for name, each in found.items()}
        if one["scale"] > 0 or one["marker"]:
            columns[column] = one
    return columns
