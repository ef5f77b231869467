"""The race room's answers: those of the engine, whatever was asked before; its lines reproduce them."""

from __future__ import annotations

import contextlib
import io
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import couloir
from couloir.engine.optimizers import RULES
from couloir.studio.rooms.base import Context
from couloir.studio.rooms.race import running
from couloir.studio.rooms.race.room import RaceRoom
from couloir.studio.rooms.race.setup import MOST, TRIAL_STEPS, first_settings
from couloir.studio.wire import Answer
from couloir.surfaces import evaluation
from couloir.surfaces.endings import ENDINGS, endings_along, finishes
from couloir.surfaces.formulas import from_formula
from couloir.surfaces.functions import SURFACES
from couloir.surfaces.microscope import magnify
from couloir.surfaces.paths import Runner, follow, go_on
from couloir.surfaces.race import RATES, race
from studio_race import engine

NAMES = list(RULES)
TURNS = [[40, "adam", "learning_rate", 0.4], [40, "noise", "", 0.2], [90, "momentum", "momentum", 0.5]]


def room() -> RaceRoom:
    return RaceRoom(Context(Path()))


def ask(place: RaceRoom, name: str, **arguments: Any) -> Answer:
    return place.answer(name, arguments)


def test_the_settings_of_every_rule_have_ranges_and_every_surface_rates() -> None:
    assert {name for rule in RULES.values() for name in rule.defaults} == set(MOST)
    for rule in RULES.values():
        for name, value in rule.defaults.items():
            assert 0 <= value <= MOST[name]
    for surface in SURFACES.values():
        first = first_settings(surface)
        assert list(first) == NAMES
        for name, rule in RULES.items():
            assert {**first[name], "learning_rate": 0} == {**rule.defaults, "learning_rate": 0}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, surface in SURFACES.items() if surface.bounded])
def test_with_the_rates_it_begins_with_every_rule_descends(name: str) -> None:
    """A tenth of the way at least, AdaDelta's small steps apart, and nobody diverges."""
    paths = engine(name, [(500, {}, 0.0)])
    least = SURFACES[name].least
    assert least is not None
    left = (paths.losses[:, -1] - least) / (paths.losses[:, 0] - least)
    for rule, share, lost in zip(NAMES, left, paths.diverged, strict=True):
        assert lost is None
        assert share < (1.0 if rule == "adadelta" else 0.9), rule


def test_a_surface_is_told_with_its_pictures() -> None:
    found = ask(room(), "surface", surface="himmelblau")
    surface = SURFACES["himmelblau"]
    np.testing.assert_array_equal(found.arrays["contour"], evaluation.grid(surface, 101).z)
    np.testing.assert_array_equal(found.arrays["relief"], evaluation.grid(surface, 51).z)
    assert found.values["least"] == 0
    assert [tuple(each[:2]) for each in found.values["minima"]] == list(surface.minima)
    assert found.values["settings"]["adam"]["beta1"] == 0.9
    assert found.values["endings"] == ENDINGS
    other = ask(room(), "surface", surface="ravine", condition=7)
    assert other.values["equation"] == "½ (x² + 7 y²)"
    typed = ask(room(), "surface", surface="formula", formula="x² + 2y² + 1", domain=[-1, 1, -1, 2])
    assert typed.values["minima"] == [[0, 0, 1]]
    assert typed.values["least"] == 1
    assert typed.values["start"] == (-0.6, 1.4)


def test_blocks_are_the_engines_paths() -> None:
    place, whole = room(), engine("beale", [(150, {}, 0.0)])
    for first in range(0, 150, 50):
        found = ask(place, "advance", surface="beale", first=first, steps=50)
        part = slice(first, first + 51)
        np.testing.assert_array_equal(found.arrays["points"], whole.points[:, part])
        np.testing.assert_array_equal(found.arrays["above"], whole.losses[:, part])
        endings, minima = endings_along(whole, whole.surface.minima)
        np.testing.assert_array_equal(found.arrays["endings"], endings[:, part])
        np.testing.assert_array_equal(found.arrays["minima"], minima[:, part])


