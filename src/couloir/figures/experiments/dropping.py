"""Dropout drawn on a network: a slider over training steps, each with units of its own switched off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from couloir import text as words
from couloir.figures import theme
from couloir.figures.chart import Chart
from couloir.figures.network import Edge, Layout, network_figure
from couloir.figures.sliders import HEIGHT, Position, add_slider
from couloir.text import number

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from couloir.experiments.dropping import DropoutDraws


def dropped_network(found: DropoutDraws) -> Chart:
    """The network as one training step sees it: what is off is hollow and has no connections.

    A slider goes through the steps; its last position is the network when predicting, with nothing off.
    """
    title = f"Dropout of {words.share(found.probability)}"
    layout = Layout(found.widths)
    figure = network_figure(title, found.widths)
    figure.update_layout(height=figure.layout.height + HEIGHT, margin={"b": HEIGHT + 24})
    _add_traces(figure)
    draws = len(found.connections)
    everything = [np.ones(width, bool) for width in found.widths]
    alive = [found.alive(draw) for draw in range(draws)] + [everything]
    labels = [f"{draw + 1}" for draw in range(draws)] + ["predicting"]
    positions = [
        Position(label, _settings(layout, units)) for label, units in zip(labels, alive, strict=True)
    ]
    add_slider(figure, "training step ", [0, 1, 2], positions)
    return Chart("dropout", title, _sentence(found), _alt(found), figure)


def _add_traces(figure: go.Figure) -> None:
    """Connections that are on, units that are on, units that are off; the slider gives them their places."""
    figure.add_scatter(
        mode="lines", name="connections", line={"color": theme.colour("right"), "width": 1}, hoverinfo="skip"
    )
    for name, inside, edge, symbol in (
        ("on", "right", "right", "circle"),
        ("off", "paper", "quiet", "circle-x"),
    ):
        figure.add_scatter(
            mode="markers",
            name=name,
            marker={
                "size": 24,
                "color": theme.colour(inside),
                "symbol": symbol,
                "line": {"width": 2, "color": theme.colour(edge)},
            },
            hovertemplate=f"{name}<extra></extra>",
        )


def _settings(layout: Layout, units: list[np.ndarray]) -> dict[str, list[Any]]:
    """Where connections and units stand when these units are on."""
    edges: list[Edge] = [
        (layer, source, target)
        for layer, source, target in layout.all_edges()
        if units[layer][source] and units[layer + 1][target]
    ]
    lines = layout.edges(edges)
    places = [
        [
            layout.place(layer, unit)
            for layer, on in enumerate(units)
            for unit in np.flatnonzero(on == state).tolist()
        ]
        for state in (True, False)
    ]
    return {
        "x": [lines[0], *([x for x, _ in some] for some in places)],
        "y": [lines[1], *([y for _, y in some] for some in places)],
    }


def _sentence(found: DropoutDraws) -> str:
    hidden = sum(found.widths[1:-1])
    off = np.array(
        [sum(int(np.sum(~layer[draw])) for layer in found.kept) for draw in range(len(found.connections))]
    )
    share = float(off.sum() / (hidden * len(off)))
    text = f"In each training step every one of the {words.count(hidden, 'hidden unit')} is off with "
    text += f"probability {words.share(found.probability)}: over these {words.count(len(off), 'step')} "
    text += f"between {off.min()} and {off.max()} are, {words.share(share)} in the mean, and between "
    text += f"{found.connections.min()} and {found.connections.max()} of {found.total} connections remain. "
    text += "What stays on is multiplied by "
    return text + f"1/(1 − p) = {number(found.scale)}, so that nothing has to be changed when predicting."


def _alt(found: DropoutDraws) -> str:
    first = sum(int(np.sum(~layer[0])) for layer in found.kept)
    return (
        f"A network of {words.joined([str(width) for width in found.widths])} units. In the first step drawn "
        f"{words.count(first, 'hidden unit')} are off and {found.connections[0]} of {found.total} "
        "connections remain; a slider shows other steps."
    )
