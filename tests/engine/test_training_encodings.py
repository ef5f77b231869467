"""Members of several encodings in one population, and members that are trained to their end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from couloir.engine.epochs import Part, TrainingData
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.engine.outcomes import Rung, Trained
from couloir.engine.training import Progress, train_population
from trainings import SEED, classification, difference, leaves, quartet

WIDE, NARROW = "wide", "narrow"


def in_columns(data: TrainingData, columns: Any) -> TrainingData:
    """The same rows, read from some of the features only."""
    assert data.validation is not None
    parts = [Part(part.inputs[:, columns], part.targets) for part in (data.train, data.validation)]
    return replace(data, train=parts[0], validation=parts[1])


def encoded(folds: int = 1) -> dict[str, list[TrainingData]]:
    """Rows in two encodings of different widths."""
    rows = [classification() for _ in range(folds)]
    return {WIDE: rows, NARROW: [in_columns(each, slice(0, 2)) for each in rows]}


def readers() -> list[Member]:
    """Four members; every other one reads the other encoding."""
    return [replace(each, encoding=(WIDE, NARROW)[n % 2]) for n, each in enumerate(quartet())]


def trained(members: list[Member], data: Any, **options: Any) -> Trained:
    return train_population(members, data, seed=SEED, precision="float64", **options)


@pytest.mark.parametrize("folds", [1, 2])
def test_a_member_is_trained_on_its_own_encoding_as_if_it_were_alone(folds: int) -> None:
    members, data = readers(), encoded(folds)
    together = trained(members, data, patience=None)
    for number, member in enumerate(members):
        alone = trained([member], data[member.encoding], patience=None)
        for fold in range(folds):
            one, other = together.folds[fold][number], alone.folds[fold][0]
            assert one.network[0].weight.shape[1] == data[member.encoding][fold].train.inputs.shape[1]
            assert difference(leaves(one.network), leaves(other.network)) < 1e-9
            assert one.best_epoch == other.best_epoch


def test_folds_of_different_widths_share_a_program_and_change_one_another_in_nothing() -> None:
    whole = classification()
    folds = [whole, in_columns(whole, slice(0, 3)), in_columns(whole, slice(1, 3))]
    members = [
        Member(rule, 0.5 * rule.defaults["learning_rate"], hidden=(6, 5), epochs=8, l1=1e-3, dropout=0.2)
        for rule in RULES.values()
    ]
    chunks: set[tuple[int, ...]] = set()

    def seen(progress: Progress) -> None:
        chunks.update(part.chunk.folds for part in progress.chunks)
        for fold, data in enumerate(folds):
            for network in progress.networks(fold).values():
                assert network[0].weight.shape == (6, data.train.inputs.shape[1])

    together = trained(members, folds, patience=None, chunk=999, on_epoch=seen)
    assert chunks == {(0, 1, 2)}
    for fold, data in enumerate(folds):
        alone = trained(members, data, patience=None)
        for one, other in zip(together.folds[fold], alone.outcomes, strict=True):
            assert one.network[0].weight.shape == other.network[0].weight.shape
            assert difference(leaves(one.network), leaves(other.network)) < 1e-11
            assert one.best_epoch == other.best_epoch


def test_with_input_noise_they_have_programs_of_their_own() -> None:
    whole = classification()
    folds = [whole, in_columns(whole, slice(0, 3))]
    members = [replace(each, noise=0.3, epochs=4) for each in quartet()]
    together = trained(members, folds, patience=None)
    for fold, data in enumerate(folds):
        alone = trained(members, data, patience=None)
        for one, other in zip(together.folds[fold], alone.outcomes, strict=True):
            assert difference(leaves(one.network), leaves(other.network)) < 1e-11


def test_a_rung_compares_members_across_encodings() -> None:
    members = [replace(each, epochs=6) for each in readers()]
    found = trained(members, encoded(), patience=None, rungs=[Rung(2, 1 / 4)])
    scores = [outcome.validation[:2] for outcome in found.outcomes]
    best = min(range(len(members)), key=lambda n: min(each["log_loss"] for each in scores[n]))
    assert [outcome.status != "left" for outcome in found.outcomes] == [
        n == best for n in range(len(members))
    ]


def test_to_the_end_the_last_weights_are_kept_and_validation_decides_nothing() -> None:
    data, members = classification(), [replace(each, epochs=12) for each in quartet()]
    found = trained(members, data, patience=1, to_the_end=True)
    assert [outcome.best_epoch for outcome in found.outcomes] == [12] * len(members)
    assert [outcome.score for outcome in found.outcomes] == [
        outcome.validation[-1]["log_loss"] for outcome in found.outcomes
    ]
    assert data.validation is not None
    other = np.random.default_rng(0).permutation(data.validation.targets)
    poisoned = replace(data, validation=Part(data.validation.inputs[::-1], other))
    again = trained(members, poisoned, patience=1, to_the_end=True)
    for one, another in zip(found.outcomes, again.outcomes, strict=True):
        assert difference(leaves(one.network), leaves(another.network)) == 0
    # Were the best weights kept, some member would have others.
    kept = trained(members, data, patience=None)
    assert any(outcome.best_epoch < 12 for outcome in kept.outcomes)
