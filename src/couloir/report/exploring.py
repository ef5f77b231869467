"""The pages of `gradcheck` and `guess`: their sentences, and the tables of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from couloir import text as words
from couloir.report import summary
from couloir.report.tables import row
from couloir.text import count, number

if TYPE_CHECKING:
    from couloir.figures import Chart

TITLES = {"gradcheck": "Gradients of a network for {}", "guess": "Guessing a network for {}"}

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
    """What the pages read (`couloir.commands.exploring.Exploration` has all of it)."""

    @property
    def record(self) -> dict[str, Any]:
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


def charts(run: Explored) -> list[Chart]:
    """The figures of the page."""
    return run.charts


def summarise(run: Explored) -> dict[str, Any]:
    """Every sentence and fact of the page that is not a table or a figure."""
    record = run.record
    network, kind = record["network"], record["kind"]
    said = {label: text for label, text in run.lines if label}
    lead = said["agreement" if kind == "gradcheck" else "result"]
    return {
        "name": TITLES[kind].format(words.short(record["data"]["name"], 60)),
        "kind": "gradient check" if kind == "gradcheck" else "random search",
        "status": "",
        "created": summary.moment(record.get("created")),
        "warnings": record["data"]["warnings"],
        "lead": lead,
        "facts": [
            ("Network", "–".join(map(str, network["widths"])), network["activation"]),
            ("Weights and biases", f"{network['parameters']:,}", ""),
            *(_check_facts(record) if kind == "gradcheck" else _guess_facts(record)),
        ],
        "method": _check_method(record) if kind == "gradcheck" else _guess_method(record),
        "about": ABOUT,
        "data": summary.data_facts(record["data"]),
        "command": record.get("command", ""),
        "seconds": summary.stage_seconds(record.get("seconds", {})),
        "versions": list(record.get("versions", {}).items()),
        "machine": summary.machine(record),
    }


def _check_facts(record: dict[str, Any]) -> list[tuple[str, str, str]]:
    last, best = record["costs"][-1], record["errors"]["central"]["best"]
    slower = last["numerical_seconds"] / last["backprop_seconds"]
    weights = count(last["parameters"], "weight")
    return [
        ("Least error", number(best[1], 2), f"central differences, ε = {number(best[0], 2)}"),
        ("Nudging takes", f"{number(slower, 2)} times as long", f"as backpropagation, for {weights}"),
    ]


def _guess_facts(record: dict[str, Any]) -> list[tuple[str, str, str]]:
    reached = record["descent"]["reached"]
    there = f"{reached:,} evaluations" if reached is not None else "not reached"
    return [
        ("Best guess", number(record["best"]["loss"]), f"of {record['guesses']:,}"),
        ("Gradient descent", number(record["descent"]["loss"]), f"as good as the best guess: {there}"),
    ]


def _check_method(record: dict[str, Any]) -> list[str]:
    rows = count(record["rows"], "training row")
    text = f"The loss is the mean over {rows}, computed in double precision, and the weights are "
    text += "those that training begins with. A forward difference is (J(w + ε) − J(w))/ε, a "
    text += "central one (J(w + ε) − J(w − ε))/2ε. A relative difference is taken of the larger of the two "
    text += "derivatives, or of a ten-thousandth of the largest gradient where both are smaller still."
    cost = "Seconds are medians. A numerical gradient takes one loss evaluation for each weight and one "
    cost += "more; they were computed side by side, many at a time, as fast as this machine does them."
    return [text, cost]


def _guess_method(record: dict[str, Any]) -> list[str]:
    scales = words.joined([number(float(scale)) for scale in record["best_by_scale"]])
    descent = record["descent"]
    text = "Every guess draws all weights and biases anew, as initial weights are drawn, times one of "
    text += f"{scales} in turn, and is scored on all training rows. Nothing but these rows is looked at."
    rates, price = count(len(descent["rates"]), "learning rate"), descent["gradient_cost"]
    other = (
        f"Gradient descent takes all training rows at every step, and tries {rates} side by side. A gradient "
    )
    other += (
        f"counts as {price} loss evaluations: one pass forward, and one backward at twice its cost. Every "
    )
    other += "rate is charged for."
    return [text, other]


def tabulate(run: Explored) -> dict[str, Any]:
    """The table of the page: heads and rows as text."""
    heads, rows = run.table
    name = "Layer by layer" if run.record["kind"] == "gradcheck" else "Scale by scale"
    return {"numbers": {"name": name, "heads": heads, "items_": [row(cells) for cells in rows]}}
