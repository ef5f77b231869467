"""The nearest training rows as ONNX nodes: what `couloir.data.encodings.neighbours` does, in float64 too."""

from __future__ import annotations

import numpy as np

from couloir.data.encodings.neighbours import LEAST_SQUARE, NEAR, TIE, Neighbours
from couloir.export.nodes import Nodes


def nearest(nodes: Nodes, neighbours: Neighbours, inputs: str, order: np.ndarray) -> str:
    """Add the nodes that compare rows with training rows.

    Args:
        nodes: the graph.
        neighbours: what they are compared with.
        inputs: the graph's name for what they are compared by [sample, input].
        order: which input of `neighbours.rows` each of them is.

    Returns:
        the graph's name for the features [sample, feature].
    """
    several = neighbours.counts
    squares, places = _squares(nodes, neighbours, inputs, order, several[-1] + 1)
    known = nodes.constant(neighbours.responses.astype(np.float64))
    responses = nodes.add("Gather", known, places, axis=0)
    pieces, one = [], nodes.constant(1.0)
    for count in several:
        near = nodes.add("Gather", squares, nodes.constant(np.arange(count)), axis=1)
        last = nodes.add("Gather", squares, nodes.constant(np.array([count])), axis=1)
        radius = nodes.add("Add", last, nodes.constant(LEAST_SQUARE))
        away = nodes.add("Add", nodes.add("Div", near, radius), nodes.constant(NEAR))
        weights = nodes.add("Sub", nodes.add("Div", one, away), nodes.constant(1 / (1 + NEAR)))
        total = nodes.add("MatMul", weights, nodes.constant(np.ones((count, 1))))
        rows = nodes.add("Reshape", weights, nodes.constant(np.array([-1, 1, count])))
        theirs = nodes.add("Gather", responses, nodes.constant(np.arange(count)), axis=1)
        width = nodes.constant(np.array([-1, neighbours.responses.shape[1]]))
        sums = nodes.add("Reshape", nodes.add("MatMul", rows, theirs), width)
        pieces += [
            nodes.add("Div", sums, total),
            nodes.add("Div", nodes.add("Log", radius), nodes.constant(2.0)),
        ]
    whole = nodes.add("Sub", nodes.add("Concat", *pieces, axis=1), nodes.constant(neighbours.mean))
    return nodes.add("Div", whole, nodes.constant(neighbours.scale))


def _squares(
    nodes: Nodes, neighbours: Neighbours, inputs: str, order: np.ndarray, count: int
) -> tuple[str, str]:
    """The squared distances of the nearest so many [sample, near], rising, and where these stand."""
    rows = neighbours.rows.astype(np.float64)
    ties = TIE * np.arange(len(rows))
    squares = nodes.add("Mul", inputs, inputs)
    own = nodes.add("MatMul", squares, nodes.constant(np.ones((rows.shape[1], 1))))
    product = nodes.add("MatMul", inputs, nodes.constant(np.ascontiguousarray(-2 * rows.T[order])))
    square = nodes.add("Add", nodes.add("Add", product, own), nodes.constant((rows**2).sum(axis=1)))
    square = nodes.add("Add", nodes.add("Max", square, nodes.constant(0.0)), nodes.constant(ties))
    least, places = nodes.least(square, count)
    exact = nodes.add("Sub", least, nodes.add("Gather", nodes.constant(ties), places))
    return nodes.add("Max", exact, nodes.constant(0.0)), places
