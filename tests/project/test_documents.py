"""Architecture, glossary and CONTRIBUTING name what is there, and the diff of an option fits the source."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import couloir

ROOT, SOURCE = Path(__file__).resolve().parents[2], Path(couloir.__file__).parent
PAGES = ("docs/architecture.md", "docs/glossary.md", "CONTRIBUTING.md", "CHANGELOG.md", "README.md")
PATH = re.compile(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|js))(?::(\w+))?`")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", (ROOT / page).read_text("utf-8")):
        assert ((ROOT / page).parent / target).exists(), target


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES[:3])
def test_files_that_are_named_are_there_and_hold_what_is_named(page: str) -> None:
    everything = [*ROOT.glob("*/**/*.py"), *SOURCE.rglob("*.js")]
    for named, member in PATH.findall((ROOT / page).read_text("utf-8")):
        found = [path for path in everything if path.as_posix().endswith(f"/{named}")]
        assert found or "NAME" in named, f"{page}: {named}"
        assert not member or any(re.search(rf"\b{member}\b", path.read_text("utf-8")) for path in found), (
            member
        )


def test_the_glossary_is_in_the_order_of_the_alphabet_and_knows_its_homes() -> None:
    text = (ROOT / "docs/glossary.md").read_text("utf-8")
    words = re.findall(r"^\*\*([^*]+)\*\*", text, re.M)
    assert words == sorted(words, key=str.lower)
    for home in re.findall(r"\(`([\w/]+)`[,)]", text):
        assert (SOURCE / home).is_dir(), home


def test_the_picture_has_every_room() -> None:
    picture = (ROOT / "docs/architecture.md").read_text("utf-8").split("```")[1]
    modules = {path.stem for path in SOURCE.glob("*.py")} - {"__init__"}
    rooms = modules | {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    for room in rooms:
        assert re.search(rf"\b{room}\b", picture), room


def test_the_diff_of_an_option_fits_the_source() -> None:
    diff = re.search(r"```diff\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.S)
    assert diff
    for part in re.split(r"^--- a/", diff[1], flags=re.M)[1:]:
        path, _, body = part.partition("\n")
        text = (ROOT / path).read_text("utf-8")
        for hunk in re.split(r"^@@.*\n", body, flags=re.M)[1:]:
            lines = hunk.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] in " -")
            assert before in text, f"{path} is no longer as the diff has it:\n{before}"
            text = text.replace(before, "".join(line[1:] for line in lines if line[0] in " +"))
        ast.parse(text)
