"""The engine: order of the rows, seeds, stopping, divergence, and what is handed back."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from couloir.engine.architectures.mlp import Network, parameter_count
from couloir.engine.epochs import Part, TrainingData, compiled_epoch
from couloir.engine.folds import epoch_batches
from couloir.engine.member import Member
from couloir.engine.outcomes import Outcome, Trained, leader
from couloir.engine.training import Progress, train_population
from couloir.errors import InputError
from trainings import (
    BATCH,
    CLASSES,
    FEATURES,
    PATIENT,
    SEED,
    Compilations,
    class_scores,
    class_weighted,
    classification,
    difference,
    first_weights,
    leaves,
    lines,
    member,
    quartet,
    regression,
    same_bits,
    value_scores,
    watched,
)

# The order of the rows -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "batch"), [(1, 1), (1, 8), (8, 8), (9, 8), (43, 8), (43, 1), (43, 43), (43, 64)]
)
def test_an_epoch_is_every_row_once_and_padding_of_weight_0(count: int, batch: int) -> None:
    rows, weights = epoch_batches(count, batch, SEED, 1)
    assert rows.shape == weights.shape == (-(-count // batch), batch)
    assert sorted(rows[weights == 1]) == list(range(count))
    assert weights.sum() == count
    assert set(np.unique(weights)) <= {0.0, 1.0}
    assert rows.min() >= 0
    assert rows.max() < count
    assert np.all(weights.sum(axis=1) > 0), "a batch of padding only"


def test_each_epoch_has_its_own_order_and_the_seed_fixes_it() -> None:
    orders = [tuple(epoch_batches(43, 8, SEED, number)[0].ravel()) for number in range(1, 30)]
    assert len(set(orders)) == len(orders)
    assert orders[4] == tuple(epoch_batches(43, 8, SEED, 5)[0].ravel())
    assert orders[4] != tuple(epoch_batches(43, 8, SEED + 1, 5)[0].ravel())
    # Whatever the batch size, an epoch's order is the same: batch sizes are compared on equal terms.
    assert orders[4][:43] == tuple(epoch_batches(43, 5, SEED, 5)[0].ravel()[:43])


# Seeds ---------------------------------------------------------------------------------------------------

SMALLEST = 1e-30
"""A learning rate that changes no weight in float32: what is seen after an epoch is where it began."""


def at_start(members: Sequence[Member], seed: int = SEED) -> list[Network]:
    still = [replace(each, learning_rate=SMALLEST) for each in members]
    return watched(still, classification(), epochs=1, seed=seed)[1][0]


def test_initial_weights_are_the_restart_s() -> None:
    members = quartet()
    found = at_start(members)
    for each, network in zip(members, found, strict=True):
        for layer, wanted in zip(network, first_weights(each, CLASSES, "float32"), strict=True):
            assert difference([layer.weight], [wanted.weight]) < 1e-6
            assert np.max(np.abs(layer.bias)) < 1e-20
    for number in (0, 1):
        for layer, other in zip(found[number], found[number + 2], strict=True):
            assert np.array_equal(layer.weight, other.weight), "two rules with the same restart"
    for layer, other in zip(found[0], found[1], strict=True):
        assert not np.any(layer.weight == other.weight)
    for layer, other in zip(found[0], at_start(members, seed=SEED + 1)[0], strict=True):
        assert not np.any(layer.weight == other.weight)


def test_the_same_seed_twice_is_identical_and_another_is_not() -> None:
    data = classification()
    one, networks = watched(quartet(), data)
    two, again = watched(quartet(), data)
    other, elsewhere = watched(quartet(), data, seed=SEED + 1)
    assert [outcome.validation for outcome in one.outcomes] == [o.validation for o in two.outcomes]
    assert [outcome.training for outcome in one.outcomes] == [o.training for o in two.outcomes]
    for number in range(4):
        assert same_bits(networks[-1][number], again[-1][number])
        assert difference(networks[-1][number], elsewhere[-1][number]) > 1e-3
    assert other.outcomes[0].validation != one.outcomes[0].validation


# One trace of each program -------------------------------------------------------------------------------


def rich(factor: float, **changed: Any) -> list[Member]:
    """Every number that a member has, at some value."""
    settings = {"l1": 1e-4, "l2": 1e-3, "dropout": 0.1, "noise": 0.05, "schedule": "cosine", **changed}
    settings = {name: v * factor if isinstance(v, float) else v for name, v in settings.items()}
    return [replace(each, learning_rate=factor * each.learning_rate) for each in quartet(**settings)]


@pytest.fixture(scope="module")
def compiled_once() -> TrainingData:
    """Data that the quartet with everything switched on has been trained on."""
    data = classification()
    with Compilations() as first:
        train_population(rich(1.0), data, seed=SEED, epochs=1)
    assert first.count > 0, "the counter hears nothing"
    return data


@pytest.mark.slow
@pytest.mark.parametrize(
    ("members", "settings"),
    [
        (rich(0.5), {}),
        (rich(2.0), {"seed": 11}),
        (rich(1.0, schedule="one_cycle", warmup=0.1), {"epochs": 3}),
        (rich(1.0, epochs=2), {"patience": 1}),
        ([replace(each, l1=0.0) for each in rich(1.0)][:3] + rich(1.0)[3:], {}),
        ([*rich(1.0)[:2], *(replace(each, restart=5) for each in rich(1.0)[2:])], {}),
    ],
    ids=["numbers", "seed", "schedule", "budget", "strength-0", "restarts"],
)
def test_new_numbers_compile_nothing(
    compiled_once: TrainingData, members: list[Member], settings: dict[str, Any]
) -> None:
    traces = compiled_epoch(fast=False)._cache_size()
    with Compilations() as heard:
        trained = train_population(members, compiled_once, **{"epochs": 2, **settings})
    assert compiled_epoch(fast=False)._cache_size() == traces
    assert heard.count == 0
    assert trained.outcomes[0].epochs_run >= 2


def test_new_data_of_the_same_shape_compiles_nothing(compiled_once: TrainingData) -> None:
    """The data is an argument of the program, not a constant in it."""
    with Compilations() as heard:
        train_population(rich(1.0), class_weighted(classification(seed=5)), epochs=2)
    assert heard.count == 0


def test_the_chunks_of_a_cohort_share_one_program(compiled_once: TrainingData) -> None:
    """Four times the members, in chunks of four laid out like the quartet."""
    members = [
        replace(each, learning_rate=each.learning_rate * (1 + part / 10))
        for each in rich(1.0)
        for part in range(4)
    ]
    members = [replace(each, restart=number % 7) for number, each in enumerate(members)]
    traces = compiled_epoch(fast=False)._cache_size()
    with Compilations() as heard:
        trained = train_population(members, compiled_once, epochs=1, chunk=4)
    assert compiled_epoch(fast=False)._cache_size() == traces
    assert heard.count == 0
    assert len(trained.outcomes) == 16


# Stopping ------------------------------------------------------------------------------------------------


def unreliable() -> TrainingData:
    """A third of the validation labels are drawn at random: what is learnt soon makes validation worse."""
    data, random = classification(), np.random.default_rng(1)
    labels = data.validation.targets.copy()
    wrong = random.random(len(labels)) < 0.3
    labels[wrong] = random.integers(0, CLASSES, wrong.sum())
    return replace(data, validation=Part(data.validation.inputs, labels))


BUDGET = 40


@pytest.fixture(scope="module")
def to_the_end() -> tuple[Trained, Any]:
    return watched(quartet(epochs=BUDGET), unreliable())


def first_best(ranks: Sequence[Any]) -> int:
    """The first epoch, from 1, of the smallest rank."""
    return 1 + min(range(len(ranks)), key=lambda number: ranks[number])


def stop_after(ranks: Sequence[Any], patience: int) -> int:
    """The first epoch with `patience` epochs behind it that were no better than the best before them."""
    for number in range(1, len(ranks) + 1):
        if number - first_best(ranks[:number]) == patience:
            return number
    return len(ranks)


def test_without_patience_every_member_runs_to_its_budget(to_the_end: tuple[Trained, Any]) -> None:
    for outcome in to_the_end[0].outcomes:
        assert outcome.status == "finished"
        assert outcome.epochs_run == len(outcome.training) == BUDGET
        assert outcome.diverged_epoch is None


def test_the_best_weights_are_those_of_the_best_epoch(to_the_end: tuple[Trained, Any]) -> None:
    trained, networks = to_the_end
    for number, outcome in enumerate(trained.outcomes):
        losses = [scores["log_loss"] for scores in outcome.validation]
        assert outcome.best_epoch == first_best(losses)
        assert outcome.score == min(losses)
        assert same_bits(outcome.network, networks[outcome.best_epoch - 1][number])
        assert outcome.best_epoch < BUDGET, "validation never worsened: the case shows nothing"
        assert difference(outcome.network, networks[-1][number]) > 1e-2


@pytest.mark.parametrize("patience", [1, 3, 7])
def test_a_member_stops_when_its_patience_is_at_an_end(
    patience: int, to_the_end: tuple[Trained, Any]
) -> None:
    trained, networks = watched(quartet(epochs=BUDGET), unreliable(), patience=patience)
    ends = []
    for number, (outcome, whole) in enumerate(zip(trained.outcomes, to_the_end[0].outcomes, strict=True)):
        end = stop_after([scores["log_loss"] for scores in whole.validation], patience)
        ends.append(end)
        assert outcome.validation == whole.validation[:end]
        assert outcome.training == whole.training[:end]
        assert outcome.status == "stopped"
        assert outcome.best_epoch == end - patience
        assert same_bits(outcome.network, to_the_end[1][outcome.best_epoch - 1][number])
        # From its last epoch on it stands still, while others go on.
        assert same_bits(networks[-1][number], to_the_end[1][end - 1][number])
    assert len(set(ends)) > 1, "they all stop together: the case shows little"
    assert len(networks) == max(ends)


def test_ties_of_the_metric_are_broken_by_the_log_loss() -> None:
    trained, networks = watched(quartet(epochs=BUDGET), unreliable(), metric="accuracy")
    broken = 0
    for number, outcome in enumerate(trained.outcomes):
        ranks = [(-scores["accuracy"], scores["log_loss"]) for scores in outcome.validation]
        assert outcome.best_epoch == first_best(ranks)
        assert outcome.score == -min(ranks)[0]
        assert same_bits(outcome.network, networks[outcome.best_epoch - 1][number])
        broken += outcome.best_epoch != first_best([rank[0] for rank in ranks])
    assert broken, "no tie was broken by the log loss: the case shows nothing"
    best = min(trained.outcomes, key=lambda o: (-o.score, o.validation[o.best_epoch - 1]["log_loss"]))
    assert trained.winner is best
    assert trained.metric == "accuracy"


@pytest.mark.parametrize(
    ("improved", "patience", "budget", "status", "epochs", "best"),
    [
        ("1000", 3, 9, "stopped", 4, 1),
        ("1001000", 3, 9, "stopped", 7, 4),
        ("10101", 2, 5, "finished", 5, 5),
        ("10", 1, 9, "stopped", 2, 1),
        ("000", 3, 9, "stopped", 3, 0),
        ("1000000", None, 7, "finished", 7, 1),
        ("100", 2, 3, "finished", 3, 1),
    ],
)
def test_patience_by_hand(
    improved: str, patience: int | None, budget: int, status: str, epochs: int, best: int
) -> None:
    outcome = Outcome(member(epochs=budget))
    for number, mark in enumerate(improved):
        assert outcome.status == "training"
        scores = {"log_loss": 1.0 + number}
        outcome.record(scores, scores, mark == "1", True, "log_loss", patience)
    assert (outcome.status, outcome.epochs_run, outcome.best_epoch) == (status, epochs, best)
    assert best == 0 or outcome.score == float(best)


def test_without_validation_every_member_ends_with_its_last_weights() -> None:
    data = replace(classification(), validation=None)
    trained, networks = watched(quartet(epochs=5), data, patience=2)
    for number, outcome in enumerate(trained.outcomes):
        assert (outcome.status, outcome.best_epoch) == ("finished", 5)
        assert same_bits(outcome.network, networks[-1][number])
        expected = class_scores(networks[-1][number], data.train)
        assert outcome.training[-1] == pytest.approx(expected, rel=1e-4)


def test_every_member_has_a_budget_of_its_own() -> None:
    budgets = (2, 5, 3, 1)
    members = [replace(each, epochs=n) for each, n in zip(quartet(schedule="cosine"), budgets, strict=True)]
    trained, networks = watched(members, classification())
    assert [outcome.epochs_run for outcome in trained.outcomes] == list(budgets)
    assert {outcome.status for outcome in trained.outcomes} == {"finished"}
    assert len(networks) == 5
    for number, budget in enumerate(budgets):
        assert same_bits(networks[-1][number], networks[budget - 1][number])
    assert trained.member_samples == sum(budgets) * 43


def test_a_cap_on_epochs_leaves_the_schedules_their_horizon() -> None:
    members, data = quartet(epochs=10, schedule="cosine"), classification()
    _, whole = watched(members, data)
    trained, capped = watched(members, data, epochs=4)
    assert len(capped) == 4
    assert {(o.status, o.epochs_run) for o in trained.outcomes} == {("finished", 4)}
    for number in range(4):
        assert same_bits(capped[-1][number], whole[3][number])
    _, short = watched([replace(each, epochs=4) for each in members], data)
    assert difference(short[-1][0], capped[-1][0]) > 1e-3, "the horizon makes no difference"


# Divergence ----------------------------------------------------------------------------------------------

WILD = 1e6


def epoch_of_overflow(each: Member, data: TrainingData) -> int:
    """When a linear model's loss, weights or validation error stop being finite, in plain NumPy."""
    with jax.enable_x64(True):
        ((weight, bias),) = first_weights(each, data.outputs, float)
    weight, bias = np.array(weight), np.array(bias)
    count = len(data.train.inputs)
    with np.errstate(over="ignore", invalid="ignore"):
        for number in range(1, each.epochs + 1):
            finite = True
            order = epoch_batches(count, BATCH, SEED, number)[0].ravel()[:count]
            for start in range(0, count, BATCH):
                x = data.train.inputs[order[start : start + BATCH]]
                error = x @ weight.T + bias - data.train.targets[order[start : start + BATCH]]
                finite &= bool(np.isfinite(np.mean(error**2)))
                slope = 2 * error / error.size
                weight, bias = (
                    weight - each.learning_rate * slope.T @ x,
                    bias - each.learning_rate * slope.sum(0),
                )
            miss = (data.validation.inputs @ weight.T + bias - data.validation.targets) * data.target_scale
            if not (finite and np.isfinite(np.mean(miss**2)) and np.isfinite(weight).all()):
                return number
    raise AssertionError("it does not diverge")


