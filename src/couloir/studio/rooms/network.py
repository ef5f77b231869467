"""The room 'network'."""

from __future__ import annotations

from couloir.studio.rooms import Room


class Networks(Room):
    """Its questions."""
