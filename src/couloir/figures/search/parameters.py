"""The hyperparameters of a search: which mattered, scores against each, the best trials side by side."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

from couloir import text as words
from couloir.figures import scores, theme
from couloir.figures.chart import Chart, Figure, Row, new_figure
from couloir.figures.scores import TableRun
from couloir.figures.search.trials import complete
from couloir.figures.traces import add_note, listed
from couloir.options import CUSTOMARY, SPACE, label, taken_by
from couloir.runs.records import SearchRecord
from couloir.runs.records.searched import ParameterImportance
from couloir.text import setting

BEST_SHOWN = 12  # lines that can still be followed
FEWEST = 3  # trials of which a median says something


def heading(name: str) -> str:
    """A hyperparameter as the title of an axis or a column; the rate is a multiple there."""
    return "rate × customary" if name == "rate" else label(name)


def parameter_importance(run: TableRun[SearchRecord]) -> Chart:
    """The share of the spread of the trials' scores that each hyperparameter explains, from run.json."""
    title = "Which hyperparameters mattered"
    entries = sorted(run.record.importance_of_parameters, key=lambda entry: -entry.share)
    if not entries:
        return Chart("parameters", title, "Left out: too few trials were trained to their end to tell.")
    figure = new_figure(title, "share of the spread in scores", "", height=120 + 30 * len(entries))
    figure.add_bar(
        x=[entry.share for entry in entries],
        y=list(range(len(entries))),
        customdata=[words.plain(label(entry.name)) for entry in entries],
        orientation="h",
        marker={"color": theme.colour("right")},
        hovertemplate="%{customdata}: %{x:.1%}<extra></extra>",
    )
    figure.update_layout(
        showlegend=False,
        bargap=0.35,
        xaxis={"tickformat": ".0%", "rangemode": "tozero"},
        yaxis=listed([words.plain(label(entry.name), 20) for entry in entries], ticklabelstandoff=6),
    )
    shares = words.joined([f"{label(e.name)} {words.percent(e.share)}" for e in entries], limit=16)
    return Chart("parameters", title, _importance_sentence(entries), f"Bar chart: {shares}.", figure)


def _importance_sentence(entries: Sequence[ParameterImportance]) -> str:
    first, *others = entries
    text = f"Most depended on {label(first.name)}: {words.percent(first.share)} of the spread in scores"
    if others:
        text += f", then on {label(others[0].name)} ({words.percent(others[0].share)})"
    text += "."
    if idle := [label(entry.name) for entry in entries if entry.share < 0.02]:
        text += f" Below 2\u202f% {'stands' if len(idle) == 1 else 'stand'} {words.joined(idle)}."
    return text


def varied(rows: list[Row]) -> list[str]:
    """The hyperparameters in which the trials differ; rate and layers once, as they were searched.

    What rules read differs between trials of one rule where it was searched; where it was not, between rules.
    """
    rules, names = {row["optimizer"] for row in rows}, []
    for name in taken_by(SPACE):
        differs = len({row.get(name) for row in rows} - {None}) > 1
        if differs and name in CUSTOMARY:
            differs = len({(row["optimizer"], row.get(name)) for row in rows}) > len(rules)
        names += [name] * differs
    doubled = {"learning_rate"} if "rate" in names else set()
    if "layers" in names or "width" in names:
        doubled.add("hidden")
    return [name for name in names if name not in doubled]


