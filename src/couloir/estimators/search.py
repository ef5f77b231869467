"""`PopulationSearchCV`: a grid or random search whose candidates and folds train as populations."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import ParameterGrid, ParameterSampler, check_cv
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import assert_all_finite, get_tags, indexable
from sklearn.utils.validation import _check_method_params

from couloir.errors import InputError


class PopulationSearchCV(BaseSearchCV):
    """In place of `GridSearchCV` and `RandomizedSearchCV`, for `CouloirClassifier` and `CouloirRegressor`.

    The same arguments, attributes and methods. Candidates that differ in what may differ within a
    population (rule, rates, layers, penalties, …) train together, in all folds at once; what may not
    differ (`random_state`, `validation_fraction`, steps of a pipeline before) makes populations of its
    own. The steps of a pipeline before the estimator are fitted once for each fold and each of their own
    candidates, on the fold's training rows.

    Args:
        estimator: one of the two, or a pipeline that ends in one.
        param_grid: a dict from arguments to lists of values, or a list of such dicts: every combination.
        param_distributions: instead, as in `RandomizedSearchCV`: `n_iter` combinations are drawn.
        n_iter: how many are drawn.
        scoring, refit, cv, verbose, error_score, return_train_score: as in scikit-learn.
        n_jobs, pre_dispatch: taken and not used: a population uses all cores.
        random_state: seed of what is drawn.
        checkpoint: a folder that scores are written to as candidates are done; a search that was stopped
            takes them up from there. Data, splits and other arguments have to be the same, and the
            estimator's `random_state` a whole number.

    Attributes:
        cv_results_, best_estimator_, best_params_, best_score_, best_index_, scorer_, n_splits_,
        refit_time_, multimetric_: as in scikit-learn. A fit's time is its share of its population's.
    """

    def __init__(
        self,
        estimator: Any,
        param_grid: Any = None,
        *,
        param_distributions: Any = None,
        n_iter: int = 10,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        checkpoint: str | Path | None = None,
    ) -> None:
        """Store the arguments as they are; `fit` checks them."""
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.param_grid, self.param_distributions, self.n_iter = param_grid, param_distributions, n_iter
        self.random_state, self.checkpoint = random_state, checkpoint

    def __sklearn_tags__(self) -> Any:
        """What the estimator takes, the search takes."""
        tags, own = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags.allow_nan = own.input_tags.allow_nan
        tags.target_tags.multi_output = own.target_tags.multi_output
        return tags

    def fit(self, X: Any, y: Any = None, **params: Any) -> PopulationSearchCV:
        """Score every candidate in every fold, and fit the best on all rows.

        Args:
            X, y: as for the estimator.
            params: further arguments of the estimator's `fit`, of the scorer and of the splitter.

        Raises:
            InputError: the estimator is none of ours, or there are no candidates.
            ValueError: what scikit-learn raises; every fit failed.
        """
        from couloir.estimators.scoring import CandidateScorer

        self._validate_params()
        if y is None:
            raise InputError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        if np.asarray(y).dtype.kind == "f":
            assert_all_finite(np.asarray(y), input_name="y")
        scorers, refit_metric = self._get_scorers()
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        splitter = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        splits = list(splitter.split(X, y, **routed.splitter.split))
        self.n_splits_ = len(splits)
        candidates = self._candidates()
        if self.verbose > 0:
            print(
                f"Fitting {len(splits)} folds for each of {len(candidates)} candidates, "
                f"totalling {len(candidates) * len(splits)} fits"
            )
        found = CandidateScorer(self, X, y, splits, scorers, routed).scored(candidates)
        results = self._format_results(candidates, len(splits), found)
        self._choose(results, found, refit_metric)
        if self.refit:
            self._refit(X, y, routed.estimator.fit)
        self.scorer_ = getattr(scorers, "_scorers", scorers)
        self.cv_results_ = results
        return self

    def _candidates(self) -> list[dict[str, Any]]:
        """Every combination of the grid, or those drawn."""
        if (self.param_grid is None) == (self.param_distributions is None):
            raise InputError("Give PopulationSearchCV either param_grid or param_distributions.")
        if self.param_grid is not None:
            _refuse_distributions(self.param_grid)
            found = list(ParameterGrid(self.param_grid))
        else:
            found = [*ParameterSampler(self.param_distributions, self.n_iter, random_state=self.random_state)]
        if not found:
            raise InputError("There are no candidates in the grid: give at least one value for each name.")
        return found

    def _choose(self, results: Mapping[str, Any], found: Sequence[Mapping[str, Any]], metric: Any) -> None:
        """Set what is best, as scikit-learn does."""
        first = found[0]["test_scores"]
        self.multimetric_ = isinstance(first, dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(first)
            metric = self.refit
        if self.refit or not self.multimetric_:
            self.best_index_ = self._select_best_index(self.refit, metric, results)
            if not callable(self.refit):
                self.best_score_ = results[f"mean_test_{metric}"][self.best_index_]
            self.best_params_ = results["params"][self.best_index_]

    def _refit(self, X: Any, y: Any, fit_params: Mapping[str, Any]) -> None:
        """Fit the best candidate on all rows."""
        best = clone(self.estimator).set_params(**clone(self.best_params_, safe=False))
        began = time.perf_counter()
        self.best_estimator_ = best.fit(X, y, **fit_params)
        self.refit_time_ = time.perf_counter() - began
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_


def _refuse_distributions(grid: Any) -> None:
    """Raise for what `RandomizedSearchCV` takes in the place where `GridSearchCV` takes its grid."""
    dicts = [each for each in (grid if isinstance(grid, Sequence) else [grid]) if isinstance(each, Mapping)]
    drawn = [name for each in dicts for name, values in each.items() if hasattr(values, "rvs")]
    if drawn:
        raise InputError(
            f"'{drawn[0]}' is a distribution, to be drawn from: give param_distributions= in place of "
            "param_grid."
        )
