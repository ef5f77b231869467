"""Import paths of earlier versions: each leads to where its module is now, and costs nothing until then."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import couloir
from couloir.moved import HOMES


@pytest.mark.parametrize("old", HOMES)
def test_an_old_path_leads_to_the_module_that_has_moved(old: str) -> None:
    module, homes = import_module(f"couloir.{old}"), [import_module(f"couloir.{home}") for home in HOMES[old]]
    for home in homes:
        names = [name for name in vars(home) if not name.startswith("_")]
        assert names
        for name in names:
            assert getattr(module, name) is next(getattr(one, name) for one in homes if hasattr(one, name)), (
                name
            )
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        getattr(module, "nothing_of_the_kind")  # noqa: B009


@pytest.mark.parametrize(
    ("old", "names"),
    [
        ("training", "train_population Progress"),
        ("optimizers", "RULES Rule from_optax"),
        ("networks", "Layer Network forward initialise parameter_count ACTIVATIONS"),
        ("losses", "LOSSES l1_penalty l2_penalty"),
        ("metrics", "METRICS"),
        ("schedules", "SCHEDULES factors"),
        ("population", "Member Options Cohort Chunk plan_chunks find_rule customary_rates"),
        ("epochs", "TrainingData Part"),
        ("figures", "learning_curves Chart"),
        ("landscapes.race", "race saddle_race"),
        ("landscapes.functions", "SURFACES surface"),
    ],
)
def test_what_people_imported_is_there(old: str, names: str) -> None:
    space: dict[str, object] = {}
    exec(f"from couloir.{old} import {', '.join(names.split())}", space)
    assert set(names.split()) <= set(space)


def test_old_names_are_attributes_too() -> None:
    assert couloir.optimizers is import_module("couloir.engine.optimizers")


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    code = "import couloir, sys; print(sorted(m for m in sys.modules if m.startswith('couloir.engine')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    code = "import couloir.no_such_module"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError: No module named 'couloir.no_such_module'" in done.stderr
