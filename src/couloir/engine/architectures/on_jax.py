"""The operations that architectures are made of, in JAX: for training, and without it.

Everything here is written for a single network; `couloir.engine.epochs` maps it over many.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from couloir.engine.activations import ACTIVATIONS
from couloir.engine.architectures.architecture import Network, Operations
from couloir.engine.architectures.mlp import computed
from couloir.engine.machine import FEW_OUTPUTS
from couloir.engine.randomness import words


@jax.custom_vjp
def trained_product(
    weight: Float[Array, "output unit"], signal: Float[Array, "unit batch"]
) -> Float[Array, "output batch"]:
    """``W h``, its slopes by the products that a processor is quickest at; for reverse mode only.

    The slopes are the usual ones, ``∂W = S hᵀ`` and ``∂h = Wᵀ S`` with S those of ``W h``. But many small
    products with a transposed first factor take up to four times as long as a copy of W, transposed, and
    products with that; and where W has two or three rows, ``S hᵀ`` takes twice as long as a product of h
    with each row of S. (Two AVX-512 cores, 32 networks, a batch of 64, 64 units: ∂h to 10 outputs 0.16 and
    0.06 ms, ∂W of 2 outputs 0.06 and 0.03 ms.)
    """
    return weight @ signal


def _product_kept(weight: Array, signal: Array) -> tuple[Array, tuple[Array, Array]]:
    return weight @ signal, (weight, signal)


def _product_slopes(kept: tuple[Array, Array], slopes: Array) -> tuple[Array, Array]:
    weight, signal = kept
    outputs = weight.shape[0]
    few = outputs <= FEW_OUTPUTS
    of_weight = jnp.stack([signal @ slopes[row] for row in range(outputs)]) if few else slopes @ signal.T
    # Without the barrier the compiler takes the transposing into the product.
    transposed = weight.T if few else jax.lax.optimization_barrier(weight.T)
    return of_weight, transposed @ slopes


trained_product.defvjp(_product_kept, _product_slopes)


def _each_product(weight: Array, signal: Array) -> Array:
    """`trained_product` of matrices, or of as many pairs of them as there are along the first axis."""
    return (trained_product if weight.ndim == 2 else jax.vmap(trained_product))(weight, signal)


JAX = Operations(
    entering=jnp.matmul,
    product=jnp.matmul,
    activation=lambda name, signal: ACTIVATIONS[name](signal),
    exp=jnp.exp,
    log=jnp.log,
    sqrt=jnp.sqrt,
    cos=jnp.cos,
    mean=lambda signal, axis: jnp.mean(signal, axis, keepdims=True),
    most=lambda signal, axis: jnp.max(signal, axis, keepdims=True),
    reshape=jnp.reshape,
    transpose=jnp.transpose,
    concatenate=jnp.concatenate,
    gather=lambda signal, places: jnp.take(signal, places, axis=1, mode="clip"),
    constant=jax.lax.stop_gradient,
)
"""The operations, differentiable in either mode."""


def _trained_gather(signal: Float[Array, "unit place batch"], places: np.ndarray) -> Array:
    """`JAX.gather`, its slopes by gathering as well, which adds them in one order and is faster."""
    count = signal.shape[1]
    own = [np.flatnonzero(places.ravel() == place) for place in range(count)]
    most = max(map(len, own))
    back = np.array([[*each, *[places.size] * (most - len(each))] for each in own]).T

    @jax.custom_vjp
    def gathered(signal: Array) -> Array:
        return JAX.gather(signal, places)

    def slopes(_: None, given: Array) -> tuple[Array]:
        flat = given.reshape(given.shape[0], places.size, given.shape[-1])
        flat = jnp.pad(flat, ((0, 0), (0, 1), (0, 0)))  # for places in fewer windows than others
        return (sum((JAX.gather(flat, each) for each in back[1:]), JAX.gather(flat, back[0])),)

    gathered.defvjp(lambda signal: (gathered(signal), None), slopes)
    return gathered(signal)


def _trained_most(signal: Float[Array, "..."], axis: int) -> Array:
    """`JAX.most`, whose slope goes to the first of the largest, without a count of them."""

    @jax.custom_vjp
    def largest(signal: Array) -> Array:
        found, *others = jnp.split(signal, signal.shape[axis], axis)
        for each in others:  # faster than a reduction
            found = jnp.maximum(found, each)
        return found

    def kept(signal: Array) -> tuple[Array, tuple[Array, Array]]:
        found = largest(signal)
        return found, (signal, found)

    def slopes(kept: tuple[Array, Array], given: Array) -> tuple[Array]:
        signal, found = kept
        parts, left = [], jnp.ones(found.shape, bool)
        for each in jnp.split(signal, signal.shape[axis], axis):
            parts.append(jnp.where(left & (each == found), given, 0))
            left &= each != found
        return (jnp.concatenate(parts, axis),)

    largest.defvjp(kept, slopes)
    return largest(signal)


TRAINED = replace(JAX, product=_each_product, most=_trained_most, gather=_trained_gather)
"""The same, for reverse mode only: see `trained_product`."""

Drop = Callable[[Float[Array, "*unit batch"], int], Float[Array, "*unit batch"]]
"""Switches units off: a hidden layer's signal [..., batch] and the layer's number to the signal left."""


def forward(
    network: Network,
    inputs: Float[Array, "feature batch"],
    activation: str,
    drop: Drop | None = None,
    ops: Operations = JAX,
) -> Float[Array, "output batch"]:
    """What one multilayer perceptron answers: ``h ← φ(W h + b)``, ``W h + b`` at the end.

    Args:
        network: the layers, first to last.
        inputs: the prepared rows, as columns.
        activation: of the hidden layers: a name in `ACTIVATIONS`, or one for each with "-" between.
        drop: applied to each hidden layer's signal with the layer's number (dropout while training);
            None switches nothing off, as when predicting.
        ops: what is computed with.

    Returns:
        logits [class, batch], or values in standardised target units [output, batch].
    """
    found: Any = computed(ops, network, inputs, activation, drop)
    return found


def dropout(key: Array, probability: Float[Array, ""]) -> Drop:
    """Inverted dropout (Srivastava et al. 2014): each unit is 0 with probability p, otherwise ÷ (1 − p).

    Twenty-four random bits decide for each unit and sample, so p is rounded to a multiple of 2⁻²⁴; the
    scale uses the rounded p, so that the expected signal is exactly the undropped one.

    Args:
        key: a fresh key for every step; each layer draws from `fold_in(key, layer)`.
        probability: p in [0, 1), a traced number: changing it compiles nothing.
    """
    threshold = jnp.minimum(jnp.round(probability * 2**24), 2**24 - 1).astype(jnp.uint32)
    scale = 2**24 / (2**24 - threshold.astype(probability.dtype))

    def drop(signal: Float[Array, "*unit batch"], number: int) -> Float[Array, "*unit batch"]:
        drawn = words(jax.random.fold_in(key, number), signal.shape) >> jnp.uint32(8)
        # Without the barrier a compiler may draw once more for every member that shares the key.
        drawn = jax.lax.optimization_barrier(drawn)
        return jnp.where(drawn >= threshold, signal * scale.astype(signal.dtype), 0)

    return drop
