"""What the two estimators share: their arguments, `fit` and `partial_fit`, and what predicts.

Predicting needs NumPy alone: what trains is imported where it is called.
"""

from __future__ import annotations

import inspect
from inspect import Parameter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from couloir import options
from couloir.estimators.features import read_features
from couloir.model.predictor import Ensemble, Model
from couloir.options import Option

if TYPE_CHECKING:
    from sklearn.utils import Tags


def arguments(classifies: bool) -> dict[str, Option]:
    """The options that an estimator takes, by name: those that make members first, which may be lists."""
    known = options.taken_by(options.FIT)
    names = [*options.MEMBER, *(name for name in known if name not in options.MEMBER)]
    return {name: known[name] for name in names if classifies or name != "class_weight"}


def with_arguments(estimator: type[PopulationEstimator]) -> type[PopulationEstimator]:
    """Give an estimator its arguments: in the signature, which scikit-learn reads, and in the docstring."""
    known = arguments(estimator._classifies)

    def __init__(self: Any, **given: Any) -> None:
        """Store the arguments as they are; `fit` checks them."""
        bound = signature.bind(self, **given)
        bound.apply_defaults()
        for name in known:
            setattr(self, name, bound.arguments[name])

    first = Parameter("self", Parameter.POSITIONAL_ONLY)
    rest = [Parameter(name, Parameter.KEYWORD_ONLY, default=each.default) for name, each in known.items()]
    signature = inspect.Signature([first, *rest])
    __init__.__qualname__ = f"{estimator.__name__}.__init__"
    __init__.__signature__ = signature  # type: ignore[attr-defined]
    estimator.__init__ = __init__  # type: ignore[method-assign]
    lines = "\n".join(f"    {name}: {option.given_help}" for name, option in known.items())
    estimator.__doc__ = (inspect.getdoc(estimator) or "").replace("    ARGUMENTS", lines)
    return estimator


def goes_on(estimator: Any) -> bool:
    """Whether an estimator's population can go on learning: not the portfolio, which `fit` alone trains."""
    return bool(estimator.plan != options.PLANS[0])


class PopulationEstimator(BaseEstimator):
    """A population trained inside `fit`, of which the winner, or an average, is kept."""

    _classifies: ClassVar[bool]

    model_: Model | Ensemble
    n_outputs_: int

    def __sklearn_tags__(self) -> Tags:
        """Missing values and sparse matrices are taken."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None, validation: Any = None) -> Any:
        """Train the population, and keep the member that does best on validation, or an average.

        No test part is held out: that is the caller's.

        Args:
            X: rows [sample, feature]: an array, a sparse matrix, or a pandas or Polars frame, whose
                categories, texts and dates are taken as they are; NaN and None are missing.
            y: labels [sample]; for regression values [sample] or [sample, output].
            sample_weight: weights of the rows, in the loss and in the scores that choose; rows of weight
                0 are left out.
            validation: a pair (X, y) to stop and choose by, or the fraction of the rows to take for it;
                None: the fraction `validation_fraction`; for the portfolio folds, where rows are few.

        Returns:
            the estimator.

        Raises:
            ValueError: the data cannot be used, in scikit-learn's words or as an InputError.
        """
        from couloir.estimators import fitting, keeping, portfolio

        if self.plan == fitting.PORTFOLIO:
            portfolio.fit(self, X, y, sample_weight, validation)
            self.__dict__.pop("_stream", None)
            return self
        prepared = fitting.prepare(self, X, y, sample_weight, validation)
        trained = fitting.train(self, prepared.members, [prepared])
        keeping.finish(self, prepared, trained.outcomes)
        self.__dict__.pop("_stream", None)
        return self

    def _answers(self, X: Any) -> np.ndarray:
        """Class probabilities [sample, class], or values [sample, output]."""
        check_is_fitted(self, "model_")
        features = read_features(self, X, self.model_.preparation)
        answers = self.model_.answers(features)
        return answers if answers.ndim == 2 else answers[:, None]
