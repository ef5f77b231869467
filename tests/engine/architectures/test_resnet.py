"""The residual network against its formula in plain NumPy (Gorishniy et al. 2021)."""

from __future__ import annotations

import numpy as np

from couloir.engine.architectures.resnet import ResNet
from couloir.model.forward import NUMPY


def layer_norm(rows: np.ndarray, scale: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Row by row, as Ba et al. 2016 have it."""
    return np.stack([(row - row.mean()) / np.sqrt(row.var() + 1e-5) * scale + bias for row in rows])


def test_it_computes_its_formula() -> None:
    random = np.random.default_rng(0)
    own = ResNet((6, 4, 3), "tanh")
    network = [[random.normal(size=leaf.shape) for leaf in part] for part in own.outline(5, 2)]
    rows = random.normal(size=(7, 5))
    (w, b), *blocks, (scale, shift), (last, end) = network
    signal = rows @ w.T + b
    for number in range(2):
        (own_scale, own_shift), (w1, b1), (w2, b2) = blocks[3 * number : 3 * number + 3]
        signal = signal + np.tanh(layer_norm(signal, own_scale, own_shift) @ w1.T + b1) @ w2.T + b2
    expected = np.tanh(layer_norm(signal, scale, shift)) @ last.T + end
    found = own.apply(NUMPY, own.network(network, 5, 2), rows.T)
    np.testing.assert_allclose(found.T, expected, rtol=1e-12)


def test_the_units_of_a_block_are_dropped_and_nothing_else() -> None:
    own = ResNet((6, 4, 3), "tanh")
    asked = []

    def drop(signal: np.ndarray, number: int) -> np.ndarray:
        asked.append((number, len(signal)))
        return 0 * signal

    network = own.initialise((1,), 5, 2, np.float64)
    rows = np.random.default_rng(1).normal(size=(5, 7))
    without = ResNet((6,), "tanh")
    found = own.apply(NUMPY, network, rows, drop)
    shorter = without.apply(NUMPY, (network[0], *network[-2:]), rows)
    assert asked == [(0, 4), (1, 3)]
    np.testing.assert_allclose(found, shorter, rtol=1e-12)


def test_it_starts_as_it_says() -> None:
    own = ResNet((200, 100), "relu")
    first, norm, inner, outer, _, last = own.initialise((1,), 50, 3, np.float64)
    assert np.all(norm.scale == 1)
    assert not norm.bias.any()
    assert not inner.bias.any()
    np.testing.assert_allclose(inner.weight.std(), (2 / 200) ** 0.5, rtol=0.03)
    for each, ends in ((first, 250), (outer, 300), (last, 203)):
        assert np.abs(each.weight).max() <= (6 / ends) ** 0.5
        np.testing.assert_allclose(each.weight.std(), (2 / ends) ** 0.5, rtol=0.05)
