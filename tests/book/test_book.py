"""The book: whole, offline, computed; its numbers are right, and what moves on its pages works."""

from __future__ import annotations

import contextlib
import html
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from chromium import PROGRAM, Browser, Tab
from couloir import book
from couloir.book import building, computing, entries, listing, mathml, pages
from couloir.book.entries import CHAPTERS, ENTRIES, Entry
from couloir.engine.activations import ACTIVATIONS
from couloir.engine.optimizers import RULES
from couloir.engine.schedules import SCHEDULES
from couloir.errors import InputError
from pages import Page

pytestmark = pytest.mark.slow

X = np.array([2.4, 2.8, 3.2, 3.6, 4.0, 4.2, 5.0])
Y = np.array([1.7, 1.85, 1.79, 1.95, 2.1, 2.0, 2.7])
CHAPTER_PAGES = [chapter.page for chapter in CHAPTERS.values()]
PAGES = ["index.html", "figures.html", *CHAPTER_PAGES]


@pytest.fixture(scope="module")
def folder(as_shipped: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole book, built once. (It computes enough for its programs to be worth optimising.)"""
    return book.build(tmp_path_factory.mktemp("library") / "book").parent


@pytest.fixture(scope="module")
def numbers(folder: Path) -> dict[int, dict]:
    """Each figure's numbers, as its page holds them."""
    found = {}
    for name in CHAPTER_PAGES:
        for tag, attributes in Page((folder / name).read_text("utf-8")).elements:
            if tag == "figure":
                found[int(attributes["data-figure"])] = json.loads(attributes["data-numbers"])
    return found


@pytest.fixture(scope="module")
def parsed(folder: Path) -> dict[str, Page]:
    return {name: Page((folder / name).read_text("utf-8")) for name in PAGES}


# What it consists of --------------------------------------------------------------------------------------


def test_all_33_figures_are_there_once_each_with_words_and_lines(folder, parsed):
    found = []
    for name in CHAPTER_PAGES:
        elements = parsed[name].elements
        found += [int(a["data-figure"]) for tag, a in elements if tag == "figure"]
        plots = [a for _, a in elements if a.get("class") == "plot"]
        assert {a["id"].removeprefix("plot-") for a in plots} == set(parsed[name].figures)
        assert all(re.search(r"\d", a["aria-label"]) for a in plots)
    assert sorted(found) == list(range(1, 34))
    record = json.loads((folder / "book.json").read_text("utf-8"))
    assert [figure["number"] for figure in record["figures"]] == list(range(1, 34))
    assert all(figure["sentences"] for figure in record["figures"])


def test_the_lines_shown_are_the_lines_executed(folder):
    for number, entry in ENTRIES.items():
        source = (folder / CHAPTERS[entry.chapter].page).read_text("utf-8")
        figure = source[source.index(f'id="figure-{number}"') :]
        shown = figure[figure.index("<code>") + 6 : figure.index("</code>")]
        assert html.unescape(re.sub(r"<[^>]+>", "", shown)) == entry.code
        assert len(entry.code.splitlines()) <= 30
        assert entry.caption.endswith(".")


def check_links(folder: Path) -> None:
    parsed = {path.name: Page(path.read_text("utf-8")) for path in folder.glob("*.html")}
    names = {name: {a["id"] for _, a in page.elements if "id" in a} for name, page in parsed.items()}
    for name, page in parsed.items():
        for tag, attributes in page.elements:
            for key in ("src", "href", "action", "data", "poster", "srcset"):
                address = attributes.get(key)
                if address is None or address == "data:,":
                    continue
                file, _, place = address.partition("#")
                assert (folder / (file or name)).is_file(), (name, tag, address)
                assert not place or place in names[file or name], (name, address)
            assert not any(key.startswith("on") for key in attributes)
        assert "http" not in (folder / name).read_text("utf-8").replace("http-equiv", "")


def test_every_link_leads_somewhere_and_none_leads_outside(folder):
    check_links(folder)


def test_pages_can_run_their_own_scripts_and_connect_to_nothing(parsed):
    for page in parsed.values():
        policy = next(a["content"] for _, a in page.elements if a.get("http-equiv"))
        assert policy.startswith("default-src 'none';")
        assert "script-src 'self' file:;" in policy
        programs = [a for a, text in page.scripts if a.get("type") != "application/json"]
        assert all(set(a) == {"src", "defer"} for a in programs)


def test_a_page_has_landmarks_a_skip_link_and_its_neighbours(parsed):
    for number, chapter in CHAPTERS.items():
        elements = parsed[chapter.page].elements
        assert [tag for tag, _ in elements].count("main") == 1
        assert [tag for tag, _ in elements].count("h1") == 1
        assert next(a for tag, a in elements if tag == "a")["href"] == "#text"
        turns = {a["rel"]: a["href"] for tag, a in elements if tag == "a" and "rel" in a}
        expected = {"prev": CHAPTERS.get(number - 1), "next": CHAPTERS.get(number + 1)}
        assert turns == {way: there.page for way, there in expected.items() if there is not None}


def test_the_tables_tell_every_rule_activation_and_schedule(parsed):
    def told(page: int, key: str) -> set[str]:
        return {a[key] for _, a in parsed[CHAPTERS[page].page].elements if key in a}

    assert told(5, "data-rule") == set(RULES)
    assert told(3, "data-activation") == set(ACTIVATIONS)
    assert told(5, "data-schedule") == {*SCHEDULES, "warmup"}


# Numbers --------------------------------------------------------------------------------------------------


def value_shown(text: str) -> tuple[float, float]:
    """A number as a reader reads it, and half of its last digit."""
    plain = text.replace("\u202f%", "").replace(",", "").replace("−", "-")
    mantissa, _, power = plain.partition("×10")
    exponent = int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))) if power else 0
    scale = 10.0**exponent / (100 if "%" in text else 1)
    decimals = len(mantissa.partition(".")[2])
    return float(mantissa) * scale, 0.5 * 10.0**-decimals * scale


