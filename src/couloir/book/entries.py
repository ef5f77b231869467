"""What the book consists of: its chapters, and its figures with the lines of Python that make them.

A figure's lines stand in a file of their own in `snippets`. The file's docstring is the caption; what
follows it is shown to the reader and, letter by letter the same, executed when the book is built. Its last
line is an expression that gives a `couloir.figures.chart.Chart`.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from types import MappingProxyType

from couloir.errors import unknown


@dataclass(frozen=True)
class Chapter:
    """A chapter: its number, the name of its page, its title, and what it is about in a sentence."""

    number: int
    slug: str
    title: str
    about: str

    @property
    def page(self) -> str:
        """The name of the file that holds it."""
        return f"{self.number}-{self.slug}.html"


# fmt: off
CHAPTERS: Mapping[int, Chapter] = MappingProxyType({
    number: Chapter(number, slug, title, about) for number, (slug, title, about) in enumerate((
        ("why-training-is-hard", "Why training is hard",
         "Every weight matters to every other, and there are far too many to try them out."),
        ("linear-regression", "A line through seven points",
         "Two numbers to find, a bowl to descend, and an exact answer to check against."),
        ("nonlinearity", "Bends, hills and saddles",
         "What an activation adds to a network, and what it does to the bowl."),
        ("batches", "All the data, some of it, one sample",
         "How many samples a step should look at, and what the noise is good for."),
        ("update-rules", "Eight ways to take a step",
         "Momentum, look-ahead, a step size for every weight: the rules, raced."),
        ("evaluation", "Fitting is not knowing",
         "Rows to learn from, rows to choose by, and rows to be tested on once."),
        ("regularization", "Holding a network back", "Penalties, dropout, noise and stopping early."),
        ("gradients", "Where the gradient comes from", "Try every weight, or go backwards once."),
    ), start=1)
})
# fmt: on
"""The chapters by number."""


@dataclass(frozen=True)
class Entry:
    """A figure of the book.

    Attributes:
        number: of the figure, 1 to 33.
        slug: its short name, for links and files.
        chapter: the number of the chapter it stands in.
    """

    number: int
    slug: str
    chapter: int

    @cached_property
    def source(self) -> str:
        """The whole file in `snippets`."""
        name = f"{self.slug.replace('-', '_')}.py"
        return (resources.files("couloir.book") / "snippets" / name).read_text("utf-8").replace("\r\n", "\n")

    @property
    def caption(self) -> str:
        """What the figure shows: the docstring."""
        return (ast.get_docstring(ast.parse(self.source)) or "").replace("\n", " ")

    @property
    def code(self) -> str:
        """The lines that make the figure, as shown and as executed: everything after the docstring."""
        docstring = ast.parse(self.source).body[0]
        return "".join(self.source.splitlines(keepends=True)[docstring.end_lineno :]).strip("\n") + "\n"

    @property
    def goes_on_from(self) -> int | None:
        """The figure whose names these lines use, where their first line says so; None: they stand alone."""
        first = self.code.splitlines()[0]
        return int(first.removeprefix(_GOES_ON).rstrip(".")) if first.startswith(_GOES_ON) else None


_GOES_ON = "# Goes on from figure "

# fmt: off
ENTRIES: Mapping[int, Entry] = MappingProxyType({
    number: Entry(number, slug, chapter) for number, (slug, chapter) in enumerate((
        ("weight-tweak", 1), ("grid-samples", 1), ("guesses-needed", 1), ("random-search", 1),
        ("seven-points", 2), ("three-lines", 2), ("error-bars", 2), ("error-surface", 2), ("descent-path", 2),
        ("three-rates", 2), ("sigmoid-neuron", 3), ("two-starts", 3), ("batch-paths", 4),
        ("gradient-noise", 4), ("ravine", 5), ("look-ahead", 5), ("contour-race", 5), ("saddle-race", 5),
        ("network-race", 5), ("rate-response", 5), ("overfitting", 6), ("learning-curves", 6), ("folds", 6),
        ("leaderboard", 6), ("wild-curve", 7), ("dropout", 7), ("regularizers", 7), ("gradient-check", 8),
        ("loss-slice", 5), ("many-seeds", 3), ("escapes", 4), ("stall", 5), ("sparse", 5),
    ), start=1)
})
# fmt: on
"""The figures by number."""


def entry(number: int) -> Entry:
    """The figure of a number; an InputError names the choices."""
    if number not in ENTRIES:
        raise unknown("figure of the book", number, [str(known) for known in ENTRIES])
    return ENTRIES[number]


def chapter(number: int) -> Chapter:
    """The chapter of a number; an InputError names the choices."""
    if number not in CHAPTERS:
        raise unknown("section of the book", number, [str(known) for known in CHAPTERS])
    return CHAPTERS[number]
