"""The folder of runs as a table of plain values: a row for every run, and for what cannot be read the reason.

A run folder is a person's file and may hold anything.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from couloir import text as words
from couloir.engine.metrics import HEADLINE_METRIC
from couloir.errors import InputError, unknown
from couloir.runs.records import RUN, AnyRecord, LearnedRecord, SurfaceRecord, read_record, unreadable

MOST_LISTED = 500

TESTED = ("test", "test_text", "score", "score_text", "low", "high", "interval_text")
"""What a row says of the test part."""


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
    """The run folder of a name; an InputError where there is none in the folder of runs."""
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
        with reading(folder):
            return readable_row(folder, read_record(folder))
    except InputError as error:
        kind = "search" if (folder / "journal.log").exists() else ""
        return {"name": folder.name, "broken": str(error), "kind": kind}


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Where a folder is not as a run's, say so in a sentence that names it as the page does.

    A record is checked when it is read, but for the names of scores and hyperparameters, and the tables.
    """
    import polars as pl

    try:
        yield
    except InputError as error:
        said = error
    except pl.exceptions.PolarsError as error:
        said = unreadable("tables", folder, error)
    except (LookupError, TypeError, ValueError) as error:
        said = unreadable(
            RUN, folder, ValueError(f"it lacks {error}" if isinstance(error, KeyError) else error)
        )
    else:
        return
    raise InputError(str(said).replace(str(folder), f"{folder.parent.name}/{folder.name}")) from None


def readable_row(folder: Path, record: AnyRecord | LearnedRecord) -> dict[str, Any]:
    """The row of a run with this record."""
    found = {
        "name": folder.name,
        "broken": None,
        "kind": record.kind,
        "data": record.about,
        "created": record.created,
        "rows": None if isinstance(record, SurfaceRecord) else record.data.rows,
        "members": record.n_members if isinstance(record, LearnedRecord) else None,
        "seconds": record.seconds.get("total"),
        "status": record.status,
        "command": record.command,
        "page": page_of(folder) is not None,
        "model": isinstance(record, LearnedRecord),
    }
    return found | (_scored(record) if isinstance(record, LearnedRecord) else {})


def _scored(record: LearnedRecord) -> dict[str, Any]:
    """What is said of a run that ended in a model."""
    metric, usual = record.metric, HEADLINE_METRIC[record.data.task]
    said = {
        "task": record.data.task,
        "target": str(record.data.target),
        "fingerprint": record.data.fingerprint,
        "metric": metric,
        "metric_name": words.METRIC_NAMES[metric],
        "winner": winner_words(record),
        "validation": record.validation[metric],
        "validation_text": words.metric(metric, record.validation[metric]),
        "usual": usual,
        "usual_name": words.METRIC_NAMES[usual],
        "times_scored": record.times_scored,
    }
    return said | _tested(record, metric, usual)


def _tested(record: LearnedRecord, metric: str, usual: str) -> dict[str, Any]:
    """The scores on the test part; None, each of them, where nothing was tested."""
    if record.test is None:
        return dict.fromkeys(TESTED)
    scores, (low, high) = record.test.scores, record.test.intervals[usual]
    return {
        "test": scores[metric],
        "test_text": words.metric(metric, scores[metric]),
        "score": scores[usual],
        "score_text": words.metric(usual, scores[usual]),
        "low": low,
        "high": high,
        "interval_text": interval_words(usual, low, high),
    }


def winner_words(record: LearnedRecord) -> str:
    """Rule, rate and network of the winner, and whether it is kept alone."""
    winner, kept = record.winner, record.headline
    layers = "-".join(map(str, winner.hidden)) + " units" if winner.hidden else "no hidden layer"
    text = f"{winner.optimizer} at {words.number(winner.learning_rate)}, {winner.kind}{layers}"
    if kept.name == "distilled":
        return f"{text}, distilled"
    return f"{text}, ensemble of {kept.networks}" if kept.name == "ensemble" else text


def interval_words(metric: str, low: float, high: float) -> str:
    """An interval of a metric in words."""
    return f"{words.metric(metric, low)} to {words.metric(metric, high)}"
