"""Small real runs of every kind and of every schema version, made by `tests/support/recorded/make.py`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent / "recorded"
FOLDERS = sorted(path.parent for path in RECORDED.glob("version*/*/run.json"))
NEWEST = max(folder.parent.name for folder in FOLDERS)


def named(folder: Path) -> str:
    """What a test is called that is about a folder."""
    return f"{folder.parent.name}-{folder.name}"


def recorded(name: str, version: str = NEWEST) -> Path:
    """The folder of a recorded run; it is not to be written to."""
    return RECORDED / version / name


def content(folder: Path) -> dict[str, Any]:
    """run.json as it stands there."""
    return json.loads((folder / "run.json").read_text("utf-8"))


def changed(folder: Path, to: Path, record: Any) -> Path:
    """A copy of a run folder whose run.json holds something else: text, or what becomes JSON."""
    shutil.copytree(folder, to)
    (to / "run.json").write_text(record if isinstance(record, str) else json.dumps(record), "utf-8")
    return to
