"""Entries of a search space: one fixed value, a list of choices, or a range, for one hyperparameter.

`entry` reads one from what TOML or JSON holds, and `toml` writes it. Values are checked as those of a
training are, so that a search accepts what `couloir train` accepts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from couloir import options
from couloir.engine.optimizers import find_rule
from couloir.errors import InputError, unknown
from couloir.kinds import Number
from couloir.options import Option
from couloir.selection.members import loss_for

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Value = str | int | float

SPACE: Mapping[str, Option] = options.taken_by(options.SPACE)
"""Every hyperparameter that a space can name; what Optax's rules read besides is named `rule_option.…`."""

NAMED = frozenset(name for name, option in SPACE.items() if not isinstance(option.kind, Number))
WHOLE = frozenset(name for name, option in SPACE.items() if getattr(option.kind, "whole", False))
FURTHER = "rule_option."


def meaning(name: str) -> str:
    """What a hyperparameter is, in a phrase."""
    return SPACE[name.partition(".")[0]].text


DIGITS = 12
"""Significant digits that numbers are rounded to, so that 3·0.1 is 0.3 on its way in and out."""


# The three forms ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fixed:
    """One value for all trials."""

    value: Value

    def raw(self) -> Any:
        """The entry as TOML and JSON hold it."""
        return self.value

    def nearest(self, value: Value) -> Value:
        """The entry's value that is nearest to the one given."""
        return self.value


@dataclass(frozen=True)
class Choices:
    """A list of at least two values."""

    values: tuple[Value, ...]

    def raw(self) -> Any:
        """The entry as TOML and JSON hold it."""
        return list(self.values)

    def nearest(self, value: Value) -> Value:
        """The choice nearest to the value; a text that is none of them gives the first."""
        if isinstance(value, str):
            return value if value in self.values else self.values[0]
        return min(self.values, key=lambda choice: abs(float(choice) - value))

    def distribution(self) -> BaseDistribution:
        """The entry as Optuna samples it."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.values)


@dataclass(frozen=True)
class Range:
    """All numbers from low to high, both included.

    Attributes:
        low, high: the ends.
        log: whether equal ratios are equally likely, instead of equal differences.
        step: only low, low + step, low + 2·step …
        whole: only whole numbers.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    whole: bool = False

    def raw(self) -> Any:
        """The entry as TOML and JSON hold it."""
        extra: dict[str, Any] = {"log": True} if self.log else {}
        return {"low": self.low, "high": self.high, **extra} | ({"step": self.step} if self.step else {})

    def nearest(self, value: Value) -> Value:
        """The number of the range that is nearest to the one given."""
        inside = min(max(float(value), self.low), self.high)
        step = self.step or (1 if self.whole and not self.log else None)
        if step:
            inside = self.low + round((inside - self.low) / step) * step
        return round(inside) if self.whole else rounded(inside) if step else inside

    def distribution(self) -> BaseDistribution:
        """The entry as Optuna samples it."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=int(self.step or 1))
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)


Entry = Fixed | Choices | Range


def rounded(number: float) -> float:
    """The number to `DIGITS` significant digits."""
    return float(f"{number:.{DIGITS}g}")


def same(one: Value, other: Value) -> bool:
    """Whether two values are equal, numbers to within rounding."""
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


# From raw values to entries --------------------------------------------------------------------------


def entry(name: str, raw: Any, task: str) -> Entry:
    """One entry from what TOML or JSON holds.

    Raises:
        InputError: what is wrong with it, without the name of the hyperparameter or the file.
    """
    if isinstance(raw, Mapping):
        return _range(name, raw, task)
    if not isinstance(raw, list):
        return Fixed(_value(name, raw, task))
    if not raw:
        raise InputError("The list is empty: name at least one value, or leave the line out.")
    values = tuple(dict.fromkeys(_value(name, each, task) for each in raw))
    if len(values) == 1:
        return Fixed(values[0])
    return Choices(values)


def _range(name: str, raw: Mapping[str, Any], task: str) -> Range:
    if name in NAMED:
        raise InputError("A range cannot be used here: give a list of names.")
    for key in raw:
        if key not in ("low", "high", "log", "step"):
            raise unknown("part of a range", key, ("low", "high", "log", "step"))
    for key in ("low", "high"):
        if key not in raw:
            raise InputError(f"The range has no '{key}': write it as {{ low = …, high = … }}.")
    if not isinstance(raw.get("log", False), bool):
        raise InputError(f"The range's log = {raw['log']!r} is neither true nor false: write one of them.")
    low, high = (_number(_value(name, raw[key], task)) for key in ("low", "high"))
    log = raw.get("log", False)
    if low >= high:
        raise InputError(f"low = {low:g} is not below high = {high:g}: exchange them, or give one value.")
    if log and low <= 0:
        raise InputError(f"A logarithmic range cannot start at low = {low:g}: start it above 0.")
    return Range(low, high, log, _step(name, raw, low, high), name in WHOLE)


def _step(name: str, raw: Mapping[str, Any], low: float, high: float) -> float | None:
    """The step of a range, which must lead from low to high exactly."""
    step = raw.get("step")
    if step is None:
        return None
    if raw.get("log", False):
        raise InputError("A logarithmic range has no step: leave out one of log and step.")
    number = isinstance(step, int | float) and not isinstance(step, bool) and math.isfinite(step)
    if not number or step <= 0 or (name in WHOLE and step != int(step)):
        kind = "whole number" if name in WHOLE else "number"
        raise InputError(f"The step {step!r} cannot be used: give a {kind} above 0.")
    if (Decimal(str(high)) - Decimal(str(low))) % Decimal(str(step)):
        raise InputError(
            f"Steps of {step:g} from low = {low:g} do not meet high = {high:g}: change one of them."
        )
    return int(step) if name in WHOLE else float(step)


def _value(name: str, value: Any, task: str) -> Value:
    """A value in its proper type, if it is one that the hyperparameter can have."""
    if not isinstance(value, str | int | float):
        raise InputError(
            f"The value {value!r} cannot be used: give {'names' if name in NAMED else 'numbers'}."
        )
    if name == "hidden":
        return _network(value)
    if name == "optimizer":
        return find_rule(str(value)).name
    if name.startswith(FURTHER):
        return value
    # The options' own checks, so that a search and a training accept the same values.
    found: Value = SPACE[name].kind.check(name.replace("_", " "), value)
    return loss_for(task, str(found)) if name == "loss" else found


def _network(value: Value) -> str:
    """A whole network's text, tidied: "64, 32" is "64,32"."""
    parts = [part.strip() for part in str(value).split(",")]
    if parts == ["none"]:
        return "none"
    if not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        raise InputError(
            f'The network {value!r} cannot be used: write the units of its layers as in "64,32", or "none".'
        )
    return ",".join(str(int(part)) for part in parts)


def _number(value: Value) -> float:
    assert not isinstance(value, str)  # _value has seen to it for every name that takes a range.
    return value


def toml(raw: Any) -> str:
    """A raw entry as TOML writes it, on one line."""
    if isinstance(raw, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(value)}" for key, value in raw.items()) + " }"
    if isinstance(raw, list):
        return "[" + ", ".join(map(toml, raw)) + "]"
    return json.dumps(raw, ensure_ascii=False)
