"""What is asked of a job: read as the command line reads it, and shown as the lines that do the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.main import get_command

from couloir import options
from couloir.cli import app as cli
from couloir.cli.typed import read
from couloir.errors import InputError
from couloir.options import TRAIN
from couloir.studio import asking
from couloir.studio.jobs import request
from couloir.studio.jobs.request import TRAINING, VERBS, JobRequest
from couloir.studio.rooms.network.settings import NetworkSettings
from couloir.studio.rooms.race import setup
from couloir.studio.server import pages

SMALL = {"optimizer": "sgd,adam", "learning_rate": "0.1,0.01", "hidden": "8", "epochs": "12"}


GIVEN = {
    "train": {
        **SMALL, "target": "species", "drop": 'a,"b, c"', "patience": "none", "split": "60/20/20", "cv": "5",
        "l2": "0,0.001", "no_stop": True, "minutes": "1.5", "hidden": "64,32|none", "seed": "3",
    },
    "race": {"optimizer": "sgd,adam", "rates": "4", "replicates": "3", "epochs": "20", "metric": "accuracy"},
    "search": {"trials": "16", "cv": "none", "no_halving": True, "patience": "5", "ensemble": "3"},
}  # fmt: skip


@pytest.mark.parametrize("verb", TRAINING)
def test_the_command_that_is_shown_is_read_as_the_job_is(verb: str) -> None:
    wanted = JobRequest(verb, "iris", "my table.csv", GIVEN[verb])
    command = get_command(cli.app).commands[verb]  # type: ignore[attr-defined]
    parsed = command.make_context(verb, wanted.words[2:]).params
    assert parsed["data"] == "my table.csv"
    del parsed["data"]
    loading, given, _ = read(verb, parsed)
    assert wanted.given() == loading | given


@pytest.mark.parametrize("verb", TRAINING)
def test_the_lines_that_are_shown_call_what_the_job_calls(verb: str) -> None:
    class Noted:
        def __init__(self) -> None:
            self.calls: dict[str, Any] = {}

        def __getattr__(self, name: str) -> Any:
            def call(data: Any, **given: Any) -> Any:
                self.calls[name] = (data, given)
                return type("Run", (), {"test": "scores"})

            return call

    wanted, noted = JobRequest(verb, "iris", "my table.csv", GIVEN[verb]), Noted()
    code = wanted.lines.replace("import couloir\n", "")
    exec(compile(code, "lines", "exec"), {"couloir": noted, "print": str})
    loading, given = wanted.divided()
    assert noted.calls["load"][0] == "my table.csv"
    for called, meant in ((noted.calls["load"][1], loading), (noted.calls[verb][1], given)):
        for name, value in meant.items():
            if name != "name":
                assert called[name] == value or [called[name]] == value, name


def test_the_page_is_given_every_option_with_its_help() -> None:
    found = {}
    exec(
        pages.options().replace("export const ", "").replace("true", "True").replace("false", "False"), found
    )
    for verb in TRAINING:
        shown = {field["name"]: field for field in found["OPTIONS"][verb]}
        assert list(shown) == list(VERBS[verb])
        for name, field in shown.items():
            assert field["help"], name
            assert field["option"] == f"--{name.replace('_', '-')}"
    assert found["OF_THE_TABLE"] == ["target", "task", "drop", "missing", "group", "time", "metric"]
    assert request.fields(TRAIN) == found["OPTIONS"][TRAIN]
    assert [name for name, of in found["METRICS"].items() if of["more"]] == [
        "accuracy",
        "balanced_accuracy",
        "r2",
    ]


def test_the_page_is_given_what_the_rooms_can_be_asked_with() -> None:
    lines = [line.removeprefix("export const ") for line in pages.settings().splitlines()]
    found = {
        name: json.loads(value.rstrip(";")) for name, _, value in (line.partition(" = ") for line in lines)
    }
    network = found["NETWORK"]
    assert asking.answered(NetworkSettings, {name: known["default"] for name, known in network.items()})
    assert network["activation"]["names"] == list(options.ACTIVATIONS)
    assert network["schedule"]["names"] == list(options.SCHEDULES)
    assert network["rule"]["names"] == list(options.RULES)
    assert network["input_noise"]["words"] == "input noise"
    assert network["across"]["names"] == ["none", *(name for name, _ in found["LADDERS"])]
    for name, known in network.items():
        for end in ("low", "high"):  # a rate of 0 is none
            if end in known and (name, end) != ("rate", "low"):
                asking.answered(NetworkSettings, {name: known[end]})
        if "high" in known:
            with pytest.raises(InputError):
                asking.answered(NetworkSettings, {name: 2 * known["high"] + 1})
    race = found["RACE"]
    assert race["condition"] == {"default": 50, "low": 1, "high": 10_000, "whole": False}
    assert race["changes"]["most"] == setup.MOST_CHANGES
    assert found["LANDSCAPE"]["plane"] == {"default": "random", "names": list(options.PLANES)}
    assert found["DESCENT"]["steps"] == {"low": 1, "high": 5000, "whole": True}
