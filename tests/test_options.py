"""The table of options: it names what there is, and everything made from it agrees with it."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from dataclasses import fields
from typing import Any, get_args

import pytest
from typer.main import get_command

import couloir
from couloir import options
from couloir.cli.app import app
from couloir.cli.typed import help_of
from couloir.commands.asked import offered
from couloir.commands.landscape import EPOCHS_AT_LEAST
from couloir.data.encodings import ENCODINGS
from couloir.data.sources.bundled import BUNDLED
from couloir.engine.activations import ACTIVATIONS
from couloir.engine.architectures.registry import ARCHITECTURES
from couloir.engine.losses import DEFAULT_LOSS, LOSSES
from couloir.engine.member import Member
from couloir.engine.optimizers import NUMBERS, RATES_PER_RULE, RULES
from couloir.engine.schedules import SCHEDULES
from couloir.engine.training import Precision
from couloir.errors import InputError
from couloir.options import FIT, MEMBER, SEARCH, SPACE, TABLE, TRAIN, VERBS, taken_by
from couloir.selection.problem import CONDITIONS, Conditions
from couloir.selection.search.space import Space
from couloir.surfaces.functions import SURFACES

FUNCTIONS: dict[str, Any] = {
    "train": couloir.train,
    "race": couloir.race,
    "search": couloir.search,
    "gradcheck": couloir.gradcheck,
    "guess": couloir.guess,
    "landscape": couloir.landscape,
    "surface race": couloir.race_surface,
}


def test_the_names_are_those_of_the_registries() -> None:
    assert tuple(RULES) == options.RULES
    assert tuple(ACTIVATIONS) == options.ACTIVATIONS
    assert tuple(SCHEDULES) == options.SCHEDULES
    assert tuple(LOSSES) == options.LOSSES
    assert tuple(SURFACES) == options.SURFACES
    assert tuple(ENCODINGS) == options.ENCODINGS
    assert tuple(ARCHITECTURES) == options.ARCHITECTURES
    assert BUNDLED == options.BUNDLED
    assert get_args(Precision) == options.PRECISIONS


def test_a_taker_has_each_option_once() -> None:
    for taker in (*VERBS, FIT, SPACE):
        counts = Counter(option.name for option in TABLE if taker in option.takers)
        assert max(counts.values()) == 1, taker


def test_members_have_a_field_for_every_option_that_makes_them() -> None:
    own = {each.name for each in fields(Member)}
    special = {"optimizer": "rule", "restarts": "restart", "rule_option": "numbers"}
    for name in MEMBER:
        assert (special.get(name, name) in own) or name in NUMBERS, name
    for name in ("activation", "batch_size", "epochs", "l1", "l2", "dropout", "noise", "schedule", "warmup"):
        assert getattr(Member, name) == MEMBER[name].default, name
    assert set(NUMBERS) < set(MEMBER)


def test_conditions_have_the_defaults_of_the_table() -> None:
    for name in CONDITIONS:
        assert getattr(Conditions(), name) == taken_by(TRAIN)[name].default


@pytest.mark.parametrize("verb", VERBS)
def test_the_command_line_has_every_option_with_its_help(verb: str) -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    typed = {each.name: each for each in commands[verb].params}
    for name, option in taken_by(verb).items():
        assert typed[name].opts == [option.typed_as]
        assert typed[name].help == help_of(option, verb)
        assert typed[name].help.startswith(option.typed_help(verb))
        assert typed[name].help[0].isupper() or not typed[name].help[0].isascii()
        assert typed[name].help.endswith(".")


@pytest.mark.parametrize("verb", FUNCTIONS)
def test_python_has_every_option_with_its_default_and_docstring(verb: str) -> None:
    function = FUNCTIONS[verb]
    parameters = inspect.signature(function).parameters
    explicit = {"data"} if verb == "landscape" else set()
    surface = {"learning_rate", "start", "steps"} if verb == "race" else set()
    for name, option in offered(verb).items():
        if name in explicit | surface:
            continue
        assert parameters[name].default == option.default
        assert f"{name}: {option.given_help}" in function.__doc__
    assert "given: " not in function.__doc__
    assert not any(each.kind is each.VAR_KEYWORD for each in parameters.values())


@pytest.mark.parametrize("estimator", [couloir.CouloirClassifier, couloir.CouloirRegressor])
def test_estimators_have_every_option_with_its_default_and_docstring(estimator: Any) -> None:
    known = {
        name: option
        for name, option in taken_by(FIT).items()
        if estimator is couloir.CouloirClassifier or name != "class_weight"
    }
    parameters = dict(inspect.signature(estimator).parameters)
    assert set(parameters) == set(known)
    made = estimator()
    for name, option in known.items():
        assert parameters[name].default == option.default == getattr(made, name) == made.get_params()[name]
        assert f"{name}: {option.given_help}" in estimator.__doc__
    with pytest.raises(TypeError, match="warm_up"):
        estimator(warm_up=0.1)


def test_the_default_space_is_the_table_s() -> None:
    shown = Space.default("classification", 10_000).to_json()["entries"]
    wanted = {name: option.space for name, option in taken_by(SPACE).items() if option.space is not None}
    wanted.pop("momentum")  # no rule of the default space reads it
    sized = {name: shown.pop(name) for name in ("batch_size", "epochs")}
    assert shown == {**wanted, "loss": "cross_entropy"}
    assert sized == {"batch_size": 128, "epochs": {"low": 7, "high": 30, "log": True}}  # 40·(0.3)^¼ is 29.6


@pytest.mark.parametrize("option", TABLE, ids=lambda option: f"{option.name}-{option.takers[0]}")
def test_a_default_passes_its_own_check_and_is_read_as_it_is_written(option: options.Option) -> None:
    if option.default is None:
        assert option.check_or_none(None) is None
        return
    checked = option.check(option.default)
    assert checked == ([option.default] if option.many else option.default)
    if not option.is_flag:
        assert option.read(option.kind.write(option.default)) == checked


def test_help_says_the_default_once() -> None:
    for option in TABLE:
        for taker in option.takers:
            if taker in VERBS:
                assert len(re.findall("Default", option.typed_help(taker))) <= 1


def test_what_is_not_in_the_table_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match="There is no option 'epoch': did you mean 'epochs'"):
        options.checked(TRAIN, {"epoch": 3})
    for function in (couloir.train, couloir.race, couloir.gradcheck, couloir.guess):
        with pytest.raises(InputError, match="There is no option 'hiden': did you mean 'hidden'"):
            function("iris", hiden=3)
    with pytest.raises(InputError, match="There is no option 'refit'"):
        couloir.cross_validate("iris", refit=True)


def test_a_search_says_that_its_defaults_are_searched() -> None:
    assert "as --show-space prints" in taken_by(SEARCH)["hidden"].typed_help(SEARCH)
    assert "Default: 64" in taken_by(TRAIN)["hidden"].typed_help(TRAIN)


def test_a_hyperparameter_has_a_short_name_for_columns() -> None:
    names = ("optimizer", "hidden", "layers", "warmup", "l2", "noise", "beta1", "batch_size", "restart")
    assert [options.label(name) for name in names] == [
        "rule", "hidden", "hidden layers", "warm-up", "L2", "input noise", "β₁", "batch size", "restart",
    ]  # fmt: skip
    assert set(NUMBERS) == options.CUSTOMARY


def test_numbers_of_rules_have_a_letter_in_their_equations() -> None:
    letters = {name: options.symbol(name) for name in ("learning_rate", *NUMBERS)}
    assert letters == {
        "learning_rate": "α", "momentum": "β", "epsilon": "ε", "decay": "ρ", "beta1": "β₁", "beta2": "β₂",
        "weight_decay": "λ",
    }  # fmt: skip
    assert options.symbol("eps_root") == "eps_root"
    for rule in RULES.values():
        equation = rule.equation.replace("as adam", RULES["adam"].equation)
        for name in rule.defaults:
            assert options.symbol(name) in equation, (rule.name, name)
    for name in NUMBERS:
        assert MEMBER[name].text.split()[0] == letters[name]


def test_defaults_in_words_are_those_that_hold() -> None:
    usual = {name: option.usual for name, option in taken_by(TRAIN).items()}
    assert usual["loss"] == "{classification} for classes, {regression} for numbers".format(**DEFAULT_LOSS)
    assert usual["optimizer"] == "the eight"
    assert len(RULES) == 8
    assert usual["learning_rate"].startswith("eight a rule")
    assert RATES_PER_RULE == 8
    assert taken_by("landscape")["epochs"].usual.endswith(f"or {EPOCHS_AT_LEAST}")


def test_help_of_a_race_says_what_an_option_is_on_a_surface() -> None:
    said = help_of(taken_by("race")["noise"], "race")
    assert "noise on inputs in training" in said
    assert said.endswith("On a surface: standard deviation of the noise on gradients.")
    assert help_of(taken_by("race")["momentum"], "race") == taken_by("race")["momentum"].typed_help("race")
