"""The texts that a person types after an option, as Python values; an error names the option."""

from __future__ import annotations

import csv
import math

from couloir.errors import InputError


def texts(text: str, option: str) -> list[str]:
    """Names separated by commas; one that holds a comma stands in double quotes."""
    try:
        names = [name.strip() for name in next(csv.reader([text], skipinitialspace=True), [])]
    except csv.Error:  # a line break or the like in a name
        names = []
    if not names or not all(names):
        raise InputError(f"A name is lacking in {option} '{text}': write one name, or several as in a,b.")
    return names


def numbers(text: str, option: str) -> list[float]:
    """Numbers separated by commas."""
    return [_number(part, option) for part in texts(text, option)]


def whole_numbers(text: str, option: str) -> list[int]:
    """Whole numbers separated by commas."""
    return [_whole(part, option) for part in texts(text, option)]


def number(text: str, option: str) -> float:
    """One number."""
    return _number(text, option, "one number")


def whole_number(text: str, option: str) -> int:
    """One whole number."""
    return _whole(text, option, "one whole number")


def large_number(text: str, option: str) -> int:
    """One whole number, which may be written as 1e6."""
    wanted = "one whole number, as in 1000 or 1e6"
    value = _number(text, option, wanted)
    if value != int(value):
        raise InputError(f"The value '{text}' of {option} is not a whole number: write {wanted}.")
    return int(value)


def patience(text: str, option: str) -> int:
    """Epochs; 0 and "none" mean without end."""
    if text.strip().lower() == "none":
        return 0
    return _whole(text, option, "a whole number of epochs, or none to stop never")


def folds(text: str, option: str) -> int:
    """A number of folds; 0 and "none" mean the validation part."""
    if text.strip().lower() == "none":
        return 0
    return _whole(text, option, "a whole number of folds, or none for the validation part")


def hidden(text: str, option: str) -> list[tuple[int, ...]]:
    """Networks separated by "|", each its layers' units separated by commas, or "none" for no layer."""
    return [_layers(part, option) for part in text.split("|")]


def _layers(text: str, option: str) -> tuple[int, ...]:
    if text.strip().lower() == "none":
        return ()
    wanted = "the units of each layer with commas, as in 64,64, and | between networks, as in 64,64|32"
    return tuple(_whole(units, option, wanted) for units in text.split(","))


def _number(text: str, option: str, wanted: str = "numbers with commas between, as in 0.001,0.01") -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"The value '{text}' of {option} is not a number: write {wanted}.")
    return value


def _whole(text: str, option: str, wanted: str = "whole numbers with commas between, as in 32,64") -> int:
    try:
        return int(text)
    except ValueError:
        raise InputError(f"The value '{text}' of {option} is not a whole number: write {wanted}.") from None
