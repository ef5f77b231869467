"""The room of runs without a page: its table, comparisons, predictions and landscapes, broken folders too."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import couloir
from couloir.errors import InputError
from couloir.runs import stored as runs
from couloir.runs.records import read_record
from couloir.studio.rooms.base import Context
from couloir.studio.rooms.runs import results
from couloir.studio.rooms.runs.room import MOST_COMPARED, MOST_ROWS, RunsRoom
from recorded_runs import recorded

SMALL: dict[str, Any] = {
    "optimizer": ["sgd", "adam"],
    "learning_rate": [0.01, 0.1],
    "hidden": [(8,)],
    "epochs": 6,
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a training on iris, one of another seed, one of numbers, one of images, and a race."""
    folder = tmp_path_factory.mktemp("stored") / "runs"
    couloir.train("iris", **SMALL, out=folder)
    couloir.train("iris", **SMALL, seed=1, out=folder)
    couloir.train("diabetes", **SMALL, out=folder)
    couloir.train("digits", **SMALL | {"epochs": 2}, out=folder)
    couloir.race(
        "iris", optimizer=["sgd", "adam"], rates=2, replicates=2, epochs=4, hidden=[(8,)], out=folder
    )
    return folder


@pytest.fixture
def room(stored: Path, tmp_path: Path) -> Iterator[RunsRoom]:
    shutil.copytree(stored, tmp_path / "runs", symlinks=True)
    (tmp_path / "uploads").mkdir()
    room = RunsRoom(Context(tmp_path / "runs", uploads=tmp_path / "uploads"))
    yield room
    room.close()
    job = room.context.jobs.job
    assert job is None or job.over.wait(60)


def rows(room: RunsRoom) -> list[dict[str, Any]]:
    return room.answer("list", {}).values["runs"]


def named(room: RunsRoom, kind: str, data: str, place: int = 0) -> str:
    """The name of one of these runs, the newest first."""
    return [row["name"] for row in rows(room) if (row["kind"], row.get("data")) == (kind, data)][place]


def record(room: RunsRoom, name: str) -> Any:
    return read_record(room.context.runs / name)


@pytest.mark.slow
def test_the_table_says_what_the_records_say(room: RunsRoom) -> None:
    found = rows(room)
    assert len(found) == 5  # and not `latest`
    assert [row["name"] for row in found] == sorted((row["name"] for row in found), reverse=True)
    for row in found:
        told = record(room, row["name"])
        usual = "accuracy" if told.data.is_classification else "r2"
        assert row["validation"] == told.validation[told.metric]
        assert row["test"] == told.test.scores[told.metric]
        assert [row["score"], row["low"], row["high"]] == [
            told.test.scores[usual],
            *told.test.intervals[usual],
        ]
        assert (row["rows"], row["members"]) == (told.data.rows, told.n_members)
        assert row["seconds"] == told.seconds["total"]
        assert row["page"]
        assert row["winner"].startswith(told.winner.optimizer)


