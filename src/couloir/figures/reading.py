"""What the figures and the report read out of a run's tables, as plain Python values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from couloir.figures import scores
from couloir.figures.chart import Row, Run

if TYPE_CHECKING:
    from couloir.runs.records import LearnedRecord, TrainRecord


def loss_name(run: Run[LearnedRecord]) -> str:
    """The loss in words: "log loss" or "mean squared error"."""
    return scores.metric_name(scores.loss_of(run.record))


def chosen_by_loss(run: Run[LearnedRecord]) -> bool:
    """Whether the epochs kept and the winner were chosen by the loss that the figures draw."""
    return run.record.metric == scores.loss_of(run.record)


def loss_axis(run: Run[LearnedRecord], part: str) -> str:
    """The title of an axis that shows the loss on a part, with its unit; short, for phones."""
    return scores.axis_title(run.record, scores.loss_of(run.record), part)


def members(run: Run[TrainRecord]) -> list[Row]:
    """The leaderboard's rows, best first."""
    return run.leaderboard.to_dicts()


def scored(rows: list[Row]) -> list[Row]:
    """The rows that can be chosen: not diverged, with a finite validation loss."""
    return [row for row in rows if row["status"] != "diverged" and scores.finite(row["validation_loss"])]


def best_of_each_rule(run: Run[TrainRecord]) -> list[Row]:
    """Each rule's best member, best first; a rule of which every member diverged is left out."""
    best: dict[str, dict[str, Any]] = {}
    for row in scored(members(run)):
        best.setdefault(row["optimizer"], row)
    return list(best.values())


def diverged_rules(run: Run[TrainRecord]) -> list[str]:
    """The rules of which no member can be chosen, in the order of the leaderboard."""
    shown = {row["optimizer"] for row in best_of_each_rule(run)}
    return list(dict.fromkeys(row["optimizer"] for row in members(run) if row["optimizer"] not in shown))


def curve(run: Run[TrainRecord], member: int, *columns: str) -> list[tuple[Any, ...]]:
    """One member's rows of the history, by epoch: (epoch, *columns); rows with a gap are left out."""
    import polars as pl

    frame = run.history.filter(pl.col("member") == member).sort("epoch").select("epoch", *columns)
    return [row for row in frame.rows() if all(scores.finite(value) for value in row)]
