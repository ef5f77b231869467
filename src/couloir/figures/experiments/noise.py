"""Gradients of a few samples drawn: the paths they make, how far they scatter, and who escapes by them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from couloir.figures import theme
from couloir.figures.chart import Chart, Figure, logarithmic_where_wide, new_figure
from couloir.figures.sliders import button_row
from couloir.figures.surfaces.contours import add_levels, gridded, side
from couloir.figures.traces import BELOW, add_trace, line, mark, short, split, titled
from couloir.text import count, joined, number, share

if TYPE_CHECKING:
    from couloir.experiments.noise import BatchPath, BatchPaths, Escapes, GradientCloud
    from couloir.surfaces.evaluation import Surface

ROLES = {"batch": "right", "mini-batch": "further-3", "stochastic": "wrong"}
"""The colour of each kind of descent."""

MOST_POINTS = 500
"""A longer path is drawn with so many points."""


# Batch, mini-batch, stochastic ------------------------------------------------------------------------


def batch_comparison(found: BatchPaths) -> Chart:
    """The paths of all batch sizes on one surface; below, their losses against epochs, samples or updates."""
    title = "Batch, mini-batch and stochastic gradient descent"
    figure = new_figure(title, *found.surface.axes, height=720)
    surface = _around(found)
    add_levels(figure, *gridded(surface), surface, bar=False)
    # The smoothest path comes last, so that the others do not hide it.
    for path in reversed(found.paths):
        _add_batch_path(figure, path)
    marked = [("start", found.paths[0].points[0], "circle-open")]
    marked += [("minimum", minimum, "x-thin-open") for minimum in found.surface.minima[:1]]
    for name, (x, y), symbol in marked:
        marks = mark("ink", 12, symbol, line={"width": 2.5})
        add_trace(figure, [float(x)], [float(y)], name, marker=marks)
    split(figure, titled("epochs"), titled("loss", **theme.decades()))
    figure.update_layout(xaxis=side(surface, 0), yaxis=side(surface, 1), updatemenus=[_axes(found)])
    return Chart("batches", title, _batch_sentence(found), _batch_alt(found), figure)


def _around(found: BatchPaths) -> Surface:
    """The surface with the part of its domain that holds the paths and the minimum, with some room."""
    points = np.concatenate([path.points for path in found.paths] + [np.array(found.surface.minima[:1])])
    low, high = points.min(axis=0), points.max(axis=0)
    room = 0.12 * (high - low) + 1e-9
    ends = np.stack([low - room, high + room], axis=1)
    return replace(found.surface, domain=(tuple(ends[0].tolist()), tuple(ends[1].tolist())))


def _thinned(path: BatchPath) -> np.ndarray:
    """The points that are drawn: all, or so many that are evenly spaced; the first and the last included."""
    points = len(path.points)
    return np.unique(np.linspace(0, points - 1, min(points, MOST_POINTS)).round().astype(int))


def _add_batch_path(figure: Figure, path: BatchPath) -> None:
    kept, name = _thinned(path), path.name
    own = line(ROLES[name], 1.4 if path.batch_size == 1 else 2.2)
    x, y = path.points[kept].T
    hover = f"{name}, update %{{customdata}}<br>(%{{x:.3~g}}, %{{y:.3~g}})"
    add_trace(figure, short(x), short(y), name, own, hover=hover, customdata=kept, legendgroup=name)
    epochs, losses = short(path.epochs[kept]), short(path.losses[kept])
    hover = f"{name}, %{{x:.4~g}}: loss %{{y:.3~g}}"
    add_trace(figure, epochs, losses, name, own, hover=hover, showlegend=False, legendgroup=name, **BELOW)


def _axes(found: BatchPaths) -> dict[str, Any]:
    """Buttons for what the losses are drawn against."""
    order = list(reversed(found.paths))
    traces = [2 + 2 * number_ for number_ in range(len(order))]
    columns = {
        "epochs": [path.epochs for path in order],
        "samples seen": [path.samples for path in order],
        "updates": [np.arange(len(path.points)) for path in order],
    }
    buttons = [
        {
            "label": name,
            "method": "update",
            "args": [
                {"x": [short(values[_thinned(path)]) for values, path in zip(column, order, strict=True)]},
                {"xaxis2.title.text": name},
                traces,
            ],
        }
        for name, column in columns.items()
    ]
    return button_row(buttons, 0.36)


def _batch_sentence(found: BatchPaths) -> str:
    least = found.surface.least or 0.0
    parts = [
        f"{path.name} ({count(path.batch_size, 'row')} a step, {len(path.points) - 1:,} updates) "
        f"{number(float(path.losses[-1] - least))}"
        for path in found.paths
    ]
    late = {path.name: path.losses[path.epochs >= 0.8 * path.epochs[-1]] for path in found.paths}
    restless = max(late, key=lambda name: float(np.std(late[name])))
    text = f"At the learning rate {number(found.learning_rate)} and after {count(found.epochs, 'epoch')}, "
    text += f"every row seen as often by all, the loss lies above the least by: {joined(parts)}. "
    text += f"Most restless is {restless} descent: over its last epochs its loss goes up and down between "
    return f"{text}{number(float(late[restless].min()))} and {number(float(late[restless].max()))}."


def _batch_alt(found: BatchPaths) -> str:
    listed = [
        f"{path.name} from {number(float(path.losses[0]))} to {number(float(path.losses[-1]))}"
        for path in found.paths
    ]
    return f"Level lines with a path for each batch size, above a chart of losses: {joined(listed)}."


# The noise of a batch's gradient ----------------------------------------------------------------------

CLOUDS = ("quiet", "further-3", "wrong", "right", "further-2", "further-4", "further-1")
"""Colours of the clouds, from the widest on."""


def gradient_clouds(found: GradientCloud) -> Chart:
    """Gradients of many batches around the exact one; below, their spread against the batch size."""
    title = "The gradient of a batch, around the gradient of all rows"
    figure = new_figure(title, "∂J/∂m", "∂J/∂b", height=720)
    clouds = _partial(found)
    for colour, size, cloud, _, _ in clouds:
        x, y = (short(values) for values in cloud.T)
        hover = f"K = {size}: (%{{x:.3~g}}, %{{y:.3~g}})"
        add_trace(figure, x, y, f"K = {size}", marker=mark(colour, 5, opacity=0.6), hover=hover)
    exact = mark("ink", 18, "cross-thin", (2.5, "ink"))
    hover = "exact (%{x:.3~g}, %{y:.3~g})"
    add_trace(figure, [found.exact[0]], [found.exact[1]], "exact", marker=exact, hover=hover)
    sizes, spreads = [cloud.size for cloud in clouds], [cloud.spread for cloud in clouds]
    dashed, hover = line("quiet", 1.5, "dash"), "by formula %{y:.3~g}"
    expected = [cloud.expected for cloud in clouds]
    add_trace(figure, sizes, expected, "by formula", dashed, hover=hover, showlegend=False, **BELOW)
    dots = mark([cloud.colour for cloud in clouds], 10, edge=(1, "ink"))
    add_trace(figure, sizes, spreads, marker=dots, hover="K = %{x}: %{y:.3~g}", showlegend=False, **BELOW)
    spread = titled("spread", **logarithmic_where_wide(spreads or [1.0]))
    split(figure, titled("rows in a batch, K", **_marked(found.sizes)), spread)
    return Chart("gradient-noise", title, _cloud_sentence(found), _cloud_alt(found), figure)


def _marked(sizes: Sequence[int]) -> dict[str, Any]:
    """Settings of an axis of batch sizes."""
    return {"type": "log", "tickvals": list(sizes), "ticktext": [str(size) for size in sizes]}


class _Cloud(NamedTuple):
    """A batch size with the gradients of its batches: its colour, and their spread, measured and expected."""

    colour: str
    size: int
    gradients: np.ndarray
    spread: float
    expected: float


def _partial(found: GradientCloud) -> list[_Cloud]:
    """The sizes below all rows: only these have a spread, and a place on its axis."""
    every = zip(itertools.cycle(CLOUDS), found.sizes, found.gradients, found.spreads, found.expected)
    return [cloud for cloud in map(_Cloud._make, every) if cloud.size < found.rows]


def _cloud_sentence(found: GradientCloud) -> str:
    some, exact = _partial(found), f"({number(found.exact[0])}, {number(found.exact[1])})"
    if len(some) < 2:
        return f"The exact gradient is {exact}."
    first, last = some[0], some[-1]
    text = f"Around the exact gradient {exact} the gradients of batches of {first.size} scatter by "
    text += f"{number(first.spread)}, those of batches of {last.size} by {number(last.spread)}: "
    text += f"{number(last.size / first.size)} times the rows, {number(first.spread / last.spread, 2)} "
    off = max(abs(cloud.spread / cloud.expected - 1) for cloud in some)
    text += "times less noise. The dashed line is s/√K · √((n − K)/(n − 1)); what was measured is within "
    text += f"{share(off)} of it"
    whole = ", and a batch of all rows has the exact gradient" if len(some) < len(found.sizes) else ""
    return f"{text}{whole}."


def _cloud_alt(found: GradientCloud) -> str:
    listed = [f"{size} {number(spread)}" for size, spread in zip(found.sizes, found.spreads, strict=True)]
    return f"Clouds of gradients around a cross, one a batch size. Spread by size: {joined(listed, 10)}."


# Escapes ----------------------------------------------------------------------------------------------


def escape_shares(found: Escapes) -> Chart:
    """The share of runs that leave a small minimum, and a saddle's ridge, against the batch size."""
    title = "Noise frees: escapes against batch size"
    figure = new_figure(title, "samples in a batch, K", "runs that left", height=440)
    drawn = (found.minimum, "right", "circle", "solid"), (found.saddle, "wrong", "square", "dash")
    for place, role, symbol, dash in drawn:
        add_trace(
            figure,
            list(place.sizes),
            list(place.shares),
            place.place,
            line(role, 2.5, dash),
            mark(role, 9, symbol),
            f"{place.place}, K = %{{x}}: %{{y:.1%}}%{{customdata}}",
            customdata=[_when(steps) for steps in place.left],
        )
    sizes = _marked(found.minimum.sizes) | {"tickangle": 0}
    figure.update_layout(xaxis=sizes, yaxis={"tickformat": ".0%", "range": [-0.04, 1.06]})
    return Chart("escapes", title, _escape_sentence(found), _escape_alt(found), figure)


def _when(steps: np.ndarray) -> str:
    gone = steps[steps > 0]
    return f"<br>half of these by step {int(np.median(gone))}" if len(gone) else ""


def _escape_sentence(found: Escapes) -> str:
    parts = []
    for place in (found.minimum, found.saddle):
        smallest, largest = int(np.argmin(place.sizes)), int(np.argmax(place.sizes))
        exact = ", the exact gradient" if place.sizes[largest] == found.samples else ""
        parts.append(
            f"{share(place.shares[smallest])} leave the {place.place} with batches of "
            f"{place.sizes[smallest]} and {share(place.shares[largest])} with batches of "
            f"{place.sizes[largest]}{exact}"
        )
    return f"Of {count(found.runs, 'run')} of {count(found.steps, 'step')} each, {'; '.join(parts)}."


def _escape_alt(found: Escapes) -> str:
    text = "Line chart of the share of runs that left, by batch size."
    for place in (found.minimum, found.saddle):
        listed = [f"{size} {share(left)}" for size, left in zip(place.sizes, place.shares, strict=True)]
        text += f" {place.place.capitalize()}: {joined(listed, limit=12)}."
    return text
