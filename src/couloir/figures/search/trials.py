"""A search: its trials in order, the rungs, the curves of the best."""

from __future__ import annotations

from typing import Any, Protocol

from couloir import text as words
from couloir.engine.metrics import METRICS
from couloir.figures import scores, theme
from couloir.figures.chart import Chart, Figure, Row, Run, new_figure
from couloir.figures.scores import TableRun
from couloir.figures.traces import listed
from couloir.runs.records import SearchRecord
from couloir.text import number

COMPLETE = ("finished", "stopped")
"""The status of a trial that can be chosen; one that left at a rung has a score, but of too few epochs."""


class SearchRun(Run[SearchRecord], TableRun[SearchRecord], Protocol):
    """A search with its tables and with its history, the curves of the best trials."""


STATUS_STYLES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "left": ("left at a rung", "quiet", {"symbol": "circle-open", "size": 6}),
    "unscored": ("left at a rung", "quiet", {"symbol": "line-ns-open", "size": 7}),
    "complete": ("trained to its end", "right", {"symbol": "circle", "size": 7, "opacity": 0.8}),
}


def trials(run: TableRun[SearchRecord]) -> list[Row]:
    """The trials by number."""
    return sorted(scores.rows(run, "trials"), key=lambda row: row["number"])


def complete(run: TableRun[SearchRecord]) -> list[Row]:
    """The trials that can be chosen, best first."""
    found = [row for row in trials(run) if row["status"] in COMPLETE]
    return sorted(found, key=lambda row: row["value"], reverse=METRICS[run.record.metric].more_is_better)


def folds_of(record: SearchRecord) -> int:
    """How many times each trial was trained: `epochs_run` counts the epochs of all its folds."""
    return record.cross_validation.folds if record.cross_validation else 1


def _part(record: SearchRecord) -> str:
    """What the trials were scored on, for an axis: "validation", or "mean of 5 folds"."""
    evaluation = record.search.evaluation
    return evaluation if evaluation == "validation" else f"mean of {evaluation},"


# The trials in order --------------------------------------------------------------------------------------


def _left_score(row: Row) -> float | None:
    """The score of a trial that left, at its last rung; None where it had none."""
    return row["rung_value"] if row["status"] == "left" else None


def search_history(run: TableRun[SearchRecord]) -> Chart:
    """The score of every trial by its number, and the best so far as a line; × diverged."""
    metric, title = run.record.metric, "The trials, one after the other"
    rows = trials(run)
    groups = {
        "left": [{**row, "value": _left_score(row)} for row in rows if _left_score(row) is not None],
        "complete": [row for row in rows if row["status"] in COMPLETE],
    }
    if not groups["complete"]:
        return Chart("trials", title, "No trial can be drawn: none was trained to its end.")
    values = [row["value"] for of_status in groups.values() for row in of_status]
    settings, ends, beyond = scores.clipped(metric, values)
    figure = new_figure(title, "trial", scores.axis_title(run.record, metric, _part(run.record)), height=460)
    for status, of_status in groups.items():
        _add_trials(figure, of_status, status, metric)
    edge = scores.edge(metric, ends, settings["type"] == "log")
    unknown = [row for row in rows if row["status"] == "left" and _left_score(row) is None]
    _add_trials(figure, [{**row, "value": edge} for row in unknown], "unscored", metric)
    _add_lost(figure, [row for row in rows if row["status"] == "diverged"], edge)
    steps = _records(run)
    _add_best_so_far(figure, steps, rows[-1]["number"], metric)
    figure.update_layout(yaxis=settings)
    alt = f"Scatter chart of {words.count(len(rows), 'trial')} with the best so far as a line: "
    alt += words.joined([f"{words.metric(metric, v)} at trial {n}" for n, v in steps[-8:]], 8) + "."
    return Chart("trials", title, _history_sentence(metric, steps, len(rows), beyond), alt, figure)


