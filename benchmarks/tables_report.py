"""What the results of `tables.py` say: means, ratios, ranks, and the bars. No contestant is run here.

A result is a record with contestant, table, seed, scores and times. Its error is the log loss, or the root
mean squared error. Where two contestants are set against each other, only pairs of table and seed that both
have count.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from _shared import table
from tables_contestants import CONTESTANTS, OURS

Result = Mapping[str, Any]
Pairs = dict[tuple[str, int], Result]
"""A contestant's results by table and seed."""

REFERENCES = ("lightgbm", "lightgbm-plain", "catboost", "catboost-plain", "realmlp", "tabm")
TWICE = ("sklearn-mlp-stopping", "lightgbm-plain", "catboost-plain")
"""Second ways of peers that are there: they take no part in ranks and wins."""

LEADS = {"lightgbm": 0.93, "lightgbm-plain": 0.93, "realmlp": 0.94, "tabm": 0.96, "catboost": 1.0}
LEADS["catboost-plain"] = LEADS["catboost"]
"""What the ratio of train's errors to another's is to be, at most; to LightGBM and CatBoost in both ways."""

FURTHER = 0.98
"""Search is to be better by this factor."""

WORST = 1.08
"""No table's ratio to LightGBM is to be above this."""

SHARES = {"train": 0.75, "quick": 0.1}
"""CPU seconds, in those of RealMLP on the same table, at most."""


def error(result: Result) -> float:
    """The log loss, or the root mean squared error."""
    return float(result["log_loss"] if "log_loss" in result else result["rmse"])


def by_contestant(results: Iterable[Result]) -> dict[str, Pairs]:
    """Each contestant's results by table and seed, contestants in the order of the table of them."""
    found: dict[str, Pairs] = {}
    for result in sorted(results, key=lambda result: list(CONTESTANTS).index(result["contestant"])):
        found.setdefault(result["contestant"], {})[result["table"], result["seed"]] = result
    return found


@dataclass(frozen=True)
class Ratio:
    """How a figure of one contestant stands to another's.

    Attributes:
        pairs: how many pairs of table and seed both have.
        tables: for each table the geometric mean over its seeds.
    """

    pairs: int
    tables: dict[str, float]

    @property
    def mean(self) -> float | None:
        """The geometric mean over the tables; None where there are none."""
        return statistics.geometric_mean(self.tables.values()) if self.tables else None

    @property
    def worst(self) -> float | None:
        """That of the table where it is largest."""
        return max(self.tables.values(), default=None)


def ratio(ours: Pairs, theirs: Pairs, figure: str | None = None) -> Ratio:
    """Ours over theirs on the pairs that both have: the error, or a figure by its name.

    Raises:
        ValueError: the two were given different rows.
    """
    logs: dict[str, list[float]] = {}
    for pair in (pair for pair in ours if pair in theirs):
        mine, other = ours[pair], theirs[pair]
        if mine["rows"] != other["rows"]:
            raise ValueError(f"{mine['contestant']} and {other['contestant']} had different rows of {pair}")
        top, bottom = (error(each) if figure is None else each[figure] for each in (mine, other))
        logs.setdefault(pair[0], []).append(math.log(top / bottom))
    means = {name: math.exp(statistics.fmean(values)) for name, values in logs.items()}
    return Ratio(sum(map(len, logs.values())), means)


def ranks(found: Mapping[str, Pairs]) -> tuple[int, dict[str, tuple[float, int]]]:
    """On the pairs that all have: how many there are, and each contestant's mean rank (1 is best) and wins.

    Equal errors share the mean of their ranks, and none of them wins.
    """
    if not found:
        return 0, {}
    common = set.intersection(*(set(pairs) for pairs in found.values()))
    places: dict[str, list[float]] = {name: [] for name in found}
    for pair in common:
        errors = {name: error(pairs[pair]) for name, pairs in found.items()}
        for name, own in errors.items():
            equal = sum(other == own for other in errors.values())
            places[name].append(sum(other < own for other in errors.values()) + (equal + 1) / 2)
    if not common:
        return 0, {}
    return len(common), {name: (statistics.fmean(own), own.count(1.0)) for name, own in places.items()}


# The bars -----------------------------------------------------------------------------------------------


