"""Sliders and buttons of a figure: they exchange what its traces show, and nothing is computed anew.

Every position restyles the same traces. Two sliders of one figure work together where one sets the traces'
points and the other which of them is visible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from couloir.figures import theme
from couloir.figures.chart import Figure

HEIGHT = 92
"""Pixels that a slider takes below the figure."""

SLIDER = {
    "x": 0,
    "len": 1,
    "y": 0,
    "yanchor": "top",
    "bgcolor": theme.colour("grid"),
    "bordercolor": theme.colour("quiet"),
    "tickcolor": theme.colour("quiet"),
    "activebgcolor": theme.colour("right"),
    "minorticklen": 0,
}
"""What all sliders look like."""


@dataclass(frozen=True)
class Position:
    """One position of a slider: its label, and what the traces become.

    `settings` maps an attribute of a trace ("y", "marker.color") to one value for each of the slider's
    traces.
    """

    label: str
    settings: dict[str, list[Any]]


def add_slider(
    figure: Figure, prefix: str, traces: Sequence[int], positions: Sequence[Position], active: int = 0
) -> None:
    """Put a slider below the figure, under those that are there, and set the traces to its active position.

    Args:
        figure: its height already holds `HEIGHT` pixels for every slider.
        prefix: what stands before the label of the position ("λ = ").
        traces: the numbers of the traces that it changes.
        positions: at least one.
        active: the position at first.
    """
    for name, values in positions[active].settings.items():
        for trace, value in zip(traces, values, strict=True):
            figure.data[trace].update({name.replace(".", "_"): value})
    there = list(figure.layout.sliders)
    figure.layout.sliders = [*there, _slider(prefix, list(traces), positions, active, len(there))]


def _slider(
    prefix: str, traces: list[int], positions: Sequence[Position], active: int, above: int
) -> dict[str, Any]:
    return SLIDER | {
        "active": active,
        "pad": {"t": 62 + HEIGHT * above, "b": 4, "l": 4, "r": 4},
        "currentvalue": {"prefix": prefix, "font": {"color": theme.colour("ink"), "size": 14}},
        # The labels stand in what the slider says at the moment; below it there is no room for them all.
        "font": {"color": theme.colour("paper"), "size": 1},
        "ticklen": 5,
        "steps": [
            {"label": position.label, "method": "restyle", "args": [position.settings, traces]}
            for position in positions
        ],
    }


def button_row(buttons: Sequence[dict[str, Any]], y: float, **settings: Any) -> dict[str, Any]:
    """Settings of buttons side by side, whose upper edge stands at a share of the figure's height."""
    return {
        "type": "buttons",
        "direction": "right",
        "x": 0,
        "xanchor": "left",
        "y": y,
        "yanchor": "top",
        "bgcolor": theme.colour("blank"),
        "bordercolor": theme.colour("quiet"),
        "font": {"color": theme.colour("ink"), "size": 13},
        "buttons": list(buttons),
        **settings,
    }
