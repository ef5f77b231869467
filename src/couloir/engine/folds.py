"""The data of folds on the device, and the order in which an epoch takes their rows.

Folds seldom have the same number of features: a rare category is in one and not in the other. They share a
program all the same: inputs are filled up with features that are 0 in every row, and the first layer with
weights that are 0 and stay so, since no slope of theirs is ever another.

Data of any size could each ask for a program of their own. Where many fits of a few rows more or less are
to share one, small data are *filled*: up to one of few sizes, with rows and steps of weight 0, which change
nothing.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import numpy as np

from couloir.engine.epochs import DeviceData, Part, Scored, TrainingData
from couloir.engine.seeds import BATCHES, SCORED_SAMPLE, generator

MOST_ROWS_SCORED = 1000
"""Training rows that the training curves come from, at most: scoring them is time not spent on training."""

LEAST_ROWS_SCORED = 200
"""Where there is no validation part to compare with, a fifth of the training rows, but so many at least."""

MOST_ROWS_FILLED = 2048
"""Data of at most so many training rows are filled up: with more, a step costs more than a program."""

FEWEST_ROWS_FILLED = 64
"""The smallest size that data are filled up to."""


def filled_size(rows: int) -> int:
    """The size that so many rows are filled up to: 64, or the next quarter of a power of two."""
    if rows > MOST_ROWS_FILLED:
        return rows
    grain = max(FEWEST_ROWS_FILLED, 1 << max(rows.bit_length() - 3, 0))
    return -(-rows // grain) * grain


def epoch_batches(count: int, batch_size: int, seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers [step, batch] of one epoch, every row once, and their weights (0 where padded).

    Args:
        count: training rows.
        batch_size: rows a step; the last batch is padded.
        seed: the run seed.
        number: the epoch, from 1: each has an order of its own.
    """
    order = generator(BATCHES, seed, number).permutation(count)
    steps = math.ceil(count / batch_size)
    rows = np.zeros(steps * batch_size, np.int32)
    rows[:count] = order
    weights = np.arange(steps * batch_size) < count
    return rows.reshape(steps, batch_size), weights.reshape(steps, batch_size).astype(float)


def filled_to(values: np.ndarray, count: int) -> np.ndarray:
    """An array [step, …] filled up with zeros to so many steps."""
    if len(values) == count:
        return values
    whole = np.zeros((count, *values.shape[1:]), values.dtype)
    whole[: len(values)] = values
    return whole


class Steps(NamedTuple):
    """The steps of an epoch in every fold, the same for all members.

    step [fold, step] counts from the beginning of training, rows and weights are [fold, step, batch].
    """

    step: Any
    rows: Any
    weights: Any


