"""The forward pass in NumPy: prepared rows in, outputs out, each row's the same alone and in any batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from couloir.engine.architectures.layers import by_layer
from couloir.model.blocks import Blocks, one_thread
from couloir.model.products import Product, plain, quick_alone


def _gelu(x: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    return 0.5 * x * (1 + erf(x / np.sqrt(2)))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))


ACTIVATIONS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = MappingProxyType(
    {
        "sigmoid": _sigmoid,
        "tanh": lambda x: np.tanh(x, out=x),
        "relu": lambda x: np.maximum(x, 0, out=x),
        "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
        "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        "gelu": _gelu,
        "silu": lambda x: x * _sigmoid(x),
        "softplus": lambda x: np.logaddexp(x, 0),
        "linear": lambda x: x,
    }
)
"""Those of `couloir.engine.activations`, for predicting; some write over the array that they are given."""


@dataclass(frozen=True, eq=False)
class Forward:
    """A network as it is computed here.

    Attributes:
        products: each layer's, first to last.
        activations: what each layer's sums go through, by name.
        blocks: how its rows are cut.
    """

    products: tuple[Product, ...]
    activations: tuple[str, ...]
    blocks: Blocks

    @classmethod
    def of(cls, layers: Sequence[tuple[np.ndarray, np.ndarray]], activation: str) -> Forward:
        """A network with these layers (weight [output, input], bias [output]) and hidden activations."""
        plain_ones = [plain(*layer, first=number == 0) for number, layer in enumerate(layers)]
        with one_thread():
            products = [quick_alone(product) for product in plain_ones]
            blocks = Blocks.of([product.shape for product in products])
            if blocks.small in (
                rows
                for product, rows in zip(products, blocks.largest, strict=True)
                if product.lanes is not None
            ):  # its rows alone get what middle blocks get, and these are not what its small ones get
                products = plain_ones
                blocks = Blocks.of([product.shape for product in products])
        return cls(tuple(products), (*by_layer(activation, len(layers) - 1), "linear"), blocks)

    def __call__(self, inputs: np.ndarray) -> Iterator[np.ndarray]:
        """The outputs [block, row, output], large blocks first and the smallest last; zeros' at the end."""
        for signal in self.blocks.cut(inputs):
            for number, (product, name) in enumerate(zip(self.products, self.activations, strict=True)):
                sums = product(self.blocks.for_layer(number, signal), alone=len(inputs) == 1)
                signal = ACTIVATIONS[name](sums.reshape(-1, *sums.shape[-2:]))
            yield signal.swapaxes(1, 2)
