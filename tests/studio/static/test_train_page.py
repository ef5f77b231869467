"""The room Train in a browser: a table dropped, a job watched, cancelled and read, on a desk and a phone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import chromium
from chromium import Browser, Tab
from couloir.options import FOLDS
from couloir.selection.portfolio import EFFORTS
from studio_page import all_told, click, drop, exported, fill, fits, numbers, press, text, texts, there, told
from studio_server import Served

pytestmark = [pytest.mark.slow, pytest.mark.skipif(chromium.PROGRAM is None, reason="there is no Chromium")]

NASTY = "<img src=x onerror=alert(1)>"
TABLE = f"age,{NASTY},bought\n" + "".join(
    f"{20 + n % 50},{'abc'[n % 3]},{'yes' if n % 3 else 'no'}\n" for n in range(90)
)
RULES = "hidden=8&optimizer=sgd,adam&learning_rate=0.1,0.01"
SMALL, ENDLESS = f"{RULES}&epochs=8", f"{RULES}&epochs=1000000&patience=none"
EPOCH = "Number(document.querySelector('.live').dataset.epoch)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("train")
    (folder / "shop.csv").write_text(TABLE, "utf-8")
    return folder


@pytest.fixture(scope="module")
def studio(folder: Path) -> Iterator[Served]:
    with Served(folder / "runs", {"shop.csv": folder / "shop.csv"}) as served:
        yield served


def record(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / "runs" / name / "run.json").read_text("utf-8"))


def entered(studio: Served, browser: Browser, state: str, width: int = 1280, dark: bool = False) -> Tab:
    tab = browser.open(studio.url(f"#train?{state}"), width=width, dark=dark)
    tab.wait(there(".side"))
    return tab


def finished(tab: Tab) -> dict[str, str]:
    """What the result's element says, as soon as there is one."""
    tab.wait(f"!document.querySelector('.result').hidden && {there('.result .board')}", 120)
    return told(tab, ".result")


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_a_dropped_table_is_trained_on(
    studio: Served, folder: Path, browser: Browser, width: int, dark: bool
) -> None:
    tab = entered(studio, browser, SMALL, width, dark)
    tab.wait(there(".drop"))
    assert fits(tab)
    drop(tab, ".train", "my shop.csv", TABLE)
    tab.wait(there(".preview"))
    assert numbers(told(tab, ".found")) == {"rows": 90, "columns": 3}
    assert [head.split("to predict")[0] for head in texts(tab, ".preview th")][1].startswith(NASTY)
    assert texts(tab, ".found img") == []
    assert tab.evaluate("document.querySelector('.begin .strong').disabled")
    fill(tab, ".side .group .choice:nth-of-type(3) select", "bought")
    tab.wait("document.querySelector('.plan').dataset.members === '4'")
    assert fits(tab)
    press(tab, "Start")
    shown = finished(tab)
    assert fits(tab)
    found = record(folder, shown["run"])
    assert json.loads(shown["score"]) == found["test"]["scores"]["accuracy"]
    assert json.loads(shown["validation"]) == found["validation"]["log_loss"]
    assert found["command"].startswith("couloir train 'my shop.csv' --target bought")
    metrics = [row["metric"] for row in all_told(tab, ".result tr[data-metric]")]
    assert set(metrics) == {"log_loss", "accuracy", "balanced_accuracy"}
    for metric in metrics:
        cells = all_told(tab, f".result tr[data-metric={metric}] td")
        low, high = found["test"]["intervals"][metric]
        assert numbers(cells[0] | cells[1]) == {
            "value": found["test"]["scores"][metric],
            "low": low,
            "high": high,
        }
    assert f"run={shown['run']}" in tab.evaluate("location.hash")
    frame = "document.querySelector('iframe.report').getAttribute('sandbox')"
    assert tab.evaluate(frame) == "allow-scripts allow-downloads"
    label = "document.querySelector('.result canvas[role=img]').getAttribute('aria-label')"
    assert tab.evaluate(label).startswith("Validation log loss by epoch")


def test_a_running_job_is_watched_and_cancelled_and_keeps_what_was_learnt(
    studio: Served, folder: Path, browser: Browser
) -> None:
    tab = entered(studio, browser, f"data=iris&{ENDLESS}")
    press(tab, "Start")
    tab.wait(f"{EPOCH} > 20", 120)
    assert sorted(texts(tab, ".live .board tbody th")) == ["adam", "sgd"]
    drawn = ".live canvas[role=img]"
    tab.wait(f"JSON.parse(document.querySelector('{drawn}').dataset.values).length === 2")
    values = json.loads(told(tab, drawn)["values"])
    assert sorted(value["name"] for value in values) == ["adam", "sgd"]
    assert text(tab, ".status").startswith("Epoch ")
    assert tab.evaluate("document.querySelector('.begin .strong').disabled")  # one job a page
    # Going to another room and back does not end it.
    tab.evaluate("location.hash = '#runs'")
    tab.wait("document.documentElement.dataset.room === 'runs'")
    tab.evaluate("history.back()")
    tab.wait(f"{there('.live')} && {EPOCH} > 20")
    press(tab, "Cancel, keeping what was learnt")
    shown = finished(tab)
    assert record(folder, shown["run"])["status"] == "interrupted"
    assert "Cancelled: chosen among what had been learnt" in text(tab, ".result")


