"""How the best validation loss responds to the learning rate, rule by rule."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from couloir import text as words
from couloir.figures import reading, theme
from couloir.figures.chart import Chart, Figure, Row, Run, logarithmic_where_wide, new_figure
from couloir.figures.traces import add_note, add_trace, line, mark
from couloir.runs.records import TrainRecord
from couloir.text import number


class Point(NamedTuple):
    """One rule at one learning rate: its best loss there (None: all diverged) and how many diverged."""

    rate: float
    loss: float | None
    diverged: int
    members: int


def learning_rate_response(run: Run[TrainRecord]) -> Chart:
    """The best validation loss at each learning rate, one line a rule; × where every member diverged.

    Where more is varied than rule and rate, a point is the best over the rest.
    """
    title = "Validation loss against learning rate"
    rows = reading.members(run)
    if len({row["learning_rate"] for row in rows}) < 2:
        only = number(rows[0]["learning_rate"]) if rows else "–"
        return Chart("learning-rate", title, f"Left out: all members have the same learning rate, {only}.")
    response = {rule: _response(rows, rule) for rule in dict.fromkeys(row["optimizer"] for row in rows)}
    values = [row["validation_loss"] for row in reading.scored(rows)]
    if not values:
        return Chart("learning-rate", title, "No member can be drawn: all of them diverged.")
    figure = new_figure(title, "learning rate", reading.loss_axis(run, "best validation"), height=500)
    scale = logarithmic_where_wide(values)
    span = max(values) / min(values) if scale["type"] == "log" else max(values) - min(values)
    top = max(values) * span**0.12 if scale["type"] == "log" else max(values) + 0.12 * (span or 1.0)
    for rule, points in response.items():
        _add_response(figure, rule, points, top)
    if any(point.loss is None for points in response.values() for point in points):
        # Plotly places annotations on a logarithmic axis by the exponent.
        height = math.log10(top) if scale["type"] == "log" else top
        add_note(figure, 0, height, "× diverged", xref="paper", xanchor="left", yanchor="middle")
    figure.update_layout(xaxis=_rate_axis(sorted({row["learning_rate"] for row in rows})), yaxis=scale)
    sentence = _response_sentence(response)
    alt = f"Line chart over the learning rate. Best loss of each rule: {_response_words(response)}."
    return Chart("learning-rate", title, sentence, alt, figure)


def _rate_axis(rates: list[float]) -> dict[str, Any]:
    """Axis settings: a tick at each rate where they are few, powers of ten otherwise."""
    axis: dict[str, Any] = {"type": "log", "tickformat": ",.3~r"}
    if len(rates) <= 5:
        return axis | {"tickvals": rates, "ticktext": [number(rate) for rate in rates]}
    return axis | ({"dtick": "D2"} if rates[-1] / rates[0] < 150 else {})


def _response(rows: list[Row], rule: str) -> list[Point]:
    """One rule's points, by rate."""
    of_rule = [row for row in rows if row["optimizer"] == rule]
    points = []
    for rate in sorted({row["learning_rate"] for row in of_rule}):
        here = [row for row in of_rule if row["learning_rate"] == rate]
        losses = [row["validation_loss"] for row in reading.scored(here)]
        diverged = sum(row["status"] == "diverged" for row in here)
        points.append(Point(rate, min(losses, default=None), diverged, len(here)))
    return points


