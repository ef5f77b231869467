"""Rows a tile at a time, by several threads: what is worked on fits the processor's cache, and memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from couloir.engine.machine import usable_cores

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

TILE = 2**19
"""Cells of a tile, about."""

FEWEST = 512
"""Rows of a tile at least: with fewer, products are slow."""

_turn = threading.Lock()


def in_tiles(answer: Callable[[Any], np.ndarray], rows: Any, widest: int = 1) -> np.ndarray:
    """What a function of rows answers; where there are many rows, it is asked for some of them at a time.

    Args:
        answer: gives an array whose first axis is that of the rows; each row's answer is its own. Several
            threads call it at a time.
        rows: an array or a frame.
        widest: cells that a row becomes on the way, where these are more than its own.
    """
    count, width = len(rows), max(int(np.prod(rows.shape[1:])), widest)
    with _one_thread():
        if count * width <= TILE or count <= FEWEST:
            return answer(rows)
        cores = usable_cores()
        size = max(min(TILE // width, -(-count // cores)), FEWEST)
        tiles = [rows[start : start + size] for start in range(0, count, size)]
        # glibc gives memory back to the system when more is free than twice the largest array that ever was,
        # and to get it again, page by page, takes longer than the products. So a large array comes and goes.
        np.empty(4 * TILE)
        with ThreadPoolExecutor(cores) as pool:
            return np.concatenate(list(pool.map(answer, tiles)))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Products by one thread each: threads share out tiles, and of a small product they spare nothing.

    The linear algebra library has one number of threads for the whole process. So it is set by the first of
    several predictions only, which also puts it back; where that ends first, the others are slower at most.
    """
    if not _turn.acquire(blocking=False):
        yield
        return
    try:
        with _libraries().limit(limits=1):
            yield
    finally:
        _turn.release()


@cache
def _libraries() -> ThreadpoolController:
    """The linear algebra libraries of this process; to find them takes some milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
