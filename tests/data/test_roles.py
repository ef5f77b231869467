"""The target's column, and those of groups and of times: read from every form of table, no features."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

from couloir.data.dataset import describe, summary_lines
from couloir.data.loading import load, load_features
from couloir.data.preparation import Preparation
from couloir.data.splits import split_rows
from couloir.errors import InputError

ROWS = 12
DAYS = [datetime.date(2024, 1, 1) + datetime.timedelta(days=(7 * row) % ROWS) for row in range(ROWS)]


def table(**columns) -> pl.DataFrame:
    """A table with a feature, a target and the columns given."""
    target = [0.5 * row for row in range(ROWS)]
    return pl.DataFrame({"size": [row * 1.5 for row in range(ROWS)], **columns, "price": target})


def as_csv(frame, folder):
    frame.write_csv(folder / "t.csv")
    return folder / "t.csv"


def as_parquet(frame, folder):
    frame.write_parquet(folder / "t.parquet")
    return folder / "t.parquet"


FORMS = {
    "csv": as_csv,
    "parquet": as_parquet,
    "polars": lambda frame, folder: frame,
    "pandas": lambda frame, folder: pd.DataFrame(frame.to_dict(as_series=False)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "cells",
    [
        ["b", "a", "c"] * 4,
        [30, 4, 100] * 4,
        [True, False] * 6,
        [DAYS[0], DAYS[1], DAYS[2]] * 4,
        [2.5, 1.0, -1.0] * 4,
    ],
    ids=["text", "whole", "truth", "date", "real"],
)
def test_groups_are_the_equal_cells_of_a_column_that_is_no_feature(form, cells, tmp_path):
    data = load(FORMS[form](table(patient=cells), tmp_path), target="price", group="patient")
    assert (data.group_name, data.column_names, data.features.columns) == ("patient", ("size",), ["size"])
    assert (data.times, data.time_name) == (None, None)
    assert data.groups.dtype.kind == "i"
    for row in range(ROWS):
        for other in range(ROWS):
            assert (data.groups[row] == data.groups[other]) == (cells[row] == cells[other])


def test_group_names_that_look_like_numbers_are_texts(tmp_path):
    # Nine of ten cells are numbers, which as a feature would be a mistake in the tenth.
    cells = ["07", "7", "8", "8", "9", "9", "10", "10", "11", "11", "A7", "A7 "]
    data = load(as_csv(table(patient=cells), tmp_path), target="price", group="patient")
    assert len(np.unique(data.groups)) == 7
    assert data.groups[0] != data.groups[1]
    assert data.groups[10] == data.groups[11]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "cells",
    [
        DAYS,
        [datetime.datetime(2024, 1, 1, (7 * row) % ROWS, 30) for row in range(ROWS)],
        [(7 * row) % ROWS - 3 for row in range(ROWS)],
        [((7 * row) % ROWS) / 8 for row in range(ROWS)],
        [str(day) for day in DAYS],
        [f"{day}T12:00:00Z" for day in DAYS],
        [2**60 + (7 * row) % ROWS for row in range(ROWS)],
    ],
    ids=["date", "moment", "whole", "real", "text", "text moment", "nanoseconds"],
)
def test_times_are_sorted_as_their_cells_are(form, cells, tmp_path):
    data = load(FORMS[form](table(day=cells), tmp_path), target="price", time="day")
    assert (data.time_name, data.column_names, data.group_name) == ("day", ("size",), None)
    assert data.times.dtype in (np.int64, np.float64)
    assert np.argsort(data.times).tolist() == sorted(range(ROWS), key=lambda row: cells[row])
    split = split_rows(data, (0.5, 0.25, 0.25))
    assert max(cells[row] for row in split.train) < min(cells[row] for row in split.validation)
    assert max(cells[row] for row in split.validation) < min(cells[row] for row in split.test)


@pytest.mark.parametrize("role", ["group", "time"])
def test_the_rows_are_known_again_with_and_without_a_binding(role):
    frame = table(when=[row // 2 for row in range(ROWS)])
    plain, bound = load(frame, target="price"), load(frame, target="price", **{role: "when"})
    assert plain.fingerprint == bound.fingerprint
    assert plain.column_names == ("size", "when")


@pytest.mark.parametrize("role", ["group", "time"])
def test_dropping_the_column_as_well_changes_nothing(role):
    frame = table(when=[row // 2 for row in range(ROWS)])
    data = load(frame, target="price", drop=["when"], **{role: "when"})
    assert data.column_names == ("size",)
    assert getattr(data, f"{role}_name") == "when"


def test_a_pair_with_a_frame_can_be_bound_and_new_rows_need_no_such_column():
    frame = table(patient=list("aabbccddeeff"))
    data = load((frame.drop("price"), frame["price"]), group="patient")
    assert len(np.unique(data.groups)) == 6
    preparation = Preparation.fit(data, np.arange(ROWS))
    features, _ = load_features(frame.drop("patient"), preparation)
    assert features.columns == ["size"]


def test_a_bundled_table_can_be_bound_by_its_own_column():
    data = load("diabetes", group="sex")
    assert data.column_names == ("age", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
    assert len(np.unique(data.groups)) == 2


def test_the_description_says_what_binds_the_rows():
    frame = table(patient=list("aabbccddeeff"), day=DAYS)
    plain = describe(load(frame, target="price"))
    assert [plain[key] for key in ("group", "groups", "time", "times")] == [None] * 4
    data = load(frame, target="price", group="patient")
    assert (describe(data)["group"], describe(data)["groups"]) == ("patient", 6)
    assert "grouped by patient: 6 groups, none of them divided" in summary_lines(data)
    data = load(frame, target="price", time="day")
    assert (describe(data)["time"], describe(data)["times"]) == ("day", 12)
    assert "ordered by day: 12 different times, the latest for the test" in summary_lines(data)


# --- targets ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "task"),
    [
        (["a", "b"] * 50, "classification"),
        ([True, False] * 50, "classification"),
        ([0.0, 1.0] * 50, "classification"),
        ([0.0, 1.5] * 50, "regression"),
        ([i % 20 for i in range(100)], "classification"),
        ([i % 21 for i in range(105)], "regression"),
        ([i % 20 for i in range(99)], "regression"),
        ([str(i % 3) for i in range(30)], "classification"),
        ([i % 5 - 2 for i in range(30)], "classification"),
        (list(range(30)), "regression"),
    ],
)
def test_the_task_that_is_inferred(target, task):
    features = np.random.default_rng(0).normal(size=(len(target), 2))
    data = load((features, target))
    assert data.task == task
    assert (data.classes is None) == (task == "regression")


def test_the_task_that_is_asked_for():
    features = np.arange(60.0)[:, None]
    assert load((features, [0, 1] * 30), task="regression").target.dtype == np.float64
    assert load((features, [i % 20 for i in range(60)]), task="classification").classes == tuple(range(20))
    assert load((features, [True, False] * 30), task="regression").target.tolist() == [1.0, 0.0] * 30


@pytest.mark.parametrize("name", ["Target", "label", "CLASS", "y"])
def test_the_target_is_found_by_its_name(name):
    assert load(pl.DataFrame({"a": np.arange(20.0), name: [0, 1] * 10})).target_name == name


# --- mistakes -----------------------------------------------------------------------------------------


def refuse(source, match: str, **arguments) -> None:
    with pytest.raises(InputError, match=match) as raised:
        load(source, **arguments)
    assert "\n" not in str(raised.value)


def test_a_group_and_a_time_at_once_are_refused():
    frame = table(patient=list("aabbccddeeff"), day=DAYS)
    refuse(frame, r"group 'patient' and by the time 'day'", target="price", group="patient", time="day")


@pytest.mark.parametrize("role", ["group", "time"])
def test_an_unknown_column_is_refused_with_a_near_one(role):
    match = r"no column 'patiemt': did you mean 'patient'\?"
    refuse(table(patient=list("aabbccddeeff")), match, target="price", **{role: "patiemt"})


@pytest.mark.parametrize("role", ["group", "time"])
def test_the_target_is_refused(role):
    refuse(table(), rf"The target 'price' cannot be the {role} as well", target="price", **{role: "price"})


@pytest.mark.parametrize("role", ["group", "time"])
def test_data_without_named_columns_are_refused(role, tmp_path):
    features, target = np.arange(24.0).reshape(12, 2), np.arange(12) * 0.5
    np.savez(tmp_path / "t.npz", X=features, y=target)
    for source in ("digits", (features, target), tmp_path / "t.npz"):
        refuse(source, rf"have no named columns, so none is the {role} 'x0'", **{role: "x0"})


@pytest.mark.parametrize(("role", "cells"), [("group", list("aa?bccddee?f")), ("time", list("12?345678?90"))])
def test_missing_cells_are_refused_with_the_first_row(role, cells, tmp_path):
    path = as_csv(table(what=cells), tmp_path)
    arguments = {"target": "price", "missing": ["?"], role: "what"}
    refuse(path, rf"The {role} 'what' is missing in row 4 and 1 more: fill it in", **arguments)
    frame = table(what=[None if cell == "?" else cell for cell in cells])
    refuse(
        frame, rf"The {role} 'what' is missing in row 2 \(counted from 0\)", target="price", **{role: "what"}
    )


def test_a_time_that_is_none_is_refused(tmp_path):
    days = [*map(str, DAYS[:4]), "3 March", *map(str, DAYS[5:])]
    match = r"The time 'day' holds '3 March' in row 6.* 2024-12-31 18:30:00"
    refuse(as_csv(table(day=days), tmp_path), match, target="price", time="day")
    days = [*map(str, DAYS[:4]), "2024-02-31", *map(str, DAYS[5:])]
    refuse(as_csv(table(day=days), tmp_path), "The time 'day' holds '2024", target="price", time="day")
    match = "The time 'day' holds true and false"
    refuse(table(day=[True, False] * 6), match, target="price", time="day")
    match = "Column 'day' is numeric but holds 'x'"
    refuse(table(day=[*map(str, range(11)), "x"]), match, target="price", time="day")
    refuse(table(day=[float("inf"), *range(11)]), "infinite", target="price", time="day")


def test_no_feature_left_is_refused():
    match = "No column is left besides the target"
    refuse(table(day=DAYS).drop("size"), match, target="price", time="day")
