"""The tuning of a race: the best loss of every rule at every learning rate that was tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from couloir import text as words
from couloir.figures import scores, theme
from couloir.figures.chart import Chart, new_figure
from couloir.figures.scores import TableRun
from couloir.text import number

if TYPE_CHECKING:
    import plotly.graph_objects as go


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
    _add_crosses(figure, lost, edge, name, style.colour)
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


def _add_crosses(figure: go.Figure, lost: list[dict[str, Any]], edge: float, name: str, colour: str) -> None:
    if lost:
        figure.add_scatter(
            x=[row["learning_rate"] for row in lost],
            y=[edge] * len(lost),
            name=f"{name}: diverged",
            mode="markers",
            marker={"symbol": "x-thin", "size": 10, "line": {"width": 2.5, "color": colour}},
            hovertemplate=f"{name} at %{{x:.3~g}}: diverged<extra></extra>",
            legendgroup=name,
            showlegend=False,
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
    text = _forgiving_words(spans)
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


def _forgiving_words(spans: list[tuple[float, dict[str, Any]]]) -> str:
    """Which rule has the widest range of good rates, and which the narrowest."""
    text = ""
    if spans:
        widest, narrowest = max(spans, key=lambda s: s[0]), min(spans, key=lambda s: s[0])
        if narrowest[0] == widest[0] and len(spans) > 1:
            text = (
                "Equally forgiving are all rules: each stays within 10\u202f% of its best over a factor of "
            )
            text += f"{number(widest[0], 2)}."
            if widest[0] == 1:
                text = "No rule has a second rate within 10\u202f% of its best."
        else:
            text = (
                f"{'Most forgiving is ' if len(spans) > 1 else ''}{widest[1]['rule']}: {_span_words(widest)}."
            )
        if narrowest[0] < widest[0]:
            text += f" Hardest to tune is {narrowest[1]['rule']}: {_span_words(narrowest)}."
    return text


def _span_words(item: tuple[float, dict[str, Any]]) -> str:
    span, entry = item
    low, high = entry["good_range"]
    if span <= 1:
        return f"no other rate tried comes within 10\u202f% of its best, at {number(low)}"
    within = f"from {number(low)} to {number(high)}, a factor of {number(span, 2)},"
    return f"{within} it stays within 10\u202f% of its best"
