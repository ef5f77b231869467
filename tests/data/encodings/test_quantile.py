"""Scores by quantiles against scikit-learn's transformer and by hand, and what holds of any numbers."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.preprocessing import QuantileTransformer

from couloir.data.encodings.quantile import FARTHEST, MOST_QUANTILES, interpolated
from couloir.data.loading import load
from couloir.data.preparation import Preparation


def fitted(cells, rows=None) -> Preparation:
    """A preparation by quantiles of a column "x" with these cells, None where missing, and a steady one."""
    count = len(cells)
    frame = pl.DataFrame(
        {"x": pl.Series(cells, dtype=pl.Float64), "steady": np.arange(count), "target": np.arange(count) / 3}
    )
    return Preparation.fit(
        load(frame, target="target"), np.arange(count) if rows is None else rows, "quantile"
    )


def scores(preparation: Preparation, *cells) -> np.ndarray:
    """The features of some cells [cell, feature]."""
    frame = pl.DataFrame({"x": pl.Series(cells, dtype=pl.Float64), "steady": [0] * len(cells)})
    return preparation.inputs(frame, np.float64)[:, preparation.feature_slices["x"]]


def scikit_learns(cells, asked) -> np.ndarray:
    """What scikit-learn's transformer of as many quantiles makes of some cells."""
    count = min(len(cells), MOST_QUANTILES)
    transformer = QuantileTransformer(n_quantiles=count, output_distribution="normal", subsample=None)
    transformer.fit(np.reshape(cells, (-1, 1)))
    return transformer.transform(np.reshape(asked, (-1, 1)))[:, 0]


def test_every_training_value_has_scikit_learns_score():
    """All are quantiles, the smallest and the greatest once.

    Of 129 the quantiles are 1/128 apart: scikit-learn rounds other steps, and misses some equal values then.
    """
    random = np.random.default_rng(0)
    cells = np.concatenate([[-50.0, 90.0], random.gamma(2, size=75), np.repeat([1.5, 2.5, 4.0], [40, 3, 9])])
    found = scores(fitted(cells), *cells)[:, 0]
    np.testing.assert_allclose(found, scikit_learns(cells, cells), rtol=1e-9, atol=1e-9)
    assert len(cells) == 129
    assert abs(found[:2]).tolist() == [FARTHEST, FARTHEST]


def test_of_many_values_the_quantiles_have_scikit_learns_score_and_others_one_between():
    random = np.random.default_rng(1)
    cells = np.concatenate([np.exp(random.normal(size=4000)), np.repeat(3.0, 900)])
    preparation = fitted(cells)
    column = preparation.columns[0]
    assert 200 < len(column.knots) < MOST_QUANTILES
    np.testing.assert_allclose(column.scores, scikit_learns(cells, column.knots), rtol=1e-9, atol=1e-9)
    asked = np.sort(random.choice(cells, 500))
    found, theirs = scores(preparation, *asked)[:, 0], scikit_learns(cells, asked)
    place = np.searchsorted(column.knots, asked, "right")
    low, high = np.append(column.scores, FARTHEST)[[place - 1, place]]
    assert ((low <= found) & (found <= high)).all()
    # Of the middle, but for what is near the value that repeats itself, where theirs jumps.
    some = (np.abs(theirs) < 1.9) & (np.abs(asked - 3) > 0.1)
    np.testing.assert_allclose(found[some], theirs[some], rtol=0, atol=1e-3)


def test_equal_values_share_the_middle_of_their_ranks_at_the_ends_as_well():
    """Scikit-learn has -5.2 for the zeros, however many there are."""
    cells = [0.0] * 60 + list(range(1, 41)) + [41.0]
    found = scores(fitted(cells), 0.0, 1.0, 20.5, 41.0, 99.0, None)[:, 0]
    middle = norm.ppf([29.5 / 100, 60 / 100, 79 / 100, 80 / 100])
    halfway = (middle[2] + middle[3]) / 2
    expected = [middle[0], middle[1], halfway, FARTHEST, FARTHEST, middle[0]]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert scikit_learns(cells, [0.0])[0] < -5


def test_two_values_are_scored_by_how_many_have_each():
    found = scores(fitted([0.0] * 90 + [1.0] * 10), 0.0, 1.0, 0.5)[:, 0]
    low, high = norm.ppf([44.5 / 99, 94.5 / 99])
    np.testing.assert_allclose(found, [low, high, (low + high) / 2], rtol=1e-12)


def test_a_column_that_never_varied_but_for_gaps_stays_0():
    preparation = fitted([3.0, None, 3.0] * 20)
    assert scores(preparation, 3.0, 1e9, None).tolist() == [[0, 0], [0, 0], [0, 1]]


def test_a_missing_number_is_filled_with_the_median_and_moves_no_quantile():
    known = np.random.default_rng(2).normal(size=51).tolist()
    without, gaps = fitted(known), fitted(known + [None] * 40)
    assert gaps.columns[0].knots == without.columns[0].knots
    np.testing.assert_allclose(scores(gaps, None), [[0, 1]], atol=1e-12)


def test_only_the_order_of_the_numbers_counts():
    cells = np.random.default_rng(3).normal(size=400)
    one, other = fitted(cells[:250]), fitted(np.exp(3 * cells[:250]))
    found = scores(one, *cells[:250]), scores(other, *np.exp(3 * cells[:250]))
    np.testing.assert_allclose(*found, rtol=1e-12)
    assert np.array_equal(scores(one, -1e99, 1e99), scores(one, cells[:250].min(), cells[:250].max()))


def test_a_preparation_comes_back_from_its_file():
    preparation = fitted(np.random.default_rng(4).normal(size=500))
    again = Preparation.from_json(json.loads(json.dumps(preparation.to_json(), allow_nan=False)))
    assert again == preparation
    assert np.array_equal(scores(again, 0.1, None), scores(preparation, 0.1, None))


@given(
    training=st.lists(st.floats(-1e100, 1e100), min_size=12, max_size=40),
    asked=st.lists(st.floats(-1e150, 1e150), min_size=2, max_size=12),
)
@settings(max_examples=120, deadline=None)
def test_scores_rise_and_stay_within_their_bounds(training, asked):
    preparation = fitted(training)
    if "x" not in preparation.feature_slices:
        return
    found = scores(preparation, *sorted([*asked, *training]))[:, 0]
    assert (np.abs(found) <= FARTHEST).all()
    assert (np.diff(found) >= -1e-15).all()


def test_interpolation_is_numpys_and_does_not_overflow():
    random = np.random.default_rng(5)
    knots, heights, asked = np.sort(random.normal(size=30)), random.normal(size=30), random.normal(size=200)
    np.testing.assert_allclose(
        interpolated(asked, knots, heights), np.interp(asked, knots, heights), rtol=1e-9, atol=1e-12
    )
    narrow = np.array([0.0, 5e-324, 1e100])
    assert interpolated(np.array([0.0, 5e-324, 1e100]), narrow, np.array([-5.0, 0.0, 5.0])).tolist() == [
        -5.0,
        0.0,
        5.0,
    ]
    assert np.isnan(interpolated(np.array([np.nan]), knots, heights)).all()


@pytest.mark.parametrize("rows", [2, 3, 12])
def test_few_rows_have_as_many_quantiles(rows):
    column = fitted(np.arange(20.0), rows=np.arange(rows)).columns[0]
    assert column.knots == tuple(range(rows))
    assert column.scores[0] == -column.scores[-1] == -FARTHEST
