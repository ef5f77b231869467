"""Running the lines of a figure: what a reader sees is what is executed."""

from __future__ import annotations

import ast
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from couloir.book.entries import Entry, entry

if TYPE_CHECKING:
    from couloir.figures.chart import Chart

LONGEST = 24
"""Longer sequences of numbers are data of the figure, not something that is said of it."""


@dataclass(frozen=True)
class Computed:
    """A figure that has been made.

    Attributes:
        entry: which figure it is.
        charts: what its last line gave, one drawing or several.
        names: what its lines defined, for the text around it.
        seconds: how long they took.
    """

    entry: Entry
    charts: tuple[Chart, ...]
    names: Mapping[str, Any]
    seconds: float

    @property
    def parts(self) -> dict[str, Chart]:
        """The drawings by their names on the page: the figure's number, with "-1", "-2" where several."""
        if len(self.charts) == 1:
            return {str(self.entry.number): self.charts[0]}
        return {f"{self.entry.number}-{place}": chart for place, chart in enumerate(self.charts, start=1)}

    @property
    def numbers(self) -> dict[str, Any]:
        """The numbers among the names and among the fields of named results, short lists of them included."""
        found: dict[str, Any] = {}
        for name, value in self.names.items():
            if is_dataclass(value) and not isinstance(value, type):
                fields_ = {f"{name}.{each.name}": getattr(value, each.name) for each in fields(value)}
                found |= {key: _plain(part) for key, part in fields_.items()}
            elif not name.startswith("_") and not name.isupper():
                found[name] = _plain(value)
        # Times differ from one building to the next: they may be told, but are none of the book's numbers.
        return {name: value for name, value in found.items() if value is not None and not _is_timing(name)}


def compute(wanted: Entry, earlier: Mapping[int, Computed] | None = None) -> Computed:
    """Execute a figure's lines; one that they go on from is made first where it is not among the `earlier`.

    Raises:
        RuntimeError: the lines fail, or do not end in a chart with a drawing; the figure is named.
    """
    began = time.perf_counter()
    names: dict[str, Any] = {}
    if wanted.goes_on_from is not None:
        base = (earlier or {}).get(wanted.goes_on_from) or compute(entry(wanted.goes_on_from))
        names |= base.names
    try:
        charts = _execute(wanted, names)
    except Exception as error:
        raise RuntimeError(
            f"Figure {wanted.number} of the book ({wanted.slug}) cannot be computed: {error}"
        ) from error
    names.pop("__builtins__", None)
    return Computed(wanted, charts, names, time.perf_counter() - began)


def _execute(wanted: Entry, names: dict[str, Any]) -> tuple[Chart, ...]:
    """The charts of the last expression; what all lines define is added to the names."""
    file = f"<figure {wanted.number}>"
    *lines, last = ast.parse(wanted.code).body
    if not isinstance(last, ast.Expr):
        raise TypeError("the last line is not an expression")
    exec(compile(ast.Module(lines, []), file, "exec"), names)
    given = eval(compile(ast.Expression(last.value), file, "eval"), names)
    charts = given if isinstance(given, tuple) else (given,)
    for chart in charts:
        _check(chart)
    return charts


def _check(chart: Any) -> None:
    """Raise where this is no chart with a drawing, a sentence, and words for those who cannot see it."""
    from couloir.figures.chart import Chart

    if not isinstance(chart, Chart):
        raise TypeError(f"the last line gives {type(chart).__name__} and not a chart")
    if chart.figure is None:
        raise ValueError(f"there is no drawing: {chart.sentence}")
    if not chart.sentence or not chart.alt:
        raise ValueError("its chart lacks a sentence or an alternative text")


def _is_timing(name: str) -> bool:
    return name.startswith("measured") or "seconds" in name


def _plain(value: Any) -> Any:
    """A number, or short lists or dictionaries of numbers, as JSON has them; else None."""
    if isinstance(value, bool):
        return value
    if hasattr(value, "tolist") and getattr(value, "size", LONGEST + 1) <= LONGEST:
        value = value.tolist()
    if isinstance(value, int | float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple) and not hasattr(value, "_fields") and 0 < len(value) <= LONGEST:
        return _all_or_none([_plain(item) for item in value])
    if isinstance(value, dict) and 0 < len(value) <= LONGEST and all(isinstance(key, str) for key in value):
        items = _all_or_none([_plain(item) for item in value.values()])
        return None if items is None else dict(zip(value, items, strict=True))
    return None


def _all_or_none(items: list[Any]) -> list[Any] | None:
    return None if any(item is None for item in items) else items
