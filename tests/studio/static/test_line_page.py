"""The room 'line' in the browser, wide and narrow: what is shown is the engine's, whatever a person does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import chromium
from chromium import Browser, Tab
from couloir.experiments.regression import descend, regression
from couloir.surfaces.functions import SEVEN_POINTS
from studio_server import Served

pytestmark = [pytest.mark.slow, pytest.mark.skipif(chromium.PROGRAM is None, reason="there is no Chromium")]

SEVEN = [list(point) for point in SEVEN_POINTS]
START, RATE, STEPS = [-0.4, 4], 0.03, 1000


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("runs")) as served:
        yield served


@pytest.fixture(params=[1280, 390])
def tab(studio: Served, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Tab]:
    opened = entered(studio, browser, "#line", request.param)
    yield opened
    assert opened.evaluate("document.documentElement.scrollWidth") <= request.param


def entered(studio: Served, browser: Browser, address: str, width: int = 1280) -> Tab:
    tab = browser.open(studio.url(address), width, 900)
    tab.wait("document.querySelector('[data-name=factors]').dataset.value")
    return tab


def fact(tab: Tab, name: str) -> Any:
    return json.loads(tab.evaluate(f"document.querySelector('[data-name={name}]').dataset.value"))


def state(tab: Tab) -> dict[str, Any]:
    """What the address says, the defaults left out."""
    text = tab.evaluate("JSON.stringify([...new URLSearchParams(location.hash.split('?')[1] ?? '')])")
    return {name: json.loads(value) for name, value in json.loads(text)}


def numbers(tab: Tab, view: str) -> dict[str, Any]:
    """The data attributes of a view's canvas, once they have settled."""
    tab.evaluate("new Promise((go) => setTimeout(go, 250))")
    return json.loads(
        tab.evaluate(f"JSON.stringify({{...document.querySelector('.{view} canvas').dataset}})")
    )


def press(tab: Tab, text: str) -> None:
    tab.evaluate(f"[...document.querySelectorAll('button')].find((b) => b.textContent === {text!r}).click()")


def handle(view: str, number: int = 1) -> str:
    return f".{view} .handle:nth-of-type({number})"


def shows(tab: Tab, points: Any, line: Any, rate: float, step: int, steps: int = STEPS) -> None:
    """The page comes to show what the engine finds for this state: its questions are answered one by one."""
    problem = regression(*np.array(points, float).T)
    path = descend(problem, rate, steps, line)
    tab.wait(f"document.querySelector('.player').dataset.step === '{step}'")
    expected = {
        "line": path.weights[step],
        "loss": path.losses[step],
        "gradient": problem.gradient(path.weights[step]),
        "best": problem.minimum,
        "least": problem.least,
        "eigenvalues": problem.eigenvalues,
        "condition": problem.condition_number,
        "critical": problem.critical_rate,
        "factors": 1 - rate * problem.eigenvalues,
    }
    drawn = {
        ("contour", "heads"): path.weights[step],
        ("bowl", "heads"): path.weights[step],
        ("losses", "values"): path.excess[step],
    }
    end = time.monotonic() + 20
    while True:
        wrong: list[Any] = [name for name, value in expected.items() if not same(fact(tab, name), value)]
        wrong += [place for place, value in drawn.items() if not same(first_of(tab, *place), value, 1e-12)]
        if not wrong:
            return
        assert time.monotonic() < end, wrong
        time.sleep(0.05)


def first_of(tab: Tab, view: str, name: str) -> Any:
    """Where the first of a view's heads is, or the first of its values; NaN before there is one."""
    found = tab.evaluate(f"document.querySelector('.{view} canvas').dataset.{name}")
    first = json.loads(found)[0] if found else {}
    return first.get("value", np.nan) if name == "values" else [first.get(axis, np.nan) for axis in "xy"]


def same(found: Any, value: Any, least: float = 1e-9) -> bool:
    return bool(np.allclose(np.array(found, float), value, rtol=1e-6, atol=least))


def pause(tab: Tab) -> None:
    """As long as the address lags behind."""
    tab.evaluate("new Promise((go) => setTimeout(go, 300))")


def test_the_page_begins_with_the_seven_points(tab: Tab) -> None:
    shows(tab, SEVEN, START, RATE, 0)
    assert [[p["x"], p["y"]] for p in json.loads(numbers(tab, "data")["handles"])] == SEVEN
    marks = json.loads(numbers(tab, "contour")["marks"])
    np.testing.assert_allclose([marks[0]["x"], marks[0]["y"]], regression(*np.array(SEVEN).T).minimum)
    label = tab.evaluate("document.querySelector('.contour canvas').getAttribute('aria-label')")
    assert "least squares at (0.336, 0.805)" in label
    roles = tab.evaluate(
        "[...document.querySelectorAll('.drawing canvas')].map((c) => c.getAttribute('role'))"
    )
    assert roles == ["img"] * 4


