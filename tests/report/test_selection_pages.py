"""The pages of races, searches and cross-validated trainings: whole, offline, with the run's numbers."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess

import polars as pl
import pytest

from couloir import report
from couloir import text as words
from couloir.runs.records.learned import BestOfAll, Finalist, Stopping
from pages import Page
from synthetic_folds import folded
from synthetic_race import hostile_race, race
from synthetic_run import HOSTILE, digits, prices
from synthetic_search import SPACE, hostile_search, search

MAKERS = {
    "race": race,
    "search": search,
    "folds": folded,
    "hostile race": hostile_race,
    "hostile search": hostile_search,
}
SECTIONS = {
    "race": ["result", "standing", "pairs", "curves", "steps", "rates", "test", "method", "data", "repeat"],
    "search": [
        "result",
        "leaderboard",
        "trials",
        "parameters",
        "slices",
        "best",
        "rungs",
        "curves",
        "calibration",
        "data",
        "cost",
        "repeat",
    ],
    "folds": ["result", "folds", "fold-scores", "data", "leaderboard", "learning-curves", "repeat"],
}


@pytest.fixture(scope="module")
def pages() -> dict[str, Page]:
    return {name: Page(report.render(make())) for name, make in MAKERS.items()}


def said(page: Page) -> str:
    return page.text.replace("\u202f", " ")


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKERS)
def test_page_has_every_section_and_every_link_leads_to_one(pages, name):
    page = pages[name]
    for section in SECTIONS[name.removeprefix("hostile ")]:
        assert [tag for tag, _ in page.with_id(section)] == ["section"]
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert all(page.with_id(link.removeprefix("#")) for link in links)
    names = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", MAKERS)
def test_page_loads_nothing_and_runs_only_its_own_scripts(pages, name):
    page = pages[name]
    for tag, attributes in page.elements:
        for key in ("src", "href", "srcset", "action", "data", "poster"):
            address = attributes.get(key, "#")
            assert address.startswith(("#", "data:")), (tag, key, address[:60])
        assert not any(key.startswith("on") for key in attributes)
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv"))
    assert policy.startswith("default-src 'none';")
    programs = [text for attributes, text in page.scripts if "type" not in attributes]
    assert len(programs) == 2
    assert len(page.scripts) == 3
    for text in programs:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


@pytest.mark.parametrize("name", ["hostile race", "hostile search"])
def test_names_are_text_everywhere(pages, name):
    page = pages[name]
    assert not [a for tag, a in page.elements if tag == "img"]
    assert HOSTILE in page.text
    source = report.render(MAKERS[name]())
    data = source[source.index('id="figures"') :]
    assert "<" not in data[data.index(">") + 1 : data.index("</script>")]


@pytest.mark.parametrize("name", MAKERS)
def test_every_figure_has_words_for_the_blind(pages, name):
    for drawn in pages[name].figures:
        ((_, attributes),) = pages[name].with_id(f"plot-{drawn}")
        assert attributes["role"] == "img"
        assert any(character.isdigit() for character in attributes["aria-label"])


def test_no_text_shows_what_is_not_there(pages):
    for page in pages.values():
        for bad in ("None", " nan", "Undefined"):
            assert bad not in page.text


# The race --------------------------------------------------------------------------------------------------


def test_race_page_begins_with_the_verdicts(pages):
    text = said(pages["race"])
    verdicts = race().record.verdicts
    assert all(verdict in text for verdict in verdicts)
    assert text.index(verdicts[0]) < text.index("The standing")


def table_with(page: Page, *cells: str) -> bool:
    """Whether these texts stand on the page one directly after the other."""
    texts = [text.strip().replace("\u202f", " ") for text in page.texts if text.strip()]
    size = len(cells)
    return any(tuple(texts[place : place + size]) == cells for place in range(len(texts) - size + 1))


def test_race_page_tabulates_the_standing_and_the_pairs(pages):
    record = race().record
    for entry in record.standing:
        score = entry.best["log_loss"]
        cells = [entry.rule, words.number(entry.learning_rate), words.number(score.mean)]
        cells.append(f"{words.number(score.low)} to {words.number(score.high)}")
        assert table_with(pages["race"], *cells)
    for pair in record.pairs:
        size = words.number(abs(pair.difference))
        interval = " to ".join(words.number(end) for end in sorted((-pair.low, -pair.high)))
        assert table_with(pages["race"], pair.first, pair.second, size, interval)
    real = sum(pair.different for pair in record.pairs)
    assert [text.strip() for text in pages["race"].texts].count("really better") == real


def test_race_page_tests_the_winner_once_and_says_how_it_was_done(pages):
    text = said(pages["race"])
    assert "the winner is right in 97.4 % (95 % interval 94.8 % to 98.8 %)" in text
    assert "30 epochs (540 steps), 10 times over" in text
    assert "12 rates over four decades" in text
    assert "Nadeau and Bengio 2003" in text
    assert "Holm" in text
    assert "couloir race digits --seed 0" in text
    assert "256" in text


def test_a_race_of_one_rule_or_one_replicate_makes_a_page():
    one = said(Page(report.render(race(("adam",)))))
    assert "1 update rule was tried on the same network" in one
    assert "Nadeau" not in one
    single = said(Page(report.render(race(("adam", "sgd"), replicates=1))))
    assert "over 1 replicate." in single
    assert "1 time over" in single
    assert "no pair was tested" in single
    alone = race(("adam", "sgd"), lost={"sgd": 10})
    page = Page(report.render(alone))
    assert "10 of 10" in page.text
    assert [a for tag, a in page.elements if tag == "tr" and a.get("class") == "diverged"]


def test_a_race_by_accuracy_counts_in_percentage_points():
    run = race()
    run.record.metric = "accuracy"
    text = said(Page(report.render(run)))
    assert "by how many percentage points the rule of its row" in text
    assert "highest accuracy went into the race" in text


# The search ------------------------------------------------------------------------------------------------


def test_search_page_shows_the_tested_models_the_kept_one_first(pages):
    page, record = pages["search"], search().record
    text = said(page)
    right = words.percent(record.test.scores["accuracy"]).replace("\u202f", " ")
    assert f"the ensemble of 3 networks is right in {right}" in text
    heads = [page.texts.index(name) for name in ("ensemble of 3", "winner", "winner, refitted")]
    assert heads == sorted(heads)
    scores = [entry.validation["log_loss"] for entry in record.finalists[:2]]
    listed = "; ".join(
        f"{name}, {words.number(score)}"
        for name, score in zip(("ensemble of 3", "winner"), scores, strict=True)
    )
    assert f"Where they were chosen, their log loss was: {listed}." in text
    assert "which of them is kept was fixed before: the ensemble of 3." in text
    assert "kept unless these rows tell, by two standard errors, that the winner alone is better" in text
    assert "No other run has scored this test part before." in text


def test_search_page_shows_trials_ensemble_space_and_cost(pages):
    page, run = pages["search"], search()
    best = run.tables["trials"].filter(status="finished").sort("value").row(0, named=True)
    assert table_with(page, str(best["number"]), words.number(best["value"]), best["optimizer"])
    assert table_with(page, str(run.record.ensemble[0].member), "50.0 %", best["optimizer"])
    assert SPACE in "".join(page.texts)
    assert table_with(page, "training", "30.4 s", "compiling", "9.1 s")
    assert "All 192 trials" in page.text
    left = run.tables["trials"].filter((pl.col("status") == "left") & (pl.col("epochs_run") == 5)).height
    assert page.texts.count("left at a rung, epoch 5") == left


def test_an_ensemble_of_one_trial_is_called_that():
    run = search(40)
    run.record.ensemble = run.record.ensemble[:1]
    page = Page(report.render(run))
    assert "is averaged with no other" in page.text
    assert "weight" not in page.texts


def test_a_long_search_lists_its_best_trials():
    page = Page(report.render(search(260)))
    assert "The best 200 of 260 trials" in page.text
    assert "The rest stands in trials.parquet." in page.text


def test_a_plain_search_makes_a_page_too():
    """Regression, no rungs, no ensemble, a lone winner, nothing known of importance."""
    run = search(12, task="regression", scale=4e5, halving=False)
    record = run.record
    record.ensemble, record.importance_of_parameters = None, []
    record.finalists = [Finalist(name="winner", headline=True, test=record.test.scores)]
    record.search.evaluation = "5 folds"
    text = said(Page(report.render(run)))
    assert "the winner explains 99.0 % of the variance" in text
    assert "lowest mean squared error on average over 5 folds" in text
    assert "The ensemble" not in text
    assert "this search had no rungs" in text
    assert "numbers are predicted, not classes" in text


# Folds and early stopping on the page of a training --------------------------------------------------------


def test_folds_are_on_the_page_of_a_cross_validated_training(pages):
    page, run = pages["folds"], folded()
    assert {"folds", "fold-scores"} <= set(page.figures)
    found = run.record.cross_validation.scores["log_loss"]
    for fold, value in enumerate(found.values, start=1):
        assert table_with(page, f"fold {fold}", words.number(value), "97.0 %")
    assert table_with(page, "mean ± spread", f"0.07 ± {words.number(found.spread)}", "97.0 % ± 1.0 %")
    text = said(page)
    assert "divided into 5 folds. Each member was trained once for each fold" in text
    assert "the winner has the lowest mean log loss" in text
    assert "Held-out log loss" in text
    assert "on the 0 validation rows" not in text


def test_a_refit_after_the_folds_is_told():
    run = folded(median_best_epochs=21)
    text = said(Page(report.render(run)))
    assert "It was then trained on all 1,527 rows for 21 epochs" in text
    assert "1,527 to train, 270 to test" in text


def test_the_page_of_an_earlier_run_has_neither_folds_nor_stop():
    page = Page(report.render(digits(rates=3)))
    assert "folds" not in page.figures
    assert "Early stopping sets in" not in page.text
    assert not page.with_id("folds")


def stopped(**parts):
    run = digits()
    best = run.record.winner.best_epoch
    usual = {
        "patience": 10,
        "stop_epoch": best + 10,
        "best_epoch": best,
        "score_at_stop": 0.0764,
        "training_at_stop": 0.05,
        "last_epoch": 40,
        "score_at_last": 0.0912,
        "stopped": True,
        "compared": False,
        "best_of_all": BestOfAll(epoch=best, score=0.0764),
    }
    run.record.stopping = Stopping(**{**usual, **parts})
    return run


def test_the_stop_and_the_gap_there_are_told():
    run = stopped()
    member, stop = run.record.winner.member, run.record.stopping.stop_epoch
    row = run.history.filter((pl.col("member") == member) & (pl.col("epoch") == stop)).row(0, named=True)
    gap = words.number(row["validation_loss"] - row["training_loss"])
    text = said(Page(report.render(run)))
    assert f"Early stopping sets in at epoch {stop}, 10 epochs after the best, {stop - 10}" in text
    assert f"validation log loss stands {gap} above the training loss there." in text
    assert "Without stopping" not in text


@pytest.mark.parametrize(
    ("last", "verdict"),
    [
        (0.0912, "from 0.0764 to 0.0912: the stop was right."),
        (0.05, "from 0.0764 to 0.05: the stop came too early here."),
        (0.0764, "would have left validation log loss at 0.0764."),
    ],
)
def test_what_further_epochs_gave_is_told_where_they_were_run(last, verdict):
    text = said(Page(report.render(stopped(compared=True, stopped=False, score_at_last=last))))
    assert verdict in text


def test_a_training_that_never_stopped_says_so():
    text = said(Page(report.render(stopped(stop_epoch=None, stopped=False))))
    assert "Early stopping (patience 10 epochs) never set in" in text
    run = stopped()
    run.record.stopping = None
    text = said(Page(report.render(run)))
    assert "Early stopping" not in text.replace("early stopping alone", "")


def test_several_tested_models_stand_on_the_page_of_a_training_too():
    run = prices(rates=3)
    run.record.finalists = [
        Finalist(name="winner", headline=False, test=run.record.test.scores | {"r2": 0.97}),
        Finalist(name="ensemble", headline=True, networks=4, test=run.record.test.scores),
    ]
    page = Page(report.render(run))
    assert "the ensemble of 4 networks explains" in page.text
    assert page.texts.index("ensemble of 4") < page.texts.index("winner")


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("name", ["hostile race", "hostile search", "folds"])
def test_a_browser_draws_every_figure_without_complaint(tmp_path, name):
    page = report.write_report(MAKERS[name](), tmp_path / "report.html")
    options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-component-update"
    options += " --disable-background-networking --disable-sync --enable-logging=stderr --dump-dom"
    options += f" --virtual-time-budget=20000 --user-data-dir={tmp_path / 'profile'}"
    done = subprocess.run(
        [CHROMIUM, *options.split(), page.as_uri()], capture_output=True, text=True, timeout=120, check=False
    )
    assert 'data-drawn="light"' in done.stdout
    assert done.stdout.count('class="plot js-plotly-plot"') == len(
        Page(report.render(MAKERS[name]())).figures
    )
    assert ":CONSOLE" not in done.stderr
    assert '<img src="x"' not in done.stdout
