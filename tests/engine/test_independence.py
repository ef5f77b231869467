"""The engine as it is shipped: what becomes of a member alone and in company, against plain loops."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import references
from couloir.engine import epochs
from couloir.engine.epochs import TrainingData
from couloir.engine.folds import epoch_batches
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES, from_optax
from couloir.engine.outcomes import Trained
from trainings import (
    BATCH,
    CLASSES,
    HIDDEN,
    SEED,
    answers,
    class_scores,
    class_weighted,
    classification,
    difference,
    first_weights,
    lines,
    member,
    regression,
    value_scores,
    watched,
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("as_shipped", "for_long")]

# A member alone is the member in company ----------------------------------------------------------------

COMPANY_EPOCHS = 40
COMPANY_STEPS = COMPANY_EPOCHS * 5
TIMES = (1.0, 10.0)
SHY = {"hidden": HIDDEN, "batch_size": BATCH, "epochs": COMPANY_EPOCHS, "dropout": 0.2, "noise": 0.1}


def subject(name: str, times: float) -> Member:
    """A member with dropout and noise, at its rule's customary rate or a multiple of it."""
    rule = RULES[name]
    return Member(rule, times * rule.defaults["learning_rate"], restart=1, **SHY)


SUBJECTS = [subject(name, times) for name in RULES for times in TIMES]
COMPANY = [
    *SUBJECTS,
    # Another rate, restart, penalty and more dropout, in the same cohort; and one of another cohort.
    *(
        replace(subject(name, 3.0), restart=number % 3, dropout=0.4, l1=1e-4, l2=1e-3)
        for number, name in enumerate(RULES)
    ),
    replace(subject("sgd", 2.0), noise=0.3),
]


def smaller(each: Member) -> Member:
    """The same member with one hidden layer, which compiles sooner."""
    return replace(each, hidden=(4,))


@pytest.fixture(scope="module")
def company_data() -> TrainingData:
    return classification(rows=40)


@pytest.fixture(scope="module")
def company(company_data: TrainingData) -> tuple[Trained, Any]:
    return watched(COMPANY, company_data, precision="float64")


@pytest.fixture(scope="module")
def company_in_single(company_data: TrainingData) -> tuple[Trained, Any]:
    return watched([smaller(each) for each in COMPANY[:-1]], company_data, epochs=2)


@pytest.mark.parametrize("name", RULES)
def test_a_member_alone_is_the_member_in_company(
    name: str, company: tuple[Trained, Any], company_data: TrainingData
) -> None:
    for times in TIMES:
        trained, alone = watched([subject(name, times)], company_data, precision="float64")
        number = SUBJECTS.index(subject(name, times))
        outcome = company[0].outcomes[number]
        assert outcome.epochs_run == COMPANY_EPOCHS
        assert company_data.train.inputs.shape[0] / BATCH * COMPANY_EPOCHS == COMPANY_STEPS
        assert difference(alone[-1][0], company[1][-1][number]) < 1e-9
        assert trained.outcomes[0].best_epoch == outcome.best_epoch
        assert trained.outcomes[0].validation[-1] == pytest.approx(outcome.validation[-1], rel=1e-9)


@pytest.mark.parametrize("name", ["sgd", "nesterov", "adam"])
def test_a_member_alone_is_the_member_in_company_in_float32(
    name: str, company_in_single: tuple[Trained, Any], company_data: TrainingData
) -> None:
    for times in TIMES:
        _, alone = watched([smaller(subject(name, times))], company_data, epochs=2)
        number = SUBJECTS.index(subject(name, times))
        assert difference(alone[-1][0], company_in_single[1][-1][number]) < 1e-5


def check_in_other_company(population: list[Member], before: Any, bar: float, **settings: Any) -> None:
    """Every rule's first subject moves to the end of its places, and its other neighbour is another."""
    others = [replace(each, learning_rate=each.learning_rate / 7, dropout=0.6) for each in population[16:24]]
    moved = [*population[1:16:2], *others, *population[0:16:2], *population[24:]]
    after = watched(moved, **settings)[1][-1]
    kept = [each for each in moved if each in population]
    assert len(kept) == len(population) - 8
    for each in kept:
        assert difference(after[moved.index(each)], before[-1][population.index(each)]) < bar, each


def test_neither_the_place_nor_the_neighbours_matter(
    company: tuple[Trained, Any], company_data: TrainingData
) -> None:
    check_in_other_company(COMPANY, company[1], 1e-9, data=company_data, precision="float64")


def test_neither_the_place_nor_the_neighbours_matter_in_float32(
    company_in_single: tuple[Trained, Any], company_data: TrainingData
) -> None:
    population = [smaller(each) for each in COMPANY[:-1]]
    check_in_other_company(population, company_in_single[1], 1e-5, data=company_data, epochs=2)


def test_members_in_company_do_differ(company: tuple[Trained, Any]) -> None:
    """Rates, restarts, dropout and noise all reach the weights; else the tests above say nothing."""
    last = company[1][-1]
    for number in range(len(last)):
        for other in range(number):
            assert difference(last[number], last[other]) > 1e-3


