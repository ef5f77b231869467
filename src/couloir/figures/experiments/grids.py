"""Grids of guesses drawn, in two and three dimensions, and how fast they grow."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from couloir.figures import theme
from couloir.figures.chart import Chart, Figure, new_figure, title_on_top
from couloir.figures.relief import space_axis
from couloir.figures.traces import add_level, add_trace, line, mark
from couloir.text import superscript

DIGIT_WIDTHS = (784, 15, 10)
"""A network for handwritten digits: 28 × 28 pixels, 15 hidden neurons, 10 digits."""


def power(text: str) -> str:
    """A power of ten as a figure's text shows it: "10^11935" becomes "10" with a raised 11,935."""
    base, caret, exponent = text.partition("^")
    return f"{base}<sup>{int(exponent):,}</sup>" if caret else text


def plain_power(text: str) -> str:
    """A power of ten in plain text: 10¹¹⁹³⁵."""
    base, _, exponent = text.partition("^")
    return base + superscript(exponent)


def grid_samples(segments: int = 10) -> Chart:
    """A grid of guesses in a square and in a cube, the same number of segments on every axis.

    Args:
        segments: g; the cube has g³ points, so 2 to 20 are drawn.

    Raises:
        InputError: fewer or more segments.
    """
    from couloir.errors import InputError
    from couloir.experiments.grids import dimension_counter, grid_points

    if not 2 <= segments <= 20:
        raise InputError(f"A grid of {segments} segments an axis cannot be drawn: give 2 to 20.")
    title = f"{segments} guesses along every axis"
    figure = new_figure(title, "weight 1", "weight 2", height=860)
    square, cube = grid_points(2, segments), grid_points(3, segments)
    x, y = square.T.tolist()
    add_trace(figure, x, y, "2 weights", marker=mark("right", 6), hover="(%{x}, %{y})")
    _add_cube(figure, cube)
    unit = {"range": [0, 1], "constrain": "domain", "dtick": 0.2}
    upright = unit | {"domain": [0.56, 1.0], "scaleanchor": "x"}
    figure.update_layout(showlegend=False, xaxis=unit, yaxis=upright, scene=_scene())
    sizes = [dimension_counter(n, g).text for g in (segments, 10 * segments) for n in (2, 3)]
    sentence = f"With {segments} segments an axis two weights need {sizes[0]} guesses and three need "
    sentence += f"{sizes[1]}; ten times finer, they need {sizes[2]} and {sizes[3]}."
    alt = f"A square with {len(square):,} points and a cube with {len(cube):,}. {sentence}"
    return Chart("grid-samples", title, sentence, alt, figure)


def _add_cube(figure: Figure, points: np.ndarray) -> None:
    x, y, z = points.T.tolist()
    hover, dots = "(%{x}, %{y}, %{z})<extra></extra>", mark("right", 2)
    figure.add_scatter3d(x=x, y=y, z=z, mode="markers", name="3 weights", marker=dots, hovertemplate=hover)


def _scene() -> dict[str, Any]:
    x, y, z = (space_axis(f"weight {number}", range=[0, 1], nticks=4) for number in (1, 2, 3))
    for axis in (x, y, z):
        axis["title"]["font"] = {"size": 13}
    return {
        "domain": {"x": [0, 1], "y": [0, 0.5]},
        "xaxis": x,
        "yaxis": y,
        "zaxis": z,
        "aspectmode": "cube",
        "camera": {"eye": {"x": 1.7, "y": 1.4, "z": 1.0}, "center": {"x": 0, "y": 0, "z": -0.1}},
    }


def guesses_needed(widths: tuple[int, ...] = DIGIT_WIDTHS) -> Chart:
    """How many guesses a grid needs against the number of weights, for 10 and 100 segments an axis.

    Args:
        widths: a network to be marked: units of every layer, from the inputs to the outputs.
    """
    from couloir.engine.architectures.mlp import parameter_count
    from couloir.experiments.grids import ATOMS, dimension_counter

    parameters, title = parameter_count(widths), "Guesses that a grid needs"
    dimensions = sorted({round(n) for n in np.geomspace(1, max(parameters, 1000) * 1.6, 60)})
    figure = new_figure(title, "weights and biases", "guesses", height=480)
    for segments, role, dash in ((10, "right", "solid"), (100, "further-4", "dash")):
        found = [dimension_counter(n, segments) for n in dimensions]
        add_trace(
            figure,
            dimensions,
            [each.logarithm for each in found],
            f"{segments} segments an axis",
            line(role, 2.5, dash),
            hover="%{x:,} weights: %{text} guesses",
            text=[power(each.text) for each in found],
        )
    size, name = dimension_counter(parameters), "-".join(map(str, widths))
    _add_network(figure, parameters, size.logarithm, f"{name}<br>{power(size.text)}")
    add_level(figure, ATOMS, f"10<sup>{ATOMS}</sup> atoms")
    figure.update_layout(
        **title_on_top(2),
        xaxis={"type": "log", "dtick": 1, "tickformat": ",d"},
        yaxis=_guesses_axis(math.ceil(math.log10(2 * dimensions[-1]))),
    )
    beyond = next(n for n in itertools.count(1) if dimension_counter(n).logarithm > ATOMS)
    sentence = f"A network of widths {name} has {parameters:,} weights and biases: ten segments an axis are "
    sentence += f"{plain_power(size.text)} guesses. There are about 10{superscript(ATOMS)} atoms in the "
    sentence += f"universe, fewer than the guesses that {beyond} weights need."
    alt = f"Two straight lines on logarithmic axes. {sentence}"
    return Chart("guesses-needed", title, sentence, alt, figure)


def _guesses_axis(top: int) -> dict[str, Any]:
    """Settings of an axis of logarithms up to 10^top, which names the powers of ten."""
    ticks = [10.0**k for k in range(top + 1)]
    names = [f"10<sup>{int(tick):,}</sup>" for tick in ticks]
    return {"type": "log", "tickvals": ticks, "ticktext": names, "range": [-0.15, top]}


def _add_network(figure: Figure, parameters: int, logarithm: float, text: str) -> None:
    """A mark on the line, with its name below, where there is room."""
    marks, hover = mark("ink", 11), f"{text} guesses"
    add_trace(figure, [parameters], [logarithm], text, marker=marks, hover=hover, showlegend=False)
    # On a logarithmic axis an annotation stands at the logarithm.
    figure.add_annotation(
        x=math.log10(parameters),
        y=math.log10(logarithm),
        text=text,
        ax=14,
        ay=72,
        xanchor="right",
        arrowcolor=theme.colour("quiet"),
        arrowwidth=1,
        arrowhead=0,
        standoff=8,
        font={"color": theme.colour("ink"), "size": 14},
    )
