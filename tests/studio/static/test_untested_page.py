"""The room of runs in a browser with runs that tested nothing: listed, opened, compared."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import chromium
from chromium import Browser
from recorded_runs import recorded
from studio_page import all_told, click, fits, text, texts, there, told
from studio_server import Served

pytestmark = [pytest.mark.slow, pytest.mark.skipif(chromium.PROGRAM is None, reason="there is no Chromium")]

TESTED, UNTESTED, OTHER = "20200101-000000-wine", "20200102-000000-wine", "20200103-000000-iris"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("stored") / "runs"
    folder.mkdir()
    for name, source in ((TESTED, "folds"), (UNTESTED, "untested"), (OTHER, "untested_search")):
        shutil.copytree(recorded(source), folder / name)
    with Served(folder) as served:
        yield served


def held(source: str) -> dict:
    return json.loads((Path(recorded(source)) / "run.json").read_text("utf-8"))


@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_opened_without_a_table_of_test_scores(studio: Served, browser: Browser, width: int) -> None:
    tab = browser.open(studio.url("#runs"), width=width)
    click(tab, f"tr[data-run='{UNTESTED}'] .link")
    tab.wait(there(".one .board"))
    assert text(tab, ".inside-view h2").strip().endswith(": nothing was tested")
    assert "No test part" in texts(tab, ".inside-view h3")
    assert any(each.startswith("Nothing was tested") for each in texts(tab, ".inside-view .note"))
    assert not tab.evaluate(there("[aria-label='Test scores']"))
    for word in ("null", "undefined", "NaN"):
        assert word not in text(tab, "main")
    cells = {key for cell in all_told(tab, f"tr[data-run='{UNTESTED}'] td") for key in cell}
    assert "validation" in cells
    assert not cells & {"test", "score", "low", "high"}
    assert fits(tab)


@pytest.mark.parametrize("width", [1280, 390])
def test_it_stands_beside_one_that_was_tested(studio: Served, browser: Browser, width: int) -> None:
    tab = browser.open(studio.url("#runs"), width=width)
    for name in (UNTESTED, TESTED):
        click(tab, f"tr[data-run='{name}'] input")
    tab.wait(f"document.querySelectorAll('.compared tbody tr').length === 2 && {there('.compared')}")
    assert len(all_told(tab, f".compared tr[data-run='{TESTED}'] td[data-metric]")) == 3
    assert texts(tab, f".compared tr[data-run='{UNTESTED}'] td")[2:] == ["not tested"] * 3
    validation = held("untested")["validation"]["log_loss"]
    assert json.loads(
        told(tab, f".compared tr[data-run='{UNTESTED}'] td[data-validation]")["validation"]
    ) == (validation)
    assert any("was not tested" in each for each in texts(tab, ".side-by-side .warning"))
    assert fits(tab)


def test_without_any_tested_there_are_no_test_scores_to_compare(studio: Served, browser: Browser) -> None:
    tab = browser.open(studio.url("#runs"))
    for name in (UNTESTED, OTHER):
        click(tab, f"tr[data-run='{name}'] input")
    tab.wait(f"document.querySelectorAll('.compared tbody tr').length === 2 && {there('.compared')}")
    assert texts(tab, ".compared thead th") == ["run", "winner", "chosen by"]
    assert all_told(tab, ".compared td[data-metric]") == []
    assert "intervals" not in text(tab, ".side-by-side")
