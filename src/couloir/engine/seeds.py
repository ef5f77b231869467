"""Every stream of random numbers by name: what is drawn, and from which seed.

Two seeds make a run repeatable: the run seed sets split, batches and noise, the member seed (restart) sets
initial weights and dropout with it. A stream is a seed and a salt that sets it apart from the others; draws
on the host come from `generator`, draws on the device from keys that `couloir.engine.randomness` folds from
the same names. A draw never depends on where a member stands, or on who trains beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Stream:
    """A purpose that random numbers are drawn for.

    Attributes:
        salt: sets its draws apart; whole numbers that are part of the entropy.
        drawn: what is drawn, and what numbers besides the seed it is drawn from.
    """

    salt: tuple[int, ...]
    drawn: str


# On the host ----------------------------------------------------------------------------------------------

BATCHES = Stream((), "the order of the training rows in an epoch: its number, from 1")
SCORED_SAMPLE = Stream((0,), "the training rows that the training curves come from")
INITIAL = Stream((0x1417,), "initial weights: the restart, then the layer")
PARTS = Stream((0x5B117,), "training, validation and test rows")
FOLDS = Stream((0xF01D5,), "folds")
INNER = Stream((0x1E4,), "the rows that a fold's members are stopped by: the fold, from 1")
REPLICATE = Stream((0x4E911CA,), "a replicate's division of the rows that are not the test part")
HELD_BACK = Stream((0xE57,), "the rows that an estimator's `fit` holds back to choose by")
BOOTSTRAP = Stream((0xB007,), "resamples of the test rows, for intervals")
SHUFFLES = Stream((0x1EAF,), "shuffled columns, for permutation importance")
PLANAR = Stream((0x91A4E,), "data sets of the plane: the bytes of the name")
DIRECTIONS = Stream((0x51AE,), "random directions through a network's parameters")
LANCZOS = Stream((0x1A9C,), "the vector that the search for sharp directions begins with")
MEASURED = Stream((0x5A3B,), "the rows that a landscape is measured on")
CHECKED = Stream((0x67C,), "the rows that gradients are checked on")
BLOCKS = Stream((), "rows or groups dealt out to blocks")
BAGS = Stream((), "the bags of candidates that an average is chosen in")
EXAMPLES = Stream((), "the made-up rows of an experiment: what they are made with")
EXPERIMENT = Stream((), "what an experiment draws besides: batches, starts, the weights that are nudged")
SHOWN = Stream((), "the rows of a table that the studio's network room shows")
TRIALS = Stream((), "what a search asks for: the generation")


def entropy(stream: Stream, seed: int, *further: int) -> tuple[int, ...]:
    """The whole numbers that a stream's draws depend on."""
    return (seed, *stream.salt, *further)


def generator(stream: Stream, seed: int, *further: int) -> np.random.Generator:
    """NumPy's generator of a stream.

    Args:
        stream: what is drawn.
        seed: the run seed.
        further: what else the draw depends on, as the stream says.
    """
    return np.random.default_rng(entropy(stream, seed, *further))


def state(stream: Stream, seed: int, *further: int) -> int:
    """A 32-bit seed for a library's own generator."""
    return int(np.random.SeedSequence(entropy(stream, seed, *further)).generate_state(1)[0])


# On the device: numbers that keys are folded with ---------------------------------------------------------

MEMBERS, NOISE = 0, 1
"""From the run seed's key: of the members, each by its restart; of the input noise, step by step."""

DROPOUT = 1
"""From a member's key: of its dropout, step by step, and there layer by layer."""
