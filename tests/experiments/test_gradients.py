"""Gradients by nudging and by backpropagation, against NumPy, closed forms and the theory of their errors."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from couloir.engine.architectures.mlp import Layer, initialise, parameter_count
from couloir.engine.architectures.on_jax import forward
from couloir.engine.epochs import Part
from couloir.errors import InputError
from couloir.experiments import gradient_costs, gradients
from couloir.experiments.gradient_costs import Cost, costs, ladder
from couloir.experiments.gradients import EPSILONS, agreement, error_curves, relative_difference
from couloir.experiments.tweak import WIDTHS, tweak
from couloir.figures.experiments import gradients as drawn
from couloir.figures.experiments.tweak import weight_tweak
from couloir.figures.network import Layout

SHAPE = (4, 6, 3)


def problem(activation: str = "tanh", widths=SHAPE, rows: int = 30):
    random = np.random.default_rng(0)
    network = initialise((0, 0), widths, activation, np.float64)
    return network, Part(random.normal(size=(rows, widths[0])), random.integers(0, widths[-1], rows))


def numpy_loss(network, rows) -> float:
    """Cross-entropy of a tanh network with one hidden layer, in plain NumPy."""
    (w1, b1), (w2, b2) = network
    outputs = w2 @ np.tanh(w1 @ rows.inputs.T + b1[:, None]) + b2[:, None]
    outputs = outputs - outputs.max(axis=0)
    shares = np.exp(outputs) / np.exp(outputs).sum(axis=0)
    return float(np.mean(-np.log(shares[rows.targets, np.arange(len(rows.targets))])))


def numpy_gradient(network, rows):
    """Its gradient by the chain rule, written out; as one vector, layer by layer, weights first."""
    (w1, b1), (w2, b2) = network
    hidden = np.tanh(w1 @ rows.inputs.T + b1[:, None])
    outputs = w2 @ hidden + b2[:, None]
    shares = np.exp(outputs) / np.exp(outputs).sum(axis=0)
    error = (shares - np.eye(len(b2))[:, rows.targets]) / len(rows.targets)
    back = (w2.T @ error) * (1 - hidden**2)
    parts = (back @ rows.inputs, back.sum(axis=1), error @ hidden.T, error.sum(axis=1))
    return np.concatenate([part.ravel() for part in parts])


# Agreement -------------------------------------------------------------------------------------------------


def test_all_three_gradients_agree_with_the_chain_rule():
    network, rows = problem()
    found = agreement(network, rows, "tanh", "cross_entropy")
    expected = numpy_gradient(network, rows)
    assert found.parameters == len(found.places) == len(expected) == parameter_count(SHAPE)
    assert found.loss == pytest.approx(numpy_loss(network, rows), rel=1e-13)
    np.testing.assert_allclose(found.gradient, expected, rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(found.central, expected, atol=1e-9)
    np.testing.assert_allclose(found.forward, expected, atol=1e-7)
    assert np.abs(found.central - expected).max() < np.abs(found.forward - expected).max()
    assert found.largest_central < 1e-5


def test_a_nudge_is_what_it_says():
    network, rows = problem()
    (w1, b1), (w2, b2) = network
    nudged = w2.copy()
    nudged[1, 2] += 0.1
    expected = (numpy_loss((Layer(w1, b1), Layer(nudged, b2)), rows) - numpy_loss(network, rows)) / 0.1
    place = np.array([w1.size + b1.size + 1 * 6 + 2])
    with jax.enable_x64(True):
        found = gradients.differences(
            network, gradients.columns(rows), place, np.float64(0.1), "tanh", "cross_entropy"
        )
    assert float(found[0]) == pytest.approx(expected, rel=1e-11)


def test_layers_are_told_apart():
    network, rows = problem()
    found = agreement(network, rows, "tanh", "cross_entropy")
    first, second = found.layers
    assert (first.shape, first.checked) == ((6, 4), 30)
    assert (second.shape, second.checked) == ((3, 6), 21)
    assert first.largest_gradient == pytest.approx(np.abs(numpy_gradient(network, rows)[:30]).max())
    worst = relative_difference(found.forward, found.gradient, found.floor)
    assert (first.forward, second.forward) == (worst[:30].max(), worst[30:].max())


def test_a_wrong_gradient_is_seen():
    exact = np.array([1.0, -2.0, 1e-9, 0.0])
    found = relative_difference(np.array([1.1, 2.0, 0.0, 0.0]), exact, 1e-4)
    np.testing.assert_allclose(found, [0.1 / 1.1, 2.0, 1e-5, 0.0])


def test_of_a_large_network_some_weights_are_nudged():
    network, rows = problem()
    found = agreement(network, rows, "tanh", "cross_entropy", most=10)
    assert len(found.places) == 10
    assert (found.places[0], found.places[-1]) == (0, 50)
    np.testing.assert_allclose(found.central, numpy_gradient(network, rows)[found.places], atol=1e-9)


def test_what_nudging_may_take_is_bounded(monkeypatch):
    network, rows = problem(widths=(4, 30, 3))
    monkeypatch.setattr(gradients, "MOST_WORK", 110 * 30 * parameter_count((4, 30, 3)))
    found = agreement(network, rows, "tanh", "cross_entropy")
    assert (len(found.places), found.parameters) == (110, 243)


def test_single_precision_rows_are_checked_in_double():
    _, rows = problem()
    single = Part(rows.inputs.astype(np.float32), rows.targets.astype(np.int32))
    found = agreement(initialise((0, 0), SHAPE, "tanh", np.float32), single, "tanh", "cross_entropy")
    assert found.gradient.dtype == np.float64
    assert found.largest_central < 1e-5


# Error against the nudge -----------------------------------------------------------------------------------


def test_errors_fall_as_truncation_and_rise_as_rounding():
    network, rows = problem()
    found = error_curves(network, rows, "tanh", "cross_entropy")
    assert found.weights == 51
    assert list(found.epsilons) == list(EPSILONS)
    assert found.slopes("forward").truncation == pytest.approx(1, abs=0.02)
    assert found.slopes("central").truncation == pytest.approx(2, abs=0.02)
    assert found.slopes("forward").rounding == pytest.approx(-1, abs=0.15)
    assert found.slopes("central").rounding == pytest.approx(-1, abs=0.15)
    assert found.best("central")[1] < 0.02 * found.best("forward")[1]
    assert found.best("central")[0] > found.best("forward")[0]


def test_on_a_quadratic_loss_both_errors_are_known():
    # J = mean (y − w x)² with b = 0: forward differences err by ε J''/2, central ones not at all.
    random = np.random.default_rng(2)
    x, y = random.normal(size=(1, 20)), random.normal(size=(1, 20))
    network = (Layer(np.array([[0.3]]), np.array([0.0])),)
    found = error_curves(network, Part(x.T, y.T), "linear", "mse", epsilons=(0.1, 0.01))
    halves = np.array([np.mean(x**2), 1.0])  # J''/2 of the weight and of the bias
    residual = 0.3 * x - y
    gradient = np.array([2 * np.mean(residual * x), 2 * np.mean(residual)])
    expected = np.linalg.norm(halves) / np.linalg.norm(gradient) * np.array([0.1, 0.01])
    np.testing.assert_allclose(found.forward, expected, rtol=1e-9)
    assert found.central.max() < 1e-12


# Cost ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_costs_grow_with_the_weights():
    _, rows = problem(rows=64)
    small, large = costs([(4, 4, 3), (4, 256, 3)], rows, "tanh", "cross_entropy", repeats=3)
    assert (small.parameters, small.evaluations) == (35, 36)
    assert (large.parameters, large.evaluations) == (parameter_count((4, 256, 3)), 2052)
    assert large.numerical_seconds > 10 * large.backprop_seconds
    assert large.factor > 3 * small.factor
    assert large.backprop_seconds > 0
    assert large.loss_seconds > 0


def test_the_ratio_is_that_of_neighbouring_timings():
    # A clock in whose time every way takes what it is said to, each pair slower than the one before. At first
    # each way takes so long that one call a timing will do.
    _, rows = problem()
    pairs = [(1 + pair) * seconds for pair in range(gradient_costs.PAIRS) for seconds in (0.002, 0.0064)]
    spent = [1.0] * 3 + [*pairs, 0.6] * 2
    read = iter(np.cumsum([part for seconds in spent for part in (0.25, seconds)]))
    (cost,) = costs([SHAPE], rows, "tanh", "cross_entropy", repeats=2, clock=lambda: next(read))
    assert cost.backward_ratio == pytest.approx(2.2)
    assert cost.numerical_seconds == pytest.approx(0.6)
    assert cost.loss_seconds == pytest.approx(0.002 * 2.5 / gradient_costs.INSIDE)
    assert cost.factor == pytest.approx(0.6 / (0.0064 * 2.5 / gradient_costs.INSIDE))


def test_the_ladder_leaves_out_what_takes_too_long():
    assert ladder((64, 32, 10), 200) == [(64, 4, 10), (64, 8, 10), (64, 16, 10), (64, 32, 10)]
    assert ladder((64, 32, 10), 200, most_work=200 * 700**2) == [(64, 4, 10), (64, 8, 10)]
    assert ladder((5, 2), 200) == [(5, 2)]
    with pytest.raises(InputError, match="fewer rows"):
        ladder((64, 32, 10), 200, most_work=10)


# One weight tweaked ----------------------------------------------------------------------------------------


def test_a_first_weight_changes_one_neuron_and_then_all():
    found = tweak()
    assert found.widths == WIDTHS
    assert found.changed == (0, 1, *WIDTHS[2:])
    assert np.flatnonzero(found.changes[1]).tolist() == [found.target]


@pytest.mark.parametrize("layer", [0, 1, 2, 3])
def test_signals_are_those_of_the_network(layer):
    found = tweak(layer=layer, source=0, target=1, amount=-0.3, seed=4)
    weight = found.network[layer].weight.copy()
    weight[1, 0] -= 0.3
    changed = (*found.network[:layer], Layer(weight, found.network[layer].bias), *found.network[layer + 1 :])
    with jax.enable_x64(True):
        for network, signal in ((found.network, found.before), (changed, found.after)):
            outputs = forward(jax.device_put(network), jnp.asarray(signal[0])[:, None], "tanh")
            np.testing.assert_allclose(signal[-1], outputs[:, 0], rtol=1e-12)
    assert found.changed == (*(0,) * (layer + 1), 1, *WIDTHS[layer + 2 :])


def test_a_weight_that_is_not_there():
    with pytest.raises(InputError, match="no weight from unit 9"):
        tweak(source=9)


def test_the_tweak_is_drawn_where_it_is():
    found = tweak(source=0, target=3)
    chart = weight_tweak(found)
    (thick,) = [trace for trace in chart.figure.data if trace.name == "the changed weight"]
    layout = Layout(WIDTHS)
    assert (thick.x[0], thick.y[0]) == layout.place(0, 0)
    assert (thick.x[1], thick.y[1]) == layout.place(1, 3)
    (filled,) = [trace for trace in chart.figure.data if trace.name == "answers differently"]
    assert len(filled.x) == sum(found.changed) == 1 + 5 + 4 + 2
    (carried,) = [trace for trace in chart.figure.data if trace.name == "carries the change"]
    assert len(carried.x) == 3 * (1 * 5 + 5 * 4 + 4 * 2)
    assert "1 neuron of 5 answers differently" in chart.sentence
    assert "5 of 5, 4 of 4 and 2 of 2" in chart.sentence


# Figures ---------------------------------------------------------------------------------------------------


def test_error_curves_are_drawn_as_measured():
    network, rows = problem()
    found = error_curves(network, rows, "tanh", "cross_entropy", weights=20)
    chart = drawn.difference_errors(found)
    ahead, around = chart.figure.data
    assert (list(ahead.y), list(around.y)) == (list(found.forward), list(found.central))
    assert "to the power 2 (truncation)" in chart.sentence
    assert drawn.number(found.best("forward")[1], 2) in chart.sentence
    assert "20 weights" in chart.sentence


def test_costs_and_agreement_are_drawn_as_measured():
    measured = [Cost((2, 1), 3, 4, 0.001, 0.003, 0.03, 2.0), Cost((4, 1), 500, 501, 0.002, 0.006, 0.9, 1.9)]
    chart = drawn.gradient_cost(measured)
    numerical, backward, alone = chart.figure.data
    assert (list(numerical.y), list(backward.y), list(alone.y)) == ([30, 900], [3, 6], [1, 2])
    assert "501 loss evaluations" in chart.sentence
    assert "150 times less" in chart.sentence
    assert "took 1.9 times a forward one" in chart.sentence
    lost = drawn.cost_words([measured[1]._replace(backward_ratio=-0.02)])
    assert "lost in other work" in lost
    network, rows = problem()
    found = agreement(network, rows, "tanh", "cross_entropy")
    points = drawn.gradient_agreement(found).figure.data[1]
    np.testing.assert_allclose(points.x, found.gradient, rtol=1e-4)
    np.testing.assert_allclose(points.y, found.central, rtol=1e-4)
