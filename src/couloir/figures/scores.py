"""What the figures of races and searches share: the shape of such runs, scores on an axis and in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from couloir import text as words
from couloir.engine.metrics import DEFAULT_METRIC, METRICS
from couloir.figures.chart import R, Row, logarithmic_where_wide

if TYPE_CHECKING:
    import polars as pl

    from couloir.runs.records import LearnedRecord, Record

MOST_SPREAD = 30.0  # losses above so many times the lowest are left outside a logarithmic axis
MOSTLY = 0.6  # the share of the losses that such an axis shows at least, where it can
FEW = 20  # of so few values none is left outside


class TableRun(Protocol[R]):
    """What these figures read: run.json, and the run's tables by name."""

    @property
    def record(self) -> R:
        """The content of run.json."""

    @property
    def tables(self) -> Mapping[str, pl.DataFrame]:
        """Every table of the run, by its file's name without the ending."""


def rows(run: TableRun[Record], table: str) -> list[Row]:
    """The rows of a table; none where the run has no such table."""
    frame = run.tables.get(table)
    return [] if frame is None else frame.to_dicts()


def grouped(rows: Iterable[Row], column: str) -> dict[Any, list[Row]]:
    """The rows by what stands in a column, in the order in which it comes first."""
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault(row[column], []).append(row)
    return found


def finite(value: Any) -> bool:
    """Whether there is a number that can be drawn."""
    return value is not None and math.isfinite(value)


def metric_name(metric: str) -> str:
    """A metric in words."""
    return words.METRIC_NAMES[metric]


def higher_is_better(metric: str) -> bool:
    """Whether a larger value of the metric is a better one."""
    return METRICS[metric].more_is_better


def superlative(metric: str) -> str:
    """What the best value of a metric is called."""
    return "highest" if higher_is_better(metric) else "lowest"


def best(metric: str, values: Iterable[float]) -> float:
    """The best of some values."""
    return max(values) if higher_is_better(metric) else min(values)


def unit(record: LearnedRecord, metric: str) -> str:
    """The unit of a metric in brackets, or nothing where it has none."""
    target = words.plain(record.data.target, 18)
    units = {"log_loss": "nats", "mse": f"{target}²", "mae": target}
    return f" ({units[metric]})" if metric in units else ""


def axis_title(record: LearnedRecord, metric: str, part: str = "validation") -> str:
    """The title of an axis that shows a metric on a part; short, for phones."""
    short = {"mse": "MSE", "mae": "mean abs. error"}.get(metric, metric_name(metric))
    return f"{part} {short}{unit(record, metric)}".lstrip()


def loss_of(record: LearnedRecord) -> str:
    """The metric that a table's column `validation_loss` holds."""
    return DEFAULT_METRIC[record.data.task]


def hover(metric: str) -> str:
    """How Plotly writes a value of the metric."""
    return ".1%" if metric in words.SHARES else ".3~g"


def epoch_axis(epochs: list[int]) -> dict[str, Any]:
    """Axis settings: few epochs get a tick each, as there is nothing between two of them."""
    return {"dtick": 1} if max(epochs) - min(epochs) < 10 else {}


def axis(metric: str, values: list[float]) -> dict[str, Any]:
    """Axis settings: shares as percentages, losses on a logarithmic axis where they span much."""
    if metric in words.SHARES:
        return {"type": "linear", "tickformat": ".3~%"}
    return {"type": "linear"} if higher_is_better(metric) else logarithmic_where_wide(values)


def _lower_end(ordered: list[float]) -> float:
    """Where a wide axis begins: at the least value from which on it holds most of them.

    One replicate that fits its few validation rows perfectly would otherwise leave all others outside.
    """

    def held(value: float) -> float:
        return sum(value <= other <= MOST_SPREAD * value for other in ordered) / len(ordered)

    return next((value for value in ordered if held(value) >= MOSTLY), max(ordered, key=held))


def clipped(metric: str, values: list[float]) -> tuple[dict[str, Any], list[float], int]:
    """Axis settings that keep the good values apart: the worst are left outside where they spread far.

    Returns:
        the settings, the ends of the axis (lower, upper), and how many values lie outside it.
    """
    ordered = sorted(values, reverse=higher_is_better(metric))
    first, last = ordered[0], ordered[-1]
    if len(ordered) > FEW:
        # Most of them, and what lies no farther beyond these than these reach.
        most = ordered[int(0.85 * (len(ordered) - 1))]
        last = next(v for v in reversed(ordered) if abs(v - first) <= 2 * abs(most - first))
    if not higher_is_better(metric) and first > 0 and last > MOST_SPREAD * first:
        first = _lower_end([value for value in ordered if value <= last])
        last = min(last, MOST_SPREAD * first)
    settings = axis(metric, [first, last])
    low, high = min(first, last), max(first, last)
    if settings["type"] == "log":
        ends = [low / (high / low) ** 0.06, high * (high / low) ** 0.08]
        settings["range"] = [math.log10(end) for end in ends]
    else:
        space = 0.07 * ((high - low) or abs(high) or 1.0)
        ends = [low - space, high + space]
        settings["range"] = list(ends)
    return settings, ends, sum(not ends[0] <= value <= ends[1] for value in values)


def outside(beyond: int) -> str:
    """How many scores lie outside the axis, where some do."""
    if not beyond:
        return ""
    return f" {words.count(beyond, 'score')} {'lies' if beyond == 1 else 'lie'} outside the drawing."


def edge(metric: str, ends: list[float], logarithmic: bool) -> float:
    """Where marks for what has no value stand: just inside the worse end of the axis."""
    inner, outer = (ends[1], ends[0]) if higher_is_better(metric) else (ends[0], ends[1])
    if logarithmic:
        return outer * (inner / outer) ** 0.03
    return outer + 0.03 * (inner - outer)


def p_value(p: float | None) -> str:
    """A p-value in words: "p = 0.03", "p < 0.001"."""
    if p is None:
        return "no p"
    return "p < 0.001" if p < 0.001 else f"p = {words.number(p, 2)}"
