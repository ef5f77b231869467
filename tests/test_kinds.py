"""Kinds of options: texts are read as they are written, and what cannot be read is told in a sentence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from couloir.errors import InputError
from couloir.kinds import SHARE, Flag, Number, Split, parse_split, positive, read_settings, whole
from couloir.options import LANDSCAPE, RACE, SEARCH, TABLE, TRAIN, taken_by


@given(st.lists(st.lists(st.integers(1, 999), max_size=4).map(tuple), min_size=1, max_size=4))
def test_hidden_layers_are_read_as_they_are_written(networks: list[tuple[int, ...]]) -> None:
    option = taken_by(TRAIN)["hidden"]
    text = "|".join(map(option.kind.write, networks))
    assert option.read(text) == networks


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_numbers_are_read_as_they_are_written(values: list[float]) -> None:
    assert taken_by(TRAIN)["l2"].read(", ".join(map(repr, values))) == values


@pytest.mark.slow
@pytest.mark.parametrize(
    "option", [o for o in TABLE if not o.is_flag], ids=lambda o: f"{o.name}-{o.takers[0]}"
)
@given(text=st.text(max_size=20))
def test_any_text_is_a_value_or_an_input_error_that_names_the_option(option: Any, text: str) -> None:
    said = ""
    try:
        option.read([text] if option.name == "rule_option" else text)
    except InputError as error:
        said = str(error)
    assert not said or (option.typed_as.strip("-") in said and said.endswith("."))


def test_words_for_never_and_for_none() -> None:
    patience = taken_by(TRAIN)["patience"]
    assert [patience.read(text) for text in ("none", "None", "0", "7")] == [None, None, None, 7]
    assert patience.check(None) is None
    folds = taken_by(SEARCH)["cv"]
    assert [folds.read(text) for text in ("none", "0", "7")] == [0, 0, 7]
    assert [folds.check_or_none(value) for value in (0, 3, None)] == [0, 3, None]


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        (SHARE, 0, 0.0),
        (SHARE, 0.99, 0.99),
        (whole(), np.int64(3), 3),
        (whole(), 3.0, 3),
        (positive(), np.float32(0.5), 0.5),
        (whole(0, high=2**32), 2**32 - 1, 2**32 - 1),
        (Number(), -3, -3.0),
        (Flag(), np.bool_(True), True),
    ],
)
def test_values_have_their_own_types(kind: Any, value: Any, found: Any) -> None:
    checked = kind.check("thing", value)
    assert checked == found
    assert type(checked) is type(found)


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (SHARE, 1, "at least 0 and below 1"),
        (SHARE, -0.1, "at least 0"),
        (whole(), 2.5, "a whole number of at least 1"),
        (whole(), True, "a whole number"),
        (positive(), 0, "above 0"),
        (positive(), math.inf, "above 0"),
        (positive(), "1", "above 0"),
        (Number(), math.nan, "give a number"),
        (Flag(), 1, "True or False"),
    ],
)
def test_what_is_out_of_range_is_told(kind: Any, value: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        kind.check("thing", value)
    assert "thing" in str(caught.value)
    assert words in str(caught.value)


def test_settings_of_optax_s_rules() -> None:
    texts = ["b1=0.9,0.95", "nesterov=true", "steps=3", "mu_dtype=none", "mode=fast"]
    assert read_settings(texts, "--rule-option") == {
        "b1": [0.9, 0.95],
        "nesterov": [True],
        "steps": [3],
        "mu_dtype": [None],
        "mode": ["fast"],
    }
    for text in ("b1", "=0.9", "b 1=3", "b1="):
        with pytest.raises(InputError, match="--rule-option"):
            read_settings([text], "--rule-option")


def test_a_split_in_per_cent() -> None:
    assert parse_split("80/10/10") == (0.8, 0.1, 0.1)
    assert Split().write(parse_split("62.5/20/17.5")) == "62.5/20/17.5"
    assert parse_split(Split().write((0.85, 0.15, 0))) == (0.85, 0.15, 0)
    for text in ("80/20", "80/10/20", "100/0/0", "85/0/15", "a/b/c", ""):
        with pytest.raises(InputError, match=r"not three percentages .* only the last may be 0"):
            parse_split(text)


def test_an_option_has_its_own_name_on_the_command_line() -> None:
    assert taken_by(LANDSCAPE)["reach"].typed_as == "--range"
    assert taken_by(SEARCH)["halving"].typed_as == "--no-halving"
    assert taken_by(TRAIN)["no_stop"].typed_as == "--no-stop"
    assert taken_by(RACE)["learning_rate"].read("0.1,0.2") == [0.1, 0.2]
