"""Putting the page together: words and tables from the run, figures as data, style and script inlined.

The page loads nothing: Plotly's script stands in it once, and its own policy forbids every connection.
Names and labels come from a person's data and may be anything, so Jinja escapes them all, and the figures'
JSON is written without the characters that could end a script element.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from couloir.figures import animation
from couloir.figures.settings import is_portfolio
from couloir.files import whole
from couloir.report import embedding, landscape, one_network, portfolio, race, search, surface, train

if TYPE_CHECKING:
    from couloir.figures import Chart, Run, TableRun
    from couloir.runs.records import Record


PAGES: dict[str, tuple[str, Any]] = {
    "train": ("train.html.jinja", train),
    "portfolio": ("portfolio.html.jinja", portfolio),
    "race": ("race.html.jinja", race),
    "search": ("search.html.jinja", search),
    "surface": ("surface.html.jinja", surface),
    "landscape": ("landscape.html.jinja", landscape),
    "gradcheck": ("one_network.html.jinja", one_network),
    "guess": ("one_network.html.jinja", one_network),
}
"""By a run's kind, or its plan, its template and the module with its `charts`, `summarise` and `tabulate`."""


def write_report(run: Run[Record] | TableRun[Record], path: str | os.PathLike[str]) -> Path:
    """Write the page of a run to a file and return its path; the file is whole or absent.

    Args:
        run: run.json and the tables of a run, as `couloir.runs.stored.StoredRun` holds them; the record's
            kind decides which page it gets.
        path: where the page goes; folders that are missing are made.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    page = render(run)
    with whole(target) as temporary:
        temporary.write_text(page, "utf-8", newline="\n")
    return target


def render(run: Run[Record] | TableRun[Record]) -> str:
    """The page of a run as HTML text."""
    from markupsafe import Markup

    template, page = PAGES["portfolio" if is_portfolio(run.record) else run.record.kind]
    charts: list[Chart] = page.charts(run)
    scripts = {"plotly": _plotly_script(), "own": _resource("player.js") + _resource("page.js")}
    return (
        embedding.environment()
        .get_template(template)
        .render(
            charts={chart.name: chart for chart in charts},
            figure_data=Markup(_figure_data(charts)),
            style=Markup(f"{embedding.colours()}\n{_resource('style.css')}"),
            scripts={name: Markup(text) for name, text in scripts.items()},
            policy=_policy(scripts),
            style_name=embedding.style_name,
            summary=page.summarise(run),
            tables=page.tabulate(run),
        )
    )


def _figure_data(charts: list[Chart]) -> str:
    """The figures as JSON that may stand inside a script element."""
    drawn = {chart.name: chart.figure.to_json() for chart in charts if chart.figure is not None}
    return embedding.figure_data(
        {name: animation.for_page(json.loads(figure)) for name, figure in drawn.items()}
    )


def _policy(scripts: dict[str, str]) -> str:
    """The content security policy: only our own scripts run, and nothing is fetched from anywhere."""
    hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts.values())
    allowed = " ".join(f"'sha256-{value}'" for value in hashes)
    rest = "style-src 'unsafe-inline'; img-src data: blob:; form-action 'none'; base-uri 'none'"
    return f"default-src 'none'; script-src {allowed}; {rest}"


@cache
def _resource(name: str) -> str:
    return (resources.files("couloir.report") / name).read_text(encoding="utf-8").replace("\r\n", "\n")


@cache
def _plotly_script() -> str:
    from plotly.offline import get_plotlyjs

    # A browser reads every line end as one character, and the policy's hash is of what it reads.
    script: str = get_plotlyjs().replace("\r\n", "\n").replace("\r", "\n")
    if "</script" in script.lower() or "<!--" in script:
        raise RuntimeError("Plotly's script holds text that would end the script element it stands in.")
    return script
