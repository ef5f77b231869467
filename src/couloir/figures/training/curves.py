"""How training went: the winner's learning curves, rule against rule, the gap to new rows."""

from __future__ import annotations

from typing import Any

from couloir import text as words
from couloir.engine.metrics import HEADLINE_METRIC
from couloir.figures import reading, scores, settings, theme
from couloir.figures.chart import Chart, Figure, Row, Run, logarithmic_where_wide, new_figure
from couloir.figures.theme import RuleStyle
from couloir.figures.traces import add_note, add_trace, line, mark
from couloir.runs.records import TrainRecord
from couloir.text import number


def learning_curves(run: Run[TrainRecord]) -> Chart:
    """The winner's training and validation loss by epoch, with the epoch that was kept.

    Both losses are the unpenalised log loss (nats) or mean squared error, after each epoch.
    """
    winner = run.record.winner
    to_the_end, part = settings.is_portfolio(run.record), "validation"
    name = f"{winner.optimizer} at {number(winner.learning_rate)}"
    if to_the_end:
        name, part = settings.network(winner.hyperparameters), settings.judged_on(run.record)
    title = f"Learning curves of the winner: {words.plain(name)}"
    points = reading.curve(run, winner.member, "training_loss", "validation_loss")
    if not points:
        return Chart("learning-curves", title, "The history holds no epoch of the winner.")
    values = [value for point in points for value in point[1:]]
    figure = new_figure(title, "epoch", reading.loss_axis(run, ""))
    style = settings.style(run, name) if to_the_end else theme.rule_style(winner.optimizer)
    _add_line(figure, run, "training", points, {"color": style.colour, "width": 2, "dash": "dot"})
    _add_line(figure, run, "validation", points, {"color": style.colour, "width": 2.5}, part)
    figure.data[1].update(fill="tonexty", fillcolor=theme.faint(style.colour))
    mark_epoch(figure, winner.best_epoch, f"kept: epoch {winner.best_epoch}", points[-1][0])
    epochs = scores.epoch_axis([point[0] for point in points])
    figure.update_layout(hovermode="x unified", xaxis=epochs, yaxis=logarithmic_where_wide(values))
    sentence = (_to_the_end_sentence if to_the_end else _learning_sentence)(run, points)
    alt = f"Line chart over {words.count(len(points), 'epoch')}: {part} loss from {number(points[0][2])} "
    alt += f"to {number(points[-1][2])}, training loss from {number(points[0][1])} to "
    alt += f"{number(points[-1][1])}."
    return Chart("learning-curves", title, sentence, alt, figure)


def _add_line(
    figure: Figure,
    run: Run[TrainRecord],
    part: str,
    points: list[tuple[Any, ...]],
    line: dict[str, Any],
    called: str = "",
) -> None:
    """One part's loss; where the pointer rests, the score is shown beside it."""
    score = HEADLINE_METRIC[run.record.data.task]
    values: dict[int, float] = dict(reading.curve(run, run.record.winner.member, f"{part}_{score}"))
    epochs = [point[0] for point in points]
    figure.add_scatter(
        x=epochs,
        y=[point[1 if part == "training" else 2] for point in points],
        customdata=[
            f", {scores.metric_name(score)} {words.metric(score, values[epoch])}" if epoch in values else ""
            for epoch in epochs
        ],
        name=called or part,
        # A curve of one epoch is a point: it needs a marker to be seen.
        mode="lines" if len(points) > 1 else "markers",
        line=line,
        marker={"color": line["color"]},
        hovertemplate="%{y:.3~g}%{customdata}",
    )


def mark_epoch(figure: Figure, epoch: int, text: str, last: int, height: float = 1.0) -> None:
    """A dashed line at an epoch, with a note on the side that has room."""
    figure.add_shape(type="line", x0=epoch, x1=epoch, y0=0, y1=1, yref="paper", line=line("quiet", 1, "dash"))
    side, shift = ("right", -6) if epoch > last / 2 else ("left", 6)
    add_note(figure, epoch, height, text, yref="paper", yanchor="top", xanchor=side, xshift=shift)


def _learning_sentence(run: Run[TrainRecord], points: list[tuple[Any, ...]]) -> str:
    best_epoch, loss = run.record.winner.best_epoch, reading.loss_name(run)
    at_best = next((point for point in points if point[0] == best_epoch), points[-1])
    epoch, training, validation = at_best
    first, last = points[0], points[-1]
    if not reading.chosen_by_loss(run):
        metric = scores.metric_name(run.record.metric)
        text = f"The weights of epoch {epoch} were kept, for their validation {metric}; "
        text += f"validation {loss} is {number(validation)} there"
    elif epoch == first[0]:
        text = f"Validation {loss} was never below that of epoch {epoch}, {number(validation)}"
    else:
        text = f"Validation {loss} fell from {number(first[2])} after epoch {first[0]} "
        text += f"to {number(validation)} at epoch {epoch}, whose weights were kept"
    if last[0] > epoch:
        text += f"; {words.count(last[0] - epoch, 'further epoch')} did not better it"
    elif len(points) > 1:
        text += "; that was the last epoch, so longer training may help"
    return f"{text}. {_gap_there(training, validation)}"


