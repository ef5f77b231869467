"""What people see in the terminal at the end, on standard output: what was found, as text or as run.json."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from couloir import text as words
from couloir.cli import standings
from couloir.cli.display import found_lines, pace, plan_lines, say
from couloir.cli.standings import Lines, shown
from couloir.engine.metrics import HEADLINE_METRIC
from couloir.figures.settings import is_portfolio
from couloir.runs.records import LearnedRecord, RaceRecord, SearchRecord, TrainRecord, text_of

if TYPE_CHECKING:
    from rich.table import Table

    from couloir.commands.findings import Finding
    from couloir.commands.landscape import Landscape
    from couloir.commands.one_network import Exploration
    from couloir.commands.surface_race import SurfaceRun
    from couloir.commands.train import Run
    from couloir.selection.problem import Plan


def print_plan(plan: Plan, as_json: bool = False) -> None:
    """Print what would be trained on standard output."""
    if as_json:
        from couloir.data.dataset import describe

        sizes = plan.problem.split.sizes
        data = {**describe(plan.problem.dataset), "split": sizes, "warnings": plan.problem.warnings}
        print(json.dumps({"data": data, "plan": asdict(plan.cost)}, indent=1, ensure_ascii=False))
        return
    console = Console(highlight=False)
    for label, text in (*found_lines(plan.problem), *plan_lines(plan)):
        say(console, label, text)


def print_found(
    found: Run[Any] | Finding[Any], out: str = "runs", as_json: bool = False, quiet: bool = False
) -> None:
    """Print what a verb found: everything; with `as_json` run.json; where `quiet` what it came to, and where.

    `out` is the folder of runs, as it was typed.
    """
    if as_json:
        print(text_of(found.record))
        return
    kinds: dict[str, Any] = {"surface": _surface_race, "landscape": _landscape}
    usual = _run if isinstance(found.record, LearnedRecord) else _exploration
    kinds.get(found.record.kind, usual)(Console(highlight=False), found, out, quiet)


# A run that ended in a model ------------------------------------------------------------------------------


def _run(console: Console, run: Run[Any], out: str, quiet: bool) -> None:
    if not quiet:
        for label, text in _ending(run):
            say(console, label, text)
        for table in _tables(run):
            console.print(table)
    say(console, _label(run.record), winner_words(run.record))
    if not quiet:
        for label, text in _verdict(run.record):
            say(console, label, text)
    say(console, "saved", _nearby(run.folder), whole=True)
    if not quiet:
        for label, text in _next_commands(run, out):
            say(console, label, text, whole=True)


def _ending(run: Run[Any]) -> Lines:
    """How it ended, how fast it was, and how the winner did in the folds."""
    if isinstance(run.record, RaceRecord):
        yield from standings.race_lines(run.record)
    elif isinstance(run.record, SearchRecord):
        yield from standings.search_lines(run.record)
    else:
        yield from _training_lines(run)
    yield from standings.fold_lines(run.record)


def _training_lines(run: Run[TrainRecord]) -> Lines:
    record, seconds = run.record, run.record.seconds
    if record.status != "complete":
        epochs = max(run.leaderboard["epochs_run"].to_list())
        label, why = ("stopped", "by Ctrl-C ") if record.status == "interrupted" else ("time up", "")
        after = words.count(epochs, "epoch")
        yield label, f"{why}after {after}: chosen among what has been learnt until then"
    if is_portfolio(record):
        from couloir.cli import portfolio

        yield from portfolio.trained_lines(run)
        return
    members, speed = words.count(record.n_members, "member"), record.throughput.member_samples_per_second
    yield "trained", f"{members} in {seconds['train']:.1f} s, {pace(speed)}; {seconds['total']:.1f} s in all"
    from couloir.report import distilled

    for place, sentence in enumerate(distilled.sentences(record)):
        yield "" if place else "distilled", sentence.replace("\u202f", " ")


def _tables(run: Run[Any]) -> Iterable[Table]:
    """What stands between how it ended and who won."""
    kinds: dict[str, Any] = {"race": standings.standing, "search": standings.best_trials}
    if is_portfolio(run.record):
        from couloir.cli import portfolio

        kinds["train"] = portfolio.board
    yield kinds.get(run.record.kind, standings.leaderboard)(run)
    if len(run.record.finalists) > 1:
        yield standings.finalists(run.record)


def _label(record: LearnedRecord) -> str:
    """What the line about the model that is kept is called: an average is no winner."""
    return "kept" if record.headline.name in ("ensemble", "distilled") else "winner"


def winner_words(record: LearnedRecord) -> str:
    """The model that is kept in one line: what it is, its test score with the interval, if it was tested."""
    if is_portfolio(record):
        from couloir.cli import portfolio

        return f"{portfolio.kept_words(record)}: {_score_words(record)}"
    winner, kept = record.winner, record.headline
    layers = "-".join(map(str, winner.hidden))
    activation = winner.hyperparameters["activation"]
    network = f"{layers} hidden units, {activation}" if layers else "no hidden layer"
    text = f"{winner.optimizer} at learning rate {words.number(winner.learning_rate)}, {winner.kind}{network}"
    if kept.name == "ensemble":
        text = f"the average of {words.count(kept.networks, 'network')} (the best alone: {text})"
    elif kept.name == "distilled":
        text = "the distilled network"
    return f"{text}: {_score_words(record)}"


def _score_words(record: LearnedRecord) -> str:
    """Two scores on the test part; without one those where the choice was made, which say so."""
    from couloir.report.summary import judged

    (metric, other), test = standings.metrics_told(record), record.test
    scores = test.scores if test else judged(record)
    first, second = (f"{words.METRIC_NAMES[each]} {shown(each, scores[each])}" for each in (metric, other))
    if test is None:
        return f"{first}, {second} where it was chosen; nothing was tested"
    low, high = test.intervals[metric]
    return f"test {first} (95 % interval {shown(metric, low)} to {shown(metric, high)}), {second}"


def _verdict(record: LearnedRecord) -> Lines:
    """The models to beat, and how often this test part has been used."""
    metric = HEADLINE_METRIC[record.data.task]
    if record.rivals:
        rivals = [f"{each.name} {shown(metric, each.test[metric])}" for each in record.rivals]
        yield "against", ", ".join(rivals)
    else:
        from couloir.report.summary import untested_words

        yield "note", " ".join(untested_words(record)).replace("\u202f", " ")
    if record.refit_diverged:
        from couloir.report.summary import REFIT_DIVERGED

        yield "note", REFIT_DIVERGED
    times = record.times_scored
    if times is not None and times > 1:
        yield "note", f"this test part has now been scored {times} times, and tells a little less each time"


def _nearby(folder: Path | None) -> str:
    """A folder's path, from here where it is below."""
    if folder is None:
        return "nowhere"
    here = Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