def test_turned_knobs_are_turned_at_their_step() -> None:
    given = {
        "surface": "rosenbrock",
        "seed": 3,
        "settings": {"sgd": {"learning_rate": 0.001}, "adam": {"beta1": 0.8}},
        "changes": TURNS,
    }
    found = ask(room(), "advance", **given, first=0, steps=120)
    whole = engine(
        "rosenbrock",
        [
            (40, given["settings"], 0.0),
            (50, {"adam": {"learning_rate": 0.4}}, 0.2),
            (30, {"momentum": {"momentum": 0.5}}, 0.2),
        ],
        seed=3,
    )
    np.testing.assert_array_equal(found.arrays["points"], whole.points)
    seen = ask(room(), "microscope", **given, rule="momentum", first=88, steps=4).values["steps"]
    assert [each["settings"]["momentum"] for each in seen] == [0.9, 0.9, 0.5, 0.5]


SETUPS = st.fixed_dictionaries(
    {
        "surface": st.sampled_from(["beale", "ravine"]),
        "seed": st.sampled_from([0, 1]),
        "noise": st.sampled_from([0.0, 0.3]),
        "settings": st.sampled_from([{}, {"adam": {"learning_rate": 0.3}}]),
        "changes": st.sampled_from([[], TURNS[:1], TURNS[:2], TURNS, [[0, "sgd", "learning_rate", 0.5]]]),
    }
)
QUESTIONS = st.lists(st.tuples(SETUPS, st.integers(0, 120), st.integers(1, 70)), min_size=1, max_size=5)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(QUESTIONS)
def test_an_answer_does_not_depend_on_what_was_asked_before(questions: list[Any]) -> None:
    place = room()
    for wanted, first, steps in questions:
        asked = {**wanted, "first": first, "steps": steps}
        found, fresh = ask(place, "advance", **asked), ask(room(), "advance", **asked)
        assert found.values == fresh.values
        for name, array in found.arrays.items():
            np.testing.assert_array_equal(array, fresh.arrays[name], err_msg=name)


def test_a_turned_knob_costs_only_the_steps_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    place, taken = room(), []
    # Steps that are taken twice change no answer: only who takes them can count them.
    monkeypatch.setattr(
        running, "go_on", lambda paths, n, *a, **k: taken.append(n) or go_on(paths, n, *a, **k)
    )
    ask(place, "advance", surface="beale", first=0, steps=200)
    ask(
        place, "advance", surface="beale", first=100, steps=100, changes=[[100, "sgd", "learning_rate", 0.02]]
    )
    ask(place, "microscope", surface="beale", rule="sgd", first=0, steps=64)
    assert taken == [200, 100]


def test_who_has_diverged_is_no_number_from_there_on_and_says_so() -> None:
    given = {"surface": "ravine", "settings": {"sgd": {"learning_rate": 0.1}}}
    place = room()
    found = ask(place, "advance", **given, first=0, steps=64)
    lost = engine("ravine", [(64, given["settings"], 0.0)]).diverged[0]
    points, endings = found.arrays["points"][0], found.arrays["endings"][0]
    assert np.all(np.isfinite(points[:lost]))
    assert np.all(np.isnan(points[lost:]))
    assert {ENDINGS[code] for code in endings[lost:]} == {"diverged"}
    assert ENDINGS[endings[lost - 1]] == "on its way"
    later = ask(place, "advance", **given, first=64, steps=10)
    assert np.all(np.isnan(later.arrays["above"][0]))
    assert np.all(np.isfinite(later.arrays["above"][6]))
    assert len(ask(place, "microscope", **given, rule="sgd", first=0, steps=64).values["steps"]) == lost - 1
    assert ask(place, "microscope", **given, rule="sgd", first=60, steps=4).values["steps"] == []


def test_endings_are_named_when_they_happen() -> None:
    found = ask(
        room(),
        "advance",
        surface="saddle",
        start=[1, 0],
        changes=[[150, "noise", "", 0.001]],
        first=0,
        steps=256,
    )
    names = [[ENDINGS[code] for code in runner] for runner in found.arrays["endings"]]
    sgd = names[NAMES.index("sgd")]
    assert sgd[150] == "stuck at a saddle"
    assert names[NAMES.index("momentum")][-1] == "escaped"


