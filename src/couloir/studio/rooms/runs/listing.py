"""The folder of runs as a table of plain values: a row for every run, and for what cannot be read the reason.

A run folder is a person's file and may hold anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from couloir import text as words
from couloir.errors import InputError, unknown
from couloir.runs import stored as runs

LARGEST_RECORD = 64 << 20
"""Bytes of a run.json that is read."""

MOST_LISTED = 500

Record = Mapping[str, Any]

AMISS = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError)
"""What reading a record comes to that holds other things than a run's."""


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


def page_of(folder: Path) -> Path | None:
    """The page in a run's folder."""
    pages = [path for path in folder.glob("*.html") if path.is_file() and not path.is_symlink()]
    return min(pages, default=None)


def row(folder: Path) -> dict[str, Any]:
    """A run's row in the table; of a folder that cannot be read its name and the reason."""
    try:
        return readable_row(folder, read_record(folder))
    except InputError as error:
        return _broken(folder, str(error))
    except AMISS as error:
        reason = f"{type(error).__name__}: {shortened(error) or type(error).__name__}"
        return _broken(folder, f"Its run.json is not as it should be ({reason}).")


def _broken(folder: Path, reason: str) -> dict[str, Any]:
    kind = "search" if (folder / "journal.log").exists() else ""
    return {"name": folder.name, "broken": reason, "kind": kind}


def shortened(error: Exception) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split())[:120]


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
        raise InputError(f"Its run.json cannot be read ({shortened(error)}).") from None
    if not isinstance(found, dict):
        raise InputError("Its run.json does not hold a record.")
    return found


def readable_row(folder: Path, record: Record) -> dict[str, Any]:
    """The row of a run with this record."""
    data, kind = record.get("data") or {}, str(record.get("kind", "train"))
    found = {
        "name": folder.name,
        "broken": None,
        "kind": kind,
        "data": str(data.get("name", record.get("surface", ""))),
        "created": str(record.get("created", "")),
        "rows": whole(data.get("rows")),
        "members": whole(record.get("n_members")),
        "seconds": number((record.get("seconds") or {}).get("total")),
        "status": str(record.get("status", "")),
        "command": str(record.get("command", "")),
        "page": page_of(folder) is not None,
        "model": kind in runs.WITH_MODEL,
    }
    return found | (_scored(record) if found["model"] else {})


def _scored(record: Record) -> dict[str, Any]:
    """What is said of a run that ended in a model."""
    metric, usual = str(record["metric"]), usual_metric(record)
    low, high = record["test"]["intervals"][usual]
    return {
        "task": str(record["data"]["task"]),
        "target": str(record["data"]["target"]),
        "fingerprint": str(record["data"]["fingerprint"]),
        "metric": metric,
        "metric_name": words.METRIC_NAMES[metric],
        "winner": winner_words(record),
        "validation": number(record["validation"][metric]),
        "validation_text": words.metric(metric, record["validation"][metric]),
        "test": number(record["test"][metric]),
        "test_text": words.metric(metric, record["test"][metric]),
        "usual": usual,
        "usual_name": words.METRIC_NAMES[usual],
        "score": number(record["test"][usual]),
        "score_text": words.metric(usual, record["test"][usual]),
        "low": number(low),
        "high": number(high),
        "interval_text": interval_words(usual, low, high),
        "times_scored": whole((record.get("ledger") or {}).get("times_scored")),
    }


def winner_words(record: Record) -> str:
    """Rule, rate and network of the winner, and whether it is kept alone."""
    winner = record["winner"]
    layers = "-".join(map(str, winner["hidden"])) + " units" if winner["hidden"] else "no hidden layer"
    text = f"{winner['optimizer']} at {words.number(winner['learning_rate'])}, {layers}"
    kept = [entry for entry in record["finalists"] if entry["headline"]][-1]
    return f"{text}, ensemble of {kept['networks']}" if kept["name"] == "ensemble" else text


def usual_metric(record: Record) -> str:
    """The metric that people ask for first."""
    return "r2" if record["data"]["task"] == "regression" else "accuracy"


def interval_words(metric: str, low: float, high: float) -> str:
    """An interval of a metric in words."""
    return f"{words.metric(metric, low)} to {words.metric(metric, high)}"


def whole(value: Any) -> int | None:
    """A whole number, where there is one."""
    return None if value is None else int(value)


def number(value: Any) -> float | None:
    """A number, where there is one."""
    return None if value is None else float(value)
