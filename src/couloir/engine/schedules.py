"""Learning-rate schedules: what a member's learning rate is multiplied by at each step.

A schedule maps the progress of training, p = step/steps in [0, 1), to a factor. Factors are computed
here as plain tables that the compiled program reads, so that all schedules are one program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

Schedule = Callable[[np.ndarray], np.ndarray]
"""Progress p = step/steps in [0, 1), [step], to factors on the learning rate [step]."""


def constant(progress: np.ndarray) -> np.ndarray:
    """Factor 1 throughout."""
    return np.ones_like(progress)


def step(progress: np.ndarray) -> np.ndarray:
    """Ten times less after each third of the training: 10^(−⌊3p⌋)."""
    return 10.0 ** -np.floor(3 * progress)


def exponential(progress: np.ndarray) -> np.ndarray:
    """Evenly by the factor of a hundred over the training: 100^(−p)."""
    return 100.0**-progress


def inverse_time(progress: np.ndarray) -> np.ndarray:
    """1 / (1 + 9p): a tenth at the end (Robbins & Monro 1951: sums that diverge, squares that do not)."""
    return 1 / (1 + 9 * progress)


def linear(progress: np.ndarray) -> np.ndarray:
    """1 − p: straight down to nothing."""
    return 1 - progress


def cosine(progress: np.ndarray) -> np.ndarray:
    """½ (1 + cos πp) (Loshchilov & Hutter 2017)."""
    return 0.5 * (1 + np.cos(np.pi * progress))


def one_cycle(progress: np.ndarray) -> np.ndarray:
    """From 1/25 up to 1 by a half cosine over the first 30 %, then down to 1/10,000 (Smith 2018).

    Only the learning rate cycles; momentum stays as it is.
    """
    peak, low, end = 0.3, 1 / 25, 1e-4
    rise = 0.5 * (1 - np.cos(np.pi * progress / peak))
    fall = 0.5 * (1 + np.cos(np.pi * (progress - peak) / (1 - peak)))
    return np.where(progress < peak, low + (1 - low) * rise, end + (1 - end) * fall)


def coslog4(progress: np.ndarray) -> np.ndarray:
    """½ (1 − cos(2π log₂(1 + 15p))): four waves from 0 up to 1 and back, each twice as long as the last.

    They end at p = 1/15, 3/15, 7/15 and 1 (Holzmüller et al. 2024). The first step's factor is 0.
    """
    return 0.5 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * progress)))


def flat_cosine(progress: np.ndarray) -> np.ndarray:
    """½ (1 + cos(π (max(1, 2p) − 1))): 1 for the first half, then half a cosine wave down to nothing.

    (Holzmüller et al. 2024, for the strength of regularisation.)
    """
    return 0.5 * (1 + np.cos(np.pi * (np.maximum(1, 2 * progress) - 1)))


SCHEDULES: Mapping[str, Schedule] = MappingProxyType(
    {
        "constant": constant,
        "step": step,
        "exponential": exponential,
        "inverse_time": inverse_time,
        "linear": linear,
        "cosine": cosine,
        "one_cycle": one_cycle,
        "coslog4": coslog4,
        "flat_cosine": flat_cosine,
    }
)
"""Schedules by name."""

FROM_NOTHING = frozenset({"coslog4"})
"""Schedules that begin at 0. They run under a warm-up: to wait there for its end would be to stand still."""


def factors(name: str, steps: np.ndarray, total: int, warmup: float = 0.0) -> np.ndarray:
    """The factors on the learning rate at the steps named.

    Args:
        name: a name in `SCHEDULES`.
        steps: step numbers from 0, [step].
        total: steps in the whole budget, the schedule's horizon; beyond it the last factor holds.
        warmup: share of the budget over which the rate first rises in a straight line; the schedule
            runs over what is left, or, where it is one of `FROM_NOTHING`, over the whole budget.

    Returns:
        factors [step], float64.
    """
    last = np.minimum(steps, total - 1)
    rising = round(warmup * total)
    begin = 0 if name in FROM_NOTHING else rising
    progress = np.maximum(last - begin, 0) / max(total - begin, 1)
    ramp = np.minimum((last + 1) / (rising + 1), 1.0)
    return SCHEDULES[name](progress) * ramp
