"""From options to members, from members to chunks."""

from __future__ import annotations

import math
from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couloir.engine import population as population_module
from couloir.engine.activations import ACTIVATIONS
from couloir.engine.losses import LOSSES
from couloir.engine.optimizers import RULES, from_optax
from couloir.engine.population import (
    Chunk,
    Cohort,
    Member,
    Options,
    Stage,
    chunk_size,
    customary_rates,
    find_rule,
    hidden_layers,
    plan_chunks,
)
from couloir.engine.schedules import SCHEDULES
from couloir.errors import InputError

# Options into members ------------------------------------------------------------------------------------


def members(task: str = "classification", limit: int | None = None, **options: Any) -> list[Member]:
    return Options(**options).members(task, limit)


def test_the_default_is_every_rule_at_eight_rates_around_its_customary_one() -> None:
    found = members()
    assert len(found) == len(set(found)) == 64
    assert Counter(member.rule.name for member in found) == dict.fromkeys(RULES, 8)
    for member in found:
        assert member == Member(member.rule, member.learning_rate, member.momentum), "all else is default"
        assert member.momentum == member.rule.defaults.get("momentum")


@pytest.mark.parametrize("name", RULES)
def test_customary_rates_hold_the_customary_one_and_go_by_half_decades(name: str) -> None:
    rates = customary_rates(RULES[name])
    middle = RULES[name].defaults["learning_rate"]
    assert middle in rates
    assert len(rates) == 8
    steps = np.diff(np.log10(rates))
    assert np.allclose(steps, 0.5, atol=0.005), "rounded to three digits"
    assert rates[0] < middle / 100
    assert rates[-1] == pytest.approx(10 * middle)
    assert customary_rates(RULES[name], count=1) == [middle]


LISTS = {
    "optimizer": ["sgd", "adam"],
    "learning_rate": [0.1, 0.01, 0.001],
    "hidden": [(4,), (5, 5)],
    "activation": ["relu", "tanh"],
    "batch_size": [8, 16],
    "epochs": [3, 5],
    "l1": [0.0, 0.1],
    "l2": [0.0, 0.1],
    "dropout": [0.0, 0.5],
    "noise": [0.0, 0.3],
    "schedule": ["constant", "cosine"],
    "warmup": [0.0, 0.1],
}


def test_lists_multiply_the_population() -> None:
    found = members(**LISTS, restarts=2)
    wanted = {(*combination, restart) for *combination, restart in product(*LISTS.values(), range(2))}
    assert len(found) == len(wanted) == 3 * 2**12
    assert {
        (member.rule.name, *(getattr(member, name) for name in list(LISTS)[1:]), member.restart)
        for member in found
    } == wanted


def test_losses_multiply_too_and_fit_the_task() -> None:
    found = members("regression", optimizer="sgd", learning_rate=0.1, loss=["mse", "mae", "huber"])
    assert [member.loss for member in found] == ["mse", "mae", "huber"]
    assert {member.loss for member in members("regression")} == {"mse"}
    assert {member.loss for member in members("classification")} == {"cross_entropy"}


def test_momentum_is_for_the_rules_that_have_one() -> None:
    found = members(learning_rate=0.1, momentum=[0.5, 0.9])
    have = {name for name, rule in RULES.items() if "momentum" in rule.defaults}
    assert have == {"momentum", "nesterov"}
    assert len(found) == len(RULES) + len(have)
    for member in found:
        assert (member.momentum is not None) is (member.rule.name in have)
        assert member.hyper().get("momentum") == member.momentum


def test_what_a_rule_reads_is_its_customary_setting_unless_the_member_says_otherwise() -> None:
    own = Member(RULES["nesterov"], 0.25, momentum=0.0)
    assert own.hyper() == {"learning_rate": 0.25, "momentum": 0.0}
    assert Member(RULES["nesterov"], 0.25).hyper() == {"learning_rate": 0.25, "momentum": 0.9}
    adam = Member(RULES["adam"], 0.25).hyper()
    assert adam == {**RULES["adam"].defaults, "learning_rate": 0.25}


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"optimizer": ["sgd", "sgd"]}, 8),
        ({"optimizer": ["sgd", RULES["sgd"]]}, 8),
        ({"optimizer": "sgd", "learning_rate": [0.1, 0.1, 1e-1]}, 1),
        ({"optimizer": "sgd", "learning_rate": 0.1, "batch_size": [32, 32.0]}, 1),
        ({"optimizer": "sgd", "learning_rate": 0.1, "hidden": [(8,), (8,)]}, 1),
        ({"optimizer": "sgd", "learning_rate": 0.1, "hidden": [(8, 8), (8,)]}, 2),
        ({"optimizer": "momentum", "learning_rate": 0.1, "momentum": [0.9, 0.9]}, 1),
    ],
)
def test_what_is_given_twice_is_trained_once(options: dict[str, Any], count: int) -> None:
    assert len(members(**options)) == count


