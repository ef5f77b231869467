"""Waves against sines and cosines by hand, and which columns have how many."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from couloir.data.encodings.periodic import frequencies_of_each
from couloir.data.loading import load
from couloir.data.preparation import Preparation


def fitted(frame: dict, encoding: str = "periodic") -> Preparation:
    count = len(next(iter(frame.values())))
    data = load(pl.DataFrame({**frame, "target": np.arange(count) / 3}), target="target")
    return Preparation.fit(data, np.arange(count), encoding)


def test_waves_by_hand_beside_the_robust_number():
    cells = {"x": np.arange(101.0), "y": np.random.default_rng(0).gamma(2, size=101)}
    frame = pl.DataFrame(cells)
    preparation, robust = fitted(cells), fitted(cells, "robust")
    names = ["x", *(f"x {part} {k}" for k in range(1, 7) for part in ("sine", "cosine"))]
    part = preparation.feature_slices["x"]
    assert preparation.feature_names[part] == tuple(names)
    found, numbers = preparation.inputs(frame, np.float64), robust.inputs(frame, np.float64)
    assert np.array_equal(found[:, [0, 13]], numbers)
    # The median is 50, the quartiles are 50 apart: at 100 the number is 1, clipped smoothly.
    z = 1 / np.sqrt(1 + 1 / 9)
    expected = [z]
    for frequency in (1 / 8, 1 / 4, 1 / 2, 1, 2, 4):
        expected += [np.sin(2 * np.pi * frequency * z), np.cos(2 * np.pi * frequency * z)]
    np.testing.assert_allclose(found[100, part], expected, rtol=1e-12)
    assert found[50, part].tolist() == [0, *([0, 1] * 6)]
    assert np.array_equal(preparation.inputs(frame), found.astype(np.float32))


def test_a_missing_number_is_filled_with_the_median_and_marked():
    preparation = fitted({"x": [*np.arange(99.0), None]})
    found = preparation.inputs(pl.DataFrame({"x": [None, 49.0]}, schema={"x": pl.Float64}))
    assert found.tolist() == [[0, *([0, 1] * 6), 1], [0, *([0, 1] * 6), 0]]


def test_of_two_values_and_levels_with_features_of_their_own_the_number_is_enough():
    random = np.random.default_rng(1)
    preparation = fitted(
        {
            "two": np.arange(80.0) % 2,
            "truth": np.arange(80) % 3 == 0,
            "level": pl.Series([*"abcd"] * 20).cast(pl.Enum([*"abcd"])),
            "x": random.normal(size=80),
        }
    )
    assert [len(column.frequencies) for column in preparation.columns] == [0, 0, 0, 6]


@pytest.mark.parametrize(("columns", "waves"), [(1, 6), (71, 6), (72, 5), (100, 4), (200, 2), (5000, 2)])
def test_many_columns_have_fewer_waves_each(columns, waves):
    assert frequencies_of_each(columns) == tuple(2.0 ** (k - 3) for k in range(waves))
    if columns == 100:
        array = np.random.default_rng(2).normal(size=(40, columns))
        preparation = Preparation.fit(load((array, array[:, 0])), np.arange(40), "periodic")
        assert len(preparation.feature_names) == columns * (1 + 2 * waves) <= 1000


def test_a_line_through_the_waves_follows_what_rises_and_falls():
    """What the number alone leaves unexplained; of rows that the line was not fitted to."""
    random = np.random.default_rng(3)
    x = random.uniform(0, 10, 900)
    data = load((x[:, None], np.sin(2 * x)))
    preparation = Preparation.fit(data, np.arange(600), "periodic")
    inputs = preparation.inputs(data.features, np.float64)

    def unexplained(features: np.ndarray) -> float:
        design = np.column_stack([np.ones(900), features])
        weights = np.linalg.lstsq(design[:600], data.target[:600], rcond=None)[0]
        return float(np.var(data.target[600:] - design[600:] @ weights) / np.var(data.target[600:]))

    assert unexplained(inputs[:, :1]) > 0.9
    assert unexplained(inputs) < 0.01
