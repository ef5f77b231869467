"""The page's tables: the leaderboard and the worst mistakes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from couloir import options
from couloir import text as words
from couloir.engine.metrics import METRICS, metrics_of
from couloir.figures import Run, reading, scores
from couloir.report.pictures import grey_png
from couloir.text import number, percent

if TYPE_CHECKING:
    from couloir.runs.records import LearnedRecord, TrainRecord
    from couloir.runs.records.learned import Mistake

MOST_MEMBERS = 200
MOST_COLUMNS = 6

Row = dict[str, Any]
"""A row of the leaderboard."""


def row(cells: list[str], rule: bool = False, quiet: bool = False) -> dict[str, Any]:
    """A row of a table: its cells, whether the first is a rule (it gets its colour), whether it is pale."""
    return {"cells": cells, "rule": rule, "quiet": quiet}


def leaderboard(run: Run[TrainRecord]) -> dict[str, Any]:
    """The best member of each rule and all members: heads and cells as text, and what all share."""
    rows = reading.members(run)
    scored = {row["member"] for row in reading.best_of_each_rule(run)}
    lost = reading.diverged_rules(run)
    first_lost = {rule: next(row["member"] for row in rows if row["optimizer"] == rule) for rule in lost}
    best = [row for row in rows if row["member"] in scored or row["member"] in first_lost.values()]
    names = hyperparameters(run.leaderboard.columns)
    varied = [name for name in names if _varies(rows, name)]
    columns, more = _columns(run.record, varied), len(rows) > MOST_MEMBERS
    many = f"The best {MOST_MEMBERS} of {len(rows):,} members"
    return {
        "heads": [head for _, head in columns],
        "best": [_cells(row, columns) for row in best],
        "all": [_cells(row, columns) for row in rows[:MOST_MEMBERS]],
        "all_heading": many if more else f"All {words.count(len(rows), 'member')}",
        "more": more,
        "alike": alike(rows, [name for name in names if name not in varied]),
    }


def hyperparameters(columns: Iterable[str], but: Iterable[str] = ("optimizer", "learning_rate")) -> list[str]:
    """Hyperparameters that members can vary in, beyond rule and rate, in the order of the leaderboard."""
    known = {*options.MEMBER, "restart"} - set(but)
    return [name for name in columns if name in known]


def _columns(record: TrainRecord, varied: Iterable[str]) -> list[tuple[str, str]]:
    """(column of the leaderboard, heading); the validation metric that chose comes first."""
    columns = [("rank", "rank"), ("optimizer", "rule"), ("learning_rate", "learning rate")]
    columns += [(name, options.label(name)) for name in varied]
    names = {name: words.short_metric(name) for name in metrics_of(record.data.task)}
    loss = METRICS[scores.loss_of(record)]
    for name in sorted(names, key=lambda name: name != record.metric):
        columns.append((METRICS[name].column("validation"), f"validation {names[name]}"))
    columns += [(loss.column("training"), f"training {names[loss.name]}"), ("best_epoch", "best epoch")]
    return [*columns, ("status", "outcome")]


def _values(rows: Iterable[Row], name: str) -> dict[str, Any]:
    """The values of a hyperparameter, by text; None is none of them: a rule does not read such a number."""
    return {str(row[name]): row[name] for row in rows if row[name] is not None}


def _varies(rows: Sequence[Row], name: str) -> bool:
    """Whether members differ in a hyperparameter; in numbers that rules read, members of one rule."""
    if name not in options.CUSTOMARY:
        return len(_values(rows, name)) > 1
    rules = {row["optimizer"] for row in rows}
    return any(len(_values([r for r in rows if r["optimizer"] == rule], name)) > 1 for rule in rules)


def alike(rows: Sequence[Row], names: Iterable[str]) -> str:
    """The hyperparameters that all members share, in words; those that some rules do not read come last."""
    shared: dict[bool, list[str]] = {False: [], True: []}
    for name in names:
        values = list(_values(rows, name).values())
        if len(values) == 1 and values[0] != 0:
            some = any(row[name] is None for row in rows)
            shared[some].append(f"{options.label(name)} {words.setting(values[0])}")
    text = words.joined(shared[False], limit=20)
    return f"{text}; where the rule has one, {words.joined(shared[True])}" if shared[True] else text


def _cells(row: Row, columns: Iterable[tuple[str, str]]) -> dict[str, Any]:
    cells = []
    for name, _ in columns:
        text = outcome(row) if name == "status" else cell(row, name)
        cells.append({"text": text, "kind": name})
    return {"rule": row["optimizer"], "diverged": row["status"] == "diverged", "cells": cells}


def cell(row: Row, name: str) -> str:
    """What stands in a column of the leaderboard."""
    if name.startswith(("validation_", "training_")):
        return words.metric(name.removeprefix("validation_"), row[name])
    return words.setting(row[name])


def outcome(row: Row) -> str:
    """How a member ended."""
    if row["status"] == "diverged":
        return f"diverged at epoch {row['diverged_epoch']}"
    if row["status"] == "left":
        return f"left after epoch {row['epochs_run']}"
    return f"stopped at epoch {row['epochs_run']}" if row["status"] == "stopped" else "ran to the end"


def mistakes(record: TrainRecord, part: str = "validation") -> dict[str, Any]:
    """The worst mistakes on the rows judged on: as pictures of images, as a table otherwise."""
    found, classes = record.mistakes, record.data.is_classification
    if not found:
        return {"kind": "none", "items": []}
    rows = f"{part} row" if len(found) == 1 else f"{len(found)} {part} rows"
    if classes:
        heading = f"The {rows} to whose true class the winner gave the least probability."
    else:
        heading = f"The {rows} whose prediction is farthest off."
    if record.data.image_shape:
        brightest = max(value for mistake in found for line in mistake.pixels or [] for value in line)
        items = [_picture(mistake, brightest) for mistake in found]
        return {"kind": "pictures", "heading": heading, "items": items}
    columns = _shown_columns(record)
    score = "given to the true class" if classes else "error"
    return {
        "kind": "table",
        "heading": heading,
        "heads": ["row", "true", "predicted", score, *(words.short(column) for column in columns)],
        "items": [_mistake_cells(mistake, columns) for mistake in found],
        "left_out": len(found[0].values or {}) - len(columns),
    }


def _shown_columns(record: LearnedRecord) -> list[str]:
    """The columns that matter most, by importance where it is known."""
    rises = {entry.column: entry.increase for entry in record.importance or []}
    return sorted(record.mistakes[0].values or {}, key=lambda name: -rises.get(name, 0.0))[:MOST_COLUMNS]


def _mistake_cells(mistake: Mistake, columns: Iterable[str]) -> list[str]:
    values = mistake.values or {}
    shown = [_value(values[column]) for column in columns]
    return [str(mistake.row), _value(mistake.true), _value(mistake.predicted), _doubt(mistake), *shown]


def _doubt(mistake: Mistake) -> str:
    """What was given to the true class, or how far off the value is."""
    if mistake.error is None:
        return percent(mistake.probability)
    return f"+{number(mistake.error)}" if mistake.error > 0 else number(mistake.error)


def _value(value: Any) -> str:
    """A value of the data as it is: a label or year is no quantity to be rounded or grouped."""
    if isinstance(value, float):
        return f"{value:.6g}".replace("-", "−")
    return "missing" if value is None else words.short(value)


def _picture(mistake: Mistake, brightest: float) -> dict[str, str]:
    true, predicted, doubt = words.short(mistake.true), words.short(mistake.predicted), _doubt(mistake)
    return {
        "source": grey_png(mistake.pixels or [], brightest),
        "alt": f"Row {mistake.row}: true {true}, predicted {predicted}",
        "true": true,
        # A right answer can be among the worst where the winner is unsure of it.
        "reading": f"read as {predicted}" if predicted != true else "read rightly",
        "doubt": f"{doubt} given to {true}" if mistake.error is None else f"error {doubt}",
        "row": str(mistake.row),
    }