def test_every_number_in_the_text_is_a_computed_one_rightly_rounded(folder):
    seen = 0
    for name in CHAPTER_PAGES:
        source = (folder / name).read_text("utf-8")
        for value, text in re.findall(r'<data value="([^"]*)">([^<]*)</data>', source):
            shown, half = value_shown(text)
            assert abs(shown - float(value)) <= half * (1 + 1e-6) + 1e-15, (name, value, text)
            seen += 1
    assert seen > 100


def test_the_line_fit_has_the_known_answers(numbers):
    candidates = np.array([(0.92, -1.0), (-0.11, 2.5), (0.52, 0.1)])
    losses = np.mean((Y - candidates[:, :1] * X - candidates[:, 1:]) ** 2, axis=1)
    assert numbers[6]["losses"] == pytest.approx(losses, rel=1e-12)
    assert np.round(losses, 3).tolist() == [0.338, 0.16, 0.043]
    slope, intercept = np.polyfit(X, Y, 1)
    assert (numbers[8]["slope"], numbers[8]["intercept"]) == pytest.approx((slope, intercept), rel=1e-12)
    assert numbers[8]["least"] == pytest.approx(np.mean((Y - slope * X - intercept) ** 2), rel=1e-10)
    assert 0 < numbers[8]["disagreement"] < 1e-12
    curvature = np.linalg.eigvalsh(2 / 7 * np.array([[X @ X, X.sum()], [X.sum(), 7]]))
    assert numbers[10]["eigenvalues"] == pytest.approx(curvature, rel=1e-9)
    assert numbers[10]["critical"] == pytest.approx(2 / curvature[1], rel=1e-9)


def test_counting_guesses_is_right(numbers):
    assert (numbers[3]["weights"], numbers[3]["biases"]) == (784 * 15 + 15 * 10, 25)
    assert numbers[3]["parameters"] == numbers[3]["exponent"] == 11_935
    assert numbers[2]["square"] == [100, 10_000]
    assert numbers[2]["cube"] == [1_000, 1_000_000]
    assert numbers[1]["changed"][0] == 1
    assert numbers[1]["changed"][1:] == numbers[1]["neurons"][1:]
    assert numbers[4]["descended"] < numbers[4]["guessed"]


def test_paths_end_where_they_must(numbers):
    # x² − y²: gradient descent multiplies y by 1 + 2α, from 1e-3 to beyond 1; α = 0.02.
    assert numbers[18]["escapes"]["sgd"] == math.ceil(math.log(1000) / math.log(1.04))
    assert (numbers[18]["held"], numbers[18]["freed"]) == (len(RULES), len(RULES))
    swing = numbers[18]["swing"]
    assert max(swing["momentum"], swing["nesterov"]) < -0.1 < numbers[18]["steady"]
    betas = np.array(numbers[15]["betas"])
    assert numbers[15]["limits"] == pytest.approx(2 * (1 + betas) / numbers[15]["condition"], rel=1e-12)
    assert numbers[15]["heavy"] < numbers[15]["plain"]
    assert numbers[16]["here"][1] * numbers[16]["ahead"][1] < 0
    assert numbers[12]["ends_apart"] > 5 * numbers[12]["apart"]
    assert numbers[11]["curvatures"][0] < 0
    assert numbers[32]["regained"]["adagrad"] == 1
    assert min(numbers[32]["regained"][rule] for rule in ("rmsprop", "adadelta")) > 2


