"""A browser for the tests of the studio's pages: one a module, and no test leaves a complaint in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chromium import Browser


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


@pytest.fixture
def browser(chrome: Browser) -> Iterator[Browser]:
    chrome.errors.clear()
    yield chrome
    chrome.close_tabs()
    assert chrome.errors == []
