"""Folds and replicates: an outer axis that changes nothing for the member in any one of them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from couloir.engine import placement
from couloir.engine.epochs import Part, TrainingData
from couloir.engine.machine import Machine
from couloir.engine.member import Member
from couloir.engine.outcomes import Rung, Trained
from couloir.engine.training import Progress, train_population
from couloir.errors import InputError
from trainings import (
    BATCH,
    CLASSES,
    FEATURES,
    PATIENT,
    class_scores,
    class_weighted,
    classification,
    difference,
    member,
    quartet,
    regression,
    watched,
)

SIZES = ((43, 17), (40, 20), (31, 9), (49, 17))
"""Rows of training and validation in each fold: 6, 5, 4 and 7 steps of 8 rows, the last ones short."""
SEEDS = (3, 3, 8, 5)
EPOCHS, MEMBERS = 6, 3


def folds() -> list[TrainingData]:
    """Unequal folds with rows of their own; one of them with weighted rows."""
    data = [classification(rows, held, seed=n) for n, (rows, held) in enumerate(SIZES)]
    return [data[0], class_weighted(data[1]), data[2], data[3]]


def members(**changed: Any) -> list[Member]:
    settings = {"epochs": EPOCHS, "dropout": 0.2, "noise": 0.1, "hidden": (5,), **changed}
    rules = ("sgd", "nesterov", "adam")
    rates = (0.1, 0.05, 0.02)
    return [
        member(rule, rate, schedule="cosine", warmup=0.1, restart=number % 2, **settings)
        for number, (rule, rate) in enumerate(zip(rules, rates, strict=True))
    ]


@pytest.fixture(scope="module")
def together() -> Trained:
    return train_population(members(), folds(), seed=SEEDS, patience=None, precision="float64")


@pytest.mark.slow
@pytest.mark.parametrize("fold", range(len(SIZES)))
def test_a_fold_among_others_is_the_fold_alone(fold: int, together: Trained) -> None:
    """Steps that other folds have more of change nothing: neither weights nor the rules' memories."""
    assert len({math.ceil(rows / BATCH) for rows, _ in SIZES}) == 4
    alone = train_population(members(), folds()[fold], seed=SEEDS[fold], patience=None, precision="float64")
    for one, other in zip(together.folds[fold], alone.outcomes, strict=True):
        assert (one.status, one.best_epoch, one.epochs_run) == (
            other.status,
            other.best_epoch,
            other.epochs_run,
        )
        assert difference(one.network, other.network) < 1e-9
        for part in ("training", "validation"):
            for seen, expected in zip(getattr(one, part), getattr(other, part), strict=True):
                assert seen == pytest.approx(expected, rel=1e-9)


def test_folds_do_differ_and_every_row_counts(together: Trained) -> None:
    for number in range(MEMBERS):
        for fold in range(1, len(SIZES)):
            ours, first = (together.folds[f][number].network for f in (fold, 0))
            assert difference(ours, first) > 1e-3
    assert together.member_samples == MEMBERS * EPOCHS * sum(rows for rows, _ in SIZES)


def test_scores_of_a_fold_are_scikit_learn_s(together: Trained) -> None:
    for fold, data in enumerate(folds()):
        for outcome in together.folds[fold]:
            expected = class_scores(outcome.network, data.validation, lambda signal: np.maximum(signal, 0))
            if outcome.member.activation == "tanh":
                expected = class_scores(outcome.network, data.validation)
            assert outcome.validation[outcome.best_epoch - 1] == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
def test_folds_in_chunks_of_any_size(together: Trained) -> None:
    """Chunks of one network each: every fold is then a chunk of its own."""
    again = train_population(
        members(), folds(), seed=SEEDS, patience=None, precision="float64", chunk=1, epochs=2
    )
    for fold in range(len(SIZES)):
        for one, other in zip(again.folds[fold], together.folds[fold], strict=True):
            assert one.validation[1] == pytest.approx(other.validation[1], rel=1e-9)


