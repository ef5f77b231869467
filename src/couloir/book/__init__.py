"""The book: how neural networks are trained, with 33 figures that are computed when it is built.

`build` writes the whole site. `figure(17)` computes one figure alone, for a notebook, and `lines(17)` gives
the lines of Python that make it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from couloir.book.building import build
from couloir.book.computing import compute
from couloir.book.entries import entry

if TYPE_CHECKING:
    from couloir.figures.chart import Chart

__all__ = ["build", "figure", "lines"]


def figure(number: int) -> tuple[Chart, ...]:
    """Compute one figure of the book: its drawings, of which most have one.

    Raises:
        InputError: there is no figure of that number.
    """
    return compute(entry(number)).charts


def lines(number: int) -> str:
    """The lines of Python that make a figure.

    Raises:
        InputError: there is no figure of that number.
    """
    return entry(number).code
