"""What is asked of a job: read as the command line reads it, and shown as the lines that do the same."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import couloir
from couloir.cli import app as cli
from couloir.commands import race as racing
from couloir.commands import search as searching
from couloir.engine.population import Options
from couloir.studio.jobs import request
from couloir.studio.jobs.request import TRAINING, USUAL, VERBS, JobRequest

SMALL = {"optimizer": "sgd,adam", "learning_rate": "0.1,0.01", "hidden": "8", "epochs": "12"}


def test_every_usual_value_is_the_packages_own() -> None:
    functions = {"train": couloir.train, "race": racing.race, "search": searching.search}
    own = {each.name: each.default for each in fields(Options)} | {"hidden": 64}
    for verb, usual in USUAL.items():
        parameters = inspect.signature(functions[verb]).parameters
        for name, text in usual.items():
            if name in ("learning_rate", "trials", "cv"):
                continue  # said in words, or None in the signature
            value = parameters[name].default if name in parameters else own[name]
            shown = (
                "/".join(f"{100 * share:.0f}" for share in value)
                if name == "split"
                else f"{value:{'g' if isinstance(value, float) else ''}}"
            )
            assert text == shown, (verb, name)
    assert USUAL["search"]["trials"] == str(searching.TRIALS)
    assert str(searching.FOLDS) in USUAL["search"]["cv"]
    assert f"{searching.FOLDS_BELOW:,}" in USUAL["search"]["cv"]


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
    given = cli._given(parsed)
    flags = {name for name, value in given.items() if value is False}
    typed = {name: value for name, value in given.items() if name not in flags}
    if "patience" in typed:
        typed["patience"] = typed["patience"] or None
    if verb == "search":
        assert not typed.pop("cv")
        assert typed.pop("no_halving")
        typed |= {"cv": None, "validation": True, "halving": False}
    assert wanted.given() == typed


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


def test_every_option_of_the_page_is_one_of_some_verb() -> None:
    source = (Path(couloir.__file__).parent / "studio/static/training/form.js").read_text("utf-8")
    for name in {name for verb in TRAINING for name in VERBS[verb]}:
        assert f'"{name}"' in source, name
    for verb in TRAINING:
        for name, field in request.fields(verb).items():
            assert field["help"], name
            assert field["option"] == f"--{name.replace('_', '-')}"
