"""Final losses of many seeds, by width."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from couloir.figures import theme
from couloir.figures.chart import Chart, Figure, new_figure
from couloir.figures.traces import add_trace, line, mark
from couloir.text import count, joined, number, share

if TYPE_CHECKING:
    from couloir.experiments.widths import WidthLosses


def losses_by_width(found: WidthLosses) -> Chart:
    """A dot for every seed's final training loss, a bar at each width's median, what counts as good."""
    title = "Final training loss of many seeds, by width"
    seeds = found.losses.shape[1]
    figure = new_figure(title, "hidden units, share of good seeds", "final training loss", height=480)
    _add_seeds(figure, found)
    bars = [(row, float(median)) for row, median in enumerate(found.medians)]
    x = [end for row, _ in bars for end in (row - 0.38, row + 0.38, None)]
    y = [end for _, median in bars for end in (median, median, None)]
    add_trace(figure, x, y, "median", line("wrong", 3), hover="median %{y:.3~g}")
    figure.add_hline(y=found.good, line=line("quiet", 1, "dash"))
    finite = found.losses[np.isfinite(found.losses)]
    ends = np.log10([max(finite.min(), 1e-9), max(finite.max(), found.good)])
    shares = zip(found.widths, found.shares, strict=True)
    figure.update_layout(
        xaxis={
            "tickvals": list(range(len(found.widths))),
            "ticktext": [f"{width}<br>{100 * good:.0f}\u202f%" for width, good in shares],
            "range": [-0.5, len(found.widths) - 0.5],
            "showgrid": False,
        },
        yaxis=theme.decades(range=[ends[0] - 0.15, ends[1] + 0.15]),
    )
    return Chart("widths", title, _sentence(found, seeds), _alt(found, seeds), figure)


def _add_seeds(figure: Figure, found: WidthLosses) -> None:
    """Every seed's loss, side by side in the order of the seeds so that dots do not hide each other."""
    seeds = found.losses.shape[1]
    shifts = np.linspace(-0.32, 0.32, seeds) if seeds > 1 else np.zeros(1)
    for row, (width, losses) in enumerate(zip(found.widths, found.losses, strict=True)):
        add_trace(
            figure,
            [round(float(row + shift), 3) for shift in shifts],
            [float(f"{loss:.3g}") if np.isfinite(loss) else None for loss in losses],
            "one seed",
            marker=mark("right", 5, opacity=0.6),
            hover=f"width {width}, seed %{{customdata}}: %{{y:.3~g}}",
            customdata=list(range(seeds)),
            legendgroup="seed",
            showlegend=row == 0,
        )


def _sentence(found: WidthLosses, seeds: int) -> str:
    text = f"The rows come from a network of {count(found.teacher, 'hidden unit')}, so from that width on "
    text += "a loss of 0 is possible. "
    good = [round(float(part) * seeds) for part in found.shares]
    listed = [f"{many:,} at width {width}" for many, width in zip(good, found.widths, strict=True)]
    text += f"Below {share(found.good)} of the target's variance (dashed) end, of {count(seeds, 'seed')}: "
    worst = np.nanmax(found.losses, axis=1)
    ends = [f"{number(float(worst[end]))} at width {found.widths[end]}" for end in (0, -1)]
    return f"{text}{joined(listed, limit=8)}. The worst seed ends with {ends[0]} and {ends[1]}."


def _alt(found: WidthLosses, seeds: int) -> str:
    listed = [
        f"{width}: {number(float(median))}, {share(float(good))}"
        for width, median, good in zip(found.widths, found.medians, found.shares, strict=True)
    ]
    return (
        f"Dots of the final training loss of {count(seeds, 'seed')} at each width. "
        f"Median and share of good seeds, by width: {joined(listed, limit=8)}."
    )