def test_playing_goes_down_and_says_where(tab: Tab) -> None:
    tab.evaluate("document.querySelector('.player .play').click()")
    tab.wait("Number(document.querySelector('.player').dataset.step) > 30 && couloirFrames.length > 5")
    tab.evaluate("document.querySelector('.player .play').click()")
    step = int(tab.evaluate("document.querySelector('.player').dataset.step"))
    shows(tab, SEVEN, START, RATE, step)
    assert state(tab)["step"] == step
    frames = tab.evaluate("couloirFrames")
    assert all(frame > 0 for frame in frames)


def test_steps_by_keys(tab: Tab) -> None:
    tab.evaluate("document.body.focus()")
    for name in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"):
        tab.key(name)
    shows(tab, SEVEN, START, RATE, 2)
    tab.key("End")
    shows(tab, SEVEN, START, RATE, STEPS)
    tab.key("Home")
    shows(tab, SEVEN, START, RATE, 0)


@pytest.mark.parametrize(
    ("name", "share", "word"),
    [("Too low", 0.01, "crawls"), ("Right", 0.5, "converges"), ("Too high", 1.05, "diverges")],
)
def test_three_rates_crawl_converge_and_diverge(tab: Tab, name: str, share: float, word: str) -> None:
    press(tab, name)
    tab.wait(f"document.querySelector('.verdict').dataset.verdict === '{word}'")
    rate = float(f"{share * regression(*np.array(SEVEN).T).critical_rate:.4g}")
    assert state(tab)["rate"] == pytest.approx(rate, rel=1e-9)
    shows(tab, SEVEN, START, rate, 0)
    tab.key("End")
    shows(tab, SEVEN, START, rate, STEPS)


def test_the_rate_is_set_by_its_slider_and_its_marks_are_where_it_is(tab: Tab) -> None:
    critical = fact(tab, "critical")
    x, y = tab.centre(".rate-marks .critical")
    right = tab.evaluate("document.querySelector('.rate-marks .critical').getBoundingClientRect().right")
    box = tab.evaluate(
        "(() => { const r = document.querySelector('.rate input[type=range]').getBoundingClientRect();"
        "return [r.left, r.top + r.height / 2, r.width]; })()"
    )
    tab.mouse((box[0] + 20, box[1]), (right, box[1]))
    tab.wait("location.hash.includes('rate=')")
    pause(tab)
    assert state(tab)["rate"] == pytest.approx(critical, rel=0.06)
    assert x < right
    assert y > box[1]
    shows(tab, SEVEN, START, state(tab)["rate"], 0)


def test_a_point_is_dragged(tab: Tab) -> None:
    x, y = tab.centre(handle("data", 7))
    tab.mouse((x, y), (x - 10, y + 10), (x - 20, y + 40))
    tab.wait("location.hash.includes('points=')")
    pause(tab)
    points = state(tab)["points"]
    assert points[:6] == SEVEN[:6]
    assert points[6][0] < 5
    assert points[6][1] < 2.7
    shows(tab, points, START, RATE, 0)


def test_a_point_is_moved_and_removed_by_keys(tab: Tab) -> None:
    tab.evaluate(f"document.querySelector({handle('data', 2)!r}).focus()")
    tab.key("ArrowUp")
    tab.key("ArrowUp", shift=True)
    tab.wait("location.hash.includes('points=')")
    pause(tab)
    points = state(tab)["points"]
    assert points[1][0] == 2.8
    assert points[1][1] > 1.9
    shows(tab, points, START, RATE, 0)
    tab.key("Delete")
    shows(tab, [*points[:1], *points[2:]], START, RATE, 0)
    label = tab.evaluate("document.activeElement.getAttribute('aria-label')")
    assert label.startswith("point 2 of 6, (3.2,")


def test_points_are_added_by_a_click_and_removed_by_two(tab: Tab) -> None:
    x, y = tab.centre(".data canvas")
    tab.mouse((x + 40, y - 60))
    tab.wait("location.hash.includes('points=')")
    points = state(tab)["points"]
    assert points[:7] == SEVEN
    assert len(points) == 8
    shows(tab, points, START, RATE, 0)
    place = tab.centre(handle("data", 8))
    tab.mouse(place)
    tab.mouse(place)
    tab.wait("!location.hash.includes('points=')")
    shows(tab, SEVEN, START, RATE, 0)


def test_points_are_pasted_and_mistakes_are_told(tab: Tab) -> None:
    def paste(text: str) -> None:
        tab.evaluate(f"document.querySelector('textarea').value = {json.dumps(text)}")
        press(tab, "Use these")

    tab.evaluate("document.querySelector('.panel details').open = true")
    paste("1 2\n3 four")
    told = tab.wait("document.querySelector('.trouble:not([hidden])').textContent")
    assert told.startswith("Line 2 of the points is '3 four'")
    paste("height weight\n1 1\n2 3\n3 2\n4 5")
    shows(tab, [[1, 1], [2, 3], [3, 2], [4, 5]], START, RATE, 0)
    assert tab.evaluate("document.querySelector('.trouble').hidden")
    press(tab, "The seven points")
    shows(tab, SEVEN, START, RATE, 0)


