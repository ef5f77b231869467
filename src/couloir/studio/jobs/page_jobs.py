"""The jobs of a page: one long one, and short ones that are waited for; in the whole server two of each."""

from __future__ import annotations

from collections.abc import Callable
from threading import BoundedSemaphore, Lock
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

LONG, LOOKS = BoundedSemaphore(AT_ONCE), BoundedSemaphore(AT_ONCE)
"""How many of each kind may still begin."""


class PageJobs:
    """A page's jobs: one long one, and short ones that are waited for."""

    def __init__(self, worker: Callable[[], Process] = processes.begin) -> None:
        """No job yet; `worker` gives a process that waits for its request."""
        self.job: Job | None = None
        self.closed = False
        self._worker = worker
        self._short: Job | None = None
        self._turn = Lock()

    def start(self, request: JobRequest, bounds: Bounds | None = None) -> Job:
        """Start a job; an InputError where the page has one under way, or the server too many."""
        with self._turn:
            if self.job is not None and self.job.under_way:
                raise InputError(
                    f"This page's {self.job.request.verb} of '{self.job.request.name}' is still under way: "
                    "wait for its end, or cancel it."
                )
            if not LONG.acquire(blocking=False):
                raise InputError(
                    f"{AT_ONCE} jobs of other pages are under way in this studio: "
                    "start yours when one has ended."
                )
            self.job = self._begun(request, bounds or Bounds(), LONG)
            return self.job

    def ask(self, request: JobRequest, event: str) -> dict[str, Any]:
        """Do a short job, and return what it told in an event; an InputError where it came to nothing."""
        if not LOOKS.acquire(timeout=SHORT.seconds):
            raise InputError("Other pages are looking at their data: try again in a moment.")
        with self._turn:
            job = self._short = self._begun(request, SHORT, LOOKS)
        job.over.wait()
        if event not in job.told:
            late = "Looking at these data takes too long here: use the command in a terminal."
            raise InputError(late if job.interrupted else job.sentence or late)
        return job.told[event]

    def _begun(self, request: JobRequest, bounds: Bounds, limit: BoundedSemaphore) -> Job:
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
