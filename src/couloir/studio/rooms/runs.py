"""The room 'runs'."""

from __future__ import annotations

from couloir.studio.rooms import Room


class Runs(Room):
    """Its questions."""
