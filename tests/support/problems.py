"""Small problems to descend on, with answers known in closed form; all in NumPy float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Problem(NamedTuple):
    """A function of a few parameters, its gradient, where descents start, and its minimum if it has one."""

    value: Callable[[np.ndarray], float]
    gradient: Callable[[np.ndarray], np.ndarray]
    start: tuple[float, ...]
    minimum: tuple[float, ...] | None


def ravine(steepness: float) -> Problem:
    """½ (x² + κ y²): a valley κ times as steep across as along, with its minimum at 0."""
    curvature = np.array([1.0, steepness])
    return Problem(lambda w: 0.5 * float(curvature @ w**2), lambda w: curvature * w, (1.5, -1.0), (0.0, 0.0))


ROSENBROCK = Problem(
    lambda w: float((1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2),
    lambda w: np.array(
        [-2 * (1 - w[0]) - 400 * w[0] * (w[1] - w[0] ** 2), 200 * (w[1] - w[0] ** 2)],
    ),
    (-1.2, 1.0),
    (1.0, 1.0),
)
"""(1 − x)² + 100 (y − x²)² (Rosenbrock 1960): a bent ravine."""

SADDLE = Problem(
    lambda w: float(w[0] ** 2 - w[1] ** 2),
    lambda w: np.array([2 * w[0], -2 * w[1]]),
    (1.0, 1e-3),
    None,
)
"""x² − y²: flat at 0 without a minimum, unbounded below along y."""


class LineFit(NamedTuple):
    """Mean squared error of f(x) = m x + b on data, as a function of (m, b)."""

    x: np.ndarray
    y: np.ndarray

    @property
    def design(self) -> np.ndarray:
        return np.column_stack([self.x, np.ones_like(self.x)])

    @property
    def hessian(self) -> np.ndarray:
        return 2 * self.design.T @ self.design / len(self.x)

    @property
    def minimum(self) -> np.ndarray:
        """The least-squares line, by QR."""
        q, r = np.linalg.qr(self.design)
        return np.linalg.solve(r, q.T @ self.y)

    def value(self, line: np.ndarray) -> float:
        return float(np.mean((self.y - self.design @ line) ** 2))

    def gradient(self, line: np.ndarray) -> np.ndarray:
        return -2 * self.design.T @ (self.y - self.design @ line) / len(self.x)


SEVEN_POINTS = LineFit(
    np.array([2.4, 2.8, 3.2, 3.6, 4.0, 4.2, 5.0]), np.array([1.7, 1.85, 1.79, 1.95, 2.1, 2.0, 2.7])
)
"""The regression example: minimum (0.33559…, 0.80472…), curvatures 0.0924 and 29.18."""
