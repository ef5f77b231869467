"""Rules made of Optax's optimizers, with the numbers of theirs that a person sets.

A number that is set becomes an input of the program, as those of the built-in rules are, so that members that
differ in it share the program. What cannot be one (a flag, what decides the shape of the state, what the
optimizer looks at before it computes) is fixed, and part of the rule's name: ``optax.sgd(nesterov=True)``.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp

from couloir.engine.rule import Hyper, Params, Rule, State
from couloir.errors import InputError, unknown

PREFIX = "optax."
CUSTOMARY_RATE = 1e-3


@dataclass(frozen=True, eq=False)
class Wrapped:
    """An Optax optimizer with its settings; no closure, so that what holds it can be pickled.

    Attributes:
        factory: makes the optimizer of its numbers.
        numbers: its customary learning rate, and what other numbers are inputs of the program.
        settings: further arguments, fixed.
    """

    factory: Callable[..., Any]
    numbers: Mapping[str, float]
    settings: Mapping[str, Any]

    def init(self, params: Params) -> State:
        """The state before the first step."""
        return self.factory(**self.numbers, **self.settings).init(params)

    def update(self, gradient: Params, state: State, params: Params, hyper: Hyper) -> tuple[Params, State]:
        """One step at a member's own numbers."""
        own = {name: hyper[name] for name in self.numbers}
        return self.factory(**own, **self.settings).update(gradient, state, params)


def wrapped(
    name: str, factory: Callable[..., Any], numbers: Mapping[str, float], settings: Mapping[str, Any]
) -> Rule:
    """A rule made of an Optax optimizer; see `Wrapped` for what the arguments are."""
    made, source = Wrapped(factory, dict(numbers), dict(settings)), getattr(factory, "__name__", name)
    return Rule(name, made.init, made.update, dict(numbers), f"{PREFIX}{source}", "Optax")


def optax_rule(named: str, inputs: tuple[str, ...] = ()) -> Rule:
    """The rule of a name such as ``optax.lion`` or ``optax.sgd(nesterov=True)``.

    Args:
        named: Optax's name, and in parentheses what is set for good.
        inputs: further numbers that are inputs of the program, by Optax's names for them.

    Raises:
        InputError: Optax has none of that name, or it cannot be trained with so.
    """
    name, settings = _taken_apart(named)
    return _rule(name, tuple(sorted(settings.items())), inputs)


@cache
def _rule(name: str, settings: tuple[tuple[str, Any], ...], inputs: tuple[str, ...]) -> Rule:
    """One rule object for each way to ask for it, so that members of it share a segment of the program."""
    customary, fixed = arguments(name), dict(settings)
    for argument in (*fixed, *inputs):
        if argument not in customary:
            raise unknown(f"setting of {PREFIX}{name}", argument, customary or ["none"])
    numbers = {"learning_rate": CUSTOMARY_RATE, **{each: customary[each] for each in inputs}}
    called = PREFIX + name + (f"({written(fixed)})" if fixed else "")
    rule = wrapped(called, _factory(name), numbers, fixed)
    try:
        _traced(rule)
    except Exception as error:
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise InputError(
            f"The optimizer '{called}' cannot be trained with ({reason}): set it otherwise."
        ) from None
    return rule


def _traced(rule: Rule) -> None:
    """Follow one step of a rule with all of its numbers unknown; raises what Optax raises."""
    params = {"weight": jnp.zeros((2, 2)), "bias": jnp.zeros(2)}
    state = jax.eval_shape(rule.init, params)
    hyper = {name: jnp.float32(value) for name, value in rule.defaults.items()}
    jax.eval_shape(rule.update, params, state, params, hyper)


def names() -> list[str]:
    """Optax's optimizers that can be asked for: what it makes from a learning rate alone."""
    import optax

    return [
        name
        for name, thing in vars(optax).items()
        if inspect.isfunction(thing)
        and not name.startswith("scale_by_")
        and name not in NOT_OFFERED
        and "learning_rate" in (given := inspect.signature(thing).parameters)
        and all(each.default is not each.empty or each.name == "learning_rate" for each in given.values())
    ]


