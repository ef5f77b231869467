"""What people see in the terminal while it runs, on standard error: what is planned, and how it goes."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from couloir import text as words
from couloir.cli.standings import shown
from couloir.commands.progress import data_lines, seconds_left

if TYPE_CHECKING:
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
        """A display on standard error; `minutes` bound the time of training, for the time that is left."""
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
        self._say(found_lines(problem))

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


def found_lines(problem: Problem) -> Iterable[tuple[str, str]]:
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
    if plan.conditions.to_the_end:  # its settings know what to do
        return False
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