def _next_commands(run: Run[Any], out: str) -> Lines:
    """What a person may want to type now."""
    latest = shlex.quote(str(Path(out) / "latest"))
    new = "new.csv" if run.model.preparation.tabular else "new.npz"
    yield "next", f"couloir predict {latest} {new} -o predictions.csv"
    yield "", f"couloir report {latest} --open"


# What leaves no model -------------------------------------------------------------------------------------


def _surface_race(console: Console, run: SurfaceRun, _: str, quiet: bool) -> None:
    from couloir.commands import surface_race as surface_racing

    if quiet:
        say(console, "verdict", run.record.verdict)
    else:
        for label, text in surface_racing.lines(run):
            say(console, label, text)
        table = standings.table(*surface_racing.HEADS, left=(0, 2, 3))
        for place, row in enumerate(surface_racing.rows(run)):
            table.add_row(*row, style="" if place else "bold")
        console.print(table)
    say(console, "saved", f"{_nearby(run.folder)}/{run.page}", whole=True)


def _landscape(console: Console, found: Landscape, _: str, quiet: bool) -> None:
    from couloir.commands.landscape import terminal_lines

    if not quiet:
        for label, text in terminal_lines(found):
            say(console, label, text)
    say(console, "saved", f"{_nearby(found.folder)}/{found.page}", whole=True)


def _exploration(console: Console, result: Exploration, _: str, quiet: bool) -> None:
    for label, text in result.lines:
        if not quiet or label in ("agreement", "result"):  # how it ended
            say(console, label, text.replace("\u202f", " "))
    if not quiet:
        heads, rows = result.table
        table = standings.table(*heads, fold=True)
        for cells in rows:
            table.add_row(*cells)
        console.print(table)
    if result.folder is not None:
        say(console, "saved", str(result.folder), whole=True)
