"""Matrix products in blocks of rows, so that a row gets the same answer alone and in any batch.

A matrix product does not promise so: a library takes another path, and adds in another order, for one row
than for many. Hence no product here has a shape that depends on the number of rows: there are blocks of 256
rows, and small ones, the last filled up with zeros, for the rows that are left over or alone. How small they
may be is tried out once for each shape: the fewest rows with which the library adds in the same order as
with 256. (Which order it is hangs on the shapes alone, so that a trial with random numbers tells.) Where it
never does, all blocks have 32 rows.

Each product is done by one thread; the threads of a large batch share out its rows instead.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

LARGE = 256
"""Rows of one matrix product where there are many: enough for full speed."""

SMALL = (4, 8, 16)
"""Rows of one matrix product that may do where there are few, the fewest first."""

MIDDLE = 32
"""Rows of every matrix product where none of the small blocks gives what the large one gives."""

FEW_OUTPUTS = 3
"""Up to so many outputs, a product is made of one for each."""

TILE = 2**19
"""Cells that are worked on at a time, about: they and what is made of them stay in the processor's cache."""


def multiplied(signal: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Rows [..., row, input] times a weight [input, output]: [..., row, output].

    Few outputs are computed one after another, which takes the library half as long.
    """
    outputs = weight.shape[1]
    if not 1 < outputs <= FEW_OUTPUTS:
        return np.matmul(signal, weight)
    sums = np.empty((*signal.shape[:-1], outputs))
    for each in range(outputs):
        np.matmul(signal, weight[:, each], out=sums[..., each])
    return sums


def small_block(shapes: Sequence[tuple[int, ...]]) -> int | None:
    """The fewest rows that give, with weights of these shapes [input, output], what 256 give, or None."""
    return next((rows for rows in SMALL if all(_agrees(*shape, rows) for shape in shapes)), None)


@cache
def _agrees(inputs: int, outputs: int, rows: int) -> bool:
    """Whether blocks of so many rows give what one of 256 gives, wherever in its block a row stands."""
    random = np.random.default_rng(0)
    signal, weight = random.normal(size=(LARGE, inputs)), random.normal(size=(inputs, outputs))
    large = multiplied(signal, weight)
    shifted = np.roll(signal, 1, axis=0)
    return all(
        np.array_equal(multiplied(given.reshape(-1, rows, inputs), weight).reshape(LARGE, -1), expected)
        for given, expected in ((signal, large), (shifted, np.roll(large, 1, axis=0)))
    )


def in_blocks(inputs: np.ndarray, small: int | None) -> list[np.ndarray]:
    """Rows [sample, feature] as blocks [block, row, feature] in float64, filled up with rows of zeros.

    Args:
        inputs: the rows.
        small: what `small_block` found.

    Returns:
        one array of blocks of 256 rows and one of small blocks, of which one may be lacking; or one of
        blocks of 32 rows.
    """
    many = 0 if small is None else len(inputs) // LARGE * LARGE
    parts = [(inputs[:many], LARGE), (inputs[many:], small or MIDDLE)]
    return [_filled(rows, block) for rows, block in parts if len(rows)]


def _filled(inputs: np.ndarray, block: int) -> np.ndarray:
    """Blocks of so many rows, filled up with rows of zeros."""
    rows, width = inputs.shape
    if rows % block == 0:
        return np.ascontiguousarray(inputs, np.float64).reshape(-1, block, width)
    filled = np.zeros((-(-rows // block) * block, width))
    filled[:rows] = inputs
    return filled.reshape(-1, block, width)


def in_tiles(answer: Callable[[Any], np.ndarray], rows: Any, widest: int = 1) -> np.ndarray:
    """What a function of rows answers, asked for some of the rows at a time, by several threads.

    Args:
        answer: gives an array whose first axis is that of the rows; each row's answer is its own.
        rows: an array or a frame.
        widest: cells that a row becomes on the way, where these are more than its own.
    """
    count, width = len(rows), max(int(np.prod(rows.shape[1:])), widest)
    tile = max(TILE // width // LARGE, 1) * LARGE
    if count <= tile:
        return answer(rows)
    tiles = [rows[start : start + tile] for start in range(0, count, tile)]
    # glibc gives memory back to the system when more is free than twice the largest array that ever was, and
    # to be given it again, page by page, took longer than all products. So one large array comes and goes.
    np.empty(4 * TILE)
    with one_thread():
        first = answer(tiles[0])  # in this thread: what is kept for later is made once
        with ThreadPoolExecutor(min(_cores(), len(tiles) - 1)) as pool:
            return np.concatenate([first, *pool.map(answer, tiles[1:])])


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
