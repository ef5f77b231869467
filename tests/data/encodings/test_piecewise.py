"""Piecewise-linear components against hand calculation and interpolation, and what holds of any numbers."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couloir.data.encodings.piecewise import bins_of_each, edges
from couloir.data.loading import load
from couloir.data.preparation import Preparation


def fitted(*columns, rows=None, **more) -> Preparation:
    """A piecewise preparation of number columns c0, c1, … with these cells, None where missing."""
    cells = {f"c{i}": pl.Series(column, dtype=pl.Float64) for i, column in enumerate(columns)}
    count = len(columns[0])
    frame = pl.DataFrame({**cells, **more, "target": np.arange(count) / 3})
    data = load(frame, target="target")
    return Preparation.fit(data, np.arange(count) if rows is None else rows, "piecewise")


def components(preparation: Preparation, *cells, column: int = 0) -> np.ndarray:
    """The components of some cells of a column [cell, bin], other columns' cells being 0."""
    frame = pl.DataFrame({each.name: [0.0] * len(cells) for each in preparation.columns})
    fitted_column = preparation.columns[column]
    frame = frame.with_columns(pl.Series(fitted_column.name, cells, dtype=pl.Float64))
    return preparation.inputs(frame, np.float64)[:, fitted_column.components]


def test_components_by_hand():
    """Of 0, 1, …, 48 the quantiles k/48 are the numbers themselves: each bin is one wide."""
    preparation = fitted(np.arange(49.0)[::-1])
    (column,) = preparation.columns
    assert column.edges == tuple(range(49))
    assert preparation.feature_names == ("c0", *(f"c0 bin {t}" for t in range(1, 49)))
    found = components(preparation, 0.0, 2.25, 3.0, 47.5, 48.0)
    for row, (whole, rest) in enumerate([(0, 0), (2, 0.25), (3, 0), (47, 0.5), (48, 0)]):
        expected = np.zeros(48)
        expected[:whole] = 1
        if rest:
            expected[whole] = rest
        assert found[row].tolist() == expected.tolist()


def test_the_number_stays_as_the_standard_encoding_has_it():
    values = np.random.default_rng(0).gamma(2, size=500)
    data = load((values[:, None], values))
    standard, piecewise = (Preparation.fit(data, np.arange(400), name) for name in ("standard", "piecewise"))
    found = piecewise.inputs(data.features, np.float64)
    assert found.shape == (500, 49)
    assert np.array_equal(found[:, :1], standard.inputs(data.features, np.float64))
    assert np.array_equal(piecewise.inputs(data.features), found.astype(np.float32))


def test_repeated_values_give_fewer_bins():
    """Of 100 cells 90 are 0, so that most quantiles are: what is left are those of the last tenth."""
    values = np.concatenate([np.zeros(90), np.arange(1, 11)])
    (column,) = fitted(values).columns
    # Quantile k/48 lies at place 99 k/48: of 44 and more beyond place 89, the last of the zeros.
    expected = [99 * k / 48 - 89 for k in range(44, 49)]
    np.testing.assert_allclose(column.edges, [0, *expected], rtol=1e-12)
    assert len(components(fitted(values), 3.0)[0]) == 5
    assert components(fitted(values), 0.0).tolist() == [[0, 0, 0, 0, 0]]


def test_where_all_but_one_value_repeat_there_is_one_bin():
    values = [0.0] * 500 + [2.0, 4.0]
    preparation = fitted(values)
    assert preparation.columns[0].edges == (0, 4)
    assert components(preparation, 1.0, 4.0).tolist() == [[0.25], [1.0]]


@pytest.mark.parametrize(
    "values",
    [[3.0, 5.0] * 30, [3.0, None] * 30, [3.0, 5.0, None] * 20],
    ids=["two values", "one and gaps", "two and gaps"],
)
def test_of_two_values_the_number_says_all(values):
    preparation = fitted(values, np.arange(60.0))
    assert preparation.columns[0].edges == ()
    assert preparation.feature_names[:2] in [("c0", "c1"), ("c0", "c0 missing")]
    assert len(preparation.columns[1].edges) == 49


def test_a_constant_column_is_left_out():
    preparation = fitted([3.0] * 60, np.arange(60.0))
    assert preparation.left_out == ("c0",)
    assert preparation.columns[0].start == 0


def test_a_missing_number_is_filled_with_the_median_and_marked_and_moves_no_edge():
    values = np.arange(49.0).tolist()
    without, gaps = fitted(values), fitted(values + [None] * 51)
    assert gaps.columns[0].edges == without.columns[0].edges
    assert gaps.feature_names == (*without.feature_names, "c0 missing")
    assert np.array_equal(components(gaps, None), components(gaps, 24.0))
    frame = pl.DataFrame({"c0": pl.Series([None, 24.0], dtype=pl.Float64)})
    assert gaps.inputs(frame)[:, -1].tolist() == [1, 0]


def test_numbers_beyond_the_training_rows_are_taken_as_the_nearest():
    preparation = fitted(np.arange(49.0), rows=np.arange(10, 40))
    assert preparation.columns[0].edges[0] == 10
    found = components(preparation, -1e99, 10.0, 39.0, 1e99)
    assert (found[:2] == 0).all()
    assert (found[2:] == 1).all()


