"""What is to be run where knobs are turned while a race runs, and the rates that the room begins with.

A `RaceSetup` says everything: the surface, the start, the settings of each rule and the noise, and every
change of them with the step after which it holds. It belongs to the page's state, so that an address, an
export and the Python lines reproduce the race.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, NamedTuple

import numpy as np

from couloir.engine.optimizers import RULES
from couloir.errors import InputError
from couloir.studio import asking
from couloir.surfaces import functions
from couloir.surfaces.evaluation import Domain, Point, Surface
from couloir.surfaces.formulas import from_formula
from couloir.surfaces.functions import SURFACES
from couloir.surfaces.paths import Runner, follow
from couloir.surfaces.race import RATES, UNTUNED

LONGEST = 5000
"""Steps of the longest race."""

MOST_TUNED = 2000
"""Steps of the longest race that is tuned."""

MOST_CHANGES = 100
"""Turns of knobs in one race."""

TRIAL_STEPS = 192
"""Steps in which the rates that the room begins with are found for a formula."""

NEARLY = 0.02
"""Of the descent from the start to the lowest, what may be left."""

RuleSettings = dict[str, dict[str, float]]
"""Every setting of every rule, by the rule's name."""

MOST: Mapping[str, float] = {
    "learning_rate": 1000.0,
    "momentum": 0.9999,
    "decay": 0.9999,
    "beta1": 0.9999,
    "beta2": 0.99999,
    "epsilon": 10.0,
    "weight_decay": 10.0,
}
"""The greatest value of every setting; a test holds that each setting of each rule is here."""

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


Change = tuple[int, str, str, float]
"""(step, rule, setting, value), or (step, "noise", "", value)."""


def _change(value: Any, name: str) -> Change:
    if not isinstance(value, list) or len(value) != 4:
        raise InputError(f"'{name}' is no change: give [step, rule, setting, value].")
    step = asking.whole(0, LONGEST)(value[0], f"{name}[0]")
    rule = asking.choice((*RULES, "noise"))(value[1], f"{name}[1]")
    if rule == "noise":
        return step, rule, "", asking.number(*NOISE)(value[3], f"{name}[3]")
    setting = asking.choice(RULES[rule].defaults)(value[2], f"{name}[2]")
    return step, rule, setting, asking.option(setting, MOST[setting])(value[3], f"{name}[3]")


_SETTINGS = asking.named(
    {
        name: asking.named({each: asking.option(each, MOST[each]) for each in rule.defaults})
        for name, rule in RULES.items()
    }
)
_FAR = asking.number(-1e4, 1e4)


@dataclass(frozen=True, kw_only=True)
class SurfaceChoice:
    """A surface.

    Attributes:
        surface: a name in `SURFACES`, or "formula".
        condition: κ of the ravine.
        formula: the formula's text.
        domain: [x0, x1, y0, y1] of the formula.
    """

    surface: Annotated[str, asking.choice((*SURFACES, "formula"))]
    condition: Annotated[float, asking.number(1, 1e4)] = 50.0
    formula: Annotated[str, asking.text(10_000)] = ""
    domain: Annotated[tuple[float, float, float, float], asking.several(_FAR, 4, 4)] = (-2.0, 2.0, -2.0, 2.0)

    def resolve(self) -> Surface:
        """The surface itself; an InputError where the formula is none, or its domain has no extent."""
        if self.surface == "formula":
            return from_formula(self.formula, self.sides)
        return functions.ravine(self.condition) if self.surface == "ravine" else SURFACES[self.surface]

    @property
    def sides(self) -> Domain:
        """The formula's domain as two pairs."""
        x0, x1, y0, y1 = self.domain
        return (x0, x1), (y0, y1)


@dataclass(frozen=True, kw_only=True)
class RaceSetup(SurfaceChoice):
    """What is to be run.

    Attributes:
        start: where all begin; None: at the surface's customary start.
        seed: of the noise.
        noise: standard deviation of the gradients' noise at the beginning.
        settings: of the rules at the beginning, where they differ from `first_settings`.
        changes: (step, rule, setting, value) in the order of their steps: after so many steps the setting has
            another value; of the noise (step, "noise", "", value).
    """

    start: Annotated[Point | None, asking.optional(asking.several(_FAR, 2, 2))] = None
    seed: Annotated[int, asking.whole(0, 2**31 - 1)] = 0
    noise: Annotated[float, asking.number(*NOISE)] = 0.0
    settings: Annotated[RuleSettings | None, asking.optional(_SETTINGS)] = None
    changes: Annotated[tuple[Change, ...], asking.several(_change, 0, MOST_CHANGES)] = ()

    def __post_init__(self) -> None:
        """Refuse changes that are not in the order of their steps."""
        if any(before[0] > after[0] for before, after in pairwise(self.changes)):
            raise InputError("The 'changes' are not in the order of their steps: sort them.")

    def segments(self, surface: Surface) -> list[Segment]:
        """The steps between two changes each, with all that holds there; the first begins at step 0."""
        settings, noise = first_settings(surface), self.noise
        for rule, own in (self.settings or {}).items():
            settings[rule].update(own)
        segments = [Segment(0, settings, noise)]
        for step, rule, name, value in self.changes:
            settings = {each: dict(own) for each, own in segments[-1].settings.items()}
            if rule == "noise":
                noise = value
            else:
                settings[rule][name] = value
            if step == segments[-1].first:
                segments.pop()
            segments.append(Segment(step, settings, noise))
        return segments


class Segment(NamedTuple):
    """Steps of a race between two changes: the step after which they come, the settings, the noise."""

    first: int
    settings: RuleSettings
    noise: float


def first_settings(surface: Surface) -> RuleSettings:
    """What every rule begins with on a surface."""
    rates = _first_rates(surface)
    return {
        name: {**rule.defaults, "learning_rate": rates.get(name, rule.defaults["learning_rate"])}
        for name, rule in RULES.items()
    }


@lru_cache(maxsize=64)
def _first_rates(surface: Surface) -> dict[str, float]:
    if surface.name in _RATES:
        plain, velocity, adagrad, rmsprop, adam = _RATES[surface.name]
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
    return _found_rates(surface)


def _found_rates(surface: Surface) -> dict[str, float]:
    """For each rule the least rate that comes down nearly as far as any does, else the one that comes lowest.

    All rules run together, each rate in turn.
    """
    rates = np.array(RATES[::2])
    ends = []
    for rate in rates.tolist():
        paths = follow(surface, [Runner(rule, rate) for rule in RULES.values()], TRIAL_STEPS)
        lost = np.array([step is not None for step in paths.diverged])
        ends.append(np.where(lost, np.inf, paths.losses[:, -1]))
    lowest, begun = float(np.min(ends)), float(paths.losses[0, 0])
    enough = lowest + NEARLY * (begun - lowest)
    chosen = {}
    for name, losses in zip(RULES, np.array(ends).T, strict=True):
        low = np.flatnonzero(losses <= enough)
        chosen[name] = float(rates[low[0] if len(low) else int(np.argmin(losses))])
    return {**chosen, **dict.fromkeys(UNTUNED, 1.0)}
