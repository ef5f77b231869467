"""The verb `train`, whole: load, split, prepare, train, choose, test once, save.

The order is the guarantee: nothing that is fitted or chosen has seen the test part, since the list of
models to be tested is fixed before `couloir.selection.testing` looks at it.
"""

from __future__ import annotations

import _thread
import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from couloir.commands.asked import as_code, sorted_out, takes
from couloir.commands.findings import Shown, finished
from couloir.commands.stages import Stages
from couloir.data.dataset import Dataset
from couloir.data.loading import load, load_features
from couloir.engine import placement
from couloir.engine.machine import Machine
from couloir.engine.outcomes import Trained
from couloir.engine.training import Progress, train_population
from couloir.errors import InputError
from couloir.files import check_folder
from couloir.options import TRAIN
from couloir.runs import stored as runs
from couloir.runs.records import TrainRecord
from couloir.runs.records.common import Status
from couloir.runs.stored import R
from couloir.selection import portfolio, tables
from couloir.selection import testing as results
from couloir.selection.choosing import choose_trained
from couloir.selection.cross_validation import CrossValidation
from couloir.selection.distilling import refuse_without_average
from couloir.selection.members import Options
from couloir.selection.problem import Conditions, Plan, Problem, plan, prepare
from couloir.selection.testing import Choice


class Run(runs.StoredRun[R], Shown):
    """A run with its verbs: what `train` gives back and `open_run` reads.

    Attributes:
        record: what run.json holds: command, data, winner, scores, seconds, versions.
        leaderboard: a Polars frame with a row for each member, best on validation first.
        history: one row for each member and epoch, with every metric on both parts.
        predictions: the winner's on the validation part: row, true, predicted.
        model: the winner, a `couloir.model.predictor.Model`, or an `Ensemble` of several.
        tables: what else the run measured, by name.
        folder: where it is stored, or None.
    """

    def predict(self, source: Any) -> np.ndarray:
        """Labels or values for new rows: a frame, an array, or anything `couloir.load` reads."""
        return self.model.predict(load_features(source, self.model.preparation)[0])

    def probabilities(self, source: Any) -> np.ndarray:
        """Class probabilities [sample, class] for new rows."""
        return self.model.probabilities(load_features(source, self.model.preparation)[0])

    def save(self, parent: str | Path = "runs") -> Path:
        """Write a run folder, with the report, into a folder of runs; return the new one.

        Raises:
            InputError: the system refuses to write; where it is only the page that is refused, the run is
                saved, and `folder` says where.
        """
        with runs.new_folder(Path(parent), self.record.data.name) as (folder, final):
            runs.write(self, folder)
        self.folder = final.resolve()
        runs.add_page(self, self.folder)
        return self.folder


def open_run(path: str | Path) -> Run[Any]:
    """Read a run folder.

    Raises:
        InputError: there is none, or something in it is broken.
    """
    stored = runs.read(path)
    return Run(**{each.name: getattr(stored, each.name) for each in fields(stored)})


class Observer(Protocol):
    """Who watches a run: told what is happening, in order."""

    def loaded(self, problem: Problem) -> None:
        """The data are there, split and prepared, and what was asked for can be done."""
        return

    def planned(self, plan: Plan) -> None:
        """The population is known; training comes next."""
        return

    def epoch(self, progress: Progress) -> None:
        """An epoch has ended."""
        return

    def stage(self, what: str) -> None:
        """Something else that takes time begins."""
        return


class Silent(Observer):
    """An observer that says nothing: it has the protocol's methods, which do nothing."""


def begun(
    out: str | Path | None, stages: Stages | None, observer: Observer | None
) -> tuple[Stages, Observer]:
    """A verb's stopwatch and who watches it, once it is known that its folder can be written."""
    if out is not None:
        check_folder(Path(out))
    return stages or Stages(), observer or Silent()


@takes(TRAIN)
def train(
    data: Any,
    *,
    out: str | Path | None = None,
    observer: Observer | None = None,
    command: str | None = None,
    stages: Stages | None = None,
    machine: Machine | None = None,
    **given: Any,
) -> Run[TrainRecord]:
    """Train a population on a data set, choose by validation, and test the choice once.

    Options that may be given as lists multiply the population. With `cv` members are judged by folds of all
    rows but the test part, instead of a validation part; the winner is then trained again on all of these
    rows, for its median best number of epochs.

    Args:
        data: a `Dataset`, or anything `couloir.load` reads without further words.
        out: a folder of runs to save the run into; None saves nothing.
        observer: told how it goes.
        command: what is recorded as having been run.
        stages: a stopwatch that has been running since before the data were loaded.
        machine: what the training is laid out for, and so what its last digits are; None: this one.
        given: the options.

    Returns:
        the run: `leaderboard`, `test`, `predict`, `report`, `save`.

    Raises:
        InputError: something given cannot be used.
    """
    stages, observer = begun(out, stages, observer)
    conditions, options, _ = sorted_out(TRAIN, given, machine=machine)
    planned = plan_run(data, conditions, options, stages)
    observer.loaded(planned.problem)
    observer.planned(planned)
    import_ahead(report=out is not None)
    trained, status = _train(planned, observer, stages)
    with stages.timed("choose"):
        choice = choose_trained(planned, trained, command or as_code("train", given))
    if len(planned.problem.split.test):
        observer.stage("testing")
    with stages.timed("evaluate"):
        run = tested(choice)
    run.record.status = status
    return finished(run, out, observer, stages, "writing the report")


