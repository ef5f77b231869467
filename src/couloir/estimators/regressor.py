"""The estimator for numbers, one or several for each row."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if

from couloir.estimators.base import PopulationEstimator, goes_on, with_arguments


@with_arguments
class CouloirRegressor(RegressorMixin, PopulationEstimator):
    """A population of networks trained inside `fit`, the winner kept, for regression.

    Each of the arguments down to `restarts` is one value or a list; lists multiply into members. The target
    is standardised while training, and answers are in its own units.

    Args:
        ARGUMENTS

    Attributes:
        model_: what predicts: a `couloir.model.predictor.Model`, or an `Ensemble` of them.
        winner_: the winner's hyperparameters, best epoch and validation score.
        leaderboard_: a Polars frame of all members, best first.
        n_iter_: epochs that the winner was trained for.
        loss_curve_: the winner's mean squared error on training rows, epoch by epoch.
        validation_curve_: its `metric` on validation, epoch by epoch.
        n_features_in_, feature_names_in_: number of features, and names where X has them.
        n_outputs_: numbers to predict for each row.
    """

    _classifies = False

    def __sklearn_tags__(self) -> Any:
        """Several outputs are taken."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def predict(self, X: Any) -> np.ndarray:
        """Values [sample], or [sample, output] where y had several columns."""
        values = self._answers(X)
        return values[:, 0] if self._one_dimensional else values

    @available_if(goes_on)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, validation: Any = None) -> Any:
        """One pass over these rows for every member; see `couloir.estimators.streams`.

        Args:
            X, y, sample_weight: as in `fit`; the first call's rows fix the preparation.
            validation: a pair (X, y) that members are stopped and chosen by; give it with every call, or
                with none: then they are chosen by how well they answer each call's rows before they learn
                from them.

        Returns:
            the estimator.
        """
        from couloir.estimators.streams import learn

        return learn(self, X, y, None, sample_weight, validation)
