"""What a verb would take on some data, told before it is started."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import Any

from couloir.commands.asked import sorted_out
from couloir.commands.progress import data_lines
from couloir.commands.race import asked_of_race, runners
from couloir.commands.search import asked_of_search, asked_space, judging_folds, settled
from couloir.commands.stages import Stages
from couloir.commands.train import plan_run
from couloir.data.dataset import Dataset
from couloir.engine import placement
from couloir.engine.placement import Cost
from couloir.options import TRAIN, TRIALS
from couloir.selection.comparison.race import tuning_rates
from couloir.selection.problem import Problem, chosen_metric, predict, prepare
from couloir.selection.search.budget import HALVING_SHARE, usual
from couloir.selection.search.generation import first_generation, member_of
from couloir.studio.jobs.request import JobRequest


def predicted(request: JobRequest, dataset: Dataset) -> dict[str, Any]:
    """What was found in the data, and members, memory and time that the verb is predicted to take.

    Raises:
        InputError: an option cannot be used with these data.
    """
    _, given = request.divided()
    problem, found, what = PLANS[request.of](dataset, given)
    placement.check_memory(found)
    seconds = found.seconds
    if given.get("minutes") is not None:
        seconds = min(seconds, 60 * given["minutes"])
    return {
        "lines": list(data_lines(problem)),
        # In each what it says, and the columns that could be left out.
        "warnings": [(each.said, ",".join(each.columns)) for each in problem.checked],
        "task": problem.data.task,
        **asdict(found),
        "seconds": seconds,
        "what": what,
    }


Planned = tuple[Problem, Cost, str]


def _train(dataset: Dataset, given: Mapping[str, Any]) -> Planned:
    conditions, options, _ = sorted_out(TRAIN, given)
    found = plan_run(dataset, conditions, options, Stages())
    folds = len(found.problem.folds)
    networks = f"{found.cost.members:,} networks"
    what = f"{len(found.members):,} networks in each of {folds} folds" if folds else networks
    return found.problem, found.cost, what


def _race(dataset: Dataset, given: Mapping[str, Any]) -> Planned:
    conditions, options, rest = asked_of_race(given)
    rates, replicates = rest["rates"], rest["replicates"]
    problem = prepare(dataset, conditions)
    chosen_metric(problem.data.task, conditions.metric)
    rules = runners(problem, options)
    tried = [replace(each, learning_rate=rate) for each in rules for rate in tuning_rates(each.rule, rates)]
    _, tuning = predict(tried, [problem.data], conditions.machine)
    _, racing = predict([*rules, *rules], [problem.data] * replicates, conditions.machine)
    what = f"{len(rules)} rules: each at {rates} learning rates, then {replicates} replicates of its best one"
    return problem, _together(tuning, racing), f"{what} and of its customary one"


def _together(one: Cost, other: Cost) -> Cost:
    """What it takes to train one population after another."""
    return Cost(
        one.members + other.members,
        max(one.cohorts, other.cohorts),
        one.chunks + other.chunks,
        max(one.memory_bytes, other.memory_bytes),
        one.seconds + other.seconds,
    )


def _search(dataset: Dataset, given: Mapping[str, Any]) -> Planned:
    conditions, options, rest = asked_of_search(given)
    folds = judging_folds(dataset, rest["cv"] or None, rest["cv"] == 0)
    conditions = settled(
        replace(conditions, cv=folds), asked_space(rest["space"], options, dataset, len(dataset))
    )
    problem = prepare(dataset, conditions)
    chosen_metric(problem.data.task, conditions.metric)
    minutes, generation = conditions.minutes, rest["generation"]
    trials = rest["trials"] or TRIALS
    space = asked_space(rest["space"], options, dataset, problem.least_rows)
    first = first_generation(space, problem, min(generation, trials))
    members = [member_of(space, problem, values) for values in first] or usual(problem)
    _, one = predict(members, problem.trained_on(members), conditions.machine)
    share = HALVING_SHARE if rest["halving"] and not conditions.to_the_end else 1.0
    at_once = min(generation, trials) / len(members)  # as if all trials were like the first ones
    found = replace(
        one,
        members=round(one.members * at_once),
        memory_bytes=round(one.memory_bytes * at_once),
        seconds=one.seconds * share * trials / len(members),
    )
    judged = f"{folds} folds" if folds else "the validation part"
    many = f"{trials:,} trials" if minutes is None or "trials" in given else f"{minutes:g} minutes of trials"
    return problem, found, f"{many}, {min(generation, trials)} at a time, judged by {judged}"


PLANS: Mapping[str, Callable[[Dataset, Mapping[str, Any]], Planned]] = MappingProxyType(
    {"train": _train, "race": _race, "search": _search}
)
