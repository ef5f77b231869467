"""What a race and a search came to, as tables and lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

from couloir import text as words

if TYPE_CHECKING:
    from couloir.commands.train import Run
    from couloir.runs.records import LearnedRecord, RaceRecord, SearchRecord
    from couloir.runs.records.learned import Interval

Lines = Iterable[tuple[str, str]]

SHOWN = 8
"""Trials in the table of a search."""


def shown(metric: str, value: float | None) -> str:
    """A score as it stands in a terminal, where a narrow space may be none."""
    return words.metric(metric, value).replace("\u202f", " ")


def _table(*columns: str) -> Table:
    """An empty table whose first column is flush left and the others flush right."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table


# Race -----------------------------------------------------------------------------------------------------


def standing(run: Run[RaceRecord]) -> Table:
    """One row a rule, best first: rates, scores over the replicates, how fast, how often it diverged."""
    metric = run.record.metric
    name = words.METRIC_NAMES[metric]
    table = _table("rule", "rate", f"best {name}", "at customary", "steps to target", "diverged")
    for place, entry in enumerate(run.record.standing):
        table.add_row(
            entry.rule,
            words.number(entry.learning_rate) + {"highest": "+", "lowest": "−", None: ""}[entry.at_edge],
            _with_margin(metric, entry.best),
            _mean(metric, entry.customary_best),
            words.number(entry.steps_to_target),
            f"{entry.diverged} of {run.record.replicates}",
            style="" if place else "bold",
        )
    return table


def _mean(metric: str, scores: dict[str, Interval] | None) -> str:
    return "–" if scores is None else shown(metric, scores[metric].mean)


def _with_margin(metric: str, scores: dict[str, Interval] | None) -> str:
    """A mean, and half of its 95 % interval."""
    found = scores[metric] if scores else None
    if found is None or found.low is None or found.high is None:
        return _mean(metric, scores)
    return f"{shown(metric, found.mean)} ± {shown(metric, (found.high - found.low) / 2)}"


def race_lines(run: Run[RaceRecord]) -> Lines:
    """What was run, and what can be said."""
    record, target = run.record, run.record.target
    yield (
        "raced",
        f"{words.count(record.n_trainings, 'training')} of {words.count(record.epochs, 'epoch')} in "
        f"{record.seconds['train']:.1f} s: each rule at {words.count(record.rates_per_rule, 'rate')}, "
        f"then {words.count(record.replicates, 'replicate')}",
    )
    for number, sentence in enumerate(record.verdicts):
        yield "" if number else "verdict", sentence
    score = shown(target.metric, target.value)
    yield "target", f"what half of the rules reach, on average {words.METRIC_NAMES[target.metric]} {score}"
    edge = [entry.rule for entry in record.standing if entry.at_edge]
    if edge:
        yield "note", f"best at an end of the rates tried: {words.joined(edge)}"


# Search ---------------------------------------------------------------------------------------------------


def best_trials(run: Run[SearchRecord]) -> Table:
    """The best trials, best first."""
    metric = run.record.metric
    name = words.METRIC_NAMES[metric]
    table = _table("trial", name, "rule", "rate", "hidden", "activation", "batch", "epoch")
    for place, row in enumerate(run.leaderboard.head(SHOWN).iter_rows(named=True)):
        table.add_row(
            str(row["number"]),
            shown(metric, row["value"]),
            row["optimizer"],
            words.number(row["learning_rate"]),
            row["hidden"],
            row["activation"],
            str(row["batch_size"]),
            str(row["best_epoch"]),
            style="" if place else "bold",
        )
    return table


def search_lines(run: Run[SearchRecord]) -> Lines:
    """What was searched and how trials ended."""
    record, search = run.record, run.record.search
    counts = [f"{number} {status}" for status, number in record.counts.items() if number]
    yield (
        "searched",
        f"{words.count(search.trials, 'trial')} in {words.count(search.generations, 'generation')}, "
        f"judged by {search.evaluation}: {', '.join(counts)}; {record.seconds['total']:.1f} s in all",
    )


def finalists(run: Run[LearnedRecord]) -> Table:
    """The models that were tested, the one that is kept in bold."""
    metrics = ("accuracy", "log_loss") if run.record.data.is_classification else ("r2", "mae")
    chosen = run.record.metric
    heads = [f"test {words.METRIC_NAMES[metric]}" for metric in metrics]
    table = _table("tested", "networks", f"validation {words.METRIC_NAMES[chosen]}", *heads)
    for entry in run.record.finalists:
        table.add_row(
            entry.name,
            str(entry.networks),
            shown(chosen, entry.validation[chosen]) if entry.validation else "–",
            *(shown(metric, entry.test[metric]) for metric in metrics),
            style="bold" if entry.headline else "",
        )
    return table


# Cross-validation -----------------------------------------------------------------------------------------


def fold_lines(run: Run[LearnedRecord]) -> Lines:
    """The winner's scores over the folds, and what choosing within the folds would have given."""
    crossed = run.record.cross_validation
    if not crossed:
        return
    metric = crossed.metric
    for label, scores in (("folds", crossed.scores), ("nested", crossed.nested)):
        if scores:
            found = scores[metric]
            values = ", ".join(shown(metric, value) for value in found.values)
            text = f"mean {shown(metric, found.mean)}, spread {shown(metric, found.spread)} ({values})"
            yield label, f"{words.METRIC_NAMES[metric]} {text}"
