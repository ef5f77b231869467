"""Several rules side by side: each goes where it would go alone, by the independent formulas."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

import references
from couloir.engine.optimizers import RULES
from couloir.engine.updates import changes_of, chosen, joined, segments

LAYOUT = ((RULES["nesterov"], 2), (RULES["adam"], 1), (RULES["sgd"], 3))
STEEPNESS = np.array([1.0, 8.0])


def gradient(points: np.ndarray) -> np.ndarray:
    """Of ½(x² + 8y²)."""
    return points * np.broadcast_to(STEEPNESS, points.shape)


def test_segments_lie_side_by_side() -> None:
    assert [(rule.name, own.start, own.stop) for rule, own in segments(LAYOUT)] == [
        ("nesterov", 0, 2), ("adam", 2, 3), ("sgd", 3, 6)
    ]  # fmt: skip


def test_every_rule_goes_as_it_would_alone() -> None:
    starts = np.random.default_rng(0).normal(size=(6, 2))
    rates = np.array([0.05, 0.1, 0.2, 0.05, 0.1, 0.2])
    with jax.enable_x64(True):
        points = jnp.asarray(starts)
        states = tuple(jax.vmap(rule.init)(points[own]) for rule, own in segments(LAYOUT))
        hypers = [
            {name: np.full(own.stop - own.start, value) for name, value in rule.defaults.items()}
            | {"learning_rate": rates[own]}
            for rule, own in segments(LAYOUT)
        ]
        for _ in range(20):
            changes, states, asked = changes_of(
                LAYOUT, points, states, hypers, lambda asked: (asked, gradient(asked))
            )
            before, points = points, points + joined(changes)
    np.testing.assert_array_equal(asked[2:], before[2:])
    assert np.abs(asked[:2] - before[:2]).min() > 0  # only Nesterov's rule looks ahead
    for rule, own in segments(LAYOUT):
        for member in range(own.start, own.stop):
            hyper = {**rule.defaults, "learning_rate": rates[member]}
            way = references.trajectory(references.RULES[rule.name], gradient, starts[member], hyper, 20)
            np.testing.assert_allclose(points[member], way[-1], rtol=1e-12)


def test_members_are_chosen_leaf_by_leaf() -> None:
    yes, no = {"a": jnp.ones((3, 2)), "b": jnp.ones(3)}, {"a": jnp.zeros((3, 2)), "b": jnp.zeros(3)}
    found = chosen(jnp.array([True, False, True]), yes, no)
    np.testing.assert_array_equal(found["a"], [[1, 1], [0, 0], [1, 1]])
    np.testing.assert_array_equal(found["b"], [1, 0, 1])