def test_experiments_say_what_the_text_says_of_them(numbers):
    assert numbers[21]["wiggle_fitted"] < 1e-10 < numbers[21]["line_fitted"]
    assert numbers[21]["wiggle_fresh"] > numbers[21]["line_fresh"]
    assert numbers[22]["least"] < numbers[22]["last"]
    assert 1 <= numbers[22]["kept"] < numbers[22]["stopped"] < numbers[22]["epochs"]
    assert len(numbers[23]["scores"]) == numbers[23]["folds"] == 10
    assert numbers[25]["ridge.variation"][-1] < numbers[25]["ridge.variation"][0]
    assert numbers[25]["small"]["l1"] > numbers[25]["small"]["l2"]
    assert set(numbers[27]["means"]) >= {"none", "l2", "l1", "dropout", "noise", "early_stopping"}
    assert numbers[28]["agreed"] < 1e-5
    assert numbers[28]["central_least"] < numbers[28]["forward_least"]
    assert 0.5 < numbers[29]["share"] <= 1
    assert numbers[30]["seeds"] == 100
    assert numbers[30]["shares"][0] < 0.1 < 0.9 < numbers[30]["shares"][-1]
    adaptive = ("adagrad", "adadelta", "rmsprop", "adam", "adamw")
    assert min(numbers[33]["losses"], key=numbers[33]["losses"].get) in adaptive


def test_sections_alone_are_a_book_and_building_twice_gives_the_same(tmp_path, folder, parsed):
    """The whole book is the first building: the chapters built again have the same numbers and drawings."""
    again = book.build(tmp_path / "again", sections=[4, 2, 4]).parent
    chapters = ["2-linear-regression.html", "4-batches.html"]
    shared = ["book.js", "book.json", "figures.html", "index.html", "plotly.js", "style.css"]
    assert sorted(path.name for path in again.iterdir()) == [*chapters, *shared]
    for name in chapters:
        assert Page((again / name).read_text("utf-8")).figures == parsed[name].figures
    whole, part = (json.loads((place / "book.json").read_text("utf-8")) for place in (folder, again))
    assert part["chapters"] == [2, 4]
    assert [figure["number"] for figure in part["figures"]] == [*range(5, 11), 13, 14, 31]
    assert part["figures"] == [
        figure for figure in whole["figures"] if figure["number"] in (*range(5, 11), 13, 14, 31)
    ]
    check_links(again)


