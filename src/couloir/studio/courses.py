"""A race with knobs that are turned while it runs: what is to be run, and the running of it.

A `Course` says everything: the surface, the start, the settings of each rule and the noise, and every change
of them with the step after which it holds. It belongs to the page's state, so that an address, an export and
the Python lines reproduce the race. A `Track` runs a course as far as is asked, and keeps what it has run: a
knob that is turned at a step costs the steps after it alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from couloir.engine.optimizers import RULES
from couloir.errors import InputError
from couloir.studio import asking
from couloir.surfaces import functions
from couloir.surfaces.evaluation import Domain, Point, Surface
from couloir.surfaces.formulas import from_formula
from couloir.surfaces.functions import SURFACES
from couloir.surfaces.paths import Paths, Runner, begin, follow, go_on
from couloir.surfaces.race import RATES, UNTUNED

LONGEST = 5000
"""Steps of the longest race."""

MOST_CHANGES = 100
"""Turns of knobs in one race."""

TRIAL_STEPS = 192
"""Steps in which the rates that the room begins with are found for a formula."""

NEARLY = 0.02
"""Of the descent from the start to the lowest, what may be left."""

Settings = dict[str, dict[str, float]]
"""Every setting of every rule, by the rule's name."""

RANGES: Mapping[str, tuple[float, float]] = {
    "learning_rate": (0.0, 1000.0),
    "momentum": (0.0, 0.9999),
    "decay": (0.0, 0.9999),
    "beta1": (0.0, 0.9999),
    "beta2": (0.0, 0.99999),
    "epsilon": (0.0, 10.0),
    "weight_decay": (0.0, 10.0),
}
"""Least and greatest of every setting; a test holds that each setting of each rule is here."""

NOISE = (0.0, 100.0)

_RATES: Mapping[str, tuple[float, float, float, float, float]] = {
    "line-fit": (0.06, 0.01, 1.0, 0.05, 0.15),
    "ravine": (0.03, 0.004, 0.5, 0.03, 0.08),
    "saddle": (0.02, 0.02, 0.1, 0.02, 0.02),
    "beale": (0.01, 0.003, 0.5, 0.02, 0.08),
    "rosenbrock": (0.002, 0.0015, 1.0, 0.02, 0.3),
    "himmelblau": (0.01, 0.003, 0.5, 0.05, 0.15),
    "rastrigin": (0.002, 0.0005, 0.3, 0.02, 0.1),
    "camel": (0.02, 0.01, 0.3, 0.02, 0.08),
    "styblinski-tang": (0.01, 0.004, 0.5, 0.05, 0.2),
    "hills": (0.2, 0.05, 0.3, 0.05, 0.1),
    "neuron": (8.0, 2.0, 0.5, 0.1, 0.2),
}
"""The learning rates that the room begins with: of gradient descent, of the two with momentum, of AdaGrad,
of RMSprop, of Adam and AdamW. Chosen so that paths can be told apart, not tuned; AdaDelta has its own."""


def _change(value: Any, name: str) -> tuple[int, str, str, float]:
    """A change: [step, rule, setting, value], or [step, "noise", "", value]."""
    if not isinstance(value, list) or len(value) != 4:
        raise InputError(f"'{name}' is no change: give [step, rule, setting, value].")
    step = asking.whole(0, LONGEST)(value[0], f"{name}[0]")
    rule = asking.choice((*RULES, "noise"))(value[1], f"{name}[1]")
    if rule == "noise":
        return step, rule, "", asking.number(*NOISE)(value[3], f"{name}[3]")
    setting = asking.choice(RULES[rule].defaults)(value[2], f"{name}[2]")
    return step, rule, setting, asking.number(*RANGES[setting])(value[3], f"{name}[3]")


_SETTINGS = {
    name: asking.named(tuple(rule.defaults), {each: asking.number(*RANGES[each]) for each in rule.defaults})
    for name, rule in RULES.items()
}
_FAR = asking.number(-1e4, 1e4)


@dataclass(frozen=True, kw_only=True)
class Where:
    """A surface.

    Attributes:
        surface: a name in `SURFACES`, or "formula".
        condition: κ of the ravine.
        formula: the formula's text.
        domain: [x0, x1, y0, y1] of the formula.
    """

    surface: str = asking.argument(asking.choice((*SURFACES, "formula")))
    condition: float = asking.argument(asking.number(1, 1e4), 50.0)
    formula: str = asking.argument(asking.text(10_000), "")
    domain: tuple[float, float, float, float] = asking.argument(
        asking.several(_FAR, 4, 4), (-2.0, 2.0, -2.0, 2.0)
    )

    def ground(self) -> Surface:
        """The surface itself.

        Raises:
            InputError: the formula is none, or its domain has no extent.
        """
        if self.surface == "formula":
            return from_formula(self.formula, self.sides)
        return functions.ravine(self.condition) if self.surface == "ravine" else SURFACES[self.surface]

    @property
    def sides(self) -> Domain:
        """The formula's domain as two pairs."""
        x0, x1, y0, y1 = self.domain
        return (x0, x1), (y0, y1)