def _gap_there(training: float, validation: float) -> str:
    gap = validation - training
    over = f"{number(gap)} above" if gap >= 0 else f"{number(-gap)} below"
    return f"There it lies {over} the training loss of {number(training)}."


def _to_the_end_sentence(run: Run[TrainRecord], points: list[tuple[Any, ...]]) -> str:
    """The same of a training whose last weights are kept, whatever was best on the way."""
    first, last = points[0], points[-1]
    part, loss = settings.judged_on(run.record), reading.loss_name(run)
    text = f"{'In the first fold ' if run.record.cross_validation else ''}{part} {loss} went from "
    text += (
        f"{number(first[2])} after epoch {first[0]} to {number(last[2])} after the last, {last[0]}, whose "
    )
    text += f"weights are kept. {_gap_there(last[1], last[2])}"
    lowest = min(points, key=lambda point: point[2])
    if lowest[2] < 0.99 * last[2]:
        text += (
            f" It had been lower at epoch {lowest[0]}, {number(lowest[2])}; to keep those weights would be "
        )
        text += "to choose them by the very rows that judge them."
    return text[0].upper() + text[1:]


def curves_by_rule(run: Run[TrainRecord]) -> Chart:
    """Validation loss by epoch of each rule's best member; the marker stands at the epoch that was kept."""
    title = "Each rule's best member"
    best = reading.best_of_each_rule(run)
    curves = {row["optimizer"]: reading.curve(run, row["member"], "validation_loss") for row in best}
    curves = {rule: points for rule, points in curves.items() if points}
    if not curves:
        return Chart("rules", title, "No member can be drawn: all of them diverged.")
    figure = new_figure(title, "epoch", reading.loss_axis(run, "validation"), height=480)
    for row in best:
        if row["optimizer"] in curves:
            _add_rule_curve(figure, row, curves[row["optimizer"]])
    values = [value for points in curves.values() for _, value in points]
    epochs = [epoch for points in curves.values() for epoch, _ in points]
    figure.update_layout(xaxis=scores.epoch_axis(epochs), yaxis=logarithmic_where_wide(values))
    sentence = _rules_sentence(run, best, curves)
    ends = words.joined([f"{row['optimizer']} {number(row['validation_loss'])}" for row in best], limit=12)
    alt = f"Line chart of validation loss by epoch, one line a rule. Lowest loss of each: {ends}."
    return Chart("rules", title, sentence, alt, figure)


def _add_rule_curve(figure: Figure, row: Row, points: list[tuple[Any, ...]]) -> None:
    rule, style = row["optimizer"], theme.rule_style(row["optimizer"])
    own = {"name": words.plain(rule), "line": line(style.colour, 2, style.dash), "legendgroup": rule}
    hover = f"{words.plain(rule)} at {number(row['learning_rate'])}<br>epoch %{{x}}: %{{y:.3~g}}"
    epochs, losses = (list(column) for column in zip(*points, strict=True))
    kept = [(epoch, loss) for epoch, loss in points if epoch == row["best_epoch"]] or [points[-1]]
    add_trace(figure, epochs, losses, hover=hover, showlegend=False, **own)
    # The kept epoch is a trace of its own, so that the legend shows line and marker together.
    head = mark(style.colour, 11, style.symbol)
    add_trace(figure, [kept[0][0]], [kept[0][1]], marker=head, hover=f"{hover}, kept", **own)


def _rules_sentence(run: Run[TrainRecord], best: list[Row], curves: dict[str, list[tuple[Any, ...]]]) -> str:
    ordered = sorted(best, key=lambda row: row["validation_loss"])
    lowest, highest = ordered[0], ordered[-1]
    text = f"{lowest['optimizer']} reaches the lowest validation loss, {number(lowest['validation_loss'])}, "
    text += f"at epoch {lowest['best_epoch']}."
    if not reading.chosen_by_loss(run):
        text = f"At the epochs kept, {lowest['optimizer']} has the lowest validation loss, "
        text += f"{number(lowest['validation_loss'])}."
    if len(ordered) == 1:
        return text + _lost_sentence(run)
    near = 1.1 * lowest["validation_loss"]
    arrivals = {
        rule: next((e for e, loss in points if loss <= near), None) for rule, points in curves.items()
    }
    arrived = sorted((epoch, rule) for rule, epoch in arrivals.items() if epoch is not None)
    others = [f"{rule} (at epoch {epoch})" for epoch, rule in arrived if rule != lowest["optimizer"]]
    if others:
        text += f" Within 10\u202f% of that {'comes' if len(others) == 1 else 'come'} {words.joined(others)}."
    else:
        text += " No other rule comes within 10\u202f% of that."
    text += f" {highest['optimizer']} ends highest, with {number(highest['validation_loss'])}."
    return text + _lost_sentence(run)


