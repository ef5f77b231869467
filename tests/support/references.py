"""Independent float64 implementations, in NumPy and SciPy, of what one member of a population computes.

They are written from the published formulas, one at a time and without JAX, to be compared with the
package. The registries have the package's names: a test walks the package's registry, so that an entry
which has no reference here fails.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import special

Vector = np.ndarray
Hyper = Mapping[str, float]
Memory = dict[str, Any]


def reference(registry: Mapping[str, Any], name: str) -> Any:
    """The reference for an entry of the package; the test fails where there is none."""
    if name not in registry:
        pytest.fail(f"'{name}' has no independent reference in tests/references.py")
    return registry[name]


# Update rules, on a flat vector W ----------------------------------------------------------------------


class RuleReference(NamedTuple):
    """One update rule.

    `step(W, g, memory, h, weights)` gives W's change and the next memory; `weights` is True where an
    entry of W is a weight and False where it is a bias. `memory` names what the rule remembers, all of
    it 0 at first. `looks_ahead`: the gradient belongs to W − αβz instead of W.
    """

    step: Callable[[Vector, Vector, Memory, Hyper, Vector], tuple[Vector, Memory]]
    memory: tuple[str, ...] = ()
    looks_ahead: bool = False

    def start(self, parameters: Vector) -> Memory:
        return {name: 0 if name == "step" else np.zeros_like(parameters) for name in self.memory}

    def place(self, parameters: Vector, memory: Memory, h: Hyper) -> Vector:
        """Where the gradient is taken."""
        if not self.looks_ahead:
            return parameters
        return parameters - h["learning_rate"] * h["momentum"] * memory["velocity"]


def gradient_descent(
    w: Vector, g: Vector, memory: Memory, h: Hyper, weights: Vector
) -> tuple[Vector, Memory]:
    return -(h["learning_rate"] * g), {}


def heavy_ball(w: Vector, g: Vector, memory: Memory, h: Hyper, weights: Vector) -> tuple[Vector, Memory]:
    z = h["momentum"] * memory["velocity"] + g
    return -(h["learning_rate"] * z), {"velocity": z}


def adagrad(w: Vector, g: Vector, memory: Memory, h: Hyper, weights: Vector) -> tuple[Vector, Memory]:
    total = memory["square"] + np.power(g, 2)
    return -(h["learning_rate"] / np.sqrt(total + h["epsilon"])) * g, {"square": total}


def adadelta(w: Vector, g: Vector, memory: Memory, h: Hyper, weights: Vector) -> tuple[Vector, Memory]:
    rho, epsilon = h["decay"], h["epsilon"]
    e = rho * memory["square"] + (1.0 - rho) * np.power(g, 2)
    delta = -np.sqrt((memory["change_square"] + epsilon) / (e + epsilon)) * g
    d = rho * memory["change_square"] + (1.0 - rho) * np.power(delta, 2)
    return h["learning_rate"] * delta, {"square": e, "change_square": d}


def rmsprop(w: Vector, g: Vector, memory: Memory, h: Hyper, weights: Vector) -> tuple[Vector, Memory]:
    e = h["decay"] * memory["square"] + (1.0 - h["decay"]) * np.power(g, 2)
    return -(h["learning_rate"] / np.sqrt(e + h["epsilon"])) * g, {"square": e}


def adam_direction(g: Vector, memory: Memory, h: Hyper) -> tuple[Vector, Memory]:
    """m̂ / (√v̂ + ε)."""
    t = memory["step"] + 1
    m = h["beta1"] * memory["mean"] + (1.0 - h["beta1"]) * g
    v = h["beta2"] * memory["square"] + (1.0 - h["beta2"]) * np.power(g, 2)
    # 1 − βᵗ = −expm1(t log β), which does not lose the digits that the subtraction does.
    m_hat = m / -math.expm1(t * math.log(h["beta1"]))
    v_hat = v / -math.expm1(t * math.log(h["beta2"]))
    return m_hat / (np.sqrt(v_hat) + h["epsilon"]), {"mean": m, "square": v, "step": t}


def adam(w: Vector, g: Vector, memory: Memory, h: Hyper, weights: Vector) -> tuple[Vector, Memory]:
    direction, memory = adam_direction(g, memory, h)
    return -(h["learning_rate"] * direction), memory


def adamw(w: Vector, g: Vector, memory: Memory, h: Hyper, weights: Vector) -> tuple[Vector, Memory]:
    direction, memory = adam_direction(g, memory, h)
    decay = h["weight_decay"] * np.where(weights, w, 0.0)
    return -(h["learning_rate"] * (direction + decay)), memory


RULES: Mapping[str, RuleReference] = {
    "sgd": RuleReference(gradient_descent),
    "momentum": RuleReference(heavy_ball, ("velocity",)),
    "nesterov": RuleReference(heavy_ball, ("velocity",), looks_ahead=True),
    "adagrad": RuleReference(adagrad, ("square",)),
    "adadelta": RuleReference(adadelta, ("square", "change_square")),
    "rmsprop": RuleReference(rmsprop, ("square",)),
    "adam": RuleReference(adam, ("mean", "square", "step")),
    "adamw": RuleReference(adamw, ("mean", "square", "step")),
}


def trajectory(
    rule: RuleReference, gradient: Callable[[Vector], Vector], start: Vector, h: Hyper, steps: int
) -> Vector:
    """The points W₀ … W_steps that the rule visits, [step, parameter]; all entries are weights."""
    w, memory = np.array(start, float), rule.start(np.array(start, float))
    visited = [w]
    for _ in range(steps):
        change, memory = rule.step(w, gradient(rule.place(w, memory, h)), memory, h, np.ones(w.shape, bool))
        w = w + change
        visited.append(w)
    return np.array(visited)


# Losses, of one sample --------------------------------------------------------------------------------


def cross_entropy(outputs: Vector, target: int) -> float:
    """−log of the target's share of Σ exp, with the exponents of the differences f_k − f_target."""
    return math.log(math.fsum(math.exp(value - outputs[target]) for value in outputs))


