"""The search space: which hyperparameters a search varies, and over what.

A space has one entry for each hyperparameter: one fixed value, a list of choices, or a range. It is read
from TOML, a line to an entry, and written as such by `Space.show`::

    optimizer = ["adam", "adamw"]
    l2 = { low = 1e-7, high = 1e-1, log = true }
    epochs = 60
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from couloir.engine.architectures.layers import by_layer
from couloir.engine.losses import DEFAULT_LOSS
from couloir.engine.optimizers import RULES
from couloir.engine.population import Member, find_rule
from couloir.errors import InputError, unknown
from couloir.selection.search.entries import (
    MEANING,
    NAMED,
    Choices,
    Entry,
    Fixed,
    Range,
    Value,
    entry,
    rounded,
    same,
    toml,
)

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

STATIC = ("optimizer", "layers", "width", "hidden", "activation", "batch_size", "noise", "loss")
"""Names whose values decide which program is compiled, or which members share one."""

INSTEAD = (({"rate"}, {"learning_rate"}), ({"layers", "width"}, {"hidden"}))
"""Pairs of ways to say the same thing: a space holds one of each pair, by default the first."""


@dataclass(frozen=True)
class Space:
    """What a search varies.

    Attributes:
        task: "classification" or "regression".
        entries: what each hyperparameter may be, by name, in the order of `MEANING`.
    """

    task: str
    entries: Mapping[str, Entry]

    @classmethod
    def default(cls, task: str, rows: int) -> Space:
        """The space that is searched when no other is given.

        Args:
            task: "classification" or "regression".
            rows: rows that are trained on; no batch is larger than half of them.
        """
        return cls._parsed(_default(task, rows), task)

    @classmethod
    def read(cls, path: str | Path, task: str, rows: int) -> Space:
        """The space that a TOML file describes; names left out take the default's entry.

        Raises:
            InputError: no such file, not TOML, an unknown name, a value out of its range or of the wrong
                type, low not below high, a logarithmic range from 0, an empty list, two entries that say
                the same thing, or activations of each layer for networks of another depth.
        """
        where = Path(path).name
        given = _toml_file(Path(path))
        for name in given:
            if name not in MEANING:
                raise _at(where, None, unknown("hyperparameter", name, MEANING))
        merged = dict(_default(task, rows))
        for usual, other in INSTEAD:
            clash = sorted(usual & given.keys()), sorted(other & given.keys())
            if all(clash):
                raise InputError(
                    f"In {where}, '{clash[0][0]}' and '{clash[1][0]}' say the same thing: keep one of them."
                )
            if clash[1]:
                merged = {name: value for name, value in merged.items() if name not in usual}
        return cls._parsed(merged | given, task, where)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Space:
        """The space that `to_json` made the values of."""
        return cls._parsed(values["entries"], values["task"])

    def to_json(self) -> dict[str, Any]:
        """The space as plain values."""
        return {"task": self.task, "entries": {name: held.raw() for name, held in self.entries.items()}}

    @classmethod
    def _parsed(cls, raw: Mapping[str, Any], task: str, where: str = "the search space") -> Space:
        entries = {}
        for name in (name for name in MEANING if name in raw):
            try:
                entries[name] = entry(name, raw[name], task)
            except InputError as error:
                raise _at(where, name, error) from None
        try:
            _check_activations(entries)
        except InputError as error:
            raise _at(where, "activation", error) from None
        return cls(task, entries)

    def show(self) -> str:
        """The space as TOML with comments, which `read` reads back to the same space."""
        lines = [f"{name} = {toml(held.raw())}" for name, held in self.entries.items()]
        return _HEAD + "".join(
            f"\n# {name}: {MEANING[name]}\n{line}\n" for name, line in zip(self.entries, lines, strict=True)
        )

    @property
    def searched(self) -> tuple[str, ...]:
        """The names that have more than one value; momentum only where some rule has one."""
        return tuple(
            name
            for name, held in self.entries.items()
            if not isinstance(held, Fixed) and (name != "momentum" or self._any_momentum())
        )

    def _any_momentum(self) -> bool:
        held = self.entries["optimizer"]
        names = held.values if isinstance(held, Choices) else (held.raw(),)
        return any("momentum" in find_rule(str(name)).defaults for name in names)

    @property
    def static(self) -> tuple[str, ...]:
        """The searched names on which the compiled program, or its sharing, depends."""
        return tuple(name for name in STATIC if name in self.searched)

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """What Optuna samples each searched name from."""
        found = {}
        for name in self.searched:
            held = self.entries[name]
            if not isinstance(held, Fixed):
                found[name] = held.distribution()
        return found

    def snapped(self, parameters: Mapping[str, Any]) -> dict[str, Value]:
        """The parameters as values of the space exactly, free of rounding: 0.3, not 0.30000000000000004."""
        return {name: self.entries[name].nearest(value) for name, value in parameters.items()}

    def member(self, parameters: Mapping[str, Any]) -> Member:
        """The member that has these values of the searched names, and the fixed ones.

        A linear model has no hidden units, so its activation and dropout are the plain ones.

        Raises:
            InputError: a name too many or too few, or a value that is not in the space.
        """
        self._check(parameters)
        fixed = {name: held.value for name, held in self.entries.items() if isinstance(held, Fixed)}
        # Snapping gives numbers their own type too: a whole number stays whole.
        values: dict[str, Any] = fixed | self.snapped(parameters)
        own = find_rule(values.pop("optimizer"))
        learning_rate = values.pop("learning_rate", None)
        if learning_rate is None:
            learning_rate = rounded(values.pop("rate") * own.defaults["learning_rate"])
        momentum = values.pop("momentum", None) if "momentum" in own.defaults else None
        values.pop("momentum", None)
        hidden = _hidden(values)
        if not hidden:
            values |= {"activation": Member.activation, "dropout": 0.0}
        return Member(own, learning_rate, momentum, hidden, restart=0, **values)

    def _check(self, parameters: Mapping[str, Any]) -> None:
        for name in parameters:
            if name not in self.searched:
                raise unknown("searched hyperparameter", name, self.searched)
        for name in self.searched:
            if name not in parameters:
                raise InputError(f"The trial has no '{name}': give a value for it.")
            value, held = parameters[name], self.entries[name]
            text = isinstance(value, str)
            if text is not (name in NAMED) or not same(held.nearest(value), value):
                raise InputError(
                    f"The {name} {value!r} is not in the space: it has {name} = {toml(held.raw())}."
                )

    def parameters(self, member: Member, nearest: bool = False) -> dict[str, Value] | None:
        """The values of the searched names that make the member; None where it lies outside the space.

        Args:
            member: any member.
            nearest: numbers that are outside move to the nearest one inside (no l2 becomes the smallest
                of a logarithmic range); names, such as an activation, that are not in the space still
                give None, and so do layers of unequal width where the space has one width for all.
        """
        found = {}
        for name, held in self.entries.items():
            value = _of(member, name)
            if value is None:  # Whatever it is, the member is the same.
                value = held.nearest(_USUAL[name])
            elif not same(held.nearest(value), value) and (not nearest or isinstance(value, str)):
                return None
            found[name] = held.nearest(value)
        if "width" in self.entries and len(set(member.hidden)) > 1:
            return None
        if member.restart and not nearest:
            return None
        return {name: found[name] for name in self.searched}


_USUAL: Mapping[str, Value] = {"momentum": 0.9, "width": 64, "activation": "relu", "dropout": 0.0}


def _of(member: Member, name: str) -> Value | None:
    """A member's value of a hyperparameter as a space names it; None where it makes no difference."""
    if name == "optimizer":
        return member.rule.name
    if name == "rate":
        # Not rounded: `member` rounds the product, which then is this learning rate again exactly.
        return member.learning_rate / member.rule.defaults["learning_rate"]
    if name == "momentum":
        return member.hyper().get("momentum")
    if name == "layers":
        return len(member.hidden)
    if name == "hidden":
        return ",".join(map(str, member.hidden)) or "none"
    if not member.hidden and name in {"width", "activation", "dropout"}:
        return None
    if name == "width":
        return member.hidden[0]
    value: Value = getattr(member, name)
    return value


