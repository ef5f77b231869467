"""A small convolutional network for images (LeCun et al. 1998): convolutions with pooling, a dense layer.

Under `jax.vmap` a convolution whose kernels are each member's own becomes a grouped one, which processors are
slow at. So it is written as one product, and pooling goes into it. The four sums that a pooled number is the
largest of lie within one window, by one wider than the kernel. With W the kernel's four shifts in that
window, and P the windows, two apart, W P has all four of each place, and the largest is taken across them.
That is (k + 1)²/k² times the operations of a convolution, on a third of the numbers that windows of the
kernel's own size would be. Windows of the images are the same for all members, and are made once.

Measured in milliseconds of an AVX-512 core, for loss and slopes of a network on 128 images of 28×28, with
convolutions of 16 and 32 kernels of 5×5 and 128 dense units: 17, of four together 22 each; with windows of
the kernel's size 48 and 35, with XLA's convolutions 31 and 67.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from couloir.engine.architectures.architecture import Architecture, Draw, Drop, Network, Operations, Size
from couloir.engine.architectures.layers import Layer, by_layer, dense
from couloir.errors import InputError

LARGE, KERNELS = 16, (3, 5)
"""Kernels are 3 wide where an image's shorter side is below so many pixels, otherwise 5."""


@dataclass(frozen=True)
class Conv(Architecture):
    """A convolutional network: ``h ← φ(pool(K * h) + b)`` a few times, then ``φ(W h + b)`` and the outputs.

    The last entry of `hidden` is the units of the dense layer, those before it are the channels of each
    convolution. A kernel [output, channel, row, column] lies within the image everywhere, and slides by one;
    of each two rows by two columns of its sums the largest is kept, an odd last row or column left out.

    Attributes:
        image_shape: (height, width) of the images; None until it is known, see `fitting`.
    """

    image_shape: tuple[int, ...] | None = None

    name = "conv"
    fillable = False

    def __post_init__(self) -> None:
        """Raise an InputError for a network without convolutions, or images too small for them."""
        super().__post_init__()
        if len(self.hidden) < 2:
            raise InputError(
                "The architecture conv has channels of at least one convolution and units of a dense layer: "
                "give --hidden, as in 16,32,128."
            )
        if self.image_shape and min(self.maps[-1]) < 1:
            size, count = "×".join(map(str, self.image_shape)), len(self.hidden) - 1
            raise InputError(
                f"Images of {size} pixels are too small for {count} convolution{'s' * (count > 1)} with "
                "pooling: give fewer channels with --hidden, or take the architecture mlp."
            )

    def fitting(self, image_shape: tuple[int, ...] | None) -> Conv:
        """The network for images of this shape.

        Raises:
            InputError: the data are no images, or too small ones.
        """
        if image_shape is None:
            raise InputError(
                "The architecture conv is for images, and the rows of these data are none: take mlp, or "
                "another architecture."
            )
        return replace(self, image_shape=tuple(image_shape))

    @property
    def kernel(self) -> int:
        """Rows, and columns, of the kernels."""
        return kernel_size(self.image_shape or (LARGE,))

    @property
    def maps(self) -> list[tuple[int, ...]]:
        """(height, width) of the images, and of what each convolution makes of them."""
        found = [self.image_shape or (LARGE, LARGE)]
        for _ in self.hidden[:-1]:
            found.append(pooled_shape(found[-1], self.kernel))
        return found

    def drawn(self, draw: Draw, inputs: int, outputs: int) -> Network:
        """Each convolution's kernels as weights [output, channel · row · column], and two layers.

        See `couloir.engine.architectures.layers.dense`; a kernel has as many inputs as it has numbers.
        """
        names, parts, before = by_layer(self.activation, len(self.hidden)), [], 1
        for channels, name in zip(self.hidden[:-1], names, strict=False):
            parts.append(dense(draw, before * self.kernel**2, channels, name))
            before = channels
        height, width = self.maps[-1]
        parts.append(dense(draw, before * height * width, self.hidden[-1], names[-1]))
        return (*parts, dense(draw, self.hidden[-1], outputs))

    def apply(self, ops: Operations, network: Network, inputs: Any, drop: Drop | None = None) -> Any:
        """See the class; what is dropped are units of the dense layer."""
        *names, last = by_layer(self.activation, len(self.hidden))
        multiply, signal = ops.entering, ops.reshape(inputs, (1, math.prod(self.maps[0]), -1))
        for layer, name, shape in zip(network, names, self.maps, strict=False):
            signal = ops.activation(name, pooled(ops, multiply, layer, signal, shape, self.kernel))
            multiply = ops.product
        inner, outer = network[-2:]
        signal = ops.reshape(signal, (inner.weight.shape[1], -1))
        signal = ops.activation(last, ops.product(inner.weight, signal) + inner.bias[:, None])
        if drop is not None:
            signal = drop(signal, 0)
        return ops.product(outer.weight, signal) + outer.bias[:, None]

    def measured(self, inputs: int, outputs: int) -> Size:
        """As products of windows; these are kept for the gradient too."""
        network = self.outline(inputs, outputs)
        flops, signals = 0, []
        for number, (layer, shape) in enumerate(zip(network, self.maps[1:], strict=False)):
            channels, places = len(layer.weight), shape[0] * shape[1]
            window = layer.weight.shape[1] // self.kernel**2 * (self.kernel + 1) ** 2
            flops += 2 * 4 * channels * window * places * (3 if number else 2)
            signals += [window * places, 4 * channels * places]
        flops += sum(6 * layer.weight.size for layer in network[-2:])
        parameters = sum(leaf.size for layer in network for leaf in layer)
        return Size(parameters, flops, (*signals, self.hidden[-1], outputs))


