"""The room where a person's own data are trained on: look at them, plan, start, watch, cancel, read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from couloir.data.sources.bundled import BUNDLED
from couloir.studio import asking, shelf, tasks
from couloir.studio.rooms import Room, Surroundings
from couloir.studio.tasks import TRAINING, VERBS, Task
from couloir.studio.wire import Answer

NAME = asking.text(300)
MOST_KEPT = 32
"""Answers about data and plans that are kept for when they are asked again."""


def _value(value: Any, name: str) -> Any:
    """An option's text, or a flag."""
    return value if isinstance(value, bool) else asking.text(2000)(value, name)


_NAMES = tuple(dict.fromkeys(name for verb in TRAINING for name in VERBS[verb]))


@dataclass(frozen=True)
class Look:
    """Which data to look at."""

    data: str = asking.argument(NAME)


@dataclass(frozen=True)
class Wanted:
    """A verb on some data, with its options as texts."""

    verb: str = asking.argument(asking.choice(TRAINING))
    data: str = asking.argument(NAME)
    options: dict[str, Any] = asking.argument(asking.named(_NAMES, _value), field(default_factory=dict))


@dataclass(frozen=True)
class Cancel:
    """Whether to end the job without keeping what was learnt."""

    now: bool = asking.argument(asking.flag(), False)


@dataclass(frozen=True)
class Result:
    """Which run to read."""

    run: str = asking.argument(NAME)


class Train(Room):
    """Its questions."""

    def __init__(self, surroundings: Surroundings) -> None:
        """A room without a job."""
        super().__init__(surroundings)
        self.kept: dict[str, dict[str, Any]] = {}

    def ask_begin(self, arguments: Mapping[str, Any]) -> Answer:
        """The data there are, and every verb's options."""
        from couloir.engine.metrics import METRICS
        from couloir.engine.optimizers import RULES

        here = self.surroundings
        return Answer(
            {
                "files": [*here.files, *(name for name in here.uploaded if name not in here.files)],
                "bundled": list(BUNDLED),
                "verbs": {verb: tasks.fields(verb) for verb in TRAINING},
                "rules": list(RULES),
                "metrics": {name: metric.task for name, metric in METRICS.items()},
            }
        )

    def ask_look(self, arguments: Mapping[str, Any]) -> Answer:
        """Columns by name and kind, and the first rows."""
        wanted = asking.read(Look, arguments)
        task = Task("look", self._source(wanted.data), wanted.data)
        return Answer(self._once(task, "looked"))

    def ask_plan(self, arguments: Mapping[str, Any]) -> Answer:
        """What a verb would take."""
        wanted = self._task(arguments)
        task = Task("plan", wanted.data, wanted.name, wanted.options, of=wanted.verb, out=wanted.out)
        return Answer(self._once(task, "planned"))

    def ask_start(self, arguments: Mapping[str, Any]) -> Answer:
        """Begin."""
        return Answer(self.surroundings.desk.start(self._task(arguments)).state())

    def ask_progress(self, arguments: Mapping[str, Any]) -> Answer:
        """Where this page's training stands."""
        return Answer(progress(self.surroundings, TRAINING))

    def ask_cancel(self, arguments: Mapping[str, Any]) -> Answer:
        """End it: with what was learnt, or at once."""
        return Answer(cancelled(self.surroundings, TRAINING, asking.read(Cancel, arguments).now))

    def ask_result(self, arguments: Mapping[str, Any]) -> Answer:
        """What a run has come to: scores, board, curves."""
        run = asking.read(Result, arguments).run
        return Answer(shelf.result(shelf.find(self.surroundings.runs, run)))

    def ask_code(self, arguments: Mapping[str, Any]) -> Answer:
        """The command and the Python lines that do the same."""
        task = self._task(arguments)
        return Answer({"command": task.command, "lines": task.lines})

    def close(self) -> None:
        """The page has gone: its job ends with what was learnt."""
        self.surroundings.desk.close()

    def _task(self, arguments: Mapping[str, Any]) -> Task:
        wanted = asking.read(Wanted, arguments)
        options = {name: value for name, value in wanted.options.items() if name in VERBS[wanted.verb]}
        tasks.check_options(wanted.verb, options)
        return Task(
            wanted.verb,
            self._source(wanted.data),
            wanted.data,
            options,
            out=str(self.surroundings.runs.resolve()),
        )

    def _source(self, name: str) -> str:
        """Where the data of a name are; a file goes before a bundled set of the same name."""
        here = self.surroundings
        if name in BUNDLED and name not in {**here.files, **here.uploaded}:
            return name
        return str(here.table(name).resolve())

    def _once(self, task: Task, event: str) -> dict[str, Any]:
        """What a short task tells; asked again it is known."""
        key = json.dumps(task.to_json(), sort_keys=True)
        if key not in self.kept:
            told = self.surroundings.desk.ask(task, event)
            while len(self.kept) >= MOST_KEPT:
                self.kept.pop(next(iter(self.kept)))
            self.kept[key] = told
        return self.kept[key]


def progress(surroundings: Surroundings, verbs: tuple[str, ...]) -> dict[str, Any]:
    """Where the page's job stands, if it is one of these verbs."""
    job = surroundings.desk.job
    return {"state": "none"} if job is None or job.task.verb not in verbs else job.state()


def cancelled(surroundings: Surroundings, verbs: tuple[str, ...], now: bool) -> dict[str, Any]:
    """The page's job, told to end."""
    job = surroundings.desk.job
    if job is not None and job.task.verb in verbs and job.under_way:
        end: Callable[[], None] = job.kill if now else job.cancel
        end()
    return progress(surroundings, verbs)