@pytest.mark.slow
def test_folds_of_other_numbers_of_features_train_as_well() -> None:
    """A category that a fold has not seen makes its inputs narrower."""
    wide = classification()
    narrow = replace(
        wide,
        train=Part(wide.train.inputs[:, :3], wide.train.targets),
        validation=Part(wide.validation.inputs[:, :3], wide.validation.targets),
    )
    both = train_population(quartet(epochs=2), [wide, narrow, wide], seed=3)
    alone = train_population(quartet(epochs=2), narrow, seed=3)
    assert [outcomes[0].network[0].weight.shape[1] for outcomes in both.folds] == [FEATURES, 3, FEATURES]
    for one, other in zip(both.folds[1], alone.outcomes, strict=True):
        assert difference(one.network, other.network) < 1e-5
    for one, other in zip(both.folds[0], both.folds[2], strict=True):
        assert difference(one.network, other.network) < 1e-5


@pytest.mark.slow
def test_values_in_folds() -> None:
    data = [regression(), regression(rows=37, validation=11)]
    each = member("adam", 0.05, loss="mse", epochs=3)
    both = train_population([each], data, precision="float64", patience=None)
    for fold, part in enumerate(data):
        alone = train_population([each], part, precision="float64", patience=None)
        assert both.folds[fold][0].validation[-1] == pytest.approx(alone.outcomes[0].validation[-1], rel=1e-9)


@pytest.mark.slow
def test_every_fold_stops_by_itself() -> None:
    data = [replace(fold, validation=doubtful(fold.validation, seed)) for seed, fold in enumerate(folds())]
    both = train_population(quartet(epochs=40), data, seed=SEEDS, patience=2, precision="float64")
    ends = set()
    for fold, part in enumerate(data):
        alone = train_population(quartet(epochs=40), part, seed=SEEDS[fold], patience=2, precision="float64")
        for one, other in zip(both.folds[fold], alone.outcomes, strict=True):
            assert (one.status, one.epochs_run) == (other.status, other.epochs_run)
            assert difference(one.network, other.network) < 1e-9
            ends.add(one.epochs_run)
    assert len(ends) > 3, "all ended at the same epoch: the case shows little"


def doubtful(part: Part, seed: int) -> Part:
    """A third of the labels drawn at random: what is learnt soon makes these rows worse."""
    random = np.random.default_rng(seed)
    labels = np.where(random.random(len(part.targets)) < 0.3, random.integers(0, CLASSES), part.targets)
    return Part(part.inputs, labels)


@pytest.mark.slow
def test_a_fold_s_validation_rows_change_nothing_that_is_fitted_on_it() -> None:
    clean = folds()
    poisoned = [
        replace(fold, validation=Part(1e3 * fold.validation.inputs + 7, 0 * fold.validation.targets))
        if number == 1
        else fold
        for number, fold in enumerate(clean)
    ]
    settings: dict[str, Any] = {"seed": SEEDS, "patience": None}
    _, before = watched(members(), clean[1], seed=3)
    _, after = watched(members(), poisoned[1], seed=3)
    for number in range(MEMBERS):
        assert difference(before[-1][number], after[-1][number]) == 0
    one, two = (train_population(members(), data, **settings) for data in (clean, poisoned))
    for fold in range(len(SIZES)):
        for a, b in zip(one.folds[fold], two.folds[fold], strict=True):
            assert a.training == b.training
            assert (a.validation == b.validation) == (fold != 1)


