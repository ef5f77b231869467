"""One step of one rule under the microscope: every number it used, and the formula filled in with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from couloir.engine.optimizers import find_rule
from couloir.engine.rule import Rule
from couloir.errors import InputError
from couloir.surfaces.evaluation import Point, Surface
from couloir.surfaces.paths import Paths, Runner, follow
from couloir.text import number, point, superscript

DIGITS = 4
"""Significant digits in the filled-in formulas."""


class Row(NamedTuple):
    """One quantity of the step: its symbol, what it is, and its two coordinates."""

    symbol: str
    meaning: str
    value: Point


@dataclass(frozen=True, eq=False)
class Microscope:
    """The numbers of one step.

    Attributes:
        surface: where.
        rule: the rule.
        name: what the runner is called.
        learning_rate: α.
        hyper: every setting that the rule read.
        step: which step, counted from 1.
        point: W before the step.
        asked: where the gradient was taken: W, or Nesterov's look-ahead.
        gradient: g there, noise included.
        velocity: z after this step's update; None: the rule has none. For Adam its mean m̂.
        squares: the sum or average of squared gradients that g is divided by, after this step's update,
            for Adam v̂; None: the rule has none.
        effective: what each coordinate of g (of m̂ for Adam) was multiplied with: α/√(G + ε) and the like;
            α alone for rules with one rate for all. None: an Optax rule, whose inside is not known here.
        change: what the step added to W.
        next_point: W after it.
        loss, next_loss: the surface's height before and after.
        rows: all quantities in the order of the formula.
        formula: the rule's lines with these numbers filled in.
    """

    surface: Surface
    rule: Rule
    name: str
    learning_rate: float
    hyper: Mapping[str, float]
    step: int
    point: Point
    asked: Point
    gradient: Point
    velocity: Point | None
    squares: Point | None
    effective: Point | None
    change: Point
    next_point: Point
    loss: float
    next_loss: float
    rows: tuple[Row, ...]
    formula: tuple[str, ...]


def microscope(
    surface: Surface | str,
    rule: Rule | str,
    learning_rate: float,
    step: int,
    *,
    start: Point | None = None,
    noise: float = 0.0,
    seed: int = 0,
) -> Microscope:
    """One step of one rule, after the steps before it.

    Args:
        surface: a surface or its name.
        rule: a rule or its name.
        learning_rate: α.
        step: which step, counted from 1.
        start: where the rule began; None: the surface's customary start.
        noise, seed: of the gradients.

    Raises:
        InputError: a step below 1, or one that the runner could not take because it had diverged.
    """
    runner = Runner(find_rule(rule), learning_rate, start=start)
    return magnify(follow(surface, [runner], step, noise=noise, seed=seed), 0, step)


def magnify(paths: Paths, runner: int, step: int) -> Microscope:
    """One step, counted from 1, of a runner whose path is known.

    Raises:
        InputError: there is no such step, or the runner had diverged before it.
    """
    if not 1 <= step <= paths.steps:
        raise InputError(f"There is no step {step!r}: give a whole number from 1 to {paths.steps}.")
    who, lost = paths.runners[runner], paths.diverged[runner]
    if lost is not None and step >= lost:
        rate = paths.settings[runner]["learning_rate"][lost - 1]
        raise InputError(
            f"{who.name} at the rate {rate:g} could not take step {lost}: look at an earlier one."
        )
    numbers = _numbers(paths, runner, step)
    inside = _INSIDE.get(who.rule.name, _further)(numbers)
    loss, next_loss = paths.losses[runner, step - 1 : step + 1].tolist()
    return Microscope(
        surface=paths.surface,
        rule=who.rule,
        name=who.name,
        learning_rate=numbers.hyper["learning_rate"],
        hyper=numbers.hyper,
        step=step,
        point=_pair(numbers.point),
        asked=_pair(numbers.asked),
        gradient=_pair(numbers.gradient),
        velocity=None if inside.velocity is None else _pair(inside.velocity),
        squares=None if inside.squares is None else _pair(inside.squares),
        effective=None if inside.effective is None else _pair(inside.effective),
        change=_pair(numbers.change),
        next_point=_pair(numbers.next_point),
        loss=loss,
        next_loss=next_loss,
        rows=tuple(Row(symbol, meaning, _pair(value)) for symbol, meaning, value in inside.rows),
        formula=tuple(inside.formula),
    )


def _numbers(paths: Paths, runner: int, step: int) -> _Numbers:
    states = paths.states[runner]
    known = states if isinstance(states, dict) else {}  # Optax keeps its states in ways of its own
    return _Numbers(
        {name: float(values[step - 1]) for name, values in paths.settings[runner].items()},
        paths.points[runner, step - 1],
        paths.asked[runner, step - 1],
        paths.gradients[runner, step - 1],
        {name: np.asarray(value[step - 1]) for name, value in known.items()},
        {name: np.asarray(value[step]) for name, value in known.items()},
        paths.points[runner, step],
    )


def _pair(value: Any) -> Point:
    first, second = np.broadcast_to(np.asarray(value, float), (2,)).tolist()
    return first, second


def _plain(value: float) -> str:
    return number(float(value), DIGITS, "not a number")


def _vector(value: Any) -> str:
    return point(_pair(value), DIGITS)


# The rules' insides -----------------------------------------------------------------------------------


class _Numbers(NamedTuple):
    """What every rule's step is told from."""

    hyper: Mapping[str, float]
    point: np.ndarray
    asked: np.ndarray
    gradient: np.ndarray
    before: Mapping[str, np.ndarray]
    after: Mapping[str, np.ndarray]
    next_point: np.ndarray

    @property
    def change(self) -> np.ndarray:
        return self.next_point - self.point

    @property
    def start_rows(self) -> list[tuple[str, str, Any]]:
        return [("W", "the point", self.point), ("g", "the gradient there", self.gradient)]

    @property
    def end_rows(self) -> list[tuple[str, str, Any]]:
        return [("ΔW", "the change", self.change), ("W′", "the next point", self.next_point)]

    @property
    def start_line(self) -> str:
        return f"g = ∇J{_vector(self.point)} = {_vector(self.gradient)}"


