"""The page of `gradcheck`: its sentences, and the table of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from couloir import text as words
from couloir.report.one_network import Explored, common, network_facts, numbers
from couloir.text import count, number

if TYPE_CHECKING:
    from couloir.figures import Chart
    from couloir.runs.records import GradcheckRecord

ABOUT = {
    "difference-errors": "A nudge too long misses the slope, as the loss bends; a short one is all rounding.",
    "gradient-agreement": "Each point is a weight or a bias.",
    "gradient-cost": "Measured on networks with fewer hidden units, up to this one where time allows.",
}
"""What stands above a figure, by its name."""


def charts(run: Explored[GradcheckRecord]) -> list[Chart]:
    """The figures of the page."""
    return run.charts


def summarise(run: Explored[GradcheckRecord]) -> dict[str, Any]:
    """Every sentence and fact of the page that is not a table or a figure."""
    record = run.record
    return common(record) | {
        "name": f"Gradients of a network for {words.short(record.about, 60)}",
        "kind": "gradient check",
        "lead": dict(run.lines)["agreement"],
        "facts": [*network_facts(record), *_facts(record)],
        "method": _method(record),
        "about": ABOUT,
    }


def _facts(record: GradcheckRecord) -> list[tuple[str, str, str]]:
    last, best = record.costs[-1], record.errors["central"].best
    slower = last.numerical_seconds / last.backprop_seconds
    weights = count(last.parameters, "weight")
    return [
        ("Least error", number(best[1], 2), f"central differences, ε = {number(best[0], 2)}"),
        ("Nudging takes", f"{number(slower, 2)} times as long", f"as backpropagation, for {weights}"),
    ]


def _method(record: GradcheckRecord) -> list[str]:
    rows = count(record.rows, "training row")
    text = f"The loss is the mean over {rows}, computed in double precision, and the weights are "
    text += "those that training begins with. A forward difference is (J(w + ε) − J(w))/ε, a "
    text += "central one (J(w + ε) − J(w − ε))/2ε. A relative difference is taken of the larger of the two "
    text += "derivatives, or of a ten-thousandth of the largest gradient where both are smaller still."
    cost = "Seconds are medians. A numerical gradient takes one loss evaluation for each weight and one "
    cost += "more; they were computed side by side, many at a time, as fast as this machine does them."
    return [text, cost]


def tabulate(run: Explored[GradcheckRecord]) -> dict[str, Any]:
    """The table of the page: heads and rows as text."""
    return numbers(run, "Layer by layer")
