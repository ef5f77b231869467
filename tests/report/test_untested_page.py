"""The pages of runs that tested nothing: that is said, and no figure or table is left without content."""

from __future__ import annotations

import pytest

import couloir
from couloir import report
from couloir import text as words
from pages import Page
from recorded_runs import recorded

NAMES = ("untested", "untested_folds", "untested_search")


@pytest.fixture(scope="module", params=NAMES)
def run(request):
    return couloir.open_run(recorded(request.param))


@pytest.fixture(scope="module")
def page(run):
    return Page(report.render(run))


def test_the_page_says_that_nothing_was_tested_and_that_the_scores_flatter(run, page):
    assert "Nothing was tested: the split leaves no row for it." in page.text
    assert "so they flatter: expect less on new rows." in page.text
    assert "nothing was tested" in page.texts  # under the name of the score, at the top
    first = "accuracy" if run.record.data.is_classification else "r2"
    kept = run.record.headline.validation or run.record.validation
    assert words.metric(first, kept[first]) in page.texts


def test_nothing_speaks_of_test_rows(page):
    for text in ("test row", "test part", "test score", "were tested", "95 % interval", "Left out: the run"):
        assert text not in page.text, text


def test_what_a_test_alone_would_show_is_not_there(page):
    for name in ("confusion", "calibration"):
        assert not page.with_id(name)
        assert name not in page.figures
    links = [each["href"][1:] for tag, each in page.elements if tag == "a" and each["href"].startswith("#")]
    assert links
    for name in links:
        assert page.with_id(name), name


def test_every_table_has_rows(run, page):
    rows = [tag for tag, _ in page.elements if tag in ("table", "thead", "tbody", "tr", "td", "th")]
    for place, tag in enumerate(rows):
        if tag == "tbody":
            assert rows[place + 1 : place + 2] == ["tr"]


def test_a_winner_trained_again_has_no_score_of_its_own():
    run = couloir.open_run(recorded("untested_search"))
    assert run.record.headline.name == "refitted"
    text = Page(report.render(run)).text
    assert "the winner, before it was trained again with more rows, is right in" in text


def test_test_rows_that_were_left_alone_are_told():
    run = couloir.open_run(recorded("untested"))
    run.record.data.test_rows = 40
    text = Page(report.render(run)).text
    assert "The 40 test rows that the data bring were left alone." in text
    assert "40 left alone" in text
