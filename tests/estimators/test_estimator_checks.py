"""scikit-learn's own checks of estimators, on small populations."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from couloir.estimators import CouloirClassifier, CouloirRegressor, PopulationSearchCV

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {
    "optimizer": "sgd",
    "learning_rate": [0.1],
    "hidden": (),
    "epochs": 60,
    "batch_size": 16,
    "patience": None,
}
"""One member that compiles fast: the checks are of the contract, and each shape of data is a program."""

SEARCHED: dict[str, Any] = {**SMALL, "learning_rate": 0.1, "random_state": 0}

WEIGHTS = (
    "mini-batches are drawn of rows: one of weight 2 is not drawn as two are (as for scikit-learn's SGD)"
)

EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": WEIGHTS,
    "check_sample_weight_equivalence_on_sparse_data": WEIGHTS,
}
"""Checks that the estimators are excused from: two at most."""

ESTIMATORS = [CouloirClassifier(**SMALL), CouloirRegressor(**SMALL)]

SEARCHES = [
    PopulationSearchCV(CouloirClassifier(**SEARCHED), {"l2": [0.0, 0.001]}, cv=2, error_score="raise"),
    PopulationSearchCV(CouloirRegressor(**SEARCHED), {"l2": [0.0, 0.001]}, cv=2, error_score="raise"),
]
"""Set up as scikit-learn sets its own searches up; excused from nothing (`GridSearchCV` is from two)."""


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda _: EXPECTED)
def test_checks_of_an_estimator(estimator: Any, check: Any) -> None:
    check(estimator)


@parametrize_with_checks(SEARCHES)
def test_checks_of_the_search(estimator: Any, check: Any) -> None:
    check(estimator)
