"""Signals layer by layer against the activations' own formulas, one sample at a time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import references
from couloir.engine.activations import ACTIVATIONS
from couloir.model.forward import signals

WIDTHS = (3, 5, 4, 2)


@pytest.mark.parametrize("activation", [*ACTIVATIONS, "relu-tanh"])
def test_every_layer_answers_as_the_formula_says(activation: str) -> None:
    random = np.random.default_rng(0)
    network = [
        (random.normal(size=(outputs, inputs)), random.normal(size=outputs))
        for inputs, outputs in pairwise(WIDTHS)
    ]
    rows = random.normal(size=(6, 3))
    before, found = rows.copy(), signals(network, rows, activation)
    first, second = (activation.split("-") * 2)[:2]
    for number, row in enumerate(rows):
        signal = row
        for (weight, bias), name, layer in zip(network, (first, second, None), found, strict=True):
            signal = weight @ signal + bias
            if name is not None:
                signal = references.ACTIVATIONS[name].value(signal)
            np.testing.assert_allclose(layer[number], signal, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(rows, before)  # nothing is written over


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_sums_far_out_are_answered_as_the_formula_says(activation: str, dtype: type) -> None:
    """With no overflow on the way, which would be a warning and so an error."""
    rows = np.array([[-1e4], [-100.0], [-30.0], [0.0], [30.0], [100.0], [1e4]], dtype)
    one, zero = np.ones((1, 1), dtype), np.zeros(1, dtype)
    hidden, _ = signals([(one, zero), (one, zero)], rows, activation)
    assert hidden.dtype == dtype or activation == "gelu"  # which SciPy's erf is given in double precision
    expected = references.ACTIVATIONS[activation].value(rows.astype(np.float64))
    np.testing.assert_allclose(hidden, expected, rtol=1e-6, atol=1e-7)


def test_single_precision_weights_answer_rows_in_double() -> None:
    network = [(np.float32([[0.1, 0.2]]), np.float32([0.3]))]
    (found,) = signals(network, np.array([[1.0, 2.0]]), "tanh")
    assert found.dtype == np.float64
    expected = float(np.float32(0.1)) + 2 * float(np.float32(0.2)) + float(np.float32(0.3))
    assert found[0, 0] == pytest.approx(expected, rel=1e-15)
