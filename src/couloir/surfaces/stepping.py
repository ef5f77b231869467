"""The compiled program of runners on a surface: `BATCH` steps of all of them, from wherever they stand.

Gradients are taken for all runners together, and each rule updates its own slice, as in training
(`couloir.engine.updates`). The program has the same number of steps however many are wanted: those beyond are
computed and left out. So it compiles once for a surface and a layout, and a way of many steps is the same
numbers, bit for bit, wherever it is interrupted. Everything else is traced: starts, settings, noise, and what
the surface's function carries.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from couloir.engine.rule import State
from couloir.engine.updates import Layout, changes_of, chosen, joined, segments
from couloir.surfaces.evaluation import Function

BATCH = 64
"""Steps of one call."""

Hyper = tuple[dict[str, Any], ...]
"""For each rule of the layout every setting it reads, [runner]."""


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


class Steps(NamedTuple):
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
    states = tuple(jax.vmap(rule.init)(starts[places]) for rule, places in segments(layout))
    return Stance(starts, jax.vmap(function)(starts), states, jnp.ones(len(starts), bool))


@partial(jax.jit, static_argnames="layout")
def advance(
    function: Function,
    layout: Layout,
    hyper: Hyper,
    stance: Stance,
    noise: Float[Array, "step 2"],
    limits: Limits,
) -> tuple[Stance, Steps]:
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

    def step(stance: Stance, added: Array) -> tuple[Stance, Steps]:
        points, losses, states, alive = stance

        def gradients_at(asked: Array) -> tuple[tuple[Array, Array], Array]:
            gradients = jax.vmap(lambda g: g + added)(slope(asked))
            return (asked, gradients), gradients

        changes, updated, used = changes_of(layout, points, states, hyper, gradients_at)
        reached = points + joined(changes)
        heights = height(reached)
        near = jax.vmap(lambda p: jnp.linalg.norm(p - limits.middle) <= limits.reach)(reached)
        alive = alive & jnp.isfinite(heights) & near
        states = tuple(
            chosen(alive[places], new, old)
            for (_, places), new, old in zip(segments(layout), updated, states, strict=True)
        )
        points, losses = chosen(alive, (reached, heights), (points, losses))
        after = Stance(points, losses, states, alive)
        return after, Steps(after, *used)

    return jax.lax.scan(step, stance, noise)


@jax.jit
def draw(key: Any, first: Int[Array, ""], deviation: Float[Array, ""]) -> Float[Array, "step 2"]:
    """Normal noise for the `BATCH` steps after the ``first`` ones; that of a step depends on its number."""
    return deviation * normal(key, first + jnp.arange(BATCH), deviation.dtype)


def normal(key: Any, steps: Int[Array, "step"], precision: Any) -> Float[Array, "step 2"]:
    """Two standard normal numbers for every step, each from a key of its own: fold_in(key, step)."""
    keys = jax.vmap(partial(jax.random.fold_in, key))(steps)
    return jax.vmap(lambda each: jax.random.normal(each, (2,), precision))(keys)
