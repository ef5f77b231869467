"""What is asked of a job: a verb, its data, and options as texts, each read as the command line reads it.

The table of options serves three readers: the page, which makes a field of every option; the worker, which
calls the package; and the person, who is shown the command and the Python lines that do the same.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from couloir import options
from couloir.data.sources.bundled import BUNDLED
from couloir.errors import InputError
from couloir.options import LANDSCAPE, RACE, SEARCH, TRAIN, Option, taken_by

CANCELLED = "Cancelled before anything had been learnt: nothing is kept."
"""What a job that has nothing to show for itself says of that."""

LOADING: Mapping[str, Option] = MappingProxyType(
    {name: option for name, option in taken_by(TRAIN).items() if option.group == options.DATA}
)
"""Options that say how the data are read."""

TRAINING = (TRAIN, RACE, SEARCH)

NOT_HERE = frozenset({"space", "resume", "storage", "data"})
"""What names a file or a folder: the studio knows its own."""

VERBS: Mapping[str, Mapping[str, Option]] = MappingProxyType(
    {
        verb: MappingProxyType(
            {
                option.typed_as.removeprefix("--").replace("-", "_"): option
                for name, option in taken_by(verb).items()
                if option.group not in (options.RESULT, options.SURFACE)
                and not option.screen
                and name not in NOT_HERE
            }
        )
        for verb in (*TRAINING, LANDSCAPE)
    }
)
"""The options of every verb that a job can be, by what is typed for them."""


@dataclass(frozen=True)
class JobRequest:
    """One thing for a worker to do.

    Attributes:
        verb: "look", "plan", or one of `VERBS`.
        data: a bundled set's name or a file's path; of a landscape the run's folder.
        name: what the data are called on the page.
        options: texts by the option's name, True for a flag.
        of: the verb that is planned.
        out: the folder of runs.
        same_data: a landscape's data, where the run does not know where they are.
    """

    verb: str
    data: str
    name: str
    options: dict[str, Any] = field(default_factory=dict)
    of: str = ""
    out: str = "runs"
    same_data: str | None = None

    def __post_init__(self) -> None:
        """Raise an InputError for an option that cannot be read."""
        self.given()

    def to_json(self) -> dict[str, Any]:
        """The request as plain values."""
        return asdict(self)

    def given(self) -> dict[str, Any]:
        """The options as the package takes them."""
        declared = VERBS.get(self.of or self.verb, LOADING)
        return {
            declared[name].name: _read(declared[name], value)
            for name, value in self.options.items()
            if value not in ("", False)
        }

    def divided(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The options for `couloir.load`, and those for the verb."""
        given = self.given()
        loading = {name: given.pop(name) for name in LOADING if name in given}
        if self.data not in BUNDLED:
            loading["name"] = Path(self.name).stem
        return loading, given

    def named(self, sentence: str) -> str:
        """A sentence about the data's file, which may lie under another name than the person's."""
        path = Path(self.data)
        return sentence.replace(str(path), self.name).replace(path.name, self.name) if path.name else sentence

    @property
    def words(self) -> list[str]:
        """The command line that does the same, the data by their name."""
        found = ["couloir", self.of or self.verb, self.name]
        for name, option in VERBS[self.of or self.verb].items():
            value = self.options.get(name, "")
            if value not in ("", False):
                found += [option.typed_as] + ([] if value is True else [str(value)])
        if self.same_data is not None:
            found += ["--data", Path(self.same_data).name]
        return found

    @property
    def command(self) -> str:
        """The command line as it is typed."""
        return shlex.join(self.words)

    @property
    def lines(self) -> str:
        """The Python lines that do the same."""
        loading, given = self.divided()
        loading.pop("name", None)
        verb = self.of or self.verb
        load = "".join(f", {name}={_shortest(value)!r}" for name, value in loading.items())
        given = {**{name: _shortest(value) for name, value in given.items()}, "out": "runs"}
        call = "".join(f", {name}={value!r}" for name, value in given.items())
        return (
            f"import couloir\n\ndata = couloir.load({self.name!r}{load})\n"
            f"run = couloir.{verb}(data{call})\nprint(run.test)\n\n# or, in a terminal:\n# {self.command}\n"
        )


def fields(verb: str) -> list[dict[str, Any]]:
    """What the page needs to know of every option of a verb to make a field of it."""
    return [
        {
            "name": name,
            "help": option.typed_help(verb),
            "label": option.words,
            "group": option.group,
            "main": verb in option.main,
            "usual": _usual(verb, option),
            "flag": option.is_flag,
            "option": option.typed_as,
            "choices": [] if option.many else [each for each in option.choices if each != option.default],
        }
        for name, option in VERBS[verb].items()
    ]


SIZED = {"hidden": "searched", "epochs": "searched", "batch_size": "by the rows"}
"""Options of a search whose entries the table does not have: layers and width stand for the first, the others
are sized to the rows."""


def _usual(verb: str, option: Option) -> str:
    """What stands for an option that is left empty; in a search, what its space has."""
    if verb != SEARCH or not option.is_of_member:
        return option.shown_default
    if option.name in SIZED:
        return SIZED[option.name]
    varied = isinstance(option.space, (list, dict))
    return "searched" if varied else option.space if isinstance(option.space, str) else option.shown_default


def _read(option: Option, value: Any) -> Any:
    """An option's value of its text, or of a flag that is set."""
    if value is True:
        return option.default is False
    return option.read([value] if option.name == "rule_option" else value)


def _shortest(value: Any) -> Any:
    """A list of one as its only value, which means the same."""
    return value[0] if isinstance(value, list) and len(value) == 1 and value[0] != () else value


def check_options(verb: str, given: Mapping[str, Any]) -> None:
    """Raise an InputError for texts where a flag belongs, or the other way round."""
    for name, value in given.items():
        if VERBS[verb][name].is_flag != isinstance(value, bool):
            raise InputError(f"The option '{name}' has a value of another kind: reload the page.")
