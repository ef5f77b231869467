"""The room where a person's own data are trained on: look at them, plan, start, watch, cancel, read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from couloir.data.sources.bundled import BUNDLED
from couloir.studio import asking
from couloir.studio.jobs import request
from couloir.studio.jobs.request import TRAINING, VERBS, JobRequest
from couloir.studio.rooms.base import Context, JobRoom, NamedRun
from couloir.studio.rooms.runs import listing, results
from couloir.studio.wire import Answer

MOST_KEPT = 32
"""Answers about data and plans that are kept for when they are asked again."""


def _value(value: Any, name: str) -> Any:
    """An option's text, or a flag."""
    return value if isinstance(value, bool) else asking.text(2000)(value, name)


_OPTIONS = {name: _value for verb in TRAINING for name in VERBS[verb]}


@dataclass(frozen=True)
class Look:
    """Which data to look at."""

    data: str = asking.argument(asking.text(300))


@dataclass(frozen=True)
class Wanted(Look):
    """A verb on some data, with its options as texts."""

    verb: str = asking.argument(asking.choice(TRAINING))
    options: dict[str, Any] = asking.argument(asking.named(_OPTIONS))


class TrainRoom(JobRoom):
    """Its questions."""

    VERBS = TRAINING

    def __init__(self, context: Context) -> None:
        """A room without a job."""
        super().__init__(context)
        self.kept: dict[str, dict[str, Any]] = {}

    def ask_begin(self) -> Answer:
        """The data there are, and every verb's options."""
        from couloir.engine.metrics import METRICS
        from couloir.engine.optimizers import RULES

        return Answer(
            {
                "files": list(self.context.tables),
                "bundled": list(BUNDLED),
                "verbs": {verb: request.fields(verb) for verb in TRAINING},
                "rules": list(RULES),
                "metrics": {name: metric.task for name, metric in METRICS.items()},
            }
        )

    def ask_look(self, asked: Look) -> Answer:
        """Columns by name and kind, and the first rows."""
        return Answer(self._once(JobRequest("look", self._source(asked.data), asked.data), "looked"))

    def ask_plan(self, asked: Wanted) -> Answer:
        """What a verb would take."""
        wanted = self._request(asked)
        plan = JobRequest("plan", wanted.data, wanted.name, wanted.options, of=wanted.verb, out=wanted.out)
        return Answer(self._once(plan, "planned"))

    def ask_start(self, asked: Wanted) -> Answer:
        """Begin."""
        return Answer(self.context.jobs.start(self._request(asked)).state())

    def ask_result(self, asked: NamedRun) -> Answer:
        """What a run has come to: scores, board, curves."""
        return Answer(results.result(listing.find(self.context.runs, asked.run)))

    def ask_code(self, asked: Wanted) -> Answer:
        """The command and the Python lines that do the same."""
        wanted = self._request(asked)
        return Answer({"command": wanted.command, "lines": wanted.lines})

    def _request(self, asked: Wanted) -> JobRequest:
        options = {name: value for name, value in asked.options.items() if name in VERBS[asked.verb]}
        request.check_options(asked.verb, options)
        out = str(self.context.runs.resolve())
        return JobRequest(asked.verb, self._source(asked.data), asked.data, options, out=out)

    def _source(self, name: str) -> str:
        """Where the data of a name are; a file goes before a bundled set of the same name."""
        if name in BUNDLED and name not in self.context.tables:
            return name
        return str(self.context.table(name).resolve())

    def _once(self, wanted: JobRequest, event: str) -> dict[str, Any]:
        """What a short job tells; asked again it is known."""
        key = json.dumps(wanted.to_json(), sort_keys=True)
        if key not in self.kept:
            told = self.context.jobs.ask(wanted, event)
            while len(self.kept) >= MOST_KEPT:
                self.kept.pop(next(iter(self.kept)))
            self.kept[key] = told
        return self.kept[key]
