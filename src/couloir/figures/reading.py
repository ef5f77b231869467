"""What the figures and the report read out of a run's tables, as plain Python values."""

from __future__ import annotations

import math
from typing import Any

from couloir import text as words
from couloir.figures.chart import Run


def is_classification(run: Run) -> bool:
    """Whether the run predicts classes."""
    return run.record["data"]["task"] == "classification"


def finite(value: float | None) -> bool:
    """Whether there is a number that can be drawn."""
    return value is not None and math.isfinite(value)


def loss_name(run: Run) -> str:
    """The loss in words: "log loss" or "mean squared error"."""
    return "log loss" if is_classification(run) else "mean squared error"


def chosen_by_loss(run: Run) -> bool:
    """Whether the epochs kept and the winner were chosen by the loss that the figures draw."""
    return run.record["metric"] in ("log_loss", "mse")


def loss_axis(run: Run, part: str) -> str:
    """The title of an axis that shows the loss on a part, with its unit; short, for phones."""
    return f"{part} {'log loss' if is_classification(run) else 'MSE'} ({loss_unit(run)})".lstrip()


def loss_unit(run: Run) -> str:
    """The unit of the loss: nats, or the square of the target's."""
    return "nats" if is_classification(run) else f"{words.plain(run.record['data']['target'], 18)}²"


def members(run: Run) -> list[dict[str, Any]]:
    """The leaderboard's rows, best first."""
    return run.leaderboard.to_dicts()


def scored(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that can be chosen: not diverged, with a finite validation loss."""
    return [row for row in rows if row["status"] != "diverged" and finite(row["validation_loss"])]


def best_of_each_rule(run: Run) -> list[dict[str, Any]]:
    """Each rule's best member, best first; a rule of which every member diverged is left out."""
    best: dict[str, dict[str, Any]] = {}
    for row in scored(members(run)):
        best.setdefault(row["optimizer"], row)
    return list(best.values())


def diverged_rules(run: Run) -> list[str]:
    """The rules of which no member can be chosen, in the order of the leaderboard."""
    shown = {row["optimizer"] for row in best_of_each_rule(run)}
    return list(dict.fromkeys(row["optimizer"] for row in members(run) if row["optimizer"] not in shown))


def curve(run: Run, member: int, *columns: str) -> list[tuple[Any, ...]]:
    """One member's rows of the history, by epoch: (epoch, *columns); rows with a gap are left out."""
    import polars as pl

    frame = run.history.filter(pl.col("member") == member).sort("epoch").select("epoch", *columns)
    return [row for row in frame.rows() if all(finite(value) for value in row)]
