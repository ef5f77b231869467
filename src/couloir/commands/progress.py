"""What is said of a run before and while it goes on, in the terminal and in the studio."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from couloir.engine.training import Progress
    from couloir.selection.problem import Problem


def data_lines(problem: Problem) -> Iterable[tuple[str, str]]:
    """What was found in the data, and how it is split: (label, text) for each line."""
    from couloir.data.dataset import summary_lines

    for number, line in enumerate(summary_lines(problem.dataset)):
        yield "" if number else "data", line
    sizes = problem.split.sizes
    if problem.folds:
        parts = f"{sizes['train']:,} in {len(problem.folds)} folds"
    else:
        parts = f"{sizes['train']:,} to learn from, {sizes['validation']:,} to choose by"
    yield "rows", f"{parts}, {sizes['test']:,} to test"
    own = problem.dataset.test_rows
    if own is not None and not sizes["test"]:
        yield "", f"{len(own):,} rows that the data bring to test on are left alone"


def seconds_left(progress: Progress, minutes: float | None) -> float | None:
    """The longest that training can still take: until the last epoch, or until so many minutes are up.

    None: it is over.
    """
    if progress.epoch == progress.epochs or not progress.count("training"):
        return None
    seconds = (progress.epochs - progress.epoch) * progress.seconds / progress.epoch
    if minutes is not None:
        seconds = min(seconds, 60 * minutes - progress.seconds - progress.compile_seconds)
    return max(seconds, 0.0)
