"""Dropout, draw by draw: which hidden units of a small network a training step switches off.

The masks are those of `couloir.engine.architectures.on_jax.dropout`, as the training program draws them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

from couloir.engine import compilation
from couloir.engine.architectures.mlp import parameter_count
from couloir.engine.architectures.on_jax import dropout
from couloir.engine.randomness import key_of, step_key
from couloir.errors import InputError


@dataclass(frozen=True)
class DropoutDraws:
    """Masks of several training steps.

    Attributes:
        widths: inputs, hidden units layer by layer, outputs.
        probability: p, how likely a hidden unit is to be switched off.
        scale: what the signal of a unit that stays is multiplied by, 1/(1 − p).
        kept: for each hidden layer whether a unit stays, [draw, unit].
        connections: weights between units that are on, [draw]; of `total`.
        total: weights of the whole network.
    """

    widths: tuple[int, ...]
    probability: float
    scale: float
    kept: tuple[np.ndarray, ...]
    connections: np.ndarray
    total: int

    def alive(self, draw: int) -> list[np.ndarray]:
        """For every layer, inputs and outputs too, which units are on in a draw."""
        first, last = (np.ones(self.widths[end], bool) for end in (0, -1))
        return [first, *(layer[draw] for layer in self.kept), last]


def draw_dropout(
    widths: Sequence[int] = (4, 8, 8, 3), probability: float = 0.4, draws: int = 12, *, seed: int = 0
) -> DropoutDraws:
    """Draw the masks of so many training steps, for one sample each.

    A hidden unit stays with probability 1 − p and is then multiplied by 1/(1 − p); inputs and outputs are
    never dropped (Srivastava et al. 2014).

    Args:
        widths: inputs, hidden units layer by layer (at least one layer), outputs.
        probability: p in [0, 1).
        draws: how many steps.
        seed: sets the masks.

    Raises:
        InputError: no hidden layer, or a probability outside [0, 1).
    """
    widths = tuple(widths)
    if len(widths) < 3 or min(widths) < 1:
        raise InputError(f"The widths {widths} have no hidden layer: give for example (4, 8, 8, 3).")
    if not 0 <= probability < 1 or draws < 1:
        raise InputError(f"A dropout of {probability} in {draws} draws cannot be drawn: give 0 to below 1.")
    key = key_of(seed)

    def one(step: jax.Array) -> list[jax.Array]:
        drop = dropout(step_key(key, step), jnp.float32(probability))
        return [drop(jnp.ones((units, 1)), number)[:, 0] for number, units in enumerate(widths[1:-1])]

    with compilation.cached():
        signals = jax.device_get(jax.jit(jax.vmap(one))(jnp.arange(draws)))
    kept = tuple(signal > 0 for signal in signals)
    scale = max((float(signal.max()) for signal in signals), default=0.0) or 1 / (1 - probability)
    counts = [np.full(draws, widths[0]), *(layer.sum(axis=1) for layer in kept), np.full(draws, widths[-1])]
    connections = sum(before * after for before, after in pairwise(counts))
    total = parameter_count(widths) - sum(widths[1:])
    return DropoutDraws(widths, probability, scale, kept, np.asarray(connections), total)
