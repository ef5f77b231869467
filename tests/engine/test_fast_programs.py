"""Programs that run for a moment are compiled fast: which they are, and that they compute the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from couloir.engine.epochs import compiled_epoch
from couloir.engine.machine import Machine
from couloir.engine.optimizers import RULES
from couloir.engine.placement import Stage, compiled_fast, plan_chunks
from couloir.engine.training import train_population
from trainings import FEATURES, PATIENT, classification, difference, member

pytestmark = pytest.mark.usefixtures("as_shipped")

TWO = Machine(cores=2, memory=None)


def traces() -> tuple[int, int]:
    """How many programs for a moment there are, and how many for long."""
    return compiled_epoch(fast=True)._cache_size(), compiled_epoch(fast=False)._cache_size()


@pytest.mark.slow
def test_both_kinds_of_program_compute_the_same() -> None:
    """Every rule after 40 epochs of 6 steps, with all that a program may hold."""
    settings = {"epochs": 40, "dropout": 0.2, "noise": 0.1, "l1": 0.001, "l2": 0.01, "schedule": "cosine"}
    population = [member(name, rule.defaults["learning_rate"], **settings) for name, rule in RULES.items()]
    trained = []
    for machine, fast in ((TWO, True), (PATIENT, False)):
        before = traces()
        trained.append(
            train_population(
                population, classification(), patience=None, precision="float64", machine=machine
            )
        )
        assert (traces()[0] > before[0], traces()[1] > before[1]) == (fast, not fast)
    for one, other in zip(*(found.outcomes for found in trained), strict=True):
        assert difference(one.network, other.network) < 1e-9


@pytest.mark.slow
def test_a_short_training_is_for_a_moment_and_a_long_one_is_not() -> None:
    one = member("sgd", 0.1, hidden=(3,))
    before = traces()
    train_population([replace(one, epochs=5)], classification(), epochs=2)
    assert traces() == (before[0] + 1, before[1])
    train_population([replace(one, epochs=5000)], classification(), on_epoch=lambda progress: True)
    assert traces() == (before[0] + 1, before[1] + 1)


def test_a_population_that_is_dealt_out_anew_keeps_its_kind() -> None:
    """Eight members of budgets from 1 to 8 epochs, in chunks of two: packing needs no program for long."""
    population = [member("sgd", 0.1 - number / 100, hidden=(4,), epochs=number + 1) for number in range(8)]
    before = traces()
    train_population(population, classification(), chunk=2)
    assert traces()[0] > before[0]
    assert traces()[1] == before[1]


def test_what_counts_is_all_that_a_program_does() -> None:
    """By hand: 1,000 epochs of 100 steps of 0.2 ms are 20 s, 20 of them 0.4 s, and two such chunks 0.8 s."""
    two = [member("sgd", rate, batch_size=1, hidden=()) for rate in (0.1, 0.2)]

    def fast(chunk: int, *ahead: Stage) -> bool:
        chunks = plan_chunks(two, FEATURES, 3, TWO, chunk)
        assert len(chunks) == 2 // chunk
        (found,) = set(compiled_fast(chunks, FEATURES, 3, rows=100, ahead=ahead, machine=TWO))
        return found

    assert not fast(2, Stage(1, 1000))
    assert fast(2, Stage(1, 20))
    assert not fast(1, Stage(1, 20))
    assert fast(1, Stage(1, 10), Stage(0.2, 10)), "members that leave do not train"


def test_noise_counts_since_a_program_compiled_fast_is_slow_at_it() -> None:
    """By hand: 20 epochs of 100 steps of 0.2 ms are 0.4 s; 10,000 inputs to a row, 0.5 s of noise."""

    def fast(noise: float) -> bool:
        one = member("sgd", 0.1, batch_size=1, hidden=(), noise=noise)
        chunks = plan_chunks([one], 10_000, 3, TWO)
        return all(compiled_fast(chunks, 10_000, 3, rows=100, ahead=[Stage(1, 20)], machine=TWO))

    assert fast(0.0)
    assert not fast(0.1)
