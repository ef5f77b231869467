"""How often a test part has been scored, across all runs of this user.

A test part that is scored again and again while a person tries things becomes a second validation
part. The ledger cannot prevent that; it counts, and reports say the number.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import numpy as np

from couloir.files import own


def ledger_path() -> Path:
    """COULOIR_HOME/ledger.jsonl, else the file of that name in the user's data folder."""
    return own("ledger.jsonl", lasting=True)


def enter(fingerprint: str, test_rows: np.ndarray, command: str) -> int | None:
    """Note that a test part is being scored, and say how often it now has been.

    Args:
        fingerprint: the data's.
        test_rows: which of its rows are the test part.
        command: what was run.

    Returns:
        times this test part has been scored, this one included; None where the ledger cannot be kept.
    """
    part = hashlib.sha256(np.ascontiguousarray(test_rows, np.int64).tobytes()).hexdigest()[:16]
    entry = {
        "data": fingerprint,
        "test_part": part,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "command": command,
    }
    path = ledger_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        return sum(_same(line, fingerprint, part) for line in path.read_text("utf-8").splitlines())
    except OSError:
        return None


def _same(line: str, fingerprint: str, part: str) -> bool:
    try:
        entry = json.loads(line)
    except ValueError:  # a line cut short by a full disk
        return False
    return entry.get("data") == fingerprint and entry.get("test_part") == part