class _Inside(NamedTuple):
    rows: list[tuple[str, str, Any]]
    formula: list[str]
    velocity: Any = None
    squares: Any = None
    effective: Any = None


def _descent_line(n: _Numbers, factor: str) -> str:
    return f"W ← {_vector(n.point)} − {factor} = {_vector(n.next_point)}"


def _sgd(n: _Numbers) -> _Inside:
    rate = n.hyper["learning_rate"]
    line = _descent_line(n, f"{_plain(rate)} · {_vector(n.gradient)}")
    return _Inside([*n.start_rows, *n.end_rows], [n.start_line, line], effective=rate)


def _with_velocity(n: _Numbers, start_rows: list[tuple[str, str, Any]], start_lines: list[str]) -> _Inside:
    """Momentum from the gradient on, wherever it was taken."""
    rate, beta = n.hyper["learning_rate"], n.hyper["momentum"]
    old, new = n.before["velocity"], n.after["velocity"]
    rows = [*start_rows, ("z", "the velocity before", old), ("z′", "the velocity after", new), *n.end_rows]
    lines = [
        *start_lines,
        f"z ← {_plain(beta)} · {_vector(old)} + {_vector(n.gradient)} = {_vector(new)}",
        _descent_line(n, f"{_plain(rate)} · {_vector(new)}"),
    ]
    return _Inside(rows, lines, velocity=new, effective=rate)


def _nesterov(n: _Numbers) -> _Inside:
    rate, beta, old = n.hyper["learning_rate"], n.hyper["momentum"], n.before["velocity"]
    rows = [
        ("W", "the point", n.point),
        ("W − αβz", "the look-ahead point", n.asked),
        ("g", "the gradient at the look-ahead point", n.gradient),
    ]
    reach = f"{_plain(rate)} · {_plain(beta)} · {_vector(old)}"
    lines = [
        f"W − αβz = {_vector(n.point)} − {reach} = {_vector(n.asked)}",
        f"g = ∇J{_vector(n.asked)} = {_vector(n.gradient)}",
    ]
    return _with_velocity(n, rows, lines)


def _divided(n: _Numbers, symbol: str, meaning: str, line: str) -> _Inside:
    """AdaGrad and RMSprop from their squares on: W ← W − α g/√(square + ε)."""
    rate, epsilon, square = n.hyper["learning_rate"], n.hyper["epsilon"], n.after["square"]
    effective = rate / np.sqrt(square + epsilon)
    rows = [
        *n.start_rows,
        (symbol, f"{meaning}, before", n.before["square"]),
        (f"{symbol}′", f"{meaning}, after", square),
        (f"α/√({symbol}′ + ε)", "the effective step of each coordinate", effective),
        *n.end_rows,
    ]
    lines = [
        n.start_line,
        line,
        f"α/√({symbol} + ε) = {_plain(rate)}/√({_vector(square)} + {_plain(epsilon)}) = {_vector(effective)}",
        _descent_line(n, f"{_vector(effective)} ⊙ {_vector(n.gradient)}"),
    ]
    return _Inside(rows, lines, squares=square, effective=effective)


def _averaged(symbol: str, decay: float, old: Any, new: Any, what: str) -> str:
    """A running average with its numbers."""
    return f"{symbol} ← {_plain(decay)} · {_vector(old)} + {_plain(1 - decay)} · {what} = {_vector(new)}"


