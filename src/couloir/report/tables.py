"""The page's tables: the leaderboard and the worst mistakes."""

from __future__ import annotations

from typing import Any

from couloir import text as words
from couloir.figures import Run, reading
from couloir.report import folds
from couloir.report.pictures import grey_png
from couloir.text import number, percent

MOST_MEMBERS = 200
MOST_COLUMNS = 6

# Hyperparameters that the leaderboard can vary in, beyond rule and rate, and their headings.
VARIED = {
    "momentum": "momentum",
    "hidden": "hidden",
    "activation": "activation",
    "loss": "loss",
    "batch_size": "batch",
    "epochs": "epochs",
    "l1": "L1",
    "l2": "L2",
    "dropout": "dropout",
    "noise": "noise",
    "schedule": "schedule",
    "warmup": "warm-up",
    "restart": "restart",
}


# Narrow heads keep the table on a phone's screen.
SHORT_NAMES = {"mae": "MAE", "balanced_accuracy": "balanced"}


def tabulate(run: Run) -> dict[str, Any]:
    """Every table of the page: heads and cells as text."""
    rows = reading.members(run)
    scored = {row["member"] for row in reading.best_of_each_rule(run)}
    lost = reading.diverged_rules(run)
    first_lost = {rule: next(row["member"] for row in rows if row["optimizer"] == rule) for rule in lost}
    best = [row for row in rows if row["member"] in scored or row["member"] in first_lost.values()]
    columns, more = _columns(run, rows), len(rows) > MOST_MEMBERS
    return {
        "heads": [head for _, head in columns],
        "best": [_cells(row, columns) for row in best],
        "all": [_cells(row, columns) for row in rows[:MOST_MEMBERS]],
        "all_heading": f"The best {MOST_MEMBERS} of {len(rows):,} members"
        if more
        else f"All {words.count(len(rows), 'member')}",
        "more": more,
        "alike": _alike(rows),
        "mistakes": _mistakes(run),
        "folds": folds.table(run.record),
    }


def _columns(run: Run, rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """(column of the leaderboard, heading); the validation metric that chose comes first."""
    columns = [("rank", "rank"), ("optimizer", "rule"), ("learning_rate", "learning rate")]
    columns += [(name, head) for name, head in VARIED.items() if _varies(rows, name)]
    loss = "log loss" if reading.is_classification(run) else "MSE"
    scores = {"validation_loss": f"validation {loss}"}
    for name in run.leaderboard.columns:
        metric = name.removeprefix("validation_")
        if (
            name.startswith("validation_")
            and metric in words.METRIC_NAMES
            and metric not in ("log_loss", "mse")
        ):
            scores[name] = f"validation {SHORT_NAMES.get(metric, words.METRIC_NAMES[metric])}"
    chosen = f"validation_{run.record['metric']}"
    columns += sorted(scores.items(), key=lambda item: item[0] != chosen)
    columns += [("training_loss", f"training {loss}"), ("best_epoch", "best epoch")]
    return [*columns, ("status", "outcome")]


def _varies(rows: list[dict[str, Any]], name: str) -> bool:
    # Momentum is a number for two rules only: None is not a second value.
    values = {str(row.get(name)) for row in rows if row.get(name) is not None}
    return len(values) > 1


def _alike(rows: list[dict[str, Any]]) -> str:
    """The hyperparameters that all members share, in words."""
    shared = []
    for name, head in VARIED.items():
        values = {str(row.get(name)): row.get(name) for row in rows if row.get(name) is not None}
        if len(values) == 1 and name != "restart":
            value = next(iter(values.values()))
            if value not in (0, 0.0):
                where = " where the rule has one" if name == "momentum" else ""
                shared.append(f"{head} {_text(value)}{where}")
    return words.joined(shared, limit=20)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value)
    return words.short(words.LOSS_NAMES.get(value, str(value).replace("_", " ")))


