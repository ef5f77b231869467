"""A race of update rules: standing, loss by epoch and by learning rate, steps to a target, the pairs."""

from __future__ import annotations

import copy
import math
import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from couloir.figures import scores, theme, words
from couloir.figures.chart import Chart, new_figure
from couloir.figures.scores import TableRun
from couloir.figures.words import number

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


# The standing ----------------------------------------------------------------------------------------------


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
    marks = (
        ("tuned rate", entry["best"], entry["learning_rate"], "circle", -0.13),
        ("customary rate", entry.get("customary_best"), entry.get("customary_rate"), "circle-open", 0.15),
    )
    for kind, found, rate, symbol, shift in marks:
        mean = mean_of(found, metric)
        if mean is None or found is None:
            continue
        score, interval = found[metric], None
        if scores.finite(score.get("low")) and scores.finite(score.get("high")):
            interval = {
                "array": [score["high"] - mean],
                "arrayminus": [mean - score["low"]],
                "color": style.colour,
                "thickness": 2 if shift < 0 else 1,
                "width": 4,
            }
        figure.add_scatter(
            x=[mean],
            y=[place + shift],
            error_x=interval,
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


# Loss by epoch ---------------------------------------------------------------------------------------------


class Band(NamedTuple):
    """One rule's loss by epoch over the replicates that did not diverge: mean, lowest and highest."""

    epochs: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]
    replicates: int


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
    """Mean validation loss by epoch at the tuned rates; the band spans the replicates, lowest to highest."""
    title, loss = "Validation loss by epoch, at the tuned rates", scores.loss_of(run.record)
    found = bands(run)
    if not found:
        return Chart("curves", title, ALL_DIVERGED)
    figure = new_figure(title, "epoch", scores.axis_title(run.record, loss), height=520)
    for rule, band in found.items():
        _add_band(figure, rule, band)
    values = [value for band in found.values() for value in (*band.low, *band.high)]
    settings, ends, _ = scores.clipped(loss, values)
    _add_target(figure, run, loss, ends)
    epochs = [epoch for band in found.values() for epoch in band.epochs]
    figure.update_layout(xaxis={"dtick": 1} if max(epochs) - min(epochs) < 10 else {}, yaxis=settings)
    last = words.joined([f"{rule} {number(band.mean[-1])}" for rule, band in found.items()], limit=12)
    alt = f"Line chart of mean validation loss by epoch, one line and band a rule. At the last epoch: {last}."
    return Chart("curves", title, _curves_sentence(run, found, loss), alt, figure)


def _add_band(figure: go.Figure, rule: str, band: Band) -> None:
    style, name = theme.rule_style(rule), words.plain(rule)
    quiet = {"mode": "lines", "line": {"width": 0, "color": style.colour}, "hoverinfo": "skip"}
    if band.replicates > 1:
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
    text = f"The lowest mean {scores.metric_name(loss)} of all is {lowest}'s, {number(band.mean[place])} "
    text += f"at epoch {band.epochs[place]}"
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


# Loss by learning rate -------------------------------------------------------------------------------------


def race_rates(run: TableRun) -> Chart:
    """Best validation loss at every learning rate of the tuning, one line a rule.

    The wide band marks a rule's good range, within 10 % of its best; × marks a training that diverged.
    """
    title, loss = "Tuning: validation loss against learning rate", scores.loss_of(run.record)
    tuning = scores.rows(run, "tuning")
    values = [row["best_loss"] for row in tuning if _scored(row)]
    if not values:
        return Chart("rates", title, "No rate can be drawn: at every one the training diverged.")
    figure = new_figure(title, "learning rate", scores.axis_title(run.record, loss, "best validation"), 540)
    rates = [row["learning_rate"] for row in tuning]
    settings, ends, beyond = scores.clipped(loss, values)
    edge = scores.edge(loss, ends, settings["type"] == "log")
    known = {entry["rule"]: entry for entry in run.record["standing"]}
    for rule in dict.fromkeys([*known, *(row["rule"] for row in tuning)]):
        entry = known.get(rule, {"rule": rule})
        of_rule = [row for row in tuning if row["rule"] == rule]
        _add_rates(figure, entry, sorted(of_rule, key=lambda row: row["learning_rate"]), edge)
    figure.update_layout(
        xaxis={
            "type": "log",
            "dtick": 1 if max(rates) < 1e6 * min(rates) else 2,
            "tickformat": ",.3~r",
            "minor": {"dtick": "D1", "showgrid": False},
        },
        yaxis=settings,
    )
    alt = f"Line chart over the learning rate. Tuned rates: {_tuned_words(run)}."
    return Chart("rates", title, _rates_sentence(run, tuning, ends, beyond), alt, figure)


