"""From a data set and options to a population that is ready to be trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from couloir.engine.training import Data, Precision, by_encoding, readers
from couloir.errors import InputError, unknown
from couloir.model.predictor import Model
from couloir.selection.members import Options


@dataclass(frozen=True)
class Plan:
    """What would be trained: the population, its chunks, and what they are predicted to cost."""

    problem: Problem
    members: list[Member]
    chunks: list[Chunk]
    cost: placement.Cost
    metric: str

    @property
    def conditions(self) -> Conditions:
        """How it is trained and judged, with what was left open settled."""
        return self.problem.conditions


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
    distil: bool = _USUAL["distil"]
    no_stop: bool = _USUAL["no_stop"]
    plan: str | None = None
    effort: str = _USUAL["effort"]
    machine: Machine = field(default_factory=Machine.here)

    def __post_init__(self) -> None:
        """Raise an InputError for what cannot be meant."""
        for name, option in options.taken_by(options.TRAIN).items():
            if name in CONDITIONS:
                object.__setattr__(self, name, option.check_or_none(getattr(self, name)))

    @property
    def to_the_end(self) -> bool:
        """Whether every member is trained to the end of its schedule, and keeps its last weights."""
        return self.plan == options.PLANS[0]

    @property
    def stop_after(self) -> int | None:
        """Epochs without gain after which a member is stopped; None: never."""
        return None if self.no_stop else self.patience


CONDITIONS = tuple(each.name for each in fields(Conditions) if each.name != "machine")
"""The names of the options that are conditions."""


@dataclass(frozen=True)
class Prepared:
    """What is learnt from in one encoding: the preparation fitted to those rows, and what is trained on."""

    preparation: Preparation
    data: TrainingData


@dataclass(frozen=True)
class Problem:
    """A data set split and prepared; the test part is only row numbers here.

    Where members are judged by cross-validation there are folds, the training part is everything but the
    test part, and there is no validation part.

    Attributes:
        dataset: the data.
        split: its parts.
        folds: the rows of each fold; none where there is a validation part.
        conditions: how parts are prepared: precision, class weights.
        checked: what there is to say about the columns of the training part.
    """

    dataset: Dataset
    split: Split
    folds: tuple[Fold, ...]
    conditions: Conditions
    checked: list[ColumnWarning]
    _encoded: dict[str, list[Prepared]] = field(default_factory=dict, repr=False)
    _asked: dict[int, tuple[Preparation, np.ndarray]] = field(default_factory=dict, repr=False)

    @property
    def warnings(self) -> list[str]:
        """What there is to say about its columns, in sentences."""
        return [str(each) for each in self.checked]

    def encoded(self, encoding: str) -> list[Prepared]:
        """What the population is trained on in an encoding: the folds, or the one training part."""
        if encoding not in self._encoded:
            # Where nobody is stopped, what a fold holds out is looked at on the way, and decides nothing.
            watched = [fold.held_out if self.conditions.to_the_end else fold.stopping for fold in self.folds]
            parts = [(fold.train, rows) for fold, rows in zip(self.folds, watched, strict=True)]
            self._encoded[encoding] = [
                Prepared(*prepare_rows(self.dataset, *rows, self.conditions, encoding))
                for rows in parts or [(self.split.train, self.split.validation)]
            ]
        return self._encoded[encoding]

    def trained_on(self, members: Sequence[Member]) -> dict[str, list[TrainingData]]:
        """What some members are trained on, by their encodings."""
        names = dict.fromkeys(member.encoding for member in members)
        return {name: [part.data for part in self.encoded(name)] for name in names}

    @cached_property
    def _whole(self) -> Prepared:
        """All that is learnt from, in the customary encoding."""
        if not self.folds:
            return self.encoded(Member.encoding)[0]
        return Prepared(*prepare_rows(self.dataset, self.split.train, None, self.conditions))

    @property
    def preparation(self) -> Preparation:
        """In the customary encoding, fitted to all that is learnt from."""
        return self._whole.preparation

    @property
    def data(self) -> TrainingData:
        """The training part in the customary encoding; in folds, the rows of all of them."""
        return self._whole.data

    @property
    def least_rows(self) -> int:
        """Rows of the smallest part that members learn from."""
        return min([len(fold.train) for fold in self.folds] or [len(self.split.train)])

    @cached_property
    def judged_rows(self) -> np.ndarray:
        """The rows, ascending, that members are chosen by: those that the folds hold out, or validation."""
        return np.sort(np.concatenate(self.held_out))

    @property
    def held_out(self) -> list[np.ndarray]:
        """The rows that members are chosen by, fold by fold; those of the one validation part."""
        return [fold.held_out for fold in self.folds] or [self.split.validation]

    def asked(self, model: Model, fold: int) -> np.ndarray:
        """The prepared inputs [sample, feature] that a model of a fold is judged by.

        They are made once for each preparation, which the models of a fold share.
        """
        own = model.preparation
        if id(own) not in self._asked:
            parts = [part for part in self.encoded(own.encoding) if part.preparation is own]
            known = parts[0].data.validation if parts and not self.folds else None
            rows = self.dataset.rows(self.held_out[fold])
            inputs = own.inputs(rows, np.float64) if known is None else known.inputs
            self._asked[id(own)] = own, inputs  # it is kept, so that no other gets its number
        return self._asked[id(own)][1]

    def answers(self, models: Sequence[Model]) -> np.ndarray:
        """The answers for `judged_rows` of a model, or of one a fold, each row's by the one without it."""
        answers = [model.predict_prepared(self.asked(model, fold)) for fold, model in enumerate(models)]
        order = np.argsort(np.concatenate(self.held_out), kind="stable")
        return np.concatenate(answers)[order]

    def truth(self, rows: np.ndarray) -> np.ndarray:
        """Class numbers, or values in target units, of some rows."""
        target = self.dataset.target[rows]
        return self.preparation.targets(target) if self.dataset.classes else target.astype(np.float64)

    def widths(self, member: Member) -> tuple[int, ...]:
        """Units of every layer of a member, from the inputs to the outputs."""
        data = self.encoded(member.encoding)[0].data
        return (data.train.inputs.shape[1], *member.hidden, data.outputs)

    def parameters(self, member: Member) -> int:
        """How many numbers of a member are trained."""
        data = self.encoded(member.encoding)[0].data
        design = member.design.fitting(data.image_shape)
        return design.size(data.train.inputs.shape[1], data.outputs).parameters


