"""From a data set and options to a population that is ready to be trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from couloir import options
from couloir.data.dataset import Dataset, Fold, Split
from couloir.data.leaks import ColumnWarning, check_columns
from couloir.data.preparation import Preparation
from couloir.data.splits import INNER, Fractions, fold_rows, split_rows
from couloir.engine import placement
from couloir.engine.epochs import Part, TrainingData
from couloir.engine.machine import Machine
from couloir.engine.member import Member
from couloir.engine.metrics import DEFAULT_METRIC, METRICS, metrics_of
from couloir.engine.placement import Chunk, plan_chunks
from couloir.engine.training import Precision
from couloir.errors import InputError, unknown
from couloir.model.predictor import Model
from couloir.selection.members import Options


@dataclass(frozen=True)
class PreparedFold:
    """One fold: its rows, the preparation fitted to those it learns from, and what is trained on."""

    rows: Fold
    preparation: Preparation
    data: TrainingData


@dataclass(frozen=True)
class Problem:
    """A data set split and prepared; the test part is only row numbers here.

    Where members are judged by cross-validation there are folds, the training part is everything but the
    test part, and there is no validation part.
    """

    dataset: Dataset
    split: Split
    preparation: Preparation
    data: TrainingData
    checked: list[ColumnWarning]
    folds: tuple[PreparedFold, ...] = ()

    @property
    def warnings(self) -> list[str]:
        """What there is to say about its columns, in sentences."""
        return [str(each) for each in self.checked]

    @property
    def trained_on(self) -> list[TrainingData]:
        """What the population is trained on: the folds, or the training part."""
        return [fold.data for fold in self.folds] or [self.data]

    @property
    def least_rows(self) -> int:
        """Rows of the smallest part that members learn from."""
        return min(len(part.train.inputs) for part in self.trained_on)

    @cached_property
    def judged_rows(self) -> np.ndarray:
        """The rows, ascending, that members are chosen by: those that the folds hold out, or validation."""
        if not self.folds:
            return self.split.validation
        return np.sort(np.concatenate([fold.rows.held_out for fold in self.folds]))

    @cached_property
    def held_out(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Per fold, or for the one validation part: prepared inputs [sample, feature] and truth [sample]."""
        if not self.folds:
            assert self.data.validation is not None, "without folds a problem has a validation part"
            return [(self.data.validation.inputs, self.truth(self.split.validation))]
        held = [(fold.preparation, fold.rows.held_out) for fold in self.folds]
        return [
            (fitted.inputs(self.dataset.rows(rows), np.float64), self.truth(rows)) for fitted, rows in held
        ]

    def answers(self, models: Sequence[Model]) -> np.ndarray:
        """The answers for `judged_rows` of a model, or of one a fold, each row's by the one without it."""
        parts = zip(models, self.held_out, strict=True)
        answers = np.concatenate([model.predict_prepared(inputs) for model, (inputs, _) in parts])
        if not self.folds:
            return answers
        rows = np.concatenate([fold.rows.held_out for fold in self.folds])
        return answers[np.argsort(rows, kind="stable")]

    def truth(self, rows: np.ndarray) -> np.ndarray:
        """Class numbers, or values in target units, of some rows."""
        target = self.dataset.target[rows]
        return self.preparation.targets(target) if self.dataset.classes else target.astype(np.float64)

    def widths(self, member: Member) -> tuple[int, ...]:
        """Units of every layer of a member, from the inputs to the outputs."""
        return (self.data.train.inputs.shape[1], *member.hidden, self.data.outputs)


@dataclass(frozen=True)
class Plan:
    """What would be trained: the population, its chunks, and what they are predicted to cost."""

    problem: Problem
    members: list[Member]
    chunks: list[Chunk]
    cost: placement.Cost
    metric: str


_USUAL: dict[str, Any] = {name: option.default for name, option in options.taken_by(options.TRAIN).items()}


@dataclass(frozen=True)
class Conditions:
    """How a population is trained and judged: the options of `couloir.train` that do not multiply it.

    Besides these `machine`: what the training is laid out for.
    """

    seed: int = _USUAL["seed"]
    split: Fractions = _USUAL["split"]
    metric: str | None = None
    patience: int | None = _USUAL["patience"]
    members: int | None = None
    minutes: float | None = None
    refit: bool = _USUAL["refit"]
    class_weights: bool = _USUAL["class_weights"]
    precision: Precision = _USUAL["precision"]
    cv: int | None = None
    ensemble: int | None = None
    no_stop: bool = _USUAL["no_stop"]
    machine: Machine = field(default_factory=Machine.here)

    def __post_init__(self) -> None:
        """Raise an InputError for what cannot be meant."""
        for name, option in options.taken_by(options.TRAIN).items():
            if name in CONDITIONS:
                object.__setattr__(self, name, option.check_or_none(getattr(self, name)))

    @property
    def stop_after(self) -> int | None:
        """Epochs without gain after which a member is stopped; None: never."""
        return None if self.no_stop else self.patience


