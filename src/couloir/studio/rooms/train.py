"""The room 'train'."""

from __future__ import annotations

from couloir.studio.rooms import Room


class Train(Room):
    """Its questions."""
