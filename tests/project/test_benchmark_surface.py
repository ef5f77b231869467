"""The benchmark of surfaces: that it runs, shows what it writes, and refuses to compare unlike things."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def surface(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import surface

    return surface


def test_the_table_holds_what_the_json_holds(
    surface: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "surface.json"
    surface.main(["--quick", "--without", "torch", "--out", str(out)])
    shown, written = capsys.readouterr().out, json.loads(out.read_text())
    assert [line["who"] for line in written["lines"]] == ["couloir", "NumPy"]
    assert 0 < written["largest_difference"] < surface.TOLERANCE
    for line in written["lines"]:
        assert len(line["seconds"]) == surface.QUICK.rounds + 1
        best = min(line["seconds"][1:]) / line["points"]
        assert line["milliseconds_per_point"] == pytest.approx(1e3 * best)
        assert f"{line['milliseconds_per_point']:.3f}" in shown
    ours, numpy = written["lines"]
    assert numpy["ratio"] == pytest.approx(numpy["milliseconds_per_point"] / ours["milliseconds_per_point"])
    assert numpy["passed"] == (numpy["ratio"] >= 5)


def test_lines_that_measure_different_things_are_not_compared(surface: ModuleType) -> None:
    points = [(0.0, 0.0), (1.0, 0.0)]

    def line(who: str, losses: list[float]) -> object:
        return surface.Line(who, points, lambda _: None, [1.0], np.array(losses))

    assert surface.largest_difference([line("a", [1, 2]), line("b", [1, 2 + 1e-6])]) == pytest.approx(5e-7)
    with pytest.raises(RuntimeError, match="do not measure the same"):
        surface.largest_difference([line("a", [1, 2]), line("b", [1, 2.1])])


def test_an_unknown_peer_is_refused(surface: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        surface.main(["--without", "keras"])
    assert "the choices are torch" in capsys.readouterr().err
