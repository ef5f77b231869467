"""Scripts of scikit-learn's documented kinds of usage work with our estimators in place of its own.

Only names are replaced in a script. For speed the estimators here have other defaults: a population of
two, and fewer epochs; `benchmarks/estimator_checks.py` runs the scripts with the shipped ones.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sklearn.exceptions import ConvergenceWarning

from couloir.estimators import CouloirClassifier, CouloirRegressor, PopulationSearchCV

pytestmark = pytest.mark.slow

SCRIPTS = sorted((Path(__file__).parent / "swap").glob("*.py"))

REPLACED = {
    "sklearn.neural_network": "substitutes",
    "sklearn.model_selection import GridSearchCV": "substitutes import PopulationSearchCV",
    "GridSearchCV": "PopulationSearchCV",
    "MLPClassifier": "CouloirClassifier",
    "MLPRegressor": "CouloirRegressor",
}


class QuickClassifier(CouloirClassifier):
    def __init__(
        self,
        optimizer: Any = "adam",
        learning_rate: Any = (0.01, 0.03),
        hidden: Any = (16,),
        activation: Any = "relu",
        batch_size: Any = 32,
        epochs: Any = 30,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            optimizer=optimizer,
            learning_rate=learning_rate,
            hidden=hidden,
            activation=activation,
            batch_size=batch_size,
            epochs=epochs,
            random_state=random_state,
        )


class QuickRegressor(CouloirRegressor):
    def __init__(
        self,
        optimizer: Any = "adam",
        learning_rate: Any = (0.01, 0.03),
        hidden: Any = (16,),
        batch_size: Any = 32,
        epochs: Any = 30,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            optimizer=optimizer,
            learning_rate=learning_rate,
            hidden=hidden,
            batch_size=batch_size,
            epochs=epochs,
            random_state=random_state,
        )


@pytest.fixture
def substitutes() -> Iterator[None]:
    module: Any = ModuleType("substitutes")
    module.CouloirClassifier, module.CouloirRegressor = QuickClassifier, QuickRegressor
    module.PopulationSearchCV = PopulationSearchCV
    sys.modules["substitutes"] = module
    yield
    del sys.modules["substitutes"]


def replaced(script: str) -> str:
    for old, new in REPLACED.items():
        script = script.replace(old, new)
    return script


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
@pytest.mark.usefixtures("substitutes")
def test_a_script_works_with_our_estimators(path: Path) -> None:
    script = replaced(path.read_text("utf-8"))
    assert "Couloir" in script
    assert "MLP" not in script
    exec(compile(script, str(path), "exec"), {"__name__": "script"})


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_works_as_it_is(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        exec(compile(path.read_text("utf-8"), str(path), "exec"), {"__name__": "script"})


def test_there_are_ten_scripts() -> None:
    assert len(SCRIPTS) == 10
