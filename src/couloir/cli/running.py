"""What the commands that run a verb have in common: the data, what is shown meanwhile and at the end.

Nothing heavy is imported until it is needed, so that the terminal shows something at once.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import couloir
from couloir.cli.typed import Typed
from couloir.commands.stages import Stages
from couloir.options import TRAIN

if TYPE_CHECKING:
    import typer

    from couloir.cli.display import Display
    from couloir.commands.findings import Finding
    from couloir.commands.train import Run
    from couloir.data.dataset import Dataset

DONE, SAVED = 0, -1
"""What a command returns; SAVED: it was interrupted and has saved. Typer returns 130 where it has not."""


def checked_folder(typed: Typed) -> str:
    """The folder of runs; an InputError where nothing can be written to it, before anything is computed."""
    from couloir.files import check_folder

    check_folder(Path(typed.screen["out"]))
    return str(typed.screen["out"])


@contextlib.contextmanager
def watched(typed: Typed) -> Iterator[Display]:
    """While a verb runs, what the terminal shows of it."""
    from couloir.cli.display import Display

    with Display(quiet=typed.screen["quiet"], minutes=typed.given.get("minutes")) as display:
        display.stage("starting")
        yield display


def shown(found: Run[Any] | Finding[Any], typed: Typed, interrupted: str = "") -> int:
    """Print what was found, and what is to be said where it was interrupted; the exit code."""
    from couloir.cli.results import print_found

    screen = typed.screen
    print_found(found, screen["out"], as_json=screen["json"], quiet=screen["quiet"])
    if found.record.status != "interrupted":
        return DONE
    if interrupted:
        print(f"Interrupted: {interrupted}", file=sys.stderr)
    return SAVED


def loaded(data: str, typed: Typed) -> tuple[Dataset, Stages]:
    """The data, and the stopwatch that has been running since before they were loaded."""
    load, stages = couloir.load, Stages()
    with stages.timed("load"):
        return load(data, **typed.loading), stages


def called(verb: str, context: typer.Context, data: str | None, typed: Typed, **more: Any) -> Any:
    """What a verb of the package finds on the data; `more` goes before what was typed."""
    given = {**more, **typed.given, "out": typed.screen["out"], "command": context.obj}
    with watched(typed) as display:
        dataset, stages = (None, Stages()) if data is None else loaded(data, typed)
        return getattr(couloir, verb)(dataset, **given, observer=display, stages=stages)


def plan_shown(data: str, typed: Typed) -> int:
    """Print what `couloir.train` would train; the exit code."""
    with watched(typed):
        from couloir.commands.asked import sorted_out
        from couloir.commands.train import plan_run

        dataset, _ = loaded(data, typed)
        conditions, options, _ = sorted_out(TRAIN, typed.given)
        planned = plan_run(dataset, conditions, options, Stages())
    from couloir.cli.results import print_plan

    print_plan(planned, as_json=typed.screen["json"])
    return DONE