def _cells(row: dict[str, Any], columns: list[tuple[str, str]]) -> dict[str, Any]:
    cells = []
    for name, _ in columns:
        text = (
            words.metric(name.removeprefix("validation_"), row[name]) if _is_score(name) else _text(row[name])
        )
        cells.append({"text": _outcome(row) if name == "status" else text, "kind": name})
    return {"rule": row["optimizer"], "diverged": row["status"] == "diverged", "cells": cells}


def _is_score(name: str) -> bool:
    return name.startswith(("validation_", "training_"))


def _outcome(row: dict[str, Any]) -> str:
    if row["status"] == "diverged":
        return f"diverged at epoch {row['diverged_epoch']}" if row.get("diverged_epoch") else "diverged"
    if row["status"] == "stopped":
        return f"stopped at epoch {row['epochs_run']}"
    if row["status"] == "left":
        return f"left at epoch {row['epochs_run']}"
    return "ran to the end"


def row(cells: list[str], rule: bool = False, quiet: bool = False) -> dict[str, Any]:
    """A row of a table: its cells, whether the first is a rule (it gets its colour), whether it is pale."""
    return {"cells": cells, "rule": rule, "quiet": quiet}


def _mistakes(run: Run) -> dict[str, Any]:
    """The worst mistakes on validation: as pictures where the rows are images, as a table otherwise."""
    mistakes = run.record.get("mistakes") or []
    rows = "validation row" if len(mistakes) == 1 else f"{len(mistakes)} validation rows"
    if reading.is_classification(run):
        heading = f"The {rows} to whose true class the winner gave the least probability."
    else:
        heading = f"The {rows} whose prediction is farthest off."
    if mistakes and all(mistake.get("pixels") for mistake in mistakes):
        brightest = max(value for mistake in mistakes for line in mistake["pixels"] for value in line)
        return {
            "kind": "pictures",
            "heading": heading,
            "items": [_picture(mistake, brightest) for mistake in mistakes],
        }
    if not mistakes:
        return {"kind": "none", "items": []}
    columns = _shown_columns(run, mistakes)
    score = "given to the true class" if reading.is_classification(run) else "error"
    return {
        "kind": "table",
        "heading": heading,
        "heads": ["row", "true", "predicted", score, *(words.short(column) for column in columns)],
        "items": [_mistake_cells(mistake, columns) for mistake in mistakes],
        "left_out": len(mistakes[0].get("values") or {}) - len(columns),
    }


def _shown_columns(run: Run, mistakes: list[dict[str, Any]]) -> list[str]:
    """The columns that matter most, by importance where it is known."""
    names = list(mistakes[0].get("values") or {})
    rises = {entry["column"]: entry["increase"] for entry in run.record.get("importance") or []}
    return sorted(names, key=lambda name: -rises.get(name, 0.0))[:MOST_COLUMNS]


def _mistake_cells(mistake: dict[str, Any], columns: list[str]) -> list[str]:
    score = percent(mistake["probability"]) if "probability" in mistake else _signed(mistake["error"])
    values = mistake.get("values") or {}
    shown = [_value(values.get(column)) for column in columns]
    return [str(mistake["row"]), _value(mistake["true"]), _value(mistake["predicted"]), score, *shown]


def _signed(value: float) -> str:
    return f"+{number(value)}" if value > 0 else number(value)


def _value(value: Any) -> str:
    """A value of the data as it is: a label or year is no quantity to be rounded or grouped."""
    if isinstance(value, float):
        return f"{value:.6g}".replace("-", "−")
    return "missing" if value is None else words.short(value)


def _picture(mistake: dict[str, Any], brightest: float) -> dict[str, str]:
    true, predicted = words.short(mistake["true"]), words.short(mistake["predicted"])
    if "probability" in mistake:
        doubt = f"{percent(mistake['probability'])} given to {true}"
    else:
        doubt = f"error {_signed(mistake['error'])}"
    return {
        "source": grey_png(mistake["pixels"], brightest),
        "alt": f"Row {mistake['row']}: true {true}, predicted {predicted}",
        "true": true,
        # A right answer can be among the worst where the winner is unsure of it.
        "reading": f"read as {predicted}" if predicted != true else "read rightly",
        "doubt": doubt,
        "row": str(mistake["row"]),
    }
