"""A search: generations of trials, each trained as one population.

The first is the portfolio; each later one is asked of the study, trained and told. Trials of one cycle of the
rate are trained to its end; of others the worse leave at rungs, by successive halving. The best join a pool,
kept on disk beside the study's journal: a search that is killed has lost at most the generation in hand.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from couloir.engine import placement
from couloir.engine.member import Member
from couloir.engine.metrics import METRICS
from couloir.engine.outcomes import halving
from couloir.engine.training import Callback
from couloir.selection.candidates import POOL
from couloir.selection.problem import Conditions, Problem
from couloir.selection.search.budget import Budget
from couloir.selection.search.generation import Generation, first_generation, member_of, train_generation
from couloir.selection.search.pool import (
    Pool,
    networks_file,
    read_generation,
    remove_unfinished,
    write_generation,
)
from couloir.selection.search.study import Study

Parameters = dict[str, Any]


@dataclass
class Search:
    """A search under way.

    Attributes:
        folder: where its journal and its networks are.
        study: the trials told so far.
        problem: the data.
        conditions: seed, patience, precision.
        metric: what trials are ranked by.
        budget: what generations may cost, and whether the worse trials leave at rungs.
        pool: the best trials so far, with their networks.
        rungs: what happened at them in all generations.
        costs: per generation: trials, seconds, compile_seconds.
        member_samples: training samples seen, summed over trials and folds.
    """

    folder: Path
    study: Study
    problem: Problem
    conditions: Conditions
    metric: str
    budget: Budget
    pool: Pool
    rungs: list[dict[str, Any]] = field(default_factory=list)
    costs: list[dict[str, Any]] = field(default_factory=list)
    member_samples: int = 0

    @classmethod
    def begin(
        cls,
        folder: Path,
        study: Study,
        problem: Problem,
        conditions: Conditions,
        metric: str,
        halve: bool,
        most: int = POOL,
    ) -> Search:
        """A search at its beginning, or, where the study has generations already, after the last of them.

        Args:
            folder, study, problem, conditions, metric: as above.
            halve: whether the worse trials leave at rungs.
            most: trials in the pool.
        """
        # While a cycle of the rate is at its height, scores say little of those at its end.
        halve = halve and not conditions.to_the_end
        budget, pool = Budget(problem, halve, conditions.machine), Pool(metric, most)
        search = cls(folder, study, problem, conditions, metric, budget, pool)
        remove_unfinished(folder, study.generations)
        for number in range(study.generations):
            told = [trial for trial in study.trials if trial.generation == number]
            search._note(number, read_generation(networks_file(folder, number), told, problem, study.space))
        return search

    def member(self, trial: int) -> Member:
        """What a trial stands for."""
        return member_of(self.study.space, self.problem, self.study.trials[trial].parameters)

    def advance(
        self,
        count: int,
        seconds_left: float | None = None,
        on_epoch: Callback | None = None,
        unwanted: Callable[[], bool] = lambda: False,
    ) -> Generation | None:
        """Ask for a generation of at most `count` trials, train it, and keep what came of it.

        Args:
            count: trials at most.
            seconds_left: trials that are predicted to take more than half of it are not trained, but for
                the cheapest group.
            on_epoch: called after every epoch; training ends when it returns True, and what was reached
                by then counts.
            unwanted: whether the generation is to be forgotten, asked when its training has ended.
        """
        number = self.study.generations
        members = self._asked(number, count, seconds_left)
        placement.check_memory(self.budget.predicted(members))
        rungs = halving(max(member.epochs for member in members)) if self.budget.halve else ()
        began = time.perf_counter()
        generation = train_generation(
            self.problem, members, len(self.study.trials), self.conditions, self.metric, rungs, on_epoch
        )
        self.budget.went(members, time.perf_counter() - began)
        if unwanted():
            return None
        entering = self.pool.with_others(generation.trained).numbers
        # First the networks: a generation that has been told is whole.
        write_generation(networks_file(self.folder, number), generation, entering)
        self.study.tell(number, generation.results)
        self._note(number, generation)
        return generation

    def _asked(self, number: int, count: int, seconds_left: float | None) -> list[Member]:
        """The members of the next generation, which the study then knows as the one asked for."""
        parameters = first_generation(self.study.space, self.problem, count) if number == 0 else []
        parameters = parameters or self.study.ask(number, count, self.budget.groups(count))
        if seconds_left is not None:
            parameters = self._affordable(parameters, seconds_left)
        self.study.enter(number, parameters)
        return [member_of(self.study.space, self.problem, each) for each in parameters]

    def _affordable(self, parameters: list[Parameters], seconds_left: float) -> list[Parameters]:
        """The trials that the time left allows, group after group, the cheaper groups first."""
        by_program: dict[Any, list[Parameters]] = {}
        for each in parameters:
            by_program.setdefault(tuple(each.get(name) for name in self.study.space.static), []).append(each)
        groups = list(by_program.values())
        members = [[member_of(self.study.space, self.problem, each) for each in group] for group in groups]
        chosen = self.budget.affordable(members, seconds_left)
        return [each for number in chosen for each in groups[number]]

    def _note(self, number: int, generation: Generation) -> None:
        """Take a generation's trials into the pool, and its rungs and costs into the account."""
        self.pool = self.pool.with_others(generation.trained)
        self.member_samples += generation.member_samples
        self.rungs += [{"generation": number, **asdict(rung)} for rung in generation.rungs]
        spent = {"seconds": generation.seconds, "compile_seconds": generation.compile_seconds}
        self.costs.append({"generation": number, "trials": len(generation.results), **spent})

    def nested(self) -> dict[str, list[float]] | None:
        """Per metric each fold's held-out score of the trial that its own stopping rows would choose.

        None without folds, or where trials are not stopped by rows of their own.
        """
        scored = [trial.attributes for trial in self.study.trials if trial.attributes.get("held_out")]
        if not scored or not len(self.problem.folds[0].stopping):
            return None
        sign = METRICS[self.metric].sign
        found: dict[str, list[float]] = {}
        for fold in range(len(self.problem.folds)):
            chosen = min(scored, key=lambda attributes: sign * attributes["stopping"][fold])
            for name, values in chosen["held_out"].items():
                found.setdefault(name, []).append(values[fold])
        return found
