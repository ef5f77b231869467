"""Guessing drawn: grids in two and three dimensions, how they grow, random search against descent."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from couloir import text as words
from couloir.figures import theme
from couloir.figures.chart import Chart, new_figure
from couloir.figures.titles import title_on_top
from couloir.text import number

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from couloir.experiments.guessing import CountedDescent, RandomSearch

DIGIT_WIDTHS = (784, 15, 10)
"""A network for handwritten digits: 28 × 28 pixels, 15 hidden neurons, 10 digits."""

MOST_DRAWN = 400
"""Points of a best-so-far line."""


def power(text: str) -> str:
    """A power of ten as a figure's text shows it: "10^11935" becomes "10" with a raised 11,935."""
    base, caret, exponent = text.partition("^")
    return f"{base}<sup>{int(exponent):,}</sup>" if caret else text


def plain_power(text: str) -> str:
    """A power of ten in plain text: 10¹¹⁹³⁵."""
    base, caret, exponent = text.partition("^")
    return base + exponent.translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")) if caret else text


# Grids ----------------------------------------------------------------------------------------------------


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
    _add_square(figure, square)
    _add_cube(figure, cube)
    figure.update_layout(
        showlegend=False,
        xaxis={"range": [0, 1], "constrain": "domain", "dtick": 0.2},
        yaxis={
            "range": [0, 1],
            "domain": [0.56, 1.0],
            "scaleanchor": "x",
            "constrain": "domain",
            "dtick": 0.2,
        },
        scene=_scene(),
    )
    sizes = [dimension_counter(n, g).text for g in (segments, 10 * segments) for n in (2, 3)]
    sentence = (
        f"With {segments} segments an axis two weights need {sizes[0]} guesses and three need {sizes[1]}; "
    )
    sentence += f"ten times finer, they need {sizes[2]} and {sizes[3]}."
    alt = f"A square with {len(square):,} points and a cube with {len(cube):,}. {sentence}"
    return Chart("grid-samples", title, sentence, alt, figure)


def _add_square(figure: go.Figure, points: np.ndarray) -> None:
    figure.add_scatter(
        x=points[:, 0].tolist(),
        y=points[:, 1].tolist(),
        mode="markers",
        name="2 weights",
        marker={"color": theme.colour("right"), "size": 6},
        hovertemplate="(%{x}, %{y})<extra></extra>",
    )


def _add_cube(figure: go.Figure, points: np.ndarray) -> None:
    figure.add_scatter3d(
        x=points[:, 0].tolist(),
        y=points[:, 1].tolist(),
        z=points[:, 2].tolist(),
        mode="markers",
        name="3 weights",
        marker={"color": theme.colour("right"), "size": 2},
        hovertemplate="(%{x}, %{y}, %{z})<extra></extra>",
    )


