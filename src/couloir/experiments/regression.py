"""Linear regression: one loss with an exact minimum, on which gradient descent can be judged.

f(x) = wᵀx + b, the bias being one more weight on a constant input of 1. With the rows of X as inputs, a
column of ones at their end, and W = (w, b), the loss is

    J(W) = (1/n) Σ (yᵢ − f(xᵢ))² = (1/n) ‖y − X W‖²
    ∇J(W) = −(2/n) Xᵀ (y − X W),   ∇²J = (2/n) Xᵀ X

so that its curvature is the same everywhere: gradient descent W ← W − α ∇J(W) shrinks the error along each
eigenvector of ∇²J by the factor 1 − αλ a step, and converges where 0 < α < 2/λ_max.

Other texts print half of this loss, (1/2n) Σ, under the name of the mean, which halves gradient and curvature
and doubles the critical rate; and some print the gradient without its minus signs, which climbs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from couloir.errors import InputError, check_number, check_whole, unknown
from couloir.surfaces.functions import SEVEN_POINTS

CANDIDATES = ((0.92, -1.0), (-0.11, 2.5), (0.52, 0.1))
"""Three lines (slope m, intercept b) to be compared by eye before anything is fitted."""

LINE_START = (0.3, 3.9)
"""Where descents on the seven points' loss begin, as (m, b): off along both directions of its bowl."""

METHODS = ("svd", "qr", "normal")
"""Ways of solving for the exact minimum, the most careful first."""

Ending = Literal["converged", "on its way", "diverged"]
"""How a descent ended: `ARRIVED` was reached, it was not, or the loss ended above its start."""


@dataclass(frozen=True, eq=False)
class Regression:
    """A linear regression problem.

    Attributes:
        inputs: float64 [sample, variable].
        targets: float64 [sample].
    """

    inputs: np.ndarray
    targets: np.ndarray

    @cached_property
    def design(self) -> np.ndarray:
        """X: the inputs with the constant input 1 as their last column, [sample, variable + 1]."""
        return np.column_stack([self.inputs, np.ones(len(self.inputs))])

    def predictions(self, weights: Any) -> np.ndarray:
        """X W for one W, or for many: [..., coefficient] → [..., sample]."""
        return np.asarray(weights, np.float64) @ self.design.T

    def residuals(self, weights: Any) -> np.ndarray:
        """y − X W: the signed lengths of the error bars, [..., sample]."""
        return self.targets - self.predictions(weights)

    def loss(self, weights: Any) -> np.ndarray:
        """J(W) = (1/n) ‖y − X W‖²: the mean, not half of it; [..., coefficient] → [...]."""
        return np.mean(self.residuals(weights) ** 2, axis=-1)

    def gradient(self, weights: Any) -> np.ndarray:
        """∇J(W) = −(2/n) Xᵀ (y − X W), [..., coefficient]; the minus sign belongs to it."""
        return -2 / len(self.targets) * self.residuals(weights) @ self.design

    @cached_property
    def hessian(self) -> np.ndarray:
        """∇²J = (2/n) XᵀX, [coefficient, coefficient], the same at every W."""
        return 2 / len(self.targets) * self.design.T @ self.design

    @cached_property
    def eigenvalues(self) -> np.ndarray:
        """Of the Hessian, smallest first; from the singular values of X, which loses no digits to XᵀX."""
        singular = np.linalg.svd(self.design, compute_uv=False)
        missing = np.zeros(self.design.shape[1] - len(singular))
        return np.concatenate([missing, 2 / len(self.targets) * singular[::-1] ** 2])

    @property
    def condition_number(self) -> float:
        """λ_max / λ_min: how many times steeper the steepest direction is; ∞ where a direction is flat."""
        smallest, largest = self.eigenvalues[0], self.eigenvalues[-1]
        return float(largest / smallest) if smallest > 0 else float("inf")

    @property
    def critical_rate(self) -> float:
        """2/λ_max: gradient descent converges below it and diverges above."""
        return float(2 / self.eigenvalues[-1])

    @property
    def best_rate(self) -> float:
        """2/(λ_min + λ_max): the constant rate with the least error after many steps (Polyak 1964)."""
        return float(2 / (self.eigenvalues[0] + self.eigenvalues[-1]))

    @cached_property
    def minimum(self) -> np.ndarray:
        """The least-squares W, [coefficient]."""
        return solve(self)

    @property
    def least(self) -> float:
        """The loss at the minimum."""
        return float(self.loss(self.minimum))


def line_fit() -> Regression:
    """The seven points, to be fitted by a line m·x + b; W = (m, b)."""
    points = np.asarray(SEVEN_POINTS, np.float64)
    return Regression(points[:, :1], points[:, 1])


