"""What the verbs that leave no model have in common: numbers, tables and a page in a folder of their own."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from couloir.runs import stored as runs
from couloir.runs.records import Record

if TYPE_CHECKING:
    import polars as pl

    from couloir.commands.stages import Stages
    from couloir.commands.train import Observer, Run


F = TypeVar("F", bound=Record)
"""The kind of record that a finding has."""

Found = TypeVar("Found", bound="Finding[Any] | Run[Any]")


def finite(value: float | None) -> float | None:
    """The number; None where it is not finite, which a record cannot hold."""
    return value if value is not None and math.isfinite(value) else None


class Shown:
    """What a verb came to: it has a page, and a notebook shows it."""

    record: Any

    def __repr__(self) -> str:
        """What it came to, in one line."""
        from couloir.report.notebook import line

        return f"<{line(self.record)}>"

    def _repr_html_(self: Any) -> str:
        """What a notebook shows: the result, a table, curves."""
        from couloir.report.notebook import html

        return html(self)

    def report(self: Any, path: str | Path) -> Path:
        """Write the page to a file and return its path."""
        from couloir.report import write_report

        return write_report(self, Path(path))


@dataclass(repr=False)
class Finding(Shown, Generic[F]):
    """What a verb found.

    Attributes:
        record: what run.json holds; its kind decides which page it gets.
        tables: the numbers; each is a Parquet file of its name.
        folder: where it is stored, or None.
    """

    record: F
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    folder: Path | None = None

    @property
    def name(self) -> str:
        """What its folder is called, after the time: what it is about, and the kind."""
        return f"{self.record.about}-{self.record.kind}"

    @property
    def page(self) -> str:
        """The file name of its page."""
        return f"{self.record.kind}.html"

    def save(self, parent: str | Path = "runs") -> Path:
        """Write a folder with page, tables and run.json into a folder of runs; return the new one.

        `latest` goes on naming the newest run that can predict.

        Raises:
            InputError: the system refuses to write; where it is only the page that is refused, the numbers
                are saved, and `folder` says where.
        """
        with runs.new_folder(Path(parent), self.name, latest=False) as (folder, final):
            runs.write_tables(self.tables, self.record, folder)
        self.folder = final.resolve()
        runs.add_page(self, self.folder)
        return self.folder


def finished(
    found: Found, out: str | Path | None, observer: Observer, stages: Stages, last: str = "writing the page"
) -> Found:
    """What was found, with its seconds, saved where that was asked for."""
    found.record.seconds = stages.rounded()
    if out is not None:
        observer.stage(last)
        found.save(out)
    return found
