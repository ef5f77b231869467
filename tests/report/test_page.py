"""The page is whole, loads nothing, shows the run's numbers, and treats every name as text."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import struct
import subprocess
import sys
import zlib

import polars as pl
import pytest

from couloir import open_run, report
from couloir import text as words
from couloir.report import summary
from couloir.report.pictures import grey_png
from couloir.runs.records import TrainRecord, learned, read_record
from pages import Page
from recorded_runs import FOLDERS, named
from synthetic_run import HOSTILE, digits, hostile, prices

MAKERS = {"digits": digits, "prices": prices, "hostile": hostile}
SECTIONS = ["result", "data", "leaderboard", "learning-curves", "rules", "learning-rate", "gap"]
SECTIONS += ["importance", "mistakes", "repeat"]
TRAININGS = [folder for folder in FOLDERS if isinstance(read_record(folder), TrainRecord)]


@pytest.fixture(scope="module")
def pages() -> dict[str, Page]:
    return {name: Page(report.render(make())) for name, make in MAKERS.items()}


@pytest.mark.parametrize("name", MAKERS)
def test_page_has_every_section_and_every_link_leads_to_one(pages, name):
    page = pages[name]
    last = "predicted" if name == "prices" else "confusion"
    for section in [*SECTIONS, last]:
        assert [tag for tag, _ in page.with_id(section)] == ["section"]
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links
    assert all(page.with_id(link.removeprefix("#")) for link in links)
    names = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", MAKERS)
def test_page_loads_nothing(pages, name):
    for tag, attributes in pages[name].elements:
        for key in ("src", "href", "srcset", "action", "data", "poster"):
            address = attributes.get(key, "#")
            assert address.startswith(("#", "data:")), (tag, key, address[:60])
    policy = next(a["content"] for _, a in pages[name].elements if a.get("http-equiv"))
    assert policy.startswith("default-src 'none';")
    assert "form-action 'none'" in policy


@pytest.mark.parametrize("name", MAKERS)
def test_the_policy_lets_just_the_pages_own_scripts_run(pages, name):
    policy = next(a["content"] for _, a in pages[name].elements if a.get("http-equiv"))
    programs = [text for attributes, text in pages[name].scripts if "type" not in attributes]
    assert len(programs) == 2
    for text in programs:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe-inline" not in policy.split("style-src")[0]


def test_plotly_stands_in_the_page_once(pages):
    assert sum(len(text) > 1_000_000 for _, text in pages["digits"].scripts) == 1


def test_names_from_the_data_are_text_everywhere(pages):
    page = pages["hostile"]
    assert len(page.scripts) == 3
    assert not [a for tag, a in page.elements if tag == "img" and a.get("src") == "x"]
    assert not any(key.startswith("on") for _, attributes in page.elements for key in attributes)
    assert words.short(HOSTILE, 80) in page.text
    assert HOSTILE in page.text  # the command and the warning, whole and as text
    assert "{{ 7*7 }}" in page.text
    source = report.render(hostile())
    data = source[source.index('id="figures"') :]
    assert "<" not in data[data.index(">") + 1 : data.index("</script>")]


def test_figures_of_the_page_hold_the_numbers_of_the_run(pages):
    run = digits()
    member = run.record.winner.member
    history = run.history.filter(pl.col("member") == member).sort("epoch")
    trace = next(t for t in pages["digits"].figures["learning-curves"]["data"] if t["name"] == "validation")
    assert trace["y"] == history["validation_loss"].to_list()
    drawn = set(pages["digits"].figures)
    assert drawn == {"learning-curves", "rules", "learning-rate", "gap", "confusion"}
    for name in drawn:
        ((_, attributes),) = pages["digits"].with_id(f"plot-{name}")
        assert attributes["role"] == "img"
        assert any(character.isdigit() for character in attributes["aria-label"])


def test_page_says_how_well_the_winner_does(pages):
    text = pages["digits"].text.replace("\u202f", " ")
    assert "the winner is right in 97.4 % (95 % interval 94.8 % to 98.8 %)" in text
    assert "Logistic regression reaches 95.2 %, inside that interval" in text
    assert "Always answering with the commonest class reaches 10.4 %" in text
    assert "The 270 test rows took no part in any choice" in text
    assert "couloir train digits --seed 0" in text
    text = pages["prices"].text.replace("\u202f", " ")
    assert "explains 98.1 % of the variance: R² is 0.981 (95 % interval 0.979 to 0.983)" in text
    assert "Linear regression reaches 0.919, which lies below that interval" in text
    assert "looks like an identifier" in text


def test_leaderboard_lists_the_best_of_each_rule_and_all_members(pages):
    chips = [a for tag, a in pages["digits"].elements if tag == "span" and "rule-" in a.get("class", "")]
    assert len(chips) == 8 + 64
    assert "diverged at epoch 4" in pages["digits"].text
    run = digits()
    run.leaderboard = pl.concat([run.leaderboard] * 5).with_columns(member=pl.int_range(320))
    text = Page(report.render(run)).text
    assert "The best 200 of 320 members" in text
    assert text.count("diverged at epoch 4") <= 200


def test_leaderboard_shows_what_varies_and_names_what_all_share():
    run = digits()
    half = pl.when(pl.col("member") % 2 == 0)
    run.leaderboard = run.leaderboard.with_columns(dropout=half.then(0.2).otherwise(0.0))
    page = Page(report.render(run))
    assert page.texts.count("dropout") == 2
    assert "hidden 64, encoding standard, architecture mlp, activation relu, loss cross-entropy" in page.text


def test_numbers_that_rules_read_are_a_column_where_members_of_a_rule_differ_in_them():
    run = digits(rates=3)
    page = Page(report.render(run))
    assert "where the rule has one, momentum 0.9, β₁ 0.9, β₂ 0.999 and weight decay 0.01." in page.text
    heads = [text for text in page.texts if text in ("β₁", "ε")]
    assert heads == ["ε", "β₁"]  # the winner's; what differs from rule to rule alone is no column
    half = pl.when((pl.col("optimizer") == "adam") & (pl.col("member") % 2 == 0))
    run.leaderboard = run.leaderboard.with_columns(beta1=half.then(0.8).otherwise(pl.col("beta1")))
    page = Page(report.render(run))
    assert page.texts.count("β₁") == 3
    assert "where the rule has one, momentum 0.9, β₂ 0.999 and weight decay 0.01." in page.text


def test_the_winners_facts_name_whatever_it_was_trained_with():
    run = digits(rates=1)
    known = run.record.winner.hyperparameters
    known |= {"warmup": 0.1, "weight_decay": 0.02, "rule_option": "b1=0.95", "l2": 0.01, "noise": 0.3}
    facts = dict(summary.winner_facts(run.record.winner))
    assert (facts["β₁"], facts["β₂"]) == ("0.9", "0.999")
    assert (facts["Warm-up"], facts["Weight decay"], facts["Optax's settings"]) == ("0.1", "0.02", "b1=0.95")
    assert facts["Regularization"] == "L2 0.01 and input noise 0.3"
    assert {"Momentum", "Decay", "Restart"}.isdisjoint(facts)


def test_a_test_score_is_called_a_refitted_networks_only_where_that_is_kept():
    run = prices(rates=3)
    winner, run.record.winner.refit_epochs = run.record.finalists[0], 12
    refitted = learned.Finalist(name="refitted", headline=True, test=winner.test)
    winner.headline, run.record.finalists = False, [winner, refitted]
    assert "for 12 epochs; the test score is that network's" in Page(report.render(run)).text
    refitted.headline = False
    run.record.finalists.append(
        learned.Finalist(name="ensemble", headline=True, networks=3, test=winner.test)
    )
    assert "for 12 epochs; the curves are those before." in Page(report.render(run)).text


@pytest.mark.slow
@pytest.mark.parametrize("folder", TRAININGS, ids=named)
def test_a_recorded_training_of_any_version_has_its_page(folder):
    run = open_run(folder)
    page = Page(report.render(run))
    first = "accuracy" if run.record.data.is_classification else "r2"
    judged = run.test or (run.record.headline.validation or run.record.validation)
    assert words.metric(first, judged[first]) in page.texts
    assert all(page.with_id(section) for section in SECTIONS)
    assert bool(page.with_id("folds")) == (run.record.cross_validation is not None)


@pytest.mark.parametrize(("status", "said"), [("interrupted", "interrupted"), ("out of time", "time limit")])
def test_a_run_cut_short_says_so_at_the_top(status, said):
    run = digits(rates=3)
    run.record.status = status
    page = Page(report.render(run))
    banner = next(a for _, a in page.elements if a.get("role") == "status")
    assert banner["class"] == "banner"
    assert said in page.text[:1000]


def test_a_test_part_scored_before_is_reported():
    run = digits(rates=3)
    run.record.ledger.times_scored = 7
    assert "Over all runs this test part has been scored 7 times." in Page(report.render(run)).text


def test_a_small_run_makes_a_page_too():
    """One member, one epoch, no mistakes: nothing is drawn from nothing."""
    run = digits(rates=1)
    run.leaderboard = run.leaderboard.head(1)
    member = run.leaderboard["member"][0]
    run.history = run.history.filter((pl.col("member") == member) & (pl.col("epoch") == 1))
    run.record.n_members, run.record.mistakes, run.record.winner.best_epoch = 1, [], 1
    page = Page(report.render(run))
    assert "1 network was trained on 1,257 rows" in page.text
    assert "Left out: all members have the same learning rate" in page.text
    assert "There are none: every validation row is predicted as it is." in page.text


def test_write_report_leaves_one_whole_file(tmp_path, monkeypatch):
    target = tmp_path / "new" / "report.html"
    assert report.write_report(digits(rates=3), target) == target
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]
    before = target.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        report.write_report(prices(rates=3), target)
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]
    assert target.read_bytes() == before


def test_pictures_are_png_with_the_pixels_given():
    content = base64.b64decode(grey_png([[0, 8, 16], [16, 4, 99]], 16).removeprefix("data:image/png;base64,"))
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, place = {}, 8
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        kind, data = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        (checksum,) = struct.unpack_from(">I", content, place + 8 + length)
        assert zlib.crc32(kind + data) == checksum
        chunks[kind], place = data, place + 12 + length
    assert struct.unpack(">IIBBBBB", chunks[b"IHDR"]) == (3, 2, 8, 0, 0, 0, 0)
    assert list(zlib.decompress(chunks[b"IDAT"])) == [0, 0, 128, 255, 0, 255, 64, 255]


def test_importing_the_report_loads_no_heavy_library():
    heavy = "plotly", "jinja2", "jax", "sklearn", "polars"
    program = f"import sys, couloir.report; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("name", ["prices", "hostile"])
def test_a_browser_draws_every_figure_without_complaint(tmp_path, name):
    page = report.write_report(MAKERS[name](), tmp_path / "report.html")
    options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-component-update"
    options += " --disable-background-networking --disable-sync --enable-logging=stderr --dump-dom"
    command = [
        CHROMIUM,
        *options.split(),
        "--virtual-time-budget=20000",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=120, check=False)
    assert 'data-drawn="light"' in done.stdout
    drawn = Page(report.render(MAKERS[name]())).figures
    assert done.stdout.count('class="plot js-plotly-plot"') == len(drawn)
    assert ":CONSOLE" not in done.stderr
    assert (
        'data-title="Download plot' in done.stdout
    )  # the tool bar is there, but no button that sends data away
    assert 'data-title="Share chart' not in done.stdout
    # A browser writes an element's attributes in quotes; the same text as a name has none.
    assert '<img src="x"' not in done.stdout
