"""The folder of runs as plain values: its table, what a run came to, and runs side by side.

A run folder is a person's file and may hold anything. What cannot be read is listed with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from couloir import text as words
from couloir.errors import InputError, unknown
from couloir.runs import stored as runs

if TYPE_CHECKING:
    import polars as pl

LARGEST_RECORD = 64 << 20
"""Bytes of a run.json that is read."""

MOST_LISTED = 500
MOST_POINTS = 400
"""Points of a curve that are sent; longer ones are thinned out evenly."""

SHOWN_TRIALS = 10

Record = Mapping[str, Any]

_AMISS = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError)
"""What reading a record comes to that holds other things than a run's."""


# The table ------------------------------------------------------------------------------------------------


def folders(parent: Path) -> list[Path]:
    """Everything in the folder of runs that is a run or was to be one, newest first."""
    if not parent.is_dir():
        return []
    found = [
        path
        for path in parent.iterdir()
        if path.is_dir() and not path.is_symlink() and not path.name.startswith(".")
    ]
    return sorted(found, key=lambda path: path.name, reverse=True)


def find(parent: Path, name: str) -> Path:
    """The run folder of a name.

    Raises:
        InputError: there is none of that name in the folder of runs.
    """
    known = {path.name: path for path in folders(parent)}
    if name not in known:
        raise unknown("run", name[:60], list(known)[:5]) if known else InputError("There are no runs yet.")
    return known[name]


def row(folder: Path) -> dict[str, Any]:
    """A run's row in the table; of a folder that cannot be read its name and the reason."""
    try:
        return _row(folder, read_record(folder))
    except InputError as error:
        return {"name": folder.name, "broken": str(error), "kind": _kind_by_files(folder)}
    except _AMISS as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        return {
            "name": folder.name,
            "broken": f"Its run.json is not as it should be ({type(error).__name__}: {reason}).",
            "kind": _kind_by_files(folder),
        }


def read_record(folder: Path) -> dict[str, Any]:
    """What run.json holds.

    Raises:
        InputError: it is not there, or is no record of a run.
    """
    path = folder / "run.json"
    try:
        if path.stat().st_size > LARGEST_RECORD:
            raise InputError(f"Its run.json is larger than {LARGEST_RECORD >> 20} MiB.")
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if (folder / "journal.log").exists():
            raise InputError(
                f"A search that has not ended: go on with 'couloir search --resume {folder.parent.name}/"
                f"{folder.name}'."
            ) from None
        raise InputError("It has no run.json: it is not a run, or was cut short.") from None
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"Its run.json cannot be read ({reason}).") from None
    if not isinstance(found, dict):
        raise InputError("Its run.json does not hold a record.")
    return found


def _kind_by_files(folder: Path) -> str:
    return "search" if (folder / "journal.log").exists() else ""


def _row(folder: Path, record: Record) -> dict[str, Any]:
    data, kind = record.get("data") or {}, str(record.get("kind", "train"))
    found = {
        "name": folder.name,
        "broken": None,
        "kind": kind,
        "data": str(data.get("name", record.get("surface", ""))),
        "created": str(record.get("created", "")),
        "rows": _whole(data.get("rows")),
        "members": _whole(record.get("n_members")),
        "seconds": _number((record.get("seconds") or {}).get("total")),
        "status": str(record.get("status", "")),
        "command": str(record.get("command", "")),
        "page": any(path.is_file() and not path.is_symlink() for path in folder.glob("*.html")),
        "model": kind in runs.WITH_MODEL,
    }
    return found | (_scored(record) if found["model"] else {})


def _scored(record: Record) -> dict[str, Any]:
    """What is said of a run that ended in a model."""
    metric, task = str(record["metric"]), record["data"]["task"]
    usual = "r2" if task == "regression" else "accuracy"
    low, high = record["test"]["intervals"][usual]
    return {
        "task": str(task),
        "target": str(record["data"]["target"]),
        "fingerprint": str(record["data"]["fingerprint"]),
        "metric": metric,
        "metric_name": words.METRIC_NAMES[metric],
        "winner": winner_words(record),
        "validation": _number(record["validation"][metric]),
        "validation_text": words.metric(metric, record["validation"][metric]),
        "test": _number(record["test"][metric]),
        "test_text": words.metric(metric, record["test"][metric]),
        "usual": usual,
        "usual_name": words.METRIC_NAMES[usual],
        "score": _number(record["test"][usual]),
        "score_text": words.metric(usual, record["test"][usual]),
        "low": _number(low),
        "high": _number(high),
        "interval_text": f"{words.metric(usual, low)} to {words.metric(usual, high)}",
        "times_scored": _whole((record.get("ledger") or {}).get("times_scored")),
    }


