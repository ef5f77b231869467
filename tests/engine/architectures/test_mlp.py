"""One network: activations, forward, backward, initial weights, dropout, against NumPy and SciPy."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import references
from couloir.engine.activations import ACTIVATIONS
from couloir.engine.architectures.layers import by_layer
from couloir.engine.architectures.mlp import Layer, initialise, parameter_count
from couloir.engine.architectures.on_jax import dropout, forward, trained_product
from couloir.engine.losses import LOSSES
from couloir.errors import InputError

SINGLE = jnp.dtype("float32")
DOUBLE = jnp.dtype("float64")


def activation_reference(name: str) -> references.ActivationReference:
    return references.reference(references.ACTIVATIONS, name)


def test_every_activation_has_a_reference_and_none_is_left_over() -> None:
    assert set(ACTIVATIONS) == set(references.ACTIVATIONS)


# Activations ------------------------------------------------------------------------------------------

POINTS = np.concatenate([-np.geomspace(1e-3, 30, 25)[::-1], np.geomspace(1e-3, 30, 25)])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_values(name: str, float64: None) -> None:
    at = np.append(POINTS, 0.0)
    expected = activation_reference(name).value(at)
    values = jax.jit(ACTIVATIONS[name])(jnp.asarray(at))
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_gradients(name: str, float64: None) -> None:
    """Against the derivative in closed form, and both against central differences of the reference."""
    known = activation_reference(name)
    slopes = jax.jit(jax.vmap(jax.grad(ACTIVATIONS[name])))(jnp.asarray(POINTS))
    # Far out tanh is 1 to the last digit, and 1 − tanh² keeps a few units of 2⁻⁵³.
    np.testing.assert_allclose(slopes, known.derivative(POINTS), rtol=1e-11, atol=4e-15)
    measured = (known.value(POINTS + 1e-5) - known.value(POINTS - 1e-5)) / 2e-5
    np.testing.assert_allclose(slopes, measured, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_finite_and_right_far_out_and_at_0(name: str) -> None:
    """In float32; a kink's slope is one between those on its two sides."""
    known, at = activation_reference(name), np.array([-1e4, -100.0, 0.0, 100.0, 1e4])
    both = jax.jit(jax.vmap(jax.value_and_grad(ACTIVATIONS[name])))
    values, slopes = map(np.asarray, both(at.astype(np.float32)))
    assert values.dtype == jnp.float32
    np.testing.assert_allclose(values, known.value(at), rtol=1e-6, atol=1e-7)
    smooth = ~np.isin(at, known.kinks)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(slopes[smooth], known.derivative(at)[smooth], rtol=1e-6, atol=1e-7)
    sides = np.sort(known.derivative(np.array([-1e-9, 1e-9])))
    assert sides[0] - 1e-6 <= slopes[2] <= sides[1] + 1e-6


@pytest.mark.parametrize("name", ["mish", "selu"])
def test_values_and_slopes_are_those_of_jax_nn(name: str, float64: None) -> None:
    at, theirs = jnp.append(jnp.asarray(POINTS), 0.0), getattr(jax.nn, name)
    np.testing.assert_allclose(ACTIVATIONS[name](at), theirs(at), rtol=1e-12, atol=1e-16)
    ours, slopes = (jax.vmap(jax.grad(each))(at) for each in (ACTIVATIONS[name], theirs))
    np.testing.assert_allclose(ours, slopes, rtol=1e-11, atol=4e-15)


def test_mish_by_hand_at_0_and_where_its_exponent_is_capped(float64: None) -> None:
    """At 0 the slope is tanh(log 2) = (4 − 1)/(4 + 1), the curvature 1 − (3/5)²; beyond 20 mish is x."""
    mish, zero = ACTIVATIONS["mish"], jnp.asarray(0.0)
    assert float(mish(zero)) == 0
    assert float(jax.grad(mish)(zero)) == pytest.approx(0.6, rel=1e-15)
    assert float(jax.grad(jax.grad(mish))(zero)) == pytest.approx(0.64, rel=1e-14)
    beyond = jnp.asarray([20.0, 20.1, 100.0])
    np.testing.assert_array_equal(mish(beyond), beyond)
    np.testing.assert_allclose(jax.vmap(jax.grad(mish))(beyond), 1, rtol=4e-15)


