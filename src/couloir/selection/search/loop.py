"""A search: generations of trials, each trained as one population with successive halving.

A generation is asked of the study, trained, and told. Its best members join a pool, which is kept on disk
beside the study's journal: a search that is killed has lost at most the generation in hand.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from couloir.engine import placement
from couloir.engine.architectures.mlp import parameter_count
from couloir.engine.member import Member
from couloir.engine.metrics import DEFAULT_METRIC, METRICS
from couloir.engine.outcomes import Outcome, Rung, RungResult, Trained, ending, halving
from couloir.engine.training import Callback, train_population
from couloir.errors import InputError
from couloir.model.predictor import Model, from_network
from couloir.selection.averages import POOL, Candidate
from couloir.selection.cross_validation import CrossValidation, out_of_fold
from couloir.selection.evaluation import Judged
from couloir.selection.members import Options
from couloir.selection.problem import Conditions, Problem, predict
from couloir.selection.search.space import Space
from couloir.selection.search.study import Study, Trial, TrialResult

GENERATION = 64
"""Trials in a generation."""

FEWEST_BLOCKS, MOST_BLOCKS = 2, 8
"""Groups of trials of a generation that share what a program depends on: each may have to be compiled, so
there are few where training takes less time than compiling."""

HALVING_SHARE = 0.3
"""What halving leaves of the work, about: for predictions of time."""


@dataclass(frozen=True)
class Generation:
    """What one generation came to.

    Attributes:
        results: one for each trial, in the order they were asked in.
        candidates: trials that may enter the pool: models, answers and curves.
        rungs: what happened at the rungs.
        member_samples, seconds, compile_seconds: of its training.
    """

    results: list[TrialResult]
    candidates: list[PoolEntry]
    rungs: tuple[RungResult, ...]
    member_samples: int
    seconds: float
    compile_seconds: float


@dataclass(frozen=True)
class PoolEntry:
    """A trial whose networks are kept: its models (one, or one of each fold) and its mean curves.

    `curves` are [2, epoch]: training and validation loss, averaged over the folds.
    """

    trial: int
    value: float
    models: list[Model]
    curves: np.ndarray


# One generation -------------------------------------------------------------------------------------------


def first_generation(space: Space, task: str, count: int) -> list[dict[str, Any]]:
    """The default population of `couloir train`, as far as it lies in the space: where to begin.

    At most `count` of it, spread evenly over rules and rates.
    """
    found: list[dict[str, Any]] = []
    for member in Options().members(task):
        values = space.parameters(member, nearest=True)
        if values is not None and values not in found:
            found.append(values)
    if len(found) <= count:
        return found
    return [found[round(i * (len(found) - 1) / max(count - 1, 1))] for i in range(count)]


def train_generation(
    problem: Problem,
    members: Sequence[Member],
    first: int,
    conditions: Conditions,
    metric: str,
    rungs: Sequence[Rung],
    on_epoch: Callback | None = None,
) -> Generation:
    """Train the members of a generation and score them.

    Args:
        problem: the data, with folds or a validation part.
        members: what the trials stand for.
        first: the number of the first trial.
        conditions: seed, patience and precision.
        metric: what trials are ranked by.
        rungs: where the worse leave.
        on_epoch: called after every epoch; training ends when it returns True.
    """
    trained = train_population(
        members,
        problem.trained_on,
        seed=conditions.seed,
        patience=conditions.patience,
        metric=metric,
        rungs=rungs,
        on_epoch=on_epoch,
        precision=conditions.precision,
        machine=conditions.machine,
    )
    scored = _in_folds(problem, trained, metric) if problem.folds else _on_validation(problem, trained)
    results, candidates = [], []
    for number, (value, models, attributes) in enumerate(scored):
        outcomes = [fold[number] for fold in trained.folds]
        results.append(
            TrialResult(
                value,
                ending(outcomes),
                tuple(_at_rungs(outcomes, trained.rungs, metric)),
                {
                    **attributes,
                    "best_epochs": [outcome.best_epoch for outcome in outcomes],
                    "epochs_run": sum(outcome.epochs_run for outcome in outcomes),
                    "n_parameters": parameter_count(problem.widths(members[number])),
                },
            )
        )
        if value is not None and models:
            candidates.append(PoolEntry(first + number, value, models, _curves(outcomes)))
    return Generation(
        results, candidates, trained.rungs, trained.member_samples, trained.seconds, trained.compile_seconds
    )


Scored = tuple[float | None, list[Model], dict[str, Any]]


def _on_validation(problem: Problem, trained: Trained) -> list[Scored]:
    """Per member its best validation score, None where it left or diverged, and its model."""
    found: list[Scored] = []
    for outcome in trained.outcomes:
        if outcome.status in ("left", "diverged") or not outcome.best_epoch:
            found.append((None, [], {}))
        else:
            model = from_network(outcome.network, outcome.member.activation, problem.preparation)
            found.append((float(outcome.score), [model], {}))
    return found


def _in_folds(problem: Problem, trained: Trained, metric: str) -> list[Scored]:
    """Per member its mean score on what the folds held out, and its models.

    The attributes hold every fold's score, and the score on the rows it was stopped by, from which the
    nested estimate is made.
    """
    crossed = CrossValidation(problem, trained, metric)
    found: list[Scored] = []
    for member in range(len(trained.outcomes)):
        if not np.isfinite(crossed.means[member][0]):
            found.append((None, [], {}))
            continue
        attributes = {
            "held_out": {name: values[member].tolist() for name, values in crossed.scores.items()},
            "stopping": [float(fold[member].score) for fold in trained.folds],
        }
        value = float(np.mean(crossed.scores[metric][member]))
        found.append((value, crossed.models(member), attributes))
    return found


def _at_rungs(
    outcomes: Sequence[Outcome], rungs: Sequence[RungResult], metric: str
) -> list[tuple[int, float]]:
    """(epoch, mean best score so far) at every rung that a member came to."""
    pick = max if METRICS[metric].more_is_better else min
    found = []
    for rung in rungs:
        gone = [_gone(outcome, rung.epoch) for outcome in outcomes]
        so_far = [[scores[metric] for scores in outcome.validation[: rung.epoch]] for outcome in outcomes]
        finite = [[value for value in values if np.isfinite(value)] for values in so_far]
        if any(gone) or not all(finite):
            break
        found.append((rung.epoch, float(np.mean([pick(values) for values in finite]))))
    return found


def _gone(outcome: Outcome, epoch: int) -> bool:
    """Whether a member no longer came to the rung after an epoch; one that has stopped still competes."""
    if outcome.status == "diverged":
        return outcome.epochs_run <= epoch
    return outcome.status == "left" and outcome.epochs_run < epoch


def _curves(outcomes: Sequence[Outcome]) -> np.ndarray:
    """Training and validation loss by epoch, averaged over the folds, [2, epoch].

    A fold that has stopped goes on with its last value, since the mean would jump without it.
    """
    name = next(each for each in DEFAULT_METRIC.values() if each in outcomes[0].validation[0])
    longest = max(outcome.epochs_run for outcome in outcomes)
    curves = np.full((2, len(outcomes), longest), np.nan)
    for fold, outcome in enumerate(outcomes):
        for part, history in enumerate((outcome.training, outcome.validation)):
            values = [scores[name] for scores in history]
            curves[part, fold] = values + values[-1:] * (longest - len(values))
    return np.mean(curves, axis=1)


# The loop -------------------------------------------------------------------------------------------------


@dataclass
class Search:
    """A search under way.

    Attributes:
        folder: where its journal and its pool are.
        study: the trials told so far.
        problem: the data.
        conditions: seed, patience, precision.
        metric: what trials are ranked by.
        halve: whether the worse leave at rungs.
        pool: the best trials so far, best first, with their networks.
        generations: per generation of this session what it cost: trials, seconds, compile_seconds.
        pace: how many times as long as predicted the last generation took, on this machine at this time.
    """

    folder: Path
    study: Study
    problem: Problem
    conditions: Conditions
    metric: str
    halve: bool
    pool: list[PoolEntry]
    rungs: list[dict[str, Any]]
    costs: list[dict[str, Any]]
    member_samples: int = 0
    pace: float = 1.0

    @classmethod
    def begin(
        cls, folder: Path, study: Study, problem: Problem, conditions: Conditions, metric: str, halve: bool
    ) -> Search:
        """A search at its beginning, or, where the study has generations already, after the last of them."""
        search = cls(folder, study, problem, conditions, metric, halve, [], [], [])
        search._read_pool()
        return search

    @property
    def sign(self) -> int:
        """−1 where more of the metric is better."""
        return -1 if METRICS[self.metric].more_is_better else 1

    @property
    def best(self) -> PoolEntry | None:
        """The best trial so far."""
        return self.pool[0] if self.pool else None

    def advance(
        self,
        count: int,
        seconds_left: float | None = None,
        on_epoch: Callback | None = None,
        dropped: Callable[[], bool] = lambda: False,
    ) -> Generation | None:
        """Ask for a generation of at most `count` trials, train it, and keep what came of it.

        Args:
            count: trials at most.
            seconds_left: trials that are predicted to take more than half of it are not trained, but for
                the cheapest block.
            on_epoch: called after every epoch; training ends when it returns True, and what was reached
                by then counts.
            dropped: whether the generation is to be forgotten, asked when its training has ended.
        """
        number, space = self.study.generations, self.study.space
        parameters = first_generation(space, self.problem.data.task, count) if number == 0 else []
        if parameters:
            self.study.enter(number, parameters)
        else:
            parameters = self.study.ask(number, count, self._blocks(count))
        if seconds_left is not None:
            parameters = self._affordable(parameters, seconds_left)
            self.study.enter(number, parameters)
        members = [self._fitted(space.member(each)) for each in parameters]
        placement.check_memory(predict(members, self.problem.trained_on, self.conditions.machine)[1])
        first = len(self.study.trials)
        rungs = halving(max(member.epochs for member in members)) if self.halve else ()
        began = time.perf_counter()
        generation = train_generation(
            self.problem, members, first, self.conditions, self.metric, rungs, on_epoch
        )
        self.pace = (time.perf_counter() - began) / self._seconds(members)
        if dropped():
            return None
        self._write_pool(number, generation)
        self.study.tell(number, generation.results)
        self._note(number, generation)
        return generation

    def _blocks(self, count: int) -> int:
        """Into how many blocks to ask for a generation: about as many as it has times to compile in.

        Predicted from shapes, for the default network, so that a resumed search asks as it would have.
        """
        members = [self._fitted(each) for each in Options(optimizer="adam").members(self.problem.data.task)]
        training = self._seconds(members) * count / len(members)
        compiling = placement.compile_seconds(1)
        wanted = min(max(round(training / compiling), FEWEST_BLOCKS), MOST_BLOCKS)
        return max(1, min(wanted, count // 4))

    @property
    def least_seconds(self) -> float:
        """What a generation takes at least, as the last one went: one program is compiled."""
        return self.pace * (placement.compile_seconds(1))

    def _fitted(self, member: Member) -> Member:
        """A member whose batches are no larger than the smallest fold."""
        rows = min(len(part.train.inputs) for part in self.problem.trained_on)
        return member if member.batch_size <= rows else replace(member, batch_size=rows)

    def _affordable(self, parameters: list[dict[str, Any]], seconds_left: float) -> list[dict[str, Any]]:
        """The trials that half of the time left is predicted to suffice for, the cheaper blocks first."""
        static = self.study.space.static
        blocks: dict[Any, list[dict[str, Any]]] = {}
        for each in parameters:
            blocks.setdefault(tuple(each.get(name) for name in static), []).append(each)
        costs = {key: self.pace * self._predicted(block) for key, block in blocks.items()}
        kept: list[dict[str, Any]] = []
        spent = 0.0
        for key in sorted(blocks, key=lambda key: costs[key]):
            spent += costs[key]
            if kept and spent > 0.5 * seconds_left:
                break
            kept += blocks[key]
        return kept

    def _predicted(self, block: Sequence[dict[str, Any]]) -> float:
        return self._seconds([self._fitted(self.study.space.member(each)) for each in block])

    def _seconds(self, members: Sequence[Member]) -> float:
        """What it is predicted to take to train some members in every fold, with what halving spares."""
        _, predicted = predict(members, self.problem.trained_on, self.conditions.machine)
        return predicted.seconds * (HALVING_SHARE if self.halve else 1.0)

    def _note(self, number: int, generation: Generation) -> None:
        """Take a generation's candidates into the pool, and its rungs and costs into the account."""
        self._admit(generation.candidates)
        self.member_samples += generation.member_samples
        for rung in generation.rungs:
            self.rungs.append(
                {
                    "generation": number,
                    "epoch": rung.epoch,
                    "entered": rung.entered,
                    "kept": rung.kept,
                    "cut": rung.cut,
                }
            )
        self.costs.append(
            {
                "generation": number,
                "trials": len(generation.results),
                "seconds": generation.seconds,
                "compile_seconds": generation.compile_seconds,
            }
        )

    def _admit(self, entries: Sequence[PoolEntry]) -> None:
        ordered = sorted([*self.pool, *entries], key=lambda entry: (self.sign * entry.value, entry.trial))
        self.pool = ordered[:POOL]

    # The pool on disk ---------------------------------------------------------------------------------

    def _path(self, generation: int) -> Path:
        return self.folder / f"networks-{generation:04}.safetensors"

    def _write_pool(self, number: int, generation: Generation) -> None:
        """Write the networks of those who would enter the pool; before the generation is committed."""
        from safetensors.numpy import save

        before = self.pool
        self._admit(generation.candidates)
        entering = {entry.trial for entry in self.pool}
        self.pool = before
        arrays: dict[str, np.ndarray] = {}
        for entry in generation.candidates:
            if entry.trial in entering:
                arrays[f"{entry.trial}.curves"] = entry.curves
                for fold, model in enumerate(entry.models):
                    for layer, (weight, bias) in enumerate(model.layers):
                        arrays[f"{entry.trial}.{fold}.{layer}.weight"] = np.ascontiguousarray(weight)
                        arrays[f"{entry.trial}.{fold}.{layer}.bias"] = np.ascontiguousarray(bias)
        arrays["rungs"] = np.array(
            [[r.epoch, r.entered, r.kept, np.nan if r.cut is None else r.cut] for r in generation.rungs]
        ).reshape(-1, 4)
        arrays["member_samples"] = np.array([generation.member_samples])
        arrays["seconds"] = np.array([generation.seconds, generation.compile_seconds])
        _write_whole(self._path(number), save(arrays))

    def _read_pool(self) -> None:
        """Read back what committed generations have left; drop what was not committed."""
        trials = self.study.trials
        for path in self.folder.glob("networks-*.safetensors*"):
            name = path.name.removeprefix("networks-").partition(".")[0]
            if not name.isdigit() or int(name) >= self.study.generations or path.suffix != ".safetensors":
                path.unlink()
        for number in range(self.study.generations):
            own = [trial for trial in trials if trial.generation == number]
            self._note(number, self._read_generation(number, own))

    def _read_generation(self, number: int, trials: Sequence[Trial]) -> Generation:
        from safetensors.numpy import load_file

        try:
            arrays = load_file(self._path(number))
        except Exception as error:
            raise InputError(
                f"The search in '{self.folder}' cannot be resumed: its file {self._path(number).name} cannot "
                f"be read ({type(error).__name__}); begin again."
            ) from None
        by_number = {trial.number: trial for trial in trials}
        entries = []
        for key in [name for name in arrays if name.endswith(".curves")]:
            trial = by_number[int(key.split(".")[0])]
            assert trial.value is not None, "only trials with a value have networks"
            models = self._models(trial, arrays)
            entries.append(PoolEntry(trial.number, trial.value, models, arrays[key]))
        rungs = tuple(
            RungResult(int(epoch), int(entered), int(kept), None if np.isnan(cut) else float(cut))
            for epoch, entered, kept, cut in arrays["rungs"]
        )
        seconds, compile_seconds = arrays["seconds"].tolist()
        results = [TrialResult(t.value, t.status, t.rungs, t.attributes) for t in trials]
        samples = int(arrays["member_samples"][0])
        return Generation(results, entries, rungs, samples, seconds, compile_seconds)

    def _models(self, trial: Trial, arrays: dict[str, np.ndarray]) -> list[Model]:
        member = self.study.space.member(trial.parameters)
        preparations = [fold.preparation for fold in self.problem.folds] or [self.problem.preparation]
        return [
            Model(
                tuple(
                    (
                        arrays[f"{trial.number}.{fold}.{layer}.weight"],
                        arrays[f"{trial.number}.{fold}.{layer}.bias"],
                    )
                    for layer in range(len(member.hidden) + 1)
                ),
                member.activation,
                preparation,
            )
            for fold, preparation in enumerate(preparations)
        ]

    # At the end ----------------------------------------------------------------------------------------

    def member(self, trial: int) -> Member:
        """What a trial stands for."""
        return self._fitted(self.study.space.member(self.study.trials[trial].parameters))

    def judged(self, entry: PoolEntry) -> Judged:
        """A trial's answers for the rows that trials are chosen by, from models that have not seen them."""
        problem = self.problem
        if problem.folds:
            return out_of_fold(problem, entry.models)
        rows = problem.split.validation
        return Judged(rows, entry.models[0].answers(problem.dataset.rows(rows)))

    def candidates(self) -> list[Candidate]:
        """The pool, as an average is chosen from it."""
        return [Candidate(entry.trial, entry.models, self.judged(entry).answers) for entry in self.pool]

    def nested(self) -> dict[str, list[float]] | None:
        """Per metric each fold's held-out score of the trial that its own stopping rows would choose.

        None without folds, or where trials are not stopped by rows of their own.
        """
        scored = [trial for trial in self.study.trials if trial.attributes.get("held_out")]
        if not scored or self.problem.folds[0].data.validation is None:
            return None
        found: dict[str, list[float]] = {}
        for fold in range(len(self.problem.folds)):
            chosen = min(scored, key=lambda trial: self.sign * trial.attributes["stopping"][fold])
            for name, values in chosen.attributes["held_out"].items():
                found.setdefault(name, []).append(values[fold])
        return found


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, even if the machine stops."""
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
