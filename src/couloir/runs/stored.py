"""Run folders: what one command computed, whole or absent.

A folder is written under a temporary name and renamed when everything in it is there.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from couloir.errors import InputError
from couloir.files import whole
from couloir.runs.records import RUN, LearnedRecord, Record, lacking, read_record, unreadable, write_record

if TYPE_CHECKING:
    import polars as pl

    from couloir.model.predictor import Predictor

FRAMES = ("history", "leaderboard", "predictions")
"""The tables that every run has."""

R = TypeVar("R", bound=LearnedRecord)
"""The kind of record that a run has."""


@dataclass(repr=False)
class StoredRun(Generic[R]):
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

    record: R
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

    @property
    def test(self) -> dict[str, float] | None:
        """The scores on the test part, by metric; None where no row was kept to test on."""
        return None if self.record.test is None else self.record.test.scores


@contextlib.contextmanager
def new_folder(parent: Path, name: str, latest: bool = True) -> Iterator[tuple[Path, Path]]:
    """A folder to fill, which takes its own name in `parent` when the block ends without an error.

    Yields the path to write to, and the path that the folder will have in the end. With `latest`, the
    link of that name in the parent then points to it.

    Raises:
        InputError: the system refuses to write, for want of space or of a right; nothing is left then.
    """
    with _making(parent):
        final = _free_name(parent, name)
        temporary = parent / f".{final.name}.part{os.getpid()}"
        temporary.mkdir()
    remedy = "make room, or name another folder with --out"
    try:
        with refused(f"The run cannot be saved in '{parent}'", remedy):
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
    with _making(parent):
        folder = _free_name(parent, name)
        folder.mkdir()
    return folder.resolve()


@contextlib.contextmanager
def _making(parent: Path) -> Iterator[None]:
    """Where a folder is made in a folder of runs, which is made itself if it is missing."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise InputError(
            f"Nothing can be written to the folder '{parent}' ({error.strerror}): name another with --out."
        ) from None


def _free_name(parent: Path, name: str) -> Path:
    """A path for a new folder: the time, and the name as far as it may stand in a path."""
    kept = "".join(c if c.isalnum() or c in "-_." else "-" for c in name)[:40].strip(".-")
    first = candidate = parent / f"{time.strftime('%Y%m%d-%H%M%S')}-{kept or 'run'}"
    number = 2
    while candidate.exists():
        candidate, number = parent / f"{first.name}-{number}", number + 1
    return candidate


def point_latest(final: Path) -> None:
    """Make `latest` name the newest run: a link, or a file with the name where links are not allowed.

    The run may be given by any path to it, through `latest` itself too: what is named is the folder it has.
    """
    final = final.resolve()
    latest = final.parent / "latest"
    if latest.is_dir() and not latest.is_symlink():  # somebody's own folder: not ours to replace
        return
    with whole(latest) as fresh:
        try:
            fresh.symlink_to(final.name)
        except OSError:
            fresh.write_text(final.name, "utf-8")


def write(run: StoredRun, folder: Path) -> None:
    """Write everything but the page into a folder that exists."""
    from couloir.model.files import save_model

    for name in FRAMES:
        getattr(run, name).write_parquet(folder / f"{name}.parquet")
    save_model(run.model, folder)
    write_tables(run.tables, run.record, folder)


def write_tables(tables: dict[str, pl.DataFrame], record: Record, folder: Path) -> None:
    """Write the tables that a record names, and run.json last: a folder that has it is whole."""
    for name, table in tables.items():
        table.write_parquet(folder / f"{name}.parquet")
    record.tables = list(tables)
    write_record(record, folder)


class WithPage(Protocol):
    """What has a record and a page in a folder."""

    @property
    def record(self) -> Record:
        """What run.json holds."""

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
        spent, seconds = round(time.perf_counter() - began, 3), run.record.seconds
        run.record.seconds = {**seconds, "report": spent, "total": round(seconds["total"] + spent, 3)}
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
        others = sorted(path.parent.name for path in folder.parent.glob(f"*/{RUN}"))
        known = f"the runs in '{folder.parent}' are {', '.join(others[-5:])}" if others else "train one first"
        raise InputError(f"There is no run folder '{path}': {known}.")
    return folder.resolve()


def folders(parent: str | Path) -> list[Path]:
    """The run folders in a folder of runs, newest first; links such as `latest` are not among them."""
    found = [path.parent for path in Path(parent).glob(f"*/{RUN}") if not path.parent.is_symlink()]
    return sorted(found, key=lambda folder: folder.name, reverse=True)


def read(path: str | Path) -> StoredRun[Any]:
    """Read a run folder back.

    Raises:
        InputError: there is none, it holds no model, or a file in it is missing or broken.
    """
    from couloir.model.files import load_model

    folder = resolve(path)
    record = read_record(folder)
    if not isinstance(record, LearnedRecord):
        raise InputError(
            f"The folder '{path}' holds a {record.kind}, which has no model: open the page in it."
        )
    frames = tables_of(folder, [*FRAMES, *record.tables])
    try:
        model = load_model(folder)
    except FileNotFoundError:
        missing = next(name for name in ("model.json", "model.safetensors") if not (folder / name).exists())
        raise lacking(missing, folder) from None
    except Exception as error:
        if isinstance(error, (MemoryError, InputError)):
            raise
        raise unreadable("model.json or model.safetensors", folder, error) from None
    first = {name: frames.pop(name) for name in FRAMES}
    return StoredRun(record, folder=folder, model=model, tables=frames, **first)


def tables_of(folder: Path, names: Iterable[str]) -> dict[str, pl.DataFrame]:
    """Tables of a run folder, by name.

    Raises:
        InputError: one is missing or broken.
    """
    import polars as pl

    found = {}
    for name in names:
        file = f"{name}.parquet"
        try:
            found[name] = pl.read_parquet(folder / file)
        except FileNotFoundError:
            raise lacking(file, folder) from None
        except (OSError, pl.exceptions.PolarsError) as error:
            raise unreadable(file, folder, error) from None
    return found
