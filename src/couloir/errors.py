"""The error that a person's mistake ends in.

Everything else that is raised is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from typing import Any


class InputError(ValueError):
    """What a person gave cannot be used; the message is one sentence: what, where, and what to do."""


def unknown(what: str, value: object, choices: Iterable[str]) -> InputError:
    """The error for a value outside a list of choices, with the nearest choice suggested.

    Args:
        what: what was asked for, in words ("optimizer", "column").
        value: what was given.
        choices: what would have been understood.
    """
    names = [str(choice) for choice in choices]
    near, shown = nearest(value, names), listed(names)
    hint = f"did you mean '{near}'? The choices are {shown}" if near else f"the choices are {shown}"
    return InputError(f"There is no {what} '{value}': {hint}.")


def nearest(value: object, choices: Iterable[str]) -> str | None:
    """The choice that a value may have been meant for, whatever the case of its letters, if one is near."""
    names = {choice.lower(): choice for choice in reversed([*choices])}
    near = difflib.get_close_matches(str(value).lower(), names, n=1, cutoff=0.6)
    return names[near[0]] if near else None


def listed(names: Sequence[str]) -> str:
    """The first twenty names, and how many more there are."""
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def check_whole(what: str, value: Any, least: int = 1) -> None:
    """Raise an InputError where a value is no whole number, or below the least one."""
    from numbers import Real

    whole = isinstance(value, Real) and not isinstance(value, bool) and float(value).is_integer()
    if not whole or value < least:
        raise InputError(f"The {what} {value!r} cannot be used: give a whole number of at least {least}.")


def check_number(what: str, value: float, least: float = 0.0, excluded: bool = False) -> None:
    """Raise an InputError where a value is not finite, below the least, or that one if it is excluded."""
    if not math.isfinite(value) or value < least or (excluded and value == least):
        wanted = f"above {least:g}" if excluded else f"of at least {least:g}"
        raise InputError(f"The {what} {value!r} cannot be used: give a number {wanted}.")
