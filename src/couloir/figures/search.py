"""A search: its trials in order, what mattered, the best of them, the rungs, their curves, calibration."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

from couloir.figures import scores, theme, words
from couloir.figures.chart import Chart, new_figure
from couloir.figures.scores import TableRun
from couloir.figures.words import number

if TYPE_CHECKING:
    import plotly.graph_objects as go

COMPLETE = ("finished", "stopped")
"""The status of a trial that can be chosen; one that left at a rung has a score, but of too few epochs."""

BEST_SHOWN = 12  # lines that can still be followed
FEWEST = 3  # trials of which a median says something

STATUS_STYLES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "left": ("left at a rung", "quiet", {"symbol": "circle-open", "size": 6}),
    "complete": ("trained to its end", "right", {"symbol": "circle", "size": 7, "opacity": 0.8}),
}


def trials(run: TableRun) -> list[dict[str, Any]]:
    """The trials by number."""
    return sorted(scores.rows(run, "trials"), key=lambda row: row["number"])


def complete(run: TableRun) -> list[dict[str, Any]]:
    """The trials that can be chosen, best first."""
    found = [row for row in trials(run) if row["status"] in COMPLETE and scores.finite(row["value"])]
    return sorted(found, key=lambda row: row["value"], reverse=scores.higher_is_better(_metric(run)))


def folds_of(run: TableRun) -> int:
    """How many times each trial was trained: `epochs_run` counts the epochs of all its folds."""
    return (run.record.get("cross_validation") or {}).get("folds") or 1


def _metric(run: TableRun) -> str:
    metric: str = run.record["metric"]
    return metric


def _part(run: TableRun) -> str:
    """What the trials were scored on, for an axis: "validation", or "mean of 5 folds"."""
    evaluation = str((run.record.get("search") or {}).get("evaluation") or "validation")
    return evaluation if evaluation == "validation" else f"mean of {evaluation},"


# The trials in order ---------------------------------------------------------------------------------------


def search_history(run: TableRun) -> Chart:
    """The score of every trial by its number, and the best so far as a line; × diverged."""
    metric, title = _metric(run), "The trials, one after the other"
    rows = trials(run)
    groups = {
        "left": [row for row in rows if row["status"] == "left" and scores.finite(row["value"])],
        "complete": [row for row in rows if row["status"] in COMPLETE and scores.finite(row["value"])],
    }
    if not groups["complete"]:
        return Chart("trials", title, "No trial can be drawn: none was trained to its end.")
    values = [row["value"] for of_status in groups.values() for row in of_status]
    settings, ends, beyond = scores.clipped(metric, values)
    figure = new_figure(title, "trial", scores.axis_title(run.record, metric, _part(run)), height=460)
    for status, of_status in groups.items():
        _add_trials(figure, of_status, status, metric)
    lost = [row for row in rows if row["status"] == "diverged"]
    _add_lost(figure, lost, scores.edge(metric, ends, settings["type"] == "log"))
    steps = records(run)
    _add_best_so_far(figure, steps, rows[-1]["number"], metric)
    figure.update_layout(yaxis=settings)
    alt = f"Scatter chart of {words.count(len(rows), 'trial')} with the best so far as a line: "
    alt += words.joined([f"{words.metric(metric, v)} at trial {n}" for n, v in steps[-8:]], 8) + "."
    return Chart("trials", title, _history_sentence(run, steps, len(rows), beyond), alt, figure)


def records(run: TableRun) -> list[tuple[int, float]]:
    """(number, score) of every trial that bettered all before it."""
    steps: list[tuple[int, float]] = []
    for row in trials(run):
        if row["status"] in COMPLETE and scores.finite(row["value"]):
            value = row["value"]
            if not steps or (
                value != steps[-1][1] and scores.best(_metric(run), (value, steps[-1][1])) == value
            ):
                steps.append((row["number"], value))
    return steps


def _add_trials(figure: go.Figure, rows: list[dict[str, Any]], status: str, metric: str) -> None:
    name, role, marker = STATUS_STYLES[status]
    if not rows:
        return
    figure.add_scatter(
        x=[row["number"] for row in rows],
        y=[row["value"] for row in rows],
        customdata=[_trial_words(row) for row in rows],
        name=name,
        mode="markers",
        marker={"color": theme.colour(role), **marker},
        hovertemplate=f"trial %{{x}}: %{{y:{scores.hover(metric)}}}<br>%{{customdata}}<extra></extra>",
    )


def _add_lost(figure: go.Figure, lost: list[dict[str, Any]], edge: float) -> None:
    if lost:
        figure.add_scatter(
            x=[row["number"] for row in lost],
            y=[edge] * len(lost),
            customdata=[_trial_words(row) for row in lost],
            name="diverged",
            mode="markers",
            marker={"symbol": "x-thin", "size": 8, "line": {"width": 2, "color": theme.colour("wrong")}},
            hovertemplate="trial %{x}: diverged<br>%{customdata}<extra></extra>",
        )


def _add_best_so_far(figure: go.Figure, steps: list[tuple[int, float]], last: int, metric: str) -> None:
    figure.add_scatter(
        x=[*(step for step, _ in steps), last],
        y=[*(value for _, value in steps), steps[-1][1]],
        name="best so far",
        mode="lines",
        line={"color": theme.colour("ink"), "width": 2, "shape": "hv"},
        hovertemplate=f"best so far %{{y:{scores.hover(metric)}}}<extra></extra>",
    )


def _trial_words(row: dict[str, Any]) -> str:
    """A trial in a few words for the pointer."""
    parts = [words.plain(row["optimizer"])]
    if scores.finite(row.get("learning_rate")):
        parts.append(f"at {number(row['learning_rate'])}")
    if row.get("epochs_run"):
        parts.append(f", {words.count(row['epochs_run'], 'epoch')}")
    return " ".join(parts).replace(" ,", ",")


def _history_sentence(run: TableRun, steps: list[tuple[int, float]], n_trials: int, beyond: int) -> str:
    metric = _metric(run)
    best, value = steps[-1]
    text = f"The best of {words.count(n_trials, 'trial')} is number {best}, with "
    text += f"{words.metric(metric, value)}"
    if len(steps) > 1:
        text += (
            f"; the first that could be chosen, number {steps[0][0]}, had {words.metric(metric, steps[0][1])}"
        )
    text += "."
    after = n_trials - 1 - best
    if after >= max(20, n_trials // 3):
        text += f" The last {after:,} trials did not better it: more of them may gain little."
    elif after <= n_trials // 10 and n_trials >= 20:
        text += " It came late: more trials may gain more."
    if beyond:
        text += f" {words.count(beyond, 'score')} {'lies' if beyond == 1 else 'lie'} outside the drawing."
    return text


# What mattered ---------------------------------------------------------------------------------------------

LABELS = {
    "optimizer": "rule",
    "rate": "rate",
    "learning_rate": "learning rate",
    "momentum": "momentum",
    "schedule": "schedule",
    "warmup": "warm-up",
    "batch_size": "batch size",
    "layers": "hidden layers",
    "width": "width",
    "hidden": "hidden",
    "activation": "activation",
    "loss": "loss",
    "l1": "L1",
    "l2": "L2",
    "dropout": "dropout",
    "noise": "input noise",
}


def label(name: str) -> str:
    """A hyperparameter in words."""
    return LABELS.get(name, name.replace("_", " "))


def heading(name: str) -> str:
    """A hyperparameter as the title of an axis or a column; the rate is a multiple there."""
    return "rate × customary" if name == "rate" else label(name)


def parameter_importance(run: TableRun) -> Chart:
    """The share of the spread of the trials' scores that each hyperparameter explains, from run.json."""
    title, entries = "Which hyperparameters mattered", run.record.get("importance_of_parameters") or []
    entries = [entry for entry in entries if scores.finite(entry["share"])]
    if not entries:
        return Chart("parameters", title, "Left out: too few trials were trained to their end to tell.")
    entries = sorted(entries, key=lambda entry: -entry["share"])
    figure = new_figure(title, "share of the spread in scores", "", height=120 + 30 * len(entries))
    figure.add_bar(
        x=[entry["share"] for entry in entries],
        y=list(range(len(entries))),
        customdata=[words.plain(label(entry["name"])) for entry in entries],
        orientation="h",
        marker={"color": theme.colour("right")},
        hovertemplate="%{customdata}: %{x:.1%}<extra></extra>",
    )
    figure.update_layout(
        showlegend=False,
        bargap=0.35,
        xaxis={"tickformat": ".0%", "rangemode": "tozero"},
        yaxis={
            "tickvals": list(range(len(entries))),
            "ticktext": [words.plain(label(entry["name"]), 20) for entry in entries],
            "range": [len(entries) - 0.5, -0.5],
            "ticklabelstandoff": 6,
            "showgrid": False,
        },
    )
    listed = words.joined([f"{label(e['name'])} {words.percent(e['share'])}" for e in entries], limit=16)
    return Chart("parameters", title, _importance_sentence(entries), f"Bar chart: {listed}.", figure)


