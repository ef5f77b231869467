"""A race of update rules: the loss by epoch, over the replicates."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from typing import Any, NamedTuple

from couloir import text as words
from couloir.figures import scores, theme
from couloir.figures.chart import Chart, Figure, new_figure
from couloir.figures.comparison.standing import ALL_DIVERGED
from couloir.figures.scores import TableRun
from couloir.figures.traces import add_note, line, mark
from couloir.runs.records import RaceRecord
from couloir.text import number

BANDS = 3
"""Rules whose spread over the replicates is shaded."""


class Band(NamedTuple):
    """One rule's loss by epoch over the replicates that did not diverge: mean, lowest and highest."""

    epochs: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]
    replicates: int


def bands(run: TableRun[RaceRecord]) -> dict[str, Band]:
    """The band of each rule at its tuned rate, best rule first; a rule that always diverged has none."""
    curves: dict[str, dict[int, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in scores.rows(run, "curves"):
        if row["rate"] == "tuned":
            curves[row["rule"]][row["replicate"]][row["epoch"]] = row["validation_loss"]
    last = max((e for rule in curves.values() for curve in rule.values() for e in curve), default=0)
    found = {}
    for entry in run.record.standing:
        # A replicate that diverged would pull the mean of the epochs before, and then drop out of it.
        whole = [
            curve
            for curve in curves.get(entry.rule, {}).values()
            if last in curve and all(scores.finite(loss) for loss in curve.values())
        ]
        if whole and (epochs := sorted(set.intersection(*(set(curve) for curve in whole)))):
            at = [[curve[epoch] for curve in whole] for epoch in epochs]
            ends = [min(losses) for losses in at], [max(losses) for losses in at]
            found[entry.rule] = Band(epochs, [statistics.fmean(v) for v in at], *ends, len(whole))
    return found


def race_curves(run: TableRun[RaceRecord]) -> Chart:
    """Mean validation loss by epoch at the tuned rates; a band spans the replicates, lowest to highest.

    Only the best three rules have bands: more of them cover each other.
    """
    title, loss = "Validation loss by epoch, at the tuned rates", scores.loss_of(run.record)
    found = bands(run)
    if not found:
        return Chart("curves", title, ALL_DIVERGED)
    figure = new_figure(title, "epoch", scores.axis_title(run.record, loss), height=520)
    for place, (rule, band) in enumerate(found.items()):
        _add_band(figure, rule, band, shaded=place < BANDS)
    values = [value for band in found.values() for value in (*band.low, *band.high)]
    settings, ends, _ = scores.clipped(loss, values)
    _add_target(figure, run.record, loss, ends)
    epochs = [epoch for band in found.values() for epoch in band.epochs]
    figure.update_layout(xaxis=scores.epoch_axis(epochs), yaxis=settings)
    last = words.joined([f"{rule} {number(band.mean[-1])}" for rule, band in found.items()], limit=12)
    alt = f"Line chart of mean validation loss by epoch, one line and band a rule. At the last epoch: {last}."
    return Chart("curves", title, _curves_sentence(run.record, found, loss), alt, figure)


def _add_band(figure: Figure, rule: str, band: Band, shaded: bool) -> None:
    style, name = theme.rule_style(rule), words.plain(rule)
    quiet = {"mode": "lines", "line": {"width": 0, "color": style.colour}, "hoverinfo": "skip"}
    if band.replicates > 1 and shaded:
        for part, values in (("lowest", band.low), ("highest", band.high)):
            figure.add_scatter(
                x=band.epochs, y=values, name=f"{name}: {part}", legendgroup=name, showlegend=False, **quiet
            )
        figure.data[-1].update(fill="tonexty", fillcolor=theme.faint(style.colour))
    figure.add_scatter(
        x=band.epochs,
        y=band.mean,
        customdata=[f"{number(a)} to {number(b)}" for a, b in zip(band.low, band.high, strict=True)],
        name=name,
        legendgroup=name,
        # A curve of one epoch is a point: it needs a marker to be seen.
        mode="lines" if len(band.epochs) > 1 else "markers",
        line=line(style.colour, 2.5, style.dash),
        marker=mark(style.colour, 10, style.symbol),
        hovertemplate=f"{name}, epoch %{{x}}: %{{y:.3~g}}<br>replicates %{{customdata}}<extra></extra>",
    )


def _add_target(figure: Figure, record: RaceRecord, metric: str, ends: list[float]) -> None:
    """The target as a line across, where it is a loss that lies on the axis."""
    value = record.target.value
    if record.target.metric != metric or value is None or not ends[0] <= value <= ends[1]:
        return
    dashed = line("quiet", 1, "dash")
    figure.add_shape(type="line", xref="paper", x0=0, x1=1, y0=value, y1=value, line=dashed)
    # Plotly places annotations on a logarithmic axis by the exponent.
    height = math.log10(value) if scores.axis(metric, ends)["type"] == "log" else value
    place: dict[str, Any] = {"xref": "paper", "xanchor": "left", "xshift": 4, "yanchor": "bottom"}
    add_note(figure, 0, height, f"target {number(value)}", **place)


def _curves_sentence(record: RaceRecord, found: dict[str, Band], loss: str) -> str:
    lowest = min(found, key=lambda rule: min(found[rule].mean))
    band = found[lowest]
    place = min(range(len(band.mean)), key=lambda index: band.mean[index])
    reached = f"a {scores.metric_name(loss)} of {number(band.mean[place])} at epoch {band.epochs[place]}"
    text = f"Of the means that of {lowest} goes lowest, to {reached}"
    if len(found) == 1:
        text = f"The mean of {lowest} goes down to {reached}"
    if 0 < place < len(band.mean) - 1:
        text += f"; by epoch {band.epochs[-1]} it stands at {number(band.mean[-1])}"
    text += "."
    if len(found) > 1:
        text += _arrival_words(lowest, found, 1.1 * band.mean[place])
    diverged = {entry.rule: entry.diverged for entry in record.standing}
    partly = [f"{r} ({words.count(b.replicates, 'replicate')})" for r, b in found.items() if diverged[r]]
    if partly:
        text += f" Drawn from the replicates that did not diverge: {words.joined(partly)}."
    if absent := [rule for rule in diverged if rule not in found]:
        text += f" {words.joined(absent)} diverged in every replicate"
        text += f" and {'has' if len(absent) == 1 else 'have'} no line."
    return text


def _arrival_words(lowest: str, found: dict[str, Band], near: float) -> str:
    """Who comes near the lowest loss first, and how many never do."""
    arrived = [
        (next(epoch for epoch, loss in zip(band.epochs, band.mean, strict=True) if loss <= near), rule)
        for rule, band in found.items()
        if min(band.mean) <= near
    ]
    epoch, first = min(arrived)
    text = " Within 10\u202f% of that "
    text += f"{'it comes itself first' if first == lowest else f'{first} comes first'}, at epoch {epoch}"
    missing = len(found) - len(arrived)
    if missing:
        text += f"; {words.count(missing, 'rule')} never {'comes' if missing == 1 else 'come'} so low"
    return f"{text}."