def test_a_diverged_member_is_marked_kept_and_never_chosen() -> None:
    data = regression()
    members = lines([0.01, WILD, 0.05])
    trained, networks = watched(members, data, precision="float64")
    wild = trained.outcomes[1]
    assert wild.status == "diverged"
    assert wild.diverged_epoch == wild.epochs_run == epoch_of_overflow(members[1], data) > 1
    assert wild.diverged_epoch < 12
    assert all(math.isfinite(scores["mse"]) for scores in wild.validation[:-1])
    for network in (wild.network, networks[-1][1]):
        assert all(np.isfinite(leaf).all() for leaf in leaves(network))
    assert [trained.outcomes[n].status for n in (0, 2)] == ["finished", "finished"]
    assert trained.winner is min((trained.outcomes[0], trained.outcomes[2]), key=lambda o: o.score)


def test_a_diverged_member_leaves_its_neighbours_alone() -> None:
    data = regression()
    trained, networks = watched(lines([0.01, WILD, 0.05]), data, precision="float64")
    tame, quiet = watched(lines([0.01, 0.02, 0.05]), data, precision="float64")
    without, alone = watched([lines([0.01, WILD, 0.05])[n] for n in (0, 2)], data, precision="float64")
    for number, place in ((0, 0), (2, 1)):
        assert same_bits(networks[-1][number], quiet[-1][number])
        assert trained.outcomes[number].validation == tame.outcomes[number].validation
        assert difference(networks[-1][number], alone[-1][place]) < 1e-12
        assert trained.outcomes[number].best_epoch == without.outcomes[place].best_epoch


