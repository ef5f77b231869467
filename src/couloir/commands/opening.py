"""Any folder of runs, opened by its kind."""

from __future__ import annotations

from pathlib import Path

from couloir.commands.findings import Finding
from couloir.runs import stored as runs


def opened(path: str | Path) -> runs.StoredRun | Finding:
    """What a folder holds: a run with its model, a race on a surface, or a landscape.

    Raises:
        InputError: there is no such folder, something in it is broken, or it cannot be opened again.
    """
    kind = runs.kind_of(path)
    if kind == "surface":
        from couloir.commands.surface_race import open_surface_run

        return open_surface_run(path)
    if kind == "landscape":
        from couloir.commands.landscape import open_landscape

        return open_landscape(path)
    return runs.read(path)
