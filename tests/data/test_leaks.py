"""Warnings: what gives the answer away is named, and nothing else is."""

from __future__ import annotations

import datetime

import numpy as np
import polars as pl
import pytest

from couloir.data.leaks import check_columns
from couloir.data.loading import load
from couloir.data.splits import split_rows


def warnings_of(frame: pl.DataFrame, rows: np.ndarray | None = None, **options) -> list[str]:
    data = load(frame, target="target", **options)
    return list(map(str, check_columns(data, np.arange(len(data)) if rows is None else rows)))


def noise(rows: int = 200, seed: int = 0) -> dict:
    generator = np.random.default_rng(seed)
    return {
        "normal": generator.normal(size=rows),
        "dice": generator.integers(1, 7, rows),
        "colour": generator.choice(["red", "green", "blue"], rows),
    }


@pytest.mark.parametrize("seed", range(5))
def test_titanic_names_alive_and_the_repeated_columns_only(seed, shared_data):
    data = load(shared_data / "tables" / "titanic.csv", target="survived")
    found = list(map(str, check_columns(data, split_rows(data, seed=seed).train)))
    assert [line.split("'")[1] for line in found] == ["alive", "class", "embark_town"]
    assert "predicts 'survived' perfectly" in found[0]
    assert found[0].endswith("--drop alive")
    assert "says the same as 'pclass'" in found[1]


@pytest.mark.parametrize(("file", "target"), [("penguins", "species"), ("diamonds", "price")])
def test_clean_tables_are_left_in_peace(file, target, shared_data):
    data = load(shared_data / "tables" / f"{file}.csv", target=target)
    assert check_columns(data, split_rows(data).train) == []


def test_the_free_text_of_mpg_is_named(shared_data):
    data = load(shared_data / "tables" / "mpg.csv", target="mpg")
    (line,) = map(str, check_columns(data, split_rows(data).train))
    assert "'name'" in line
    assert line.endswith("--drop name")


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
def test_bundled_sets_are_left_in_peace(name):
    data = load(name)
    assert check_columns(data, split_rows(data).train) == []


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_answer_even_where_one_class_is_rare(seed):
    columns = noise(100, seed)
    columns["unique"] = np.random.default_rng(seed).permutation(100) * 1.5 + 0.1
    columns["pairs"] = np.random.default_rng(seed + 99).permutation(100) // 2 * 1.7
    target = np.zeros(100, int)
    target[np.random.default_rng(seed + 7).permutation(100)[:4]] = 1
    assert warnings_of(pl.DataFrame({**columns, "target": target})) == []


def test_answers_in_a_classification_are_named():
    generator = np.random.default_rng(1)
    target = generator.integers(0, 3, 200)
    frame = pl.DataFrame(
        {
            **noise(),
            "words": np.array(["no", "perhaps", "yes"])[target],
            "code": target * 10 + generator.integers(0, 3, 200),
            "score": target + generator.uniform(0, 0.9, 200),
            "target": target,
        }
    )
    found = warnings_of(frame)
    assert [line.split("'")[1] for line in found] == ["words", "code", "score"]
    assert all(
        line.endswith(f"--drop {name}") for line, name in zip(found, ["words", "code", "score"], strict=True)
    )


def test_an_answer_with_one_exception_is_none():
    target = np.random.default_rng(1).integers(0, 2, 200)
    copy = target.copy()
    copy[17] = 1 - copy[17]
    assert warnings_of(pl.DataFrame({**noise(), "copy": copy, "target": target})) == []


def test_a_missing_cell_that_tells_the_answer_counts():
    target = np.random.default_rng(1).integers(0, 2, 200)
    died = [1 if label else None for label in target]
    (line,) = warnings_of(pl.DataFrame({**noise(), "died": died, "target": target}))
    assert "'died' alone predicts" in line


def test_answers_in_a_regression_are_named():
    generator = np.random.default_rng(2)
    value = generator.normal(size=200)
    room = generator.integers(0, 20, 200)
    frame = pl.DataFrame({**noise(), "cents": -100 * value + 7, "target": value})
    assert [line.split("'")[1] for line in warnings_of(frame)] == ["cents"]
    frame = pl.DataFrame({**noise(), "room": room, "target": (room * 37 % 20) + 0.5})
    assert [line.split("'")[1] for line in warnings_of(frame)] == ["room"]


def test_rows_that_are_in_the_table_twice_prove_nothing():
    generator = np.random.default_rng(3)
    frame = pl.DataFrame({"a": generator.normal(size=100), "b": generator.normal(size=100),
                          "target": generator.normal(size=100)})  # fmt: skip
    assert warnings_of(pl.concat([frame, frame, frame])) == []


def test_columns_that_say_nothing_are_named_together():
    frame = pl.DataFrame(
        {
            **noise(),
            "one": [1] * 200,
            "empty": [None] * 200,
            "id": range(1000, 1200),
            "tens": np.random.default_rng(5).permutation(200) * 10,
            "note": [f"note {i}" for i in range(200)],
            "target": np.random.default_rng(4).integers(0, 2, 200),
        }
    )
    constant, identifiers, text = warnings_of(frame)
    assert constant.startswith("Columns 'one', 'empty' have one value only")
    assert constant.endswith("--drop one,empty")
    assert identifiers.startswith("Columns 'id', 'tens' number the rows")
    assert text.startswith("Column 'note' is text")


def test_only_the_rows_given_are_looked_at():
    target = np.random.default_rng(1).integers(0, 2, 200)
    leak = target.copy()
    leak[150:] = 1 - leak[150:]
    frame = pl.DataFrame({**noise(), "leak": leak, "target": target})
    assert warnings_of(frame, np.arange(200)) == []
    assert len(warnings_of(frame, np.arange(150))) == 1


def test_names_are_written_as_a_shell_reads_them():
    target = np.random.default_rng(1).integers(0, 2, 50)
    (line,) = warnings_of(pl.DataFrame({"the answer": target, "dice": noise(50)["dice"], "target": target}))
    assert line.endswith("--drop 'the answer'")


def test_arrays_are_checked_too():
    generator = np.random.default_rng(6)
    features = generator.normal(size=(100, 3))
    features[:, 1] = 4.0
    (line,) = map(str, check_columns(load((features, generator.normal(size=100))), np.arange(100)))
    assert "'x1' has one value only" in line


@pytest.mark.parametrize("shape", ["%d.%m.%Y", "%m/%d/%Y", "%Y/%m/%d %H:%M"])
@pytest.mark.parametrize("days", [30, 200], ids=["categories", "free text"])
def test_dates_that_are_read_as_text_are_named(shape, days):
    start = datetime.date(2024, 1, 5)
    texts = [(start + datetime.timedelta(days=i % days)).strftime(shape) for i in range(200)]
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"day": [None, *texts[1:]], "target": random.normal(size=200)})
    assert warnings_of(frame) == [
        f"Column 'day' holds dates written as '{texts[1]}', which are read as text: "
        "write them as 2024-12-31, or drop it with --drop day"
    ]


def test_versions_addresses_and_dates_that_can_be_read_are_no_such_dates():
    random = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "version": [f"{i % 3}.{i % 5}.{i % 2}" for i in range(200)],
            "address": [f"10.0.{i % 4}.{i % 3}" for i in range(200)],
            "day": [f"2024-01-{1 + i % 28:02d}" for i in range(200)],
            "target": random.normal(size=200),
        }
    )
    assert warnings_of(frame) == []