NOT_CROSSED = ("minutes", "refit", "ensemble", "distil", "no_stop", "plan", "effort")
"""What `train` takes and `cross_validate` does not: it chooses nothing."""


@takes(TRAIN, NOT_CROSSED)
def cross_validate(
    data: Any, *, cv: int = 10, observer: Observer | None = None, **given: Any
) -> CrossValidation:
    """Train every configuration in k folds of all rows but the test part, and score what each held out.

    Nothing is refitted and the test part is not looked at: that is `couloir.train(data, cv=…)`. Without
    patience nobody is stopped early, and all of a fold's other rows are learnt from.

    Args:
        data: a `Dataset`, or anything `couloir.load` reads without further words.
        cv: k, the number of folds.
        observer: told how it goes.
        given: the options, single values or lists that multiply.

    Returns:
        `scores` (per metric [member, fold]), `ranking`, `nested` (inner choice, outer score), `table()`.

    Raises:
        InputError: something given cannot be used.
    """
    if not cv:
        raise InputError(f"The cv {cv!r} is no number of folds: give 2 or more.")
    conditions, options, _ = sorted_out(TRAIN, given, NOT_CROSSED, cv=cv, plan=portfolio.GRID)
    stages, observer = Stages(), observer or Silent()
    planned = plan_run(data, conditions, options, stages)
    observer.loaded(planned.problem)
    observer.planned(planned)
    trained, _ = _train(planned, observer, stages)
    return CrossValidation(planned.problem, trained, planned.metric)


def tested(choice: Choice) -> Run[Any]:
    """Score what was chosen on the test part, if there is one, and put the run together."""
    imported()
    return Run(
        results.record(choice),
        choice.history,
        choice.leaderboard,
        tables.predictions(choice.problem, choice.judged),
        choice.final,
        tables=choice.tables,
    )


def plan_run(data: Any, conditions: Conditions, options: Options, stages: Stages) -> Plan:
    """All that comes before training: load, split, prepare, and lay out the population.

    Raises:
        InputError: something given cannot be used, or the population does not fit into memory.
    """
    with stages.timed("load"):
        dataset = data if isinstance(data, Dataset) else load(data)
    conditions = portfolio.settled(conditions, options, dataset)
    problem = prepared(dataset, conditions, stages)
    with stages.timed("prepare"):
        chosen = conditions.plan == portfolio.PORTFOLIO
        planned = portfolio.plan(problem) if chosen else plan(problem, options, conditions)
    refuse_without_average(conditions, planned.members)
    placement.check_memory(planned.cost)
    return planned


def prepared(data: Any, conditions: Conditions, stages: Stages) -> Problem:
    """The data, loaded where they are not yet, split and prepared."""
    with stages.timed("load"):
        dataset = data if isinstance(data, Dataset) else load(data)
    with stages.timed("prepare"):
        return prepare(dataset, conditions)


def import_ahead(report: bool) -> None:
    """Import what testing and the report will need while the population trains, which needs no Python.

    Whoever imports meanwhile calls `imported` first, as `tested` does: a library may look at another one that
    is imported only in part by then.
    """
    names = ["sklearn.linear_model"]
    if report:
        names += ["couloir.report.page", "plotly.graph_objects", "jinja2"]
    thread = threading.Thread(target=lambda: [import_module(name) for name in names], daemon=True)
    _importing.append(thread)
    thread.start()


_importing: list[threading.Thread] = []


def imported() -> None:
    """Wait until what was to be imported ahead is there."""
    while _importing:
        _importing.pop().join()


# Training, and ending it in good order ------------------------------------------------------------------


def _train(planned: Plan, observer: Observer, stages: Stages) -> tuple[Trained, Status]:
    """Train until all members are done, the time is up, or the person interrupts."""
    conditions = planned.conditions
    deadline = None if conditions.minutes is None else time.monotonic() + 60 * conditions.minutes
    status: Status = "complete"
    with interruptions(observer) as interrupted:

        def on_epoch(progress: Progress) -> bool:
            nonlocal status
            observer.epoch(progress)
            if interrupted():
                status = "interrupted"
            elif deadline is not None and time.monotonic() > deadline and progress.count("training"):
                status = "out of time"
            return status != "complete"

        trained = train_population(
            planned.members,
            planned.problem.trained_on(planned.members),
            seed=conditions.seed,
            patience=conditions.stop_after,
            metric=planned.metric,
            to_the_end=conditions.to_the_end,
            on_epoch=on_epoch,
            precision=conditions.precision,
            machine=conditions.machine,
        )
    stages.seconds["compile"] = trained.compile_seconds
    stages.seconds["train"] = trained.seconds
    return trained, status


@contextlib.contextmanager
def interruptions(observer: Observer) -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C into a flag that is read between epochs; a second one ends at once.

    An exception in the middle of an epoch would lose the population, whose buffers the running program
    has been given to reuse.
    """
    asked = threading.Event()

    def note(number: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        # Told by another thread: this one may be in the middle of telling something, and hold its locks.
        said = "interrupted: ending after this epoch (Ctrl-C again ends at once and saves nothing)"
        _thread.start_new_thread(observer.stage, (said,))

    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)
