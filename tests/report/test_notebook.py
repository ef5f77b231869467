"""What a notebook shows: a line for `repr`, and a piece of HTML that stands alone."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import couloir
from couloir import text as words
from couloir.commands.findings import Finding
from couloir.report import notebook
from couloir.runs.records import LearnedRecord, read_record
from couloir.runs.stored import tables_of
from recorded_runs import FOLDERS, named, recorded

NEW = [folder for folder in FOLDERS if folder.parent.name == "version3"]


def shown(folder: Path) -> object:
    """A recorded run as a verb gives it back."""
    record = read_record(folder)
    if isinstance(record, LearnedRecord):
        return couloir.open_run(folder)
    return Finding(record, tables_of(folder, record.tables), folder)


class Reader(HTMLParser):
    """The text of the cells, the lines drawn, and the tags that were not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.lines: list[str] = []
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.open += [] if tag == "br" else [tag]
        if tag == "polyline":
            self.lines.append(str(dict(attrs)["points"]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "td":
            self.cells.append(data)


@pytest.mark.parametrize("folder", NEW, ids=named)
def test_a_run_is_told_in_one_line(folder: Path) -> None:
    said = repr(shown(folder))
    record = read_record(folder)
    assert said.startswith(f"<{notebook.KINDS[record.kind].name} {record.about}: ")
    assert said.endswith(">")
    assert "\n" not in said
    assert len(said) < 300


@pytest.mark.parametrize("folder", NEW, ids=named)
def test_the_html_stands_alone(folder: Path) -> None:
    text = shown(folder)._repr_html_()  # type: ignore[attr-defined]
    page = Reader(text)
    assert page.open == []
    assert not page.tags & {"script", "link", "img", "iframe", "style"}
    assert "http" not in text
    assert page.cells
    assert len(text) < 60_000


def test_the_line_of_a_run_holds_its_test_score_with_its_interval() -> None:
    run = couloir.open_run(recorded("classes"))
    low, high = run.record.test.intervals["accuracy"]
    score = words.percent(run.test["accuracy"])
    assert repr(run).endswith(f"test accuracy {score} ({words.percent(low)} to {words.percent(high)})>")
    assert f" {run.record.n_members} networks" in repr(run)


def test_the_best_members_stand_first_and_their_losses_are_drawn_to_scale() -> None:
    run = couloir.open_run(recorded("classes"))
    page = Reader(run._repr_html_())
    best = run.leaderboard.row(0, named=True)
    assert page.cells[:2] == [best["optimizer"], words.number(best["learning_rate"])]
    assert len(page.lines) == min(notebook.SHOWN, run.leaderboard.height)
    shown_members = run.leaderboard["member"][: notebook.SHOWN].to_list()
    drawn = run.history.filter(run.history["member"].is_in(shown_members))
    low, high = drawn["validation_loss"].min(), drawn["validation_loss"].max()
    own = run.history.filter(member=best["member"])["validation_loss"].to_numpy()
    assert high < notebook.WIDE * low  # so the axis is linear
    points = np.array([[float(each) for each in point.split(",")] for point in page.lines[0].split()])
    np.testing.assert_allclose(points[:, 1], notebook.HEIGHT * (high - own) / (high - low), atol=0.06)
    np.testing.assert_allclose(points[:, 0], np.linspace(0, notebook.WIDTH, len(own)), atol=0.06)


def test_names_from_the_data_are_escaped() -> None:
    run = couloir.open_run(recorded("classes"))
    run.record.data.name = "<script>alert(1)</script>\nand more"
    assert "\n" not in repr(run)
    assert "script" not in Reader(run._repr_html_()).tags


def test_a_search_shows_its_trials_and_a_race_its_rules() -> None:
    found = couloir.open_run(recorded("search"))
    assert Reader(found._repr_html_()).cells[0] == found.leaderboard["optimizer"][0]
    raced = couloir.open_run(recorded("race"))
    assert Reader(raced._repr_html_()).cells[0] == raced.record.standing[0].rule
    assert raced.record.verdicts[0] in repr(raced)


def test_a_rule_that_raced_alone_is_told_without_a_verdict() -> None:
    raced = couloir.open_run(recorded("race"))
    raced.record.verdicts = []
    assert repr(raced).endswith("%)>")


def test_a_data_set_is_told_in_one_line_and_shown_with_its_first_rows() -> None:
    data = couloir.load("iris")
    assert repr(data) == "<dataset iris: 150 rows, 4 columns, classification of species (3 classes)>"
    text = data._repr_html_()
    assert "setosa (50)" in text
    assert str(data.features["petal width (cm)"][4]) in text  # type: ignore[index]
    assert repr(couloir.load("diabetes")).endswith("10 columns, regression of progression>")


@pytest.mark.slow
def test_a_cross_validation_is_told_in_one_line() -> None:
    found = couloir.cross_validate(
        "iris", cv=3, optimizer="adam", learning_rate=0.01, hidden=4, epochs=3, batch_size=16
    )
    mean = words.number(float(np.mean(found.scores["log_loss"][0])))
    assert repr(found) == (
        f"<cross-validation of iris: 1 member in 3 folds, best adam at 0.01 with a mean log loss of {mean}>"
    )


def test_the_drawing_is_well_formed() -> None:
    text = couloir.open_run(recorded("race"))._repr_html_()
    start = text.index("<svg")
    ElementTree.fromstring(text[start : text.index("</svg>") + 6].replace("&#160;", " "))
