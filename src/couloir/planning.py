"""From a data set and options to a population that is ready to be trained."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from couloir import cost
from couloir.data.dataset import Dataset, Split
from couloir.data.leaks import check_columns
from couloir.data.preparation import Preparation
from couloir.data.splits import Fractions, split_rows
from couloir.errors import InputError, unknown
from couloir.metrics import DEFAULT_METRIC, METRICS, metrics_of
from couloir.population import Chunk, Member, Options, plan_chunks
from couloir.training import Part, Precision, TrainingData

CUSTOMARY_BATCH = 64


@dataclass(frozen=True)
class Problem:
    """A data set split and prepared; the test part is only row numbers here."""

    dataset: Dataset
    split: Split
    preparation: Preparation
    data: TrainingData
    warnings: list[str]

    @property
    def validation(self) -> Part:
        """The prepared validation part, which a problem always has."""
        assert self.data.validation is not None
        return self.data.validation

    def widths(self, member: Member) -> tuple[int, ...]:
        """Units of every layer of a member, from the inputs to the outputs."""
        return (self.data.train.inputs.shape[1], *member.hidden, self.data.outputs)


@dataclass(frozen=True)
class Plan:
    """What would be trained: the population, its chunks, and what they are predicted to cost."""

    problem: Problem
    members: list[Member]
    chunks: list[Chunk]
    cost: cost.Cost
    metric: str


@dataclass(frozen=True)
class Conditions:
    """How a population is trained and judged; the options that do not multiply it."""

    seed: int = 0
    split: Fractions = (0.70, 0.15, 0.15)
    metric: str | None = None
    patience: int | None = 10
    members: int | None = None
    minutes: float | None = None
    refit: bool = False
    class_weights: bool = False
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        """Raise an InputError for what cannot be meant."""
        if not isinstance(self.seed, int) or not 0 <= self.seed < 2**32:
            raise InputError(
                f"The seed {self.seed!r} cannot be used: give a whole number from 0 to 2^32 - 1."
            )
        if self.patience is not None and (not isinstance(self.patience, int) or self.patience < 1):
            raise InputError(
                f"The patience {self.patience!r} cannot be used: give a whole number of epochs, 1 or more."
            )
        if self.minutes is not None and not self.minutes > 0:
            raise InputError(f"The minutes {self.minutes!r} cannot be used: give a number above 0.")
        if self.members is not None and (not isinstance(self.members, int) or self.members < 1):
            raise InputError(
                f"The number of members {self.members!r} cannot be used: give a whole number, 1 or more."
            )
        if self.precision not in ("float32", "float64"):
            raise unknown("precision", self.precision, ("float32", "float64"))


def prepare(dataset: Dataset, conditions: Conditions) -> Problem:
    """Split a data set, and fit its preparation to the training part."""
    split = split_rows(dataset, conditions.split, conditions.seed)
    preparation = Preparation.fit(dataset, split.train)
    classes = len(dataset.classes) if dataset.classes else None
    if conditions.class_weights and classes is None:
        raise InputError("Class weights need classes, and this is regression: leave out --class-weights.")
    train = prepared_part(dataset, preparation, split.train)
    data = TrainingData(
        task=dataset.task,
        outputs=classes or 1,
        train=train,
        validation=prepared_part(dataset, preparation, split.validation),
        target_scale=None if classes else np.array([preparation.target_scale]),
        sample_weights=balanced_weights(train.targets) if conditions.class_weights else None,
    )
    return Problem(dataset, split, preparation, data, check_columns(dataset, split.train))


def prepared_part(dataset: Dataset, preparation: Preparation, rows: np.ndarray) -> Part:
    """Rows of a data set as a network reads them."""
    return Part(preparation.inputs(dataset.rows(rows)), preparation.targets(dataset.target[rows]))


def balanced_weights(classes: np.ndarray) -> np.ndarray:
    """Weights that give every class the same say: n / (k · n_class) for each row."""
    counts = np.bincount(classes)
    return (len(classes) / (np.count_nonzero(counts) * np.maximum(counts, 1)))[classes]


def plan(problem: Problem, options: Options, conditions: Conditions) -> Plan:
    """The population for a problem, and what it will cost.

    Raises:
        InputError: an option cannot be used with these data.
    """
    task, rows = problem.data.task, len(problem.data.train.inputs)
    metric = conditions.metric or DEFAULT_METRIC[task]
    if metric not in metrics_of(task):
        if metric in METRICS:
            raise InputError(
                f"The metric '{metric}' is for {METRICS[metric].task}, and this is {task}: "
                f"use {', '.join(metrics_of(task))}."
            )
        raise unknown("metric", metric, metrics_of(task))
    members = [_fitting(member, rows) for member in options.members(task, conditions.members)]
    inputs, outputs = problem.data.train.inputs.shape[1], problem.data.outputs
    chunks = plan_chunks(members, inputs, outputs)
    data_bytes = problem.data.train.inputs.nbytes + problem.validation.inputs.nbytes
    predicted = cost.predict(chunks, members, data_bytes, rows, inputs, outputs)
    return Plan(problem, members, chunks, predicted, metric)


def _fitting(member: Member, rows: int) -> Member:
    """The member, if its batches fit the training part; the customary batch shrinks to small data."""
    if member.batch_size <= rows:
        return member
    if member.batch_size == CUSTOMARY_BATCH:
        return replace(member, batch_size=rows)
    raise InputError(
        f"The batch size {member.batch_size} is larger than the {rows} training rows: give {rows} or less."
    )
