"""What a run came to, and runs side by side, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from couloir import text as words
from couloir.engine.metrics import DEFAULT_METRIC, METRICS
from couloir.errors import InputError
from couloir.runs import stored as runs
from couloir.studio.rooms.runs.listing import (
    AMISS,
    Record,
    interval_words,
    read_record,
    readable_row,
    shortened,
    usual_metric,
    whole,
)

if TYPE_CHECKING:
    import polars as pl

MOST_POINTS = 400
"""Points of a curve that are sent; longer ones are thinned out evenly."""

SHOWN_TRIALS = 10


def result(folder: Path) -> dict[str, Any]:
    """What a run came to: its row, all test scores with intervals, board, and curves of the best by rule.

    Raises:
        InputError: the folder is broken, or the run has no model.
    """
    return _reading(folder, _result)


def compared(folder: Path) -> dict[str, Any]:
    """What a run contributes to a comparison: scores with intervals, the winner's curves and rates."""
    return _reading(folder, _compared)


def _reading(folder: Path, read: Callable[[Path, Record], dict[str, Any]]) -> dict[str, Any]:
    """What is read of a run; an InputError for whatever is not as a run has it."""
    import polars as pl

    record = read_record(folder)
    if record.get("kind", "train") not in runs.WITH_MODEL:
        raise InputError(f"The run '{folder.name}' is a {record.get('kind')}: look at its page.")
    try:
        return readable_row(folder, record) | {"scores": _scores(record)} | read(folder, record)
    except (*AMISS, pl.exceptions.PolarsError) as error:
        reason = shortened(error).rstrip(".")
        raise InputError(f"The run '{folder.name}' is not as it should be ({reason}): train again.") from None


def _result(folder: Path, record: Record) -> dict[str, Any]:
    boards = {"train": _rules_board, "race": _standing_board, "search": _trials_board}
    usual = usual_metric(record)
    rivals = [record["linear"], record["baseline"]]
    return {
        "rivals": [
            {"name": each["name"], "text": words.metric(usual, each["test"][usual])} for each in rivals
        ],
        "verdicts": [str(sentence) for sentence in record.get("verdicts", ())],
        "board": boards[record.get("kind", "train")](record, folder),
        "curves": _curves_by_rule(record, folder),
    }


def _scores(record: Record) -> list[dict[str, Any]]:
    """Every metric on the test part, with its 95 % interval."""
    test = record["test"]
    return [
        {
            "metric": metric,
            "name": words.METRIC_NAMES[metric],
            "value": float(test[metric]),
            "low": float(low),
            "high": float(high),
            "text": words.metric(metric, test[metric]),
            "interval_text": interval_words(metric, low, high),
        }
        for metric, (low, high) in test["intervals"].items()
    ]


def _table(folder: Path, name: str) -> pl.DataFrame:
    import polars as pl

    return pl.read_parquet(folder / f"{name}.parquet")


def _loss(record: Record) -> str:
    return DEFAULT_METRIC[record["data"]["task"]]


# Boards: heads, and rows of cells {text, value} ------------------------------------------------------------

Board = dict[str, Any]


def _cell(text: Any, value: Any = None) -> dict[str, Any]:
    return {"text": str(text), "value": value}


def _amount(value: float | None, more: str = "") -> dict[str, Any]:
    return _cell(words.number(value) + more, value)


def _score(metric: str, value: float | None) -> dict[str, Any]:
    return _cell(words.metric(metric, value), value)


def _epoch(value: float | None) -> dict[str, Any]:
    return _cell("–" if value is None else f"{value:g}", value)


def _rules_board(record: Record, folder: Path) -> Board:
    """The best member of each rule, best first."""
    metric, rows = record["metric"], []
    for (rule,), part in _table(folder, "leaderboard").group_by(["optimizer"], maintain_order=True):
        best = part.row(0, named=True)
        lost = part.filter(status="diverged").height
        rows.append(
            [
                _cell(rule),
                _amount(best["learning_rate"]),
                _score(metric, best[METRICS[metric].column("validation")]),
                _epoch(best["best_epoch"]),
                _cell(best["hidden"]),
                _cell(best["status"]),
                _cell(f"{lost} of {part.height}", lost),
            ]
        )
    heads = ["rule", "rate", words.METRIC_NAMES[metric], "epoch", "units", "ended", "diverged"]
    return {"title": "The best of every rule", "heads": heads, "rows": rows}


def _standing_board(record: Record, folder: Path) -> Board:
    """Rules by their mean best score over the replicates."""
    metric, count, rows = record["metric"], record["replicates"], []
    for entry in record["standing"]:
        best = (entry["best"] or {}).get(metric) or {"mean": None, "low": None, "high": None}
        both = best["low"] is not None and best["high"] is not None
        edge = {"highest": " (highest tried)", "lowest": " (lowest tried)"}.get(entry["at_edge"], "")
        rows.append(
            [
                _cell(entry["rule"]),
                _amount(entry["learning_rate"], edge),
                _score(metric, best["mean"]),
                _cell(interval_words(metric, best["low"], best["high"]) if both else "–"),
                _amount(entry["steps_to_target"]),
                _cell(f"{entry['diverged']} of {count}", entry["diverged"]),
            ]
        )
    name = f"mean best {words.METRIC_NAMES[metric]}"
    heads = ["rule", "rate", name, "95 % interval", "steps to target", "diverged"]
    return {"title": f"Rules over {words.count(count, 'replicate')}", "heads": heads, "rows": rows}


