"""Kinds of options: how a value is read from a person's text, checked, and written again.

Every error is one sentence that names the option. What is checked here can be checked without the engine; a
rule, or a loss for the task at hand, is looked up when the population is made.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from couloir.engine.architectures.layers import BETWEEN
from couloir.engine.architectures.paths import BETWEEN as OWN
from couloir.engine.architectures.paths import path_of
from couloir.errors import InputError, unknown


class Kind:
    """How values of one kind are read, checked and written; here whatever is given, as it stands."""

    def read(self, text: str, flag: str, several: bool) -> Any:
        """One value of its text; `several` says whether the text was one of a list.

        Raises:
            InputError: the text cannot be read.
        """
        return text

    def check(self, what: str, value: Any) -> Any:
        """One value in its proper type.

        Raises:
            InputError: it is none of this kind, or out of range.
        """
        return value

    def write(self, value: Any) -> str:
        """The value as it would be typed."""
        return str(value)


def split_names(text: str, flag: str) -> list[str]:
    """Names separated by commas; one that holds a comma stands in double quotes."""
    try:
        names = [name.strip() for name in next(csv.reader([text], skipinitialspace=True), [])]
    except csv.Error:  # a line break or the like in a name
        names = []
    if not names or not all(names):
        raise InputError(f"A name is lacking in {flag} '{text}': write one name, or several as in a,b.")
    return names


@dataclass(frozen=True)
class Number(Kind):
    """A number in [low, high), or in (low, high) where the low end is left out.

    Attributes:
        low: the least.
        high: what it has to stay below; None: nothing.
        open_low: whether the least is left out.
        whole: whether only whole numbers will do.
        large: whether a whole number may be typed as 1e6.
        none: what is wanted where "none" may be typed; None: it cannot be.
        none_value: what that stands for.
        named: what is wanted, in words, where the range says it badly.
    """

    low: float = -math.inf
    high: float | None = None
    open_low: bool = False
    whole: bool = False
    large: bool = False
    none: str | None = None
    none_value: int | None = None
    named: str = ""

    def read(self, text: str, flag: str, several: bool) -> Any:
        """A number of its text."""
        if self.none is not None and text.strip().lower() == "none":
            return self.none_value
        if self.whole and not self.large:
            wanted = "whole numbers with commas between, as in 32,64" if several else "one whole number"
            number = _whole_number(text, flag, self.none or wanted)
            return self.none_value if self.none is not None and number == 0 else number
        wanted = "numbers with commas between, as in 0.001,0.01" if several else "one number"
        wanted = "one whole number, as in 1000 or 1e6" if self.large else wanted
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f"The value '{text}' of {flag} is not a number: write {wanted}.")
        if self.large and value != int(value):
            raise InputError(f"The value '{text}' of {flag} is not a whole number: write {wanted}.")
        return int(value) if self.large else value

    def check(self, what: str, value: Any) -> Any:
        """The number, if it is one in the range."""
        if self.none is not None and value == self.none_value and not isinstance(value, bool):
            return value
        number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
        inside = number and (value > self.low if self.open_low else value >= self.low)
        inside = inside and (self.high is None or value < self.high)
        if not inside or (self.whole and value != int(value)):
            raise InputError(f"The {what} {value!r} cannot be used: give {self.wanted}.")
        return int(value) if self.whole else float(value)

    @property
    def wanted(self) -> str:
        """What would do, in words."""
        if self.named:
            return self.named
        kind = "a whole number" if self.whole else "a number"
        if math.isinf(self.low):
            return kind
        above = f"above {self.low:g}" if self.open_low else f"of at least {self.low:g}"
        return f"{kind} {above}" + (f" and below {self.high:g}" if self.high is not None else "")

    def write(self, value: Any) -> str:
        """The number, short."""
        return "none" if value is None else f"{value:g}" if abs(value) < 1e5 else f"{value:.12g}"


def whole(low: int = 1, **more: Any) -> Number:
    """Whole numbers from `low` on."""
    return Number(low, whole=True, **more)


def positive(**more: Any) -> Number:
    """Numbers above 0."""
    return Number(0, open_low=True, **more)


SHARE = Number(0, 1)
"""A share of one that is not all of it."""

STRENGTH = Number(0)
"""A number of at least 0."""


@dataclass(frozen=True)
class Numbers(Kind):
    """Several numbers in an order, of a kind; in Python also one, or a dict of them by name."""

    of: Number

    def read(self, text: str, flag: str, several: bool) -> list[Any]:
        """The numbers between commas."""
        return [self.of.read(part, flag, True) for part in split_names(text, flag)]

    def check(self, what: str, value: Any) -> Any:
        """The numbers, each checked."""
        if isinstance(value, Mapping):
            return {str(name): self.of.check(f"{what} of {name}", each) for name, each in value.items()}
        several = isinstance(value, Iterable) and not isinstance(value, str)
        return [self.of.check(what, each) for each in (value if several else [value])]

    def write(self, value: Any) -> str:
        """The numbers as they would be typed."""
        return ",".join(map(self.of.write, value))


@dataclass(frozen=True)
class Name(Kind):
    """One of some names.

    Attributes:
        choices: the names; none: any text.
    """

    choices: tuple[str, ...] = ()

    def check(self, what: str, value: Any) -> str:
        """The name, if it is one of the choices."""
        if self.choices and value not in self.choices:
            raise unknown(what, value, self.choices)
        return str(value)


@dataclass(frozen=True)
class Architecture(Name):
    """One of some architectures, or a person's own: an object, or its import path."""

    def check(self, what: str, value: Any) -> str:
        """The name, or the import path of a person's own."""
        if isinstance(value, str) and OWN not in value:
            return super().check(what, value)
        return path_of(value)


