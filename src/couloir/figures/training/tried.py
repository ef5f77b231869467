"""What a portfolio tried: every setting's score, by network, with those that are in the average."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from couloir import text as words
from couloir.figures import scores, theme
from couloir.figures.chart import Chart, Figure, Run, new_figure
from couloir.figures.settings import (
    Setting,
    judged_on,
    labels,
    lag_words,
    networks,
    roles,
    settings,
    told,
    varied,
)
from couloir.figures.traces import add_note, add_trace, line, mark
from couloir.runs.records import TrainRecord

ROW = 31
"""Pixels for each setting, and for the name of each network above its own."""


def settings_tried(run: Run[TrainRecord]) -> Chart:
    """Every setting's score where settings were judged, best on top within its network, best network first.

    The thin line runs from the best fold to the worst. At the worse end stands × for one that diverged.
    """
    title, metric, part = "What was tried", run.record.metric, judged_on(run.record)
    found = settings(run)
    known = [each for each in found if each.score is not None]
    if not known:
        return Chart("tried", title, "No setting can be drawn: all of them diverged.")
    scale, ends = _axis(metric, known)
    places, heads = _places(found)
    lines = len(places) + len(heads)
    figure = new_figure(title, scores.axis_title(run.record, metric, part), "", 76 + ROW * lines)
    _add_average(figure, run.record, scale)
    names, colours = labels(found), roles(found)
    _add_heads(figure, heads, colours, max(map(len, names.values())))
    for name, of_network in networks(found).items():
        inside = [each for each in of_network if each in known]
        _add_settings(figure, inside, places, colours[name], metric)
    lost = [each for each in found if each not in known]
    _add_lost(figure, lost, places, scores.edge(metric, ends, scale["type"] == "log"))
    axis: dict[str, Any] = {"tickvals": list(places.values()), "range": [lines - 0.5, -1.1]}
    axis |= {"ticktext": [words.plain(names[member], 30) for member in places]}
    axis |= {"showgrid": False, "ticklabelstandoff": 4}
    figure.update_layout(showlegend=False, xaxis=scale, yaxis=axis)
    sentence = _sentence(run.record, known, names) + (f" {len(lost)} diverged (×)." if lost else "")
    return Chart("tried", title, sentence, _alt(found, names, metric), figure)


def _axis(metric: str, found: Sequence[Setting]) -> tuple[dict[str, Any], list[float]]:
    """Axis settings, and its ends, which hold all scores."""
    shown = [value for each in found if each.score is not None for value in (each.score, *each.folds)]
    scale, low, high = scores.axis(metric, shown), min(shown), max(shown)
    if scale["type"] == "log":
        ends = [low / (high / low) ** 0.06, high * (high / low) ** 0.08]
        return scale | {"range": [math.log10(end) for end in ends]}, ends
    space = 0.07 * ((high - low) or abs(high) or 1.0)
    return scale | {"range": [low - space, high + space]}, [low - space, high + space]


def _add_heads(figure: Figure, heads: Mapping[str, int], colours: Mapping[str, str], letters: int) -> None:
    """The names of networks, about where those of settings begin, which take at least 5 pixels a letter."""
    for name, place in heads.items():
        at: dict[str, Any] = {"xref": "paper", "xanchor": "left", "xshift": -5 * letters}
        at["bgcolor"] = theme.colour("paper")  # over the line of the average
        add_note(figure, 0, place, f"<b>{words.plain(name)}</b>", colours[name], 13, **at)


def _places(found: Sequence[Setting]) -> tuple[dict[int, int], dict[str, int]]:
    """The lines on which settings stand, by member, and the names of networks."""
    places: dict[int, int] = {}
    heads: dict[str, int] = {}
    for name, of_network in networks(found).items():
        heads[name] = len(places) + len(heads)
        for each in of_network:
            places[each.row["member"]] = len(places) + len(heads)
    return places, heads


def _add_average(figure: Figure, record: TrainRecord, scale: Mapping[str, Any]) -> None:
    """The average's own score as a line from top to bottom, named at its foot."""
    average = next((each for each in record.finalists if each.name == "ensemble"), None)
    if average is None or not average.validation or len(record.ensemble or []) < 2:
        return
    score = average.validation[record.metric]
    # A line below the data: an annotation stands on a logarithmic axis by the exponent.
    at = math.log10(score) if scale["type"] == "log" else score
    inside = scale.get("range", [at, at])
    if inside[0] <= at <= inside[1]:
        figure.add_vline(x=score, line=line("quiet", 1.2, "dot"), layer="below")
        side = "left" if at < sum(inside) / 2 else "right"
        near: Any = {"xanchor": side, "yanchor": "top", "xshift": 5 if side == "left" else -5}
        add_note(figure, at, 1, "the average", yref="paper", size=12, **near)


