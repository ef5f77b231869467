"""The preparation as ONNX nodes: what `Preparation.inputs` does, in float64 as there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from couloir.data.encodings.categories import OneHot
from couloir.data.encodings.column import ColumnPreparation
from couloir.data.encodings.dates import THURSDAY, YEAR
from couloir.data.encodings.robust import CLIP
from couloir.data.preparation import Preparation
from couloir.export.nearest import nearest
from couloir.export.nodes import Nodes
from couloir.text import NEAREST

FARTHEST = 1e100
"""A robust number's size is taken as this at most before it is squared: clipped it is 3 either way."""


def prepared(nodes: Nodes, preparation: Preparation, raw: Mapping[str, str]) -> tuple[str, np.ndarray]:
    """Add the nodes that prepare raw columns.

    Args:
        nodes: the graph.
        preparation: what is to be done.
        raw: the graph's name for the cells of each raw column, [sample, 1]: float64, or texts. For arrays
            and images there is the one name "", of all columns [sample, column] as float64.

    Returns:
        the graph's name for the features [sample, feature], and which feature of `preparation` each of
        them is: numbers come first here, which spares putting them in their places for every row.
    """
    if preparation.image_shape:
        pixels = nodes.add("Div", raw[""], nodes.constant(preparation.pixel_maximum or 1.0))
        return pixels, np.arange(len(preparation.feature_names))
    pieces, order = [], []
    numeric = [column for column in preparation.columns if column.is_number]
    if numeric:
        numbers, absent = _numbers(nodes, preparation, numeric, raw)
        marked = [place for place, column in enumerate(numeric) if column.marker]
        read = _scores if any(column.knots for column in numeric) else _standardised
        pieces.append(read(nodes, numeric, numbers))
        order += [column.start for column in numeric]
        if any(column.edges for column in numeric):
            pieces.append(_components(nodes, numeric, numbers))
            order += [place for column in numeric for place in _places(column.components)]
        if any(column.frequencies for column in numeric):
            pieces += _waves(nodes, numeric, pieces[0])
            order += [place for column in numeric for place in _places(column.components)[::2]]
            order += [place for column in numeric for place in _places(column.components)[1::2]]
        if marked:
            pieces.append(nodes.doubles(nodes.add("Gather", absent, nodes.constant(marked), axis=1)))
            order += [numeric[place].stop - 1 for place in marked]
    for column in preparation.columns:
        order += _places(column.own)
        if column.categories:
            pieces.append(_categories(nodes, column, raw[column.name], preparation.missing_tokens))
            order += [column.stop - 1] * (column.marker and not column.is_number)
        elif column.parts:
            pieces.append(_date_parts(nodes, column, raw[column.name]))
    if preparation.neighbours and preparation.neighbours.counts:
        columns = replace(preparation, columns=preparation.compared, neighbours=None)
        pieces.append(nearest(nodes, preparation.neighbours, *prepared(nodes, columns, raw)))
        order += _places(preparation.feature_slices[NEAREST])
    whole = pieces[0] if len(pieces) == 1 else nodes.add("Concat", *pieces, axis=1)
    return whole, np.array(order, int)


def _numbers(
    nodes: Nodes, preparation: Preparation, numeric: list[ColumnPreparation], raw: Mapping[str, str]
) -> tuple[str, str]:
    """The numbers in their own units, filled and clipped [sample, numeric column]; where they are missing."""
    if preparation.tabular:
        cells = [_ranks(nodes, c, raw[c.name]) if c.kind == "ordered" else raw[c.name] for c in numeric]
        values = nodes.add("Concat", *cells, axis=1)
    else:
        wanted = nodes.constant(np.array([column.index for column in numeric], np.int64))
        values = nodes.add("Gather", raw[""], wanted, axis=1)
    absent = nodes.add("IsNaN", values)
    values = nodes.add("Where", absent, nodes.constant([column.fill for column in numeric]), values)
    values = nodes.add("Max", values, nodes.constant([column.low for column in numeric]))
    return nodes.add("Min", values, nodes.constant([column.high for column in numeric])), absent


def _standardised(nodes: Nodes, numeric: list[ColumnPreparation], values: str) -> str:
    """The standardised numbers [sample, numeric column], clipped smoothly where they are robust."""
    values = nodes.add("Sub", values, nodes.constant([column.mean for column in numeric]))
    scale = nodes.constant([column.scale or np.inf for column in numeric])
    values = nodes.add("Div", values, scale)
    if not any(column.smooth for column in numeric):
        return values
    # Of numbers so large that their square overflows nothing but the sign counts.
    for end, limit in (("Max", -FARTHEST), ("Min", FARTHEST)):
        values = nodes.add(end, values, nodes.constant(limit))
    shares = nodes.add("Div", values, nodes.constant(CLIP))
    square = nodes.add("Add", nodes.add("Mul", shares, shares), nodes.constant(1.0))
    return nodes.add("Div", values, nodes.add("Sqrt", square))