# Building -------------------------------------------------------------------------------------------------


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A book that is quick to build: chapter 2 has only its first figures."""
    monkeypatch.setattr(building, "ENTRIES", MappingProxyType({5: ENTRIES[5]}))
    monkeypatch.setattr(
        pages, "template_source", lambda name: "{{ figure(5) }}" if "chapters/" in name else SOURCE(name)
    )


SOURCE = pages.template_source


def test_progress_is_told_and_an_earlier_book_is_replaced(tiny, tmp_path):
    told: list[building.Progress] = []
    cover = book.build(tmp_path / "book", sections=[2], progress=told.append)
    assert cover == tmp_path / "book" / "index.html"
    assert [(each.entry.number, each.place, each.of) for each in told] == [(5, 1, 1)]
    assert told[0].seconds > 0
    (tmp_path / "book" / "old.html").write_text("from an earlier book")
    book.build(tmp_path / "book", sections=[2])
    assert not (tmp_path / "book" / "old.html").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["book"]


def test_what_is_no_book_is_not_replaced(tiny, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="not a book and would be lost"):
        book.build(tmp_path / "thesis", sections=[2])
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        book.build(tmp_path / "file" / "book", sections=[2])
    with pytest.raises(InputError, match=r"no section of the book '9'.*1, 2, 3"):
        book.build(tmp_path / "book", sections=[9])
    with pytest.raises(InputError, match="no figure of the book '34'"):
        book.figure(34)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "thesis"]


class Broken(Entry):
    @property
    def source(self) -> str:
        return '"""A figure."""\n\n1 / 0\n'


def test_a_figure_that_fails_is_named_and_leaves_no_book(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(building, "ENTRIES", {5: Broken(5, "seven-points", 2)})
    with pytest.raises(RuntimeError, match=r"Figure 5 of the book \(seven-points\).*division by zero"):
        book.build(tmp_path / "book", sections=[2])
    assert not list(tmp_path.iterdir())


def test_a_failure_while_writing_keeps_the_earlier_book(tiny, tmp_path, monkeypatch):
    book.build(tmp_path / "book", sections=[2])
    before = (tmp_path / "book" / "book.json").read_text()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(InputError, match="No space left"):
        book.build(tmp_path / "book", sections=[2])
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["book"]
    assert (tmp_path / "book" / "book.json").read_text() == before


@pytest.mark.parametrize(
    ("code", "said"),
    [("x = 1\n", "not an expression"), ("1 + 1\n", "gives int and not a chart")],
)
def test_a_figures_last_line_is_a_chart(monkeypatch, code, said):
    monkeypatch.setattr(Broken, "source", property(lambda self: f'"""A figure."""\n\n{code}'))
    with pytest.raises(RuntimeError, match=said):
        computing.compute(Broken(5, "seven-points", 2))


def test_one_figure_alone_and_its_lines():
    (chart,) = book.figure(6)
    assert "0.043" in chart.sentence
    assert book.lines(6).splitlines()[-1] == "candidate_lines(candidates)"
    assert [number for number, entry in ENTRIES.items() if entry.goes_on_from] == [20]
    assert entries.entry(20).goes_on_from == 19


# Equations and listings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("W ← W − α g", "<mi>W</mi><mo>←</mo><mi>W</mi><mo>−</mo><mi>α</mi><mi>g</mi>"),
        (r"\frac{1}{n}", "<mfrac><mrow><mn>1</mn></mrow><mrow><mi>n</mi></mrow></mfrac>"),
        ("x_1^2", "<msubsup><mi>x</mi><mn>1</mn><mn>2</mn></msubsup>"),
        ("∑_i x", "<munder><mo>∑</mo><mi>i</mi></munder><mi>x</mi>"),
        (r"\text{if } 0.01", "<mtext>if&#160;</mtext><mn>0.01</mn>"),
        ("f(x)", "<mi>f</mi><mrow><mo>(</mo><mi>x</mi><mo>)</mo></mrow>"),
        (r"\b{w}", '<mrow><mi class="bold">w</mi></mrow>'),
        ("a < b", "<mi>a</mi><mo>&lt;</mo><mi>b</mi>"),
    ],
)
def test_equations_become_mathml(text, inside):
    assert mathml.equation(text) == f"<math><mrow>{inside}</mrow></math>"
    assert mathml.equation(text, display=True).startswith('<math display="block">')


@pytest.mark.parametrize("text", [r"\frac{1}", "{a", "a}", r"\alpha", "(a", "a_"])
def test_a_broken_equation_is_a_bug(text):
    with pytest.raises(ValueError, match=r"equation"):
        mathml.equation(text)


def test_a_listing_is_the_code_with_marks():
    code = 'import numpy  # <b>\nname = f"{numpy} & more"\n'
    shown = listing.marked(code)
    assert html.unescape(re.sub(r"<span[^>]*>|</span>", "", shown)) == code
    assert '<span class="k">import</span>' in shown
    assert '<span class="c"># &lt;b&gt;</span>' in shown


# In a browser ---------------------------------------------------------------------------------------------

needs_browser = pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as started:
        yield started


# What a plot shows, in short: it changes with everything that moves, and with nothing else.
SHOWN = """
window.shown = (id) => JSON.stringify(
  document.getElementById(id).data.map((trace) => [trace.x, trace.y, trace.text, trace.visible, trace.name])
);
"""

MOVE = """
(async () => {
  const told = [];
  for (const box of document.querySelectorAll(".controls")) {
    const plot = box.id.replace("controls", "plot");
    for (const [which, input] of [...box.querySelectorAll("input[type=range]")].entries()) {
      const output = input.closest("label").querySelector("output");
      const seen = new Set();
      for (const share of [0, 0.5, 1]) {
        input.value = Math.round(share * Number(input.max));
        input.dispatchEvent(new Event("input", { bubbles: true }));
        await new Promise((resolve) => setTimeout(resolve, 80));
        seen.add(window.shown(plot));
        told.push([plot.replace("plot-", ""), which, output.textContent, Number(input.value),
                   input.getAttribute("aria-valuetext")]);
      }
      if (seen.size < 2) throw new Error(plot + " does not move with its slider");
    }
  }
  return told;
})()
"""

# Equations of which a part is out of sight.
CUT_OFF = """
[...document.querySelectorAll(".equation, table.formulas td")]
  .filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.textContent)
