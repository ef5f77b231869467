"""What a landscape measured, as tables: the slice, the paths, the profile along the sharpest directions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from couloir.engine.architectures.architecture import Network
from couloir.landscapes.curvature import Eigenpairs
from couloir.landscapes.measuring import Measure
from couloir.landscapes.planes import Plane, eigenvector_plane, flattened
from couloir.landscapes.slices import Slice, heights, heights_of
from couloir.landscapes.visits import Visits

if TYPE_CHECKING:
    import polars as pl

PROFILE_POINTS = 41
RISE = 4.0
"""The profile along an eigenvector ends where its parabola has risen to so many times the loss."""


def slice_table(drawn: Slice) -> pl.DataFrame:
    """One row for each point of the grid, x changing fastest; a loss that is not finite is None."""
    import polars as pl

    x, y = np.meshgrid(drawn.x, drawn.y)
    accuracy = [None] * x.size if drawn.accuracy is None else drawn.accuracy.ravel()
    table = pl.DataFrame(
        {"x": x.ravel(), "y": y.ravel(), "loss": drawn.loss.ravel(), "accuracy": accuracy},
        schema_overrides={"accuracy": pl.Float64},
    )
    return table.with_columns(pl.when(pl.col("loss").is_finite()).then("loss").otherwise(None).alias("loss"))


def path_table(plane: Plane, ways: Sequence[Visits], measure: Measure) -> pl.DataFrame:
    """One row for each network visited: where it falls on the plane, its loss, and the plane's loss there.

    `loss` is the network's own, `projected` that of the nearest network in the plane, `distance` how far
    apart the two are.
    """
    import polars as pl

    names = ("rule", "learning_rate", "epoch", "x", "y", "loss", "projected", "distance")
    if not ways:
        types = {"rule": pl.String, "epoch": pl.Int64}
        return pl.DataFrame(schema={name: types.get(name, pl.Float64) for name in names})
    networks = [network for way in ways for network in way.networks]
    places = plane.coordinates(networks)
    there = np.stack([flattened(network) for network in networks])
    here = np.stack([flattened(plane.at(*place)) for place in places])
    members = [way.member for way in ways for _ in way.networks]
    columns = (
        [member.rule.name for member in members],
        [member.learning_rate for member in members],
        [epoch for way in ways for epoch in way.epochs],
        places[:, 0],
        places[:, 1],
        heights_of(networks, measure).losses,
        heights(plane, places, measure).losses,
        np.linalg.norm(there - here, axis=1),
    )
    return pl.DataFrame(dict(zip(names, columns, strict=True)))


def profile_table(
    network: Network, measure: Measure, found: Eigenpairs | None, gradient: np.ndarray, loss: float
) -> pl.DataFrame:
    """The loss along the two sharpest directions, if there are two, beside J + g·v t + ½ λ t²."""
    import polars as pl

    schema = {"direction": pl.Int64, "distance": pl.Float64, "loss": pl.Float64, "parabola": pl.Float64}
    rows: list[tuple[int, float, float, float]] = []
    if found is None or len(found.values) < 2 or min(found.values[:2]) <= 0:
        return pl.DataFrame(rows, schema=schema, orient="row")
    plane = eigenvector_plane(network, found.vectors[:2])
    for number, value in enumerate(found.values[:2].tolist()):
        slope = float(found.vectors[number] @ gradient)
        farthest = math.sqrt(2 * RISE * max(loss, 1e-3) / value)
        steps = np.linspace(-farthest, farthest, PROFILE_POINTS)
        points = np.zeros((PROFILE_POINTS, 2))
        points[:, number] = steps
        measured = heights(plane, points, measure).losses.astype(float)
        parabola = loss + slope * steps + 0.5 * value * steps**2
        columns = steps.tolist(), measured.tolist(), parabola.tolist()
        rows += [(number + 1, *row) for row in zip(*columns, strict=True)]
    return pl.DataFrame(rows, schema=schema, orient="row")
