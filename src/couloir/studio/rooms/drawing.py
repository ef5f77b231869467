"""What the page needs to draw a surface: its extent, and how a loss becomes a height."""

from __future__ import annotations

from typing import Any

from couloir.figures.heights import Scale


def surface(x: tuple[float, float], y: tuple[float, float], scale: Scale) -> dict[str, Any]:
    """A surface's values for `static/heights.js`; its losses z [row, column] travel beside them as an array.

    Args:
        x: the ends of the columns' axis.
        y: the ends of the rows' axis, the lower one first, as in the rows of z.
        scale: the heights of the losses.
    """
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
