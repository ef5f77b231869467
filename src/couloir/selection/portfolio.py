"""The default plan: a portfolio of settings that complement one another over many tables.

Which network is best depends on the table: on some numbers are best read piecewise-linearly, on some plainly;
some want dropout. So a portfolio is trained, in folds where rows are few, each setting to the end of its
schedule, and the average is chosen by the out-of-fold answers. The settings stand in `portfolio.toml`, the
most useful first, with the script that found them.

Nobody leaves at a rung: while a cycle of the rate is at its height, scores say little of those at its end.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from couloir.data.dataset import Dataset
from couloir.engine.architectures.conv import Conv, convolutions
from couloir.engine.losses import DEFAULT_LOSS
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.engine.placement import Chunk, Cost
from couloir.errors import InputError
from couloir.options import AVERAGED, FOLDS_BELOW, PLANS, TRAIN, taken_by
from couloir.selection.members import Options
from couloir.selection.problem import Conditions, Plan, Problem, chosen_metric, predict

ROWS = 3000
"""Training rows of the tables that the settings were found on, about: their epochs are meant for so many."""

MORE_OFTEN = 1 / 4
"""Rows are gone through more often where they are fewer: to this power of how many times fewer."""

MOST_EPOCHS = 100
"""Of a setting, on a few rows."""

FEWEST_EPOCHS = 3
"""Of a setting, on very many."""

BATCHES: Mapping[int, int] = MappingProxyType({600: 32, 1500: 64, 12_000: 128, 60_000: 256})
"""Below so many rows, so many a step; beyond the last twice as many."""


@dataclass(frozen=True)
class Effort:
    """How much of the portfolio is trained.

    Attributes:
        settings: of the portfolio, at most.
        seconds: that training may take, as predicted; with more than `ROWS_IN_SECONDS` rows in proportion.
        folds: where rows are few.
        restarts: initial weights that each setting starts from, at most.
    """

    settings: int
    seconds: float
    folds: int
    restarts: int = 1


EFFORTS: Mapping[str, Effort] = MappingProxyType(
    {"quick": Effort(2, 6, 5), "normal": Effort(6, 60, 5), "high": Effort(10, 300, 10, 3)}
)
"""By name: some seconds, about a minute, some minutes on two cores, at up to `ROWS_IN_SECONDS` rows."""

ROWS_IN_SECONDS = 10_000

FEWEST_CHANNELS = 8
"""Of a convolution."""

FEWEST = 2
"""Settings that are trained whatever the time."""

TRAINING_SHARE = 0.8
"""Of the minutes that a person gives so much is for training."""


IMAGES_AT_ONCE = 128
"""Rows a step at most, of networks with convolutions: beyond, their signals leave the processor's cache."""


@cache
def settings(name: str = "portfolio") -> tuple[Mapping[str, Any], ...]:
    """The settings, as the file of that name holds them, the most useful first."""
    text = files("couloir.selection").joinpath(f"{name}.toml").read_text("utf-8")
    return tuple(map(MappingProxyType, tomllib.loads(text)["setting"]))


PORTFOLIO, GRID = PLANS

OF_STOPPING = ("patience", "no_stop")
"""Options that the portfolio, which stops nobody, has no use for."""


def settled(conditions: Conditions, asked: Options, dataset: Dataset) -> Conditions:
    """The conditions with the plan decided, and what it decides where nobody did: folds, and the average.

    Raises:
        InputError: the portfolio is asked for, and something that it sets itself.
    """
    known = taken_by(TRAIN)
    given = [name for name, value in asked.given.items() if value is not None]
    given += [name for name in OF_STOPPING if getattr(conditions, name) != known[name].default]
    chosen = conditions.plan or (GRID if given else PORTFOLIO)
    if chosen == PORTFOLIO and given:
        raise InputError(
            f"The portfolio sets the {known[given[0]].words} of its networks itself: leave out "
            f"{known[given[0]].typed_as}, or give --plan rules."
        )
    if chosen == GRID and conditions.effort != known["effort"].default:
        raise InputError(
            "The effort says how much of the portfolio is trained, and here rules are: leave out --effort, "
            "or what asks for rules."
        )
    folds, average, patience = conditions.cv, conditions.ensemble, conditions.patience
    if chosen == PORTFOLIO:
        patience = None
        tested = 0 if dataset.test_rows is None else len(dataset.test_rows)
        few = len(dataset) - tested < FOLDS_BELOW
        if folds is None and few and dataset.times is None:
            folds = EFFORTS[conditions.effort].folds
        average = AVERAGED if average is None else average
    return replace(conditions, plan=chosen, cv=folds or None, ensemble=average, patience=patience)


