"""Paths that grow step by step: frames, buttons and a slider of a figure that plays by itself.

In a notebook Plotly's own buttons and slider play at most `FRAMES` frames, whose lines hold only the points
that can be told apart. On a page, `player.js` plays every step from the whole lines in the figure: what it
needs stands in ``figure.layout.meta["player"]``, and `for_page` takes away what it replaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from couloir.figures import theme
from couloir.figures.chart import Figure
from couloir.figures.sliders import SLIDER, button_row
from couloir.figures.traces import short

FRAMES = 60
"""Most frames of a figure."""
KEEPER = "tonext"
"""The fill by which a figure's keeper of level lines is known."""
APART = 0.006
"""Points of a frame's line nearer to each other than this share of the domain are drawn as one."""
SPEEDS = (("Slow", 160), ("Play", 60), ("Fast", 20))
"""Names of the buttons, and the milliseconds that a frame stays."""


@dataclass(frozen=True)
class Trail:
    """A line that grows, with a mark at its end.

    Attributes:
        line: the place of the line's trace in the figure; its points are one a step.
        head: the place of the mark's trace.
        kept: the steps whose points a frame draws, the first and the last of those that are there included.
    """

    line: int
    head: int
    kept: Sequence[int]


def told_apart(points: Any, spans: Sequence[float]) -> list[int]:
    """The places of the points that lie apart from the one kept before, the first and the last included.

    Args:
        points: points [step, 2].
        spans: the lengths of the domain's two sides.
    """
    scaled = np.asarray(points, float) / np.asarray(spans, float)
    kept = [0]
    for place in range(1, len(scaled)):
        if np.hypot(*(scaled[place] - scaled[kept[-1]])) > APART:
            kept.append(place)
    return kept if kept[-1] == len(scaled) - 1 else [*kept, len(scaled) - 1]


def frame_steps(steps: int, most: int = FRAMES) -> list[int]:
    """The steps that are drawn: all, or so many that are evenly spaced; from 0 to the last."""
    return sorted({round(place) for place in np.linspace(0, steps, min(steps + 1, most))})


def keep_levels(figure: Figure, point: Sequence[float]) -> None:
    """Keep the level lines, which were drawn last, while what follows moves over them.

    When Plotly draws only some traces anew it takes away all that are not lines, save one that stands just
    before a line that is filled towards it. So an invisible line of one point stands there.
    """
    x, y = point
    figure.add_scatter(x=[x], y=[y], mode="lines", fill=KEEPER, showlegend=False, hoverinfo="skip", name="")


def animate(figure: Figure, trails: Sequence[Trail], steps: int) -> None:
    """Give a figure its frames, buttons and slider, and tell a page's script what moves.

    Args:
        figure: every line whole, as after the last step.
        trails: the lines that grow.
        steps: the number of the last step.
    """
    import plotly.graph_objects as go

    lines = [place for place, trace in enumerate(figure.data) if trace.type == "scatter"]
    keepers = [place for place in lines if figure.data[place].fill == KEEPER]
    places = [place for trail in trails for place in (trail.line, trail.head)]
    drawn = frame_steps(steps)
    still = [{"type": "scatter"} for _ in keepers]
    figure.frames = [
        go.Frame(name=str(step), traces=places + keepers, data=_at(figure, trails, step) + still)
        for step in drawn
    ]
    moving = {
        "steps": steps,
        "lines": [trail.line for trail in trails],
        "heads": [trail.head for trail in trails],
        "keepers": keepers,
    }
    figure.update_layout(meta={"player": moving}, updatemenus=[_buttons()], sliders=[_slider(drawn)])


def _at(figure: Figure, trails: Sequence[Trail], step: int) -> list[dict[str, Any]]:
    """What the moving traces show at a step, in the order of the trails."""
    found = []
    for trail in trails:
        line = figure.data[trail.line]
        # Where the line ended before this step its mark stays at its end.
        now = min(step, trail.kept[-1])
        kept = [*(at for at in trail.kept if at < now), now]
        # Frames repeat their points: four digits are as exact as a screen.
        x, y = (short(values[at] for at in kept) for values in (line.x, line.y))
        found.append({"type": "scatter", "x": x, "y": y})
        found.append({"type": "scatter", "x": [line.x[now]], "y": [line.y[now]]})
    return found


def _timing(milliseconds: int) -> dict[str, Any]:
    # Only the paths are drawn anew.
    frame = {"duration": milliseconds, "redraw": False}
    return {"frame": frame, "transition": {"duration": 0}, "mode": "immediate"}


def _buttons() -> dict[str, Any]:
    """One button for each speed, and one to pause."""
    # From the first frame each time: from the present one, a race that is over would not play again.
    buttons: list[dict[str, Any]] = [
        {"label": label, "method": "animate", "args": [None, _timing(pause)]} for label, pause in SPEEDS
    ]
    buttons.append({"label": "Pause", "method": "animate", "args": [[None], _timing(0)]})
    return button_row(buttons, 0, showactive=False, pad={"t": 64, "r": 8})


def _slider(steps: Sequence[int]) -> dict[str, Any]:
    return SLIDER | {
        "active": len(steps) - 1,
        "pad": {"t": 108, "b": 6},
        "currentvalue": {"prefix": "step ", "font": {"color": theme.colour("ink"), "size": 13}},
        "font": {"color": theme.colour("quiet"), "size": 12},
        "ticklen": 0,
        "steps": [
            {"label": str(step), "method": "animate", "args": [[str(step)], _timing(0)]} for step in steps
        ],
    }


def for_page(content: dict[str, Any]) -> dict[str, Any]:
    """A figure's content as a page with `player.js` wants it: without frames, buttons and slider."""
    replaced = {"updatemenus", "sliders"}
    layout = {name: part for name, part in content["layout"].items() if name not in replaced}
    return {"data": content["data"], "layout": layout}
