"""The studio's rooms, by name: each a class that answers the page's questions about one subject.

Two of them are a file, `line` and `train`; three a package with a `room` and what it is made of: `race`,
`network` and `runs`. All go by `couloir.studio.rooms.base`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from couloir.errors import unknown
from couloir.studio.rooms.base import Context, Room

ROOMS: Mapping[str, str] = MappingProxyType(
    {
        "line": "couloir.studio.rooms.line:LineRoom",
        "race": "couloir.studio.rooms.race.room:RaceRoom",
        "network": "couloir.studio.rooms.network.room:NetworkRoom",
        "train": "couloir.studio.rooms.train:TrainRoom",
        "runs": "couloir.studio.rooms.runs.room:RunsRoom",
    }
)
"""Where each room is; imported when it is first asked something."""


def enter(name: str, context: Context) -> Room:
    """A new room of a name; an InputError where there is none."""
    if name not in ROOMS:
        raise unknown("room", name[:40], ROOMS)
    module, _, kind = ROOMS[name].partition(":")
    return getattr(import_module(module), kind)(context)
