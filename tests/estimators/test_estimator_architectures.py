"""Estimators whose members are laid out in several ways."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import r2_score

import own_architectures
from couloir import CouloirClassifier, CouloirRegressor
from couloir.errors import InputError

OTHERS = ["resnet", "tabm", "realmlp", own_architectures.Plain]
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(240, 4))
LABELS = np.where(X[:, 0] + X[:, 1] > 0, "up", "down")
VALUES = np.stack([100 + 7 * X[:, 0], 3 * X[:, 1] - X[:, 2]], axis=1)
SHARED: dict[str, Any] = {"hidden": (12, 8), "optimizer": "adam", "learning_rate": 0.02, "epochs": 30}


@pytest.mark.parametrize("architecture", OTHERS)
def test_classes_are_learnt_and_the_estimator_is_kept(architecture: Any) -> None:
    fitted = CouloirClassifier(architecture=architecture, random_state=0, **SHARED).fit(X, LABELS)
    assert fitted.score(X, LABELS) > 0.9
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))


@pytest.mark.parametrize("architecture", OTHERS)
@pytest.mark.parametrize("outputs", [1, 2])
def test_values_come_in_their_own_units(architecture: Any, outputs: int) -> None:
    target = VALUES[:, 0] if outputs == 1 else VALUES
    settings = SHARED | {"epochs": 80}
    fitted = CouloirRegressor(architecture=architecture, random_state=0, **settings).fit(X, target)
    answers = fitted.predict(X)
    assert answers.shape == target.shape
    assert r2_score(target, answers) > 0.8


def test_several_train_as_one_population_and_go_on() -> None:
    names = ["mlp", "resnet", "tabm", "realmlp"]
    fitted = CouloirClassifier(architecture=names, random_state=0, ensemble=4, warm_start=True, **SHARED)
    fitted.fit(X, LABELS)
    assert set(fitted.leaderboard_["architecture"]) == set(names)
    first = fitted.score(X, LABELS)
    assert fitted.fit(X, LABELS).score(X, LABELS) > first - 0.03
    fitted.partial_fit(X, LABELS)
    assert fitted.partial_fit(X, LABELS).score(X, LABELS) > 0.85


def test_what_will_not_do_is_refused() -> None:
    with pytest.raises(InputError, match="does not answer a row of 4 features with 2 outputs"):
        CouloirClassifier(architecture=own_architectures.WrongShape, **SHARED).fit(X, LABELS)
