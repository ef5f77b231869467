"""The room Train without a page: looking, planning, and the life of a job from its start to every end."""

from __future__ import annotations

import inspect
import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from studio_server import until
from typer.main import get_command

import couloir
from couloir.cli import app as cli
from couloir.commands import race as racing
from couloir.commands import search as searching
from couloir.errors import InputError
from couloir.runs import ledger
from couloir.selection.members import Options
from couloir.studio import jobs, nursery, tasks
from couloir.studio.jobs import Bounds, Desk, Job, Places
from couloir.studio.rooms import Surroundings
from couloir.studio.rooms.train import Train
from couloir.studio.tasks import TRAINING, USUAL, VERBS, Task
from couloir.studio.telling import Teller

SMALL = {"optimizer": "sgd,adam", "learning_rate": "0.1,0.01", "hidden": "8", "epochs": "12"}
ENDLESS = {**SMALL, "epochs": "1000000", "patience": "none"}
WANTED = {"verb": "train", "data": "iris", "options": SMALL}


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Train]:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    room = Train(Surroundings(tmp_path / "runs", uploads=uploads))
    yield room
    room.close()
    job = room.surroundings.desk.job
    assert job is None or job.over.wait(60)


def state(room: Train) -> dict[str, Any]:
    return dict(room.answer("progress", {}).values)


def ended(room: Train) -> dict[str, Any]:
    return until(lambda: (found := state(room))["state"] != "running" and found)


def learning(room: Train) -> dict[str, Any]:
    """The first state in which something has been learnt."""
    return until(lambda: (found := state(room))["epoch"] and found)


def record(room: Train, run: str) -> dict[str, Any]:
    return json.loads((room.surroundings.runs / run / "run.json").read_text("utf-8"))


def add(room: Train, name: str, text: str) -> None:
    path = room.surroundings.uploads / name
    path.write_text(text, "utf-8")
    room.surroundings.uploaded[name] = path


TABLE = "age,plan,bought\n" + "".join(
    f"{20 + n % 50},{'abc'[n % 3]},{'yes' if n % 3 else 'no'}\n" for n in range(90)
)


