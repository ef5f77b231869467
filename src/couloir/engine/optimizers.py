"""The update rules that are built in, and how a rule is found by its name.

In the equations g is the gradient at the place the rule asks for, and products, quotients and roots are
elementwise. What a rule is: `couloir.engine.rule`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp

from couloir.engine.losses import is_weight
from couloir.engine.rule import Hyper, Params, Rule, State
from couloir.errors import InputError, unknown

each = jax.tree.map


def zeros_like(params: Params) -> Params:
    """A tree of zeros shaped as the parameters."""
    return each(jnp.zeros_like, params)


# Gradient descent, with and without momentum ---------------------------------------------------------


def _nothing(params: Params) -> State:
    return {}


def _sgd_update(gradient: Params, state: State, params: Params, hyper: Hyper) -> tuple[Params, State]:
    return each(lambda g: -hyper["learning_rate"] * g, gradient), state


def _velocity_init(params: Params) -> State:
    return {"velocity": zeros_like(params)}


def _momentum_update(gradient: Params, state: State, params: Params, hyper: Hyper) -> tuple[Params, State]:
    velocity = each(lambda z, g: hyper["momentum"] * z + g, state["velocity"], gradient)
    return each(lambda z: -hyper["learning_rate"] * z, velocity), {"velocity": velocity}


def _nesterov_look_ahead(state: State, params: Params, hyper: Hyper) -> Params:
    reach = hyper["learning_rate"] * hyper["momentum"]
    return each(lambda w, z: w - reach * z, params, state["velocity"])


# Adaptive rules: a step size of its own for every parameter ------------------------------------------


def _square_init(params: Params) -> State:
    return {"square": zeros_like(params)}


def _scaled_by_root(gradient: Params, square: Params, hyper: Hyper) -> Params:
    """−α g / √(square + ε)."""
    rate, epsilon = hyper["learning_rate"], hyper["epsilon"]
    return each(lambda g, s: -rate * g / jnp.sqrt(s + epsilon), gradient, square)


def _running(old: Params, new: Params, decay: Any) -> Params:
    """The exponential moving average decay·old + (1 − decay)·new."""
    return each(lambda a, b: decay * a + (1 - decay) * b, old, new)


def _adagrad_update(gradient: Params, state: State, params: Params, hyper: Hyper) -> tuple[Params, State]:
    square = each(lambda s, g: s + g * g, state["square"], gradient)
    return _scaled_by_root(gradient, square, hyper), {"square": square}


def _rmsprop_update(gradient: Params, state: State, params: Params, hyper: Hyper) -> tuple[Params, State]:
    square = _running(state["square"], each(jnp.square, gradient), hyper["decay"])
    return _scaled_by_root(gradient, square, hyper), {"square": square}


def _adadelta_init(params: Params) -> State:
    return {"square": zeros_like(params), "change_square": zeros_like(params)}


def _adadelta_update(gradient: Params, state: State, params: Params, hyper: Hyper) -> tuple[Params, State]:
    decay, epsilon = hyper["decay"], hyper["epsilon"]
    square = _running(state["square"], each(jnp.square, gradient), decay)
    delta = each(
        lambda g, e, d: -jnp.sqrt(d + epsilon) / jnp.sqrt(e + epsilon) * g,
        gradient,
        square,
        state["change_square"],
    )
    change_square = _running(state["change_square"], each(jnp.square, delta), decay)
    change = each(lambda d: hyper["learning_rate"] * d, delta)
    return change, {"square": square, "change_square": change_square}


def _adam_init(params: Params) -> State:
    return {"mean": zeros_like(params), "square": zeros_like(params), "step": jnp.zeros((), jnp.int32)}


def _adam_update(gradient: Params, state: State, params: Params, hyper: Hyper) -> tuple[Params, State]:
    rate, beta1, beta2, epsilon = (hyper[k] for k in ("learning_rate", "beta1", "beta2", "epsilon"))
    step = state["step"] + 1
    mean = _running(state["mean"], gradient, beta1)
    square = _running(state["square"], each(jnp.square, gradient), beta2)
    mean_correction, square_correction = 1 / (1 - beta1**step), 1 / (1 - beta2**step)
    change = each(
        lambda m, v: -rate * (m * mean_correction) / (jnp.sqrt(v * square_correction) + epsilon), mean, square
    )
    return change, {"mean": mean, "square": square, "step": step}


def _adamw_update(gradient: Params, state: State, params: Params, hyper: Hyper) -> tuple[Params, State]:
    change, state = _adam_update(gradient, state, params, hyper)
    shrink = hyper["learning_rate"] * hyper["weight_decay"]
    change = jax.tree_util.tree_map_with_path(
        lambda path, c, w: c - shrink * w if is_weight(path) else c, change, params
    )
    return change, state


_ADAM = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}

_BUILT_IN = (
    Rule(
        "sgd",
        _nothing,
        _sgd_update,
        {"learning_rate": 0.03},
        "W ← W − α g",
        "Robbins & Monro 1951",
    ),
    Rule(
        "momentum",
        _velocity_init,
        _momentum_update,
        {"learning_rate": 0.01, "momentum": 0.9},
        "z ← β z + g; W ← W − α z",
        "Polyak 1964",
    ),
    Rule(
        "nesterov",
        _velocity_init,
        _momentum_update,
        {"learning_rate": 0.01, "momentum": 0.9},
        "z ← β z + ∇J(W − α β z); W ← W − α z",
        "Nesterov 1983; Sutskever et al. 2013",
        look_ahead=_nesterov_look_ahead,
    ),
    Rule(
        "adagrad",
        _square_init,
        _adagrad_update,
        {"learning_rate": 0.01, "epsilon": 1e-8},
        "G ← G + g²; W ← W − α g / √(G + ε)",
        "Duchi, Hazan & Singer 2011",
    ),
    Rule(
        "adadelta",
        _adadelta_init,
        _adadelta_update,
        {"learning_rate": 1.0, "decay": 0.95, "epsilon": 1e-6},
        "E ← ρE + (1−ρ)g²; Δ = −√(D + ε)/√(E + ε) g; D ← ρD + (1−ρ)Δ²; W ← W + αΔ",
        "Zeiler 2012",
    ),
    Rule(
        "rmsprop",
        _square_init,
        _rmsprop_update,
        {"learning_rate": 1e-3, "decay": 0.9, "epsilon": 1e-8},
        "E ← ρE + (1−ρ)g²; W ← W − α g / √(E + ε)",
        "Hinton 2012",
    ),
    Rule(
        "adam",
        _adam_init,
        _adam_update,
        _ADAM,
        "m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; W ← W − α m̂/(√v̂ + ε), m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ)",
        "Kingma & Ba 2015",
    ),
    Rule(
        "adamw",
        _adam_init,
        _adamw_update,
        {**_ADAM, "weight_decay": 0.01},
        "as adam, W ← W − α (m̂/(√v̂ + ε) + λW), λ on weights only",
        "Loshchilov & Hutter 2019",
    ),
)

RULES: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rule in _BUILT_IN})
"""The rules by name: those of the chapter, and AdamW."""


NUMBERS: tuple[str, ...] = tuple(
    dict.fromkeys(name for rule in _BUILT_IN for name in rule.defaults if name != "learning_rate")
)
"""The numbers that rules read besides the learning rate, by name: β, ε, ρ, β₁, β₂, λ."""

RATES_PER_RULE = 8
"""Learning rates that each rule gets by default, two to a decade."""


def customary_rates(rule: Rule, count: int = RATES_PER_RULE) -> list[float]:
    """Learning rates around a rule's customary one, two to a decade: α·10^(k/2), k = −5 … 2 for eight.

    More of them lie below than above: members at thirty and a hundred times the customary rate win on a
    small validation part now and then, and are then wrong with great confidence.
    """
    highest = (count - 1) // 3
    middle = rule.defaults["learning_rate"]
    return [float(f"{middle * 10 ** (k / 2):.3g}") for k in range(highest - count + 1, highest + 1)]


def find_rule(named: Any) -> Rule:
    """The rule of a name: one of `RULES`, or an Optax optimizer as ``optax.NAME``.

    Raises:
        InputError: there is none of that name.
    """
    if isinstance(named, Rule):
        return named
    if isinstance(named, str) and named.startswith("optax."):
        from couloir.engine.optax_rules import optax_rule

        return optax_rule(named)
    if callable(named):  # Optax's functions, or the two that one of its transformations consists of
        raise InputError(
            f"The optimizer {named!r} is a function: give its name, as 'adam' or 'optax.lion', or a rule "
            "that couloir.optimizers.from_optax makes of it."
        )
    if named not in RULES:
        raise unknown("optimizer", named, RULES)
    return RULES[named]


def variants(named: Any, asked: Mapping[str, Sequence[Any]]) -> list[tuple[Rule, dict[str, Sequence[float]]]]:
    """The rules that a name makes with values of the numbers that rules read.

    One rule with the values of those that it reads; of an Optax optimizer as many as there are combinations
    of what cannot be an input of the program.

    Args:
        named: as for `find_rule`.
        asked: values by the numbers' names; what the rule does not read is passed over.

    Raises:
        InputError: there is no rule of that name.
    """
    if isinstance(named, str) and named.startswith("optax."):
        from couloir.engine import optax_rules

        return optax_rules.variants(named, asked)
    rule = find_rule(named)
    return [(rule, {name: values for name, values in asked.items() if name in rule.defaults})]


def reads(named: Any, number: str) -> bool:
    """Whether a rule reads a number besides its learning rate.

    Args:
        named: as for `find_rule`.
        number: its name.

    Raises:
        InputError: there is no rule of that name.
    """
    if isinstance(named, str) and named.startswith("optax."):
        from couloir.engine import optax_rules

        return optax_rules.reads(named, number)
    return number in find_rule(named).defaults


def from_optax(name: str, factory: Callable[..., Any], *, learning_rate: float, **settings: Any) -> Rule:
    """A rule made of an Optax optimizer, to train in one population with the others.

    Args:
        name: what to call it.
        factory: an Optax optimizer that takes ``learning_rate`` (``optax.lion``) and needs only
            gradients and parameters.
        learning_rate: its customary value.
        settings: further arguments of the factory, fixed.
    """
    from couloir.engine.optax_rules import wrapped

    return wrapped(name, factory, {"learning_rate": learning_rate}, settings)