"""

PRESS = """
(async () => {
  let pressed = 0;
  const press = async (act) => {
    act();
    pressed += 1;
    await new Promise((resolve) => setTimeout(resolve, 120));
  };
  for (const button of document.querySelectorAll(".controls button")) await press(() => button.click());
  for (const list of document.querySelectorAll(".controls select")) {
    for (const place of list.options.keys()) {
      await press(() => {
        list.selectedIndex = place;
        list.dispatchEvent(new Event("change", { bubbles: true }));
      });
    }
  }
  return pressed;
})()
"""


@contextlib.contextmanager
def opened(browser: Browser, path: Path, width: int = 1280, dark: bool = False) -> Iterator[Tab]:
    """A page with its figures drawn; it must not complain while it is open."""
    browser.errors.clear()
    tab = browser.open(path, width, 900, dark)
    tab.wait("document.readyState === 'complete'")
    if path.name in CHAPTER_PAGES:
        tab.wait("document.documentElement.dataset.drawn", 90)
    yield tab
    assert browser.errors == []
    tab.send("Page.close")


def check_controls(tab: Tab, drawn: dict) -> None:
    """Moves every slider and presses every button of a page: pictures change, and the numbers are right."""
    sliders = {plot: figure["layout"].get("sliders", []) for plot, figure in drawn.items()}
    menus = [menu for figure in drawn.values() for menu in figure["layout"].get("updatemenus", [])]
    tab.evaluate(SHOWN)
    moved = tab.evaluate(MOVE)
    assert len(moved) == 3 * sum(map(len, sliders.values()))
    for plot, which, output, place, spoken in moved:
        slider = sliders[plot][which]
        assert output == slider["steps"][place]["label"] + slider.get("currentvalue", {}).get("suffix", "")
        assert spoken.endswith(output)
    assert tab.evaluate(PRESS) == sum(len(menu["buttons"]) for menu in menus)


@needs_browser
@pytest.mark.parametrize("name", PAGES)
def test_a_browser_shows_every_page_at_both_widths_and_everything_on_it_moves(browser, folder, parsed, name):
    for width, dark in ((390, True), (1280, False)):
        with opened(browser, folder / name, width, dark) as tab:
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            if name not in CHAPTER_PAGES:
                continue
            scheme = tab.evaluate("document.documentElement.dataset.drawn")
            assert scheme == ("dark" if dark else "light")
            drawn = parsed[name].figures
            assert tab.evaluate(CUT_OFF) == []
            assert tab.evaluate("document.querySelectorAll('.plot.js-plotly-plot').length") == len(drawn)
            if not dark:
                check_controls(tab, drawn)


@needs_browser
def test_a_race_plays_from_its_start_and_pauses(browser, folder):
    find = "[...document.querySelectorAll('#controls-17 button')].find((b) => /%s/i.test(b.textContent))"
    place = "Number(document.querySelector('#controls-17 input').value)"
    rest = "new Promise((done) => setTimeout(() => done(true), 400))"
    with opened(browser, folder / CHAPTERS[5].page) as tab:
        last = tab.evaluate("Number(document.querySelector('#controls-17 input').max)")
        tab.evaluate(f"{find % 'play'}.click()")
        tab.wait(f"0 < {place} && {place} < {last}")
        tab.evaluate(f"{find % 'pause'}.click()")
        tab.evaluate(rest)
        stopped = tab.evaluate(place)
        tab.evaluate(rest)
        assert tab.evaluate(place) == stopped < last


@needs_browser
def test_lines_can_be_copied_or_are_at_least_selected(browser, folder):
    with opened(browser, folder / CHAPTERS[2].page) as tab:
        tab.evaluate("document.querySelector('#figure-6 details').open = true")
        tab.evaluate("document.querySelector('#figure-6 .copy').click()")
        tab.wait("document.querySelector('#figure-6 .copy').textContent !== 'Copy'")
        said = tab.evaluate("document.querySelector('#figure-6 .copy').textContent")
        if said == "Selected":
            assert tab.evaluate("getSelection().toString()").strip() == ENTRIES[6].code.strip()
        else:
            assert said == "Copied"
