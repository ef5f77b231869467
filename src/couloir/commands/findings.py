"""What the verbs that leave no model have in common: numbers, tables and a page in a folder of their own."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from couloir.report.page import write_report
from couloir.runs import stored as runs
from couloir.runs.records import Record, write_record

if TYPE_CHECKING:
    import polars as pl

    from couloir.commands.stages import Stages
    from couloir.commands.train import Observer


F = TypeVar("F", bound=Record)
"""The kind of record that a finding has."""

Found = TypeVar("Found", bound="Finding[Any]")


def finite(value: float | None) -> float | None:
    """The number; None where it is not finite, which a record cannot hold."""
    return value if value is not None and math.isfinite(value) else None


@dataclass(repr=False)
class Finding(Generic[F]):
    """What a verb found.

    Attributes:
        record: what run.json holds; its kind decides which page it gets.
        tables: the numbers; each is a Parquet file of its name.
        folder: where it is stored, or None.
    """

    record: F
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    folder: Path | None = None

    def __repr__(self) -> str:
        """What was found, in one line."""
        from couloir.report.notebook import line

        return f"<{line(self.record)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the result, a table, curves."""
        from couloir.report.notebook import html

        return html(self)

    @property
    def name(self) -> str:
        """What its folder is called, after the time: what it is about, and the kind."""
        return f"{self.record.about}-{self.record.kind}"

    @property
    def page(self) -> str:
        """The file name of its page."""
        return f"{self.record.kind}.html"

    def report(self, path: str | Path) -> Path:
        """Write the page to a file and return its path."""
        return write_report(self, Path(path))

    def save(self, parent: str | Path = "runs") -> Path:
        """Write a folder with page, tables and run.json into a folder of runs; return the new one.

        `latest` goes on naming the newest run that can predict.

        Raises:
            InputError: the system refuses to write; where it is only the page that is refused, the numbers
                are saved, and `folder` says where.
        """
        with runs.new_folder(Path(parent), self.name, latest=False) as (folder, final):
            for name, table in self.tables.items():
                table.write_parquet(folder / f"{name}.parquet")
            self.record.tables = list(self.tables)
            write_record(self.record, folder)
        self.folder = final.resolve()
        runs.add_page(self, self.folder)
        return self.folder


def finished(found: Found, out: str | Path | None, observer: Observer, stages: Stages) -> Found:
    """What was found, with its seconds, saved where that was asked for."""
    found.record.seconds = stages.rounded()
    if out is not None:
        observer.stage("writing the page")
        found.save(out)
    return found
