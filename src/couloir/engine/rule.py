"""What an update rule is: how a gradient becomes a change of the parameters.

A rule is a value. `init(params)` gives its state, `update(gradient, state, params, hyper)` gives the
change to add to the parameters and the next state, and a rule that wants the gradient elsewhere
(Nesterov) has `look_ahead(state, params, hyper)`, which names the place. Rules are written for the
parameters of one network, any tree of arrays; ``hyper`` maps names to traced numbers, so that a new
learning rate compiles nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from jaxtyping import Array, Float, PyTree

Params: TypeAlias = PyTree[Float[Array, "..."]]
"""Parameters of one network, or whatever has their shape: a gradient, a change."""

State = Any
"""What a rule remembers between steps: a tree of arrays of its own making."""

Hyper = Mapping[str, Any]
"""A rule's numbers by name: `learning_rate` and those in the rule's `defaults`."""


@dataclass(frozen=True, eq=False)
class Rule:
    """An update rule with its customary settings.

    Attributes:
        name: what people call it.
        init: params → state.
        update: (gradient, state, params, hyper) → (change, state).
        look_ahead: (state, params, hyper) → where the gradient is to be taken; None: at the parameters.
        defaults: every hyperparameter that the rule reads, with its customary value.
        equation: the update, in a line.
        source: author and year.
    """

    name: str
    init: Callable[[Params], State]
    update: Callable[[Params, State, Params, Hyper], tuple[Params, State]]
    defaults: Mapping[str, float]
    equation: str
    source: str
    look_ahead: Callable[[State, Params, Hyper], Params] | None = field(default=None)
