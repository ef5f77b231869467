"""Overfitting drawn: the straight line, the polynomial through every point, and both errors by degree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from couloir import text as words
from couloir.figures import theme
from couloir.figures.chart import Chart, new_figure
from couloir.figures.sliders import HEIGHT, Position, add_slider
from couloir.text import number

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from couloir.experiments.overfitting import Fit, Overfitting

LEAST = 1e-4
"""Errors below this are drawn at the foot of the logarithmic axis: rounding is no error."""


def polynomial_fits(found: Overfitting) -> Chart:
    """Points and fresh points with the lowest and the highest degree, above the errors of every degree.

    A slider changes the degree of the bent curve.
    """
    line, wild = found.fits[0], found.fits[-1]
    title = f"{words.count(len(found.x), 'point')}: degree {line.degree} against degree {wild.degree}"
    figure = _two_panels(title, found)
    _add_points(figure, found)
    _add_errors(figure, found)
    grid = np.linspace(-1, 1, 241)
    style = {"color": theme.colour("right"), "width": 2.5}
    _add_curve(figure, grid, line.values(grid), f"degree {line.degree}", style)
    bent = {"color": theme.colour("wrong"), "width": 2.5}
    _add_curve(figure, grid, wild.values(grid), f"degree {wild.degree}", bent)
    _add_ring(figure, wild)
    _add_degrees(figure, found, grid)
    everything = np.concatenate([found.y, found.fresh_y])
    reach = 0.6 * float(np.ptp(everything))
    figure.update_layout(yaxis={"range": [everything.min() - reach, everything.max() + reach]})
    return Chart("overfitting", title, _sentence(found, line, wild), _alt(found), figure)


def _two_panels(title: str, found: Overfitting) -> go.Figure:
    figure = new_figure(title, "x", "y", height=620 + HEIGHT)
    figure.update_layout(
        yaxis={"domain": [0.47, 1]},
        yaxis2={
            "domain": [0, 0.29],
            "anchor": "x2",
            "type": "log",
            "title": {"text": "mean squared error"},
            "dtick": 1,
            "tickformat": ",.3~r",
            "range": _reach(found),
        },
        xaxis2={"anchor": "y2", "title": {"text": "degree"}, "dtick": 1},
        margin={"b": HEIGHT + 60},
    )
    return figure


def _reach(found: Overfitting) -> list[float]:
    """The ends of the errors' axis, as powers of ten: room for labels above and below."""
    errors = [max(error, LEAST) for fit in found.fits for error in (fit.training, fit.fresh)]
    return [float(np.log10(min(errors))) - 0.4, float(np.log10(max(errors))) + 0.9]


def _add_points(figure: go.Figure, found: Overfitting) -> None:
    faint = {"color": theme.colour("quiet"), "size": 4, "opacity": 0.45}
    for name, x, y, marker in (
        ("fresh", found.fresh_x, found.fresh_y, faint),
        ("fitted to", found.x, found.y, {"color": theme.colour("ink"), "size": 9}),
    ):
        figure.add_scatter(
            x=x,
            y=y,
            name=name,
            mode="markers",
            marker=marker,
            hovertemplate="%{x:.2f}, %{y:.2f}<extra></extra>",
        )


def _add_errors(figure: go.Figure, found: Overfitting) -> None:
    """Training and fresh error of every degree."""
    for part, dash, side in (("training", "dot", "bottom"), ("fresh", "solid", "top")):
        errors = [getattr(fit, part) for fit in found.fits]
        figure.add_scatter(
            x=[fit.degree for fit in found.fits],
            y=[max(error, LEAST) for error in errors],
            customdata=[number(error) for error in errors],
            text=[f"{part} error" if place == 1 else "" for place in range(len(errors))],
            textposition=f"{side} center",
            textfont={"color": theme.colour("quiet"), "size": 13},
            name=f"{part} error",
            showlegend=False,
            mode="lines+markers+text",
            line={"color": theme.colour("quiet"), "width": 2, "dash": dash},
            marker={"size": 7},
            xaxis="x2",
            yaxis="y2",
            hovertemplate=f"degree %{{x}}: {part} error %{{customdata}}<extra></extra>",
        )


def _add_curve(figure: go.Figure, x: np.ndarray, y: np.ndarray, name: str, line: dict[str, Any]) -> None:
    figure.add_scatter(x=_short(x), y=_short(y), name=name, mode="lines", line=line, hoverinfo="skip")


def _add_ring(figure: go.Figure, fit: Fit) -> None:
    """The errors of the degree that is drawn."""
    figure.add_scatter(
        x=[fit.degree] * 2,
        y=[max(fit.training, LEAST), max(fit.fresh, LEAST)],
        mode="markers+text",
        textposition=["top left", "top left"],
        textfont={"color": theme.colour("wrong"), "size": 14},
        showlegend=False,
        xaxis="x2",
        yaxis="y2",
        marker={"color": theme.colour("wrong"), "symbol": "circle-open", "size": 14, "line": {"width": 2.5}},
        hoverinfo="skip",
    )


def _add_degrees(figure: go.Figure, found: Overfitting, grid: np.ndarray) -> None:
    """The slider over degrees: the bent curve, and the ring on its errors."""
    curve, ring = len(figure.data) - 2, len(figure.data) - 1
    positions = [
        Position(
            str(fit.degree),
            {
                "x": [_short(grid), [fit.degree] * 2],
                "y": [_short(fit.values(grid)), [max(fit.training, LEAST), max(fit.fresh, LEAST)]],
                "name": [f"degree {fit.degree}", ""],
                "text": [None, [number(_shown(fit.training)), number(fit.fresh)]],
            },
        )
        for fit in found.fits
    ]
    add_slider(figure, "degree ", [curve, ring], positions, len(positions) - 1)


def _short(values: np.ndarray) -> list[float]:
    """Four decimals are more than can be seen."""
    return [round(float(value), 4) for value in values]


def _shown(error: float) -> float:
    """An error that is nothing but rounding, as 0."""
    return 0.0 if error < 1e-20 else error


def _sentence(found: Overfitting, line: Fit, wild: Fit) -> str:
    text = f"The polynomial of degree {wild.degree} "
    if _shown(wild.training) == 0:
        text += "goes through every point: its training error is 0. "
    else:
        text += f"has the training error {number(wild.training)}. "
    text += f"On {words.count(len(found.fresh_x), 'fresh point')} of the same law its error is "
    text += f"{number(wild.fresh)}, that of degree {line.degree} {number(line.fresh)}"
    if wild.fresh > line.fresh:
        text += f": {number(wild.fresh / line.fresh, 2)} times as much for the curve that fits better"
    best = min(found.fits, key=lambda fit: fit.fresh)
    return (
        f"{text}. Of all degrees drawn, {best.degree} does best on fresh points, with {number(best.fresh)}."
    )


def _alt(found: Overfitting) -> str:
    listed = [
        f"degree {fit.degree}: {number(_shown(fit.training))} and {number(fit.fresh)}" for fit in found.fits
    ]
    return (
        f"Points with two fitted curves; below, errors by degree. Training and fresh error: "
        f"{words.joined(listed, limit=12)}."
    )