def test_the_microscope_shows_the_engines_numbers() -> None:
    place = room()
    given = {"surface": "beale", "noise": 0.1, "seed": 2}
    whole = engine("beale", [(30, {}, 0.1)], seed=2)
    for rule in NAMES:
        steps = ask(place, "microscope", **given, rule=rule, first=10, steps=3).values["steps"]
        for step, told in zip((11, 12, 13), steps, strict=True):
            seen = magnify(whole, NAMES.index(rule), step)
            assert told["step"] == step
            assert tuple(told["formula"]) == seen.formula
            assert (told["point"], told["gradient"], told["change"]) == (
                seen.point,
                seen.gradient,
                seen.change,
            )
            assert [row[2:] for row in told["rows"]] == [list(row.value) for row in seen.rows]
            change, downhill = (np.array(told["arrows"][each]) for each in ("change", "downhill"))
            times = told["arrows"]["enlarged"]
            np.testing.assert_allclose(change, times * np.array(seen.change))
            np.testing.assert_allclose(np.linalg.norm(downhill), np.linalg.norm(change))
            cosine = downhill @ -np.array(seen.gradient)
            assert cosine == pytest.approx(np.linalg.norm(downhill) * np.linalg.norm(seen.gradient))
            assert times == 1 or 0.9 <= np.linalg.norm(change) <= 2.25  # the domain's side is 9


def test_tuning_is_the_races() -> None:
    given = {"surface": "beale", "start": [1, 1.2], "settings": {"momentum": {"momentum": 0.5}}}
    found = ask(room(), "tune", **given, steps=100)
    raced = race("beale", steps=100, start=(1, 1.2), hyper={"momentum": {"momentum": 0.5}})
    assert found.values["chosen"] == {each.name: each.learning_rate for each in raced.runners}
    assert found.values["rules"] == [name for name in NAMES if name != "adadelta"]
    np.testing.assert_array_equal(found.arrays["rates"], RATES)
    for rule, losses in zip(found.values["rules"], found.arrays["above"], strict=True):
        expected = [t.loss if np.isfinite(t.loss) else np.nan for t in raced.tuning if t.rule == rule]
        np.testing.assert_array_equal(losses, expected)
    with pytest.raises(couloir.InputError, match="no rate is best"):
        ask(room(), "tune", surface="saddle", steps=50)


RACES: dict[str, dict[str, Any]] = {
    "plain": {"surface": "beale"},
    "turned": {"surface": "rosenbrock", "noise": 0.5, "seed": 4, "start": [-1.0, 0.5], "changes": TURNS},
    "settings": {"surface": "camel", "settings": {"adam": {"beta1": 0.5, "learning_rate": 0.2}}},
    "ravine": {"surface": "ravine", "condition": 20, "changes": [[200, "sgd", "learning_rate", 0.01]]},
    "formula": {"surface": "formula", "formula": "x² + 3y² + sin(3x) ", "domain": [-2, 3, -1, 1]},
}


def printed(code: str) -> tuple[dict[str, Any], str]:
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "lines", "exec"), names)
    return names, out.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("name", RACES)
def test_the_python_lines_give_the_same_numbers(name: str) -> None:
    place, wanted = room(), RACES[name]
    found = ask(place, "advance", **wanted, first=0, steps=150)
    code = ask(place, "code", **wanted, steps=150, rules=NAMES).values["code"]
    names, out = printed(code)
    np.testing.assert_array_equal(names["paths"].points, found.arrays["points"])
    assert [line.split()[0] for line in out.splitlines()] == NAMES
    some = ask(place, "code", **wanted, steps=150, rules=["adam", "sgd"]).values["code"]
    paths = printed(some)[0]["paths"]
    chosen = found.arrays["points"][[NAMES.index("adam"), NAMES.index("sgd")]]
    np.testing.assert_allclose(paths.points, chosen, rtol=1e-6, atol=1e-9)
    assert max(len(line) for line in code.splitlines()) < 130


