"""What is drawn of a network: what each neuron answers over the plane, and the whole network's decision.

Pictures travel as bytes, row by row from the lower edge up:
- of a neuron, 128 is 0 and 1 … 255 are −scale … scale, the largest size of its answers in the picture;
- of a decision between k classes, byte // ⌊256/k⌋ is the class and the rest how sure the network is, from
  none (all classes alike) to all;
- of a predicted value, 0 … 255 are the lowest to the highest value of the training part, cut off beyond.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jaxtyping import Array

from couloir.engine.architectures.mlp import Network
from couloir.engine.architectures.on_jax import dropout
from couloir.engine.folds import epoch_batches
from couloir.engine.member import Member
from couloir.engine.randomness import dropout_key, member_key, step_key
from couloir.engine.training import Precision, numerics
from couloir.model.forward import signals
from couloir.model.predictor import softmax
from couloir.selection.problem import Problem

NEURON, OUTPUT, SMALL = 24, 96, 32
"""Points a side of a neuron's picture, of the decision, and of a member's decision in the population."""

MARGIN = 0.08
"""How far the picture goes beyond the rows on each side, as a share of what they reach over."""


class Scene:
    """The plane that a problem's rows lie in, and its points as networks read them.

    Attributes:
        bounds: lowest and highest x, then y, in the columns' own units.
        low, high: of a value to be predicted, standardised: the training part's lowest and highest.
    """

    def __init__(self, problem: Problem) -> None:
        """The plane around all rows of a problem."""
        self.problem = problem
        self.positions = np.asarray(pl.DataFrame(problem.dataset.features).to_numpy(), np.float64)
        low, high = self.positions.min(axis=0), self.positions.max(axis=0)
        margin = MARGIN * np.where(high > low, high - low, 1.0)
        self.bounds = np.column_stack([low - margin, high + margin]).ravel()
        self._inputs = {side: self._grid(side) for side in (NEURON, OUTPUT, SMALL)}
        targets = np.asarray(problem.data.train.targets, np.float64)
        self.low, self.high = float(targets.min()), float(targets.max())

    @property
    def classes(self) -> int:
        """How many there are; 0 where a value is predicted."""
        return len(self.problem.dataset.classes or ())

    def _grid(self, side: int) -> np.ndarray:
        """The middles of a picture's points as a network's inputs, [point, feature]."""
        left, right, bottom, top = self.bounds
        middles = (np.arange(side) + 0.5) / side
        x, y = np.meshgrid(left + middles * (right - left), bottom + middles * (top - bottom))
        return self.prepared(np.column_stack([x.ravel(), y.ravel()]))

    def prepared(self, positions: np.ndarray) -> np.ndarray:
        """Positions [point, 2] in the columns' units as a network's inputs [point, feature]."""
        names = self.problem.dataset.column_names
        return self.problem.preparation.inputs(pl.DataFrame(positions, schema=list(names), orient="row"))

    def input_pictures(self) -> tuple[np.ndarray, np.ndarray]:
        """Every input's picture [input, y, x] and scale [input]."""
        return _signed(self._inputs[NEURON].T, NEURON)

    def neuron_pictures(self, network: Network, activation: str) -> tuple[np.ndarray, np.ndarray]:
        """Every hidden neuron's picture [neuron, y, x] and scale [neuron], layer by layer."""
        hidden = signals(network, self._inputs[NEURON], activation)[:-1]
        if not hidden:
            return np.zeros((0, NEURON, NEURON), np.uint8), np.zeros(0, np.float32)
        return _signed(np.concatenate(hidden, axis=1).T, NEURON)

    def decision(self, network: Network, activation: str, side: int = OUTPUT) -> np.ndarray:
        """The network's decision over the plane, [y, x]."""
        outputs = signals(network, self._inputs[side], activation)[-1]
        return self._shades(outputs).reshape(side, side)

    def _shades(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs [point, output] as the bytes of a decision."""
        count = self.classes
        if not count:
            share = (_finite(outputs[:, 0]) - self.low) / max(self.high - self.low, 1e-12)
            return np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)
        levels = 256 // count
        chances = softmax(_finite(outputs))
        first = np.argmax(chances, axis=1)
        sure = (np.max(chances, axis=1) - 1 / count) / (1 - 1 / count)
        return (first * levels + np.rint(np.clip(sure, 0, 1) * (levels - 1))).astype(np.uint8)


def _finite(answers: np.ndarray) -> np.ndarray:
    """The answers with 0 for those that are no number, as weights beyond all bounds give them."""
    return answers if np.isfinite(answers.sum()) else np.nan_to_num(answers, posinf=0, neginf=0)


def _signed(answers: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Answers [neuron, point] as pictures [neuron, y, x] around 128 = 0, and their scales [neuron]."""
    answers = _finite(answers)
    scale = np.max(np.abs(answers), axis=1)
    bytes_ = 128 + np.rint(127 * answers / np.maximum(scale, 1e-30)[:, None])
    return bytes_.astype(np.uint8).reshape(-1, side, side), scale.astype(np.float32)


# Dropout ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """The last step of an epoch: its number from 0, and the rows of its batch."""

    number: int
    rows: np.ndarray


def last_step(rows: int, batch_size: int, seed: int, epoch: int) -> Step:
    """The last step of an epoch (from 1) over so many training rows."""
    batches, weights = epoch_batches(rows, batch_size, seed, epoch)
    return Step(epoch * len(batches) - 1, batches[-1][weights[-1] > 0])


def dropped(member: Member, seed: int, step: Step, precision: Precision = "float32") -> list[np.ndarray]:
    """Which neurons dropout had switched off in a step, as the engine drew it: per layer [neuron, sample]."""
    count = len(step.rows)
    if not member.dropout:
        return [np.zeros((width, count), bool) for width in member.hidden]
    with numerics(precision):
        masks = _masks(
            jnp.asarray([seed, member.restart, step.number], jnp.uint32),
            jnp.asarray(member.dropout, precision),
            member.hidden,
            member.batch_size,
        )
        return [np.asarray(mask)[:, :count] for mask in masks]


@partial(jax.jit, static_argnums=(2, 3))
def _masks(numbers: Array, probability: Array, hidden: tuple[int, ...], batch: int) -> list[Array]:
    """The masks for a run seed, a restart and a step; keys derive as in `couloir.engine`."""
    seed, restart, step = numbers
    drop = dropout(step_key(dropout_key(member_key(seed, restart)), step), probability)
    ones = [jnp.ones((width, batch), probability.dtype) for width in hidden]
    return [drop(signal, layer) == 0 for layer, signal in enumerate(ones)]
