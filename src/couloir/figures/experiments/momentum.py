"""Momentum against none in a bowl, with sliders for the learning rate and the momentum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from couloir import text as words
from couloir.figures import theme
from couloir.figures.chart import Chart, new_figure
from couloir.figures.sliders import HEIGHT, Position, add_slider
from couloir.figures.surfaces.contours import add_levels, gridded, side
from couloir.text import number

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from couloir.experiments.momentum import MomentumGrid

FAR = 6.0
"""Points beyond so many times the domain are not drawn: the line has left the picture."""
LOSSES = (1e-9, 1e5)
"""Ends of the losses that are drawn."""


def momentum_in_bowl(found: MomentumGrid) -> Chart:
    """The path without momentum and one with, at one learning rate; below, loss against step.

    One slider sets the learning rate of both, the other the momentum of the second.
    """
    title = f"Momentum in a bowl of condition number {number(found.condition)}"
    figure = new_figure(title, *found.surface.axes, height=700 + 2 * HEIGHT)
    grid, heights = gridded(found.surface)
    add_levels(figure, grid, heights, found.surface, bar=False)
    best = found.best_momentum
    for place in range(len(found.momenta)):
        _add_traces(figure, found, place, place in (0, best))
    _lay_out(figure, found)
    at = found.best(0)
    positions = [Position(_rate(found, place), _settings(found, place)) for place in range(len(found.rates))]
    traces = list(range(1, 1 + 2 * len(found.momenta)))
    add_slider(figure, "learning rate ", traces, positions, at)
    shown = [
        Position(
            number(float(beta)),
            {"visible": [number_ in (0, place) for number_ in range(len(found.momenta)) for _ in range(2)]},
        )
        for place, beta in enumerate(found.momenta)
    ]
    add_slider(figure, "momentum ", traces, shown, best)
    return Chart("momentum", title, _sentence(found), _alt(found), figure)


def _rate(found: MomentumGrid, place: int) -> str:
    """The rate, and which of the momenta it makes diverge."""
    lost = [number(float(beta)) for beta, rate in zip(found.momenta, found.critical, strict=True)
            if found.rates[place] > rate]  # fmt: skip
    return number(float(found.rates[place])) + (f" (diverges at β = {words.joined(lost)})" if lost else "")


def _add_traces(figure: go.Figure, found: MomentumGrid, place: int, visible: bool) -> None:
    """A momentum's path on the level lines and its losses below; the slider gives them their points."""
    style = theme.rule_style("momentum" if found.momenta[place] else "sgd")
    beta = float(found.momenta[place])
    name = f"momentum {number(beta)}" if beta else "no momentum"
    common: dict[str, Any] = {
        "name": name,
        "legendgroup": name,
        "visible": visible,
        "line": {"color": style.colour, "width": 2.2, "dash": "solid"},
        "marker": {"color": style.colour, "size": 5, "symbol": style.symbol},
    }
    figure.add_scatter(
        mode="lines+markers",
        hovertemplate=f"{name}, step %{{pointNumber}}<br>(%{{x:.3~g}}, %{{y:.3~g}})<extra></extra>",
        **common,
    )
    figure.add_scatter(
        x=list(range(found.steps + 1)),
        mode="lines",
        showlegend=False,
        xaxis="x2",
        yaxis="y2",
        hovertemplate=f"{name}, step %{{x}}: %{{y:.3~g}}<extra></extra>",
        **common,
    )


def _settings(found: MomentumGrid, rate: int) -> dict[str, list[Any]]:
    """The points of all paths, and their losses, at one rate."""
    x: list[Any] = []
    y: list[Any] = []
    steps = list(range(found.steps + 1))
    for place in range(len(found.momenta)):
        points = found.points[place, rate]
        reach = FAR * np.max(np.abs(found.surface.domain))
        outside = np.any(~(np.abs(points) <= reach), axis=1)
        stop = int(np.argmax(outside)) if outside.any() else len(points)
        x += [_short(points[:stop, 0]), steps]
        y += [_short(points[:stop, 1]), _short(np.clip(found.losses[place, rate], *LOSSES))]
    return {"x": x, "y": y}


def _short(values: np.ndarray) -> list[float]:
    return [float(f"{value:.4g}") for value in values]


def _lay_out(figure: go.Figure, found: MomentumGrid) -> None:
    figure.update_layout(
        xaxis=side(found.surface, 0),
        yaxis={"domain": [0.42, 1], **side(found.surface, 1)},
        xaxis2={"anchor": "y2", "title": {"text": "step"}},
        yaxis2=theme.powers(3)
        | {
            "domain": [0, 0.28],
            "anchor": "x2",
            "tickformat": "",
            "title": {"text": "loss above the least"},
            "range": [float(np.log10(end)) for end in LOSSES],
        },
        margin={"b": 2 * HEIGHT + 60},
    )


def _sentence(found: MomentumGrid) -> str:
    best = found.best_momentum
    beta = number(float(found.momenta[best]))
    text = f"Without momentum every rate above {number(float(found.critical[0]))} diverges, with "
    text += (
        f"momentum {beta} every rate above {number(float(found.critical[best]))}. At the best rate of each, "
    )
    text += f"{_course(found, 0)} without momentum"
    return (
        f"{text}; {_course(found, best)} with momentum {beta}." if best else f"{text}: nothing does better."
    )


def _course(found: MomentumGrid, momentum: int) -> str:
    """How far the path of a momentum comes at its best rate."""
    at = found.best(momentum)
    step, share = int(found.arrivals[momentum, at]), f"a {round(1 / found.near):,}th of its first value"
    loss = number(float(found.losses[momentum, at, -1]))
    when = f"below {share} from step {step} on" if step >= 0 else f"never below {share}"
    return f"the loss above the least is {when}, and {loss} after {found.steps} steps"


def _alt(found: MomentumGrid) -> str:
    listed = []
    for place, beta in enumerate(found.momenta):
        at = found.best(place)
        listed.append(
            f"{number(float(beta))}: {number(float(found.losses[place, at, -1]))} at the rate "
            f"{number(float(found.rates[at]))}"
        )
    return (
        f"Level lines of a bowl with a path without momentum and one with, and their losses over "
        f"{words.count(found.steps, 'step')}; sliders set rate and momentum. Lowest final loss by momentum: "
        f"{words.joined(listed, limit=10)}."
    )