HOSTILE: dict[str, tuple[str, dict[str, Any]]] = {
    "no surface 'nowhere'|surface 'nowhere'": ("surface", {"surface": "nowhere"}),
    "surface.*missing|'surface' is missing": ("surface", {}),
    "The formula is empty": ("surface", {"surface": "formula"}),
    "Column 1": ("surface", {"surface": "formula", "formula": "__import__('os')"}),
    "600 characters": ("surface", {"surface": "formula", "formula": "x" * 600}),
    "x0 < x1": ("surface", {"surface": "formula", "formula": "x", "domain": [1, 1, 0, 1]}),
    "'condition' is 0": ("surface", {"surface": "ravine", "condition": 0}),
    "'condition' is .* outside|outside its range": ("surface", {"surface": "ravine", "condition": 1e300}),
    "'steps' is 257": ("advance", {"surface": "beale", "first": 0, "steps": 257}),
    "'steps' is 0": ("advance", {"surface": "beale", "first": 0, "steps": 0}),
    "'first' is -1": ("advance", {"surface": "beale", "first": -1, "steps": 1}),
    "'first' is 1e.06": ("advance", {"surface": "beale", "first": 10**6, "steps": 1}),
    "'start' has 3 values": ("advance", {"surface": "beale", "first": 0, "steps": 1, "start": [1, 2, 3]}),
    "start.0.' is a word": ("advance", {"surface": "beale", "first": 0, "steps": 1, "start": ["a word", 1]}),
    "'noise' is -1": ("advance", {"surface": "beale", "first": 0, "steps": 1, "noise": -1}),
    "entry of 'settings' 'adamax'": (
        "advance",
        {"surface": "beale", "first": 0, "steps": 1, "settings": {"adamax": {}}},
    ),
    "entry of 'settings.sgd' 'momentum'": (
        "advance",
        {"surface": "beale", "first": 0, "steps": 1, "settings": {"sgd": {"momentum": 0.5}}},
    ),
    "'settings.adam.beta1' is 1,": (
        "advance",
        {"surface": "beale", "first": 0, "steps": 1, "settings": {"adam": {"beta1": 1}}},
    ),
    "'changes' has 101 values": (
        "advance",
        {"surface": "beale", "first": 0, "steps": 1, "changes": [[1, "noise", "", 0]] * 101},
    ),
    "order of their steps": (
        "advance",
        {"surface": "beale", "first": 0, "steps": 1, "changes": [[2, "noise", "", 0], [1, "noise", "", 0]]},
    ),
    "'changes.0.' is no change": ("advance", {"surface": "beale", "first": 0, "steps": 1, "changes": ["x"]}),
    "no changes.0..2. 'beta1'": (
        "advance",
        {"surface": "beale", "first": 0, "steps": 1, "changes": [[1, "sgd", "beta1", 0.5]]},
    ),
    "rule 'nobody'": ("microscope", {"surface": "beale", "rule": "nobody", "first": 0, "steps": 1}),
    "'steps' is 65": ("microscope", {"surface": "beale", "rule": "sgd", "first": 0, "steps": 65}),
    "'steps' is 100000": ("tune", {"surface": "beale", "steps": 100000}),
    "'rules' has 0 values": ("code", {"surface": "beale", "steps": 5, "rules": []}),
    "no question 'close'": ("close", {}),
    "no argument 'evil'": ("surface", {"surface": "beale", "evil": 1}),
}


@pytest.mark.parametrize("message", HOSTILE)
def test_what_cannot_be_answered_is_refused_in_a_sentence(message: str) -> None:
    name, arguments = HOSTILE[message]
    with pytest.raises(couloir.InputError, match=message):
        ask(room(), name, **arguments)


def test_far_starts_and_wild_settings_are_answered() -> None:
    for start in ([1e4, -1e4], [0.0, 0.0]):
        found = ask(
            room(),
            "advance",
            surface="beale",
            start=start,
            noise=100,
            settings={name: {"learning_rate": 1000} for name in NAMES},
            first=0,
            steps=64,
        )
        assert found.arrays["points"].shape == (8, 65, 2)
        assert np.isnan(found.arrays["points"][:3, -1]).all()
    found = ask(room(), "advance", surface="beale", first=4990, steps=64)
    assert (found.values["last"], found.arrays["above"].shape) == (5000, (8, 11))


def test_endings_over_blocks_are_those_of_the_race() -> None:
    found = ask(room(), "advance", surface="hills", first=0, steps=256)
    whole = engine("hills", [(256, {}, 0.0)])
    for runner, finish in enumerate(finishes(whole, whole.surface.minima)):
        assert ENDINGS[found.arrays["endings"][runner, -1]] == finish.ending


def test_twenty_rooms_at_once_are_answered_within_a_second() -> None:
    def run(number: int) -> float:
        place, slowest = room(), 0.0
        for block in range(4):
            began = time.perf_counter()
            ask(place, "advance", surface="beale", seed=number, noise=0.1, first=64 * block, steps=64)
            slowest = max(slowest, time.perf_counter() - began)
        return slowest

    run(0)
    with ThreadPoolExecutor(20) as pool:
        assert max(pool.map(run, range(20))) < 1


@pytest.mark.slow
def test_a_formulas_first_rates_come_down() -> None:
    surface = from_formula("(x − 1)² + 10 (y + x²)²", ((-2, 2), (-3, 3)))
    first = first_settings(surface)
    runners = [Runner(RULES[name], first[name]["learning_rate"]) for name in NAMES if name != "adadelta"]
    losses = follow(surface, runners, TRIAL_STEPS).losses
    assert np.all(losses[:, -1] < 0.2 * losses[:, 0])