CONDITIONS = tuple(each.name for each in fields(Conditions) if each.name != "machine")
"""The names of the options that are conditions."""


def prepare(dataset: Dataset, conditions: Conditions) -> Problem:
    """Split a data set, and fit its preparation to the training part; in folds, to each one's own."""
    if conditions.class_weights and dataset.classes is None:
        raise InputError("Class weights need classes, and this is regression: leave out --class-weights.")
    split = split_rows(dataset, conditions.split, conditions.seed)
    if conditions.cv is None:
        preparation, data = prepare_rows(dataset, split.train, split.validation, conditions)
        return Problem(dataset, split, preparation, data, check_columns(dataset, split.train))
    rest = np.sort(np.concatenate([split.train, split.validation]))
    split = Split(rest, rest[:0], split.test)
    preparation, data = prepare_rows(dataset, rest, None, conditions)
    inner = None if conditions.patience is None else INNER
    folds = [
        PreparedFold(fold, *prepare_rows(dataset, fold.train, fold.stopping, conditions))
        for fold in fold_rows(dataset, rest, conditions.cv, conditions.seed, inner)
    ]
    return Problem(dataset, split, preparation, data, check_columns(dataset, rest), tuple(folds))


def prepare_rows(
    dataset: Dataset, train: np.ndarray, validation: np.ndarray | None, conditions: Conditions
) -> tuple[Preparation, TrainingData]:
    """Rows to learn from and rows to stop by, prepared as the former say; no or empty latter: None."""
    preparation = Preparation.fit(dataset, train)
    classes = len(dataset.classes) if dataset.classes else None
    part = prepared_part(dataset, preparation, train, conditions.precision)
    judged = None
    if validation is not None and len(validation):
        judged = prepared_part(dataset, preparation, validation, conditions.precision)
    return preparation, TrainingData(
        task=dataset.task,
        outputs=classes or 1,
        train=part,
        validation=judged,
        target_scale=None if classes else np.array([preparation.target_scale]),
        sample_weights=balanced_weights(part.targets) if conditions.class_weights else None,
    )


def prepared_part(dataset: Dataset, preparation: Preparation, rows: np.ndarray, precision: Precision) -> Part:
    """Rows of a data set as a network of a precision reads them."""
    inputs = preparation.inputs(dataset.rows(rows), precision)
    return Part(inputs, preparation.targets(dataset.target[rows], precision))


def balanced_weights(classes: np.ndarray) -> np.ndarray:
    """Weights that give every class the same say: n / (k · n_class) for each row."""
    counts = np.bincount(classes)
    return (len(classes) / (np.count_nonzero(counts) * np.maximum(counts, 1)))[classes]


def plan(problem: Problem, asked: Options, conditions: Conditions) -> Plan:
    """The population for a problem, and what it will cost.

    Raises:
        InputError: an option cannot be used with these data.
    """
    task = problem.data.task
    metric = chosen_metric(task, conditions.metric)
    members = [fitting(each, problem.least_rows) for each in asked.members(task, conditions.members)]
    chunks, predicted = predict(members, problem.trained_on, conditions.machine)
    return Plan(problem, members, chunks, predicted, metric)


def predict(
    members: Sequence[Member], folds: Sequence[TrainingData], machine: Machine
) -> tuple[list[Chunk], placement.Cost]:
    """How members would be laid out to be trained in some folds, and what that is predicted to cost."""
    inputs, outputs = folds[0].train.inputs.shape[1], folds[0].outputs
    chunks = plan_chunks(members, inputs, outputs, machine, folds=range(len(folds)))
    held = [part for data in folds for part in (data.train, data.validation) if part is not None]
    data_bytes = sum(part.inputs.nbytes for part in held)
    rows = max(len(data.train.inputs) for data in folds)
    return chunks, placement.predict(chunks, members, data_bytes, rows, inputs, outputs, machine)


def chosen_metric(task: str, named: str | None) -> str:
    """What members are stopped and chosen by: what was named, or the task's customary metric.

    Raises:
        InputError: it is none, or one of the other task.
    """
    metric = named or DEFAULT_METRIC[task]
    if metric not in metrics_of(task):
        if metric in METRICS:
            raise InputError(
                f"The metric '{metric}' is for {METRICS[metric].task}, and this is {task}: "
                f"use {', '.join(metrics_of(task))}."
            )
        raise unknown("metric", metric, metrics_of(task))
    return metric


def fitting(member: Member, rows: int) -> Member:
    """The member, if its batches fit the training part; the customary batch shrinks to small data."""
    if member.batch_size > rows and member.batch_size != _USUAL["batch_size"]:
        raise InputError(
            f"The batch size {member.batch_size} is larger than the {rows} training rows: "
            f"give {rows} or less."
        )
    return shrunk(member, rows)


def shrunk(member: Member, rows: int) -> Member:
    """The member, its batches no larger than the rows there are."""
    return member if member.batch_size <= rows else replace(member, batch_size=rows)