def _scored(row: dict[str, Any]) -> bool:
    return row["status"] != "diverged" and scores.finite(row["best_loss"])


def _add_rates(figure: go.Figure, entry: dict[str, Any], tuning: list[dict[str, Any]], edge: float) -> None:
    style, name = theme.rule_style(entry["rule"]), words.plain(entry["rule"])
    drawn, lost = [row for row in tuning if _scored(row)], [row for row in tuning if not _scored(row)]
    low, high = entry.get("good_range") or [1.0, 0.0]
    slack = 1 + 1e-9  # the ends are rates of the table, written once more
    good = [row for row in drawn if low / slack <= row["learning_rate"] <= high * slack]
    common = {"legendgroup": name, "showlegend": False}
    wide = {"color": theme.faint(style.colour), "width": 13}
    if len(good) > 1:
        _add_points(
            figure, good, name=f"{name}: good range", mode="lines", line=wide, hoverinfo="skip", **common
        )
    _add_points(
        figure,
        drawn or [{"learning_rate": None, "best_loss": None}],  # a name in the legend all the same
        name=name,
        legendgroup=name,
        mode="lines+markers",
        line={"color": style.colour, "width": 1.5, "dash": style.dash},
        marker={"color": style.colour, "symbol": style.symbol, "size": 8},
        hovertemplate=f"{name} at %{{x:.3~g}}: %{{y:.3~g}}<extra></extra>",
    )
    if lost:
        figure.add_scatter(
            x=[row["learning_rate"] for row in lost],
            y=[edge] * len(lost),
            name=f"{name}: diverged",
            mode="markers",
            marker={"symbol": "x-thin", "size": 10, "line": {"width": 2.5, "color": style.colour}},
            hovertemplate=f"{name} at %{{x:.3~g}}: diverged<extra></extra>",
            **common,
        )
    customary = [row for row in drawn if row.get("customary")]
    ring = {"color": style.colour, "symbol": "circle-open", "size": 16, "line": {"width": 2}}
    if customary:
        _add_points(
            figure,
            customary,
            name=f"{name}: customary",
            mode="markers",
            marker=ring,
            hoverinfo="skip",
            **common,
        )


def _add_points(figure: go.Figure, rows: list[dict[str, Any]], **settings: Any) -> None:
    figure.add_scatter(
        x=[row["learning_rate"] for row in rows], y=[row["best_loss"] for row in rows], **settings
    )


def _tuned_words(run: TableRun) -> str:
    known = [entry for entry in run.record["standing"] if scores.finite(entry.get("learning_rate"))]
    return words.joined([f"{e['rule']} {number(e['learning_rate'])}" for e in known], limit=12)


