"""The verb `search`, whole: hyperparameters and architecture together, from a space.

A search lives in its run folder from the start: the journal of its trials and the networks of the best
are there after every generation, so that it can be killed and resumed. The test part is scored once, when
the search has come to its end.
"""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from couloir import text as words
from couloir.commands.asked import Asked, as_code, offered, sorted_out, takes
from couloir.commands.stages import Stages
from couloir.commands.train import (
    Observer,
    Run,
    Silent,
    import_ahead,
    imported,
    interruptions,
    prepared,
    tested,
)
from couloir.data.dataset import Dataset
from couloir.data.loading import load
from couloir.engine.machine import Machine
from couloir.engine.metrics import METRICS
from couloir.engine.placement import Cohort
from couloir.engine.training import Progress
from couloir.errors import InputError
from couloir.files import check_folder
from couloir.options import FOLDS, FOLDS_BELOW, SEARCH, TRIALS
from couloir.runs import stored as runs
from couloir.runs.records import SearchRecord, learned, searched
from couloir.runs.records.common import Status
from couloir.selection.choosing import choose
from couloir.selection.cross_validation import fold_record
from couloir.selection.members import Options
from couloir.selection.portfolio import PORTFOLIO
from couloir.selection.problem import Conditions, chosen_metric, prepare
from couloir.selection.search import tables
from couloir.selection.search.generation import TrainedTrial
from couloir.selection.search.loop import Search
from couloir.selection.search.space import Space
from couloir.selection.search.storages import quiet
from couloir.selection.search.study import Study
from couloir.selection.testing import Choice, counted

KEPT_FOR_THE_END, KEPT_FOR_REFIT, KEPT_AT_LEAST = 0.08, 0.1, 6.0
"""Shares of the minutes that are kept for what follows the search (average, test; a refit), and seconds."""

JUDGED_APART = ("cv", "ensemble")
"""Conditions of training that mean something of their own in a search."""

WHEN_RESUMED = ("resume", "trials", "minutes", "storage")


class Interrupted(Exception):
    """A search was interrupted; `folder` is where it can be resumed."""

    def __init__(self, folder: Path, trials: int) -> None:
        """Keep where, and how many trials are there."""
        super().__init__(f"interrupted after {trials} trials")
        self.folder, self.trials = folder, trials


@takes(SEARCH)
def search(
    data: Any = None,
    *,
    validation: bool = False,
    out: str | Path = "runs",
    observer: Observer | None = None,
    command: str | None = None,
    stages: Stages | None = None,
    machine: Machine | None = None,
    **given: Any,
) -> Run[SearchRecord]:
    """Search for the best network on a data set, average the best, and test once.

    What makes members, such as `optimizer` or `hidden`, takes the place of the search space's entry: one
    value is fixed, of a list one is chosen. When the minutes are up, the trials in training count with what
    they have reached.

    Args:
        data: a `Dataset`, or anything `couloir.load` reads without further words; left out where `resume`
            knows where the data are.
        validation: judge trials by the validation part, as `cv=0` does.
        out: the folder of runs.
        observer, command, stages, machine: as in `couloir.train`; a search that is resumed has its own.
        given: the options.

    Returns:
        the run; its folder is `run.folder`.

    Raises:
        InputError: something given cannot be used, or no trial had a result.
        Interrupted: Ctrl-C; what was told is in the folder.
    """
    stages, observer = stages or Stages(), observer or Silent()
    conditions, options, rest = asked_of_search(given, machine)
    minutes = conditions.minutes
    if rest["resume"] is None:
        rest["cv"], validation = rest["cv"] or None, validation or rest["cv"] == 0
        asked = {name: rest[name] for name in ("trials", "halving", "ensemble", "generation", "cv")}
        asked |= {"minutes": minutes, "validation": validation}
        asked["command"] = command or as_code("search", given)
        spaces = rest["space"], options
        under_way = _begun(data, spaces, Path(out), asked, conditions, rest["storage"], stages)
    else:
        _refuse_others(given, validation)
        folder = runs.resolve(rest["resume"])
        under_way = _resumed(data, folder, rest["trials"], minutes, rest["storage"], stages)
    asked = under_way.study.header["asked"]
    if rest["resume"] is not None:
        asked = asked | {name: value for name, value in given.items() if name in ("trials", "minutes")}
    observer.loaded(under_way.problem)
    status = _run_generations(under_way, asked, observer, stages)
    import_ahead(report=True)
    with stages.timed("choose"):
        choice = _choice(under_way, asked, observer)
    if len(choice.problem.split.test):
        observer.stage("testing")
    with stages.timed("evaluate"):
        run = tested(choice)
    run.folder = under_way.folder
    run.record.status, run.record.seconds = status, stages.rounded()
    observer.stage("writing the report")
    # What an earlier end has left is no longer whole while it is being overwritten.
    (under_way.folder / "run.json").unlink(missing_ok=True)
    resume = f"make room, then go on with 'couloir search --resume {shlex.quote(str(under_way.folder))}'"
    with runs.refused(f"The search's result cannot be saved in '{under_way.folder}'", resume):
        runs.write(run, under_way.folder)
    runs.point_latest(under_way.folder)
    runs.add_page(run, under_way.folder)
    return run


