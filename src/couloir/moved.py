"""Where modules of earlier versions are now: their old import paths go on working.

Nothing is imported before an old path is: `Finder` is asked for modules that nobody else has found.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.abc import Loader as Base
else:
    Base = object  # importlib.abc takes half the time that importing couloir does

SURFACES = ("endings", "formulas", "functions", "microscope", "paths", "race")
EXPERIMENTS = (
    *("dropping", "gradients", "guessing", "momentum", "noise", "overfitting", "regression"),
    *("regularizers", "sparse", "stall", "tweak", "widths", "wild"),
)

HOMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "epochs": ("engine.epochs",),
        "losses": ("engine.losses",),
        "metrics": ("engine.metrics", "engine.scoring"),
        "networks": ("engine.architectures.mlp", "engine.architectures.on_jax", "engine.activations"),
        "optimizers": ("engine.optimizers",),
        "outcomes": ("engine.outcomes",),
        "population": ("engine.member", "engine.placement", "engine.optimizers", "selection.members"),
        "randomness": ("engine.randomness",),
        "schedules": ("engine.schedules",),
        "training": ("engine.training",),
        "cross_validation": ("selection.cross_validation",),
        "figures.surface_races": ("figures.surfaces.race",),
        **{f"landscapes.{name}": (f"surfaces.{name}",) for name in SURFACES},
        "landscapes.functions": ("surfaces.functions", "surfaces.evaluation"),
        "landscapes.guessing": ("experiments.guessing", "experiments.grids"),
        **{f"landscapes.{name}": (f"experiments.{name}",) for name in EXPERIMENTS},
        "landscapes.gradients": ("experiments.gradients", "experiments.gradient_costs"),
    }
)
"""Old paths and the modules that now have what stood there, both below `couloir`."""


class Finder:
    """Finds the modules of `HOMES`; the last in `sys.meta_path`."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """How an old path is loaded; None for every other name."""
        package, _, old = name.partition(".")
        return ModuleSpec(name, Loader()) if package == "couloir" and old in HOMES else None


class Loader(Base):
    """Puts the module that moved in the place of the old path."""

    def create_module(self, spec: ModuleSpec) -> None:
        """An empty module, as usual."""

    def exec_module(self, module: ModuleType) -> None:
        """Let the one home stand for the old path, or look names up in several."""
        homes = [import_module(f"couloir.{home}") for home in HOMES[module.__name__.partition(".")[2]]]
        if len(homes) == 1:
            sys.modules[module.__name__] = homes[0]
            return

        def looked_up(name: str) -> Any:
            for home in homes:
                if hasattr(home, name):
                    return getattr(home, name)
            raise AttributeError(f"module '{module.__name__}' has no attribute '{name}'")

        vars(module)["__getattr__"] = looked_up
