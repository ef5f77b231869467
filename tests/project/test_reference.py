"""The API reference has every public name with its docstring, and its pages need nothing from elsewhere."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
FETCHING = {"src", "srcset", "data", "poster", "action", "background"}


class Page(HTMLParser):
    """What a test asks of a page: its words, by the id they stand under, and all that it points to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.links, self.fetched = path, [], []
        self.words: dict[str, list[str]] = {"": []}
        self.text = path.read_text("utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.words[value or ""] = []
            elif name == "href" and tag == "a":
                self.links.append(value or "")
            elif name in FETCHING or (name == "href" and tag == "link"):
                self.fetched.append(value or "")

    def handle_data(self, data: str) -> None:
        self.words[list(self.words)[-1]].append(data)


def plain(text: str) -> str:
    """Words without the marks of docstrings and pages, and without spaces, which links may add."""
    return re.sub(r"[`*\s]", "", text)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    """Every page by its path in the reference, built as the README says."""
    folder = tmp_path_factory.mktemp("reference")
    command = [sys.executable, "-W", "error", "docs/build_reference.py", "--out", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return {path.relative_to(folder).as_posix(): Page(path) for path in folder.rglob("*.html")}


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """A module's public names: those of `__all__`, or the functions and classes it defines."""
    if hasattr(module, "__all__"):
        yield from ((name, getattr(module, name)) for name in module.__all__)
        return
    for name, value in vars(module).items():
        ours = inspect.isfunction(value) or inspect.isclass(value)
        if ours and value.__module__ == module.__name__ and not name.startswith("_"):
            yield name, value


def members(value: Any) -> Iterator[tuple[str, Any]]:
    """The methods and properties of a class, those of its bases in Couloir too."""
    found: dict[str, Any] = {}
    for base in reversed(value.__mro__) if inspect.isclass(value) else ():
        if base.__module__.startswith("couloir"):
            found |= vars(base)
    for name, member in found.items():
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
            yield f"{value.__name__}.{name}", member


def test_every_public_name_is_there_with_its_docstring(pages: dict[str, Page]) -> None:
    names = [path.removesuffix(".html").replace("/", ".") for path in pages if path != "index.html"]
    assert {"couloir", "couloir.engine.training", "couloir.figures", "couloir.surfaces.race"} <= set(names)
    checked = 0
    for module_name in names:
        page, module = pages[f"{module_name.replace('.', '/')}.html"], import_module(module_name)
        for name, value in public(module):
            for place, documented in [(name, value), *members(value)]:
                first = (inspect.getdoc(documented) or "").splitlines()
                assert first, f"{module_name}.{place} has no docstring"
                assert plain(first[0]) in plain("".join(page.words[place])), f"{module_name}.{place}"
                checked += 1
    assert checked > 400


def test_equations_of_the_registries_are_there(pages: dict[str, Page]) -> None:
    for module, registry in (
        ("engine.optimizers", "RULES"),
        ("engine.losses", "LOSSES"),
        ("surfaces.functions", "SURFACES"),
    ):
        words = plain("".join(pages[f"couloir/{module.replace('.', '/')}.html"].words[registry]))
        for name, entry in getattr(import_module(f"couloir.{module}"), registry).items():
            assert plain(f"{name}: {entry.equation}") in words


def test_nothing_is_fetched_from_elsewhere(pages: dict[str, Page]) -> None:
    for page in pages.values():
        assert all(value.startswith("data:") for value in page.fetched), page.fetched
        styles = "".join(re.findall(r"<style.*?</style>", page.text, re.S))
        assert "@import" not in styles
        assert all(url.startswith("data:") for url in re.findall(r"url\(['\"]?([^'\")]+)", styles))
        scripts = re.findall(r"\.src = [\"']([^\"']+)", page.text)
        assert all((page.path.parent / source).resolve().is_file() for source in scripts), scripts


def test_links_lead_somewhere(pages: dict[str, Page]) -> None:
    by_path = {page.path.resolve(): page for page in pages.values()}
    for page in pages.values():
        for link in page.links:
            parts = urlsplit(link)
            assert not parts.scheme, f"{page.path.name} leads to {link}"
            path = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path.resolve()
            assert path in by_path, f"{page.path.name}: {link}"
            assert not parts.fragment or unquote(parts.fragment) in by_path[path].words, link