def asked_of_search(given: Mapping[str, Any], machine: Machine | None = None) -> Asked:
    """What was given to a search, and the defaults of what was not.

    Raises:
        InputError: something given cannot be used.
    """
    usual = {name: option.default for name, option in offered(SEARCH).items() if not option.is_of_member}
    return sorted_out(SEARCH, usual | dict(given), apart=JUDGED_APART, machine=machine)


def _begun(
    data: Any,
    spaces: tuple[Space | str | Path | None, Options],
    out: Path,
    asked: dict[str, Any],
    conditions: Conditions,
    storage: str | None,
    stages: Stages,
) -> Search:
    """A new search in a new folder."""
    if asked["cv"] is not None and asked["validation"]:
        raise InputError("Trials are judged either by folds or by the validation part: give one of the two.")
    check_folder(out)
    with stages.timed("load"):
        dataset = data if isinstance(data, Dataset) else load(data)
    asked["source"] = dict(dataset.source)
    conditions = replace(conditions, cv=judging_folds(dataset, asked["cv"], asked["validation"]))
    conditions = settled(conditions, asked_space(*spaces, dataset, len(dataset)))
    problem = prepared(dataset, conditions, stages)
    metric = chosen_metric(problem.data.task, conditions.metric)
    found = asked_space(*spaces, dataset, problem.least_rows)
    first = not out.exists()
    folder = runs.claim_folder(out, dataset.name)
    header: dict[str, Any] = {"asked": asked, "conditions": asdict(conditions)}
    header |= {"metric": metric, "fingerprint": dataset.fingerprint}
    maximise = METRICS[metric].more_is_better
    try:
        study = Study.create(folder, found, conditions.seed, maximise, header, storage, folder.name)
    except BaseException:
        shutil.rmtree(out if first else folder, ignore_errors=True)
        raise
    runs.point_latest(folder)
    return Search.begin(folder, study, problem, conditions, metric, asked["halving"])


def _resumed(
    data: Any, folder: Path, trials: int | None, minutes: float | None, storage: str | None, stages: Stages
) -> Search:
    """A search that goes on where its last whole generation ended."""
    study = Study.resume(folder, storage)
    header = study.header
    stored: dict[str, Any] = header["conditions"]
    machine = Machine(**stored["machine"]) if "machine" in stored else Machine.here()
    conditions = Conditions(**{**stored, "split": tuple(stored["split"]), "machine": machine})
    if minutes is not None:
        conditions = replace(conditions, minutes=minutes)
    with stages.timed("load"):
        dataset = _same_data(data, header)
    problem = prepared(dataset, conditions, stages)
    return Search.begin(folder, study, problem, conditions, header["metric"], header["asked"]["halving"])


def _refuse_others(given: Mapping[str, Any], validation: bool) -> None:
    """Raise an InputError for what a resumed search cannot change."""
    named = [name for name, value in given.items() if name not in WHEN_RESUMED and value is not None]
    if named := named or ["validation"] * validation:
        option = offered(SEARCH).get(named[0])
        raise InputError(
            f"A resumed search goes on as it began, so {option.typed_as if option else named[0]} cannot "
            "be given with --resume: only --trials, --minutes and --storage can."
        )


