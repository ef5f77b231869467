"""The pages of `gradcheck` and `guess`: their sentences, and the table of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from couloir import text as words
from couloir.report import summary
from couloir.report.tables import row
from couloir.runs.records import GradcheckRecord, GuessRecord
from couloir.text import count, number

if TYPE_CHECKING:
    from couloir.figures import Chart

ABOUT = {
    "difference-errors": "A nudge too long misses the slope, as the loss bends; a short one is all rounding.",
    "gradient-agreement": "Each point is a weight or a bias.",
    "gradient-cost": "Measured on networks with fewer hidden units, up to this one where time allows.",
    "guessing": "Both count loss evaluations on all training rows.",
    "guesses-needed": "Trying all combinations of ten values for each weight takes a number of guesses with "
    "as many zeros as there are weights.",
}
"""What stands above a figure, by its name."""


class Explored(Protocol):
    """What the pages read (`couloir.commands.one_network.Exploration` has all of it)."""

    record: GradcheckRecord | GuessRecord
    charts: list[Chart]
    lines: list[tuple[str, str]]
    table: tuple[list[str], list[list[str]]]


def charts(run: Explored) -> list[Chart]:
    """The figures of the page."""
    return run.charts


def summarise(run: Explored) -> dict[str, Any]:
    """Every sentence and fact of the page that is not a table or a figure."""
    record, network = run.record, run.record.network
    if isinstance(record, GradcheckRecord):
        title, kind, lead = "Gradients of", "gradient check", "agreement"
        facts, method = _gradcheck_facts(record), _gradcheck_method(record)
    else:
        title, kind, lead = "Guessing", "random search", "result"
        facts, method = _guess_facts(record), _guess_method(record)
    layers = ("Network", "–".join(map(str, network.widths)), network.activation)
    return summary.frame(record) | {
        "status": "",
        "warnings": record.data.warnings,
        "data": summary.data_facts(record.data),
        "name": f"{title} a network for {words.short(record.about, 60)}",
        "kind": kind,
        "lead": dict(run.lines)[lead],
        "facts": [layers, ("Weights and biases", f"{network.parameters:,}", ""), *facts],
        "method": method,
        "about": ABOUT,
    }


def tabulate(run: Explored) -> dict[str, Any]:
    """The table of the page: heads and rows as text."""
    heads, rows = run.table
    name = "Layer by layer" if run.record.kind == "gradcheck" else "Scale by scale"
    return {"numbers": {"name": name, "heads": heads, "items_": [row(cells) for cells in rows]}}


def _gradcheck_facts(record: GradcheckRecord) -> list[tuple[str, str, str]]:
    last, best = record.costs[-1], record.errors["central"].best
    slower = last.numerical_seconds / last.backprop_seconds
    weights = count(last.parameters, "weight")
    return [
        ("Least error", number(best[1], 2), f"central differences, ε = {number(best[0], 2)}"),
        ("Nudging takes", f"{number(slower, 2)} times as long", f"as backpropagation, for {weights}"),
    ]


def _gradcheck_method(record: GradcheckRecord) -> list[str]:
    rows = count(record.rows, "training row")
    text = f"The loss is the mean over {rows}, computed in double precision, and the weights are "
    text += "those that training begins with. A forward difference is (J(w + ε) − J(w))/ε, a "
    text += "central one (J(w + ε) − J(w − ε))/2ε. A relative difference is taken of the larger of the two "
    text += "derivatives, or of a ten-thousandth of the largest gradient where both are smaller still."
    cost = "Seconds are medians. A numerical gradient takes one loss evaluation for each weight and one "
    cost += "more; they were computed side by side, many at a time, as fast as this machine does them."
    return [text, cost]


def _guess_facts(record: GuessRecord) -> list[tuple[str, str, str]]:
    reached = record.descent.reached
    there = f"{reached:,} evaluations" if reached is not None else "not reached"
    return [
        ("Best guess", number(record.best.loss), f"of {record.guesses:,}"),
        ("Gradient descent", number(record.descent.loss), f"as good as the best guess: {there}"),
    ]


def _guess_method(record: GuessRecord) -> list[str]:
    scales = words.joined([number(float(scale)) for scale in record.best_by_scale])
    rates, price = count(len(record.descent.rates), "learning rate"), record.descent.gradient_cost
    text = "Every guess draws all weights and biases anew, as initial weights are drawn, times one of "
    text += f"{scales} in turn, and is scored on all training rows. Nothing but these rows is looked at."
    other = f"Gradient descent takes all training rows at every step, and tries {rates} side by side. A "
    other += f"gradient counts as {price} loss evaluations: one pass forward, and one backward at twice its "
    other += "cost. Every rate is charged for."
    return [text, other]
