"""The room 'race'."""

from __future__ import annotations

from couloir.studio.rooms import Room


class Race(Room):
    """Its questions."""