def judging_folds(dataset: Dataset, cv: int | None, validation: bool) -> int | None:
    """How many folds trials are judged by; None: the validation part."""
    if cv is not None or validation or dataset.times is not None:
        return cv
    rows = len(dataset) - (0 if dataset.test_rows is None else len(dataset.test_rows))
    return FOLDS if rows < FOLDS_BELOW else None


def settled(conditions: Conditions, space: Space) -> Conditions:
    """The conditions of a search of a space: trials of one cycle are trained as the portfolio is.

    That is each to the end of its schedule, unless a patience is given.
    """
    if not space.to_the_end or conditions.patience != Conditions.patience:
        return conditions
    return replace(conditions, plan=PORTFOLIO, patience=None)


def asked_space(space: Space | str | Path | None, options: Options, dataset: Dataset, rows: int) -> Space:
    """The space that is asked for, sized to the rows that are learnt from."""
    plain = dataset.image_shape is not None
    if space is None:
        space = Space.default(dataset.task, rows, plain)
    elif not isinstance(space, Space):
        space = Space.read(space, dataset.task, rows, plain)
    return space.with_values(options.given)


def _same_data(data: Any, header: Mapping[str, Any]) -> Dataset:
    """The data that a search began with.

    Raises:
        InputError: they are not known, or have changed.
    """
    source = header["asked"]["source"]
    if data is None and not source:
        raise InputError("The search does not know where its data are: give them as when it began.")
    dataset = data if isinstance(data, Dataset) else load(data or source["data"], **source.get("loading", {}))
    if dataset.fingerprint != header["fingerprint"]:
        raise InputError(
            f"The data '{dataset.name}' are not those that the search began with: give the same file and "
            "options, or begin again."
        )
    return dataset


def _run_generations(
    under_way: Search, asked: Mapping[str, Any], observer: Observer, stages: Stages
) -> Status:
    """Train generation after generation until the trials or the minutes are used up."""
    most = asked["trials"] or (TRIALS if asked["minutes"] is None else None)
    deadline = None
    if asked["minutes"] is not None:
        seconds = 60 * asked["minutes"]
        share = KEPT_FOR_THE_END + (0 if under_way.conditions.to_the_end else KEPT_FOR_REFIT)
        kept = min(max(share * seconds, KEPT_AT_LEAST), seconds / 2)
        deadline = stages.began - stages.seconds["import"] + seconds - kept
    study = under_way.study
    with interruptions(observer) as interrupted:

        def on_epoch(progress: Progress) -> bool:
            observer.epoch(progress)
            return interrupted() or (deadline is not None and time.perf_counter() > deadline)

        while most is None or len(study.trials) < most:
            left = None if deadline is None else deadline - time.perf_counter()
            if study.generations and left is not None and left <= under_way.budget.least_seconds:
                break  # a search of few seconds has one generation all the same
            observer.stage(_headline(under_way))
            count = asked["generation"]
            if most is not None:
                count = min(count, most - len(study.trials))
            with stages.timed("generations"):
                under_way.advance(count, left, on_epoch, unwanted=interrupted)
            if interrupted():
                raise Interrupted(under_way.folder, len(study.trials))
    for stage, name in (("compile", "compile_seconds"), ("train", "seconds")):
        stages.seconds[stage] = sum(cost[name] for cost in under_way.costs)
    return "complete" if most is not None and len(study.trials) >= most else "out of time"


def _headline(under_way: Search) -> str:
    study, best = under_way.study, under_way.pool.best
    text = f"generation {study.generations + 1}"
    if best is not None:
        name = words.METRIC_NAMES[under_way.metric]
        text += f", {len(study.trials)} trials so far, best {name} {best.value:.4g}"
    return text


