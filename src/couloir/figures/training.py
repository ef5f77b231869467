"""How training went: learning curves, rule against rule, the response to the learning rate, the gap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from couloir.figures import reading, theme, words
from couloir.figures.chart import Chart, Run, logarithmic_where_wide, new_figure
from couloir.figures.words import number

if TYPE_CHECKING:
    import plotly.graph_objects as go


def learning_curves(run: Run) -> Chart:
    """The winner's training and validation loss by epoch, with the epoch that was kept.

    Both losses are the unpenalised log loss (nats) or mean squared error, after each epoch.
    """
    winner = run.record["winner"]
    title = f"Learning curves of the winner: {winner['optimizer']} at {number(winner['learning_rate'])}"
    points = reading.curve(run, winner["member"], "training_loss", "validation_loss")
    if not points:
        return Chart("learning-curves", title, "The history holds no epoch of the winner.")
    epochs, training, validation = (list(column) for column in zip(*points, strict=True))
    figure = new_figure(title, "epoch", reading.loss_axis(run, "mean"))
    style = theme.rule_style(winner["optimizer"])
    _add_line(figure, "training", epochs, training, {"color": style.colour, "width": 2, "dash": "dot"})
    _add_line(figure, "validation", epochs, validation, {"color": style.colour, "width": 2.5})
    figure.data[1].update(fill="tonexty", fillcolor=theme.faint(style.colour))
    _mark_epoch(figure, winner["best_epoch"])
    figure.update_layout(hovermode="x unified", yaxis=logarithmic_where_wide(training + validation))
    sentence = _learning_sentence(points, winner["best_epoch"], reading.loss_name(run))
    alt = f"Line chart of training and validation loss over {words.count(len(points), 'epoch')}. {sentence}"
    return Chart("learning-curves", title, sentence, alt, figure)


def _add_line(figure: go.Figure, name: str, x: list[Any], y: list[float], line: dict[str, Any]) -> None:
    # A curve of one epoch is a point: it needs a marker to be seen.
    mode = "lines" if len(x) > 1 else "markers"
    figure.add_scatter(
        x=x, y=y, name=name, mode=mode, line=line, marker={"color": line["color"]}, hovertemplate="%{y:.3~g}"
    )


def _mark_epoch(figure: go.Figure, epoch: int) -> None:
    line = {"color": theme.colour("quiet"), "width": 1, "dash": "dash"}
    figure.add_shape(type="line", x0=epoch, x1=epoch, y0=0, y1=1, yref="paper", line=line)
    # The note stands on the side that has room.
    last = max(max(trace.x) for trace in figure.data)
    side = "right" if epoch > last / 2 else "left"
    figure.add_annotation(
        x=epoch,
        y=1,
        yref="paper",
        yanchor="top",
        xanchor=side,
        xshift=-6 if side == "right" else 6,
        showarrow=False,
        text=f"kept: epoch {epoch}",
        font={"color": theme.colour("quiet"), "size": 13},
    )


def _learning_sentence(points: list[tuple[Any, ...]], best_epoch: int, loss: str) -> str:
    at_best = next((point for point in points if point[0] == best_epoch), points[-1])
    epoch, training, validation = at_best
    first, last = points[0], points[-1]
    if epoch == first[0]:
        text = f"Validation {loss} was never below that of epoch {epoch}, {number(validation)}"
    else:
        text = f"Validation {loss} fell from {number(first[2])} after epoch {first[0]} "
        text += f"to {number(validation)} at epoch {epoch}, whose weights were kept"
    if last[0] > epoch:
        text += f"; {words.count(last[0] - epoch, 'further epoch')} did not better it"
    elif len(points) > 1:
        text += "; that was the last epoch, so longer training may help"
    gap = validation - training
    over = f"{number(gap)} above" if gap >= 0 else f"{number(-gap)} below"
    return f"{text}. There it lies {over} the training loss of {number(training)}."


def curves_by_rule(run: Run) -> Chart:
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
    figure.update_layout(yaxis=logarithmic_where_wide(values))
    sentence = _rules_sentence(run, best, curves)
    ends = words.joined([f"{row['optimizer']} {number(row['validation_loss'])}" for row in best], limit=12)
    alt = f"Line chart of validation loss by epoch, one line a rule. Lowest loss of each: {ends}. {sentence}"
    return Chart("rules", title, sentence, alt, figure)


def _add_rule_curve(figure: go.Figure, row: dict[str, Any], points: list[tuple[Any, ...]]) -> None:
    rule, style = row["optimizer"], theme.rule_style(row["optimizer"])
    epochs, losses = zip(*points, strict=True)
    figure.add_scatter(
        x=epochs,
        y=losses,
        name=words.plain(rule),
        mode="lines+markers",
        line={"color": style.colour, "width": 2, "dash": style.dash},
        marker={
            "color": style.colour,
            "symbol": style.symbol,
            # Only the kept epoch carries the marker; the rest have size 0, so that the legend shows it too.
            "size": [11 if epoch == row["best_epoch"] else 0 for epoch in epochs],
            "opacity": 1,
        },
        hovertemplate=f"{words.plain(rule)} at {number(row['learning_rate'])}<br>"
        "epoch %{x}: %{y:.3~g}<extra></extra>",
    )


def _rules_sentence(run: Run, best: list[dict[str, Any]], curves: dict[str, list[tuple[Any, ...]]]) -> str:
    ordered = sorted(best, key=lambda row: row["validation_loss"])
    lowest, highest = ordered[0], ordered[-1]
    text = f"{lowest['optimizer']} reaches the lowest validation loss, {number(lowest['validation_loss'])}, "
    text += f"at epoch {lowest['best_epoch']}."
    near = 1.1 * lowest["validation_loss"]
    arrivals = {
        rule: next((e for e, loss in points if loss <= near), None) for rule, points in curves.items()
    }
    arrived = sorted((epoch, rule) for rule, epoch in arrivals.items() if epoch is not None)
    if len(ordered) > 1 and arrived:
        epoch, rule = arrived[0]
        text += f" The first to come within 10\u202f% of that is {rule}, at epoch {epoch};"
        text += f" {len(arrived)} of {len(ordered)} rules come so near."
        text += f" {highest['optimizer']} ends highest, at {number(highest['validation_loss'])}."
    if lost := reading.diverged_rules(run):
        text += f" Every member of {words.joined(lost)} diverged."
    return text


def learning_rate_response(run: Run) -> Chart:
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
    scale = logarithmic_where_wide(values, ratio=5)
    span = max(values) / min(values) if scale["type"] == "log" else max(values) - min(values)
    top = max(values) * span**0.12 if scale["type"] == "log" else max(values) + 0.12 * (span or 1.0)
    for rule, points in response.items():
        _add_response(figure, rule, points, top)
    figure.update_layout(xaxis={"type": "log", "tickformat": ".3~g"}, yaxis=scale)
    sentence = _response_sentence(response)
    alt = f"Chart of the best validation loss against the learning rate, one line a rule. {sentence}"
    return Chart("learning-rate", title, sentence, alt, figure)


def _response(rows: list[dict[str, Any]], rule: str) -> list[tuple[float, float | None, int, int]]:
    """(learning rate, best validation loss or None, members diverged, members) of one rule, by rate."""
    of_rule = [row for row in rows if row["optimizer"] == rule]
    points = []
    for rate in sorted({row["learning_rate"] for row in of_rule}):
        here = [row for row in of_rule if row["learning_rate"] == rate]
        losses = [row["validation_loss"] for row in reading.scored(here)]
        diverged = sum(row["status"] == "diverged" for row in here)
        points.append((rate, min(losses, default=None), diverged, len(here)))
    return points


def _add_response(
    figure: go.Figure, rule: str, points: list[tuple[float, float | None, int, int]], top: float
) -> None:
    style, name = theme.rule_style(rule), words.plain(rule)
    drawn = [point for point in points if point[1] is not None]
    lost = [point for point in points if point[1] is None]
    figure.add_scatter(
        x=[point[0] for point in drawn],
        y=[point[1] for point in drawn],
        customdata=[f"<br>{point[2]} of {point[3]} diverged" if point[2] else "" for point in drawn],
        name=name,
        legendgroup=rule,
        mode="lines+markers",
        line={"color": style.colour, "width": 2, "dash": style.dash},
        marker={"color": style.colour, "symbol": style.symbol, "size": 9},
        hovertemplate=f"{name} at %{{x:.3~g}}: %{{y:.3~g}}%{{customdata}}<extra></extra>",
    )
    if lost:
        figure.add_scatter(
            x=[point[0] for point in lost],
            y=[top] * len(lost),
            name=f"{name}: diverged",
            legendgroup=rule,
            showlegend=False,
            mode="markers",
            marker={
                "color": style.colour,
                "symbol": "x-thin",
                "size": 11,
                "line": {"width": 2.5, "color": style.colour},
            },
            hovertemplate=f"{name} at %{{x:.3~g}}: diverged<extra></extra>",
        )


def _response_sentence(response: dict[str, list[tuple[float, float | None, int, int]]]) -> str:
    best = {
        rule: min((point for point in points if point[1] is not None), key=lambda point: point[1] or 0.0)
        for rule, points in response.items()
        if any(point[1] is not None for point in points)
    }
    rule = min(best, key=lambda name: best[name][1] or 0.0)
    rate, loss = best[rule][0], best[rule][1] or 0.0
    text = f"{rule} does best, at a learning rate of {number(rate)} (loss {number(loss)})"
    near = [point[0] for point in response[rule] if point[1] is not None and point[1] <= 1.1 * loss]
    if len(near) > 1:
        text += f", and stays within 10\u202f% of that from {number(min(near))} to {number(max(near))}"
    text += "."
    for side, pick in (("highest", -1), ("lowest", 0)):
        edge = [name for name in best if len(response[name]) > 1 and best[name][0] == response[name][pick][0]]
        if edge:
            verb = "has its best rate" if len(edge) == 1 else "have their best rates"
            further = "higher" if side == "highest" else "lower"
            text += f" {words.joined(edge)} {verb} at the {side} tried: still {further} ones may be better."
    lost = {name: points for name, points in response.items() if any(point[2] for point in points)}
    if lost:
        total = sum(point[2] for points in lost.values() for point in points)
        where = words.joined([_diverged_words(*item) for item in lost.items()], limit=8)
        text += f" {words.count(total, 'member')} diverged (×): {where}."
    return text


def _diverged_words(rule: str, points: list[tuple[float, float | None, int, int]]) -> str:
    rates = [point[0] for point in points if point[2]]
    above = all(point[2] for point in points if point[0] >= rates[0])
    if above and len(rates) > 1:
        return f"{rule} from {number(rates[0])} up"
    return f"{rule} at {words.joined([number(rate) for rate in rates])}"


def generalisation_gap(run: Run) -> Chart:
    """Validation loss against training loss at each member's best epoch; on the diagonal both are equal.

    The distance above the diagonal is the generalisation gap. Each rule's best member is drawn large.
    """
    title = "Training loss against validation loss"
    rows = [row for row in reading.scored(reading.members(run)) if reading.finite(row["training_loss"])]
    if not rows:
        return Chart("gap", title, "No member can be drawn: none has both losses.")
    figure = new_figure(title, reading.loss_axis(run, "training"), reading.loss_axis(run, "validation"), 480)
    values = [row[column] for row in rows for column in ("training_loss", "validation_loss")]
    scale = logarithmic_where_wide(values, ratio=5)
    _add_diagonal(figure, values)
    for rule in dict.fromkeys(row["optimizer"] for row in rows):
        _add_gap_points(figure, rule, [row for row in rows if row["optimizer"] == rule])
    figure.update_layout(xaxis=scale, yaxis=scale)
    sentence = _gap_sentence(rows)
    alt = (
        f"Scatter chart of {words.count(len(rows), 'member')}, validation loss over training loss. {sentence}"
    )
    return Chart("gap", title, sentence, alt, figure)


def _add_diagonal(figure: go.Figure, values: list[float]) -> None:
    figure.add_scatter(
        x=[min(values), max(values)],
        y=[min(values), max(values)],
        name="no gap",
        mode="lines",
        line={"color": theme.colour("quiet"), "width": 1, "dash": "dash"},
        hoverinfo="skip",
    )


def _add_gap_points(figure: go.Figure, rule: str, rows: list[dict[str, Any]]) -> None:
    style, name = theme.rule_style(rule), words.plain(rule)
    best = [index == 0 for index in range(len(rows))]
    figure.add_scatter(
        x=[row["training_loss"] for row in rows],
        y=[row["validation_loss"] for row in rows],
        customdata=[
            [number(row["learning_rate"]), number(row["validation_loss"] - row["training_loss"])]
            for row in rows
        ],
        name=name,
        mode="markers",
        marker={
            "color": style.colour,
            "symbol": style.symbol,
            "size": [14 if flag else 7 for flag in best],
            "opacity": [1.0 if flag else 0.55 for flag in best],
            "line": {"color": theme.colour("paper"), "width": 1},
        },
        hovertemplate=f"{name} at %{{customdata[0]}}<br>training %{{x:.3~g}}, validation %{{y:.3~g}}"
        "<br>gap %{customdata[1]}<extra></extra>",
    )


def _gap_sentence(rows: list[dict[str, Any]]) -> str:
    winner = rows[0]
    training, validation = winner["training_loss"], winner["validation_loss"]
    text = f"The winner's validation loss, {number(validation)}, "
    if training > 0 and validation >= training:
        text += f"is {number(validation / training, 2)} times its training loss, {number(training)}"
    else:
        text += f"stands against a training loss of {number(training)}"
    text += f": a gap of {number(validation - training)}."
    above = sum(row["validation_loss"] > row["training_loss"] for row in rows)
    text += (
        f" {above} of {words.count(len(rows), 'member')} {'lies' if above == 1 else 'lie'} above the line: "
    )
    return text + "they do better on the rows they were trained on than on new ones."
