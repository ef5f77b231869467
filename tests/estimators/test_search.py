"""The search against `GridSearchCV` and `RandomizedSearchCV`, which fit one by one."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_diabetes, load_wine
from sklearn.exceptions import FitFailedWarning
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from couloir.errors import InputError
from couloir.estimators import CouloirClassifier, CouloirRegressor, PopulationSearchCV, scoring

SMALL: dict[str, Any] = {
    "optimizer": "sgd",
    "learning_rate": 0.01,
    "hidden": (),
    "epochs": 10,
    "batch_size": 32,
    "random_state": 0,
}
"""What compiles fastest: searches are the same whatever the networks are."""

RATES = {"learning_rate": [0.001, 0.01, 0.1]}


@pytest.fixture(scope="module")
def wine() -> tuple[np.ndarray, np.ndarray]:
    return load_wine(return_X_y=True)


def assert_same(ours: Any, theirs: Any) -> None:
    """The same table but for times; scores to the rounding of float32 training in other company."""
    assert set(ours.cv_results_) == set(theirs.cv_results_)
    for name, expected in theirs.cv_results_.items():
        if "time" in name:
            assert np.all(np.asarray(ours.cv_results_[name]) >= 0)
        elif "test_" in name or "train_" in name:
            np.testing.assert_allclose(ours.cv_results_[name], expected, rtol=1e-3, atol=1e-4, err_msg=name)
        else:
            assert list(ours.cv_results_[name]) == list(expected), name
    assert ours.best_params_ == theirs.best_params_
    assert ours.best_index_ == theirs.best_index_
    assert ours.n_splits_ == theirs.n_splits_


@pytest.mark.slow
def test_a_grid_gives_what_grid_search_gives(wine: Any) -> None:
    grid = [RATES, {"hidden": [(4,)], "l2": [0.01]}]
    estimator = CouloirClassifier(**SMALL)
    ours = PopulationSearchCV(estimator, grid, cv=3, return_train_score=True).fit(*wine)
    theirs = GridSearchCV(estimator, grid, cv=3, return_train_score=True).fit(*wine)
    assert_same(ours, theirs)
    np.testing.assert_array_equal(ours.predict_proba(wine[0]), theirs.predict_proba(wine[0]))
    assert ours.score(*wine) == theirs.score(*wine)
    assert ours.classes_.tolist() == [0, 1, 2]
    assert ours.n_features_in_ == 13


def test_drawn_candidates_are_those_of_randomized_search(wine: Any) -> None:
    drawn = {"learning_rate": scipy.stats.loguniform(1e-3, 1e-1)}
    estimator = CouloirClassifier(**SMALL)
    ours = PopulationSearchCV(estimator, param_distributions=drawn, n_iter=3, cv=2, random_state=4)
    theirs = RandomizedSearchCV(estimator, drawn, n_iter=3, cv=2, random_state=4, refit=False)
    assert_same(ours.fit(*wine), theirs.fit(*wine))


@pytest.mark.slow
def test_a_regressor_by_several_metrics_and_a_rule_of_ones_own() -> None:
    X, y = load_diabetes(return_X_y=True)
    words: dict[str, Any] = {
        "param_grid": {"learning_rate": [0.01, 0.1]},
        "scoring": {"r2": "r2", "error": "neg_mean_absolute_error"},
        "refit": lambda results: int(np.argmax(results["mean_test_error"])),
        "cv": 2,
    }
    ours = PopulationSearchCV(CouloirRegressor(**SMALL), **words).fit(X, y)
    theirs = GridSearchCV(CouloirRegressor(**SMALL), **words).fit(X, y)
    assert_same(ours, theirs)
    assert ours.multimetric_
    assert not hasattr(ours, "best_score_")


class Noted(TransformerMixin, BaseEstimator):
    """Passes rows through, and notes how often it is fitted and to what."""

    seen: list[np.ndarray] = []  # noqa: RUF012

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def fit(self, X: Any, y: Any = None) -> Noted:
        Noted.seen.append(np.asarray(X)[:, 0])
        self.fitted_ = True
        return self

    def transform(self, X: Any) -> Any:
        return X * self.factor


def test_steps_before_are_fitted_once_for_each_fold_to_its_training_rows() -> None:
    X = np.arange(120.0).reshape(60, 2)
    y = np.arange(60) % 2
    pipe = Pipeline([("noted", Noted()), ("network", CouloirClassifier(**SMALL))])
    Noted.seen = []
    grid = {"network__learning_rate": [0.01, 0.1], "network__l2": [0.0, 0.1], "noted__factor": [1.0, 2.0]}
    search = PopulationSearchCV(pipe, grid, cv=3, refit=False).fit(X, y)
    assert len(search.cv_results_["params"]) == 8
    assert len(Noted.seen) == 2 * 3
    expected = [X[train, 0] for train, _ in sklearn.model_selection.StratifiedKFold(3).split(X, y)] * 2
    for seen, rows in zip(Noted.seen, expected, strict=True):
        np.testing.assert_array_equal(seen, rows)


@pytest.mark.slow
def test_a_pipeline_gives_what_grid_search_gives(wine: Any) -> None:
    pipe = Pipeline(
        [("scale", StandardScaler()), ("select", SelectKBest(k=5)), ("network", CouloirClassifier(**SMALL))]
    )
    ranks = QuantileTransformer(n_quantiles=20)
    grid = {"scale": [StandardScaler(), ranks], "network__learning_rate": [0.01, 0.1]}
    words: dict[str, Any] = {"cv": 2, "scoring": ["accuracy", "neg_log_loss"], "refit": "neg_log_loss"}
    ours = PopulationSearchCV(pipe, grid, **words).fit(*wine)
    theirs = GridSearchCV(pipe, grid, **words).fit(*wine)
    assert_same(ours, theirs)
    assert type(ours.best_estimator_.named_steps["scale"]) is type(ours.best_params_["scale"])
    assert len(set(ours.cv_results_["mean_test_neg_log_loss"])) == 4


def test_groups_and_weights_are_handed_on(wine: Any) -> None:
    X, y = wine
    generator = np.random.default_rng(0)
    groups, weights = generator.integers(0, 6, len(y)), generator.uniform(0.5, 2, len(y))
    words: dict[str, Any] = {"cv": GroupKFold(3), "refit": False}
    ours = PopulationSearchCV(CouloirClassifier(**SMALL), RATES, **words)
    theirs = GridSearchCV(CouloirClassifier(**SMALL), RATES, **words)
    given = {"groups": groups, "sample_weight": weights}
    assert_same(ours.fit(X, y, **given), theirs.fit(X, y, **given))


def test_metadata_is_routed_through_a_pipeline(wine: Any) -> None:
    X, y = wine
    weights = np.random.default_rng(0).uniform(0.5, 2, len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        scale = StandardScaler().set_fit_request(sample_weight=False)
        network = CouloirClassifier(**SMALL).set_fit_request(sample_weight=True)
        network.set_score_request(sample_weight=True)
        pipe = Pipeline([("scale", scale), ("network", network)])
        grid = {"network__learning_rate": [0.01, 0.1]}
        ours = PopulationSearchCV(pipe, grid, cv=2).fit(X, y, sample_weight=weights)
        theirs = GridSearchCV(pipe, grid, cv=2).fit(X, y, sample_weight=weights)
    assert_same(ours, theirs)
    unweighted = PopulationSearchCV(pipe, grid, cv=2, refit=False).fit(X, y)
    assert list(unweighted.cv_results_["mean_test_score"]) != list(ours.cv_results_["mean_test_score"])


@pytest.mark.slow
def test_a_candidate_that_fails_is_given_the_error_score(wine: Any) -> None:
    grid = {"learning_rate": [0.01, -1.0, 1e30]}
    estimator = CouloirClassifier(**{**SMALL, "hidden": (8,)})  # gradients of a linear one are bounded
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search = PopulationSearchCV(estimator, grid, cv=2).fit(*wine)
    assert {each.category for each in caught} >= {FitFailedWarning}
    means = search.cv_results_["mean_test_score"]
    assert np.isfinite(means[0])
    assert np.isnan(means[1:]).all()
    assert search.best_index_ == 0
    with pytest.raises(InputError, match="learning rate -1"):
        PopulationSearchCV(estimator, grid, cv=2, error_score="raise").fit(*wine)
    with pytest.raises(ValueError, match="All the 2 fits failed"):
        PopulationSearchCV(estimator, {"learning_rate": [-1.0]}, cv=2).fit(*wine)


def test_a_candidate_that_fails_first_leaves_the_others_alone(wine: Any) -> None:
    grid = {"optimizer": ["adma", "sgd"]}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search = PopulationSearchCV(CouloirClassifier(**SMALL), grid, cv=2).fit(*wine)
    assert np.isfinite(search.cv_results_["mean_test_score"]).tolist() == [False, True]
    assert any("2 fits failed out of a total of 4" in str(each.message) for each in caught)


def test_without_a_seed_candidates_are_still_compared_alike(wine: Any) -> None:
    estimator = CouloirClassifier(**{**SMALL, "random_state": None})
    search = PopulationSearchCV(estimator, {"members": [1, 2]}, cv=2, refit=False).fit(*wine)
    first, second = search.cv_results_["mean_test_score"]
    assert first == second  # there is one member in either, of the same seed
    assert estimator.random_state is None


def test_what_it_does_not_search_is_told(wine: Any) -> None:
    with pytest.raises(InputError, match="use GridSearchCV"):
        PopulationSearchCV(LogisticRegression(), {"C": [1.0]}).fit(*wine)
    with pytest.raises(InputError, match="either param_grid or param_distributions"):
        PopulationSearchCV(CouloirClassifier()).fit(*wine)
    with pytest.raises(InputError, match=r"'l2' is a distribution, .* give param_distributions="):
        PopulationSearchCV(CouloirClassifier(), [RATES, {"l2": scipy.stats.uniform()}]).fit(*wine)
    with pytest.raises(InputError, match="give a whole number"):
        PopulationSearchCV(CouloirClassifier(), RATES, checkpoint="anywhere").fit(*wine)


# Stopping and going on ------------------------------------------------------------------------------------


class Counted:
    """Scores as the estimators themselves do, counts how often, and is interrupted after so many times."""

    def __init__(self, most: int | None = None) -> None:
        self.most, self.scored = most, 0

    def __repr__(self) -> str:
        return "Counted"  # a checkpoint holds for one way of scoring, told by this

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        if self.scored == self.most:
            raise KeyboardInterrupt
        self.scored += 1
        return float(estimator.score(X, y))


def test_a_search_that_was_stopped_goes_on(
    wine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "MOST_AT_RISK", 2)  # one candidate, in two folds
    words: dict[str, Any] = {"cv": 2, "refit": False, "return_train_score": True}
    folder = tmp_path / "kept"
    whole = PopulationSearchCV(CouloirClassifier(**SMALL), RATES, **words).fit(*wine)
    a_candidate = 2 * 2  # folds, and both parts of each
    search = PopulationSearchCV(
        CouloirClassifier(**SMALL), RATES, checkpoint=folder, scoring=Counted(2 * a_candidate), **words
    )
    with pytest.raises(KeyboardInterrupt):
        search.fit(*wine)
    assert len(list(folder.glob("*.json"))) == 2
    search.scoring = again = Counted()
    assert_same(search.fit(*wine), whole)
    assert again.scored == a_candidate
    search.fit(*wine)
    assert again.scored == a_candidate


class CountedOtherwise(Counted):
    def __repr__(self) -> str:
        return "CountedOtherwise"


def test_other_data_or_arguments_are_another_search(wine: Any, tmp_path: Path) -> None:
    X, y = wine
    plain, regularised = CouloirClassifier(**SMALL), CouloirClassifier(**{**SMALL, "l2": 0.1})

    def scored(estimator: Any, X: Any, scorer: type[Counted] = Counted, grid: dict[str, Any] = RATES) -> int:
        """In how many folds candidates were trained and scored."""
        found = scorer()
        words: dict[str, Any] = {"cv": 2, "refit": False, "checkpoint": tmp_path, "scoring": found}
        PopulationSearchCV(estimator, grid, **words).fit(X, y)
        return found.scored

    assert scored(plain, X) == 6
    assert scored(plain, X + 1) == 6
    assert scored(regularised, X) == 6
    assert scored(plain, X, CountedOtherwise) == 6
    assert scored(plain, X, grid={"learning_rate": [0.01, 0.5]}) == 2
    assert scored(plain, X) == 0


def test_a_broken_file_counts_as_none(wine: Any, tmp_path: Path) -> None:
    search = PopulationSearchCV(CouloirClassifier(**SMALL), RATES, cv=2, refit=False, checkpoint=tmp_path)
    search.set_params(scoring=Counted()).fit(*wine)
    next(iter(tmp_path.glob("*.json"))).write_text("{")
    search.scoring = again = Counted()
    search.fit(*wine)
    assert again.scored == 2  # one candidate, in two folds
