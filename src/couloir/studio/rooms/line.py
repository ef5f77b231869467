"""The room 'line'."""

from __future__ import annotations

from couloir.studio.rooms import Room


class Line(Room):
    """Its questions."""
