"""Populations for estimators: trained from data of any size without compiling for each size.

Estimators are fitted over and over on a few rows more or less: by cross-validation, learning curves,
bagging, searches. Small data are therefore filled up to one of few sizes with rows and steps of weight 0,
which change nothing, so that one compiled program serves them all. Large data stay as they are: there a
step costs more than a program.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from couloir import chunks as engine
from couloir import compilation
from couloir.chunks import ChunkTraining, Folds, pack
from couloir.epochs import DeviceData, Part, Schedule, TrainingData
from couloir.outcomes import Outcome, Trained
from couloir.population import Chunk, Member, lanes, plan_chunks
from couloir.training import Precision, numerics

MOST_ROWS_FILLED = 2048
"""Data of at most so many training rows are filled up."""

FEWEST_ROWS_FILLED = 64
"""The smallest size that data are filled up to."""


@dataclass(frozen=True)
class Weighted:
    """What a population is trained on, with weights for the rows that it is judged by.

    Attributes:
        data: prepared parts; its `sample_weights` are the training rows'.
        seed: the run seed.
        judged: weights of the validation rows (without validation: of no rows); None: all equal.
    """

    data: TrainingData
    seed: int
    judged: np.ndarray | None = None


def train(
    members: Sequence[Member],
    folds: Sequence[Weighted],
    *,
    metric: str,
    patience: int | None,
    precision: Precision,
    initial: Sequence[Any] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Trained:
    """Train every member on every fold, as `couloir.training.train_population` does.

    Args:
        members: the population.
        folds: what to train on, each with its seed.
        metric: what members are stopped by.
        patience: epochs without improvement on validation before a member stops; None: never.
        precision: "float32" or "float64".
        initial: the layers (weight, bias) that each member starts from; None: fresh ones.
        stop: asked after every epoch whether that was the last.

    Returns:
        histories, best weights and status of every member in every fold.
    """
    outcomes = [[Outcome(member) for member in members] for _ in folds]
    patience = patience if folds[0].data.validation is not None else None
    clock, began, seen = compilation.Clock(), time.perf_counter(), 0
    with compilation.cached(), numerics(precision), clock.running(), ThreadPoolExecutor(lanes()) as pool:
        stacks = _stacks(folds, precision)
        parts = _laid_out(members, outcomes, stacks, metric)
        if initial is not None:
            for part in parts:
                begin_from(part, initial)
        for number in range(1, max(member.epochs for member in members) + 1):
            seen += advance(parts, number, patience, precision, pool)
            parts = pack(parts, number, 0, outcomes, stacks)
            if (stop is not None and stop()) or not any(part.training for part in parts):
                break
        for part in parts:
            part.collect()
    for outcome in (outcome for fold in outcomes for outcome in fold):
        outcome.status = "finished" if outcome.status == "training" else outcome.status
    elapsed = time.perf_counter() - began - clock.seconds
    return Trained(outcomes, metric, seen, elapsed, clock.seconds)


def advance(
    parts: Sequence[ChunkTraining],
    number: int,
    patience: int | None,
    precision: Precision,
    pool: ThreadPoolExecutor,
) -> int:
    """Run epoch `number` of every chunk that is still in training; returns the member-samples seen."""

    def one(part: ChunkTraining) -> int:
        with numerics(precision):  # JAX's settings are each thread's own
            return part.advance(number, patience)

    waiting = [part for part in parts if part.training]
    # A chunk of each program that is new compiles it for the others.
    first = {id(part) for part in {part.program: part for part in reversed(waiting) if part.fresh}.values()}
    seen = sum(pool.map(one, [part for part in waiting if id(part) in first]))
    return seen + sum(pool.map(one, [part for part in waiting if id(part) not in first]))


def begin_from(part: ChunkTraining, networks: Sequence[Any] | None) -> None:
    """Give a chunk a state to begin with.

    Args:
        part: the chunk.
        networks: for each member of the population the layers (weight, bias) that it starts from, or None
            where it starts afresh; None: all do.
    """
    part.state = engine.start(part.program, part.members, part.folds)
    if networks is None:
        return
    host = jax.tree.map(np.array, jax.device_get(part.state.networks))
    for place, number in enumerate(part.chunk.places):
        for layer, given in zip(host, networks[number] or (), strict=networks[number] is not None):
            layer.weight[:, place], layer.bias[:, place] = given
    # Two copies: the buffers of a state are handed over to the program.
    present, best = jax.tree.map(jnp.array, host), jax.tree.map(jnp.array, host)
    part.state = part.state._replace(networks=present, best_networks=best)


def _laid_out(
    members: Sequence[Member], outcomes: Sequence[Sequence[Outcome]], stacks: Sequence[Folds], metric: str
) -> list[ChunkTraining]:
    return [
        FilledTraining(chunk, outcomes, folds, metric)
        for folds in stacks
        for chunk in plan_chunks(
            members, folds.data[0].train.inputs.shape[1], folds.data[0].outputs, folds=folds.numbers
        )
    ]


# Sizes that are few ---------------------------------------------------------------------------------------


def filled_size(rows: int) -> int:
    """The size that so many rows are filled up to: 64, or the next quarter of a power of two."""
    if rows > MOST_ROWS_FILLED:
        return rows
    grain = max(FEWEST_ROWS_FILLED, 1 << max(rows.bit_length() - 3, 0))
    return -(-rows // grain) * grain


class FilledTraining(ChunkTraining):
    """A chunk whose epochs have as many steps as data of the filled-up size; the spare ones weigh 0."""

    def __init__(
        self, chunk: Chunk, outcomes: Sequence[Sequence[Outcome]], folds: Folds, metric: str
    ) -> None:
        """Set up the program, with room for the spare steps."""
        super().__init__(chunk, outcomes, folds, metric)
        self.room = max(-(-filled_size(rows) // chunk.cohort.batch_size) for rows in folds.rows)
        if max(folds.rows) <= MOST_ROWS_FILLED:
            self.program = replace(self.program, uneven=True)

    def _schedule(self, number: int, active: np.ndarray) -> Schedule:
        """The steps of epoch `number`, then the spare ones."""
        schedule = super()._schedule(number, active)
        spare = self.room - schedule.step.shape[1]
        if spare <= 0:
            return schedule

        def fill(leaf: Any) -> Any:
            host = np.asarray(leaf)
            return jnp.asarray(np.pad(host, [(0, 0), (0, spare), *[(0, 0)] * (host.ndim - 2)]))

        return Schedule(*map(fill, schedule))


def _stacks(folds: Sequence[Weighted], dtype: Any) -> list[Folds]:
    """Folds grouped by their numbers of features, filled up and put on the device."""
    by_shape: dict[Any, list[int]] = {}
    for number, fold in enumerate(folds):
        by_shape.setdefault((fold.data.train.inputs.shape[1], fold.data.validation is None), []).append(
            number
        )
    return [stacked(numbers, [folds[number] for number in numbers], dtype) for numbers in by_shape.values()]


def stacked(numbers: Sequence[int], folds: Sequence[Weighted], dtype: Any) -> Folds:
    """These folds on the device."""
    parts = [_filled(_on_host(fold, dtype)) for fold in folds]
    data, seeds = [fold.data for fold in folds], [fold.seed for fold in folds]
    return Folds(tuple(numbers), data, seeds, dtype, engine._stacked(parts))


def _on_host(fold: Weighted, dtype: Any) -> DeviceData:
    """One fold's arrays, its validation rows with their weights."""
    held = engine._to_device(fold.data, fold.seed, dtype)
    if fold.judged is None or fold.data.validation is None:
        return held
    weights = held.scored.weights.copy()
    weights[-1, len(weights[-1]) - len(fold.judged) :] = fold.judged / np.mean(fold.judged)
    return held._replace(scored=held.scored._replace(weights=weights))


def _filled(held: DeviceData) -> DeviceData:
    """One fold's arrays filled up with rows of weight 0."""

    def fill(leaf: np.ndarray, axis: int = 0) -> np.ndarray:
        spare = filled_size(leaf.shape[axis]) - leaf.shape[axis]
        return np.pad(leaf, [(0, spare if at == axis else 0) for at in range(leaf.ndim)])

    scored = held.scored
    return DeviceData(
        Part(*map(fill, held.train)),
        scored._replace(
            inputs=fill(scored.inputs), targets=fill(scored.targets), weights=fill(scored.weights, 1)
        ),
        held.target_scale,
    )
