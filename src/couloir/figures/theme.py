"""The visual language of every figure: one colour, dash and marker for each update rule, in light and dark.

The colours of the eight rules were searched for numerically: under normal vision and under simulated
protanopia, deuteranopia and tritanopia (Machado, Oliveira & Fernandes 2009) any two of them stay clearly
apart, and each has a contrast of at least 3 to the paper it is drawn on. Dash and marker repeat what the
colour says.

A figure is always built with the light colours. `recoloured` exchanges each for its dark partner, and so does
the script in the report page, from the same table.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif'

TICKS = 13
"""The size of the marks along an axis."""

# role: (on light paper, on dark paper). Every light colour occurs once, so that it can be looked up.
PALETTE: dict[str, tuple[str, str]] = {
    "paper": ("#fdfcf9", "#16191e"),
    "ink": ("#23272e", "#e8e6e1"),
    "quiet": ("#5c636c", "#a3a9b2"),
    "grid": ("#e5e2da", "#30353d"),
    "blank": ("#f3f1ec", "#1e2228"),
    "valley": ("#a6c1cc", "#355567"),
    "right": ("#2f6f8f", "#5fa8cc"),
    "right-faint": ("#eef3f4", "#1b242b"),
    "wrong": ("#b5471d", "#f08a5d"),
    "wrong-faint": ("#f8ede6", "#2a211e"),
    "sgd": ("#8a8b8c", "#eeeef0"),
    "momentum": ("#5a65d5", "#616b9c"),
    "nesterov": ("#104647", "#35a49c"),
    "adagrad": ("#4f3900", "#a9a267"),
    "adadelta": ("#11a462", "#a9fdb4"),
    "rmsprop": ("#46059b", "#8c43c8"),
    "adam": ("#c1610c", "#fd6713"),
    "adamw": ("#96298a", "#f89bfd"),
    "further-1": ("#3a7ca5", "#7fb7d9"),
    "further-2": ("#7a5c3e", "#c9a47f"),
    "further-3": ("#6b7a1e", "#b6c456"),
    "further-4": ("#a83a52", "#e58a9d"),
}

_OWN = {
    "sgd": ("solid", "circle"),
    "momentum": ("dash", "square"),
    "nesterov": ("dot", "diamond"),
    "adagrad": ("dashdot", "triangle-up"),
    "adadelta": ("longdash", "triangle-down"),
    "rmsprop": ("dash", "pentagon"),
    "adam": ("solid", "star"),
    "adamw": ("dot", "hexagram"),
}
"""The dash and the marker of rules that have a colour of their own."""


@dataclass(frozen=True)
class RuleStyle:
    """How one update rule is drawn everywhere: a colour, a dash of its line, a marker."""

    colour: str
    dash: str
    symbol: str


def colour(role: str) -> str:
    """The light colour of a role in `PALETTE`."""
    return PALETTE[role][0]


def faint(hexadecimal: str) -> str:
    """The same colour, nearly transparent, for areas."""
    red, green, blue = (int(hexadecimal[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.16)"


def shades() -> list[list[float | str]]:
    """The colour scale of heights, from the valleys up."""
    return [[0.0, colour("valley")], [0.55, colour("blank")], [1.0, colour("paper")]]


def rule_style(rule: str) -> RuleStyle:
    """The style of an update rule; a rule without one of its own always gets the same of the spare ones."""
    if rule in _OWN:
        return RuleStyle(colour(rule), *_OWN[rule])
    # A checksum of the name, not its place in a list: the same rule looks the same in every run.
    number = zlib.crc32(rule.encode())
    spare = (number % 4) + 1
    symbols = ("circle-open", "square-open", "diamond-open", "triangle-up-open", "pentagon-open")
    dashes = ("solid", "dash", "dot", "longdashdot")
    return RuleStyle(colour(f"further-{spare}"), dashes[number // 4 % 4], symbols[number // 16 % 5])


def rule_styles(rules: Iterable[str]) -> dict[str, RuleStyle]:
    """The styles of rules in one figure: one whose colour and dash are taken has another dash."""
    found: dict[str, RuleStyle] = {}
    for rule in rules:
        own, taken = rule_style(rule), {(style.colour, style.dash) for style in found.values()}
        ways = [own, *(replace(own, dash=dash) for dash in ("solid", "dash", "dot", "longdashdot"))]
        found[rule] = next((way for way in ways if (way.colour, way.dash) not in taken), own)
    return found


@functools.cache
def dark_colours() -> dict[str, str]:
    """Light colour → dark colour, faint areas included."""
    return dict(PALETTE.values()) | {faint(light): faint(dark) for light, dark in PALETTE.values()}


def template() -> dict[str, Any]:
    """The Plotly template of every figure, in light colours."""
    axis = {
        "gridcolor": colour("grid"),
        "linecolor": colour("quiet"),
        "tickcolor": colour("quiet"),
        "zeroline": False,
        "automargin": True,
        # Plain numbers: 40,000 rather than 40k, 0.0001 rather than 100µ.
        "exponentformat": "none",
        "separatethousands": True,
        "title": {"standoff": 10, "font": {"size": 14}},
        "tickfont": {"size": TICKS, "color": colour("quiet")},
    }
    small, above = {"size": 13}, {"x": 0, "y": 1.0, "xanchor": "left", "yanchor": "bottom"}
    layout = {
        "paper_bgcolor": colour("paper"),
        "plot_bgcolor": colour("paper"),
        "font": {"family": FONT, "size": 14, "color": colour("ink")},
        "title": {"font": {"size": 18}, "x": 0, "xref": "paper", "xanchor": "left"},
        "xaxis": axis,
        "yaxis": axis,
        "height": 420,
        "margin": {"l": 10, "r": 16, "t": 64, "b": 10},
        "hoverlabel": {
            "bgcolor": colour("paper"),
            "bordercolor": colour("quiet"),
            "font": small | {"family": FONT, "color": colour("ink")},
            "align": "left",
        },
        "legend": above | {"orientation": "h", "font": small},
        "modebar": {"orientation": "v"},  # beside the plot, where it does not lie on the legend
    }
    return {"layout": layout}


def powers(step: float | None = None) -> dict[str, Any]:
    """Settings of a logarithmic axis that is marked 10⁻², 1, 10², every so many powers of ten."""
    # Plotly writes powers a quarter larger than other marks.
    axis: dict[str, Any] = {"type": "log", "exponentformat": "power", "tickfont": {"size": TICKS / 1.25}}
    return axis if step is None else axis | {"dtick": step}


def decades(**settings: Any) -> dict[str, Any]:
    """Settings of a logarithmic axis that is marked 0.01, 0.1, 1, 10."""
    return {"type": "log", "dtick": 1, "tickformat": ",.3~r", **settings}


def exchange(value: Any, key: str = "") -> Any:
    """A figure's content with every light colour exchanged for its dark partner.

    Only what stands under a key that names a colour is exchanged: a class may be called "#23272e".
    """
    if isinstance(value, dict):
        return {name: exchange(content, name) for name, content in value.items()}
    if isinstance(value, list | tuple):
        return [exchange(content, key) for content in value]
    if isinstance(value, str) and key.lower().endswith(("color", "colorscale")):
        return dark_colours().get(value, value)
    return value


def recoloured(figure: go.Figure) -> go.Figure:
    """The figure for dark paper."""
    import json

    import plotly.graph_objects as go

    return go.Figure(exchange(json.loads(figure.to_json())))
