"""The verb `guess`: random weights beside gradient descent, on a network for a person's own data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from couloir import text as words
from couloir.commands.asked import as_code, given_or_usual, takes
from couloir.commands.findings import finished
from couloir.commands.one_network import Exploration, Table, described, looked_at, opening
from couloir.commands.stages import Stages
from couloir.commands.train import Observer, begun, interruptions
from couloir.engine.member import Member
from couloir.experiments import grids, guessing
from couloir.figures.experiments.grids import guesses_needed, plain_power
from couloir.figures.experiments.guessing import contest_words, search_against_descent
from couloir.options import GUESS
from couloir.runs.records import GuessRecord, findings
from couloir.runs.records.common import Status
from couloir.selection.problem import Conditions, Problem
from couloir.text import number

if TYPE_CHECKING:
    import polars as pl

    from couloir.experiments.guessing import CountedDescent, RandomSearch


@takes(GUESS)
def guess(
    data: Any,
    *,
    out: str | Path | None = None,
    observer: Observer | None = None,
    command: str | None = None,
    stages: Stages | None = None,
    **given: Any,
) -> Exploration[GuessRecord]:
    """Guess a network's weights many times and keep the best, beside gradient descent at the same expense.

    Args:
        data: a `Dataset`, or anything `couloir.load` reads without further words.
        out: a folder of runs to save into; None saves nothing.
        observer, command, stages: as in `couloir.train`.
        given: the options, one value each; a guess is one loss evaluation on all training rows.

    Raises:
        InputError: something given cannot be used.
    """
    stages, observer = begun(out, stages, observer)
    options = given_or_usual(GUESS, given)
    guesses, seed = options.pop("guesses"), options.pop("seed")
    problem, member = looked_at(data, Conditions(seed=seed), options, observer, stages)
    widths, part = problem.widths(member), problem.data.train
    with stages.timed("guess"):
        observer.stage("guessing")
        search, status = _searched(problem, member, guesses, seed, observer)
    with stages.timed("descend"):
        observer.stage("descending")
        descent = guessing.counted_descent(widths, part, member.activation, member.loss, search.guesses, seed)
    result = Exploration(
        GuessRecord(
            **described(problem, member, seed, command or as_code("guess", {"guesses": guesses} | given)),
            **_record(search, descent),
            status=status,
        ),
        _tables(search, descent),
        charts=[search_against_descent(search, descent), guesses_needed(widths)],
        lines=[*opening(problem, member, len(part.inputs)), *_lines(search, descent)],
        table=_table(search),
    )
    return finished(result, out, observer, stages)


def _searched(
    problem: Problem, member: Member, guesses: int, seed: int, observer: Observer
) -> tuple[RandomSearch, Status]:
    """Random search to its end, or to the first Ctrl-C; what had been found until then counts."""
    with interruptions(observer) as interrupted:

        def tell(done: int, lowest: float) -> bool:
            observer.stage(f"guessing: {done:,} of {guesses:,}, best {number(lowest)}")
            return interrupted()

        widths, settings = problem.widths(member), (member.activation, member.loss)
        search = guessing.random_search(
            widths, problem.data.train, *settings, guesses, seed, on_progress=tell
        )
        return search, "interrupted" if interrupted() else "complete"


def _record(search: RandomSearch, descent: CountedDescent) -> dict[str, Any]:
    return {
        "guesses": search.guesses,
        "best": findings.Guess(**search.best._asdict()),
        "best_by_scale": {str(scale): loss for scale, loss in search.best_by_scale.items()},
        "median": search.median,
        "constant": search.constant,
        "guesses_per_second": search.guesses / max(search.seconds, 1e-9),
        "descent": findings.Descent(
            rates=descent.rates,
            steps=descent.steps,
            evaluations=int(descent.evaluations[-1]),
            loss=float(descent.best[-1]),
            learning_rate=descent.best_rate,
            reached=descent.reached(search.best.loss),
            gradient_cost=guessing.GRADIENT_COST,
        ),
        "grid": grids.dimension_counter(search.parameters).text,
    }


def _lines(search: RandomSearch, descent: CountedDescent) -> Iterator[tuple[str, str]]:
    pace = number(float(f"{search.guesses / max(search.seconds, 1e-9):.3g}"))
    guesses = words.count(search.guesses, "guess", "guesses")
    yield "guessed", f"{guesses} in {search.seconds:.1f} s, {pace} a second"
    yield "result", contest_words(search, descent)
    grid = plain_power(grids.dimension_counter(search.parameters).text)
    yield "grid", f"ten values for each of {search.parameters:,} weights and biases make {grid} guesses"


def _table(search: RandomSearch) -> Table:
    heads = ["weights scaled by", f"best {words.LOSS_NAMES[search.loss]}"]
    return heads, [[number(scale), number(loss)] for scale, loss in search.best_by_scale.items()]


def _tables(search: RandomSearch, descent: CountedDescent) -> dict[str, pl.DataFrame]:
    import polars as pl

    return {
        "improvements": pl.DataFrame([each._asdict() for each in search.improvements]),
        "descent": pl.DataFrame({"evaluations": descent.evaluations, "best": descent.best}),
    }
