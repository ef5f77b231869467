"""Work that takes longer than an answer may: a process for each job, watched, bounded, ended in good order.

A page has one job at a time, the server two. A job that is cancelled keeps what was learnt, like Ctrl-C in a
terminal; so does one whose time is up or whose page is closed. One that takes too much memory is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from couloir.errors import InputError
from couloir.studio import nursery
from couloir.studio.tasks import Task

AT_ONCE = 2
"""Jobs at the same time in the whole server; as many short ones besides."""

WATCH_SECONDS = 0.2
KILL_SECONDS = 5.0
"""Between asking the system to end a process and killing it."""


def _physical_memory() -> int:
    """Bytes of memory that the machine has; where it does not tell, what a small one has."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 8 << 30


@dataclass(frozen=True)
class Bounds:
    """What a job may take.

    Attributes:
        seconds: after which it is interrupted; what was learnt is kept.
        memory: bytes that are resident.
        grace: seconds that it may take to come to its end after it was interrupted.
    """

    seconds: float = 3600.0
    memory: int = _physical_memory() // 2
    grace: float = 60.0


SHORT = Bounds(seconds=60.0, grace=0.0)
"""What looking at data may take, and planning."""


class Places:
    """How many jobs there can be at once."""

    def __init__(self, count: int, sentence: str) -> None:
        """So many places, and what is said to whoever finds none."""
        self._free, self._sentence = threading.BoundedSemaphore(count), sentence

    def take(self, seconds: float = 0.0) -> None:
        """Take a place, waiting for it at most so long.

        Raises:
            InputError: there is none.
        """
        if not self._free.acquire(timeout=seconds):
            raise InputError(self._sentence)

    def free(self) -> None:
        """Give a place back."""
        self._free.release()


LONG_PLACES = Places(
    AT_ONCE, f"{AT_ONCE} jobs of other pages are under way in this studio: start yours when one has ended."
)
SHORT_PLACES = Places(AT_ONCE, "Other pages are looking at their data: try again in a moment.")


class Job:
    """A task in a process of its own, and what it has told so far.

    Attributes:
        told: the newest event of every kind, by its name.
        sentence: why it came to nothing, or None.
        interrupted: when it was told to end, or None.
    """

    def __init__(self, task: Task, bounds: Bounds, ended: Callable[[], None]) -> None:
        """Start it; `ended` is called once, when its process is gone."""
        self.task, self.bounds, self._ended = task, bounds, ended
        self.told: dict[str, dict[str, Any]] = {}
        self.sentence: str | None = None
        self.began = time.monotonic()
        self.interrupted: float | None = None
        self.seconds, self.memory = 0.0, 0
        self.over = threading.Event()
        self._turn = threading.Lock()
        self.process = nursery.fork() or _started()
        self._write(json.dumps(task.to_json()) + "\n")
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def under_way(self) -> bool:
        """Whether its process is still there."""
        return not self.over.is_set()

    def cancel(self, grace: float | None = None) -> None:
        """Tell it to end and keep what was learnt; after the grace it is killed."""
        with self._turn:
            if grace is not None:
                self.bounds = Bounds(self.bounds.seconds, self.bounds.memory, grace)
            if self.interrupted is None:
                self.interrupted = time.monotonic()
                with contextlib.suppress(OSError):
                    assert self.process.stdin is not None
                    self.process.stdin.close()

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(OSError):
            self.process.kill()

    def state(self) -> dict[str, Any]:
        """Where it stands, as plain values."""
        told = dict(self.told)
        stage = told.get("stage", {}).get("what", "starting")
        return {
            "state": "running" if self.under_way else "failed" if self.sentence else "ended",
            "verb": self.task.verb,
            "name": self.task.name,
            "command": self.task.command,
            "stage": "ending" if self.interrupted and self.under_way and stage == "starting" else stage,
            "ending": self.interrupted is not None,
            "seconds": round(time.monotonic() - self.began if self.under_way else self.seconds, 1),
            "memory": self.memory,
            "bounds": {"seconds": self.bounds.seconds, "memory": self.bounds.memory},
            "sentence": self.sentence,
            **{name: told.get(name) for name in ("data", "plan", "epoch", "done")},
        }

    # In threads ------------------------------------------------------------------------------------------

    def _write(self, text: str) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()

    def _read(self) -> None:
        """Take in what the worker tells, until it is gone."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            self.told[event.pop("event")] = event

    def _watch(self) -> None:
        """Hold it to its bounds, and when it is gone say what became of it."""
        reader = threading.Thread(target=self._read, daemon=True)
        reader.start()
        stopped = None
        try:
            while self.process.poll() is None:
                stopped = self._bounded() or stopped
                time.sleep(WATCH_SECONDS)
            reader.join(KILL_SECONDS)
        finally:
            self.kill()
            self._leave(stopped)

    def _bounded(self) -> str | None:
        """End a process that takes too much; returns the sentence that says so."""
        self.memory = resident(self.process.pid)
        now, bounds = time.monotonic(), self.bounds
        if self.memory > bounds.memory:
            self.kill()
            return (
                f"This needs more than the {bounds.memory / 2**30:.1f} GiB of memory that a job may take, "
                "and was stopped: take fewer or smaller networks, or use the command in a terminal."
            )
        if self.interrupted is None and now - self.began > bounds.seconds:
            self.cancel()
        elif self.interrupted is not None and now - self.interrupted > bounds.grace + KILL_SECONDS:
            self.kill()
        elif self.interrupted is not None and now - self.interrupted > bounds.grace:
            self.process.terminate()
            whose = "its time was up" if now - self.began > bounds.seconds else "it was cancelled"
            return f"It had not ended {bounds.grace:.0f} s after {whose}, and was stopped: nothing is kept."
        return None

    def _leave(self, stopped: str | None) -> None:
        """The process is gone: say why, and put away what it has left."""
        self.seconds = time.monotonic() - self.began
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        for left in Path(self.task.out).glob(f".*.part{self.process.pid}"):
            shutil.rmtree(left, ignore_errors=True)
        if "mistake" in self.told:
            self.sentence = self.told["mistake"]["sentence"]
        elif not self.told.keys() & {"done", "looked", "planned"}:
            self.sentence = stopped or "The job has ended by a fault of the studio; its terminal says more."
        self.over.set()
        self._ended()


def _started() -> subprocess.Popen[bytes]:
    """A process that waits for its task, and imports what it needs then."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "couloir.studio.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=nursery.surroundings(),
        start_new_session=True,  # the terminal's Ctrl-C is for the server, which ends its jobs itself
    )


