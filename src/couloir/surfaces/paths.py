"""Rules on their way over a surface: every step of every runner, in one compiled program.

A runner is a rule with its settings and a start. `follow` runs many at once, and everything a step used is
kept: any single step can be taken apart (`couloir.surfaces.microscope`) or checked by hand, and from any
step one can `go_on`, with other settings if one likes. The program is in `couloir.surfaces.stepping`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from couloir.engine import compilation
from couloir.engine.randomness import key_of
from couloir.engine.rule import Rule, State
from couloir.engine.updates import Layout, segments
from couloir.errors import InputError, check_number, check_whole, unknown
from couloir.options import PRECISIONS
from couloir.surfaces import evaluation, functions, stepping
from couloir.surfaces.evaluation import Point, Surface
from couloir.surfaces.stepping import BATCH, Hyper, Limits, Stance, Steps

REACH = 1e6
"""A runner that goes further from the middle of the domain than so many of its larger side has diverged."""


@dataclass(frozen=True)
class Runner:
    """A rule that goes down a surface.

    Attributes:
        rule: the update rule.
        learning_rate: its α.
        hyper: further settings of the rule, in place of its customary ones.
        start: where it begins; None: at the surface's customary start.
        label: what it is called, where several of its rule run.
    """

    rule: Rule
    learning_rate: float
    hyper: Mapping[str, float] = field(default_factory=dict)
    start: Point | None = None
    label: str = ""

    @property
    def name(self) -> str:
        """What it is called: its label, or its rule's name."""
        return self.label or self.rule.name

    def settings(self) -> dict[str, float]:
        """Every number the rule reads.

        Raises:
            InputError: a setting the rule does not have, or a number that is not finite.
        """
        if strangers := [name for name in self.hyper if name not in self.rule.defaults]:
            raise unknown(f"setting of {self.rule.name}", strangers[0], self.rule.defaults)
        values = {**self.rule.defaults, **self.hyper, "learning_rate": self.learning_rate}
        for name, value in values.items():
            if not math.isfinite(value):
                raise InputError(
                    f"The {name} {value!r} of {self.rule.name} is not a finite number: give one."
                )
        return {name: float(value) for name, value in values.items()}

    def changed(self, settings: Mapping[str, float]) -> Runner:
        """The runner with some of its settings replaced."""
        hyper = {**self.hyper, **settings}
        rate = hyper.pop("learning_rate", self.learning_rate)
        return replace(self, learning_rate=rate, hyper=hyper)


@dataclass(frozen=True, eq=False)
class Paths:
    """Where runners went, and what each of their steps used.

    A runner whose next point or loss would not be finite, or would lie beyond `REACH`, has diverged: that
    step is not taken and the runner stays where it was.

    Attributes:
        surface: what they ran on.
        runners: who ran, with the settings of their last step.
        points: [runner, step + 1, 2], the start first.
        losses: [runner, step + 1], the surface's height at the points, without noise.
        asked: [runner, step, 2], where each step took the gradient.
        gradients: [runner, step, 2], the gradients there, noise included.
        states: for every runner the rule's state as a tree of arrays [step + 1, ...]; entry t is the state
            before step t + 1.
        settings: for every runner what each setting was at each step, [step].
        diverged: for every runner the step, counted from 1, that it could not take; None: it took all.
        noise: standard deviation of what was added to the gradients of the last step.
        seed: of the noise.
    """

    surface: Surface
    runners: tuple[Runner, ...]
    points: np.ndarray
    losses: np.ndarray
    asked: np.ndarray
    gradients: np.ndarray
    states: tuple[State, ...]
    settings: tuple[Mapping[str, np.ndarray], ...]
    diverged: tuple[int | None, ...]
    noise: float = 0.0
    seed: int = 0

    @property
    def steps(self) -> int:
        """Steps that every runner was given."""
        return self.points.shape[1] - 1

    def until(self, step: int) -> Paths:
        """The paths as far as a step; to go on from there, `go_on`.

        Raises:
            InputError: the paths are not that long.
        """
        if not 0 <= step <= self.steps:
            raise InputError(f"There is no step {step!r}: give a whole number from 0 to {self.steps}.")
        return replace(
            self,
            points=self.points[:, : step + 1],
            losses=self.losses[:, : step + 1],
            asked=self.asked[:, :step],
            gradients=self.gradients[:, :step],
            states=tuple(jax.tree.map(lambda leaf: leaf[: step + 1], state) for state in self.states),
            settings=tuple({name: values[:step] for name, values in own.items()} for own in self.settings),
            diverged=tuple(lost if lost is not None and lost <= step else None for lost in self.diverged),
        )


