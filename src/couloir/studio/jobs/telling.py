"""How a run goes, told as plain values: an observer for the page in place of the terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from couloir.commands.progress import seconds_left
from couloir.commands.train import Observer
from couloir.engine.outcomes import Status, mean_curve, ranking_key

if TYPE_CHECKING:
    from couloir.engine.outcomes import Outcome
    from couloir.engine.training import Progress
    from couloir.selection.problem import Plan, Problem

Tell = Callable[..., None]
"""tell(event, **values) sends one line to the studio."""

Ranked = tuple[float, dict[str, Any]]
"""A rule's rank, the lower the better, and what the page shows of it."""

PAUSE = 0.25
"""Seconds between two looks at the population."""

LONGEST = 160
"""Points of a curve; longer ones are thinned out evenly, their last point kept."""

STATUSES: tuple[Status, ...] = get_args(Status)


class Teller(Observer):
    """An observer that tells the studio: the stages, and the best of every rule with its curve."""

    def __init__(
        self, tell: Tell, verb: str, minutes: float | None = None, unwanted: threading.Event | None = None
    ) -> None:
        """Tell how a verb goes that has so many minutes; a search's earlier generations stay on the board.

        `unwanted` is set when the job is to end; while nothing has been learnt it then does so here.
        """
        self.tell, self.verb, self.minutes = tell, verb, minutes
        self.unwanted = unwanted or threading.Event()
        self.looked, self.epochs_before, self.learnt = -np.inf, 0, False
        self.before: dict[str, Ranked] = {}
        self.now: dict[str, Ranked] = {}

    def loaded(self, problem: Problem) -> None:
        """The data are there."""
        self._go_on()

    def planned(self, plan: Plan) -> None:
        """Training comes next."""
        self._go_on()
        self.stage("compiling the program")

    def stage(self, what: str) -> None:
        """Tell what takes time now."""
        self.tell("stage", what=what)

    def epoch(self, progress: Progress) -> None:
        """Tell where the population stands, not more often than the page draws."""
        self._go_on()
        over = progress.epoch == progress.epochs or not progress.count("training")
        now = time.monotonic()
        if progress.epoch <= self.epochs_before:  # another population
            self.before = _together(self.before, self.now) if self.verb == "search" else {}
        self.learnt, self.epochs_before = True, progress.epoch
        if now - self.looked < PAUSE and not over:
            return
        self.looked, self.now = now, _board(progress)
        self.tell(
            "epoch",
            epoch=progress.epoch,
            epochs=progress.epochs,
            metric=progress.metric,
            left=seconds_left(progress, self.minutes),
            counts={status: progress.count(status) for status in STATUSES},
            board=[entry for _, entry in sorted(_together(self.before, self.now).values(), key=_RANK)],
        )

    def _go_on(self) -> None:
        """End a job that nobody wants and that has learnt nothing.

        An interruption says so as an exception, which a library that is being imported may swallow.
        """
        if self.unwanted.is_set() and not self.learnt:
            raise KeyboardInterrupt


_RANK = itemgetter(0)


def _board(progress: Progress) -> dict[str, Ranked]:
    """Per rule its best member so far, with the curve of its validation scores, averaged over the folds."""
    by_rule: dict[str, list[Sequence[Outcome]]] = {}
    for outcomes in zip(*progress.folds, strict=True):
        by_rule.setdefault(outcomes[0].member.rule.name, []).append(outcomes)
    return {rule: _entry(rule, members, progress.metric) for rule, members in by_rule.items()}


def _entry(rule: str, members: list[Sequence[Outcome]], metric: str) -> Ranked:
    ranks = [float(np.mean([ranking_key(each, metric)[0] for each in outcomes])) for outcomes in members]
    restarts = [outcomes[0].member.restart for outcomes in members]
    first = min(range(len(members)), key=lambda number: (ranks[number], restarts[number]))
    rank, best = ranks[first], members[first]
    values = mean_curve(best, "validation", metric)
    shown = np.unique(np.linspace(0, len(values) - 1, min(len(values), LONGEST)).round().astype(int))
    statuses = [outcome.status for outcomes in members for outcome in outcomes]
    return rank, {
        "rule": rule,
        "learning_rate": best[0].member.learning_rate,
        "score": float(np.mean([outcome.score for outcome in best])) if np.isfinite(rank) else None,
        "best_epoch": float(np.median([outcome.best_epoch for outcome in best])),
        "members": len(statuses),
        "counts": {status: statuses.count(status) for status in STATUSES},
        "epochs": (shown + 1).tolist(),
        "curve": values[shown].tolist(),
    }


def _together(one: dict[str, Ranked], other: dict[str, Ranked]) -> dict[str, Ranked]:
    """Of every rule the better entry, its members counted in both."""
    found = one | other
    for rule in one.keys() & other.keys():
        both = one[rule], other[rule]
        rank, better = min(both, key=_RANK)
        counts = {status: sum(entry["counts"][status] for _, entry in both) for status in STATUSES}
        found[rule] = rank, {**better, "members": sum(counts.values()), "counts": counts}
    return found