@dataclass(frozen=True)
class Folds:
    """Folds, on the host and stacked on the device, filled up to one size.

    Attributes:
        numbers: which folds they are.
        data, seeds: of each.
        encoding: of the members that are trained on them; None: all are.
        on_device: all of them as arrays [fold, …].
        filled: whether small ones are filled up, rows and steps, to one of few sizes.
    """

    numbers: tuple[int, ...]
    data: Sequence[TrainingData]
    seeds: Sequence[int]
    dtype: Any
    on_device: DeviceData
    filled: bool = False
    encoding: str | None = None
    _parts: dict[tuple[int, ...], Folds] = field(default_factory=dict, repr=False)
    _drawn: dict[Any, Any] = field(default_factory=dict, repr=False)
    _steps: dict[int, tuple[int, Steps]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def of(
        cls,
        numbers: Sequence[int],
        data: Sequence[TrainingData],
        seeds: Sequence[int],
        dtype: Any,
        filled: bool = False,
        encoding: str | None = None,
    ) -> Folds:
        """Put these folds on the device."""
        parts = [_to_device(*each, dtype) for each in zip(data, seeds, strict=True)]
        held = _stacked([_filled_up(part) for part in parts] if filled else parts)
        return cls(tuple(numbers), data, seeds, dtype, held, filled, encoding)

    def some(self, numbers: tuple[int, ...]) -> Folds:
        """A part of these folds, with the same sizes on the device, where it is put once."""
        if numbers == self.numbers:
            return self
        if numbers not in self._parts:
            at = [self.numbers.index(number) for number in numbers]
            self._parts[numbers] = Folds(
                numbers,
                [self.data[i] for i in at],
                [self.seeds[i] for i in at],
                self.dtype,
                jax.device_put(jax.tree.map(lambda leaf: np.asarray(leaf)[at], self.on_device)),
                self.filled,
                self.encoding,
                _drawn=self._drawn,
            )
        return self._parts[numbers]

    def drawn(self, key: Any, draw: Callable[[], Any]) -> Any:
        """What `draw` gives, drawn once for all chunks that ask for it by the same key."""
        if key not in self._drawn:
            self._drawn[key] = draw()
        return self._drawn[key]

    @property
    def features(self) -> int:
        """Features of the program: those of the fold with the most."""
        return max(self.own_features)

    @property
    def own_features(self) -> list[int]:
        """Features of each fold."""
        return [data.train.inputs.shape[1] for data in self.data]

    @property
    def rows(self) -> list[int]:
        """Training rows of each fold."""
        return [len(data.train.inputs) for data in self.data]

    def steps(self, batch_size: int) -> list[int]:
        """Steps to an epoch of each fold."""
        return [math.ceil(rows / batch_size) for rows in self.rows]

    def room(self, batch_size: int) -> int:
        """Steps to an epoch of the program, which none of the folds has more of."""
        sizes = [filled_size(rows) if self.filled else rows for rows in self.rows]
        return math.ceil(max(sizes) / batch_size)

    def epoch_steps(self, batch_size: int, number: int) -> Steps:
        """The steps of epoch `number` in every fold, drawn once for all chunks of the folds.

        A fold with fewer steps than the program is filled up with steps of weight 0.
        """
        with self._lock:  # chunks train side by side
            if self._steps.get(batch_size, (0,))[0] != number:
                own = [self._fold_steps(fold, batch_size, number) for fold in range(len(self.data))]
                self._steps[batch_size] = number, Steps(*map(np.stack, zip(*own, strict=True)))
            return self._steps[batch_size][1]

    def _fold_steps(self, fold: int, batch_size: int, number: int) -> Steps:
        """One fold's steps of an epoch."""
        data, count = self.data[fold], self.steps(batch_size)[fold]
        rows, weights = epoch_batches(len(data.train.inputs), batch_size, self.seeds[fold], number)
        if data.sample_weights is not None:
            weights = weights * data.sample_weights[rows]
        step, room = np.arange(count, dtype=np.int32) + (number - 1) * count, self.room(batch_size)
        return Steps(*(filled_to(each, room) for each in (step, rows, weights.astype(self.dtype))))

    def uneven(self, batch_size: int) -> bool:
        """Whether some fold may have fewer steps than the program."""
        small = self.filled and max(self.rows) <= MOST_ROWS_FILLED
        return small or len(set(self.steps(batch_size))) > 1


def _scored_sample(data: TrainingData, seed: int) -> np.ndarray:
    """Training rows for the training curves: as many as validation has, up to a thousand."""
    count = len(data.train.inputs)
    compared = max(count // 5, LEAST_ROWS_SCORED)
    if data.validation is not None:
        compared = len(data.validation.inputs)
    wanted = min(count, MOST_ROWS_SCORED, compared)
    return np.sort(generator(SCORED_SAMPLE, seed).choice(count, wanted, replace=False))


def _to_device(data: TrainingData, seed: int, dtype: Any) -> DeviceData:
    """One fold's parts, still as NumPy arrays of the types that the device will hold."""

    def part(rows: Part) -> Part:
        targets = np.asarray(rows.targets, np.int32 if data.task == "classification" else dtype)
        return Part(np.asarray(rows.inputs, dtype), targets)

    sample = _scored_sample(data, seed)
    parts = [Part(data.train.inputs[sample], data.train.targets[sample])]
    parts += [data.validation] if data.validation is not None else []
    belongs = np.repeat(np.arange(len(parts)), [len(rows.inputs) for rows in parts])
    joined = part(Part(*map(np.concatenate, zip(*parts, strict=True))))
    scale = np.ones(data.outputs) if data.target_scale is None else np.asarray(data.target_scale)
    weights = (belongs == np.arange(len(parts))[:, None]).astype(dtype)
    if data.validation is not None and data.validation_weights is not None:
        weights[1, len(sample) :] = data.validation_weights
    return DeviceData(part(data.train), Scored(*joined, weights), np.asarray(scale, dtype))


def _filled_up(held: DeviceData) -> DeviceData:
    """One fold's arrays filled up to one of few sizes with rows of weight 0."""

    def fill(leaf: np.ndarray, axis: int = 0) -> np.ndarray:
        spare = filled_size(leaf.shape[axis]) - leaf.shape[axis]
        return np.pad(leaf, [(0, spare if at == axis else 0) for at in range(leaf.ndim)])

    inputs, targets, weights = held.scored
    return DeviceData(
        Part(*map(fill, held.train)), Scored(fill(inputs), fill(targets), fill(weights, 1)), held.target_scale
    )


def _stacked(folds: Sequence[DeviceData]) -> DeviceData:
    """Folds as one tree of arrays [fold, …] on the device, each filled up to the longest with zeros."""

    def stack(*leaves: np.ndarray) -> np.ndarray:
        most = np.max([leaf.shape for leaf in leaves], axis=0)
        padded = [
            np.pad(leaf, [(0, m - n) for m, n in zip(most, leaf.shape, strict=True)]) for leaf in leaves
        ]
        return np.stack(padded)

    return jax.device_put(jax.tree.map(stack, *folds))
