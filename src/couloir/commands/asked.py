"""What a verb was given, by where it goes; and the verbs' signatures, made from the table of options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, TypeVar

from couloir import options
from couloir.engine.machine import Machine
from couloir.errors import unknown
from couloir.options import Option
from couloir.selection.members import Options
from couloir.selection.problem import CONDITIONS, Conditions

Verb = TypeVar("Verb", bound=Callable[..., Any])

MARKER = "given: "
"""Begins the line of a docstring in whose place the options are written out."""


class Asked(NamedTuple):
    """What a verb was given: how members are trained and judged, what multiplies them, what else it takes."""

    conditions: Conditions
    options: Options
    rest: dict[str, Any]


def sorted_out(
    taker: str,
    given: Mapping[str, Any],
    leave_out: Collection[str] = (),
    apart: Collection[str] = (),
    machine: Machine | None = None,
    **fixed: Any,
) -> Asked:
    """What was given to a verb, checked.

    Args:
        taker: the verb, as the table of options names it.
        given: by name.
        leave_out: options of the taker that this verb does not take.
        apart: conditions by name that have a meaning of their own in this verb.
        machine: what is laid out for; None: this one.
        fixed: conditions that the verb itself decides.

    Raises:
        InputError: there is no such option, or its value cannot be used.
    """
    known = offered(taker, leave_out)
    if strangers := [name for name in given if name not in known]:
        raise unknown("option", strangers[0], known)
    conditions = {name: given[name] for name in CONDITIONS if name in given and name not in apart}
    members = {name: given[name] for name in options.MEMBER if name in given and known[name].is_of_member}
    rest = {
        name: known[name].check_or_none(value)
        for name, value in given.items()
        if name not in conditions and name not in members
    }
    fixed["machine"] = machine or Machine.here()
    return Asked(Conditions(**conditions, **fixed), Options(**members), rest)


def given_or_usual(taker: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Every option of a verb that trains no population, by name: what was given, checked, or the default.

    Raises:
        InputError: there is no such option, or its value cannot be used.
    """
    known = offered(taker)
    if strangers := [name for name in given if name not in known]:
        raise unknown("option", strangers[0], known)
    usual = {name: option.default for name, option in known.items() if not option.is_of_member}
    return {name: known[name].check_or_none(value) for name, value in {**usual, **given}.items()}


def as_code(verb: str, given: Mapping[str, Any]) -> str:
    """The call that a run came from, for its record."""
    told = "".join(f", {name}={value!r}" for name, value in given.items())
    return f"couloir.{verb}(data{told})"


def offered(taker: str, leave_out: Collection[str] = ()) -> dict[str, Option]:
    """The options of a verb, in Python: without those about its data, where it writes and what it shows."""
    return {
        name: option
        for name, option in options.taken_by(taker).items()
        if option.group not in (options.DATA, options.RESULT) and not option.screen and name not in leave_out
    }


def takes(taker: str, leave_out: Collection[str] = ()) -> Callable[[Verb], Verb]:
    """Write out a verb's options in its signature and docstring: for `**given` and its line "given: …"."""

    def decorate(verb: Verb) -> Verb:
        known = offered(taker, leave_out).values()
        verb.__signature__ = _signature(verb, known)  # type: ignore[attr-defined]
        verb.__doc__ = _documented(inspect.getdoc(verb) or "", known)
        return verb

    return decorate


def _signature(verb: Callable[..., Any], known: Collection[Option]) -> inspect.Signature:
    own = inspect.signature(verb)
    kept = [each for each in own.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    names = {each.name for each in kept}
    written = [
        inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default)
        for each in known
        if each.name not in names
    ]
    return own.replace(parameters=[*kept, *written])


def _documented(text: str, known: Collection[Option]) -> str:
    lines = []
    for line in text.splitlines():
        if line.strip().startswith(MARKER):
            indent = line[: len(line) - len(line.lstrip())]
            lines += [f"{indent}{option.name}: {option.given_help}" for option in known]
        else:
            lines.append(line)
    return "\n".join(lines)
