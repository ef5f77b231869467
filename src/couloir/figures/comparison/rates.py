"""The tuning of a race: the best loss of every rule at every learning rate that was tried."""

from __future__ import annotations

from couloir import text as words
from couloir.figures import scores, theme
from couloir.figures.chart import Chart, Figure, Row, new_figure
from couloir.figures.scores import TableRun
from couloir.figures.traces import add_trace, line, mark
from couloir.runs.records import RaceRecord
from couloir.text import number


def race_rates(run: TableRun[RaceRecord]) -> Chart:
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
    good = {entry.rule: entry.good_range for entry in run.record.standing}
    for rule in [*good, *run.record.left_out]:
        of_rule = sorted((row for row in tuning if row["rule"] == rule), key=lambda row: row["learning_rate"])
        _add_rates(figure, rule, of_rule, good.get(rule), edge)
    figure.update_layout(
        xaxis={
            "type": "log",
            "dtick": 1 if max(rates) < 1e6 * min(rates) else 2,
            "tickformat": ",.3~r",
            "minor": {"dtick": "D1", "showgrid": False},
        },
        yaxis=settings,
    )
    tuned = words.joined([f"{e.rule} {number(e.learning_rate)}" for e in run.record.standing], limit=12)
    alt = f"Line chart over the learning rate. Tuned rates: {tuned}."
    return Chart("rates", title, _rates_sentence(run.record, tuning, ends, beyond), alt, figure)


def _scored(row: Row) -> bool:
    return row["status"] != "diverged" and scores.finite(row["best_loss"])


def _add_rates(
    figure: Figure, rule: str, tuning: list[Row], good_range: tuple[float, float] | None, edge: float
) -> None:
    style, name = theme.rule_style(rule), words.plain(rule)
    drawn, lost = [row for row in tuning if _scored(row)], [row for row in tuning if not _scored(row)]
    low, high = good_range or (1.0, 0.0)
    slack = 1 + 1e-9  # the ends are rates of the table, written once more
    good = [row for row in drawn if low / slack <= row["learning_rate"] <= high * slack]
    if len(good) > 1:
        band = {"color": theme.faint(style.colour), "width": 13}
        add_trace(figure, *_points(good), f"{name}: good range", band, legendgroup=name, showlegend=False)
    own, marks = line(style.colour, 1.5, style.dash), mark(style.colour, 8, style.symbol)
    # Without a point a rule has a name in the legend all the same.
    x, y = _points(drawn or [{"learning_rate": None, "best_loss": None}])
    add_trace(figure, x, y, name, own, marks, f"{name} at %{{x:.3~g}}: %{{y:.3~g}}", legendgroup=name)
    if lost:
        figure.add_scatter(
            x=[row["learning_rate"] for row in lost],
            y=[edge] * len(lost),
            name=f"{name}: diverged",
            mode="markers",
            marker={"symbol": "x-thin", "size": 10, "line": {"width": 2.5, "color": style.colour}},
            hovertemplate=f"{name} at %{{x:.3~g}}: diverged<extra></extra>",
            legendgroup=name,
            showlegend=False,
        )


def _points(rows: list[Row]) -> tuple[list[float | None], list[float | None]]:
    return [row["learning_rate"] for row in rows], [row["best_loss"] for row in rows]


def _rates_sentence(record: RaceRecord, tuning: list[Row], ends: list[float], beyond: int) -> str:
    text = _forgiving_words({e.rule: e.good_range for e in record.standing if e.good_range})
    for side, further in (("highest", "higher"), ("lowest", "lower")):
        rules = [entry.rule for entry in record.standing if entry.at_edge == side]
        if rules:
            verb = "has its best rate" if len(rules) == 1 else "have their best rates"
            text += f" {words.joined(rules)} {verb} at the {side} tried: still {further} ones may be better."
    lost = sum(not _scored(row) for row in tuning)
    if lost:
        text += f" {lost:,} of {words.count(len(tuning), 'training')} diverged (×)."
    if record.left_out:
        text += f" {words.joined(record.left_out)} diverged at every rate and did not race."
    if beyond:
        text += f" {words.count(beyond, 'loss', 'losses')} above {number(ends[1], 2)} "
        text += f"{'lies' if beyond == 1 else 'lie'} outside the drawing."
    return text.strip()


def _forgiving_words(good: dict[str, tuple[float, float]]) -> str:
    """Which rule has the widest range of good rates, and which the narrowest."""
    if not good:
        return ""
    spans = {rule: high / low for rule, (low, high) in good.items()}
    widest, narrowest = max(spans, key=spans.__getitem__), min(spans, key=spans.__getitem__)
    if spans[widest] == 1 and len(spans) > 1:
        return "No rule has a second rate within 10\u202f% of its best."
    if spans[narrowest] == spans[widest] and len(spans) > 1:
        text = "Equally forgiving are all rules: each stays within 10\u202f% of its best over a factor of "
        return f"{text}{number(spans[widest], 2)}."
    text = f"{'Most forgiving is ' if len(spans) > 1 else ''}{widest}: {_span_words(*good[widest])}."
    if len(spans) > 1:
        text += f" Hardest to tune is {narrowest}: {_span_words(*good[narrowest])}."
    return text


def _span_words(low: float, high: float) -> str:
    if low == high:
        return f"no other rate tried comes within 10\u202f% of its best, at {number(low)}"
    within = f"from {number(low)} to {number(high)}, a factor of {number(high / low, 2)},"
    return f"{within} it stays within 10\u202f% of its best"
