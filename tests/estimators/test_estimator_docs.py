"""The page on estimators says nothing that does not run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "estimators.md").read_text("utf-8")


def test_the_examples_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    assert len(blocks) == 8
    namespace: dict[str, Any] = {"__name__": "page"}
    for number, block in enumerate(blocks):
        exec(compile(block, f"block {number} of docs/estimators.md", "exec"), namespace)
    printed = capsys.readouterr().out
    assert float(printed.splitlines()[0]) > 0.85
    assert namespace["search"].best_score_ > -0.3
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"digits.onnx", "digits.safetensors", "digits.json"}
