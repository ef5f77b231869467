"""Rows in blocks and tiles, so that a row gets the same answer alone and in any batch, and many get it soon.

A matrix product does not promise so: a library takes another path, and adds in another order, for one row
than for many. Hence no product here has a shape that depends on the number of rows: there are large blocks,
middle ones and small ones, the last filled up with zeros, for the rows that are left over or alone. Which of
them add in the same order is tried out once for each shape of a layer. (Which order it is hangs on the shapes
alone, so that a trial with random numbers tells.) A network has the fewest rows in its small blocks with
which nearly all of its work may be done in larger ones; a layer that may not have these gets them cut.

Within a block the rows lie side by side: a signal is [block, feature, row]. So a product has rows, of which
there is always a round number, where libraries want one, and biases, activations and the softmax run along
many rows instead of few features.

Each product is done by one thread; the threads of a large batch share out its tiles instead.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, takewhile
from typing import Any

import numpy as np

LARGE = 512
"""Rows of a block where there are many: enough for full speed."""

MIDDLE = 64
"""Rows of a block where there are fewer."""

SMALL = (4, 8, 16)
"""Rows of a block that may do for the rest, the fewest first."""

NEGLIGIBLE = 1 / 32
"""The share of a network's work that may be done in small blocks only, for fewer rows in these."""

TILE = 2**19
"""Cells that are worked on at a time, about: they and what is made of them stay in the processor's cache."""

TILE_ROWS = 4096
"""Rows that are worked on at a time at least, where these are no more cells than four tiles have."""


@dataclass(frozen=True)
class Shape:
    """A product: a weight [output, input] with a block of rows.

    Attributes:
        outputs, inputs: of the weight.
        by_row: whether a row's inputs lie side by side, as in the raw rows that a first layer gets, instead
            of each input's rows.
    """

    outputs: int
    inputs: int
    by_row: bool


