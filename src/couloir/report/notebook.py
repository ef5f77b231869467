"""What a notebook shows of a run: a line, and a small table with curves that need no script.

A run's page has everything; this is a first look. Curves are drawn as SVG, so that they are still there
when the notebook is opened elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from couloir import text as words
from couloir.engine.metrics import DEFAULT_METRIC, HEADLINE_METRIC, METRICS
from couloir.figures import settings, theme
from couloir.figures.chart import Run
from couloir.figures.scores import TableRun
from couloir.report import embedding
from couloir.report.summary import judged, named
from couloir.report.tables import outcome

if TYPE_CHECKING:
    import polars as pl

    from couloir.runs import records

SHOWN = 5
"""Rows of the table, and curves."""

NETWORKS = 3
"""Of a portfolio, of each of which the best curve is drawn: so many names fit below the drawing."""

WIDTH, HEIGHT = 520, 200
"""Of the drawing, in pixels."""

WIDE = 20.0
"""Losses whose largest is more than so many times the smallest are drawn on a logarithmic axis."""


class Curve(NamedTuple):
    """A line of the drawing: its name, its colour, its points."""

    name: str
    colour: str
    points: list[tuple[float, float]]


class View(NamedTuple):
    """What is shown below the line: a table, and curves over an axis with a title."""

    heads: Sequence[str]
    rows: list[list[str]]
    curves: Sequence[Curve] = ()
    x: str = ""
    y: str = ""


def line(record: records.Record) -> str:
    """What a run came to, in one line."""
    kind = KINDS[record.kind]
    return f"{kind.name} {words.one_line(record.about)}: {kind.line(record)}"


def html(run: Run[Any] | TableRun[Any]) -> str:
    """What a run came to, as a piece of HTML that needs nothing else."""
    view = KINDS[run.record.kind].view(run)
    shown = {"line": line(run.record), "view": view, "drawing": _drawing(view.curves)}
    template = embedding.environment().get_template("notebook.html.jinja")
    return template.render(shown, width=WIDTH, height=HEIGHT)


# One line -------------------------------------------------------------------------------------------------


def _learned_line(record: records.LearnedRecord) -> str:
    winner = record.winner
    if settings.is_portfolio(record):
        kept = record.headline.name in ("ensemble", "distilled")
        found = named(record, record.headline) if kept else settings.in_words(winner.hyperparameters)
        tried = f"{words.count(record.n_members, 'setting')} tried"
        return _with_status(record, f"{found}, {tried}, {_scored(record)}")
    found = f"{winner.optimizer} at {words.number(winner.learning_rate)} of "
    found += f"{words.count(record.n_members, 'network')}, {_scored(record)}"
    return _with_status(record, found)


def _with_status(record: records.LearnedRecord, found: str) -> str:
    return found if record.status == "complete" else f"{found}, {record.status}"


def _scored(record: records.LearnedRecord) -> str:
    """The score on the test part with its interval; without one the score where the choice was made."""
    usual, test = HEADLINE_METRIC[record.data.task], record.test
    if test is None:
        score = f"{words.METRIC_NAMES[usual]} {words.metric(usual, judged(record)[usual])}"
        return f"{score} where it was chosen, nothing tested"
    low, high = (words.metric(usual, end) for end in test.intervals[usual])
    return f"test {words.METRIC_NAMES[usual]} {words.metric(usual, test.scores[usual])} ({low} to {high})"


def _race_line(record: records.RaceRecord) -> str:
    # A rule that raced alone is compared with nobody.
    return ". ".join([_learned_line(record), *record.verdicts[:1]])


def _landscape_line(record: records.LandscapeRecord) -> str:
    name = words.LOSS_NAMES.get(record.loss, record.loss)
    found = f"{record.plane.kind} plane, {words.count(record.grid.points, 'point')}, "
    found += f"{name} {words.number(record.centre.loss)} at the network"
    if record.curvature is None:
        return found
    return f"{found}, sharpness {words.number(record.curvature.eigenvalues[0])}"


def _gradcheck_line(record: records.GradcheckRecord) -> str:
    found = record.agreement
    worst = words.number(found.largest_central)
    return f"{found.checked:,} weights and biases checked, central differences off by {worst} at most"


def _guess_line(record: records.GuessRecord) -> str:
    best = f"the best of {words.count(record.guesses, 'guess', 'guesses')} {words.number(record.best.loss)}"
    reached = record.descent.reached
    if reached is None:
        return f"{best}, which gradient descent did not reach"
    return f"{best}, which gradient descent reached after {words.count(reached, 'evaluation')}"


# Tables and curves ----------------------------------------------------------------------------------------


def _board_view(run: Run[records.LearnedRecord]) -> View:
    """The best members of a training, the best trials of a search."""
    record = run.record
    number, score = "member", METRICS[record.metric].column("validation")
    if "number" in run.leaderboard.columns:  # of a search
        number, score = "number", "value"
    loss = METRICS[DEFAULT_METRIC[record.data.task]]
    rows, curves = [], []
    for row in run.leaderboard.head(SHOWN).iter_rows(named=True):
        rule, rate, judged = row["optimizer"], words.number(row["learning_rate"]), row[score]
        ended = [str(row["best_epoch"] or "–"), row["status"]]
        rows.append([rule, rate, row["hidden"], words.metric(record.metric, judged), *ended])
        curve = _curve(rule, run.history.filter(member=row[number]), "epoch", loss.column("validation"))
        curves.append(curve._replace(name=f"{rule} at {rate}"))
    heads = ["rule", "rate", "units", f"validation {words.METRIC_NAMES[record.metric]}", "epoch", "ended"]
    return View(heads, rows, curves, "epoch", f"validation {words.METRIC_NAMES[loss.name]}")


def _train_view(run: Run[records.TrainRecord]) -> View:
    """The best members of a training; of a portfolio the best settings."""
    if not settings.is_portfolio(run.record):
        return _board_view(run)
    record, found = run.record, settings.settings(run)
    part, metric = settings.judged_on(record), words.METRIC_NAMES[record.metric]
    loss = METRICS[DEFAULT_METRIC[record.data.task]]
    names, roles, rows, curves = settings.labels(found), settings.roles(found), [], []
    for each in found[:SHOWN]:
        score = words.metric(record.metric, each.score)
        weight = words.percent(each.weight) if each.weight else ""
        rows.append([each.network, names[each.row["member"]], score, weight, outcome(each.row)])
    for name, group in list(settings.networks(found).items())[:NETWORKS]:
        own = run.history.filter(member=group[0].row["member"])
        curve = _curve("", own, "epoch", loss.column("validation"))
        curves.append(curve._replace(name=name, colour=theme.colour(roles[name])))
    heads = ["network", "trained with", f"{part} {metric}", "in the average", "ended"]
    first = " of the first fold" if record.cross_validation else ""
    return View(heads, rows, curves, "epoch", f"{part} {words.METRIC_NAMES[loss.name]}{first}")


def _race_view(run: TableRun[records.RaceRecord]) -> View:
    """The rules with their mean best scores, and their mean curves over the replicates."""
    import polars as pl

    metric, name = run.record.metric, words.METRIC_NAMES[run.record.metric]
    column = METRICS[metric].column("validation")
    tuned = run.tables["curves"].filter(rate="tuned")
    mean = tuned.group_by("rule", "epoch", maintain_order=True).agg(pl.col(column).mean())
    rows, curves = [], []
    for each in run.record.standing[:SHOWN]:
        best = words.metric(metric, each.best[metric].mean if each.best else None)
        rows.append([each.rule, words.number(each.learning_rate), best, words.number(each.steps_to_target)])
        curves.append(_curve(each.rule, mean.filter(rule=each.rule), "epoch", column))
    heads = ["rule", "best rate", f"mean best {name}", "steps to target"]
    return View(heads, rows, curves, "epoch", f"validation {name}")


def _surface_view(run: TableRun[records.SurfaceRecord]) -> View:
    rows, curves = [], []
    for each in run.record.standing[:SHOWN]:
        rows.append([each.rule, words.number(each.learning_rate), each.ending, words.number(each.loss)])
        curves.append(_curve(each.rule, run.tables["paths"].filter(rule=each.rule), "step", "loss"))
    return View(["rule", "rate", "ended", "last loss"], rows, curves, "step", "loss")


def _landscape_view(run: TableRun[records.LandscapeRecord]) -> View:
    rows, curves = [], []
    for each in run.record.paths[:SHOWN]:
        rate, shown = words.number(each.learning_rate), words.percent(each.shown)
        rows.append([each.rule, rate, f"{each.epochs:,}", shown])
        curves.append(_curve(each.rule, run.tables["path"].filter(rule=each.rule), "epoch", "loss"))
    return View(["rule", "rate", "epochs", "shown by the plane"], rows, curves, "epoch", "loss")


def _gradcheck_view(run: TableRun[records.GradcheckRecord]) -> View:
    rows = [
        [str(each.layer), f"{each.checked:,}", words.number(each.central), words.number(each.forward)]
        for each in run.record.agreement.layers
    ]
    return View(["layer", "checked", "central off by", "forward off by"], rows)


def _guess_view(run: TableRun[records.GuessRecord]) -> View:
    rows = [[scale, words.number(loss)] for scale, loss in run.record.best_by_scale.items()]
    found = _curve("gradient descent", run.tables["descent"], "evaluations", "best")
    curves = [found._replace(colour=theme.colour("right"))]
    return View(["weights scaled by", "best loss"], rows, curves, "evaluations of the loss", "best loss")


def _curve(rule: str, table: pl.DataFrame, x: str, y: str) -> Curve:
    points = [(float(a), float(b)) for a, b in table.select(x, y).drop_nulls().rows() if math.isfinite(b)]
    return Curve(rule, theme.rule_style(rule).colour, points)


class Kind(NamedTuple):
    """What a kind of run is called, before what it is about, and what is said and shown of one."""

    name: str
    line: Callable[[Any], str]
    view: Callable[[Any], View]


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "train": Kind("training on", _learned_line, _train_view),
        "race": Kind("race on", _race_line, _race_view),
        "search": Kind("search on", _learned_line, _board_view),
        "surface": Kind("surface race on", attrgetter("verdict"), _surface_view),
        "landscape": Kind("landscape of", _landscape_line, _landscape_view),
        "gradcheck": Kind("gradient check on", _gradcheck_line, _gradcheck_view),
        "guess": Kind("guesses on", _guess_line, _guess_view),
    }
)


# Drawing --------------------------------------------------------------------------------------------------


def _drawing(curves: Iterable[Curve]) -> dict[str, Any] | None:
    """The curves in pixels from the upper left corner, and the ends of the axes; None if there are none."""
    drawn = [curve for curve in curves if len(curve.points) > 1]
    if not drawn:
        return None
    xs = [x for curve in drawn for x, _ in curve.points]
    ys = [y for curve in drawn for _, y in curve.points]
    wide = min(ys) > 0 and max(ys) > WIDE * min(ys)
    height = math.log if wide else float
    across, up = (min(xs), max(xs)), (height(min(ys)), height(max(ys)))

    def pixels(x: float, y: float) -> str:
        return f"{WIDTH * _share(x, across):.1f},{HEIGHT * (1 - _share(height(y), up)):.1f}"

    return {
        "lines": [
            (curve.name, curve.colour, " ".join(pixels(x, y) for x, y in curve.points)) for curve in drawn
        ],
        "x": [words.number(min(xs)), words.number(max(xs))],
        "y": [words.number(min(ys)), words.number(max(ys))],
        "wide": wide,
    }


def _share(value: float, ends: tuple[float, float]) -> float:
    """Where a value lies between two, from 0 to 1."""
    low, high = ends
    return (value - low) / (high - low) if high > low else 0.5
