"""The page of `guess`: its sentences, and the table of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from couloir import text as words
from couloir.report.one_network import Explored, common, network_facts, numbers
from couloir.text import count, number

if TYPE_CHECKING:
    from couloir.figures import Chart
    from couloir.runs.records import GuessRecord

ABOUT = {
    "guessing": "Both count loss evaluations on all training rows.",
    "guesses-needed": "Trying all combinations of ten values for each weight takes a number of guesses with "
    "as many zeros as there are weights.",
}
"""What stands above a figure, by its name."""


def charts(run: Explored[GuessRecord]) -> list[Chart]:
    """The figures of the page."""
    return run.charts


def summarise(run: Explored[GuessRecord]) -> dict[str, Any]:
    """Every sentence and fact of the page that is not a table or a figure."""
    record = run.record
    return common(record) | {
        "name": f"Guessing a network for {words.short(record.about, 60)}",
        "kind": "random search",
        "lead": dict(run.lines)["result"],
        "facts": [*network_facts(record), *_facts(record)],
        "method": _method(record),
        "about": ABOUT,
    }


def _facts(record: GuessRecord) -> list[tuple[str, str, str]]:
    reached = record.descent.reached
    there = f"{reached:,} evaluations" if reached is not None else "not reached"
    return [
        ("Best guess", number(record.best.loss), f"of {record.guesses:,}"),
        ("Gradient descent", number(record.descent.loss), f"as good as the best guess: {there}"),
    ]


def _method(record: GuessRecord) -> list[str]:
    scales = words.joined([number(float(scale)) for scale in record.best_by_scale])
    descent = record.descent
    text = "Every guess draws all weights and biases anew, as initial weights are drawn, times one of "
    text += f"{scales} in turn, and is scored on all training rows. Nothing but these rows is looked at."
    rates, price = count(len(descent.rates), "learning rate"), descent.gradient_cost
    other = (
        f"Gradient descent takes all training rows at every step, and tries {rates} side by side. A gradient "
    )
    other += (
        f"counts as {price} loss evaluations: one pass forward, and one backward at twice its cost. Every "
    )
    other += "rate is charged for."
    return [text, other]


def tabulate(run: Explored[GuessRecord]) -> dict[str, Any]:
    """The table of the page: heads and rows as text."""
    return numbers(run, "Scale by scale")
