"""The verb `gradcheck`: backpropagation beside numerical gradients, on a network for a person's own data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from couloir.commands.asked import as_code, given_or_usual, takes
from couloir.commands.findings import finished, finite
from couloir.commands.one_network import Exploration, Table, described, looked_at, opening
from couloir.commands.stages import Stages
from couloir.commands.train import Observer, begun
from couloir.engine import seeds
from couloir.engine.epochs import Part
from couloir.engine.member import initial_network
from couloir.experiments import gradient_costs, gradients
from couloir.figures.experiments.gradients import (
    agreement_words,
    cost_words,
    difference_errors,
    error_words,
    gradient_agreement,
    gradient_cost,
)
from couloir.options import GRADCHECK
from couloir.runs.records import GradcheckRecord, findings
from couloir.selection.problem import Conditions
from couloir.text import number

if TYPE_CHECKING:
    import polars as pl

    from couloir.experiments.gradient_costs import Cost
    from couloir.experiments.gradients import Agreement, ErrorCurves


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
) -> Exploration[GradcheckRecord]:
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
    stages, observer = begun(out, stages, observer)
    options = given_or_usual(GRADCHECK, given)
    samples, seed = options.pop("samples"), options.pop("seed")
    conditions = Conditions(seed=seed, precision="float64")
    problem, member = looked_at(data, conditions, options, observer, stages)
    widths, settings = problem.widths(member), (member.activation, member.loss)
    rows = _sampled(problem.data.train, samples, seed)
    network = initial_network(member, seed, widths[0], widths[-1], np.float64)
    sizes = gradient_costs.ladder(widths, len(rows.inputs))
    with stages.timed("check"):
        observer.stage("nudging every weight")
        agreement = gradients.agreement(network, rows, *settings)
        observer.stage("shrinking the nudge")
        curves = gradients.error_curves(network, rows, *settings, seed=seed)
    with stages.timed("measure"):
        observer.stage("measuring what gradients cost")
        costs = gradient_costs.costs(sizes, rows, *settings, seed=seed)
    found = _Checked(agreement, curves, costs)
    result = Exploration(
        GradcheckRecord(
            **described(problem, member, seed, command or as_code("gradcheck", given)),
            **_record(found, len(rows.inputs)),
        ),
        _tables(found),
        charts=[difference_errors(curves), gradient_agreement(agreement), gradient_cost(costs)],
        lines=[*opening(problem, member, len(rows.inputs)), *_lines(found)],
        table=_table(agreement),
    )
    return finished(result, out, observer, stages)


def _sampled(part: Part, samples: int, seed: int) -> Part:
    """Training rows drawn at random."""
    count = len(part.inputs)
    chosen = np.sort(seeds.generator(seeds.CHECKED, seed).permutation(count)[:samples])
    return Part(part.inputs[chosen], part.targets[chosen])


def _record(found: _Checked, rows: int) -> dict[str, Any]:
    agreement, curves = found.agreement, found.curves
    return {
        "rows": rows,
        "agreement": findings.Agreement(
            checked=len(agreement.places),
            apart=agreement.apart,
            kinks=agreement.kinks,
            largest_forward=agreement.largest_forward,
            largest_central=agreement.largest_central,
            layers=[
                findings.LayerAgreement(
                    layer=each.layer,
                    shape=each.shape,
                    checked=each.checked,
                    forward=each.forward,
                    central=each.central,
                    gradient=each.largest_gradient,
                )
                for each in agreement.layers
            ],
        ),
        "errors": {kind: _error(curves, kind) for kind in ("forward", "central")},
        "costs": [
            findings.GradientCost(**{**each._asdict(), "widths": list(each.widths)}) for each in found.costs
        ],
    }


def _error(curves: ErrorCurves, kind: str) -> findings.DifferenceError:
    slopes = {name: finite(slope) for name, slope in curves.slopes(kind)._asdict().items()}
    return findings.DifferenceError(best=curves.best(kind), slopes=findings.Slopes(**slopes))


def _lines(found: _Checked) -> Iterator[tuple[str, str]]:
    yield "agreement", agreement_words(found.agreement)
    yield "error", error_words(found.curves, "forward")
    yield "", error_words(found.curves, "central")
    yield "cost", cost_words(found.costs)


def _table(found: Agreement) -> Table:
    heads = ["layer", "weights and biases", "checked", "largest gradient", "central off by", "forward off by"]
    rows = [
        [
            str(each.layer),
            f"{each.shape[0]:,} × ({each.shape[1]:,} + 1)",
            f"{each.checked:,}",
            number(each.largest_gradient),
            *(number(error, 2) for error in (each.central, each.forward)),
        ]
        for each in found.layers
    ]
    return heads, rows


def _tables(found: _Checked) -> dict[str, pl.DataFrame]:
    import polars as pl

    agreement, curves = found.agreement, found.curves
    compared = {"place": agreement.places, "backpropagation": agreement.gradient}
    compared |= {"forward": agreement.forward, "central": agreement.central}
    errors = {"epsilon": curves.epsilons, "forward": curves.forward, "central": curves.central}
    costs = [{**each._asdict(), "widths": list(each.widths)} for each in found.costs]
    tables = {"agreement": compared, "errors": errors, "costs": costs}
    return {name: pl.DataFrame(numbers) for name, numbers in tables.items()}
