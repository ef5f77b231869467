"""The verb `race`, whole: which update rule is best on these data, with evidence.

Tuned on validation, judged over replicates, the winner tested once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from couloir.commands.asked import Asked, as_code, sorted_out, takes
from couloir.commands.findings import finished
from couloir.commands.stages import Stages
from couloir.commands.train import Observer, Run, begun, import_ahead, interruptions, prepared, tested
from couloir.engine.machine import Machine
from couloir.engine.member import Member
from couloir.engine.training import Progress
from couloir.errors import InputError
from couloir.options import RACE, SURFACE, taken_by
from couloir.runs.records import RaceRecord, learned
from couloir.selection import tables
from couloir.selection import testing as results
from couloir.selection.candidates import validated
from couloir.selection.choosing import choose
from couloir.selection.comparison.race import Race, curves_table, run_race, standing, tuning_table
from couloir.selection.members import Options
from couloir.selection.problem import Conditions, Problem, chosen_metric, fitting
from couloir.selection.testing import Choice

ON_A_SURFACE = tuple(name for name, option in taken_by(RACE).items() if option.group == SURFACE)
"""What only a surface race takes."""


@takes(RACE, ON_A_SURFACE)
def race(
    data: Any,
    *,
    out: str | Path | None = None,
    observer: Observer | None = None,
    command: str | None = None,
    stages: Stages | None = None,
    machine: Machine | None = None,
    **given: Any,
) -> Run[RaceRecord]:
    """Compare update rules on a data set: each at its own best learning rate, over replicates.

    Every rule trains the same network on the same splits and batches for the same number of steps, and
    nobody is stopped early: each option but the rules has one value. Replicates have the run seeds seed + 1
    … seed + S; the test part is the same in all.

    Args:
        data: a `Dataset`, or anything `couloir.load` reads without further words.
        out, observer, command, stages, machine: as in `couloir.train`.
        given: the options.

    Returns:
        the run: its record's `standing`, `verdicts` and `pairs`, and the tables `tuning` and `curves`.

    Raises:
        InputError: something given cannot be used, or every rule diverged at every rate.
    """
    stages, observer = begun(out, stages, observer)
    conditions, options, rest = asked_of_race(given, machine)
    rates, replicates = rest["rates"], rest["replicates"]
    problem = prepared(data, conditions, stages)
    ranked_by = chosen_metric(problem.data.task, conditions.metric)
    members = runners(problem, options)
    observer.loaded(problem)
    import_ahead(report=out is not None)
    with interruptions(observer) as interrupted:

        def on_epoch(progress: Progress) -> bool:
            observer.epoch(progress)
            return interrupted()

        found = run_race(problem, members, conditions, ranked_by, rates, replicates, on_epoch, observer.stage)
        status = "interrupted" if interrupted() else "complete"
    stages.seconds["compile"] = found.tuning.compile_seconds + found.replicas.compile_seconds
    stages.seconds["train"] = found.tuning.seconds + found.replicas.seconds
    observer.stage("testing")
    with stages.timed("evaluate"):
        run = tested(_choice(problem, found, conditions, rates, command or as_code("race", given)))
    run.record.status = status
    return finished(run, out, observer, stages, "writing the report")


def asked_of_race(given: Mapping[str, Any], machine: Machine | None = None) -> Asked:
    """What was given to a race: nobody is stopped in it, and rates are found, not given.

    Raises:
        InputError: something given cannot be used.
    """
    if "learning_rate" in given:
        raise InputError(
            "A race on data finds every rule's learning rate itself: leave --learning-rate out, or compare "
            "rates with 'couloir train'."
        )
    usual = {name: taken_by(RACE)[name].default for name in ("rates", "replicates", "epochs")}
    asked = sorted_out(RACE, usual | dict(given), ON_A_SURFACE, machine=machine, patience=None)
    if not asked.conditions.split[-1]:
        raise InputError(
            "A race tests its winner, and this split leaves no row for it: give a test part, as in 70/15/15; "
            "without one there are 'couloir train' and 'couloir search'."
        )
    return asked


def runners(problem: Problem, options: Options) -> list[Member]:
    """One member a rule; its learning rate is nobody's yet.

    Raises:
        InputError: an option has several values, or cannot be used; two rules share a name.
    """
    members = Options(**{**options.given, "learning_rate": 1.0}).members(problem.data.task)
    rules = list(dict.fromkeys(member.rule for member in members))
    if len(members) > len(rules):
        raise InputError(
            "A race compares rules on one and the same network: give one value of every option but the "
            "optimizer, or search over them with 'couloir search'."
        )
    names = [rule.name for rule in rules]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise InputError(f"Two rules are called '{twice[0]}': give each a name of its own.")
    return [fitting(member, len(problem.data.train.inputs)) for member in members]


def _choice(problem: Problem, found: Race, conditions: Conditions, rates: int, command: str) -> Choice:
    """The best rule's network, tuned, is the winner; there is nothing else to choose."""
    replicates = len(found.replicas.folds)
    targets = found.targets()[np.isfinite(found.targets())]
    target = float(targets.mean()) if len(targets) else None
    sizes = learned.ReplicateSizes(train=found.train_rows, validation=found.validation_rows)
    samples = found.tuning.member_samples + found.replicas.member_samples
    return choose(
        problem,
        conditions,
        found.metric,
        [validated(problem, found.tuning.outcomes, found.winner)],
        members=len(found.tuning.outcomes),
        cohorts=1,
        counts=results.counts(found.tuning),
        samples_per_second=samples / max(found.tuning.seconds + found.replicas.seconds, 1e-9),
        command=command,
        history=tables.history(found.tuning),
        leaderboard=tables.leaderboard(found.tuning.outcomes, found.metric, problem.parameters),
        record=RaceRecord,
        more={
            "standing": standing(found),
            "pairs": found.pairs(),
            "verdicts": found.verdicts(),
            "left_out": found.left_out,
            "target": learned.Target(metric=found.metric, value=target),
            "epochs": found.epochs,
            "steps_per_epoch": found.steps_per_epoch,
            "replicates": replicates,
            "one_division": problem.dataset.times is not None,
            "rates_per_rule": rates,
            "n_trainings": len(found.tuning.outcomes) + replicates * len(found.replicas.outcomes),
            "replicate_sizes": sizes,
        },
        tables={"tuning": tuning_table(found), "curves": curves_table(found)},
    )
