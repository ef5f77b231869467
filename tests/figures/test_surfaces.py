"""Drawings of surfaces, paths and steps show the numbers that they are given, checked against NumPy."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re

import numpy as np
import pytest

from couloir.engine.optimizers import RULES
from couloir.figures import animation, heights, theme
from couloir.figures.surfaces import race as surface_races
from couloir.figures.surfaces.bowl import bowl
from couloir.figures.surfaces.contours import contour
from couloir.figures.surfaces.losses import DEEPEST, path_losses
from couloir.figures.surfaces.microscope import angle, arrows, microscope, window
from couloir.figures.surfaces.tracks import SMALLEST, tracks, view
from couloir.surfaces.formulas import from_formula
from couloir.surfaces.functions import surface
from couloir.surfaces.microscope import magnify
from couloir.surfaces.paths import Runner, follow
from couloir.surfaces.race import race

RATE, BETA, STEPS = 0.002, 0.9, 60


def beale(x, y):
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def beale_slope(point):
    x, y = point
    parts = [(1.5 - x + x * y, y - 1, x), (2.25 - x + x * y**2, y**2 - 1, 2 * x * y)]
    parts.append((2.625 - x + x * y**3, y**3 - 1, 3 * x * y**2))
    return np.array([2 * sum(p * dx for p, dx, _ in parts), 2 * sum(p * dy for p, _, dy in parts)])


def momentum_path(start, look_ahead=False):
    """Points and velocities of momentum, or of Nesterov, by the formula in NumPy."""
    points, velocities = [np.array(start, float)], [np.zeros(2)]
    for _ in range(STEPS):
        asked = points[-1] - look_ahead * RATE * BETA * velocities[-1]
        velocities.append(BETA * velocities[-1] + beale_slope(asked))
        points.append(points[-1] - RATE * velocities[-1])
    return np.array(points), np.array(velocities)


@pytest.fixture(scope="module")
def paths():
    names = ("sgd", "momentum", "nesterov", "adam", "rmsprop")
    return follow("beale", [Runner(RULES[name], RATE) for name in names], STEPS)


@pytest.fixture(scope="module")
def raced():
    return race("ravine", ["momentum", "sgd", "adam"], 120, {"momentum": 0.01, "sgd": 0.2, "adam": 0.3})


def traces(figure, kind):
    return [trace for trace in figure.data if trace.type == kind]


def named(figure, name, mode="lines"):
    return [trace for trace in figure.data if trace.name == name and trace.mode == mode]


# Heights --------------------------------------------------------------------------------------------------


def test_a_wide_surface_has_the_logarithm_of_its_distance_from_the_least_as_height():
    losses = np.geomspace(1e-2, 1e3, 5000) - 4
    scale = heights.scale(losses, -4.0)
    assert scale.logarithmic
    np.testing.assert_allclose(scale.height(losses), np.log10(losses + 4 + scale.floor), rtol=1e-12)
    # The floor is what a thousandth of the values lie below.
    assert np.mean(losses + 4 < scale.floor) == pytest.approx(0.001, abs=3e-4)
    # A path that is lower than the least by rounding still has a height.
    assert scale.height(-4 - 1e-15) == pytest.approx(math.log10(scale.floor))


def test_a_surface_without_a_least_or_not_wide_is_its_own_height():
    for losses, least in ((np.linspace(-2, 2, 50), None), (np.linspace(1, 9, 50), 0.0)):
        scale = heights.scale(losses, least)
        assert not scale.logarithmic
        np.testing.assert_array_equal(scale.height(losses), losses)


@pytest.mark.parametrize("decades", [2.2, 3, 5, 9])
@pytest.mark.parametrize("least", [0.0, -78.3])
def test_ticks_stand_where_their_losses_are_and_levels_are_neither_few_nor_many(decades, least):
    scale = heights.scale(least + np.geomspace(1, 10**decades, 4000), least)
    positions, labels = scale.ticks()
    assert 2 <= len(positions) <= 7
    assert scale.low <= positions[0] <= positions[-1] <= scale.high + 1e-9
    # A label has three digits; undoing the logarithm gives it back.
    for position, label in zip(positions, labels, strict=True):
        shown = float(label.replace(",", "").replace("−", "-")) if "×" not in label else None
        if shown is not None:
            assert 10**position - scale.floor + least == pytest.approx(shown, rel=6e-3, abs=6e-3)
    levels = scale.contours()
    count = (levels["end"] - levels["start"]) / levels["size"]
    assert 8 <= count <= 1.4 * heights.LEVELS
    assert scale.low <= levels["start"]


def test_round_numbers_are_multiples_of_1_2_or_5():
    for low, high in ((-2.25, 2.25), (0.013, 0.094), (-7, 4300)):
        found = heights.scale(np.linspace(low, high, 9), None).ticks()[0]
        steps = np.diff(found)
        np.testing.assert_allclose(steps, steps[0], rtol=1e-9)
        assert round(steps[0] / 10 ** math.floor(math.log10(steps[0]) + 1e-9), 6) in (1, 2, 5)
        assert low <= found[0] <= found[-1] <= high


@pytest.mark.parametrize(("middle", "span"), [(0.0, 1e-14), (0.5, 2e-16), (3.0, 0.0)])
def test_nearly_level_ground_has_level_lines_too(middle, span):
    """As around a step that has all but arrived: losses differ in their last digits."""
    levels = heights.scale(middle + span * np.linspace(-1, 1, 5), None).contours()
    assert levels["size"] > 0
    assert (levels["end"] - levels["start"]) / levels["size"] <= 1.4 * heights.LEVELS


# Level lines ----------------------------------------------------------------------------------------------


def test_level_lines_are_those_of_the_function(paths):
    (levels,) = traces(contour(surface("beale"), paths).figure, "contour")
    x, y = np.meshgrid(levels.x, levels.y)
    np.testing.assert_allclose(levels.customdata, beale(x, y), rtol=1e-6)
    scale = heights.scale(beale(x, y), 0.0)
    np.testing.assert_allclose(levels.z, np.log10(beale(x, y) + scale.floor), atol=1e-5)
    assert levels.contours.size in heights.STEPS


def test_a_path_is_drawn_point_by_point_in_its_rules_style(paths):
    figure = contour(surface("beale"), paths).figure
    expected, _ = momentum_path(surface("beale").start)
    (line,) = named(figure, "momentum")
    np.testing.assert_allclose(np.transpose([line.x, line.y]), expected, rtol=1e-5)
    (head,) = named(figure, "momentum", "markers")
    np.testing.assert_allclose([head.x[0], head.y[0]], expected[-1], rtol=1e-5)
    style = theme.rule_style("momentum")
    assert (line.line.color, line.line.dash, head.marker.symbol) == (style.colour, style.dash, style.symbol)
    (start,) = named(figure, "start", "markers")
    assert (start.x[0], start.y[0]) == surface("beale").start


def test_the_picture_holds_every_point_and_the_lowest_minimum(paths):
    ground, drawn = surface("beale"), tracks(paths)
    (a, b), (c, d) = view(ground, drawn).domain
    places = [*paths.points.reshape(-1, 2), (3.0, 0.5)]
    assert all(a <= x <= b and c <= y <= d for x, y in places)
    assert a >= -4.5
    assert d <= 4.5
    assert b - a >= 9 * SMALLEST - 1e-9
    assert view(ground, []).domain == ground.domain


def test_the_same_rule_twice_has_two_looks_and_its_rates_for_names():
    runners = [Runner(RULES["sgd"], rate) for rate in (0.001, 0.01, 0.3)]
    found = follow("beale", runners, 20)
    drawn = tracks(found)
    assert [track.label for track in drawn] == ["sgd, rate 0.001", "sgd, rate 0.01", "sgd, rate 0.3"]
    assert len({track.style for track in drawn}) == 3
    assert all(track.style.colour in {light for light, _ in theme.PALETTE.values()} for track in drawn)
    starts = [Runner(RULES["sgd"], 0.01, start=place) for place in ((1.0, 1.0), (-1.0, 0.5))]
    labels = [track.label for track in tracks(follow("beale", starts, 5))]
    assert labels == ["sgd from (1, 1)", "sgd from (−1, 0.5)"]
    assert [t.label for t in tracks(found, ["low", "right", "high"])] == ["low", "right", "high"]


def test_a_path_that_diverged_ends_where_it_was_lost():
    found = follow("beale", [Runner(RULES["sgd"], 0.3), Runner(RULES["adam"], 0.1)], 20)
    lost, kept = tracks(found)
    assert found.diverged[0] is not None
    assert lost.last == found.diverged[0] - 1
    assert kept.last == 20
    chart = contour(surface("beale"), found)
    (line,) = named(chart.figure, "sgd")
    assert len(line.x) == found.diverged[0]
    assert f"Diverged: sgd at step {found.diverged[0]}." in chart.sentence
    assert "sgd" not in chart.sentence.split("Diverged")[0].split("Loss after")[1]


def test_the_sentence_has_the_losses_at_the_end_lowest_first(paths):
    sentence = contour(surface("beale"), paths).sentence
    told = re.findall(r"(\w+) ([\d.]+)(?=,| and|\.)", sentence.split("Loss after 60 steps: ")[1])
    ends = {r.rule.name: beale(*p) for r, p in zip(paths.runners, paths.points[:, -1], strict=True)}
    assert [name for name, _ in told] == sorted(ends, key=ends.__getitem__)
    for name, loss in told:
        assert float(loss.rstrip(".")) == pytest.approx(ends[name], rel=6e-3)


def test_of_many_minima_only_the_lowest_is_marked():
    figure = contour(surface("rastrigin")).figure
    (mark,) = named(figure, "minimum", "markers")
    assert (mark.x[0], mark.y[0]) == (0, 0)


def test_a_path_in_space_lies_just_above_the_surface(paths):
    chart = bowl(surface("beale"), paths)
    (ground,) = traces(chart.figure, "surface")
    scale = heights.scale(ground.customdata, 0.0)
    lines = {trace.name: trace for trace in traces(chart.figure, "scatter3d")}
    line = lines["momentum"]
    expected = np.log10(beale(*momentum_path(surface("beale").start)[0].T) + scale.floor)
    lift = np.asarray(line.z, float) - expected
    np.testing.assert_allclose(lift, 0.012 * (scale.high - scale.low), atol=1e-4)
    assert "logarithm" in chart.sentence
    assert chart.figure.layout.scene.zaxis.title.text == "loss (log)"


def test_a_path_in_space_stops_where_it_leaves_the_domain():
    found = follow("saddle", [Runner(RULES["sgd"], 0.1)], 60)
    chart = bowl(surface("saddle"), found)
    (line,) = traces(chart.figure, "scatter3d")
    outside = np.abs(found.points[0, :, 1]) > surface("saddle").domain[1][1]
    assert outside.any()
    assert [height is None for height in line.z] == outside.tolist()


def test_losses_are_drawn_above_the_least():
    found = follow("camel", [Runner(RULES["sgd"], 0.01)], 30)
    figure = path_losses(surface("camel"), found).figure
    (line,) = named(figure, "sgd")
    x, y = found.points[0].T
    loss = (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2
    np.testing.assert_allclose(line.y, loss + 1.031628453489877, rtol=1e-5, atol=1e-11)
    assert figure.layout.yaxis.type == "log"
    assert figure.layout.yaxis.title.text == "loss above the least"


# Motion ---------------------------------------------------------------------------------------------------


def test_points_left_out_of_a_frame_cannot_be_told_from_those_kept():
    turns = np.linspace(0, 20, 800)
    points = np.transpose([turns * np.cos(turns), turns * np.sin(turns)]) / 20
    kept = animation.told_apart(points, (2.0, 2.0))
    assert kept[0] == 0
    assert kept[-1] == 799
    assert 2 < len(kept) < 800
    for first, last in itertools.pairwise(kept):
        gaps = np.hypot(*((points[first:last] - points[first]) / 2).T)
        assert gaps.max() <= animation.APART


def test_frames_are_few_and_show_the_step_they_are_called_after(raced):
    figure = surface_races.surface_race(raced).figure
    assert len(figure.frames) == animation.FRAMES
    assert [step.label for step in figure.layout.sliders[0].steps] == [f.name for f in figure.frames]
    assert figure.frames[0].name == "0"
    assert figure.frames[-1].name == "120"
    assert [b.label for b in figure.layout.updatemenus[0].buttons] == ["Slow", "Play", "Fast", "Pause"]
    for frame in figure.frames[::7]:
        step = int(frame.name)
        for number, finish in enumerate(raced.runners):
            line, head = frame.data[2 * number], frame.data[2 * number + 1]
            # A rule that diverged stays where it was lost.
            now = min(step, (finish.diverged or 121) - 1)
            np.testing.assert_allclose([line.x[-1], line.y[-1]], finish.path[now], rtol=1e-3, atol=1e-12)
            np.testing.assert_allclose([head.x[0], head.y[0]], finish.path[now], rtol=1e-3, atol=1e-12)
            assert figure.data[frame.traces[2 * number]].name == finish.name
            losses = frame.data[6 + 2 * number]
            assert losses.x[-1] == now
            assert losses.y[-1] == pytest.approx(max(finish.losses[now], DEEPEST), rel=1e-3)


def test_what_a_page_plays_is_whole_and_without_plotlys_own_controls(raced):
    content = json.loads(surface_races.surface_race(raced).figure.to_json())
    shown = animation.for_page(content)
    assert set(shown) == {"data", "layout"}
    assert not {"sliders", "updatemenus"} & set(shown["layout"])
    player = shown["layout"]["meta"]["player"]
    assert player["steps"] == 120
    for line, head in zip(player["lines"], player["heads"], strict=True):
        first, last = shown["data"][line], shown["data"][head]
        assert len(first["x"]) == {"sgd": raced.runner("sgd").diverged}.get(first["name"], 121)
        assert [first["x"][-1], first["y"][-1]] == [last["x"][0], last["y"][0]]


def test_the_losses_of_a_race_stand_alone_too(raced):
    figure = surface_races.race_losses(raced).figure
    for finish in raced.runners:
        (line,) = named(figure, finish.name)
        np.testing.assert_allclose(line.y, finish.losses[: len(line.y)], rtol=1e-5, atol=2e-12)
        assert len(line.y) == (finish.diverged or 121)


def test_the_race_is_told_by_arrival(raced):
    arrivals = {}
    for finish in raced.runners:
        away = np.hypot(finish.path[:, 0] / 4, finish.path[:, 1] / 3) > 0.01
        if not away[-1]:
            arrivals[finish.name] = int(np.flatnonzero(away)[-1]) + 1
    assert set(arrivals) == {"momentum", "adam"}
    order = sorted(arrivals, key=arrivals.__getitem__)
    text = surface_races.race_words(raced)
    assert text.startswith(f"First to arrive is {order[0]}, at step {arrivals[order[0]]}, ")
    assert f"then {order[1]} at {arrivals[order[1]]}." in text
    assert text.endswith("sgd diverged.")


def test_the_response_marks_the_rate_that_raced_and_leaves_out_what_diverged():
    found = race("ravine", ["sgd", "adam"], 40)
    chart = surface_races.race_response(found)
    for finish, trace in zip(found.runners, chart.figure.data, strict=True):
        tried = [t for t in found.tuning if t.rule == finish.name and math.isfinite(t.loss)]
        assert list(trace.x) == [t.learning_rate for t in tried]
        marked = [x for x, size in zip(trace.x, trace.marker.size, strict=True) if size == 14]
        assert marked == [finish.learning_rate]
    # On ½(x² + 50y²) plain gradient descent diverges beyond 2/50, if only given the steps to show it.
    lost = sum(t.diverged is not None for t in found.tuning if t.rule == "sgd")
    assert lost > 0
    assert f"sgd at {lost} of {len(found.tuning) // 2}" in chart.sentence
    given = race("ravine", ["sgd"], 5, 0.01)
    assert surface_races.race_response(given).figure is None


def test_without_a_known_least_loss_the_response_names_no_range():
    """Ten times a best loss below 0 is no range around it."""
    bent = from_formula("x^2 + y^2 - 5", ((-2, 2), (-1, 1)))
    found = race(dataclasses.replace(bent, minima=(), least=None), ["sgd", "adam"], 20)
    chart = surface_races.race_response(found)
    assert chart.sentence.startswith("The large mark is the rate that raced.")
    assert "span a factor" not in chart.sentence


# The microscope -------------------------------------------------------------------------------------------


def test_the_arrows_of_momentum_add_up(paths):
    step = 7
    points, velocities = momentum_path(surface("beale").start)
    carried, added, change = arrows(magnify(paths, 1, step))
    np.testing.assert_allclose(carried.tail, points[step - 1], rtol=1e-9)
    middle = points[step - 1] - RATE * BETA * velocities[step - 1]
    np.testing.assert_allclose(carried.tip, middle, rtol=1e-9)
    np.testing.assert_allclose(added.tip - added.tail, -RATE * beale_slope(points[step - 1]), rtol=1e-9)
    np.testing.assert_allclose(change.tip, points[step], rtol=1e-9)


def test_nesterovs_gradient_stands_at_the_look_ahead_point(paths):
    step = 7
    points, velocities = momentum_path(surface("beale").start, look_ahead=True)
    asked = points[step - 1] - RATE * BETA * velocities[step - 1]
    chart = microscope(magnify(paths, 2, step))
    (mark,) = named(chart.figure, "look-ahead, where g is taken", "markers")
    np.testing.assert_allclose([mark.x[0], mark.y[0]], asked, rtol=1e-9)
    _, added, _ = arrows(magnify(paths, 2, step))
    np.testing.assert_allclose(added.tip - added.tail, -RATE * beale_slope(asked), rtol=1e-9)


@pytest.mark.parametrize("runner", [3, 4])
def test_adaptive_rules_show_directions_as_long_as_the_change(paths, runner):
    step = magnify(paths, runner, 9)
    found = arrows(step)
    assert len(found) == (3 if runner == 3 else 2)
    length = np.linalg.norm(step.change)
    for arrow in found:
        assert np.linalg.norm(arrow.tip - arrow.tail) == pytest.approx(length)
    down = -beale_slope(step.point)
    np.testing.assert_allclose(
        (found[0].tip - found[0].tail) / length, down / np.linalg.norm(down), rtol=1e-7
    )
    cosine = down @ np.array(step.change) / np.linalg.norm(down) / length
    assert angle(step) == pytest.approx(math.degrees(math.acos(cosine)), abs=1e-4)
    assert f"{math.degrees(math.acos(cosine)):.0f}° away from −g" in microscope(step).sentence


def test_plain_gradient_descent_is_one_arrow_straight_down(paths):
    step = magnify(paths, 0, 3)
    assert len(arrows(step)) == 1
    assert angle(step) == pytest.approx(0, abs=1e-6)
    assert "straight down the gradient" in microscope(step).sentence


def test_the_window_is_a_square_that_holds_every_arrow(paths):
    for runner in range(5):
        step = magnify(paths, runner, 5)
        (a, b), (c, d) = window(step, arrows(step)).domain
        assert b - a == pytest.approx(d - c)
        for x, y in [step.asked, *(end for arrow in arrows(step) for end in (arrow.tail, arrow.tip))]:
            assert a < x < b
            assert c < y < d
        assert microscope(step).figure.layout.yaxis.scaleanchor == "x"


def test_a_step_of_no_length_is_drawn_too():
    """On the ridge of the saddle the gradient along y is zero; at the saddle itself it is zero at all."""
    found = follow("saddle", [Runner(RULES["adam"], 0.1, start=(0.0, 0.0))], 2)
    chart = microscope(magnify(found, 0, 1))
    assert "the loss stays at 0" in chart.sentence
    assert angle(magnify(found, 0, 1)) is None


# Looks ----------------------------------------------------------------------------------------------------


def test_every_colour_has_a_dark_partner(paths, raced):
    charts = [
        contour(surface("beale"), paths),
        bowl(surface("beale"), paths),
        surface_races.surface_race(raced),
        microscope(magnify(paths, 2, 4)),
    ]
    both = {light for light, dark in theme.PALETTE.values() if light != dark}
    for chart in charts:
        text = json.dumps(theme.exchange(json.loads(chart.figure.to_json())))
        left = set(re.findall(r'#[0-9a-f]{6}(?=")', text)) & both
        assert not left, (chart.name, left)
        assert any(character.isdigit() for character in chart.alt)


@pytest.mark.slow
def test_a_race_of_eight_rules_is_not_heavy():
    found = race("ravine", None, 500, 0.005)
    assert len(surface_races.surface_race(found).figure.to_json()) < 1.3e6
