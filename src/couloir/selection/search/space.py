"""The search space: which hyperparameters a search varies, and over what.

A space has one entry for each hyperparameter: one fixed value, a list of choices, or a range. It is read
from TOML, a line to an entry, and written as such by `Space.show`::

    encoding = ["standard", "piecewise"]
    weight_decay = { low = 0.01, high = 3.0, log = true }
    schedule = "one_cycle"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from couloir.engine.architectures.registry import design
from couloir.engine.losses import DEFAULT_LOSS
from couloir.engine.member import Member
from couloir.engine.optimizers import NUMBERS, RULES, reads, variants
from couloir.errors import InputError, unknown
from couloir.kinds import listed
from couloir.selection import portfolio
from couloir.selection.members import refuse_unread
from couloir.selection.search import entries as forms
from couloir.selection.search.entries import FURTHER, NAMED, SPACE, Choices, Entry, Fixed, Range, Value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

INSTEAD = (({"rate"}, {"learning_rate"}), ({"layers", "width"}, {"hidden"}))
"""Pairs of ways to say the same thing: a space holds one of each pair, by default the first."""


@dataclass(frozen=True)
class Space:
    """What a search varies.

    Attributes:
        task: "classification" or "regression".
        entries: what each hyperparameter may be, by name, in the order of `SPACE`.
    """

    task: str
    entries: Mapping[str, Entry]

    @classmethod
    def default(cls, task: str, rows: int, plain: bool = False) -> Space:
        """The space that is searched when no other is given: around the settings of the portfolio.

        Args:
            task: "classification" or "regression".
            rows: rows that are trained on; batches and epochs are sized to them.
            plain: whether the data, as images, can be read in the customary encoding only.
        """
        return cls._merged(_default(task, rows, plain), {}, task, "the search space")

    @classmethod
    def read(cls, path: str | Path, task: str, rows: int, plain: bool = False) -> Space:
        """The space that a TOML file describes; names left out take the default's entry.

        Raises:
            InputError: no such file, not TOML, an unknown name, a value out of its range or of the wrong
                type, low not below high, a logarithmic range from 0, an empty list, two entries that say
                the same thing, or activations of each layer for networks of another depth.
        """
        where = Path(path).name
        given = _flat(_toml_file(Path(path)))
        for name in given:
            if name not in SPACE and not name.startswith(FURTHER):
                raise _at(where, None, unknown("hyperparameter", name, SPACE))
        for usual, other in INSTEAD:
            clash = sorted(usual & given.keys()), sorted(other & given.keys())
            if all(clash):
                raise InputError(
                    f"In {where}, '{clash[0][0]}' and '{clash[1][0]}' say the same thing: keep one of them."
                )
        return cls._merged(_default(task, rows, plain), given, task, where)

    def with_values(self, given: Mapping[str, Any]) -> Space:
        """The space with other entries for what was given: one value is fixed, of several one is chosen.

        Args:
            given: values by the names of the options that make members, as `Options.given` holds them.

        Raises:
            InputError: a value that no space can hold, or a number that none of the rules reads.
        """
        raw = {name: list(values) for name, values in given.items() if values is not None}
        further = given.get("rule_option") or {}
        raw |= {f"{FURTHER}{name}": listed(values) for name, values in further.items()}
        raw.pop("rule_option", None)
        if "hidden" in raw:
            raw["hidden"] = [",".join(map(str, units)) or "none" for units in raw["hidden"]]
        if "optimizer" in raw:
            raw["optimizer"] = [getattr(rule, "name", rule) for rule in raw["optimizer"]]
        if not raw:
            return self
        own = {name: held.raw() for name, held in self.entries.items()}
        return self._merged(own, raw, self.task, "the options")

    @classmethod
    def _merged(cls, usual: Mapping[str, Any], given: Mapping[str, Any], task: str, where: str) -> Space:
        """Entries with others in their place, and in the place of what says the same."""
        pairs = [*INSTEAD, *(pair[::-1] for pair in INSTEAD)]
        replaced = {name for one, other in pairs if one & given.keys() for name in other}
        kept = {name: value for name, value in usual.items() if name not in replaced}
        found = cls._parsed({**kept, **given}, task, where)
        for name in given:
            if not found.is_read(name):
                refuse_unread(name.removeprefix(FURTHER), found.rules)
        return cls(task, {name: held for name, held in found.entries.items() if found.is_read(name)})

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
        further = sorted(name for name in raw if name.startswith(FURTHER))
        for name in (*(name for name in SPACE if name in raw), *further):
            try:
                entries[name] = forms.entry(name, raw[name], task)
            except InputError as error:
                raise _at(where, name, error) from None
        try:
            _check_networks(entries)
        except InputError as error:
            raise _at(where, "activation", error) from None
        return cls(task, entries)

    def show(self) -> str:
        """The space as TOML with comments, which `read` reads back to the same space."""
        lines = [f"{name} = {forms.toml(held.raw())}" for name, held in self.entries.items()]
        return _HEAD + "".join(
            f"\n# {name}: {forms.meaning(name)}\n{line}\n"
            for name, line in zip(self.entries, lines, strict=True)
        )

    @property
    def searched(self) -> tuple[str, ...]:
        """The names that have more than one value; numbers only where some rule reads them."""
        return tuple(
            name for name, held in self.entries.items() if not isinstance(held, Fixed) and self.is_read(name)
        )

    def is_read(self, name: str) -> bool:
        """Whether a name means something here: everything does but numbers that none of the rules reads."""
        if name not in NUMBERS and not name.startswith(FURTHER):
            return True
        return any(reads(rule, name.removeprefix(FURTHER)) for rule in self.rules)

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of its rules."""
        return tuple(map(str, _values(self.entries["optimizer"])))

    @property
    def to_the_end(self) -> bool:
        """Whether every trial goes through one cycle of its rate, and so comes to rest at its end alone."""
        return self.entries.get("schedule") == Fixed("one_cycle")

    @property
    def static(self) -> tuple[str, ...]:
        """The searched names on which it depends which trials train together in one compiled program."""
        return tuple(name for name in self.searched if name in SPACE and SPACE[name].static)

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """What Optuna samples each searched name from."""
        varied = ((name, self.entries[name]) for name in self.searched)
        return {name: held.distribution() for name, held in varied if not isinstance(held, Fixed)}

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
        named = [name for name in values if name in NUMBERS or name.startswith(FURTHER)]
        asked = {name.removeprefix(FURTHER): [values.pop(name)] for name in named}
        ((own, read),) = variants(values.pop("optimizer"), asked)
        numbers = {name: float(value) for name, (value,) in read.items()}
        learning_rate = values.pop("learning_rate", None)
        if learning_rate is None:
            learning_rate = forms.rounded(values.pop("rate") * own.defaults["learning_rate"])
        if "hidden" in values:
            hidden = _units(values.pop("hidden"))
        else:
            hidden = (values.pop("width"),) * values.pop("layers")
        if not hidden:
            values |= {"activation": Member.activation, "dropout": 0.0}
        return Member(own, learning_rate, numbers, hidden=hidden, restart=0, **values)

    def _check(self, parameters: Mapping[str, Any]) -> None:
        for name in parameters:
            if name not in self.searched:
                raise unknown("searched hyperparameter", name, self.searched)
        for name in self.searched:
            if name not in parameters:
                raise InputError(f"The trial has no '{name}': give a value for it.")
            value, held = parameters[name], self.entries[name]
            text = isinstance(value, str)
            named = name in NAMED or (text and name.startswith(FURTHER))
            if text is not named or not forms.same(held.nearest(value), value):
                raise InputError(
                    f"The {name} {value!r} is not in the space: it has {name} = {forms.toml(held.raw())}."
                )

    def parameters(self, member: Member, nearest: bool = False) -> dict[str, Value] | None:
        """The values of the searched names that make the member; None where it lies outside the space.

        Args:
            member: any member.
            nearest: what is outside moves to the nearest inside (no l2 becomes the smallest of a
                logarithmic range), and a name, such as an activation, to the first that is there. An
                update rule that is not in the space still gives None, and so do layers of unequal width
                where the space has one width for all.
        """
        found = {}
        for name, held in self.entries.items():
            value = _of(member, name)
            if value is None:  # Whatever it is, the member is the same.
                value = held.nearest(_USUAL[name])
            elif not forms.same(held.nearest(value), value) and (not nearest or name == "optimizer"):
                return None
            found[name] = held.nearest(value)
        if "width" in self.entries and len(set(member.hidden)) > 1:
            return None
        if member.restart and not nearest:
            return None
        return {name: found[name] for name in self.searched}


