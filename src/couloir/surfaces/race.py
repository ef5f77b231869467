"""Surface races: rules down one surface from one start, at rates tuned on an equal budget.

Each rule tries the same learning rates, `RATES`, from the same start for the same number of steps, and runs
with the one that ends lowest. AdaDelta is not tuned: Zeiler's rule takes the size of its steps from its own
past changes, so that no rate is left to choose, and it runs at its α = 1. On a surface without a bottom no
rate can be best: there the rates are those stated in `SADDLE_RATES`. How a runner ended is decided in
`couloir.surfaces.endings`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, product
from typing import NamedTuple

import numpy as np

from couloir.engine.optimizers import RULES, find_rule
from couloir.engine.rule import Rule
from couloir.errors import InputError
from couloir.kinds import listed
from couloir.options import symbol
from couloir.surfaces import functions
from couloir.surfaces.endings import ENDINGS, EVEN, Finish, arrival, finishes, minima_of
from couloir.surfaces.evaluation import Point, Surface
from couloir.surfaces.paths import Paths, Runner, follow
from couloir.text import joined, number

RATES = tuple(float(f"{10 ** (k / 6):.3g}") for k in range(-24, 7))
"""The learning rates that every rule tries: 31 from 1e-4 to 10, six to a decade."""

SADDLE_RATES: Mapping[str, float] = {
    **dict.fromkeys(("sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"), 0.02),
    "adagrad": 0.1,
    "adadelta": 1.0,
}
"""The rates stated for surfaces without a bottom; a rule that is not here runs at its customary rate."""

UNTUNED = ("adadelta",)
"""Rules that run at their customary α."""

Rules = Sequence[str | Rule] | str | Rule | None
"""Names or rules, one or several; None: the eight of `couloir.engine.optimizers.RULES`."""

Rates = Mapping[str, float] | float | None
"""One learning rate for all rules, or one by rule's name; None: tuned."""

Numbers = Mapping[str, Mapping[str, float | Sequence[float]]]
"""By rule's name, settings in place of its customary ones."""


class TriedRate(NamedTuple):
    """One learning rate that a rule tried, and where it led.

    Attributes:
        rule: the runner's name.
        learning_rate: α.
        loss: the surface's height after the last step; not finite where the runner diverged.
        arrived: the step from which on it was at a minimum; None: it was not at the end.
        diverged: the step it could not take; None: it took all.
        chosen: whether the rule raced with this rate.
    """

    rule: str
    learning_rate: float
    loss: float
    arrived: int | None
    diverged: int | None
    chosen: bool


@dataclass(frozen=True, eq=False)
class SurfaceRace:
    """Rules from one start on one surface.

    Attributes:
        surface: where they ran.
        start: where they began.
        steps: steps of each.
        noise, seed: of the gradients.
        runners: how each rule ran, in the order asked for.
        paths: everything their steps used, in the same order.
        tuning: every rate that was tried; empty where none was tuned.
        minima: the surface's minima, or those found by the runners where none are known.
        notes: sentences on how the race was run.
    """

    surface: Surface
    start: Point
    steps: int
    noise: float
    seed: int
    runners: tuple[Finish, ...]
    paths: Paths
    tuning: tuple[TriedRate, ...]
    minima: tuple[Point, ...]
    notes: tuple[str, ...]

    def runner(self, name: str) -> Finish:
        """How one runner ran, by its name."""
        return {each.name: each for each in self.runners}[name]

    @property
    def standing(self) -> tuple[Finish, ...]:
        """The runners: those that arrived or escaped first, by their step, then by their last loss."""

        def rank(runner: Finish) -> tuple[int, float, float]:
            group, last = ENDINGS.index(runner.ending), float(runner.losses[-1])
            goal = float((runner.escaped if runner.ending == "escaped" else runner.arrived) or 0)
            return (group, last, goal) if runner.ending == "in a local minimum" else (group, goal, last)

        return tuple(sorted(self.runners, key=rank))


