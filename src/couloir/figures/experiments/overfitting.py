"""Overfitting drawn: the straight line, the polynomial through every point, and both errors by degree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from couloir.figures import theme
from couloir.figures.chart import Chart, Figure, new_figure
from couloir.figures.experiments.fitted import add_errors, add_rings, decimals
from couloir.figures.sliders import HEIGHT, Position, add_slider
from couloir.figures.traces import add_trace, line, mark, split, titled
from couloir.text import count, joined, number

if TYPE_CHECKING:
    from couloir.experiments.overfitting import Fit, Overfitting

LEAST = 1e-4
"""Errors below this are drawn at the foot of the logarithmic axis: rounding is no error."""


def polynomial_fits(found: Overfitting) -> Chart:
    """Points and fresh points with the lowest and the highest degree, above the errors of every degree.

    A slider changes the degree of the bent curve.
    """
    straight, wild = found.fits[0], found.fits[-1]
    title = f"{count(len(found.x), 'point')}: degree {straight.degree} against degree {wild.degree}"
    figure = new_figure(title, "x", "y", height=620 + HEIGHT)
    _lay_out(figure, found)
    for name, x, y, marks in (
        ("fresh", found.fresh_x, found.fresh_y, mark("quiet", 4, opacity=0.45)),
        ("fitted to", found.x, found.y, mark("ink", 9)),
    ):
        add_trace(figure, x, y, name, marker=marks, hover="%{x:.2f}, %{y:.2f}")
    degrees = [fit.degree for fit in found.fits]
    for part, dash, side in (("training", "dot", "bottom center"), ("fresh", "solid", "top center")):
        errors, name = [getattr(fit, part) for fit in found.fits], f"{part} error"
        drawn, hover = [max(error, LEAST) for error in errors], f"degree %{{x}}: {name} %{{customdata}}"
        add_errors(figure, degrees, drawn, name, dash, side, hover, errors)
    grid = np.linspace(-1, 1, 241)
    for fit, role in ((straight, "right"), (wild, "wrong")):
        add_trace(figure, decimals(grid), decimals(fit.values(grid)), f"degree {fit.degree}", line(role))
    add_rings(figure, "wrong", ["top left", "top left"])
    _add_degrees(figure, found, grid)
    return Chart("overfitting", title, _sentence(found, straight, wild), _alt(found), figure)


def _lay_out(figure: Figure, found: Overfitting) -> None:
    errors = [error for fit in found.fits for error in _heights(fit)]
    # Room for labels above and below.
    ends = [float(np.log10(min(errors))) - 0.4, float(np.log10(max(errors))) + 0.9]
    errors_axis = titled("mean squared error", **theme.decades(range=ends))
    split(figure, titled("degree", dtick=1), errors_axis, 0.29, 0.47)
    everything = np.concatenate([found.y, found.fresh_y])
    room = 0.6 * float(np.ptp(everything))
    ends = [everything.min() - room, everything.max() + room]
    figure.update_layout(yaxis={"range": ends}, margin={"b": HEIGHT + 60})


def _heights(fit: Fit) -> list[float]:
    """Where a fit's training and fresh error are drawn."""
    return [max(fit.training, LEAST), max(fit.fresh, LEAST)]


def _add_degrees(figure: Figure, found: Overfitting, grid: np.ndarray) -> None:
    """The slider over degrees: the bent curve, and the ring on its errors."""
    curve, ring = len(figure.data) - 2, len(figure.data) - 1
    positions = [
        Position(
            str(fit.degree),
            {
                "x": [decimals(grid), [fit.degree] * 2],
                "y": [decimals(fit.values(grid)), _heights(fit)],
                "name": [f"degree {fit.degree}", ""],
                "text": [None, [number(_shown(fit.training)), number(fit.fresh)]],
            },
        )
        for fit in found.fits
    ]
    add_slider(figure, "degree ", [curve, ring], positions, len(positions) - 1)


def _shown(error: float) -> float:
    """An error that is nothing but rounding, as 0."""
    return 0.0 if error < 1e-20 else error


def _sentence(found: Overfitting, straight: Fit, wild: Fit) -> str:
    text = f"The polynomial of degree {wild.degree} "
    if _shown(wild.training) == 0:
        text += "goes through every point: its training error is 0. "
    else:
        text += f"has the training error {number(wild.training)}. "
    text += f"On {count(len(found.fresh_x), 'fresh point')} of the same law its error is "
    text += f"{number(wild.fresh)}, that of degree {straight.degree} {number(straight.fresh)}"
    if wild.fresh > straight.fresh:
        text += f": {number(wild.fresh / straight.fresh, 2)} times as much for the curve that fits better"
    best = min(found.fits, key=lambda fit: fit.fresh)
    text += f". Of all degrees drawn, {best.degree} does best on fresh points, with "
    return f"{text}{number(best.fresh)}."


def _alt(found: Overfitting) -> str:
    listed = [f"degree {f.degree}: {number(_shown(f.training))} and {number(f.fresh)}" for f in found.fits]
    text = "Points with two fitted curves; below, errors by degree. Training and fresh error: "
    return f"{text}{joined(listed, limit=12)}."