def follow(
    surface: Surface | str,
    runners: Sequence[Runner],
    steps: int,
    *,
    noise: float = 0.0,
    seed: int = 0,
    precision: str = "float64",
) -> Paths:
    """Let runners go down a surface, all in one program.

    Args:
        surface: a surface or its name.
        runners: who runs; the order is kept.
        steps: steps of each, at least 1.
        noise: standard deviation σ of normal noise on both coordinates of every gradient; step t adds the
            same noise for every runner, so that comparisons are paired.
        seed: of the noise.
        precision: "float64" or "float32".

    Raises:
        InputError: no runner, no step, a negative noise, an unknown precision, a start that is no point.
    """
    return go_on(begin(surface, runners, seed=seed, precision=precision), steps, noise=noise)


def begin(
    surface: Surface | str, runners: Sequence[Runner], *, seed: int = 0, precision: str = "float64"
) -> Paths:
    """Runners at their starts, before the first step.

    Args:
        surface, runners, seed, precision: as for `follow`.

    Raises:
        InputError: no runner, an unknown precision, a start that is no point.
    """
    if not runners:
        raise InputError("There is nobody to follow: give at least one runner.")
    if precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    ground = functions.surface(surface)
    order, layout = _laid_out(runners)
    starts = np.array([_start(ground, runners[number]) for number in order], precision)
    with jax.enable_x64(precision == "float64"), compilation.cached():
        stance = jax.device_get(stepping.begin(evaluation.traceable(ground.function), layout, starts))
    back, nothing = np.argsort(order), np.empty((len(runners), 0, 2), precision)
    points, losses = stance.points[back, None], stance.losses[back, None]
    states = _by_runner(stance.states, layout, back, lambda leaf, slot: leaf[slot : slot + 1])
    settings = tuple({name: np.empty(0) for name in runner.settings()} for runner in runners)
    lost = (None,) * len(runners)
    return Paths(ground, tuple(runners), points, losses, nothing, nothing, states, settings, lost, seed=seed)


def go_on(
    paths: Paths,
    steps: int,
    changed: Mapping[str, Mapping[str, float]] | None = None,
    *,
    noise: float | None = None,
) -> Paths:
    """The paths, so many steps longer. Where nothing is changed they are those of one call, bit for bit.

    Args:
        paths: what has been run; `Paths.until` goes back to an earlier step.
        steps: further steps of each runner, at least 1. One that has diverged stays where it is.
        changed: settings that are others from here on, by the rule's name: {"adam": {"learning_rate": 0.1}}.
            All runners of the rule take them.
        noise: standard deviation of the noise from here on; None: as before.

    Raises:
        InputError: no step, a negative noise, a rule that does not run, a setting it does not have.
    """
    level = paths.noise if noise is None else noise
    check_whole("steps", steps)
    check_number("noise", level)
    runners = _changed(paths.runners, changed or {})
    order, layout = _laid_out(runners)
    precision = paths.points.dtype.name
    with jax.enable_x64(precision == "float64"), compilation.cached():
        middle = np.array([(low + high) / 2 for low, high in paths.surface.domain], precision)
        limits = Limits(middle, np.asarray(REACH * max(paths.surface.size), precision))
        function = evaluation.traceable(paths.surface.function)
        hyper, key = _hyper(runners, layout, order, precision), key_of(paths.seed)
        stance, records = _stance(paths, layout, order), []
        for first in range(paths.steps, paths.steps + steps, BATCH):
            drawn = stepping.draw(key, np.int32(first), np.asarray(level, precision))
            stance, record = stepping.advance(function, layout, hyper, stance, drawn, limits)
            records.append(record)
        done = jax.tree.map(lambda *leaves: np.concatenate(leaves)[:steps], *jax.device_get(records))
    return _longer(paths, replace(paths, runners=runners, noise=float(level)), layout, order, done)