def prepare(dataset: Dataset, conditions: Conditions) -> Problem:
    """Split a data set, and fit its preparation to the training part; in folds, to each one's own."""
    if conditions.class_weights and dataset.classes is None:
        raise InputError("Class weights need classes, and this is regression: leave out --class-weights.")
    split = split_rows(dataset, conditions.split, conditions.seed)
    folds: list[Fold] = []
    if conditions.cv is not None:
        rest = np.sort(np.concatenate([split.train, split.validation]))
        split = Split(rest, rest[:0], split.test)
        inner = None if conditions.patience is None else INNER
        folds = fold_rows(dataset, rest, conditions.cv, conditions.seed, inner)
    problem = Problem(dataset, split, tuple(folds), conditions, check_columns(dataset, split.train))
    problem.encoded(Member.encoding)  # what cannot be prepared is refused here
    return problem


def prepare_rows(
    dataset: Dataset,
    train: np.ndarray,
    validation: np.ndarray | None,
    conditions: Conditions,
    encoding: str = Member.encoding,
) -> tuple[Preparation, TrainingData]:
    """Rows to learn from and rows to stop by, prepared as the former say; no or empty latter: None."""
    preparation = Preparation.fit(dataset, train, encoding)
    classes = len(dataset.classes) if dataset.classes else None
    part = prepared_part(dataset, preparation, train, conditions.precision, learnt=True)
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
        image_shape=dataset.image_shape,
    )


def prepared_part(
    dataset: Dataset, preparation: Preparation, rows: np.ndarray, precision: Precision, learnt: bool = False
) -> Part:
    """Rows of a data set as a network reads them; where they are learnt from, none by its own target."""
    raw, target = dataset.rows(rows), dataset.target[rows]
    if learnt:
        groups = None if dataset.groups is None else dataset.groups[rows]
        inputs = preparation.training_inputs(raw, preparation.responses(target), precision, groups)
    else:
        inputs = preparation.inputs(raw, precision)
    return Part(inputs, preparation.targets(target, precision))


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
    chunks, predicted = predict(members, problem.trained_on(members), conditions.machine)
    return Plan(problem, members, chunks, predicted, metric)


def predict(
    members: Sequence[Member], data: Data | Mapping[str, Data], machine: Machine
) -> tuple[list[Chunk], placement.Cost]:
    """How members would be laid out to be trained in some folds, and what that is predicted to cost.

    Args:
        members: the population.
        data: what they are trained on, as `train_population` takes it.
        machine: what it is laid out for.
    """
    chunks, costs = [], []
    for name, folds in by_encoding(members, data).items():
        own = readers(members, name)
        inputs, outputs = max(data.train.inputs.shape[1] for data in folds), folds[0].outputs
        image = folds[0].image_shape
        laid_out = plan_chunks(own, inputs, outputs, machine, folds=range(len(folds)), image_shape=image)
        held = [part for data in folds for part in (data.train, data.validation) if part is not None]
        data_bytes = sum(part.inputs.nbytes for part in held)
        rows = max(len(data.train.inputs) for data in folds)
        costs.append(placement.predict(laid_out, members, data_bytes, rows, inputs, outputs, machine))
        chunks += laid_out
    return chunks, placement.together(costs)


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
