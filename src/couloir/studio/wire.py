"""How questions and answers travel between the page and its session.

A question is JSON text: {"id": 7, "room": "race", "ask": "advance", "with": {...}}. An answer is binary: the
length of a header (uint32, little-endian), the header as JSON, and the arrays' bytes, each part filled up to
a multiple of eight bytes, so that the page can look at the numbers in place, in full precision, NaN included.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

import numpy as np

from couloir.errors import InputError

LONGEST = 1 << 20
"""Bytes of the longest question."""

_ALIGNED = 8
_DTYPES = ("float64", "float32", "int32", "uint8")


class Question(NamedTuple):
    """What the page asks: of which room, what, and with which arguments."""

    number: int
    room: str
    ask: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a room answers.

    Attributes:
        values: plain JSON; a number in it that is not finite travels as null.
        arrays: numbers by name: float64, float32, int32 or uint8.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


def parse(text: str) -> Question:
    """The question of a message; an InputError where it is none."""
    try:
        found = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise InputError("The message is not JSON: the page and the studio do not fit; reload it.") from None
    kinds = {"id": int, "room": str, "ask": str, "with": dict}
    if not isinstance(found, dict) or found.keys() != kinds.keys():
        raise InputError("The message is no question: it needs 'id', 'room', 'ask' and 'with'.")
    for name, kind in kinds.items():
        if not isinstance(found[name], kind) or isinstance(found[name], bool):
            raise InputError(f"The question's '{name}' is of another type than {kind.__name__}.")
    if not 0 <= found["id"] < 2**53:
        raise InputError("The question's 'id' is out of range.")
    return Question(found["id"], found["room"], found["ask"], found["with"])


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def packed(number: int, answer: Answer) -> bytes:
    """An answer as one message."""
    arrays = {name: _plain(array) for name, array in answer.arrays.items()}
    described = [
        {"name": name, "dtype": array.dtype.name, "shape": list(array.shape)}
        for name, array in arrays.items()
    ]
    header = {"id": number, "values": finite(answer.values), "arrays": described}
    return b"".join([_headed(header), *(_filled(array.tobytes()) for array in arrays.values())])


def refusal(number: int | None, sentence: str) -> bytes:
    """What is sent in place of an answer: one sentence; without a number it is for no question."""
    return _headed({"id": number, "error": sentence})


def _headed(header: Mapping[str, Any]) -> bytes:
    text = json.dumps(header, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    return _filled(len(text).to_bytes(4, "little") + text)


def _filled(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % _ALIGNED)


def _plain(array: Any) -> np.ndarray:
    """The array in an order and a type that the page can look at."""
    found = np.ascontiguousarray(array)
    if found.dtype.name in _DTYPES:
        return found.astype(found.dtype.newbyteorder("<"), copy=False)
    return found.astype({"b": "uint8", "i": "int32", "u": "int32"}.get(found.dtype.kind, "float64"))


def finite(value: Any) -> Any:
    """Plain JSON of a value: NumPy's numbers as Python's, and those that are not finite as None."""
    if isinstance(value, Mapping):
        return {str(name): finite(each) for name, each in value.items()}
    if isinstance(value, np.ndarray):
        return finite(value.tolist())
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value