def _trials_board(record: Record, folder: Path) -> Board:
    """The best trials, best first."""
    metric = record["metric"]
    heads = ["rule", "trial", "rate", words.METRIC_NAMES[metric], "network", "activation", "batch", "epoch"]
    rows = [
        [
            _cell(row["optimizer"]),
            _cell(row["number"], row["number"]),
            _amount(row["learning_rate"]),
            _score(metric, row["value"]),
            _cell(row["hidden"]),
            _cell(row["activation"]),
            _cell(row["batch_size"], row["batch_size"]),
            _epoch(row["best_epoch"]),
        ]
        for row in _table(folder, "leaderboard").head(SHOWN_TRIALS).iter_rows(named=True)
    ]
    return {"title": "The best trials", "heads": heads, "rows": rows}


# Curves ---------------------------------------------------------------------------------------------------


def _curves_by_rule(record: Record, folder: Path) -> dict[str, Any]:
    """The validation score by epoch of every rule's best member, of a race the mean over the replicates."""
    metric = record["metric"]
    if record.get("kind", "train") == "race":
        curves = _mean_curves(_table(folder, "curves"), METRICS[metric].column("validation"))
    else:
        history = _table(folder, "history")
        if (
            METRICS[metric].column("validation") not in history.columns
        ):  # of a search only the losses are kept
            metric = _loss(record)
        curves = _best_curves(_table(folder, "leaderboard"), history, METRICS[metric].column("validation"))
    return {"metric": metric, "name": words.METRIC_NAMES[metric], "curves": curves}


def _mean_curves(curves: pl.DataFrame, column: str) -> list[dict[str, Any]]:
    """Of a race: the mean over the replicates at each rule's best rate."""
    import polars as pl

    mean = (
        curves.filter(pl.col("rate") == "tuned")
        .group_by("rule", "epoch", maintain_order=True)
        .agg(pl.col(column).mean())
        .sort("epoch")
    )
    parts = mean.group_by(["rule"], maintain_order=True)
    return [_curve(str(rule), part["epoch"], part[column]) for (rule,), part in parts]


def _best_curves(board: pl.DataFrame, history: pl.DataFrame, column: str) -> list[dict[str, Any]]:
    """Of a training or a search: each rule's best member."""
    number = "number" if "number" in board.columns else "member"
    curves = []
    for (rule,), part in board.group_by(["optimizer"], maintain_order=True):
        own = history.filter(member=part[number][0])
        if own.height:
            curves.append(_curve(str(rule), own["epoch"], own[column]))
    return curves


def _curve(name: str, epochs: pl.Series, values: pl.Series) -> dict[str, Any]:
    import numpy as np

    count = len(epochs)
    shown = np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).round().astype(int))
    return {"name": name, "epochs": epochs.gather(shown).to_list(), "values": values.gather(shown).to_list()}


# Side by side ---------------------------------------------------------------------------------------------


def _compared(folder: Path, record: Record) -> dict[str, Any]:
    own = _table(folder, "history").filter(member=record["winner"]["member"])
    return {
        "seed": whole(record["seed"]),
        "fractions": [float(share) for share in record["fractions"]],
        "loss": words.METRIC_NAMES[_loss(record)],
        "curve": _curve("validation", own["epoch"], own["validation_loss"]),
        "response": _response(record, _table(folder, "leaderboard")),
    }


def _response(record: Record, board: pl.DataFrame) -> dict[str, Any]:
    """The winner's rule: the best score that was had at every learning rate."""
    import polars as pl

    rule, metric = record["winner"]["optimizer"], record["metric"]
    score = "value" if record.get("kind", "train") == "search" else METRICS[metric].column("validation")
    best = pl.col(score).max() if METRICS[metric].more_is_better else pl.col(score).min()
    found = (
        board.filter(pl.col("optimizer") == rule, pl.col(score).is_not_null(), pl.col("status") != "diverged")
        .group_by("learning_rate")
        .agg(best)
        .sort("learning_rate")
    )
    return {
        "metric": metric,
        "name": words.METRIC_NAMES[metric],
        "rule": str(rule),
        "rates": found["learning_rate"].to_list(),
        "values": found[score].to_list(),
    }


def cautions(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """What to beware of when runs are set side by side, in sentences."""
    said = []
    fingerprints = {each["fingerprint"] for each in found}
    divisions = {(each["seed"], tuple(each["fractions"])) for each in found}
    if len(fingerprints) > 1:
        said.append(
            "These runs are about different data, as their fingerprints say: their scores are not comparable."
        )
    elif len(divisions) > 1:
        said.append(
            "These runs divide the data differently, by seed or split: they are tested on different rows."
        )
    if len({each["metric"] for each in found}) > 1:
        said.append("These runs chose by different metrics: validation scores are not comparable.")
    times = max((each["times_scored"] or 0 for each in found), default=0)
    if len(fingerprints) == 1 and times > 1:
        said.append(
            f"Their test part had been scored {times} times when the last of them looked at it: "
            "the more often, the less a difference on it says."
        )
    return said