def test_when_all_diverge_there_is_no_winner() -> None:
    """At rates so large that the weights themselves overflow; they are given back finite."""
    trained, networks = watched(lines([WILD, 1e150, 1e300]), regression(), precision="float64")
    assert {outcome.status for outcome in trained.outcomes} == {"diverged"}
    assert trained.winner is None
    assert [outcome.diverged_epoch for outcome in trained.outcomes][1:] == [1, 1]
    for outcome, network in zip(trained.outcomes, networks[-1], strict=True):
        assert all(np.isfinite(leaf).all() for leaf in leaves(network) + leaves(outcome.network))


def test_a_diverged_member_is_not_chosen_even_if_it_was_ahead() -> None:
    ahead = Outcome(member(), "diverged", 1, 0.1, [], [{"log_loss": 0.1}, {"log_loss": math.nan}])
    behind = Outcome(member(), "stopped", 1, 0.5, [], [{"log_loss": 0.5}])
    unscored = Outcome(member())
    assert leader([ahead, behind, unscored], "log_loss") is behind
    assert leader([ahead, unscored], "log_loss") is None


# No leakage ----------------------------------------------------------------------------------------------


def test_validation_never_reaches_what_is_fitted() -> None:
    data = classification()
    poisoned = replace(
        data,
        validation=Part(1e3 * data.validation.inputs[::-1] + 7, np.zeros_like(data.validation.targets)),
    )
    clean, networks = watched(quartet(), data)
    dirty, elsewhere = watched(quartet(), poisoned)
    _, bare = watched(quartet(), replace(data, validation=None))
    for number in range(4):
        for epoch in range(12):
            assert same_bits(networks[epoch][number], elsewhere[epoch][number])
        assert clean.outcomes[number].training == dirty.outcomes[number].training
        assert clean.outcomes[number].validation != dirty.outcomes[number].validation
        # A program without a validation part is another program: equal but for rounding.
        assert difference(bare[-1][number], networks[-1][number]) < 1e-4


