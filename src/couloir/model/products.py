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

import numpy as np

from couloir.model.blocks import LARGE, MIDDLE, Shape

LARGE_WEIGHT = 7 * 2**16
"""Numbers in a weight from which on the row alone is worth it: many rows take up to a fifth longer so."""

LANES = 4
"""Sums that the library keeps for every output when it multiplies a weight with one row."""


@dataclass(frozen=True, eq=False)
class Product:
    """A layer: W x + b for rows x.

    Attributes:
        weight: W [output, input], float64.
        bias: b [output, 1], float64.
        first: whether its rows are raw ones, with the inputs of a row side by side.
        lanes: W as [lane, output, input / 4], lane i having every fourth input from the i-th on; None: the
            product is a plain one.
    """

    weight: np.ndarray
    bias: np.ndarray
    first: bool
    lanes: np.ndarray | None = None

    def __call__(self, signal: np.ndarray, alone: bool) -> np.ndarray:
        """The sums [..., output, row] for blocks of rows [..., input, row].

        Args:
            signal: the rows.
            alone: whether only the first row counts; then the others' sums may be anything.
        """
        if self.lanes is None:
            sums = np.matmul(self.weight, signal)
        elif alone:
            sums = np.zeros((*signal.shape[:-2], len(self.weight), signal.shape[-1]))
            sums[0, :, 0] = np.matmul(self.weight, np.ascontiguousarray(signal[0, :, 0]))
        else:
            # With each input's rows side by side, every fourth input needs no copy of its own.
            signal = np.ascontiguousarray(signal)
            sums = self._pair(signal, 0)
            sums += self._pair(signal, 1)
        sums += self.bias
        return sums

    @property
    def shape(self) -> Shape:
        """What rows are multiplied with: the weight, or one lane of it."""
        factor = self.weight if self.lanes is None else self.lanes[0]
        outputs, inputs = factor.shape
        return Shape(outputs, inputs, by_row=self.first and self.lanes is None)

    def _pair(self, signal: np.ndarray, lane: int) -> np.ndarray:
        """What a lane and the one after the next add up to: the library's pairs."""
        assert self.lanes is not None
        sums, other = (
            np.matmul(self.lanes[each], signal[..., each::LANES, :]) for each in (lane, lane + LANES // 2)
        )
        sums += other
        return sums


def plain(weight: np.ndarray, bias: np.ndarray, first: bool) -> Product:
    """The product of a layer with weight [output, input] and bias [output]."""
    return Product(np.ascontiguousarray(weight, np.float64), np.array(bias, np.float64)[:, None], first)


def quick_alone(product: Product) -> Product:
    """The same product, quicker for a row alone where that is worth it and gives the same answers."""
    outputs, inputs = product.weight.shape
    if inputs * outputs < LARGE_WEIGHT or inputs % LANES or outputs % LANES:
        return product
    lanes = np.ascontiguousarray(np.moveaxis(product.weight.reshape(outputs, -1, LANES), -1, 0))
    quick = Product(product.weight, product.bias, product.first, lanes)
    return quick if _agrees(quick) else product


def _agrees(product: Product) -> bool:
    """Whether rows alone get what they get in blocks, large ones and others."""
    signal = np.random.default_rng(0).normal(size=(LARGE, product.weight.shape[1]))
    checked = range(0, LARGE, 11)
    alone = [product(signal[None, row : row + 1].swapaxes(1, 2), alone=True)[0, :, 0] for row in checked]
    for rows in (MIDDLE, LARGE):
        blocks = signal.reshape(-1, rows, signal.shape[1]).swapaxes(1, 2)
        together = product(blocks, alone=False).swapaxes(1, 2).reshape(LARGE, -1)
        if not np.array_equal(together[checked], alone):
            return False
    return True
