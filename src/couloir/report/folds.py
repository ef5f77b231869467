"""The words for cross-validation and for early stopping on the page of a training."""

from __future__ import annotations

from typing import Any

from couloir import text as words
from couloir.figures import Run, reading, scores
from couloir.text import count, number


def choice_words(record: dict[str, Any]) -> str:
    """How the winner was chosen by cross-validation."""
    validated = record["cross_validation"]
    metric = scores.metric_name(validated["metric"])
    rest = record["data"]["split"]["train"] + (record["data"]["split"].get("validation") or 0)
    text = f"The {rest:,} rows outside the test part were divided into {count(validated['folds'], 'fold')}. "
    if record["n_members"] == 1:
        text += "The network was trained once for each fold, on the other folds, and scored on that one"
    else:
        text += "Each member was trained once for each fold, on the other folds, and scored on that one; "
        text += f"the winner has the {scores.superlative(validated['metric'])} mean {metric}"
    median = validated.get("median_best_epochs")
    if median:
        text += f". It was then trained on all {rest:,} rows for {count(median, 'epoch')}, the median of its "
        text += "best epochs over the folds; the test score is that network's"
    return f"{text}."


def table(record: dict[str, Any]) -> dict[str, Any] | None:
    """Heads and rows of the table of every fold's scores; None where the run has no folds."""
    validated = record.get("cross_validation")
    if not validated or not validated.get("scores"):
        return None
    names = sorted(validated["scores"], key=lambda name: name != validated["metric"])
    rows = [
        (
            f"fold {fold + 1}",
            [words.metric(name, validated["scores"][name]["values"][fold]) for name in names],
        )
        for fold in range(validated["folds"])
    ]
    rows.insert(0, ("mean ± spread", [_mean_words(validated["scores"][name], name) for name in names]))
    nested = validated.get("nested")
    if nested:
        cells = [_mean_words(nested[name], name) if name in nested else "–" for name in names]
        rows.insert(1, ("nested", cells))
    heads = ["", *(scores.metric_name(name) for name in names)]
    items = [{"cells": [name, *cells], "rule": False, "quiet": False} for name, cells in rows]
    return {"heads": heads, "items_": items}


def _mean_words(found: dict[str, Any], name: str) -> str:
    text = words.metric(name, found["mean"])
    return f"{text} ± {words.metric(name, found['spread'])}" if scores.finite(found.get("spread")) else text


def stopping_words(run: Run) -> str:
    """Where the winner's training stopped, the gap there, and what further epochs gave; "" where unknown."""
    stopping = run.record.get("stopping")
    if not stopping or stopping.get("patience") is None:
        return ""
    best, stop, last = stopping["best_epoch"], stopping.get("stop_epoch"), stopping["last_epoch"]
    if stop is None:
        return (
            f"Early stopping (patience {count(stopping['patience'], 'epoch')}) never set in: the best epoch, "
            f"{best}, lies within so many of the last, {last}."
        )
    text = f"Early stopping sets in at epoch {stop}, {count(stop - best, 'epoch')} after the best, {best}"
    text += f"{_gap_words(run, stop)}."
    return text + (_compared_words(run, stopping) if stopping.get("compared") else "")


def _gap_words(run: Run, epoch: int) -> str:
    """The gap between the two losses at an epoch, from the history."""
    points = reading.curve(run, run.record["winner"]["member"], "training_loss", "validation_loss")
    at = next((point for point in points if point[0] == epoch), None)
    if at is None:
        return ""
    gap = at[2] - at[1]
    where = "above" if gap >= 0 else "below"
    return f"; validation {reading.loss_name(run)} stands {number(abs(gap))} {where} the training loss there"


def _compared_words(run: Run, stopping: dict[str, Any]) -> str:
    """What training on without stopping gave; the epochs after the stop were really run."""
    metric = run.record["metric"]
    before, after = stopping.get("score_at_stop"), stopping.get("score_at_last")
    if before is None or after is None or stopping["last_epoch"] <= stopping["stop_epoch"]:
        return ""
    name, last = scores.metric_name(metric), stopping["last_epoch"]
    text = f" Without stopping, {count(last - stopping['stop_epoch'], 'more epoch')} to epoch {last} "
    if before == after:
        return f"{text}would have left validation {name} at {words.metric(metric, before)}."
    better = scores.best(metric, (before, after)) == after
    text += f"would have taken validation {name} from {words.metric(metric, before)} to "
    text += f"{words.metric(metric, after)}: "
    return text + ("the stop came too early here." if better else "the stop was right.")
