"""The record of a search: what those of all runs that end in a model hold, and what was tried."""

from __future__ import annotations

from msgspec import field

from couloir.runs.records.common import Part
from couloir.runs.records.learned import LearnedRecord, Source


class AskedOfSearch(Part):
    """What a search was asked for."""

    halving: bool
    ensemble: int
    generation: int
    command: str
    trials: int | None = None
    minutes: float | None = None
    cv: int | None = None
    validation: bool = False
    source: Source = field(default_factory=Source)


class Cost(Part):
    """What a generation took."""

    generation: int
    trials: int
    seconds: float
    compile_seconds: float


class Searched(Part):
    """What was searched, and what it took.

    Attributes:
        evaluation: what trials are judged by, in words.
        rungs: the epochs after which the worse left.
        space: what was varied, as TOML.
    """

    generations: int
    trials: int
    asked: AskedOfSearch
    evaluation: str
    metric: str
    best_value: float
    best_trial: int
    space: str
    rungs: list[int] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)


class ParameterImportance(Part):
    """The share of the differences between trials that a hyperparameter accounts for."""

    name: str
    share: float


class SearchRecord(LearnedRecord, kw_only=True, tag="search"):
    """What run.json holds of a search."""

    search: Searched
    importance_of_parameters: list[ParameterImportance] = field(default_factory=list)
