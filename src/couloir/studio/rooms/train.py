"""The room where a person's own data are trained on: look at them, plan, start, watch, cancel, read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

from couloir.data.sources.bundled import BUNDLED
from couloir.studio import asking
from couloir.studio.jobs import request
from couloir.studio.jobs.request import TRAINING, VERBS, JobRequest
from couloir.studio.rooms.base import Context, JobRoom, RunName
from couloir.studio.rooms.runs import listing, results
from couloir.studio.wire import Answer

MOST_KEPT = 32
"""Answers about data and plans that are kept for when they are asked again."""


def _value(value: Any, name: str) -> Any:
    """An option's text, or a flag."""
    return value if isinstance(value, bool) else asking.text(2000)(value, name)


_OPTIONS = {name: _value for verb in TRAINING for name in VERBS[verb]}


DataName = Annotated[str, asking.text(300)]


@dataclass(frozen=True)
class Wanted:
    """A verb on some data, with its options as texts."""

    verb: Annotated[str, asking.choice(TRAINING)]
    data: DataName
    options: Annotated[dict[str, Any], asking.named(_OPTIONS)]


class TrainRoom(JobRoom):
    """Its questions."""

    VERBS = TRAINING

    def __init__(self, context: Context) -> None:
        """A room without a job."""
        super().__init__(context)
        self.kept: dict[str, dict[str, Any]] = {}

    def ask_begin(self) -> Answer:
        """The data, rules and metrics there are."""
        from couloir.engine.metrics import METRICS
        from couloir.engine.optimizers import RULES

        names = {"files": list(self.context.tables), "bundled": list(BUNDLED), "rules": list(RULES)}
        return Answer({**names, "metrics": {name: metric.task for name, metric in METRICS.items()}})

    def ask_look(self, data: DataName) -> Answer:
        """Columns by name and kind, and the first rows."""
        return Answer(self._once(JobRequest("look", self._source(data), data), "looked"))

    def ask_plan(self, wanted: Wanted) -> Answer:
        """What a verb would take."""
        own = self._request(wanted)
        plan = JobRequest("plan", own.data, own.name, own.options, of=own.verb, out=own.out)
        return Answer(self._once(plan, "planned"))

    def ask_start(self, wanted: Wanted) -> Answer:
        """Begin."""
        return Answer(self.context.jobs.start(self._request(wanted)).state())

    def ask_result(self, run: RunName) -> Answer:
        """What a run has come to: scores, board, curves."""
        return Answer(results.result(listing.find(self.context.runs, run)))

    def ask_code(self, wanted: Wanted) -> Answer:
        """The command and the Python lines that do the same."""
        own = self._request(wanted)
        return Answer({"command": own.command, "lines": own.lines})

    def _request(self, wanted: Wanted) -> JobRequest:
        options = {name: value for name, value in wanted.options.items() if name in VERBS[wanted.verb]}
        request.check_options(wanted.verb, options)
        out = str(self.context.runs.resolve())
        return JobRequest(wanted.verb, self._source(wanted.data), wanted.data, options, out=out)

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
