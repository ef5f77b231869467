"""What the page may ask with: the parameters of a room's method say what they accept.

    def ask_advance(self, steps: Annotated[int, whole(1, 512)], noise: Annotated[float, number(0, 9)] = 0.0):

`answered(room.ask_advance, {"steps": 64})` reads the arguments and calls it. What several questions have in
common is a dataclass whose fields are declared in the same way: as a parameter it takes its fields from among
the arguments. Whatever comes over the wire is read so, before anything is computed with it.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar, get_type_hints

from couloir.errors import InputError, unknown
from couloir.kinds import Number
from couloir.options import MEMBER

Check = Callable[[Any, str], Any]
"""(value, its name) → the value as it is used, or an InputError."""

Found = TypeVar("Found")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def answered(asked: Callable[..., Found], given: Any) -> Found:
    """What a method, or a dataclass, makes of the arguments; an InputError where one is not as declared."""
    if not isinstance(given, Mapping):
        raise InputError(f"The arguments {_short(given)} are not an object of names and values.")
    known = list(_names(asked))
    for name in given:
        if name not in known:
            raise unknown("argument", _short(name), known)
    return _called(asked, given)


def _parameters(asked: Callable[..., Any]) -> Iterator[tuple[str, Any, Any]]:
    """Name, annotation and default of each parameter; a method's own `self` has no annotation."""
    hints = get_type_hints(asked, include_extras=True)
    for name, parameter in inspect.signature(asked).parameters.items():
        if name in hints:
            yield name, hints[name], parameter.default


def _names(asked: Any) -> Iterator[str]:
    """The names of all arguments, those of dataclasses among the parameters included."""
    for name, hint, _ in _parameters(asked):
        yield from _names(hint) if dataclasses.is_dataclass(hint) else [name]


def _called(asked: Any, given: Mapping[str, Any]) -> Any:
    values: dict[str, Any] = {}
    for name, hint, default in _parameters(asked):
        if dataclasses.is_dataclass(hint):
            values[name] = _called(hint, given)
        elif name in given:
            values[name] = hint.__metadata__[0](given[name], name)
        elif default is inspect.Parameter.empty:
            raise InputError(f"The argument '{name}' is missing: give it.")
    return asked(**values)


def told(asked: Callable[..., Any]) -> dict[str, dict[str, Any]]:
    """What a page has to know of every argument: its default, and what its check says of values and names."""
    found = {}
    for name, hint, default in _parameters(asked):
        known = {} if default is inspect.Parameter.empty else {"default": default}
        found[name] = {**known, **_told(hint.__metadata__[0])}
    return found