def _rates_sentence(run: TableRun, tuning: list[dict[str, Any]], ends: list[float], beyond: int) -> str:
    standing = run.record["standing"]
    spans = [
        (entry["good_range"][1] / entry["good_range"][0], entry)
        for entry in standing
        if entry.get("good_range") and entry["good_range"][0] > 0
    ]
    text = ""
    if spans:
        widest, narrowest = max(spans, key=lambda s: s[0]), min(spans, key=lambda s: s[0])
        if narrowest[0] == widest[0] and len(spans) > 1:
            text = f"All rules are equally forgiving: {_span_words(widest)}."
        else:
            text = (
                f"{'Most forgiving is ' if len(spans) > 1 else ''}{widest[1]['rule']}: {_span_words(widest)}."
            )
        if narrowest[0] < widest[0]:
            text += f" Hardest to tune is {narrowest[1]['rule']}: {_span_words(narrowest)}."
    edges = {
        side: [e["rule"] for e in standing if e.get("at_edge") == side] for side in ("lowest", "highest")
    }
    for side, further in (("highest", "higher"), ("lowest", "lower")):
        if edges[side]:
            verb = "has its best rate" if len(edges[side]) == 1 else "have their best rates"
            text += f" {words.joined(edges[side])} {verb} at the {side} tried: "
            text += f"still {further} ones may be better."
    lost = sum(not _scored(row) for row in tuning)
    if lost:
        text += f" {lost:,} of {words.count(len(tuning), 'training')} diverged (×)."
    absent = sorted({row["rule"] for row in tuning} - {row["rule"] for row in tuning if _scored(row)})
    if absent:
        text += f" {words.joined(absent)} diverged at every rate and did not race."
    if any(row.get("customary") and _scored(row) for row in tuning):
        text += " A ring marks the customary rate."
    if beyond:
        text += f" {words.count(beyond, 'loss', 'losses')} above {number(ends[1], 2)} "
        text += f"{'lies' if beyond == 1 else 'lie'} outside the drawing."
    return text.strip() or "No rule has a rate whose training did not diverge."


def _span_words(item: tuple[float, dict[str, Any]]) -> str:
    span, entry = item
    low, high = entry["good_range"]
    if span <= 1:
        return f"no other rate tried comes within 10\u202f% of its best, at {number(low)}"
    within = f"from {number(low)} to {number(high)}, a factor of {number(span, 2)},"
    return f"{within} it stays within 10\u202f% of its best"


# Steps to the target ---------------------------------------------------------------------------------------


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


# Who is better than whom -----------------------------------------------------------------------------------


def race_pairs(run: TableRun) -> Chart:
    """How much better the rule of a row is than the rule of a column; blue where the difference is real.

    Real: below 5 % by the paired t test with Nadeau and Bengio's correction, Holm over all pairs.
    """
    title, pairs = "Who is really better than whom", run.record.get("pairs") or []
    if not pairs:
        return Chart("pairs", title, "Left out: with one rule there is no pair to compare.")
    rules = [entry["rule"] for entry in run.record["standing"]]
    figure = new_figure(title, "", "", height=max(260, min(620, 130 + 46 * len(rules))))
    _add_pairs(figure, rules, pairs, run.record["metric"])
    names = [words.plain(rule, 14) for rule in rules]
    common = {"type": "linear", "showgrid": False, "ticks": "", "ticklabelstandoff": 4}
    common["tickfont"] = {"size": 13, "color": theme.colour("ink")}
    # The best rule is worse than none, so it has no column; the last one has no row.
    across = {"tickvals": list(range(1, len(rules))), "ticktext": names[1:], "range": [0.5, len(rules) - 0.5]}
    across |= {"side": "top", "tickangle": -90 if len(rules) > 4 else 0}
    down = {
        "tickvals": list(range(len(rules) - 1)),
        "ticktext": names[:-1],
        "range": [len(rules) - 1.5, -0.5],
    }
    figure.update_layout(showlegend=False, xaxis=common | across, yaxis=common | down)
    # A matrix has nothing to zoom into, and the tool bar would lie on its last column.
    figure.update_layout(
        dragmode=False, modebar={"remove": ["zoom", "pan", "zoomin", "zoomout", "resetscale"]}
    )
    real = [f"{pair['first']} than {pair['second']}" for pair in pairs if pair["different"]]
    alt = f"Matrix of {words.count(len(pairs), 'pair')} of rules. "
    alt += f"Really better: {words.joined(real, limit=30)}."
    return Chart("pairs", title, _pairs_sentence(pairs, run.record["replicates"]), alt, figure)


VERDICTS = {"real": ("right", "paper"), "reversed": ("wrong", "paper"), "open": ("right-faint", "quiet")}
"""The colour of a cell and of its text, by what the test says; reversed: the rule of the column is better."""


