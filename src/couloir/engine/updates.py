"""One step of several rules side by side: each updates a static slice of its own.

What has members, or runners on a surface, in front is laid out rule by rule. Gradients are taken for all of
them together, and every rule's update then runs on its own part: no rule is computed for what is another's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from couloir.engine.rule import Hyper, Params, Rule, State

Layout = tuple[tuple[Rule, int], ...]
"""Each rule with how many are its own; they stand side by side in this order."""


def segments(layout: Sequence[tuple[Rule, int]]) -> Iterator[tuple[Rule, slice]]:
    """Each rule with the slice of the member axis that is its own."""
    start = 0
    for rule, size in layout:
        yield rule, slice(start, start + size)
        start += size


def changes_of(
    layout: Layout,
    params: Params,
    states: Sequence[State],
    hypers: Sequence[Hyper],
    gradients_at: Callable[[Params], tuple[Any, Params]],
) -> tuple[list[Params], tuple[State, ...], Any]:
    """What every rule adds to its own parameters in one step.

    Args:
        layout: the rules.
        params: a tree of arrays with a member axis in front.
        states: each rule's, its arrays with the rule's own members in front.
        hypers: each rule's numbers by name, [member] of its own.
        gradients_at: from parameters of all members to anything of interest, and the gradients there; it is
            asked where the rules want them, which for some (Nesterov) is not at the parameters.

    Returns:
        each rule's change, each one's next state, and what `gradients_at` gave besides the gradients.
    """
    parts = list(segments(layout))
    own = [cut(params, slots) for _, slots in parts]
    asked = [
        part if rule.look_ahead is None else jax.vmap(rule.look_ahead)(state, part, hyper)
        for (rule, _), state, part, hyper in zip(parts, states, own, hypers, strict=True)
    ]
    elsewhere = any(rule.look_ahead is not None for rule, _ in parts)
    besides, gradients = gradients_at(joined(asked) if elsewhere else params)
    changes, updated = [], []
    for (rule, slots), state, part, hyper in zip(parts, states, own, hypers, strict=True):
        change, state = jax.vmap(rule.update)(cut(gradients, slots), state, part, hyper)
        changes.append(change)
        updated.append(state)
    return changes, tuple(updated), besides


def cut(tree: Any, slots: slice) -> Any:
    """Every leaf's part of the member axis."""
    return jax.tree.map(lambda leaf: leaf[slots], tree)


def joined(trees: Sequence[Any]) -> Any:
    """Trees of the rules, one after the other, as one of all members."""
    return trees[0] if len(trees) == 1 else jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *trees)


def chosen(mask: Bool[Array, "member"], yes: Any, no: Any) -> Any:
    """Members' leaves of one tree where the mask holds, of the other elsewhere."""
    return jax.tree.map(lambda a, b: jnp.where(jnp.expand_dims(mask, tuple(range(1, a.ndim))), a, b), yes, no)