_USUAL: Mapping[str, Value] = {
    **{name: value for rule in RULES.values() for name, value in rule.defaults.items()},
    "width": 64,
    "activation": Member.activation,
    "dropout": Member.dropout,
}
"""Values of what makes no difference to a member."""


def _of(member: Member, name: str) -> Value | None:
    """A member's value of a hyperparameter as a space names it; None where it makes no difference."""
    if name == "optimizer":
        return member.rule.name
    if name == "rate":
        # Not rounded: `member` rounds the product, which then is this learning rate again exactly.
        return member.learning_rate / member.rule.defaults["learning_rate"]
    if name in NUMBERS or name.startswith(FURTHER):
        return member.hyper().get(name.removeprefix(FURTHER))
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


def _check_networks(entries: Mapping[str, Entry]) -> None:
    """Raise an InputError where architectures, activations and hidden layers do not go together."""
    if "hidden" in entries:
        depths = {len(_units(str(network))) for network in _values(entries["hidden"])}
    else:
        depths = {int(layers) for layers in _values(entries["layers"])}
    known = entries.get("architecture", Fixed(Member.architecture))  # older searches have none
    for architecture, depth in product(_values(known), sorted(depths)):
        for activation in _values(entries["activation"]) if depth else [Member.activation]:
            design(str(architecture), (1,) * depth, str(activation))


