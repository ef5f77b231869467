"""Lines, marks and notes as the figures draw them, and a second panel below the first.

Colours are roles of `couloir.figures.theme.PALETTE`, or colours as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from couloir.figures import theme
from couloir.figures.chart import Figure

BELOW: dict[str, Any] = {"xaxis": "x2", "yaxis": "y2"}
"""Settings of a trace in the lower panel."""


def _shade(colour: str) -> str:
    return theme.colour(colour) if colour in theme.PALETTE else colour


def line(colour: str, width: float = 2.5, dash: str = "solid", **more: Any) -> dict[str, Any]:
    """Settings of a line."""
    return {"color": _shade(colour), "width": width, "dash": dash, **more}


def mark(
    colour: str | list[str],
    size: float | Sequence[float],
    symbol: str = "circle",
    edge: tuple[float | Sequence[float], str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Settings of marks; an edge is its width and its colour."""
    shade = [_shade(each) for each in colour] if isinstance(colour, list) else _shade(colour)
    around = {} if edge is None else {"line": {"width": edge[0], "color": _shade(edge[1])}}
    return {"color": shade, "size": size, "symbol": symbol, **around, **more}


def add_trace(
    figure: Figure,
    x: Any,
    y: Any,
    name: str | None = None,
    line: dict[str, Any] | None = None,
    marker: dict[str, Any] | None = None,
    hover: str | None = None,
    **settings: Any,
) -> None:
    """Add a line, marks, or both; with `textposition` the text stands beside the points.

    Args:
        figure: where it goes.
        x, y: the points.
        name: in the legend, and in what is read aloud.
        line, marker: from `line` and `mark`; what is None is not drawn.
        hover: what is told of a point that is pointed at, in Plotly's words; None: nothing.
        settings: further ones of the trace.
    """
    parts = {"lines": line, "markers": marker, "text": settings.get("textposition")}
    if hover is None:
        settings["hoverinfo"] = "skip"
    else:
        settings["hovertemplate"] = hover if "<extra>" in hover else f"{hover}<extra></extra>"
    figure.add_scatter(
        x=x,
        y=y,
        name=name,
        mode="+".join(part for part, given in parts.items() if given),
        line=line,
        marker=marker,
        **settings,
    )


def add_note(
    figure: Figure, x: float, y: float, text: str, colour: str = "quiet", size: int = 13, **settings: Any
) -> None:
    """Add words without an arrow."""
    font = {"size": size, "color": _shade(colour)}
    figure.add_annotation(x=x, y=y, text=text, showarrow=False, font=font, **settings)


def add_level(figure: Figure, value: float, text: str) -> None:
    """Add a dotted line across a figure whose vertical axis is logarithmic, with a text at its end."""
    figure.add_hline(y=value, line=line("quiet", 1.2, "dot"))
    height = math.log10(value)  # where an annotation stands on such an axis
    add_note(figure, 0.99, height, text, xref="paper", xanchor="right", yanchor="bottom")


def split(
    figure: Figure, x: dict[str, Any], y: dict[str, Any], lower: float = 0.28, upper: float = 0.45
) -> None:
    """Make room for a panel below.

    Args:
        figure: it has axes of one panel.
        x, y: settings of the lower panel's axes.
        lower, upper: where the lower panel ends and the upper one begins, as shares of the height.
    """
    figure.update_layout(
        yaxis={"domain": [upper, 1]},
        xaxis2={"anchor": "y2", **x},
        yaxis2={"anchor": "x2", "domain": [0, lower], **y},
    )


def titled(text: str, **settings: Any) -> dict[str, Any]:
    """Settings of an axis that is called so."""
    return {"title": {"text": text}, **settings}


def listed(names: Sequence[str], **settings: Any) -> dict[str, Any]:
    """Settings of an axis with a line for each name, the first on top."""
    marks = {"tickvals": list(range(len(names))), "ticktext": list(names)}
    return {**marks, "range": [len(names) - 0.5, -0.5], "showgrid": False, **settings}


def short(values: Iterable[float], digits: int = 4) -> list[float]:
    """Numbers with so many significant digits: more cannot be seen, and they would double the page."""
    return [float(f"{value:.{digits}g}") for value in values]
