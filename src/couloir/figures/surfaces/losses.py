"""The losses of paths over a surface, step by step: above the least one where it is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from couloir.figures import theme
from couloir.figures.chart import Chart, Figure, new_figure
from couloir.figures.surfaces.tracks import Track, add_head, ends_words, tracks
from couloir.figures.traces import add_trace, line, short

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from couloir.surfaces.evaluation import Surface
    from couloir.surfaces.paths import Paths

DEEPEST = 1e-12
"""The least loss above the minimum that is drawn: below it there is only rounding."""


def path_losses(surface: Surface, paths: Paths, *, labels: Sequence[str] | None = None) -> Chart:
    """Loss against step, one line a path; above the least loss and logarithmic where that is known."""
    drawn, title = tracks(paths, labels), "Loss by step"
    figure = new_figure(title, "step", losses_title(surface), height=420)
    for track in drawn:
        add_losses(figure, track, surface)
    figure.update_layout(yaxis=losses_axis(surface, drawn), hovermode="closest")
    sentence = ends_words(drawn)
    alt = f"Line chart of the loss by step, one line a path. {sentence}"
    return Chart("losses", title, sentence, alt, figure)


def losses_title(surface: Surface) -> str:
    """What the axis of losses shows."""
    return "loss" if surface.least in (None, 0.0) else "loss above the least"


def losses_axis(surface: Surface, drawn: Sequence[Track], marks: int = 6) -> dict[str, Any]:
    """Settings of the axis of losses, with about so many marks: logarithmic above a known least loss."""
    losses = [_above(surface, track) for track in drawn]
    values = np.concatenate(losses)
    values = values[np.isfinite(values)]
    least, greatest = float(values.min()), float(values.max())
    first = max(float(each[0]) for each in losses)
    if surface.least is None:
        # What falls without end would flatten everything else.
        reach = 5 * abs(first) + 5
        low, high = max(least, -reach), min(greatest, reach)
        margin = 0.05 * (high - low) or 1.0
        return {"range": [low - margin, high + margin]}
    low, high, ceiling = (math.log10(max(end, DEEPEST)) for end in (least, first, greatest))
    step = max(1, math.ceil((high - low) / marks))
    return theme.powers(step) | {"range": [low - 0.3, min(ceiling, high + 2) + 0.3]}


def _above(surface: Surface, track: Track) -> NDArray[np.float64]:
    """The losses that there are, above the least where one is known, not below what can be drawn."""
    losses = track.losses[: track.last + 1]
    return losses if surface.least is None else np.maximum(losses - surface.least, DEEPEST)


def add_losses(figure: Figure, track: Track, surface: Surface, legend: bool = True, **settings: Any) -> None:
    """The losses of a path as a line, and a mark at its end."""
    values, name = short(_above(surface, track), 6), track.name
    add_trace(
        figure,
        list(range(len(values))),
        values,
        name,
        line(track.style.colour, 2, track.style.dash),
        hover=f"{name}, step %{{x}}: %{{y:.3~g}}",
        legendgroup=name,
        showlegend=legend,
        **settings,
    )
    add_head(figure, track, len(values) - 1, values[-1], **settings)
