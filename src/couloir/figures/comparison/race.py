"""A race of update rules: the standing, loss by epoch, steps to a target."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from couloir import text as words
from couloir.figures import scores, theme
from couloir.figures.chart import Chart, new_figure
from couloir.figures.scores import TableRun
from couloir.text import number

if TYPE_CHECKING:
    import plotly.graph_objects as go

ALL_DIVERGED = "No rule can be drawn: all of them diverged."


def mean_of(scores_of: dict[str, Any] | None, metric: str) -> float | None:
    """The mean of a metric in an entry of the standing, where it has a finite one."""
    mean = ((scores_of or {}).get(metric) or {}).get("mean")
    return mean if scores.finite(mean) else None


def _rule_axis(rules: list[str]) -> dict[str, Any]:
    """Axis settings: one line a rule, the first on top."""
    return {
        "tickvals": list(range(len(rules))),
        "ticktext": [words.plain(rule, 18) for rule in rules],
        "range": [len(rules) - 0.5, -0.5],
        "ticklabelstandoff": 6,
        "showgrid": False,
        "tickfont": {"size": 13, "color": theme.colour("ink")},
    }


# The standing ---------------------------------------------------------------------------------------------


def race_standing(run: TableRun) -> Chart:
    """The mean of each rule's best validation score over the replicates with its 95 % interval.

    Filled: at the tuned learning rate. Hollow: at the rule's customary rate.
    """
    record, metric = run.record, run.record["metric"]
    title = "The rules, best first"
    standing = record["standing"]
    drawn = [entry for entry in standing if mean_of(entry["best"], metric) is not None]
    if not drawn:
        return Chart("standing", title, ALL_DIVERGED)
    figure = new_figure(title, scores.axis_title(record, metric, "best validation"), "")
    _add_kinds(figure)
    for place, entry in enumerate(standing):
        _add_standing(figure, entry, place, metric)
    means = [trace.x[0] for trace in figure.data if trace.x and trace.x[0] is not None]
    figure.update_layout(
        height=130 + 46 * len(standing),
        xaxis=scores.axis(metric, means),
        yaxis=_rule_axis([entry["rule"] for entry in standing]),
        legend={"itemsizing": "constant"},
    )
    listed = words.joined([f"{e['rule']} {_score(e['best'], metric)}" for e in drawn], limit=12)
    alt = f"Dot chart, one line a rule. Mean best validation {scores.metric_name(metric)}: {listed}."
    return Chart("standing", title, _standing_sentence(run, drawn), alt, figure)


def _add_kinds(figure: go.Figure) -> None:
    """The legend's two entries; each switches the marks of its kind on and off."""
    for kind, symbol in (("tuned rate", "circle"), ("customary rate", "circle-open")):
        marker = {"color": theme.colour("quiet"), "symbol": symbol, "size": 11}
        figure.add_scatter(x=[None], y=[None], mode="markers", name=kind, legendgroup=kind, marker=marker)


def _add_standing(figure: go.Figure, entry: dict[str, Any], place: int, metric: str) -> None:
    """One rule's two marks; those without a score are named so."""
    style, name = theme.rule_style(entry["rule"]), words.plain(entry["rule"])
    tuned = ("tuned rate", entry["best"], entry["learning_rate"], "circle", -0.13)
    customary = (
        "customary rate",
        entry.get("customary_best"),
        entry.get("customary_rate"),
        "circle-open",
        0.15,
    )
    for kind, found, rate, symbol, shift in (tuned, customary):
        mean = mean_of(found, metric)
        if mean is None or found is None:
            continue
        score = found[metric]
        figure.add_scatter(
            x=[mean],
            y=[place + shift],
            error_x=_error_bar(score, style.colour, 2 if shift < 0 else 1),
            name=f"{name}, {kind}",
            legendgroup=kind,
            showlegend=False,
            mode="markers",
            marker={
                "color": style.colour,
                "symbol": symbol,
                "size": 12,
                "line": {"width": 2, "color": style.colour},
            },
            hovertemplate=f"{name} at {number(rate)} ({kind.split()[0]})<br>%{{x:{scores.hover(metric)}}}"
            f"{_interval_words(score, metric)}<extra></extra>",
        )
    if mean_of(entry["best"], metric) is None:
        lost = entry.get("diverged")
        _note(figure, place, f"diverged in {words.count(lost, 'replicate')}" if lost else "diverged")


