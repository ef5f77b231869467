"""What the two estimators share: their arguments, `fit` and `partial_fit`, and what predicts.

Predicting needs NumPy alone: what trains is imported where it is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from couloir.estimators.features import read_features
from couloir.model.predictor import Ensemble, Model

if TYPE_CHECKING:
    from sklearn.utils import Tags


class PopulationEstimator(BaseEstimator):
    """A population trained inside `fit`, of which the winner, or an average, is kept."""

    _classifies: ClassVar[bool]
    _options: ClassVar[Sequence[str]] = (
        "optimizer",
        "learning_rate",
        "momentum",
        "hidden",
        "activation",
        "batch_size",
        "epochs",
        "l1",
        "l2",
        "dropout",
        "noise",
        "schedule",
        "warmup",
        "loss",
        "restarts",
    )
    """The arguments that are fields of `couloir.engine.population.Options`."""

    model_: Model | Ensemble
    n_outputs_: int

    def __sklearn_tags__(self) -> Tags:
        """Missing values and sparse matrices are taken."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None, validation: Any = None) -> Any:
        """Train the population, and keep the member that does best on validation.

        No test part is held out: that is the caller's.

        Args:
            X: rows [sample, feature]: an array, a sparse matrix, or a pandas or Polars frame, whose
                categories, texts and dates are taken as they are; NaN and None are missing.
            y: labels [sample]; for regression values [sample] or [sample, output].
            sample_weight: weights of the rows, in the loss and in the scores that choose; rows of weight
                0 are left out.
            validation: a pair (X, y) to stop and choose by, or the fraction of the rows to take for it;
                None: the fraction `validation_fraction`.

        Returns:
            the estimator.

        Raises:
            ValueError: the data cannot be used, in scikit-learn's words or as an InputError.
        """
        from couloir.engine.training import train_population
        from couloir.estimators import fitting, keeping

        prepared = fitting.prepare(self, X, y, sample_weight, validation)
        trained = train_population(
            prepared.members,
            prepared.data,
            seed=prepared.seed,
            patience=self.patience,
            metric=prepared.metric,
            on_epoch=fitting.deadline(self.minutes),
            precision=self.precision,
            initial=prepared.initial,
            filled=True,
        )
        keeping.finish(self, prepared, trained.outcomes)
        self.__dict__.pop("_stream", None)
        return self

    def _answers(self, X: Any) -> np.ndarray:
        """Class probabilities [sample, class], or values [sample, output]."""
        check_is_fitted(self, "model_")
        features = read_features(self, X, self.model_.preparation)
        answers = self.model_.answers(features)
        return answers if answers.ndim == 2 else answers[:, None]
