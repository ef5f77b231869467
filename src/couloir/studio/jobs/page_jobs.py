"""The jobs of a page: one long one, and short ones that are waited for; in the whole server two of each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from couloir.errors import InputError
from couloir.studio.jobs import processes
from couloir.studio.jobs.job import Bounds, Job
from couloir.studio.jobs.processes import Process
from couloir.studio.jobs.request import JobRequest

AT_ONCE = 2
"""Jobs at the same time in the whole server; as many short ones besides."""

CLOSING_GRACE = 45.0
"""Seconds that a job may take to come to its end when its page has gone."""

SHORT = Bounds(seconds=60.0, grace=0.0)
"""What looking at data may take, and planning."""


class Limit:
    """How many jobs of a kind there can be at once."""

    def __init__(self, count: int, sentence: str) -> None:
        """So many, and what is said to whoever would be one more."""
        self._free, self._sentence = threading.BoundedSemaphore(count), sentence

    def acquire(self, seconds: float = 0.0) -> None:
        """Be one of them, waiting for that at most so long.

        Raises:
            InputError: there are too many.
        """
        if not self._free.acquire(timeout=seconds):
            raise InputError(self._sentence)

    def release(self) -> None:
        """Be one of them no more."""
        self._free.release()


LONG = Limit(
    AT_ONCE, f"{AT_ONCE} jobs of other pages are under way in this studio: start yours when one has ended."
)
LOOKS = Limit(AT_ONCE, "Other pages are looking at their data: try again in a moment.")


class PageJobs:
    """A page's jobs: one long one, and short ones that are waited for."""

    def __init__(self, worker: Callable[[], Process] = processes.begin) -> None:
        """No job yet; `worker` gives a process that waits for its request."""
        self.job: Job | None = None
        self.closed = False
        self._worker = worker
        self._short: Job | None = None
        self._turn = threading.Lock()

    def start(self, request: JobRequest, bounds: Bounds | None = None) -> Job:
        """Start a job.

        Raises:
            InputError: the page has one under way, or there are too many in the server.
        """
        with self._turn:
            if self.job is not None and self.job.under_way:
                raise InputError(
                    f"This page's {self.job.request.verb} of '{self.job.request.name}' is still under way: "
                    "wait for its end, or cancel it."
                )
            LONG.acquire()
            self.job = self._begun(request, bounds or Bounds(), LONG)
            return self.job

    def ask(self, request: JobRequest, event: str) -> dict[str, Any]:
        """Do a short job, and return what it told in an event.

        Raises:
            InputError: it came to nothing.
        """
        LOOKS.acquire(SHORT.seconds)
        with self._turn:
            job = self._short = self._begun(request, SHORT, LOOKS)
        job.over.wait()
        if event not in job.told:
            late = "Looking at these data takes too long here: use the command in a terminal."
            raise InputError(late if job.interrupted else job.sentence or late)
        return job.told[event]

    def _begun(self, request: JobRequest, bounds: Bounds, limit: Limit) -> Job:
        """A job that counts towards the limit until it has ended."""
        try:
            if self.closed:
                raise InputError("The page has been closed: reload it.")
            return Job(request, bounds, self._worker(), limit.release)
        except BaseException:
            limit.release()
            raise

    def close(self) -> None:
        """The page has gone: end its jobs."""
        with self._turn:
            self.closed = True
            if self._short is not None:
                self._short.kill()
            if self.job is not None and self.job.under_way:
                self.job.cancel(CLOSING_GRACE)