def _add_pairs(figure: go.Figure, rules: list[str], pairs: list[dict[str, Any]], metric: str) -> None:
    """One heat map for each verdict, so that each has a colour of its own."""
    place = {rule: index for index, rule in enumerate(rules)}
    cells: dict[str, list[tuple[int, int, dict[str, Any]]]] = {}
    for pair in pairs:
        # Above the diagonal: the rule that stands higher is the row.
        row, column = sorted((place[pair["first"]], place[pair["second"]]))
        cells.setdefault(_verdict(pair, rules[row]), []).append((row, column, pair))
    for verdict, items in cells.items():
        fill, ink = VERDICTS.get(verdict, ("blank", "quiet"))
        z: list[list[Any]] = [[None] * len(rules) for _ in rules[1:]]
        words_of, text = copy.deepcopy(z), [[""] * len(rules) for _ in rules[1:]]
        for row, column, pair in items:
            swapped = pair["first"] != rules[row]
            z[row][column], words_of[row][column] = 1, _pair_words(pair, metric)
            text[row][column] = (
                "?" if verdict == "unknown" else difference(pair["difference"], metric, swapped)
            )
        figure.add_heatmap(
            name=verdict,
            z=z,
            text=text,
            texttemplate="%{text}",
            textfont={"size": 11, "color": theme.colour(ink)},
            customdata=words_of,
            hovertemplate="%{customdata}<extra></extra>",
            hoverongaps=False,
            colorscale=[[0, theme.colour(fill)], [1, theme.colour(fill)]],
            showscale=False,
            xgap=2,
            ygap=2,
        )


def _verdict(pair: dict[str, Any], row: str) -> str:
    if pair["different"] is None:
        return "unknown"
    if not pair["different"]:
        return "open"
    return "real" if pair["first"] == row else "reversed"


def difference(value: float | None, metric: str, swapped: bool = False) -> str:
    """The size of a difference in few characters: .021, 310k; percentage points for shares."""
    if not scores.finite(value) or value is None:
        return "?"
    size, sign = abs(value), "−" if swapped else ""
    if metric in words.SHARES:
        return f"{sign}{100 * size:.1f}"
    for power, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= power:
            return f"{sign}{number(size / power, 2)}{letter}"
    return sign + number(size, 2).removeprefix("0" if 0 < size < 1 else "")


def _pair_words(pair: dict[str, Any], metric: str) -> str:
    first, second = words.plain(pair["first"]), words.plain(pair["second"])
    if pair["different"] is None:
        return f"{first} and {second}: not tested, one of them diverged"
    size = difference(pair["difference"], metric) + (" points" if metric in words.SHARES else "")
    verdict = "really better" if pair["different"] else "not to be told apart"
    return f"{first} against {second}: better by {size}<br>{verdict} ({scores.p_value(pair['p_adjusted'])})"


def _pairs_sentence(pairs: list[dict[str, Any]], replicates: int) -> str:
    tested = [pair for pair in pairs if pair["different"] is not None]
    real = [pair for pair in tested if pair["different"]]
    text = ""
    if len(pairs) == 1 and tested:
        text = (
            f"The two {'differ by more' if real else 'do not differ by more'} than chance allows (5\u202f%)."
        )
    elif tested and not real:
        text = f"In none of {words.count(len(tested), 'pair')} is the difference larger than chance allows: "
        text += "these replicates cannot tell the rules apart."
    elif tested:
        text = f"In {len(real)} of {words.count(len(tested), 'pair')} the difference is larger than chance "
        text += "allows (5\u202f%, Holm's correction over all pairs)."
        alike = [f"{pair['first']} and {pair['second']}" for pair in tested if not pair["different"]]
        text += f" Not told apart: {'; '.join(alike)}." if 0 < len(alike) <= 3 else ""
    if replicates == 1:
        return "One replicate tells no difference from chance: no pair was tested."
    if len(tested) < len(pairs):
        left = len(pairs) - len(tested)
        was = "was" if left == 1 else "were"
        text += f" {words.count(left, 'pair')} (?) {was} not tested, as a rule diverged."
    return text.strip()
