"""What the page needs to draw a surface: its grid, and how a loss becomes a height."""

from __future__ import annotations

from typing import Any

import numpy as np

from couloir.figures import heights


def surface(
    x: tuple[float, float], y: tuple[float, float], z: np.ndarray, least: float | None
) -> dict[str, Any]:
    """A surface's values for `static/heights.js`; its losses z [row, column] travel beside them as an array.

    Args:
        x: the ends of the columns' axis.
        y: the ends of the rows' axis.
        z: the losses on an even grid, those of the lowest y first.
        least: the least loss there is, from which a logarithm can be taken; None: heights are losses.
    """
    return shape(x, y, heights.scale(z, least))


def shape(x: tuple[float, float], y: tuple[float, float], scale: heights.Scale) -> dict[str, Any]:
    """The same with a scale of one's own."""
    lines, (ticks, labels) = scale.contours(), scale.ticks()
    return {
        "x": [float(end) for end in x],
        "y": [float(end) for end in y],
        "scale": {
            "logarithmic": scale.logarithmic,
            "least": scale.least,
            "floor": scale.floor,
            "low": scale.low,
            "high": scale.high,
            "start": lines["start"],
            "size": lines["size"],
            "ticks": ticks,
            "labels": labels,
        },
    }
