"""How a table's columns become inputs: what all columns have in `column`, whole rows in `rows`.

What a column is, of `COLUMNS`, and how its number is read, of `ENCODINGS`, are two matters. A kind of column
is a subclass of `column.ColumnPreparation`, entered here under its name. An encoding is chosen for a whole
preparation: a function that gives the columns that are numbers what it reads them with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl

from couloir.data.columns import column_kind, numbers_of
from couloir.data.encodings.categories import Hashed, OneHot, Ordered
from couloir.data.encodings.column import ColumnPreparation
from couloir.data.encodings.dates import Date
from couloir.data.encodings.numbers import Number, standard, statistics
from couloir.data.encodings.piecewise import piecewise
from couloir.data.encodings.robust import robust
from couloir.errors import unknown

COLUMNS: Mapping[str, type[ColumnPreparation]] = MappingProxyType(
    {
        "numeric": Number,
        "boolean": Number,
        "date": Date,
        "ordered": Ordered,
        "categorical": OneHot,
        "hashed": Hashed,
    }
)
"""What each kind of column becomes; columns of other kinds (text, empty) are left out."""

Encoding = Callable[[Sequence[ColumnPreparation], Iterable[np.ndarray]], Sequence[ColumnPreparation]]
"""Fits the columns that are numbers, already standardised, to the cells of each [sample], missing as NaN."""

ENCODINGS: Mapping[str, Encoding] = MappingProxyType(
    {"standard": standard, "piecewise": piecewise, "robust": robust}
)
"""The ways in which the numbers of a table are read."""


def fit_columns(
    features: pl.DataFrame | np.ndarray, names: Sequence[str], encoding: str
) -> tuple[ColumnPreparation, ...]:
    """The columns worth keeping, fitted to these rows, their features side by side.

    Raises:
        InputError: there is no such encoding.
    """
    if encoding not in ENCODINGS:
        raise unknown("encoding", encoding, ENCODINGS)
    if isinstance(features, pl.DataFrame):
        columns = _fit_table(features, names)
    else:
        found = zip(names, statistics(features.astype(np.float64)), strict=True)
        columns = [Number(name, "numeric", **number) for name, number in found if number]
    index = {name: number for number, name in enumerate(names)}
    columns = [replace(column, index=index[column.name]) for column in columns]
    numeric = [column for column in columns if column.is_number]
    read = iter(ENCODINGS[encoding](numeric, (_cells(features, column) for column in numeric)))
    placed, start = [], 0
    for column in columns:
        fitted = next(read) if column.is_number else column
        stop = start + len(fitted.feature_names)
        placed.append(replace(fitted, start=start, stop=stop))
        start = stop
    return tuple(placed)


def _cells(features: pl.DataFrame | np.ndarray, column: ColumnPreparation) -> np.ndarray:
    """The cells of a column that is a number [sample], float64, missing as NaN."""
    if isinstance(features, pl.DataFrame):
        return column.numbers(features[column.name])
    return features[:, column.index].astype(np.float64)


def _fit_table(features: pl.DataFrame, names: Sequence[str]) -> list[ColumnPreparation]:
    """The columns of a table worth keeping, without their place among the features."""
    kinds = {name: column_kind(features[name]) for name in names}
    known = {name: COLUMNS[kind] for name, kind in kinds.items() if kind in COLUMNS}
    numeric = [name for name, column in known.items() if column.is_number]
    numbers: dict[str, dict[str, Any]] = {}
    if numeric:
        values = np.stack([numbers_of(features[name]) for name in numeric], axis=1)
        numbers = dict(zip(numeric, statistics(values), strict=True))
    columns = []
    for name, kind in known.items():
        number = numbers.get(name, {})
        if number or not kind.is_number:
            columns.append(kind.fit(features[name], kinds[name], number))
    return [column for column in columns if column is not None]


def column_from_json(values: Mapping[str, Any]) -> ColumnPreparation:
    """A column's preparation from plain values, lists as tuples.

    Preparations written before dates had parts, categories levels and numbers edges lack these.
    """
    plain: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    return COLUMNS[values["kind"]](**plain)
