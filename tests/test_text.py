"""Numbers and names in words: by hand."""

from __future__ import annotations

import math

import pytest

from couloir.text import heading, number, point, setting, size, subscript, superscript


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (3, "3"), (-0.5, "−0.5"), (0.07116, "0.0712"), (1257.4, "1,257"), (4.1e-7, "4.1×10⁻⁷"),
        (-2e12, "−2×10¹²"), (99950, "99,950"), (0.99996, "1"), (9.9999e-5, "0.0001"), (math.inf, "∞"),
        (-math.inf, "−∞"), (math.nan, "–"), (None, "–"),
    ],
)  # fmt: skip
def test_numbers_in_sentences(value: float | None, text: str) -> None:
    assert number(value) == text


def test_what_is_no_number_is_called_as_the_caller_likes() -> None:
    assert number(math.nan, missing="not a number") == "not a number"


def test_a_point_has_one_comma() -> None:
    assert point((1234.5, -0.25)) == "(1234, −0.25)"
    assert point((math.nan, 1e-9), 4) == "(not a number, 1×10⁻⁹)"


def test_exponents_stand_above_and_indices_below_the_line() -> None:
    assert (superscript(-307), superscript("12"), subscript(19)) == ("⁻³⁰⁷", "¹²", "₁₉")


def test_settings_and_headings() -> None:
    values = (0.001, 64, None, "cross_entropy", "one_cycle", True)
    assert list(map(setting, values)) == ["0.001", "64", "–", "cross-entropy", "one cycle", "True"]
    assert [heading(text) for text in ("weight decay", "L2", "β₁")] == ["Weight decay", "L2", "β₁"]


def test_sizes_of_files() -> None:
    assert [size(each) for each in (12, 3400, 840_000, 1.44e6, 2e9)] == [
        "12\u202fbytes",
        "3.4\u202fkB",
        "840\u202fkB",
        "1.4\u202fMB",
        "2\u202fGB",
    ]
