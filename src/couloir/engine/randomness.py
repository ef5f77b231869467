"""Random numbers that are drawn on the device while networks train: for dropout, noise and guesses.

JAX's own draws make several passes over memory. These are computed from nothing but a key and an element's
place, so that a compiler makes one loop of them, and of what they are used for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array

from couloir.engine import seeds

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
"""Bits by which Threefry-2x32 rotates, four rounds at a time, in turns."""

PARITY = 0x1BD11BDA
"""Threefish's constant for the last word of the key schedule, cut to 32 bits."""

NEAR = (
    *(2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 2.1858087e-04),
    *(-1.25372503e-03, -4.17768164e-03, 2.46640727e-01, 1.50140941),
)
FAR = (
    *(-2.00214257e-04, 1.00950558e-04, 1.34934322e-03, -3.67342844e-03, 5.73950773e-03),
    *(-7.6224613e-03, 9.43887047e-03, 1.00167406, 2.83297682),
)
"""Polynomials of the inverse error function, highest power first (Giles 2010, single precision)."""


def key_of(seed: ArrayLike) -> Array:
    """The key of a seed, for Threefry-2x32 whatever JAX's default generator is set to."""
    return jax.random.key(seed, impl="threefry2x32")


def member_key(seed: ArrayLike, restart: ArrayLike) -> Array:
    """The key of a member, from the run seed and its restart: `dropout_key` is folded from it."""
    return jax.random.fold_in(jax.random.fold_in(key_of(seed), seeds.MEMBERS), restart)


def noise_key(seed: ArrayLike) -> Array:
    """The key of a run's input noise, which all members share."""
    return jax.random.fold_in(key_of(seed), seeds.NOISE)


def dropout_key(member: Array) -> Array:
    """The key of a member's dropout."""
    return jax.random.fold_in(member, seeds.DROPOUT)


def step_key(key: Array, step: ArrayLike) -> Array:
    """The key of a step, from that of what is drawn step by step."""
    return jax.random.fold_in(key, step)


def threefry(key: tuple[Array, Array], counter: tuple[Array, Array]) -> tuple[Array, Array]:
    """Threefry-2x32 with 20 rounds (Salmon et al. 2011): two random words for each pair of words counted.

    Args:
        key: two uint32 words.
        counter: two arrays of uint32 of one shape.
    """
    schedule = (*key, key[0] ^ key[1] ^ jnp.uint32(PARITY))
    left, right = counter[0] + schedule[0], counter[1] + schedule[1]
    for fours in range(5):
        for bits in ROTATIONS[fours % 2]:
            left += right
            right = left ^ ((right << jnp.uint32(bits)) | (right >> jnp.uint32(32 - bits)))
        left += schedule[(fours + 1) % 3]
        right += schedule[(fours + 2) % 3] + jnp.uint32(fours + 1)
    return left, right


def words(key: Array, shape: Sequence[int]) -> Array:
    """Random uint32 numbers: an element's is the first word that its place in the array is turned into.

    Args:
        key: from `key_of`, or folded from such a one.
        shape: of the array, of less than 2³² elements.
    """
    place = jax.lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)
    first, second = jax.random.key_data(key)
    return threefry((first, second), (place, jnp.zeros_like(place)))[0]


def uniform(key: Array, shape: Sequence[int], dtype: DTypeLike) -> Array:
    """Numbers in (−1, 1), each of 2²³ that lie evenly and symmetrically as likely as any other."""
    return shares(words(key, shape), dtype)


def shares(drawn: Array, dtype: DTypeLike) -> Array:
    """The numbers in (−1, 1) that uint32 words stand for: the first 23 bits of each count."""
    counted = (drawn >> jnp.uint32(9)).astype(jnp.int32).astype(jnp.float32)
    return ((counted + 0.5) * 2.0**-22 - 1).astype(dtype)


def standard_normal(key: Array, shape: Sequence[int], dtype: DTypeLike) -> Array:
    """Standard normal numbers, `quantiles` of `uniform` ones: none lies beyond ±5.3."""
    return quantiles(uniform(key, shape, dtype))


def quantiles(share: Array) -> Array:
    """Φ⁻¹((1 + u)/2) = √2 erf⁻¹(u), for u in (−1, 1).

    By the polynomials of Giles (2010), in w = −ln(1 − u²) near the middle and in √w far out: good to 1e-6 in
    either precision. With `jax.lax.erf_inv`, good to the last digits, a draw takes 1.4 times as long.
    """
    # 1 − u and 1 + u are exact, so this is as good as ln(1 − u²) with more digits.
    w = -jnp.log((1 - share) * (1 + share))
    near, far = w - 2.5, jnp.sqrt(w) - 3
    polynomial = jnp.where(w < 5, _polynomial(NEAR, near), _polynomial(FAR, far))
    return math.sqrt(2) * polynomial * share


def _polynomial(coefficients: Sequence[float], x: Array) -> Array:
    """Σ cₖ xᵏ by Horner's rule, the highest power's coefficient first."""
    return reduce(lambda total, each: total * x + each, coefficients[1:], jnp.full_like(x, coefficients[0]))
