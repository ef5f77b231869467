"""The process that does a job: reads one request, calls the package, tells how it goes, a JSON line an event.

The studio has it forked, or starts it as ``python -m couloir.studio.jobs.worker``, and keeps its standard
input open. When that is closed, because the person cancels, the page is gone or the studio has ended, the job
is interrupted as by Ctrl-C: what was learnt is kept.
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
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any

from couloir.commands.stages import Stages
from couloir.errors import InputError
from couloir.studio.jobs.fork_server import NICENESS
from couloir.studio.jobs.request import CANCELLED, TRAINING, JobRequest

if TYPE_CHECKING:
    from couloir.commands.train import Run
    from couloir.data.dataset import Dataset
    from couloir.studio.jobs.telling import Teller

ALONE_SECONDS = 90.0
"""How long a job may still take after it was interrupted, where no studio is left to end it."""

UNWANTED = threading.Event()
"""Set when the job is to end."""


class Events:
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


def look(request: JobRequest, events: Events) -> None:
    """Tell what is in a table."""
    from couloir.studio.jobs.looking import looked_at

    events.tell("looked", **looked_at(request))


def plan(request: JobRequest, events: Events) -> None:
    """Tell what the data are and what a verb would take on them."""
    from couloir.studio.jobs.planning import predicted

    events.tell("planned", **predicted(request, _loaded(request)))


def learn(request: JobRequest, events: Events) -> None:
    """Train, race or search, and save the run."""
    import couloir
    from couloir.studio.jobs.telling import Teller

    verb = _search if request.verb == "search" else getattr(couloir, request.verb)
    _, given = request.divided()
    stages = Stages()
    teller = Teller(events.tell, request.verb, given.get("minutes"), UNWANTED)
    teller.stage("reading the data")
    with interruptible(teller), stages.timed("load"):
        dataset = _loaded(request)
    with interruptible(teller):
        run = verb(dataset, **given, out=request.out, observer=teller, command=request.command, stages=stages)
    assert run.folder is not None, "a run that was saved has a folder"
    events.tell("done", run=run.folder.name, status=run.record.status)


def _search(dataset: Dataset, **given: Any) -> Run:
    """A search; one that is interrupted ends with the trials that it has, and can still be resumed."""
    from couloir.commands import search as searching
    from couloir.runs.records import write_record

    try:
        return searching.search(dataset, **given)
    except searching.Interrupted as stopped:
        if not stopped.trials:
            shutil.rmtree(stopped.folder)
            raise KeyboardInterrupt from None
        kept = {name: given[name] for name in ("out", "observer", "command", "stages")}
        run = searching.search(dataset, resume=stopped.folder, trials=stopped.trials, **kept)
        run.record.status = "interrupted"
        write_record(run.record, stopped.folder)
        return run


def landscape(request: JobRequest, events: Events) -> None:
    """Draw the loss around a run's network."""
    import couloir
    from couloir.studio.jobs.telling import Teller

    teller = Teller(events.tell, request.verb)
    teller.stage("reading the run")
    given = {**request.given(), "data": request.same_data, "out": request.out, "command": request.command}
    found = couloir.landscape(request.data, **given, observer=teller)
    assert found.folder is not None, "a landscape that was saved has a folder"
    events.tell("done", run=found.folder.name, status="complete")


WORK: MappingProxyType[str, Callable[[JobRequest, Events], None]] = MappingProxyType(
    {"look": look, "plan": plan, "landscape": landscape, **dict.fromkeys(TRAINING, learn)}
)


def _loaded(request: JobRequest) -> Dataset:
    from couloir.data.loading import load

    return load(request.data, **request.divided()[0])


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


def main() -> int:
    """Do what the request on standard input asks for; returns the exit code."""
    events = Events(standard_output())
    request = JobRequest(**json.loads(sys.stdin.readline()))
    try:
        threading.Thread(target=_end_with_the_studio, daemon=True).start()
        WORK[request.verb](request, events)
    except InputError as error:
        events.tell("mistake", sentence=request.named(" ".join(str(error).split())))
    except KeyboardInterrupt:
        events.tell("mistake", sentence=CANCELLED)
    except MemoryError:
        events.tell(
            "mistake", sentence="The memory of this computer is used up: train fewer or smaller networks."
        )
    return 0


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    code = main()
    sys.stderr.flush()
    os._exit(code)  # taking compiled programs apart in good order takes most of a second
