"""One step of one rule, drawn: what the gradient asks for, what the rule remembers, and where it goes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from couloir.figures import theme
from couloir.figures.chart import Chart, new_figure
from couloir.figures.heights import scale
from couloir.figures.surfaces import contours as surfaces
from couloir.text import number

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from numpy.typing import NDArray

    from couloir.surfaces.evaluation import Surface
    from couloir.surfaces.microscope import Microscope

RESOLUTION = 33
HEIGHT = 460
SAME = 1e-9
"""Points nearer to each other than this share of the step are the same point."""


class Arrow(NamedTuple):
    """An arrow between two points, with its name, the role of its colour, and its dash."""

    name: str
    tail: NDArray[np.float64]
    tip: NDArray[np.float64]
    colour: str
    dash: str
    width: float


def microscope(step: Microscope) -> Chart:
    """Arrows of one step on the level lines around it.

    Rules with one rate for all coordinates show true lengths: what the old velocity carries and what the
    gradient adds make up the change. For the others, whose coordinates have steps of their own, only the
    direction of −g is shown, as long as the change.

    Args:
        step: what `couloir.surfaces.microscope.microscope` returns.
    """
    drawn = arrows(step)
    title = f"Step {step.step:,} of {step.rule.name}"
    near = window(step, drawn)
    figure = new_figure(title, near.axes[0], near.axes[1], height=HEIGHT)
    from couloir.surfaces.evaluation import grid

    found = grid(near, RESOLUTION)
    surfaces.add_levels(figure, found, scale(found.z, near.least), near, bar=False)
    for arrow in drawn:
        _add_arrow(figure, arrow)
    _add_points(figure, step)
    figure.update_layout(
        xaxis=surfaces.side(near, 0) | {"constrain": "domain", "nticks": 5},
        # Equal scales: only then a gradient stands upright on its level line.
        yaxis=surfaces.side(near, 1) | {"scaleanchor": "x", "constrain": "domain", "nticks": 6},
        **surfaces.room_above(3 if step.asked != step.point else 2),
    )
    sentence = microscope_words(step)
    alt = f"Level lines around {surfaces.place_words(step.point)} with arrows. {sentence}"
    return Chart(f"microscope-{step.rule.name}-{step.step}", title, sentence, alt, figure)


def arrows(step: Microscope) -> list[Arrow]:
    """The arrows of a step, the change last."""
    point, end, gradient = (np.asarray(v, float) for v in (step.point, step.next_point, step.gradient))
    change = np.asarray(step.change, float)
    colour = theme.rule_style(step.rule.name).colour
    found: list[Arrow] = []
    if step.squares is None and step.effective is not None:
        # change = −α β z − α g, so that the point before the gradient's part is W′ + α g.
        carried = end + step.learning_rate * gradient
        if np.linalg.norm(carried - point) > SAME * np.linalg.norm(change):
            found.append(Arrow("−αβz, what the old velocity carries", point, carried, "right", "solid", 2.5))
            found.append(Arrow("−αg, what the gradient adds", carried, end, "wrong", "solid", 2.5))
    elif (size := float(np.linalg.norm(gradient))) > 0:
        length = float(np.linalg.norm(change))
        tip = point - gradient / size * length
        found.append(Arrow("direction of −g", point, tip, "wrong", "solid", 2.5))
        if step.velocity is not None and (mean := float(np.linalg.norm(step.velocity))) > 0:
            tip = point - np.asarray(step.velocity, float) / mean * length
            found.append(Arrow("direction of −m̂", point, tip, "right", "solid", 2.5))
    found = [arrow._replace(colour=theme.colour(arrow.colour)) for arrow in found]
    return [*found, Arrow("the change", point, end, colour, "solid", 3.5)]


def window(step: Microscope, drawn: Sequence[Arrow]) -> Surface:
    """The surface with the square around a step as its domain."""
    places = np.stack([step.point, step.asked, *(end for arrow in drawn for end in (arrow.tail, arrow.tip))])
    low, high = places.min(axis=0), places.max(axis=0)
    # A step of no length, as on a ridge, is shown in a small part of the domain.
    reach = 0.85 * float((high - low).max()) or 1e-3 * max(step.surface.size)
    middle = (low + high) / 2
    (a, b), (c, d) = np.stack([middle - reach, middle + reach], axis=1).tolist()
    return dataclasses.replace(step.surface, domain=((a, b), (c, d)))


def _add_arrow(figure: go.Figure, arrow: Arrow) -> None:
    figure.add_scatter(
        x=[float(arrow.tail[0]), float(arrow.tip[0])],
        y=[float(arrow.tail[1]), float(arrow.tip[1])],
        mode="lines+markers",
        name=arrow.name,
        line={"color": arrow.colour, "width": arrow.width, "dash": arrow.dash},
        marker={
            "symbol": "arrow",
            "angleref": "previous",
            "size": [0, 17],
            "color": arrow.colour,
            "opacity": 1,
        },
        hovertemplate=f"{arrow.name}<br>(%{{x:.5~g}}, %{{y:.5~g}})<extra></extra>",
    )


def _add_points(figure: go.Figure, step: Microscope) -> None:
    """Where the step begins, and where the gradient is taken if that is elsewhere."""
    ink = theme.colour("ink")
    points = [("the point W", step.point, "circle")]
    if step.asked != step.point:
        points.append(("look-ahead, where g is taken", step.asked, "diamond-open"))
    for name, place, symbol in points:
        figure.add_scatter(
            x=[place[0]],
            y=[place[1]],
            mode="markers",
            name=name,
            marker={"symbol": symbol, "size": 10, "color": ink, "line": {"width": 2, "color": ink}},
            hovertemplate=f"{name}<br>(%{{x:.5~g}}, %{{y:.5~g}})<extra></extra>",
        )


# In words -------------------------------------------------------------------------------------------------


def microscope_words(step: Microscope) -> str:
    """From where to where, what became of the loss, and how the change lies to the gradient."""
    text = f"Step {step.step:,} of {step.rule.name} at the rate {number(step.learning_rate)} goes from "
    text += f"{surfaces.place_words(step.point)} to {surfaces.place_words(step.next_point)}; "
    verb = "rises" if step.next_loss > step.loss else "falls"
    if step.next_loss == step.loss:
        text += f"the loss stays at {number(step.loss, 4)}."
    else:
        text += f"the loss {verb} from {number(step.loss, 4)} to {number(step.next_loss, 4)}."
    turn = angle(step)
    if turn is not None and turn < 0.5:
        text += " The change points straight down the gradient."
    elif turn is not None:
        text += f" The change points {turn:.0f}° away from −g."
    if step.squares is not None and step.effective is not None:
        first, second = step.effective
        x, y = step.surface.axes
        text += f" The effective step is {number(first)} along {x} and {number(second)} along {y}."
    return text


def angle(step: Microscope) -> float | None:
    """Degrees between the change and −g; None where one of them is zero."""
    change, gradient = np.asarray(step.change, float), np.asarray(step.gradient, float)
    size = float(np.linalg.norm(change) * np.linalg.norm(gradient))
    if not size > 0:
        return None
    cross = float(change[0] * gradient[1] - change[1] * gradient[0])
    return abs(math.degrees(math.atan2(cross, -float(change @ gradient))))