# Checks -------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Range:
    """Finite numbers from `low` to `high`, or only the whole ones; `of` is the option that they are for."""

    low: float
    high: float
    whole: bool = False
    of: str = ""

    def __call__(self, value: Any, name: str) -> float | int:
        """The number."""
        found = self._whole(value, name) if self.whole else self._number(value, name)
        return MEMBER[self.of].kind.check(name, found) if self.of else found

    def _number(self, value: Any, name: str) -> float:
        low, high = self.low, self.high
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"'{name}' is {_short(value)}: give a number from {low:g} to {high:g}.")
        if not (-1e308 <= value <= 1e308 and math.isfinite(value) and low <= value <= high):
            raise InputError(f"'{name}' is {_short(value)}, outside its range: give {low:g} to {high:g}.")
        return float(value)

    def _whole(self, value: Any, name: str) -> int:
        low, high = self.low, self.high
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        if not plain or not low <= value <= high or value != int(value):
            raise InputError(f"'{name}' is {_short(value)}: give a whole number from {low:,} to {high:,}.")
        return int(value)

    def told(self) -> dict[str, Any]:
        """Its ends, and what the option is called."""
        return {"low": self.low, "high": self.high, "whole": self.whole, **_words(self.of)}


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of some names; `of` is the option that they are for."""

    names: Collection[str]
    of: str = ""

    def __call__(self, value: Any, name: str) -> str:
        """The name."""
        if not isinstance(value, str) or value not in self.names:
            raise unknown(name, _short(value), self.names)
        return value

    def told(self) -> dict[str, Any]:
        """The names, and what the option is called."""
        return {"names": list(self.names), **_words(self.of)}


@dataclasses.dataclass(frozen=True)
class Several:
    """A list of `least` to `most` values, each read by a check, as a tuple."""

    each: Check
    least: int
    most: int

    def __call__(self, value: Any, name: str) -> tuple[Any, ...]:
        """The values."""
        least, most = self.least, self.most
        if not isinstance(value, list) or not least <= len(value) <= most:
            size = f"{len(value):,} values" if isinstance(value, list) else _short(value)
            raise InputError(f"'{name}' has {size}: give a list of {least:,} to {most:,}.")
        return tuple(self.each(each, f"{name}[{place}]") for place, each in enumerate(value))

    def told(self) -> dict[str, Any]:
        """How many there may be, and what each may be."""
        return {"least": self.least, "most": self.most, "each": _told(self.each)}


def _words(option: str) -> dict[str, str]:
    return {"words": MEMBER[option].words} if option else {}


def _told(check: Check) -> dict[str, Any]:
    return check.told() if isinstance(check, Range | Choice | Several) else {}


number, choice, several = Range, Choice, Several
"""As declarations read: `number(low, high)`, `choice(names)`, `several(check, least, most)`."""


def whole(low: int, high: int) -> Check:
    """A whole number from `low` to `high`."""
    return Range(low, high, whole=True)


def option(name: str, most: float | None = None) -> Check:
    """What can be given for an option of networks: one of its names, or a number up to `most`."""
    kind = MEMBER[name].kind
    if not isinstance(kind, Number):
        return Choice(MEMBER[name].choices, name)
    assert most is not None, name
    low, high = (int(kind.low), int(most)) if kind.whole else (kind.low, most)
    return Range(low, high, kind.whole, name)


def flag() -> Check:
    """Yes or no."""

    def check(value: Any, name: str) -> bool:
        if not isinstance(value, bool):
            raise InputError(f"'{name}' is {_short(value)}: give true or false.")
        return value

    return check


def text(longest: int) -> Check:
    """Text of at most so many characters, none of them a control character other than line ends and tabs."""

    def check(value: Any, name: str) -> str:
        if not isinstance(value, str):
            raise InputError(f"'{name}' is {_short(value)}: give text.")
        if len(value) > longest:
            raise InputError(f"'{name}' has {len(value):,} characters: give at most {longest:,}.")
        if _CONTROL.search(value):
            raise InputError(f"'{name}' has a control character in it: give plain text.")
        return value

    return check


def pair(low: float, high: float) -> Check:
    """Two finite numbers, as a tuple: a point."""
    return several(number(low, high), 2, 2)


def named(checks: Mapping[str, Check]) -> Check:
    """An object with some of these keys, each value read by the key's check."""

    def check_all(value: Any, name: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise InputError(f"'{name}' is {_short(value)}: give an object of names and values.")
        found = {}
        for key, each in value.items():
            if key not in checks:
                raise unknown(f"entry of '{name}'", _short(key), checks)
            found[key] = checks[key](each, f"{name}.{key}")
        return found

    return check_all


def optional(check: Check) -> Check:
    """None, or what the check accepts."""
    return lambda value, name: None if value is None else check(value, name)


def _short(value: Any) -> str:
    """A value for a sentence, cut so that nobody's megabytes come back at them."""
    if isinstance(value, str):
        shown = value
    elif isinstance(value, int | float) or value is None:
        shown = "nothing" if value is None else f"{value:g}" if abs(value) < 1e300 else "beyond all numbers"
    else:
        shown = "a list" if isinstance(value, list) else "an object"
    shown = "".join(c if c.isprintable() else "\ufffd" for c in shown[:41])
    return shown[:40] + "…" if len(shown) > 40 else shown