def _lost_sentence(run: Run[TrainRecord]) -> str:
    lost = reading.diverged_rules(run)
    return f" Every member of {words.joined(lost)} diverged." if lost else ""


def generalisation_gap(run: Run[TrainRecord]) -> Chart:
    """Validation loss against training loss at each member's best epoch; on the diagonal both are equal.

    The distance above the diagonal is the generalisation gap. Each rule's best member is drawn large.
    """
    title = "Training loss against validation loss"
    rows = [row for row in reading.scored(reading.members(run)) if scores.finite(row["training_loss"])]
    if not rows:
        return Chart("gap", title, "No member can be drawn: none has both losses.")
    part = settings.judged_on(run.record) if settings.is_portfolio(run.record) else "validation"
    figure = new_figure(title, reading.loss_axis(run, "training"), reading.loss_axis(run, part), 480)
    values = [row[column] for row in rows for column in ("training_loss", "validation_loss")]
    scale = logarithmic_where_wide(values)
    ends = [min(values), max(values)]
    add_trace(figure, ends, ends, "no gap", line("quiet", 1, "dash"))
    groups, styles = _grouped(run, rows)
    # The large markers come last, so that none hides behind a small one.
    for name, group in groups.items():
        if group[1:]:
            _add_gap_points(figure, group[1:], name, styles[name], best=False)
    for name, group in groups.items():
        _add_gap_points(figure, group[:1], name, styles[name], best=True)
    # Labels side by side need more room than labels one above the other.
    figure.update_layout(xaxis=logarithmic_where_wide(values, fine=15), yaxis=scale)
    noun = "setting" if settings.is_portfolio(run.record) else "member"
    sentence = _gap_sentence(rows, part, noun)
    ends_of = [f"{name} {_gap_words(group[0])}" for name, group in groups.items()]
    each = "network" if settings.is_portfolio(run.record) else "rule"
    alt = f"Scatter chart of {words.count(len(rows), 'member')}. Best of each {each}, training and {part} "
    alt += f"loss: {words.joined(ends_of, limit=12)}."
    return Chart("gap", title, sentence, alt, figure)


def _grouped(run: Run[TrainRecord], rows: list[Row]) -> tuple[dict[str, list[Row]], dict[str, Any]]:
    """The rows by rule, those of a portfolio by network; and how each of these is drawn."""
    if not settings.is_portfolio(run.record):
        by_rule = scores.grouped(rows, "optimizer")
        return by_rule, {rule: theme.rule_style(rule) for rule in by_rule}
    named = [{**row, "network": settings.network(row)} for row in rows]
    groups = scores.grouped(named, "network")
    return groups, {name: settings.style(run, name) for name in groups}


def _add_gap_points(figure: Figure, rows: list[Row], group: str, style: RuleStyle, best: bool) -> None:
    """The points of one rule: its best member large and named in the legend, or the others small."""
    name = words.plain(group)
    size, opacity = (14, 1.0) if best else (7, 0.55)
    figure.add_scatter(
        x=[row["training_loss"] for row in rows],
        y=[row["validation_loss"] for row in rows],
        customdata=[
            [number(row["learning_rate"]), number(row["validation_loss"] - row["training_loss"])]
            for row in rows
        ],
        name=name,
        legendgroup=name,
        showlegend=best,
        mode="markers",
        marker=mark(style.colour, size, style.symbol, (1, "paper"), opacity=opacity),
        hovertemplate=f"{name} at %{{customdata[0]}}<br>training %{{x:.3~g}}, validation %{{y:.3~g}}"
        "<br>gap %{customdata[1]}<extra></extra>",
    )


def _gap_sentence(rows: list[Row], part: str, noun: str) -> str:
    training, validation = rows[0]["training_loss"], rows[0]["validation_loss"]
    text = f"The winner's {part} loss is {number(validation)}, its training loss {number(training)}: "
    if validation < training:
        text += "no gap at all, so it does not overfit."
    elif training > 0:
        text += f"{number(validation / training, 2)} times as much, a gap of {number(validation - training)}."
    else:
        text += f"a gap of {number(validation - training)}."
    if len(rows) == 1:
        return text
    above = sum(row["validation_loss"] > row["training_loss"] for row in rows)
    text += f" {above} of {words.count(len(rows), noun)} {'lies' if above == 1 else 'lie'} above the "
    return text + "line, doing better on rows they were trained on than on new ones."


def _gap_words(row: Row) -> str:
    return f"{number(row['training_loss'])} and {number(row['validation_loss'])}"
