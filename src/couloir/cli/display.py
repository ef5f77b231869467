"""What people see in the terminal: progress on standard error, results on standard output."""

from __future__ import annotations

import json
import math
import shlex
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from couloir import text as words
from couloir.cli import standings
from couloir.cli.standings import shown
from couloir.commands.progress import data_lines, seconds_left
from couloir.engine.metrics import METRICS

if TYPE_CHECKING:
    from couloir.commands.landscape import Landscape
    from couloir.commands.one_network import Exploration
    from couloir.commands.surface_race import SurfaceRun
    from couloir.commands.train import Run
    from couloir.engine.outcomes import Status
    from couloir.engine.training import Progress
    from couloir.selection.problem import Plan, Problem

PLAIN_SECONDS = 2.0
"""Seconds between two lines of progress where the output is no terminal."""

LIVE_SECONDS = 0.1
"""Seconds between two looks at the population where it is one."""

WORTH_SAYING = 1.0
"""Seconds of compiling from which on it is mentioned."""

STAGES_SAID = ("generation", "tuning", "racing", "figure")
"""Beginnings of the stages that are said also where output is no terminal."""

LABEL_WIDTH = 9


class Display:
    """An observer of a run that shows how it goes: live on a terminal, in lines elsewhere.

    Used as a context: what is live is cleared away at its end, also when that is an error.
    """

    def __init__(self, quiet: bool = False, minutes: float | None = None) -> None:
        """A display on standard error.

        Args:
            quiet: show nothing.
            minutes: the bound on the time of training, for the time that is left.
        """
        self.console = Console(stderr=True, highlight=False)
        self.quiet, self.minutes = quiet, minutes
        self.live: Live | None = None
        self.looked, self.compiling_said = -math.inf, False

    def __enter__(self) -> Display:
        """Begin to show."""
        if self.console.is_terminal and not self.quiet:
            self.live = Live(console=self.console, transient=True, refresh_per_second=8)
            self.live.start()
        return self

    def __exit__(self, *_: Any) -> None:
        """Clear what is live."""
        if self.live is not None:
            self.live.update("")
            self.live.stop()

    def loaded(self, problem: Problem) -> None:
        """Say what the data are."""
        self._say(_data_lines(problem))

    def planned(self, plan: Plan) -> None:
        """Say what is going to be trained."""
        self._say(plan_lines(plan))
        self.stage("compiling the program")

    def _say(self, lines: Iterable[tuple[str, str]]) -> None:
        if not self.quiet:
            for label, text in lines:
                say(self.console, label, text)

    def epoch(self, progress: Progress) -> None:
        """Show where the population stands, not more often than can be read."""
        now, over = time.monotonic(), progress.epoch == progress.epochs or not progress.count("training")
        pause = PLAIN_SECONDS if self.live is None else LIVE_SECONDS
        if self.quiet or (now - self.looked < pause and not over):
            return
        self.looked = now
        if progress.compile_seconds > WORTH_SAYING and not self.compiling_said:
            self.compiling_said = True
            say(self.console, "compiled", f"in {progress.compile_seconds:.1f} s")
        if self.live is not None:
            self.live.update(_live(progress, self.minutes), refresh=True)
        else:
            parts = [*_standing(progress), _pace(progress), _left(progress, self.minutes)]
            say(self.console, f"epoch {progress.epoch}", ", ".join(filter(None, parts)))

    def stage(self, what: str) -> None:
        """Show that something else takes time now; where output is no terminal, say each generation."""
        if self.live is None and not self.quiet and what.startswith(STAGES_SAID):
            say(self.console, "", what)
        if self.live is not None:
            self.live.update(Spinner("dots", text=Text(f"{what} …"), style="cyan"), refresh=True)


def say(console: Console, label: str, text: str, whole: bool = False) -> None:
    """Print a label and what belongs to it: folded beside the label on a terminal, in one line elsewhere.

    What is `whole` is never folded, so that it can be copied: a path, a command.
    """
    if whole or not console.is_terminal:
        line = Text(f"{label:<{LABEL_WIDTH}} {text}".rstrip())
        line.stylize("dim" if label != "warning" else "yellow", 0, LABEL_WIDTH)
        console.print(line, soft_wrap=True)
        return
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=LABEL_WIDTH, style="yellow" if label == "warning" else "dim")
    grid.add_column()
    grid.add_row(Text(label), Text(text))
    console.print(grid)


