"""The drawing modules' own arithmetic, asked in the browser: words, ticks, level lines, paths, the player."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chromium
from couloir import text as words
from couloir.experiments.regression import line_fit
from couloir.studio.rooms import drawing
from studio_server import Served

pytestmark = [pytest.mark.slow, pytest.mark.skipif(chromium.PROGRAM is None, reason="there is no Chromium")]

Asker = Callable[[str], Any]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    """Evaluates an expression with every drawing module by its name."""
    modules = (
        "numbers",
        "dom",
        "heights",
        "growing",
        "strokes",
        "plane",
        "space",
        "chart",
        "playing",
        "relief",
    )
    loads = ", ".join(f"{name}: await import('/static/{name}.js')" for name in modules)
    with Served(tmp_path_factory.mktemp("runs")) as studio, chromium.Browser() as browser:
        tab = browser.open(studio.url())
        tab.wait("document.readyState === 'complete'")
        tab.evaluate(f"(async () => {{ Object.assign(globalThis, {{{loads}}}); }})()")
        yield lambda code: tab.evaluate(f"(async () => ({code}))()")
        assert not browser.errors


@pytest.mark.parametrize(
    "value", [0.0712, 1257.0, 4.1e-7, -0.5, 1e-4, 9.996, 123456.7, 1e9, 2.5e12, -31.0, 0.3355932, 0.99999]
)
@pytest.mark.parametrize("digits", [3, 4])
def test_a_number_reads_as_in_the_reports(ask: Asker, value: float, digits: int) -> None:
    # Whole numbers are shown whole.
    wanted = f"{int(value):,}".replace("-", "−") if value == int(value) and abs(value) < 1e9 else None
    assert ask(f"dom.shown({value!r}, {digits})") == (wanted or words.number(value, digits))


@pytest.mark.parametrize(
    ("axis", "most", "texts"),
    [
        ("-4.5, 4.5", 6, ["−4", "−2", "0", "2", "4"]),
        ("0, 0.0031", 4, ["0", "0.001", "0.002", "0.003"]),
        ("0, 3000", 4, ["0", "1,000", "2,000", "3,000"]),
        ("1e-4, 1, 'log'", 8, ["0.0001", "0.001", "0.01", "0.1", "1"]),
        ("0.8, 60, 'log'", 9, ["1", "2", "5", "10", "20", "50"]),
    ],
)
def test_ticks_are_round(ask: Asker, axis: str, most: int, texts: list[str]) -> None:
    assert ask(f"numbers.axis({axis}).ticks({most}).map((tick) => tick.text)") == texts


def test_ticks_are_few_and_inside(ask: Asker) -> None:
    for low, high in ((-7.3, 12.1), (1e-9, 3e-9), (0, 1e7), (2, 2.001)):
        ticks = ask(f"numbers.axis({low}, {high}).ticks(6)")
        assert 2 <= len(ticks) <= 7
        assert all(low - 1e-12 <= tick["value"] <= high * (1 + 1e-12) for tick in ticks)


@pytest.mark.parametrize("kind", ["linear", "log"])
def test_an_axis_goes_both_ways(ask: Asker, kind: str) -> None:
    shares = ask(
        f"(() => {{ const side = numbers.axis(0.01, 5, '{kind}');"
        "return [0, 0.2, 1].map((share) => side.share(side.value(share))); })()"
    )
    assert shares == pytest.approx([0, 0.2, 1])


def test_a_bowl_between_its_grid_points_is_exact(ask: Asker) -> None:
    """The refined loss of a parabola is the loss itself: level lines lie where they belong."""
    problem, side = line_fit(), lambda ends, count: np.linspace(*ends, count)
    ends = ((-2.0, 4.0), (-6.0, 8.0))

    def losses(rows: int, columns: int) -> np.ndarray:
        grid = np.stack(np.meshgrid(side(ends[0], columns), side(ends[1], rows)), axis=-1)
        return problem.loss(grid)

    z = losses(21, 25)
    fine = ask(
        f"(() => {{ const f = heights.refined({{ z: {z.ravel().tolist()}, shape: [21, 25] }},"
        "{ logarithmic: false }, 83, 71); return { z: Array.from(f.z), shape: f.shape }; })()"
    )
    assert fine["shape"] == [83, 71]
    np.testing.assert_allclose(fine["z"], losses(83, 71).ravel(), rtol=1e-9, atol=1e-10)


def test_a_loss_becomes_the_height_that_python_gives_it(ask: Asker) -> None:
    from couloir.figures import heights

    z = line_fit().loss(np.stack(np.meshgrid(np.linspace(-2, 4, 21), np.linspace(-6, 8, 21)), axis=-1))
    values = drawing.surface((-2, 4), (-6, 8), heights.scale(z, line_fit().least))
    found = ask(
        f"{json.dumps(z.ravel().tolist())}.map((loss) => heights.height({json.dumps(values['scale'])}, loss))"
    )
    np.testing.assert_allclose(found, heights.scale(z, line_fit().least).height(z).ravel(), rtol=1e-12)
    assert len(ask(f"heights.levels({json.dumps(values['scale'])})")) > 8


def test_level_lines_join_where_the_level_is(ask: Asker) -> None:
    """Of x² + y² the level 1 is a circle: every piece ends on it, and it is closed."""
    side = np.linspace(-1.5, 1.5, 31)
    z = (side[None, :] ** 2 + side[:, None] ** 2).ravel().tolist()
    pieces = ask(
        "(() => { const found = []; const note = (x, y) => found.push([x, y]);"
        "const pen = { moveTo: note, lineTo: note };"
        f"heights.traceLevels(pen, {{ z: {z}, shape: [31, 31] }}, {{ start: 1, size: 10 }}, [1],"
        "{ left: -1.5, right: 1.5, top: -1.5, bottom: 1.5 }); return found; })()"
    )
    np.testing.assert_allclose(np.hypot(*np.array(pieces).T), 1, atol=3e-3)
    ends = sorted(tuple(np.round(piece, 9)) for piece in pieces)
    assert ends[::2] == ends[1::2], "every end is the beginning of another piece"


def test_arrays_grow_and_are_cut(ask: Asker) -> None:
    found = ask(
        "(() => { const g = growing.growing(2, [1, 2]); for (let k = 0; k < 500; k += 1) g.push([k, -k]);"
        "const all = [g.count, g.values[1000], g.values[1001]]; g.cut(3); g.push([7, 8]);"
        "return [...all, g.count, g.values[6]]; })()"
    )
    assert found == [501, 499, -499, 4, 7]


def test_a_trail_draws_only_what_is_new_and_only_inside(ask: Asker) -> None:
    found = ask(
        """(() => {
          const calls = [];
          const pen = { beginPath() {}, stroke() {}, setLineDash() {},
            moveTo: (x, y) => calls.push(["to", x, y]), lineTo: (x, y) => calls.push(["line", x, y]) };
          const points = [[0, 0], [10, 0], [NaN, 0], [20, 20], [20, 30], [1e7, 30], [50, 50], [60, 50]];
          const line = { style: "#000000", dash: "solid", width: 1,
            box: { left: -5, right: 100, top: -5, bottom: 100 },
            at: (k, point) => { [point[0], point[1]] = points[k]; } };
          const trail = new strokes.Trail();
          trail.extend(pen, line, 2);
          const first = calls.splice(0);
          trail.extend(pen, line, points.length);
          return [first, calls];
        })()"""
    )
    assert found[0] == [["to", 0, 0], ["line", 10, 0]]
    kinds = [call[0] for call in found[1]]
    assert kinds == ["to", "line", "line", "to", "line", "line"]
    assert found[1][2] == ["line", pytest.approx(100), 30], "cut at the edge"
    assert found[1][3][1:] == [pytest.approx(100), pytest.approx(50, abs=1e-3)], "and in again"


def test_a_surface_hides_what_is_behind_it(ask: Asker) -> None:
    """A wall across the middle hides what stands close behind it, and nothing else."""
    z = np.zeros((51, 51))
    z[25] = 1.0
    told = ask(
        f"""(() => {{
          const surface = {{ x: [0, 1], y: [0, 1], z: {z.ravel().tolist()}, shape: [51, 51],
            scale: {{ logarithmic: false, low: 0, high: 1, start: 0.1, size: 0.1, ticks: [], labels: [] }} }};
          const r = new relief.Relief(surface);
          r.colours();
          const [rise, flat] = [Math.sin(1.1), Math.cos(1.1)];
          r.image({{ sine: 0, cosine: 1, rise, flat, unit: 100, left: 150, top: 200 }}, 300, 300);
          return [r.hides(0, 0.3, 0), r.hides(0, -0.3, 0), r.hides(0, -0.9, 0), r.hides(0, 0.95, 0)];
        }})()"""
    )
    assert told == [True, False, False, False]


def test_a_player_asks_for_more_and_waits_for_it(ask: Asker) -> None:
    found = ask(
        """await (async () => {
          const place = document.createElement("div");
          document.body.append(place);
          const asked = [], shown = [];
          const later = (milliseconds) => new Promise((go) => setTimeout(go, milliseconds));
          const wanting = async (from) => {
            await later(150);
            asked.push(from);
            play.know(Math.min(from + 30, 90));
          };
          const show = (step) => shown.push(step);
          const play = playing.player(place, { rate: 400, last: 90, wanting, show });
          play.know(0);
          play.play();
          await later(60);
          const waiting = play.node.dataset.state;
          while (play.playing) await later(20);
          const end = [play.step, play.node.dataset.step];
          play.seek(10);
          play.advance(-1);
          const text = play.output.textContent;
          play.close();
          const rising = shown.slice(0, -2).every((step, k) => !k || step > shown[k - 1]);
          return { asked, waiting, end, rising, text };
        })()"""
    )
    assert found["waiting"] == "waiting"
    assert found["asked"] == [0, 30, 60]
    assert found["end"] == [90, "90"]
    assert found["rising"]
    assert found["text"] == "step 9 of 90"


def test_nothing_in_space_or_plane_fails_on_holes_and_infinities(ask: Asker, tmp_path: Path) -> None:
    assert (
        ask(
            """await (async () => {
          const place = document.createElement("div");
          document.body.append(place);
          const z = Float64Array.from({ length: 121 }, (_, k) => (k < 12 ? NaN : k === 50 ? Infinity : k));
          const surface = { x: [0, 1], y: [0, 1], z, shape: [11, 11] };
          const points = growing.growing(2, [0.5, 0.5, 1e300, -1e300, NaN, 1]);
          const path = { name: "sgd", colour: "sgd", dash: "dash", symbol: "circle", points };
          const side = { low: 0, high: 1 };
          const flat = plane.plane(place, { label: "a", x: side, y: side });
          const made = [flat, space.space(place, { label: "b" })];
          for (const each of made) { each.heights(surface); each.paths([path]); each.show(2); }
          const losses = { label: "c", x: { name: "step" }, y: { name: "loss", kind: "log" } };
          const curve = chart.chart(place, losses);
          curve.series([{ name: "sgd", colour: "sgd", values: growing.growing(1, [1, Infinity, NaN]) }]);
          curve.show(2);
          await new Promise((go) => setTimeout(go, 400));
          const told = made.map((each) => each.node.dataset.heads).join() + curve.node.dataset.values;
          for (const each of [...made, curve]) each.close();
          return told;
        })()"""
        ).count('"lost":true')
        == 2
    )
