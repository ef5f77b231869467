"""Run folders: what one command computed, whole or absent.

A folder is written under a temporary name and renamed when everything in it is there.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from couloir.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from couloir.model.predictor import Predictor

SCHEMA_VERSION = 2

WITH_MODEL = ("train", "race", "search")
"""Kinds of runs that end in a model."""


@dataclass
class StoredRun:
    """The contents of a run folder.

    Attributes:
        record: what run.json holds: command, data, winner, scores, seconds, versions.
        history: one row per member and epoch, with every metric on both parts.
        leaderboard: one row per member, best on validation first.
        predictions: the winner's on the validation part: row, true, predicted.
        model: the winner.
        folder: where it is stored, or None.
        tables: what else the run measured, by name; each is a Parquet file of that name.
    """

    record: dict[str, Any]
    history: pl.DataFrame
    leaderboard: pl.DataFrame
    predictions: pl.DataFrame
    model: Predictor
    folder: Path | None = None
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)

    @property
    def page(self) -> str:
        """The file name of its page."""
        return "report.html"

    @cached_property
    def test(self) -> dict[str, Any]:
        """The scores on the test part."""
        return self.record["test"]


@contextlib.contextmanager
def new_folder(parent: Path, name: str, latest: bool = True) -> Iterator[tuple[Path, Path]]:
    """A folder to fill, which takes its own name in `parent` when the block ends without an error.

    Yields the path to write to, and the path that the folder will have in the end. With `latest`, the
    link of that name in the parent then points to it.

    Raises:
        InputError: the system refuses to write, for want of space or of a right; nothing is left then.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        final = _free_name(parent, f"{time.strftime('%Y%m%d-%H%M%S')}-{_safe(name)}")
        temporary = parent / f".{final.name}.part{os.getpid()}"
        temporary.mkdir()
    except OSError as error:
        raise InputError(
            f"Nothing can be written to the folder '{parent}' ({error.strerror}): name another with --out."
        ) from None
    try:
        with refused(
            f"The run cannot be saved in '{parent}'", "make room, or name another folder with --out"
        ):
            yield temporary, final
            temporary.rename(final)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    if latest:
        point_latest(final)


@contextlib.contextmanager
def refused(what: str, remedy: str) -> Iterator[None]:
    """Where the system refuses to write, say so in a sentence: "what (why): remedy."."""
    import polars as pl

    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0].rstrip(".")
        raise InputError(f"{what} ({reason}): {remedy}.") from error


def claim_folder(parent: Path, name: str) -> Path:
    """A new folder that has its own name from the start, for a run that is to survive being killed.

    It is a run once it has a run.json.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = _free_name(parent, f"{time.strftime('%Y%m%d-%H%M%S')}-{_safe(name)}")
        folder.mkdir()
    except OSError as error:
        raise InputError(
            f"Nothing can be written to the folder '{parent}' ({error.strerror}): name another with --out."
        ) from None
    return folder.resolve()


def _safe(name: str) -> str:
    kept = "".join(c if c.isalnum() or c in "-_." else "-" for c in name)[:40].strip(".-")
    return kept or "run"


def _free_name(parent: Path, name: str) -> Path:
    candidate, number = parent / name, 2
    while candidate.exists():
        candidate, number = parent / f"{name}-{number}", number + 1
    return candidate


def point_latest(final: Path) -> None:
    """Make `latest` name the newest run: a link, or a file with the name where links are not allowed.

    The run may be given by any path to it, through `latest` itself too: what is named is the folder it has.
    """
    final = final.resolve()
    parent = final.parent
    latest, fresh = parent / "latest", parent / f".latest.{os.getpid()}"
    try:
        fresh.symlink_to(final.name)
    except OSError:
        fresh.write_text(final.name, "utf-8")
    if latest.is_dir() and not latest.is_symlink():  # somebody's own folder: not ours to replace
        fresh.unlink()
        return
    os.replace(fresh, latest)


def write(run: StoredRun, folder: Path) -> None:
    """Write everything but the page into a folder that exists."""
    run.history.write_parquet(folder / "history.parquet")
    run.leaderboard.write_parquet(folder / "leaderboard.parquet")
    run.predictions.write_parquet(folder / "predictions.parquet")
    for name, table in run.tables.items():
        table.write_parquet(folder / f"{name}.parquet")
    run.model.save(folder)
    run.record["tables"] = list(run.tables)
    write_record(run.record, folder)  # last: a folder that has it is whole


def write_record(record: dict[str, Any], folder: Path) -> None:
    """Write run.json, whole or not at all; a number that is not finite is a bug and raises."""
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    temporary = folder / f".run.json.part{os.getpid()}"
    try:
        temporary.write_text(text + "\n", "utf-8")
        os.replace(temporary, folder / "run.json")
    finally:
        temporary.unlink(missing_ok=True)


class WithPage(Protocol):
    """What has a record and a page in a folder."""

    record: dict[str, Any]

    @property
    def page(self) -> str:
        """The page's file name."""

    def report(self, path: str | Path) -> Path:
        """Write the page to a file."""


