"""The sets that ship with scikit-learn, against its own loaders."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import datasets

from couloir.data.loading import load


def test_digits_are_scikit_learns():
    data, expected = load("digits"), datasets.load_digits()
    assert np.array_equal(data.features, expected.data)
    assert np.array_equal(data.target, expected.target)
    assert (data.image_shape, data.pixel_maximum, data.task) == ((8, 8), 16.0, "classification")


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
def test_bundled_tables_are_scikit_learns(name):
    data, expected = load(name), getattr(datasets, f"load_{name}")()
    assert np.array_equal(data.features.to_numpy(), expected.data)
    assert list(data.column_names) == list(expected.feature_names) == data.features.columns
    assert np.array_equal(data.target, expected.target_names[expected.target])


def test_diabetes_is_scikit_learns_in_its_own_units():
    data, expected = load("diabetes"), datasets.load_diabetes(scaled=False)
    assert np.array_equal(data.features.to_numpy(), expected.data)
    assert np.array_equal(data.target, expected.target)
    assert list(data.column_names) == expected.feature_names
    assert data.task == "regression"
