"""Ladders: one hyperparameter in several values, which makes a population of one network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.options import MEMBER

NONE = "none"

MOST_VALUES = 8
"""Values of a ladder, at most."""


class Ladder(NamedTuple):
    """One hyperparameter in several values.

    Attributes:
        title: of the hyperparameter, for the page.
        values: so many of them.
        given: a member with a value of it.
        fixed: whether all values are taken, however many were asked for.
    """

    title: str
    values: Callable[[int], Sequence[Any]]
    given: Callable[[Member, Any], Member]
    fixed: bool = False


def spread(values: Sequence[Any], count: int) -> list[Any]:
    """So many of some values, evenly spread, the first and the last among them."""
    count = min(count, len(values))
    return [values[round(step * (len(values) - 1) / max(count - 1, 1))] for step in range(count)]


def _factors(count: int) -> list[float]:
    """Factors on a learning rate around 1: a decade apart, or half of one where there are many."""
    if count <= 4:
        return [10.0 ** (step - (count - 1) // 2) for step in range(count)]
    return [float(f"{10 ** ((step - count // 2) / 2):.1g}") for step in range(count)]


def _of(name: str) -> Callable[[Member, Any], Member]:
    return lambda member, value: replace(member, **{name: value})


def _wide(member: Member, value: int) -> Member:
    return replace(member, hidden=(value,) * max(1, len(member.hidden)))


def _deep(member: Member, value: int) -> Member:
    return replace(member, hidden=(member.hidden[:1] or (4,)) * value)


def _ruled(member: Member, value: str) -> Member:
    """The rule; a rate that was the old rule's customary one becomes the new rule's."""
    rule = RULES[value]
    factor = member.learning_rate / member.rule.defaults["learning_rate"]
    return replace(member, rule=rule, learning_rate=factor * rule.defaults["learning_rate"])


def _listed(values: Sequence[Any]) -> Callable[[int], Sequence[Any]]:
    return lambda count: spread(values, count)


def _option(name: str, values: Sequence[Any]) -> Ladder:
    """The ladder of an option whose values a member holds as they are."""
    return Ladder(MEMBER[name].words, _listed(values), _of(name))


LADDERS: Mapping[str, Ladder] = MappingProxyType(
    {
        "rule": Ladder("update rule", lambda _: list(RULES), _ruled, fixed=True),
        "learning_rate": Ladder(
            MEMBER["learning_rate"].words,
            _factors,
            lambda member, value: replace(member, learning_rate=member.learning_rate * value),
        ),
        "width": Ladder("width", _listed((1, 2, 3, 4, 6, 8, 12, 16)), _wide),
        "depth": Ladder("hidden layers", _listed((0, 1, 2, 3, 4)), _deep),
        "activation": _option("activation", MEMBER["activation"].choices[:MOST_VALUES]),
        "l2": _option("l2", (0.0, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3)),
        "l1": _option("l1", (0.0, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1)),
        "dropout": _option("dropout", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)),
        "noise": _option("noise", (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)),
        "batch_size": _option("batch_size", (2, 4, 8, 16, 32, 64, 128, 256)),
        "schedule": _option("schedule", MEMBER["schedule"].choices[:MOST_VALUES]),
        "restart": Ladder("initial weights", lambda count: range(count), _of("restart")),
    }
)
"""The ladders by name, as the page offers them."""