def _hidden(values: dict[str, Any]) -> tuple[int, ...]:
    """Takes the network's shape out of the values."""
    if "hidden" in values:
        return _units(values.pop("hidden"))
    return (values.pop("width"),) * values.pop("layers")


def _check_activations(entries: Mapping[str, Entry]) -> None:
    """Raise an InputError where some activation does not fit some network's hidden layers."""
    if "hidden" in entries:
        depths = {len(_units(str(network))) for network in _values(entries["hidden"])}
    else:
        depths = {int(layers) for layers in _values(entries["layers"])}
    for activation in _values(entries["activation"]):
        for depth in sorted(depths - {0}):
            by_layer(str(activation), depth)


def _values(held: Entry) -> Sequence[Value]:
    """All values of an entry, of a range the whole numbers in it."""
    if isinstance(held, Range):
        return range(int(held.low), int(held.high) + 1, int(held.step or 1))
    return held.values if isinstance(held, Choices) else (held.value,)


def _units(text: str) -> tuple[int, ...]:
    return () if text == "none" else tuple(int(units) for units in text.split(","))


def _default(task: str, rows: int) -> dict[str, Any]:
    """The default space, as raw values."""
    sizes = [size for size in (32, 64, 128) if size <= rows / 2]
    return {
        "optimizer": list(RULES),
        # The default population of `couloir train` lies within, rounded as it is.
        "rate": {"low": 0.003, "high": 10.0, "log": True},
        "momentum": {"low": 0.8, "high": 0.99},
        "schedule": ["constant", "cosine", "one_cycle"],
        "warmup": 0.0,
        "batch_size": sizes or [max(1, min(32, rows // 2))],
        "layers": {"low": 1, "high": 3},
        "width": [16, 32, 64, 128, 256],
        "activation": ["relu", "tanh", "silu"],
        "l1": 0.0,
        "l2": {"low": 1e-7, "high": 1e-1, "log": True},
        "dropout": {"low": 0.0, "high": 0.5, "step": 0.1},
        "noise": [0.0, 0.1, 0.2, 0.4],
        "epochs": 100,
        "loss": DEFAULT_LOSS[task],
    }


# TOML ------------------------------------------------------------------------------------------------

_HEAD = """\
# What `couloir search` varies: on each line a list of choices, a range { low = …, high = … }
# with log = true or step = …, or one fixed value. A line left out stands for the default one.
# Instead of rate there may be learning_rate, the rate itself; instead of layers and width,
# hidden, a list of whole networks as in ["64", "64,32", "none"].
"""


def _toml_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"There is no search space '{path}': `couloir search --show-space` prints one to start from."
        ) from None
    except OSError as error:
        raise InputError(
            f"The search space '{path}' cannot be read ({error.strerror}): name a file."
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"The search space '{path}' is not text in UTF-8: save it as such.") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"The search space '{path}' is not valid TOML: {str(error).rstrip('.')}.") from None


def _at(where: str, name: str | None, error: InputError) -> InputError:
    """The error with the place in front, still one sentence."""
    text = str(error)
    place = f"{where}, {name}" if name else where
    return InputError(f"In {place}: {text[0].lower()}{text[1:]}")