def _records(run: TableRun[SearchRecord]) -> list[tuple[int, float]]:
    """(number, score) of every trial that bettered all before it."""
    sign, steps = METRICS[run.record.metric].sign, list[tuple[int, float]]()
    for row in trials(run):
        if row["status"] in COMPLETE and (not steps or sign * row["value"] < sign * steps[-1][1]):
            steps.append((row["number"], row["value"]))
    return steps


def _add_trials(figure: Figure, rows: list[Row], status: str, metric: str) -> None:
    name, role, marker = STATUS_STYLES[status]
    value = "left at a rung" if status == "unscored" else f"%{{y:{scores.hover(metric)}}}"
    if not rows:
        return
    figure.add_scatter(
        x=[row["number"] for row in rows],
        y=[row["value"] for row in rows],
        customdata=[_trial_words(row) for row in rows],
        name=name,
        mode="markers",
        marker={"color": theme.colour(role), **marker},
        hovertemplate=f"trial %{{x}}: {value}<br>%{{customdata}}<extra></extra>",
    )


def _add_lost(figure: Figure, lost: list[Row], edge: float) -> None:
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


def _add_best_so_far(figure: Figure, steps: list[tuple[int, float]], last: int, metric: str) -> None:
    figure.add_scatter(
        x=[*(step for step, _ in steps), last],
        y=[*(value for _, value in steps), steps[-1][1]],
        name="best so far",
        mode="lines",
        line={"color": theme.colour("ink"), "width": 2, "shape": "hv"},
        hovertemplate=f"best so far %{{y:{scores.hover(metric)}}}<extra></extra>",
    )


def _trial_words(row: Row) -> str:
    """A trial in a few words for the pointer."""
    rule, epochs = words.plain(row["optimizer"]), words.count(row["epochs_run"], "epoch")
    return f"{rule} at {number(row['learning_rate'])}, {epochs}"