def add_page(run: WithPage, folder: Path) -> None:
    """Draw a run's page into its folder, where all else is written already, and note how long it took.

    A page comes last, since it is drawn from the rest and can be drawn again, while what was learnt cannot.

    Raises:
        InputError: the system refuses to write it; the run itself is there.
    """
    began = time.perf_counter()
    remedy = f"make room, then draw it with 'couloir report {shlex.quote(str(folder))}'"
    with refused(f"The run is saved in '{folder}', but its page cannot be written", remedy):
        run.report(folder / run.page)
        if seconds := run.record.get("seconds"):
            spent = round(time.perf_counter() - began, 3)
            seconds["report"] = spent
            seconds["total"] = round(seconds["total"] + spent, 3)
            write_record(run.record, folder)


def resolve(path: str | Path) -> Path:
    """The folder that a path names, behind links and through `latest` where that is a file.

    Raises:
        InputError: there is none.
    """
    folder = Path(path)
    if folder.is_file() and folder.name == "latest":
        folder = folder.parent / folder.read_text("utf-8").strip()
    if not folder.is_dir():
        others = (
            sorted(p.parent.name for p in folder.parent.glob("*/run.json")) if folder.parent.is_dir() else []
        )
        known = f"the runs in '{folder.parent}' are {', '.join(others[-5:])}" if others else "train one first"
        raise InputError(f"There is no run folder '{path}': {known}.")
    return folder.resolve()


def folders(parent: str | Path) -> list[Path]:
    """The run folders in a folder of runs, newest first; links such as `latest` are not among them."""
    found = [path.parent for path in Path(parent).glob("*/run.json") if not path.parent.is_symlink()]
    return sorted(found, key=lambda folder: folder.name, reverse=True)


def kind_of(path: str | Path) -> str:
    """What kind of run a folder holds, as far as its run.json can tell: "train" where it cannot."""
    try:
        return str(json.loads((resolve(path) / "run.json").read_text("utf-8")).get("kind", "train"))
    except (OSError, ValueError, AttributeError):
        return "train"


def read(path: str | Path) -> StoredRun:
    """Read a run folder back.

    Raises:
        InputError: there is none, or a file in it is missing or broken.
    """
    import polars as pl

    from couloir.model.files import load_model

    folder = resolve(path)
    current = "run.json"
    try:
        record = json.loads((folder / current).read_text("utf-8"))
        if record.get("schema_version") != SCHEMA_VERSION:
            raise ValueError(f"schema version {record.get('schema_version')!r} is not {SCHEMA_VERSION}")
        if (kind := record.get("kind", "train")) not in WITH_MODEL:
            raise InputError(f"The folder '{path}' holds a {kind}, which has no model: open the page in it.")
        if lacking := [
            key for key in ("command", "data", "winner", "validation", "test") if key not in record
        ]:
            raise ValueError(f"it lacks '{lacking[0]}'")
        frames = {}
        for name in ("history", "leaderboard", "predictions", *record.get("tables", ())):
            current = f"{name}.parquet"
            frames[name] = pl.read_parquet(folder / current)
        current = "model.json or model.safetensors"
        model = load_model(folder)
    except FileNotFoundError:
        if (folder / "journal.log").exists() and not (folder / "run.json").exists():
            raise InputError(
                f"The run folder '{path}' holds a search that has not ended: "
                f"go on with 'couloir search --resume {path}'."
            ) from None
        raise InputError(
            f"The run folder '{path}' has no {current}: it is not a run, or was cut short; train again."
        ) from None
    except Exception as error:
        if isinstance(error, (MemoryError, InputError)):
            raise
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise InputError(
            f"The {current} of the run folder '{path}' cannot be read ({reason}): train again."
        ) from None
    first = {name: frames.pop(name) for name in ("history", "leaderboard", "predictions")}
    return StoredRun(record, folder=folder.resolve(), model=model, tables=frames, **first)