def bars(found: Mapping[str, Pairs], wanted: int) -> list[dict[str, Any]]:
    """The bars for those of ours that are there.

    Args:
        found: all results.
        wanted: how many pairs of table and seed a bar is judged on: with fewer, `passed` is None.
    """
    lines: list[dict[str, Any]] = []
    for name in (name for name in OURS if name in found):
        factor = FURTHER if name == "search" else 1.0
        leads = {"lightgbm": 1.0} if name == "quick" else LEADS
        for other in (other for other in leads if other in found):
            against = ratio(found[name], found[other])
            lines.append(_bar(f"{name}: error over {other}'s", against.mean, leads[other] * factor, against))
            if other == "lightgbm" and name == "train":
                lines.append(_bar(f"{name}: the same, worst table", against.worst, WORST, against))
        if name in SHARES and "realmlp" in found:
            cost = ratio(found[name], found["realmlp"], "cpu_seconds")
            title = f"{name}: CPU seconds over realmlp's, worst table"
            lines.append(_bar(title, cost.worst, SHARES[name], cost))
    for line in lines:
        enough = line["reached"] is not None and line["pairs"] >= wanted
        line["passed"] = line["reached"] <= line["at_most"] if enough else None
    return lines


def _bar(name: str, reached: float | None, at_most: float, of: Ratio) -> dict[str, Any]:
    return {"bar": name, "at_most": at_most, "reached": reached, "pairs": of.pairs}


# Showing it ---------------------------------------------------------------------------------------------


def report(results: Sequence[Result], wanted: int) -> str:
    """The tables of means and of comparisons, and the bars."""
    found = by_contestant(results)
    parts = [_means(found), _comparison(found)]
    if lines := bars(found, wanted):
        parts.append(_bars(lines, wanted))
    return "\n\n".join(parts)


def _means(found: Mapping[str, Pairs]) -> str:
    """A row for each table: every contestant's mean error with its standard error over the seeds."""
    names = list(dict.fromkeys(name for pairs in found.values() for name, _ in pairs))
    rows = []
    for name in names:
        cells = []
        for pairs in found.values():
            cells.append(_mean([error(each) for (own, _), each in pairs.items() if own == name]))
        rows.append([name, *cells])
    heading = ["log loss or RMSE, mean ± standard error", *found]
    return f"{table(heading, rows)}\nIn brackets over how many seeds, where they are not five."


def _mean(errors: Sequence[float]) -> str:
    if not errors:
        return "–"
    mean, seeds = statistics.fmean(errors), "" if len(errors) == 5 else f" ({len(errors)})"
    digits = max(0, 3 - math.floor(math.log10(mean))) if mean > 0 else 4
    spread = statistics.stdev(errors) / math.sqrt(len(errors)) if len(errors) > 1 else None
    return f"{mean:,.{digits}f}{'' if spread is None else f' ± {spread:,.{digits}f}'}{seeds}"


def _comparison(found: Mapping[str, Pairs]) -> str:
    """A row for each contestant: ratios to the references, the worst table, rank, wins and times."""
    references = [name for name in REFERENCES if name in found]
    common, places = ranks({name: pairs for name, pairs in found.items() if name not in TWICE})
    rows = []
    for name, pairs in found.items():
        against = [ratio(pairs, found[other]) for other in references]
        worst = next((each.worst for other, each in zip(references, against, strict=True)
                      if other == "lightgbm"), None)  # fmt: skip
        mean, wins = places.get(name, (None, None))
        rows.append(
            [
                name,
                str(len(pairs)),
                *(f"{_number(each.mean)} ({each.pairs})" for each in against),
                _number(worst),
                _number(mean, 2),
                "–" if wins is None else str(wins),
                *(_number(statistics.fmean(each[figure] for each in pairs.values()), 1) for figure in TIMES),
            ]
        )
    heading = ["who", "pairs", *(f"over {name}" for name in references), "worst table over lightgbm"]
    heading += ["mean rank", "wins", "CPU s", "wall s"]
    return (
        f"{table(heading, rows)}\nRatios of errors: geometric means over the tables, below 1 is better; in "
        f"brackets the pairs of table and seed that both have.\nRanks and wins on the {common} pairs that "
        f"all have (without {', '.join(TWICE)}); seconds of fitting and answering, without imports."
    )


TIMES = ("cpu_seconds", "wall_seconds")


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _bars(lines: Sequence[dict[str, Any]], wanted: int) -> str:
    rows = [
        [
            line["bar"],
            f"≤ {line['at_most']:.3f}",
            _number(line["reached"]),
            {True: "ok", False: "MISS", None: f"{line['pairs']} of {wanted} pairs"}[line["passed"]],
        ]
        for line in lines
    ]
    return table(["bar", "wanted", "reached", "passed"], rows)
