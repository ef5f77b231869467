"""The verbs `gradcheck` and `guess`: what gradients are worth, shown on a person's own network and data.

Both look at training rows alone. Nothing is chosen or tested here, and no model comes out.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from couloir import text as words
from couloir.commands.asked import given_or_usual, takes
from couloir.commands.findings import Finding
from couloir.commands.stages import Stages
from couloir.commands.train import Observer, Silent, as_code, interruptions
from couloir.data.dataset import Dataset, describe
from couloir.data.loading import load
from couloir.engine import seeds
from couloir.engine.architectures.mlp import parameter_count
from couloir.engine.epochs import Part
from couloir.engine.member import Member, initial_network
from couloir.errors import InputError
from couloir.experiments import gradients, grids, guessing
from couloir.figures.experiments.gradients import (
    agreement_words,
    cost_words,
    difference_errors,
    error_words,
    gradient_agreement,
    gradient_cost,
)
from couloir.figures.experiments.grids import guesses_needed, plain_power
from couloir.figures.experiments.guessing import contest_words, search_against_descent
from couloir.files import check_folder
from couloir.options import GRADCHECK, GUESS
from couloir.runs import stored as runs
from couloir.selection.members import Options
from couloir.selection.problem import Conditions, Problem, prepare
from couloir.text import number

if TYPE_CHECKING:
    import polars as pl

    from couloir.experiments.gradients import Agreement, Cost, ErrorCurves
    from couloir.experiments.guessing import CountedDescent, RandomSearch
    from couloir.figures import Chart

Lines = Iterable[tuple[str, str]]


@dataclass
class Exploration(Finding):
    """What `gradcheck` or `guess` found.

    Attributes:
        charts: the figures, most telling first.
        lines: what is said in the terminal: a label and a text each.
        table: heads, and rows of text.
    """

    charts: list[Chart] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)
    table: tuple[list[str], list[list[str]]] = field(default_factory=lambda: ([], []))


# Gradcheck -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Checked:
    agreement: Agreement
    curves: ErrorCurves
    costs: list[Cost]


@takes(GRADCHECK)
def gradcheck(
    data: Any,
    *,
    out: str | Path | None = None,
    observer: Observer | None = None,
    command: str | None = None,
    stages: Stages | None = None,
    **given: Any,
) -> Exploration:
    """Compare numerical gradients with backpropagation's, on a network for a data set.

    The network has the initial weights that training would give it, and its loss is the mean over a sample
    of the training rows, all of them where there are fewer, in float64.

    Args:
        data: a `Dataset`, or anything `couloir.load` reads without further words.
        out: a folder of runs to save into; None saves nothing.
        observer, command, stages: as in `couloir.train`.
        given: the options, one value each.

    Raises:
        InputError: something given cannot be used, or the network is too large to be nudged.
    """
    stages, observer = stages or Stages(), observer or Silent()
    options = given_or_usual(GRADCHECK, given)
    samples, seed = options.pop("samples"), options.pop("seed")
    problem, member = _prepared(
        data, Conditions(seed=seed, precision="float64"), options, out, observer, stages
    )
    widths, settings = problem.widths(member), (member.activation, member.loss)
    rows = _sampled(problem.data.train, samples, seed)
    network = initial_network(member, seed, widths[0], widths[-1], np.float64)
    sizes = gradients.ladder(widths, len(rows.inputs))
    with stages.timed("check"):
        observer.stage("nudging every weight")
        agreement = gradients.agreement(network, rows, *settings)
        observer.stage("shrinking the nudge")
        curves = gradients.error_curves(network, rows, *settings, seed=seed)
    with stages.timed("measure"):
        observer.stage("measuring what gradients cost")
        costs = gradients.costs(sizes, rows, *settings, seed=seed)
    found = _Checked(agreement, curves, costs)
    result = Exploration(
        _record("gradcheck", problem, member, seed, command or as_code("gradcheck", given))
        | _check_record(found, len(rows.inputs)),
        _check_tables(found),
        charts=[difference_errors(curves), gradient_agreement(agreement), gradient_cost(costs)],
        lines=[*_opening(problem, member, len(rows.inputs)), *_check_lines(found)],
        table=_check_table(agreement),
    )
    return _finished(result, out, observer, stages)


def _sampled(part: Part, samples: int, seed: int) -> Part:
    """Training rows drawn at random."""
    count = len(part.inputs)
    chosen = np.sort(seeds.generator(seeds.CHECKED, seed).permutation(count)[:samples])
    return Part(part.inputs[chosen], part.targets[chosen])


def _check_record(found: _Checked, rows: int) -> dict[str, Any]:
    agreement, curves = found.agreement, found.curves
    return {
        "rows": rows,
        "agreement": {
            "checked": len(agreement.places),
            "apart": agreement.apart,
            "kinks": agreement.kinks,
            "largest_forward": agreement.largest_forward,
            "largest_central": agreement.largest_central,
            "layers": [
                {"layer": each.layer, "shape": list(each.shape), "checked": each.checked}
                | {"forward": each.forward, "central": each.central, "gradient": each.largest_gradient}
                for each in agreement.layers
            ],
        },
        "errors": {
            kind: {"best": list(curves.best(kind)), "slopes": curves.slopes(kind)._asdict()}
            for kind in ("forward", "central")
        },
        "costs": [{**each._asdict(), "widths": list(each.widths)} for each in found.costs],
    }


def _check_lines(found: _Checked) -> Lines:
    yield "agreement", agreement_words(found.agreement)
    yield "error", error_words(found.curves, "forward")
    yield "", error_words(found.curves, "central")
    yield "cost", cost_words(found.costs)


def _check_table(found: Agreement) -> tuple[list[str], list[list[str]]]:
    heads = ["layer", "weights and biases", "checked", "largest gradient", "central off by", "forward off by"]
    rows = [
        [
            str(each.layer),
            f"{each.shape[0]:,} × ({each.shape[1]:,} + 1)",
            f"{each.checked:,}",
            number(each.largest_gradient),
            number(each.central, 2),
            number(each.forward, 2),
        ]
        for each in found.layers
    ]
    return heads, rows


def _check_tables(found: _Checked) -> dict[str, pl.DataFrame]:
    import polars as pl

    agreement, curves = found.agreement, found.curves
    return {
        "agreement": pl.DataFrame(
            {
                "place": agreement.places,
                "backpropagation": agreement.gradient,
                "forward": agreement.forward,
                "central": agreement.central,
            }
        ),
        "errors": pl.DataFrame(
            {"epsilon": curves.epsilons, "forward": curves.forward, "central": curves.central}
        ),
        "costs": pl.DataFrame([{**each._asdict(), "widths": list(each.widths)} for each in found.costs]),
    }


# Guess -----------------------------------------------------------------------------------------------------


@takes(GUESS)
def guess(
    data: Any,
    *,
    out: str | Path | None = None,
    observer: Observer | None = None,
    command: str | None = None,
    stages: Stages | None = None,
    **given: Any,
) -> Exploration:
    """Guess a network's weights many times and keep the best, beside gradient descent at the same expense.

    Args:
        data: a `Dataset`, or anything `couloir.load` reads without further words.
        out: a folder of runs to save into; None saves nothing.
        observer, command, stages: as in `couloir.train`.
        given: the options, one value each; a guess is one loss evaluation on all training rows.

    Raises:
        InputError: something given cannot be used.
    """
    stages, observer = stages or Stages(), observer or Silent()
    options = given_or_usual(GUESS, given)
    guesses, seed = options.pop("guesses"), options.pop("seed")
    problem, member = _prepared(data, Conditions(seed=seed), options, out, observer, stages)
    widths, part = problem.widths(member), problem.data.train
    with stages.timed("guess"):
        observer.stage("guessing")
        search, status = _searched(problem, member, guesses, seed, observer)
    with stages.timed("descend"):
        observer.stage("descending")
        descent = guessing.counted_descent(widths, part, member.activation, member.loss, search.guesses, seed)
    result = Exploration(
        _record("guess", problem, member, seed, command or as_code("guess", {"guesses": guesses} | given))
        | _guess_record(search, descent)
        | {"status": status},
        _guess_tables(search, descent),
        charts=[search_against_descent(search, descent), guesses_needed(widths)],
        lines=[*_opening(problem, member, len(part.inputs)), *_guess_lines(search, descent)],
        table=_guess_table(search),
    )
    return _finished(result, out, observer, stages)


def _searched(
    problem: Problem, member: Member, guesses: int, seed: int, observer: Observer
) -> tuple[RandomSearch, str]:
    """Random search to its end, or to the first Ctrl-C; what had been found until then counts."""
    with interruptions(observer) as interrupted:

        def tell(done: int, lowest: float) -> bool:
            observer.stage(f"guessing: {done:,} of {guesses:,}, best {number(lowest)}")
            return interrupted()

        search = guessing.random_search(
            problem.widths(member),
            problem.data.train,
            member.activation,
            member.loss,
            guesses,
            seed,
            on_progress=tell,
        )
        return search, "interrupted" if interrupted() else "complete"


def _guess_record(search: RandomSearch, descent: CountedDescent) -> dict[str, Any]:
    return {
        "guesses": search.guesses,
        "best": search.best._asdict(),
        "best_by_scale": {str(scale): loss for scale, loss in search.best_by_scale.items()},
        "median": search.median,
        "constant": search.constant,
        "guesses_per_second": search.guesses / max(search.seconds, 1e-9),
        "descent": {
            "rates": descent.rates,
            "steps": descent.steps,
            "evaluations": int(descent.evaluations[-1]),
            "loss": float(descent.best[-1]),
            "learning_rate": descent.best_rate,
            "reached": descent.reached(search.best.loss),
            "gradient_cost": guessing.GRADIENT_COST,
        },
        "grid": grids.dimension_counter(search.parameters).text,
    }


def _guess_lines(search: RandomSearch, descent: CountedDescent) -> Lines:
    pace = number(float(f"{search.guesses / max(search.seconds, 1e-9):.3g}"))
    yield (
        "guessed",
        f"{words.count(search.guesses, 'guess', 'guesses')} in {search.seconds:.1f} s, {pace} a second",
    )
    yield "result", contest_words(search, descent)
    grid = plain_power(grids.dimension_counter(search.parameters).text)
    yield "grid", f"ten values for each of {search.parameters:,} weights and biases make {grid} guesses"


def _guess_table(search: RandomSearch) -> tuple[list[str], list[list[str]]]:
    heads = ["weights scaled by", f"best {words.LOSS_NAMES.get(search.loss, search.loss)}"]
    return heads, [[number(scale), number(loss)] for scale, loss in search.best_by_scale.items()]


def _guess_tables(search: RandomSearch, descent: CountedDescent) -> dict[str, pl.DataFrame]:
    import polars as pl

    return {
        "improvements": pl.DataFrame([each._asdict() for each in search.improvements]),
        "descent": pl.DataFrame({"evaluations": descent.evaluations, "best": descent.best}),
    }


# What both do ----------------------------------------------------------------------------------------------


def _prepared(
    data: Any,
    conditions: Conditions,
    options: dict[str, Any],
    out: str | Path | None,
    observer: Observer,
    stages: Stages,
) -> tuple[Problem, Member]:
    """The data split and prepared as for training, and the one network that was described."""
    if out is not None:
        check_folder(Path(out))
    with stages.timed("load"):
        dataset = data if isinstance(data, Dataset) else load(data)
    with stages.timed("prepare"):
        problem = prepare(dataset, conditions)
        observer.loaded(problem)
    members = Options(optimizer="sgd", learning_rate=1.0, **options).members(problem.data.task)
    if len(members) > 1:
        raise InputError("One network is looked at: give one value of each option.")
    return problem, members[0]


def _record(kind: str, problem: Problem, member: Member, seed: int, command: str) -> dict[str, Any]:
    widths = problem.widths(member)
    return {
        "schema_version": runs.SCHEMA_VERSION,
        "kind": kind,
        "command": command,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "status": "complete",
        "seed": seed,
        "data": {**describe(problem.dataset), "split": problem.split.sizes, "warnings": problem.warnings},
        "network": {
            "widths": list(widths),
            "parameters": parameter_count(widths),
            "activation": member.activation,
            "loss": member.loss,
        },
        "device": jax.devices()[0].device_kind,
        "versions": {"jax": jax.__version__, "numpy": np.__version__},
    }


def _opening(problem: Problem, member: Member, rows: int) -> Lines:
    """The network, and how many rows its loss is the mean over; what the data are the observer was told."""
    widths = problem.widths(member)
    text = (
        f"{'-'.join(map(str, widths))}, {member.activation}: {parameter_count(widths):,} weights and biases"
    )
    name = words.LOSS_NAMES.get(member.loss, member.loss)
    yield "network", f"{text}; {name} over {words.count(rows, 'training row')}"


def _finished(result: Exploration, out: str | Path | None, observer: Observer, stages: Stages) -> Exploration:
    """The result with its seconds, saved where that was asked for."""
    result.record["seconds"] = stages.rounded()
    if out is not None:
        observer.stage("writing the page")
        result.save(out)
    return result
