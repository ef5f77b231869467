"""Overfitting: a few points, a straight line, and a polynomial that goes through every one of them.

Both are fitted by least squares and scored on fresh points of the same law. In the Chebyshev basis, solved
by QR, the polynomial's training error is rounding and nothing else; in powers of x it would not be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev

from couloir.engine import seeds
from couloir.errors import InputError


@dataclass(frozen=True)
class Fit:
    """A polynomial fitted to the points.

    Attributes:
        degree: its degree d, so d + 1 coefficients.
        coefficients: in the Chebyshev basis on [−1, 1], [d + 1].
        training: mean squared error on the points it was fitted to.
        fresh: mean squared error on fresh points of the same law.
    """

    degree: int
    coefficients: np.ndarray
    training: float
    fresh: float

    def values(self, x: np.ndarray) -> np.ndarray:
        """The polynomial at x, any shape."""
        return chebyshev.chebval(x, self.coefficients)


@dataclass(frozen=True)
class Overfitting:
    """Points, fresh points and the fits, by degree.

    Attributes:
        x, y: the points fitted to, [points]; x evenly spaced over [−1, 1].
        fresh_x, fresh_y: further points of the same law, x uniform over [−1, 1].
        slope, intercept: of the law; noise: the standard deviation of what is added to it.
        fits: one for each degree, in the order asked for.
    """

    x: np.ndarray
    y: np.ndarray
    fresh_x: np.ndarray
    fresh_y: np.ndarray
    slope: float
    intercept: float
    noise: float
    fits: tuple[Fit, ...]

    def fit(self, degree: int) -> Fit:
        """The fit of a degree.

        Raises:
            InputError: that degree was not fitted.
        """
        for fit in self.fits:
            if fit.degree == degree:
                return fit
        known = ", ".join(str(fit.degree) for fit in self.fits)
        raise InputError(f"No polynomial of degree {degree} was fitted: the degrees are {known}.")


def overfit(
    points: int = 11,
    degrees: Sequence[int] | None = None,
    *,
    slope: float = 0.8,
    intercept: float = 0.5,
    noise: float = 0.2,
    fresh: int = 200,
    seed: int = 0,
) -> Overfitting:
    """Fit polynomials to noisy points of a straight line, and score them on fresh points.

    The law is y = slope·x + intercept + noise·N(0, 1) on [−1, 1]; a fit minimises Σ (yᵢ − p(xᵢ))².

    Args:
        points: n, how many are fitted to.
        degrees: of the polynomials, each at most n − 1; None: 1 … n − 1. Degree n − 1 goes through all.
        slope, intercept, noise: the law.
        fresh: how many fresh points.
        seed: sets both draws.

    Raises:
        InputError: there are too few points, or a degree needs more of them than there are.
    """
    if points < 2 or fresh < 1:
        raise InputError(f"{points} points and {fresh} fresh ones are too few: give at least 2 and 1.")
    degrees = tuple(range(1, points)) if degrees is None else tuple(degrees)
    if strangers := [degree for degree in degrees if not 0 <= degree < points]:
        raise InputError(
            f"A polynomial of degree {strangers[0]} is not settled by {points} points: "
            f"give a degree from 0 to {points - 1}."
        )
    random = seeds.generator(seeds.EXAMPLES, seed, points)
    x = np.linspace(-1, 1, points)
    y = slope * x + intercept + noise * random.standard_normal(points)
    fresh_x = np.sort(random.uniform(-1, 1, fresh))
    fresh_y = slope * fresh_x + intercept + noise * random.standard_normal(fresh)
    fits = tuple(_fitted(degree, x, y, fresh_x, fresh_y) for degree in degrees)
    return Overfitting(x, y, fresh_x, fresh_y, slope, intercept, noise, fits)


def _fitted(degree: int, x: np.ndarray, y: np.ndarray, fresh_x: np.ndarray, fresh_y: np.ndarray) -> Fit:
    """Least squares by QR: T = QR, R c = Qᵀ y."""
    orthogonal, triangle = np.linalg.qr(chebyshev.chebvander(x, degree))
    coefficients = np.linalg.solve(triangle, orthogonal.T @ y)

    def error(at: np.ndarray, truth: np.ndarray) -> float:
        return float(np.mean((truth - chebyshev.chebval(at, coefficients)) ** 2))

    return Fit(degree, coefficients, error(x, y), error(fresh_x, fresh_y))
