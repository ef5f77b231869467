"""What a notebook shows of a run: a line, and a small table with curves that need no script.

A run's page has everything; this is a first look. Curves are drawn as SVG, so that they are still there
when the notebook is opened elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from couloir import text as words
from couloir.engine.metrics import DEFAULT_METRIC, HEADLINE_METRIC, METRICS
from couloir.figures import theme
from couloir.figures.chart import Run
from couloir.figures.scores import TableRun
from couloir.report import embedding
from couloir.runs.records import (
    GradcheckRecord,
    GuessRecord,
    LandscapeRecord,
    LearnedRecord,
    RaceRecord,
    Record,
    SurfaceRecord,
)

if TYPE_CHECKING:
    import polars as pl

SHOWN = 5
"""Rows of the table, and curves."""

WIDTH, HEIGHT = 520, 200
"""Of the drawing, in pixels."""

WIDE = 20.0
"""Losses whose largest is more than so many times the smallest are drawn on a logarithmic axis."""

AnyRun: TypeAlias = "Run[Any] | TableRun[Any]"


class Curve(NamedTuple):
    """A line of the drawing: its name, its colour, its points."""

    name: str
    colour: str
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class View:
    """What is shown below the line: a table, and curves over an axis with a title."""

    heads: Sequence[str]
    rows: list[list[str]]
    curves: list[Curve] = field(default_factory=list)
    x: str = ""
    y: str = ""


def line(record: Record) -> str:
    """What a run came to, in one line."""
    return f"{NAMES[record.kind]} {words.one_line(record.about)}: {LINES[record.kind](record)}"


def html(run: AnyRun) -> str:
    """What a run came to, as a piece of HTML that needs nothing else."""
    view: View = VIEWS[run.record.kind](run)
    return (
        embedding.environment()
        .get_template("notebook.html.jinja")
        .render(line=line(run.record), view=view, drawing=_drawing(view.curves), width=WIDTH, height=HEIGHT)
    )


NAMES: Mapping[str, str] = MappingProxyType(
    {
        "train": "training on",
        "race": "race on",
        "search": "search on",
        "surface": "surface race on",
        "landscape": "landscape of",
        "gradcheck": "gradient check on",
        "guess": "guesses on",
    }
)
"""What kinds of run are called, before what they are about."""


# One line -------------------------------------------------------------------------------------------------


def _learned_line(record: LearnedRecord) -> str:
    usual = HEADLINE_METRIC[record.data.task]
    low, high = (words.metric(usual, end) for end in record.test.intervals[usual])
    score = f"{words.METRIC_NAMES[usual]} {words.metric(usual, record.test.scores[usual])}"
    winner = record.winner
    found = f"{winner.optimizer} at {words.number(winner.learning_rate)} of "
    found += f"{words.count(record.n_members, 'network')}, test {score} ({low} to {high})"
    return found if record.status == "complete" else f"{found}, {record.status}"


def _race_line(record: RaceRecord) -> str:
    return f"{_learned_line(record)}. {record.verdicts[0]}"


def _surface_line(record: SurfaceRecord) -> str:
    return record.verdict


def _landscape_line(record: LandscapeRecord) -> str:
    name = words.LOSS_NAMES.get(record.loss, record.loss)
    found = f"{record.plane.kind} plane, {words.count(record.grid.points, 'point')}, "
    found += f"{name} {words.number(record.centre.loss)} at the network"
    if record.curvature is None:
        return found
    return f"{found}, sharpness {words.number(record.curvature.eigenvalues[0])}"


def _gradcheck_line(record: GradcheckRecord) -> str:
    found = record.agreement
    worst = words.number(found.largest_central)
    return f"{found.checked:,} weights and biases checked, central differences off by {worst} at most"


def _guess_line(record: GuessRecord) -> str:
    best = f"the best of {words.count(record.guesses, 'guess', 'guesses')} {words.number(record.best.loss)}"
    reached = record.descent.reached
    if reached is None:
        return f"{best}, which gradient descent did not reach"
    return f"{best}, which gradient descent reached after {words.count(reached, 'evaluation')}"


LINES: Mapping[str, Callable[[Any], str]] = MappingProxyType(
    {
        "train": _learned_line,
        "race": _race_line,
        "search": _learned_line,
        "surface": _surface_line,
        "landscape": _landscape_line,
        "gradcheck": _gradcheck_line,
        "guess": _guess_line,
    }
)
"""What is said of a record, by its kind."""


# Tables and curves ----------------------------------------------------------------------------------------


def _board_view(run: Run[LearnedRecord]) -> View:
    """The best members of a training, the best trials of a search."""
    record = run.record
    number, score = "member", METRICS[record.metric].column("validation")
    if "number" in run.leaderboard.columns:  # of a search
        number, score = "number", "value"
    best = list(run.leaderboard.head(SHOWN).iter_rows(named=True))
    rows = [
        [
            row["optimizer"],
            words.number(row["learning_rate"]),
            row["hidden"],
            words.metric(record.metric, row[score]),
            str(row["best_epoch"] or "–"),
            row["status"],
        ]
        for row in best
    ]
    loss = METRICS[DEFAULT_METRIC[record.data.task]]
    column = loss.column("validation")
    curves = [
        _curve(row["optimizer"], run.history.filter(member=row[number]), "epoch", column)._replace(
            name=f"{row['optimizer']} at {words.number(row['learning_rate'])}"
        )
        for row in best
    ]
    heads = ["rule", "rate", "units", f"validation {words.METRIC_NAMES[record.metric]}", "epoch", "ended"]
    return View(heads, rows, curves, "epoch", f"validation {words.METRIC_NAMES[loss.name]}")


def _race_view(run: TableRun[RaceRecord]) -> View:
    """The rules with their mean best scores, and their mean curves over the replicates."""
    import polars as pl

    record, name = run.record, words.METRIC_NAMES[run.record.metric]
    rows = []
    for each in record.standing[:SHOWN]:
        best = each.best[record.metric].mean if each.best else None
        steps = words.number(each.steps_to_target)
        rows.append([each.rule, words.number(each.learning_rate), words.metric(record.metric, best), steps])
    column = METRICS[record.metric].column("validation")
    tuned = run.tables["curves"].filter(rate="tuned")
    mean = tuned.group_by("rule", "epoch", maintain_order=True).agg(pl.col(column).mean())
    curves = [
        _curve(each.rule, mean.filter(rule=each.rule), "epoch", column) for each in record.standing[:SHOWN]
    ]
    heads = ["rule", "best rate", f"mean best {name}", "steps to target"]
    return View(heads, rows, curves, "epoch", f"validation {name}")


def _surface_view(run: TableRun[SurfaceRecord]) -> View:
    standing = run.record.standing[:SHOWN]
    rows = [
        [each.rule, words.number(each.learning_rate), each.ending, words.number(each.loss)]
        for each in standing
    ]
    paths = run.tables["paths"]
    curves = [_curve(each.rule, paths.filter(rule=each.rule), "step", "loss") for each in standing]
    return View(["rule", "rate", "ended", "last loss"], rows, curves, "step", "loss")


def _landscape_view(run: TableRun[LandscapeRecord]) -> View:
    rows = [
        [each.rule, words.number(each.learning_rate), f"{each.epochs:,}", words.percent(each.shown)]
        for each in run.record.paths[:SHOWN]
    ]
    path = run.tables["path"]
    curves = [
        _curve(each.rule, path.filter(rule=each.rule), "epoch", "loss") for each in run.record.paths[:SHOWN]
    ]
    return View(["rule", "rate", "epochs", "shown by the plane"], rows, curves, "epoch", "loss")


def _gradcheck_view(run: TableRun[GradcheckRecord]) -> View:
    rows = [
        [str(each.layer), f"{each.checked:,}", words.number(each.central), words.number(each.forward)]
        for each in run.record.agreement.layers
    ]
    return View(["layer", "checked", "central off by", "forward off by"], rows)


def _guess_view(run: TableRun[GuessRecord]) -> View:
    rows = [[scale, words.number(loss)] for scale, loss in run.record.best_by_scale.items()]
    curve = Curve("gradient descent", theme.colour("right"), [])
    found = _curve(curve.name, run.tables["descent"], "evaluations", "best")
    return View(
        ["weights scaled by", "best loss"],
        rows,
        [curve._replace(points=found.points)],
        "evaluations of the loss",
        "best loss",
    )


VIEWS: Mapping[str, Callable[[Any], View]] = MappingProxyType(
    {
        "train": _board_view,
        "race": _race_view,
        "search": _board_view,
        "surface": _surface_view,
        "landscape": _landscape_view,
        "gradcheck": _gradcheck_view,
        "guess": _guess_view,
    }
)
"""What is shown of a run, by its kind."""


def _curve(rule: str, table: pl.DataFrame, x: str, y: str) -> Curve:
    points = [(float(a), float(b)) for a, b in table.select(x, y).drop_nulls().rows() if math.isfinite(b)]
    return Curve(rule, theme.rule_style(rule).colour, points)


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
    return {
        "lines": [
            (
                curve.name,
                curve.colour,
                " ".join(
                    f"{WIDTH * _share(x, across):.1f},{HEIGHT * (1 - _share(height(y), up)):.1f}"
                    for x, y in curve.points
                ),
            )
            for curve in drawn
        ],
        "x": [words.number(min(xs)), words.number(max(xs))],
        "y": [words.number(min(ys)), words.number(max(ys))],
        "wide": wide,
    }


def _share(value: float, ends: tuple[float, float]) -> float:
    """Where a value lies between two, from 0 to 1."""
    low, high = ends
    return (value - low) / (high - low) if high > low else 0.5
