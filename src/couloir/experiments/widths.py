"""Final training losses of many seeds against width: with enough hidden units most minima are good enough.

The rows are answers of a small network, the teacher, without noise. A student at least as wide could give
exactly its answers, so the least loss is known, 0, and whatever a student ends with is where it got stuck.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from couloir.engine import seeds
from couloir.engine.epochs import Part, TrainingData
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.engine.training import train_population
from couloir.errors import InputError
from couloir.model.forward import signals

GOOD = 0.01
"""A final loss below this share of the target's variance counts as good."""


@dataclass(frozen=True)
class WidthLosses:
    """Final training losses of students of several widths.

    Attributes:
        teacher: hidden units of the network that made the rows.
        widths: hidden units of the students, [width], rising.
        losses: mean squared error over all rows after the last epoch, in units of the target's variance,
            [width, seed]; NaN where a student diverged.
        good: what counts as a good loss.
        epochs: how long they were trained.
    """

    teacher: int
    widths: np.ndarray
    losses: np.ndarray
    good: float
    epochs: int

    @property
    def medians(self) -> np.ndarray:
        """The median loss of each width, [width]."""
        return np.nanmedian(self.losses, axis=1)

    @property
    def shares(self) -> np.ndarray:
        """The share of seeds of each width that end below `good`, [width]; a diverged one does not."""
        return np.mean(self.losses < self.good, axis=1)


def teacher_rows(units: int, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [row, 2], standard normal, and a tanh teacher's answers [row, 1], of variance 1.

    The teacher's hidden units point in evenly spaced directions, with steep slopes and alternating signs,
    so that none of them can be done without.
    """
    random = seeds.generator(seeds.EXAMPLES, seed, units, rows)
    inputs = random.standard_normal((rows, 2))
    angles = np.pi * np.arange(units) / units
    directions = 3 * np.stack([np.cos(angles), np.sin(angles)])
    offsets = random.uniform(-2, 2, units)
    values = np.tanh(inputs @ directions + offsets) @ (-1.0) ** np.arange(units)
    return inputs, ((values - values.mean()) / values.std())[:, None]


def losses_of_widths(
    widths: Sequence[int] = (2, 5, 10, 20, 40),
    seeds: int = 100,
    *,
    teacher: int = 5,
    rows: int = 128,
    epochs: int = 250,
    learning_rate: float = 0.03,
    batch_size: int = 16,
    seed: int = 0,
) -> WidthLosses:
    """Train students of every width from many initial weights, and keep their final training losses.

    Students are tanh networks with one hidden layer, trained by Adam on the mean squared error, the rate
    falling by a half cosine; all seeds of a width are one program.

    Args:
        widths: hidden units of the students.
        seeds: initial weights of each width.
        teacher: hidden units of the network that makes the rows; a student as wide can reach loss 0.
        rows: how many training rows.
        epochs, learning_rate, batch_size: how the students are trained.
        seed: the run seed: rows and batch order, and with a student's number its weights.

    Raises:
        InputError: no width, or no seed.
    """
    if not widths or min(widths) < 1 or seeds < 1 or teacher < 1:
        raise InputError(
            "Widths, seeds and the teacher's units have to be 1 or more: give at least one width."
        )
    ordered = sorted(set(widths))
    student = Member(RULES["adam"], learning_rate, activation="tanh", loss="mse", schedule="cosine")
    student = replace(student, batch_size=min(batch_size, rows), epochs=epochs)
    members = [replace(student, hidden=(width,), restart=n) for width in ordered for n in range(seeds)]
    inputs, targets = teacher_rows(teacher, rows, seed)
    data = TrainingData("regression", 1, Part(inputs, targets), None)
    trained = train_population(members, data, seed=seed, patience=None)
    losses = [
        np.nan
        if outcome.status == "diverged"
        else np.mean((targets - signals(outcome.network, inputs, "tanh")[-1]) ** 2)
        for outcome in trained.outcomes
    ]
    return WidthLosses(teacher, np.array(ordered), np.reshape(losses, (len(ordered), seeds)), GOOD, epochs)
