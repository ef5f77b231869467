"""Momentum against none in a quadratic bowl, at every learning rate and momentum of a grid.

Along an eigenvector of a quadratic, of eigenvalue λ, momentum is w ← w − αz, z ← βz + λw: two numbers and a
matrix, whose spectral radius says how fast w shrinks, or that it grows. It grows where α > 2(1 + β)/λ: with
momentum larger rates are safe, and the valley's floor, where λ is small, is walked faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from couloir.engine.optimizers import RULES
from couloir.errors import InputError
from couloir.surfaces.evaluation import Point, Surface, slope_and_curvature
from couloir.surfaces.functions import ravine
from couloir.surfaces.paths import Runner, follow

SHARES = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 1.9, 2.1, 2.5, 2.9, 3.1, 3.5, 3.7, 3.9)
"""Learning rates as multiples of 1/λmax; without momentum 2 is the end."""

MOMENTA = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9)
"""Values of β; 0 is gradient descent without momentum."""


@dataclass(frozen=True, eq=False)
class MomentumGrid:
    """Paths from one start at every rate and momentum.

    Attributes:
        surface: the bowl.
        eigenvalues: of its Hessian, ascending, [2].
        rates: α, [rate]; momenta: β, [momentum].
        points: [momentum, rate, step + 1, 2]; losses: [momentum, rate, step + 1], above the least. One
            that has gone further than `couloir.surfaces.paths.REACH` stays where it was.
        factors: by what the distance to the minimum is multiplied in each step in the long run, from the
            closed form, [momentum, rate]; above 1 the path diverges.
        critical: the rate above which it diverges, 2(1 + β)/λmax, [momentum].
        arrivals: the first step from which on the loss stays below `near` of the first one, [momentum,
            rate]; −1 where that has not happened.
        near: that share.
    """

    surface: Surface
    eigenvalues: np.ndarray
    rates: np.ndarray
    momenta: np.ndarray
    points: np.ndarray
    losses: np.ndarray
    factors: np.ndarray
    critical: np.ndarray
    arrivals: np.ndarray
    near: float

    @property
    def condition(self) -> float:
        """λmax / λmin."""
        return float(self.eigenvalues[-1] / self.eigenvalues[0])

    @property
    def steps(self) -> int:
        """Steps of every path."""
        return self.points.shape[2] - 1

    def best(self, momentum: int) -> int:
        """The rate, by its place, of the lowest loss at the end for a momentum's place."""
        return int(np.argmin(self.losses[momentum, :, -1]))

    @property
    def best_momentum(self) -> int:
        """The momentum, by its place, of the lowest loss at the end at any rate."""
        return int(np.argmin(self.losses[:, :, -1].min(axis=1)))


def spectral_radius(rate: float, momentum: float, eigenvalue: float) -> float:
    """By what w is multiplied in each step in the long run along an eigenvector.

    The largest modulus of the roots of t² − (1 + β − αλ)t + β = 0 (Polyak 1964).
    """
    return float(max(abs(np.roots([1.0, -(1 + momentum - rate * eigenvalue), momentum]))))


def momentum_grid(
    surface: Surface | float = 100.0,
    shares: Sequence[float] = SHARES,
    momenta: Sequence[float] = MOMENTA,
    *,
    steps: int = 100,
    start: Point | None = None,
    near: float = 1e-3,
) -> MomentumGrid:
    """Follow momentum through a bowl at every rate and momentum, all in one program in float64.

    Args:
        surface: a quadratic of known minimum; a number is κ, at least 1, of the ravine ½(x² + κy²).
        shares: learning rates as multiples of 1/λmax, above 0.
        momenta: β in [0, 1); 0 is gradient descent.
        steps: of every path.
        start: where all of them begin; None: the surface's customary start.
        near: a path has arrived when its loss stays below this share of the first one.

    Raises:
        InputError: no rate or momentum, or one outside its range.
    """
    if not shares or min(shares) <= 0:
        raise InputError(f"The rates {list(shares)} cannot be used: give multiples of 1/λmax above 0.")
    if not momenta or min(momenta) < 0 or max(momenta) >= 1:
        raise InputError(f"The momenta {list(momenta)} cannot be used: give numbers from 0 to below 1.")
    surface = surface if isinstance(surface, Surface) else ravine(surface)
    eigenvalues = np.linalg.eigvalsh(slope_and_curvature(surface, surface.minima[0])[1])
    steepest = float(eigenvalues[-1])
    rates, betas = np.sort(np.array(shares, float)) / steepest, np.sort(np.array(momenta, float))
    rule, shape = RULES["momentum"], (len(betas), len(rates), steps + 1)
    runners = [Runner(rule, float(a), {"momentum": float(b)}, start) for b in betas for a in rates]
    paths = follow(surface, runners, steps)
    points, losses = paths.points.reshape(*shape, 2), paths.losses.reshape(shape) - (surface.least or 0.0)
    factors = np.array(
        [[max(spectral_radius(r, b, e) for e in eigenvalues.tolist()) for r in rates] for b in betas]
    )
    critical, arrivals = 2 * (1 + betas) / steepest, _arrivals(losses, near)
    return MomentumGrid(surface, eigenvalues, rates, betas, points, losses, factors, critical, arrivals, near)


def _arrivals(losses: np.ndarray, near: float) -> np.ndarray:
    """The step after the last one that was not near; −1 where the last one of all is not."""
    far = losses > near * losses[..., :1]
    last = losses.shape[-1] - 1 - np.argmax(far[..., ::-1], axis=-1)
    return np.where(far[..., -1], -1, np.where(far.any(axis=-1), last + 1, 0))
