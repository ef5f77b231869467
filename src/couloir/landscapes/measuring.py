"""What a loss is measured on: rows in blocks, and sums over all of them, a call at a time in every thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from couloir.engine.architectures.architecture import Architecture
from couloir.engine.losses import LOSSES
from couloir.engine.machine import Machine
from couloir.engine.training import Precision, numerics

ROWS_AT_ONCE = 256
"""Rows in a block."""

BLOCKS_AT_ONCE = 8
"""Blocks in one call of the compiled program: progress is reported, and threads share, call by call."""

OnProgress = Callable[[int, int], None]
"""Told how many calls are done, and of how many."""


@dataclass(frozen=True)
class Measure:
    """What the loss is measured on, and how.

    Attributes:
        inputs: prepared rows [sample, feature].
        targets: class numbers [sample], or standardised values [sample, output].
        design: the network's architecture.
        loss: a name in `couloir.engine.losses.LOSSES`; it is averaged over the rows, without penalties.
        scale: what the mean is multiplied by: for squared errors in target units, the square of what one
            standardised unit is.
        precision: that the network is evaluated in.
    """

    inputs: np.ndarray
    targets: np.ndarray
    design: Architecture
    loss: str
    scale: float = 1.0
    precision: Precision = "float32"

    @property
    def classes(self) -> bool:
        """Whether the targets are class numbers, so that there is an accuracy."""
        return LOSSES[self.loss].task == "classification"


class RowBlocks(NamedTuple):
    """Some blocks of rows: inputs [block, row, feature], targets [block, row, …], weights [block, row].

    A weight is 1, and 0 for what only fills a block up.
    """

    inputs: Any
    targets: Any
    weights: Any


def in_blocks(inputs: np.ndarray, targets: np.ndarray, blocks: int, size: int) -> RowBlocks:
    """Rows in so many blocks of one size, the last ones filled up with zeros."""

    def cut(values: np.ndarray) -> np.ndarray:
        filled = np.zeros((blocks * size, *values.shape[1:]), values.dtype)
        filled[: len(values)] = values
        return filled.reshape(blocks, size, *values.shape[1:])

    return RowBlocks(cut(inputs), cut(targets), cut(np.ones(len(inputs), inputs.dtype)))


def in_calls(measure: Measure) -> list[RowBlocks]:
    """All rows, in calls of equally many blocks; few rows are a single block."""
    count = len(measure.inputs)
    size = min(count, ROWS_AT_ONCE)
    blocks = -(-count // size)
    calls = -(-blocks // BLOCKS_AT_ONCE)
    each = -(-blocks // calls)
    inputs = np.asarray(measure.inputs, measure.precision)
    targets = np.asarray(measure.targets, np.int32 if measure.classes else measure.precision)
    whole = in_blocks(inputs, targets, calls * each, size)
    return [RowBlocks(*leaves) for leaves in zip(*(np.split(leaf, calls) for leaf in whole), strict=True)]


def summed(
    sums: Callable[[RowBlocks], np.ndarray],
    calls: Sequence[RowBlocks],
    precision: Precision,
    on_progress: OnProgress | None = None,
) -> np.ndarray:
    """What is summed over the rows of each call, added up in double precision and in their order.

    Args:
        sums: for a call's rows; runs a compiled program.
        calls: from `in_calls`; as many run at a time as there are workers.
        precision: that the program computes in.
        on_progress: told of every call that is done.
    """

    def of_call(rows: RowBlocks) -> np.ndarray:
        with numerics(precision):  # JAX's settings are each thread's own
            return sums(rows)

    total: Any = 0.0
    with ThreadPoolExecutor(Machine.here().workers) as pool:
        first = of_call(calls[0])  # compiles the program for the others
        for done, found in enumerate((first, *pool.map(of_call, calls[1:])), start=1):
            total = total + found
            if on_progress is not None:
                on_progress(done, len(calls))
    return np.asarray(total)
