"""The process that does a job: reads one task, calls the package, tells how it goes, one JSON line an event.

The studio has it forked from its nursery, or starts it as ``python -m couloir.studio.worker``, and keeps its
standard input open. When that is closed, because the person cancels, the page is gone or the studio has
ended, the job is interrupted as by Ctrl-C: what was learnt is kept.
"""

from __future__ import annotations

import _thread
import contextlib
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any

from couloir.commands.stages import Stages
from couloir.errors import InputError
from couloir.studio.nursery import NICENESS
from couloir.studio.tasks import CANCELLED, TRAINING, Task

if TYPE_CHECKING:
    from couloir.commands.train import Run
    from couloir.data.dataset import Dataset
    from couloir.studio.telling import Teller

ALONE_SECONDS = 90.0
"""How long a job may still take after it was interrupted, where no studio is left to end it."""

UNWANTED = threading.Event()
"""Set when the job is to end."""

PREVIEW_ROWS, PREVIEW_COLUMNS, MOST_COLUMNS = 12, 40, 2000


class Line:
    """The way back to the studio: events as JSON lines; nothing is told when nobody listens any more."""

    def __init__(self, file: IO[str]) -> None:
        """Tell by writing to a file."""
        self.file = file
        self.turn = threading.Lock()

    def tell(self, event: str, **values: Any) -> None:
        """Send one event."""
        from couloir.studio.wire import finite

        text = json.dumps({"event": event, **finite(values)}, ensure_ascii=False, allow_nan=False)
        with self.turn, contextlib.suppress(OSError):
            self.file.write(text + "\n")
            self.file.flush()


def standard_output() -> IO[str]:
    """Standard output, taken for events alone: whatever else is printed goes to standard error."""
    file = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return file


# What can be done -----------------------------------------------------------------------------------------


def look(task: Task, line: Line) -> None:
    """Read a table and tell its columns, by name and kind, and its first rows."""
    import polars as pl

    from couloir.data.columns import column_kind, type_column
    from couloir.data.sources.opening import TARGET_NAMES

    table = _raw(task)
    columns = []
    for column in table.frame.get_columns()[:MOST_COLUMNS]:
        try:
            typed = type_column(column, (), table.row_name)
            kind, trouble, missing = column_kind(typed), None, typed.null_count()
        except InputError as error:
            kind, trouble, missing = "unclear", _named(str(error), task), column.null_count()
        columns.append({"name": column.name, "kind": kind, "missing": missing, "trouble": trouble})
    first = table.frame.head(PREVIEW_ROWS)[:, :PREVIEW_COLUMNS]
    rows = [[_cell(value) for value in row] for row in first.cast(pl.String, strict=False).iter_rows()]
    likely = [each["name"] for each in columns if each["name"].lower() in TARGET_NAMES]
    line.tell(
        "looked",
        rows=table.frame.height,
        width=table.frame.width,
        columns=columns,
        preview=rows,
        target=table.target_name or (likely[0] if len(likely) == 1 else ""),
        fixed=table.target_name is not None,
    )


def _cell(value: str | None) -> str | None:
    return value if value is None or len(value) <= 60 else value[:59] + "…"


def _raw(task: Task) -> Any:
    """The table as it lies there, before anything of it is made out; of arrays a frame."""
    import polars as pl

    from couloir.data.loading import load
    from couloir.data.sources.bundled import BUNDLED
    from couloir.data.sources.opening import is_table_file, read_table
    from couloir.data.sources.raw import Table

    if task.data not in BUNDLED and is_table_file(Path(task.data)):
        return read_table(Path(task.data))
    dataset = load(task.data)
    features, target = dataset.features, pl.Series(dataset.target_name, list(dataset.target))
    if not isinstance(features, pl.DataFrame):
        features = pl.DataFrame(features, schema=list(dataset.column_names))
    fixed = dataset.target_name if task.data in BUNDLED else None
    frame = features.with_columns(target)
    return Table(frame, lambda row: f"row {row + 1}", dataset.name, target_name=fixed)


