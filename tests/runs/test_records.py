"""Records of every kind and version are read, and a damaged one is answered with a sentence."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
import pytest

import couloir
from couloir.commands.opening import opened
from couloir.errors import InputError
from couloir.report import write_report
from couloir.runs import stored
from couloir.runs.records import (
    SCHEMA_VERSION,
    AnyRecord,
    LearnedRecord,
    read_record,
    record_of,
    text_of,
    write_record,
)
from couloir.runs.records.versions import NEXT
from recorded_runs import FOLDERS, NEWEST, RECORDED, changed, content, named, recorded

KINDS = {record.__struct_config__.tag: record for record in get_args(AnyRecord)}


def test_there_are_runs_of_every_version_and_of_every_kind() -> None:
    versions = {folder.parent.name for folder in FOLDERS}
    assert versions == {f"version{number}" for number in range(1, SCHEMA_VERSION + 1)}
    for version in (2, SCHEMA_VERSION):
        found = {content(each).get("kind") for each in (RECORDED / f"version{version}").iterdir()}
        assert found == set(KINDS)
    assert set(NEXT) == set(range(1, SCHEMA_VERSION))


@pytest.mark.parametrize("name", ["test", "linear", "baseline", "ledger", "finalists"])
def test_a_record_that_was_tested_in_part_is_refused(name: str) -> None:
    held = content(recorded("classes"))
    if name == "finalists":
        held[name][0]["test"] = None
    else:
        held[name] = None
    with pytest.raises(ValueError, match="some of it was tested and some was not"):
        record_of(held)


@pytest.mark.parametrize("folder", FOLDERS, ids=named)
def test_a_record_says_what_run_json_says(folder: Path) -> None:
    held, record = content(folder), read_record(folder)
    assert type(record) is KINDS[held.get("kind", "train")]
    assert record.schema_version == SCHEMA_VERSION
    assert record.kind == held.get("kind", "train")
    for name in ("command", "created", "seed", "status", "seconds", "versions"):
        assert getattr(record, name) == held[name]
    if isinstance(record, LearnedRecord):
        if held["test"] is None:
            assert record.test is record.linear is record.baseline is record.ledger is None
        else:
            test = held["test"].get("scores", held["test"])
            assert record.test.scores == {name: test[name] for name in record.test.scores}
            assert set(record.test.scores) == set(record.test.intervals) == set(held["linear"]["test"])
        assert record.winner.member == held["winner"]["member"]
        described = held["winner"].get("hyperparameters", held["winner"])
        assert record.winner.optimizer == described["optimizer"]
        assert record.winner.learning_rate == described["learning_rate"]
        assert record.winner.hyperparameters["batch_size"] == described["batch_size"]
        assert record.headline.test == (None if record.test is None else record.test.scores)
        assert [each.name for each in record.finalists if each.headline] == [record.headline.name]


@pytest.mark.parametrize("folder", FOLDERS, ids=named)
def test_a_record_is_written_as_it_is_read(folder: Path, tmp_path: Path) -> None:
    record = read_record(folder)
    write_record(record, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    assert read_record(tmp_path) == record
    assert json.loads((tmp_path / "run.json").read_text("utf-8")) == json.loads(text_of(record))


@pytest.mark.parametrize(
    "folder", [each for each in FOLDERS if isinstance(read_record(each), LearnedRecord)], ids=named
)
def test_a_run_of_any_version_predicts(folder: Path) -> None:
    run = couloir.open_run(folder)
    assert set(run.record.tables) == set(run.tables)
    data = couloir.load(run.record.data.name)
    answers = run.predict(run.record.data.name)
    assert len(answers) == len(data)
    if data.classes:
        right = np.mean(answers == data.target)
        assert right > 1 / len(data.classes)
    else:
        assert np.mean((answers - data.target) ** 2) < 2 * np.var(data.target)


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS, ids=named)
def test_a_page_can_be_drawn_again_of_every_run_that_can_be_opened(folder: Path, tmp_path: Path) -> None:
    if read_record(folder).kind in ("gradcheck", "guess"):
        with pytest.raises(InputError, match="which has no model: open the page in it"):
            opened(folder)
        return
    page = write_report(opened(folder), tmp_path / "page.html")
    assert "</html>" in page.read_text("utf-8")


# Damaged records ------------------------------------------------------------------------------------------


def test_without_a_record_there_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no run\.json: it is not a run"):
        read_record(tmp_path)
    (tmp_path / "journal.log").touch()
    with pytest.raises(InputError, match="holds a search that has not ended: go on with"):
        read_record(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Expecting value"),
        ('{"schema_version": 3, "kind": "train", "comm', "Unterminated string"),
        ("[1, 2]", "it is not an object"),
        ("{}", "schema version None is none of 1 to 3"),
        ('{"schema_version": 99}', "schema version 99 is none of 1 to 3"),
        ('{"schema_version": "2"}', "schema version '2' is none of 1 to 3"),
        ('{"schema_version": 3, "kind": "ballet"}', "Invalid value 'ballet'"),
        ('{"schema_version": 2, "kind": "train"}', "missing required field"),
        ('{"schema_version": 1}', "it lacks 'winner'"),
    ],
)
def test_a_broken_record_is_answered_in_a_sentence(text: str, said: str, tmp_path: Path) -> None:
    folder = changed(recorded("classes"), tmp_path / "run", text)
    for read in (read_record, stored.read, opened):
        with pytest.raises(InputError, match=r"The run\.json of the run folder .* cannot be read") as error:
            read(folder)
        assert said in str(error.value)
        assert "\n" not in str(error.value)


def places(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The keys of an object and of those in it, each as the way to it."""
    for name, held in value.items():
        yield (*path, name)
        if isinstance(held, dict):
            yield from places(held, (*path, name))


