"""The pages of the book as text: chapters with their figures, the cover, the index.

A chapter is a Jinja template in `chapters`. In it, `$…$` is an equation within a line and `$$…$$` one on a
line of its own (`couloir.book.mathml`); `{{ figure(6) }}` is a figure, `f[6].name` what figure 6's lines
have called `name`, `{{ n(f[6].name) }}` that number, rounded for reading and marked with its full value, and
`{{ see(6) }}` a link to the figure. No number of a computation is ever typed into a chapter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

import couloir
from couloir import text as words
from couloir.book import mathml
from couloir.book.computing import Computed
from couloir.book.entries import CHAPTERS, ENTRIES, Chapter
from couloir.book.listing import marked
from couloir.report import embedding

# A page opened from disk has no origin that all browsers agree on: the scheme itself is named too.
POLICY = (
    "default-src 'none'; script-src 'self' file:; style-src 'self' file: 'unsafe-inline'; "
    "img-src data: blob:; form-action 'none'; base-uri 'none'"
)


class Pages:
    """Renders the pages of a book from the figures that have been computed."""

    def __init__(self, drawn: Mapping[int, Computed], built: Collection[int]) -> None:
        """Take the figures by number, and the numbers of the chapters that this book has."""
        self.drawn, self.built = drawn, built
        self.environment = Environment(
            loader=FunctionLoader(template_source),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.globals |= {
            "chapters": list(CHAPTERS.values()),
            "built": built,
            "version": couloir.__version__,
            "policy": POLICY,
            "n": number,
            "fixed": fixed,
            "percent": percent,
            "f": {number: computed.names for number, computed in drawn.items()},
            "figure": self.figure,
            "see": self.see,
            "See": partial(self.see, word="Figure"),
            "see_chapter": self.see_chapter,
            "style_name": embedding.style_name,
        }

    def chapter(self, chapter: Chapter, more: Mapping[str, Any]) -> str:
        """A chapter's page; `more` is what its text uses besides the figures."""
        own = [computed for computed in self.drawn.values() if computed.entry.chapter == chapter.number]
        return self.environment.get_template(f"chapters/{chapter.slug}.html.jinja").render(
            chapter=chapter,
            here=chapter.page,
            before=_neighbour(chapter, -1, self.built),
            after=_neighbour(chapter, 1, self.built),
            figure_data=Markup(figure_data(own)),
            **more,
        )

    def cover(self, ridge: str) -> str:
        """The first page, with a picture."""
        template = self.environment.get_template("cover.html.jinja")
        return template.render(here="index.html", count=len(self.drawn), ridge=Markup(ridge))

    def index(self) -> str:
        """The index of figures."""
        ordered = [self.drawn[number] for number in sorted(self.drawn)]
        template = self.environment.get_template("index.html.jinja")
        return template.render(here="figures.html", drawn=ordered, pages=CHAPTERS)

    def figure(self, number: int) -> Markup:
        """A figure with its words, its controls and its lines of Python."""
        computed = self.drawn[number]
        return Markup(
            self.environment.get_template("figure.html.jinja").render(
                drawn=computed,
                numbers=json.dumps(computed.numbers, ensure_ascii=False),
                code=Markup(marked(computed.entry.code)),
            )
        )

    def see(self, number: int, word: str = "figure") -> Markup | str:
        """A link to a figure; plain words where its chapter is not in this book."""
        chapter = CHAPTERS[ENTRIES[number].chapter]
        if chapter.number not in self.built:
            return f"{word}\u00a0{number} (chapter {chapter.number})"
        return Markup(f'<a href="{chapter.page}#figure-{number}">{word}\u00a0{number}</a>')

    def see_chapter(self, number: int, place: str) -> Markup | str:
        """A link to a place in another chapter; plain words where that is not in this book."""
        if number not in self.built:
            return f"chapter\u00a0{number}"
        return Markup(f'<a href="{CHAPTERS[number].page}#{place}">chapter\u00a0{number}</a>')


def template_source(name: str) -> str | None:
    """A template's text, its equations already set."""
    place = resources.files("couloir.book").joinpath(*name.split("/"))
    if not place.is_file():
        return None
    text = place.read_text("utf-8").replace("\r\n", "\n")
    text = re.sub(
        r"\$\$(.+?)\$\$",
        lambda found: f'<div class="equation">{mathml.equation(found[1], display=True)}</div>',
        text,
        flags=re.DOTALL,
    )
    return re.sub(r"\$(.+?)\$", lambda found: mathml.equation(found[1]), text)


def _neighbour(chapter: Chapter, step: int, built: Collection[int]) -> Chapter | None:
    beside = chapter.number + step
    return CHAPTERS[beside] if beside in built else None


def number(value: Any, digits: int = 3) -> Markup:
    """A computed number for reading, with its full value in the page."""
    exact = value.item() if hasattr(value, "item") else value
    shown = f"{exact:,}" if isinstance(exact, int) else words.number(float(exact), digits)
    return Markup(f'<data value="{exact!r}">{shown}</data>')


def fixed(value: Any, decimals: int) -> Markup:
    """A computed number with so many decimals, for columns of a table."""
    exact = float(value)
    return Markup(f'<data value="{exact!r}">{f"{exact:,.{decimals}f}".replace("-", "−")}</data>')


def percent(share: Any) -> Markup:
    """A computed share of one in per cent, with its full value in the page."""
    exact = float(share)
    return Markup(f'<data value="{exact!r}">{words.share(exact)}</data>')


def figure_data(computed: Sequence[Computed]) -> str:
    """The figures of a page as JSON that may stand inside a script element."""
    drawn = {}
    for name, chart in (part for each in computed for part in each.parts.items()):
        assert chart.figure is not None  # `compute` has seen to it
        drawn[name] = json.loads(chart.figure.to_json())
    return embedding.figure_data(drawn)


def style() -> str:
    """The style sheet, headed by the colours of the theme."""
    return f"{embedding.colours()}\n{resource('style.css')}"


def resource(name: str) -> str:
    """A text file of the book's own."""
    return (resources.files("couloir.book") / name).read_text("utf-8").replace("\r\n", "\n")
