"""How a column becomes inputs: an encoding a file, what all have in `column`, whole rows in `rows`.

An encoding is a subclass of `column.ColumnPreparation`, entered here under the kinds of columns that it is
for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl

from couloir.data.columns import column_kind, numbers_of
from couloir.data.encodings.categories import Hashed, OneHot, Ordered
from couloir.data.encodings.column import ColumnPreparation
from couloir.data.encodings.dates import Date
from couloir.data.encodings.numbers import Number, statistics

ENCODINGS: Mapping[str, type[ColumnPreparation]] = MappingProxyType(
    {
        "numeric": Number,
        "boolean": Number,
        "date": Date,
        "ordered": Ordered,
        "categorical": OneHot,
        "hashed": Hashed,
    }
)
"""The encoding of each kind of column; columns of other kinds (text, empty) are left out."""


def fit_columns(features: pl.DataFrame | np.ndarray, names: Sequence[str]) -> tuple[ColumnPreparation, ...]:
    """The columns worth keeping, fitted to these rows, their features side by side."""
    if isinstance(features, pl.DataFrame):
        columns = _fit_table(features, names)
    else:
        found = zip(names, statistics(features.astype(np.float64)), strict=True)
        columns = [Number(name, "numeric", **number) for name, number in found if number]
    placed, start, index = [], 0, {name: number for number, name in enumerate(names)}
    for column in columns:
        stop = start + len(column.feature_names)
        placed.append(replace(column, index=index[column.name], start=start, stop=stop))
        start = stop
    return tuple(placed)


def _fit_table(features: pl.DataFrame, names: Sequence[str]) -> list[ColumnPreparation]:
    """The columns of a table worth keeping, without their place among the features."""
    kinds = {name: column_kind(features[name]) for name in names}
    encodings = {name: ENCODINGS[kind] for name, kind in kinds.items() if kind in ENCODINGS}
    numeric = [name for name, encoding in encodings.items() if encoding.is_number]
    numbers: dict[str, dict[str, Any]] = {}
    if numeric:
        values = np.stack([numbers_of(features[name]) for name in numeric], axis=1)
        numbers = dict(zip(numeric, statistics(values), strict=True))
    columns = []
    for name, encoding in encodings.items():
        number = numbers.get(name, {})
        if number or not encoding.is_number:
            columns.append(encoding.fit(features[name], kinds[name], number))
    return [column for column in columns if column is not None]


def column_from_json(values: Mapping[str, Any]) -> ColumnPreparation:
    """A column's preparation from plain values, lists as tuples.

    Preparations written before dates had parts and categories levels lack these two.
    """
    plain: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    return ENCODINGS[values["kind"]](**plain)