def _data_lines(problem: Problem) -> Iterable[tuple[str, str]]:
    """What was found in the data, how it is split, and what to beware of."""
    yield from data_lines(problem)
    yield from (("warning", warning) for warning in problem.warnings)


def plan_lines(plan: Plan) -> Iterable[tuple[str, str]]:
    """The population and what it is predicted to take."""
    cost = plan.cost
    cohorts = words.count(cost.cohorts, "cohort")
    chunks = f" in {cost.chunks} chunks" if cost.chunks > cost.cohorts else ""
    members, folds = len(plan.members), len(plan.problem.folds)
    what = words.count(members, "member") + (f" in {folds} folds" if folds else "")
    yield "plan", f"{what}, {cohorts}{chunks}"
    memory = max(cost.memory_bytes / 2**20, 1)
    yield "", f"about {memory:,.0f} MiB, and {duration(cost.seconds)} if none stops early"
    if _wants_penalty(plan):
        yield "hint", PENALTY_HINT


FEW_ROWS = 1000
"""Fewer rows to learn from are learnt by heart, where nothing is done against it."""

PENALTY_HINT = (
    "these are few rows for networks without a penalty: --l2 0.01 gave a lower test loss on most small "
    "tables that were tried"
)
"""What `benchmarks/small_tables.py` found."""


def _wants_penalty(plan: Plan) -> bool:
    """Whether it is a small table that nobody was going to learn with anything against overfitting."""
    few = plan.problem.split.sizes["train"] < FEW_ROWS and not plan.problem.dataset.image_shape
    return few and not any(each.l1 or each.l2 or each.dropout or each.noise for each in plan.members)


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


# Progress -------------------------------------------------------------------------------------------------


def _standing(progress: Progress) -> list[str]:
    """How many members are where, and which is ahead."""
    statuses: tuple[Status, ...] = ("training", "finished", "stopped", "diverged")
    counts = [f"{progress.count(status)} {status}" for status in statuses if progress.count(status)]
    best = progress.best()
    if best is None:
        return counts
    name = words.METRIC_NAMES.get(progress.metric, progress.metric)
    rule, rate = best.member.rule.name, words.number(best.member.learning_rate)
    return [*counts, f"best {name} {shown(progress.metric, best.score)} ({rule} at {rate})"]


def _pace(progress: Progress) -> str:
    return pace(progress.member_samples / max(progress.seconds, 1e-9))


def pace(rate: float) -> str:
    """A speed of training, to three digits."""
    return f"{words.number(float(f'{rate:.3g}'))} member-samples/s"


def _left(progress: Progress, minutes: float | None) -> str:
    seconds = seconds_left(progress, minutes)
    return "" if seconds is None else f"at most {duration(seconds)} left"


def _live(progress: Progress, minutes: float | None) -> RenderableType:
    bar = ProgressBar(total=progress.epochs, completed=progress.epoch, width=24)
    first = Table.grid(padding=(0, 2))
    first.add_row(f"epoch {progress.epoch} of {progress.epochs}", bar, _left(progress, minutes))
    *counts, best = _standing(progress)
    return Group(
        "",
        first,
        Text(", ".join(counts or [best])),
        Text(best if counts else "", style="bold"),
        Text(_pace(progress), style="dim"),
    )


# Results --------------------------------------------------------------------------------------------------

SHORT_NAMES = {"mse": "MSE", "mae": "MAE", "balanced_accuracy": "balanced"}
"""Metrics whose names are too long for the head of a column."""

SETTINGS = (
    ("hidden", "hidden"),
    ("activation", "activation"),
    ("loss", "loss"),
    ("batch_size", "batch size"),
    ("epochs", "epochs"),
    ("momentum", "momentum"),
    ("l1", "L1"),
    ("l2", "L2"),
    ("dropout", "dropout"),
    ("noise", "noise"),
    ("schedule", "schedule"),
    ("warmup", "warm-up"),
    ("restart", "restart"),
)
"""Hyperparameters besides rule and rate, by their names in the leaderboard and in words."""


def print_plan(plan: Plan, as_json: bool = False) -> None:
    """Print what would be trained on standard output."""
    if as_json:
        from couloir.data.dataset import describe

        sizes = plan.problem.split.sizes
        data = {**describe(plan.problem.dataset), "split": sizes, "warnings": plan.problem.warnings}
        print(json.dumps({"data": data, "plan": asdict(plan.cost)}, indent=1, ensure_ascii=False))
        return
    console = Console(highlight=False)
    for label, text in (*_data_lines(plan.problem), *plan_lines(plan)):
        say(console, label, text)