# Penalties, noise and other losses -----------------------------------------------------------------------


def ridge(design: np.ndarray, targets: np.ndarray, strength: float) -> np.ndarray:
    """The minimum of Σr² + strength·Σw², the bias (the last column) free: [output, feature and bias]."""
    penalty = np.diag([strength] * (design.shape[1] - 1) + [0.0])
    return np.linalg.solve(design.T @ design + penalty, design.T @ targets).T


@pytest.mark.slow
def test_linear_networks_find_the_least_squares_and_the_ridge_solution() -> None:
    """MSE without hidden layers is least squares; with L2 it is ridge, and with input noise too.

    The gradient of mean r²/outputs + ½λΣw² is 0 where that of Σr² + ½·rows·outputs·λ·Σw² is; noise of
    variance σ² adds rows·σ²·Σw² to Σr² in expectation (Bishop 1995).
    """
    count, sigma, strength = 200, 0.7, 0.6
    data = regression(rows=count)
    design, targets = np.column_stack([data.train.inputs, np.ones(count)]), data.train.targets
    budget = {"hidden": (), "loss": "mse", "batch_size": count, "epochs": 500}
    members = [
        member("sgd", 0.3, **budget),
        member("sgd", 0.3, l2=strength, **budget),
        member("adam", 0.05, schedule="cosine", **budget),
        member("sgd", 0.1, schedule="cosine", noise=sigma, **budget),
    ]
    _, networks = watched(members, data, precision="float64")
    found = [np.column_stack(networks[-1][number][0]) for number in range(4)]
    least = np.linalg.lstsq(design, targets)[0].T
    assert np.max(np.abs(found[0] - least)) < 1e-9
    shrunk = ridge(design, targets, count * data.outputs * strength / 2)
    assert np.max(np.abs(found[1] - shrunk)) < 1e-9
    assert np.max(np.abs(found[2] - least)) < 1e-3
    noisy = ridge(design, targets, count * sigma**2)
    assert np.max(np.abs(found[3] - noisy)) < 0.05
    assert min(np.max(np.abs(other - least)) for other in (shrunk, noisy)) > 0.4


