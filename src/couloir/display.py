"""What people see in the terminal: progress on standard error, results on standard output."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from couloir.figures import words

if TYPE_CHECKING:
    from couloir.data.dataset import Dataset, Split
    from couloir.planning import Plan
    from couloir.training import Outcome, Progress
    from couloir.workflow import Run

PLAIN_SECONDS = 2.0
"""Seconds between two lines of progress where the output is no terminal."""

LIVE_SECONDS = 0.1
"""Seconds between two looks at the population where it is one."""


class Display:
    """An observer of a run that shows how it goes: live on a terminal, in lines elsewhere.

    Used as a context: what is live is cleared away at its end, also when that is an error.
    """

    def __init__(self, quiet: bool = False) -> None:
        """A display on standard error; a quiet one shows nothing."""
        self.console = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())
        self.quiet = quiet
        self.live: Live | None = None
        self.looked = 0.0
        self.said_compiling = False

    def __enter__(self) -> Display:
        """Begin to show."""
        if self.console.is_terminal and not self.quiet:
            self.live = Live(console=self.console, transient=True, refresh_per_second=8)
            self.live.start()
        return self

    def __exit__(self, *_: Any) -> None:
        """Clear what is live."""
        if self.live is not None:
            self.live.stop()

    def loaded(self, dataset: Dataset, split: Split, warnings: Sequence[str]) -> None:
        """Nothing yet: what was found is said with the plan, when no mistake can follow it."""

    def planned(self, plan: Plan) -> None:
        """Say what the data are and what is going to be trained."""
        for line in [*data_lines(plan), *plan_lines(plan)]:
            self._say(line)
        self.began = time.monotonic()
        self.stage("compiling")

    def epoch(self, progress: Progress) -> None:
        """Show where the population stands, not more often than one can read."""
        now, last = time.monotonic(), progress.epoch == progress.epochs or not progress.count("training")
        pause = PLAIN_SECONDS if self.live is None else LIVE_SECONDS
        if self.quiet or (now - self.looked < pause and not last):
            return
        self.looked = now
        if progress.compile_seconds > 1 and not self.said_compiling:
            self.said_compiling = True
            self._say(f"compiled in {progress.compile_seconds:.1f} s (kept for the next time)")
        if self.live is not None:
            self.live.update(_live(progress))
        else:
            self._say(", ".join(_progress_parts(progress)))

    def stage(self, what: str) -> None:
        """Show that something else takes time now."""
        if self.live is not None:
            self.live.update(Spinner("dots", text=Text(f"{what} …")))

    def _say(self, line: str) -> None:
        if not self.quiet:
            self.console.print(line, markup=False)


def data_lines(plan: Plan) -> list[str]:
    """What was found in the data, how it is split, and what to beware of."""
    from couloir.data.description import summary_lines

    problem = plan.problem
    sizes = problem.split.sizes
    split = (
        f"{sizes['train']:,} rows to train, {sizes['validation']:,} to choose, {sizes['test']:,} to test once"
    )
    return [*summary_lines(problem.dataset), split, *(f"warning: {each}" for each in problem.warnings)]


def plan_lines(plan: Plan) -> list[str]:
    """The population and what it is predicted to take."""
    cost = plan.cost
    return [
        f"{words.count(cost.members, 'member')} in {words.count(cost.cohorts, 'cohort')} and "
        f"{words.count(cost.chunks, 'chunk')}, about {cost.memory_bytes / 2**20:,.0f} MiB, "
        f"at most about {duration(cost.seconds)}"
    ]


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


# Progress -------------------------------------------------------------------------------------------------


def _progress_parts(progress: Progress) -> list[str]:
    counts = [
        f"{progress.count(status)} {status}"
        for status in ("training", "stopped", "diverged")
        if progress.count(status)
    ]
    best = progress.best()
    return [
        f"epoch {progress.epoch} of {progress.epochs}",
        *counts,
        *([] if best is None else [f"best {_score(best, progress.metric)}"]),
        f"{_pace(progress):,.0f} member-samples/s",
        f"at most {duration(_left(progress))} left",
    ]


def _score(best: Outcome, metric: str) -> str:
    name = words.METRIC_NAMES.get(metric, metric)
    rate = words.number(best.member.learning_rate)
    return f"{name} {words.metric(metric, best.score)} by {best.member.rule.name} at {rate}"


def _pace(progress: Progress) -> float:
    return progress.member_samples / max(progress.seconds, 1e-9)


def _left(progress: Progress) -> float:
    return (progress.epochs - progress.epoch) * progress.seconds / progress.epoch


def _live(progress: Progress) -> Group:
    first, *rest = _progress_parts(progress)
    grid = Table.grid(padding=(0, 1))
    grid.add_row(first, ProgressBar(total=progress.epochs, completed=progress.epoch, width=30), rest[-1])
    return Group(grid, Text(", ".join(rest[:-1])))


# Results --------------------------------------------------------------------------------------------------


def print_result(run: Run, out: Path, as_json: bool = False, quiet: bool = False) -> None:
    """Print what a run found on standard output."""
    if as_json:
        json.dump(run.record, sys.stdout, indent=1, ensure_ascii=False, allow_nan=False)
        print()
        return
    winner = run.record["winner"]
    print(f"{winner['optimizer']} at {words.number(winner['learning_rate'])}: {run.test}")
    print(run.folder)
