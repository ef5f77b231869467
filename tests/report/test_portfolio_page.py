"""The page of a portfolio says what was tried, what mattered, and what the average gained."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from chromium import PROGRAM, Browser
from couloir import report
from couloir.report import distilled, gained, notebook, portfolio
from couloir.report.summary import scores_table
from pages import Page
from synthetic_portfolio import SETTINGS
from synthetic_portfolio import portfolio as made
from synthetic_run import HOSTILE, digits

KINDS = {
    "folds": {},
    "validation": {"folds": False},
    "untested": {"tested": False},
    "untested validation": {"folds": False, "tested": False},
    "regression": {"regression": True},
    "alone": {"weights": {0: 1.0}},
    "distilled": {"distilled": 0.16},
    "distilled untested": {"distilled": 0.16, "tested": False},
    "distilled validation": {"distilled": 0.16, "folds": False},
}
SECTIONS = [
    "result",
    "tried",
    "mattered",
    "leaderboard",
    "data",
    "learning-curves",
    "gap",
    "importance",
    "repeat",
]


@pytest.fixture(scope="module")
def pages() -> dict[str, Page]:
    return {name: Page(report.render(made(**how))) for name, how in KINDS.items()}


def said(page: Page) -> str:
    return page.text.replace("\u202f", " ")


@pytest.mark.parametrize("name", KINDS)
def test_page_has_every_section_and_every_link_leads_to_one(pages, name):
    page = pages[name]
    for section in SECTIONS:
        assert [tag for tag, _ in page.with_id(section)] == ["section"]
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links
    assert all(page.with_id(link.removeprefix("#")) for link in links)
    assert "tried" in page.figures
    assert ("folds" in page.figures) == ("validation" not in name)


@pytest.mark.parametrize("name", KINDS)
def test_nothing_is_said_that_holds_of_rules_and_rates_alone(pages, name):
    for wrong in (
        "at its own best epoch",
        "Rule against rule",
        "best of each rule",
        "was trained with adamw",
    ):
        assert wrong not in pages[name].text
    assert not pages[name].with_id("rules")
    assert not pages[name].with_id("learning-rate")
    assert "early stopping alone" not in pages[name].texts


def test_a_run_of_rules_has_the_page_that_it_had():
    page = Page(report.render(digits()))
    assert page.with_id("rules")
    assert not page.with_id("tried")
    assert {"networks", "size", "time a row"}.isdisjoint(page.texts)


def test_the_lead_says_what_was_tried_and_what_is_kept(pages):
    text = said(pages["folds"])
    assert "6 settings of encoding, network and training were tried on 1,526 rows to predict digit" in text
    assert "each in 2 folds: 12 networks, trained together as one population." in text
    assert (
        "The best by held-out scores has encoding standard with 256-256 silu units; what is kept is" in text
    )
    assert "the average of 2 settings, 4 networks in all." in text
    text = said(pages["validation"])
    assert "were tried on 1,257 rows to predict digit. The best by validation scores has" in text
    assert "what is kept" not in said(pages["alone"])


def test_the_choice_is_told_as_it_was_made(pages):
    text = said(pages["folds"])
    assert "no network was stopped by rows that it is judged on" in text
    assert "The 1,526 rows outside the test part were divided into 2 folds." in text
    assert "the average was chosen on the same answers: both numbers are a little flattering." in text
    text = said(pages["untested"])
    assert "The 1,526 rows were divided into 2 folds." in text
    assert "trained to the end of its schedule on the 1,257 training rows" in said(pages["validation"])


def test_what_the_average_gained_is_told_of_both_parts_of_the_rows(pages):
    text = said(pages["folds"])
    assert (
        "On the held-out rows the winner alone has a log loss of 0.11, the average 0.099: 10 % less." in text
    )
    assert "On the test rows the winner alone has a log loss of 0.2, the average 0.15: 25 % less." in text
    assert "the winner alone is 2 networks already, one of each fold" in text
    assert "the average of settings is 4." in text
    assert "from 62.5 % down to 37.5 %" in text
    assert "On the validation rows the winner alone" in said(pages["validation"])
    assert "one of each fold" not in said(pages["validation"])
    assert "has a mean squared error of 11,000, the average 9,900: 10 % less." in said(pages["regression"])
    assert (
        "Nothing: no second setting helped on the held-out answers, so it would be the winner alone"
        in said(pages["alone"])
    )


def test_a_gain_that_the_test_rows_do_not_confirm_is_told_with_their_number():
    run = made()
    run.record.finalists[1].test["log_loss"] = 0.25
    told = " ".join(gained.sentences(run.record)).replace("\u202f", " ")
    assert "the average 0.25: 25 % more. With 270 test rows such a difference may be chance." in told
    assert gained.change_words(0.1, 0.1) == "the same"
    assert gained.change_words(0.1, 0.37) == "3.7 times as much"


def test_the_page_says_what_one_network_keeps_of_the_average(pages):
    text = said(pages["distilled"])
    assert (
        "what is kept is one network, trained to the answers of the average of 2 settings, 4 networks."
        in text
    )
    assert (
        "On the test rows its log loss is 0.16, 0.15 that of the average of 2 settings, 4 networks, 0.2 "
        "that of the winner alone: it keeps 80 % of the average's gain." in text
    )
    assert "It takes 240 kB on disk in place of 4 MB, and 3 µs a row in place of 24 µs." in text
    assert "learnt for 120 epochs from targets that are to 50 % these answers, each row's by networks" in text
    assert "the distilled network is right in" in text
    # Judged are those that it has learnt from: it has no held-out answers of its own.
    assert "of those whose answers it was trained to" in text
    assert "It goes before the winner unless they tell" in text
    assert "What one network keeps" not in said(pages["folds"])
    text = said(pages["distilled untested"])
    assert "In 2 folds what it was distilled from is right in" in text
    assert "It takes 240 kB on disk in place of 4 MB." in text
    assert "each row's by networks" not in said(pages["distilled validation"])


@pytest.mark.parametrize(
    ("loss", "kept"),
    [
        (0.15, "it keeps all of the average's gain"),
        (0.1, "it keeps all of the average's gain"),
        (0.1999, "it keeps 0.2 % of the average's gain"),
        (0.2, "nothing is kept of the average's gain"),
        (0.3, "nothing is kept of the average's gain"),
    ],
)
def test_the_share_that_is_kept_is_none_to_all(loss: float, kept: str):
    assert kept in " ".join(distilled.sentences(made(distilled=loss).record)).replace("\u202f", " ")


def test_where_the_average_gains_nothing_no_share_is_told():
    run = made(distilled=0.3)
    run.record.finalists[1].test["log_loss"] = 0.25
    text = " ".join(distilled.sentences(run.record)).replace("\u202f", " ")
    assert "the average gained nothing there, and this is 20 % more." in text


@pytest.mark.parametrize("why", distilled.MISSING)
def test_where_nothing_was_distilled_the_page_says_why(why: str):
    run = made()
    run.record.undistilled = why
    assert distilled.MISSING[why] in Page(report.render(run)).text


def test_without_an_average_nothing_is_said_of_one():
    run = made(weights={0: 1.0})
    run.record.ensemble = None
    run.record.finalists = run.record.finalists[:1]
    text = said(Page(report.render(run)))
    assert "What the average gained" not in text
    assert "as the best of 6 that number is a little flattering." in text


def test_what_mattered_is_a_line_for_each_hyperparameter_that_varies(pages):
    table = portfolio.tabulate(made())["mattered"]
    cells = [
        [cell.replace("\u202f", " ").replace("\xa0", " ") for cell in row["cells"]] for row in table["items_"]
    ]
    assert cells == [
        ["Encoding", "standard", "piecewise: 0.121 (10 %); robust: 0.3 (173 %)"],
        ["Hidden units", "256-256", "128-128: 0.121 (10 %); 64: 0.3 (173 %); none: diverged"],
        ["Dropout", "0", "0.3: 0.22 (100 %); 0.1: 0.3 (173 %)"],
        ["Learning rate", "0.01", "0.02: 0.22 (100 %)"],
    ]
    text = said(pages["folds"])
    assert "The best setting with another dropout or learning rate lies 100 % behind the best of all;" in text
    assert "with another encoding or hidden units, 10 %." in text


def test_one_next_best_setting_singles_out_no_hyperparameter():
    run = made()
    run.leaderboard = run.leaderboard.filter(run.leaderboard["member"].is_in([0, 2]))
    run.leaderboard = run.leaderboard.with_columns(encoding=run.leaderboard["member"].cast(str))
    record = run.record
    text = portfolio.mattered_words(record, portfolio.settings(run)).replace("\u202f", " ")
    assert text.startswith(
        "The next best setting differs from the best in encoding, dropout and learning rate"
    )
    assert "lies 100 % behind: no single one of these decided." in text
    run.leaderboard = run.leaderboard.with_columns(validation_loss=pl.lit(0.11))
    assert portfolio.mattered_words(record, portfolio.settings(run)) == ""  # equally good
    gone = made()
    gone.leaderboard = gone.leaderboard.filter(gone.leaderboard["member"].is_in([0, 5]))
    assert portfolio.mattered_words(record, portfolio.settings(gone)) == "", "all others diverged"


def test_the_leaderboard_has_the_best_setting_of_each_network_and_what_varies(pages):
    board = portfolio.tabulate(made())
    heads = ["network", "dropout", "learning rate", "held-out log loss", "held-out accuracy"]
    assert board["heads"][:5] == heads
    assert "in the average" in board["heads"]
    best = [row["cells"][0]["text"] for row in board["best"]]
    assert best == [
        "standard · 256-256 silu",
        "piecewise · 128-128 silu",
        "robust · 64 silu",
        "robust · no hidden layer",
    ]
    assert len(board["all"]) == len(SETTINGS)
    assert [row["cells"][-1]["text"] for row in board["all"]] == [
        *["ran to the end"] * 5,
        "diverged at epoch 3",
    ]
    assert "The best setting of each network, by its held-out score." in pages["folds"].text
    assert "schedule one cycle" in pages["folds"].text


def test_the_table_of_scores_tells_networks_size_and_time(pages):
    table = scores_table(made().record)
    assert table["costs"] == ["networks", "size", "time a row"]
    rows = {row["name"]: [cost.replace("\u202f", " ") for cost in row["costs"]] for row in table["rows"]}
    assert rows["average of 2 settings"] == ["4", "4 MB", "24 µs"]
    assert rows["winner alone"] == ["2", "2 MB", "12 µs"]
    assert rows["logistic regression"] == ["", "", ""]
    assert scores_table(made(tested=False).record)["costs"] == ["networks", "size"]


@pytest.mark.parametrize("name", ["untested", "untested validation"])
def test_without_a_test_part_nothing_speaks_of_one(pages, name):
    page = pages[name]
    for text in ("test row", "test part", "test score", "95 % interval", "Left out: the run", "time a row"):
        assert text not in said(page), text
    assert "Nothing was tested: the split leaves no row for it." in page.text
    assert "the average of 2 settings is right in" in page.text
    assert "confusion" not in page.figures


def test_a_single_setting_makes_a_page_too():
    run = made(weights={0: 1.0})
    run.leaderboard, run.record.n_members = run.leaderboard.head(1), 1
    run.record.ensemble = None
    run.record.finalists = run.record.finalists[:1]
    page = Page(report.render(run))
    assert "1 setting of encoding, network and training was tried" in page.text
    assert not page.with_id("mattered")


def test_names_from_the_data_are_text():
    run = made(regression=True)
    run.record.data.target = run.record.data.name = HOSTILE
    page = Page(report.render(run))
    assert len(page.scripts) == 3
    assert not [a for tag, a in page.elements if tag == "img" and a.get("src") == "x"]


def test_a_notebook_shows_settings_and_says_what_is_kept():
    run = made()
    line = notebook.line(run.record)
    assert line.startswith("training on digits: average of 2 settings, 6 settings tried, test accuracy")
    assert ": distilled network, 6 settings tried, test" in notebook.line(made(distilled=0.16).record)
    alone = notebook.line(made(weights={0: 1.0}).record)
    assert ": encoding standard with 256-256 silu units, 6 settings tried, " in alone
    shown = notebook.html(run)
    assert "standard · 256-256 silu" in shown
    assert shown.count("<polyline") == 3
    assert "rate 0.01, no dropout" in shown
    assert "held-out log loss of the first fold" in shown


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("width", [390, 1100])
def test_a_browser_draws_every_figure_within_its_width(tmp_path: Path, width: int):
    page = report.write_report(made(), tmp_path / "report.html")
    with Browser() as browser:
        tab = browser.open(page, width, 900)
        tab.wait("document.documentElement.dataset.drawn")
        drawn = tab.evaluate("document.querySelectorAll('.plot.js-plotly-plot').length")
        assert drawn == len(Page(report.render(made())).figures)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        right = tab.evaluate(
            "Math.max(...Array.from(document.querySelectorAll('#plot-tried text'),"
            "e => e.getBoundingClientRect().right))"
        )
        left = tab.evaluate(
            "Math.min(...Array.from(document.querySelectorAll('#plot-tried text'),"
            "e => e.getBoundingClientRect().left))"
        )
        assert left >= 0
        assert right <= width
        assert not browser.errors
