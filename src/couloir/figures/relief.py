"""Losses over two coordinates: as shade and level lines, and in three dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from couloir.figures import theme
from couloir.figures.chart import Figure
from couloir.figures.heights import Scale

LIFT = 0.012
"""How far above the surface a path is drawn, as a share of its heights, so that it does not sink in."""


def add_levels(
    figure: Figure,
    x: np.ndarray,
    y: np.ndarray,
    losses: np.ndarray,
    heights: Scale,
    hover: str,
    **settings: Any,
) -> None:
    """Shade and level lines, the deeper the darker; the bar beside them names losses.

    Args:
        figure: where they go.
        x, y: the grid's coordinates, [x] and [y].
        losses: [y, x]; not a number where there is none.
        heights: their scale.
        hover: what is told of a point before its loss.
        settings: further ones of the trace.
    """
    figure.add_contour(
        x=x, y=y, **_numbers(losses, heights), hovertemplate=_told(hover), **heights.levels(), **settings
    )


def add_surface(
    figure: Figure,
    x: np.ndarray,
    y: np.ndarray,
    losses: np.ndarray,
    heights: Scale,
    hover: str,
    opacity: float,
) -> None:
    """The same grid in three dimensions, with its level lines on it."""
    figure.add_surface(
        x=x.astype(np.float32),
        y=y.astype(np.float32),
        **_numbers(losses, heights),
        hovertemplate=_told(hover),
        colorscale=theme.shades(),
        showscale=False,
        opacity=opacity,
        contours={"z": heights.contours() | {"show": True, "color": theme.colour("quiet"), "width": 1}},
        lighting={"ambient": 0.75, "diffuse": 0.5, "specular": 0.05, "roughness": 0.9},
        name="",
    )


def _numbers(losses: np.ndarray, heights: Scale) -> dict[str, np.ndarray]:
    # Single precision halves the page, and differences below it cannot be seen.
    return {"z": heights.height(losses).astype(np.float32), "customdata": losses.astype(np.float32)}


def _told(hover: str) -> str:
    return f"{hover} %{{customdata:.4~g}}<extra></extra>"


def space_axis(title: str, **settings: Any) -> dict[str, Any]:
    """Settings of an axis in three dimensions."""
    return {
        "title": {"text": title},
        "gridcolor": theme.colour("grid"),
        "showbackground": False,
        "tickfont": {"size": 11, "color": theme.colour("quiet")},
        **settings,
    }


def scene(
    heights: Scale, x: dict[str, Any], y: dict[str, Any], z: dict[str, Any], eye: tuple[float, float, float]
) -> dict[str, Any]:
    """Settings of three dimensions whose third axis has heights and names losses.

    Args:
        heights: the scale of the third axis.
        x, y, z: settings of the axes.
        eye: from where to look.
    """
    low, high = heights.low, heights.high
    room = [low - 0.02 * (high - low), high + 0.05 * (high - low)]
    common = {"zerolinecolor": theme.colour("grid"), "nticks": 5}
    return {
        "xaxis": common | x,
        "yaxis": common | y,
        "zaxis": common | {"range": room} | z,
        "aspectmode": "manual",
        "aspectratio": {"x": 1.2, "y": 1.2, "z": 0.8},
        "camera": {"eye": dict(zip("xyz", eye, strict=True)), "center": {"x": 0, "y": 0, "z": -0.15}},
    }