BROKEN = {
    "no record": None,
    "no json": "{",
    "a list": "[1, 2]",
    "a deep one": "[" * 100_000,
    "nothing in it": "{}",
    "data of another kind": '{"kind": "train", "data": 3}',
    "no finalists": "FINALISTS",
    "text for a score": "SCORE",
    "a score too few": "NO SCORE",
    "a number for a list": "HIDDEN",
    "an infinite count": "INFINITE",
    "hostile": '{"schema_version": 3, "kind": "<script>alert(1)</script>", "data": {"name": "<b>x</b>"}}',
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_folder_is_listed_and_asked_about_without_harm(room: RunsRoom, what: str) -> None:
    folder = room.context.runs / "20990101-000000-broken"
    shutil.copytree(room.context.runs / named(room, "train", "iris"), folder)
    text, good = BROKEN[what], json.loads((folder / "run.json").read_text("utf-8"))
    if text == "FINALISTS":
        text = json.dumps({**good, "finalists": []})
    elif text == "SCORE":
        text = json.dumps({**good, "validation": {"log_loss": "low"}})
    elif text == "NO SCORE":
        text = json.dumps({**good, "validation": {"accuracy": 0.5}})
    elif text == "HIDDEN":
        good["winner"]["hyperparameters"]["hidden"] = 3
        text = json.dumps(good)
    elif text == "INFINITE":
        text = json.dumps({**good, "n_members": math.inf})
    (folder / "run.json").unlink()
    if text is not None:
        (folder / "run.json").write_text(text, "utf-8")
    first, *others = rows(room)
    assert first["name"] == folder.name
    assert len(others) == 5
    assert first["broken"].endswith(".")
    assert "\n" not in first["broken"]
    assert len(first["broken"]) < 300
    assert f"'runs/{folder.name}'" in first["broken"]
    assert str(room.context.runs) not in first["broken"]
    for ask, given in (
        ("result", {"run": folder.name}),
        ("compare", {"runs": [folder.name]}),
        ("predict", {"run": folder.name, "text": "a,b\n1,2\n"}),
    ):
        with pytest.raises(InputError):
            room.answer(ask, given)


def test_a_search_that_has_not_ended_says_how_to_go_on(room: RunsRoom) -> None:
    folder = room.context.runs / "20990101-000000-iris"
    folder.mkdir()
    (folder / "journal.log").write_text("")
    found = rows(room)[0]
    assert found["kind"] == "search"
    assert f"has not ended: go on with 'couloir search --resume runs/{folder.name}'" in found["broken"]


def test_a_row_is_read_again_when_its_run_has_changed(room: RunsRoom) -> None:
    before = rows(room)[0]
    path = room.context.runs / before["name"] / "run.json"
    told = json.loads(path.read_text("utf-8"))
    time.sleep(0.01)
    told["data"]["name"] = "<b>x</b>"
    path.write_text(json.dumps({**told, "status": "interrupted"}), "utf-8")
    assert (rows(room)[0]["status"], rows(room)[0]["data"]) == ("interrupted", "<b>x</b>")


def test_a_table_that_lacks_a_column_is_said(room: RunsRoom) -> None:
    name = named(room, "train", "iris")
    path = room.context.runs / name / "history.parquet"
    pl.read_parquet(path).drop("validation_loss").write_parquet(path)
    for ask, given in (("result", {"run": name}), ("compare", {"runs": [name]})):
        with pytest.raises(InputError, match=rf"tables of the run folder 'runs/{name}'.*validation_loss"):
            room.answer(ask, given)


@pytest.mark.parametrize(
    "name", ["../secret", "/etc", "", ".", "..", "latest", "a" * 299, "20990101-000000-x"]
)
def test_no_folder_but_a_run_is_reached(room: RunsRoom, name: str) -> None:
    (room.context.runs.parent / "secret").mkdir()
    for ask, given in (
        ("result", {}), ("example", {}), ("predict", {"text": "a\n1\n"}), ("landscape", {}), ("code", {})
    ):  # fmt: skip
        with pytest.raises(InputError, match="There is no run"):
            room.answer(ask, {"run": name, **given})
    with pytest.raises(InputError, match="There is no run"):
        room.answer("compare", {"runs": [name]})


def untested(room: RunsRoom, *names: str) -> list[str]:
    """Recorded runs that tested nothing, put into the room's folder."""
    for place, name in enumerate(names):
        shutil.copytree(recorded(name), room.context.runs / f"2000010{place + 1}-000000-{name}")
    return [f"2000010{place + 1}-000000-{name}" for place, name in enumerate(names)]


def test_what_was_not_tested_has_no_score_in_the_table_and_says_so_opened(room: RunsRoom) -> None:
    names = untested(room, "untested", "untested_folds", "untested_search")
    listed = {row["name"]: row for row in rows(room)}
    for name in names:
        row, told = listed[name], record(room, name)
        assert row["broken"] is None
        assert {row[key] for key in ("test", "test_text", "score", "low", "high", "times_scored")} == {None}
        assert row["validation"] == told.validation[told.metric]
        found = room.answer("result", {"run": name}).values
        assert found["untested"].startswith("Nothing was tested")
        assert found["scores"] == found["rivals"] == []
    assert room.answer("result", {"run": named(room, "train", "digits")}).values["untested"] is None


def test_what_was_not_tested_is_named_in_a_comparison(room: RunsRoom) -> None:
    (name,) = untested(room, "untested_search")
    tried = named(room, "race", "iris")
    found = room.answer("compare", {"runs": [tried, name]}).values
    assert [bool(each["scores"]) for each in found["runs"]] == [True, False]
    assert f"{name} was not tested: scores that a choice was made by flatter." in found["cautions"]
    alone = room.answer("compare", {"runs": [name]}).values["cautions"]
    assert alone == [f"{name} was not tested: scores that a choice was made by flatter."]


# Side by side ---------------------------------------------------------------------------------------------


def test_a_comparison_has_scores_curves_and_rates_of_the_tables(room: RunsRoom) -> None:
    names = [named(room, "train", "iris", place) for place in (0, 1)]
    found = room.answer("compare", {"runs": names}).values
    assert [each["name"] for each in found["runs"]] == names
    for name, each in zip(names, found["runs"], strict=True):
        told, folder = record(room, name), room.context.runs / name
        for score in each["scores"]:
            assert score["value"] == told.test.scores[score["metric"]]
            assert (score["low"], score["high"]) == told.test.intervals[score["metric"]]
        history = pl.read_parquet(folder / "history.parquet").filter(member=told.winner.member)
        assert each["curve"]["values"] == history["validation_loss"].to_list()
        assert each["curve"]["epochs"] == history["epoch"].to_list()
        board = pl.read_parquet(folder / "leaderboard.parquet").filter(optimizer=told.winner.optimizer)
        best = dict(board.select("learning_rate", "validation_loss").iter_rows())
        assert dict(zip(each["response"]["rates"], each["response"]["values"], strict=True)) == best
    assert found["cautions"][0].startswith("These runs divide the data differently")


def test_what_cannot_be_set_side_by_side_is_said(room: RunsRoom) -> None:
    names = [named(room, "train", "iris"), named(room, "train", "diabetes")]
    cautions = room.answer("compare", {"runs": names}).values["cautions"]
    assert cautions[0].startswith("These runs are about different data")
    same = [named(room, "train", "iris", 1), named(room, "race", "iris")]
    times = max(record(room, name).ledger.times_scored for name in same)
    found = room.answer("compare", {"runs": same}).values["cautions"]
    assert times > 1
    assert len(found) == 1
    assert found[0].startswith(f"Their test part had been scored {times} times")
    with pytest.raises(InputError, match=f"1 to {MOST_COMPARED}"):
        room.answer("compare", {"runs": names * 4})


def test_long_curves_are_thinned_and_keep_their_ends(room: RunsRoom) -> None:
    name = named(room, "train", "iris")
    path = room.context.runs / name / "history.parquet"
    first = pl.read_parquet(path).filter(epoch=1)
    epochs = pl.DataFrame({"epoch": range(1, 5001)}, schema={"epoch": first["epoch"].dtype})
    long = first.drop("epoch").join(epochs, how="cross")
    long.with_columns(validation_loss=2.0 * pl.col("epoch")).select(first.columns).write_parquet(path)
    (compared,) = room.answer("compare", {"runs": [name]}).values["runs"]
    curve = compared["curve"]
    assert len(curve["epochs"]) == results.MOST_POINTS
    assert (curve["epochs"][0], curve["epochs"][-1], curve["values"][-1]) == (1, 5000, 10000)
    assert curve["values"] == [2 * epoch for epoch in curve["epochs"]]


# Predictions ----------------------------------------------------------------------------------------------


def test_predictions_are_the_models_own(room: RunsRoom) -> None:
    name = named(room, "train", "iris")
    dataset = couloir.load("iris")
    text = dataset.features.write_csv()
    answer = room.answer("predict", {"run": name, "text": text})
    model = runs.read(room.context.runs / name).model
    assert answer.values["classes"] == ["setosa", "versicolor", "virginica"]
    np.testing.assert_array_equal(answer.arrays["probabilities"], model.probabilities(dataset.features))
    assert answer.values["labels"] == list(model.predict(dataset.features))
    pasted = text.replace(",", "\t")  # as from a spreadsheet
    np.testing.assert_array_equal(
        room.answer("predict", {"run": name, "text": pasted}).arrays["probabilities"],
        answer.arrays["probabilities"],
    )


def test_numbers_are_predicted_as_numbers_and_images_from_their_pixels(room: RunsRoom) -> None:
    name = named(room, "train", "diabetes")
    features = couloir.load("diabetes").features
    text = pl.DataFrame(features).write_csv() if isinstance(features, np.ndarray) else features.write_csv()
    answer = room.answer("predict", {"run": name, "text": text})
    model = runs.read(room.context.runs / name).model
    np.testing.assert_allclose(answer.arrays["prediction"], model.predict(features), rtol=1e-12)
    name = named(room, "train", "digits")
    example = room.answer("example", {"run": name}).values["text"]
    answer = room.answer("predict", {"run": name, "text": example})
    worst = record(room, name).mistakes[0]
    assert answer.values["labels"][0] == str(worst.predicted)
    with pytest.raises(InputError, match="numbers alone"):
        room.answer("predict", {"run": name, "text": example.replace("\n0", "\nzero", 1)})


def test_the_example_can_be_asked_about(room: RunsRoom) -> None:
    for row in rows(room):
        example = room.answer("example", {"run": row["name"]}).values
        lines = example["text"].count("\n")
        assert lines >= 2
        assert (
            room.answer("predict", {"run": row["name"], "text": example["text"]}).values["rows"] == lines - 1
        )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no rows"),
        ("   \n", "no rows"),
        ("a,b\n1,2\n", "lack the column 'sepal length (cm)'"),
        ("sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)\n", "no rows"),
        ("sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)\n1,2,3,tall\n", "'tall'"),
        ("a,b\n1,2,3\n", "Row 2 of 'pasted rows'"),
        ("a\n" + "1\n" * (MOST_ROWS + 5), f"{MOST_ROWS:,} rows is the most"),
        ("a" * 1_000_001, "1,000,000"),
        ("a\x00b\n1\n", "control character"),
    ],
)
def test_rows_that_cannot_be_used_end_in_a_sentence(room: RunsRoom, text: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        room.answer("predict", {"run": named(room, "train", "iris"), "text": text})
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500
    assert str(room.context.uploads) not in str(refused.value)


# Landscapes -----------------------------------------------------------------------------------------------


def test_a_landscape_is_drawn_as_a_run_of_its_own(room: RunsRoom) -> None:
    name = named(room, "train", "iris")
    begun = room.answer("landscape", {"run": name, "resolution": 7}).values
    assert begun["command"] == f"couloir landscape runs/{name} --plane random --resolution 7"
    end = time.monotonic() + 120
    while (found := room.answer("progress", {}).values)["state"] == "running":
        assert time.monotonic() < end
        time.sleep(0.1)
    assert found["state"] == "ended", found["sentence"]
    row = rows(room)[0]
    assert (row["name"], row["kind"], row["page"], row["model"]) == (
        found["done"]["run"],
        "landscape",
        True,
        False,
    )
    assert record(room, row["name"]).grid.points == 49


def test_data_that_have_moved_are_found_among_the_pages_files(room: RunsRoom, tmp_path: Path) -> None:
    path = room.context.runs / named(room, "train", "iris") / "run.json"
    told = json.loads(path.read_text("utf-8"))
    told["source"] = {"data": "/nowhere/flowers.csv", "loading": {}}
    told["data"]["name"] = "flowers"
    path.write_text(json.dumps(told), "utf-8")
    with pytest.raises(InputError, match=r"'flowers\.csv' are no longer where they were"):
        room.answer("landscape", {"run": path.parent.name})
    (tmp_path / "flowers.csv").write_text("x\n1\n")
    room.context.uploaded["flowers.csv"] = tmp_path / "flowers.csv"
    room.answer("landscape", {"run": path.parent.name})
    job = room.context.jobs.job
    assert job is not None
    assert job.request.same_data == str(tmp_path / "flowers.csv")
    room.answer("cancel", {"now": True})


@pytest.mark.parametrize(
    "given", [{"resolution": 5000}, {"resolution": "7"}, {"plane": "up"}, {"samples": 3}]
)
def test_a_landscape_too_large_or_unknown_is_refused(room: RunsRoom, given: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        room.answer("landscape", {"run": named(room, "train", "iris"), **given})
    assert room.context.jobs.job is None


def test_the_lines_that_are_shown_read_the_run(room: RunsRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    name = named(room, "train", "iris")
    lines = room.answer("code", {"run": name}).values["lines"]
    monkeypatch.chdir(room.context.runs.parent)
    Path("new.csv").write_text(room.answer("example", {"run": name}).values["text"])
    known: dict[str, Any] = {}
    exec(compile(lines, "lines", "exec"), known)
    assert known["run"].test["accuracy"] == record(room, name).test.scores["accuracy"]