def doubled_squares(outputs: Any, targets: Any) -> Any:
    return 2 * jnp.mean((outputs - targets) ** 2, axis=0)


def test_a_person_s_own_loss() -> None:
    """Twice the squared error at half the rate is the squared error."""
    data = regression()
    own = member("sgd", 0.05, hidden=(), loss=doubled_squares, epochs=6)
    known = member("sgd", 0.1, hidden=(), loss="mse", epochs=6)
    trained, networks = watched([own, known], data, precision="float64")
    assert difference(networks[-1][0], networks[-1][1]) < 1e-12
    assert set(trained.outcomes[0].validation[-1]) == {"mse", "mae", "r2"}


def test_members_are_ranked_by_the_metric_whatever_their_loss() -> None:
    data = regression()
    losses = ("mae", "huber")
    members = [member("adam", 0.01, hidden=(), loss=loss, epochs=2, l2=0.1) for loss in losses]
    trained, networks = watched(members, data)
    for outcome, network in zip(trained.outcomes, networks[-1], strict=True):
        scores = value_scores(network, data.validation, data.target_scale)
        assert outcome.validation[-1] == pytest.approx(scores, rel=1e-4)
    assert trained.metric == "mse"
    assert trained.winner is min(trained.outcomes, key=lambda outcome: outcome.score)