def plan(problem: Problem) -> Plan:
    """The members of the portfolio that the time allows, the most useful first, and what they will cost."""
    conditions, task, rows = problem.conditions, problem.data.task, problem.least_rows
    metric = chosen_metric(task, conditions.metric)
    useful = members(task, rows, problem.dataset.image_shape)

    def predicted(some: Sequence[Member]) -> tuple[list[Chunk], Cost]:
        return predict(some, problem.trained_on(some), conditions.machine)

    return Plan(problem, *affordable(conditions, useful, rows, predicted), metric)


def affordable(
    conditions: Conditions,
    useful: Sequence[Member],
    rows: int,
    predicted: Callable[[Sequence[Member]], tuple[list[Chunk], Cost]],
) -> tuple[list[Member], list[Chunk], Cost]:
    """Of members, the most useful first, those that effort and time allow; their layout, and their cost.

    Args:
        conditions: effort, minutes, members at most.
        useful: the portfolio for a number of rows.
        rows: that each learns from.
        predicted: the layout and the cost of some.
    """
    effort = EFFORTS[conditions.effort]
    useful = useful[: effort.settings]
    everybody = [replace(each, restart=restart) for restart in range(effort.restarts) for each in useful]
    everybody, allowed = everybody[: conditions.members], seconds(conditions, rows)
    count = min(FEWEST, len(everybody))
    chunks, cost = predicted(everybody[:count])
    while count < len(everybody):
        more = predicted(everybody[: count + 1])
        if more[1].seconds > allowed:
            break
        count, (chunks, cost) = count + 1, more
    return everybody[:count], chunks, cost


def members(task: str, rows: int, image_shape: tuple[int, int] | None = None) -> list[Member]:
    """The portfolio for a number of training rows.

    Args:
        task: "classification" or "regression".
        rows: that each member learns from.
        image_shape: of images, which are read in the customary encoding only, and have settings of their own.
    """
    found = [member(each, task, rows) for each in settings()]
    if image_shape is not None:
        plain = [replace(each, encoding=Member.encoding) for each in found]
        found = [*for_images(task, rows, image_shape), *plain]
    return [each for number, each in enumerate(found) if each not in found[:number]]


def for_images(task: str, rows: int, image_shape: tuple[int, int]) -> list[Member]:
    """The settings for images, with as many convolutions as these have room for; none where that is none.

    Each convolution has twice the channels of the one before, which halves the sides of what it is given.
    """
    found, room = [], convolutions(image_shape)
    for each in settings("images") if room else ():
        values = dict(each)
        channels, units = values.pop("channels"), values.pop("units")
        before = [max(channels >> later, FEWEST_CHANNELS) for later in range(1, room)]
        own = member({**values, "hidden": [*reversed(before), channels, units]}, task, rows)
        size = min(own.batch_size, IMAGES_AT_ONCE)
        found.append(replace(own, architecture=Conv.name, batch_size=size))
    return found


def member(setting: Mapping[str, Any], task: str, rows: int) -> Member:
    """The member that a setting is for so many rows: few rows are gone through more often."""
    values = dict(setting)
    rule = RULES[values.pop("optimizer", "adamw")]
    numbers = {name: float(values.pop(name)) for name in list(values) if name in rule.defaults}
    return Member(
        rule,
        numbers.pop("learning_rate"),
        numbers,
        hidden=tuple(values.pop("hidden")),
        loss=DEFAULT_LOSS[task],
        batch_size=batch_size(rows),
        epochs=sized_epochs(values.pop("epochs"), rows),
        **values,
    )


def sized_epochs(epochs: int, rows: int) -> int:
    """For so many training rows the epochs that stand for some of `ROWS` rows."""
    return min(max(round(epochs * (ROWS / rows) ** MORE_OFTEN), FEWEST_EPOCHS), MOST_EPOCHS)


def batch_size(rows: int) -> int:
    """Rows a step, for so many training rows."""
    size = next((size for below, size in BATCHES.items() if rows < below), 2 * max(BATCHES.values()))
    return min(size, rows)


def seconds(conditions: Conditions, rows: int) -> float:
    """What training may take, as predicted: what a person gave, or what the effort allows for the rows."""
    if conditions.minutes is not None:
        return TRAINING_SHARE * 60 * conditions.minutes
    return EFFORTS[conditions.effort].seconds * max(1.0, rows / ROWS_IN_SECONDS)