def noise_table(seed: int, steps: int, precision: str = "float64") -> Float[Array, "step 2"]:
    """Standard normal numbers for every step, [step, 2], each from a key of its own: fold_in(seed, step)."""
    return stepping.normal(key_of(seed), jnp.arange(steps), precision)


def _start(surface: Surface, runner: Runner) -> Point:
    start = np.asarray(surface.start if runner.start is None else runner.start, float)
    if start.shape != (2,) or not np.all(np.isfinite(start)):
        raise InputError(f"The start {runner.start!r} is not a point: give two numbers (x, y).")
    return float(start[0]), float(start[1])


def _changed(runners: Sequence[Runner], changed: Mapping[str, Mapping[str, float]]) -> tuple[Runner, ...]:
    """The runners with other settings."""
    names = [runner.rule.name for runner in runners]
    if strangers := [name for name in changed if name not in names]:
        raise unknown("running rule", strangers[0], dict.fromkeys(names))
    return tuple(runner.changed(changed.get(runner.rule.name, {})) for runner in runners)


# Between runners in their own order and a rule's runners side by side -----------------------------------


def _laid_out(runners: Sequence[Runner]) -> tuple[list[int], Layout]:
    """The runners' numbers with those of a rule side by side, and each rule with how many are its own."""
    rules = [runner.rule for runner in runners]
    order = sorted(range(len(rules)), key=lambda number: rules.index(rules[number]))
    return order, tuple(Counter(rules).items())


def _hyper(runners: Sequence[Runner], layout: Layout, order: Sequence[int], precision: str) -> Hyper:
    """Each rule's settings as arrays [runner]."""
    settings = [runners[number].settings() for number in order]
    return tuple(
        {name: np.array([each[name] for each in settings[own]], precision) for name in rule.defaults}
        for rule, own in segments(layout)
    )


def _stance(paths: Paths, layout: Layout, order: Sequence[int]) -> Stance:
    """Where the runners stand after their last step."""
    last = [jax.tree.map(lambda leaf: leaf[-1], paths.states[number]) for number in order]
    states = tuple(jax.tree.map(lambda *slots: np.stack(slots), *last[own]) for _, own in segments(layout))
    alive = np.array([paths.diverged[number] is None for number in order])
    return Stance(paths.points[order, -1], paths.losses[order, -1], states, alive)


def _by_runner(states: Sequence[State], layout: Layout, back: np.ndarray, pick: Any) -> tuple[State, ...]:
    """Each runner's own state out of those of the rules: ``pick(leaf, slot)``."""
    slots = [(segment, slot) for segment, (_, count) in enumerate(layout) for slot in range(count)]
    return tuple(
        jax.tree.map(lambda leaf, slot=slot: pick(leaf, slot), states[segment])
        for segment, slot in (slots[number] for number in back)
    )


def _longer(before: Paths, after: Paths, layout: Layout, order: Sequence[int], done: Steps) -> Paths:
    """``after``, which is ``before`` with new settings, with further steps [step, runner, ...]."""
    back, count = np.argsort(order), len(done.asked)
    (points, losses, states, alive), asked, gradients = done

    def longer(known: np.ndarray, new: np.ndarray) -> np.ndarray:
        return np.concatenate([known, np.moveaxis(new, 0, 1)[back]], axis=1)

    further = _by_runner(states, layout, back, lambda leaf, slot: leaf[:, slot])
    lasted = alive.sum(axis=0)[back].tolist()
    fell = [before.steps + steps + 1 if steps < count else None for steps in lasted]
    return replace(
        after,
        points=longer(before.points, points),
        losses=longer(before.losses, losses),
        asked=longer(before.asked, asked),
        gradients=longer(before.gradients, gradients),
        states=tuple(
            jax.tree.map(lambda *leaves: np.concatenate(leaves), known, new)
            for known, new in zip(before.states, further, strict=True)
        ),
        settings=tuple(
            {name: np.append(known[name], np.full(count, value)) for name, value in runner.settings().items()}
            for known, runner in zip(before.settings, after.runners, strict=True)
        ),
        diverged=tuple(old or new for old, new in zip(before.diverged, fell, strict=True)),
    )
