"""The files of the studio's page: those in `static`, and what Python knows: colours, rules, options."""

from __future__ import annotations

import json
import re
from functools import cache, partial
from pathlib import Path

from couloir.figures import theme

STATIC = Path(__file__).parents[1] / "static"
INDEX = STATIC / "index.html"

TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
"""Media types of what may lie in `static`; nothing else is given out."""

_IMPORT = re.compile(r"""(\bfrom\s*|\bimport\s*\(?\s*)(["'])(\.{1,2}/[^"']+)\2""")


def files() -> dict[str, tuple[bytes, str]]:
    """Every file by its name below /static/, with its media type; read anew each time: an edit shows."""
    found = {
        path.relative_to(STATIC).as_posix(): (path.read_bytes(), TYPES[path.suffix])
        for path in sorted(STATIC.rglob("*"))
        if path.suffix in TYPES and path != INDEX
    }
    return {
        **found,
        "colours.css": (colours().encode(), TYPES[".css"]),
        "rules.js": (rules().encode(), TYPES[".js"]),
        "options.js": (options().encode(), TYPES[".js"]),
    }


@cache
def colours() -> str:
    """The palette as custom properties: light, dark by the system's wish, and either by the person's."""
    light = "".join(f"--{role}: {pair[0]};" for role, pair in theme.PALETTE.items())
    dark = "".join(f"--{role}: {pair[1]};" for role, pair in theme.PALETTE.items())
    return (
        f":root {{ {light} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root:not([data-theme=light]) {{ {dark} }} }}\n"
        f":root[data-theme=dark] {{ {dark} }}\n"
    )


@cache
def rules() -> str:
    """A module with the dash and the marker of every update rule, as every figure has them."""
    from couloir.engine.optimizers import RULES

    table = {
        name: {
            "dash": theme.rule_style(name).dash,
            "symbol": theme.rule_style(name).symbol,
            "equation": rule.equation,
            "source": rule.source,
            "defaults": dict(rule.defaults),
        }
        for name, rule in RULES.items()
    }
    return f"export const RULES = {json.dumps(table, ensure_ascii=False)};\n"


@cache
def options() -> str:
    """A module with the options of every verb, to make fields of; and those that are of one table of data."""
    from couloir.options import DATA, TRAIN
    from couloir.studio.jobs.request import TRAINING, VERBS, fields

    table = {verb: fields(verb) for verb in TRAINING}
    of_the_table = [name for name, option in VERBS[TRAIN].items() if option.group == DATA or name == "metric"]
    return (
        f"export const OPTIONS = {json.dumps(table, ensure_ascii=False)};\n"
        f"export const OF_THE_TABLE = {json.dumps(of_the_table)};\n"
    )


def styles() -> dict[str, str]:
    """The style sheets, the colours first."""
    known = {name: content.decode() for name, (content, kind) in files().items() if kind == TYPES[".css"]}
    return {"colours.css": known.pop("colours.css"), **known}


def scripts() -> dict[str, str]:
    """The modules by name, importing each other as ``studio/NAME`` in place of by a relative path."""
    known = {name: content.decode() for name, (content, kind) in files().items() if kind == TYPES[".js"]}
    return {name: _IMPORT.sub(partial(_absolute, name), text) for name, text in known.items()}


def _absolute(importer: str, found: re.Match[str]) -> str:
    """An import statement with the name that the import map has for the module."""
    parts = importer.split("/")[:-1]
    for step in found[3].split("/"):
        if step == "..":
            parts.pop()
        elif step != ".":
            parts.append(step)
    return f"{found[1]}{found[2]}studio/{'/'.join(parts)}{found[2]}"
