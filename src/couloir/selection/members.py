"""From options to members: lists of options multiply into a population."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from itertools import product
from typing import Any

from couloir import options
from couloir.engine.losses import DEFAULT_LOSS, LOSSES
from couloir.engine.member import Member
from couloir.engine.optimizers import NUMBERS, RULES, customary_rates, reads, variants
from couloir.engine.rule import Rule
from couloir.errors import InputError, unknown
from couloir.kinds import listed, whole

FIRST_SHARED = [each.name for each in fields(Member)].index("encoding")
"""The first of `Member`'s fields that is not about its rule: from here on they multiply every rule alike."""


class Options:
    """What a person asked for: each option a single value or a sequence that multiplies the population.

    The names are those of `couloir.options.MEMBER`; those left out, or None, have their default: for
    `optimizer` every rule in `RULES`, for `learning_rate` eight values around each rule's customary one, for
    `loss` the task's, for the numbers that rules read the rule's own.
    """

    def __init__(self, **given: Any) -> None:
        """Check what was given.

        Raises:
            InputError: an unknown name, or a number out of its range.
        """
        if strangers := [name for name in given if name not in options.MEMBER]:
            raise unknown("option", strangers[0], options.MEMBER)
        self.given = options.checked(options.TRAIN, given)

    def values(self, name: str) -> list[Any] | None:
        """The values of an option; None where it has none of its own."""
        found, option = self.given.get(name), options.MEMBER[name]
        if found is None:
            found = None if option.default is None else option.check(option.default)
        return found

    def members(self, task: str, limit: int | None = None) -> list[Member]:
        """Every combination of the options, as members.

        Args:
            task: "classification" or "regression".
            limit: keep at most so many, spread evenly over the combinations.

        Raises:
            InputError: an unknown rule, a number that none of the rules reads, a loss of the other task.
        """
        shared = self._shared_values(task)
        members = [
            replace(start, **dict(zip(shared, values, strict=True)))
            for start in self._by_rule()
            for values in product(*shared.values())
        ]
        if limit is not None and limit < len(members):
            whole().check("members", limit)
            members = [members[round(i * (len(members) - 1) / max(limit - 1, 1))] for i in range(limit)]
        return members

    def rules(self) -> dict[Rule, dict[str, Sequence[float]]]:
        """The rules that were asked for, each with the values of the numbers that it is to read.

        Raises:
            InputError: an unknown rule, or a number that none of the rules reads.
        """
        named = self.given.get("optimizer")
        named = list(RULES) if named is None else named
        asked = self._asked_numbers()
        for number in asked:
            refuse_unread(number, named)
        return dict(pair for each in named for pair in variants(each, asked))

    def _by_rule(self) -> Iterable[Member]:
        """A member for each rule, learning rate and other numbers of its own."""
        rates = self.given.get("learning_rate")
        for rule, numbers in self.rules().items():
            for rate in customary_rates(rule) if rates is None else rates:
                for values in product(*numbers.values()):
                    own = dict(zip(numbers, map(float, values), strict=True))
                    yield Member(rule, rate, own)

    def _asked_numbers(self) -> dict[str, list[Any]]:
        """Values of the numbers that rules read, by name: options, and what Optax's rules read besides."""
        asked = {name: self.given[name] for name in NUMBERS if self.given.get(name) is not None}
        further = self.given.get("rule_option") or {}
        if not isinstance(further, Mapping):
            raise InputError(
                f"The rule_option {further!r} is no dict: give names and values, as in {{'b1': [0.9, 0.95]}}."
            )
        return asked | {name: listed(values) for name, values in further.items()}

    def _shared_values(self, task: str) -> dict[str, list[Any]]:
        """The values of what multiplies every rule alike, by the names of `Member`'s fields."""
        losses = self.values("loss") or [DEFAULT_LOSS[task]]
        found: dict[str, list[Any]] = {
            "loss": [loss_for(task, name) for name in losses],
            "restart": list(range(self.given.get("restarts") or 1)),
        }
        names = [each.name for each in fields(Member)[FIRST_SHARED:]]
        return {name: found.get(name) or self.values(name) or [] for name in names}


def refuse_unread(number: str, named: Sequence[str | Rule]) -> None:
    """Raise an InputError where none of some rules reads a number."""
    if any(reads(each, number) for each in named):
        return
    readers = [rule.name for rule in RULES.values() if number in rule.defaults]
    rules = ", ".join(str(getattr(each, "name", each)) for each in named)
    instead = f", or take a rule that does, such as {', '.join(readers)}" if readers else ""
    raise InputError(
        f"The {number.replace('_', ' ')} is read by none of the rules {rules}: leave it out{instead}."
    )


def loss_for(task: str, name: str) -> str:
    """The name of a loss.

    Raises:
        InputError: it is for the other task.
    """
    if LOSSES[name].task != task:
        fitting = ", ".join(key for key, loss in LOSSES.items() if loss.task == task)
        raise InputError(
            f"The loss '{name}' is for {LOSSES[name].task}, and this is {task}: use {fitting}, "
            "or set the task."
        )
    return name