def _importance_sentence(entries: list[dict[str, Any]]) -> str:
    first = entries[0]
    text = f"Most depended on {label(first['name'])}: {words.percent(first['share'])} of the spread in scores"
    if len(entries) > 1:
        text += f", then on {label(entries[1]['name'])} ({words.percent(entries[1]['share'])})"
    idle = [label(entry["name"]) for entry in entries if entry["share"] < 0.02]
    text += "."
    if idle:
        text += f" Below 2\u202f% {'stands' if len(idle) == 1 else 'stand'} {words.joined(idle)}."
    return text


def varied(rows: list[dict[str, Any]]) -> list[str]:
    """The hyperparameters in which the trials differ; rate and layers once, as they were searched."""
    names = [name for name in LABELS if len({row.get(name) for row in rows} - {None}) > 1]
    doubled = {"learning_rate"} if "rate" in names else set()
    if "layers" in names or "width" in names:
        doubled.add("hidden")
    return [name for name in names if name not in doubled]


def is_number(rows: list[dict[str, Any]], name: str) -> bool:
    """Whether a hyperparameter is a quantity, not a choice among names."""
    values = [row[name] for row in rows if row.get(name) is not None]
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def search_slices(run: TableRun) -> Chart:
    """The score of every trial against each hyperparameter in turn; dashes are the medians of a choice."""
    from plotly.subplots import make_subplots

    metric, title = _metric(run), "Score against each hyperparameter"
    rows = complete(run)
    names = _by_importance(run, varied(rows))
    if len(rows) < 2 or not names:
        return Chart("slices", title, "Left out: the trials that can be chosen do not differ.")
    settings, ends, beyond = scores.clipped(metric, [row["value"] for row in rows])
    high = -(-len(names) // 2)
    grid = make_subplots(
        rows=high, cols=2, shared_yaxes=True, horizontal_spacing=0.05, vertical_spacing=0.37 / high
    )
    figure = new_figure(title, "", "", height=90 + 225 * high)
    places = grid.layout.to_plotly_json().items()
    figure.update_layout({key: place for key, place in places if key.startswith(("xaxis", "yaxis"))})
    figure.update_layout(showlegend=False, title={"text": title})
    for place, name in enumerate(names):
        axis = "" if place == 0 else str(place + 1)
        _add_slice(figure, rows, name, axis, metric, ends, place == 0)
        figure.update_layout({f"yaxis{axis}": settings | {"title": {"text": ""}}})
    figure.update_layout(yaxis={"title": {"text": ""}})
    if len(names) % 2:
        unused = 2 * high
        figure.update_layout({f"xaxis{unused}": {"visible": False}, f"yaxis{unused}": {"visible": False}})
    best = words.joined([setting(name, rows[0][name]) for name in names], limit=16)
    alt = f"{words.count(len(names), 'scatter chart')} of {words.count(len(rows), 'trial')}. "
    alt += f"Best trial: {best}."
    return Chart("slices", title, _slices_sentence(rows, names, metric, beyond), alt, figure)


def _by_importance(run: TableRun, names: list[str]) -> list[str]:
    shares = {
        entry["name"]: entry["share"] or 0.0 for entry in run.record.get("importance_of_parameters") or []
    }
    return sorted(names, key=lambda name: -shares.get(name, 0.0))


def text(value: Any) -> str:
    """The value of a hyperparameter in words."""
    if value is None:
        return "–"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value)
    return words.short(str(value).replace("_", " "))


