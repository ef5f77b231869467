"""Dropout drawn on a network: a slider over training steps, each with units of its own switched off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from couloir.figures.chart import Chart
from couloir.figures.network import Layout, network_figure
from couloir.figures.sliders import HEIGHT, Position, add_slider
from couloir.figures.traces import add_trace, line, mark
from couloir.text import count, joined, number, share

if TYPE_CHECKING:
    from couloir.experiments.dropping import DropoutDraws


def dropped_network(found: DropoutDraws) -> Chart:
    """The network as one training step sees it: what is off is hollow and has no connections.

    A slider goes through the steps; its last position is the network when predicting, with nothing off.
    """
    title = f"Dropout of {share(found.probability)}"
    layout = Layout(found.widths)
    figure = network_figure(title, found.widths)
    figure.update_layout(height=figure.layout.height + HEIGHT, margin={"b": HEIGHT + 24})
    # Where connections and units stand is the slider's.
    add_trace(figure, None, None, "connections", line("right", 1))
    add_trace(figure, None, None, "on", marker=mark("right", 24, edge=(2, "right")), hover="on")
    add_trace(figure, None, None, "off", marker=mark("paper", 24, "circle-x", (2, "quiet")), hover="off")
    draws = range(len(found.connections))
    positions = [Position(f"{draw + 1}", _settings(layout, found.alive(draw))) for draw in draws]
    everything = [np.ones(width, bool) for width in found.widths]
    positions.append(Position("predicting", _settings(layout, everything)))
    add_slider(figure, "training step ", [0, 1, 2], positions)
    return Chart("dropout", title, _sentence(found), _alt(found), figure)


def _settings(layout: Layout, units: list[np.ndarray]) -> dict[str, list[Any]]:
    """Where connections and units stand when these units are on."""
    x, y = layout.edges(
        (layer, source, target)
        for layer, source, target in layout.all_edges()
        if units[layer][source] and units[layer + 1][target]
    )
    places = [
        [
            layout.place(layer, unit)
            for layer, on in enumerate(units)
            for unit in np.flatnonzero(on == state).tolist()
        ]
        for state in (True, False)
    ]
    return {
        "x": [x, *([x for x, _ in some] for some in places)],
        "y": [y, *([y for _, y in some] for some in places)],
    }


def _off(found: DropoutDraws) -> np.ndarray:
    """How many hidden units are off, [draw]."""
    return np.sum([np.sum(~layer, axis=1) for layer in found.kept], axis=0)


def _sentence(found: DropoutDraws) -> str:
    hidden, off = sum(found.widths[1:-1]), _off(found)
    text = f"In each training step every one of the {count(hidden, 'hidden unit')} is off with "
    text += f"probability {share(found.probability)}: over these {count(len(off), 'step')} "
    text += f"between {off.min()} and {off.max()} are, {share(float(off.sum() / (hidden * len(off))))} "
    text += f"in the mean, and between {found.connections.min()} and {found.connections.max()} of "
    text += f"{found.total} connections remain. What stays on is multiplied by "
    return text + f"1/(1 − p) = {number(found.scale)}, so that nothing has to be changed when predicting."


def _alt(found: DropoutDraws) -> str:
    return (
        f"A network of {joined([str(width) for width in found.widths])} units. In the first step drawn "
        f"{count(int(_off(found)[0]), 'hidden unit')} are off and {found.connections[0]} of {found.total} "
        "connections remain; a slider shows other steps."
    )
