"""A training that waits for whoever looks at it.

`Live` runs `couloir.engine.training.train_population` in a thread. After every epoch its callback keeps the
present weights and scores, and waits as soon as it is far enough ahead of what was asked for: who does not
ask has paused it. Every epoch that was trained can be looked at again.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np

from couloir.engine.architectures.mlp import Network
from couloir.engine.epochs import TrainingData
from couloir.engine.member import Member, initial_network
from couloir.engine.metrics import DEFAULT_METRIC, metrics_of
from couloir.engine.outcomes import Outcome, Status, ranking_key
from couloir.engine.training import Precision, Progress, train_population
from couloir.landscapes.planes import flattened, shaped

AHEAD = 48
"""Epochs that are trained ahead of what was asked for."""

STATES: tuple[Status, ...] = get_args(Status)
"""A member's states, as the numbers that the page gets."""

NOT_YET = -1


@dataclass
class Moment:
    """The population after an epoch.

    Attributes:
        weights: of every member all parameters in a row, [parameter].
        scores: [member, part, metric]: training, then validation; NaN where a member no longer trains.
        states: numbers in `STATES`, [member].
        best: the epoch of each member's best score so far, 0 before the first, [member].
        stops: the epoch in which patience ended, or would have ended, `NOT_YET` before, [member].
        leader: the member that is ahead on validation, or `NOT_YET`.
    """

    weights: list[np.ndarray]
    scores: np.ndarray
    states: np.ndarray
    best: np.ndarray
    stops: np.ndarray
    leader: int = NOT_YET


@dataclass
class Live:
    """A population in training, one epoch after another as they are asked for.

    Attributes:
        members, data, seed, patience: as in `train_population`.
        stop_after: what `patience` is for marking where a member would have stopped; None: nothing is marked.
        precision: of the training.
        before: a training that has to end first.
        moments: what has been trained so far, by the epoch; the first is before the first step.
        error: what ended the training before its time.
        ended: whether it has been asked to end.
        done: whether there will be no further moments.
    """

    members: Sequence[Member]
    data: TrainingData
    seed: int
    patience: int | None
    stop_after: int | None
    precision: Precision = "float32"
    before: Live | None = None
    moments: list[Moment] = field(default_factory=list)
    error: Exception | None = None
    ended: bool = False
    done: bool = False

    def __post_init__(self) -> None:
        """Begin in a thread, which trains nothing before the training `before` has ended."""
        self.metric = DEFAULT_METRIC[self.data.task]
        self.metrics = metrics_of(self.data.task)
        self._changed = threading.Condition()
        self._wanted = 0
        self._initial = [
            initial_network(member, self.seed, widths[0], widths[-1], self.precision)
            for member, widths in zip(self.members, self.widths, strict=True)
        ]
        self.moments.append(self._start())
        self.thread = threading.Thread(target=self._run, name="couloir-studio-network", daemon=True)
        self.thread.start()

    @property
    def widths(self) -> list[tuple[int, ...]]:
        """Units of every member's layers, from the inputs to the outputs."""
        inputs = self.data.train.inputs.shape[1]
        return [(inputs, *member.hidden, self.data.outputs) for member in self.members]

    def at(self, epoch: int, seconds: float) -> Moment | None:
        """The population after an epoch; None where it has not come so far in that time.

        Training that ended earlier gives its last moment.
        """
        with self._changed:
            self._wanted = max(self._wanted, epoch)
            self._changed.notify_all()
            self._changed.wait_for(lambda: len(self.moments) > epoch or self.done, seconds)
            if self.error is not None:
                raise self.error
            if len(self.moments) > epoch:
                return self.moments[epoch]
            return self.moments[-1] if self.done else None

    def network(self, epoch: int, member: int) -> Network:
        """A member's weights after an epoch."""
        return shaped(self.moments[epoch].weights[member], self._initial[member])

    def end(self, seconds: float | None = 0.0) -> None:
        """End after the present epoch, and wait so long for that."""
        with self._changed:
            self.ended = True
            self._changed.notify_all()
        self.thread.join(seconds)

    def _in_a_row(self, network: Network) -> np.ndarray:
        return flattened(network).astype(self.precision)

    # In the thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            if self.before is not None:
                self.before.thread.join()
                self.before = None
            if not self.ended:
                train_population(
                    self.members,
                    self.data,
                    seed=self.seed,
                    patience=self.patience,
                    on_epoch=self._note,
                    precision=self.precision,
                )
        except Exception as error:
            self.error = error
        finally:
            with self._changed:
                self.done = True
                self._changed.notify_all()

    def _note(self, progress: Progress) -> bool:
        """Keep what an epoch gave; then wait until somebody wants more."""
        moment = self._moment(progress)
        with self._changed:
            self.moments.append(moment)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.ended or self._wanted + AHEAD > progress.epoch)
        return self.ended

    def _moment(self, progress: Progress) -> Moment:
        before, outcomes = self.moments[-1], progress.folds[0]
        networks = progress.networks()
        weights = [
            self._in_a_row(networks[number]) if number in networks else before.weights[number]
            for number in range(len(self.members))
        ]
        stops = before.stops.copy()
        for number, outcome in enumerate(outcomes):
            if stops[number] == NOT_YET and self._out_of_patience(outcome):
                stops[number] = outcome.epochs_run
        return Moment(
            weights,
            np.stack([self._scores(outcome, progress.epoch) for outcome in outcomes]),
            np.array([STATES.index(outcome.status) for outcome in outcomes], np.uint8),
            np.array([outcome.best_epoch for outcome in outcomes], np.int32),
            stops,
            self._leader(outcomes),
        )

    def _scores(self, outcome: Outcome, epoch: int) -> np.ndarray:
        if outcome.epochs_run < epoch:
            return np.full((2, len(self.metrics)), np.nan)
        parts = outcome.training[-1], outcome.validation[-1]
        return np.array([[part[name] for name in self.metrics] for part in parts])

    def _out_of_patience(self, outcome: Outcome) -> bool:
        waited = outcome.epochs_run - outcome.best_epoch
        return self.stop_after is not None and outcome.status != "diverged" and waited >= self.stop_after

    def _leader(self, outcomes: Sequence[Outcome]) -> int:
        keys = [ranking_key(outcome, self.metric) for outcome in outcomes]
        first = min(range(len(keys)), key=lambda number: keys[number])
        return first if np.isfinite(keys[first][0]) else NOT_YET

    def _start(self) -> Moment:
        """The population before the first step: the engine's own initial weights, and no scores yet."""
        count = len(self.members)
        return Moment(
            [self._in_a_row(network) for network in self._initial],
            np.full((count, 2, len(self.metrics)), np.nan),
            np.zeros(count, np.uint8),
            np.zeros(count, np.int32),
            np.full(count, NOT_YET, np.int32),
        )
