"""Any folder of runs, opened by its kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from couloir.commands.findings import Finding
from couloir.runs import stored as runs
from couloir.runs.records import LandscapeRecord, SurfaceRecord, read_record


def opened(path: str | Path) -> runs.StoredRun[Any] | Finding[Any]:
    """What a folder holds: a run with its model, a surface race, or a landscape.

    Raises:
        InputError: there is no such folder, something in it is broken, or it cannot be opened again.
    """
    folder = runs.resolve(path)
    record = read_record(folder)
    if isinstance(record, SurfaceRecord):
        from couloir.commands.surface_race import open_surface_run

        return open_surface_run(folder)
    if isinstance(record, LandscapeRecord):
        from couloir.commands.landscape import open_landscape

        return open_landscape(folder)
    return runs.read(path)
