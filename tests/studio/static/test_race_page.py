"""The room Race in the browser, wide and narrow: what is shown is the engine's race, whatever is turned."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chromium
from chromium import Browser, Tab
from couloir.engine.optimizers import RULES
from couloir.surfaces.endings import ENDINGS, endings_along
from couloir.surfaces.formulas import from_formula
from couloir.surfaces.functions import SURFACES, ravine
from couloir.surfaces.microscope import magnify
from couloir.surfaces.paths import Paths
from couloir.surfaces.race import RATES, race
from studio_page import all_told, click, exported, fill, fits, press, text, texts, there, told
from studio_race import engine
from studio_server import Served

pytestmark = [pytest.mark.slow, pytest.mark.skipif(chromium.PROGRAM is None, reason="there is no Chromium")]

NAMES = list(RULES)
STEP = "document.querySelector('.player').dataset.step"
STATE = "document.querySelector('.player').dataset.state"
RATE = ".knobs input[type=range]"
NOISE = ".panel > fieldset:last-of-type .slider input[type=range]"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("runs")) as served:
        yield served


@pytest.fixture(params=[1280, 390])
def width(request: pytest.FixtureRequest) -> int:
    return request.param


def entered(studio: Served, browser: Browser, query: str, width: int = 1280) -> Tab:
    """The room with a race; one that begins at a step rests there, another plays to its end."""
    tab = browser.open(studio.url(f"#race?{query}"), width)
    tab.wait(f"{there('.above canvas[data-heads]')} && {STATE} === 'paused' && Number({STEP}) > 0")
    assert fits(tab)
    return tab


def state(tab: Tab) -> dict[str, Any]:
    """What the address says, the defaults left out; names stay text."""
    pairs = json.loads(
        tab.evaluate("JSON.stringify([...new URLSearchParams(location.hash.split('?')[1] ?? '')])")
    )
    return {
        name: value if name in ("surface", "formula", "focus", "view") else json.loads(value)
        for name, value in pairs
    }


def kept(tab: Tab, what: str) -> dict[str, Any]:
    """What the address says as soon as this is part of it."""
    tab.wait(f"decodeURIComponent(location.hash).includes({what!r})")
    return state(tab)


def at(tab: Tab, step: int) -> None:
    """The slider of steps is moved there."""
    fill(tab, ".player input[type=range]", str(step), "input")
    tab.wait(f"{STATE} === 'paused' && {STEP} === '{step}'")


def shows(tab: Tab, paths: Paths, step: int, rules: Sequence[str] = NAMES) -> None:
    """Both pictures, the chart and the endings come to show these rules of this race at this step."""
    tab.wait(f"{STEP} === '{step}'")
    runners = [NAMES.index(name) for name in rules]
    for view in (".above", ".inspace"):
        expect(tab, view, "heads", places, paths.points[runners, step], rules)
    losses = paths.losses[runners, step]
    if paths.surface.least is not None:
        losses = np.maximum(losses - paths.surface.least, 0)
    expect(tab, ".losses", "values", lambda values: [each["value"] for each in values], losses, rules)
    codes, _ = endings_along(paths, paths.surface.minima)
    endings = {name: ENDINGS[codes[runner, step]] for name, runner in zip(rules, runners, strict=True)}
    told_endings = json.dumps(endings, separators=(",", ":"))
    tab.wait(f"document.querySelector('.events').dataset.endings === {told_endings!r}")


def expect(tab: Tab, view: str, name: str, numbers: Any, expected: np.ndarray, rules: Sequence[str]) -> None:
    """A canvas comes to tell these numbers of these rules, to a millionth: it tells them a little later."""
    close, end = {"rtol": 1e-6, "atol": 1e-9}, time.monotonic() + 20
    while True:
        found = json.loads(told(tab, f"{view} canvas")[name])
        if [each["name"] for each in found] == list(rules) and np.allclose(numbers(found), expected, **close):
            return
        if time.monotonic() > end:
            break
        time.sleep(0.05)
    assert [each["name"] for each in found] == list(rules)
    np.testing.assert_allclose(numbers(found), expected, **close, err_msg=view)


def places(heads: list[dict[str, float]]) -> list[list[float]]:
    """Where they are; nowhere as long as the answer is on its way."""
    return [[head.get("x", np.nan), head.get("y", np.nan)] for head in heads]


def test_a_race_runs_by_itself_and_is_the_engines(studio: Served, browser: Browser, width: int) -> None:
    tab = entered(studio, browser, "surface=beale&steps=60", width)
    shows(tab, engine("beale", [(60, {}, 0.0)]), 60)
    marks = json.loads(told(tab, ".above canvas")["marks"])
    assert [(mark["name"], mark["x"], mark["y"]) for mark in marks] == [("minimum", 3, 0.5)]
    labels = tab.evaluate("[...document.querySelectorAll('canvas[role=img]')].map((c) => c.ariaLabel)")
    assert len(labels) == 3
    assert labels[0].startswith("The surface from above. x from −4.5 to 4.5")
    assert "minimum at (3, 0.5). Step 60. sgd at (" in labels[0]
    assert kept(tab, "step=60") == {"surface": "beale", "steps": 60, "step": 60}


def test_every_control_has_a_name_and_is_reached_by_keys(studio: Served, browser: Browser) -> None:
    tab = entered(studio, browser, "surface=beale&steps=60&step=3")
    fields = "[...document.querySelectorAll('.panel input, .panel select, .panel textarea')]"
    assert tab.evaluate(f"{fields}.filter((each) => !each.labels.length && !each.ariaLabel).length") == 0
    tab.evaluate("document.body.focus()")
    tab.key("ArrowRight")
    tab.key("ArrowRight")
    tab.key("ArrowLeft")
    shows(tab, engine("beale", [(60, {}, 0.0)]), 4)
    tab.key("Home")
    tab.wait(f"{STEP} === '0'")
    tab.key(" ")
    tab.wait(f"{STEP} === '60'")


def test_every_surface_is_on_the_list(studio: Served, browser: Browser) -> None:
    tab = entered(studio, browser, "steps=20&step=1")
    offered = tab.evaluate("[...document.querySelector('.panel select').options].map((o) => o.value)")
    assert offered == [*SURFACES, "formula"]
    for name in ("camel", "saddle"):
        fill(tab, ".panel select", name)
        equation = SURFACES[name].equation
        tab.wait(f"document.querySelector('.panel .equation').textContent === {equation!r}")
        tab.wait(f"{STEP} === '20' && {STATE} === 'paused'")
        shows(tab, engine(name, [(20, {}, 0.0)]), 20)
        assert state(tab)["surface"] == name


def test_a_formula_is_typed_and_its_mistakes_are_told(studio: Served, browser: Browser, width: int) -> None:
    tab = entered(studio, browser, "steps=30&step=1", width)
    fill(tab, ".panel select", "formula")
    tab.wait("!document.querySelector('.panel textarea').closest('.control').hidden")
    fill(tab, ".panel textarea", "__import__('os').system('id')")
    complaint = tab.wait("document.querySelector('.trouble:not([hidden])').textContent")
    assert "Column 1" in complaint
    fill(tab, ".panel textarea", "(x − 1)² + 3 (y + x/2)²")
    tab.wait("document.querySelector('.trouble').hidden")
    tab.wait(f"{STEP} === '30' && {STATE} === 'paused'")
    surface = from_formula("(x − 1)² + 3 (y + x/2)²", ((-3, 3), (-3, 3)))
    shows(tab, engine(surface, [(30, {}, 0.0)]), 30)
    assert kept(tab, "formula=(x")["formula"] == "(x − 1)² + 3 (y + x/2)²"
    assert fits(tab)


def test_the_start_is_placed_on_the_picture_and_in_numbers(
    studio: Served, browser: Browser, width: int
) -> None:
    tab = entered(studio, browser, "surface=himmelblau&steps=40&step=40", width)
    x, y = tab.centre(".above canvas")
    tab.mouse((x - 40, y + 20))
    tab.wait(f"{STEP} === '40' && {STATE} === 'paused'")
    start = kept(tab, "start=")["start"]
    assert start[0] < 0
    shows(tab, engine("himmelblau", [(40, {}, 0.0)], start), 40)
    handle = json.loads(told(tab, ".above canvas")["handles"])[0]
    assert [handle["x"], handle["y"]] == start
    fill(tab, ".panel > fieldset:nth-of-type(2) .number:nth-child(2) input", "1")
    assert kept(tab, ",1]")["start"] == [start[0], 1]
    tab.evaluate("document.querySelector('.above .handle').focus()")
    tab.key("ArrowRight")
    tab.wait(f"decodeURIComponent(location.hash).includes(',1]') && {STEP} === '0'")
    tab.wait(f"!decodeURIComponent(location.hash).includes('start=[{start[0]},')")
    moved = state(tab)["start"]
    assert moved[0] > start[0]
    assert moved[1] == 1
    at(tab, 40)
    shows(tab, engine("himmelblau", [(40, {}, 0.0)], moved), 40)


def test_rules_are_taken_out_and_put_back(studio: Served, browser: Browser, width: int) -> None:
    tab = entered(studio, browser, "surface=beale&steps=60&step=50", width)
    paths = engine("beale", [(60, {}, 0.0)])
    for name in ("sgd", "adam"):
        click(tab, f"[data-rule={name}] input")
    rest = [name for name in NAMES if name not in ("sgd", "adam")]
    shows(tab, paths, 50, rest)
    # The address follows a little later, and may have been written between the two clicks.
    assert kept(tab, f"shown={json.dumps(rest, separators=(',', ':'))}")["shown"] == rest
    click(tab, "[data-rule=sgd] input")
    shows(tab, paths, 50, [name for name in NAMES if name != "adam"])


def test_a_knob_is_turned_on_the_way_and_only_what_comes_is_another(
    studio: Served, browser: Browser, width: int
) -> None:
    tab = entered(studio, browser, "surface=beale&steps=80&step=30", width)
    fill(tab, RATE, "700", "input")
    changes = kept(tab, "changes=")["changes"]
    assert [each[:3] for each in changes] == [[30, "adam", "learning_rate"]]
    turned = engine("beale", [(30, {}, 0.0), (50, {"adam": {"learning_rate": changes[0][3]}}, 0.0)])
    shows(tab, turned, 30)
    at(tab, 80)
    shows(tab, turned, 80)
    assert text(tab, ".turns summary") == "1 knob turned on the way"
    click(tab, ".turns summary")
    press(tab, "Start anew with these settings")
    tab.wait(f"!location.hash.includes('changes') && {STEP} === '80' && {STATE} === 'paused'")
    assert state(tab)["settings"] == {"adam": {"learning_rate": changes[0][3]}}
    shows(tab, engine("beale", [(80, {"adam": {"learning_rate": changes[0][3]}}, 0.0)]), 80)


def test_knobs_of_any_rule_are_turned_while_it_runs(studio: Served, browser: Browser) -> None:
    tab = entered(studio, browser, "surface=rosenbrock&steps=400&step=1")
    click(tab, "[data-rule=momentum] .rate")
    tab.wait("document.querySelector('.knobs legend').textContent === 'Knobs of momentum'")
    assert kept(tab, "focus=")["focus"] == "momentum"
    click(tab, ".player .play")
    tab.wait(f"Number({STEP}) > 20")
    fill(tab, ".knobs .slider:last-child input[type=range]", "500", "input")
    assert tab.evaluate(STATE) != "paused"
    tab.wait(f"{STEP} === '400'")
    (step, rule, name, value) = kept(tab, "step=400")["changes"][0]
    assert (rule, name, value) == ("momentum", "momentum", 0.5)
    assert step >= 20
    paths = engine("rosenbrock", [(step, {}, 0.0), (400 - step, {"momentum": {"momentum": 0.5}}, 0.0)])
    shows(tab, paths, 400)


def test_noise_is_turned_up(studio: Served, browser: Browser, width: int) -> None:
    tab = entered(studio, browser, "surface=beale&steps=60&step=20&seed=5", width)
    fill(tab, NOISE, "600", "input")
    ((step, rule, _, sigma),) = kept(tab, "changes=")["changes"]
    assert (step, rule) == (20, "noise")
    assert sigma > 0
    at(tab, 60)
    shows(tab, engine("beale", [(20, {}, 0.0), (40, {}, sigma)], seed=5), 60)
    assert text(tab, ".turns li").startswith("step 20 noise")


def test_views_are_switched_and_the_surface_turned(studio: Served, browser: Browser, width: int) -> None:
    tab = entered(studio, browser, "surface=beale&steps=20&step=10", width)
    seen = "['.above', '.inspace', '.losses'].map((v) => document.querySelector(v).offsetParent !== null)"
    assert tab.evaluate(seen) == [True, True, True]
    click(tab, "input[value=space]")
    assert tab.evaluate(seen) == [False, True, True]
    assert kept(tab, "view=")["view"] == "space"
    before = float(told(tab, ".inspace canvas")["azimuth"])
    tab.evaluate("document.querySelector('.inspace canvas').focus()")
    tab.key("ArrowLeft")
    tab.wait(f"Number(document.querySelector('.inspace canvas').dataset.azimuth) !== {before}")
    click(tab, "input[value=above]")
    assert tab.evaluate(seen) == [True, False, True]
    assert fits(tab)


def test_rates_are_tuned_fairly(studio: Served, browser: Browser, width: int) -> None:
    tab = entered(studio, browser, "surface=beale&steps=60&step=10", width)
    press(tab, "Tune fairly")
    tab.wait("!document.querySelector('.tuning').hidden")
    tuned = race("beale", steps=60)
    chosen = {runner.name: runner.learning_rate for runner in tuned.runners}
    assert json.loads(told(tab, ".tuning")["chosen"]) == chosen
    rows = {row["rule"]: row for row in all_told(tab, ".tuning tr[data-rule]")}
    assert set(rows) == set(NAMES) - {"adadelta"}
    for name, row in rows.items():
        losses = {trial.learning_rate: trial.loss for trial in tuned.tuning if trial.rule == name}
        assert set(losses) == set(RATES)
        assert float(row["loss"]) == pytest.approx(losses[float(row["rate"])], rel=1e-6)
    tab.wait(f"{STEP} === '60' && {STATE} === 'paused'")
    shows(tab, tuned.paths, 60)
    assert kept(tab, "tuned=")["tuned"]
    assert fits(tab)
    again = entered(studio, browser, tab.evaluate("location.hash.split('?')[1]"), width)
    again.wait("!document.querySelector('.tuning').hidden")
    shows(again, tuned.paths, 60)


@pytest.mark.parametrize("rule", ["nesterov", "adam"])
def test_the_microscope_shows_every_number_of_a_step(
    studio: Served, browser: Browser, rule: str, width: int
) -> None:
    tab = entered(studio, browser, f"surface=beale&steps=60&step=20&focus={rule}", width)
    click(tab, ".microscope summary")
    paths = engine("beale", [(60, {}, 0.0)])
    for step in (21, 22):
        tab.wait(f"document.querySelector('.microscope').dataset.step === '{step}'")
        seen = magnify(paths, NAMES.index(rule), step)
        rows = [
            (row["symbol"], float(row["x"]), float(row["y"])) for row in all_told(tab, ".microscope tbody tr")
        ]
        assert [row[0] for row in rows] == [row.symbol for row in seen.rows]
        np.testing.assert_allclose([row[1:] for row in rows], [row.value for row in seen.rows], rtol=1e-6)
        facts = told(tab, ".microscope")
        for name, value in (("point", seen.point), ("change", seen.change), ("gradient", seen.gradient)):
            np.testing.assert_allclose(json.loads(facts[name]), value, rtol=1e-6)
        assert texts(tab, ".microscope .formula li") == list(seen.formula)
        click(tab, ".player .next")
    assert kept(tab, "look=")["look"]
    assert fits(tab)


def test_a_saddle_is_named_and_so_is_the_escape_from_it(studio: Served, browser: Browser) -> None:
    query = 'surface=saddle&start=[1,0]&steps=256&changes=[[150,"noise","",0.001]]'
    tab = entered(studio, browser, f"{query}&step=150")
    paths = engine("saddle", [(150, {}, 0.0), (106, {}, 0.001)], (1, 0))
    shows(tab, paths, 150)
    assert told(tab, "[data-rule=sgd]")["ending"] == "stuck at a saddle"
    stuck = {"rule": "sgd", "kind": "stuck at a saddle", "good": "false"}
    assert stuck in all_told(tab, ".events li")
    at(tab, 256)
    shows(tab, paths, 256)
    assert told(tab, "[data-rule=momentum]")["ending"] == "escaped"


def test_who_diverges_is_named_and_the_page_plays_on(studio: Served, browser: Browser, width: int) -> None:
    tab = entered(
        studio,
        browser,
        'surface=ravine&steps=60&settings={"sgd":{"learning_rate":0.1}}&look=true&focus=sgd',
        width,
    )
    paths = engine("ravine", [(60, {"sgd": {"learning_rate": 0.1}}, 0.0)])
    lost = paths.diverged[0]
    assert lost is not None
    tab.wait("document.querySelector('.racers [data-rule=sgd]').dataset.ending === 'diverged'")
    assert f"step {lost}: sgd diverged" in texts(tab, ".events li")
    ends = paths.points[:, 60].copy()
    ends[0] = paths.points[0, lost - 1]
    expect(tab, ".above", "heads", places, ends, NAMES)
    assert [each["lost"] for each in json.loads(told(tab, ".above canvas")["heads"])] == [True] + [False] * 7
    tab.wait("document.querySelector('.above canvas').ariaLabel.includes('sgd diverged near')")
    tab.wait("document.querySelector('.microscope .note').textContent.startsWith('sgd had diverged')")


def test_an_address_is_shared(studio: Served, browser: Browser) -> None:
    query = (
        'surface=ravine&condition=20&seed=3&noise=0.5&steps=90&step=70&shown=["sgd","adam"]&focus=sgd&view=above'
        '&start=[-1,0.5]&changes=[[30,"adam","learning_rate",0.2]]&look=true'
    )
    tab = entered(studio, browser, query)
    tab.wait(f"{STEP} === '70'")
    here = kept(tab, "step=70")
    press(tab, "Share")
    tab.wait("!document.querySelector('.toast').hidden")
    again = entered(studio, browser, tab.evaluate("location.hash.split('?')[1]"), 390)
    assert kept(again, "step=70") == here
    paths = engine(
        ravine(20), [(30, {}, 0.5), (60, {"adam": {"learning_rate": 0.2}}, 0.5)], start=(-1, 0.5), seed=3
    )
    for each in (tab, again):
        shows(each, paths, 70, ["sgd", "adam"])
    again.wait("document.querySelector('.microscope').dataset.step === '71'")


def test_the_export_replays_without_a_server(
    studio: Served, browser: Browser, tmp_path: Path, width: int
) -> None:
    query = 'surface=beale&steps=60&changes=[[30,"noise","",0.2]]&look=true&step=20'
    tab = entered(studio, browser, query, width)
    paths = engine("beale", [(30, {}, 0.0), (30, {}, 0.2)])
    replay = browser.open(exported(tab, tmp_path), width)
    shows(replay, paths, 20)
    replay.wait("document.querySelector('.microscope').dataset.step === '21'")
    click(replay, ".player .play")
    replay.wait(f"{STEP} === '60' && {STATE} === 'paused'")
    shows(replay, paths, 60)
    replay.wait("document.querySelector('.microscope').dataset.step !== '21'")
    assert replay.evaluate("document.querySelector('.trouble').hidden")
    click(replay, ".python summary")
    replay.wait("document.querySelector('.python code').textContent.includes('go_on')")
    assert fits(replay)


def test_the_python_lines_run_the_race(studio: Served, browser: Browser) -> None:
    tab = entered(studio, browser, 'surface=beale&steps=60&step=5&changes=[[30,"adam","learning_rate",0.5]]')
    click(tab, ".python summary")
    tab.wait("document.querySelector('.python code').textContent.includes('go_on')")
    names: dict[str, Any] = {}
    exec(compile(text(tab, ".python code"), "lines", "exec"), names)
    expected = engine("beale", [(30, {}, 0.0), (30, {"adam": {"learning_rate": 0.5}}, 0.0)])
    np.testing.assert_array_equal(names["paths"].points, expected.points)


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("surface=nowhere", "no surface 'nowhere'"),
        ("surface=formula&formula=x+/", "formula"),
        ("settings={%22adam%22:{%22learning_rate%22:-1}}", "learning_rate"),
        ("changes=[[9,%22adam%22,%22beta1%22,2]]", "changes"),
        ("start=[1]", "start"),
    ],
)
def test_an_address_that_cannot_be_is_told(
    studio: Served, browser: Browser, query: str, complaint: str
) -> None:
    tab = browser.open(studio.url(f"#race?{query}"))
    found = tab.wait("document.querySelector('.trouble:not([hidden])').textContent")
    assert complaint in found
    assert found.endswith(".")
