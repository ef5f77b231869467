"""The studio's rooms: each a class that answers the page's questions about one subject.

A room belongs to one session, one open page, and keeps what it has computed for it. `ask_NAME` answers the
question NAME; its arguments are read by `couloir.studio.asking`. What a room answers depends on nothing but
the arguments and what the same page asked it before, so that a recording of the answers replays without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from couloir.errors import InputError, unknown
from couloir.studio.jobs import Desk
from couloir.studio.wire import Answer

ROOMS: Mapping[str, str] = MappingProxyType(
    {
        "line": "couloir.studio.rooms.line:Line",
        "race": "couloir.studio.rooms.race:Race",
        "network": "couloir.studio.rooms.network:Networks",
        "train": "couloir.studio.rooms.train:Train",
        "runs": "couloir.studio.rooms.runs:Runs",
    }
)
"""Where each room is, by its name; imported when it is first asked something."""


@dataclass(frozen=True)
class Surroundings:
    """What a session's rooms may use of the computer.

    Attributes:
        runs: the folder of runs.
        files: data files named on the command line, by the name they are shown under.
        uploads: a folder of the session's own, emptied with it.
        uploaded: what the person dropped on the page: path by name; the session adds to it.
        desk: the session's jobs.
    """

    runs: Path
    files: Mapping[str, Path] = field(default_factory=dict)
    uploads: Path = field(default_factory=Path)
    uploaded: dict[str, Path] = field(default_factory=dict)
    desk: Desk = field(default_factory=Desk)

    def table(self, name: str) -> Path:
        """The data file of a name: an uploaded one, or one named on the command line.

        Raises:
            InputError: there is none of that name.
        """
        known = {**self.files, **self.uploaded}
        if name not in known:
            if not known:
                raise InputError("There is no data file yet: drop one on the page.")
            raise unknown("data file", name, known)
        return known[name]


class Room:
    """A subject's questions and what has been computed for one page."""

    def __init__(self, surroundings: Surroundings) -> None:
        """A room before the first question."""
        self.surroundings = surroundings

    def answer(self, ask: str, arguments: Mapping[str, Any]) -> Answer:
        """The answer to a question by its name.

        Raises:
            InputError: there is no such question, or it cannot be answered with these arguments.
        """
        method = getattr(self, f"ask_{ask}", None) if ask.isidentifier() else None
        if method is None:
            names = [name.removeprefix("ask_") for name in dir(self) if name.startswith("ask_")]
            raise unknown("question", ask[:40], names)
        return method(arguments)

    def close(self) -> None:
        """The page has gone: end what still runs."""
        return


def enter(name: str, surroundings: Surroundings) -> Room:
    """A new room of a name.

    Raises:
        InputError: there is none of that name.
    """
    if name not in ROOMS:
        raise unknown("room", name[:40], ROOMS)
    module, _, kind = ROOMS[name].partition(":")
    return getattr(import_module(module), kind)(surroundings)