def _error_bar(score: dict[str, Any], colour: str, thickness: int) -> dict[str, Any] | None:
    """The interval as an error bar; None where there is none."""
    if not (scores.finite(score.get("low")) and scores.finite(score.get("high"))):
        return None
    above, below = score["high"] - score["mean"], score["mean"] - score["low"]
    return {"array": [above], "arrayminus": [below], "color": colour, "thickness": thickness, "width": 4}


def _note(figure: go.Figure, place: int, text: str) -> None:
    """A word at the left end of a rule's line, where there is nothing to draw."""
    figure.add_annotation(
        x=0,
        xref="paper",
        xanchor="left",
        xshift=6,
        y=place,
        showarrow=False,
        text=text,
        font={"color": theme.colour("quiet"), "size": 13},
    )


def _interval_words(score: dict[str, Any], metric: str) -> str:
    if not (scores.finite(score.get("low")) and scores.finite(score.get("high"))):
        return ""
    return f"<br>95 % interval {words.metric(metric, score['low'])} to {words.metric(metric, score['high'])}"


def _score(found: dict[str, Any] | None, metric: str) -> str:
    return words.metric(metric, mean_of(found, metric))


def _standing_sentence(run: TableRun, drawn: list[dict[str, Any]]) -> str:
    record, metric = run.record, run.record["metric"]
    first, name = drawn[0], scores.metric_name(metric)
    score, replicates = first["best"][metric], record["replicates"]
    text = f"{first['rule']} has the {scores.superlative(metric)} mean validation {name}, "
    text += _score(first["best"], metric)
    if scores.finite(score.get("low")) and scores.finite(score.get("high")):
        text += f" (95\u202f% interval {words.metric(metric, score['low'])} to "
        text += f"{words.metric(metric, score['high'])} over {words.count(replicates, 'replicate')})"
    elif replicates == 1:
        text += ", in the one replicate there is; without a second there is no interval"
    if len(drawn) > 1:
        text += f". Next {'is' if len(drawn) == 2 else 'are'} "
        text += words.joined([f"{e['rule']} ({_score(e['best'], metric)})" for e in drawn[1:3]])
    text += "."
    return text + _tuning_words(drawn, metric) + _diverged_words(run)


def _tuning_words(drawn: list[dict[str, Any]], metric: str) -> str:
    """Which rule gains most from tuning its learning rate."""
    both = [
        (abs(tuned - customary), entry)
        for entry in drawn
        if (tuned := mean_of(entry["best"], metric)) is not None
        and (customary := mean_of(entry.get("customary_best"), metric)) is not None
        and (customary > tuned) != scores.higher_is_better(metric)
        and customary != tuned
    ]
    if not both:
        return ""
    entry = max(both, key=lambda item: item[0])[1]
    text = f" Tuning the learning rate helps {entry['rule']} most: from "
    text += f"{_score(entry['customary_best'], metric)} at its customary {number(entry['customary_rate'])} "
    return text + f"to {_score(entry['best'], metric)} at {number(entry['learning_rate'])}."


def _diverged_words(run: TableRun) -> str:
    """Which rules diverged in some replicates, at their tuned rate."""
    lost = [entry for entry in run.record["standing"] if entry.get("diverged")]
    if not lost:
        return ""
    total = run.record["replicates"]
    if total == 1:
        return f" At the tuned rate {words.joined([entry['rule'] for entry in lost])} diverged."
    shares = {total: "all"}
    items = [f"{e['rule']} in {shares.get(e['diverged'], str(e['diverged']) + ' of')} {total}" for e in lost]
    return f" Replicates that diverged at the tuned rate: {words.joined(items)}."


# Loss by epoch --------------------------------------------------------------------------------------------


class Band(NamedTuple):
    """One rule's loss by epoch over the replicates that did not diverge: mean, lowest and highest."""

    epochs: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]
    replicates: int


BANDS = 3
"""Rules whose spread over the replicates is shaded."""


