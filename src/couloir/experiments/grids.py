"""Grids of guesses: the same number on every axis, and how soon there are too many of them.

Source: Bellman 1957 (the curse of dimensionality).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext

import numpy as np

from couloir.errors import check_whole

ATOMS = 80
"""Power of ten of the number of atoms in the observable universe, about."""

EXACT_DIGITS = 15
"""Numbers of at most so many digits are written in full, larger ones as a power of ten."""


@dataclass(frozen=True)
class GridSize:
    """How many guesses a grid takes.

    Attributes:
        parameters: N, the number of axes.
        segments: g, into how many parts each axis is cut.
        logarithm: log₁₀ g^N.
        text: g^N in plain characters: "1,000", "10^11935", "3.27×10^150".
    """

    parameters: int
    segments: int
    logarithm: float
    text: str


def dimension_counter(parameters: int, segments: int = 10) -> GridSize:
    """g^N, the points of a grid with g segments on each of N axes, however many digits it has.

    Raises:
        InputError: fewer than one axis or segment.
    """
    check_whole("number of parameters", parameters)
    check_whole("number of segments", segments)
    parameters, segments = int(parameters), int(segments)
    with localcontext() as context:
        context.prec = 30  # log10 g^N loses as many digits as N has, and three of the mantissa are shown
        logarithm = Decimal(segments).log10() * parameters
        exponent = int(logarithm)
        mantissa = Decimal(10) ** (logarithm - exponent)
    if logarithm < EXACT_DIGITS:
        text = f"{segments**parameters:,}"
    else:
        shown = f"{mantissa:.2f}"
        if shown == "10.00":
            shown, exponent = "1.00", exponent + 1
        text = f"10^{exponent}" if mantissa == 1 else f"{shown}×10^{exponent}"
    return GridSize(parameters, segments, float(logarithm), text)


def grid_points(dimensions: int, segments: int) -> np.ndarray:
    """The grid itself in the unit cube: the middles of its cells, [segments^dimensions, dimensions]."""
    middles = (np.arange(segments) + 0.5) / segments
    axes = np.meshgrid(*[middles] * dimensions, indexing="ij")
    return np.stack([axis.ravel() for axis in axes], axis=1)