def race(
    surface: Surface | str,
    rules: Rules = None,
    steps: int = 500,
    rates: Rates = None,
    start: Point | None = None,
    noise: float = 0.0,
    seed: int = 0,
    precision: str = "float64",
    hyper: Numbers | None = None,
) -> SurfaceRace:
    """A surface race: rules from one start, with tuned or given learning rates.

    Args:
        surface: a surface or its name.
        rules: names or rules; None: the eight of `couloir.engine.optimizers.RULES`.
        steps: steps of each runner, also of each rate that is tried.
        rates: one learning rate for all rules, or one by the rule's or the runner's name; who has none is
            tuned.
        start: where all begin; None: the surface's customary start.
        noise: standard deviation of normal noise on the gradients, the same for all.
        seed: of the noise.
        precision: "float64" or "float32".
        hyper: further settings by rule's name, in place of the customary ones. Lists multiply: the rule
            runs once for each combination of their values, which is part of the runner's name.

    Raises:
        InputError: an unknown surface or rule, a rate for a rule that does not run, settings out of range.
    """
    ground = functions.surface(surface)
    begin = ground.start if start is None else start
    racing = _runners(_rules(rules), hyper or {}, begin)
    given = _given(rates, racing, ground)
    run = partial(follow, ground, steps=steps, noise=noise, seed=seed, precision=precision)
    tuned = [runner for runner in racing if runner.name not in given]
    candidates = [replace(runner, learning_rate=rate) for runner in tuned for rate in RATES]
    tuning = _tuned(run(candidates)) if candidates else ()
    chosen = {**given, **{tried.rule: tried.learning_rate for tried in tuning if tried.chosen}}
    runners = [replace(runner, learning_rate=chosen[runner.name]) for runner in racing]
    return _finished(run(runners), tuning, _notes(ground, racing, tuned, rates, steps))


def _runners(rules: Iterable[Rule], hyper: Numbers, start: Point) -> list[Runner]:
    """Who runs: a rule, once for each combination of its settings, at its customary rate for now."""
    found = []
    for rule in rules:
        asked = hyper.get(rule.name, {})
        for values in product(*map(listed, asked.values())):
            own = dict(zip(asked, map(float, values), strict=True))
            several = [name for name in own if isinstance(asked[name], Sequence)]
            label = rule.name + "".join(f" {symbol(name)}={own[name]:.12g}" for name in several)
            found.append(Runner(rule, rule.defaults["learning_rate"], own, start, label))
    return found


def _rules(rules: Rules) -> list[Rule]:
    if rules is None:
        return list(RULES.values())
    named = [rules] if isinstance(rules, (str, Rule)) else list(rules)
    if not named:
        raise InputError("There is no rule to race: name at least one, or leave them out to race all.")
    return list(dict.fromkeys(find_rule(each) for each in named))


def _given(rates: Rates, racing: Iterable[Runner], surface: Surface) -> dict[str, float]:
    """The rates that are not tuned, by the runner's name."""
    rules = {runner.name: runner.rule for runner in racing}
    if rates is not None and not isinstance(rates, Mapping):
        rates = dict.fromkeys(rules, float(rates))
    asked = dict(rates or {})
    known = {*rules, *(rule.name for rule in rules.values())}
    if strangers := [name for name in asked if name not in known]:
        raise InputError(
            f"There is a learning rate for '{strangers[0]}', which does not race: "
            f"the racing rules are {', '.join(rules)}."
        )
    found = {}
    for name, rule in rules.items():
        if (rate := asked.get(name, asked.get(rule.name))) is not None:
            found[name] = float(rate)
        elif not surface.bounded:
            found[name] = SADDLE_RATES.get(rule.name, rule.defaults["learning_rate"])
        elif rule.name in UNTUNED:
            found[name] = rule.defaults["learning_rate"]
    return found


