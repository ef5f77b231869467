"""Rules made of Optax's optimizers: each trains, and what is set of theirs is what Optax does with it."""

from __future__ import annotations

import pickle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from couloir.engine import optax_rules
from couloir.engine.member import Member
from couloir.engine.optax_rules import optax_rule, variants
from couloir.engine.optimizers import RULES, find_rule, reads
from couloir.engine.training import train_population
from couloir.errors import InputError
from trainings import classification

STEPS = 25


def followed(rule: Any, hyper: dict[str, float]) -> np.ndarray:
    """Parameters of a small network's shape after some steps on a fixed sequence of gradients."""
    random = np.random.default_rng(0)
    params = {"weight": jnp.asarray(random.normal(size=(3, 2))), "bias": jnp.asarray(random.normal(size=3))}
    state = rule.init(params)
    for _ in range(STEPS):
        gradient = jax.tree.map(lambda leaf: jnp.asarray(random.normal(size=leaf.shape)), params)
        change, state = rule.update(gradient, state, params, hyper)
        params = jax.tree.map(jnp.add, params, change)
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(params)])


def optax_followed(optimizer: Any) -> np.ndarray:
    """The same by Optax itself."""

    class Plain:
        init = staticmethod(optimizer.init)

        @staticmethod
        def update(gradient: Any, state: Any, params: Any, hyper: Any) -> Any:
            return optimizer.update(gradient, state, params)

    return followed(Plain, {})


@pytest.mark.slow
@pytest.mark.parametrize("name", optax_rules.names())
def test_every_name_offered_trains(name: str) -> None:
    members = [Member(find_rule(f"optax.{name}"), rate, hidden=(3,), epochs=1) for rate in (1e-4, 1e-3)]
    trained = train_population(members, classification(), patience=None)
    assert [outcome.epochs_run for outcome in trained.outcomes] == [1, 1]
    assert all(outcome.status == "finished" for outcome in trained.outcomes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "asked", "settings"),
    [
        ("optax.lion", {"b1": 0.7}, {"b1": 0.7}),
        (
            "optax.lion",
            {"b1": 0.7, "b2": 0.8, "weight_decay": 0.1},
            {"b1": 0.7, "b2": 0.8, "weight_decay": 0.1},
        ),
        ("optax.adamw", {"weight_decay": 0.3}, {"weight_decay": 0.3}),
        ("optax.sgd", {"momentum": 0.8}, {"momentum": 0.8}),
        ("optax.sgd", {"momentum": 0.8, "nesterov": True}, {"momentum": 0.8, "nesterov": True}),
        ("optax.sgd(nesterov=True)", {"momentum": 0.8}, {"momentum": 0.8, "nesterov": True}),
        ("optax.adagrad", {"initial_accumulator_value": 0.5}, {"initial_accumulator_value": 0.5}),
        ("optax.rmsprop", {"decay": 0.5, "momentum": 0.3}, {"decay": 0.5, "momentum": 0.3}),
    ],
    ids=str,
)
def test_what_is_set_is_what_optax_does(
    name: str, asked: dict[str, Any], settings: dict[str, Any], float64: None
) -> None:
    ((rule, values),) = variants(name, {key: [value] for key, value in asked.items()})
    hyper = {**rule.defaults, **{key: value for key, (value,) in values.items()}, "learning_rate": 0.05}
    factory = getattr(optax, name.removeprefix("optax.").partition("(")[0])
    expected = optax_followed(factory(0.05, **settings))
    np.testing.assert_allclose(followed(rule, hyper), expected, rtol=1e-12)
    assert not np.allclose(expected, optax_followed(factory(0.05)), rtol=1e-3), "it changes something"


def test_numbers_are_inputs_of_one_rule_and_other_settings_make_rules_of_their_own() -> None:
    ((lion, values),) = variants("optax.lion", {"b1": [0.5, 0.6], "nesterov": [True], "momentum": [0.9]})
    assert (lion.name, values) == ("optax.lion", {"b1": [0.5, 0.6]})
    assert lion.defaults == {"learning_rate": 1e-3, "b1": 0.9}
    assert variants("optax.lion", {"b1": [0.7]})[0][0] is lion, "one object, so that members share a segment"
    made = variants("optax.sgd", {"momentum": [0.5, 0.9]})
    assert [(rule.name, values) for rule, values in made] == [
        ("optax.sgd(momentum=0.5)", {}),
        ("optax.sgd(momentum=0.9)", {}),
    ]
    assert find_rule("optax.sgd(momentum=0.5)") is made[0][0], "a rule is found again by its name"


def test_who_reads_what() -> None:
    assert reads("optax.lion", "b1")
    assert not reads("optax.lion", "beta1")
    assert not reads("optax.sgd(momentum=0.9)", "momentum"), "it is fixed already"
    assert reads("adam", "beta1")
    assert not reads(RULES["sgd"], "momentum")


def test_a_rule_can_be_pickled() -> None:
    rule = pickle.loads(pickle.dumps(optax_rule("optax.lion", ("b1",))))
    assert rule.defaults == {"learning_rate": 1e-3, "b1": 0.9}
    followed(rule, dict(rule.defaults))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("optax.lionn", "did you mean 'optax.lion'"),
        ("optax.noisy_sgd", "There is no optimizer 'optax.noisy_sgd'"),
        ("optax.lbfgs", "There is no optimizer 'optax.lbfgs'"),
        ("optax.apply_updates", "There is no optimizer"),
        ("optax.sgd(momentum)", "'momentum' sets nothing"),
        ("optax.sgd(momentun=0.9)", "did you mean 'momentum'"),
        ("optax.sgd(momentum='x')", "cannot be trained with"),
        ("optax.sgd(", "There is no optimizer"),
    ],
)
def test_a_mistake_ends_in_a_sentence(name: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        find_rule(name)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
