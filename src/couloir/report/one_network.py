"""What the pages of `gradcheck` and `guess` have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from couloir.figures.chart import R
from couloir.report import summary
from couloir.report.tables import row

if TYPE_CHECKING:
    from couloir.figures import Chart
    from couloir.runs.records import GradcheckRecord, GuessRecord


class Explored(Protocol[R]):
    """What the pages read (`couloir.commands.one_network.Exploration` has all of it)."""

    @property
    def record(self) -> R:
        """The content of run.json."""

    @property
    def charts(self) -> list[Chart]:
        """The figures."""

    @property
    def lines(self) -> list[tuple[str, str]]:
        """What was said in the terminal."""

    @property
    def table(self) -> tuple[list[str], list[list[str]]]:
        """Heads, and rows of text."""


def common(record: GradcheckRecord | GuessRecord) -> dict[str, Any]:
    """The sentences and facts of both pages."""
    return {
        "status": "",
        "created": summary.moment(record.created),
        "warnings": record.data.warnings,
        "data": summary.data_facts(record.data),
        "command": record.command,
        "seconds": summary.stage_seconds(record.seconds),
        "versions": list(record.versions.items()),
        "machine": summary.machine(record),
    }


def network_facts(record: GradcheckRecord | GuessRecord) -> list[tuple[str, str, str]]:
    """The network under the title."""
    network = record.network
    return [
        ("Network", "–".join(map(str, network.widths)), network.activation),
        ("Weights and biases", f"{network.parameters:,}", ""),
    ]


def numbers(run: Explored[Any], name: str) -> dict[str, Any]:
    """The table of a page: heads and rows as text."""
    heads, rows = run.table
    return {"numbers": {"name": name, "heads": heads, "items_": [row(cells) for cells in rows]}}
