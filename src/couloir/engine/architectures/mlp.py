"""The multilayer perceptron: how one network is initialised and what it computes.

Everything here is written for a single network; `couloir.engine.epochs` maps it over many.
Weights are ``[output, input]`` and signals ``[feature, batch]``: under `jax.vmap` the first layer of a
whole population is then one wide matrix product, since its members see the same batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from couloir.engine.activations import ACTIVATIONS, NORMAL_VARIANCE
from couloir.engine.architectures.layers import by_layer
from couloir.engine.machine import FEW_OUTPUTS
from couloir.engine.randomness import words


class Layer(NamedTuple):
    """One layer's parameters, on the host or the device: ``weight [output, input]``, ``bias [output]``."""

    weight: Any
    bias: Any


Network = tuple[Layer, ...]
"""A network: its layers, the first one's inputs being the features."""


def initialise(entropy: Sequence[int], widths: Sequence[int], activation: str, dtype: DTypeLike) -> Network:
    """Initial weights as fits the activations, as NumPy arrays; biases 0.

    Into a hidden layer of relu, leaky relu, elu, gelu, silu or mish: normal with variance 2/inputs (He et
    al. 2015); of selu: with variance 1/inputs (LeCun et al. 1998; Klambauer et al. 2017). Into any other
    layer, the outputs' included: uniform within ±√(6/(inputs + outputs)) (Glorot & Bengio 2010). Drawn
    in double precision and rounded once, so that both precisions begin alike; on the host, where nothing has
    to be compiled for it.

    Args:
        entropy: whole numbers that the draw depends on; each layer draws from its own number added.
        widths: numbers of inputs, of hidden units layer by layer, and of outputs.
        activation: of the hidden layers: a name in `ACTIVATIONS`, or one for each with "-" between.
        dtype: of the parameters.
    """
    layers, names = [], (*by_layer(activation, len(widths) - 2), "linear")
    for number, (inputs, outputs) in enumerate(pairwise(widths)):
        generator = np.random.default_rng([*entropy, number])
        variance = NORMAL_VARIANCE.get(names[number])
        if variance is not None:
            weight = generator.normal(0, (variance / inputs) ** 0.5, (outputs, inputs))
        else:
            limit = (6 / (inputs + outputs)) ** 0.5
            weight = generator.uniform(-limit, limit, (outputs, inputs))
        layers.append(Layer(weight.astype(dtype), np.zeros(outputs, dtype)))
    return tuple(layers)


Product = Callable[[Float[Array, "output unit"], Float[Array, "unit batch"]], Float[Array, "output batch"]]
"""A layer's weight [output, unit] times its signal [unit, batch]."""


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

Drop = Callable[[Float[Array, "unit batch"], int], Float[Array, "unit batch"]]
"""Switches units off: a hidden layer's signal [unit, batch] and the layer's number to the signal left."""


def forward(
    network: Network,
    inputs: Float[Array, "feature batch"],
    activation: str,
    drop: Drop | None = None,
    product: Product = jnp.matmul,
) -> Float[Array, "output batch"]:
    """What one network answers: ``h ← φ(W h + b)`` through the hidden layers, ``W h + b`` at the end.

    Args:
        network: the layers, first to last.
        inputs: the prepared rows, as columns.
        activation: of the hidden layers: a name in `ACTIVATIONS`, or one for each with "-" between.
        drop: applied to each hidden layer's signal with the layer's number (dropout while training);
            None switches nothing off, as when predicting.
        product: multiplies weights and signals in every layer but the first, which needs none of its own: no
            slopes are asked of its inputs, and one wide product may serve many networks.

    Returns:
        logits [class, batch], or values in standardised target units [output, batch].
    """
    signal, names = inputs, by_layer(activation, len(network) - 1)
    for number, layer in enumerate(network):
        multiply = product if number else jnp.matmul
        signal = multiply(layer.weight, signal) + layer.bias[:, None]
        if number < len(names):
            signal = ACTIVATIONS[names[number]](signal)
            if drop is not None:
                signal = drop(signal, number)
    return signal


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

    def drop(signal: Float[Array, "unit batch"], number: int) -> Float[Array, "unit batch"]:
        drawn = words(jax.random.fold_in(key, number), signal.shape) >> jnp.uint32(8)
        # Without the barrier a compiler may draw once more for every member that shares the key.
        drawn = jax.lax.optimization_barrier(drawn)
        return jnp.where(drawn >= threshold, signal * scale.astype(signal.dtype), 0)

    return drop


def parameter_count(widths: Sequence[int]) -> int:
    """Number of weights and biases: Σ (inputs + 1)·outputs over the layers."""
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise(widths))
