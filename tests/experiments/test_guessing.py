"""Guesses against NumPy's own forward pass, descent against its own."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import log_loss

from couloir.engine.architectures.mlp import parameter_count
from couloir.engine.epochs import Part
from couloir.errors import InputError
from couloir.experiments import guessing
from couloir.experiments.guessing import (
    GRADIENT_COST,
    SCALES,
    constant_loss,
    counted_descent,
    guess,
    guess_losses,
    random_search,
    rows_of,
    together,
)
from couloir.figures.experiments import guessing as drawn

WIDTHS = (3, 5, 4)


def rows(count: int = 300) -> Part:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(count, 3)).astype(np.float32)
    return Part(inputs, random.integers(0, 4, count).astype(np.int32))


def numpy_outputs(network, inputs):
    """[class, row], by hand: relu after each layer but the last."""
    signal = np.asarray(inputs, np.float64).T
    for place, (weight, bias) in enumerate(network):
        signal = np.asarray(weight, np.float64) @ signal + np.asarray(bias, np.float64)[:, None]
        signal = signal if place == len(network) - 1 else np.maximum(signal, 0)
    return signal


def numpy_cross_entropy(outputs, targets):
    outputs = outputs - outputs.max(axis=0)
    shares = np.exp(outputs) / np.exp(outputs).sum(axis=0)
    return float(np.mean(-np.log(shares[targets, np.arange(len(targets))])))


# Guesses ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_loss_of_a_guess_is_that_of_the_network_drawn_again():
    part = rows(299)  # in two blocks, the last of them filled up with a row that does not count
    blocks = rows_of(part)
    assert blocks.inputs.shape == (2, 150, 3)
    assert blocks.weights[1, -1] == 0
    key = jax.random.key(7)
    found = guess_losses(key, jnp.uint32(5), blocks, WIDTHS, "relu", "cross_entropy", SCALES, 2, 3)
    for place in range(6):
        network = guess(key, 5 + place, WIDTHS, "relu", SCALES, jnp.float32)
        expected = numpy_cross_entropy(numpy_outputs(network, part.inputs), part.targets)
        assert float(found[place]) == pytest.approx(expected, rel=1e-5)


def test_values_are_scored_by_their_squared_error():
    random = np.random.default_rng(3)
    part = Part(
        random.normal(size=(20, 3)).astype(np.float32), random.normal(size=(20, 1)).astype(np.float32)
    )
    search = random_search((3, 5, 1), part, "relu", "mse", 64)
    outputs = numpy_outputs(search.network(), part.inputs)
    assert search.best.loss == pytest.approx(float(np.mean((part.targets.T - outputs) ** 2)), rel=1e-5)
    assert search.constant == pytest.approx(float(np.var(part.targets)), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["relu", "selu", "tanh"])
def test_guesses_spread_as_initial_weights_do_times_the_scale(activation):
    widths, key = (50, 60, 40), jax.random.key(1)
    for number, scale in enumerate(SCALES):
        hidden, last = guess(key, number, widths, activation, SCALES, jnp.float32)
        expected = math.sqrt({"relu": 2 / 50, "selu": 1 / 50, "tanh": 6 / 110 / 3}[activation])
        assert float(jnp.std(hidden.weight)) == pytest.approx(scale * expected, rel=0.05)
        assert float(jnp.abs(last.weight).max()) == pytest.approx(scale * math.sqrt(6 / 100), rel=0.01)
        assert float(jnp.std(last.bias)) == pytest.approx(scale * math.sqrt(2 / 100), rel=0.4)
        assert abs(float(jnp.mean(last.weight))) < 0.05 * scale


@pytest.mark.slow
def test_guesses_fit_the_activation_of_each_layer():
    layers = guess(jax.random.key(1), 0, (50, 60, 70, 4), "tanh-relu", (1.0,), jnp.float32)
    assert float(jnp.std(layers[0].weight)) == pytest.approx(math.sqrt(6 / 110 / 3), rel=0.05)
    assert float(jnp.std(layers[1].weight)) == pytest.approx(math.sqrt(2 / 60), rel=0.05)


def test_a_longer_search_begins_with_the_same_guesses():
    part = rows(50)
    short, long = random_search(WIDTHS, part, guesses=300), random_search(WIDTHS, part, guesses=1000)
    assert [each for each in long.improvements if each.number < 300] == short.improvements
    losses = [each.loss for each in long.improvements]
    assert losses == sorted(losses, reverse=True)
    assert len(set(losses)) == len(losses)
    assert long.best.loss == min(long.best_by_scale.values()) < long.median
    assert long.best.scale == SCALES[long.best.number % len(SCALES)]
    other = random_search(WIDTHS, part, guesses=300, seed=1)
    assert other.improvements != short.improvements


def test_the_best_guess_is_drawn_again():
    part = rows(50)
    search = random_search(WIDTHS, part, guesses=500)
    expected = numpy_cross_entropy(numpy_outputs(search.network(), part.inputs), part.targets)
    assert search.best.loss == pytest.approx(expected, rel=1e-5)
    assert search.parameters == parameter_count(WIDTHS) == 3 * 5 + 5 + 5 * 4 + 4


def test_progress_is_reported_and_can_end_the_search(monkeypatch):
    heard = []

    def enough(done: int, lowest: float) -> bool:
        heard.append((done, lowest))
        return len(heard) == 2

    monkeypatch.setattr(guessing, "GUESSES_A_CALL", 1)
    search = random_search(WIDTHS, rows(50), guesses=10**6, on_progress=enough)
    size = together(WIDTHS, 50)
    assert [done for done, _ in heard] == [size, 2 * size]
    assert search.guesses == 2 * size
    assert heard[-1][1] == pytest.approx(search.best.loss)
    assert heard[0][1] >= heard[1][1]


def test_constant_answers():
    targets = np.array([0, 0, 0, 1, 2, 2])
    shares = np.tile([3 / 6, 1 / 6, 2 / 6], (6, 1))
    assert constant_loss(targets, "cross_entropy") == pytest.approx(log_loss(targets, shares), rel=1e-12)
    assert constant_loss(np.ones((3, 1)), "huber") is None


@pytest.mark.parametrize("guesses", [0, 2**32])
def test_impossible_numbers_of_guesses(guesses):
    with pytest.raises(InputError, match="number of guesses"):
        random_search(WIDTHS, rows(5), guesses=guesses)


# Gradient descent in the same coin -------------------------------------------------------------------------


def numpy_descent(weight, inputs, targets, rate, steps):
    """Losses before each step of gradient descent of softmax regression, by its textbook gradient."""
    weight, bias, losses = np.array(weight, np.float64), np.zeros(len(weight)), []
    truth = np.eye(len(weight))[:, targets]
    for _ in range(steps):
        outputs = weight @ inputs.T + bias[:, None]
        losses.append(numpy_cross_entropy(outputs, targets))
        shares = np.exp(outputs) / np.exp(outputs).sum(axis=0)
        error = (shares - truth) / len(targets)
        weight, bias = weight - rate * error @ inputs, bias - rate * error.sum(axis=1)
    return losses


def test_descent_equals_an_independent_one_and_is_charged_for_every_rate():
    from couloir.engine.architectures.mlp import initialise

    part, rates = rows(40), [0.1, 1.0]
    found = counted_descent((3, 4), part, evaluations=100, rates=rates)
    assert found.steps == 100 // (GRADIENT_COST * 2) == 16
    assert list(found.evaluations) == [6 * (step + 1) for step in range(16)]
    ((weight, _),) = initialise((0, 0), (3, 4), "relu", np.float32)
    losses = [numpy_descent(weight, part.inputs, part.targets, rate, 16) for rate in rates]
    expected = np.minimum.accumulate(np.min(losses, axis=0))
    np.testing.assert_allclose(found.best, expected, rtol=1e-5)
    assert found.best_rate == rates[int(np.argmin([min(each) for each in losses]))]
    middle = float(found.best[7] + found.best[8]) / 2
    assert found.reached(middle) == 6 * 9
    assert found.reached(0.0) is None


def test_descent_is_ended_early_where_evaluations_are_left():
    assert counted_descent((3, 4), rows(10), evaluations=1000, rates=[0.1], most_steps=5).capped
    assert not counted_descent((3, 4), rows(10), evaluations=17, rates=[0.1], most_steps=5).capped


# Figures ---------------------------------------------------------------------------------------------------


def test_the_contest_shows_what_was_found():
    part = rows(50)
    search = random_search(WIDTHS, part, guesses=600)
    descent = counted_descent(WIDTHS, part, evaluations=600)
    chart = drawn.search_against_descent(search, descent)
    guessed, descended = chart.figure.data
    assert list(guessed.x) == [each.number + 1 for each in search.improvements] + [600]
    np.testing.assert_allclose(guessed.y[:-1], [each.loss for each in search.improvements], rtol=1e-5)
    np.testing.assert_allclose(descended.y, descent.best, rtol=1e-5)
    assert list(descended.x) == list(descent.evaluations)
    assert drawn.number(search.best.loss) in chart.sentence
    reached = descent.reached(search.best.loss)
    there = "had not come so low" if reached is None else f"there after {reached:,} loss"
    assert there in chart.sentence
