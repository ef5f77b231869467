"""What is asked of a job: a verb, its data, and options as texts, each read as the command line reads it.

One declaration serves three readers: the page, which makes a field of every option; the worker, which calls
the package; and the person, who is shown the command and the Python lines that do the same.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

from couloir.cli import options as ask
from couloir.data.sources.bundled import BUNDLED
from couloir.data.splits import parse_split
from couloir.errors import InputError

CANCELLED = "Cancelled before anything had been learnt: nothing is kept."
"""What a job that has nothing to show for itself says of that."""

LOADING = {
    "target": ask.Target,
    "task": ask.Task,
    "drop": ask.Drop,
    "missing": ask.Missing,
    "group": ask.Group,
    "time": ask.Time,
}
"""Options that say how the data are read."""

_NETWORK = {
    "optimizer": ask.Optimizer,
    "momentum": ask.Momentum,
    "hidden": ask.Hidden,
    "activation": ask.Activation,
    "batch_size": ask.BatchSize,
    "l1": ask.L1,
    "l2": ask.L2,
    "dropout": ask.Dropout,
    "noise": ask.Noise,
    "schedule": ask.Schedule,
    "warmup": ask.Warmup,
    "loss": ask.Loss,
}
_JUDGING = {
    "split": ask.Split,
    "metric": ask.MetricName,
    "class_weights": ask.ClassWeights,
    "seed": ask.Seed,
    "precision": ask.PrecisionName,
}

VERBS: Mapping[str, Mapping[str, Any]] = {
    "train": {
        **LOADING,
        **_NETWORK,
        "learning_rate": ask.LearningRate,
        "epochs": ask.Epochs,
        "restarts": ask.Restarts,
        "members": ask.Members,
        "minutes": ask.Minutes,
        **_JUDGING,
        "patience": ask.Patience,
        "cv": ask.Folds,
        "ensemble": ask.Ensemble,
        "no_stop": ask.NoStop,
        "refit": ask.Refit,
    },
    "race": {
        **LOADING,
        **_NETWORK,
        "rates": ask.Rates,
        "replicates": ask.Replicates,
        "epochs": ask.RaceEpochs,
        **_JUDGING,
    },
    "search": {
        **LOADING,
        "trials": ask.Trials,
        "minutes": ask.SearchMinutes,
        "generation": ask.GenerationSize,
        "no_halving": ask.NoHalving,
        **_JUDGING,
        "patience": ask.Patience,
        "cv": ask.SearchFolds,
        "ensemble": ask.SearchEnsemble,
    },
    "landscape": {
        "plane": ask.PlaneKind,
        "optimizer": ask.PathRules,
        "epochs": ask.PathEpochs,
        "resolution": ask.SliceResolution,
        "samples": ask.SliceSamples,
        "eigenvalues": ask.Eigenvalues,
        "seed": ask.Seed,
    },
}
"""The options of every verb that a job can be, as the command line declares them."""

TRAINING = ("train", "race", "search")

USUAL: Mapping[str, Mapping[str, str]] = {
    "train": {
        "epochs": "100", "restarts": "1", "seed": "0", "patience": "10", "split": "70/15/15",
        "hidden": "64", "activation": "relu", "batch_size": "64", "l1": "0", "l2": "0", "dropout": "0",
        "noise": "0", "schedule": "constant", "warmup": "0", "learning_rate": "eight a rule",
    },
    "race": {
        "epochs": "50", "rates": "12", "replicates": "10", "seed": "0", "split": "70/15/15",
        "hidden": "64", "activation": "relu", "batch_size": "64", "l1": "0", "l2": "0", "dropout": "0",
        "noise": "0", "schedule": "constant", "warmup": "0",
    },
    "search": {
        "trials": "512", "generation": "64", "seed": "0", "patience": "10", "split": "70/15/15",
        "ensemble": "10", "cv": "5 below 5,000 rows",
    },
}  # fmt: skip
"""What stands for an option that is left empty, as the page shows it; a test holds it to the package's."""

_READERS = {"split": parse_split}


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
        found = {
            name: _read(name, _option(declared[name]), value)
            for name, value in self.options.items()
            if value not in ("", False)
        }
        if "patience" in found:
            found["patience"] = found["patience"] or None
        if (self.of or self.verb) == "search":
            _as_search(found)
        return found

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
        declared = VERBS[self.of or self.verb]
        for name, option in declared.items():
            value = self.options.get(name, "")
            if value not in ("", False):
                found += [_option(option).default] + ([] if value is True else [str(value)])
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


def fields(verb: str) -> dict[str, dict[str, Any]]:
    """What the page needs to know of every option of a verb: its help, its usual value, whether a flag."""
    return {
        name: {
            "help": _option(declared).help,
            "usual": USUAL.get(verb, {}).get(name, ""),
            "flag": get_args(declared)[0] is bool,
            "option": _option(declared).default,
        }
        for name, declared in VERBS[verb].items()
    }


def _option(declared: Any) -> Any:
    """Typer's description of an option; what is typed for it Typer keeps as its default."""
    return get_args(declared)[1]


def _read(name: str, option: Any, value: Any) -> Any:
    """An option's value of its text."""
    if value is True:
        return True
    if name in _READERS:
        return _READERS[name](value)
    return option.callback(value) if option.callback else value


def _as_search(found: dict[str, Any]) -> None:
    """The options of `couloir search` as `couloir.search` takes them."""
    if "cv" in found:
        found["cv"], found["validation"] = found["cv"] or None, not found["cv"]
    if found.pop("no_halving", False):
        found["halving"] = False


def _shortest(value: Any) -> Any:
    """A list of one as its only value, which means the same."""
    return value[0] if isinstance(value, list) and len(value) == 1 and value[0] != () else value


def check_options(verb: str, options: Mapping[str, Any]) -> None:
    """Raise an InputError for texts where a flag belongs, or the other way round."""
    for name, value in options.items():
        if (get_args(VERBS[verb][name])[0] is bool) != isinstance(value, bool):
            raise InputError(f"The option '{name}' has a value of another kind: reload the page.")