# What is handed back -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_precision_is_the_dtype_and_jax_is_left_as_it_was(precision: Any) -> None:
    for before in (False, True):
        with jax.enable_x64(before):
            trained = train_population([member(hidden=(7,), epochs=1)], classification(), precision=precision)
            assert jax.config.values["jax_enable_x64"] is before
    network = trained.outcomes[0].network
    assert {leaf.dtype for leaf in leaves(network)} == {np.dtype(precision)}
    assert [layer.weight.shape for layer in network] == [(7, FEATURES), (CLASSES, 7)]
    assert sum(leaf.size for leaf in leaves(network)) == parameter_count((FEATURES, 7, CLASSES))
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(network))


def test_a_callback_that_returns_true_ends_the_training() -> None:
    trained = train_population(
        quartet(), classification(), patience=None, on_epoch=lambda progress: progress.epoch == 3
    )
    assert [outcome.epochs_run for outcome in trained.outcomes] == [3] * 4
    assert {outcome.status for outcome in trained.outcomes} == {"finished"}
    assert all(outcome.network is not None for outcome in trained.outcomes)


def test_progress_says_where_the_population_stands() -> None:
    seen: list[dict[str, Any]] = []

    def note(progress: Progress) -> None:
        best = progress.best()
        assert best is not None
        states = ("training", "finished", "stopped", "diverged")
        assert sum(progress.count(state) for state in states) == len(progress.outcomes) == 4
        seen.append(
            {
                "epoch": progress.epoch,
                "epochs": progress.epochs,
                "training": progress.count("training"),
                "samples": progress.member_samples,
                "best": best.score,
                "clock": (progress.seconds, progress.compile_seconds),
                "metric": progress.metric,
            }
        )

    budgets = (2, 6, 3, 4)
    members = [replace(each, epochs=n) for each, n in zip(quartet(), budgets, strict=True)]
    trained = train_population(members, classification(), seed=SEED, patience=None, on_epoch=note)
    epochs = range(1, 7)
    assert [line["epoch"] for line in seen] == list(epochs)
    assert {(line["epochs"], line["metric"]) for line in seen} == {(6, "log_loss")}
    assert [line["training"] for line in seen] == [sum(n > epoch for n in budgets) for epoch in epochs]
    active = [sum(n >= epoch for n in budgets) for epoch in epochs]
    assert [line["samples"] for line in seen] == list(43 * np.cumsum(active))
    bests = [min(s["log_loss"] for o in trained.outcomes for s in o.validation[:epoch]) for epoch in epochs]
    assert [line["best"] for line in seen] == bests
    for one, two in itertools.pairwise(seen):
        assert all(earlier <= later for earlier, later in zip(one["clock"], two["clock"], strict=True))
    assert seen[0]["clock"][0] > 0
    assert trained.member_samples == seen[-1]["samples"]
    assert trained.seconds >= seen[-1]["clock"][0]


