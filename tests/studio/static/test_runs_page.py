"""The room of runs in a browser: sorted, filtered, set side by side, asked about new rows, drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chromium
import couloir
from chromium import Browser, Tab
from couloir.data.loading import load_features
from couloir.runs import stored as runs
from studio_page import all_told, click, exported, fill, fits, numbers, press, text, texts, there, told
from studio_server import Served

pytestmark = [pytest.mark.slow, pytest.mark.skipif(chromium.PROGRAM is None, reason="there is no Chromium")]

SMALL: dict[str, Any] = {
    "optimizer": ["sgd", "adam"],
    "learning_rate": [0.01, 0.1],
    "hidden": [(8,)],
    "epochs": 6,
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stored") / "runs"
    for data in ("iris", "wine", "diabetes"):
        couloir.train(data, **SMALL, out=folder)
    broken = folder / "20000101-000000-broken"
    broken.mkdir()
    (broken / "run.json").write_text('{"data": 3}')
    return folder


@pytest.fixture(scope="module")
def studio(stored: Path) -> Iterator[Served]:
    with Served(stored) as served:
        yield served


def record(stored: Path, name: str) -> dict[str, Any]:
    return json.loads((stored / name / "run.json").read_text("utf-8"))


def named(stored: Path, data: str) -> str:
    return next(path.name for path in sorted(stored.glob("2*")) if path.name.endswith(data))


def order(tab: Tab) -> list[str]:
    return [row["run"] for row in all_told(tab, "table.runs tbody tr")]


def opened(
    browser: Browser, studio: Served, fragment: str = "#runs", width: int = 1280, dark: bool = False
) -> Tab:
    tab = browser.open(studio.url(fragment), width=width, dark=dark)
    tab.wait(there("table.runs"))
    return tab


def trained(stored: Path, tab: Tab) -> list[str]:
    """The runs with a model, in the table's order."""
    return [name for name in order(tab) if record(stored, name).get("kind") == "train"]


@pytest.mark.parametrize(("width", "dark"), [(1280, True), (390, False)])
def test_the_table_is_sorted_filtered_and_equals_the_records(
    studio: Served, stored: Path, browser: Browser, width: int, dark: bool
) -> None:
    tab = opened(browser, studio, width=width, dark=dark)
    assert order(tab) == sorted((path.name for path in stored.glob("2*")), reverse=True)
    assert fits(tab)
    for name in trained(stored, tab):
        found = record(stored, name)
        usual = "r2" if found["data"]["task"] == "regression" else "accuracy"
        low, high = found["test"]["intervals"][usual]
        cells: dict[str, str] = {}
        for cell in all_told(tab, f"tr[data-run='{name}'] td"):
            cells |= cell
        assert numbers(cells) == {
            "rows": found["data"]["rows"],
            "members": found["n_members"],
            "validation": found["validation"][found["metric"]],
            "test": found["test"]["scores"][found["metric"]],
            "score": found["test"]["scores"][usual],
            "low": low,
            "high": high,
            "seconds": found["seconds"]["total"],
        }
    assert "cannot be read" in text(tab, "tr.broken")
    rows = [150, 178, 442]
    for way, wanted in (("ascending", rows), ("descending", rows[::-1])):
        click(tab, "[data-sort=rows]")
        assert text(tab, f"th[aria-sort={way}]").startswith("rows")
        assert tab.evaluate("document.activeElement.dataset.sort") == "rows"
        assert [record(stored, name)["data"]["rows"] for name in trained(stored, tab)] == wanted
        assert order(tab)[-1].endswith("broken")
    fill(tab, ".runs-room input", "train wine", "input")
    assert order(tab) == [named(stored, "wine")]
    tab.wait("location.hash.includes('filter=train+wine') && location.hash.includes('sort=rows')")


