"""The estimator for classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if

from couloir.estimators.base import PopulationEstimator, goes_on, with_arguments


@with_arguments
class CouloirClassifier(ClassifierMixin, PopulationEstimator):
    """A population of networks trained inside `fit`, the winner kept, for classification.

    Each of the arguments down to `restarts` is one value or a list; lists multiply into members.

    Args:
        ARGUMENTS

    Attributes:
        classes_: class labels, sorted.
        model_: what predicts: a `couloir.model.predictor.Model`, or an `Ensemble` of them.
        winner_: the winner's hyperparameters, best epoch and validation score.
        leaderboard_: a Polars frame of all members, best first.
        n_iter_: epochs that the winner was trained for.
        loss_curve_: the winner's log loss on training rows, epoch by epoch.
        validation_curve_: its `metric` on validation, epoch by epoch.
        n_features_in_, feature_names_in_: number of features, and names where X has them.
    """

    _classifies = True
    classes_: np.ndarray

    def predict(self, X: Any) -> np.ndarray:
        """The most probable label for each row, [sample]."""
        answers = self._answers(X)  # first, for it tells where nothing has been fitted
        return self.classes_[np.argmax(answers, axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Class probabilities [sample, class], in the order of `classes_`."""
        return self._answers(X)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithms of the class probabilities [sample, class]; that of 0 is the smallest number's."""
        return np.log(np.maximum(self._answers(X), np.finfo(float).tiny))

    @available_if(goes_on)
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None, validation: Any = None
    ) -> Any:
        """One pass over these rows for every member; see `couloir.estimators.streams`.

        Args:
            X, y, sample_weight: as in `fit`; the first call's rows fix the preparation.
            classes: all labels that will come; needed in the first call.
            validation: a pair (X, y) that members are stopped and chosen by; give it with every call, or
                with none: then they are chosen by how well they answer each call's rows before they learn
                from them.

        Returns:
            the estimator.
        """
        from couloir.estimators.streams import learn

        return learn(self, X, y, classes, sample_weight, validation)
