"""What a training, a race and a search came to, as tables and lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from couloir import options
from couloir import text as words
from couloir.engine.metrics import DEFAULT_METRIC, HEADLINE_METRIC, METRICS
from couloir.figures.settings import is_portfolio, judged_on
from couloir.options import MEMBER, RULE, Option

if TYPE_CHECKING:
    from couloir.commands.train import Run
    from couloir.runs.records import LearnedRecord, RaceRecord, SearchRecord, TrainRecord
    from couloir.runs.records.learned import Interval

Lines = Iterable[tuple[str, str]]

SHOWN = 8
"""Trials in the table of a search."""


def shown(metric: str, value: float | None) -> str:
    """A score as it stands in a terminal, where a narrow space may be none."""
    return words.metric(metric, value).replace("\u202f", " ")


def metrics_told(record: LearnedRecord) -> tuple[str, str]:
    """The two metrics that are told of the model that is kept."""
    return HEADLINE_METRIC[record.data.task], "log_loss" if record.data.is_classification else "mae"


def table(*heads: str, left: Sequence[int] = (0,), fold: bool = False) -> Table:
    """An empty table whose columns are flush right, but for these; cells may be folded, or not."""
    made = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for place, head in enumerate(heads):
        made.add_column(head, justify="left" if place in left else "right", no_wrap=not fold)
    return made


# Training -------------------------------------------------------------------------------------------------


def leaderboard(run: Run[TrainRecord]) -> Table:
    """The best member of each rule, best first, and how many members of the rule diverged."""
    loss, chosen_by = DEFAULT_METRIC[run.record.data.task], run.record.metric
    metrics = [loss, HEADLINE_METRIC[run.record.data.task] if chosen_by == loss else chosen_by]
    heads = [words.short_metric(metric) for metric in metrics]
    found = table("rule", "rate", *heads, "epoch", "ended", "diverged", left=(0, len(heads) + 3))
    varying = _varying(run)
    if varying:
        found.add_column("with")
    for place, rows in enumerate(_by_rule(run)):
        best = rows[0]
        lost = sum(row["status"] == "diverged" for row in rows)
        own = [f"{name} {best[key]}" for key, name in varying if best[key] is not None]
        found.add_row(
            best["optimizer"],
            words.number(best["learning_rate"]),
            *(shown(metric, best[METRICS[metric].column("validation")]) for metric in metrics),
            "–" if best["best_epoch"] is None else str(best["best_epoch"]),
            str(best["status"]),
            f"{lost} of {len(rows)}",
            *([", ".join(own)] if varying else []),
            style="" if place else "bold",
        )
    return found


def _by_rule(run: Run[Any]) -> list[list[dict[str, Any]]]:
    """Rows of the leaderboard by rule; rules and rows best first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in run.leaderboard.iter_rows(named=True):
        found.setdefault(row["optimizer"], []).append(row)
    return list(found.values())


def _varying(run: Run[Any]) -> list[tuple[str, str]]:
    """Hyperparameters besides rule and rate that differ: their columns, and what they are called."""
    columns = {name.replace("restarts", "restart"): option for name, option in MEMBER.items()}
    del columns["optimizer"], columns["learning_rate"]
    return [(key, options.label(key)) for key, option in columns.items() if _varies(run, key, option)]


def _varies(run: Run[Any], key: str, option: Option) -> bool:
    """Whether there is a difference to show: numbers of the rules differ from one to the next anyway."""
    if key not in run.leaderboard.columns:  # it was no option yet when this run was made
        return False
    board = run.leaderboard.select("optimizer", key).drop_nulls()
    parts = board.partition_by("optimizer") if option.group == RULE and option.default is None else [board]
    return any(part[key].n_unique() > 1 for part in parts)


# Race -----------------------------------------------------------------------------------------------------


def standing(run: Run[RaceRecord]) -> Table:
    """One row a rule, best first: rates, scores over the replicates, how fast, how often it diverged."""
    record = run.record
    metric, count = record.metric, record.replicates
    name = words.METRIC_NAMES[metric]
    found = table("rule", "rate", f"best {name}", "at customary", "steps to target", "diverged")
    for place, entry in enumerate(record.standing):
        found.add_row(
            entry.rule,
            words.number(entry.learning_rate) + {"highest": "+", "lowest": "−", None: ""}[entry.at_edge],
            _with_margin(metric, entry.best),
            _mean(metric, entry.customary_best),
            words.number(entry.steps_to_target),
            f"{entry.diverged} of {count}",
            style="" if place else "bold",
        )
    return found


