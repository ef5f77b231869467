"""Iris as searches are judged on it: by a validation part, and in folds."""

from __future__ import annotations

from dataclasses import replace

import pytest

import couloir
from couloir.selection.problem import Problem, prepare
from searches import CONDITIONS


@pytest.fixture(scope="package")
def problem() -> Problem:
    return prepare(couloir.load("iris"), CONDITIONS)


@pytest.fixture(scope="package")
def folded() -> Problem:
    return prepare(couloir.load("iris"), replace(CONDITIONS, cv=2))


@pytest.fixture(params=["problem", "folded"])
def either(request: pytest.FixtureRequest) -> Problem:
    found: Problem = request.getfixturevalue(request.param)
    return found