def _add_response(figure: Figure, rule: str, points: list[Point], top: float) -> None:
    style, name = theme.rule_style(rule), words.plain(rule)
    drawn = [point for point in points if point.loss is not None]
    lost = [point for point in points if point.loss is None]
    figure.add_scatter(
        x=[point.rate for point in drawn],
        y=[point.loss for point in drawn],
        customdata=[f"<br>{p.diverged} of {p.members} diverged" if p.diverged else "" for p in drawn],
        name=name,
        legendgroup=rule,
        mode="lines+markers",
        line=line(style.colour, 2, style.dash),
        marker=mark(style.colour, 9, style.symbol),
        hovertemplate=f"{name} at %{{x:.3~g}}: %{{y:.3~g}}%{{customdata}}<extra></extra>",
    )
    if lost:
        x, crosses = [point.rate for point in lost], mark(style.colour, 11, "x-thin", (2.5, style.colour))
        own: dict[str, Any] = {"legendgroup": rule, "showlegend": False}
        hover = f"{name} at %{{x:.3~g}}: diverged"
        add_trace(figure, x, [top] * len(lost), f"{name}: diverged", None, crosses, hover, **own)


def _best(points: list[Point]) -> Point | None:
    """The point of the lowest loss; None where every member diverged."""
    return min((p for p in points if p.loss is not None), key=lambda p: p.loss or 0.0, default=None)


def _response_sentence(response: dict[str, list[Point]]) -> str:
    best = {rule: point for rule, points in response.items() if (point := _best(points))}
    rule = min(best, key=lambda name: best[name].loss or 0.0)
    rate, loss = best[rule].rate, best[rule].loss or 0.0
    text = f"{rule} does best, at a learning rate of {number(rate)} (loss {number(loss)})"
    near = [point.rate for point in response[rule] if point.loss is not None and point.loss <= 1.1 * loss]
    if len(near) > 1:
        text += f", and stays within 10\u202f% of that from {number(min(near))} to {number(max(near))}"
    text += "." + _forgiving_sentence(response, loss)
    return text + _edge_sentence(response, best) + _lost_sentence(response)


def _edge_sentence(response: dict[str, list[Point]], best: dict[str, Point]) -> str:
    """Which rules are best at an end of the rates tried: their search was too narrow."""
    text = ""
    for side, further, place in (("highest", "higher", -1), ("lowest", "lower", 0)):
        edge = [rule for rule in best if len(response[rule]) > 1 and best[rule] is response[rule][place]]
        if edge:
            verb = "has its best rate" if len(edge) == 1 else "have their best rates"
            text += f" {words.joined(edge)} {verb} at the {side} tried: still {further} ones may be better."
    return text


def _lost_sentence(response: dict[str, list[Point]]) -> str:
    lost = {rule: points for rule, points in response.items() if any(point.diverged for point in points)}
    if not lost:
        return ""
    total = sum(point.diverged for points in lost.values() for point in points)
    where = words.joined([_diverged_words(*item) for item in lost.items()], limit=8)
    return f" {words.count(total, 'member')} diverged (×): {where}."


def _forgiving_sentence(response: dict[str, list[Point]], lowest: float) -> str:
    """Which rule stays near the best loss over the widest range of rates."""
    spans = {}
    for rule, points in response.items():
        good = [rate for rate, loss, _, _ in points if loss is not None and loss <= 1.5 * lowest]
        if len(good) > 1:
            spans[rule] = (max(good) / min(good), min(good), max(good))
    if not spans:
        return " No other point comes within 50\u202f% of that loss."
    rule = max(spans, key=lambda name: spans[name][0])
    _, low, high = spans[rule]
    text = f" Most forgiving is {rule}: from {number(low)} to {number(high)}"
    return f"{text} it stays within 50\u202f% of the lowest loss."


def _response_words(response: dict[str, list[Point]]) -> str:
    items = []
    for rule, points in response.items():
        best = _best(points)
        items.append(f"{rule} {number(best.loss)} at {number(best.rate)}" if best else f"{rule} diverged")
    return words.joined(items, limit=12)


def _diverged_words(rule: str, points: list[Point]) -> str:
    rates = [point.rate for point in points if point.diverged]
    above = all(point.diverged for point in points if point.rate >= rates[0])
    if above and len(rates) > 1:
        return f"{rule} from {number(rates[0])} up"
    return f"{rule} at {words.joined([number(rate) for rate in rates])}"
