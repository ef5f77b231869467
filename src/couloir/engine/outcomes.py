"""What became of the members of a population: histories, states, ranks.

On the host, in plain Python: `couloir.engine.training` fills these in, epoch by epoch, and everything that
chooses among members reads them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from couloir.engine.member import Member
from couloir.engine.metrics import DEFAULT_METRIC, METRICS

End = Literal["finished", "stopped", "left", "diverged"]
"""At the end of its budget; no longer improving; out at a rung; no longer finite."""

ENDS: tuple[End, ...] = get_args(End)

Status = Literal["training", End]
"""Still at it, or at one of its ends."""


@dataclass
class Outcome:
    """How one member has fared so far, in one fold.

    `training` and `validation` hold a dict of metrics for every epoch run. `score` is the best
    validation value of the metric that members are chosen by; `best_epoch` 0 means none yet.
    `network` is the member's best weights, layers of (weight [output, input], bias [output]).
    """

    member: Member
    status: Status = "training"
    best_epoch: int = 0
    score: float = math.nan
    training: list[dict[str, float]] = field(default_factory=list)
    validation: list[dict[str, float]] = field(default_factory=list)
    network: Any = None

    @property
    def epochs_run(self) -> int:
        """Epochs that this member was trained for."""
        return len(self.validation)

    @property
    def eligible(self) -> bool:
        """Whether it may be chosen: it has a score, and has not diverged."""
        return bool(self.best_epoch) and self.status != "diverged"

    @property
    def diverged_epoch(self) -> int | None:
        """The epoch in which its loss or parameters stopped being finite, or None."""
        return self.epochs_run if self.status == "diverged" else None

    def record(
        self,
        training: dict[str, float],
        validation: dict[str, float],
        improved: bool,
        finite: bool,
        metric: str,
        patience: int | None,
    ) -> None:
        """Take note of one more epoch and decide whether it was the last."""
        self.training.append(training)
        self.validation.append(validation)
        if improved:
            self.best_epoch, self.score = self.epochs_run, validation[metric]
        if not finite:
            self.status = "diverged"
        elif self.epochs_run >= self.member.epochs:
            self.status = "finished"
        elif patience is not None and self.epochs_run - self.best_epoch >= patience:
            self.status = "stopped"


def ranking_key(outcome: Outcome, metric: str) -> tuple[float, float]:
    """What members are sorted by, best first: the metric on validation, then the default metric."""
    if not outcome.eligible:
        return math.inf, math.inf
    scores = outcome.validation[outcome.best_epoch - 1]
    return METRICS[metric].sign * scores[metric], scores[DEFAULT_METRIC[METRICS[metric].task]]


def ranking(outcomes: Sequence[Outcome], metric: str) -> list[int]:
    """The members' numbers, best on validation first, those last that may not be chosen."""
    return sorted(range(len(outcomes)), key=lambda number: ranking_key(outcomes[number], metric))


def eligible(outcomes: Sequence[Outcome], metric: str) -> list[int]:
    """The numbers of the members that may be chosen, best on validation first."""
    return [number for number in ranking(outcomes, metric) if outcomes[number].eligible]


def leader(outcomes: Sequence[Outcome], metric: str) -> Outcome | None:
    """The member to choose: best on validation, never one that diverged; None if there is none."""
    first = min(outcomes, key=lambda outcome: ranking_key(outcome, metric))
    return first if first.eligible else None


def ending(outcomes: Sequence[Outcome]) -> End:
    """How a member ended: the worst of its ends in the folds."""
    ends = {outcome.status for outcome in outcomes}
    order: tuple[End, ...] = ("diverged", "left", "stopped", "finished")
    return next(status for status in order if status in ends)


def mean_curve(
    outcomes: Sequence[Outcome], part: Literal["training", "validation"], metric: str
) -> np.ndarray:
    """A member's scores on a part ("training", "validation") by epoch, [epoch], averaged over the folds.

    A fold that has ended goes on with its last score, since the mean would jump without it.
    """
    longest = max(outcome.epochs_run for outcome in outcomes)
    curves = np.empty((len(outcomes), longest))
    for fold, outcome in enumerate(outcomes):
        values = [scores[metric] for scores in getattr(outcome, part)]
        curves[fold] = values + values[-1:] * (longest - len(values))
    return np.asarray(curves.mean(axis=0))


# Successive halving ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rung:
    """After `epoch`, the best `keep` (a share) of the members that have come so far go on."""

    epoch: int
    keep: float


@dataclass(frozen=True)
class RungResult:
    """What happened at a rung: how many came to it and were kept, and the score of the last one kept."""

    epoch: int
    entered: int
    kept: int
    cut: float | None


def halving(epochs: int, keep: float = 1 / 4, rungs: int = 2) -> tuple[Rung, ...]:
    """Successive halving (Jamieson & Talwalkar 2016) of a budget: rungs at epochs·keep, epochs·keep², ….

    Args:
        epochs: the whole budget.
        keep: the share that goes on at each rung; Li et al. (2018) advise a third or a quarter. (Of 12
            grids of 200 settings in five folds, each of the two left the whole training's winner in 10.)
        rungs: how many there are; those that would fall below the first epoch are left out.
    """
    at = [round(epochs * keep**power) for power in range(rungs, 0, -1)]
    return tuple(Rung(epoch, keep) for epoch in dict.fromkeys(at) if 1 <= epoch < epochs)


def thin_out(folds: Sequence[Sequence[Outcome]], rung: Rung, metric: str) -> RungResult | None:
    """At a rung, make the worse members leave; None where nobody is in training any more.

    A member is judged by the mean over the folds of its best score so far. Those that have stopped by
    themselves compete too, since what they reached stays; those that left before or diverged do not.
    """
    sign = METRICS[metric].sign
    members = [tuple(fold[number] for fold in folds) for number in range(len(folds[0]))]
    there = [
        number
        for number, outcomes in enumerate(members)
        if not any(outcome.status in ("left", "diverged") for outcome in outcomes)
    ]
    if not any(outcome.status == "training" for number in there for outcome in members[number]):
        return None
    scores = {number: _mean_score(members[number], sign) for number in there}
    order = sorted(there, key=lambda number: scores[number])
    kept = order[: max(1, math.ceil(rung.keep * len(order) - 1e-9))]
    for number in order[len(kept) :]:
        for outcome in members[number]:
            outcome.status = "left" if outcome.status == "training" else outcome.status
    cut = scores[kept[-1]]
    return RungResult(rung.epoch, len(there), len(kept), sign * cut if math.isfinite(cut) else None)


def _mean_score(outcomes: Sequence[Outcome], sign: int) -> float:
    scores = [sign * outcome.score if outcome.best_epoch else math.inf for outcome in outcomes]
    return float(np.mean(scores))


@dataclass(frozen=True)
class Trained:
    """A population after training, in every fold that it was trained in.

    Attributes:
        folds: per fold the outcomes of all members, in the order given.
        metric: what members were stopped by and are chosen by.
        member_samples: training samples seen, summed over members and folds.
        seconds: spent on training, without compiling.
        compile_seconds: spent on tracing and compiling.
        rungs: what happened at the rungs, if there were any.
    """

    folds: list[list[Outcome]]
    metric: str
    member_samples: int
    seconds: float
    compile_seconds: float
    rungs: tuple[RungResult, ...] = ()

    @property
    def outcomes(self) -> list[Outcome]:
        """One per member, in the first fold, which for most uses is the only one."""
        return self.folds[0]

    @property
    def winner(self) -> Outcome | None:
        """The member with the best validation score in the first fold; None when every one diverged."""
        return leader(self.outcomes, self.metric)