@pytest.mark.parametrize(
    ("given", "layers"),
    [
        (64, [(64,)]),
        ((64, 64), [(64, 64)]),
        ([3, 2, 3], [(3, 2, 3)]),
        ([(64, 64), (32,)], [(64, 64), (32,)]),
        (((64,),), [(64,)]),
        ((), [()]),
        ([(), (4,)], [(), (4,)]),
        (np.int64(7), [(7,)]),
        (np.array([7, 7]), [(7, 7)]),
    ],
    ids=str,
)
def test_hidden_layers(given: Any, layers: list[tuple[int, ...]]) -> None:
    found = hidden_layers(given)
    assert found == layers
    assert all(type(units) is int for network in found for units in network)


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": np.array([0.1, 0.2])},
        {"learning_rate": np.float32(0.5)},
        {"batch_size": np.array([8, 16])},
        {"epochs": np.int64(5)},
        {"l2": iter([0.1, 0.2])},
        {"dropout": (0.1, 0.2)},
        {"epochs": range(2, 4)},
    ],
    ids=lambda options: next(iter(options)),
)
def test_numbers_may_come_from_numpy_and_any_iterable(options: dict[str, Any]) -> None:
    found = members(optimizer="sgd", **{"learning_rate": 0.1, **options})
    ((name, given),) = options.items()
    kinds = {type(getattr(member, name)) for member in found}
    assert kinds == {int if name in ("batch_size", "epochs") else float}
    assert len(found) == (np.size(given) if isinstance(given, (np.ndarray, np.generic)) else 2)


@pytest.mark.parametrize("limit", [1, 2, 7, 63, 64, 100])
def test_a_limit_is_spread_evenly_over_the_combinations(limit: int) -> None:
    every = members()
    kept = [every.index(member) for member in members(limit=limit)]
    assert len(kept) == min(limit, 64)
    assert kept == sorted(set(kept))
    if limit > 1:
        assert (kept[0], kept[-1]) == (0, 63)
        gaps = np.diff(kept)
        assert gaps.max() - gaps.min() <= 1


@given(st.integers(1, 40), st.integers(1, 60))
def test_any_limit_keeps_so_many_different_members(rates: int, limit: int) -> None:
    found = members(optimizer="sgd", learning_rate=[n + 1.0 for n in range(rates)], limit=limit)
    assert len({member.learning_rate for member in found}) == len(found) == min(rates, limit)


def test_an_optax_rule_by_name_and_as_a_value() -> None:
    named, own = find_rule("optax.lion"), from_optax("mine", optax.lion, learning_rate=1e-4)
    assert named.name == "optax.lion"
    found = members(optimizer=["optax.lion", own, "sgd"], learning_rate=0.1)
    assert [member.rule.name for member in found] == ["optax.lion", "mine", "sgd"]
    assert find_rule(own) is own
    assert len(members(optimizer=own)) == 8


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("relu", ["relu"]),
        ("relu-tanh", ["relu-tanh"]),
        (("relu", "tanh"), ["relu-tanh"]),
        (["relu", "tanh"], ["relu", "tanh"]),
        ([("relu", "tanh"), "relu-tanh", ["elu", "silu"], "gelu"], ["relu-tanh", "elu-silu", "gelu"]),
        (("relu",), ["relu"]),
    ],
    ids=str,
)
def test_activations_of_all_hidden_layers_or_of_each(given: Any, found: list[str]) -> None:
    made = members(optimizer="sgd", learning_rate=0.1, hidden=(4, 3), activation=given)
    assert [member.activation for member in made] == found


# A person's mistakes -------------------------------------------------------------------------------------

