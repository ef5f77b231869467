"""The error that a person's mistake ends in.

Everything else that is raised is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from numbers import Real
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
    near = difflib.get_close_matches(str(value).lower(), [name.lower() for name in names], n=1, cutoff=0.6)
    meant = next((name for name in names if near and name.lower() == near[0]), None)
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    hint = f"did you mean '{meant}'? The choices are {shown}" if meant else f"the choices are {shown}"
    return InputError(f"There is no {what} '{value}': {hint}.")


def check_whole(what: str, value: Any, least: int = 1) -> None:
    """Raise an InputError where a value is no whole number, or below the least one."""
    whole = isinstance(value, Real) and not isinstance(value, bool) and float(value).is_integer()
    if not whole or value < least:
        raise InputError(f"The {what} {value!r} cannot be used: give a whole number of at least {least}.")


def check_number(what: str, value: float, least: float = 0.0, excluded: bool = False) -> None:
    """Raise an InputError where a value is not finite, below the least, or that one if it is excluded."""
    if not math.isfinite(value) or value < least or (excluded and value == least):
        wanted = f"above {least:g}" if excluded else f"of at least {least:g}"
        raise InputError(f"The {what} {value!r} cannot be used: give a number {wanted}.")
