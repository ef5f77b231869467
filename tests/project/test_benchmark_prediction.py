"""The benchmark of predicting: that it runs, shows what it writes, and compares like with like."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def prediction(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import prediction

    return prediction


def test_the_table_holds_what_the_json_holds(
    prediction: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "prediction.json"
    code = prediction.main(["--quick", "--rows", "2000", "--out", str(out)])
    shown, written = capsys.readouterr().out, json.loads(out.read_text())
    assert len(written["lines"]) == 4
    for line in written["lines"]:
        ours, theirs = line["row_microseconds"]
        assert line["row_ratio"] == pytest.approx(ours / theirs)
        ours, theirs = line["batch_milliseconds"]
        assert line["batch_speed"] == pytest.approx(theirs / ours)
        assert f"{line['row_ratio']:.2f}" in shown
        within = line["row_ratio"] <= 2 and line["batch_speed"] >= 1
        assert line["passed"] == (within or not line["barred"])
    assert code == (0 if all(line["passed"] for line in written["lines"]) else 1)


def test_those_that_answer_differently_are_not_compared(prediction: ModuleType) -> None:
    prediction.agree(np.ones(3), np.ones(3) + 1e-12, "same")
    with pytest.raises(RuntimeError, match="do not answer the same"):
        prediction.agree(np.ones(3), np.ones(3) + 1e-6, "other")


def test_too_few_rows_are_refused(prediction: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        prediction.main(["--rows", "5"])
    assert "2000 are needed to fit" in capsys.readouterr().err
