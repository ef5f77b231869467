"""What every room is: `ask_NAME` answers the question NAME, for one open page.

A room keeps what it has computed for its page. The parameters of `ask_NAME` say what the page may ask with,
as `couloir.studio.asking` reads it. What a room answers depends on nothing but the arguments and what the
same page asked it before, so that a recording of the answers replays without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

from couloir.errors import InputError, unknown
from couloir.studio import asking
from couloir.studio.jobs.page_jobs import PageJobs
from couloir.studio.wire import Answer


@dataclass(frozen=True)
class Context:
    """What a session's rooms may use of the computer.

    Attributes:
        runs: the folder of runs.
        files: data files named on the command line, by the name they are shown under.
        uploads: a folder of the session's own, emptied with it.
        uploaded: what the person dropped on the page: path by name; the session adds to it.
        jobs: the session's jobs.
    """

    runs: Path
    files: Mapping[str, Path] = field(default_factory=dict)
    uploads: Path = field(default_factory=Path)
    uploaded: dict[str, Path] = field(default_factory=dict)
    jobs: PageJobs = field(default_factory=PageJobs)

    @property
    def tables(self) -> dict[str, Path]:
        """Every data file by its name; of two of the same name the one that was dropped on the page."""
        return {**self.files, **self.uploaded}

    def table(self, name: str) -> Path:
        """The data file of a name; an InputError where there is none."""
        known = self.tables
        if not known:
            raise InputError("There is no data file yet: drop one on the page.")
        if name not in known:
            raise unknown("data file", name, known)
        return known[name]


class Room:
    """A subject's questions and what has been computed for one page."""

    def __init__(self, context: Context) -> None:
        """A room before the first question."""
        self.context = context

    def answer(self, ask: str, arguments: Mapping[str, Any]) -> Answer:
        """The answer to a question by its name; an InputError where there is none with these arguments."""
        method = getattr(self, f"ask_{ask}", None) if ask.isidentifier() else None
        if method is None:
            names = [name.removeprefix("ask_") for name in dir(self) if name.startswith("ask_")]
            raise unknown("question", ask[:40], names)
        return asking.answered(method, arguments)

    def close(self) -> None:
        """The page has gone: end what still runs."""


RunName = Annotated[str, asking.text(300)]
"""The name of a run's folder."""


class JobRoom(Room):
    """A room that starts jobs of some verbs, one at a time, and tells how they go."""

    VERBS: ClassVar[tuple[str, ...]]

    def ask_progress(self) -> Answer:
        """Where this page's job stands, if it is one of this room's."""
        job = self.context.jobs.job
        return Answer({"state": "none"} if job is None or job.request.verb not in self.VERBS else job.state())

    def ask_cancel(self, now: Annotated[bool, asking.flag()] = False) -> Answer:
        """End it: with what was learnt, or at once."""
        job = self.context.jobs.job
        if job is not None and job.request.verb in self.VERBS and job.under_way:
            if now:
                job.kill()
            else:
                job.cancel()
        return self.ask_progress()

    def close(self) -> None:
        """The page has gone: its job ends with what was learnt."""
        self.context.jobs.close()
