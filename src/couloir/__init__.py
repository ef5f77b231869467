"""Couloir trains a whole population of neural networks as one program and keeps the one that generalises.

Start reading at `couloir.engine.training`, the loop over epochs, and go down to `couloir.engine.epochs`: one
member's loss, one step, one epoch. `couloir.engine.architectures`, `couloir.engine.losses` and
`couloir.engine.optimizers` are what a member is made of, and `couloir.commands.train` is what `couloir.train`
does around it all. docs/architecture.md says what stands where.

    import couloir
    data = couloir.load("sales.csv", target="price")
    run = couloir.train(data, optimizer=["adam", "momentum"], learning_rate=[1e-3, 1e-2])
    run.leaderboard
"""

from __future__ import annotations

import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from couloir import moved
from couloir.commands.stages import IMPORTING
from couloir.errors import InputError

if TYPE_CHECKING:
    from couloir.commands.gradcheck import gradcheck
    from couloir.commands.guess import guess
    from couloir.commands.landscape import landscape, open_landscape
    from couloir.commands.race import race
    from couloir.commands.search import search
    from couloir.commands.surface_race import race_surface
    from couloir.commands.train import Run, cross_validate, open_run, train
    from couloir.data.loading import load
    from couloir.estimators import CouloirClassifier, CouloirRegressor, PopulationSearchCV

__version__ = "0.1.0"

sys.meta_path.append(moved.Finder)

_HOMES = {
    "CouloirClassifier": "couloir.estimators",
    "CouloirRegressor": "couloir.estimators",
    "PopulationSearchCV": "couloir.estimators",
    "load": "couloir.data.loading",
    "train": "couloir.commands.train",
    "open_run": "couloir.commands.train",
    "Run": "couloir.commands.train",
    "cross_validate": "couloir.commands.train",
    "race": "couloir.commands.race",
    "search": "couloir.commands.search",
    "race_surface": "couloir.commands.surface_race",
    "landscape": "couloir.commands.landscape",
    "open_landscape": "couloir.commands.landscape",
    "gradcheck": "couloir.commands.gradcheck",
    "guess": "couloir.commands.guess",
}
_PACKAGES = ("engine", "data", "selection", "surfaces", "landscapes", "experiments", "figures", "book")

__all__ = [
    "CouloirClassifier",
    "CouloirRegressor",
    "InputError",
    "PopulationSearchCV",
    "Run",
    "cross_validate",
    "gradcheck",
    "guess",
    "landscape",
    "load",
    "open_landscape",
    "open_run",
    "race",
    "race_surface",
    "search",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: JAX, Polars and Plotly take a second or two."""
    module_of = name in _PACKAGES or name in moved.HOMES
    if name not in _HOMES and not module_of:
        raise AttributeError(f"module 'couloir' has no attribute '{name}'")
    began = time.perf_counter()
    module = import_module(_HOMES.get(name, f"couloir.{name}"))
    IMPORTING["seconds"] += time.perf_counter() - began
    return module if module_of else getattr(module, name)


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return sorted([*__all__, *_PACKAGES, "__version__"])
