"""Entries of a search space: what is read, what is refused and how, the nearest value, the distribution."""

from __future__ import annotations

import tomllib

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from couloir.errors import InputError
from couloir.selection.search.entries import SPACE, Choices, Fixed, Range, entry, same, toml

CLASSES = "classification"


@pytest.mark.parametrize(
    ("name", "raw", "expected"),
    [
        ("optimizer", "adam", Fixed("adam")),
        ("optimizer", ["adam", "optax.lion"], Choices(("adam", "optax.lion"))),
        ("optimizer", ["adam", "adam"], Fixed("adam")),
        ("batch_size", [32, 64.0], Choices((32, 64))),
        ("l1", [0, 1e-4], Choices((0.0, 1e-4))),
        ("layers", 0, Fixed(0)),
        ("layers", {"low": 0, "high": 3}, Range(0, 3, whole=True)),
        ("width", {"low": 16, "high": 256, "log": True}, Range(16, 256, log=True, whole=True)),
        ("dropout", {"low": 0, "high": 0.5, "step": 0.1}, Range(0.0, 0.5, step=0.1)),
        ("hidden", ["64, 32", "none", "8"], Choices(("64,32", "none", "8"))),
        ("epochs", 60, Fixed(60)),
    ],
)
def test_the_three_forms(name: str, raw: object, expected: object) -> None:
    assert entry(name, raw, CLASSES) == expected


def test_values_have_their_own_types() -> None:
    held = entry("batch_size", [32.0, 64], CLASSES)
    assert isinstance(held, Choices)
    assert [type(value) for value in held.values] == [int, int]
    assert type(entry("l2", 1, CLASSES).raw()) is float


@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        ("optimizer", "adm", "did you mean 'adam'"),
        ("optimizer", 3, "no optimizer '3'"),
        ("optimizer", {"low": 1, "high": 2}, "give a list of names"),
        ("activation", [["relu"]], "give names"),
        ("activation", True, "no activation 'True'"),
        ("loss", "mse", "is for regression"),
        ("l2", [], "list is empty"),
        ("l2", "small", "'small' cannot be used"),
        ("l2", -1, "at least 0"),
        ("l2", float("nan"), "nan cannot be used"),
        ("l2", True, "True cannot be used"),
        ("rate", 0, "above 0"),
        ("momentum", [0.9, 1.0], "below 1"),
        ("batch_size", 0.5, "whole number of at least 1"),
        ("width", {"low": 0, "high": 8}, "whole number of at least 1"),
        ("layers", -1, "at least 0"),
        ("layers", 1.5, "whole number"),
        ("layers", True, "whole number"),
        ("layers", float("inf"), "whole number"),
        ("hidden", "64,x", "units of its layers"),
        ("hidden", ["64", "0"], "units of its layers"),
        ("epochs", [10, 20], "same budget"),
        ("epochs", {"low": 10, "high": 20}, "one number"),
        ("l2", {"low": 1e-3, "high": 1e-5}, "low = 0.001 is not below high = 1e-05"),
        ("l2", {"low": 1.0, "high": 1.0}, "not below"),
        ("l2", {"low": 0, "high": 1, "log": True}, "start it above 0"),
        ("l2", {"low": 0, "high": 1, "log": 1}, "neither true nor false"),
        ("l2", {"low": 0}, "no 'high'"),
        ("l2", {"low": 0, "hihg": 1}, "did you mean 'high'"),
        ("l2", {"low": 0.1, "high": 1, "log": True, "step": 0.1}, "no step"),
        ("l2", {"low": 0, "high": 1, "step": -0.1}, "number above 0"),
        ("width", {"low": 8, "high": 16, "step": 0.5}, "whole number above 0"),
        ("dropout", {"low": 0, "high": 0.5, "step": 0.2}, "do not meet high"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(name: str, raw: object, words: str) -> None:
    with pytest.raises(InputError) as caught:
        entry(name, raw, CLASSES)
    assert words in str(caught.value)
    assert str(caught.value).endswith(".")
    assert ". " not in str(caught.value)


def test_every_name_has_a_value_that_is_accepted() -> None:
    values = {
        "optimizer": "sgd",
        "schedule": "cosine",
        "encoding": "piecewise",
        "architecture": "resnet",
        "activation": "tanh",
        "loss": "cross_entropy",
        "hidden": "8",
    }
    for name in SPACE:
        if name == "rule_option":  # each of what it holds is a name of its own
            continue
        value = values.get(name, 0.5 if name not in {"batch_size", "layers", "width", "epochs"} else 2)
        assert entry(name, value, CLASSES) == Fixed(value), name


@pytest.mark.parametrize(
    ("held", "value", "nearest"),
    [
        (Fixed(0.1), 7.0, 0.1),
        (Choices((32, 64, 128)), 90, 64),
        (Choices(("relu", "tanh")), "tanh", "tanh"),
        (Choices(("relu", "tanh")), "elu", "relu"),
        (Range(0.1, 1.0), 0.0, 0.1),
        (Range(0.1, 1.0), 2.0, 1.0),
        (Range(0.1, 1.0), 0.123456789012345, 0.123456789012345),
        (Range(0.0, 0.5, step=0.1), 0.1 + 0.2, 0.3),
        (Range(8, 16, step=4, whole=True), 13, 12),
        (Range(16, 256, log=True, whole=True), 100.0, 100),
        (Range(1, 3, whole=True), 9, 3),
    ],
)
def test_nearest(held: Fixed | Choices | Range, value: str | float, nearest: str | float) -> None:
    found = held.nearest(value)
    assert found == nearest
    assert type(found) is type(nearest)


def test_distributions() -> None:
    assert Choices(("relu", "tanh")).distribution() == CategoricalDistribution(("relu", "tanh"))
    assert Range(1e-7, 0.1, log=True).distribution() == FloatDistribution(1e-7, 0.1, log=True)
    assert Range(0.0, 0.5, step=0.1).distribution() == FloatDistribution(0.0, 0.5, step=0.1)
    assert Range(1, 3, whole=True).distribution() == IntDistribution(1, 3)
    assert Range(16, 256, log=True, whole=True).distribution() == IntDistribution(16, 256, log=True)


def test_toml_is_read_back_by_pythons_own_reader() -> None:
    for raw in ("adam", 'a "quoted" text', 3, 1e-7, 2.5, True, [1, 2], ["a"], {"low": 1e-7, "high": 1.0}):
        assert tomllib.loads(f"x = {toml(raw)}") == {"x": raw}


def test_same_allows_rounding_only() -> None:
    assert same(0.3, 0.1 + 0.2)
    assert not same(0.3, 0.300001)
    assert not same(0.0, 1e-7)
    assert not same("1", 1)
