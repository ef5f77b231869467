"""From members to chunks: who shares a program, who trains side by side, and what it will take."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couloir.engine.architectures.mlp import parameter_count
from couloir.engine.machine import Machine
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.engine.placement import Chunk, Cohort, Stage, chunk_size, plan_chunks
from couloir.selection.members import Options

TWO = Machine(cores=2, memory=None)


def members(**options: Any) -> list[Member]:
    return Options(**options).members("classification")


def check_chunk(chunk: Chunk, population: list[Member]) -> None:
    """What the program relies on: the slots follow the layout, rule by rule."""
    assert sum(size for _, size in chunk.layout) == len(chunk.slots) == len(chunk.padding)
    rules = [rule for rule, size in chunk.layout for _ in range(size)]
    for rule, number in zip(rules, chunk.slots, strict=True):
        assert population[number].rule is rule
        assert Cohort.of(population[number]) == chunk.cohort
    assert len({rule for rule, _ in chunk.layout}) == len(chunk.layout)


def check_plan(chunks: list[Chunk], population: list[Member]) -> None:
    """Every member exactly once besides padding; one layout a cohort; no chunk of padding only."""
    trained = [
        number
        for chunk in chunks
        for number, padding in zip(chunk.slots, chunk.padding, strict=True)
        if not padding
    ]
    assert sorted(trained) == list(range(len(population)))
    layouts: dict[Cohort, Any] = {}
    for chunk in chunks:
        check_chunk(chunk, population)
        assert layouts.setdefault(chunk.cohort, chunk.layout) == chunk.layout
        assert not all(chunk.padding)


@st.composite
def populations(draw: st.DrawFn) -> list[Member]:
    choice = st.builds(
        Member,
        rule=st.sampled_from(list(RULES.values())),
        learning_rate=st.sampled_from([0.1, 0.2, 0.3]),
        hidden=st.sampled_from([(), (4,), (4, 4)]),
        activation=st.sampled_from(["relu", "tanh"]),
        batch_size=st.sampled_from([8, 16]),
        noise=st.sampled_from([0.0, 0.1]),
        dropout=st.sampled_from([0.0, 0.5]),
        restart=st.integers(0, 2),
    )
    return draw(st.lists(choice, min_size=1, max_size=60))


@pytest.mark.slow
@given(populations(), st.one_of(st.none(), st.integers(1, 70)))
@settings(deadline=None, max_examples=200)
def test_every_member_is_trained_once_in_chunks_of_one_layout(
    population: list[Member], most: int | None
) -> None:
    chunks = plan_chunks(population, 5, 3, TWO, most)
    check_plan(chunks, population)
    for chunk in chunks:
        # Padding fills up a rule's last chunk: never more than one slot a rule.
        assert sum(chunk.padding) <= len(chunk.layout)


def test_one_cohort_of_the_customary_size_is_one_chunk_without_padding() -> None:
    population = members()
    (chunk,) = plan_chunks(population, 784, 10, TWO, most=64)
    assert chunk.slots == tuple(range(64))
    assert not any(chunk.padding)
    assert [(rule.name, size) for rule, size in chunk.layout] == [(name, 8) for name in RULES]


def test_a_large_cohort_is_dealt_out_evenly() -> None:
    population = members(restarts=4)
    chunks = plan_chunks(population, 64, 10, TWO, most=64)
    check_plan(chunks, population)
    assert [len(chunk.slots) for chunk in chunks] == [64] * 4
    assert not any(padding for chunk in chunks for padding in chunk.padding)


def test_as_many_rules_as_slots_leave_no_chunk_empty() -> None:
    population = members(learning_rate=0.1)
    chunks = plan_chunks(population, 5, 3, TWO, most=4)
    check_plan(chunks, population)


SPLITTING = {
    "hidden": [(4,), (5,)],
    "activation": ["relu", "tanh"],
    "batch_size": [8, 16],
    "noise": [0.1, 0.2],
}
TOGETHER = {
    "learning_rate": [0.1, 0.2],
    "optimizer": ["sgd", "adam"],
    "l1": [0.0, 0.1],
    "l2": [0.0, 0.1],
    "dropout": [0.0, 0.2],
    "schedule": ["constant", "cosine"],
    "warmup": [0.0, 0.1],
    "epochs": [3, 4],
    "momentum": [0.5, 0.6],
}


@pytest.mark.parametrize("name", SPLITTING)
def test_shapes_static_choices_and_noise_make_cohorts(name: str) -> None:
    population = members(**{"optimizer": "momentum", "learning_rate": 0.1, name: SPLITTING[name]})
    assert len(population) == 2
    assert len(plan_chunks(population, 5, 3, TWO)) == 2


@pytest.mark.parametrize("name", [*TOGETHER, "restarts"])
def test_numbers_do_not_make_cohorts(name: str) -> None:
    population = members(**{"optimizer": "momentum", "learning_rate": 0.1, name: TOGETHER.get(name, 2)})
    assert len(population) == 2
    (chunk,) = plan_chunks(population, 5, 3, TWO)
    check_plan([chunk], population)


def test_losses_make_cohorts_and_may_be_functions() -> None:
    def own(outputs: Any, targets: Any) -> Any:
        raise NotImplementedError

    population = [Member(RULES["sgd"], 0.1, loss=loss) for loss in ("mse", own, "mse")]  # type: ignore[arg-type]
    chunks = plan_chunks(population, 5, 3, TWO)
    check_plan(chunks, population)
    assert [chunk.slots for chunk in chunks] == [(0, 2), (1,)]


def test_the_size_of_a_chunk_falls_with_the_network_and_stays_in_bounds() -> None:
    sizes = [chunk_size(parameter_count((784, units, 10)), 2) for units in (1, 15, 256, 4096, 65536)]
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], sizes[-1]) == (128, 4)
    assert chunk_size(11935, 2) == 2**18 // 11935


def layout_for_two(count: int, folds: int = 1, **more: Any) -> tuple[int, int, int]:
    """Of so many members of each of two rules: chunks, networks in each, folds in each."""
    rules = [RULES["sgd"], RULES["adam"]]
    population = [Member(rule, 0.01 * (n + 1), hidden=(32,)) for rule in rules for n in range(count)]
    chunks = plan_chunks(population, 64, 10, TWO, folds=range(folds), **more)
    check_plan([chunk for chunk in chunks if 0 in chunk.folds], population)
    return len(chunks), chunks[0].trainings, len(chunks[0].folds)


def test_a_small_population_is_divided_among_the_workers_but_not_below_four() -> None:
    assert [layout_for_two(count)[:2] for count in (32, 10, 4, 2, 1)] == [
        (2, 32), (2, 10), (2, 4), (1, 4), (1, 2),
    ]  # fmt: skip


def test_folds_are_dealt_out_so_that_all_workers_are_busy() -> None:
    # Four folds of enough members: a chunk a fold; five would leave one worker waiting for the last of them.
    assert layout_for_two(50, folds=4) == (4, 100, 1)
    assert layout_for_two(50, folds=5) == (10, 50, 1)
    # Few members: all folds in one program, in two chunks.
    assert layout_for_two(10, folds=5) == (2, 50, 5)


def test_a_population_that_will_be_thinned_is_dealt_out_over_more_chunks() -> None:
    ahead = [Stage(1, 3), Stage(1 / 3, 7), Stage(1 / 9, 20)]
    for folds in (1, 5):
        _, whole, width = layout_for_two(50, folds)
        _, thinned, thinned_width = layout_for_two(50, folds, ahead=ahead)
        assert thinned / thinned_width < whole / width, "members in a chunk"


def test_noise_is_drawn_for_chunks_twice_as_large() -> None:
    assert chunk_size(11935, 2, noisy=True) == 2**19 // 11935
    (quiet, noisy) = (
        [len(chunk.slots) for chunk in plan_chunks(members(hidden=15, noise=noise), 784, 10, TWO, most=None)]
        for noise in (0.0, 0.1)
    )
    assert sum(quiet) == sum(noisy) == 64
    assert max(noisy) >= max(quiet)


def test_an_accelerator_takes_wide_chunks() -> None:
    assert chunk_size(11935, 1) == 2**27 // 11935


def test_the_size_of_a_network_is_that_of_its_layers() -> None:
    cohort = Cohort.of(Member(RULES["sgd"], 0.1, hidden=(6, 4)))
    assert cohort.size(5, 3) == (5 * 6 + 6 + 6 * 4 + 4 + 4 * 3 + 3, 2 * (2 * 30 + 3 * 24 + 3 * 12), (6, 4, 3))
    assert Cohort.of(Member(RULES["sgd"], 0.1, hidden=())).size(5, 3) == (18, 2 * 2 * 15, (3,))


# Folds, and a population that shrinks --------------------------------------------------------------------


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 12), st.integers(1, 80))
@settings(deadline=None)
def test_every_member_is_once_in_every_fold(counts: list[int], folds: int, most: int) -> None:
    rules = list(RULES.values())
    population = [Member(rules[n], 0.1 * (i + 1)) for n, count in enumerate(counts) for i in range(count)]
    chunks = plan_chunks(population, 5, 3, TWO, most=most, folds=range(folds))
    there = [
        (fold, number)
        for chunk in chunks
        for fold in chunk.folds
        for number, off in zip(chunk.slots, chunk.padding, strict=True)
        if not off
    ]
    assert sorted(there) == [(fold, number) for fold in range(folds) for number in range(len(population))]
    assert len({(chunk.layout, len(chunk.folds)) for chunk in chunks}) == 1, "more than one program"
    for chunk in chunks:
        assert chunk.trainings == len(chunk.slots) * len(chunk.folds)
        check_chunk(chunk, population)


def test_many_that_will_be_thinned_out_are_two_programs_with_half_of_the_rules_each() -> None:
    population = [Member(rule, 0.01 * (n + 1)) for n in range(32) for rule in RULES.values()]
    rungs = (Stage(1, 2), Stage(0.25, 6))
    chunks = plan_chunks(population, 5, 3, TWO, ahead=rungs)
    for chunk in chunks:
        check_chunk(chunk, population)
    there = [n for chunk in chunks for n, off in zip(chunk.slots, chunk.padding, strict=True) if not off]
    assert sorted(there) == list(range(256))
    rules = {tuple(rule.name for rule, _ in chunk.layout) for chunk in chunks}
    assert rules == {tuple(RULES)[:4], tuple(RULES)[4:]}
    assert len({chunk.layout for chunk in plan_chunks(population, 5, 3, TWO)}) == 1, "nothing is thinned out"
    assert len({chunk.layout for chunk in plan_chunks(population[:200], 5, 3, TWO, ahead=rungs)}) == 1, "few"


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.data())
@settings(deadline=None)
def test_a_shrunken_population_keeps_its_numbers_in_powers_of_two(
    counts: list[int], data: st.DataObject
) -> None:
    rules = list(RULES.values())
    population = [Member(rules[n], 0.1 * (i + 1)) for n, count in enumerate(counts) for i in range(count)]
    numbers = range(len(population))
    active = data.draw(st.sets(st.sampled_from(list(numbers)), min_size=1))
    chunks = plan_chunks({n: population[n] for n in sorted(active)}, 5, 3, TWO, most=100, rounded=True)
    there = [n for chunk in chunks for n, off in zip(chunk.slots, chunk.padding, strict=True) if not off]
    assert sorted(there) == sorted(active)
    for chunk in chunks:
        for rule, size in chunk.layout:
            own = sum(population[n].rule is rule for n in active)
            assert size & (size - 1) == 0
            assert size < 2 * own