MISTAKES = [
    ({"optimizer": "adm"}, ["optimizer", "'adm'", "'adam'"]),
    ({"optimizer": "Adam"}, ["'Adam'", "'adam'"]),
    ({"optimizer": "optax.lionn"}, ["optax.lionn", "'optax.lion'"]),
    ({"optimizer": "optax.apply_updates"}, ["optax.apply_updates"]),
    ({"optimizer": 3}, ["optimizer", "3"]),
    ({"optimizer": []}, ["empty"]),
    ({"activation": "rellu"}, ["activation", "'rellu'", "'relu'", *ACTIVATIONS]),
    ({"activation": "relu-tahn", "hidden": (4, 3)}, ["activation", "'tahn'", "'tanh'"]),
    ({"activation": ("relu", 3), "hidden": (4, 3)}, ["activation", "3"]),
    ({"activation": "relu-tanh", "hidden": (4, 3, 2)}, ["'relu-tanh'", "2", "3 hidden layers", "3 with '-'"]),
    ({"activation": ("relu", "tanh")}, ["'relu-tanh'", "1 hidden layer:", "one name"]),
    ({"activation": ()}, ["activation"]),
    ({"schedule": "cosin"}, ["schedule", "'cosin'", "'cosine'", *SCHEDULES]),
    ({"loss": "crossentropy"}, ["loss", "'crossentropy'", *LOSSES]),
    ({"loss": "mse"}, ["'mse'", "regression", "classification", "cross_entropy"]),
    ({"learning_rate": 0}, ["learning rate", "0", "above 0"]),
    ({"learning_rate": -0.1}, ["learning rate", "-0.1", "above 0"]),
    ({"learning_rate": [0.1, math.nan]}, ["learning rate", "nan"]),
    ({"learning_rate": math.inf}, ["learning rate", "inf"]),
    ({"learning_rate": "0.1"}, ["learning rate", "'0.1'"]),
    ({"learning_rate": True}, ["learning rate", "True"]),
    ({"learning_rate": ()}, ["empty"]),
    ({"learning_rate": [[0.1]]}, ["learning rate", "[0.1]"]),
    ({"momentum": 1}, ["momentum", "1", "below 1"]),
    ({"momentum": -0.5}, ["momentum", "-0.5"]),
    ({"batch_size": 0}, ["batch size", "0", "whole number"]),
    ({"batch_size": 8.5}, ["batch size", "8.5", "whole number"]),
    ({"epochs": 0}, ["epochs", "0", "at least 1"]),
    ({"l1": -1}, ["l1", "-1", "at least 0"]),
    ({"l2": -1}, ["l2", "-1", "at least 0"]),
    ({"dropout": 1.0}, ["dropout", "1.0", "below 1"]),
    ({"dropout": -0.1}, ["dropout", "-0.1"]),
    ({"noise": -0.1}, ["noise", "-0.1", "at least 0"]),
    ({"warmup": 1.5}, ["warmup", "1.5", "below 1"]),
    ({"restarts": 0}, ["restarts", "0", "at least 1"]),
    ({"restarts": [1, 2]}, ["restarts", "[1, 2]", "whole number"]),
    ({"hidden": "64"}, ["hidden", "'64'", "(64, 64)"]),
    ({"hidden": None}, ["hidden", "None"]),
    ({"hidden": 2.5}, ["hidden", "2.5"]),
    ({"hidden": (64, 0)}, ["hidden units", "0", "at least 1"]),
    ({"hidden": (64.5,)}, ["hidden units", "64.5", "whole number"]),
    ({"hidden": True}, ["hidden", "True"]),
    ({"hidden": ["64", "32"]}, ["hidden"]),
]