def squared_error(outputs: Vector, target: Vector) -> float:
    return math.fsum((y - f) ** 2 for y, f in zip(target, outputs, strict=True)) / len(outputs)


def absolute_error(outputs: Vector, target: Vector) -> float:
    return math.fsum(abs(y - f) for y, f in zip(target, outputs, strict=True)) / len(outputs)


def huber(outputs: Vector, target: Vector) -> float:
    return float(np.mean(special.huber(1.0, np.asarray(target) - np.asarray(outputs))))


LOSSES: Mapping[str, Callable[[Vector, Any], float]] = {
    "cross_entropy": cross_entropy,
    "mse": squared_error,
    "mae": absolute_error,
    "huber": huber,
}


# Activations ------------------------------------------------------------------------------------------


class ActivationReference(NamedTuple):
    """φ, its derivative off the kinks, where it has kinks, and how weights in front of it are drawn."""

    value: Callable[[Vector], Vector]
    derivative: Callable[[Vector], Vector]
    kinks: tuple[float, ...] = ()
    drawn: str = "glorot"


def normal_density(x: Vector) -> Vector:
    return np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)


def mish(x: Vector) -> Vector:
    return x * np.tanh(np.logaddexp(0, x))


def mish_slope(x: Vector) -> Vector:
    """tanh s + x σ(x) / cosh² s with s = log(1 + eˣ)."""
    softplus = np.logaddexp(0, x)
    return np.tanh(softplus) + x * special.expit(x) / np.cosh(np.minimum(softplus, 300)) ** 2


def selu_constants() -> tuple[float, float]:
    """λ and α of selu: its answers to standard normal sums have mean 0, variance 1 (Klambauer et al. 2017).

    Of z standard normal, E max(z, 0) = 1/√(2π), E max(z, 0)² = ½, and E[e^(kz); z < 0] = e^(k²/2) Φ(−k).
    """
    first, second = (math.exp(k**2 / 2) * special.ndtr(-k) for k in (1, 2))
    depth = 1 / math.sqrt(2 * math.pi) / (0.5 - first)
    return 1 / math.sqrt(0.5 + depth**2 * (second - 2 * first + 0.5)), depth


SELU_SCALE, SELU_DEPTH = selu_constants()

