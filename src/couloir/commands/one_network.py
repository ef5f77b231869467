"""What the verbs that look at one network on a person's own data have in common: `gradcheck` and `guess`.

They look at training rows alone. Nothing is chosen or tested, and no model comes out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from couloir import text as words
from couloir.commands.findings import F, Finding
from couloir.commands.stages import Stages
from couloir.commands.train import Observer, prepared
from couloir.engine.architectures.mlp import parameter_count
from couloir.engine.machine import Machine
from couloir.engine.member import Member
from couloir.errors import InputError
from couloir.runs.records import findings
from couloir.runs.records.common import data_of
from couloir.selection.members import Options
from couloir.selection.problem import Conditions, Problem

if TYPE_CHECKING:
    from couloir.figures import Chart

Table = tuple[list[str], list[list[str]]]
"""Heads, and rows of text."""


@dataclass(repr=False)
class Exploration(Finding[F]):
    """What such a verb found.

    Attributes:
        charts: the figures, most telling first.
        lines: what is said in the terminal: a label and a text each.
        table: heads, and rows of text.
    """

    charts: list[Chart] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)
    table: Table = field(default_factory=lambda: ([], []))


def looked_at(
    data: Any, conditions: Conditions, options: dict[str, Any], observer: Observer, stages: Stages
) -> tuple[Problem, Member]:
    """The data split and prepared as for training, and the one network that was described."""
    problem = prepared(data, conditions, stages)
    observer.loaded(problem)
    members = Options(optimizer="sgd", learning_rate=1.0, **options).members(problem.data.task)
    if len(members) > 1:
        raise InputError("One network is looked at: give one value of each option.")
    return problem, members[0]


def described(problem: Problem, member: Member, seed: int, command: str) -> dict[str, Any]:
    """What the records of both say: the command, the data, the network."""
    widths, machine = problem.widths(member), Machine.here()
    return {
        "command": command,
        "seed": seed,
        "device": machine.device,
        "machine": machine,
        "data": data_of(problem.dataset, problem.split, problem.warnings),
        "network": findings.Network(
            widths=list(widths),
            parameters=parameter_count(widths),
            activation=member.activation,
            loss=member.loss,
        ),
    }


def opening(problem: Problem, member: Member, rows: int) -> Iterator[tuple[str, str]]:
    """The network, and how many rows its loss is the mean over; what the data are the observer was told."""
    widths = problem.widths(member)
    text = f"{'-'.join(map(str, widths))}, {member.activation}: {parameter_count(widths):,} weights and "
    text += f"biases; {words.LOSS_NAMES[member.loss]} over {words.count(rows, 'training row')}"
    yield "network", text
