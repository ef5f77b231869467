"""One step of one rule, drawn: what the gradient asks for, what the rule remembers, and where it goes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from couloir.figures import theme
from couloir.figures.chart import Chart, Figure, new_figure, title_on_top
from couloir.figures.surfaces.contours import add_levels, gridded, side
from couloir.figures.traces import add_trace, line, mark
from couloir.text import number, point

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from couloir.surfaces.evaluation import Surface
    from couloir.surfaces.microscope import Microscope

RESOLUTION = 33
HEIGHT = 460
SAME = 1e-9
"""Points nearer to each other than this share of the step are the same point."""


class Arrow(NamedTuple):
    """An arrow between two points, with its name, its colour, and the width of its line."""

    name: str
    tail: NDArray[np.float64]
    tip: NDArray[np.float64]
    colour: str
    width: float = 2.5


def microscope(step: Microscope) -> Chart:
    """Arrows of one step on the level lines around it.

    Rules with one rate for all coordinates show true lengths: what the old velocity carries and what the
    gradient adds make up the change. For the others, whose coordinates have steps of their own, only the
    direction of −g is shown, as long as the change.

    Args:
        step: what `couloir.surfaces.microscope.microscope` returns.
    """
    drawn = arrows(step)
    title = f"Step {step.step:,} of {step.name}"
    near = window(step, drawn)
    figure = new_figure(title, *near.axes, height=HEIGHT)
    add_levels(figure, *gridded(near, RESOLUTION), near, bar=False)
    for arrow in drawn:
        _add_arrow(figure, arrow)
    _add_points(figure, step)
    figure.update_layout(
        xaxis=side(near, 0) | {"constrain": "domain", "nticks": 5},
        # Equal scales: only then a gradient stands upright on its level line.
        yaxis=side(near, 1) | {"scaleanchor": "x", "constrain": "domain", "nticks": 6},
        **title_on_top(3 if step.asked != step.point else 2),
    )
    sentence = microscope_words(step)
    alt = f"Level lines around {point(step.point)} with arrows. {sentence}"
    return Chart(f"microscope-{step.name}-{step.step}", title, sentence, alt, figure)


def arrows(step: Microscope) -> list[Arrow]:
    """The arrows of a step, the change last."""
    given = (step.point, step.next_point, step.gradient, step.change)
    start, end, gradient, change = (np.asarray(each, float) for each in given)
    length = float(np.linalg.norm(change))
    found: list[Arrow] = []
    if step.squares is None and step.effective is not None:
        # change = −α β z − α g, so that the point before the gradient's part is W′ + α g.
        carried = end + step.learning_rate * gradient
        if np.linalg.norm(carried - start) > SAME * length:
            found.append(Arrow("−αβz, what the old velocity carries", start, carried, "right"))
            found.append(Arrow("−αg, what the gradient adds", carried, end, "wrong"))
    elif (size := float(np.linalg.norm(gradient))) > 0:
        found.append(Arrow("direction of −g", start, start - gradient / size * length, "wrong"))
        if step.velocity is not None and (mean := float(np.linalg.norm(step.velocity))) > 0:
            tip = start - np.asarray(step.velocity, float) / mean * length
            found.append(Arrow("direction of −m̂", start, tip, "right"))
    return [*found, Arrow("the change", start, end, theme.rule_style(step.name).colour, 3.5)]


def window(step: Microscope, drawn: Sequence[Arrow]) -> Surface:
    """The surface with the square around a step as its domain."""
    places = np.stack([step.point, step.asked, *(end for arrow in drawn for end in (arrow.tail, arrow.tip))])
    low, high = places.min(axis=0), places.max(axis=0)
    # A step of no length, as on a ridge, is shown in a small part of the domain.
    reach = 0.85 * float((high - low).max()) or 1e-3 * max(step.surface.size)
    middle = (low + high) / 2
    (a, b), (c, d) = np.stack([middle - reach, middle + reach], axis=1).tolist()
    return dataclasses.replace(step.surface, domain=((a, b), (c, d)))


def _add_arrow(figure: Figure, arrow: Arrow) -> None:
    x, y = np.stack([arrow.tail, arrow.tip], axis=1).tolist()
    head = mark(arrow.colour, [0, 17], "arrow", angleref="previous", opacity=1)
    hover = f"{arrow.name}<br>(%{{x:.5~g}}, %{{y:.5~g}})"
    add_trace(figure, x, y, arrow.name, line(arrow.colour, arrow.width), head, hover)


def _add_points(figure: Figure, step: Microscope) -> None:
    """Where the step begins, and where the gradient is taken if that is elsewhere."""
    points = [("the point W", step.point, "circle")]
    if step.asked != step.point:
        points.append(("look-ahead, where g is taken", step.asked, "diamond-open"))
    for name, (x, y), symbol in points:
        marks, hover = mark("ink", 10, symbol, (2, "ink")), f"{name}<br>(%{{x:.5~g}}, %{{y:.5~g}})"
        add_trace(figure, [x], [y], name, marker=marks, hover=hover)


# In words -------------------------------------------------------------------------------------------------


def microscope_words(step: Microscope) -> str:
    """From where to where, what became of the loss, and how the change lies to the gradient."""
    text = f"Step {step.step:,} of {step.name} at the rate {number(step.learning_rate)} goes from "
    text += f"{point(step.point)} to {point(step.next_point)}; "
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