@dataclass(frozen=True, kw_only=True)
class Course(Where):
    """What is to be run.

    Attributes:
        start: where all begin; None: at the surface's customary start.
        seed: of the noise.
        noise: standard deviation of the gradients' noise at the beginning.
        settings: of the rules at the beginning, where they differ from `first_settings`.
        changes: (step, rule, setting, value) in the order of their steps: after so many steps the setting has
            another value; of the noise (step, "noise", "", value).
    """

    start: Point | None = asking.argument(asking.optional(asking.pair(-1e4, 1e4)), None)
    seed: int = asking.argument(asking.whole(0, 2**31 - 1), 0)
    noise: float = asking.argument(asking.number(*NOISE), 0.0)
    settings: Settings | None = asking.argument(asking.optional(asking.named(tuple(RULES), _SETTINGS)), None)
    changes: tuple[tuple[int, str, str, float], ...] = asking.argument(
        asking.several(_change, 0, MOST_CHANGES), ()
    )

    def __post_init__(self) -> None:
        """Refuse changes that are not in the order of their steps."""
        if any(before[0] > after[0] for before, after in pairwise(self.changes)):
            raise InputError("The 'changes' are not in the order of their steps: sort them.")

    def legs(self, ground: Surface) -> list[Leg]:
        """The stretches between changes, each with all that holds there; the first begins at step 0."""
        settings, noise = first_settings(ground), self.noise
        for rule, own in (self.settings or {}).items():
            settings[rule].update(own)
        legs = [Leg(0, settings, noise)]
        for step, rule, name, value in self.changes:
            settings = {each: dict(own) for each, own in legs[-1].settings.items()}
            if rule == "noise":
                noise = value
            else:
                settings[rule][name] = value
            if step == legs[-1].first:
                legs.pop()
            legs.append(Leg(step, settings, noise))
        return legs


class Leg(NamedTuple):
    """A stretch of a race on which nothing changes: the steps it is taken after, settings, noise."""

    first: int
    settings: Settings
    noise: float


def first_settings(ground: Surface) -> Settings:
    """What every rule begins with on a surface."""
    rates = _first_rates(ground)
    return {name: {**rule.defaults, "learning_rate": rates[name]} for name, rule in RULES.items()}


@lru_cache(maxsize=64)
def _first_rates(ground: Surface) -> dict[str, float]:
    if ground.name in _RATES:
        plain, velocity, adagrad, rmsprop, adam = _RATES[ground.name]
        return {
            "sgd": plain,
            "momentum": velocity,
            "nesterov": velocity,
            "adagrad": adagrad,
            "adadelta": 1.0,
            "rmsprop": rmsprop,
            "adam": adam,
            "adamw": adam,
        }
    return _found_rates(ground)


def _found_rates(ground: Surface) -> dict[str, float]:
    """For each rule the least rate that comes down nearly as far as any does, else the one that comes lowest.

    All rules run together, each rate in turn.
    """
    rates = np.array(RATES[::2])
    ends = []
    for rate in rates.tolist():
        paths = follow(ground, [Runner(rule, rate) for rule in RULES.values()], TRIAL_STEPS)
        lost = np.array([step is not None for step in paths.diverged])
        ends.append(np.where(lost, np.inf, paths.losses[:, -1]))
    lowest, begun = float(np.min(ends)), float(paths.losses[0, 0])
    enough = lowest + NEARLY * (begun - lowest)
    chosen = {}
    for name, losses in zip(RULES, np.array(ends).T, strict=True):
        low = np.flatnonzero(losses <= enough)
        chosen[name] = float(rates[low[0] if len(low) else int(np.argmin(losses))])
    return {**chosen, **dict.fromkeys(UNTUNED, 1.0)}