def resident(process: int) -> int:
    """Bytes of memory that a process has; 0 where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        pass
    try:
        found = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(process)], capture_output=True, text=True, timeout=2, check=False
        )
        return int(found.stdout.strip() or 0) << 10
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return 0


class Desk:
    """A page's jobs: one long one, and short ones that are waited for."""

    def __init__(self) -> None:
        """No job yet."""
        self.job: Job | None = None
        self.closed = False
        self._short: Job | None = None
        self._turn = threading.Lock()

    def start(self, task: Task, bounds: Bounds | None = None) -> Job:
        """Start a job.

        Raises:
            InputError: the page has one under way, or there are too many in the server.
        """
        with self._turn:
            if self.closed:
                raise InputError("The page has been closed: reload it.")
            if self.job is not None and self.job.under_way:
                raise InputError(
                    f"This page's {self.job.task.verb} of '{self.job.task.name}' is still under way: "
                    "wait for its end, or cancel it."
                )
            LONG_PLACES.take()
            try:
                self.job = Job(task, bounds or Bounds(), LONG_PLACES.free)
            except BaseException:
                LONG_PLACES.free()
                raise
            return self.job

    def ask(self, task: Task, event: str) -> dict[str, Any]:
        """Do a short task, and return what it told in an event.

        Raises:
            InputError: it came to nothing.
        """
        SHORT_PLACES.take(SHORT.seconds)
        with self._turn:
            if self.closed:
                SHORT_PLACES.free()
                raise InputError("The page has been closed: reload it.")
            try:
                job = self._short = Job(task, SHORT, SHORT_PLACES.free)
            except BaseException:
                SHORT_PLACES.free()
                raise
        job.over.wait()
        if event not in job.told:
            late = "Looking at these data takes too long here: use the command in a terminal."
            raise InputError(late if job.interrupted else job.sentence or late)
        return job.told[event]

    def close(self, grace: float = 45.0) -> None:
        """The page has gone: end its jobs."""
        with self._turn:
            self.closed = True
            if self._short is not None:
                self._short.kill()
            if self.job is not None and self.job.under_way:
                self.job.cancel(grace)
