"""What the settings of a portfolio are called, what they differ in, and what that came to.

A setting is a member of a portfolio: a way of reading numbers, a network, a way of training. Those of one
network, which is encoding, architecture, hidden units and activation, are drawn in one colour.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from couloir import options
from couloir import text as words
from couloir.engine.metrics import METRICS
from couloir.figures import scores, theme
from couloir.figures.chart import Row, Run

if TYPE_CHECKING:
    from couloir.runs.records import LearnedRecord, Record, TrainRecord

NETWORK = ("encoding", "architecture", "hidden", "activation")
"""The hyperparameters that make a network, in the order in which they are told."""

TRAINING = ("dropout", "weight_decay", "learning_rate", "schedule", "epochs")
"""Those of how it is trained, which come next; others follow in the order of the leaderboard."""

ROLES = ("right", "wrong", "further-3", "further-2", "adamw", "adagrad", "further-4", "quiet")
"""The colours of networks, best first; where there are more of them, from the first again."""

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "pentagon", "triangle-down", "star", "hexagram")


@dataclass(frozen=True)
class Setting:
    """A setting and what came of it.

    Attributes:
        row: its row of the leaderboard.
        score: on the rows that settings are judged by; None where it diverged.
        folds: the scores in the folds that this is the mean of; none without folds.
        weight: in the average; 0 where it is not in it.
    """

    row: Row
    score: float | None
    folds: list[float]
    weight: float

    @property
    def network(self) -> str:
        """Its encoding, architecture, hidden units and activation in words."""
        return network(self.row)

    @property
    def epochs(self) -> str:
        """How far it came."""
        return words.count(self.row["epochs_run"], "epoch")


def is_portfolio(record: Record) -> bool:
    """Whether a run trained a portfolio."""
    return getattr(record, "plan", "rules") == "portfolio"


def judged_on(record: LearnedRecord) -> str:
    """What the rows are called that settings are judged by."""
    return "held-out" if record.cross_validation else "validation"


def settings(run: Run[TrainRecord]) -> list[Setting]:
    """The settings of a run, best first; after them those that diverged."""
    metric = run.record.metric
    column = METRICS[metric].column("validation")
    weights = {share.member: share.weight for share in run.record.ensemble or []}
    by_member = scores.grouped(_fold_rows(run), "member")
    found = []
    for row in run.leaderboard.to_dicts():
        score = row[column] if scores.finite(row[column]) and row["status"] != "diverged" else None
        folds = by_member.get(row["member"], [])
        values = [fold[metric] for fold in folds if scores.finite(fold.get(metric))]
        found.append(Setting(row, score, values, weights.get(row["member"], 0.0)))
    sign = METRICS[metric].sign
    return sorted(found, key=lambda each: math.inf if each.score is None else sign * each.score)


def _fold_rows(run: Run[TrainRecord]) -> list[Row]:
    """The rows of the table of folds; none where the run has no such table."""
    frame = getattr(run, "tables", {}).get("folds")
    return [] if frame is None else list(frame.to_dicts())


def network(values: Row) -> str:
    """The network of a row of the leaderboard, or of a winner's hyperparameters: "standard · 64-64 relu".

    Where it is no multilayer perceptron its architecture stands before the units.
    """
    hidden = values["hidden"]
    layers = hidden if isinstance(hidden, str) else "-".join(map(str, hidden))
    units = "no hidden layer" if layers in ("", "none") else f"{layers} {values['activation']}"
    architecture = values.get("architecture") or "mlp"
    return f"{values['encoding']} · {units if architecture == 'mlp' else f'{architecture} {units}'}"


def in_words(values: Row) -> str:
    """The same in a sentence: "encoding standard with 64-64 relu units"."""
    encoding, _, units = network(values).partition(" · ")
    return f"encoding {encoding} with {units}" + (
        " units" if values["hidden"] not in ([], "none", "") else ""
    )


def networks(found: Iterable[Setting]) -> dict[str, list[Setting]]:
    """The settings by network, networks and settings best first."""
    grouped: dict[str, list[Setting]] = {}
    for each in found:
        grouped.setdefault(each.network, []).append(each)
    return grouped


def roles(found: Iterable[Setting]) -> dict[str, str]:
    """By network the role of its colour in `couloir.figures.theme.PALETTE`."""
    return {name: ROLES[place % len(ROLES)] for place, name in enumerate(networks(found))}


def style(run: Run[TrainRecord], name: str) -> theme.RuleStyle:
    """How a network is drawn."""
    place = list(networks(settings(run))).index(name) % len(ROLES)
    return theme.RuleStyle(theme.colour(ROLES[place]), "solid", SYMBOLS[place])


def varied(rows: Sequence[Row]) -> list[str]:
    """The hyperparameters that settings differ in: of the network, of the training, others."""
    known = {*options.MEMBER, "restart"}
    names = [name for name in rows[0] if name in known] if rows else []
    first = [name for name in (*NETWORK, *TRAINING) if name in names]
    ordered = [*first, *(name for name in names if name not in first)]
    return [name for name in ordered if len({str(row[name]) for row in rows}) > 1]


def told(row: Row, names: Iterable[str]) -> str:
    """Some hyperparameters of a setting in words: "rate 0.01, dropout 0.3, 40 epochs"."""
    return ", ".join(_told(name, row[name]) for name in names if row[name] is not None)


def _told(name: str, value: Any) -> str:
    if name == "learning_rate":
        return f"rate {words.number(value)}"
    if name == "epochs":
        return words.count(value, "epoch")
    if name in ("encoding", "architecture", "hidden", "activation", "optimizer", "schedule"):
        return words.setting(value)
    return f"no {options.label(name)}" if value == 0 else f"{options.label(name)} {words.setting(value)}"


def labels(found: Sequence[Setting]) -> dict[int, str]:
    """By member what tells a setting from the others of its network: rate, dropout, and what it takes."""
    names = [name for name in varied([each.row for each in found]) if name not in NETWORK]
    usual = [name for name in ("learning_rate", "dropout") if name in names] or ["learning_rate"]
    further = [name for name in names if name not in usual]
    made: dict[int, str] = {}
    for group in networks(found).values():
        used: list[str] = list(usual)
        for name in further:
            if len({told(each.row, used) for each in group}) == len(group):
                break
            if len({str(each.row[name]) for each in group}) > 1:
                used.append(name)
        for each in group:
            made[each.row["member"]] = told(each.row, used)
    return made


def label(name: str) -> str:
    """A hyperparameter in a sentence."""
    return {"hidden": "hidden units", "epochs": "number of epochs"}.get(name) or options.label(name)


class Value(NamedTuple):
    """A value of a hyperparameter, and the best score of a setting with it; None where all diverged."""

    value: Any
    best: float | None


def mattered(found: Sequence[Setting], metric: str) -> dict[str, list[Value]]:
    """By hyperparameter that settings differ in its values, by the best score of a setting with each."""
    sign = METRICS[metric].sign
    made = {}
    for name in varied([each.row for each in found]):
        values = []
        for value in dict.fromkeys(each.row[name] for each in found):
            having = [each for each in found if each.row[name] == value]
            judged = [each.score for each in having if each.score is not None]
            best = min(judged, key=lambda score: sign * score, default=None)
            values.append(Value(value, best))
        made[name] = sorted(values, key=lambda each: math.inf if each.best is None else sign * each.best)
    return made


def lag(metric: str, best: float, other: float) -> float | None:
    """How far a score lies behind a better one: of a loss the share of it, of others the difference."""
    if METRICS[metric].more_is_better:
        return best - other
    return other / best - 1 if best > 0 else None


def lag_words(metric: str, best: float, other: float) -> str:
    """The same in words: "7.4 %" of a loss, "37-fold"; "1.2 points" of a share."""
    found = lag(metric, best, other)
    if found is None:
        return "–"
    if metric in words.SHARES:
        return f"{words.number(100 * found, 2)} points"
    if METRICS[metric].more_is_better:
        return words.number(found, 2)
    return f"{words.number(1 + found, 2)}-fold" if found >= 9 else f"{words.number(100 * found, 2)}\u202f%"