def _values(held: Entry) -> Sequence[Value]:
    """All values of an entry, of a range the whole numbers in it."""
    if isinstance(held, Range):
        return range(int(held.low), int(held.high) + 1, int(held.step or 1))
    return held.values if isinstance(held, Choices) else (held.value,)


def _units(text: str) -> tuple[int, ...]:
    return () if text == "none" else tuple(int(units) for units in text.split(","))


EPOCHS = 10, 40
"""Of a trial, at least and at most, for as many rows as the portfolio's are meant for."""


def _default(task: str, rows: int, plain: bool) -> dict[str, Any]:
    """The default space, as raw values."""
    found = {name: option.space for name, option in SPACE.items() if option.space is not None}
    fewest, most = (portfolio.sized_epochs(epochs, rows) for epochs in EPOCHS)
    epochs = {"low": fewest, "high": most, "log": True} if fewest < most else most
    found |= {"batch_size": portfolio.batch_size(rows), "epochs": epochs, "loss": DEFAULT_LOSS[task]}
    return found | ({"encoding": Member.encoding} if plain else {})


# TOML ------------------------------------------------------------------------------------------------

_HEAD = """\
# What `couloir search` varies: on each line a list of choices, a range { low = …, high = … }
# with log = true or step = …, or one fixed value. A line left out stands for the default one.
# Instead of rate there may be learning_rate, the rate itself; instead of layers and width,
# hidden, a list of whole networks as in ["64", "64,32", "none"].
"""


def _flat(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a file holds, with the table of what Optax's rules read as names of its own."""
    found = dict(given)
    further = found.pop("rule_option", {})
    if not isinstance(further, Mapping):
        raise InputError("What Optax's rules read is named one by one: write rule_option.b1 = ….")
    return found | {FURTHER + name: value for name, value in further.items()}


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
