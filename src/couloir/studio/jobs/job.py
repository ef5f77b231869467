"""A job: a worker process that is watched, bounded, and ended in good order.

One that is cancelled keeps what was learnt, like Ctrl-C in a terminal; so does one whose time is up or whose
page is closed. One that takes too much memory is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from couloir.studio.jobs.processes import Process
from couloir.studio.jobs.request import JobRequest

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


class Job:
    """A request that a worker fulfils, and what it has told so far.

    Attributes:
        told: the newest event of every kind, by its name.
        sentence: why it came to nothing, or None.
        interrupted: when it was told to end, or None.
    """

    def __init__(
        self, request: JobRequest, bounds: Bounds, process: Process, ended: Callable[[], None]
    ) -> None:
        """Give a worker's process its request; `ended` is called once, when the process is gone."""
        self.request, self.bounds, self.process, self._ended = request, bounds, process, ended
        self.told: dict[str, dict[str, Any]] = {}
        self.sentence: str | None = None
        self.began = time.monotonic()
        self.interrupted: float | None = None
        self.seconds, self.memory = 0.0, 0
        self.over = threading.Event()
        self._turn = threading.Lock()
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write((json.dumps(request.to_json()) + "\n").encode())
            process.stdin.flush()
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def under_way(self) -> bool:
        """Whether its process is still there."""
        return not self.over.is_set()

    def cancel(self, grace: float | None = None) -> None:
        """Tell it to end and keep what was learnt; after the grace it is killed."""
        with self._turn:
            if grace is not None:
                self.bounds = replace(self.bounds, grace=grace)
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
            "verb": self.request.verb,
            "name": self.request.name,
            "command": self.request.command,
            "stage": "ending" if self.interrupted and self.under_way and stage == "starting" else stage,
            "ending": self.interrupted is not None,
            "seconds": round(time.monotonic() - self.began if self.under_way else self.seconds, 1),
            "memory": self.memory,
            "sentence": self.sentence,
            "epoch": told.get("epoch"),
            "done": told.get("done"),
        }

    # In threads ------------------------------------------------------------------------------------------

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
        for left in Path(self.request.out).glob(f".*.part{self.process.pid}"):
            shutil.rmtree(left, ignore_errors=True)
        if "mistake" in self.told:
            self.sentence = self.told["mistake"]["sentence"]
        elif not self.told.keys() & {"done", "looked", "planned"}:
            self.sentence = stopped or "The job has ended by a fault of the studio; its terminal says more."
        self.over.set()
        self._ended()


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