def _mean(metric: str, scores: Mapping[str, Interval] | None) -> str:
    return "–" if scores is None else shown(metric, scores[metric].mean)


def _with_margin(metric: str, scores: Mapping[str, Interval] | None) -> str:
    """A mean, and half of its 95 % interval."""
    found = None if scores is None else scores[metric]
    if found is None or found.low is None or found.high is None:
        return _mean(metric, scores)
    return f"{shown(metric, found.mean)} ± {shown(metric, (found.high - found.low) / 2)}"


def race_lines(record: RaceRecord) -> Lines:
    """What was run, and what can be said."""
    trainings, epochs = words.count(record.n_trainings, "training"), words.count(record.epochs, "epoch")
    rates = words.count(record.rates_per_rule, "rate")
    replicates = words.count(record.replicates, "replicate")
    seconds = record.seconds["train"]
    yield "raced", f"{trainings} of {epochs} in {seconds:.1f} s: each rule at {rates}, then {replicates}"
    for number, sentence in enumerate(record.verdicts):
        yield "" if number else "verdict", sentence
    metric, value = record.target.metric, record.target.value
    name = words.METRIC_NAMES[metric]
    yield "target", f"what half of the rules reach, on average {name} {shown(metric, value)}"
    edge = [entry.rule for entry in record.standing if entry.at_edge]
    if edge:
        yield "note", f"best at an end of the rates tried: {words.joined(edge)}"


# Search ---------------------------------------------------------------------------------------------------


def best_trials(run: Run[SearchRecord]) -> Table:
    """The best trials, best first."""
    metric = run.record.metric
    name = words.METRIC_NAMES[metric]
    found = table("trial", name, "rule", "rate", "hidden", "activation", "batch", "epoch")
    for place, row in enumerate(run.leaderboard.head(SHOWN).iter_rows(named=True)):
        found.add_row(
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
    return found


def search_lines(record: SearchRecord) -> Lines:
    """What was searched and how trials ended."""
    search = record.search
    counts = [f"{number} {status}" for status, number in record.counts.items() if number]
    tried = f"{words.count(search.trials, 'trial')} in {words.count(search.generations, 'generation')}"
    ended = f"{', '.join(counts)}; {record.seconds['total']:.1f} s in all"
    yield "searched", f"{tried}, judged by {search.evaluation}: {ended}"


# All of them ----------------------------------------------------------------------------------------------


def finalists(record: LearnedRecord) -> Table:
    """The models that were tested, or would have been, the one that is kept in bold."""
    from couloir.report.summary import named

    metrics, chosen = metrics_told(record) if record.test else (), record.metric
    called: Any = words.METRIC_NAMES.get
    names, part = [str(entry.name) for entry in record.finalists], "validation"
    if is_portfolio(record):
        # The column beside it says of how many networks; for the rest a narrow terminal has no room.
        names = [named(record, entry).partition(" setting")[0] for entry in record.finalists]
        part, called = judged_on(record), words.short_metric
    judged, heads = f"{part} {called(chosen)}", [f"test {called(metric)}" for metric in metrics]
    found = table("tested" if record.test else "model", "networks", judged, *heads)
    for name, entry in zip(names, record.finalists, strict=True):
        found.add_row(
            name,
            str(entry.networks),
            shown(chosen, entry.validation[chosen]) if entry.validation else "–",
            *(shown(metric, (entry.test or {})[metric]) for metric in metrics),
            style="bold" if entry.headline else "",
        )
    return found


def fold_lines(record: LearnedRecord) -> Lines:
    """The winner's scores over the folds, and what choosing within the folds would have given."""
    crossed = record.cross_validation
    if crossed is None:
        return
    metric = crossed.metric
    for label, scores in (("folds", crossed.scores), ("nested", crossed.nested)):
        if scores:
            found = scores[metric]
            values = ", ".join(shown(metric, value) for value in found.values)
            text = f"mean {shown(metric, found.mean)}, spread {shown(metric, found.spread)} ({values})"
            yield label, f"{words.METRIC_NAMES[metric]} {text}"
