"""Losses that networks are trained on, and the penalties on their weights.

A loss maps the outputs ``[output, batch]`` of one network and the targets to one number per sample;
the training step takes their weighted mean over the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

Targets = Int[Array, "batch"] | Float[Array, "output batch"]
"""Class numbers [batch], or standardised values [output, batch]."""

LossFunction = Callable[[Float[Array, "output batch"], Array], Float[Array, "batch"]]
"""Outputs [output, batch] and targets to one loss per sample [batch]."""


class Loss(NamedTuple):
    """A loss for one task.

    Attributes:
        task: "classification" or "regression".
        per_sample: outputs [output, batch] and targets to one number per sample [batch].
        equation: what that computes, in a line.
    """

    task: str
    per_sample: LossFunction
    equation: str


def cross_entropy(
    outputs: Float[Array, "output batch"], targets: Int[Array, "batch"]
) -> Float[Array, "batch"]:
    """−log softmax(outputs)[target], in nats; the targets are class numbers."""
    chosen = targets[None, :] == jnp.arange(outputs.shape[0])[:, None]
    return jax.nn.logsumexp(outputs, axis=0) - jnp.sum(outputs, axis=0, where=chosen)


def soft_cross_entropy(
    outputs: Float[Array, "output batch"], targets: Float[Array, "output batch"]
) -> Float[Array, "batch"]:
    """−Σ_c t_c log softmax(outputs)_c, in nats; the targets are probabilities, of sum 1 for each sample."""
    return jax.nn.logsumexp(outputs, axis=0) - jnp.sum(targets * outputs, axis=0)


def squared_error(
    outputs: Float[Array, "output batch"], targets: Float[Array, "output batch"]
) -> Float[Array, "batch"]:
    """(y − f)², averaged over the outputs."""
    return jnp.mean((targets - outputs) ** 2, axis=0)


def absolute_error(
    outputs: Float[Array, "output batch"], targets: Float[Array, "output batch"]
) -> Float[Array, "batch"]:
    """|y − f|, averaged over the outputs; an exact answer is pulled neither way."""
    residual = targets - outputs
    return jnp.mean(residual * jnp.sign(residual), axis=0)  # the gradient of jnp.abs at 0 is 1


def huber(
    outputs: Float[Array, "output batch"], targets: Float[Array, "output batch"]
) -> Float[Array, "batch"]:
    """½r² where |r| ≤ 1, |r| − ½ beyond, r = y − f, averaged over the outputs (Huber 1964).

    Targets are standardised while training, so the bend at 1 is one standard deviation of the target.
    """
    size = jnp.abs(targets - outputs)
    near = jnp.minimum(size, 1)
    return jnp.mean(near * (size - 0.5 * near), axis=0)


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        "cross_entropy": Loss("classification", cross_entropy, "−log softmax(f)_y"),
        "mse": Loss("regression", squared_error, "(y − f)²"),
        "mae": Loss("regression", absolute_error, "|y − f|"),
        "huber": Loss("regression", huber, "½r² if |r| ≤ 1 else |r| − ½, r = y − f"),
    }
)
"""Losses by name."""

DEFAULT_LOSS: Mapping[str, str] = MappingProxyType({"classification": "cross_entropy", "regression": "mse"})
"""The loss a task is trained on when none is named."""


NO_WEIGHTS = frozenset(
    {"bias", "scale", "slope", "entering", "leaving", "frequency", "phase", "shift", "fan"}
)
"""Names of arrays that are no weights: what is added, or what has another place than 0 to come back to."""


def leaf_name(path: tuple[object, ...]) -> str:
    """The name of a leaf of a parameter tree, of a field or a key; empty where it has none."""
    names = (getattr(step, "name", None) or getattr(step, "key", None) for step in reversed(path))
    return next((name for name in names if isinstance(name, str)), "")


def is_weight(path: tuple[object, ...]) -> bool:
    """Whether a leaf of a parameter tree is a weight: everything is, save leaves named in `NO_WEIGHTS`."""
    return leaf_name(path) not in NO_WEIGHTS


def weight_leaves(params: PyTree[Float[Array, "..."]]) -> list[Array]:
    """The leaves that penalties and weight decay act on."""
    return [leaf for path, leaf in jax.tree_util.tree_leaves_with_path(params) if is_weight(path)]


def l1_penalty(params: PyTree[Float[Array, "..."]]) -> Float[Array, ""]:
    """Σ |w| over weights, not biases or scales; the step multiplies it by λ. Its slope at w = 0 is 0."""
    return jnp.asarray(sum(jnp.sum(weight * jnp.sign(weight)) for weight in weight_leaves(params)))


def l2_penalty(params: PyTree[Float[Array, "..."]]) -> Float[Array, ""]:
    """½ Σ w² over weights, not biases or scales; the step multiplies it by λ."""
    return jnp.asarray(0.5 * sum(jnp.sum(weight**2) for weight in weight_leaves(params)))