ACTIVATIONS: Mapping[str, ActivationReference] = {
    "sigmoid": ActivationReference(special.expit, lambda x: special.expit(x) * special.expit(-x)),
    "tanh": ActivationReference(np.tanh, lambda x: np.cosh(x) ** -2.0),
    "relu": ActivationReference(lambda x: np.maximum(x, 0), lambda x: np.heaviside(x, 0), (0.0,), "he"),
    "leaky_relu": ActivationReference(
        lambda x: np.maximum(x, 0) + 0.01 * np.minimum(x, 0),
        lambda x: 0.01 + 0.99 * np.heaviside(x, 0),
        (0.0,),
        "he",
    ),
    "elu": ActivationReference(
        lambda x: np.maximum(x, 0) + np.expm1(np.minimum(x, 0)),
        lambda x: np.exp(np.minimum(x, 0)),
        (0.0,),
        "he",
    ),
    "gelu": ActivationReference(
        lambda x: x * special.ndtr(x), lambda x: special.ndtr(x) + x * normal_density(x), (), "he"
    ),
    "silu": ActivationReference(
        lambda x: x * special.expit(x),
        lambda x: special.expit(x) + x * special.expit(x) * special.expit(-x),
        (),
        "he",
    ),
    "softplus": ActivationReference(lambda x: np.logaddexp(0, x), special.expit),
    "mish": ActivationReference(mish, mish_slope, (), "he"),
    "selu": ActivationReference(
        lambda x: SELU_SCALE * (np.maximum(x, 0) + SELU_DEPTH * np.expm1(np.minimum(x, 0))),
        lambda x: SELU_SCALE * np.where(x > 0, 1, SELU_DEPTH * np.exp(np.minimum(x, 0))),
        (0.0,),
        "lecun",
    ),
    "linear": ActivationReference(np.positive, np.ones_like),
}


# Networks ---------------------------------------------------------------------------------------------


def forward(layers: Any, sample: Vector, activation: str) -> tuple[list[float], list[float]]:
    """One network's outputs for one sample, neuron by neuron, and all that its hidden neurons received.

    The activation is one name, or as many as there are hidden layers, with "-" between.
    """
    names = activation.split("-") if "-" in activation else [activation] * (len(layers) - 1)
    signal, received = [float(value) for value in sample], []
    for number, (weight, bias) in enumerate(layers):
        sums = []
        for neuron in range(len(bias)):
            total = float(bias[neuron])
            for source, value in enumerate(signal):
                total += float(weight[neuron][source]) * value
            sums.append(total)
        if number == len(layers) - 1:
            return sums, received
        received += sums
        signal = [float(ACTIVATIONS[names[number]].value(np.float64(total))) for total in sums]
    raise AssertionError("a network has at least one layer")


def central_difference(function: Callable[[Vector], float], at: Vector, width: float = 1e-5) -> Vector:
    """∂function/∂atᵢ ≈ (f(at + h eᵢ) − f(at − h eᵢ)) / 2h for every i."""
    slopes = np.empty(at.size)
    for i in range(at.size):
        shift = np.zeros(at.size)
        shift[i] = width
        shift = shift.reshape(at.shape)
        slopes[i] = (function(at + shift) - function(at - shift)) / (2 * width)
    return slopes.reshape(at.shape)


# Schedules, at one step -------------------------------------------------------------------------------


def one_cycle(p: float) -> float:
    """Half a cosine wave from 1/25 up to 1 over 30 % of the training, another down to 1/10,000."""
    if p < 0.3:
        return 1 / 25 + (1 - 1 / 25) * math.sin(math.pi / 2 * p / 0.3) ** 2
    return 1e-4 + (1 - 1e-4) * math.cos(math.pi / 2 * (p - 0.3) / 0.7) ** 2


def flat_cosine(p: float) -> float:
    return 1.0 if p <= 0.5 else math.cos(math.pi / 2 * (2 * p - 1)) ** 2


SCHEDULES: Mapping[str, Callable[[float], float]] = {
    "constant": lambda p: 1.0,
    "step": lambda p: 1.0 if p < 1 / 3 else 0.1 if p < 2 / 3 else 0.01,
    "exponential": lambda p: math.exp(-p * math.log(100)),
    "inverse_time": lambda p: 1 / (1 + 9 * p),
    "linear": lambda p: 1 - p,
    "cosine": lambda p: math.cos(math.pi / 2 * p) ** 2,
    "one_cycle": one_cycle,
    "coslog4": lambda p: math.sin(math.pi * math.log1p(15 * p) / math.log(2)) ** 2,
    "flat_cosine": flat_cosine,
}


def schedule_factor(name: str, step: int, total: int, warmup: float = 0.0) -> float:
    """The factor at one step: a straight rise over the warm-up, the schedule over the rest, then held.

    coslog4, which begins at 0, has begun when the warm-up does.
    """
    step = min(step, total - 1)
    rising = round(warmup * total)
    if name == "coslog4":
        return SCHEDULES[name](step / total) * min((step + 1) / (rising + 1), 1)
    if step < rising:
        return SCHEDULES[name](0.0) * (step + 1) / (rising + 1)
    return SCHEDULES[name]((step - rising) / max(total - rising, 1))
