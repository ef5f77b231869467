"""The files of the studio's page: those in `static`, and what Python knows: colours, rules, options, …"""

from __future__ import annotations

import json
import re
from functools import cache, partial
from pathlib import Path
from typing import Any

from couloir.engine.metrics import METRICS
from couloir.figures import theme
from couloir.options import DATA, MEMBER, TRAIN, Option
from couloir.text import METRIC_NAMES

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
        "settings.js": (settings().encode(), TYPES[".js"]),
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
    """A module with every update rule, drawn as in every figure, and what its numbers are called."""
    from couloir.engine.optimizers import NUMBERS, RULES

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
    numbers = {name: _named(MEMBER[name]) for name in ("learning_rate", *NUMBERS)}
    return _module(RULES=table, NUMBERS=numbers)


def _named(option: Option) -> str:
    """A number's name in words and its letter: "decay ρ"; the letter alone where it has no other name."""
    return option.label or f"{option.words} {option.symbol}"


@cache
def options() -> str:
    """A module with the options of every verb, to make fields of; those of one table of data; the metrics."""
    from couloir.studio.jobs.request import TRAINING, VERBS, fields

    table = {verb: fields(verb) for verb in TRAINING}
    of_the_table = [name for name, option in VERBS[TRAIN].items() if option.group == DATA or name == "metric"]
    metrics = {
        name: {"words": METRIC_NAMES[name], "more": metric.more_is_better} for name, metric in METRICS.items()
    }
    return _module(OPTIONS=table, OF_THE_TABLE=of_the_table, METRICS=metrics)


@cache
def settings() -> str:
    """A module with what the rooms can be asked with: defaults, ranges and names."""
    from couloir.experiments.regression import CANDIDATES
    from couloir.studio import asking
    from couloir.studio.rooms.line import LineRoom
    from couloir.studio.rooms.network.ladders import LADDERS
    from couloir.studio.rooms.network.settings import NetworkSettings
    from couloir.studio.rooms.race.setup import LONGEST, MOST_TUNED, RaceSetup
    from couloir.studio.rooms.runs.room import RunsRoom
    from couloir.surfaces.functions import SEVEN_POINTS

    return _module(
        NETWORK=asking.told(NetworkSettings),
        LADDERS=[(name, ladder.title) for name, ladder in LADDERS.items()],
        RACE=asking.told(RaceSetup),
        LONGEST=LONGEST,
        MOST_TUNED=MOST_TUNED,
        SEVEN=SEVEN_POINTS,
        CANDIDATES=CANDIDATES,
        DESCENT=asking.told(LineRoom.ask_descend),
        LANDSCAPE=asking.told(RunsRoom.ask_landscape),
    )


def _module(**constants: Any) -> str:
    """A module that exports constants."""
    shown = {name: json.dumps(value, ensure_ascii=False) for name, value in constants.items()}
    return "".join(f"export const {name} = {value};\n" for name, value in shown.items())


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
