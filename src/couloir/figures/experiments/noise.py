"""Gradients of a few samples drawn: the paths they make, how far they scatter, and who escapes by them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from couloir import text as words
from couloir.figures import theme
from couloir.figures.chart import Chart, logarithmic_where_wide, new_figure
from couloir.figures.surfaces.contours import add_levels, gridded, side
from couloir.text import number

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from couloir.experiments.noise import BatchPath, BatchPaths, Escapes, EscapesFrom, GradientCloud
    from couloir.surfaces.evaluation import Surface

KINDS = {"batch": ("right", "solid"), "mini-batch": ("further-3", "solid"), "stochastic": ("wrong", "solid")}
"""Colour and dash of each kind of descent."""

MOST_POINTS = 500
"""A longer path is drawn with so many points."""

AXES = ("epochs", "samples seen", "updates")


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
    begin = found.paths[0].points[0]
    for name, point, symbol in (("start", begin, "circle-open"), *_minimum(found)):
        marker = {"symbol": symbol, "size": 12, "color": theme.colour("ink"), "line": {"width": 2.5}}
        figure.add_scatter(
            x=[float(point[0])],
            y=[float(point[1])],
            name=name,
            mode="markers",
            marker=marker,
            hoverinfo="skip",
        )
    figure.update_layout(
        xaxis=side(surface, 0),
        yaxis={"domain": [0.45, 1], **side(surface, 1)},
        xaxis2={"anchor": "y2", "title": {"text": AXES[0]}},
        yaxis2={
            "domain": [0, 0.28],
            "anchor": "x2",
            "type": "log",
            "dtick": 1,
            "tickformat": ",.3~r",
            "title": {"text": "loss"},
        },
        updatemenus=[_axes(found)],
    )
    return Chart("batches", title, _batch_sentence(found), _batch_alt(found), figure)


def _around(found: BatchPaths) -> Surface:
    """The surface with the part of its domain that holds the paths and the minimum, with some room."""
    points = np.concatenate([path.points for path in found.paths] + [np.array(found.surface.minima[:1])])
    low, high = points.min(axis=0), points.max(axis=0)
    room = 0.12 * (high - low) + 1e-9
    ends = np.stack([low - room, high + room], axis=1)
    return replace(found.surface, domain=(tuple(ends[0].tolist()), tuple(ends[1].tolist())))


def _minimum(found: BatchPaths) -> list[tuple[str, tuple[float, float], str]]:
    return [("minimum", point, "x-thin-open") for point in found.surface.minima[:1]]


def _thinned(path: BatchPath) -> np.ndarray:
    """The points that are drawn: all, or so many that are evenly spaced; the first and the last included."""
    count = len(path.points)
    return np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).round().astype(int))


def _short(values: np.ndarray) -> list[float]:
    return [float(f"{value:.4g}") for value in values]


def _add_batch_path(figure: go.Figure, path: BatchPath) -> None:
    kept, (role, dash) = _thinned(path), KINDS[path.name]
    common: dict[str, Any] = {
        "name": path.name,
        "legendgroup": path.name,
        "mode": "lines",
        "line": {"color": theme.colour(role), "width": 1.4 if path.batch_size == 1 else 2.2, "dash": dash},
    }
    figure.add_scatter(
        x=_short(path.points[kept, 0]),
        y=_short(path.points[kept, 1]),
        customdata=kept,
        hovertemplate=f"{path.name}, update %{{customdata}}<br>(%{{x:.3~g}}, %{{y:.3~g}})<extra></extra>",
        **common,
    )
    figure.add_scatter(
        x=_short(path.epochs[kept]),
        y=_short(path.losses[kept]),
        showlegend=False,
        xaxis="x2",
        yaxis="y2",
        hovertemplate=f"{path.name}, %{{x:.4~g}}: loss %{{y:.3~g}}<extra></extra>",
        **common,
    )


def _axes(found: BatchPaths) -> dict[str, Any]:
    """Buttons for what the losses are drawn against."""
    order = list(reversed(found.paths))
    traces = [2 + 2 * place for place in range(len(order))]
    columns = [[path.epochs for path in order], [path.samples for path in order]]
    columns.append([np.arange(len(path.points)) for path in order])
    buttons = [
        {
            "label": name,
            "method": "update",
            "args": [
                {"x": [_short(values[_thinned(path)]) for values, path in zip(column, order, strict=True)]},
                {"xaxis2.title.text": name},
                traces,
            ],
        }
        for name, column in zip(AXES, columns, strict=True)
    ]
    return {
        "type": "buttons",
        "direction": "right",
        "x": 0,
        "xanchor": "left",
        "y": 0.36,
        "yanchor": "top",
        "bgcolor": theme.colour("blank"),
        "bordercolor": theme.colour("quiet"),
        "font": {"color": theme.colour("ink"), "size": 13},
        "buttons": buttons,
    }


def _batch_sentence(found: BatchPaths) -> str:
    least = found.surface.least or 0.0
    parts = [
        f"{path.name} ({words.count(path.batch_size, 'row')} a step, {len(path.points) - 1:,} updates) "
        f"{number(float(path.losses[-1] - least))}"
        for path in found.paths
    ]
    text = (
        f"At the learning rate {number(found.learning_rate)} and after {words.count(found.epochs, 'epoch')}, "
    )
    text += f"every row seen as often by all, the loss lies above the least by: {words.joined(parts)}. "
    restless = max(found.paths, key=_restlessness)
    return text + (
        f"Most restless is {restless.name} descent: over its last epochs its loss goes up and down between "
        f"{number(float(_late(restless).min()))} and {number(float(_late(restless).max()))}."
    )


def _late(path: BatchPath) -> np.ndarray:
    """The losses of the last fifth of the epochs."""
    return path.losses[path.epochs >= 0.8 * path.epochs[-1]]


def _restlessness(path: BatchPath) -> float:
    return float(np.std(_late(path)))


def _batch_alt(found: BatchPaths) -> str:
    listed = [
        f"{path.name} from {number(float(path.losses[0]))} to {number(float(path.losses[-1]))}"
        for path in found.paths
    ]
    return f"Level lines with a path for each batch size, above a chart of losses: {words.joined(listed)}."


# The noise of a batch's gradient ----------------------------------------------------------------------

CLOUDS = ("quiet", "further-3", "wrong", "right", "further-2", "further-4", "further-1")
"""Colours of the clouds, from the widest on."""


def gradient_clouds(found: GradientCloud) -> Chart:
    """Gradients of many batches around the exact one; below, their spread against the batch size."""
    title = "The gradient of a batch, around the gradient of all rows"
    figure = new_figure(title, "∂J/∂m", "∂J/∂b", height=720)
    for place in _partial(found):
        size, cloud = found.sizes[place], found.gradients[place]
        figure.add_scatter(
            x=_short(cloud[:, 0]),
            y=_short(cloud[:, 1]),
            name=f"K = {size}",
            mode="markers",
            marker={"color": theme.colour(CLOUDS[place % len(CLOUDS)]), "size": 5, "opacity": 0.6},
            hovertemplate=f"K = {size}: (%{{x:.3~g}}, %{{y:.3~g}})<extra></extra>",
        )
    ink = theme.colour("ink")
    figure.add_scatter(
        x=[found.exact[0]],
        y=[found.exact[1]],
        name="exact",
        mode="markers",
        marker={"symbol": "cross-thin", "size": 18, "color": ink, "line": {"width": 2.5, "color": ink}},
        hovertemplate="exact (%{x:.3~g}, %{y:.3~g})<extra></extra>",
    )
    _add_spreads(figure, found)
    figure.update_layout(
        yaxis={"domain": [0.45, 1]},
        xaxis2={
            "anchor": "y2",
            "type": "log",
            "title": {"text": "rows in a batch, K"},
            "tickvals": list(found.sizes),
            "ticktext": [str(size) for size in found.sizes],
        },
        yaxis2={
            "domain": [0, 0.28],
            "anchor": "x2",
            "title": {"text": "spread"},
            **logarithmic_where_wide([found.spreads[place] for place in _partial(found)] or [1.0]),
        },
    )
    return Chart("gradient-noise", title, _cloud_sentence(found), _cloud_alt(found), figure)


def _partial(found: GradientCloud) -> list[int]:
    """The places of the sizes below all rows: only these have a spread."""
    return [place for place, size in enumerate(found.sizes) if size < found.rows]


def _add_spreads(figure: go.Figure, found: GradientCloud) -> None:
    """Measured and expected spreads; of a batch of all rows there is none, nor a place on the axis."""
    some = _partial(found)
    sizes = [found.sizes[place] for place in some]
    figure.add_scatter(
        x=sizes,
        y=[found.expected[place] for place in some],
        name="by formula",
        mode="lines",
        line={"color": theme.colour("quiet"), "width": 1.5, "dash": "dash"},
        xaxis="x2",
        yaxis="y2",
        showlegend=False,
        hovertemplate="by formula %{y:.3~g}<extra></extra>",
    )
    figure.add_scatter(
        x=sizes,
        y=[found.spreads[place] for place in some],
        mode="markers",
        marker={
            "color": [theme.colour(CLOUDS[place % len(CLOUDS)]) for place in some],
            "size": 10,
            "line": {"width": 1, "color": theme.colour("ink")},
        },
        xaxis="x2",
        yaxis="y2",
        showlegend=False,
        hovertemplate="K = %{x}: %{y:.3~g}<extra></extra>",
    )


def _cloud_sentence(found: GradientCloud) -> str:
    some = _partial(found)
    if len(some) < 2:
        return f"The exact gradient is ({number(found.exact[0])}, {number(found.exact[1])})."
    first, last = some[0], some[-1]
    steeper = found.spreads[first] / found.spreads[last]
    more = found.sizes[last] / found.sizes[first]
    text = f"Around the exact gradient ({number(found.exact[0])}, {number(found.exact[1])}) the gradients of "
    text += f"batches of {found.sizes[first]} scatter by {number(found.spreads[first])}, those of batches of "
    text += f"{found.sizes[last]} by {number(found.spreads[last])}: {number(more)} times the rows, "
    text += f"{number(steeper, 2)} times less noise. "
    off = max(abs(found.spreads[place] / found.expected[place] - 1) for place in some)
    text += "The dashed line is s/√K · √((n − K)/(n − 1)); what was measured is within "
    text += f"{words.share(off)} of it"
    whole = " and a batch of all rows has the exact gradient" if len(some) < len(found.sizes) else ""
    return f"{text},{whole}." if whole else f"{text}."


def _cloud_alt(found: GradientCloud) -> str:
    listed = [f"{size} {number(spread)}" for size, spread in zip(found.sizes, found.spreads, strict=True)]
    return (
        f"Clouds of gradients around a cross, one a batch size. Spread by size: {words.joined(listed, 10)}."
    )


# Escapes ----------------------------------------------------------------------------------------------


def escape_shares(found: Escapes) -> Chart:
    """The share of runs that leave a small minimum, and a saddle's ridge, against the batch size."""
    title = "Noise frees: escapes against batch size"
    figure = new_figure(title, "samples in a batch, K", "runs that left", height=440)
    for place, role, symbol, dash in (
        (found.minimum, "right", "circle", "solid"),
        (found.saddle, "wrong", "square", "dash"),
    ):
        figure.add_scatter(
            x=list(place.sizes),
            y=list(place.shares),
            customdata=[_when(steps) for steps in place.left],
            name=place.place,
            mode="lines+markers",
            line={"color": theme.colour(role), "width": 2.5, "dash": dash},
            marker={"color": theme.colour(role), "symbol": symbol, "size": 9},
            hovertemplate=f"{place.place}, K = %{{x}}: %{{y:.1%}}%{{customdata}}<extra></extra>",
        )
    sizes = list(found.minimum.sizes)
    figure.update_layout(
        xaxis={"type": "log", "tickvals": sizes, "ticktext": [str(size) for size in sizes], "tickangle": 0},
        yaxis={"tickformat": ".0%", "range": [-0.04, 1.06]},
    )
    return Chart("escapes", title, _escape_sentence(found), _escape_alt(found), figure)


