"""What training a population will take, predicted from its shapes before anything is compiled."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from couloir.engine.architectures.mlp import parameter_count
from couloir.engine.population import Chunk, Member, Stage
from couloir.errors import InputError

# Measured on two AVX-512 cores; predictions are for orientation, and are the same on every run.
FLOPS_PER_CORE = 40e9
SECONDS_PER_STEP = 2e-4
COMPILE_SECONDS = 1.1
COMPILE_SECONDS_PER_RULE = 0.2
COPIES = 6
"""Parameter-sized arrays that a member keeps: weights, best weights, gradient, up to three of a rule."""
BRIEF_SECONDS = 0.5
"""A program that is predicted to run no longer in all is compiled fast: what that saves, 0.3 to 2 s, is about
what it can lose at most, and more where the prediction is not reached."""
HASTY_NOISE_SECONDS = 2.5e-8
"""What a number of input noise takes to draw, at most, in a program that is compiled fast: five times as long
as in others."""


def step_flops(widths: Sequence[int]) -> int:
    """Floating-point operations of one member's step, per sample.

    A product of a layer with one sample is 2·inputs·outputs operations. The first layer takes two
    products (forward, gradient of its weights), later ones a third (gradient of their inputs).
    """
    return sum(2 * a * b * (2 if i == 0 else 3) for i, (a, b) in enumerate(pairwise(widths)))


def program_of(chunk: Chunk) -> tuple[Any, ...]:
    """What tells the program of one chunk of a population from another's."""
    cohort = chunk.cohort
    shapes = (cohort.hidden, cohort.batch_size, chunk.layout, len(chunk.folds))
    return (cohort.activation, cohort.loss, cohort.noise > 0, *shapes)


def are_brief(
    chunks: Sequence[Chunk], inputs: int, outputs: int, rows: int, ahead: Sequence[Stage]
) -> list[bool]:
    """For every chunk whether its program will run for a moment only, all chunks that share it together.

    Args:
        chunks: the population as planned.
        inputs, outputs: numbers of prepared features and outputs.
        rows: training rows.
        ahead: how many epochs are ahead for what share of the members.
    """
    epochs = sum(stage.share * stage.epochs for stage in ahead)
    seconds: dict[tuple[Any, ...], float] = {}
    for chunk in chunks:
        widths, batch = chunk.cohort.widths(inputs, outputs), chunk.cohort.batch_size
        own = epochs * epoch_seconds(chunk.trainings, widths, rows, batch)
        if chunk.cohort.noise > 0:  # drawn in each fold, once for all members
            own += epochs * len(chunk.folds) * rows * inputs * HASTY_NOISE_SECONDS
        seconds[program_of(chunk)] = seconds.get(program_of(chunk), 0.0) + own
    return [seconds[program_of(chunk)] <= BRIEF_SECONDS for chunk in chunks]


def compile_seconds(chunk: Chunk) -> float:
    """Predicted time to compile a chunk's program."""
    return COMPILE_SECONDS + COMPILE_SECONDS_PER_RULE * len(chunk.layout)


def epoch_seconds(places: int, widths: Sequence[int], rows: int, batch_size: int) -> float:
    """Predicted time of one epoch of members side by side."""
    rate = FLOPS_PER_CORE * (os.cpu_count() or 1)
    return places * rows * step_flops(widths) / rate + math.ceil(rows / batch_size) * SECONDS_PER_STEP


@dataclass(frozen=True)
class Cost:
    """A prediction: how many, how much memory, how long at most (if no member stops early)."""

    members: int
    cohorts: int
    chunks: int
    memory_bytes: int
    seconds: float


def predict(
    chunks: Sequence[Chunk], members: Sequence[Member], data_bytes: int, rows: int, inputs: int, outputs: int
) -> Cost:
    """The cost of training these chunks to the end of their budgets.

    Args:
        chunks: the population as planned.
        members: the population.
        data_bytes: of the prepared data.
        rows: training rows.
        inputs, outputs: numbers of prepared features and outputs.
    """
    seconds, memory, compiled = 0.0, 2 * data_bytes, set()
    for chunk in chunks:
        widths = chunk.cohort.widths(inputs, outputs)
        places, batch = chunk.trainings, chunk.cohort.batch_size
        epochs = max(members[number].epochs for number in chunk.places)
        seconds += epochs * epoch_seconds(places, widths, rows, batch)
        memory += 4 * places * (COPIES * parameter_count(widths) + 3 * batch * sum(widths[1:]))
        if program_of(chunk) not in compiled:
            compiled.add(program_of(chunk))
            seconds += compile_seconds(chunk)
    return Cost(
        sum(not inert for chunk in chunks for inert in chunk.inert for _ in chunk.folds),
        len({chunk.cohort for chunk in chunks}),
        len(chunks),
        memory,
        seconds,
    )


def check_memory(cost: Cost) -> None:
    """Raise an InputError before allocating more than the machine has."""
    try:
        available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):  # not every system tells
        return
    if cost.memory_bytes > 0.9 * available:
        raise InputError(
            f"This population of {cost.members} needs about {cost.memory_bytes / 2**30:.1f} GiB and the "
            f"machine has {available / 2**30:.1f}: train fewer at a time (--members, --restarts, "
            "--generation, --replicates), or smaller ones (--hidden)."
        )