def print_result(run: Run, out: Path, as_json: bool = False, quiet: bool = False) -> None:
    """Print what a run found on standard output: everything, run.json, or the winner and the folder."""
    if as_json:
        print(json.dumps(run.record, indent=1, ensure_ascii=False, allow_nan=False))
        return
    console = Console(highlight=False)
    if not quiet:
        for label, text in _ending(run):
            say(console, label, text)
        for table in _tables(run):
            console.print(table)
    say(console, "winner", winner_words(run))
    if not quiet:
        for label, text in _verdict(run):
            say(console, label, text)
    say(console, "saved", _nearby(run.folder), whole=True)
    if not quiet:
        for label, text in _next_commands(run, out):
            say(console, label, text, whole=True)


def print_surface_race(run: SurfaceRun, as_json: bool = False, quiet: bool = False) -> None:
    """Print what a surface race found."""
    from couloir.commands import surface_race as surface_racing

    if as_json:
        print(json.dumps(run.record, indent=1, ensure_ascii=False, allow_nan=False))
        return
    console = Console(highlight=False)
    if quiet:
        say(console, "verdict", run.record["verdict"])
    else:
        for label, text in surface_racing.lines(run):
            say(console, label, text)
        table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        for place, head in enumerate(surface_racing.HEADS):
            table.add_column(head, justify="left" if place in (0, 2, 3) else "right", no_wrap=True)
        for place, row in enumerate(surface_racing.rows(run)):
            table.add_row(*row, style="" if place else "bold")
        console.print(table)
    say(console, "saved", f"{_nearby(run.folder)}/{run.page}", whole=True)


def print_landscape(found: Landscape, as_json: bool = False, quiet: bool = False) -> None:
    """Print what a landscape found on standard output: everything, run.json, or the folder."""
    from couloir.commands.landscape import terminal_lines

    if as_json:
        print(json.dumps(found.record, indent=1, ensure_ascii=False, allow_nan=False))
        return
    console = Console(highlight=False)
    if not quiet:
        for label, text in terminal_lines(found):
            say(console, label, text)
    say(console, "saved", f"{_nearby(found.folder)}/{found.page}", whole=True)


def print_exploration(result: Exploration, as_json: bool = False, quiet: bool = False) -> None:
    """Print what was found on standard output: everything, run.json, or the last lines and the folder."""
    if as_json:
        print(json.dumps(result.record, indent=1, ensure_ascii=False, allow_nan=False))
        return
    console = Console(highlight=False)
    for label, text in _shown_lines(result.lines, quiet):
        say(console, label, text.replace("\u202f", " "))
    if not quiet:
        heads, rows = result.table
        table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        for place, head in enumerate(heads):
            table.add_column(head, justify="right" if place else "left")
        for cells in rows:
            table.add_row(*cells)
        console.print(table)
    if result.folder is not None:
        say(console, "saved", str(result.folder), whole=True)


def _shown_lines(lines: Sequence[tuple[str, str]], quiet: bool) -> list[tuple[str, str]]:
    """All lines; where it is to be quiet, the one that says how it ended."""
    return [line for line in lines if not quiet or line[0] in ("agreement", "result")]


def _tables(run: Run) -> Iterable[Table]:
    """What stands between how it ended and who won."""
    kind = run.record["kind"]
    yield {"train": leaderboard, "race": standings.standing, "search": standings.best_trials}[kind](run)
    if len(run.record["finalists"]) > 1:
        yield standings.finalists(run)


def leaderboard(run: Run) -> Table:
    """The best member of each rule, best first, and how many members of the rule diverged."""
    metrics = _shown_metrics(run)
    varying = [(key, name) for key, name in SETTINGS if _varies(run, key)]
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("rule", no_wrap=True)
    table.add_column("rate", justify="right", no_wrap=True)
    for metric in metrics:
        table.add_column(SHORT_NAMES.get(metric, words.METRIC_NAMES[metric]), justify="right", no_wrap=True)
    table.add_column("epoch", justify="right", no_wrap=True)
    table.add_column("ended", no_wrap=True)
    table.add_column("diverged", justify="right", no_wrap=True)
    if varying:
        table.add_column("with")
    for place, (rule, rows) in enumerate(_by_rule(run).items()):
        best = rows[0]
        lost = sum(row["status"] == "diverged" for row in rows)
        table.add_row(
            rule,
            words.number(best["learning_rate"]),
            *(shown(metric, best[METRICS[metric].column("validation")]) for metric in metrics),
            "–" if best["best_epoch"] is None else str(best["best_epoch"]),
            str(best["status"]),
            f"{lost} of {len(rows)}",
            *([", ".join(f"{name} {best[key]}" for key, name in varying)] if varying else []),
            style="" if place else "bold",
        )
    return table


