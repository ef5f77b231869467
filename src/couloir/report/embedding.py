"""What every page of ours carries: the theme's colours as style, and its figures as data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from couloir.figures import theme

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment() -> Environment:
    """Where the templates of pages are: whatever is put into them is escaped, and has to be there."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("couloir.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def colours() -> str:
    """The head of a style sheet: the theme's colours as variables, in light and dark, and the rules' own."""
    light, dark = (
        "".join(f"--{role}:{pair[side]};" for role, pair in theme.PALETTE.items()) for side in (0, 1)
    )
    variables = f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
    return variables + "".join(f".rule-{role}{{--rule:var(--{role})}}" for role in theme.PALETTE)


def style_name(rule: str) -> str:
    """The name of a rule's colour in the style sheet."""
    colour = theme.rule_style(rule).colour
    return next(role for role, pair in theme.PALETTE.items() if pair[0] == colour)


def figure_data(figures: Mapping[str, dict[str, Any]]) -> str:
    """Figures as JSON that may stand inside a script element.

    On a page the title is a heading and the template is the same for all: both are taken out of each.
    """
    drawn = {}
    for name, content in figures.items():
        layout = {key: value for key, value in content["layout"].items() if key not in ("title", "template")}
        drawn[name] = {**content, "layout": layout}
    text = json.dumps({"figures": drawn, "template": theme.template(), "dark": theme.dark_colours()})
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
