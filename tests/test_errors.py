"""What a person's mistake is told in: one sentence with what was given and what to do."""

from __future__ import annotations

import math

import numpy as np
import pytest

from couloir.errors import InputError, check_number, check_whole, unknown


@pytest.mark.parametrize("value", [2, 7, 3.0, np.int64(5), np.float32(4)])
def test_whole_numbers_pass(value: float) -> None:
    check_whole("steps", value, 2)


@pytest.mark.parametrize("value", [1, 2.5, True, math.nan, math.inf, "3", None])
def test_what_is_no_whole_number_or_too_small_is_refused(value: object) -> None:
    with pytest.raises(InputError) as refused:
        check_whole("steps", value, 2)
    assert str(refused.value) == f"The steps {value!r} cannot be used: give a whole number of at least 2."


def test_numbers_have_a_least_one_which_may_be_excluded() -> None:
    check_number("noise", 0.0)
    check_number("rate", 1e-9, excluded=True)
    for value in (-1e-9, math.nan, math.inf):
        with pytest.raises(InputError, match="give a number of at least 0"):
            check_number("noise", value)
    with pytest.raises(InputError, match=r"The rate 0\.0 cannot be used: give a number above 0"):
        check_number("rate", 0.0, excluded=True)
    with pytest.raises(InputError, match="of at least 1"):
        check_number("condition number", 0.5, 1)


def test_the_nearest_choice_is_suggested() -> None:
    assert str(unknown("rule", "adm", ["sgd", "adam"])) == (
        "There is no rule 'adm': did you mean 'adam'? The choices are sgd, adam."
    )
    assert "the choices are sgd, adam" in str(unknown("rule", "xyz", ["sgd", "adam"]))