FREE = (
    "column_kinds",
    "marks",
    "training",
    "validation",
    "counts",
    "errors",
    "nested",
    "versions",
    "seconds",
    "hyperparameters",
    "values",
    "scores",
    "intervals",
    "test",
    "loading",
    "asked",
)
"""Objects whose keys are data."""


def inner(record: dict[str, Any], way: Sequence[str]) -> dict[str, Any]:
    """The object that holds a key."""
    for key in way[:-1]:
        record = record[key]
    return record


def what_is_wrong(record: dict[str, Any]) -> str:
    """What is said of a record; nothing where it can be read."""
    try:
        record_of(record)
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", ["classes", "folds", "race", "search", "surface", "landscape", "gradcheck"])
def test_what_is_missing_or_of_another_type_is_named(name: str) -> None:
    whole = content(recorded(name))
    named = 0
    for way in places(whole):
        if way in (("kind",), ("schema_version",)) or any(each in FREE for each in way[:-1]):
            continue
        without, other = copy.deepcopy(whole), copy.deepcopy(whole)
        del inner(without, way)[way[-1]]
        held = inner(other, way)[way[-1]]
        inner(other, way)[way[-1]] = [{}] if isinstance(held, dict) else {"odd": []}
        assert way[-1] in what_is_wrong(other), way
        if said := what_is_wrong(without):
            assert way[-1] in said, way
            named += 1
    assert named > 5


def test_rungs_of_a_training_were_once_recorded_and_are_passed_over() -> None:
    held = content(recorded("classes"))
    assert record_of(held | {"rungs": [{"epoch": 3, "entered": 8, "kept": 2}]}) == record_of(held)


def test_what_is_not_finite_is_never_written(tmp_path: Path) -> None:
    record = read_record(recorded("classes"))
    write_record(record, tmp_path)
    before = (tmp_path / "run.json").read_bytes()
    record.validation["log_loss"] = math.nan
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_record(record, tmp_path)
    assert (tmp_path / "run.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_an_attribute_that_a_record_does_not_have_cannot_be_invented() -> None:
    record = read_record(recorded("classes"))
    with pytest.raises(AttributeError):
        record.seconds_by_stage = {}  # type: ignore[union-attr]
    with pytest.raises(TypeError, match="has no field 'trial'"):
        msgspec.structs.replace(record, trial=1)


@pytest.mark.parametrize(
    "file", ["history.parquet", "predictions.parquet", "model.json", "model.safetensors"]
)
def test_a_missing_or_broken_file_is_named(file: str, tmp_path: Path) -> None:
    folder = changed(recorded("classes"), tmp_path / "run", content(recorded("classes")))
    (folder / file).write_bytes(b"no such thing")
    with pytest.raises(InputError, match=rf"{file.partition('.')[0]}.* cannot be read \("):
        stored.read(folder)
    (folder / file).unlink()
    with pytest.raises(InputError, match=rf"has no {file}: it is not a run, or was cut short"):
        stored.read(folder)


def test_the_newest_runs_say_for_what_machine_they_were_laid_out() -> None:
    assert f"version{SCHEMA_VERSION}" == NEWEST
    for name in ("classes", "race", "search"):
        machine = read_record(recorded(name)).machine
        assert machine is not None
        assert machine.cores >= 1