def test_selu_keeps_mean_0_and_variance_1_through_many_layers() -> None:
    """Which is what its constants and its initial weights are for (Klambauer et al. 2017)."""
    network = initialise((1,), (400,) * 11, "selu", SINGLE)
    inputs = np.random.default_rng(0).normal(size=(400, 300)).astype(np.float32)
    signal = forward(network[:-1], jnp.asarray(inputs), "selu")  # the tenth layer's sums
    assert float(jnp.mean(signal)) == pytest.approx(0, abs=0.1)
    assert float(jnp.var(signal)) == pytest.approx(1, abs=0.2)


# Forward and backward ---------------------------------------------------------------------------------


def random_network(widths: tuple[int, ...], seed: int) -> tuple[Layer, ...]:
    """Weights and biases that are all different from 0."""
    random = np.random.default_rng(seed)
    return tuple(
        Layer(jnp.asarray(random.normal(0, 0.8, (o, i))), jnp.asarray(random.normal(0, 0.5, o)))
        for i, o in pairwise(widths)
    )


def outputs_by_loops(network: Any, inputs: np.ndarray, activation: str) -> np.ndarray:
    layers = [(np.asarray(layer.weight), np.asarray(layer.bias)) for layer in network]
    return np.array([references.forward(layers, sample, activation)[0] for sample in inputs.T]).T


@pytest.mark.parametrize(
    ("name", "widths"),
    [(name, (3, 5, 4, 1)) for name in ACTIVATIONS]
    + [("tanh", (3, 2)), ("tanh", (3, 4, 2)), ("silu-tanh", (3, 5, 4, 1)), ("tanh-silu", (3, 5, 4, 1))],
)
def test_forward_is_what_the_neurons_compute_one_by_one(
    name: str, widths: tuple[int, ...], float64: None
) -> None:
    inputs = np.random.default_rng(1).normal(size=(3, 6))
    network = random_network(widths, seed=2)
    outputs = jax.jit(lambda net, x: forward(net, x, name))(network, inputs)
    np.testing.assert_allclose(outputs, outputs_by_loops(network, inputs, name), rtol=1e-12, atol=1e-14)


def pack(network: Any) -> np.ndarray:
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(network)])