@dataclass(frozen=True)
class Blocks:
    """How the rows of a network are cut.

    Attributes:
        small: rows of the smallest block.
        largest: rows of the largest block of each layer, first to last: never more than the one before has.
    """

    small: int
    largest: tuple[int, ...]

    @classmethod
    def of(cls, shapes: Sequence[Shape]) -> Blocks:
        """The blocks of a network with products of these shapes, first to last."""
        works = [shape.outputs * shape.inputs for shape in shapes]
        slowed = {}
        for small in SMALL:
            largest = [_largest(shape, small) for shape in shapes]
            slowed[small] = sum(work for work, rows in zip(works, largest, strict=True) if rows == small)
            if slowed[small] <= NEGLIGIBLE * sum(works):
                break
        small = min(slowed, key=lambda rows: slowed[rows])
        return cls(small, tuple(accumulate((_largest(shape, small) for shape in shapes), min)))

    def cut(self, inputs: np.ndarray) -> list[np.ndarray]:
        """Rows [sample, feature] as blocks [block, feature, row] in float64, filled up with rows of zeros.

        Returns:
            an array of large blocks, one of middle and one of small ones, without those that hold no row.
        """
        large, middle = (len(inputs) // rows * rows for rows in (LARGE, MIDDLE))
        parts = [(inputs[:large], LARGE), (inputs[large:middle], MIDDLE), (inputs[middle:], self.small)]
        return [_filled(rows, block) for rows, block in parts if len(rows)]

    def for_layer(self, number: int, signal: np.ndarray) -> np.ndarray:
        """The blocks [..., feature, row] that a layer takes, of those [block, feature, row] it is given."""
        block, (count, features, rows) = self.largest[number], signal.shape
        if rows <= block:
            return signal
        return np.moveaxis(signal.reshape(count, features, rows // block, block), -2, -3)


@cache
def _largest(shape: Shape, small: int) -> int:
    """The rows of the largest block that gives what a small one gives, wherever in it a row stands."""
    random = np.random.default_rng(0)
    signal = random.normal(size=(LARGE, shape.inputs))
    weight = random.normal(size=(shape.outputs, shape.inputs))

    def multiplied(rows: int, signal: np.ndarray) -> np.ndarray:
        blocks = signal.reshape(-1, rows, shape.inputs).swapaxes(1, 2)
        products = np.matmul(weight, blocks if shape.by_row else np.ascontiguousarray(blocks))
        return products.swapaxes(1, 2).reshape(LARGE, -1)

    first, shifted = (multiplied(small, np.roll(signal, shift, axis=0)) for shift in (0, 1))
    if not np.array_equal(np.roll(first, 1, axis=0), shifted):
        return small
    # What a large block gives counts only where middle ones give it too: there are rows for either.
    agreeing = takewhile(lambda rows: np.array_equal(multiplied(rows, signal), first), (MIDDLE, LARGE))
    return max(agreeing, default=small)


def _filled(inputs: np.ndarray, block: int) -> np.ndarray:
    """Blocks of so many rows [block, feature, row], filled up with rows of zeros."""
    rows, width = inputs.shape
    if rows % block == 0:
        filled = np.ascontiguousarray(inputs, np.float64)
    else:
        filled = np.zeros((-(-rows // block) * block, width))
        filled[:rows] = inputs
    return filled.reshape(-1, block, width).swapaxes(1, 2)


def in_tiles(answer: Callable[[Any], np.ndarray], rows: Any, widest: int = 1) -> np.ndarray:
    """What a function of rows answers, asked for some of the rows at a time, by several threads.

    Args:
        answer: gives an array whose first axis is that of the rows; each row's answer is its own.
        rows: an array or a frame.
        widest: cells that a row becomes on the way, where these are more than its own.
    """
    count, width = len(rows), max(int(np.prod(rows.shape[1:])), widest)
    if count * width <= TILE or count <= LARGE:
        return answer(rows)
    most = min(max(TILE // width, TILE_ROWS), 4 * TILE // width)
    share = -(-count // (_cores() * LARGE))
    tile = max(min(most // LARGE, share), 1) * LARGE
    tiles = [rows[start : start + tile] for start in range(0, count, tile)]
    # glibc gives memory back to the system when more is free than twice the largest array that ever was, and
    # to be given it again, page by page, took longer than all products. So one large array comes and goes.
    np.empty(4 * TILE)
    with one_thread(), ThreadPoolExecutor(min(_cores(), len(tiles))) as pool:
        return np.concatenate(list(pool.map(answer, tiles)))


class _Limit:
    """How many are inside `one_thread`, and the libraries' numbers of threads before the first of them."""

    lock = threading.Lock()
    inside = 0
    before: tuple[int, ...] = ()


@contextmanager
def one_thread() -> Iterator[None]:
    """Products by one thread each: to share out one so small costs more than it spares.

    The libraries have one number of threads for the whole process: it is set when the first of several
    predictions begins, and put back when the last one ends. (threadpoolctl's own limits, when two threads
    set them at a time, may not be put back.)
    """
    with _Limit.lock:
        if _Limit.inside == 0:
            _Limit.before = tuple(library.num_threads for library in _libraries())
            _set_threads((1,) * len(_Limit.before))
        _Limit.inside += 1
    try:
        yield
    finally:
        with _Limit.lock:
            _Limit.inside -= 1
            if _Limit.inside == 0:
                _set_threads(_Limit.before)


def _set_threads(numbers: tuple[int, ...]) -> None:
    """Set each library's number of threads."""
    for library, number in zip(_libraries(), numbers, strict=True):
        # From version 3.7 on, `set_num_threads` does nothing in any thread but the first that called it.
        getattr(library, "_real_set_num_threads", library.set_num_threads)(number)


@cache
def _libraries() -> tuple[Any, ...]:
    """The linear algebra libraries of this process; to find them takes a millisecond."""
    from threadpoolctl import ThreadpoolController

    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)


def _cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