def _notes(
    surface: Surface, racing: Sequence[Runner], tuned: Sequence[Runner], rates: Rates, steps: int
) -> tuple[str, ...]:
    notes = []
    if tuned:
        notes.append(
            f"Each tuned rule tried the same {len(RATES)} learning rates from {number(RATES[0])} to "
            f"{number(RATES[-1])} for {steps:,} steps, on this very race, and ran with the one that ended "
            "lowest."
        )
    own = [runner for runner in racing if runner.rule.name in UNTUNED and runner not in tuned]
    asked = rates if isinstance(rates, Mapping) else dict.fromkeys(UNTUNED, rates)
    own = [each for each in own if asked.get(each.name, asked.get(each.rule.name)) is None]
    if own and surface.bounded:
        sizes = joined(list({number(math.sqrt(each.settings()["epsilon"])): 0 for each in own}))
        notes.append(
            "AdaDelta was not tuned: it makes the size of its steps out of its own past changes, so that "
            f"α = 1 belongs to the rule (Zeiler 2012); its first steps are of the size of √ε = {sizes}."
        )
    if any(runner.rule.name == "adamw" for runner in racing) and surface.bounded:
        notes.append(
            "AdamW also draws both coordinates towards 0, so that it comes to rest a little beside a minimum "
            "that lies elsewhere."
        )
    if not surface.bounded and rates is None:
        notes.append("The surface has no bottom, so that no rate is best: the rates are stated, not tuned.")
    return tuple(notes)


def _tuned(paths: Paths) -> tuple[TriedRate, ...]:
    """What every rate led to, the best of each rule marked."""
    minima, first = minima_of(paths), float(paths.losses[0, 0])
    ends = np.where([lost is None for lost in paths.diverged], paths.losses[:, -1], np.inf)
    lowest = min(first, float(ends.min()), np.inf if paths.surface.least is None else paths.surface.least)
    # Heights that differ by rounding alone would choose a rate at random: there the earlier arrival decides.
    floor = lowest + EVEN * (first - lowest)
    tuning = []
    for runner, end, points, lost in zip(paths.runners, ends, paths.points, paths.diverged, strict=True):
        arrived = None if lost else arrival(points, minima, paths.surface)
        tuning.append(TriedRate(runner.name, runner.learning_rate, float(end), arrived, lost, chosen=False))

    def score(tried: TriedRate) -> tuple[bool, float, int, float]:
        arrived = paths.steps + 1 if tried.arrived is None else tried.arrived
        return tried.diverged is not None, max(tried.loss, floor), arrived, tried.learning_rate

    best = {tried.rule: tried for tried in sorted(tuning, key=score, reverse=True)}
    return tuple(tried._replace(chosen=tried is best[tried.rule]) for tried in tuning)


def _finished(paths: Paths, tuning: tuple[TriedRate, ...], notes: tuple[str, ...]) -> SurfaceRace:
    minima = minima_of(paths)
    rates = {name: [each.learning_rate for each in own] for name, own in groupby(tuning, lambda t: t.rule)}
    x, y = paths.points[0, 0].tolist()
    ended = finishes(paths, minima, rates)
    of_all = paths.surface, (x, y), paths.steps, paths.noise, paths.seed
    return SurfaceRace(*of_all, ended, paths, tuning, minima, notes)


class SaddleRace(NamedTuple):
    """Three surface races from a saddle.

    Attributes:
        beside: from (1, 0.001), a short way beside the ridge: who leaves, and when.
        on_ridge: from (1, 0): the gradient has no part along y, and no rule ever leaves.
        freed: from (1, 0) with a little noise on the gradients: all leave.
    """

    beside: SurfaceRace
    on_ridge: SurfaceRace
    freed: SurfaceRace


def saddle_race(
    rules: Rules = None, steps: int = 300, rates: Rates = None, noise: float = 1e-3, seed: int = 0
) -> SaddleRace:
    """Rules at the saddle x² − y², at stated rates, since the surface has no bottom to tune for.

    Args:
        rules: names or rules; None: all eight.
        steps: steps of each.
        rates: in place of `SADDLE_RATES`, for all rules or by name.
        noise: standard deviation of the noise that frees those on the ridge.
        seed: of the noise.

    Raises:
        InputError: as for `race`.
    """
    ground = functions.surface("saddle")
    beside, ridge = ground.starts
    run = partial(race, ground, rules, steps, rates)
    return SaddleRace(run(beside), run(ridge), run(ridge, noise, seed))
