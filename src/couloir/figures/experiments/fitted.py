"""What the figures of a fitted curve share: it is drawn above, two kinds of errors below, and a slider moves
the curve and a ring on either error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from couloir.figures import theme
from couloir.figures.chart import Figure
from couloir.figures.traces import BELOW, add_trace, line, mark
from couloir.text import number


def add_errors(
    figure: Figure,
    x: Sequence[float],
    y: Sequence[float],
    name: str,
    dash: str,
    side: str,
    hover: str,
    told: Iterable[float],
    size: float = 7,
) -> None:
    """One kind of error as a line in the lower panel, with its name at the second point.

    Args:
        figure: where it goes.
        x, y: the points.
        name: what errors they are.
        dash: of the line.
        side: on which side of the point the name stands, as Plotly calls it.
        hover: what is told of a point; %{customdata} is its number of `told`.
        told: a number for every point.
        size: of the marks.
    """
    named = min(1, len(x) - 1)
    add_trace(
        figure,
        x,
        y,
        name,
        line("quiet", 2, dash),
        {"size": size},
        hover,
        customdata=[number(value) for value in told],
        text=[name if place == named else "" for place in range(len(x))],
        textposition=side,
        textfont={"color": theme.colour("quiet"), "size": 13},
        showlegend=False,
        **BELOW,
    )


def add_rings(figure: Figure, role: str, sides: Sequence[str]) -> None:
    """Rings with numbers beside them, around the errors that the slider is at."""
    add_trace(
        figure,
        None,
        None,
        marker=mark(role, 14, "circle-open", line={"width": 2.5}),
        textposition=sides,
        textfont={"color": theme.colour(role), "size": 14},
        showlegend=False,
        **BELOW,
    )


def decimals(values: Iterable[float]) -> list[float]:
    """Four decimals: more cannot be seen."""
    return [round(float(value), 4) for value in values]