def _adagrad(n: _Numbers) -> _Inside:
    old, new = n.before["square"], n.after["square"]
    line = f"G ← {_vector(old)} + {_vector(n.gradient)}² = {_vector(new)}"
    return _divided(n, "G", "the sum of squared gradients", line)


def _rmsprop(n: _Numbers) -> _Inside:
    old, new = n.before["square"], n.after["square"]
    line = _averaged("E", n.hyper["decay"], old, new, f"{_vector(n.gradient)}²")
    return _divided(n, "E", "the average of squared gradients", line)


def _adadelta(n: _Numbers) -> _Inside:
    rate, decay, epsilon = (n.hyper[name] for name in ("learning_rate", "decay", "epsilon"))
    square, drift, new_drift = n.after["square"], n.before["change_square"], n.after["change_square"]
    ratio = np.sqrt(drift + epsilon) / np.sqrt(square + epsilon)
    delta = -ratio * n.gradient
    rows = [
        *n.start_rows,
        ("E", "the average of squared gradients, before", n.before["square"]),
        ("E′", "the average of squared gradients, after", square),
        ("D", "the average of squared changes, before", drift),
        ("√(D + ε)/√(E′ + ε)", "the effective step of each coordinate", ratio),
        ("Δ", "the change before α", delta),
        ("D′", "the average of squared changes, after", new_drift),
        *n.end_rows,
    ]
    lines = [
        n.start_line,
        _averaged("E", decay, n.before["square"], square, f"{_vector(n.gradient)}²"),
        f"Δ = −√({_vector(drift)} + {_plain(epsilon)})/√({_vector(square)} + {_plain(epsilon)}) "
        f"⊙ {_vector(n.gradient)} = {_vector(delta)}",
        _averaged("D", decay, drift, new_drift, f"{_vector(delta)}²"),
        f"W ← {_vector(n.point)} + {_plain(rate)} · {_vector(delta)} = {_vector(n.next_point)}",
    ]
    return _Inside(rows, lines, squares=square, effective=rate * ratio)


def _adam(n: _Numbers) -> _Inside:
    rate, beta1, beta2, epsilon = (n.hyper[name] for name in ("learning_rate", "beta1", "beta2", "epsilon"))
    mean, square, t = n.after["mean"], n.after["square"], int(n.after["step"])
    unbiased_mean, unbiased_square = mean / (1 - beta1**t), square / (1 - beta2**t)
    effective = rate / (np.sqrt(unbiased_square) + epsilon)
    rows = [
        *n.start_rows,
        ("m", "the average of gradients", mean),
        ("v", "the average of squared gradients", square),
        ("m̂", "m without its bias towards 0", unbiased_mean),
        ("v̂", "v without its bias towards 0", unbiased_square),
        ("α/(√v̂ + ε)", "the effective step of each coordinate", effective),
        *n.end_rows,
    ]
    lines = [
        n.start_line,
        _averaged("m", beta1, n.before["mean"], mean, _vector(n.gradient)),
        _averaged("v", beta2, n.before["square"], square, f"{_vector(n.gradient)}²"),
        f"m̂ = m/(1 − {_plain(beta1)}{superscript(t)}) = {_vector(unbiased_mean)}",
        f"v̂ = v/(1 − {_plain(beta2)}{superscript(t)}) = {_vector(unbiased_square)}",
        _descent_line(n, f"{_vector(effective)} ⊙ {_vector(unbiased_mean)}"),
    ]
    return _Inside(rows, lines, velocity=unbiased_mean, squares=unbiased_square, effective=effective)


def _adamw(n: _Numbers) -> _Inside:
    """Adam's step, and the decay beside it."""
    inside, rate, decay = _adam(n), n.hyper["learning_rate"], n.hyper["weight_decay"]
    shrunk = rate * decay * n.point
    rows = [*inside.rows[:-2], ("αλW", "what the decay takes away", shrunk), *n.end_rows]
    line = _descent_line(
        n,
        f"{_vector(inside.effective)} ⊙ {_vector(inside.velocity)} "
        f"− {_plain(rate)} · {_plain(decay)} · {_vector(n.point)}",
    )
    return inside._replace(rows=rows, formula=[*inside.formula[:-1], line])


def _further(n: _Numbers) -> _Inside:
    """A rule from elsewhere: what goes in and what comes out."""
    line = f"W ← {_vector(n.point)} + {_vector(n.change)} = {_vector(n.next_point)}"
    return _Inside([*n.start_rows, *n.end_rows], [n.start_line, line])


_INSIDE: Mapping[str, Callable[[_Numbers], _Inside]] = {
    "sgd": _sgd,
    "momentum": lambda n: _with_velocity(n, n.start_rows, [n.start_line]),
    "nesterov": _nesterov,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "rmsprop": _rmsprop,
    "adam": _adam,
    "adamw": _adamw,
}