def winner_words(record: Record) -> str:
    """Rule, rate and network of the winner, and whether it is kept alone."""
    winner = record["winner"]
    layers = "-".join(map(str, winner["hidden"])) + " units" if winner["hidden"] else "no hidden layer"
    text = f"{winner['optimizer']} at {words.number(winner['learning_rate'])}, {layers}"
    kept = [entry for entry in record["finalists"] if entry["headline"]][-1]
    return f"{text}, ensemble of {kept['networks']}" if kept["name"] == "ensemble" else text


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


# One run --------------------------------------------------------------------------------------------------


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
        return read(folder, record)
    except (*_AMISS, pl.exceptions.PolarsError) as error:
        reason = " ".join(str(error).split())[:120].rstrip(".")
        raise InputError(f"The run '{folder.name}' is not as it should be ({reason}): train again.") from None


def _result(folder: Path, record: Record) -> dict[str, Any]:
    boards = {"train": _rules_board, "race": _standing_board, "search": _trials_board}
    tables = _Tables(folder)
    kind = record.get("kind", "train")
    return {
        **_row(folder, record),
        "scores": scores(record),
        "rivals": [
            {"name": record[name]["name"], "text": words.metric(usual, record[name]["test"][usual])}
            for name in ("linear", "baseline")
            for usual in [_usual(record)]
        ],
        "counts": {name: int(count) for name, count in record["counts"].items()},
        "verdicts": [str(sentence) for sentence in record.get("verdicts", ())],
        "warnings": [str(sentence) for sentence in record["data"].get("warnings", ())],
        "board": boards[kind](record, tables),
        "curves": _curves_by_rule(record, tables),
    }


def scores(record: Record) -> list[dict[str, Any]]:
    """Every metric on the test part, with its 95 % interval."""
    test = record["test"]
    return [
        {
            "metric": metric,
            "name": words.METRIC_NAMES[metric],
            "validation": _number(record["validation"].get(metric)),
            "value": float(test[metric]),
            "low": float(low),
            "high": float(high),
            "text": words.metric(metric, test[metric]),
            "interval_text": f"{words.metric(metric, low)} to {words.metric(metric, high)}",
        }
        for metric, (low, high) in test["intervals"].items()
    ]


