"""The room of training without a page: looking, planning, and a training from its start to every end."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from couloir.errors import InputError
from couloir.studio.jobs import page_jobs
from couloir.studio.jobs.job import Bounds
from couloir.studio.jobs.request import TRAINING
from couloir.studio.rooms.base import Context
from couloir.studio.rooms.train import TrainRoom
from studio_server import until

SMALL = {"optimizer": "sgd,adam", "learning_rate": "0.1,0.01", "hidden": "8", "epochs": "12"}
ENDLESS = {**SMALL, "epochs": "1000000", "patience": "none"}
WANTED = {"verb": "train", "data": "iris", "options": SMALL}


@pytest.fixture
def room(tmp_path: Path) -> Iterator[TrainRoom]:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    room = TrainRoom(Context(tmp_path / "runs", uploads=uploads))
    yield room
    room.close()
    job = room.context.jobs.job
    assert job is None or job.over.wait(60)


def state(room: TrainRoom) -> dict[str, Any]:
    return dict(room.answer("progress", {}).values)


def ended(room: TrainRoom) -> dict[str, Any]:
    return until(lambda: (found := state(room))["state"] != "running" and found)


def learning(room: TrainRoom) -> dict[str, Any]:
    """The first state in which something has been learnt."""
    return until(lambda: (found := state(room))["epoch"] and found)


def record(room: TrainRoom, run: str) -> dict[str, Any]:
    return json.loads((room.context.runs / run / "run.json").read_text("utf-8"))


def add(room: TrainRoom, name: str, text: str) -> None:
    path = room.context.uploads / name
    path.write_text(text, "utf-8")
    room.context.uploaded[name] = path


TABLE = "age,plan,bought\n" + "".join(
    f"{20 + n % 50},{'abc'[n % 3]},{'yes' if n % 3 else 'no'}\n" for n in range(90)
)


# Options --------------------------------------------------------------------------------------------------


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
    room: TrainRoom, options: dict[str, Any], said: str
) -> None:
    for ask in ("plan", "start", "code"):
        with pytest.raises(InputError) as refused:
            room.answer(ask, {**WANTED, "options": options})
        assert said in str(refused.value)
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 700
    assert room.context.jobs.job is None


@pytest.mark.parametrize("data", ["../secret.csv", "/etc/passwd", "openml:iris", "nothing.csv", "", "runs"])
def test_nothing_but_named_uploaded_and_bundled_data_is_read(room: TrainRoom, data: str) -> None:
    add(room, "mine.csv", TABLE)
    for ask, given in (("look", {"data": data}), ("start", {**WANTED, "data": data})):
        with pytest.raises(InputError, match="There is no data file"):
            room.answer(ask, given)


# Looking and planning -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_table_is_looked_at(room: TrainRoom) -> None:
    add(room, "shop.csv", TABLE)
    found = room.answer("look", {"data": "shop.csv"}).values
    assert (found["rows"], found["width"]) == (90, 3)
    assert [each["kind"] for each in found["columns"]] == ["numeric", "categorical", "categorical"]
    assert found["preview"][1] == ["21", "b", "yes"]
    assert found["target"] == ""
    assert "shop.csv" in room.answer("begin", {}).values["files"]
    pl.DataFrame({"x": [1.5, None, 2.5], "label": ["a", "b", "a"]}).write_parquet(
        room.context.uploads / "p.parquet"
    )
    room.context.uploaded["p.parquet"] = room.context.uploads / "p.parquet"
    found = room.answer("look", {"data": "p.parquet"}).values
    assert found["target"] == "label"
    assert [each["missing"] for each in found["columns"]] == [1, 0]
    assert found["preview"][1] == [None, "b"]


@pytest.mark.slow
def test_the_name_of_a_file_and_its_cells_are_given_back_as_they_are(room: TrainRoom) -> None:
    nasty = "<img src=x onerror=alert(1)>"
    add(room, "a b.csv", f"x,{nasty},y\n" + f'1,"{nasty * 9}",no\n2,=cmd(),yes\n' * 5)
    found = room.answer("look", {"data": "a b.csv"}).values
    assert found["columns"][1]["name"] == nasty
    assert found["preview"][0][1] == (nasty * 9)[:59] + "…"
    with pytest.raises(InputError) as refused:
        room.answer("look", {"data": "a b.csv"} | add_broken(room))
    assert "'broken.csv'" in str(refused.value)
    assert str(room.context.uploads) not in str(refused.value)


def add_broken(room: TrainRoom) -> dict[str, str]:
    add(room, "broken.csv", "a,b\n1,2\n1,2,3\n")
    return {"data": "broken.csv"}


@pytest.mark.parametrize("verb", TRAINING)
def test_what_a_job_would_take_is_what_the_package_predicts(room: TrainRoom, verb: str) -> None:
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
    assert found["lines"][0] == ["data", "iris: 150 rows, 4 columns (4 numeric)"]


def test_a_mistake_in_the_data_is_the_packages_sentence(room: TrainRoom) -> None:
    add(room, "shop.csv", TABLE)
    with pytest.raises(InputError, match="There is no column 'buoght': did you mean 'bought'"):
        room.answer("plan", {"verb": "train", "data": "shop.csv", "options": {"target": "buoght"}})
    with pytest.raises(InputError, match="The metric 'mse' is for regression"):
        room.answer("plan", {**WANTED, "options": {"metric": "mse"}})


def test_looking_is_bounded_in_memory_and_time(room: TrainRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_jobs, "SHORT", Bounds(memory=1 << 20))
    with pytest.raises(InputError, match=r"needs more than the 0\.0 GiB of memory"):
        room.answer("look", {"data": "iris"})
    monkeypatch.setattr(page_jobs, "SHORT", Bounds(seconds=0.0, grace=0.0))
    with pytest.raises(InputError, match="takes too long"):
        room.answer("plan", WANTED)


# A job's life ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_job_trains_tells_how_it_goes_and_leaves_a_run(room: TrainRoom) -> None:
    add(room, "shop.csv", TABLE)
    wanted = {"verb": "train", "data": "shop.csv", "options": {**SMALL, "target": "bought"}}
    begun = room.answer("start", wanted).values
    assert begun["state"] == "running"
    assert begun["command"].startswith("couloir train shop.csv --target bought")
    with pytest.raises(InputError, match=r"This page's train of 'shop\.csv' is still under way"):
        room.answer("start", wanted)
    last = ended(room)
    assert (last["state"], last["sentence"]) == ("ended", None)
    found = record(room, last["done"]["run"])
    assert found["command"] == begun["command"]
    assert found["status"] == last["done"]["status"] == "complete"
    board = {entry["rule"]: entry for entry in last["epoch"]["board"]}
    assert set(board) == {"sgd", "adam"}
    table = pl.read_parquet(room.context.runs / last["done"]["run"] / "leaderboard.parquet")
    for rule, entry in board.items():
        best = table.filter(optimizer=rule).row(0, named=True)
        assert entry["learning_rate"] == best["learning_rate"]
        assert math.isclose(entry["score"], best["validation_loss"], rel_tol=1e-6)
        assert min(entry["curve"]) == entry["score"]
        assert sum(entry["counts"].values()) == entry["members"] == 2
    shown = room.answer("result", {"run": last["done"]["run"]}).values
    assert shown["score"] == found["test"]["scores"]["accuracy"]
    assert [shown["low"], shown["high"]] == found["test"]["intervals"]["accuracy"]
    assert shown["validation"] == found["validation"]["log_loss"]
    assert [row[0]["text"] for row in shown["board"]["rows"]] == list(
        table["optimizer"].unique(maintain_order=True)
    )


@pytest.mark.slow
def test_a_cancelled_training_keeps_what_was_learnt(room: TrainRoom) -> None:
    room.answer("start", {**WANTED, "options": ENDLESS})
    learning(room)
    assert room.answer("cancel", {}).values["ending"]
    room.answer("cancel", {})  # impatience is no second Ctrl-C
    last = ended(room)
    assert last["state"] == "ended", last["sentence"]
    found = record(room, last["done"]["run"])
    assert found["status"] == "interrupted"
    assert (room.context.runs / last["done"]["run"] / "report.html").exists()
    assert room.answer("result", {"run": last["done"]["run"]}).values["status"] == "interrupted"


@pytest.mark.slow
def test_a_search_that_is_cancelled_ends_with_the_trials_it_has(room: TrainRoom) -> None:
    options = {"trials": "100000", "generation": "4", "cv": "none"}
    room.answer("start", {"verb": "search", "data": "iris", "options": options})
    until(lambda: "generation 2" in state(room)["stage"])
    room.answer("cancel", {})
    last = ended(room)
    assert last["state"] == "ended", last["sentence"]
    found = record(room, last["done"]["run"])
    assert found["status"] == "interrupted"
    assert found["search"]["trials"] % 4 == 0


def test_what_is_cancelled_before_anything_was_learnt_leaves_nothing(room: TrainRoom) -> None:
    room.answer("start", WANTED)
    room.answer("cancel", {})
    last = ended(room)
    assert last["state"] == "failed"
    assert "nothing is kept" in last["sentence"]
    assert not list(room.context.runs.glob("*"))


def test_a_job_can_be_ended_at_once(room: TrainRoom) -> None:
    room.answer("start", {**WANTED, "options": ENDLESS})
    learning(room)
    room.answer("cancel", {"now": True})
    last = ended(room)
    assert (last["state"], last["done"]) == ("failed", None)
    assert not list(room.context.runs.glob("*"))


@pytest.mark.slow
def test_a_page_that_closes_ends_its_job(room: TrainRoom) -> None:
    room.answer("start", {**WANTED, "options": ENDLESS})
    learning(room)
    job = room.context.jobs.job
    assert job is not None
    room.close()
    assert job.over.wait(30)
    with pytest.raises(ProcessLookupError):
        os.kill(job.process.pid, 0)
    assert len(list(room.context.runs.glob("*/run.json"))) == 2  # the run, and `latest`
    with pytest.raises(InputError, match="closed"):
        room.answer("start", WANTED)


@pytest.mark.slow
def test_the_race_and_its_stages_are_told(room: TrainRoom) -> None:
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