NOT_OFFERED: Mapping[str, str] = MappingProxyType(
    {
        "lbfgs": "wants the loss itself, not only gradients",
        "noisy_sgd": "wants a random key",
        "optimistic_adam": "has given way to optimistic_adam_v2",
    }
)
"""Optimizers of Optax that no rule can be made of, and why."""


def _factory(name: str) -> Callable[..., Any]:
    import optax

    if name not in names():
        raise unknown("optimizer", PREFIX + name, [PREFIX + each for each in names()])
    found: Callable[..., Any] = getattr(optax, name)
    return found


def arguments(name: str) -> dict[str, Any]:
    """What an Optax optimizer can be told besides its learning rate, with the customary values.

    Raises:
        InputError: Optax has none of that name.
    """
    given = inspect.signature(_factory(name)).parameters.values()
    return {each.name: each.default for each in given if each.name != "learning_rate"}


def reads(named: str, setting: str) -> bool:
    """Whether the optimizer of a name can be told a setting that its name does not fix."""
    name, fixed = _taken_apart(named)
    return setting in arguments(name) and setting not in fixed


def variants(named: str, asked: Mapping[str, Sequence[Any]]) -> list[tuple[Rule, dict[str, Sequence[float]]]]:
    """The rules that a name makes with values of its settings, each with the values of its inputs.

    Args:
        named: as for `optax_rule`.
        asked: values by the settings' names; those that the optimizer does not have are passed over.
    """
    name, fixed = _taken_apart(named)
    own = {each: values for each, values in asked.items() if each in arguments(name) and each not in fixed}
    inputs = {
        each: values for each, values in own.items() if all(map(_is_number, values)) and _is_input(name, each)
    }
    static = {each: values for each, values in own.items() if each not in inputs}
    return [
        (
            _rule(
                name,
                tuple(sorted({**fixed, **dict(zip(static, chosen, strict=True))}.items())),
                tuple(inputs),
            ),
            inputs,
        )
        for chosen in product(*static.values())
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@cache
def _is_input(name: str, argument: str) -> bool:
    """Whether a setting can be an input of the program: a number that the update reads, and it alone."""
    customary = arguments(name)[argument]
    if not _is_number(customary):
        return False
    factory, params = _factory(name), {"weight": jnp.ones((2, 2)), "bias": jnp.ones(2)}
    starts = {
        str(jax.make_jaxpr(factory(learning_rate=1.0, **{argument: value}).init)(params))
        for value in (float(customary), 0.5 * float(customary) + 0.25)
    }
    try:
        _traced(wrapped(name, factory, {"learning_rate": 1.0, argument: float(customary)}, {}))
    except Exception:  # whatever Optax, or JAX for it, cannot do with a number that is not known yet
        return False
    return len(starts) == 1


# How settings are written ---------------------------------------------------------------------------------


def _taken_apart(named: str) -> tuple[str, dict[str, Any]]:
    """Optax's name, and what is set in parentheses."""
    found = re.fullmatch(r"optax\.(\w+)(?:\((.*)\))?", named.strip())
    if found is None:
        raise unknown("optimizer", named, [PREFIX + each for each in names()])
    settings = {}
    for part in filter(None, (found[2] or "").split(",")):
        key, sign, text = part.partition("=")
        if not sign:
            raise InputError(f"In '{named}', '{part.strip()}' sets nothing: write NAME=VALUE.")
        settings[key.strip()] = read_value(text)
    return found[1], settings


def read_value(text: str) -> Any:
    """A setting's value of its text: a number, true, false, none, or the text itself."""
    plain = text.strip()
    named = {"true": True, "false": False, "none": None}
    if plain.lower() in named:
        return named[plain.lower()]
    try:
        return ast.literal_eval(plain)
    except (ValueError, SyntaxError):
        return plain


def written(settings: Mapping[str, Any]) -> str:
    """Settings as they are asked for: "b1=0.9, nesterov=True"."""
    return ", ".join(f"{name}={value}" for name, value in settings.items())