# Packing and halving -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_packing_in_folds_changes_nothing_but_the_work() -> None:
    population = [replace(each, epochs=epochs) for each in members() for epochs in (6, 2, 2)]
    kept: list[int] = []
    packed = train_population(
        population,
        folds(),
        seed=SEEDS,
        patience=None,
        precision="float64",
        on_epoch=lambda progress: kept.append(len(progress.networks(fold=2))),
        machine=PATIENT,
    )
    assert kept == [3 * MEMBERS, MEMBERS, MEMBERS, MEMBERS, MEMBERS, MEMBERS]
    for fold in range(len(SIZES)):
        alone = train_population(
            population, folds()[fold], seed=SEEDS[fold], patience=None, precision="float64", chunk=100
        )
        for one, other in zip(packed.folds[fold], alone.outcomes, strict=True):
            assert (one.status, one.best_epoch) == (other.status, other.best_epoch)
            assert difference(one.network, other.network) < 1e-9
            assert one.validation[-1] == pytest.approx(other.validation[-1], rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("machine", [None, PATIENT], ids=["as it is", "packed"])
def test_at_a_rung_the_worse_members_leave(machine: Machine | None) -> None:
    rates = (1e-4, 0.3, 1e-3, 0.1, 0.03, 1e-2)
    population = [member("sgd", rate, epochs=9) for rate in rates]
    whole = train_population(population, folds(), seed=SEEDS, patience=None, precision="float64")
    rungs = (Rung(1, 0.5), Rung(3, 1 / 3))
    thinned = train_population(
        population, folds(), seed=SEEDS, patience=None, precision="float64", rungs=rungs, machine=machine
    )
    assert [(each.epoch, each.entered, each.kept) for each in thinned.rungs] == [(1, 6, 3), (3, 3, 1)]
    alive = list(range(6))
    for rung, result in zip(rungs, thinned.rungs, strict=True):
        means = {
            n: np.mean([min(s["log_loss"] for s in fold[n].validation[: rung.epoch]) for fold in whole.folds])
            for n in alive
        }
        alive = sorted(alive, key=lambda n, means=means: means[n])[: result.kept]
        assert result.cut == pytest.approx(means[alive[-1]], rel=1e-9)
    for fold in range(len(SIZES)):
        for number, (one, other) in enumerate(zip(thinned.folds[fold], whole.folds[fold], strict=True)):
            assert one.status == ("finished" if number in alive else "left")
            for seen, expected in zip(one.validation, other.validation, strict=False):
                assert seen == pytest.approx(expected, rel=1e-9), "halving changed a member's path"
    ends = sorted(outcome.epochs_run for outcome in thinned.outcomes)
    assert ends == [1, 1, 1, 3, 3, 9]
    assert thinned.outcomes.index(thinned.winner) in alive


@pytest.mark.slow
def test_rules_in_two_programs_are_thinned_out_as_in_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    population = [
        member(rule, rate, epochs=5)
        for rule in ("sgd", "momentum", "rmsprop", "adam")
        for rate in (0.2, 0.01)
    ]

    def thinned(fewest: int) -> tuple[Trained, set[tuple[str, ...]]]:
        monkeypatch.setattr(placement, "MANY", fewest)
        seen: set[tuple[str, ...]] = set()

        def look(progress: Progress) -> None:
            seen.update(tuple(rule.name for rule, _ in each.chunk.layout) for each in progress.chunks)

        trained = train_population(
            population,
            folds()[:2],
            seed=SEEDS[:2],
            patience=None,
            precision="float64",
            rungs=(Rung(1, 0.5), Rung(3, 0.5)),
            on_epoch=look,
            machine=PATIENT,
        )
        return trained, seen

    (one, whole), (two, halves) = thinned(1000), thinned(1)
    first_half = {"sgd", "momentum"}
    assert all(first_half.issuperset(rules) or first_half.isdisjoint(rules) for rules in halves)
    assert not all(first_half.issuperset(rules) or first_half.isdisjoint(rules) for rules in whole)
    assert two.rungs == one.rungs
    for first, second in zip(one.outcomes, two.outcomes, strict=True):
        assert (first.status, first.epochs_run) == (second.status, second.epochs_run)
        assert difference(first.network, second.network) < 1e-9


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"seed": (1, 2)}, ["2 seeds", "4 folds"]), ({"data": []}, ["no data"])],
    ids=["seeds", "none"],
)
def test_a_mistake_ends_in_a_sentence(settings: dict[str, Any], named: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        train_population(**{"members": quartet(), "data": folds(), **settings})
    assert [part for part in named if part not in str(caught.value)] == []
