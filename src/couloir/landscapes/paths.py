"""Rules on their way over a surface: every step of every runner, in one compiled program.

A runner is a rule with its settings and a start. `follow` runs many at once: gradients are taken for all of
them together and each rule updates its own slice, as in training. Everything a step used is kept, so that
any single step can be taken apart (`couloir.landscapes.microscope`) or checked by hand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from couloir import compilation
from couloir.errors import InputError, unknown
from couloir.landscapes import functions
from couloir.landscapes.functions import Function, Point, Surface
from couloir.optimizers import Rule, State

REACH = 1e6
"""A runner that goes further from the middle of the domain than so many of its larger side has diverged."""

PRECISIONS = ("float64", "float32")

Layout = tuple[tuple[Rule, int], ...]


@dataclass(frozen=True)
class Runner:
    """A rule that goes down a surface.

    Attributes:
        rule: the update rule.
        learning_rate: its α.
        hyper: further settings of the rule, in place of its customary ones.
        start: where it begins; None: at the surface's customary start.
    """

    rule: Rule
    learning_rate: float
    hyper: Mapping[str, float] = field(default_factory=dict)
    start: Point | None = None

    def settings(self) -> dict[str, float]:
        """Every number the rule reads.

        Raises:
            InputError: a setting the rule does not have, or a number that is not finite.
        """
        strangers = [name for name in self.hyper if name not in self.rule.defaults]
        if strangers:
            raise unknown(f"setting of {self.rule.name}", strangers[0], self.rule.defaults)
        values = {**self.rule.defaults, **self.hyper, "learning_rate": self.learning_rate}
        for name, value in values.items():
            if not math.isfinite(value):
                raise InputError(
                    f"The {name} {value!r} of {self.rule.name} is not a finite number: give one."
                )
        return {name: float(value) for name, value in values.items()}


@dataclass(frozen=True, eq=False)
class Paths:
    """Where runners went, and what each of their steps used.

    A runner whose next point or loss would not be finite, or would lie beyond `REACH`, has diverged: that
    step is not taken and the runner stays where it was.

    Attributes:
        surface: what they ran on.
        runners: who ran.
        points: [runner, step + 1, 2], the start first.
        losses: [runner, step + 1], the surface's height at the points, without noise.
        asked: [runner, step, 2], where each step took the gradient.
        gradients: [runner, step, 2], the gradients there, noise included.
        states: for every runner the rule's state as a tree of arrays [step + 1, ...]; entry t is the state
            before step t + 1.
        diverged: for every runner the step, counted from 1, that it could not take; None: it took all.
        noise: standard deviation of what was added to the gradients.
        seed: of the noise.
    """

    surface: Surface
    runners: tuple[Runner, ...]
    points: np.ndarray
    losses: np.ndarray
    asked: np.ndarray
    gradients: np.ndarray
    states: tuple[State, ...]
    diverged: tuple[int | None, ...]
    noise: float = 0.0
    seed: int = 0

    @property
    def steps(self) -> int:
        """Steps that every runner was given."""
        return self.points.shape[1] - 1


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
    ground = functions.surface(surface)
    _check(runners, steps, noise, precision)
    order = sorted(range(len(runners)), key=lambda number: _first_of_rule(runners, number))
    placed = [runners[number] for number in order]
    with jax.enable_x64(precision == "float64"), compilation.cached():
        layout, hyper = _segments(placed, precision)
        starts = jnp.asarray([_start(ground, runner) for runner in placed], precision)
        drawn = _noise(noise, seed, steps, precision)
        found = _descend(ground.function, layout, hyper, starts, drawn, *_limits(ground, precision))
        return _collected(ground, runners, order, layout, jax.device_get(found), noise, seed)


def noise_table(seed: int, steps: int, precision: str = "float64") -> Float[Array, "step 2"]:
    """Standard normal numbers for every step, [step, 2], each from a key of its own: fold_in(seed, step)."""
    keys = jax.vmap(partial(jax.random.fold_in, jax.random.key(seed)))(jnp.arange(steps))
    return jax.vmap(lambda key: jax.random.normal(key, (2,), precision))(keys)


def _noise(noise: float, seed: int, steps: int, precision: str) -> Float[Array, "step 2"]:
    if noise == 0:
        return jnp.zeros((steps, 2), precision)
    return noise * noise_table(seed, steps, precision)


def _check(runners: Sequence[Runner], steps: int, noise: float, precision: str) -> None:
    if not runners:
        raise InputError("There is nobody to follow: give at least one runner.")
    if isinstance(steps, bool) or steps != int(steps) or steps < 1:
        raise InputError(f"The steps {steps!r} cannot be used: give a whole number of at least 1.")
    if not (math.isfinite(noise) and noise >= 0):
        raise InputError(f"The noise {noise!r} cannot be used: give a number of at least 0.")
    if precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)


def _start(surface: Surface, runner: Runner) -> Point:
    start = np.asarray(surface.start if runner.start is None else runner.start, float)
    if start.shape != (2,) or not np.all(np.isfinite(start)):
        raise InputError(f"The start {runner.start!r} is not a point: give two numbers (x, y).")
    return float(start[0]), float(start[1])


def _first_of_rule(runners: Sequence[Runner], number: int) -> int:
    """The first runner of the same rule: sorting by it puts runners of a rule side by side."""
    return next(first for first, runner in enumerate(runners) if runner.rule is runners[number].rule)


def _segments(placed: Sequence[Runner], precision: str) -> tuple[Layout, tuple[dict[str, Array], ...]]:
    """Each rule with its number of runners, and its settings as arrays [runner]."""
    by_rule: dict[Rule, list[dict[str, float]]] = {}
    for runner in placed:
        by_rule.setdefault(runner.rule, []).append(runner.settings())
    layout = tuple((rule, len(settings)) for rule, settings in by_rule.items())
    hyper = tuple(
        {name: jnp.asarray([each[name] for each in settings], precision) for name in settings[0]}
        for settings in by_rule.values()
    )
    return layout, hyper


def _limits(surface: Surface, precision: str) -> tuple[Array, Array]:
    """The middle of the domain, and how far from it a runner may go."""
    middle = [(low + high) / 2 for low, high in surface.domain]
    return jnp.asarray(middle, precision), jnp.asarray(REACH * max(surface.size), precision)


@partial(jax.jit, static_argnames=("function", "layout"))
def _descend(
    function: Function,
    layout: Layout,
    hyper: tuple[dict[str, Array], ...],
    starts: Float[Array, "runner 2"],
    noise: Float[Array, "step 2"],
    middle: Float[Array, "2"],
    reach: Float[Array, ""],
) -> tuple[Any, Any]:
    """The runners before the first step, and after each one, with what it used."""
    height, slope = jax.vmap(function), jax.vmap(jax.grad(function))
    parts = _split(layout, starts)
    states = tuple(jax.vmap(rule.init)(part) for (rule, _), part in zip(layout, parts, strict=True))
    alive = jnp.ones(len(starts), bool)

    def step(carry: Any, added: Array) -> tuple[Any, Any]:
        points, losses, states, alive = carry
        asked = _asked(layout, states, points, hyper)
        gradients = jax.vmap(lambda g: g + added)(slope(asked))
        changes, updated = _updated(layout, gradients, states, points, hyper)
        reached = points + changes
        heights = height(reached)
        alive = (
            alive & jnp.isfinite(heights) & jax.vmap(lambda p: jnp.linalg.norm(p - middle) <= reach)(reached)
        )
        points = jnp.where(alive[:, None], reached, points)
        losses = jnp.where(alive, heights, losses)
        states = _kept(layout, alive, updated, states)
        return (points, losses, states, alive), (points, losses, states, alive, asked, gradients)

    before = (starts, height(starts), states, alive)
    return before, jax.lax.scan(step, before, noise)[1]


def _split(layout: Layout, values: Array) -> list[Array]:
    """The slice of every rule."""
    ends = np.cumsum([count for _, count in layout])
    return [values[end - count : end] for end, (_, count) in zip(ends, layout, strict=True)]


def _asked(layout: Layout, states: Any, points: Array, hyper: Any) -> Array:
    """Where each runner's rule wants the gradient."""
    places = []
    for (rule, _), state, part, settings in zip(layout, states, _split(layout, points), hyper, strict=True):
        places.append(part if rule.look_ahead is None else jax.vmap(rule.look_ahead)(state, part, settings))
    return jnp.concatenate(places)