def bands(run: TableRun) -> dict[str, Band]:
    """The band of each rule at its tuned rate, best rule first; a rule that always diverged has none."""
    curves: dict[str, dict[int, dict[int, float]]] = {}
    for row in scores.rows(run, "curves"):
        if row["rate"] == "tuned":
            of_rule = curves.setdefault(row["rule"], {})
            of_rule.setdefault(row["replicate"], {})[row["epoch"]] = row["validation_loss"]
    last = max((e for rule in curves.values() for curve in rule.values() for e in curve), default=0)
    found = {}
    for entry in run.record["standing"]:
        # A replicate that diverged would pull the mean of the epochs before, and then drop out of it.
        whole = [
            curve
            for curve in curves.get(entry["rule"], {}).values()
            if last in curve and all(scores.finite(loss) for loss in curve.values())
        ]
        if whole and (epochs := sorted(set.intersection(*(set(curve) for curve in whole)))):
            at = [[curve[epoch] for curve in whole] for epoch in epochs]
            ends = [min(losses) for losses in at], [max(losses) for losses in at]
            found[entry["rule"]] = Band(epochs, [statistics.fmean(v) for v in at], *ends, len(whole))
    return found


def race_curves(run: TableRun) -> Chart:
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
    _add_target(figure, run, loss, ends)
    epochs = [epoch for band in found.values() for epoch in band.epochs]
    figure.update_layout(xaxis={"dtick": 1} if max(epochs) - min(epochs) < 10 else {}, yaxis=settings)
    last = words.joined([f"{rule} {number(band.mean[-1])}" for rule, band in found.items()], limit=12)
    alt = f"Line chart of mean validation loss by epoch, one line and band a rule. At the last epoch: {last}."
    return Chart("curves", title, _curves_sentence(run, found, loss), alt, figure)


def _add_band(figure: go.Figure, rule: str, band: Band, shaded: bool) -> None:
    style, name = theme.rule_style(rule), words.plain(rule)
    quiet = {"mode": "lines", "line": {"width": 0, "color": style.colour}, "hoverinfo": "skip"}
    if band.replicates > 1 and shaded:
        for part, values in (("lowest", band.low), ("highest", band.high)):
            figure.add_scatter(
                x=band.epochs,
                y=values,
                name=f"{name}: {part}",
                legendgroup=name,
                showlegend=False,
                **quiet,
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
        line={"color": style.colour, "width": 2.5, "dash": style.dash},
        marker={"color": style.colour, "symbol": style.symbol, "size": 10},
        hovertemplate=f"{name}, epoch %{{x}}: %{{y:.3~g}}<br>replicates %{{customdata}}<extra></extra>",
    )


def _add_target(figure: go.Figure, run: TableRun, metric: str, ends: list[float]) -> None:
    """The target as a line across, where it is a loss that lies on the axis."""
    target = run.record.get("target") or {}
    value = target.get("value")
    if target.get("metric") != metric or value is None or not ends[0] <= value <= ends[1]:
        return
    line = {"color": theme.colour("quiet"), "width": 1, "dash": "dash"}
    figure.add_shape(type="line", xref="paper", x0=0, x1=1, y0=value, y1=value, line=line)
    logarithmic = scores.axis(metric, ends)["type"] == "log"
    figure.add_annotation(
        xref="paper",
        x=0,
        xanchor="left",
        xshift=4,
        # Plotly places annotations on a logarithmic axis by the exponent.
        y=math.log10(value) if logarithmic else value,
        yanchor="bottom",
        showarrow=False,
        text=f"target {number(value)}",
        font={"color": theme.colour("quiet"), "size": 13},
    )


def _curves_sentence(run: TableRun, found: dict[str, Band], loss: str) -> str:
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
    near = 1.1 * band.mean[place]
    arrivals = {
        rule: next((epoch for epoch, value in zip(b.epochs, b.mean, strict=True) if value <= near), None)
        for rule, b in found.items()
    }
    arrived = sorted((epoch, rule) for rule, epoch in arrivals.items() if epoch is not None)
    if len(found) > 1:
        text += _arrival_words(lowest, arrived, len(found))
    partly = [f"{r} ({words.count(b.replicates, 'replicate')})" for r, b in found.items() if _lost(run, r)]
    if partly:
        text += f" Drawn from the replicates that did not diverge: {words.joined(partly)}."
    absent = [entry["rule"] for entry in run.record["standing"] if entry["rule"] not in found]
    if absent:
        text += f" {words.joined(absent)} diverged in every replicate"
        text += f" and {'has' if len(absent) == 1 else 'have'} no line."
    return text