def test_the_line_is_chosen_on_the_contour(tab: Tab) -> None:
    x, y = tab.centre(".contour canvas")
    tab.mouse((x, y), (x + 20, y), (x + 31, y + 17))
    tab.wait("location.hash.includes('line=')")
    pause(tab)
    line = state(tab)["line"]
    assert line != START
    shows(tab, SEVEN, line, RATE, 0)
    handles = json.loads(numbers(tab, "contour")["handles"])
    assert [handles[0]["x"], handles[0]["y"]] == line
    tab.evaluate(f"document.querySelector({handle('contour')!r}).focus()")
    tab.key("ArrowRight")
    tab.wait(f"JSON.parse(document.querySelector('.contour canvas').dataset.handles)[0].x > {line[0]}")
    press(tab, "0.52·x + 0.1")
    shows(tab, SEVEN, [0.52, 0.1], RATE, 0)


def test_the_errors_of_the_line(tab: Tab) -> None:
    press(tab, "0.92·x − 1")
    shows(tab, SEVEN, [0.92, -1], RATE, 0)
    tab.wait("Math.abs(document.querySelector('[data-loss]').dataset.loss - 0.3376) < 1e-3")
    rows = tab.evaluate("[...document.querySelectorAll('.stage tbody tr')].map((row) => row.innerText)")
    assert len(rows) == 7
    assert tab.evaluate("Number(document.querySelector('[data-loss]').dataset.loss)") == pytest.approx(
        np.mean((np.array(SEVEN)[:, 1] - (0.92 * np.array(SEVEN)[:, 0] - 1)) ** 2), rel=1e-9
    )


def test_the_bowl_turns_by_mouse_and_by_keys(tab: Tab) -> None:
    x, y = tab.centre(".bowl canvas")
    before = numbers(tab, "bowl")
    tab.mouse((x, y), (x + 30, y), (x + 60, y + 20))
    after = numbers(tab, "bowl")
    assert float(after["azimuth"]) == pytest.approx(float(before["azimuth"]) - 30)
    assert float(after["elevation"]) == pytest.approx(float(before["elevation"]) + 7)
    assert state(tab)["turn"] == [275, 43]
    tab.evaluate("document.querySelector('.bowl canvas').focus()")
    tab.key("ArrowLeft")
    assert float(numbers(tab, "bowl")["azimuth"]) == pytest.approx(280)


def test_the_loss_curve_is_read_and_sought(tab: Tab) -> None:
    path = descend(regression(*np.array(SEVEN).T), RATE, STEPS, START)
    tab.evaluate("document.querySelector('.losses canvas').focus()")
    tab.key("ArrowRight", shift=True)
    found = numbers(tab, "losses")
    assert found["at"] == "10"
    assert json.loads(found["values"])[0]["value"] == pytest.approx(path.excess[10], rel=1e-9)
    x, y = tab.centre(".losses canvas")
    tab.mouse((x, y))
    step = int(tab.wait("document.querySelector('.player').dataset.step"))
    assert 400 < step < 600
    shows(tab, SEVEN, START, RATE, step)


def test_the_address_brings_everything_back(studio: Served, browser: Browser) -> None:
    points = [[0, 1], [1, 3], [2, 2], [3, 6]]
    address = f"#line?points={json.dumps(points)}&line=[0.5,-1]&rate=0.05&steps=40&step=12".replace(" ", "")
    tab = entered(studio, browser, address)
    shows(tab, points, [0.5, -1], 0.05, 12, 40)
    assert state(tab) == {"points": points, "line": [0.5, -1], "rate": 0.05, "steps": 40, "step": 12}


def test_the_python_lines_are_those_of_the_state(studio: Served, browser: Browser) -> None:
    tab = entered(studio, browser, "#line?line=[0.52,0.1]&rate=0.01&steps=50")
    tab.evaluate("document.querySelector('.python').open = true")
    code = tab.wait(
        "document.querySelector('.python pre').textContent.includes('descend(') "
        "&& document.querySelector('.python pre').textContent"
    )
    space: dict[str, Any] = {}
    exec(code, space)
    expected = descend(regression(*np.array(SEVEN).T), 0.01, 50, (0.52, 0.1))
    np.testing.assert_array_equal(space["path"].weights, expected.weights)


@pytest.mark.parametrize(
    "address", ["#line?points=[[1,2]]", "#line?points=[[1,2],[1,3]]", "#line?rate=-1", '#line?line=["a","b"]']
)
def test_an_address_that_cannot_be_is_told(studio: Served, browser: Browser, address: str) -> None:
    tab = browser.open(studio.url(address))
    assert tab.wait("document.querySelector('.trouble:not([hidden])').textContent").endswith(".")
    assert browser.errors == []
