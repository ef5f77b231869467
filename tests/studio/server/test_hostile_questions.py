"""Hostile questions to the real rooms over the real connection: each is refused, and the page lives on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio_server import Page, Served

FORMULAS = (
    *(
        "__import__('os').system('touch evil')",
        "open('/etc/passwd').read()",
        "eval('1')",
        "exec",
        "x.__class__",
    ),
    *(
        "().__class__.__bases__",
        "lambda: 0",
        "x if y else 0",
        "x; y",
        "x := 1",
        "[x for x in y]",
        "{x}",
        "f'{x}'",
    ),
    *(
        "x[0]",
        "x = y",
        "import os",
        "sin",
        "sin()",
        "max(x)",
        "x**",
        "(" * 400,
        "-" * 499 + "x",
        "x" * 20_000,
    ),
    *(
        "",
        " ",
        "\0",
        "x\n\nimport os",
        "z",
        "1e+",
        "0x10",
        "x 'y'",
        "<script>alert(1)</script>",
        "../../etc/passwd",
        "∞",
    ),
)
NUMBERS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1",
    "-1e308",
    "1e308",
    '"1"',
    "null",
    "true",
    "[]",
    "{}",
)
FIELDS = (
    ("line", "descend", "steps", {"points": [[0, 0], [1, 1], [2, 3]], "line": [0, 0], "rate": 0.1}),
    ("line", "descend", "rate", {"points": [[0, 0], [1, 1], [2, 3]], "line": [0, 0], "steps": 5}),
    ("race", "advance", "steps", {"surface": "beale", "first": 0}),
    ("race", "advance", "noise", {"surface": "beale", "first": 0, "steps": 5}),
    ("race", "tune", "steps", {"surface": "beale"}),
    ("network", "begin", "rows", {}),
    ("network", "begin", "epochs", {}),
    ("network", "begin", "rate", {}),
)
NAMES = (
    "../secret.csv",
    "/etc/passwd",
    "..\\secret.csv",
    "secret.csv",
    "",
    "\0",
    "a" * 5000,
    "~",
    "*",
    "runs/..",
)
ASKED = (
    ("network", "columns", "table", {}),
    ("train", "look", "data", {}),
    ("runs", "report", "run", {}),
    ("runs", "result", "run", {}),
    ("runs", "code", "run", {}),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a folder of runs, and a secret beside it."""
    root = tmp_path_factory.mktemp("hostile")
    (root / "runs").mkdir()
    (root / "secret.csv").write_text("secret,1\n")
    return root


@pytest.fixture(scope="module")
def page(place: Path) -> Iterator[Page]:
    with Served(place / "runs") as served, served.page() as opened:
        yield opened
        assert sorted(path.name for path in place.rglob("*")) == ["runs", "secret.csv"]


def refused(page: Page, room: str, ask: str, given: str) -> str:
    """The sentence with which a question is refused; its arguments are JSON as an attacker writes it."""
    page.number += 1
    message = f'{{"id": {page.number}, "room": "{room}", "ask": "{ask}", "with": {given}}}'
    answer = page.say(message)
    assert "error" in answer, message[:300]
    assert answer["error"].endswith(".")
    assert len(answer["error"]) < 600
    assert "Traceback" not in answer["error"]
    return answer["error"]


def with_field(given: dict[str, Any], name: str, text: str) -> str:
    return json.dumps({**given, name: "HERE"}).replace('"HERE"', text)


@pytest.mark.parametrize("formula", FORMULAS, ids=range(len(FORMULAS)))
def test_a_formula_is_never_code(page: Page, formula: str) -> None:
    told = refused(page, "race", "surface", json.dumps({"surface": "formula", "formula": formula}))
    assert "secret" not in told
    assert "root:" not in told


@pytest.mark.parametrize(
    ("room", "ask", "name", "given"), FIELDS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_number_that_is_none_or_out_of_bounds_is_named(
    page: Page, room: str, ask: str, name: str, given: dict[str, Any]
) -> None:
    usual = {"1e308"} if (room, name) == ("line", "rate") else set()
    for text in NUMBERS:
        if text not in usual:
            told = refused(page, room, ask, with_field(given, name, text))
            assert name in told or "JSON" in told, told


@pytest.mark.parametrize(
    ("room", "ask", "name", "given"), ASKED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_name_reaches_nothing_else_on_the_disk(
    page: Page, room: str, ask: str, name: str, given: dict[str, Any]
) -> None:
    for text in NAMES:
        assert "secret,1" not in refused(page, room, ask, json.dumps({**given, name: text}))
    assert "no table" not in page.ask("race", "surfaces")["values"]
