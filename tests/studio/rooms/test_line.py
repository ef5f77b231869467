"""The room 'line' against closed forms: its fit, bowl, descents and words, and the lines of Python."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from couloir.errors import InputError
from couloir.experiments.regression import CANDIDATES, line_fit
from couloir.studio.rooms.base import Context
from couloir.studio.rooms.line import LineRoom, points_of
from couloir.studio.server.pages import settings
from couloir.surfaces.functions import SEVEN_POINTS

SEVEN = [list(point) for point in SEVEN_POINTS]
X, Y = np.array(SEVEN).T
START = [-0.4, 4.0]
HESSIAN = 2 * np.array([[np.mean(X**2), np.mean(X)], [np.mean(X), 1]])
BEST = np.polyfit(X, Y, 1)


def line() -> LineRoom:
    return LineRoom(Context(Path("runs")))


def ask(name: str, **arguments: Any) -> Any:
    return line().answer(name, {"points": SEVEN, **arguments})


def run(share: float, steps: int = 1000, **arguments: Any) -> Any:
    rate = share * 2 / np.linalg.eigvalsh(HESSIAN)[1]
    return ask("descend", **{"line": START, "rate": rate, "steps": steps, **arguments})


# The fit --------------------------------------------------------------------------------------------------


def test_the_best_line_and_the_curvatures() -> None:
    found = ask("fit").values
    np.testing.assert_allclose([found["slope"], found["intercept"]], BEST, rtol=1e-11)
    assert found["least"] == pytest.approx(np.mean((Y - np.polyval(BEST, X)) ** 2), rel=1e-11)
    low, high = np.linalg.eigvalsh(HESSIAN)
    np.testing.assert_allclose(found["eigenvalues"], [low, high], rtol=1e-10)
    assert found["condition"] == pytest.approx(high / low, rel=1e-10)
    assert found["critical"] == pytest.approx(2 / high, rel=1e-10)
    assert found["best"] == pytest.approx(2 / (low + high), rel=1e-10)


def test_the_grid_is_the_loss_and_holds_the_best_line() -> None:
    answer = ask("fit")
    z, contour = answer.arrays["z"], answer.values["contour"]
    slopes, intercepts = np.linspace(*contour["x"], z.shape[1]), np.linspace(*contour["y"], z.shape[0])
    for row, column in ((0, 0), (0, 50), (50, 0), (25, 10)):
        line = slopes[column], intercepts[row]
        assert z[row, column] == pytest.approx(np.mean((Y - np.polyval(line, X)) ** 2), rel=1e-12)
    assert contour["x"][0] < BEST[0] < contour["x"][1]
    assert contour["y"][0] < BEST[1] < contour["y"][1]
    for line in CANDIDATES:
        assert contour["x"][0] < line[0] < contour["x"][1]
        assert contour["y"][0] < line[1] < contour["y"][1]


def test_a_frame_that_is_asked_for_is_kept() -> None:
    found = ask("fit", domain=[[0, 1], [-2, 2]]).values
    assert (found["contour"]["x"], found["contour"]["y"]) == ([0, 1], [-2, 2])
    assert (found["bowl"]["x"], found["bowl"]["y"]) == ([0, 1], [-2, 2])


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e5])
def test_any_points_have_a_picture(scale: float) -> None:
    points = [[scale * x, 3 + y / scale] for x, y in SEVEN]
    found = line().answer("fit", {"points": points})
    assert np.isfinite(found.arrays["z"]).all()
    for picture in ("contour", "bowl"):
        low, high = found.values[picture]["x"]
        assert low < found.values["slope"] < high
        assert found.values[picture]["scale"]["size"] > 0


# One line, and descents -----------------------------------------------------------------------------------


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_the_errors_of_a_line(candidate: tuple[float, float]) -> None:
    answer = ask("loss", line=list(candidate))
    errors = Y - (candidate[0] * X + candidate[1])
    np.testing.assert_allclose(answer.arrays["residuals"], errors, rtol=1e-12)
    assert answer.values["loss"] == pytest.approx(np.mean(errors**2), rel=1e-12)
    expected = [-2 * np.mean(X * errors), -2 * np.mean(errors)]
    np.testing.assert_allclose(answer.values["gradient"], expected, rtol=1e-12)


@pytest.mark.parametrize("share", [0.01, 0.5, 1.02])
def test_a_descent_is_its_closed_form(share: float) -> None:
    """W after k steps is W* + (I − αH)ᵏ (W₀ − W*)."""
    answer = run(share, steps=60)
    rate = share * 2 / np.linalg.eigvalsh(HESSIAN)[1]
    shrinks = np.eye(2) - rate * HESSIAN
    for step in (0, 1, 7, 60):
        expected = BEST + np.linalg.matrix_power(shrinks, step) @ (START - BEST)
        np.testing.assert_allclose(answer.arrays["weights"][step], expected, rtol=1e-9)
        loss = np.mean((Y - np.polyval(expected, X)) ** 2)
        assert answer.arrays["losses"][step] == pytest.approx(loss, rel=1e-9)
        np.testing.assert_allclose(answer.arrays["gradients"][step], HESSIAN @ (expected - BEST), rtol=1e-6)
    np.testing.assert_allclose(answer.values["factors"], 1 - rate * np.linalg.eigvalsh(HESSIAN), rtol=1e-9)


@pytest.mark.parametrize(
    ("share", "steps", "word"),
    [
        (0.01, 1000, "crawls"),
        (0.5, 200, "crawls"),
        (0.5, 1000, "converges"),
        (0.9, 5000, "converges"),
        (0.99999, 1000, "crawls"),
        (1.0001, 20, "diverges"),
        (1.05, 1000, "diverges"),
        (5.0, 1000, "diverges"),
    ],
)
def test_what_happened_is_named(share: float, steps: int, word: str) -> None:
    values = run(share, steps).values
    assert values["verdict"] == word
    assert word in values["sentence"]
    for bad in ("nan", "inf", "e+", "e-0"):
        assert bad not in values["sentence"]


def test_a_descent_that_overflows_ends_where_numbers_do() -> None:
    answer = run(5.0, 5000)
    assert answer.values["steps"] == len(answer.arrays["losses"]) - 1 < 5000
    assert np.isfinite(answer.arrays["losses"]).all()


def test_from_the_best_line_nothing_moves() -> None:
    answer = run(0.5, 10, line=[float(value) for value in line_fit().minimum])
    assert answer.values["verdict"] == "converges"
    np.testing.assert_allclose(answer.arrays["excess"], 0, atol=1e-15)


def test_the_python_lines_give_the_same_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = {"points": [*SEVEN, [6.0, -0.5]], "line": [0.1, 2.0], "rate": 0.021, "steps": 300}
    space: dict[str, Any] = {}
    exec(line().answer("code", arguments).values["code"], space)
    answer = line().answer("descend", arguments)
    np.testing.assert_array_equal(space["path"].weights, answer.arrays["weights"])
    np.testing.assert_array_equal(space["path"].losses, answer.arrays["losses"])
    fit = line().answer("fit", {"points": arguments["points"]}).values
    np.testing.assert_array_equal(space["problem"].minimum, [fit["slope"], fit["intercept"]])
    assert "least squares" in capsys.readouterr().out


def test_the_page_knows_the_same_points_and_candidates() -> None:
    for name, expected in (("SEVEN", SEVEN_POINTS), ("CANDIDATES", CANDIDATES)):
        found = re.search(rf"const {name} = (\[\[.*\]\]);", settings())
        assert found is not None
        assert [tuple(pair) for pair in json.loads(found[1])] == list(expected)


# Points from text, and mistakes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("1 2\n3 4.5", [(1, 2), (3, 4.5)]),
        ("1,2\n3,4.5\n", [(1, 2), (3, 4.5)]),
        ("x, y\n1, 2\n\n3, 4.5", [(1, 2), (3, 4.5)]),
        ("height;weight\n1,5;2\n3;4,5", [(1.5, 2), (3, 4.5)]),
        ("1\t2e1\n−3\t4", [(1, 20), (-3, 4)]),
        ("(1, 2)\n[3, 4]", [(1, 2), (3, 4)]),
    ],
)
def test_points_are_read(text: str, points: list[tuple[float, float]]) -> None:
    assert points_of(text) == points
    found = line().answer("read", {"text": text}).values["points"]
    assert found == points


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1 2\n3 four\n5 6", "Line 2 of the points is '3 four'"),
        ("1 2\n3 4 5", "Line 2"),
        ("1 2\n3 nan", "Line 2"),
        ("1 2\n3 1e9", "Line 2"),
        ("hello", "Line 1"),
        ("x y\n1 2", "1 point"),
        ("", "0 points"),
        ("1 2\n" * 501, "501 points"),
    ],
)
def test_what_is_no_list_of_points_is_told(text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=re.escape(sentence)):
        points_of(text)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("fit", {"points": [[1, 2]]}),
        ("fit", {"points": [[1, 2], [1, 3]]}),
        ("fit", {"points": [[1, 2], [1 + 1e-12, 3]]}),
        ("fit", {"points": [[1, 2], [3]]}),
        ("fit", {"points": [[1, 2], [3, 1e7]]}),
        ("fit", {"points": "all"}),
        ("fit", {"domain": [[1, 0], [0, 1]]}),
        ("fit", {"domain": [[0, 0], [0, 1]]}),
        ("loss", {"line": [1]}),
        ("descend", {"line": [1, 2], "rate": 0, "steps": 10}),
        ("descend", {"line": [1, 2], "rate": 0.1, "steps": 10**6}),
        ("code", {"line": [1, 2], "rate": "__import__('os')", "steps": 10}),
    ],
)
def test_a_mistake_is_one_sentence(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        ask(name, **arguments)
    assert str(caught.value).endswith(".")
