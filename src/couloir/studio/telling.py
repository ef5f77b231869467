"""How a run goes, told as plain values: an observer for the page in place of the terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from couloir.cli.display import data_lines, seconds_left
from couloir.commands.train import Observer
from couloir.engine.metrics import METRICS

if TYPE_CHECKING:
    from couloir.engine.outcomes import Outcome, Status
    from couloir.engine.training import Progress
    from couloir.selection.problem import Plan, Problem

Tell = Callable[..., None]
"""tell(event, **values) sends one line to the studio."""

PAUSE = 0.25
"""Seconds between two looks at the population."""

LONGEST = 160
"""Points of a curve; longer ones are thinned out evenly, their last point kept."""

STATUSES: tuple[Status, ...] = ("training", "finished", "stopped", "left", "diverged")


class Teller(Observer):
    """An observer that tells the studio: data, plan, stages, and the best of every rule with its curve."""

    def __init__(
        self, tell: Tell, verb: str, minutes: float | None = None, unwanted: threading.Event | None = None
    ) -> None:
        """Tell by calling `tell`; a search's earlier generations stay on the board.

        Args:
            tell: sends an event.
            verb: what is done.
            minutes: the time it has.
            unwanted: set when the job is to end; while nothing has been learnt it then does so here.
        """
        self.tell, self.verb, self.minutes = tell, verb, minutes
        self.unwanted = unwanted or threading.Event()
        self.looked, self.epochs_before, self.learnt = -np.inf, 0, False
        self.before: dict[str, dict[str, Any]] = {}
        self.now: dict[str, dict[str, Any]] = {}

    def loaded(self, problem: Problem) -> None:
        """Tell what was found in the data."""
        self._go_on()
        self.tell("data", **described(problem))

    def planned(self, plan: Plan) -> None:
        """Tell what it is predicted to take."""
        self._go_on()
        self.tell("plan", **asdict(plan.cost))
        self.stage("compiling the program")

    def stage(self, what: str) -> None:
        """Tell what takes time now."""
        self.tell("stage", what=what)

    def epoch(self, progress: Progress) -> None:
        """Tell where the population stands, not more often than the page draws."""
        self._go_on()
        over = progress.epoch == progress.epochs or not progress.count("training")
        now = time.monotonic()
        fresh = progress.epoch <= self.epochs_before
        self.learnt, self.epochs_before = True, progress.epoch
        if fresh:
            self.before = _merged(self.before, self.now, progress.metric) if self.verb == "search" else {}
        if now - self.looked < PAUSE and not over:
            return
        self.looked = now
        self.now = board(progress)
        entries = _merged(self.before, self.now, progress.metric)
        sign = _sign(progress.metric)
        self.tell(
            "epoch",
            epoch=progress.epoch,
            epochs=progress.epochs,
            metric=progress.metric,
            folds=len(progress.folds),
            compiling=progress.compile_seconds,
            pace=progress.member_samples / max(progress.seconds, 1e-9),
            left=seconds_left(progress, self.minutes),
            counts={status: progress.count(status) for status in STATUSES},
            board=sorted(entries.values(), key=lambda entry: _key(entry, sign)),
        )

    def _go_on(self) -> None:
        """End a job that nobody wants and that has learnt nothing.

        An interruption says so as an exception, which a library that is being imported may swallow.
        """
        if self.unwanted.is_set() and not self.learnt:
            raise KeyboardInterrupt


def described(problem: Problem) -> dict[str, Any]:
    """What was found in the data, in lines, and what to beware of: [sentence, columns to leave out]."""
    lines = [[label, text] for label, text in data_lines(problem) if label != "warning"]
    return {
        "lines": lines,
        "warnings": [[each.said, ",".join(each.columns)] for each in problem.checked],
        "task": problem.data.task,
    }


def board(progress: Progress) -> dict[str, dict[str, Any]]:
    """Per rule its best member so far, with the curve of its validation scores, averaged over the folds."""
    sign = _sign(progress.metric)
    by_rule: dict[str, list[Sequence[Outcome]]] = {}
    for outcomes in zip(*progress.folds, strict=True):
        by_rule.setdefault(outcomes[0].member.rule.name, []).append(outcomes)
    return {rule: _entry(rule, members, progress.metric, sign) for rule, members in by_rule.items()}


def _entry(rule: str, members: list[Sequence[Outcome]], metric: str, sign: int) -> dict[str, Any]:
    best = min(members, key=lambda outcomes: (_score(outcomes, sign), outcomes[0].member.restart))
    member, score = best[0].member, sign * _score(best, sign)
    values = _curve(best, metric)
    shown = np.unique(np.linspace(0, len(values) - 1, min(len(values), LONGEST)).round().astype(int))
    statuses = [outcome.status for outcomes in members for outcome in outcomes]
    return {
        "rule": rule,
        "learning_rate": member.learning_rate,
        "hidden": "-".join(map(str, member.hidden)) or "none",
        "score": float(score) if np.isfinite(score) else None,
        "best_epoch": float(np.median([outcome.best_epoch for outcome in best])),
        "members": len(statuses),
        "counts": {status: statuses.count(status) for status in STATUSES},
        "epochs": (shown + 1).tolist(),
        "curve": values[shown].tolist(),
    }


def _score(outcomes: Sequence[Outcome], sign: int) -> float:
    """What a member is ranked by: its mean best score over the folds, the lower the better."""
    if any(not outcome.best_epoch or outcome.status == "diverged" for outcome in outcomes):
        return np.inf
    return float(np.mean([sign * outcome.score for outcome in outcomes]))


def _curve(outcomes: Sequence[Outcome], metric: str) -> np.ndarray:
    """The metric on validation by epoch, [epoch]: the mean over the folds, an ended one at its last value."""
    longest = max(outcome.epochs_run for outcome in outcomes)
    curves = np.full((len(outcomes), longest), np.nan)
    for fold, outcome in enumerate(outcomes):
        values = [scores[metric] for scores in outcome.validation]
        curves[fold] = values + values[-1:] * (longest - len(values))
    return np.asarray(curves.mean(axis=0))


def _merged(
    one: dict[str, dict[str, Any]], other: dict[str, dict[str, Any]], metric: str
) -> dict[str, dict[str, Any]]:
    """Of every rule the better entry, its members counted in both."""
    sign, found = _sign(metric), dict(one)
    for rule, entry in other.items():
        if rule not in found:
            found[rule] = entry
            continue
        earlier = found[rule]
        counts = {status: earlier["counts"][status] + entry["counts"][status] for status in STATUSES}
        members = earlier["members"] + entry["members"]
        better = min(earlier, entry, key=lambda each: _key(each, sign))
        found[rule] = {**better, "members": members, "counts": counts}
    return found


def _key(entry: dict[str, Any], sign: int) -> float:
    return np.inf if entry["score"] is None else sign * entry["score"]


def _sign(metric: str) -> int:
    return -1 if METRICS[metric].more_is_better else 1
