"""How a table's columns become inputs: what all columns have in `column`, whole rows in `rows`.

What a column is, of `COLUMNS`, and how it is read, of `ENCODINGS`, are two matters. A kind of column is a
subclass of `column.ColumnPreparation`, entered here under its name. An encoding is chosen for a whole
preparation: a function that gives the columns that are numbers what it reads them with, and one for those of
categories.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from couloir.data.columns import column_kind, numbers_of
from couloir.data.encodings.categories import Hashed, OneHot, Ordered, as_fitted, compact
from couloir.data.encodings.column import ColumnPreparation
from couloir.data.encodings.dates import Date
from couloir.data.encodings.numbers import Number, standard, statistics
from couloir.data.encodings.periodic import periodic
from couloir.data.encodings.piecewise import piecewise
from couloir.data.encodings.quantile import quantile
from couloir.data.encodings.robust import robust
from couloir.data.encodings.target import by_target
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


class Encoding(NamedTuple):
    """How the columns of a table are read.

    Attributes:
        numbers: fits the columns that are numbers, already standardised, to the cells of each [sample],
            missing as NaN.
        categories: fits a column of categories, a feature for each, to its cells, and to the responses of the
            same rows [sample, response].
        neighbours: whether the training rows nearest to a row have a say, too
            (`couloir.data.encodings.neighbours`).
    """

    numbers: Callable[[Sequence[ColumnPreparation], Iterable[np.ndarray]], Sequence[ColumnPreparation]]
    categories: Callable[[ColumnPreparation, pl.Series, np.ndarray], ColumnPreparation]
    neighbours: bool = False


ENCODINGS: Mapping[str, Encoding] = MappingProxyType(
    {
        "standard": Encoding(standard, as_fitted),
        "piecewise": Encoding(piecewise, as_fitted),
        "robust": Encoding(robust, as_fitted),
        "quantile": Encoding(quantile, compact),
        "periodic": Encoding(periodic, compact),
        "target": Encoding(piecewise, by_target),
        "piecewise+neighbours": Encoding(piecewise, as_fitted, neighbours=True),
        "robust+neighbours": Encoding(robust, as_fitted, neighbours=True),
    }
)
"""The ways in which the columns of a table are read."""


def fit_columns(
    features: pl.DataFrame | np.ndarray, names: Sequence[str], encoding: str, responses: np.ndarray
) -> tuple[ColumnPreparation, ...]:
    """The columns worth keeping, fitted to these rows, their features side by side.

    Args:
        features: the rows.
        names: of their columns.
        encoding: a name in `ENCODINGS`.
        responses: of the same rows [sample, response], as `target.responses_of` has them.

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
    chosen = ENCODINGS[encoding]
    read = iter(chosen.numbers(numeric, (_cells(features, column) for column in numeric)))
    placed, start = [], 0
    for column in columns:
        if column.is_number:
            fitted = next(read)
        else:
            cells: Any = features[column.name]
            fitted = chosen.categories(column, cells, responses)
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
    return COLUMNS[values["kind"]](**{name: as_tuple(value) for name, value in values.items()})


def as_tuple(value: Any) -> Any:
    """Lists, and lists in lists, as tuples; anything else as it is."""
    return tuple(map(as_tuple, value)) if isinstance(value, list) else value
