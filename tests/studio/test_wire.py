"""Messages between page and session, read back byte by byte; and what is refused on the way in."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from couloir.errors import InputError
from couloir.studio import asking, wire
from studio_server import unpacked


def test_an_answer_arrives_as_it_was_with_every_digit() -> None:
    arrays = {
        "x": np.array([[np.pi, np.nan], [np.inf, -0.0]]),
        "few": np.arange(3, dtype=np.float32),
        "none": np.zeros((0, 2)),
        "count": np.array([1, -7], np.int64),
        "on": np.array([True, False, True]),
    }
    message = wire.packed(12, wire.Answer({"a": np.float64(0.1), "b": [np.nan, 1], "c": "π"}, arrays))
    found = unpacked(message)
    assert (found["id"], found["values"]) == (12, {"a": 0.1, "b": [None, 1], "c": "π"})
    assert len(message) % 8 == 0
    for name, array in arrays.items():
        np.testing.assert_array_equal(found["arrays"][name], array)
    assert found["arrays"]["x"].dtype == np.float64
    assert (found["arrays"]["count"].dtype, found["arrays"]["on"].dtype) == (np.int32, np.uint8)


@given(
    some.lists(
        some.tuples(some.sampled_from(["float64", "float32", "uint8"]), some.integers(0, 9)), max_size=5
    )
)
def test_arrays_of_any_size_begin_where_the_page_can_look_at_them(kinds: list[tuple[str, int]]) -> None:
    arrays = {str(place): np.arange(size).astype(kind) for place, (kind, size) in enumerate(kinds)}
    found = unpacked(wire.packed(1, wire.Answer({}, arrays)))
    for name, array in arrays.items():
        np.testing.assert_array_equal(found["arrays"][name], array)


def test_a_question_is_read() -> None:
    text = json.dumps({"id": 3, "room": "race", "ask": "advance", "with": {"steps": 5}})
    assert wire.parse(text) == wire.Question(3, "race", "advance", {"steps": 5})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"id": 1}',
        '{"id": "1", "room": "race", "ask": "x", "with": {}}',
        '{"id": true, "room": "race", "ask": "x", "with": {}}',
        '{"id": -1, "room": "race", "ask": "x", "with": {}}',
        '{"id": 1e99, "room": "race", "ask": "x", "with": {}}',
        '{"id": 1, "room": 5, "ask": "x", "with": {}}',
        '{"id": 1, "room": "race", "ask": "x", "with": []}',
        '{"id": 1, "room": "race", "ask": "x", "with": {}, "more": 1}',
        '{"id": 1, "room": "race", "ask": "x", "with": {"a": NaN}}',
        '{"id": 1, "room": "race", "ask": "x", "with": {"a": -Infinity}}',
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
)
def test_what_is_no_question_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(InputError, match=r"^The .*\.$"):
        wire.parse(text)


@dataclasses.dataclass(frozen=True)
class Asked:
    share: Annotated[float, asking.number(0, 1)]
    steps: Annotated[int, asking.whole(1, 100)] = 10
    rule: Annotated[str, asking.choice(("sgd", "adam"))] = "sgd"
    words: Annotated[str, asking.text(5)] = ""
    points: Annotated[tuple, asking.several(asking.pair(-9, 9), 0, 2)] = ()
    rates: Annotated[dict | None, asking.named(dict.fromkeys(("sgd", "adam"), asking.number(0, 1)))] = None
    loud: Annotated[bool, asking.flag()] = False


def asked_for(both: Asked, first: Annotated[int, asking.whole(0, 9)] = 0) -> tuple[Asked, int]:
    return both, first


def test_arguments_are_read_as_they_are_declared() -> None:
    found = asking.answered(Asked, {"share": 1, "steps": 3.0, "points": [[1, 2]], "rates": {"adam": 0.5}})
    assert (found.share, found.steps, found.points, found.rates) == (1.0, 3, ((1.0, 2.0),), {"adam": 0.5})
    assert isinstance(found.steps, int)


def test_a_dataclass_among_the_parameters_takes_its_fields_from_the_arguments() -> None:
    assert asking.answered(asked_for, {"share": 0.5, "first": 3}) == (Asked(0.5), 3)
    assert asking.answered(asked_for, {"share": 0.5}) == (Asked(0.5), 0)
    with pytest.raises(InputError, match="no argument 'both'"):
        asking.answered(asked_for, {"share": 0.5, "both": {}})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "'share' is missing"),
        ([], "a list"),
        ({"share": 1, "sharp": 2}, "did you mean 'share'"),
        ({"share": "1"}, "a number from 0 to 1"),
        ({"share": True}, "a number from 0 to 1"),
        ({"share": None}, "nothing"),
        ({"share": 1.5}, "outside its range"),
        ({"share": float("nan")}, "outside its range"),
        ({"share": 10**400}, "outside its range"),
        ({"share": 0, "steps": 2.5}, "whole number"),
        ({"share": 0, "steps": 1e300}, "whole number"),
        ({"share": 0, "steps": 0}, "whole number"),
        ({"share": 0, "rule": "adm"}, "did you mean 'adam'"),
        ({"share": 0, "rule": ["sgd"]}, "a list"),
        ({"share": 0, "words": "123456"}, "at most 5"),
        ({"share": 0, "words": "a\0"}, "control character"),
        ({"share": 0, "words": "\ud800"}, "control character"),
        ({"share": 0, "points": [[1, 2]] * 3}, "0 to 2"),
        ({"share": 0, "points": [[1]]}, r"points\[0\]"),
        ({"share": 0, "points": [[1, "2"]]}, r"points\[0\]\[1\]"),
        ({"share": 0, "rates": {"lion": 1}}, "lion"),
        ({"share": 0, "rates": {"sgd": 7}}, "rates.sgd"),
        ({"share": 0, "loud": 1}, "true or false"),
        ({"share": "x" * 10**6}, "…"),
    ],
)
def test_wrong_arguments_are_refused_in_a_sentence(given: object, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        asking.answered(asked_for, given)
    assert len(str(error.value)) < 300
