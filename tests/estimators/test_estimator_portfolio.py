"""`fit` with the portfolio: what `couloir train` gives for the same rows, and what does not go with it."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine
from sklearn.model_selection import train_test_split
from sklearn.utils.estimator_checks import parametrize_with_checks

import couloir
from couloir.errors import InputError
from couloir.estimators import CouloirClassifier, CouloirRegressor, PopulationSearchCV
from couloir.model.predictor import Ensemble

TWO: dict[str, Any] = {"plan": "portfolio", "members": 2, "random_state": 4, "precision": "float64"}
"""Two settings of one network: one program."""


CHECKS = (
    "check_estimators_dtypes",
    "check_fit_score_takes_y",
    "check_n_features_in_after_fitting",
    "check_fit2d_1feature",
    "check_classifiers_one_label",
    "check_dict_unchanged",
    "check_dont_overwrite_attributes",
    "check_estimators_pickle",
    "check_dataframe_column_names_consistency",
)
"""Of scikit-learn's checks those that a fit of another kind could fail; all of them take minutes."""


@pytest.fixture(scope="module")
def wine() -> tuple[np.ndarray, np.ndarray]:
    return load_wine(return_X_y=True)


@pytest.fixture(scope="module")
def fitted(wine: Any) -> CouloirClassifier:
    return CouloirClassifier(**TWO).fit(*wine)


def test_it_is_the_model_that_the_command_keeps(wine: Any, fitted: CouloirClassifier) -> None:
    run = couloir.train(wine, split=(0.85, 0.15, 0), members=2, seed=4, precision="float64")
    assert len(fitted.model_.all_networks()) == len(run.model.all_networks())
    np.testing.assert_allclose(
        fitted.predict_proba(wine[0]), run.probabilities(wine[0]), rtol=1e-9, atol=1e-12
    )
    ours, theirs = (
        board.select("member", "epochs", "validation_loss", "status").to_dict(as_series=False)
        for board in (fitted.leaderboard_, run.leaderboard)
    )
    assert ours.pop("validation_loss") == pytest.approx(theirs.pop("validation_loss"), rel=1e-9)
    assert ours == theirs
    assert fitted.winner_["score"] == pytest.approx(run.leaderboard["validation_loss"][0], rel=1e-9)


@pytest.mark.slow
def test_so_it_is_for_numbers() -> None:
    rows = load_diabetes(return_X_y=True)
    estimator = CouloirRegressor(**TWO).fit(*rows)
    run = couloir.train(rows, split=(0.85, 0.15, 0), members=2, seed=4, precision="float64")
    np.testing.assert_allclose(estimator.predict(rows[0]), run.predict(rows[0]), rtol=1e-9)


def test_a_fit_is_an_estimator_s_as_any_other(wine: Any, fitted: CouloirClassifier) -> None:
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(wine[0]), fitted.predict_proba(wine[0]))
    assert clone(fitted).get_params()["plan"] == "portfolio"
    epochs = fitted.winner_["epochs"]
    assert fitted.n_iter_ == len(fitted.loss_curve_) == len(fitted.validation_curve_) == epochs


@pytest.mark.slow
def test_rows_of_weight_0_are_no_rows(wine: Any) -> None:
    X, y = wine
    kept = np.arange(len(y)) % 4 > 0
    weighted = CouloirClassifier(**TWO).fit(X, y, sample_weight=3.0 * kept)
    without = CouloirClassifier(**TWO).fit(X[kept], y[kept])
    np.testing.assert_allclose(weighted.predict_proba(X), without.predict_proba(X), rtol=1e-6, atol=1e-9)


@pytest.mark.slow
def test_several_outputs_are_averaged_together() -> None:
    X, y = load_diabetes(return_X_y=True)
    both = np.column_stack([y, 1e-3 * X[:, 2] - 5])
    estimator = CouloirRegressor(**TWO).fit(X, both)
    assert estimator.predict(X).shape == both.shape
    residual = ((estimator.predict(X) - both) ** 2).mean(axis=0)
    assert (residual < both.var(axis=0)).all()


@pytest.mark.parametrize("given", ["pair", "fraction"])
def test_a_validation_part_chooses_in_place_of_folds(wine: Any, given: str) -> None:
    X, other, y, truth = train_test_split(*wine, test_size=0.3, random_state=0, stratify=wine[1])
    estimator = CouloirClassifier(**TWO)
    estimator.fit(X, y, validation=(other, truth) if given == "pair" else 0.3)
    networks = estimator.model_.all_networks()
    assert len(networks) <= 2
    if not isinstance(estimator.model_, Ensemble) and given == "pair":
        chosen = -np.log(estimator.predict_proba(other)[np.arange(len(truth)), truth]).mean()
        assert estimator.winner_["score"] == pytest.approx(chosen, rel=1e-6)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hidden": (8,)}, "The portfolio sets the hidden units of its networks itself"),
        ({"optimizer": "adam"}, "The portfolio sets the optimizer of its networks itself"),
        ({"patience": None}, "The portfolio sets the patience of its networks itself"),
        ({"warm_start": True}, "leave out warm_start"),
        ({"refit": True}, "leave out refit"),
        ({"plan": "rules", "effort": "high"}, "give plan='portfolio' too"),
        ({"plan": "rule"}, "rule"),
        ({"effort": "much"}, "much"),
    ],
)
def test_what_does_not_go_with_it_is_refused(wine: Any, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        CouloirClassifier(**(TWO | given)).fit(*wine)


def test_it_is_no_population_that_goes_on_or_is_searched(wine: Any) -> None:
    assert not hasattr(CouloirClassifier(**TWO), "partial_fit")
    assert not hasattr(CouloirRegressor(**TWO), "partial_fit")
    assert hasattr(CouloirClassifier(), "partial_fit")
    search = PopulationSearchCV(CouloirClassifier(**TWO), {"members": [1, 2]}, error_score="raise")
    with pytest.raises(InputError, match="trained by fit alone"):
        search.fit(*wine)


def test_there_are_no_more_folds_than_each_class_has_rows(wine: Any) -> None:
    X, y = wine
    some = np.concatenate([np.flatnonzero(y == 0)[:3], np.flatnonzero(y > 0)])
    estimator = CouloirClassifier(**(TWO | {"members": 1})).fit(X[some], y[some])
    assert len(estimator.model_.all_networks()) == 3


@pytest.mark.slow
@parametrize_with_checks([CouloirClassifier(plan="portfolio", members=1)])
def test_checks_of_an_estimator(estimator: Any, check: Any) -> None:
    if check.func.__name__ in CHECKS:
        check(estimator)


def test_without_the_plan_the_rules_are_trained_as_ever(wine: Any) -> None:
    estimator = CouloirClassifier(members=8, epochs=2, random_state=0).fit(*wine)
    assert len(estimator.leaderboard_) == 8
    assert len(set(estimator.leaderboard_["optimizer"])) > 1