@pytest.mark.parametrize(("options", "named"), MISTAKES, ids=lambda value: str(value)[:40])
def test_a_mistake_ends_in_a_sentence_that_names_it(options: dict[str, Any], named: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        members(**options)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert [part for part in named if part not in sentence] == []


@pytest.mark.parametrize("limit", [0, -3, 2.5])
def test_a_limit_that_cannot_be_meant(limit: Any) -> None:
    with pytest.raises(InputError, match="members"):
        members(limit=limit)


def test_a_description_is_plain_values() -> None:
    described = Member(RULES["adam"], 0.001, hidden=(5, 4)).describe()
    assert described["optimizer"] == "adam"
    assert described["hidden"] == [5, 4]
    assert all(isinstance(value, (str, int, float, list, type(None))) for value in described.values())


# Members into cohorts and chunks -------------------------------------------------------------------------


def check_chunk(chunk: Chunk, population: list[Member]) -> None:
    """What the program relies on: the places follow the layout, rule by rule."""
    assert sum(size for _, size in chunk.layout) == len(chunk.places) == len(chunk.inert)
    rules = [rule for rule, size in chunk.layout for _ in range(size)]
    for rule, number in zip(rules, chunk.places, strict=True):
        assert population[number].rule is rule
        assert Cohort.of(population[number]) == chunk.cohort
    assert len({rule for rule, _ in chunk.layout}) == len(chunk.layout)


def check_plan(chunks: list[Chunk], population: list[Member]) -> None:
    """Every member exactly once besides inert places; one layout a cohort; no chunk of padding only."""
    trained = [
        number
        for chunk in chunks
        for number, inert in zip(chunk.places, chunk.inert, strict=True)
        if not inert
    ]
    assert sorted(trained) == list(range(len(population)))
    layouts: dict[Cohort, Any] = {}
    for chunk in chunks:
        check_chunk(chunk, population)
        assert layouts.setdefault(chunk.cohort, chunk.layout) == chunk.layout
        assert not all(chunk.inert)


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


@given(populations(), st.one_of(st.none(), st.integers(1, 70)))
@settings(deadline=None, max_examples=200)
def test_every_member_is_trained_once_in_chunks_of_one_layout(
    population: list[Member], most: int | None
) -> None:
    chunks = plan_chunks(population, 5, 3, most)
    check_plan(chunks, population)
    for chunk in chunks:
        # Padding fills up a rule's last hand: never more than one place a rule.
        assert sum(chunk.inert) <= len(chunk.layout)


def test_one_cohort_of_the_customary_size_is_one_chunk_without_padding() -> None:
    population = members()
    (chunk,) = plan_chunks(population, 784, 10, most=64)
    assert chunk.places == tuple(range(64))
    assert not any(chunk.inert)
    assert [(rule.name, size) for rule, size in chunk.layout] == [(name, 8) for name in RULES]


def test_a_large_cohort_is_dealt_out_evenly() -> None:
    population = members(restarts=4)
    chunks = plan_chunks(population, 64, 10, most=64)
    check_plan(chunks, population)
    assert [len(chunk.places) for chunk in chunks] == [64] * 4
    assert not any(inert for chunk in chunks for inert in chunk.inert)


def test_as_many_rules_as_places_leave_no_chunk_empty() -> None:
    population = members(learning_rate=0.1)
    chunks = plan_chunks(population, 5, 3, most=4)
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
    assert len(plan_chunks(population, 5, 3)) == 2


@pytest.mark.parametrize("name", [*TOGETHER, "restarts"])
def test_numbers_do_not_make_cohorts(name: str) -> None:
    population = members(**{"optimizer": "momentum", "learning_rate": 0.1, name: TOGETHER.get(name, 2)})
    assert len(population) == 2
    (chunk,) = plan_chunks(population, 5, 3)
    check_plan([chunk], population)


def test_losses_make_cohorts_and_may_be_functions() -> None:
    def own(outputs: Any, targets: Any) -> Any:
        raise NotImplementedError

    population = [Member(RULES["sgd"], 0.1, loss=loss) for loss in ("mse", own, "mse")]  # type: ignore[arg-type]
    chunks = plan_chunks(population, 5, 3)
    check_plan(chunks, population)
    assert [chunk.places for chunk in chunks] == [(0, 2), (1,)]


def test_the_size_of_a_chunk_falls_with_the_network_and_stays_in_bounds() -> None:
    sizes = [chunk_size((784, units, 10), 2) for units in (1, 15, 256, 4096, 65536)]
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], sizes[-1]) == (128, 4)
    assert chunk_size((784, 15, 10), 2) == 2**18 // 11935


def layout_in_two_lanes(count: int, folds: int = 1, **more: Any) -> tuple[int, int, int]:
    """Of so many members of each of two rules: chunks, networks in each, folds in each."""
    rules = [RULES["sgd"], RULES["adam"]]
    population = [Member(rule, 0.01 * (n + 1), hidden=(32,)) for rule in rules for n in range(count)]
    chunks = plan_chunks(population, 64, 10, folds=range(folds), **more)
    check_plan([chunk for chunk in chunks if 0 in chunk.folds], population)
    return len(chunks), chunks[0].trainings, len(chunks[0].folds)