def _add_settings(
    figure: Figure, found: Sequence[Setting], places: Mapping[int, int], colour: str, metric: str
) -> None:
    """The settings of one network that have a score: their folds as lines, themselves as dots."""
    lines: tuple[list[float | None], list[float | None]] = ([], [])
    for each in found:
        if len(each.folds) > 1:
            lines[0].extend([min(each.folds), max(each.folds), None])
            lines[1].extend([places[each.row["member"]]] * 2 + [None])
    if lines[0]:
        add_trace(figure, *lines, line=line(colour, 1.3), showlegend=False)
    names = varied([each.row for each in found]) if found else []
    add_trace(
        figure,
        [each.score for each in found],
        [places[each.row["member"]] for each in found],
        words.plain(found[0].network) if found else None,
        marker=mark(
            theme.colour(colour),
            [13 if each.weight else 9 for each in found],
            edge=(1.6, colour),
            opacity=1,
        ),
        hover="%{customdata}",
        customdata=[f"{told(each.row, names) or each.network}<br>{_fate(each, metric)}" for each in found],
        text=[words.percent(each.weight).replace(".0", "") if each.weight else "" for each in found],
        textposition="top center",
        textfont={"size": 11, "color": theme.colour("ink")},
        cliponaxis=False,
    )


def _fate(setting: Setting, metric: str) -> str:
    """What became of a setting, for whoever points at it."""
    text = words.metric(metric, setting.score)
    if len(setting.folds) > 1:
        low, high = (words.metric(metric, end) for end in (min(setting.folds), max(setting.folds)))
        text += f", in the folds {low} to {high}"
    return text + (f"<br>{words.percent(setting.weight)} of the average" if setting.weight else "")


def _add_lost(figure: Figure, found: Sequence[Setting], places: Mapping[int, int], edge: float) -> None:
    """A × at the worse end of the axis for each setting that diverged."""
    if found:
        add_trace(
            figure,
            [edge] * len(found),
            [places[each.row["member"]] for each in found],
            "diverged",
            marker=mark("quiet", 9, edge=(1.8, "quiet")) | {"symbol": "x-thin"},
            hover="%{customdata}",
            customdata=["diverged"] * len(found),
        )


def _sentence(record: TrainRecord, found: Sequence[Setting], names: Mapping[int, str]) -> str:
    metric = record.metric
    best, *others = found
    text = f"Best is {best.network}, {names[best.row['member']]}"
    text += f": {judged_on(record)} {scores.metric_name(metric)} {words.metric(metric, best.score)}"
    if others and best.score is not None and others[0].score is not None:
        text += f"; the next setting lies {lag_words(metric, best.score, others[0].score)} behind"
    text += "."
    members = [each for each in found if each.weight]
    if len(members) > 1:
        used = dict.fromkeys(each.network for each in members)
        text += f" {words.count(len(members), 'setting')} make the average"
        text += f", of {words.count(len(used), 'network')}." if len(used) > 1 else ", all of one network."
    return text


def _alt(found: Sequence[Setting], names: Mapping[int, str], metric: str) -> str:
    told_of = [
        f"{each.network}, {names[each.row['member']]}: {words.metric(metric, each.score)}"
        + (f", {words.percent(each.weight)} of the average" if each.weight else "")
        for each in found
    ]
    return f"Dot chart of {words.count(len(found), 'setting')}. {'; '.join(told_of[:12])}."
