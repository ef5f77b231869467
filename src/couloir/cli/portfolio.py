"""What a portfolio came to, as a table and lines for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from couloir import text as words
from couloir.cli import standings
from couloir.cli.display import pace
from couloir.engine.metrics import DEFAULT_METRIC, HEADLINE_METRIC, METRICS
from couloir.figures.settings import in_words, labels, networks, settings
from couloir.report import distilled, gained, portfolio, summary

if TYPE_CHECKING:
    from rich.table import Table

    from couloir.commands.train import Run
    from couloir.runs.records import LearnedRecord, TrainRecord


def trained_lines(run: Run[TrainRecord]) -> standings.Lines:
    """What was trained and how fast, what mattered, what the average gained, what one network keeps of it."""
    record, seconds = run.record, run.record.seconds
    folds = f" in {record.cross_validation.folds} folds" if record.cross_validation else ""
    speed = pace(record.throughput.member_samples_per_second)
    said = f"{words.count(record.n_members, 'setting')}{folds} in {seconds['train']:.1f} s, {speed}"
    yield "trained", f"{said}; {seconds['total']:.1f} s in all"
    if mattered := portfolio.mattered_words(record, settings(run)):
        yield "mattered", _plain(mattered)
    for place, sentence in enumerate(gained.sentences(record)):
        yield "" if place else "average", _plain(sentence)
    for place, sentence in enumerate(distilled.sentences(record)):
        yield "" if place else "distilled", _plain(sentence)


def board(run: Run[TrainRecord]) -> Table:
    """The best setting of each network, best first, and the part of all of its settings in the average."""
    record, found = run.record, settings(run)
    loss, chosen_by = DEFAULT_METRIC[record.data.task], record.metric
    metrics = [loss, HEADLINE_METRIC[record.data.task] if chosen_by == loss else chosen_by]
    heads = [words.short_metric(metric) for metric in metrics]
    made = standings.table("network", *heads, "average")
    made.add_column("best with")
    names = labels(found)
    for place, group in enumerate(networks(found).values()):
        best, weight = group[0], sum(each.weight for each in group)
        made.add_row(
            best.network,
            *(standings.shown(metric, best.row[METRICS[metric].column("validation")]) for metric in metrics),
            _plain(words.percent(weight)) if weight else "–",
            names[best.row["member"]],
            style="" if place else "bold",
        )
    return made


def kept_words(record: LearnedRecord) -> str:
    """What is kept: the distilled network, the average, or the winner."""
    winner, kept = record.winner, record.headline
    if kept.name == "distilled":
        return summary.subject(record)
    if kept.name == "ensemble":
        return f"{summary.named(record, kept)}, {words.count(kept.networks, 'network')}"
    text = f"{in_words(winner.hyperparameters)}, rate {words.number(winner.learning_rate)}"
    return text + (f", {kept.networks} networks" if kept.networks > 1 else "")


def _plain(text: str) -> str:
    """Text as it stands in a terminal, where a narrow space may be none."""
    return text.replace("\u202f", " ")
