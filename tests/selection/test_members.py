"""From options to members."""

from __future__ import annotations

import math
from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from couloir.engine.activations import ACTIVATIONS
from couloir.engine.losses import LOSSES
from couloir.engine.member import Member
from couloir.engine.optimizers import NUMBERS, RULES, customary_rates, find_rule, from_optax
from couloir.engine.schedules import SCHEDULES
from couloir.errors import InputError
from couloir.selection.members import Options


def members(task: str = "classification", limit: int | None = None, **options: Any) -> list[Member]:
    return Options(**options).members(task, limit)


def test_the_default_is_every_rule_at_eight_rates_around_its_customary_one() -> None:
    found = members()
    assert len(found) == len(set(found)) == 64
    assert Counter(member.rule.name for member in found) == dict.fromkeys(RULES, 8)
    for member in found:
        assert member == Member(member.rule, member.learning_rate), "all else is default"


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


VALUES = {
    "momentum": [0.5, 0.7],
    "beta1": [0.5, 0.7],
    "beta2": [0.9, 0.99],
    "decay": [0.5, 0.7],
    "epsilon": [1e-4, 1e-3],
    "weight_decay": [0.0, 0.1],
}
READERS = {
    "momentum": {"momentum", "nesterov"},
    "beta1": {"adam", "adamw"},
    "beta2": {"adam", "adamw"},
    "decay": {"adadelta", "rmsprop"},
    "epsilon": {"adagrad", "adadelta", "rmsprop", "adam", "adamw"},
    "weight_decay": {"adamw"},
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_multiplies_the_rules_that_read_it_and_no_other(name: str) -> None:
    found = members(learning_rate=0.1, **{name: VALUES[name]})
    readers = READERS[name]
    assert len(found) == len(RULES) + len(readers)
    for rule in RULES:
        own = [member.hyper().get(name) for member in found if member.rule.name == rule]
        assert own == (VALUES[name] if rule in readers else [None])


def test_numbers_multiply_each_other() -> None:
    found = members(optimizer="adam", learning_rate=[0.1, 0.2], beta1=[0.5, 0.6], epsilon=[1e-8, 1e-3])
    own = [(each.learning_rate, each.hyper()["beta1"], each.hyper()["epsilon"]) for each in found]
    assert sorted(own) == sorted(product([0.1, 0.2], [0.5, 0.6], [1e-8, 1e-3]))


def test_a_number_that_no_rule_reads_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        members(optimizer=["sgd", "adam"], momentum=0.9)
    assert str(caught.value) == (
        "The momentum is read by none of the rules sgd, adam: leave it out, or take a rule that does, such "
        "as momentum, nesterov."
    )
    with pytest.raises(
        InputError, match=r"The weight decay is read by none of the rules optax\.lion2: leave"
    ):
        members(optimizer=from_optax("optax.lion2", optax.lion, learning_rate=0.1), weight_decay=0.1)


def test_what_optax_s_rules_read_multiplies_them_by_its_own_name() -> None:
    found = members(
        optimizer=["optax.lion", "optax.sgd", "adam"],
        learning_rate=0.1,
        rule_option={"b1": [0.5, 0.6], "nesterov": [True, False]},
        weight_decay=0.2,
    )
    assert [(each.rule.name, dict(each.numbers)) for each in found] == [
        ("optax.lion", {"b1": 0.5, "weight_decay": 0.2}),
        ("optax.lion", {"b1": 0.6, "weight_decay": 0.2}),
        ("optax.sgd(nesterov=True)", {}),
        ("optax.sgd(nesterov=False)", {}),
        ("adam", {}),
    ]
    lion = [each for each in found if each.rule.name == "optax.lion"]
    assert lion[0].rule is lion[1].rule, "they share a segment of the program"


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
    found = list(dict.fromkeys(each.hidden for each in members(optimizer="sgd", hidden=given)))
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
    ({"beta1": 1}, ["beta1", "1", "below 1"]),
    ({"epsilon": 0}, ["epsilon", "0", "above 0"]),
    ({"weight_decay": -1}, ["weight decay", "-1", "at least 0"]),
    ({"rule_option": "b1=0.5"}, ["rule_option", "'b1=0.5'", "dict"]),
    ({"optimizer": "optax.lion", "rule_option": {"b7": 0.5}}, ["b7", "optax.lion"]),
    ({"wramup": 0.1}, ["'wramup'", "'warmup'"]),
    ({"restarts": 0}, ["restarts", "0", "at least 1"]),
    ({"restarts": [1, 2]}, ["restarts", "[1, 2]", "whole number"]),
    ({"hidden": "64"}, ["hidden", "'64'", "(64, 64)"]),
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