def test_dropout_and_noise_are_off_when_members_are_scored(
    company: tuple[Trained, Any], company_data: TrainingData
) -> None:
    trained, networks = company
    for number in range(len(SUBJECTS)):
        expected = class_scores(
            networks[-1][number], company_data.validation, lambda signal: np.maximum(signal, 0)
        )
        assert trained.outcomes[number].validation[-1] == pytest.approx(expected, rel=1e-10)


def test_each_hidden_layer_learns_through_its_own_activation(company_data: TrainingData) -> None:
    """One step of full batches, against the gradient of a loss written here."""
    rows = len(company_data.train.inputs)
    population = [
        member("sgd", 0.3, hidden=(6, 5), activation=name, batch_size=rows)
        for name in ("silu-tanh", "tanh-silu")
    ]
    _, networks = watched(population, company_data, epochs=1, precision="float64")
    functions = {"silu": jax.nn.silu, "tanh": jnp.tanh}
    for each, after in zip(population, networks[0], strict=True):
        one, other = (functions[name] for name in each.activation.split("-"))

        def loss(network: Any, one: Any = one, other: Any = other) -> Any:
            (first, a), (second, b), (last, c) = network
            signal = other(one(company_data.train.inputs @ first.T + a[None]) @ second.T + b[None])
            logits = jax.nn.log_softmax(signal @ last.T + c[None])
            return -jnp.mean(logits[jnp.arange(rows), company_data.train.targets])

        with jax.enable_x64(True):
            before = first_weights(each, CLASSES, np.float64)
            slopes = jax.device_get(jax.grad(loss)(jax.tree.map(jnp.asarray, before)))
        expected = jax.tree.map(lambda weight, slope: weight - 0.3 * slope, before, slopes)
        assert difference(after, expected) < 1e-12


# A population is what plain loops over one network are ---------------------------------------------------

LOOP_EPOCHS = 17
LOOP_BUDGET = 20
LION = from_optax("lion", optax.lion, learning_rate=1e-3, weight_decay=0.01)
LOOPED = {
    "sgd": member("sgd", 0.2, schedule="cosine", warmup=0.1, l1=1e-3, restart=2),
    "momentum": member("momentum", 0.03, numbers={"momentum": 0.8}, schedule="step", l1=1e-3, l2=1e-2),
    "nesterov": member("nesterov", 0.05, numbers={"momentum": 0.7}, l2=1e-2),
    "adam": member("adam", 0.02, schedule="one_cycle", l2=3e-2, restart=1),
    "adamw": member("adamw", 0.02, schedule="exponential", warmup=0.2),
    "lion": replace(member(rate=3e-3), rule=LION),
}
LOOPED = {name: replace(each, epochs=LOOP_BUDGET) for name, each in LOOPED.items()}


def loop_loss(network: Any, rows: Any, targets: Any, weights: Any, l1: Any, l2: Any) -> Any:
    """The weighted mean of a sample's losses over the batch, plus λ₁Σ|w| + ½λ₂Σw² over the weights."""
    outputs = answers(network, rows)
    if targets.ndim == 1:
        samples = -jnp.take_along_axis(jax.nn.log_softmax(outputs), targets[:, None], axis=1)[:, 0]
    else:
        samples = jnp.mean((outputs - targets) ** 2, axis=1)
    penalty = sum(l1 * jnp.sum(jnp.abs(w)) + l2 / 2 * jnp.sum(w**2) for w, _ in network)
    return jnp.dot(samples, weights) / jnp.sum(weights) + penalty


loop_gradient = jax.jit(jax.grad(loop_loss))


class LoopRule:
    """One member's rule: where it asks for the gradient and the direction it goes, by Optax or by hand."""

    def __init__(self, name: str, each: Member, network: Any) -> None:
        self.name, self.momentum = name, each.hyper().get("momentum")
        self.velocity = jax.tree.map(jnp.zeros_like, network)
        self.optax = {
            "sgd": optax.identity(),
            "adam": optax.scale_by_adam(),
            "adamw": optax.chain(
                optax.scale_by_adam(),
                optax.add_decayed_weights(0.01, mask=lambda tree: [(True, False) for _ in tree]),
            ),
            "lion": optax.chain(optax.scale_by_lion(), optax.add_decayed_weights(0.01)),
        }.get(name)
        self.state = self.optax.init(network) if self.optax else None

    def place(self, network: Any, rate: float) -> Any:
        if self.name != "nesterov":
            return network
        return jax.tree.map(lambda w, z: w - rate * self.momentum * z, network, self.velocity)

    def direction(self, gradient: Any, network: Any) -> Any:
        if self.optax is not None:
            change, self.state = self.optax.update(gradient, self.state, network)
            return change
        self.velocity = jax.tree.map(lambda z, g: self.momentum * z + g, self.velocity, gradient)
        return self.velocity


