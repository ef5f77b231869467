"""A member: its numbers, its description, and the weights it starts from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from couloir.engine.member import Member, initial_network
from couloir.engine.optax_rules import optax_rule
from couloir.engine.optimizers import NUMBERS, RULES
from couloir.errors import InputError
from trainings import FEATURES, classification, member, watched


def test_what_a_rule_reads_is_its_customary_setting_unless_the_member_says_otherwise() -> None:
    own = Member(RULES["nesterov"], 0.25, {"momentum": 0.0})
    assert own.hyper() == {"learning_rate": 0.25, "momentum": 0.0}
    assert Member(RULES["nesterov"], 0.25).hyper() == {"learning_rate": 0.25, "momentum": 0.9}
    adam = Member(RULES["adam"], 0.25).hyper()
    assert adam == {**RULES["adam"].defaults, "learning_rate": 0.25}


def test_a_number_that_the_rule_does_not_read_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="The rule adam reads no momentum"):
        Member(RULES["adam"], 0.1, {"momentum": 0.9})
    with pytest.raises(InputError, match="2 hidden layers"):
        Member(RULES["adam"], 0.1, activation="relu-tanh")


def test_a_description_is_plain_values() -> None:
    described = Member(RULES["adam"], 0.001, {"beta1": 0.8}, hidden=(5, 4)).describe()
    assert described["optimizer"] == "adam"
    assert described["hidden"] == [5, 4]
    assert {name: described[name] for name in NUMBERS if described[name] is not None} == {
        "beta1": 0.8,
        "beta2": 0.999,
        "epsilon": 1e-8,
    }
    assert all(isinstance(value, (str, int, float, list, type(None))) for value in described.values())
    lion = Member(optax_rule("optax.lion", ("b1", "weight_decay")), 0.1, {"b1": 0.5, "weight_decay": 0.25})
    assert lion.describe()["rule_option"] == "b1=0.5"
    assert lion.describe()["weight_decay"] == 0.25


@pytest.mark.slow
def test_initial_weights_are_what_training_starts_from() -> None:
    """A step at a rate of almost nothing leaves the weights where they were."""
    some = [
        member("sgd", 1e-12, restart=restart, hidden=hidden) for restart in (0, 3) for hidden in ((6, 4), ())
    ]
    data = classification()
    _, networks = watched(some, data, epochs=1, precision="float64", seed=5)
    for each, found in zip(some, networks[0], strict=True):
        expected = initial_network(each, 5, FEATURES, data.outputs, np.float64)
        for layer, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(layer.weight, other.weight, atol=1e-9)
            np.testing.assert_allclose(layer.bias, other.bias, atol=1e-9)


def test_initial_weights_depend_on_seed_restart_and_shapes_alone() -> None:
    one = member("sgd", 0.1, hidden=(6,))
    first = initial_network(one, 5, 3, 2, np.float32)
    same = replace(one, rule=RULES["adam"], learning_rate=1.0, dropout=0.5, batch_size=2, l2=1.0)
    assert np.array_equal(first[0].weight, initial_network(same, 5, 3, 2, np.float32)[0].weight)
    for other, seed in ((replace(one, restart=1), 5), (one, 6)):
        assert not np.array_equal(first[0].weight, initial_network(other, seed, 3, 2, np.float32)[0].weight)
