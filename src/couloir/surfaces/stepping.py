"""The compiled program of runners on a surface: `BATCH` steps of all of them, from wherever they stand.

Gradients are taken for all runners together, and each rule updates its own slice, as in training. The program
has the same number of steps however many are wanted: those beyond are computed and dropped. So it compiles
once for a surface and a layout, and a way of many steps is the same numbers, bit for bit, wherever it is
interrupted. Everything else is traced: starts, settings, noise, and what the surface's function carries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from couloir.engine.optimizers import Rule, State
from couloir.surfaces.functions import Function

BATCH = 64
"""Steps of one call."""

Layout = tuple[tuple[Rule, int], ...]
"""Each rule with its number of runners; they stand side by side in this order."""

Hyper = tuple[dict[str, Any], ...]
"""For each rule of the layout every setting it reads, [runner]."""

T = TypeVar("T")


class Stance(NamedTuple):
    """Where runners stand between two steps, and all that the next one needs.

    Attributes:
        points: [runner, 2].
        losses: the heights there, [runner].
        states: each rule's state, its arrays [runner, ...].
        alive: whether they still run, [runner].
    """

    points: Any
    losses: Any
    states: tuple[State, ...]
    alive: Any


class Record(NamedTuple):
    """What steps did, every array [step, runner, ...]: the stances after each, and what each used.

    Attributes:
        stances: after each step.
        asked: where the gradients were taken.
        gradients: as the rules used them, noise included.
    """

    stances: Stance
    asked: Any
    gradients: Any


class Limits(NamedTuple):
    """How far a runner may go: `reach` from the middle, [2]."""

    middle: Any
    reach: Any


@partial(jax.jit, static_argnames="layout")
def begin(function: Function, layout: Layout, starts: Float[Array, "runner 2"]) -> Stance:
    """Runners before their first step."""
    parts = split(layout, starts)
    states = tuple(jax.vmap(rule.init)(part) for (rule, _), part in zip(layout, parts, strict=True))
    return Stance(starts, jax.vmap(function)(starts), states, jnp.ones(len(starts), bool))


@partial(jax.jit, static_argnames="layout")
def advance(
    function: Function,
    layout: Layout,
    hyper: Hyper,
    stance: Stance,
    noise: Float[Array, "step 2"],
    limits: Limits,
) -> tuple[Stance, Record]:
    """`BATCH` steps onwards.

    Args:
        function: the surface's; a `jax.tree_util.Partial`, whose arguments are traced.
        layout: the rules.
        hyper: their settings.
        stance: where the runners stand.
        noise: what each step adds to every runner's gradient, from `draw`.
        limits: how far they may go.
    """
    height, slope = jax.vmap(function), jax.vmap(jax.grad(function))

    def step(stance: Stance, added: Array) -> tuple[Stance, Record]:
        points, losses, states, alive = stance
        asked = _asked(layout, states, points, hyper)
        gradients = jax.vmap(lambda g: g + added)(slope(asked))
        changes, updated = _updated(layout, gradients, states, points, hyper)
        reached = points + changes
        heights = height(reached)
        near = jax.vmap(lambda p: jnp.linalg.norm(p - limits.middle) <= limits.reach)(reached)
        alive = alive & jnp.isfinite(heights) & near
        points = jnp.where(alive[:, None], reached, points)
        losses = jnp.where(alive, heights, losses)
        after = Stance(points, losses, _kept(layout, alive, updated, states), alive)
        return after, Record(after, asked, gradients)

    return jax.lax.scan(step, stance, noise)


@jax.jit
def draw(key: Any, first: Int[Array, ""], deviation: Float[Array, ""]) -> Float[Array, "step 2"]:
    """Normal noise for the `BATCH` steps after the ``first`` ones; that of a step depends on its number."""
    return deviation * normal(key, first + jnp.arange(BATCH), deviation.dtype)


def normal(key: Any, steps: Int[Array, "step"], precision: Any) -> Float[Array, "step 2"]:
    """Two standard normal numbers for every step, each from a key of its own: fold_in(key, step)."""
    keys = jax.vmap(partial(jax.random.fold_in, key))(steps)
    return jax.vmap(lambda each: jax.random.normal(each, (2,), precision))(keys)


def split(layout: Layout, values: T) -> list[T]:
    """The slice of every rule, of an array or a sequence [runner, ...]."""
    return list(_slices(layout, values))


def _slices(layout: Layout, values: Any) -> Iterator[Any]:
    end = 0
    for _, count in layout:
        end += count
        yield values[end - count : end]


def _asked(layout: Layout, states: Sequence[State], points: Array, hyper: Hyper) -> Array:
    """Where each runner's rule wants the gradient."""
    places = []
    for (rule, _), state, part, settings in zip(layout, states, split(layout, points), hyper, strict=True):
        places.append(part if rule.look_ahead is None else jax.vmap(rule.look_ahead)(state, part, settings))
    return jnp.concatenate(places)


def _updated(
    layout: Layout, gradients: Array, states: Sequence[State], points: Array, hyper: Hyper
) -> tuple[Array, tuple[State, ...]]:
    """Every rule's update on its own slice: the changes, and the next states."""
    slices = zip(layout, split(layout, gradients), states, split(layout, points), hyper, strict=True)
    done = [
        jax.vmap(rule.update)(gradient, state, part, settings)
        for (rule, _), gradient, state, part, settings in slices
    ]
    return jnp.concatenate([change for change, _ in done]), tuple(state for _, state in done)


def _kept(layout: Layout, alive: Array, updated: Any, states: Any) -> tuple[State, ...]:
    """The new states of those that took the step, the old ones of the others."""

    def choose(mask: Array, new: Array, old: Array) -> Array:
        return jnp.where(mask.reshape(-1, *(1,) * (new.ndim - 1)), new, old)

    masks = split(layout, alive)
    return tuple(
        jax.tree.map(partial(choose, mask), new, old)
        for mask, new, old in zip(masks, updated, states, strict=True)
    )