def kernel_size(image_shape: tuple[int, ...]) -> int:
    """Rows, and columns, of the kernels for images of this shape."""
    return KERNELS[min(image_shape) >= LARGE]


def pooled_shape(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """(height, width) of what a convolution makes of an image; below 1 where it is too small."""
    return tuple((side - size + 1) // 2 for side in shape)


def convolutions(image_shape: tuple[int, ...]) -> int:
    """For how many convolutions, one after the other, images of this shape are large enough."""
    found, shape = 0, image_shape
    while min(shape := pooled_shape(shape, kernel_size(image_shape))) > 0:
        found += 1
    return found


def pooled(
    ops: Operations, multiply: Any, layer: Layer, signal: Any, shape: tuple[int, ...], size: int
) -> Any:
    """``max (K * h) + b`` over windows of two rows by two columns, [output, place, batch].

    Args:
        ops, multiply: what is computed with.
        layer: kernels [output, channel · row · column] and biases [output].
        signal: the images [channel, place, batch], places row by row.
        shape: (height, width) of an image.
        size: rows, and columns, of a kernel.
    """
    outputs, windows = len(layer.bias), places(shape, size)
    one_by_one = layer.weight.reshape(-1, size * size)
    shifted = (one_by_one @ shifts(size).astype(layer.weight.dtype)).reshape(outputs, -1, 4, len(windows))
    weight = shifted.transpose(2, 0, 1, 3).reshape(4 * outputs, -1)
    sums = multiply(weight, ops.reshape(ops.gather(signal, windows), (weight.shape[1], -1)))
    largest = ops.most(ops.reshape(sums, (4, outputs, -1)), 0)
    return ops.reshape(largest, (outputs, windows.shape[1], -1)) + layer.bias[:, None, None]


@lru_cache(maxsize=64)
def places(shape: tuple[int, ...], size: int) -> np.ndarray:
    """Where in an image each number of each window stands, [number, window], row by row.

    Args:
        shape: (height, width) of the image.
        size: of the kernel; windows are by one larger, and two apart.
    """
    height, width = pooled_shape(shape, size)
    row, column = np.divmod(np.arange((size + 1) ** 2), size + 1)
    top, left = np.divmod(np.arange(height * width), width)
    return (2 * top + row[:, None]) * shape[1] + 2 * left + column[:, None]


@lru_cache(maxsize=8)
def shifts(size: int) -> np.ndarray:
    """What makes of a kernel, row by row, its four shifts in a window: 0 and 1, [number, shift · number]."""
    found = np.zeros((size, size, 2, 2, size + 1, size + 1))
    for row, column, down, right in np.ndindex(size, size, 2, 2):
        found[row, column, down, right, row + down, column + right] = 1
    return found.reshape(size * size, -1)