def unpack(numbers: np.ndarray, widths: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    layers, at = [], 0
    for inputs, outputs in pairwise(widths):
        weight = numbers[at : at + outputs * inputs].reshape(outputs, inputs)
        bias = numbers[at + outputs * inputs : at + outputs * (inputs + 1)]
        layers.append((weight, bias))
        at += outputs * (inputs + 1)
    return layers


def check_backpropagation(activation: str, loss: str) -> None:
    """Every partial derivative of the mean loss against a central difference of the NumPy computation."""
    widths, random = (3, 4, 3, 2), np.random.default_rng(5)
    inputs, network = random.normal(size=(3, 5)), random_network(widths, seed=6)
    classes = LOSSES[loss].task == "classification"
    targets = random.integers(0, 2, 5) if classes else random.normal(size=(2, 5))

    def mean_loss(numbers: np.ndarray) -> float:
        layers, of_sample = unpack(numbers, widths), references.reference(references.LOSSES, loss)
        answers = [references.forward(layers, sample, activation)[0] for sample in inputs.T]
        return float(np.mean([of_sample(np.array(a), targets[..., i]) for i, a in enumerate(answers)]))

    layers = unpack(pack(network), widths)
    received = np.concatenate([references.forward(layers, sample, activation)[1] for sample in inputs.T])
    for kink in (kink for name in activation.split("-") for kink in activation_reference(name).kinks):
        assert np.abs(received - kink).min() > 1e-3, "a central difference must not straddle a kink"

    def engine_loss(net: Any, x: Any, y: Any) -> Any:
        return jnp.mean(LOSSES[loss].per_sample(forward(net, x, activation), y))

    gradient = jax.jit(jax.grad(engine_loss))(network, inputs, targets)
    slopes = references.central_difference(mean_loss, pack(network))
    assert slopes.size == parameter_count(widths) == 39
    np.testing.assert_allclose(pack(gradient), slopes, rtol=1e-6, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("activation", [*ACTIVATIONS, "elu-sigmoid"])
def test_backpropagation_is_right_for_every_activation(activation: str, float64: None) -> None:
    check_backpropagation(activation, "cross_entropy")


@pytest.mark.parametrize("loss", LOSSES)
def test_backpropagation_is_right_for_every_loss(loss: str, float64: None) -> None:
    check_backpropagation("tanh", loss)


@pytest.mark.slow
@pytest.mark.parametrize("outputs", [1, 2, 3, 4, 10])
def test_the_slopes_of_a_trained_product_are_those_of_the_product(outputs: int, float64: None) -> None:
    """∂W = S hᵀ and ∂h = Wᵀ S, of one network and of several side by side."""
    random = np.random.default_rng(outputs)
    shapes = ((outputs, 7), (7, 9), (outputs, 9))
    weight, signal, slopes = (jnp.asarray(random.normal(size=(4, *shape))) for shape in shapes)
    answer, pull = jax.vjp(jax.vmap(trained_product), weight, signal)
    of_weight, of_signal = pull(slopes)
    for one in range(4):
        np.testing.assert_allclose(answer[one], weight[one] @ signal[one], rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(of_weight[one], slopes[one] @ signal[one].T, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(of_signal[one], weight[one].T @ slopes[one], rtol=1e-12, atol=1e-13)
        alone = jax.vjp(trained_product, weight[one], signal[one])[1](slopes[one])
        np.testing.assert_allclose(alone[0], of_weight[one], rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(alone[1], of_signal[one], rtol=1e-12, atol=1e-13)


def test_the_digit_network_has_11935_parameters() -> None:
    """784·15 + 15·10 weights and 25 biases."""
    network = initialise((0,), (784, 15, 10), "sigmoid", SINGLE)
    assert parameter_count((784, 15, 10)) == 11_935
    assert [(layer.weight.shape, layer.bias.shape) for layer in network] == [
        ((15, 784), (15,)),
        ((10, 15), (10,)),
    ]
    assert sum(leaf.size for leaf in jax.tree.leaves(network)) == 11_935


# Initial weights --------------------------------------------------------------------------------------

BIG = (300, 120, 250, 80)


def distribution(drawn: str, inputs: int, outputs: int) -> Any:
    """He, LeCun: normal with variance 2/inputs, 1/inputs. Glorot: uniform on ±√(6/(inputs + outputs))."""
    if drawn != "glorot":
        return stats.norm(0, np.sqrt({"he": 2, "lecun": 1}[drawn] / inputs))
    limit = np.sqrt(6 / (inputs + outputs))
    return stats.uniform(-limit, 2 * limit)


def fits(weights: np.ndarray, drawn: str, inputs: int, outputs: int) -> bool:
    """Whether weights look drawn so: the shape by Kolmogorov and Smirnov, the variance to 5 standard errors.

    The standard error of a variance is √((kurtosis − 1)/n) of it, with kurtosis 3 and 9/5.
    """
    expected = distribution(drawn, inputs, outputs)
    error = np.sqrt((0.8 if drawn == "glorot" else 2) / weights.size)
    shape = stats.kstest(weights.ravel(), expected.cdf).pvalue > 1e-5
    return bool(shape and abs(weights.var() / expected.var() - 1) < 5 * error)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*ACTIVATIONS, "relu-tanh", "tanh-relu"])
def test_weights_are_drawn_as_fits_the_activation(name: str) -> None:
    """Hidden layers as each one's activation asks, the output layer as Glorot's; scales 5 % off are seen."""
    names = name.split("-") if "-" in name else [name] * (len(BIG) - 2)
    network = initialise((3,), BIG, name, SINGLE)
    for number, (layer, (inputs, outputs)) in enumerate(zip(network, pairwise(BIG), strict=True)):
        drawn = "glorot" if number == len(network) - 1 else activation_reference(names[number]).drawn
        weights = np.asarray(layer.weight, float)
        assert fits(weights, drawn, inputs, outputs)
        assert not fits(weights * 1.05, drawn, inputs, outputs)
        assert not fits(weights / 1.05, drawn, inputs, outputs)
        if drawn == "glorot":
            limit = np.sqrt(6 / (inputs + outputs))
            assert 0.99 * limit < np.abs(weights).max() <= limit * (1 + 1e-6)


def test_a_name_for_each_layer_is_the_one_name_where_all_are_alike() -> None:
    alike = initialise((3,), (4, 3, 3, 2), "relu-relu", SINGLE)
    jax.tree.map(np.testing.assert_array_equal, alike, initialise((3,), (4, 3, 3, 2), "relu", SINGLE))


@pytest.mark.parametrize(
    ("activation", "layers", "sentence"),
    [
        ("relu-tanh", 1, "is for 2 hidden layers, and the network has 1 hidden layer: give one name."),
        ("relu-tanh", 3, "and the network has 3 hidden layers: give one name, or 3 with '-' between."),
        ("relu-tanh", 0, "and the network has 0 hidden layers: give one name."),
    ],
)
def test_as_many_names_as_hidden_layers(activation: str, layers: int, sentence: str) -> None:
    with pytest.raises(InputError, match=re.escape(sentence)):
        by_layer(activation, layers)


def test_biases_start_at_0_and_the_type_is_the_one_asked_for() -> None:
    network = initialise((0,), (4, 3, 2), "relu", SINGLE)
    assert all(np.all(np.asarray(layer.bias) == 0) for layer in network)
    assert {leaf.dtype for leaf in jax.tree.leaves(network)} == {SINGLE}
    with jax.enable_x64(True):
        network = initialise((0,), (4, 3, 2), "relu", DOUBLE)
        assert {leaf.dtype for leaf in jax.tree.leaves(network)} == {DOUBLE}


def test_a_key_is_a_network_and_its_layers_are_unrelated() -> None:
    widths = (30, 30, 30, 30)
    once, again, other = (initialise((seed,), widths, "tanh", SINGLE) for seed in (1, 1, 2))
    np.testing.assert_array_equal(pack(once), pack(again))
    first, second, _ = (np.ravel(layer.weight) for layer in once)
    for pair in [(first, second), (first, np.ravel(other[0].weight))]:
        assert abs(np.corrcoef(*pair)[0, 1]) < 5 / np.sqrt(first.size)


# Dropout ----------------------------------------------------------------------------------------------

SHAPE = (100, 300)


def dropped(p: float, seed: int = 0, layer: int = 0) -> np.ndarray:
    """Where a signal of ones is switched off."""
    signal = dropout(jax.random.key(seed), jnp.float32(p))(jnp.ones(SHAPE), layer)
    return np.asarray(signal) == 0


@pytest.mark.parametrize("p", [0.05, 0.2, 0.5, 0.9])
def test_dropout_drops_the_share_asked_for_and_keeps_the_expectation(p: float) -> None:
    signal = np.asarray(dropout(jax.random.key(8), jnp.float32(p))(jnp.ones(SHAPE), 0), float)
    off = np.sum(signal == 0)
    low, high = stats.binom.interval(1 - 1e-6, signal.size, p)
    assert low <= off <= high
    # p is rounded to 24 bits: a change of the scale by at most 2⁻²⁵/(1 − p), and its own rounding.
    np.testing.assert_allclose(signal[signal != 0], 1 / (1 - p), rtol=2**-25 / (1 - p) + 2**-23)
    assert signal.mean() == pytest.approx(1, abs=5 * np.sqrt(p / (1 - p) / signal.size))


@pytest.mark.parametrize("p", [0.1, 0.3])
def test_dropout_s_scale_is_that_of_the_share_it_really_drops(p: float) -> None:
    """p in 2⁻²⁴: 0.1 is 1,677,722 of them, 0.3 is 5,033,165."""
    share = {0.1: 1_677_722, 0.3: 5_033_165}[p] / 2**24
    with jax.enable_x64(True):
        signal = np.asarray(dropout(jax.random.key(8), jnp.asarray(p))(jnp.ones(SHAPE), 0))
    np.testing.assert_allclose(np.unique(signal), [0, 1 / (1 - share)], rtol=1e-15)


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE], ids=str)
def test_dropout_of_0_is_the_identity_bit_for_bit(dtype: Any) -> None:
    with jax.enable_x64(dtype == DOUBLE):
        signal = np.random.default_rng(0).normal(size=SHAPE).astype(dtype)
        signal[0, :4] = [0.0, -0.0, np.finfo(dtype).tiny, np.finfo(dtype).min]
        same = dropout(jax.random.key(0), jnp.asarray(0.0, dtype))(jnp.asarray(signal), 0)
        assert np.asarray(same).tobytes() == signal.tobytes()


def test_more_dropout_drops_the_same_units_and_more() -> None:
    few, some, most = dropped(0.2), dropped(0.5), dropped(0.8)
    assert np.all(some[few])
    assert np.all(most[some])
    assert few.sum() < some.sum() < most.sum()


def test_layers_steps_and_members_get_masks_of_their_own() -> None:
    """Independent masks agree in a share (1−p)² + p² of the units: half of them at p = ½."""
    base = dropped(0.5)
    np.testing.assert_array_equal(base, dropped(0.5))
    for other in [dropped(0.5, layer=1), dropped(0.5, layer=2), dropped(0.5, seed=1)]:
        low, high = stats.binom.interval(1 - 1e-6, base.size, 0.5)
        assert low <= np.sum(base == other) <= high
    assert not np.array_equal(base[:, 0], base[:, 1]), "samples of a batch differ"


def test_dropout_reaches_every_hidden_layer_and_not_the_outputs(float64: None) -> None:
    """A forward pass by hand, with the masks that each layer's own number gives."""
    network, inputs = random_network((3, 6, 5, 2), seed=2), jnp.asarray(np.ones((3, 4)))
    drop = dropout(jax.random.key(4), jnp.asarray(0.5))
    signal = np.asarray(inputs)
    for number, layer in enumerate(network[:-1]):
        mask = np.asarray(drop(jnp.ones((len(layer.bias), 4)), number))
        assert 0 < np.sum(mask == 0) < mask.size
        signal = np.tanh(np.asarray(layer.weight) @ signal + np.asarray(layer.bias)[:, None]) * mask
    expected = np.asarray(network[-1].weight) @ signal + np.asarray(network[-1].bias)[:, None]
    outputs = jax.jit(lambda net, x: forward(net, x, "tanh", drop))(network, inputs)
    np.testing.assert_allclose(outputs, expected, rtol=1e-12)


def test_no_gradient_passes_through_a_dropped_unit() -> None:
    drop = dropout(jax.random.key(0), jnp.float32(0.5))
    gradient = np.asarray(jax.grad(lambda s: jnp.sum(drop(s, 0)))(jnp.ones(SHAPE)))
    off = dropped(0.5)
    np.testing.assert_array_equal(gradient[off], 0.0)
    np.testing.assert_array_equal(gradient[~off], 2.0)


def test_dropout_just_below_1_is_finite() -> None:
    """p may be anything in [0, 1), so also the largest float32 below 1."""
    p = np.nextafter(np.float32(1), np.float32(0))
    drop = dropout(jax.random.key(0), jnp.asarray(p))
    value, gradient = jax.value_and_grad(lambda s: jnp.sum(drop(s, 0)))(jnp.ones(SHAPE))
    assert np.isfinite(value)
    assert np.all(np.isfinite(gradient))


@pytest.mark.slow
def test_a_member_s_dropout_is_the_same_in_company() -> None:
    keys, rates = jax.random.split(jax.random.key(5), 4), jnp.asarray([0.0, 0.1, 0.5, 0.9])
    signal = jnp.asarray(np.random.default_rng(0).normal(size=(4, 8, 6)), jnp.float32)
    alone_program = jax.jit(lambda key, p, s: dropout(key, p)(s, 1))
    together = jax.jit(jax.vmap(alone_program))(keys, rates, signal)
    for member in range(4):
        alone = alone_program(keys[member], rates[member], signal[member])
        np.testing.assert_array_equal(together[member], alone)