class _Tables:
    """A run's tables, read when they are wanted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getitem__(self, name: str) -> pl.DataFrame:
        import polars as pl

        return pl.read_parquet(self.folder / f"{name}.parquet")


def _usual(record: Record) -> str:
    return "r2" if record["data"]["task"] == "regression" else "accuracy"


def _column(metric: str) -> str:
    return "validation_loss" if metric in ("log_loss", "mse") else f"validation_{metric}"


def _more_is_better(metric: str) -> bool:
    return metric in words.HIGHER_IS_BETTER


# Boards: heads, and rows of cells {text, value} ------------------------------------------------------------

Board = dict[str, Any]


def _cell(text: str, value: Any = None) -> dict[str, Any]:
    return {"text": text, "value": value}


def _score(metric: str, value: float | None) -> dict[str, Any]:
    return _cell(words.metric(metric, value), value)


def _rules_board(record: Record, tables: _Tables) -> Board:
    """The best member of each rule, best first."""
    metric, table = record["metric"], tables["leaderboard"]
    heads = ["rule", "rate", words.METRIC_NAMES[metric], "epoch", "units", "ended", "diverged"]
    rows = []
    for (rule,), part in table.group_by(["optimizer"], maintain_order=True):
        best = part.row(0, named=True)
        lost = part.filter(status="diverged").height
        rows.append(
            [
                _cell(str(rule)),
                _cell(words.number(best["learning_rate"]), best["learning_rate"]),
                _score(metric, best[_column(metric)]),
                _cell("–" if best["best_epoch"] is None else f"{best['best_epoch']:g}", best["best_epoch"]),
                _cell(str(best["hidden"])),
                _cell(str(best["status"])),
                _cell(f"{lost} of {part.height}", lost),
            ]
        )
    return {"title": "The best of every rule", "heads": heads, "rows": rows}


def _standing_board(record: Record, tables: _Tables) -> Board:
    """Rules by their mean best score over the replicates."""
    metric, count = record["metric"], record["replicates"]
    name = words.METRIC_NAMES[metric]
    heads = ["rule", "rate", f"mean best {name}", "95 % interval", "steps to target", "diverged"]
    rows = []
    for entry in record["standing"]:
        best = (entry["best"] or {}).get(metric) or {"mean": None, "low": None, "high": None}
        both = best["low"] is not None and best["high"] is not None
        steps = entry["steps_to_target"]
        edge = {"highest": " (highest tried)", "lowest": " (lowest tried)"}.get(entry["at_edge"], "")
        rows.append(
            [
                _cell(str(entry["rule"])),
                _cell(words.number(entry["learning_rate"]) + edge, entry["learning_rate"]),
                _score(metric, best["mean"]),
                _cell(
                    f"{words.metric(metric, best['low'])} to {words.metric(metric, best['high'])}"
                    if both
                    else "–"
                ),
                _cell(words.number(steps), steps),
                _cell(f"{entry['diverged']} of {count}", entry["diverged"]),
            ]
        )
    return {"title": f"Rules over {words.count(count, 'replicate')}", "heads": heads, "rows": rows}


def _trials_board(record: Record, tables: _Tables) -> Board:
    """The best trials, best first."""
    metric = record["metric"]
    heads = ["rule", "trial", "rate", words.METRIC_NAMES[metric], "network", "activation", "batch", "epoch"]
    rows = [
        [
            _cell(str(row["optimizer"])),
            _cell(str(row["number"]), row["number"]),
            _cell(words.number(row["learning_rate"]), row["learning_rate"]),
            _score(metric, row["value"]),
            _cell(str(row["hidden"])),
            _cell(str(row["activation"])),
            _cell(str(row["batch_size"]), row["batch_size"]),
            _cell(f"{row['best_epoch']:g}", row["best_epoch"]),
        ]
        for row in tables["leaderboard"].head(SHOWN_TRIALS).iter_rows(named=True)
    ]
    return {"title": "The best trials", "heads": heads, "rows": rows}


# Curves ---------------------------------------------------------------------------------------------------


def _curves_by_rule(record: Record, tables: _Tables) -> dict[str, Any]:
    """The validation score by epoch of every rule's best member, of a race the mean over the replicates."""
    import polars as pl

    metric, kind = record["metric"], record.get("kind", "train")
    column = _column(metric)
    if kind == "race":
        mean = (
            tables["curves"]
            .filter(pl.col("rate") == "tuned")
            .group_by("rule", "epoch", maintain_order=True)
            .agg(pl.col(column).mean())
            .sort("epoch")
        )
        curves = [
            _curve(str(rule), part["epoch"], part[column])
            for (rule,), part in mean.group_by(["rule"], maintain_order=True)
        ]
        return {"metric": metric, "name": words.METRIC_NAMES[metric], "curves": curves}
    history, board = tables["history"], tables["leaderboard"]
    if column not in history.columns:  # of a search only the losses are kept
        metric = "mse" if record["data"]["task"] == "regression" else "log_loss"
        column = _column(metric)
    number = "number" if kind == "search" else "member"
    curves = []
    for (rule,), part in board.group_by(["optimizer"], maintain_order=True):
        own = history.filter(pl.col("member") == part[number][0])
        if own.height:
            curves.append(_curve(str(rule), own["epoch"], own[column]))
    return {"metric": metric, "name": words.METRIC_NAMES[metric], "curves": curves}


def _curve(name: str, epochs: pl.Series, values: pl.Series) -> dict[str, Any]:
    import numpy as np

    count = len(epochs)
    shown = np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).round().astype(int))
    return {"name": name, "epochs": epochs.gather(shown).to_list(), "values": values.gather(shown).to_list()}


# Side by side ---------------------------------------------------------------------------------------------


def _compared(folder: Path, record: Record) -> dict[str, Any]:
    import polars as pl

    tables = _Tables(folder)
    history, kind, winner = tables["history"], record.get("kind", "train"), record["winner"]
    own = history.filter(pl.col("member") == winner["member"])
    loss = "mse" if record["data"]["task"] == "regression" else "log_loss"
    return {
        **_row(folder, record),
        "scores": scores(record),
        "seed": _whole(record["seed"]),
        "fractions": [float(share) for share in record["fractions"]],
        "loss": words.METRIC_NAMES[loss],
        "training": _curve("training", own["epoch"], own["training_loss"]),
        "curve": _curve("validation", own["epoch"], own["validation_loss"]),
        "best_epoch": _number(winner["best_epoch"]),
        "rule": str(winner["optimizer"]),
        "rate": _number(winner["learning_rate"]),
        "response": _response(record, tables, kind),
    }


def _response(record: Record, tables: _Tables, kind: str) -> dict[str, Any]:
    """The winner's rule: the best score that was had at every learning rate."""
    import polars as pl

    rule, metric = record["winner"]["optimizer"], record["metric"]
    if kind == "search":
        table, score = tables["leaderboard"], "value"
    else:
        table, score = tables["leaderboard"], _column(metric)
    best = pl.col(score).max() if _more_is_better(metric) else pl.col(score).min()
    found = (
        table.filter(pl.col("optimizer") == rule, pl.col(score).is_not_null(), pl.col("status") != "diverged")
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
