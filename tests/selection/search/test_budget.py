"""What generations are predicted to cost, and what the time left allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from couloir.engine import placement
from couloir.engine.machine import Machine
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.selection.problem import Problem, predict
from couloir.selection.search.budget import Budget

ADAM = Member(RULES["adam"], 1e-3, hidden=(64,), batch_size=16, epochs=100)
COMPILING = placement.compile_seconds(1)
MACHINE = Machine.here()


class Told(Budget):
    """A budget whose predictions are given: a number of seconds for each member."""

    def __init__(self, each: Callable[[Member], float], pace: float = 1.0, problem: Any = None) -> None:
        super().__init__(problem, halve=False, machine=MACHINE, pace=pace)
        self.each = each

    def seconds(self, members: Any) -> float:
        return sum(self.each(member) for member in members)


def test_halving_spares_most_of_the_predicted_time(problem: Problem) -> None:
    members = [ADAM, replace(ADAM, hidden=(8,))]
    _, predicted = predict(members, problem.trained_on(members), MACHINE)
    assert Budget(problem, halve=False, machine=MACHINE).seconds(members) == predicted.seconds
    assert Budget(problem, halve=True, machine=MACHINE).seconds(members) == pytest.approx(
        0.3 * predicted.seconds
    )


@pytest.mark.parametrize(
    ("each", "count", "groups"),
    [
        (0.0, 64, 2),  # compiling takes longer than training: as few as there may be
        (COMPILING / 16, 64, 4),  # 64 trials train for as long as four programs compile
        (COMPILING, 64, 8),
        (COMPILING, 12, 3),  # at least four trials to a program
        (COMPILING, 3, 1),
    ],
)
def test_a_generation_has_as_many_programs_as_it_has_times_to_compile_in(
    each: float, count: int, groups: int
) -> None:
    problem = SimpleNamespace(data=SimpleNamespace(task="classification"), least_rows=1000)
    assert Told(lambda member: each, problem=problem).groups(count) == groups


def test_how_many_programs_does_not_depend_on_how_fast_the_last_generation_was(problem: Problem) -> None:
    """A search that is resumed, perhaps elsewhere, has to ask for the same trials."""
    assert Budget(problem, True, MACHINE, pace=50.0).groups(64) == Budget(problem, True, MACHINE).groups(64)


def test_the_cheaper_groups_come_first_and_half_of_the_time_is_spent() -> None:
    groups = [[replace(ADAM, epochs=epochs)] * 2 for epochs in (40, 10, 30)]  # 80, 20 and 60 seconds
    told = Told(lambda member: member.epochs)
    assert told.affordable(groups, 1000.0) == [1, 2, 0]
    assert told.affordable(groups, 320.0) == [1, 2, 0]
    assert told.affordable(groups, 319.0) == [1, 2]
    assert told.affordable(groups, 159.0) == [1]
    assert told.affordable(groups, 1e-9) == [1], "one group is trained, however little time is left"


def test_a_slow_machine_affords_less() -> None:
    groups = [[replace(ADAM, epochs=epochs)] for epochs in (10, 30)]
    told = Told(lambda member: member.epochs)
    assert told.affordable(groups, 100.0) == [0, 1]
    told.went(groups[0], 20.0)
    assert told.pace == 2.0
    assert told.affordable(groups, 100.0) == [0]
    assert told.least_seconds == pytest.approx(2 * COMPILING)