def regression(inputs: Any, targets: Any, standardised: bool = False) -> Regression:
    """A problem from a person's numbers.

    Args:
        inputs: [sample], or [sample, variable].
        targets: [sample].
        standardised: shift and scale every variable to mean 0 and variance 1 first, which makes the
            variables' curvatures equal.

    Raises:
        InputError: lengths differ, there are too few rows, or something is no finite number.
    """
    x, y = np.asarray(inputs, np.float64), np.asarray(targets, np.float64)
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2 or y.ndim != 1 or len(x) != len(y) or not len(y):
        raise InputError(
            f"Inputs of shape {x.shape} and targets of shape {y.shape} do not belong together: "
            "give [sample, variable] and [sample], with one row or more."
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError("The inputs or targets hold a number that is not finite: remove its row.")
    if standardised:
        deviation = x.std(axis=0)
        x = (x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    return Regression(x, y)


def solve(problem: Regression, method: str = "svd") -> np.ndarray:
    """The W of least squares, [coefficient].

    Args:
        problem: what to fit.
        method: "svd": W = V S⁺ Uᵀ y with X = U S Vᵀ; where columns depend on each other, the shortest of
            the solutions. "qr": the normal equations XᵀX W = Xᵀy in their stable form, R W = Qᵀy with
            X = QR, which never squares the condition number. "normal": XᵀX W = Xᵀy as it stands, for
            comparison: half of the digits are lost.

    Raises:
        InputError: an unknown method, or columns that depend on each other and a method other than "svd".

    Source: Golub & Van Loan 2013, chapter 5.
    """
    design, targets = problem.design, problem.targets
    if method not in METHODS:
        raise unknown("method of solving", method, METHODS)
    if method == "svd":
        left, singular, right = np.linalg.svd(design, full_matrices=False)
        rounding = max(design.shape) * np.finfo(np.float64).eps * singular[0]
        inverse = np.divide(1, singular, out=np.zeros_like(singular), where=singular > rounding)
        return right.T @ (inverse * (left.T @ targets))
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise InputError(
            "The inputs depend on each other linearly, so many weights fit equally well: solve by 'svd', "
            "or leave a column out."
        )
    if method == "qr":
        orthogonal, triangle = np.linalg.qr(design)
        return np.linalg.solve(triangle, orthogonal.T @ targets)
    return np.linalg.solve(design.T @ design, design.T @ targets)


ARRIVED = 1e-6
"""Share of the first excess loss J − J_min below which a descent counts as converged."""


@dataclass(frozen=True, eq=False)
class Descent:
    """One run of gradient descent.

    Attributes:
        learning_rate: α.
        weights: W₀, W₁, …, [step + 1, coefficient]; a diverged one ends where numbers overflow.
        losses: J at each, [step + 1].
        least: the loss at the exact minimum.
    """

    learning_rate: float
    weights: np.ndarray
    losses: np.ndarray
    least: float

    @property
    def excess(self) -> np.ndarray:
        """J − J_min at each step; rounding below 0 is 0."""
        return np.maximum(self.losses - self.least, 0)

    @property
    def ending(self) -> Ending:
        """ "diverged" where the loss ends above its start; "converged" where `ARRIVED` was reached."""
        if not self.losses[-1] <= self.losses[0]:
            return "diverged"
        return "on its way" if self.arrived is None else "converged"

    @property
    def arrived(self) -> int | None:
        """The first step from which on the excess stays below `ARRIVED` of the first; None: never."""
        outside = np.flatnonzero(~(self.excess <= ARRIVED * self.excess[0]))
        first = int(outside[-1]) + 1 if len(outside) else 0
        return first if first < len(self.losses) else None


def descend(problem: Regression, learning_rate: float, steps: int, start: Any = None) -> Descent:
    """Gradient descent W ← W − α ∇J(W) from a start; None: from 0.

    Raises:
        InputError: a rate that is not above 0, fewer than one step, a start of another length.
    """
    wanted = problem.design.shape[1]
    point = np.zeros(wanted) if start is None else np.asarray(start, np.float64)
    if point.shape != (wanted,):
        raise InputError(
            f"The start has shape {point.shape}, and there are {wanted} coefficients: give each."
        )
    check_number("learning rate", learning_rate, excluded=True)
    check_whole("number of steps", steps)
    path = np.empty((steps + 1, len(point)))
    path[0] = point
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(steps):
            path[step + 1] = path[step] - learning_rate * problem.gradient(path[step])
        losses = problem.loss(path)
    lost = np.flatnonzero(~np.isfinite(losses[1:]))
    known = lost[0] + 1 if len(lost) else steps + 1
    return Descent(learning_rate, path[:known], losses[:known], problem.least)


FRACTIONS = (
    *(0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5),
    *(0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995, 1.005, 1.02, 1.05, 1.1, 1.15),
)
"""Learning rates of a slider, as shares of the critical one; the last five diverge."""


def descents(
    problem: Regression, steps: int, start: Any = None, fractions: Sequence[float] = FRACTIONS
) -> list[Descent]:
    """A descent at each of several shares of the critical rate, from one start."""
    return [descend(problem, share * problem.critical_rate, steps, start) for share in fractions]


def three_rates(problem: Regression, steps: int, start: Any = None) -> list[Descent]:
    """Descents at a rate too low, one that is right, and one too high.

    The first is a hundredth of the critical rate 2/λ_max; the second half of it, 1/λ_max, which ends the
    steepest direction's error in one step; the third lies 5 % above.
    """
    return descents(problem, steps, start, (0.01, 0.5, 1.05))
