"""Commands with the options of the table: Typer is told of them by a signature that is made here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

import typer

from couloir import kinds, options
from couloir.options import Option


def argument(metavar: str, said: str) -> Any:
    """An argument as Typer is told of it."""
    return typer.Argument(metavar=metavar, help=said, show_default=False)


_FILES = "A file (csv, tsv, parquet, arrow, npz; csv also packed), a folder of IDX files, openml:NAME"
_BUNDLED = f"or a set that comes along: {', '.join(options.BUNDLED)}"
DATA = Annotated[str, argument("DATA", f"{_FILES}, {_BUNDLED}.")]
RUN = Annotated[str, argument("RUN", "A run folder, as runs/latest.")]


class Typed(NamedTuple):
    """What was typed after a command, each text read.

    Attributes:
        loading: options of `couloir.load`.
        given: options of the verb.
        screen: where the run goes and what is shown, every one of them.
    """

    loading: dict[str, Any]
    given: dict[str, Any]
    screen: dict[str, Any]


def takes(taker: str, **arguments: Any) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Decorate a function of the context, the arguments and `typed` as a command with a verb's options.

    `arguments` are what stands before the options, by name, as Typer is told of it.
    """

    def decorate(function: Callable[..., int]) -> Callable[..., int]:
        def command(context: typer.Context, **raw: Any) -> int:
            own = {name: raw.pop(name) for name in arguments}
            return function(context, **own, typed=read(taker, raw))

        command.__name__, command.__doc__ = function.__name__, function.__doc__
        command.__annotations__ = {}
        command.__signature__ = _signature(taker, arguments)  # type: ignore[attr-defined]
        return command

    return decorate


def _signature(taker: str, arguments: Mapping[str, Any]) -> inspect.Signature:
    """The context, the arguments, and every option."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    found = [inspect.Parameter("context", keyword, annotation=typer.Context)]
    for name, each in arguments.items():
        found.append(inspect.Parameter(name, keyword, annotation=each, default=_default_of(each)))
    for option in options.taken_by(taker).values():
        told, default = _annotation(option, taker), False if option.is_flag else None
        found.append(inspect.Parameter(option.name, keyword, annotation=told, default=default))
    return inspect.Signature(found)


def _default_of(annotation: Any) -> Any:
    """None for an argument that may be left out."""
    return None if type(None) in getattr(annotation.__origin__, "__args__", ()) else inspect.Parameter.empty


def _annotation(option: Option, taker: str) -> Any:
    """An option as Typer is told of it; its texts are read here and not there."""
    kind: Any = bool if option.is_flag else (list[str] if option.name == "rule_option" else str) | None
    told = typer.Option(
        option.typed_as,
        rich_help_panel=option.group,
        metavar=" " if option.is_flag else metavar_of(option),
        help=help_of(option, taker),
        show_default=False,
    )
    return Annotated[kind, told]


def help_of(option: Option, taker: str) -> str:
    """What the help page of a command says of an option, and what it is on a surface where that differs."""
    said = option.typed_help(taker)
    other = options.taken_by(options.SURFACE_RACE).get(option.name) if taker == options.RACE else None
    return said if other is None or other is option else f"{said} On a surface: {other.text}."


def metavar_of(option: Option) -> str:
    """What stands for an option's value on help pages."""
    if option.metavar:
        return option.metavar
    word = "NUMBER" if isinstance(option.kind, kinds.Number) else "NAME"
    return word + "S" * option.many


def read(taker: str, raw: Mapping[str, Any]) -> Typed:
    """What was typed, read and sorted; an option that was not typed is nowhere but on the screen."""
    found = Typed({}, {}, {})
    for name, option in options.taken_by(taker).items():
        value = raw[name]
        shown = option.screen or option.group == options.RESULT
        loading = option.group == options.DATA and options.TRAIN in option.takers
        where = found.screen if shown else found.loading if loading else found.given
        if option.is_flag:
            if value or shown:
                where[name] = value if option.default is False else not value
        elif value is not None and value not in ([], ()):
            where[name] = option.read(value)
        elif shown:
            where[name] = option.default
    return found