class Track:
    """A course as far as it has been run."""

    def __init__(self) -> None:
        """Nothing has been run."""
        self._key: Any = None
        self._legs: list[Leg] = []
        self._paths: Paths | None = None

    def run(self, course: Course, steps: int) -> Paths:
        """The course's paths, at least so many steps of them.

        What was run before is kept as far as it belongs to this course too. A path that is longer already is
        given as it is.

        Raises:
            InputError: the formula is none, or the start is no place on the surface.
        """
        ground = course.ground()
        key, legs = (ground, course.start, course.seed), course.legs(ground)
        paths = self._kept(key, legs)
        if paths is None:
            paths = begin(ground, runners(course.start, legs[0].settings), seed=course.seed)
        ends = [leg.first for leg in legs[1:]] + [steps]
        for leg, end in zip(legs, ends, strict=True):
            wanted = min(end, steps) - paths.steps
            if wanted > 0:
                paths = go_on(paths, wanted, leg.settings, noise=leg.noise)
        self._key, self._legs, self._paths = key, legs, paths
        return paths

    def _kept(self, key: Any, legs: Sequence[Leg]) -> Paths | None:
        """What has been run and is the same in a course of these legs; None: nothing."""
        if self._paths is None or key != self._key:
            return None
        same = _agreement(self._legs, legs)
        return self._paths.until(min(same, self._paths.steps))


def _agreement(some: Sequence[Leg], others: Sequence[Leg]) -> int:
    """Up to which step two courses are the same."""
    edges = sorted({leg.first for leg in (*some, *others)})
    for edge in edges:
        here = [next(leg for leg in reversed(legs) if leg.first <= edge) for legs in (some, others)]
        if here[0][1:] != here[1][1:]:
            return edge
    return LONGEST


def runners(start: Point | None, settings: Settings) -> list[Runner]:
    """The eight rules with their settings."""
    made = []
    for name, rule in RULES.items():
        hyper = dict(settings[name])
        made.append(Runner(rule, hyper.pop("learning_rate"), hyper, start))
    return made


def lost_as_nan(paths: Paths, values: np.ndarray, first: int) -> np.ndarray:
    """Values [runner, step from ``first`` on, …] with NaN from the step on that a runner could not take."""
    told = values.copy()
    for runner, lost in enumerate(paths.diverged):
        if lost is not None:
            told[runner, max(lost - first, 0) :] = np.nan
    return told


# As Python lines ----------------------------------------------------------------------------------------


def python_lines(course: Course, steps: int, rules: Sequence[str]) -> str:
    """Python that runs so many steps of the course for some rules, and prints how low each has come."""
    ground = course.ground()
    start = tuple(course.start or ground.start)
    legs = [leg for leg in course.legs(ground) if leg.first < steps]
    imports, surface = _surface_line(course)
    ends = [leg.first for leg in legs[1:]] + [steps]
    noise = f", noise={legs[0].noise!r}" if legs[0].noise else ""
    seed = f", seed={course.seed}" if course.seed else ""
    lines = [
        *imports,
        f"from couloir.surfaces.paths import Runner, follow{', go_on' if len(legs) > 1 else ''}",
        "from couloir.engine.optimizers import RULES",
        "",
        f"start = {start}",
        "runners = [",
        *(f"    {_runner_line(name, legs[0].settings[name])}," for name in rules),
        "]",
        f"paths = follow({surface}, runners, {ends[0]}{noise}{seed})",
        *(_turn_line(*pair, end, rules) for pair, end in zip(pairwise(legs), ends[1:], strict=True)),
        "for runner, loss in zip(paths.runners, paths.losses[:, -1], strict=True):",
        '    print(f"{runner.rule.name:9} {loss:.6g}")',
    ]
    return "\n".join(lines) + "\n"


def _surface_line(course: Course) -> tuple[list[str], str]:
    """What has to be imported for a surface, and the surface."""
    if course.surface == "formula":
        text = f"from_formula({_quoted(course.formula)}, {course.sides})"
        return ["from couloir.surfaces.formulas import from_formula"], text
    if course.surface == "ravine" and course.condition != 50:
        return ["from couloir.surfaces.functions import ravine"], f"ravine({course.condition!r})"
    return [], _quoted(course.surface)


def _runner_line(name: str, settings: Mapping[str, float]) -> str:
    usual = RULES[name].defaults
    hyper = {
        each: value for each, value in settings.items() if each != "learning_rate" and value != usual[each]
    }
    middle = f", {_quoted(hyper)}" if hyper else ""
    return f'Runner(RULES["{name}"], {settings["learning_rate"]!r}{middle}, start=start)'


def _turn_line(before: Leg, after: Leg, end: int, rules: Sequence[str]) -> str:
    turned: Settings = {}
    for name in rules:
        old, new = before.settings[name], after.settings[name]
        own = {each: value for each, value in new.items() if value != old[each]}
        turned |= {name: own} if own else {}
    noise = f", noise={after.noise!r}" if after.noise != before.noise else ""
    changed = f", {_quoted(turned)}" if turned else ""
    return f"paths = go_on(paths, {end - after.first}{changed}{noise})"


def _quoted(value: Any) -> str:
    """Text, or a dictionary of numbers, as Python has it too."""
    return json.dumps(value, ensure_ascii=False)