def _history_sentence(metric: str, steps: list[tuple[int, float]], n_trials: int, beyond: int) -> str:
    best, value = steps[-1]
    text = f"The best of {words.count(n_trials, 'trial')} is number {best}, with "
    text += words.metric(metric, value)
    if len(steps) > 1:
        text += f"; the first that could be chosen, number {steps[0][0]}, had "
        text += words.metric(metric, steps[0][1])
    text += "."
    after = n_trials - 1 - best
    if after >= max(20, n_trials // 3):
        text += f" The last {after:,} trials did not better it: more of them may gain little."
    elif after <= n_trials // 10 and n_trials >= 20:
        text += " It came late: more trials may gain more."
    return text + scores.outside(beyond)


# Rungs ----------------------------------------------------------------------------------------------------


def search_rungs(run: TableRun[SearchRecord]) -> Chart:
    """How many trials came to each rung, and how many of them went on, over all generations."""
    title, rows = "Halving: who went on at each rung", scores.rows(run, "rungs")
    sums: dict[int, list[int]] = {}
    for row in rows:
        entry = sums.setdefault(row["epoch"], [0, 0])
        entry[0] += row["entered"]
        entry[1] += row["kept"]
    sums = {epoch: entry for epoch, entry in sorted(sums.items()) if entry[0]}
    if not sums:
        why = "Left out: this search had no rungs; every trial was trained to its end."
        return Chart("rungs", title, why)
    figure = new_figure(title, "trials", "", height=130 + 52 * len(sums))
    kept, left = [entry[1] for entry in sums.values()], [entry[0] - entry[1] for entry in sums.values()]
    for name, values, role in (("went on", kept, "right"), ("left", left, "grid")):
        figure.add_bar(
            x=values,
            y=list(range(len(sums))),
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
    epochs = listed([f"epoch {epoch}" for epoch in sums], ticklabelstandoff=6)
    figure.update_layout(barmode="stack", bargap=0.3, yaxis=epochs, legend={"traceorder": "normal"})
    went = words.joined([f"epoch {epoch}: {k} of {n}" for epoch, (n, k) in sums.items()], limit=12)
    alt = f"Bar chart of the trials that went on at each rung, {went}."
    return Chart("rungs", title, _rungs_sentence(run, sums), alt, figure)


def _rungs_sentence(run: TableRun[SearchRecord], sums: dict[int, list[int]]) -> str:
    entered, last = next(iter(sums.values()))[0], list(sums.values())[-1][1]
    first_epoch = next(iter(sums))
    verb = "was" if entered == 1 else "were"
    text_ = f"{words.count(entered, 'trial')} {verb} compared after epoch {first_epoch}; {last:,} went on "
    text_ += f"past the last rung, at epoch {list(sums)[-1]}."
    rows, budget = trials(run), run.record.winner.hyperparameters["epochs"]
    ran, full = sum(row["epochs_run"] for row in rows), len(rows) * budget * folds_of(run.record)
    if ran < full:
        text_ += f" All trials together ran {ran:,} epochs, {words.percent(ran / full)} of the {full:,} that "
        text_ += "training each for its whole budget would have taken."
    return text_


# Curves ---------------------------------------------------------------------------------------------------


def search_curves(run: SearchRun) -> Chart:
    """Loss by epoch of the best trials: validation solid, training dotted, a marker at the epoch kept."""
    title, loss = "Curves of the best trials", scores.loss_of(run.record)
    known = [row for row in run.history.sort("epoch").to_dicts() if scores.finite(row["validation_loss"])]
    curves = scores.grouped(known, "member")
    ranked = [row for row in complete(run) if row["number"] in curves]
    if not ranked:
        return Chart("curves", title, "Left out: the run holds no curve of a trial that can be chosen.")
    figure = new_figure(title, "epoch", scores.axis_title(run.record, loss, ""), height=480)
    roles = ("wrong", "right", "rmsprop", "adadelta", "further-2", "adagrad", "further-4", "nesterov")
    drawn = ranked[: len(roles)]
    for place, trial in enumerate(drawn):
        _add_trial_curve(figure, trial, curves[trial["number"]], theme.colour(roles[place]), place == 0)
    values = [value for trace in figure.data for value in trace.y]
    settings, _, _ = scores.clipped(loss, values)
    epochs = [epoch for trace in figure.data for epoch in trace.x]
    figure.update_layout(xaxis=scores.epoch_axis(epochs), yaxis=settings)
    kept = words.joined([f"trial {t['number']} kept at epoch {t['best_epoch']}" for t in drawn], 10)
    alt = f"Line chart of loss by epoch of {words.count(len(drawn), 'trial')}: {kept}."
    sentence = _curves_sentence(run.record, drawn, curves[drawn[0]["number"]])
    return Chart("curves", title, sentence, alt, figure)


def _add_trial_curve(figure: Figure, trial: Row, points: list[Row], colour: str, best: bool) -> None:
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


def _curves_sentence(record: SearchRecord, drawn: list[Row], points: list[Row]) -> str:
    loss, best = scores.loss_of(record), drawn[0]
    kept = next((row for row in points if row["epoch"] == best["best_epoch"]), points[-1])
    text_ = f"The best trial, {best['number']} ({best['optimizer']}), was kept at epoch {kept['epoch']} with "
    text_ += f"a validation {scores.metric_name(loss)} of {number(kept['validation_loss'])}"
    if scores.finite(kept["training_loss"]):
        gap = kept["validation_loss"] - kept["training_loss"]
        text_ += f", {number(abs(gap))} {'above' if gap >= 0 else 'below'} its training loss"
    later = points[-1]["epoch"] - kept["epoch"]
    text_ += f"; it stopped {words.count(later, 'epoch')} later." if later else ", its last."
    folds = folds_of(record)
    late = [str(trial["number"]) for trial in drawn if trial["best_epoch"] * folds == trial["epochs_run"]]
    if late:
        verb = "was" if len(late) == 1 else "were"
        text_ += f" {words.count(len(late), 'trial')} ({words.joined(late)}) {verb} best at the last epoch: "
        text_ += "longer training may help."
    return text_