class Flag(Kind):
    """True or false; typed without a value."""

    def read(self, text: str, flag: str, several: bool) -> bool:
        """A flag has no text: that it is there says all."""
        return True

    def check(self, what: str, value: Any) -> bool:
        """The truth value; NumPy's own is one too."""
        if not isinstance(value, bool) and type(value).__name__ not in ("bool", "bool_"):
            raise InputError(f"{what} is {value!r}: give True or False.")
        return bool(value)

    def write(self, value: Any) -> str:
        """Nothing: the option's name says it."""
        return ""


class AsGiven(Kind):
    """Whatever is given, which the one who takes it checks: a rule, a file, a space, a random generator."""


@dataclass(frozen=True)
class Activation(Kind):
    """The activation of all hidden layers, or one for each with "-" between."""

    choices: tuple[str, ...]

    def check(self, what: str, value: Any) -> str:
        """One network's activations: "relu", or "relu-tanh"; a sequence has one for each layer."""
        several = isinstance(value, Iterable) and not isinstance(value, str)
        names = (list(value) or [value]) if several else str(value).split(BETWEEN)
        for name in names:
            if name not in self.choices:
                raise unknown(what, name, self.choices)
        return BETWEEN.join(map(str, names))


class Units(Kind):
    """Units of a network's hidden layers, layer by layer; none for a linear model."""

    def read(self, text: str, flag: str, several: bool) -> tuple[int, ...]:
        """The units of one network: "64,64", or "none" for no layer."""
        if text.strip().lower() == "none":
            return ()
        wanted = "the units of each layer with commas, as in 64,64, and | between networks, as in 64,64|32"
        return tuple(_whole_number(units, flag, wanted) for units in text.split(","))

    def check(self, what: str, value: Any) -> tuple[int, ...]:
        """The units of one network."""
        return tuple(whole().check("hidden units", units) for units in value)

    def write(self, value: Any) -> str:
        """The units as they would be typed."""
        return ",".join(map(str, value)) or "none"


def _whole_number(text: str, flag: str, wanted: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InputError(f"The value '{text}' of {flag} is not a whole number: write {wanted}.") from None


def networks(value: Any) -> list[Any]:
    """Hidden layers of one or several networks as a list: of 64, (64, 64), or a sequence of such tuples.

    A flat sequence of whole numbers is ONE network, layer by layer; several are a sequence of sequences.
    """
    if isinstance(value, Integral):
        value = (value,)
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InputError(f"The hidden layers {value!r} are not whole numbers: give for example (64, 64).")
    layers = list(value)
    return layers if layers and all(isinstance(each, Iterable) for each in layers) else [layers]


def listed(value: Any) -> list[Any]:
    """One value, or each of a sequence once; a text is one value."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return [value]
    values = list(value)
    if not values:
        raise InputError("An option was given an empty list: give at least one value, or leave it out.")
    return [each for number, each in enumerate(values) if each not in values[:number]]


def read_settings(texts: Sequence[str], flag: str) -> dict[str, list[Any]]:
    """Values by name of texts such as "b1=0.9,0.95": numbers, true, false, none, or names."""
    found: dict[str, list[Any]] = {}
    for text in texts:
        name, sign, values = text.partition("=")
        if not sign or not name.strip().isidentifier():
            raise InputError(
                f"The text '{text}' of {flag} sets nothing: write NAME=VALUE, or several values as in "
                "b1=0.9,0.95."
            )
        found[name.strip()] = [_setting(each) for each in split_names(values, flag)]
    return found


def _setting(text: str) -> Any:
    """A number, true, false or none, or the text itself."""
    named = {"true": True, "false": False, "none": None}
    if text.lower() in named:
        return named[text.lower()]
    for read in (int, float):
        with suppress(ValueError):
            return read(text)
    return text


class Split(Kind):
    """Shares of training, validation and test in per cent, as in 70/15/15; who divides rows checks them.

    A test share of 0 means that nothing is tested.
    """

    def read(self, text: str, flag: str, several: bool) -> tuple[float, float, float]:
        """The shares that "70/15/15" names."""
        return parse_split(text)

    def write(self, value: Any) -> str:
        """The shares in per cent."""
        return "/".join(f"{100 * share:g}" for share in value)


def parse_split(text: str) -> tuple[float, float, float]:
    """The fractions that "70/15/15" names: training, validation, test; the last may be 0.

    Raises:
        InputError: not three such numbers with the sum 100.
    """
    try:
        parts = [float(part) for part in text.split("/")]
    except ValueError:
        parts = []
    if not are_shares(parts, 100):
        raise InputError(
            f"The split '{text}' is not three percentages with the sum 100, of which only the last may be 0: "
            "write training/validation/test, as in 70/15/15, or 85/15/0 to test nothing."
        )
    return parts[0] / 100, parts[1] / 100, parts[2] / 100


def are_shares(parts: Sequence[float], whole: float) -> bool:
    """Whether these are shares of training, validation and test, of which only the last may be 0."""
    # What is not a number is in no range.
    return (
        len(parts) == 3
        and all(0 < part < whole for part in parts[:2])
        and 0 <= parts[2] < whole
        and abs(sum(parts) - whole) <= 1e-9
    )
