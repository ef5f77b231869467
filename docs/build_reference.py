"""Build the API reference from the docstrings: pages that work offline.

    python docs/build_reference.py [--out site/reference]

pdoc writes the pages. Which modules are public is said here, once. Of a module, public is what its
`__all__` names, or else what it defines and what begins with no underscore.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from importlib import import_module
from inspect import Signature
from pathlib import Path

import pdoc

import couloir

SURFACES = ("functions", "formulas", "paths", "race", "endings", "microscope")
EXPERIMENTS = (
    *("regression", "gradients", "guessing", "momentum", "noise", "sparse", "stall"),
    *("overfitting", "regularizers", "dropping", "tweak", "widths", "wild"),
)

MODULES = (
    "couloir",
    "couloir.engine.training",
    "couloir.engine.outcomes",
    "couloir.engine.epochs",
    "couloir.engine.architectures.mlp",
    "couloir.engine.randomness",
    "couloir.engine.losses",
    "couloir.engine.optimizers",
    "couloir.engine.schedules",
    "couloir.engine.metrics",
    "couloir.engine.member",
    "couloir.engine.scoring",
    "couloir.selection.cross_validation",
    "couloir.data.loading",
    "couloir.data.dataset",
    "couloir.data.preparation",
    "couloir.data.encodings.column",
    "couloir.selection.search.space",
    "couloir.model.predictor",
    "couloir.model.files",
    "couloir.export",
    "couloir.export.graph",
    "couloir.export.feeding",
    "couloir.figures",
    *(f"couloir.surfaces.{name}" for name in ("evaluation", *SURFACES)),
    *(f"couloir.landscapes.{name}" for name in ("planes", "measuring", "slices", "curvature")),
    *(f"couloir.experiments.{name}" for name in (*EXPERIMENTS, "grids")),
    "couloir.book",
)
"""The modules that get a page, in the order of the list beside every page."""

LIBRARY = r"(?!couloir\b)[a-z_]\w*"
"""A module in front of a type's name, such as `jaxtyping` in `jaxtyping.Float`; our own become links."""


def build(folder: Path) -> None:
    """Write `index.html`, the search's index and a page for each public module into a folder."""
    _import_lazy_names()
    pdoc.render.configure(
        docformat="google",
        include_undocumented=False,
        show_source=False,
        template_directory=Path(__file__).parent / "reference",
        footer_text=f"Couloir {couloir.__version__}",
    )
    pdoc.render.env.filters |= {
        "format_signature": _signature,
        "without_libraries": _without_libraries,
        "own_and_inherited": _own_and_inherited,
        "equations": _equations,
    }
    specifications = []
    for name in MODULES:
        specifications.append(name)
        if hasattr(import_module(name), "__path__"):  # pdoc adds all modules of a package: taken out again
            specifications.append(rf"!{re.escape(name)}\..+")
    pdoc.pdoc(*specifications, output_directory=folder)


def _import_lazy_names() -> None:
    """Put names that are imported at their first use where pdoc looks for them: into their modules."""
    for name in ("couloir", "couloir.estimators"):
        module = import_module(name)
        vars(module).update({each: getattr(module, each) for each in module.__all__})


def _without_libraries(annotation: str) -> str:
    """A type in plain text as the source has it: `Float[Array, 'batch']`."""
    return re.sub(rf"\b(?:{LIBRARY}\.)+(?=\w)", "", annotation)


def _signature(signature: Signature, colon: bool) -> str:
    """pdoc's HTML of a signature, its types as the source has them."""
    dot = r'<span class="o">\.</span>'
    module = rf'<span class="n[nc]?">{LIBRARY}</span>{dot}'
    html = pdoc.render_helpers.format_signature(signature, colon)
    return type(html)(re.sub(rf"(?<!{dot})(?:{module})+", "", html))


def _own_and_inherited(documented: pdoc.doc.Class) -> list[pdoc.doc.Doc]:
    """A class's members: its own, and those from bases of ours."""
    inherited = [
        member
        for (module, _), members in documented.inherited_members.items()
        if module.startswith("couloir.")
        for member in members
    ]
    return [member for member in (*documented.own_members, *inherited) if member.kind != "class"]


def _equations(documented: pdoc.doc.Variable) -> list[tuple[str, str, str]]:
    """Name, equation and source of each entry of a registry such as `couloir.engine.optimizers.RULES`."""
    entries = documented.default_value
    if not isinstance(entries, Mapping):
        return []
    return [
        (name, entry.equation, getattr(entry, "source", ""))
        for name, entry in entries.items()
        if hasattr(entry, "equation")
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Build the API reference from the docstrings.")
    parser.add_argument("--out", type=Path, default=Path("site/reference"), help="the folder for the pages")
    return parser.parse_args()


if __name__ == "__main__":
    folder = _arguments().out
    build(folder)
    print(f"The reference is at {folder / 'index.html'}")
