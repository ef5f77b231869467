"""What a generation of a search may cost: into how many programs it falls, and what the time left allows.

Predicted from shapes, so that a resumed search asks as it would have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from couloir.engine import placement
from couloir.engine.machine import Machine
from couloir.engine.member import Member
from couloir.selection.members import Options
from couloir.selection.problem import Problem, predict, shrunk

FEWEST_GROUPS, MOST_GROUPS = 2, 8
"""Groups of trials of a generation that share what a program depends on: each may have to be compiled, so
there are few where training takes less time than compiling."""

LEAST_IN_A_GROUP = 4
"""Trials."""

HALVING_SHARE = 0.3
"""What halving leaves of the work, about: for predictions of time."""

SPENT_AT_ONCE = 0.5
"""The share of the time left that a generation may take."""

COMPILING = placement.compile_seconds(1)
"""Seconds that it takes to compile the program of one group, as predicted."""


def usual(problem: Problem) -> list[Member]:
    """Members to predict by what trials will take that nobody has asked for yet."""
    members = Options(optimizer="adam").members(problem.data.task)
    return [shrunk(each, problem.least_rows) for each in members]


@dataclass
class Budget:
    """What generations are predicted to cost.

    Attributes:
        problem: what is trained on.
        halve: whether the worse trials leave at rungs.
        machine: what the training is laid out for.
        pace: how many times as long as predicted the last generation took, on this machine at this time.
    """

    problem: Problem
    halve: bool
    machine: Machine
    pace: float = 1.0

    def predicted(self, members: Sequence[Member]) -> placement.Cost:
        """What some members are predicted to cost in every fold, if nobody leaves."""
        return predict(members, self.problem.trained_on(members), self.machine)[1]

    def seconds(self, members: Sequence[Member]) -> float:
        """What it is predicted to take to train some members in every fold, with what halving spares."""
        return self.predicted(members).seconds * (HALVING_SHARE if self.halve else 1.0)

    @property
    def least_seconds(self) -> float:
        """What a generation takes at least, as the last one went: one program is compiled."""
        return self.pace * COMPILING

    def groups(self, count: int) -> int:
        """Into how many groups to ask for so many trials: about as many as they have times to compile in.

        Predicted for the default network.
        """
        members = usual(self.problem)
        training = self.seconds(members) * count / len(members)
        wanted = min(max(round(training / COMPILING), FEWEST_GROUPS), MOST_GROUPS)
        return max(1, min(wanted, count // LEAST_IN_A_GROUP))

    def affordable(self, groups: Sequence[Sequence[Member]], seconds_left: float) -> list[int]:
        """The numbers of the groups that the time left allows, the cheapest first; at least that one."""
        costs = [self.pace * self.seconds(members) for members in groups]
        kept: list[int] = []
        spent = 0.0
        for number in sorted(range(len(groups)), key=lambda number: costs[number]):
            spent += costs[number]
            if kept and spent > SPENT_AT_ONCE * seconds_left:
                break
            kept.append(number)
        return kept

    def went(self, members: Sequence[Member], seconds: float) -> None:
        """Take note of how long some members took."""
        self.pace = seconds / self.seconds(members)