def loop(name: str, each: Member, data: TrainingData, epochs: int) -> list[Any]:
    """One network trained batch by batch, the last one short and without padding; its weights by epoch."""
    network = [tuple(layer) for layer in first_weights(each, data.outputs, float)]
    rule, step, visited = LoopRule(name, each, network), 0, []
    count = len(data.train.inputs)
    weights = np.ones(count) if data.sample_weights is None else data.sample_weights
    steps = math.ceil(count / each.batch_size)
    for number in range(1, epochs + 1):
        order = epoch_batches(count, each.batch_size, SEED, number)[0].ravel()[:count]
        for start in range(0, count, each.batch_size):
            rows = order[start : start + each.batch_size]
            factor = references.schedule_factor(each.schedule, step, each.epochs * steps, each.warmup)
            rate = each.learning_rate * factor
            batch = (data.train.inputs[rows], data.train.targets[rows], weights[rows])
            gradient = loop_gradient(rule.place(network, rate), *batch, each.l1, each.l2)
            change = rule.direction(gradient, network)
            network = jax.tree.map(lambda w, d, rate=rate: w - rate * d, network, change)
            step += 1
        visited.append(network)
    return visited


@pytest.fixture(scope="module")
def loop_data() -> TrainingData:
    return class_weighted(classification())


@pytest.fixture(scope="module")
def population(loop_data: TrainingData) -> tuple[Trained, Any]:
    return watched(list(LOOPED.values()), loop_data, epochs=LOOP_EPOCHS, precision="float64")


@pytest.mark.parametrize("name", LOOPED)
def test_a_population_is_a_loop_over_each_of_its_networks(
    name: str, population: tuple[Trained, Any], loop_data: TrainingData, float64: None
) -> None:
    """The same initial weights, batches, schedule, penalties and class weights; more than 100 steps."""
    number = list(LOOPED).index(name)
    expected = loop(name, LOOPED[name], loop_data, LOOP_EPOCHS)
    for epoch in (0, LOOP_EPOCHS - 1):
        assert difference(population[1][epoch][number], expected[epoch]) < 1e-10
    assert difference(expected[0], expected[-1]) > 1e-2


@pytest.mark.parametrize("name", LOOPED)
def test_histories_are_scikit_learn_s_scores(
    name: str, population: tuple[Trained, Any], loop_data: TrainingData
) -> None:
    trained, networks = population
    number = list(LOOPED).index(name)
    outcome = trained.outcomes[number]
    for epoch in range(LOOP_EPOCHS):
        expected = class_scores(networks[epoch][number], loop_data.validation)
        assert outcome.validation[epoch] == pytest.approx(expected, rel=1e-10)


def test_class_weights_change_the_path(population: tuple[Trained, Any], loop_data: TrainingData) -> None:
    plain = replace(loop_data, sample_weights=None)
    _, networks = watched(list(LOOPED.values()), plain, epochs=1, precision="float64")
    for number in range(len(LOOPED)):
        assert difference(networks[0][number], population[1][0][number]) > 1e-4


def test_equal_class_weights_are_none(population: tuple[Trained, Any], loop_data: TrainingData) -> None:
    """A weighted mean does not depend on the weights' scale."""
    members = list(LOOPED.values())
    plain = replace(loop_data, sample_weights=None)
    sevens = replace(loop_data, sample_weights=np.full(len(loop_data.train.inputs), 7.0))
    _, expected = watched(members, plain, epochs=2, precision="float64")
    _, networks = watched(members, sevens, epochs=2, precision="float64")
    for found, wanted in zip(networks[-1], expected[-1], strict=True):
        assert difference(found, wanted) < 1e-12


def test_linear_networks_of_several_outputs_are_a_loop_and_scored_in_target_units(float64: None) -> None:
    data = regression()
    members = lines([0.01, 0.02, 0.05])
    trained, networks = watched(members, data, precision="float64")
    for number, each in enumerate(members):
        expected = loop("sgd", each, data, each.epochs)
        assert difference(networks[-1][number], expected[-1]) < 1e-10
        scores = value_scores(networks[-1][number], data.validation, data.target_scale)
        assert trained.outcomes[number].validation[-1] == pytest.approx(scores, rel=1e-10)


@pytest.mark.parametrize("most", [1, 7, 20, 100])
def test_scores_in_blocks_are_scikit_learn_s(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty-four rows in blocks of at most so many, which need not divide them."""
    monkeypatch.setattr(epochs, "SIGNALS_SCORED_AT_ONCE", 0)
    monkeypatch.setattr(epochs, "ROWS_SCORED_AT_ONCE", most)
    data = classification(rows=40 + most)  # rows of its own: a program that no other test has compiled
    trained, networks = watched([member(), member("adam", 0.01)], data, epochs=1, precision="float64")
    for outcome, network in zip(trained.outcomes, networks[0], strict=True):
        scores = class_scores(network, data.validation)
        assert outcome.validation[0] == pytest.approx(scores, rel=1e-10)
