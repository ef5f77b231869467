"""What the records of all kinds of runs have in common."""

from __future__ import annotations

import platform
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct, field

from couloir.engine.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from couloir.data.dataset import Dataset, Split

SCHEMA_VERSION = 3
"""Raised whenever a record's shape changes; `couloir.runs.records.versions` brings older ones up to date."""

PACKAGES = ("couloir", "jax", "numpy", "polars", "scikit-learn", "plotly")

Scores = dict[str, float]
"""Metrics by name."""

Status = Literal["complete", "interrupted", "out of time"]


class Part(Struct, kw_only=True):
    """A part of a record."""


class Sizes(Part):
    """Rows of the parts of the data."""

    train: int
    validation: int
    test: int


class Data(Part):
    """What is known of the data: `couloir.data.dataset.describe`, the sizes of the parts, and warnings."""

    name: str
    rows: int
    columns: int
    column_kinds: dict[str, int]
    task: Literal["classification", "regression"]
    target: str | None
    missing: int
    fingerprint: str
    split: Sizes
    warnings: list[str] = field(default_factory=list)
    image_shape: tuple[int, int] | None = None
    test_rows: int | None = None
    group: str | None = None
    groups: int | None = None
    time: str | None = None
    times: int | None = None
    classes: list[Any] | None = None
    class_counts: list[int] | None = None
    target_minimum: float | None = None
    target_mean: float | None = None
    target_maximum: float | None = None

    @property
    def is_classification(self) -> bool:
        """Whether classes are predicted."""
        return self.task == "classification"


def data_of(dataset: Dataset, split: Split, warnings: Sequence[str]) -> Data:
    """What is recorded of the data."""
    from couloir.data.dataset import describe

    return Data(**describe(dataset), split=Sizes(**split.sizes), warnings=list(warnings))


class Record(Struct, kw_only=True, tag_field="kind"):
    """What run.json holds, of whatever kind of run.

    Attributes:
        device: what JAX computed on.
        created: when, with the zone.
        machine: what the training was laid out for; None in records older than version 3.
        seconds: what each stage took; `total` is the whole.
        tables: the names of the Parquet files beside it that hold what else was measured.
    """

    command: str
    seed: int
    device: str
    created: str = field(default_factory=lambda: time.strftime("%Y-%m-%dT%H:%M:%S%z"))
    versions: dict[str, str] = field(default_factory=lambda: versions())
    schema_version: int = SCHEMA_VERSION
    status: Status = "complete"
    machine: Machine | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """The kind of run: "train", "race", "search", "surface", "landscape", "gradcheck" or "guess"."""
        return str(self.__struct_config__.tag)

    @property
    def about(self) -> str:
        """The name of what it is about: the data, or the surface."""
        raise NotImplementedError  # each kind says its own


class DataRecord(Record, kw_only=True):
    """What run.json holds of a run that is about data."""

    data: Data

    @property
    def about(self) -> str:
        """The name of the data."""
        return self.data.name


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that decide about what is computed and drawn."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
