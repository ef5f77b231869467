"""The book: how neural networks are trained, with 33 figures that are computed when it is built.

`build` writes the whole site. `figure(17)` computes one figure alone, for a notebook, and `lines(17)` gives
the lines of Python that make it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from couloir.book.building import Progress
    from couloir.figures.chart import Chart

__all__ = ["build", "figure", "lines"]


def build(
    out: str | os.PathLike[str],
    sections: Sequence[int] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Build the book and return the path of its cover; see `couloir.book.building.build`."""
    from couloir.book import building

    return building.build(out, sections, progress)


def figure(number: int) -> tuple[Chart, ...]:
    """Compute one figure of the book: its drawings, of which most have one.

    Raises:
        InputError: there is no figure of that number.
    """
    from couloir.book.computing import compute
    from couloir.book.entries import entry

    return compute(entry(number)).charts


def lines(number: int) -> str:
    """The lines of Python that make a figure.

    Raises:
        InputError: there is no figure of that number.
    """
    from couloir.book.entries import entry

    return entry(number).code
