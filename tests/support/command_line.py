"""The command line, run in this process."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from couloir.cli import main

COMMAND = [sys.executable, "-c", "import sys; from couloir.cli.app import main; sys.exit(main())"]


class Done(NamedTuple):
    code: int
    out: str
    err: str
    runs: Path

    @property
    def run(self) -> Path:
        return (self.runs / "latest").resolve()


def couloir_(words: list[str], capsys: pytest.CaptureFixture[str], runs: Path) -> Done:
    capsys.readouterr()
    code = main(words)
    printed = capsys.readouterr()
    return Done(code, printed.out, printed.err, runs)