def test_outcomes_come_in_the_order_of_the_members() -> None:
    rules = ("adam", "sgd", "adam", "sgd", "sgd")
    members = [member(rule, 0.01 * (n + 1), hidden=(), restart=n) for n, rule in enumerate(rules)]
    members.insert(2, replace(members[1], batch_size=5))
    trained = train_population(members, classification(), epochs=1, chunk=2)
    assert [outcome.member for outcome in trained.outcomes] == members


# Packing -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_packing_changes_nothing_but_the_work() -> None:
    """Members that are done leave the program; the others' rules keep their memory."""
    budgets = (12, 2, 12, 2, 7)
    members = [
        member("momentum", 0.03 * (n + 1), hidden=(), epochs=epochs, restart=n)
        for n, epochs in enumerate(budgets)
    ]
    members += [member("adam", 0.05, hidden=(), epochs=epochs) for epochs in (2, 12)]
    expected, whole = watched(members, unreliable(), precision="float64")

    seen: list[dict[int, Network]] = []
    trained = train_population(
        members,
        unreliable(),
        seed=SEED,
        patience=None,
        precision="float64",
        on_epoch=lambda progress: seen.append(progress.networks()),
        machine=PATIENT,
    )
    active = [{n for n, each in enumerate(members) if each.epochs > epoch} for epoch in range(1, 12)]
    for epoch, (present, training_on) in enumerate(zip(seen, active, strict=False)):
        assert set(present) == training_on, "done and not packed away, or the other way round"
        assert all(difference(present[n], whole[epoch][n]) < 1e-9 for n in present)
    assert set(seen[0]) == set(range(7))
    for found, wanted in zip(trained.outcomes, expected.outcomes, strict=True):
        assert (found.status, found.epochs_run) == (wanted.status, wanted.epochs_run)
        assert found.best_epoch == wanted.best_epoch
        assert difference(found.network, wanted.network) < 1e-9
        for one, other in zip(found.validation, wanted.validation, strict=True):
            assert one == pytest.approx(other, rel=1e-9)
    assert trained.member_samples == expected.member_samples


# A caller's mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"metric": "acuracy"}, ["'acuracy'", "'accuracy'"]),
        ({"metric": "mse"}, ["'mse'", "classification", "log_loss"]),
        ({"epochs": 0}, ["0 epochs"]),
        ({"members": []}, ["no members"]),
    ],
    ids=["metric", "task", "epochs", "members"],
)
def test_a_mistake_ends_in_a_sentence(settings: dict[str, Any], named: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        train_population(**{"members": quartet(), "data": classification(), **settings})
    assert [part for part in named if part not in str(caught.value)] == []
