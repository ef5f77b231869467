"""How sharply the loss curves around a network: the top eigenvalues of its Hessian.

The Hessian is never formed. Its product with a vector is the derivative of the gradient along that vector
(Pearlmutter 1994), forward over reverse, summed over all rows block by block; the Lanczos iteration (1950)
needs nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from couloir.engine import compilation, seeds
from couloir.engine.architectures.architecture import Architecture, Network
from couloir.engine.architectures.on_jax import JAX
from couloir.engine.losses import LOSSES
from couloir.engine.training import numerics
from couloir.errors import InputError
from couloir.landscapes.measuring import Measure, RowBlocks, in_calls, summed
from couloir.landscapes.planes import flattened, shaped

Product = Callable[[np.ndarray], np.ndarray]
"""A symmetric matrix times a vector, both [parameter] float64."""

CHECKED_EVERY = 5
"""Steps between two looks at whether the eigenvalues have settled."""


@dataclass(frozen=True)
class Eigenpairs:
    """What Lanczos found of a symmetric matrix.

    Attributes:
        values: the largest eigenvalues, in falling order [pair].
        vectors: theirs, each of length 1 [pair, parameter].
        residuals: ‖A v − λ v‖ of each, which no eigenvalue's error exceeds [pair], as the iteration itself
            knows it: products that are rounded (to some 1e-6 of the largest in float32) add their own.
        lowest: the smallest eigenvalue, and its residual.
        products: how many times the matrix was multiplied.
        settled: whether every residual is within the tolerance.
    """

    values: np.ndarray
    vectors: np.ndarray
    residuals: np.ndarray
    lowest: tuple[float, float]
    products: int
    settled: bool


def lanczos(
    product: Product, size: int, count: int = 5, *, tolerance: float = 1e-6, most: int = 100, seed: int = 0
) -> Eigenpairs:
    """The largest eigenvalues of a symmetric matrix, and its smallest, from products with vectors alone.

    A v_j = β_{j−1} v_{j−1} + α_j v_j + β_j v_{j+1}, each new vector made orthogonal to all before it,
    twice, so that rounding lets no eigenvalue appear two times over. Where the vectors have come to fill
    an invariant subspace, the iteration goes on from a fresh one, which finds repeated eigenvalues too.

    Args:
        product: v ↦ A v.
        size: length of v.
        count: how many of the largest are wanted.
        tolerance: residuals, relative to the largest |λ|, at which to end.
        most: products at most.
        seed: of the first vector.

    Raises:
        InputError: fewer than 1 or more than all eigenvalues are asked for.
    """
    if not 1 <= count <= size:
        raise InputError(f"There are {size} eigenvalues, so {count} of them cannot be found: ask for fewer.")
    generator, steps = seeds.generator(seeds.LANCZOS, seed), min(most, size)
    basis, diagonal, off = np.zeros((steps, size)), np.zeros(steps), np.zeros(steps)
    vector = _unit(generator.standard_normal(size))
    found = None
    for step in range(steps):
        basis[step] = vector
        image = product(vector)
        diagonal[step] = vector @ image
        image = _orthogonal(image, basis[: step + 1])
        off[step] = np.linalg.norm(image)
        spread = np.max(np.abs(diagonal[: step + 1])) + np.max(off[: step + 1])
        exhausted = off[step] <= 1e-13 * spread
        if exhausted:
            off[step] = 0.0
            image = _orthogonal(generator.standard_normal(size), basis[: step + 1])
        done = step + 1
        if done >= count and (done == steps or (done % CHECKED_EVERY == 0 and not exhausted)):
            found = _ritz(basis[:done], diagonal[:done], off[:done], count, tolerance, done == size)
            if found.settled:
                break
        if done < size:
            vector = _unit(image)
    assert found is not None, "the last step always looks"
    return found


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def _orthogonal(vector: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """A vector's part orthogonal to a basis; where the basis is complete, what rounding leaves of it."""
    for _ in range(2):
        vector = vector - basis.T @ (basis @ vector)
    return vector


