"""Imports go one way, and importing the package is cheap."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

import couloir

SOURCE = Path(couloir.__file__).parent

LAYERS = (
    ("errors", "files", "moved", "text"),
    ("engine",),
    ("kinds",),
    ("options",),
    ("data",),
    ("model",),
    ("runs",),
    ("selection",),
    ("surfaces",),
    ("landscapes",),
    ("experiments",),
    ("export",),
    ("figures",),
    ("report",),
    ("commands",),
    ("estimators",),
    ("book",),
    ("studio",),
    ("cli",),
)
"""Modules and packages from the lowest up; each may import its own layer and those before it."""

HEIGHT = {name: height for height, names in enumerate(LAYERS) for name in names}


def top(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def typing_only(tree: ast.AST) -> set[ast.AST]:
    """The nodes that only a type checker runs."""
    guarded: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            guarded.update(each for child in node.body for each in ast.walk(child))
    return guarded


def imported(path: Path) -> set[str]:
    """Names of Couloir's own top modules that a file imports, anywhere in it."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped, found = typing_only(tree), set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[1] for name in node.names if name.name.startswith("couloir.")}
        elif isinstance(node, ast.ImportFrom) and node.module == "couloir":
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("couloir."):
            found.add((node.module or "").split(".")[1])
    return found


MODULES = [path for path in sorted(SOURCE.rglob("*.py")) if path != SOURCE / "__init__.py"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_imports_only_its_own_layer_and_lower_ones(path: Path) -> None:
    name = top(path)
    assert name in HEIGHT, f"give {name} a place in LAYERS"
    upwards = {other for other in imported(path) if HEIGHT.get(other, -1) > HEIGHT[name]}
    assert not upwards, f"{name} must not import {upwards}"


@pytest.mark.slow
def test_no_module_imports_relatively() -> None:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.level), path


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def uses(text: str, known: set[str]) -> set[str]:
    """The modules of Couloir that a file imports from, at its beginning or within a function."""
    tree = ast.parse(text)
    skipped, found = typing_only(tree), set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            within = {f"{node.module}.{name.name}" for name in node.names} & known
            found |= within or {node.module}
    return found & known


def test_no_modules_import_one_another_in_a_circle() -> None:
    known = {module_name(path) for path in MODULES}
    imports = {
        module_name(path): uses(path.read_text("utf-8"), known) - {module_name(path)} for path in MODULES
    }
    assert imports["couloir.model.files"] >= {"couloir.model.predictor", "couloir.data.preparation"}
    sorter = graphlib.TopologicalSorter(imports)
    sorter.prepare()  # raises a CycleError that names them


def test_imports_are_found_wherever_they_stand() -> None:
    known = {"couloir.errors", "couloir.text", "couloir.files"}
    assert uses("def late():\n    from couloir.errors import InputError", known) == {"couloir.errors"}
    assert uses("import couloir.text\nfrom couloir import files, nothing", known) == known - {
        "couloir.errors"
    }
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from couloir.text import number"
    assert uses(typed, known) == set()


HEAVY = ("jax", "sklearn", "plotly", "polars", "scipy", "numpy", "optax")


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["couloir", "couloir.cli.app"])
def test_importing_is_light(module: str) -> None:
    assert python(f"import {module}, sys; print([m for m in {HEAVY} if m in sys.modules])") == "[]"


def test_importing_the_package_takes_less_than_0_3_seconds() -> None:
    # Processor time: other work on the machine is no fault of the package. The best of three.
    code = "import time; began = time.process_time(); import couloir; print(time.process_time() - began)"
    assert min(float(python(code)) for _ in range(3)) < 0.3


def test_help_and_version_import_nothing_heavy() -> None:
    for words in (["--help"], ["train", "--help"], ["--version"]):
        code = (
            "import sys; from couloir.cli.app import main; "
            f"code = main({words}); print([m for m in {HEAVY} if m in sys.modules], code)"
        )
        assert python(code).endswith("[] 0"), words


def test_lazy_names_are_all_there() -> None:
    for name in dir(couloir):
        assert getattr(couloir, name) is not None
    assert set(couloir.__all__) <= set(dir(couloir))


@pytest.mark.slow
def test_the_time_of_importing_is_counted() -> None:
    began = time.perf_counter()
    spent = float(
        python(
            "import couloir; couloir.train; from couloir.commands.stages import IMPORTING; "
            "print(IMPORTING['seconds'])"
        )
    )
    assert 0 < spent < time.perf_counter() - began
