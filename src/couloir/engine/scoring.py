"""Scores of one network's outputs, as the training program measures them at the end of every epoch.

Members are ranked by these, on validation. They are never penalised, weighted or drawn from a corrupted
input, so that members trained on different losses can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import jax.numpy as jnp
from jaxtyping import Array, Float

from couloir.engine.losses import cross_entropy

Score = Callable[
    [Float[Array, "output sample"], Array, Float[Array, "output"], Float[Array, "sample"]], Float[Array, ""]
]
"""Takes the outputs [output, sample] of one network, targets (class numbers [sample], or standardised values
[output, sample]), per output what one standardised unit is in target units, and the weight of every sample,
0 for what only fills an array up. Returns one number."""


def _mean(values: Array, weights: Array) -> Array:
    """The weighted mean over the last axis."""
    return jnp.sum(values * weights.astype(values.dtype), axis=-1) / jnp.sum(weights)


def log_loss(outputs: Array, targets: Array, scale: Array, weights: Array) -> Array:
    """Mean of −log p(true class), in nats."""
    return _mean(cross_entropy(outputs, targets), weights)


def accuracy(outputs: Array, targets: Array, scale: Array, weights: Array) -> Array:
    """Share of samples whose largest logit is the true class."""
    return _mean((jnp.argmax(outputs, axis=0) == targets).astype(outputs.dtype), weights)


def balanced_accuracy(outputs: Array, targets: Array, scale: Array, weights: Array) -> Array:
    """Mean over the classes present of the share of each that is recognised."""
    members = (targets[None, :] == jnp.arange(outputs.shape[0])[:, None]) * weights[None, :]
    right = (jnp.argmax(outputs, axis=0) == targets)[None, :]
    sizes = jnp.sum(members, axis=1)
    recalls = jnp.sum(members * right, axis=1) / jnp.where(sizes > 0, sizes, 1)
    return jnp.sum(recalls) / jnp.sum(sizes > 0, dtype=outputs.dtype)


def mean_squared_error(outputs: Array, targets: Array, scale: Array, weights: Array) -> Array:
    """Mean of (y − f)², in squared target units, averaged over the outputs."""
    return jnp.mean(_mean(((targets - outputs) * scale[:, None]) ** 2, weights[None, :]))


def mean_absolute_error(outputs: Array, targets: Array, scale: Array, weights: Array) -> Array:
    """Mean of |y − f|, in target units, averaged over the outputs."""
    return jnp.mean(_mean(jnp.abs((targets - outputs) * scale[:, None]), weights[None, :]))


def r2(outputs: Array, targets: Array, scale: Array, weights: Array) -> Array:
    """1 − Σ(y − f)²/Σ(y − ȳ)², averaged over the outputs; 0 for an output whose target is constant."""
    shares = weights[None, :]
    centre = _mean(targets, shares)[:, None]
    residual = jnp.sum(shares * (targets - outputs) ** 2, axis=1)
    total = jnp.sum(shares * (targets - centre) ** 2, axis=1)
    return jnp.mean(jnp.where(total > 0, 1 - residual / jnp.where(total > 0, total, 1), 0))


SCORES: Mapping[str, Score] = MappingProxyType(
    {
        "log_loss": log_loss,
        "accuracy": accuracy,
        "balanced_accuracy": balanced_accuracy,
        "mse": mean_squared_error,
        "mae": mean_absolute_error,
        "r2": r2,
    }
)
"""The function of every entry of `couloir.engine.metrics.METRICS`."""