def _ritz(
    basis: np.ndarray, diagonal: np.ndarray, off: np.ndarray, count: int, tolerance: float, whole: bool
) -> Eigenpairs:
    """Eigenpairs of the tridiagonal matrix, carried back; a residual is β times a vector's last entry."""
    matrix = np.diag(diagonal) + np.diag(off[:-1], 1) + np.diag(off[:-1], -1)
    values, vectors = np.linalg.eigh(matrix)
    residuals = np.zeros(len(values)) if whole else np.abs(off[-1] * vectors[-1])
    top = np.argsort(-values)[:count]
    bound = tolerance * max(np.max(np.abs(values)), np.finfo(float).tiny)
    settled = bool(np.all(residuals[top] <= bound) and residuals[0] <= bound)
    lowest = float(values[0]), float(residuals[0])
    return Eigenpairs(values[top], vectors[:, top].T @ basis, residuals[top], lowest, len(basis), settled)


class Derivatives:
    """First and second derivatives of the mean loss over all rows at a network, penalties left out."""

    def __init__(self, network: Network, measure: Measure) -> None:
        """Rows and network go to the device once.

        Args:
            network: where.
            measure: on which rows, by which loss, in which precision.
        """
        self.network, self.measure = network, measure
        with numerics(measure.precision):
            self.rows = [jax.tree.map(jnp.asarray, call) for call in in_calls(measure)]

    def gradient(self) -> np.ndarray:
        """∇J [parameter]."""
        return self._both(np.zeros(len(flattened(self.network))))[0]

    def product(self, vector: np.ndarray) -> np.ndarray:
        """H v [parameter], for a vector v [parameter]."""
        return self._both(vector)[1]

    def _both(self, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        measure = self.measure
        device = partial(jax.tree.map, lambda leaf: jnp.asarray(leaf, measure.precision))
        with compilation.cached(), numerics(measure.precision):
            at, direction = device(self.network), device(shaped(vector, self.network))
            sums = partial(_sums_on_rows, at, direction, design=measure.design, loss=measure.loss)
            first, second = summed(
                lambda rows: np.stack([flattened(tree) for tree in sums(rows)]), self.rows, measure.precision
            )
        factor = measure.scale / len(measure.inputs)
        return factor * first, factor * second


@partial(jax.jit, static_argnames=("design", "loss"))
def _sums_on_rows(
    network: Network, direction: Network, rows: RowBlocks, *, design: Architecture, loss: str
) -> tuple[Any, Any]:
    """The gradient of the loss summed over some rows, and its derivative along a direction."""

    def total(some: Network, block: RowBlocks) -> Float[Array, ""]:
        outputs = design.answers(JAX, some, block.inputs.T, LOSSES[loss].task)
        losses = LOSSES[loss].per_sample(outputs, block.targets.T)
        return jnp.sum(losses * block.weights)

    def add(so_far: Any, block: RowBlocks) -> tuple[Any, None]:
        gradient = jax.grad(partial(total, block=block))
        return jax.tree.map(jnp.add, so_far, jax.jvp(gradient, (network,), (direction,))), None

    nothing = jax.tree.map(jnp.zeros_like, network)
    return jax.lax.scan(add, (nothing, nothing), rows)[0]


def curvature(network: Network, measure: Measure, count: int = 5, seed: int = 0) -> Eigenpairs:
    """The sharpest directions at a network: the Hessian's top eigenvalues over all rows, and its lowest.

    The first is called the sharpness: plain gradient descent with a learning rate above 2/λ₁ is thrown
    out of such a valley. A lowest one well below 0 says that the network is at no minimum.
    """
    size = len(flattened(network))
    return lanczos(Derivatives(network, measure).product, size, min(count, size), seed=seed)
