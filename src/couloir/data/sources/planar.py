"""Made-up data sets in the plane: two coordinates, and a class or a value to predict.

Small enough to be drawn whole, and each hard in a way of its own: moons and circles cannot be parted by a
straight line, a spiral needs several neurons, XOR none of its coordinates alone can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import polars as pl

from couloir.data.dataset import Dataset, Task
from couloir.data.loading import load
from couloir.engine import seeds
from couloir.errors import InputError, unknown

MOST_ROWS = 1_000_000
CLASSES = ("A", "B", "C")


Drawn = tuple[np.ndarray, np.ndarray]
"""Rows without noise: positions [row, 2], and class numbers or values [row]."""


class Planar(NamedTuple):
    """A set: what is to be predicted, a line about it, and its rows for a number of them and a generator."""

    task: Task
    about: str
    draw: Callable[[int, np.random.Generator], Drawn]


def _round(angle: np.ndarray, radius: np.ndarray | float = 1.0) -> np.ndarray:
    """Positions [row, 2] at angles and distances from the origin."""
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def _moons(rows: int, generator: np.random.Generator) -> Drawn:
    classes = np.arange(rows) % 2
    half = _round(np.pi * generator.uniform(size=rows))
    upper, lower = half - [0.5, 0.25], [0.5, 0.25] - half
    return np.where(classes[:, None] == 0, upper, lower), classes


def _circles(rows: int, generator: np.random.Generator) -> Drawn:
    classes = np.arange(rows) % 2
    angle = 2 * np.pi * generator.uniform(size=rows)
    return _round(angle, np.where(classes == 0, 0.4, 1.0)), classes


def _spirals(rows: int, generator: np.random.Generator) -> Drawn:
    classes = np.arange(rows) % 2
    along = np.sqrt(generator.uniform(size=rows))  # as many points to each length of the arm
    return _round(3.5 * np.pi * along + np.pi * classes, 0.08 + 1.1 * along), classes


def _xor(rows: int, generator: np.random.Generator) -> Drawn:
    classes = np.arange(rows) % 2
    size = generator.uniform(0.12, 1, (rows, 2))
    first = generator.choice([-1.0, 1.0], rows)
    second = np.where(classes == 0, first, -first)
    return size * np.column_stack([first, second]), classes


def _gaussians(rows: int, generator: np.random.Generator) -> Drawn:
    classes = np.arange(rows) % 3
    centres = _round(2 * np.pi * (np.arange(3) / 3 + 0.25), 0.75)
    return centres[classes] + 0.12 * generator.standard_normal((rows, 2)), classes


def _plane(rows: int, generator: np.random.Generator) -> Drawn:
    positions = generator.uniform(-1, 1, (rows, 2))
    return positions, positions @ [0.7, 0.4]


def _hills(rows: int, generator: np.random.Generator) -> Drawn:
    positions = generator.uniform(-1, 1, (rows, 2))
    middles = [0.45, 0.4], [-0.4, -0.45]
    hill, hollow = (np.exp(-np.sum((positions - at) ** 2, axis=1) / 0.18) for at in middles)
    return positions, hill - hollow


PLANAR: Mapping[str, Planar] = MappingProxyType(
    {
        "moons": Planar("classification", "two half circles that reach into one another", _moons),
        "circles": Planar("classification", "a ring around a smaller one", _circles),
        "spirals": Planar("classification", "two arms, wound around one another", _spirals),
        "xor": Planar("classification", "opposite quarters belong together", _xor),
        "gaussians": Planar("classification", "three clouds", _gaussians),
        "plane": Planar("regression", "a value that rises evenly", _plane),
        "hills": Planar("regression", "a hill and a hollow", _hills),
    }
)
"""The sets by name; the figures reach about 1 from the origin."""


def planar(name: str, rows: int = 400, noise: float = 0.15, seed: int = 0) -> Dataset:
    """A set of the plane: columns x and y, and a target "class" or "value".

    Args:
        name: in `PLANAR`.
        rows: how many; the classes' numbers differ by at most one.
        noise: standard deviation of the normal noise that is added: to positions where classes are to be
            predicted, and to the value where that is.
        seed: of all draws. What the noise is scaled by does not depend on its size.

    Raises:
        InputError: there is no such set, fewer than 10 rows or far too many, or the noise is below 0.
    """
    if name not in PLANAR:
        raise unknown("data set of the plane", name, PLANAR)
    if not 10 <= rows <= MOST_ROWS:
        raise InputError(f"A data set of {rows} rows cannot be drawn: give 10 to {MOST_ROWS:,}.")
    if not (np.isfinite(noise) and noise >= 0):
        raise InputError(f"The noise {noise} cannot be used: give a number of at least 0.")
    own = PLANAR[name]
    generator = seeds.generator(seeds.PLANAR, seed, *name.encode())
    positions, targets = own.draw(rows, generator)
    if own.task == "classification":
        positions = positions + noise * generator.standard_normal(positions.shape)
        columns = {"class": np.array(CLASSES)[targets]}
    else:
        columns = {"value": targets + noise * generator.standard_normal(rows)}
    frame = pl.DataFrame({"x": positions[:, 0], "y": positions[:, 1], **columns})
    return load(frame, target=next(iter(columns)), task=own.task, name=name)
