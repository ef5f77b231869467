"""Robust numbers against hand calculation, and what must hold of any numbers."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couloir.data.loading import load
from couloir.data.preparation import Preparation


def fitted(cells, rows=None) -> Preparation:
    """A robust preparation of a column "x" with these cells, None where missing, beside a steady one."""
    count = len(cells)
    frame = pl.DataFrame(
        {"x": pl.Series(cells, dtype=pl.Float64), "steady": np.arange(count), "target": np.arange(count) / 3}
    )
    return Preparation.fit(load(frame, target="target"), np.arange(count) if rows is None else rows, "robust")


def features(preparation: Preparation, *cells) -> np.ndarray:
    """The features of some cells [cell, feature]."""
    frame = pl.DataFrame({"x": pl.Series(cells, dtype=pl.Float64), "steady": [0] * len(cells)})
    return preparation.inputs(frame, np.float64)[:, preparation.feature_slices["x"]]


def test_numbers_by_hand():
    """Of -100, 1, …, 7, 100 and 0 the median is 4 - 0.5, and the quartiles are 1.25 and 5.75."""
    preparation = fitted([-100.0, 0, 1, 2, 3, 4, 5, 6, 7, 100])
    column = preparation.columns[0]
    assert (column.mean, column.scale) == (3.5, 4.5)
    assert preparation.feature_names == ("x", "steady")
    found = features(preparation, 3.5, 8.0, -10.0)[:, 0]
    # y is 0, 1, -3.
    np.testing.assert_allclose(found, [0, 1 / np.sqrt(1 + 1 / 9), -3 / np.sqrt(2)], rtol=1e-14)


def test_where_half_of_the_numbers_are_equal_half_the_range_is_the_scale():
    """Half of the range: s = 2 / (max - min)."""
    preparation = fitted([5.0] * 30 + [1.0, 9.0, 13.0])
    assert (preparation.columns[0].mean, preparation.columns[0].scale) == (5, 6)
    expected = [1 / np.sqrt(1 + 1 / 9), 0, -(4 / 6) / np.sqrt(1 + (4 / 18) ** 2)]
    np.testing.assert_allclose(features(preparation, 11.0, 5.0, 1.0)[:, 0], expected, rtol=1e-14)


def test_two_values_are_read_by_the_same_formula():
    preparation = fitted([0.0] * 40 + [1.0] * 2)
    assert (preparation.columns[0].mean, preparation.columns[0].scale) == (0, 0.5)
    np.testing.assert_allclose(features(preparation, 0.0, 1.0)[:, 0], [0, 2 / np.sqrt(1 + 4 / 9)], rtol=1e-14)


def test_a_column_that_never_varied_but_for_gaps_stays_0():
    preparation = fitted([3.0, None, 3.0] * 20)
    assert features(preparation, 3.0, 1e9, None).tolist() == [[0, 0], [0, 0], [0, 1]]
    assert fitted([3.0] * 30).left_out == ("x",)


def test_a_missing_number_is_filled_with_the_median_and_moves_no_quartile():
    known = [-100.0, 0, 1, 2, 3, 4, 5, 6, 7, 100]
    preparation = fitted(known + [None] * 40)
    assert (preparation.columns[0].mean, preparation.columns[0].scale) == (3.5, 4.5)
    assert features(preparation, None, 3.5).tolist() == [[0, 1], [0, 0]]


def test_numbers_beyond_the_training_rows_are_taken_as_the_nearest():
    preparation = fitted(np.arange(40.0), rows=np.arange(10, 30))
    assert np.array_equal(features(preparation, -1e99, 1e99), features(preparation, 10.0, 29.0))


def test_categories_are_as_in_the_standard_encoding():
    frame = pl.DataFrame({"colour": list("rgb") * 20, "target": np.arange(60.0)})
    data = load(frame, target="target")
    standard, robust = (Preparation.fit(data, np.arange(60), name) for name in ("standard", "robust"))
    assert robust.columns == standard.columns


@given(
    training=st.lists(st.floats(-1e100, 1e100), min_size=12, max_size=40),
    asked=st.lists(st.floats(-1e150, 1e150), min_size=2, max_size=12),
)
@settings(max_examples=120, deadline=None)
def test_numbers_rise_and_stay_within_3(training, asked):
    preparation = fitted(training)
    if "x" not in preparation.feature_slices:
        return
    found = features(preparation, *sorted([*asked, *training]))[:, 0]
    assert np.isfinite(found).all()
    assert (np.abs(found) <= 3).all()
    assert (np.diff(found) >= -1e-15).all()


@pytest.mark.parametrize("tiny", [5e-324, 1e-300])
def test_quartiles_that_are_next_to_nothing_apart_count_as_equal(tiny):
    preparation = fitted([0.0] * 20 + [tiny] * 20 + [1e100, -1e100])
    assert preparation.columns[0].scale == 1e100
    assert np.isfinite(features(preparation, 1e100, 0.0)).all()
