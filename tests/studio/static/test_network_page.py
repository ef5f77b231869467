"""The room of networks in a browser: what it shows is what the engine gives, at a desk and on a phone."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chromium
from couloir.data.sources.planar import planar
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.engine.training import train_population
from couloir.landscapes.planes import flattened
from couloir.selection.problem import Conditions, prepare
from studio_server import Served

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not chromium.PROGRAM, reason="Chromium is not installed")]

SMALL = "rows=120&hidden=[4]&batch=20&epochs=12"
FACTS = "document.querySelector('.facts')"
NETWORK = "document.querySelector('.net canvas')"
POPULATION = "document.querySelector('.network section:not([hidden]) > div:last-child')"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("runs")) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[chromium.Browser]:
    with chromium.Browser() as found:
        yield found


class Address:
    """What the browser opens."""

    def __init__(self, address: str) -> None:
        self.address = address

    def as_uri(self) -> str:
        return self.address


def opened(browser: chromium.Browser, studio: Served, query: str, width: int = 1280) -> chromium.Tab:
    tab = browser.open(Address(studio.url(f"#network?{query}")), width)  # type: ignore[arg-type]
    tab.wait(f"{FACTS}.dataset.epoch === '0'")
    return tab


def press(tab: chromium.Tab, label: str) -> None:
    tab.evaluate(
        f"[...document.querySelectorAll('button')].find((each) => each.textContent === {label!r}).click()"
    )


def play_to(tab: chromium.Tab, epoch: int) -> None:
    tab.evaluate("document.querySelector('.player .play').click()")
    tab.wait(f"{FACTS}.dataset.epoch === '{epoch}'", 120)


def heading(text: str) -> str:
    return f"[...document.querySelectorAll('h2')].some((each) => each.textContent === {text!r})"


def data(tab: chromium.Tab, of: str) -> dict[str, Any]:
    """The numbers on an element; those that are no JSON stay text."""
    found = tab.evaluate(f"({{...{of}.dataset}})")
    return {
        name: json.loads(text) if re.match(r"[\[{\d\"-]|null|true|false", text) else text
        for name, text in found.items()
    }


def engine(**given: Any) -> tuple[Any, list[np.ndarray]]:
    problem = prepare(planar("moons", 120, 0.2, 0), Conditions(0, (0.5, 0.25, 0.25)))
    rules = given.pop("rules", ["adam"])
    members = [
        Member(RULES[name], 10 * RULES[name].defaults["learning_rate"], hidden=(4,), activation="tanh",
               batch_size=20, epochs=12, **given)
        for name in rules
    ]  # fmt: skip
    weights = []
    trained = train_population(
        members,
        problem.data,
        patience=None,
        on_epoch=lambda progress: weights.append(
            [flattened(progress.networks()[n]) for n in range(len(members))]
        ),
    )
    return trained, weights[-1]


@pytest.mark.parametrize("width", [1280, 390])
def test_one_network_is_trained_and_its_numbers_are_the_engines(browser, studio, width):
    browser.errors.clear()
    tab = opened(browser, studio, SMALL, width)
    play_to(tab, 12)
    trained, weights = engine()
    own = trained.outcomes[0]
    facts = tab.wait(f"{FACTS}.dataset.best !== 'null' && {{...{FACTS}.dataset}}")
    for part in ("training", "validation"):
        shown = json.loads(facts[part])
        assert shown == pytest.approx(getattr(own, part)[-1], abs=1e-6)
    assert json.loads(facts["gap"]) == pytest.approx(
        own.validation[-1]["log_loss"] - own.training[-1]["log_loss"], abs=1e-6
    )
    assert json.loads(facts["best"]) == own.best_epoch
    tab.wait(f"{NETWORK}.dataset.epoch === '12'")
    drawn = data(tab, NETWORK)
    assert drawn["widths"] == [2, 4, 2]
    np.testing.assert_allclose(drawn["weights"], weights[0], atol=1e-6)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert "after epoch 12" in tab.evaluate(f"{NETWORK}.getAttribute('aria-label')")
    tab.wait("location.hash.includes('epoch=12')")
    assert browser.errors == []


@pytest.mark.parametrize("width", [1280, 390])
def test_a_population_is_trained_side_by_side(browser, studio, width):
    browser.errors.clear()
    tab = opened(browser, studio, f"{SMALL}&across=rule", width)
    play_to(tab, 12)
    trained, _ = engine(rules=list(RULES))
    tab.wait(f"{POPULATION}.dataset.epoch === '12'")
    shown = data(tab, POPULATION)
    expected = [each.validation[-1]["log_loss"] for each in trained.outcomes]
    np.testing.assert_allclose(shown["scores"], expected, atol=1e-6)
    np.testing.assert_allclose(shown["bestscores"], [each.score for each in trained.outcomes], atol=1e-6)
    assert trained.outcomes[shown["leader"]] is trained.winner
    cards = tab.evaluate("document.querySelectorAll('.multiple').length")
    assert cards == len(RULES)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    # One of them is looked at, and stays so in the address.
    tab.evaluate("document.querySelectorAll('.multiple')[2].click()")
    tab.wait(f"{FACTS}.dataset.member === '2'")
    tab.wait("location.hash.includes('member=2')")
    now = data(tab, FACTS)
    assert now["validation"]["log_loss"] == pytest.approx(expected[2], abs=1e-6)
    assert browser.errors == []


def test_a_knob_begins_anew_and_the_address_keeps_it(browser, studio):
    browser.errors.clear()
    tab = opened(browser, studio, SMALL)
    play_to(tab, 12)
    tab.evaluate(
        "(() => { const field = [...document.querySelectorAll('.panel label')]"
        ".find((each) => each.textContent === 'dropout').parentElement.querySelector('input[type=range]');"
        "field.value = 6; field.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )
    tab.wait("location.hash.includes('dropout=0.3')")
    tab.wait(f"{FACTS}.dataset.epoch === '12' && {NETWORK}.dataset.dropped.length > 2", 120)
    trained, weights = engine(dropout=0.3)
    tab.wait(f"{NETWORK}.dataset.epoch === '12'")
    np.testing.assert_allclose(data(tab, NETWORK)["weights"], weights[0], atol=1e-6)
    assert data(tab, FACTS)["validation"] == pytest.approx(trained.outcomes[0].validation[-1], abs=1e-6)
    address = tab.evaluate("location.href")
    again = browser.open(Address(address))  # type: ignore[arg-type]
    again.wait(f"{FACTS}.dataset.epoch === '12'", 120)
    assert data(again, FACTS)["validation"] == data(tab, FACTS)["validation"]
    assert browser.errors == []


def test_a_step_is_an_epoch_and_keys_look_at_neurons(browser, studio):
    browser.errors.clear()
    tab = opened(browser, studio, SMALL)
    tab.evaluate("document.querySelector('.player .next').click()")
    tab.wait(f"{FACTS}.dataset.epoch === '1'", 120)
    key = (
        f"(name) => {NETWORK}.dispatchEvent("
        "new KeyboardEvent('keydown', {key: name, bubbles: true, cancelable: true}))"
    )
    tab.evaluate(f"['ArrowRight', 'ArrowRight', 'ArrowDown'].forEach({key})")
    assert tab.evaluate(heading("Neuron 2 of hidden layer 1"))
    assert "look=" in tab.wait("location.hash.includes('look') && location.hash")
    tab.evaluate(f"['Escape'].forEach({key})")
    tab.wait(heading("What it decides"))
    assert data(tab, FACTS)["epoch"] == 1
    assert browser.errors == []


def test_the_loss_around_and_the_test_are_shown_on_request(browser, studio):
    browser.errors.clear()
    tab = opened(browser, studio, f"{SMALL}&seed=4")
    play_to(tab, 12)
    press(tab, "Show the loss around these weights")
    tab.wait("document.querySelector('[data-centre]') !== null", 120)
    around = data(tab, "document.querySelector('[data-centre]')")
    assert around["epoch"] == 12
    assert around["lowest"] <= around["centre"]
    press(tab, "Score on test")
    tab.wait("document.querySelector('[data-looks]')?.dataset.looks === '1'")
    press(tab, "Score on test")
    tab.wait("document.querySelector('[data-looks]').dataset.looks === '2'")
    text = tab.evaluate("document.querySelector('[data-looks]').textContent")
    assert "look 2 at this test part" in text
    assert browser.errors == []


def test_a_mistake_stands_on_the_page_and_the_page_goes_on(browser, studio):
    browser.errors.clear()
    tab = opened(browser, studio, SMALL)
    tab.evaluate("location.hash = 'network?across=rule&down=l2&rows_count=5'")
    tab.wait("document.querySelector('.trouble').textContent.includes('at most 24')")
    tab.evaluate(f"location.hash = 'network?{SMALL}&rate=0.02'")
    tab.wait(f"{FACTS}.dataset.epoch === '0'")
    assert tab.evaluate("document.querySelector('.trouble').hidden")
    assert browser.errors == []


def test_members_that_diverge_are_marked_and_the_page_plays_on(browser, studio):
    browser.errors.clear()
    tab = opened(
        browser,
        studio,
        f"{SMALL}&data=plane&rule=sgd&rate=1&across=learning_rate&columns_count=4&activation=relu",
    )
    play_to(tab, 12)
    tab.wait(f"{POPULATION}.dataset.epoch === '12'")
    states = data(tab, POPULATION)["states"]
    assert "diverged" in states
    assert tab.evaluate("document.querySelectorAll('.multiple.lost').length") == states.count("diverged")
    assert browser.errors == []


def test_the_export_replays_without_a_server(browser, studio, tmp_path):
    browser.errors.clear()
    tab = opened(browser, studio, f"{SMALL}&across=rule&point=[0.1,0.2]")
    play_to(tab, 12)
    tab.evaluate(
        "globalThis.saved = new Promise((done) => { URL.createObjectURL = (blob) => {"
        "const reader = new FileReader(); reader.onload = () => done(reader.result.split(',')[1]);"
        "reader.readAsDataURL(blob); return '#network'; }; });"
        "HTMLAnchorElement.prototype.click = () => {}; 0"
    )
    live = data(tab, POPULATION)
    press(tab, "Export")
    page = tmp_path / "page.html"
    page.write_bytes(base64.b64decode(tab.evaluate("globalThis.saved")))
    replay = browser.open(Path(page))
    replay.wait(f"{FACTS}.dataset.epoch === '12'", 60)
    replay.wait(f"{POPULATION}.dataset.epoch === '12'")
    again = data(replay, POPULATION)
    assert again["scores"] == live["scores"]
    replay.evaluate("document.querySelector('.player .first').click()")
    replay.wait(f"{FACTS}.dataset.epoch === '0'")
    replay.evaluate("document.querySelector('.player .play').click()")
    replay.wait(f"{FACTS}.dataset.epoch === '12'")
    assert browser.errors == []
