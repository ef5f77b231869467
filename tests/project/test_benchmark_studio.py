"""The studio's benchmark: what it makes of measured times, and a knob turned in a real page."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import chromium
from studio_server import Served

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("studio")


def test_a_scene_passes_by_its_median_and_its_late_frames(benchmark: ModuleType) -> None:
    smooth = benchmark.frame_record("a", [16.0] * 96 + [60.0] * 4, 50.0)
    assert (smooth["passed"], smooth["frames_per_second"], smooth["percentile_95_ms"]) == (True, 62.5, 16.0)
    assert not benchmark.frame_record("b", [16.0] * 94 + [60.0] * 6, 50.0)["passed"], "six late frames of 100"
    assert not benchmark.frame_record("c", [21.0] * 100, 50.0)["passed"], "48 frames a second"


def tabs_record(threads: int, megabytes: int, worst: float) -> dict[str, Any]:
    """What a round of tabs gives, with what the server has when they are closed."""
    return {
        "tabs": 20,
        "answers": 5,
        "median_ms": 11.0,
        "worst_ms": worst,
        "troubled_tabs": 0,
        "server_median_ms": 20.0,
        "server_worst_ms": 300.0,
        "passed": worst <= 1000,
        "during": {"threads": 40, "megabytes": 300},
        "after": {"threads": threads, "megabytes": megabytes},
    }


def test_the_report_names_what_has_not_passed(benchmark: ModuleType) -> None:
    results = {
        "machine": {"processor": "some", "cores": 2, "load_at_start": 0.1},
        "frames": [benchmark.frame_record("eight rules race", [30.0] * 100, 50.0)],
        "knobs": [{"knob": "the rate", "median_ms": 31.4, "worst_ms": 60.0, "passed": True}],
        "tabs": benchmark.judged([tabs_record(30, 200, 11.0), tabs_record(30, 205, 1500.0)]),
        "errors": [],
    }
    text = benchmark.report(results)
    assert [line.split()[-1] for line in text.splitlines() if line.startswith(("eight", "the rate"))] == [
        "NO",
        "yes",
    ]
    assert "worst 1500 ms (wanted ≤ 1000)" in text
    assert "NOT passed" in text
    assert "in 20 ms, at worst 300 ms" in text
    assert "30 threads and 200 MB; 30 threads and 205 MB: freed" in text


def test_rounds_of_tabs_pass_where_each_does_and_none_leaves_more(benchmark: ModuleType) -> None:
    first = tabs_record(30, 200, 11.0)
    assert benchmark.judged([first, tabs_record(29, 210, 900.0)])["passed"]
    for worse in (tabs_record(30, 200, 1001.0), tabs_record(33, 200, 11.0), tabs_record(30, 260, 11.0)):
        assert not benchmark.judged([first, worse])["passed"], worse


@pytest.mark.skipif(chromium.PROGRAM is None, reason="there is no Chromium")
def test_a_knob_is_seen_in_the_page(benchmark: ModuleType, tmp_path: Path) -> None:
    with Served(tmp_path) as studio, chromium.Browser() as browser:
        tab = browser.open(studio.url("#line"))
        tab.wait("document.querySelector('.rate input[type=range]').max")
        tab.wait("document.querySelector('[data-name=factors]').dataset.value")
        tab.evaluate("new Promise((go) => setTimeout(go, 500))")
        waited = tab.evaluate(f"{benchmark.KNOB}('.rate input[type=range]', 0.4)")
        assert 0 < waited < 5000
        assert tab.evaluate(f"{benchmark.KNOB}('.rate input[type=range]', 0.4)") is None, "nothing changes"
        assert browser.errors == []