def _updated(
    layout: Layout, gradients: Array, states: Any, points: Array, hyper: Any
) -> tuple[Array, tuple[State, ...]]:
    """Every rule's update on its own slice: the changes, and the next states."""
    slices = zip(layout, _split(layout, gradients), states, _split(layout, points), hyper, strict=True)
    done = [
        jax.vmap(rule.update)(gradient, state, part, settings)
        for (rule, _), gradient, state, part, settings in slices
    ]
    return jnp.concatenate([change for change, _ in done]), tuple(state for _, state in done)


def _kept(layout: Layout, alive: Array, updated: Any, states: Any) -> tuple[State, ...]:
    """The new states of those that took the step, the old ones of the others."""

    def choose(mask: Array, new: Array, old: Array) -> Array:
        return jnp.where(mask.reshape(-1, *(1,) * (new.ndim - 1)), new, old)

    masks = _split(layout, alive)
    return tuple(
        jax.tree.map(partial(choose, mask), new, old)
        for mask, new, old in zip(masks, updated, states, strict=True)
    )


def _collected(
    surface: Surface,
    runners: Sequence[Runner],
    order: Sequence[int],
    layout: Layout,
    found: Any,
    noise: float,
    seed: int,
) -> Paths:
    """The program's arrays [step, place, ...] as arrays [runner, step, ...], in the runners' own order."""
    before, (points, losses, states, alive, asked, gradients) = found
    back = np.argsort(order)

    def by_runner(after: np.ndarray, first: np.ndarray | None = None) -> np.ndarray:
        steps = after if first is None else np.concatenate([first[None], after])
        return np.moveaxis(steps, 0, 1)[back]

    def state(segment: int, place: int) -> State:
        return jax.tree.map(
            lambda first, after: np.concatenate([first[None], after])[:, place],
            before[2][segment],
            states[segment],
        )

    places = [(segment, place) for segment, (_, count) in enumerate(layout) for place in range(count)]
    lasted = alive.sum(axis=0)[back]
    return Paths(
        surface,
        tuple(runners),
        by_runner(points, before[0]),
        by_runner(losses, before[1]),
        by_runner(asked),
        by_runner(gradients),
        tuple(state(*places[number]) for number in back),
        tuple(int(steps) + 1 if steps < len(alive) else None for steps in lasted),
        float(noise),
        seed,
    )
