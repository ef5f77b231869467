"""A race of update rules: the standing, at the tuned rates and at the customary ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from couloir import text as words
from couloir.engine.metrics import METRICS
from couloir.figures import scores, theme
from couloir.figures.chart import Chart, Figure, new_figure
from couloir.figures.scores import TableRun
from couloir.figures.traces import add_note, add_trace, listed, mark
from couloir.runs.records import RaceRecord
from couloir.runs.records.learned import Interval, Standing
from couloir.text import number

ALL_DIVERGED = "No rule can be drawn: all of them diverged."

Drawn = list[tuple[Standing, Interval]]
"""Rules that diverged in no replicate, best first, with their scores."""


def rule_axis(rules: Sequence[str]) -> dict[str, Any]:
    """Axis settings: one line a rule, the first on top."""
    font = {"size": 13, "color": theme.colour("ink")}
    return listed([words.plain(rule, 18) for rule in rules], ticklabelstandoff=6, tickfont=font)


def note(figure: Figure, place: int, text: str) -> None:
    """A word at the left end of a rule's line, where there is nothing to draw."""
    add_note(figure, 0, place, text, xref="paper", xanchor="left", xshift=6)


def race_standing(run: TableRun[RaceRecord]) -> Chart:
    """The mean of each rule's best validation score over the replicates with its 95 % interval.

    Filled: at the tuned learning rate. Hollow: at the rule's customary rate.
    """
    record, metric, title = run.record, run.record.metric, "The rules, best first"
    drawn = [(entry, entry.best[metric]) for entry in record.standing if entry.best]
    if not drawn:
        return Chart("standing", title, ALL_DIVERGED)
    figure = new_figure(title, scores.axis_title(record, metric, "best validation"), "")
    _add_kinds(figure)
    for place, entry in enumerate(record.standing):
        _add_standing(figure, entry, place, metric)
    means = [trace.x[0] for trace in figure.data if trace.x and trace.x[0] is not None]
    figure.update_layout(
        height=130 + 46 * len(record.standing),
        xaxis=scores.axis(metric, means),
        yaxis=rule_axis([entry.rule for entry in record.standing]),
        legend={"itemsizing": "constant"},
    )
    alt = f"Dot chart, one line a rule. Mean best validation {scores.metric_name(metric)}: "
    alt += f"{_listed(drawn, metric)}."
    return Chart("standing", title, _standing_sentence(record, drawn), alt, figure)


def _add_kinds(figure: Figure) -> None:
    """The legend's two entries; each switches the marks of its kind on and off."""
    for kind, symbol in (("tuned rate", "circle"), ("customary rate", "circle-open")):
        marker = mark("quiet", 11, symbol)
        figure.add_scatter(x=[None], y=[None], mode="markers", name=kind, legendgroup=kind, marker=marker)


def _add_standing(figure: Figure, entry: Standing, place: int, metric: str) -> None:
    """One rule's two marks; where it has no score at its tuned rate, why."""
    if entry.best:
        _add_mark(figure, entry, place - 0.13, metric, entry.best[metric], tuned=True)
    if entry.customary_best:
        _add_mark(figure, entry, place + 0.15, metric, entry.customary_best[metric], tuned=False)
    if not entry.best:
        note(figure, place, f"diverged in {words.count(entry.diverged, 'replicate')}")


def _add_mark(figure: Figure, entry: Standing, y: float, metric: str, score: Interval, tuned: bool) -> None:
    colour, name = theme.rule_style(entry.rule).colour, words.plain(entry.rule)
    kind, rate = ("tuned", entry.learning_rate) if tuned else ("customary", entry.customary_rate)
    add_trace(
        figure,
        [score.mean],
        [y],
        f"{name}, {kind} rate",
        marker=mark(colour, 12, "circle" if tuned else "circle-open", (2, colour)),
        hover=f"{name} at {number(rate)} ({kind})<br>%{{x:{scores.hover(metric)}}}"
        f"{_interval_words(score, metric)}",
        error_x=_error_bar(score, colour, 2 if tuned else 1),
        legendgroup=f"{kind} rate",
        showlegend=False,
    )


def _error_bar(score: Interval, colour: str, thickness: int) -> dict[str, Any] | None:
    """The interval as an error bar; None where there is none."""
    if score.low is None or score.high is None:
        return None
    above, below = score.high - score.mean, score.mean - score.low
    return {"array": [above], "arrayminus": [below], "color": colour, "thickness": thickness, "width": 4}


def _interval_words(score: Interval, metric: str) -> str:
    if score.low is None:
        return ""
    return f"<br>95 % interval {words.metric(metric, score.low)} to {words.metric(metric, score.high)}"


def _standing_sentence(record: RaceRecord, drawn: Drawn) -> str:
    metric, (first, score) = record.metric, drawn[0]
    text = f"{first.rule} has the {scores.superlative(metric)} mean validation {scores.metric_name(metric)}, "
    text += words.metric(metric, score.mean)
    if score.low is not None:
        text += f" (95\u202f% interval {words.metric(metric, score.low)} to "
        text += f"{words.metric(metric, score.high)} over {words.count(record.replicates, 'replicate')})"
    else:
        text += ", in the one replicate there is; without a second there is no interval"
    if len(drawn) > 1:
        text += f". Next {'is' if len(drawn) == 2 else 'are'} {_listed(drawn[1:3], metric, '{} ({})')}"
    text += "."
    return text + _tuning_words(drawn, metric) + _diverged_words(record)


def _listed(drawn: Drawn, metric: str, pattern: str = "{} {}") -> str:
    return words.joined([pattern.format(e.rule, words.metric(metric, s.mean)) for e, s in drawn], limit=12)


def _tuning_words(drawn: Drawn, metric: str) -> str:
    """Which rule gains most from tuning its learning rate."""
    sign = METRICS[metric].sign
    both = [(e, e.customary_best[metric].mean, tuned.mean) for e, tuned in drawn if e.customary_best]
    entry, before, after = max(both, key=lambda each: sign * (each[1] - each[2]), default=(None, 0.0, 0.0))
    if entry is None or sign * (before - after) <= 0:
        return ""
    text = f" Tuning the learning rate helps {entry.rule} most: from {words.metric(metric, before)} at its "
    text += f"customary {number(entry.customary_rate)} to {words.metric(metric, after)} at "
    return f"{text}{number(entry.learning_rate)}."


def _diverged_words(record: RaceRecord) -> str:
    """Which rules diverged in some replicates, at their tuned rate."""
    lost, total = [entry for entry in record.standing if entry.diverged], record.replicates
    if not lost:
        return ""
    if total == 1:
        return f" At the tuned rate {words.joined([entry.rule for entry in lost])} diverged."
    items = [f"{e.rule} in {'all' if e.diverged == total else f'{e.diverged} of'} {total}" for e in lost]
    return f" Replicates that diverged at the tuned rate: {words.joined(items)}."