def test_dates_and_long_orders_have_components_and_levels_with_features_of_their_own_none():
    levels = [f"{number:03d}" for number in range(90)]
    random = np.random.default_rng(5)
    long = pl.Series(random.permutation(np.repeat(levels, 2))).cast(pl.Enum(levels))
    short = pl.Series(np.tile(levels[:5], 36)).cast(pl.Enum(levels[:5]))
    days = pl.Series(np.datetime64("2020-01-01") + np.arange(180)).cast(pl.Date)
    preparation = fitted(np.arange(180.0), long=long, short=short, day=days, truth=np.arange(180) % 3 == 0)
    found = {column.name: len(column.edges) for column in preparation.columns}
    assert found == {"c0": 49, "long": 49, "short": 0, "day": 49, "truth": 0}
    day = preparation.columns[3]
    assert preparation.feature_names[day.components][-1] == "day bin 48"
    assert preparation.feature_names[day.own][:2] == ("day season sine", "day season cosine")


@pytest.mark.parametrize(("columns", "bins"), [(1, 48), (20, 48), (25, 38), (100, 8), (166, 4), (5000, 4)])
def test_many_columns_have_fewer_bins_each(columns, bins):
    assert bins_of_each(columns) == bins
    if columns == 100:
        preparation = fitted(*np.random.default_rng(0).normal(size=(columns, 80)))
        assert len(preparation.feature_names) == columns * (1 + bins) <= 1000


def test_only_columns_with_components_share_the_bins():
    varied = np.random.default_rng(0).normal(size=(25, 80))
    two = np.tile([0.0, 1.0], (60, 40))
    preparation = fitted(*varied, *two)
    assert [len(column.edges) for column in preparation.columns] == [39] * 25 + [0] * 60


values = st.floats(-1e12, 1e12, allow_nan=False).map(lambda value: round(value, 3) + 0.0)


@given(
    training=st.lists(values, min_size=12, max_size=40).filter(lambda cells: len(set(cells)) > 2),
    asked=st.lists(st.floats(-1e150, 1e150), min_size=2, max_size=12),
)
@settings(max_examples=120, deadline=None)
def test_components_are_shares_that_rise_with_the_number(training, asked):
    preparation = fitted(training)
    (column,) = preparation.columns
    assert (np.diff(column.edges) > 0).all()
    assert (column.edges[0], column.edges[-1]) == (min(training), max(training))
    asked = sorted([*asked, *training])
    found = components(preparation, *asked)
    assert (found >= 0).all()
    assert (found <= 1).all()
    assert (np.diff(found, axis=0) >= 0).all()
    # A bin is begun only when all before it are full.
    assert ((found[:, 1:] == 0) | (found[:, :-1] == 1)).all()
    totals, places = found.sum(axis=1), np.arange(len(column.edges))
    np.testing.assert_allclose(totals, np.interp(asked, column.edges, places), rtol=0, atol=1e-9)
    known = totals[[asked.index(value) for value in sorted(set(training))]]
    assert (np.diff(known) > 0).all()


def test_edges_are_quantiles():
    known = np.random.default_rng(7).normal(size=1001)
    order = np.sort(known)
    assert edges(known, 4) == tuple(order[[0, 250, 500, 750, 1000]])
    np.testing.assert_allclose(edges(known, 48), np.quantile(known, np.linspace(0, 1, 49)), rtol=1e-12)


def test_edges_of_repeated_whole_numbers_are_no_rounding_error_apart():
    """Quantile k/48 of 241 cells is the cell at place 5k, which repeats its neighbours or not."""
    known = np.repeat(np.arange(35.0), 7)[:241]
    assert edges(known, 48) == tuple(dict.fromkeys(known[::5]))
    assert np.diff(np.unique(np.quantile(known, np.linspace(0, 1, 49)))).min() < 1e-9, "shows little"


def test_rows_of_many_tiles_are_what_few_are():
    array = np.random.default_rng(8).normal(size=(700, 9))
    data = load((array, array[:, 0]))
    preparation = Preparation.fit(data, np.arange(500), "piecewise")
    whole = preparation.inputs(array, np.float64)
    for column in preparation.columns:
        clipped = np.clip(array[:, column.index], column.low, column.high)[:, None]
        low, high = np.array(column.edges[:-1]), np.array(column.edges[1:])
        expected = np.clip((clipped - low) / (high - low), 0, 1)
        np.testing.assert_allclose(whole[:, column.components], expected, rtol=1e-14)
    for size in (1, 13, 64, 128):
        assert np.array_equal(preparation.inputs(array[:size], np.float64), whole[:size])


def test_numbers_far_beyond_very_narrow_bins_are_beyond_them():
    """Counted in the bins' width they would overflow; a warning is an error here."""
    preparation = fitted([*np.linspace(0, 1e-250, 48), 1e90])
    assert len(preparation.columns[0].edges) == 49
    assert components(preparation, 1e90, 0.0).tolist() == [[1] * 48, [0] * 48]