def is_number(rows: list[Row], name: str) -> bool:
    """Whether a hyperparameter is a quantity, not a choice among names."""
    values = [row[name] for row in rows if row.get(name) is not None]
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def search_slices(run: TableRun[SearchRecord]) -> Chart:
    """The score of every trial against each hyperparameter in turn; dashes are the medians of a choice."""
    from plotly.subplots import make_subplots

    metric, title = run.record.metric, "Score against each hyperparameter"
    rows = complete(run)
    names = _by_importance(run, varied(rows))
    if len(rows) < 2 or not names:
        return Chart("slices", title, "Left out: the trials that can be chosen do not differ.")
    settings, ends, beyond = scores.clipped(metric, [row["value"] for row in rows])
    high = -(-len(names) // 2)
    spacing = {"horizontal_spacing": 0.05, "vertical_spacing": 0.37 / high}
    grid = make_subplots(rows=high, cols=2, shared_yaxes=True, **spacing)
    figure = new_figure(title, "", "", height=90 + 225 * high)
    places = grid.layout.to_plotly_json().items()
    figure.update_layout({key: place for key, place in places if key.startswith(("xaxis", "yaxis"))})
    figure.update_layout(showlegend=False, title={"text": title})
    for place, name in enumerate(names):
        axis = "" if place == 0 else str(place + 1)
        _add_slice(figure, rows, name, axis, metric, ends, place == 0)
        figure.update_layout({f"yaxis{axis}": settings | {"title": {"text": ""}}})
    if len(names) % 2:
        unused = 2 * high
        figure.update_layout({f"xaxis{unused}": {"visible": False}, f"yaxis{unused}": {"visible": False}})
    best = words.joined([described(name, rows[0][name]) for name in names], limit=16)
    alt = f"{words.count(len(names), 'scatter chart')} of {words.count(len(rows), 'trial')}. "
    alt += f"Best trial: {best}."
    return Chart("slices", title, _slices_sentence(rows, names, metric, beyond), alt, figure)


def _by_importance(run: TableRun[SearchRecord], names: list[str]) -> list[str]:
    shares = {entry.name: entry.share for entry in run.record.importance_of_parameters}
    return sorted(names, key=lambda name: -shares.get(name, 0.0))


def described(name: str, value: Any) -> str:
    """A hyperparameter with its value: "width 64", "1.2 × the customary rate"."""
    return f"{setting(value)} × the customary rate" if name == "rate" else f"{label(name)} {setting(value)}"


def _add_slice(
    figure: Figure, rows: list[Row], name: str, axis: str, metric: str, ends: list[float], first: bool
) -> None:
    """One small chart; trials with the same choice are spread sideways, so that all are seen."""
    known = [row for row in rows if row.get(name) is not None]
    choices = sorted({row[name] for row in known}, key=lambda value: (str(type(value)), value))
    few = not is_number(known, name) or 2 * len(choices) <= min(12, len(known))
    place = {choice: index for index, choice in enumerate(choices)}
    # Multiples of the golden ratio fill an interval evenly, in any number.
    spread = [0.5 * ((row["number"] * 0.618034) % 1.0 - 0.5) for row in known]
    spread[0] = 0.0  # the best trial stands on its value
    figure.add_scatter(
        x=[place[row[name]] + shift if few else row[name] for row, shift in zip(known, spread, strict=True)],
        y=[row["value"] for row in known],
        customdata=[f"trial {row['number']}, {words.plain(setting(row[name]))}" for row in known],
        name=label(name),
        xaxis=f"x{axis}",
        yaxis=f"y{axis}",
        mode="markers",
        marker={
            # The best trial is drawn last, in the accent colour.
            "color": [theme.colour("right")] * (len(known) - 1) + [theme.colour("wrong")],
            "size": [5] * (len(known) - 1) + [10],
            "opacity": [0.55] * (len(known) - 1) + [1.0],
        },
        hovertemplate=f"%{{customdata}}: %{{y:{scores.hover(metric)}}}<extra></extra>",
    )
    trace = figure.data[-1]
    for key in ("x", "y", "customdata"):
        trace[key] = list(reversed(trace[key]))
    title = {"title": {"text": words.plain(heading(name), 22), "standoff": 4}, "tickfont": {"size": 11}}
    if few:
        _add_medians(figure, known, name, place, axis)
        ticks = {"tickvals": list(place.values()), "ticktext": [words.plain(setting(c), 12) for c in choices]}
        figure.update_layout({f"xaxis{axis}": title | ticks | {"showgrid": False}})
    else:
        figure.update_layout({f"xaxis{axis}": title | _quantity_axis([row[name] for row in known])})


def _quantity_axis(values: list[float]) -> dict[str, Any]:
    if min(values) > 0 and max(values) / min(values) > 20:
        decades = math.log10(max(values) / min(values))
        return theme.powers(max(1, round(decades / 3)))
    return {"type": "linear", "nticks": 5}


def _add_medians(figure: Figure, rows: list[Row], name: str, place: dict[Any, int], axis: str) -> None:
    figure.add_scatter(
        x=list(place.values()),
        y=[statistics.median(row["value"] for row in rows if row[name] == choice) for choice in place],
        name="median",
        xaxis=f"x{axis}",
        yaxis=f"y{axis}",
        mode="markers",
        marker={"symbol": "line-ew", "size": 20, "line": {"width": 2, "color": theme.colour("ink")}},
        hovertemplate="median %{y:.3~g}<extra></extra>",
    )


def _slices_sentence(rows: list[Row], names: list[str], metric: str, beyond: int) -> str:
    best = rows[0]
    shown = words.joined([described(name, best[name]) for name in names[:4] if best.get(name) is not None])
    text_ = f"The best trial (orange) has {shown}."
    choice = next((name for name in names if not is_number(rows, name)), None)
    text_ += _choice_words(rows, choice, metric) if choice else ""
    return text_ + scores.outside(beyond)


def _choice_words(rows: list[Row], name: str, metric: str) -> str:
    """Which choice has the best median, and over how many trials."""
    groups: dict[str, list[float]] = {}
    for row in rows:
        if row.get(name) is not None:
            groups.setdefault(setting(row[name]), []).append(row["value"])
    medians = {choice: statistics.median(v) for choice, v in groups.items() if len(v) >= FEWEST}
    if len(medians) < 2:
        return ""
    best = scores.best(metric, medians.values())
    choice = next(choice for choice, value in medians.items() if value == best)
    much = words.count(len(groups[choice]), "trial")
    value = words.metric(metric, best)
    return f" Of the choices of {label(name)} {choice} has the best median, {value} over {much}."


# The best trials side by side -----------------------------------------------------------------------------


def best_trials(run: TableRun[SearchRecord]) -> Chart:
    """Parallel coordinates of the best trials: a line for each hyperparameter, a path for each trial.

    The coordinates lie one below the other, so that they can be read on a phone.
    """
    title, rows = "The best trials side by side", complete(run)[:BEST_SHOWN]
    names = _by_importance(run, varied(rows))
    if len(rows) < 2 or not names:
        return Chart("best", title, "Left out: there are not two trials that differ in what was searched.")
    figure = new_figure(title, "", "", height=110 + 62 * len(names))
    scales = [_scale(rows, name) for name in names]
    for rank, row in reversed(list(enumerate(rows, start=1))):
        _add_path(figure, row, rank, names, scales, run.record.metric)
    for place, (name, (_, ends)) in enumerate(zip(names, scales, strict=True)):
        _add_coordinate(figure, place, heading(name), ends)
    figure.update_layout(
        showlegend=False,
        xaxis={"visible": False, "range": [-0.06, 1.06]},
        yaxis={"visible": False, "range": [len(names) - 0.45, -0.75]},
    )
    best = words.joined([described(name, rows[0][name]) for name in names], limit=16)
    alt = f"Parallel coordinates of {len(rows)} trials. The best: {best}."
    return Chart("best", title, _agreement_sentence(rows, names), alt, figure)


def _scale(rows: list[Row], name: str) -> tuple[dict[Any, float], list[tuple[float, str]]]:
    """Each value's place between 0 and 1 on its line, and the labels to be written below the line."""
    values = {row[name] for row in rows if row.get(name) is not None}
    ordered = sorted(values, key=lambda value: (str(type(value)), value))
    if not is_number(rows, name) or len(ordered) <= 5:
        last = max(1, len(ordered) - 1)
        places = {value: index / last if len(ordered) > 1 else 0.5 for index, value in enumerate(ordered)}
        return places, [(places[value], setting(value)) for value in ordered]
    low, high = ordered[0], ordered[-1]
    logarithmic = low > 0 and high / low > 20
    transform = math.log if logarithmic else float
    start, span = transform(low), transform(high) - transform(low)
    places = {value: (transform(value) - start) / span for value in ordered}
    return places, [(0.0, setting(low)), (1.0, setting(high))]


def _add_path(figure: Figure, row: Row, rank: int, names: list[str], scales: list[Any], metric: str) -> None:
    best, colour = rank == 1, theme.colour("wrong" if rank == 1 else "right")
    known = [(place, name) for place, name in enumerate(names) if row.get(name) is not None]
    figure.add_scatter(
        x=[scales[place][0][row[name]] for place, name in known],
        y=[place for place, _ in known],
        customdata=[f"{words.plain(label(name))} {words.plain(setting(row[name]))}" for _, name in known],
        name=f"trial {row['number']}",
        mode="lines+markers",
        opacity=1.0 if best else 0.75 - 0.045 * rank,
        line={"color": colour, "width": 3.5 if best else 1.6},
        marker={"size": 9 if best else 6, "color": colour},
        hovertemplate=f"trial {row['number']}, rank {rank}: {words.metric(metric, row['value'])}"
        "<br>%{customdata}<extra></extra>",
    )


def _add_coordinate(figure: Figure, place: int, name: str, ends: list[tuple[float, str]]) -> None:
    """A line across with its name above and its values below."""
    line = {"color": theme.colour("grid"), "width": 1}
    figure.add_shape(type="line", x0=0, x1=1, y0=place, y1=place, line=line, layer="below")
    common: dict[str, Any] = {"size": 12, "bgcolor": theme.colour("paper"), "borderpad": 1}
    add_note(figure, 0, place, f"<b>{words.plain(name, 24)}</b>", xanchor="left", yshift=17, **common)
    for index, (x, shown) in enumerate(ends):
        anchor = "left" if x == 0 else "right" if x == 1 else "center"
        # Neighbours among many labels stand on two levels.
        shift = -14 if len(ends) < 5 or index % 2 == 0 else -27
        add_note(figure, x, place, words.plain(shown, 14), xanchor=anchor, yshift=shift, **common)


def _agreement_sentence(rows: list[Row], names: list[str]) -> str:
    """On what the best trials agree, and on what they do not."""
    agreed, open_ = [], []
    for name in names:
        values = [row[name] for row in rows if row.get(name) is not None]
        if is_number(rows, name) and len(set(values)) > 5:
            continue
        common = max(dict.fromkeys(values), key=values.count)
        if 3 * values.count(common) >= 2 * len(values):
            agreed.append(f"{described(name, common)} ({values.count(common)} of {len(values)})")
        else:
            open_.append(label(name))
    text_ = f"Drawn are the best {len(rows)} trials; the best of all is orange."
    if agreed:
        text_ += f" Most of them agree on {words.joined(agreed)}."
    if open_:
        text_ += f" They differ in {words.joined(open_)}: good scores can be had in several ways there."
    return text_