def _by_rule(run: Run) -> dict[str, list[dict[str, Any]]]:
    """Rows of the leaderboard by rule; rules and rows best first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in run.leaderboard.iter_rows(named=True):
        found.setdefault(row["optimizer"], []).append(row)
    return found


def _varies(run: Run, key: str) -> bool:
    # Momentum is none for rules that have none, which is no difference to show.
    return run.leaderboard[key].drop_nulls().n_unique() > 1


def _shown_metrics(run: Run) -> list[str]:
    """The loss, and the metric that was chosen by or else the customary one."""
    loss, usual = ("mse", "r2") if run.record["data"]["task"] == "regression" else ("log_loss", "accuracy")
    chosen_by = run.record["metric"]
    return [loss, usual if chosen_by == loss else chosen_by]


def winner_words(run: Run) -> str:
    """The winner in one line: rule, rate, network, and its test score with the interval."""
    winner = run.record["winner"]
    layers = "-".join(map(str, winner["hidden"])) or "no"
    network = f"{layers} hidden units, {winner['activation']}" if winner["hidden"] else "no hidden layer"
    text = f"{winner['optimizer']} at learning rate {words.number(winner['learning_rate'])}, {network}: "
    kept = next(entry for entry in run.record["finalists"] if entry["headline"])
    if kept["name"] == "ensemble":
        text += f"in an ensemble of {words.count(kept['networks'], 'network')}: "
    return f"{text}test {_test_words(run)}"


def _test_words(run: Run) -> str:
    regression = run.record["data"]["task"] == "regression"
    metric, other = ("r2", "mae") if regression else ("accuracy", "log_loss")
    low, high = run.test["intervals"][metric]
    interval = f"95 % interval {shown(metric, low)} to {shown(metric, high)}"
    score = f"{words.METRIC_NAMES[metric]} {shown(metric, run.test[metric])} ({interval})"
    return f"{score}, {words.METRIC_NAMES[other]} {shown(other, run.test[other])}"


def _verdict(run: Run) -> Iterable[tuple[str, str]]:
    """The models to beat, and how often this test part has been used."""
    record = run.record
    metric = "r2" if record["data"]["task"] == "regression" else "accuracy"
    rivals = [
        f"{r['name']} {shown(metric, r['test'][metric])}" for r in (record["linear"], record["baseline"])
    ]
    yield "against", ", ".join(rivals)
    if record.get("refit_diverged"):
        from couloir.report.summary import REFIT_DIVERGED

        yield "note", REFIT_DIVERGED
    times = record["ledger"]["times_scored"]
    if times is not None and times > 1:
        yield "note", f"this test part has now been scored {times} times, and tells a little less each time"


def _ending(run: Run) -> Iterable[tuple[str, str]]:
    """How training ended, and how fast it was."""
    record, seconds = run.record, run.record["seconds"]
    if record["kind"] != "train":
        yield from {"race": standings.race_lines, "search": standings.search_lines}[record["kind"]](run)
        yield from standings.fold_lines(run)
        return
    if record["status"] != "complete":
        epochs = max(run.leaderboard["epochs_run"].to_list())
        label = {"interrupted": "stopped", "out of time": "time up"}[record["status"]]
        why = "by Ctrl-C " if label == "stopped" else ""
        yield (
            label,
            f"{why}after {words.count(epochs, 'epoch')}: chosen among what has been learnt until then",
        )
    yield (
        "trained",
        f"{words.count(record['n_members'], 'member')} in {seconds['train']:.1f} s, "
        f"{pace(record['throughput']['member_samples_per_second'])}; {seconds['total']:.1f} s in all",
    )
    yield from standings.fold_lines(run)


def _nearby(folder: Path | None) -> str:
    """A folder's path, from here where it is below."""
    if folder is None:
        return "nowhere"
    here = Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


def _next_commands(run: Run, out: Path) -> Iterable[tuple[str, str]]:
    """What a person may want to type now."""
    latest = shlex.quote(str(out / "latest"))
    new = "new.csv" if run.model.preparation.tabular else "new.npz"
    yield "next", f"couloir predict {latest} {new} -o predictions.csv"
    yield "", f"couloir report {latest} --open"
