"""Build the API reference from the docstrings: pages that work offline.

    python docs/build_reference.py [--out site/reference]

pdoc writes the pages. Which modules are public is said here, once. Of a module, public is what its
`__all__` names, or else what it defines and what begins with no underscore. The page of `couloir.options`
begins with every option there is, made from the table of options.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from inspect import Signature
from pathlib import Path

import pdoc

import couloir
from couloir import kinds, options
from couloir.options import Option
from couloir.selection.search.entries import toml

SURFACES = ("functions", "formulas", "paths", "race", "endings", "microscope")
EXPERIMENTS = (
    *("regression", "gradients", "gradient_costs", "guessing", "momentum", "noise", "sparse", "stall"),
    *("overfitting", "regularizers", "dropping", "tweak", "widths", "wild"),
)

MODULES = (
    "couloir",
    "couloir.options",
    "couloir.engine.training",
    "couloir.engine.outcomes",
    "couloir.engine.epochs",
    "couloir.engine.architectures.architecture",
    *(f"couloir.engine.architectures.{name}" for name in ("mlp", "resnet", "tabm", "realmlp", "own")),
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
    "couloir.data.encodings.piecewise",
    "couloir.data.encodings.robust",
    "couloir.data.encodings.quantile",
    "couloir.data.encodings.periodic",
    "couloir.data.encodings.target",
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
        "options": _options,
        "in_order": _in_order,
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


# The table of options ---------------------------------------------------------------------------------------

GROUPS = (
    *(options.DATA, options.RULE, options.NETWORK, options.TRAINING, options.JUDGING),
    *(options.SEARCHING, options.SURFACE, options.PLANE, options.RESULT),
)
"""The groups in the order in which the page has them."""

TAKERS = {options.FIT: "estimators", options.SPACE: "search space"}
"""What those are called who take options and are no commands."""


def _in_order(module: pdoc.doc.Module) -> list[pdoc.doc.Doc]:
    """A module's members as they stand in the source, but the table of options first."""
    return sorted(module.flattened_own_members, key=lambda member: not _is_table(member))


def _is_table(documented: pdoc.doc.Doc) -> bool:
    return documented.kind == "variable" and documented.default_value is options.TABLE


def _options(documented: pdoc.doc.Variable) -> list[tuple[str, list[dict[str, str]]]]:
    """The options of each group, as the cells of rows; nothing for what is not the table of options."""
    if not _is_table(documented):
        return []
    return [
        (group, [_cells(option) for option in options.TABLE if option.group == group]) for group in GROUPS
    ]


def _cells(option: Option) -> dict[str, str]:
    commands = any(taker in options.VERBS for taker in option.takers)
    return {
        "name": option.name,
        "typed": option.typed_as if commands else "",
        "takers": ", ".join(TAKERS.get(taker, taker) for taker in option.takers),
        "values": _values(option),
        "default": " ".join(_defaults(option)),
        "text": "; ".join(part for part in (option.text, option.typed, option.given) if part),
    }


def _values(option: Option) -> str:
    """What may be given: the kind, and its range."""
    kind = option.kind
    if isinstance(kind, kinds.Number):
        found = kind.wanted + (", or none" if kind.none is not None and "none" not in kind.wanted else "")
    elif option.choices:
        found = "one of " + ", ".join(option.choices)
    else:
        found = {
            kinds.Flag: "True or False; typed without a value",
            kinds.Numbers: "numbers in their order",
            kinds.Units: "whole numbers, layer by layer, or none",
            kinds.Split: "three shares of the rows",
            kinds.Name: "a text",
        }.get(type(kind), "what the text says")
    return found + ("; several multiply" if option.is_of_member and option.many else "")


def _defaults(option: Option) -> Iterator[str]:
    """What holds where nothing is given, and what a search varies it over."""
    if option.is_flag:
        yield str(option.default)
    elif option.shown_default:
        yield option.shown_default
    if option.space is not None:
        yield f"(in a search: {toml(option.space)})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Build the API reference from the docstrings.")
    parser.add_argument("--out", type=Path, default=Path("site/reference"), help="the folder for the pages")
    return parser.parse_args()


if __name__ == "__main__":
    folder = _arguments().out
    build(folder)
    print(f"The reference is at {folder / 'index.html'}")