# Options --------------------------------------------------------------------------------------------------


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
    task = Task(verb, "iris", "my table.csv", GIVEN[verb])
    command = get_command(cli.app).commands[verb]  # type: ignore[attr-defined]
    parsed = command.make_context(verb, task.words[2:]).params
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
    assert task.given() == typed


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

    task, noted = Task(verb, "iris", "my table.csv", GIVEN[verb]), Noted()
    code = task.lines.replace("import couloir\n", "")
    exec(compile(code, "lines", "exec"), {"couloir": noted, "print": str})
    loading, given = task.divided()
    assert noted.calls["load"][0] == "my table.csv"
    for called, meant in ((noted.calls["load"][1], loading), (noted.calls[verb][1], given)):
        for name, value in meant.items():
            if name != "name":
                assert called[name] == value or [called[name]] == value, name


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"epochs": "many"}, "'many'"),
        ({"epochs": True}, "another kind"),
        ({"refit": "yes"}, "another kind"),
        ({"epochs": 3}, "'options.epochs'"),
        ({"epochs": "9" * 3000}, "2,000"),
        ({"__class__": "x"}, "__class__"),
        ({"out": "/etc"}, "out"),
        ({"split": "1/2"}, "'1/2'"),
        ({"learning_rate": "nan"}, "'nan'"),
        ({"optimizer": "sgd,,adam"}, "lacking"),
        ({"target": "a\x00b"}, "target"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused_in_a_sentence(
    room: Train, options: dict[str, Any], said: str
) -> None:
    for ask in ("plan", "start", "code"):
        with pytest.raises(InputError) as refused:
            room.answer(ask, {**WANTED, "options": options})
        assert said in str(refused.value)
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 700
    assert room.surroundings.desk.job is None


@pytest.mark.parametrize("data", ["../secret.csv", "/etc/passwd", "openml:iris", "nothing.csv", "", "runs"])
def test_nothing_but_named_uploaded_and_bundled_data_is_read(room: Train, data: str) -> None:
    add(room, "mine.csv", TABLE)
    for ask, given in (("look", {"data": data}), ("start", {**WANTED, "data": data})):
        with pytest.raises(InputError, match="There is no data file"):
            room.answer(ask, given)


# Looking and planning -------------------------------------------------------------------------------------


def test_a_table_is_looked_at(room: Train) -> None:
    add(room, "shop.csv", TABLE)
    found = room.answer("look", {"data": "shop.csv"}).values
    assert (found["rows"], found["width"]) == (90, 3)
    assert [each["kind"] for each in found["columns"]] == ["numeric", "categorical", "categorical"]
    assert found["preview"][1] == ["21", "b", "yes"]
    assert found["target"] == ""
    assert "shop.csv" in room.answer("begin", {}).values["files"]
    pl.DataFrame({"x": [1.5, None, 2.5], "label": ["a", "b", "a"]}).write_parquet(
        room.surroundings.uploads / "p.parquet"
    )
    room.surroundings.uploaded["p.parquet"] = room.surroundings.uploads / "p.parquet"
    found = room.answer("look", {"data": "p.parquet"}).values
    assert found["target"] == "label"
    assert [each["missing"] for each in found["columns"]] == [1, 0]
    assert found["preview"][1] == [None, "b"]


def test_the_name_of_a_file_and_its_cells_are_given_back_as_they_are(room: Train) -> None:
    nasty = "<img src=x onerror=alert(1)>"
    add(room, "a b.csv", f"x,{nasty},y\n" + f'1,"{nasty * 9}",no\n2,=cmd(),yes\n' * 5)
    found = room.answer("look", {"data": "a b.csv"}).values
    assert found["columns"][1]["name"] == nasty
    assert found["preview"][0][1] == (nasty * 9)[:59] + "…"
    with pytest.raises(InputError) as refused:
        room.answer("look", {"data": "a b.csv"} | add_broken(room))
    assert "'broken.csv'" in str(refused.value)
    assert str(room.surroundings.uploads) not in str(refused.value)


def add_broken(room: Train) -> dict[str, str]:
    add(room, "broken.csv", "a,b\n1,2\n1,2,3\n")
    return {"data": "broken.csv"}


@pytest.mark.parametrize("verb", TRAINING)
def test_what_a_job_would_take_is_what_the_package_predicts(room: Train, verb: str) -> None:
    options = {
        "train": SMALL,
        "race": {"optimizer": "sgd,adam", "rates": "3", "replicates": "2"},
        "search": {},
    }
    found = room.answer("plan", {"verb": verb, "data": "iris", "options": options[verb]}).values
    assert found["members"] == {"train": 4, "race": 2 * 3 + 4 * 2, "search": 64 * 5}[verb]
    assert found["memory_bytes"] > 0
    assert found["seconds"] > 0
    assert found["task"] == "classification"
    assert ["data", "iris: 150 rows, 4 columns (4 numeric)"] in found["lines"]


def test_a_mistake_in_the_data_is_the_packages_sentence(room: Train) -> None:
    add(room, "shop.csv", TABLE)
    with pytest.raises(InputError, match="There is no column 'buoght': did you mean 'bought'"):
        room.answer("plan", {"verb": "train", "data": "shop.csv", "options": {"target": "buoght"}})
    with pytest.raises(InputError, match="The metric 'mse' is for regression"):
        room.answer("plan", {**WANTED, "options": {"metric": "mse"}})


def test_looking_is_bounded_in_memory_and_time(room: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "SHORT", Bounds(memory=1 << 20))
    with pytest.raises(InputError, match=r"needs more than the 0\.0 GiB of memory"):
        room.answer("look", {"data": "iris"})
    monkeypatch.setattr(jobs, "SHORT", Bounds(seconds=0.0, grace=0.0))
    with pytest.raises(InputError, match="takes too long"):
        room.answer("plan", WANTED)


# A job's life ---------------------------------------------------------------------------------------------


def test_a_job_trains_tells_how_it_goes_and_leaves_a_run(room: Train) -> None:
    add(room, "shop.csv", TABLE)
    wanted = {"verb": "train", "data": "shop.csv", "options": {**SMALL, "target": "bought"}}
    begun = room.answer("start", wanted).values
    assert begun["state"] == "running"
    assert begun["command"].startswith("couloir train shop.csv --target bought")
    with pytest.raises(InputError, match=r"This page's train of 'shop\.csv' is still under way"):
        room.answer("start", wanted)
    last = ended(room)
    assert (last["state"], last["sentence"]) == ("ended", None)
    assert last["data"]["lines"][0] == ["data", "shop: 90 rows, 2 columns (1 numeric, 1 categorical)"]
    assert last["plan"]["members"] == 4
    found = record(room, last["done"]["run"])
    assert found["command"] == begun["command"]
    assert found["status"] == last["done"]["status"] == "complete"
    board = {entry["rule"]: entry for entry in last["epoch"]["board"]}
    assert set(board) == {"sgd", "adam"}
    table = pl.read_parquet(room.surroundings.runs / last["done"]["run"] / "leaderboard.parquet")
    for rule, entry in board.items():
        best = table.filter(optimizer=rule).row(0, named=True)
        assert entry["learning_rate"] == best["learning_rate"]
        assert math.isclose(entry["score"], best["validation_loss"], rel_tol=1e-6)
        assert min(entry["curve"]) == entry["score"]
        assert sum(entry["counts"].values()) == entry["members"] == 2
    shown = room.answer("result", {"run": last["done"]["run"]}).values
    assert shown["score"] == found["test"]["accuracy"]
    assert [shown["low"], shown["high"]] == found["test"]["intervals"]["accuracy"]
    assert shown["validation"] == found["validation"]["log_loss"]
    assert [row[0]["text"] for row in shown["board"]["rows"]] == list(
        table["optimizer"].unique(maintain_order=True)
    )


def test_a_cancelled_training_keeps_what_was_learnt(room: Train) -> None:
    room.answer("start", {**WANTED, "options": ENDLESS})
    learning(room)
    assert room.answer("cancel", {}).values["ending"]
    room.answer("cancel", {})  # impatience is no second Ctrl-C
    last = ended(room)
    assert last["state"] == "ended", last["sentence"]
    found = record(room, last["done"]["run"])
    assert found["status"] == "interrupted"
    assert (room.surroundings.runs / last["done"]["run"] / "report.html").exists()
    assert room.answer("result", {"run": last["done"]["run"]}).values["status"] == "interrupted"


def test_a_search_that_is_cancelled_ends_with_the_trials_it_has(room: Train) -> None:
    options = {"trials": "100000", "generation": "4", "cv": "none"}
    room.answer("start", {"verb": "search", "data": "iris", "options": options})
    until(lambda: "generation 2" in state(room)["stage"])
    room.answer("cancel", {})
    last = ended(room)
    assert last["state"] == "ended", last["sentence"]
    found = record(room, last["done"]["run"])
    assert found["status"] == "interrupted"
    assert found["search"]["trials"] % 4 == 0


def test_what_is_cancelled_before_anything_was_learnt_leaves_nothing(room: Train) -> None:
    room.answer("start", WANTED)
    room.answer("cancel", {})
    last = ended(room)
    assert last["state"] == "failed"
    assert "nothing is kept" in last["sentence"]
    assert not list(room.surroundings.runs.glob("*"))


def test_a_job_can_be_ended_at_once(room: Train) -> None:
    room.answer("start", {**WANTED, "options": ENDLESS})
    learning(room)
    room.answer("cancel", {"now": True})
    last = ended(room)
    assert (last["state"], last["done"]) == ("failed", None)
    assert not list(room.surroundings.runs.glob("*"))


def test_a_page_that_closes_ends_its_job(room: Train) -> None:
    room.answer("start", {**WANTED, "options": ENDLESS})
    learning(room)
    job = room.surroundings.desk.job
    assert job is not None
    room.close()
    assert job.over.wait(30)
    with pytest.raises(ProcessLookupError):
        os.kill(job.process.pid, 0)
    assert len(list(room.surroundings.runs.glob("*/run.json"))) == 2  # the run, and `latest`
    with pytest.raises(InputError, match="closed"):
        room.answer("start", WANTED)


def test_a_job_that_needs_too_much_memory_is_stopped_and_leaves_nothing(tmp_path: Path) -> None:
    desk = Desk()
    task = Task("train", "iris", "iris", ENDLESS, out=str(tmp_path / "runs"))
    job = desk.start(task, Bounds(memory=1 << 20))
    assert job.over.wait(60)
    assert "GiB of memory that a job may take" in str(job.sentence)
    assert job.state()["state"] == "failed"
    assert not (tmp_path / "runs").exists()


def test_a_job_whose_time_is_up_keeps_what_was_learnt(tmp_path: Path) -> None:
    desk = Desk()
    task = Task("train", "iris", "iris", ENDLESS, out=str(tmp_path / "runs"))
    job = desk.start(task)
    until(lambda: "epoch" in job.told)
    job.bounds = Bounds(seconds=0.0)
    assert job.over.wait(60)
    assert job.sentence is None
    assert job.told["done"]["status"] == "interrupted"


def test_a_job_that_does_not_end_is_killed(tmp_path: Path) -> None:
    desk = Desk()
    job = desk.start(Task("train", "iris", "iris", ENDLESS, out=str(tmp_path / "runs")))
    until(lambda: "epoch" in job.told)
    job.process.send_signal(19)  # it is stopped, as one is that hangs
    job.cancel(grace=0.2)
    assert job.over.wait(30)
    assert "was stopped: nothing is kept" in str(job.sentence)


def test_there_are_two_jobs_at_once_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LONG_PLACES", Places(jobs.AT_ONCE, "both places are taken"))
    desks = [Desk() for _ in range(3)]
    task = Task("train", "iris", "iris", ENDLESS, out=str(tmp_path / "runs"))
    begun = [desk.start(task) for desk in desks[:2]]
    with pytest.raises(InputError, match="both places are taken"):
        desks[2].start(task)
    begun[0].kill()
    assert begun[0].over.wait(30)
    begun.append(desks[2].start(task))
    for job in begun:
        job.kill()
        assert job.over.wait(30)


def test_a_worker_whose_studio_is_gone_ends_and_keeps_what_was_learnt(tmp_path: Path) -> None:
    task = Task("train", "iris", "iris", ENDLESS, out=str(tmp_path / "runs"))
    worker = subprocess.Popen(
        [sys.executable, "-m", "couloir.studio.worker"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=nursery.surroundings(),
    )  # fmt: skip
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write((json.dumps(task.to_json()) + "\n").encode())
    worker.stdin.flush()
    while b'"event": "epoch"' not in worker.stdout.readline():
        assert worker.poll() is None
    worker.stdin.close()
    worker.stdout.close()
    assert worker.wait(240) == 0
    assert len(list((tmp_path / "runs").glob("*/run.json"))) == 2


def test_a_job_that_swallowed_its_interruption_ends_before_it_has_learnt_anything() -> None:
    unwanted = threading.Event()
    unwanted.set()
    teller = Teller(lambda event, **values: None, "train", unwanted=unwanted)
    for call in (teller.loaded, teller.planned, teller.epoch):
        with pytest.raises(KeyboardInterrupt):
            call(None)  # type: ignore[arg-type]
    teller.learnt = True
    with pytest.raises(AttributeError):  # it goes on, to look at a problem that is none
        teller.loaded(None)  # type: ignore[arg-type]


def test_a_fault_of_the_worker_is_said(tmp_path: Path) -> None:
    job = Job(Task("dance", "iris", "iris", out=str(tmp_path)), Bounds(), lambda: None)
    assert job.over.wait(60)
    assert "fault of the studio" in str(job.sentence)


def test_the_race_and_its_stages_are_told(room: Train) -> None:
    options = {"optimizer": "sgd,adam", "rates": "2", "replicates": "2", "epochs": "4", "hidden": "8"}
    room.answer("start", {"verb": "race", "data": "iris", "options": options})
    last = ended(room)
    assert last["state"] == "ended", last["sentence"]
    shown = room.answer("result", {"run": last["done"]["run"]}).values
    found = record(room, last["done"]["run"])
    assert [row[0]["text"] for row in shown["board"]["rows"]] == [each["rule"] for each in found["standing"]]
    assert [row[2]["value"] for row in shown["board"]["rows"]] == [
        each["best"]["log_loss"]["mean"] for each in found["standing"]
    ]
    assert shown["verdicts"] == found["verdicts"]
    assert last["epoch"]["folds"] == 2


def test_tests_are_counted_in_the_ledger_of_this_process() -> None:
    assert "couloir-tests-" in str(ledger.ledger_path())  # what jobs score here is no entry in a person's


def test_every_option_of_the_page_is_one_of_some_verb() -> None:
    source = (Path(couloir.__file__).parent / "studio/static/training/form.js").read_text("utf-8")
    for name in {name for verb in TRAINING for name in VERBS[verb]}:
        assert f'"{name}"' in source, name
    for verb in TRAINING:
        for name, field in tasks.fields(verb).items():
            assert field["help"], name
            assert field["option"] == f"--{name.replace('_', '-')}"
