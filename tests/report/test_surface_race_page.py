"""A surface race as a run folder and a page: whole, offline, with the race's numbers, and playable."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import chromium
from couloir import report
from couloir import text as words
from couloir.cli import main
from couloir.commands import surface_race as surface_racing
from couloir.commands.surface_race import race_surface
from couloir.errors import InputError
from couloir.figures.surfaces.race import surface_race
from couloir.runs.records import SurfaceRecord, read_record, record_of, text_of
from couloir.surfaces.functions import SURFACES
from pages import Page

RULES = ["sgd", "nesterov", "adam", "adadelta"]
STEPS = 60


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return race_surface("beale", optimizer=RULES, steps=STEPS, out=tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def page(run):
    return Page((run.folder / "race.html").read_text("utf-8"))


def said(page):
    return page.text.replace("\u202f", " ")


# The folder -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_folder_is_whole_and_latest_goes_on_naming_a_model(run):
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "paths.parquet",
        "race.html",
        "run.json",
        "tuning.parquet",
    ]
    assert not (run.folder.parent / "latest").exists()
    record = read_record(run.folder)
    assert isinstance(record, SurfaceRecord)
    assert {entry.rule for entry in record.standing} == set(RULES)
    assert record.seconds["total"] >= record.seconds["race"] > 0


def test_the_tables_hold_every_step_and_every_rate(run):
    table = pl.read_parquet(run.folder / "paths.parquet")
    for finish in run.race.runners:
        rows = table.filter(rule=finish.name)
        np.testing.assert_array_equal(rows.select("x", "y").to_numpy(), finish.path)
        np.testing.assert_array_equal(rows["loss"].to_numpy(), finish.losses)
        assert rows["step"].to_list() == list(range(STEPS + 1))
        assert rows["gradient_x"].null_count() == 1
    # Plain gradient descent: the next point is this one less α times the gradient in the same row.
    rows, rate = table.filter(rule="sgd"), run.race.runner("sgd").learning_rate
    np.testing.assert_allclose(
        rows["x"].to_numpy()[1:], (rows["x"] - rate * rows["gradient_x"]).to_numpy()[:-1], rtol=1e-12
    )
    tuning = pl.read_parquet(run.folder / "tuning.parquet")
    assert tuning.filter("chosen")["rule"].sort().to_list() == ["adam", "nesterov", "sgd"]
    assert tuning["loss"].is_null().to_list() == tuning["diverged"].is_not_null().to_list()


def test_a_diverged_rule_is_written_as_far_as_it_came():
    lost = race_surface("beale", optimizer=["sgd", "adam"], learning_rate=[0.5, 0.1], steps=20)
    steps = lost.race.runner("sgd").diverged
    table = lost.tables["paths"]
    assert table.filter(rule="sgd").height == steps
    assert table.filter(rule="adam").height == 21
    assert record_of(json.loads(text_of(lost.record))) == lost.record
    page = Page(report.render(lost))
    assert f"sgd diverged: it could not take step {steps}." in said(page)
    assert "sgd had diverged by step 20." in said(page)
    assert "were not tuned" in said(page)


def test_a_stored_race_is_read_and_is_the_same(run):
    again = surface_racing.open_surface_run(run.folder)
    assert again.record == run.record
    for first, second in zip(run.race.runners, again.race.runners, strict=True):
        np.testing.assert_array_equal(first.path, second.path)
    with pytest.raises(InputError, match=r"has no run\.json"):
        surface_racing.open_surface_run(run.folder.parent)


def test_the_python_lines_give_the_same_figure(run):
    space: dict = {}
    exec(run.record.code, space)
    for first, second in zip(run.race.runners, space["found"].runners, strict=True):
        np.testing.assert_array_equal(first.path, second.path)


@pytest.fixture(scope="module")
def varied(tmp_path_factory):
    """Typed as a person types it."""
    out = tmp_path_factory.mktemp("varied")
    words = "race beale --optimizer momentum,optax.lion --momentum 0.5,0.9 --rule-option b1=0.8 --start 1,1"
    assert main([*words.split(), "--steps", "12", "--noise", "0.1", "--out", str(out)]) == 0
    (folder,) = out.glob("*-beale")
    return surface_racing.open_surface_run(folder)


@pytest.mark.slow
def test_numbers_that_rules_read_multiply_and_are_recorded(varied):
    names = ["momentum β=0.5", "momentum β=0.9", "optax.lion b1=0.8"]
    assert [finish.name for finish in varied.race.runners] == names
    assert varied.record.asked["momentum"] == [0.5, 0.9]
    assert varied.record.asked["rule_option"] == {"b1": [0.8]}
    given = {"optimizer": ["momentum", "optax.lion"], "momentum": (0.5, 0.9), "rule_option": {"b1": 0.8}}
    same = race_surface("beale", **given, start=(1, 1), steps=12, noise=0.1)
    space: dict = {}
    exec(varied.record.code, space)
    table = varied.tables["paths"]
    for number, finish in enumerate(varied.race.runners):
        np.testing.assert_array_equal(finish.path, same.race.runners[number].path)
        np.testing.assert_array_equal(finish.path, space["found"].runners[number].path)
        np.testing.assert_array_equal(table.filter(rule=finish.name).select("x", "y").to_numpy(), finish.path)
        steps = varied.race.paths.settings[number]
        wanted = {"momentum": [0.5, 0.9][number]} if number < 2 else {"b1": 0.8}
        assert {name: set(steps[name]) for name in wanted} == {name: {v} for name, v in wanted.items()}


def test_the_page_tells_runners_of_one_rule_apart(varied):
    page = Page(report.render(varied))
    assert "3 runners under 2 update rules race down from (1, 1)" in said(page)
    shown = {name for name in page.figures if name.startswith("microscope-")}
    names = [finish.name for finish in varied.race.runners]
    assert shown == {f"microscope-{name}-{step}" for name in names for step in (1, 2, 5, 10)}
    styles = {trace["line"]["color"] + trace["line"]["dash"] for trace in page.figures["response"]["data"]}
    assert len(styles) == len(names)


def test_a_file_wins_over_a_surface_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert surface_racing.is_surface("beale")
    assert not surface_racing.is_surface("iris")
    Path("beale").write_text("x,y\n1,2\n")
    assert not surface_racing.is_surface("beale")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"hidden": [[64]]}, "--hidden cannot be given"),
        ({"start": [1.0]}, "two coordinates"),
        ({"learning_rate": [0.1, 0.2, 0.3]}, "3 learning rates for 8 rules"),
        ({"noise": [0.1, 0.2]}, "one noise, not 2"),
        ({"optimizer": "sgd", "momentum": 0.5}, "momentum is read by none of the rules sgd"),
        ({"momentum": 1.5}, "momentum 1.5 cannot be used"),
        ({"rule_option": {"b1": 0.9}}, "b1 is read by none of the rules"),
        ({"steps": 0}, "at least 1"),
        ({"optimizer": "adan"}, "adam"),
    ],
)
def test_a_mistake_is_one_sentence(given, sentence):
    with pytest.raises(InputError) as caught:
        race_surface("beale", **given)
    assert sentence in str(caught.value)


def test_rates_are_for_all_rules_or_in_their_order():
    both = race_surface("ravine", optimizer=["sgd", "adam"], learning_rate=[0.02], steps=3)
    assert [finish.learning_rate for finish in both.race.runners] == [0.02, 0.02]
    each = race_surface("ravine", optimizer=["adam", "sgd"], learning_rate=[0.3, 0.02], steps=3)
    assert [(f.name, f.learning_rate) for f in each.race.runners] == [("adam", 0.3), ("sgd", 0.02)]


def test_the_terminal_shows_what_ended_how(run):
    labels = dict(surface_racing.lines(run))
    assert labels["verdict"] == run.record.verdict
    assert f"{len(run.race.tuning) + 4} descents of {STEPS} steps" in labels["raced"]
    rows = surface_racing.rows(run)
    assert all(len(row) == len(surface_racing.HEADS) for row in rows)
    assert [row[0] for row in rows] == [finish.name for finish in run.race.standing]
    assert {row[0]: row[2] for row in rows} == dict.fromkeys(RULES, "tuned") | {"adadelta": "the rule's own"}
    loss = {finish.name: float(finish.losses[-1]) for finish in run.race.runners}
    assert [row[5] for row in rows] == [words.number(loss[row[0]]) for row in rows]


# The page -------------------------------------------------------------------------------------------------


def test_the_page_has_every_section_and_every_link_leads_to_one(page):
    for section in ("result", "race", "bowl", "standing", "response", "microscope", "method", "repeat"):
        assert [tag for tag, _ in page.with_id(section)] == ["section"]
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert all(page.with_id(link.removeprefix("#")) for link in links)
    names = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(names)) == len(names)


def test_the_page_loads_nothing_and_runs_only_its_own_scripts(page):
    for tag, attributes in page.elements:
        for key in ("src", "href", "srcset", "action", "data", "poster"):
            assert attributes.get(key, "#").startswith(("#", "data:")), (tag, key)
        assert not any(key.startswith("on") for key in attributes)
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv"))
    for text in (text for attributes, text in page.scripts if "type" not in attributes):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy


def test_the_page_shows_the_race(run, page):
    text = said(page)
    for finish in run.race.standing:
        assert finish.sentence in text
        assert words.number(finish.learning_rate) in page.texts
    assert run.record.verdict in text
    assert "AdaDelta was not tuned" in text
    assert "the rule's own" in text
    for bad in ("None", " nan", "Undefined"):
        assert bad not in text


def test_the_page_has_each_rule_under_the_microscope(run, page):
    shown = {name for name in page.figures if name.startswith("microscope-")}
    assert shown == {f"microscope-{rule}-{step}" for rule in RULES for step in (1, 2, 5, 10, 20, 50)}
    gradient = run.race.paths.gradients[RULES.index("sgd"), 9]
    assert words.number(float(gradient[0]), 4) in [text.strip() for text in page.texts]
    visible = [a["data-when"] for _, a in page.elements if "data-when" in a and "hidden" not in a]
    assert set(visible) == {f"microscope-{run.race.standing[0].name}-5"}


def test_a_race_in_which_all_diverge_at_once_makes_a_page():
    lost = race_surface("beale", optimizer=["sgd", "momentum"], learning_rate=1e12, steps=8)
    assert [finish.diverged for finish in lost.race.runners] == [1, 1]
    page = Page(report.render(lost))
    assert "sgd and momentum diverged." in said(page)
    assert not [name for name in page.figures if name.startswith("microscope-")]


@pytest.mark.slow
def test_the_page_of_the_saddle_tells_its_convention():
    stuck = race_surface("saddle", optimizer=["sgd", "adam"], start=[1.0, 0.0], steps=400)
    text = said(Page(report.render(stuck)))
    assert "the rates are stated, not tuned" in text
    assert "|y| > 1" in text
    assert "stays on the ridge for ever" in text
    assert "sgd is stuck at a saddle" in text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["line-fit", "rastrigin", "neuron"])
def test_other_axes_many_minima_and_a_least_loss_that_is_not_zero_make_a_page(name):
    found = race_surface(name, optimizer="sgd", learning_rate=0.001, steps=2)
    text = said(Page(report.render(found)))
    assert SURFACES[name].title in text
    assert SURFACES[name].equation in text
    assert words.number(SURFACES[name].least, 5) in text


# In a browser ---------------------------------------------------------------------------------------------

needs_browser = pytest.mark.skipif(chromium.PROGRAM is None, reason="no Chromium on this machine")


@pytest.mark.slow
@needs_browser
def test_a_browser_plays_the_race_and_turns_the_microscope(run):
    with chromium.Browser() as browser:
        tab = browser.open(run.folder / "race.html")
        tab.wait("document.documentElement.dataset.drawn")
        _slide_and_look(tab, run)
        _play(tab)
        _choose_a_step(tab)
        tab.size(390, 844)
        tab.wait("document.documentElement.scrollWidth === 390")
        assert browser.errors == []


def _slide_and_look(tab, run):
    """At step 7 every mark is where its rule was, and the level lines are still there."""
    tab.evaluate(
        "(() => { const s = document.querySelector('.player input'); s.value = 7;"
        "s.dispatchEvent(new Event('input')); })()"
    )
    tab.wait("document.querySelector('.player output').textContent.startsWith('step 7 of 60')")
    code = "document.getElementById('plot-race')._fullData.map((t) => [t.type, t.x.length, t.x[0], t.y[0]])"
    drawn = tab.evaluate(code)
    for number, finish in enumerate(run.race.runners):
        kind, points, _, _ = drawn[2 + 2 * number]
        assert (kind, points) == ("scatter", 8)
        np.testing.assert_allclose(drawn[3 + 2 * number][2:], finish.path[7], rtol=1e-5)
    assert tab.evaluate("document.querySelectorAll('#plot-race .contourlayer path').length") > 5
    losses = {finish.name: finish.losses[7] for finish in run.race.runners}
    lowest = min(losses, key=losses.__getitem__)
    assert tab.evaluate("document.querySelector('.player output').textContent").endswith(lowest)


def _play(tab):
    """Play goes on to the end by itself, from the keyboard too; pause stops it."""
    tab.evaluate("document.querySelector('.player select').value = '4'")
    tab.evaluate("document.querySelector('.player button').focus()")
    for kind in ("keyDown", "keyUp"):
        tab.send("Input.dispatchKeyEvent", type=kind, key=" ", code="Space", text=" " * (kind == "keyDown"))
    tab.wait("Number(document.getElementById('plot-race').dataset.step) > 20")
    tab.evaluate("document.querySelector('.player button').click()")
    stopped = tab.evaluate("document.querySelector('.player button').textContent")
    assert stopped == "Play"
    tab.evaluate("document.querySelector('.player button').click()")
    tab.wait("document.getElementById('plot-race').dataset.step === '60'")
    tab.wait("document.querySelector('.player button').textContent === 'Play'")


def _choose_a_step(tab):
    """Another rule and step: its sentence, numbers and arrows, and only these."""
    tab.evaluate(
        "(() => { const [rule, step] = document.querySelectorAll('.choice select');"
        "rule.value = 'adam'; step.value = '20';"
        "step.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )
    parts = "Array.from(document.querySelectorAll('[data-of]'))"
    shown = tab.evaluate(f"{parts}.filter((part) => !part.hidden).map((part) => part.dataset.when)")
    assert set(shown) == {"microscope-adam-20"}
    tab.wait("document.getElementById('plot-microscope')._fullData.some((t) => t.name === 'direction of −m̂')")
    assert "Step 20 of adam" in tab.evaluate("document.getElementById('plot-microscope').ariaLabel")


@pytest.mark.slow
@needs_browser
def test_the_page_is_drawn_in_the_dark(run):
    with chromium.Browser() as browser:
        tab = browser.open(run.folder / "race.html", 390, 844, dark=True)
        tab.wait("document.documentElement.dataset.drawn === 'dark'")
        paper = "document.getElementById('plot-race')._fullLayout.paper_bgcolor"
        assert tab.evaluate(paper) == "#16191e"
        assert tab.evaluate("document.querySelectorAll('#plot-race .contourlayer path').length") > 5
        assert browser.errors == []


@pytest.mark.slow
@needs_browser
def test_a_figure_plays_by_itself_and_keeps_its_level_lines(run, tmp_path):
    page = tmp_path / "figure.html"
    surface_race(run.race).figure.write_html(page, auto_play=False)
    plot = "document.querySelector('.js-plotly-plot')"
    with chromium.Browser() as browser:
        tab = browser.open(page)
        tab.wait(f"{plot}._fullLayout && document.querySelectorAll('.updatemenu-button').length === 4")
        x, y = tab.evaluate(
            "(() => { const box = document.querySelectorAll('.updatemenu-button')[2].getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        tab.wait("document.querySelectorAll('.contourlayer path').length > 5")
        for kind in ("mousePressed", "mouseReleased"):
            tab.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        tab.wait(f"Number({plot}._fullLayout._currentFrame) > 5")
        assert tab.evaluate("document.querySelectorAll('.contourlayer path').length") > 5
        tab.wait(f"{plot}._fullLayout._currentFrame === '{STEPS}'")
        assert browser.errors == []
