"""A layer's product with its rows, in an order of adding that a row alone can be given too.

For a row alone a product with a large weight is slow: the library lays the whole weight out anew before it
multiplies, which takes longer than the product itself. Its product of a weight with ONE row does not, but
adds in another order: it keeps four sums, of every fourth input, and adds these up at the end. So where a
weight is large, the product with many rows is here made of four, one for every fourth input, and added up
in that way, and a row alone is left to the library. Whether both then agree to the last bit is tried out for
each weight; where they do not, as with another library or processor, every product is a plain one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from couloir.blocks import LARGE, MIDDLE, multiplied

LARGE_WEIGHT = 3 * 2**17
"""Numbers in a weight from which on the row alone is worth it: many rows take up to a tenth longer so."""

LANES = 4
"""Sums that the library keeps for every output when it multiplies a weight with one row."""


@dataclass(frozen=True, eq=False)
class Product:
    """A layer: x W + b for rows x.

    Attributes:
        weight: W [input, output], float64.
        bias: b [output], float64.
        lanes: W as [lane, input / 4, output], lane i having every fourth input from the i-th on; None: the
            product is a plain one.
    """

    weight: np.ndarray
    bias: np.ndarray
    lanes: np.ndarray | None = None

    def __call__(self, signal: np.ndarray, alone: bool) -> np.ndarray:
        """The sums [block, row, output] for blocks of rows [block, row, input].

        Args:
            signal: the rows.
            alone: whether only the first row counts; then the others' sums may be anything.
        """
        if self.lanes is None:
            sums = multiplied(signal, self.weight)
        elif alone:
            sums = np.zeros((*signal.shape[:2], len(self.bias)))
            np.matmul(self.weight.T, signal[0, 0], out=sums[0, 0])
        else:
            sums = self._pair(signal, 0)
            sums += self._pair(signal, 1)
        by_block = sums.reshape(len(sums), -1)
        by_block += self._bias_of(signal.shape[1])
        return sums

    @property
    def factor(self) -> np.ndarray:
        """What rows are multiplied with: the weight, or one lane of it."""
        return self.weight if self.lanes is None else self.lanes[0]

    def _bias_of(self, rows: int) -> np.ndarray:
        """The bias once for each of so many rows: NumPy is slow at adding few numbers to each of many."""
        if rows not in self._biases:
            self._biases[rows] = np.tile(self.bias, rows)
        return self._biases[rows]

    @cached_property
    def _biases(self) -> dict[int, np.ndarray]:
        """What `_bias_of` has made, by the number of rows."""
        return {}

    def _pair(self, signal: np.ndarray, lane: int) -> np.ndarray:
        """What a lane and the one after the next add up to: the library's pairs."""
        assert self.lanes is not None
        sums, other = (
            np.matmul(np.ascontiguousarray(signal[..., each::LANES]), self.lanes[each])
            for each in (lane, lane + LANES // 2)
        )
        sums += other
        return sums


def plain(weight: np.ndarray, bias: np.ndarray) -> Product:
    """The product of a layer with weight [output, input]."""
    return Product(np.ascontiguousarray(np.asarray(weight, np.float64).T), np.asarray(bias, np.float64))


def quick_alone(product: Product) -> Product:
    """The same product, quicker for a row alone where that is worth it and gives the same answers."""
    inputs, outputs = product.weight.shape
    if inputs * outputs < LARGE_WEIGHT or inputs % LANES or outputs % LANES:
        return product
    # A row alone wants the inputs of one output side by side: so they are in the transposed weight.
    weight = np.ascontiguousarray(product.weight.T).T
    lanes = np.ascontiguousarray(product.weight.reshape(-1, LANES, outputs).swapaxes(0, 1))
    quick = Product(weight, product.bias, lanes)
    return quick if _agrees(quick) else product


def _agrees(product: Product) -> bool:
    """Whether rows alone get what they get in blocks of either size."""
    signal = np.random.default_rng(0).normal(size=(LARGE, len(product.weight)))
    alone = [product(signal[None, row : row + 1], alone=True)[0, 0] for row in range(0, LARGE, 5)]
    together = [
        product(signal.reshape(-1, rows, signal.shape[1]), alone=False).reshape(LARGE, -1)[::5]
        for rows in (MIDDLE, LARGE)
    ]
    return all(np.array_equal(each, alone) for each in together)