@pytest.mark.parametrize("width", [1280, 390])
def test_runs_stand_side_by_side(studio: Served, stored: Path, browser: Browser, width: int) -> None:
    names = [named(stored, "iris"), named(stored, "wine")]
    tab = opened(browser, studio, width=width)
    for name in names:
        click(tab, f"tr[data-run='{name}'] input")
    tab.wait(there(".compared"))
    assert json.loads(told(tab, ".side-by-side")["runs"]) == names
    assert "different data" in text(tab, ".side-by-side .warning")
    for name in names:
        cells = all_told(tab, f".compared tr[data-run='{name}'] td[data-metric]")
        assert len(cells) == 3
        for cell in cells:
            test, metric = record(stored, name)["test"], cell.pop("metric")
            low, high = test["intervals"][metric]
            assert numbers(cell) == {"value": test["scores"][metric], "low": low, "high": high}
    drawn = ".side-by-side canvas[role=img]"
    tab.wait(f"JSON.parse(document.querySelector('{drawn}').dataset.values).length === 2")
    assert [value["name"] for value in json.loads(told(tab, drawn)["values"])] == names
    assert fits(tab)
    shared = opened(browser, studio, tab.evaluate("location.hash"), width=width)
    shared.wait(there(".compared"))


def test_a_run_is_opened_and_its_model_asked_about_rows(
    studio: Served, stored: Path, browser: Browser
) -> None:
    name = named(stored, "iris")
    tab = opened(browser, studio, width=390)
    click(tab, f"tr[data-run='{name}'] .link")
    tab.wait(there(".one .board"))
    score = json.loads(told(tab, ".inside-view")["score"])
    assert score == record(stored, name)["test"]["scores"]["accuracy"]
    click(tab, ".one input[value=predict]")
    press(tab, "Example rows")
    tab.wait("Number(document.querySelector('.answers').dataset.rows) > 0")
    path = stored.parent / "rows.csv"
    path.write_text(tab.evaluate("document.querySelector('.one textarea').value"))
    model = runs.read(stored / name).model
    wanted = model.probabilities(load_features(path, model.preparation)[0])
    found = [json.loads(cell["value"]) for cell in all_told(tab, ".answers td[data-value]")]
    np.testing.assert_array_equal(np.reshape(found, wanted.shape), wanted)
    fill(tab, ".one textarea", "a,b\n1,2")
    press(tab, "Predict")
    tab.wait("document.querySelector('.trouble').textContent.includes('lack the column')")
    assert "'pasted rows' lack the column 'sepal length (cm)'" in text(tab, ".trouble")
    click(tab, ".one input[value=report]")
    tab.wait(there(".one iframe.report"))
    frame = "document.querySelector('.one iframe').getAttribute('sandbox')"
    assert tab.evaluate(frame) == "allow-scripts allow-downloads"
    assert fits(tab)


def test_a_landscape_is_drawn_and_opened(studio: Served, stored: Path, browser: Browser) -> None:
    tab = opened(browser, studio, f"#runs?run={named(stored, 'wine')}&view=landscape&resolution=7")
    press(tab, "Draw")
    tab.wait("!document.querySelector('.live').hidden")
    tab.wait(
        f"{there('.one iframe')} && document.querySelector('.one').dataset.run.endsWith('landscape')", 120
    )
    name = told(tab, ".one")["run"]
    assert record(stored, name)["grid"]["points"] == 49
    assert order(tab)[0] == name


@pytest.mark.parametrize(
    "fragment",
    [
        "run=../secret", "sort=__proto__&view=nothing", 'chosen=["x",3,null]', "view=landscape&resolution=-1",
        'chosen=["<img src=x onerror=alert(1)>","b"]', "filter=<img>", "run=<img src=x>&down=3",
    ],
)  # fmt: skip
def test_what_an_address_may_hold_does_no_harm(studio: Served, browser: Browser, fragment: str) -> None:
    tab = opened(browser, studio, f"#runs?{fragment}")
    assert texts(tab, "main img") == []
    assert text(tab, "h1") == "Runs"


def test_the_export_shows_table_and_comparison_without_a_server(
    studio: Served, stored: Path, browser: Browser, tmp_path: Path
) -> None:
    chosen = json.dumps([named(stored, "iris"), named(stored, "wine")])
    tab = opened(browser, studio, f"#runs?chosen={chosen}&sort=rows&run={named(stored, 'iris')}")
    tab.wait(f"{there('.compared')} && {there('.one .board')}")
    replay = browser.open(exported(tab, tmp_path), width=390)
    replay.wait(f"{there('.compared')} && {there('.one .board')}")
    for part in ("table.runs", ".compared", ".one .board"):
        assert text(replay, part) == text(tab, part)
    assert replay.evaluate("document.querySelector('.trouble').hidden")
    assert fits(replay)
