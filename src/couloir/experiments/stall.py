"""Effective steps: what the adaptive rules multiply a gradient with, step after step.

AdaGrad adds up squared gradients for ever, so that its effective step only shrinks and learning stalls;
RMSprop and AdaDelta average over the recent past and recover when the gradients become small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from couloir.engine import compilation
from couloir.engine.optimizers import find_rule
from couloir.engine.rule import Rule
from couloir.errors import InputError

PHASES = ((1.0, 200), (10.0, 100), (0.1, 700))
"""Sizes of the gradient and for how many steps: middling, a burst of large ones, small ones."""

RULES_SHOWN = ("adagrad", "rmsprop", "adadelta")
"""The rules that divide by past gradients: all of them summed, or the recent ones averaged."""


@dataclass(frozen=True, eq=False)
class EffectiveSteps:
    """The effective steps of some rules on one coordinate.

    Attributes:
        gradients: [step], all above 0.
        phases: (size of the gradient, steps) of every phase.
        rates: α by the rule's name.
        steps: by the rule's name [step], −ΔW/g: α/√(G + ε), α/√(E + ε), α√(D + ε)/√(E + ε).
        travelled: by the rule's name [step], how far W has come after each step.
    """

    gradients: np.ndarray
    phases: tuple[tuple[float, int], ...]
    rates: Mapping[str, float]
    steps: Mapping[str, np.ndarray]
    travelled: Mapping[str, np.ndarray]

    def regained(self, name: str) -> float:
        """The rule's last effective step over its least one: 1 where it only shrinks."""
        return float(self.steps[name][-1] / self.steps[name].min())


def effective_steps(
    phases: Sequence[tuple[float, int]] = PHASES, rules: Sequence[str | Rule] = RULES_SHOWN
) -> EffectiveSteps:
    """What rules multiply a given sequence of gradients with, on one coordinate, in float64.

    Args:
        phases: (size of the gradient, steps), one after the other.
        rules: names or rules, at their customary settings.

    Raises:
        InputError: no phase, a size that is not above 0, a phase without steps.
    """
    if not phases or any(not size > 0 or steps < 1 for size, steps in phases):
        raise InputError("Every phase needs a gradient above 0 and at least one step: give such phases.")
    gradients = np.concatenate([np.full(steps, float(size)) for size, steps in phases])
    chosen = [find_rule(rule) for rule in rules]
    rates = {rule.name: rule.defaults["learning_rate"] for rule in chosen}
    changes = {rule.name: _changes(rule, gradients) for rule in chosen}
    shown = tuple((float(size), int(steps)) for size, steps in phases)
    effective = MappingProxyType({name: -change / gradients for name, change in changes.items()})
    travelled = MappingProxyType({name: np.cumsum(-change) for name, change in changes.items()})
    return EffectiveSteps(gradients, shown, MappingProxyType(rates), effective, travelled)


def _changes(rule: Rule, gradients: np.ndarray) -> np.ndarray:
    """The changes [step] that a rule makes of gradients [step]; they do not depend on where W is."""
    with jax.enable_x64(True), compilation.cached():
        hyper = {name: jnp.asarray(value, float) for name, value in rule.defaults.items()}
        place = jnp.zeros(1)

        @jax.jit
        def run(gradients: Any) -> Any:
            def step(state: Any, gradient: Any) -> tuple[Any, Any]:
                change, state = rule.update(gradient[None], state, place, hyper)
                return state, change[0]

            return jax.lax.scan(step, rule.init(place), gradients)[1]

        return np.asarray(run(jnp.asarray(gradients)))