def setting(name: str, value: Any) -> str:
    """A hyperparameter with its value: "width 64", "1.2 × the customary rate"."""
    return f"{text(value)} × the customary rate" if name == "rate" else f"{label(name)} {text(value)}"


def _add_slice(
    figure: go.Figure,
    rows: list[dict[str, Any]],
    name: str,
    axis: str,
    metric: str,
    ends: list[float],
    first: bool,
) -> None:
    """One small chart; trials with the same choice are spread sideways, so that all are seen."""
    known = [row for row in rows if row.get(name) is not None]
    choices = sorted({row[name] for row in known}, key=lambda value: (str(type(value)), value))
    few = not is_number(known, name) or len(choices) <= 6
    place = {choice: index for index, choice in enumerate(choices)}
    # Multiples of the golden ratio fill an interval evenly, in any number.
    spread = [0.5 * ((row["number"] * 0.618034) % 1.0 - 0.5) for row in known]
    spread[0] = 0.0  # the best trial stands on its value
    figure.add_scatter(
        x=[place[row[name]] + shift if few else row[name] for row, shift in zip(known, spread, strict=True)],
        y=[row["value"] for row in known],
        customdata=[f"trial {row['number']}, {words.plain(text(row[name]))}" for row in known],
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
        ticks = {"tickvals": list(place.values()), "ticktext": [words.plain(text(c), 12) for c in choices]}
        figure.update_layout({f"xaxis{axis}": title | ticks | {"showgrid": False}})
    else:
        figure.update_layout({f"xaxis{axis}": title | _quantity_axis([row[name] for row in known])})


def _quantity_axis(values: list[float]) -> dict[str, Any]:
    if min(values) > 0 and max(values) / min(values) > 20:
        decades = math.log10(max(values) / min(values))
        return {"type": "log", "dtick": max(1, round(decades / 3)), "exponentformat": "power"}
    return {"type": "linear", "nticks": 5}


def _add_medians(
    figure: go.Figure, rows: list[dict[str, Any]], name: str, place: dict[Any, int], axis: str
) -> None:
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


def _slices_sentence(rows: list[dict[str, Any]], names: list[str], metric: str, beyond: int) -> str:
    best = rows[0]
    shown = words.joined([setting(name, best[name]) for name in names[:4] if best.get(name) is not None])
    text_ = f"The best trial (orange) has {shown}."
    for name in names:
        if not is_number(rows, name):
            text_ += _choice_words(rows, name, metric)
            break
    if beyond:
        text_ += f" {words.count(beyond, 'score')} {'lies' if beyond == 1 else 'lie'} outside the drawing."
    return text_


def _choice_words(rows: list[dict[str, Any]], name: str, metric: str) -> str:
    """Which choice has the best median, and over how many trials."""
    groups: dict[str, list[float]] = {}
    for row in rows:
        if row.get(name) is not None:
            groups.setdefault(text(row[name]), []).append(row["value"])
    medians = {choice: statistics.median(v) for choice, v in groups.items() if len(v) >= FEWEST}
    if len(medians) < 2:
        return ""
    best = scores.best(metric, medians.values())
    choice = next(choice for choice, value in medians.items() if value == best)
    much = words.count(len(groups[choice]), "trial")
    value = words.metric(metric, best)
    return f" Of the choices of {label(name)} {choice} has the best median, {value} over {much}."


# The best trials side by side ------------------------------------------------------------------------------


def best_trials(run: TableRun) -> Chart:
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
        _add_path(figure, row, rank, names, scales, _metric(run))
    for place, (name, (_, ends)) in enumerate(zip(names, scales, strict=True)):
        _add_coordinate(figure, place, heading(name), ends)
    figure.update_layout(
        showlegend=False,
        xaxis={"visible": False, "range": [-0.06, 1.06]},
        yaxis={"visible": False, "range": [len(names) - 0.45, -0.75]},
    )
    listed = words.joined([setting(name, rows[0][name]) for name in names], limit=16)
    alt = f"Parallel coordinates of {len(rows)} trials. The best: {listed}."
    return Chart("best", title, _agreement_sentence(rows, names), alt, figure)


def _scale(rows: list[dict[str, Any]], name: str) -> tuple[dict[Any, float], list[tuple[float, str]]]:
    """Each value's place between 0 and 1 on its line, and the labels to be written below the line."""
    values = {row[name] for row in rows if row.get(name) is not None}
    ordered = sorted(values, key=lambda value: (str(type(value)), value))
    if not is_number(rows, name) or len(ordered) <= 5:
        last = max(1, len(ordered) - 1)
        places = {value: index / last if len(ordered) > 1 else 0.5 for index, value in enumerate(ordered)}
        return places, [(places[value], text(value)) for value in ordered]
    low, high = ordered[0], ordered[-1]
    logarithmic = low > 0 and high / low > 20
    transform = math.log if logarithmic else float
    start, span = transform(low), transform(high) - transform(low)
    places = {value: (transform(value) - start) / span for value in ordered}
    return places, [(0.0, text(low)), (1.0, text(high))]


def _add_path(
    figure: go.Figure, row: dict[str, Any], rank: int, names: list[str], scales: list[Any], metric: str
) -> None:
    best = rank == 1
    known = [(place, name) for place, name in enumerate(names) if row.get(name) is not None]
    figure.add_scatter(
        x=[scales[place][0][row[name]] for place, name in known],
        y=[place for place, _ in known],
        customdata=[f"{words.plain(label(name))} {words.plain(text(row[name]))}" for _, name in known],
        name=f"trial {row['number']}",
        mode="lines+markers",
        opacity=1.0 if best else 0.75 - 0.045 * rank,
        line={
            "color": theme.colour("wrong" if best else "right"),
            "width": 3.5 if best else 1.6,
        },
        marker={"size": 9 if best else 6, "color": theme.colour("wrong" if best else "right")},
        hovertemplate=f"trial {row['number']}, rank {rank}: {words.metric(metric, row['value'])}"
        "<br>%{customdata}<extra></extra>",
    )


def _add_coordinate(figure: go.Figure, place: int, name: str, ends: list[tuple[float, str]]) -> None:
    """A line across with its name above and its values below."""
    line = {"color": theme.colour("grid"), "width": 1}
    figure.add_shape(type="line", x0=0, x1=1, y0=place, y1=place, line=line, layer="below")
    font = {"size": 12, "color": theme.colour("quiet")}
    common: dict[str, Any] = {"showarrow": False, "bgcolor": theme.colour("paper"), "borderpad": 1}
    figure.add_annotation(
        x=0, y=place, xanchor="left", yshift=17, text=f"<b>{words.plain(name, 24)}</b>", font=font, **common
    )
    for index, (x, shown) in enumerate(ends):
        anchor = "left" if x == 0 else "right" if x == 1 else "center"
        # Neighbours among many labels stand on two levels.
        shift = -14 if len(ends) < 5 or index % 2 == 0 else -27
        figure.add_annotation(
            x=x, y=place, xanchor=anchor, yshift=shift, text=words.plain(shown, 14), font=font, **common
        )


def _agreement_sentence(rows: list[dict[str, Any]], names: list[str]) -> str:
    """On what the best trials agree, and on what they do not."""
    agreed, open_ = [], []
    for name in names:
        values = [row[name] for row in rows if row.get(name) is not None]
        if is_number(rows, name) and len(set(values)) > 5:
            continue
        common = max(dict.fromkeys(values), key=values.count)
        if 3 * values.count(common) >= 2 * len(values):
            agreed.append(f"{setting(name, common)} ({values.count(common)} of {len(values)})")
        else:
            open_.append(label(name))
    text_ = f"Drawn are the best {len(rows)} trials; the best of all is orange."
    if agreed:
        text_ += f" Most of them agree on {words.joined(agreed)}."
    if open_:
        text_ += f" They differ in {words.joined(open_)}: good scores can be had in several ways there."
    return text_


# Rungs -----------------------------------------------------------------------------------------------------


def search_rungs(run: TableRun) -> Chart:
    """How many trials came to each rung, and how many of them went on, over all generations."""
    title, rows = "Halving: who went on at each rung", scores.rows(run, "rungs")
    sums: dict[int, list[int]] = {}
    for row in rows:
        entry = sums.setdefault(row["epoch"], [0, 0])
        entry[0] += row["entered"]
        entry[1] += row["kept"]
    sums = {epoch: entry for epoch, entry in sorted(sums.items()) if entry[0]}
    if not sums:
        return Chart(
            "rungs", title, "Left out: this search had no rungs; every trial was trained to its end."
        )
    figure = new_figure(title, "trials", "", height=130 + 52 * len(sums))
    kept, left = [entry[1] for entry in sums.values()], [entry[0] - entry[1] for entry in sums.values()]
    places = list(range(len(sums)))
    for name, values, role in (("went on", kept, "right"), ("left", left, "grid")):
        figure.add_bar(
            x=values,
            y=places,
            name=name,
            orientation="h",
            marker={"color": theme.colour(role)},
            text=[f"{value:,}" if value else "" for value in values],
            textposition="inside",
            insidetextanchor="start",
            textangle=0,
            textfont={"color": theme.colour("paper" if role == "right" else "ink")},
            hovertemplate=f"{name}: %{{x:,}}<extra></extra>",
        )
    ticks = {
        "tickvals": places,
        "ticktext": [f"epoch {epoch}" for epoch in sums],
        "showgrid": False,
        "ticklabelstandoff": 6,
    }
    figure.update_layout(barmode="stack", bargap=0.3, yaxis=ticks | {"range": [len(sums) - 0.5, -0.5]})
    figure.update_layout(legend={"traceorder": "normal"})
    listed = words.joined([f"epoch {epoch}: {k} of {n}" for epoch, (n, k) in sums.items()], limit=12)
    alt = f"Bar chart of the trials that went on at each rung, {listed}."
    return Chart("rungs", title, _rungs_sentence(run, sums), alt, figure)


def _rungs_sentence(run: TableRun, sums: dict[int, list[int]]) -> str:
    entered, last = next(iter(sums.values()))[0], list(sums.values())[-1][1]
    first_epoch = next(iter(sums))
    verb = "was" if entered == 1 else "were"
    text_ = (
        f"{words.count(entered, 'trial')} {verb} compared after epoch {first_epoch}; {last:,} went on past "
    )
    text_ += f"the last rung, at epoch {list(sums)[-1]}."
    rows, budget = trials(run), run.record["winner"].get("epochs")
    ran = sum(row.get("epochs_run") or 0 for row in rows)
    full = len(rows) * (budget or 0) * folds_of(run)
    if full and 0 < ran < full:
        text_ += f" All trials together ran {ran:,} epochs, {words.percent(ran / full)} of the {full:,} that "
        text_ += "training each for its whole budget would have taken."
    return text_


# Curves ----------------------------------------------------------------------------------------------------


def search_curves(run: TableRun) -> Chart:
    """Loss by epoch of the best trials: validation solid, training dotted, a marker at the epoch kept."""
    title, loss = "Curves of the best trials", scores.loss_of(run.record)
    curves: dict[int, list[dict[str, Any]]] = {}
    for row in _history(run):
        if scores.finite(row["validation_loss"]):
            curves.setdefault(row["trial"], []).append(row)
    ranked = [row for row in complete(run) if row["number"] in curves]
    if not ranked:
        return Chart("curves", title, "Left out: the run holds no curve of a trial that can be chosen.")
    figure = new_figure(title, "epoch", scores.axis_title(run.record, loss, ""), height=480)
    roles = ("wrong", "right", "rmsprop", "adadelta", "further-2", "adagrad", "further-4", "nesterov")
    for place, trial in enumerate(ranked[: len(roles)]):
        points = sorted(curves[trial["number"]], key=lambda row: row["epoch"])
        _add_trial_curve(figure, trial, points, theme.colour(roles[place]), place == 0)
    values = [value for trace in figure.data for value in trace.y]
    settings, _, _ = scores.clipped(loss, values)
    epochs = [epoch for trace in figure.data for epoch in trace.x]
    figure.update_layout(xaxis={"dtick": 1} if max(epochs) - min(epochs) < 10 else {}, yaxis=settings)
    drawn = ranked[: len(roles)]
    listed = words.joined([f"trial {t['number']} kept at epoch {t['best_epoch']}" for t in drawn], 10)
    alt = f"Line chart of loss by epoch of {words.count(len(drawn), 'trial')}: {listed}."
    return Chart("curves", title, _search_curves_sentence(run, drawn, curves), alt, figure)


def _history(run: TableRun) -> list[dict[str, Any]]:
    """The curves: a table of their own, or the run's history, where the trial is called a member."""
    found = scores.rows(run, "history")
    if not found and (frame := getattr(run, "history", None)) is not None:
        found = frame.to_dicts()
    return [{"trial": row.get("trial", row.get("member")), **row} for row in found]


def _add_trial_curve(
    figure: go.Figure, trial: dict[str, Any], points: list[dict[str, Any]], colour: str, best: bool
) -> None:
    name = f"{trial['number']}: {words.plain(trial['optimizer'], 16)}"
    common = {"legendgroup": name, "hoverlabel": {"namelength": -1}}
    epochs, width = [row["epoch"] for row in points], 3.0 if best else 1.6
    training = [(row["epoch"], row["training_loss"]) for row in points if scores.finite(row["training_loss"])]
    if training:
        figure.add_scatter(
            x=[epoch for epoch, _ in training],
            y=[value for _, value in training],
            name=f"{name}, training",
            mode="lines",
            showlegend=False,
            line={"color": colour, "width": 1, "dash": "dot"},
            hovertemplate=f"trial {name}, training<br>epoch %{{x}}: %{{y:.3~g}}<extra></extra>",
            **common,
        )
    figure.add_scatter(
        x=epochs,
        y=[row["validation_loss"] for row in points],
        name=name,
        mode="lines" if len(points) > 1 else "markers",
        line={"color": colour, "width": width},
        marker={"color": colour},
        hovertemplate=f"trial {name}<br>epoch %{{x}}: %{{y:.3~g}}<extra></extra>",
        **common,
    )
    kept = [row for row in points if row["epoch"] == trial["best_epoch"]]
    if kept:
        figure.add_scatter(
            x=[kept[0]["epoch"]],
            y=[kept[0]["validation_loss"]],
            name=f"{name}, kept",
            mode="markers",
            showlegend=False,
            marker={"color": colour, "size": 11 if best else 8, "symbol": "circle"},
            hovertemplate=f"trial {name}<br>kept: epoch %{{x}}, %{{y:.3~g}}<extra></extra>",
            **common,
        )


def _search_curves_sentence(
    run: TableRun, drawn: list[dict[str, Any]], curves: dict[int, list[dict[str, Any]]]
) -> str:
    loss = scores.loss_of(run.record)
    best = drawn[0]
    points = sorted(curves[best["number"]], key=lambda row: row["epoch"])
    kept = next((row for row in points if row["epoch"] == best["best_epoch"]), points[-1])
    text_ = (
        f"The best trial, {best['number']} ({best['optimizer']}), was kept at epoch {kept['epoch']} with a "
    )
    text_ += f"validation {scores.metric_name(loss)} of {number(kept['validation_loss'])}"
    if scores.finite(kept["training_loss"]):
        gap = kept["validation_loss"] - kept["training_loss"]
        text_ += f", {number(abs(gap))} {'above' if gap >= 0 else 'below'} its training loss"
    later = points[-1]["epoch"] - kept["epoch"]
    text_ += f"; it stopped {words.count(later, 'epoch')} later." if later else ", its last."
    late = [
        str(trial["number"])
        for trial in drawn
        if trial["best_epoch"] * folds_of(run) == trial.get("epochs_run")
    ]
    if late:
        verb = "was" if len(late) == 1 else "were"
        text_ += f" {words.count(len(late), 'trial')} ({words.joined(late)}) {verb} best at the last epoch: "
        text_ += "longer training may help."
    return text_


# Calibration -----------------------------------------------------------------------------------------------


def reliability(run: TableRun) -> Chart:
    """How often the model is right against how sure it is, before and after temperature scaling.

    On the dashed line confidence is honest; below it the model is too sure. The area of a point is its
    share of the rows.
    """
    title, calibration = "Is its confidence honest?", run.record.get("calibration")
    bins = _bins(calibration, "reliability")
    if not calibration or not bins:
        reason = "numbers are predicted, not classes" if run.record["data"]["task"] == "regression" else ""
        return Chart("calibration", title, f"Left out: {reason or 'the run holds no calibration'}.")
    figure = new_figure(title, "confidence", "share that is right", height=460)
    quiet = {"color": theme.colour("quiet"), "width": 1, "dash": "dash"}
    figure.add_scatter(x=[0, 1], y=[0, 1], name="honest", mode="lines", line=quiet, hoverinfo="skip")
    _add_bins(figure, bins, "before temperature", "right")
    after = _bins(calibration, "reliability_scaled")
    if after:
        _add_bins(figure, after, "after temperature", "wrong")
    ends = [
        min(0.5, *(b["confidence"] for b in bins + after), *(b["accuracy"] for b in bins + after)) - 0.03,
        1.03,
    ]
    percent = {"range": ends, "tickformat": ".0%", "nticks": 6}
    figure.update_layout(xaxis=percent, yaxis=percent)
    listed = [
        f"{words.percent(b['accuracy'])} right where {words.percent(b['confidence'])} sure" for b in bins
    ]
    alt = f"Reliability diagram of {words.count(len(bins), 'bin')}: {words.joined(listed, 12)}."
    return Chart("calibration", title, _calibration_sentence(calibration), alt, figure)


def _bins(calibration: dict[str, Any] | None, key: str) -> list[dict[str, Any]]:
    """The bins that hold any rows; how many is called `count` or `samples`."""
    found = [{**b, "count": b.get("count", b.get("samples"))} for b in (calibration or {}).get(key) or []]
    return [
        b for b in found if b["count"] and scores.finite(b["confidence"]) and scores.finite(b["accuracy"])
    ]


def _add_bins(figure: go.Figure, bins: list[dict[str, Any]], name: str, role: str) -> None:
    total = sum(b["count"] for b in bins)
    figure.add_scatter(
        x=[b["confidence"] for b in bins],
        y=[b["accuracy"] for b in bins],
        customdata=[words.count(b["count"], "row") for b in bins],
        name=name,
        mode="lines+markers",
        line={"color": theme.colour(role), "width": 1.5},
        marker={
            "color": theme.colour(role),
            "size": [7 + 22 * (b["count"] / total) ** 0.5 for b in bins],
            "opacity": 0.75,
        },
        hovertemplate="%{x:.1%} sure, %{y:.1%} right<br>%{customdata}<extra></extra>",
    )


def _calibration_sentence(calibration: dict[str, Any]) -> str:
    warmth, error = calibration.get("temperature"), calibration.get("test_error")
    text_ = f"On the test part confidence is off by {words.percent(error)} on average "
    text_ += "(expected calibration error)."
    if not scores.finite(warmth) or warmth is None:
        return text_
    direction = "too sure" if warmth > 1 else "too little sure"
    if abs(warmth - 1) < 0.05:
        text_ += f" A temperature of {number(warmth)}, found on validation, changes next to nothing."
    else:
        text_ += f" On validation it was {direction}: a temperature of {number(warmth)} serves best."
    scaled = calibration.get("test_error_scaled")
    if scaled is not None and error is not None:
        change = "brings the error down" if scaled < error else "does not help here: the error goes up"
        text_ += f" On the test part it {change} to {words.percent(scaled)}." if scaled != error else ""
    return text_