def _components(nodes: Nodes, numeric: list[ColumnPreparation], values: str) -> str:
    """The piecewise-linear components of numbers [sample, component], column after column."""
    edged = [(place, column) for place, column in enumerate(numeric) if column.edges]
    low = np.concatenate([column.edges[:-1] for _, column in edged])
    width = np.concatenate([np.diff(column.edges) for _, column in edged])
    numbers = np.repeat([place for place, _ in edged], [len(column.edges) - 1 for _, column in edged])
    parts = nodes.add("Gather", values, nodes.constant(numbers), axis=1)
    parts = nodes.add("Div", nodes.add("Sub", parts, nodes.constant(low)), nodes.constant(width))
    return nodes.add("Min", nodes.add("Max", parts, nodes.constant(0.0)), nodes.constant(1.0))


def _scores(nodes: Nodes, numeric: list[ColumnPreparation], values: str) -> str:
    """The scores of numbers [sample, numeric column]: the first knot's, and what each piece adds."""
    scores = []
    for place, column in enumerate(numeric):
        if not column.knots:
            column = replace(column, knots=(0.0, 1.0), scores=(0.0, 0.0))
        number = nodes.add("Gather", values, nodes.constant(np.array([place])), axis=1)
        low, width = np.array(column.knots[:-1]), np.diff(column.knots)
        parts = nodes.add("Div", nodes.add("Sub", number, nodes.constant(low)), nodes.constant(width))
        parts = nodes.add("Min", nodes.add("Max", parts, nodes.constant(0.0)), nodes.constant(1.0))
        beyond = nodes.add("MatMul", parts, nodes.constant(np.diff(column.scores)[:, None]))
        scores.append(nodes.add("Add", beyond, nodes.constant(column.scores[0])))
    return scores[0] if len(scores) == 1 else nodes.add("Concat", *scores, axis=1)


def _waves(nodes: Nodes, numeric: list[ColumnPreparation], numbers: str) -> list[str]:
    """The sines of all robust numbers [sample, wave], column after column, and the cosines."""
    turning = [(place, turns) for place, column in enumerate(numeric) for turns in column.frequencies]
    places = np.array([place for place, _ in turning])
    angles = nodes.add("Gather", numbers, nodes.constant(places), axis=1)
    angles = nodes.add("Mul", angles, nodes.constant(2 * np.pi * np.array([turns for _, turns in turning])))
    return [nodes.add("Sin", angles), nodes.add("Cos", angles)]


def _places(features: slice) -> range:
    """Which features a slice holds."""
    return range(features.start, features.stop)


def _ranks(nodes: Nodes, column: ColumnPreparation, texts: str) -> str:
    """The place of each text among an ordered column's levels [sample, 1], NaN for other texts."""
    ranks = nodes.constant(np.array([*range(len(column.levels)), np.nan]))
    return nodes.add("Gather", ranks, nodes.number_texts(texts, list(column.levels)))


def _categories(nodes: Nodes, column: ColumnPreparation, texts: str, missing: tuple[str, ...]) -> str:
    """The features of each text's category [sample, feature], with the marker's of a categorical column."""
    assert isinstance(column, OneHot), "other columns have no categories"
    *codes, others = column.table.astype(np.float64)
    marker = column.marker and not column.is_number
    absent = list(dict.fromkeys(("", *(token.strip() for token in missing))))
    keys = [*column.categories, *(text for text in absent if text not in column.categories)]
    # Rows of the table: the categories, then texts that stand for a missing cell, then any other text.
    table = np.zeros((len(keys) + 1, len(others) + marker))
    table[: len(codes), : len(others)], table[-1, : len(others)] = codes, others
    if marker:
        table[len(codes) : -1, -1] = 1
    places = nodes.number_texts(texts, keys)
    return nodes.add("Flatten", nodes.add("Gather", nodes.constant(table), places), axis=1)


def _date_parts(nodes: Nodes, column: ColumnPreparation, days: str) -> str:
    """What a date has besides its days [sample, feature]; see `couloir.data.encodings.dates`."""
    absent, nothing = nodes.add("IsNaN", days), nodes.constant(0.0)
    days = nodes.add("Where", absent, nothing, days)
    pieces: list[str] = []
    for part in column.parts:
        if part == "weekday":
            pieces.append(_weekdays(nodes, days))
            continue
        turns = nodes.add("Div", days, nodes.constant(YEAR)) if part == "season" else days
        turns = nodes.add("Sub", turns, nodes.add("Floor", turns))
        angle = nodes.add("Mul", turns, nodes.constant(2 * np.pi))
        pieces += [nodes.add("Sin", angle), nodes.add("Cos", angle)]
    features = nodes.add("Concat", *pieces, axis=1)
    return nodes.add("Where", absent, nothing, features)


def _weekdays(nodes: Nodes, days: str) -> str:
    """A feature for each day of the week [sample, 7], Monday first."""
    number = nodes.add("Add", nodes.add("Floor", days), nodes.constant(float(THURSDAY)))
    weeks = nodes.add("Floor", nodes.add("Div", number, nodes.constant(7.0)))
    rest = nodes.add("Sub", number, nodes.add("Mul", weeks, nodes.constant(7.0)))
    whole = nodes.add("Cast", rest, to=7)  # int64: doubles can be compared from opset 11 on only
    return nodes.doubles(nodes.add("Equal", whole, nodes.constant(np.arange(7))))
