"""A wild curve calmed: a network that follows every noisy point, under a growing penalty on its weights.

All strengths λ are members of one population: the same network from the same initial weights, each with
its own λ on ½Σw² (L2) or Σ|w| (L1), biases free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from couloir.engine import seeds
from couloir.engine.architectures.mlp import Network
from couloir.engine.epochs import Part, TrainingData
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.engine.training import Precision, train_population
from couloir.errors import InputError, unknown
from couloir.model.forward import signals

Penalty = Literal["l2", "l1"]
"""λ·½Σw², or λ·Σ|w|."""

STRENGTHS = (0.0, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
"""λ from none to one that leaves almost nothing of the curve."""

REACH = 4.0
"""Inputs are x in [−1, 1] times this, so that units of a small network can be steep from the start."""


@dataclass(frozen=True)
class WildCurve:
    """One network's curve at every strength of a penalty.

    Attributes:
        penalty: "l2" or "l1".
        strengths: λ, [strength], rising.
        x, y: the noisy points, [point].
        grid: where curves are drawn, [grid].
        law: the noiseless law there, [grid].
        curves: the network's answers there, [strength, grid].
        training: mean squared error on the points, [strength], without the penalty.
        truth: mean squared distance of the curve to the law over the grid, [strength].
        variation: total variation Σ|f(xᵢ₊₁) − f(xᵢ)| over the grid, [strength].
        norm: √Σw² over weights, [strength].
        absolute: Σ|w| over weights, [strength].
        zeros: the share of weights below a thousandth in size, [strength].
    """

    penalty: str
    strengths: np.ndarray
    x: np.ndarray
    y: np.ndarray
    grid: np.ndarray
    law: np.ndarray
    curves: np.ndarray
    training: np.ndarray
    truth: np.ndarray
    variation: np.ndarray
    norm: np.ndarray
    absolute: np.ndarray
    zeros: np.ndarray


def law(x: np.ndarray) -> np.ndarray:
    """The smooth law under the points: sin(πx)."""
    return np.sin(np.pi * x)


def calm(
    penalty: Penalty = "l2",
    strengths: Sequence[float] = STRENGTHS,
    *,
    points: int = 16,
    noise: float = 0.4,
    hidden: tuple[int, ...] = (48, 48),
    activation: str = "tanh",
    epochs: int = 1500,
    learning_rate: float = 0.01,
    seed: int = 0,
    precision: Precision = "float32",
) -> WildCurve:
    """Train one network on noisy points of a smooth law at every strength of a penalty, side by side.

    The loss is MSE + ½λΣw² (L2) or MSE + λΣ|w| (L1), weights only. Adam on all points at once, its rate
    falling by a half cosine, so that every member comes to rest.

    Args:
        penalty: "l2" or "l1".
        strengths: λ; 0 is no penalty.
        points, noise: how many points of the law sin πx, and the standard deviation of what is added.
        hidden, activation: the network; no hidden layer is a straight line.
        epochs, learning_rate: how long and how fast.
        seed: sets points and initial weights.
        precision: "float32" or "float64".

    Raises:
        InputError: an unknown penalty, a strength below 0, or a member that diverged.
    """
    if penalty not in get_args(Penalty):
        raise unknown("penalty", penalty, get_args(Penalty))
    if not strengths or min(strengths) < 0:
        raise InputError(f"The strengths {list(strengths)} cannot be used: give numbers of 0 or more.")
    ordered = sorted(strengths)
    random = seeds.generator(seeds.EXAMPLES, seed, points)
    x = np.linspace(-1, 1, points)
    y = law(x) + noise * random.standard_normal(points)
    plain = Member(RULES["adam"], learning_rate, hidden=hidden, activation=activation, loss="mse")
    plain = replace(plain, batch_size=points, epochs=epochs, schedule="cosine")
    members = [replace(plain, **{penalty: strength}) for strength in ordered]  # type: ignore[arg-type]
    data = TrainingData("regression", 1, Part(REACH * x[:, None], y[:, None]), None)
    trained = train_population(members, data, seed=seed, patience=None, precision=precision)
    if lost := [outcome.member for outcome in trained.outcomes if outcome.status == "diverged"]:
        raise InputError(f"The network with λ = {getattr(lost[0], penalty)} diverged: give a lower rate.")
    networks = [outcome.network for outcome in trained.outcomes]
    grid = np.linspace(-1, 1, 201)
    curves = np.array([answers(network, grid, activation) for network in networks])
    at_points = np.array([answers(network, x, activation) for network in networks])
    flat = [np.concatenate([np.ravel(layer.weight) for layer in network]) for network in networks]
    weights = np.array(flat, np.float64)
    drawn = penalty, np.array(ordered), x, y, grid, law(grid), curves
    return WildCurve(
        *drawn,
        training=np.mean((y - at_points) ** 2, axis=1),
        truth=np.mean((law(grid) - curves) ** 2, axis=1),
        variation=np.abs(np.diff(curves, axis=1)).sum(axis=1),
        norm=np.sqrt(np.sum(weights**2, axis=1)),
        absolute=np.abs(weights).sum(axis=1),
        zeros=np.mean(np.abs(weights) < 1e-3, axis=1),
    )


def answers(network: Network, x: np.ndarray, activation: str) -> np.ndarray:
    """What a network with one output says at x [point], in float64."""
    return signals(network, REACH * np.asarray(x)[:, None], activation)[-1][:, 0]