def test_a_small_population_is_divided_among_the_lanes_but_not_below_four(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(population_module, "lanes", lambda: 2)
    assert [layout_in_two_lanes(count)[:2] for count in (32, 10, 4, 2, 1)] == [
        (2, 32), (2, 10), (2, 4), (1, 4), (1, 2),
    ]  # fmt: skip


def test_folds_are_dealt_out_so_that_all_lanes_are_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(population_module, "lanes", lambda: 2)
    # Four folds of enough members: a chunk a fold; five would leave one lane waiting for the last of them.
    assert layout_in_two_lanes(50, folds=4) == (4, 100, 1)
    assert layout_in_two_lanes(50, folds=5) == (10, 50, 1)
    # Few members: all folds in one program, in two hands.
    assert layout_in_two_lanes(10, folds=5) == (2, 50, 5)


def test_a_population_that_will_be_thinned_is_dealt_out_in_more_hands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(population_module, "lanes", lambda: 2)
    ahead = [Stage(1, 3), Stage(1 / 3, 7), Stage(1 / 9, 20)]
    for folds in (1, 5):
        _, whole, width = layout_in_two_lanes(50, folds)
        _, thinned, thinned_width = layout_in_two_lanes(50, folds, ahead=ahead)
        assert thinned / thinned_width < whole / width, "members in a chunk"


def test_noise_is_drawn_for_chunks_twice_as_large() -> None:
    assert chunk_size((784, 15, 10), 2, noisy=True) == 2**19 // 11935
    (quiet, noisy) = (
        [len(chunk.places) for chunk in plan_chunks(members(hidden=15, noise=noise), 784, 10, most=None)]
        for noise in (0.0, 0.1)
    )
    assert sum(quiet) == sum(noisy) == 64
    assert max(noisy) >= max(quiet)


def test_an_accelerator_takes_wide_chunks() -> None:
    assert chunk_size((784, 15, 10), 1) == 2**27 // 11935


def test_widths_are_those_of_the_layers_between_inputs_and_outputs() -> None:
    cohort = Cohort.of(Member(RULES["sgd"], 0.1, hidden=(6, 4)))
    assert cohort.widths(5, 3) == (5, 6, 4, 3)
    assert Cohort.of(Member(RULES["sgd"], 0.1, hidden=())).widths(5, 3) == (5, 3)


# Folds, and a population that shrinks --------------------------------------------------------------------


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 12), st.integers(1, 80))
@settings(deadline=None)
def test_every_member_is_once_in_every_fold(counts: list[int], folds: int, most: int) -> None:
    rules = list(RULES.values())
    population = [Member(rules[n], 0.1 * (i + 1)) for n, count in enumerate(counts) for i in range(count)]
    chunks = plan_chunks(population, 5, 3, most=most, folds=range(folds))
    there = [
        (fold, number)
        for chunk in chunks
        for fold in chunk.folds
        for number, off in zip(chunk.places, chunk.inert, strict=True)
        if not off
    ]
    assert sorted(there) == [(fold, number) for fold in range(folds) for number in range(len(population))]
    assert len({(chunk.layout, len(chunk.folds)) for chunk in chunks}) == 1, "more than one program"
    for chunk in chunks:
        assert chunk.trainings == len(chunk.places) * len(chunk.folds)
        check_chunk(chunk, population)


def test_many_that_will_be_thinned_out_are_two_programs_with_half_of_the_rules_each() -> None:
    population = [Member(rule, 0.01 * (n + 1)) for n in range(32) for rule in RULES.values()]
    rungs = (Stage(1, 2), Stage(0.25, 6))
    chunks = plan_chunks(population, 5, 3, ahead=rungs)
    for chunk in chunks:
        check_chunk(chunk, population)
    there = [n for chunk in chunks for n, off in zip(chunk.places, chunk.inert, strict=True) if not off]
    assert sorted(there) == list(range(256))
    rules = {tuple(rule.name for rule, _ in chunk.layout) for chunk in chunks}
    assert rules == {tuple(RULES)[:4], tuple(RULES)[4:]}
    assert len({chunk.layout for chunk in plan_chunks(population, 5, 3)}) == 1, "nothing is thinned out"
    assert len({chunk.layout for chunk in plan_chunks(population[:200], 5, 3, ahead=rungs)}) == 1, "few"


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.data())
@settings(deadline=None)
def test_a_shrunken_population_keeps_its_numbers_in_powers_of_two(
    counts: list[int], data: st.DataObject
) -> None:
    rules = list(RULES.values())
    population = [Member(rules[n], 0.1 * (i + 1)) for n, count in enumerate(counts) for i in range(count)]
    numbers = range(len(population))
    active = data.draw(st.sets(st.sampled_from(list(numbers)), min_size=1))
    chunks = plan_chunks({n: population[n] for n in sorted(active)}, 5, 3, most=100, rounded=True)
    there = [n for chunk in chunks for n, off in zip(chunk.places, chunk.inert, strict=True) if not off]
    assert sorted(there) == sorted(active)
    for chunk in chunks:
        for rule, size in chunk.layout:
            own = sum(population[n].rule is rule for n in active)
            assert size & (size - 1) == 0
            assert size < 2 * own