def _when(steps: np.ndarray) -> str:
    gone = steps[steps > 0]
    return f"<br>half of these by step {int(np.median(gone))}" if len(gone) else ""


def _escape_sentence(found: Escapes) -> str:
    text = f"Of {words.count(found.runs, 'run')} of {words.count(found.steps, 'step')} each, "
    parts = []
    for place in (found.minimum, found.saddle):
        smallest, largest = int(np.argmin(place.sizes)), int(np.argmax(place.sizes))
        parts.append(
            f"{words.share(place.shares[smallest])} leave the {place.place} with batches of "
            f"{place.sizes[smallest]} and {words.share(place.shares[largest])} with batches of "
            f"{place.sizes[largest]}{_all_samples(found, place, largest)}"
        )
    return f"{text}{'; '.join(parts)}."


def _all_samples(found: Escapes, place: EscapesFrom, at: int) -> str:
    return ", the exact gradient" if place.sizes[at] == found.samples else ""


def _escape_alt(found: Escapes) -> str:
    text = "Line chart of the share of runs that left, by batch size."
    for place in (found.minimum, found.saddle):
        listed = [
            f"{size} {words.share(share)}" for size, share in zip(place.sizes, place.shares, strict=True)
        ]
        text += f" {place.place.capitalize()}: {words.joined(listed, limit=12)}."
    return text
