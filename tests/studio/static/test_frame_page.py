"""The frame around the rooms in the browser: the way between them, themes, and a server that has gone."""

from __future__ import annotations

from pathlib import Path

import pytest

import chromium
from chromium import Browser
from studio_page import press, text, texts, there
from studio_server import Served

pytestmark = [pytest.mark.slow, pytest.mark.skipif(chromium.PROGRAM is None, reason="there is no Chromium")]

CONNECTED = "document.documentElement.dataset.connected"


def test_rooms_are_reached_by_links_and_keys_and_each_says_what_it_is(tmp_path: Path) -> None:
    with Served(tmp_path) as studio, Browser() as browser:
        tab = browser.open(studio.url())
        tab.wait("document.title === 'Line · Couloir studio'")
        assert texts(tab, "nav a") == ["Line", "Race", "Network", "Train", "Runs"]
        tab.key("Tab")
        assert tab.evaluate("document.activeElement.textContent") == "To the room"
        tab.key("Enter")
        tab.wait("document.activeElement.id === 'room'")
        for name in ("Race", "Network", "Train", "Runs"):
            tab.evaluate(f"[...document.querySelectorAll('nav a')].find((a) => a.text === {name!r}).click()")
            tab.wait(f"document.querySelector('h1').textContent === {name!r}")
            assert texts(tab, "nav a[aria-current]") == [name]
        tab.wait(there(".runs-room .note a[href='#train']"))
        assert browser.errors == []


def test_the_theme_is_chosen_and_kept(tmp_path: Path) -> None:
    with Served(tmp_path) as studio, Browser() as browser:
        tab = browser.open(studio.url())
        paper = "getComputedStyle(document.body).backgroundColor"
        light = tab.wait(f"{CONNECTED} === 'yes' && {paper}")
        press(tab, "Theme")
        press(tab, "Theme")
        tab.wait(f"{paper} !== {light!r}")
        again = browser.open(studio.url("#runs"))
        again.wait(f"document.documentElement.dataset.theme === 'dark' && {paper} !== {light!r}")


def test_a_page_says_that_its_server_has_gone(tmp_path: Path) -> None:
    with Browser() as browser:
        with Served(tmp_path) as studio:
            tab = browser.open(studio.url("#race?surface=beale&steps=20&step=20"))
            tab.wait(f"{CONNECTED} === 'yes' && {there('.above canvas[data-heads]')}")
        tab.wait(f"{CONNECTED} === 'no'")
        assert "server has gone" in text(tab, ".banner")
        assert tab.evaluate("document.querySelector('.banner').getAttribute('role')") == "alert"
        assert not tab.evaluate("document.querySelector('.banner').hidden")
        assert tab.evaluate("document.querySelector('h1').textContent") == "Race"