def _arrival_words(lowest: str, arrived: list[tuple[int, str]], rules: int) -> str:
    """Who comes near the lowest loss first, and how many never do."""
    epoch, first = arrived[0]
    text = (
        f" Within 10\u202f% of that {'it comes itself first' if first == lowest else f'{first} comes first'}"
    )
    text += f", at epoch {epoch}"
    missing = rules - len(arrived)
    if missing:
        text += f"; {words.count(missing, 'rule')} never {'comes' if missing == 1 else 'come'} so low"
    return f"{text}."


def _lost(run: TableRun, rule: str) -> int:
    return next((e.get("diverged") or 0 for e in run.record["standing"] if e["rule"] == rule), 0)


# Steps to the target --------------------------------------------------------------------------------------


def race_steps(run: TableRun) -> Chart:
    """The median number of steps after which a rule reaches the target, over the replicates."""
    record, title = run.record, "Steps to the target"
    target, standing = record.get("target") or {}, record["standing"]
    if not scores.finite(target.get("value")):
        return Chart("steps", title, "Left out: there is no target that half of the rules reach.")
    reached = [entry for entry in standing if scores.finite(entry.get("steps_to_target"))]
    goal = f"a validation {scores.metric_name(target['metric'])} of "
    goal += words.metric(target["metric"], target["value"])
    if not reached:
        return Chart(
            "steps", title, f"Left out: no rule reaches the target, {goal}, in half of its replicates."
        )
    order = sorted(standing, key=lambda e: (e not in reached, e.get("steps_to_target") or 0.0))
    figure = new_figure(title, f"steps to {goal.removeprefix('a ')}", "", height=120 + 34 * len(order))
    for place, entry in enumerate(order):
        if entry in reached:
            _add_steps(figure, entry, place, record["replicates"])
        else:
            _note(figure, place, f"not reached ({entry.get('reached') or 0} of {record['replicates']})")
    longest = max(entry["steps_to_target"] for entry in reached)
    figure.update_layout(
        showlegend=False,
        bargap=0.35,
        # Room for the text beside the longest bar.
        xaxis={"range": [0, 1.55 * longest], "title": {"text": "steps"}},
        yaxis=_rule_axis([entry["rule"] for entry in order]),
    )
    listed = words.joined([f"{e['rule']} {number(e['steps_to_target'])}" for e in order if e in reached], 12)
    alt = f"Bar chart of the median steps to the target, fewest first: {listed}."
    return Chart("steps", title, _steps_sentence(record, order, reached, goal), alt, figure)


def _add_steps(figure: go.Figure, entry: dict[str, Any], place: int, replicates: int) -> None:
    steps, name = entry["steps_to_target"], words.plain(entry["rule"])
    seconds = entry.get("seconds_to_target")
    after = f"<br>{number(seconds)} s" if scores.finite(seconds) else ""
    part = entry.get("reached")
    share = f" ({part} of {replicates})" if part is not None and part < replicates else ""
    figure.add_bar(
        x=[steps],
        y=[place],
        name=name,
        orientation="h",
        text=[f"{number(steps)}{share}"],
        textposition="outside",
        cliponaxis=False,
        marker={"color": theme.rule_style(entry["rule"]).colour},
        hovertemplate=f"{name}: %{{x:,.0f}} steps{after}<extra></extra>",
    )


def _steps_sentence(
    record: dict[str, Any], order: list[dict[str, Any]], reached: list[dict[str, Any]], goal: str
) -> str:
    first, last = order[0], order[len(reached) - 1]
    mean = " on average over the replicates" if record["replicates"] > 1 else ""
    text = f"The target is what half of the rules reach, {goal}{mean}. {first['rule']} is there first, after "
    text += f"{number(first['steps_to_target'])} steps"
    if record["replicates"] > 1:
        text += f" (median of {record['replicates']} replicates)"
    if scores.finite(first.get("seconds_to_target")):
        text += f", {number(first['seconds_to_target'])}\u202fs"
    if len(reached) > 1:
        ratio = last["steps_to_target"] / first["steps_to_target"] if first["steps_to_target"] else 0.0
        text += f"; {last['rule']} takes {number(last['steps_to_target'])}"
        text += f", {number(ratio, 2)} times as many" if ratio >= 1.05 else ""
    text += "."
    never = [entry["rule"] for entry in order[len(reached) :]]
    if never:
        verb = "does" if len(never) == 1 else "do"
        text += f" {words.joined(never)} {verb} not reach it in half of the replicates."
    return text
