"""Couloir trains a whole population of neural networks as one program and keeps the one that generalises.

Start reading at `couloir.training`, the loop over epochs, and go down to `couloir.epochs`: one member's
loss, one step, one epoch. `couloir.networks`, `couloir.losses` and `couloir.optimizers` are what a member
is made of, and `couloir.workflow` is what `couloir.train` does around it all.

    import couloir
    data = couloir.load("sales.csv", target="price")
    run = couloir.train(data, optimizer=["adam", "momentum"], learning_rate=[1e-3, 1e-2])
    run.leaderboard
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from couloir.errors import InputError
from couloir.stages import IMPORTING

if TYPE_CHECKING:
    from couloir.data.sources import load
    from couloir.estimators import CouloirClassifier, CouloirRegressor, PopulationSearchCV
    from couloir.exploring import gradcheck, guess
    from couloir.landscaping import landscape, open_landscape
    from couloir.racing import race
    from couloir.searching import search
    from couloir.surface_racing import race_surface
    from couloir.workflow import Run, cross_validate, open_run, train

__version__ = "0.1.0"

_HOMES = {
    "CouloirClassifier": "couloir.estimators",
    "CouloirRegressor": "couloir.estimators",
    "PopulationSearchCV": "couloir.estimators",
    "load": "couloir.data.sources",
    "train": "couloir.workflow",
    "open_run": "couloir.workflow",
    "Run": "couloir.workflow",
    "cross_validate": "couloir.workflow",
    "race": "couloir.racing",
    "search": "couloir.searching",
    "race_surface": "couloir.surface_racing",
    "landscape": "couloir.landscaping",
    "open_landscape": "couloir.landscaping",
    "gradcheck": "couloir.exploring",
    "guess": "couloir.exploring",
}
_MODULES = (
    "epochs",
    "networks",
    "losses",
    "optimizers",
    "schedules",
    "metrics",
    "population",
    "training",
    "figures",
    "landscapes",
    "book",
)

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
    if name not in _HOMES and name not in _MODULES:
        raise AttributeError(f"module 'couloir' has no attribute '{name}'")
    began = time.perf_counter()
    module = import_module(_HOMES.get(name, f"couloir.{name}"))
    IMPORTING["seconds"] += time.perf_counter() - began
    return module if name in _MODULES else getattr(module, name)


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return sorted([*__all__, *_MODULES, "__version__"])