def test_a_closed_tab_ends_its_job(studio: Served, folder: Path, browser: Browser) -> None:
    before = set((folder / "runs").glob("2*"))
    tab = entered(studio, browser, f"data=iris&{ENDLESS}")
    press(tab, "Start")
    tab.wait(f"{EPOCH} > 0", 120)
    tab.evaluate("(() => { setTimeout(() => { location.href = 'about:blank'; }); })()")
    end = time.monotonic() + 90
    while not (fresh := set((folder / "runs").glob("2*")) - before):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert record(folder, fresh.pop().name)["status"] == "interrupted"


def test_a_mistake_stands_beside_the_button_and_an_address_brings_all_back(
    studio: Served, browser: Browser
) -> None:
    tab = entered(studio, browser, "data=shop.csv&target=bought&epochs=many", width=390)
    tab.wait(there(".plan .trouble"))
    assert "'many' of --epochs is not a whole number" in text(tab, ".plan")
    assert tab.evaluate("document.querySelector('.begin .strong').disabled")
    field = "[data-option='--epochs']"
    assert tab.evaluate(f'document.querySelector("{field}").value') == "many"
    fill(tab, field, "5")
    tab.wait("document.querySelector('.plan').dataset.members === '64'")
    tab.wait("location.hash.includes('epochs=5')")
    assert fits(tab)
    click(tab, ".python summary")
    tab.wait("document.querySelector('.python code').textContent.includes('epochs=5')")
    assert "couloir train shop.csv --target bought --epochs 5" in text(tab, ".python code")


def test_a_column_that_gives_the_answer_away_is_left_out_by_a_button(
    studio: Served, browser: Browser
) -> None:
    tab = entered(studio, browser, "data=shop.csv&target=bought&drop=age")
    tab.wait(there(".found .warning"))
    assert texts(tab, ".found .warning span") == [f"Column '{NASTY}' alone predicts 'bought' perfectly"]
    press(tab, f"Leave out {NASTY}")
    tab.wait("document.querySelector('.plan .trouble') !== null")  # as nothing is left to learn from
    assert tab.evaluate("document.querySelector('[data-option=\"--drop\"]').value") == f"age,{NASTY}"
    assert tab.evaluate("new URLSearchParams(location.hash.split('?')[1]).get('drop')") == f"age,{NASTY}"


def test_every_verb_has_its_options_and_each_field_says_what_it_is(studio: Served, browser: Browser) -> None:
    tab = entered(studio, browser, "data=iris")
    planned = "Number(document.querySelector('.plan').dataset.{}) === {}"
    for verb, option, members in (
        ("race", "--replicates", 8 * 12 + 2 * 8 * 10),
        ("search", "--trials", 320),
        ("train", "--cv", FOLDS * EFFORTS["normal"].settings),
    ):
        click(tab, f"input[value={verb}]")
        tab.wait(there(f"[data-option='{option}']"))
        tab.wait(planned.format("members", members))
        fields = "[...document.querySelectorAll('.side input:not([type=file]), .side select')]"
        help_of = "document.getElementById(each.getAttribute('aria-describedby'))?.textContent"
        assert tab.evaluate(f"{fields}.filter((each) => !each.labels.length).length") == 0
        unsaid = f"{fields}.filter((each) => each.dataset.option && !{help_of})"
        assert tab.evaluate(f"{unsaid}.length") == 0


def test_a_file_that_is_no_table_is_refused_in_a_sentence(studio: Served, browser: Browser) -> None:
    tab = entered(studio, browser, "")
    tab.wait(there(".drop"))
    drop(tab, ".train", "setup.exe", "MZ")
    tab.wait("document.querySelector('.trouble').textContent.includes('setup.exe')")
    assert "is no table: drop one of .csv, .tsv, .parquet" in text(tab, ".trouble")
    assert tab.evaluate(there(".drop"))
    assert all("400" in error for error in browser.errors)  # which the browser itself notes
    browser.errors.clear()


def test_the_export_shows_board_and_curves_without_a_server(
    studio: Served, browser: Browser, tmp_path: Path
) -> None:
    tab = entered(studio, browser, f"data=iris&{SMALL}")
    press(tab, "Start")
    shown = finished(tab)
    replay = browser.open(exported(tab, tmp_path), width=390)
    assert finished(replay) == shown
    assert not replay.evaluate(there("iframe"))
    assert texts(replay, ".result .board td") == texts(tab, ".result .board td")
    assert replay.evaluate("document.querySelector('.trouble').hidden")
    assert fits(replay)
