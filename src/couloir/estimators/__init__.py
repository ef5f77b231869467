"""scikit-learn estimators: a population trained inside `fit`, and a search that trains as populations."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from couloir.estimators.classifier import CouloirClassifier
    from couloir.estimators.regressor import CouloirRegressor
    from couloir.estimators.search import PopulationSearchCV

_HOMES = {"CouloirClassifier": "classifier", "CouloirRegressor": "regressor", "PopulationSearchCV": "search"}

__all__ = ["CouloirClassifier", "CouloirRegressor", "PopulationSearchCV"]


def __getattr__(name: str) -> Any:
    """Import an estimator when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'couloir.estimators' has no attribute '{name}'")
    return getattr(import_module(f"couloir.estimators.{_HOMES[name]}"), name)
