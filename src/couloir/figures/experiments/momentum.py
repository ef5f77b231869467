"""Momentum against none in a bowl, with sliders for the learning rate and the momentum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from couloir.figures import theme
from couloir.figures.chart import Chart, Figure, new_figure
from couloir.figures.sliders import HEIGHT, Position, add_slider
from couloir.figures.surfaces.contours import add_levels, gridded, side
from couloir.figures.traces import BELOW, add_trace, line, mark, short, split, titled
from couloir.text import count, joined, number

if TYPE_CHECKING:
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
    add_levels(figure, *gridded(found.surface), found.surface, bar=False)
    best, every = found.best_momentum, range(len(found.momenta))
    for each in every:
        _add_traces(figure, found, each, each in (0, best))
    _lay_out(figure, found)
    rates = [Position(_rate(found, rate), _settings(found, rate)) for rate in range(len(found.rates))]
    traces = list(range(1, 1 + 2 * len(found.momenta)))
    add_slider(figure, "learning rate ", traces, rates, found.best(0))
    momenta = [
        Position(number(float(beta)), {"visible": [other in (0, each) for other in every for _ in range(2)]})
        for each, beta in enumerate(found.momenta)
    ]
    add_slider(figure, "momentum ", traces, momenta, best)
    return Chart("momentum", title, _sentence(found), _alt(found), figure)


def _rate(found: MomentumGrid, rate: int) -> str:
    """The rate, and which of the momenta it makes diverge."""
    lost = [number(float(beta)) for beta in found.momenta[found.rates[rate] > found.critical]]
    return number(float(found.rates[rate])) + (f" (diverges at β = {joined(lost)})" if lost else "")


def _add_traces(figure: Figure, found: MomentumGrid, momentum: int, visible: bool) -> None:
    """A momentum's path on the level lines and its losses below; the slider gives them their points."""
    beta = float(found.momenta[momentum])
    style = theme.rule_style("momentum" if beta else "sgd")
    name = f"momentum {number(beta)}" if beta else "no momentum"
    own, marks = line(style.colour, 2.2), mark(style.colour, 5, style.symbol)
    hover = f"{name}, step %{{pointNumber}}<br>(%{{x:.3~g}}, %{{y:.3~g}})"
    add_trace(figure, None, None, name, own, marks, hover, legendgroup=name, visible=visible)
    steps, hover = list(range(found.steps + 1)), f"{name}, step %{{x}}: %{{y:.3~g}}"
    hidden = {"legendgroup": name, "visible": visible, "showlegend": False, **BELOW}
    add_trace(figure, steps, None, name, own, hover=hover, **hidden)


def _settings(found: MomentumGrid, rate: int) -> dict[str, list[Any]]:
    """The points of all paths, and their losses, at one rate."""
    x: list[Any] = []
    y: list[Any] = []
    reach, steps = FAR * np.max(np.abs(found.surface.domain)), list(range(found.steps + 1))
    for points, losses in zip(found.points[:, rate], found.losses[:, rate], strict=True):
        outside = np.any(~(np.abs(points) <= reach), axis=1)
        stop = int(np.argmax(outside)) if outside.any() else len(points)
        x += [short(points[:stop, 0]), steps]
        y += [short(points[:stop, 1]), short(np.clip(losses, *LOSSES))]
    return {"x": x, "y": y}


def _lay_out(figure: Figure, found: MomentumGrid) -> None:
    ends = [float(np.log10(end)) for end in LOSSES]
    losses = titled("loss above the least", **theme.powers(3), tickformat="", range=ends)
    split(figure, titled("step"), losses, upper=0.42)
    x, y = (side(found.surface, axis) for axis in (0, 1))
    figure.update_layout(xaxis=x, yaxis=y, margin={"b": 2 * HEIGHT + 60})


def _sentence(found: MomentumGrid) -> str:
    best = found.best_momentum
    beta = number(float(found.momenta[best]))
    text = f"Without momentum every rate above {number(float(found.critical[0]))} diverges, with "
    text += f"momentum {beta} every rate above {number(float(found.critical[best]))}. At the best rate of "
    text += f"each, {_progress(found, 0)} without momentum"
    return text + (f"; {_progress(found, best)} with momentum {beta}." if best else ": nothing does better.")


def _progress(found: MomentumGrid, momentum: int) -> str:
    """How far the path of a momentum comes at its best rate."""
    at = found.best(momentum)
    step, share = int(found.arrivals[momentum, at]), f"a {round(1 / found.near):,}th of its first value"
    loss = number(float(found.losses[momentum, at, -1]))
    when = f"below {share} from step {step} on" if step >= 0 else f"never below {share}"
    return f"the loss above the least is {when}, and {loss} after {found.steps} steps"


def _alt(found: MomentumGrid) -> str:
    listed = []
    for momentum, beta in enumerate(found.momenta):
        at = found.best(momentum)
        loss, rate = number(float(found.losses[momentum, at, -1])), number(float(found.rates[at]))
        listed.append(f"{number(float(beta))}: {loss} at the rate {rate}")
    return (
        f"Level lines of a bowl with a path without momentum and one with, and their losses over "
        f"{count(found.steps, 'step')}; sliders set rate and momentum. Lowest final loss by momentum: "
        f"{joined(listed, limit=10)}."
    )