def shown_space(data: Any, loading: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """The space that a search of these data would use, as TOML; without data, one for classes.

    Args:
        data: as for `search`.
        loading: options of `couloir.load`.
        given: options of `search`.
    """
    conditions, options, rest = asked_of_search(given)
    space = rest["space"]
    if data is None:
        found = Space.default("classification", FOLDS_BELOW)
        found = found if space is None else Space.read(space, "classification", FOLDS_BELOW)
    else:
        dataset = load(data, **loading)
        conditions = replace(conditions, cv=judging_folds(dataset, rest["cv"] or None, rest["cv"] == 0))
        conditions = settled(conditions, asked_space(space, options, dataset, len(dataset)))
        return asked_space(space, options, dataset, prepare(dataset, conditions).least_rows).show()
    return found.with_values(options.given).show()


def export(resume: str | Path | None, url: str) -> str:
    """Copy the trials of a search into an Optuna storage; returns what to say."""
    if resume is None:
        raise InputError("There is no search to export: name its folder with --resume RUN.")
    study = Study.resume(runs.resolve(resume))
    return f"{len(study.trials)} trials are in the study '{study.export(url)}'"


# The end ------------------------------------------------------------------------------------------------


def _choice(under_way: Search, asked: Mapping[str, Any], observer: Observer) -> Choice:
    """Fix the models that will be tested: the winner, unless it came to rest its refit, the average."""
    study, best = under_way.study, under_way.pool.best
    if best is None:
        raise InputError("No trial has come to a result: give more trials, or a space with smaller rates.")
    trials, more_is_better = tables.trials_table(under_way), METRICS[under_way.metric].more_is_better
    ranked = trials.filter(pl.col("value").is_not_null()).sort("value", descending=more_is_better)
    choice = choose(
        under_way.problem,
        under_way.conditions,
        under_way.metric,
        under_way.pool.trials,
        ensemble=asked["ensemble"],
        refit=not under_way.conditions.to_the_end,
        stage=observer.stage,
        members=len(study.trials),
        cohorts=len({Cohort.of(under_way.member(trial.number)) for trial in study.trials}),
        counts=counted([trial.status for trial in study.trials]),
        samples_per_second=under_way.member_samples / max(sum(c["seconds"] for c in under_way.costs), 1e-9),
        command=asked["command"],
        history=tables.history(under_way),
        leaderboard=ranked,
        record=SearchRecord,
        more=_more(under_way, best, asked),
        tables={"trials": trials, "rungs": tables.rungs_table(under_way)},
    )
    imported()  # Optuna imports libraries of its own
    choice.more["importance_of_parameters"] = _parameter_importance(study)
    for share in choice.more["ensemble"]:
        share.parameters = study.trials[share.member].parameters
    return choice


def _more(under_way: Search, best: TrainedTrial, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What run.json says of a search besides what it says of every run."""
    study, problem = under_way.study, under_way.problem
    chosen = study.trials[best.number]
    found: dict[str, Any] = {
        "search": searched.Searched(
            generations=study.generations,
            trials=len(study.trials),
            asked=searched.AskedOfSearch(**{**asked, "source": learned.Source(**asked["source"])}),
            evaluation=f"{len(problem.folds)} folds" if problem.folds else "validation",
            metric=under_way.metric,
            best_value=best.value,
            best_trial=best.number,
            rungs=sorted({rung["epoch"] for rung in under_way.rungs}),
            costs=[searched.Cost(**cost) for cost in under_way.costs],
            space=study.space.show(),
        ),
    }
    if problem.folds:
        scores, epochs = chosen.attributes["held_out"], chosen.attributes["best_epochs"]
        found["cross_validation"] = fold_record(problem, under_way.metric, scores, under_way.nested(), epochs)
    return found


def _parameter_importance(study: Study) -> list[searched.ParameterImportance]:
    """How much of the differences between trials each hyperparameter accounts for (PED-ANOVA)."""
    complete = [trial for trial in study.trials if trial.status in ("finished", "stopped")]
    if len(complete) < 10:
        return []
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    with quiet():
        shares = get_param_importances(study.optuna, evaluator=PedAnovaImportanceEvaluator())
    finite = {name: float(share) for name, share in shares.items() if np.isfinite(share)}
    return [searched.ParameterImportance(name=name, share=share) for name, share in finite.items()]