def plan(task: Task, line: Line) -> None:
    """Tell what the data are and what a verb would take on them."""
    from couloir.studio.planning import predicted

    line.tell("planned", **predicted(task, _loaded(task)))


def learn(task: Task, line: Line) -> None:
    """Train, race or search, and save the run."""
    from couloir.studio.telling import Teller

    _, given = task.divided()
    stages = Stages()
    teller = Teller(line.tell, task.verb, given.get("minutes"), UNWANTED)
    teller.stage("reading the data")
    with interruptible(teller), stages.timed("load"):
        dataset = _loaded(task)
    with interruptible(teller):
        run = _verb(task.verb)(
            dataset, **given, out=task.out, observer=teller, command=task.command, stages=stages
        )
    assert run.folder is not None, "a run that was saved has a folder"
    line.tell("done", run=run.folder.name, status=run.record["status"])


def _verb(name: str) -> Callable[..., Run]:
    import couloir

    verbs: dict[str, Callable[..., Run]] = {"train": couloir.train, "race": couloir.race, "search": _search}
    return verbs[name]


def _search(dataset: Dataset, **given: Any) -> Run:
    """A search; one that is interrupted ends with the trials that it has, and can still be resumed."""
    from couloir.commands import search as searching
    from couloir.runs import stored as runs

    try:
        return searching.search(dataset, **given)
    except searching.Interrupted as stopped:
        if not stopped.trials:
            shutil.rmtree(stopped.folder)
            raise KeyboardInterrupt from None
        kept = {name: given[name] for name in ("out", "observer", "command", "stages")}
        run = searching.search(dataset, resume=stopped.folder, trials=stopped.trials, **kept)
        run.record["status"] = "interrupted"
        runs.write_record(run.record, stopped.folder)
        return run


def landscape(task: Task, line: Line) -> None:
    """Draw the loss around a run's network."""
    import couloir
    from couloir.studio.telling import Teller

    teller = Teller(line.tell, task.verb)
    teller.stage("reading the run")
    found = couloir.landscape(
        task.data, **task.given(), data=task.same_data, out=task.out, observer=teller, command=task.command
    )
    assert found.folder is not None, "a landscape that was saved has a folder"
    line.tell("done", run=found.folder.name, status="complete")


WORK: MappingProxyType[str, Callable[[Task, Line], None]] = MappingProxyType(
    {"look": look, "plan": plan, "landscape": landscape, **dict.fromkeys(TRAINING, learn)}
)


def _loaded(task: Task) -> Dataset:
    from couloir.data.loading import load

    return load(task.data, **task.divided()[0])


# The process ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def interruptible(teller: Teller) -> Iterator[None]:
    """While nothing has been learnt an interruption ends the job at once; later it is brought to its end.

    During training the package itself handles it, between two epochs.
    """

    def note(number: int, frame: Any) -> None:
        if not teller.learnt:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end_with_the_studio() -> None:
    """Wait until standard input is closed; then interrupt, and some time later end, come what may."""
    sys.stdin.read()
    UNWANTED.set()
    _thread.interrupt_main()
    time.sleep(ALONE_SECONDS)
    os._exit(1)


def _named(sentence: str, task: Task) -> str:
    """A sentence about a file, which may lie under another name than the person's."""
    path = Path(task.data)
    return sentence.replace(str(path), task.name).replace(path.name, task.name) if path.name else sentence


def main() -> int:
    """Do the task that stands on standard input; returns the exit code."""
    line = Line(standard_output())
    task = Task(**json.loads(sys.stdin.readline()))
    try:
        threading.Thread(target=_end_with_the_studio, daemon=True).start()
        WORK[task.verb](task, line)
    except InputError as error:
        line.tell("mistake", sentence=_named(" ".join(str(error).split()), task))
    except KeyboardInterrupt:
        line.tell("mistake", sentence=CANCELLED)
    except MemoryError:
        line.tell(
            "mistake", sentence="The memory of this computer is used up: train fewer or smaller networks."
        )
    return 0


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    code = main()
    sys.stderr.flush()
    os._exit(code)  # taking compiled programs apart in good order takes most of a second
