"""TabM against its formula, against networks apart, and against a plain perceptron."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from scipy.special import log_softmax, logsumexp

from couloir.engine.architectures.mlp import MLP, Layer
from couloir.engine.architectures.tabm import HEADS, TabM
from couloir.engine.epochs import Regularization, member_loss
from couloir.engine.losses import LOSSES, weight_leaves
from couloir.model.forward import NUMPY, outputs

OWN = TabM((6, 4), "tanh")


def random_network(seed: int = 0) -> Any:
    random = np.random.default_rng(seed)
    return OWN.network(
        [[random.normal(size=leaf.shape) for leaf in part] for part in OWN.outline(5, 3)], 5, 3
    )


def one_by_one(network: Any, rows: np.ndarray) -> np.ndarray:
    """Each head for itself, as Gorishniy et al. write it: [head, row, output]."""
    found = []
    for k in range(HEADS):
        signal = rows
        for weight, r, s, b in network[:-1]:
            signal = np.tanh(((signal * r[k]) @ weight.T) * s[k] + b[k])
        found.append(signal @ network[-1].weight[k].T + network[-1].bias[k])
    return np.stack(found)


ROWS = np.random.default_rng(1).normal(size=(7, 5))


def test_each_head_computes_the_formula() -> None:
    network = random_network()
    found = OWN.apply(NUMPY, network, ROWS.T)
    assert found.shape == (HEADS, 3, 7)
    np.testing.assert_allclose(np.moveaxis(found, 1, 2), one_by_one(network, ROWS), rtol=1e-11)


def test_the_answer_is_the_mean_probability_or_value() -> None:
    network = random_network()
    heads = one_by_one(network, ROWS)
    parts = OWN.parts(network)
    logits = outputs(OWN, parts, ROWS, 3, "classification")
    mean = logsumexp(log_softmax(heads, axis=2), axis=0) - np.log(HEADS)
    np.testing.assert_allclose(logits, mean, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(np.exp(logits).sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(outputs(OWN, parts, ROWS, 3, "regression"), heads.mean(axis=0), rtol=1e-10)
    far = (*network[:-1], Layer(1e4 * network[-1].weight, network[-1].bias))
    assert np.isfinite(outputs(OWN, OWN.parts(far), ROWS, 3, "classification")).all()


def test_with_equal_heads_it_is_a_perceptron() -> None:
    plain = MLP((6, 4), "tanh").initialise((1,), 5, 3, np.float64)
    shared = OWN.initialise((1,), 5, 3, np.float64)
    same = [
        own._replace(weight=layer.weight, entering=np.ones_like(own.entering))
        for own, layer in zip(shared[:-1], plain[:-1], strict=True)
    ]
    last = Layer(np.repeat(plain[-1].weight[None], HEADS, 0), shared[-1].bias)
    expected = MLP((6, 4), "tanh").apply(NUMPY, plain, ROWS.T)
    for head in OWN.apply(NUMPY, (*same, last), ROWS.T):
        np.testing.assert_allclose(head, expected, rtol=1e-12)


def test_it_is_trained_on_the_mean_of_the_heads_losses(float64: None) -> None:
    network, targets = random_network(), np.arange(7) % 3
    weights = np.linspace(1, 2, 7)
    heads = log_softmax(one_by_one(network, ROWS), axis=2)
    of_rows = -heads[:, np.arange(7), targets].mean(axis=0)
    penalty = 0.5 * 0.1 * sum(np.sum(part.weight**2) for part in network)
    found = member_loss(
        jax.tree.map(jax.numpy.asarray, network),
        (jax.numpy.asarray(ROWS.T), jax.numpy.asarray(targets), jax.numpy.asarray(weights)),
        Regularization(None, jax.numpy.asarray(0.1), None),
        jax.random.key(0),
        OWN,
        LOSSES["cross_entropy"].per_sample,
    )
    np.testing.assert_allclose(found, of_rows @ weights / weights.sum() + penalty, rtol=1e-10)
    assert len(weight_leaves(jax.tree.map(jax.numpy.asarray, network))) == 3


def test_it_starts_as_it_says() -> None:
    first, second, last = OWN.initialise((1,), 5, 3, np.float64)
    assert set(np.unique(first.entering)) == {-1.0, 1.0}
    for ones in (first.leaving, second.entering, second.leaving):
        assert np.all(ones == 1)
    assert not np.any(first.bias)
    assert len({tuple(head.ravel()) for head in last.weight}) == HEADS


def test_each_head_drops_units_of_its_own() -> None:
    shapes = []

    def drop(signal: Any, number: int) -> Any:
        shapes.append((number, signal.shape))
        return signal

    OWN.apply(NUMPY, random_network(), ROWS.T, drop)
    assert shapes == [(0, (6, HEADS, 7)), (1, (4, HEADS, 7))]


def test_its_size_counts_every_head() -> None:
    shared = 5 * 6 + 6 * 4
    own = HEADS * (5 + 6 + 6 + 6 + 4 + 4 + 4 * 3 + 3)
    flops = 2 * HEADS * (2 * 30 + 3 * 24 + 3 * 12)
    assert OWN.size(5, 3) == (shared + own, flops, (6 * HEADS, 4 * HEADS, 3 * HEADS))