def _scene() -> dict[str, Any]:
    def axis(name: str) -> dict[str, Any]:
        return {
            "title": {"text": name, "font": {"size": 13}},
            "range": [0, 1],
            "nticks": 4,
            "gridcolor": theme.colour("grid"),
            "showbackground": False,
            "tickfont": {"size": 11, "color": theme.colour("quiet")},
        }

    return {
        "domain": {"x": [0, 1], "y": [0, 0.5]},
        "xaxis": axis("weight 1"),
        "yaxis": axis("weight 2"),
        "zaxis": axis("weight 3"),
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
        figure.add_scatter(
            x=dimensions,
            y=[each.logarithm for each in found],
            text=[power(each.text) for each in found],
            mode="lines",
            name=f"{segments} segments an axis",
            line={"color": theme.colour(role), "dash": dash, "width": 2.5},
            hovertemplate="%{x:,} weights: %{text} guesses<extra></extra>",
        )
    size, name = dimension_counter(parameters), "-".join(map(str, widths))
    _add_network(figure, parameters, size.logarithm, f"{name}<br>{power(size.text)}")
    _add_level(figure, ATOMS, f"10<sup>{ATOMS}</sup> atoms")
    top = math.ceil(math.log10(2 * dimensions[-1]))
    ticks = [10.0**k for k in range(top + 1)]
    figure.update_layout(
        **title_on_top(2),
        xaxis={"type": "log", "dtick": 1, "tickformat": ",d"},
        yaxis={
            "type": "log",
            "tickvals": ticks,
            "ticktext": [f"10<sup>{int(t):,}</sup>" for t in ticks],
            "range": [-0.15, top],
        },
    )
    beyond = next(n for n in itertools.count(1) if dimension_counter(n).logarithm > ATOMS)
    sentence = f"A network of widths {name} has {parameters:,} weights and biases: ten segments an axis are "
    sentence += (
        f"{plain_power(size.text)} guesses. There are about 10{str(ATOMS).translate(_RAISED)} atoms in the "
    )
    sentence += f"universe, fewer than the guesses that {beyond} weights need."
    return Chart(
        "guesses-needed", title, sentence, f"Two straight lines on logarithmic axes. {sentence}", figure
    )


_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def _add_network(figure: go.Figure, parameters: int, logarithm: float, text: str) -> None:
    """A mark on the line, with its name below, where there is room."""
    figure.add_scatter(
        x=[parameters],
        y=[logarithm],
        mode="markers",
        name=text,
        marker={"color": theme.colour("ink"), "size": 11},
        showlegend=False,
        hovertemplate=f"{text} guesses<extra></extra>",
    )
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


def _add_level(figure: go.Figure, value: float, text: str) -> None:
    """A dotted line across a figure whose vertical axis is logarithmic, with a text at its end."""
    figure.add_hline(y=value, line={"color": theme.colour("quiet"), "width": 1.2, "dash": "dot"})
    figure.add_annotation(
        x=0.99,
        xref="paper",
        xanchor="right",
        y=math.log10(value),
        yanchor="bottom",
        text=text,
        showarrow=False,
        font={"color": theme.colour("quiet"), "size": 13},
    )


# Random search against gradient descent --------------------------------------------------------------------


def search_against_descent(search: RandomSearch, descent: CountedDescent) -> Chart:
    """The best loss so far against loss evaluations, guessing and gradient descent.

    Args:
        search: what guessing came to.
        descent: gradient descent on the same network and rows, counted in loss evaluations.
    """
    title = "Guessing against gradient descent"
    figure = new_figure(title, "loss evaluations", f"best {_loss_name(search.loss)} so far", height=460)
    style = theme.rule_style("sgd")
    _add_search(figure, search)
    places = np.unique(np.geomspace(1, descent.steps, MOST_DRAWN).round().astype(int)) - 1
    figure.add_scatter(
        x=descent.evaluations[places].tolist(),
        y=[float(f"{value:.6g}") for value in descent.best[places]],
        mode="lines",
        name="gradient descent",
        line={"color": style.colour, "width": 3},
        hovertemplate="gradient descent: %{y:.4~g} after %{x:,} evaluations<extra></extra>",
    )
    if search.constant is not None:
        _add_level(figure, search.constant, "the best constant answer")
    lowest = min(search.best.loss, float(descent.best[-1]))
    figure.update_layout(
        **title_on_top(2),
        # On a phone there is room for five numbers.
        xaxis={"type": "log", "dtick": 1 if search.guesses <= 1e5 else 2, "tickformat": ",d", "tickangle": 0},
        yaxis={"type": "log", "tickformat": ",.3~r", "dtick": 1 if lowest < 0.01 else "D2"},
    )
    sentence = contest_words(search, descent)
    return Chart("guessing", title, sentence, f"Two falling lines on logarithmic axes. {sentence}", figure)


def _loss_name(loss: str) -> str:
    return words.LOSS_NAMES.get(loss, loss)


def _add_search(figure: go.Figure, search: RandomSearch) -> None:
    """The best guess so far as stairs: a mark at each guess that was better than all before."""
    found = [(each.number + 1, each.loss, each.scale) for each in search.improvements]
    found.append((search.guesses, search.best.loss, search.best.scale))
    figure.add_scatter(
        x=[each[0] for each in found],
        y=[float(f"{each[1]:.6g}") for each in found],
        customdata=[number(each[2]) for each in found],
        mode="lines+markers",
        name="random search",
        line={"color": theme.colour("wrong"), "width": 2, "shape": "hv", "dash": "dash"},
        marker={"color": theme.colour("wrong"), "size": 6},
        hovertemplate="guess %{x:,}: %{y:.4~g}<br>weights scaled by %{customdata}<extra></extra>",
    )


def contest_words(search: RandomSearch, descent: CountedDescent) -> str:
    """How low guessing came, and how soon gradient descent was there."""
    name = _loss_name(search.loss)
    text = (
        f"The best of {words.count(search.guesses, 'guess', 'guesses')} of {search.parameters:,} weights and "
    )
    text += f"biases has a {name} of {number(search.best.loss)}"
    text += (
        f" (the best constant answer: {number(search.constant)}). " if search.constant is not None else ". "
    )
    reached, spent = descent.reached(search.best.loss), int(descent.evaluations[-1])
    last = number(float(descent.best[-1]))
    if reached is None:
        text += f"Gradient descent had not come so low after {spent:,} loss evaluations, "
        return f"{text}where it stood at {last}."
    text += f"Gradient descent is there after {reached:,} loss evaluations"
    ended = "was ended" if descent.capped else "stood"
    text += f", and {ended} at {last} after {spent:,}. "
    return text + "A gradient counts as three evaluations, and every learning rate tried is counted."
