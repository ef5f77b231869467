"""What the page needs to draw a surface: its extent, and how a loss becomes a height."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from couloir.figures.heights import Scale


def surface(x: tuple[float, float], y: tuple[float, float], scale: Scale) -> dict[str, Any]:
    """A surface's values for `static/heights.js`; its losses z [row, column] travel beside them as an array.

    x and y are the ends of the columns' and the rows' axis, the lower one first, as in the rows of z.
    """
    lines, (ticks, labels) = scale.contours(), scale.ticks()
    return {
        "x": [float(end) for end in x],
        "y": [float(end) for end in y],
        "scale": asdict(scale)
        | {"start": lines["start"], "size": lines["size"], "ticks": ticks, "labels": labels},
    }
