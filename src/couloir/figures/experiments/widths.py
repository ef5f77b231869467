"""Final losses of many seeds, by width."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from couloir import text as words
from couloir.figures import theme
from couloir.figures.chart import Chart, new_figure
from couloir.text import number

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from couloir.experiments.widths import WidthLosses


def losses_by_width(found: WidthLosses) -> Chart:
    """A dot for every seed's final training loss, a bar at each width's median, what counts as good."""
    title = "Final training loss of many seeds, by width"
    seeds = found.losses.shape[1]
    figure = new_figure(title, "hidden units, share of good seeds", "final training loss", height=480)
    _add_seeds(figure, found)
    _add_medians(figure, found)
    line = {"color": theme.colour("quiet"), "width": 1, "dash": "dash"}
    figure.add_hline(y=found.good, line=line)
    finite = found.losses[np.isfinite(found.losses)]
    ends = np.log10([max(finite.min(), 1e-9), max(finite.max(), found.good)])
    figure.update_layout(
        xaxis={
            "tickvals": list(range(len(found.widths))),
            "ticktext": [
                f"{width}<br>{100 * share:.0f}\u202f%"
                for width, share in zip(found.widths, found.shares, strict=True)
            ],
            "range": [-0.5, len(found.widths) - 0.5],
            "showgrid": False,
        },
        yaxis={
            "type": "log",
            "dtick": 1,
            "tickformat": ",.3~r",
            "range": [ends[0] - 0.15, ends[1] + 0.15],
        },
    )
    return Chart("widths", title, _sentence(found, seeds), _alt(found, seeds), figure)


def _add_seeds(figure: go.Figure, found: WidthLosses) -> None:
    """Every seed's loss, side by side in the order of the seeds so that dots do not hide each other."""
    count = found.losses.shape[1]
    shifts = np.linspace(-0.32, 0.32, count) if count > 1 else np.zeros(1)
    for place, (width, losses) in enumerate(zip(found.widths, found.losses, strict=True)):
        figure.add_scatter(
            x=[round(float(place + shift), 3) for shift in shifts],
            y=[float(f"{loss:.3g}") if np.isfinite(loss) else None for loss in losses],
            customdata=list(range(count)),
            name="one seed",
            legendgroup="seed",
            showlegend=place == 0,
            mode="markers",
            marker={"color": theme.colour("right"), "size": 5, "opacity": 0.6},
            hovertemplate=f"width {width}, seed %{{customdata}}: %{{y:.3~g}}<extra></extra>",
        )


def _add_medians(figure: go.Figure, found: WidthLosses) -> None:
    x: list[float | None] = []
    y: list[float | None] = []
    for place, median in enumerate(found.medians):
        x += [place - 0.38, place + 0.38, None]
        y += [float(median), float(median), None]
    figure.add_scatter(
        x=x,
        y=y,
        name="median",
        mode="lines",
        line={"color": theme.colour("wrong"), "width": 3},
        hovertemplate="median %{y:.3~g}<extra></extra>",
    )


def _sentence(found: WidthLosses, seeds: int) -> str:
    first, last = 0, len(found.widths) - 1
    good = words.share(found.good)
    text = (
        f"The rows come from a network of {words.count(found.teacher, 'hidden unit')}, so from that width on "
    )
    text += "a loss of 0 is possible. "
    counts = [round(float(share) * seeds) for share in found.shares]
    listed = [f"{count:,} at width {width}" for count, width in zip(counts, found.widths, strict=True)]
    text += f"Below {good} of the target's variance (dashed) end, of {words.count(seeds, 'seed')}: "
    text += f"{words.joined(listed, limit=8)}. "
    worst = np.nanmax(found.losses, axis=1)
    return text + (
        f"The worst seed ends with {number(float(worst[first]))} at width {found.widths[first]} "
        f"and {number(float(worst[last]))} at width {found.widths[last]}."
    )


def _alt(found: WidthLosses, seeds: int) -> str:
    listed = [
        f"{width}: {number(float(median))}, {words.share(float(share))}"
        for width, median, share in zip(found.widths, found.medians, found.shares, strict=True)
    ]
    return (
        f"Dots of the final training loss of {words.count(seeds, 'seed')} at each width. "
        f"Median and share of good seeds, by width: {words.joined(listed, limit=8)}."
    )
