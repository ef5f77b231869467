"""Small searches on iris: a space of one program, conditions, and searches at their beginning or copied."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from couloir.options import RULES
from couloir.selection.problem import Conditions, Problem
from couloir.selection.search.entries import Choices, Fixed, Range
from couloir.selection.search.loop import Search
from couloir.selection.search.space import Space
from couloir.selection.search.study import Study

RULES_SPACE = Space.from_json(
    {
        "task": "classification",
        "entries": {
            "optimizer": list(RULES),
            "rate": {"low": 0.003, "high": 10.0, "log": True},
            "momentum": {"low": 0.8, "high": 0.99},
            "schedule": ["constant", "cosine", "one_cycle"],
            "warmup": 0.0,
            "batch_size": [32, 64, 128],
            "layers": {"low": 1, "high": 3},
            "width": [16, 32, 64, 128, 256],
            "encoding": "standard",
            "activation": ["relu", "tanh", "silu"],
            "l1": 0.0,
            "l2": {"low": 1e-7, "high": 1e-1, "log": True},
            "dropout": {"low": 0.0, "high": 0.5, "step": 0.1},
            "noise": [0.0, 0.1, 0.2, 0.4],
            "epochs": 100,
            "loss": "cross_entropy",
        },
    }
)
"""Rules, schedules and networks of all kinds, of which some trials leave and stop early."""

SPACE = Space(
    "classification",
    RULES_SPACE.entries
    | {
        "optimizer": Fixed("adam"),
        "rate": Range(0.3, 100.0, log=True),
        "schedule": Choices(("constant", "cosine")),
        "batch_size": Fixed(16),
        "layers": Fixed(1),
        "width": Fixed(6),
        "activation": Fixed("tanh"),
        "dropout": Fixed(0.0),
        "noise": Fixed(0.0),
        "epochs": Fixed(9),
    },
)
"""One program for all: rate, schedule and l2 are searched."""

CONDITIONS = Conditions(precision="float64", patience=4)


def begin(folder: Path, problem: Problem, space: Space = SPACE, seed: int = 0, **more: Any) -> Search:
    """A new search in a new folder."""
    folder.mkdir()
    study = Study.create(folder, space, seed, False, {})
    settings: dict[str, Any] = {"halve": True, **more}
    return Search.begin(folder, study, problem, CONDITIONS, "log_loss", **settings)


def found_in(folder: Path, like: Search) -> Search:
    """The search that another process would find in a folder."""
    halve, most = like.budget.halve, like.pool.most
    study = Study.resume(folder)
    return Search.begin(folder, study, like.problem, CONDITIONS, "log_loss", halve, most)


def copied(search: Search, folder: Path) -> Search:
    """The search as another process would find it in a copy of its folder."""
    shutil.copytree(search.folder, folder)
    return found_in(folder, search)


def plain(search: Search) -> Any:
    """All that a search has learnt, as values that can be compared."""
    pool = [
        (
            *(each.number, each.value, each.member, each.best_epochs, each.curves.tolist()),
            [(model.activation, [array.tolist() for layer in model.layers for array in layer])
             for model in each.models],
        )
        for each in search.pool.trials
    ]  # fmt: skip
    return pool, search.study.trials, search.rungs, search.member_samples
