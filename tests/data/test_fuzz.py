# ruff: noqa: E501 (lists of odd cells)
"""Whatever is in a file or frame: it is loaded and prepared, or refused with an `InputError`."""

from __future__ import annotations

import warnings
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couloir.data.dataset import describe, summary_lines
from couloir.data.leaks import check_columns
from couloir.data.loading import load, load_features
from couloir.data.preparation import Preparation
from couloir.data.splits import split_rows
from couloir.errors import InputError


def check_sentence(message: str) -> None:
    assert message.endswith(".")
    assert "\n" not in message


def goes_through(source, **options) -> bool:
    """Load, split, prepare and load again; whether it got to the end."""
    try:
        data = load(source, **options)
        split = split_rows(data)
        preparation = Preparation.fit(data, split.train)
    except InputError as error:
        check_sentence(str(error))
        return False
    assert describe(data)["rows"] == len(data)
    assert len(summary_lines(data)) >= 2
    assert all(" --drop " in line for line in map(str, check_columns(data, split.train)))
    features, _ = load_features(source, preparation)
    found = preparation.inputs(features)
    assert found.shape == (len(data), len(preparation.feature_names))
    assert np.isfinite(found).all()
    assert np.array_equal(found, preparation.inputs(data.features))
    return True


CELL = st.one_of(
    st.sampled_from(["", "1", "2", "0.5", "-3", "a", "b", "NA", "nan", "inf", "1e400", "true", "False", "2024-01-05",
                     "2024-13-45", '"', '""', '"x"', "1,5", "é", " ", "\t", ";", "1e99", "x\ny", "00", "+1", "١"]),
    st.integers(-9, 9).map(str),
)  # fmt: skip
KIND = st.sampled_from(
    [
        lambda i: str(i % 3), lambda i: str(i / 7), lambda i: "xyz"[i % 3], lambda i: f"note {i}", lambda i: "",
        lambda i: str(i % 2 == 0), lambda i: f"2024-01-{i % 28 + 1:02d}", lambda i: "1" if i % 4 else "",
        lambda i: "c", lambda i: str(i),
    ]
)  # fmt: skip


@pytest.mark.slow
@given(
    columns=st.lists(KIND, min_size=1, max_size=4),
    rows=st.integers(8, 40),
    changes=st.lists(st.tuples(st.integers(0, 45), st.integers(0, 4), CELL), max_size=3),
    target=st.sampled_from([lambda i: str(i % 2), lambda i: str(i * i / 3), lambda i: "uvw"[i % 3]]),
)
@settings(max_examples=100, deadline=None)
def test_any_text_file(tmp_path_factory, columns, rows, changes, target):
    cells = [[f"c{k}" for k in range(len(columns))] + ["target"]]
    cells += [[column(i) for column in columns] + [target(i)] for i in range(rows)]
    for row, column, cell in changes:
        cells[row % len(cells)][column % len(cells[0])] = cell
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_text("\n".join(",".join(row) for row in cells), encoding="utf-8")
    goes_through(path)


@given(
    data=st.binary(max_size=200), ending=st.sampled_from(["csv", "tsv", "txt", "csv.gz", "parquet", "npz"])
)
@settings(max_examples=80, deadline=None)
def test_any_bytes_are_refused(tmp_path_factory, data, ending):
    path = tmp_path_factory.getbasetemp() / f"bytes.{ending}"
    path.write_bytes(data)
    assert not goes_through(path)


@given(
    magic=st.sampled_from([b"\0\0\x08\x03", b"\0\0\x0d\x03", b"\0\0\x08\x01", b"\0\0\x08\x04"]),
    data=st.binary(max_size=60),
)
@settings(max_examples=60, deadline=None)
def test_any_bytes_behind_an_idx_magic_number_are_refused(tmp_path_factory, magic, data):
    folder = tmp_path_factory.getbasetemp() / "idx"
    folder.mkdir(exist_ok=True)
    (folder / "train-images-idx3-ubyte").write_bytes(magic + data)
    (folder / "train-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x02\0\x01")
    assert not goes_through(folder)


ROWS = 24
NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
LONG = timedelta(days=30_000)


def series(cells: st.SearchStrategy, dtype: pl.DataType) -> st.SearchStrategy:
    many = st.lists(cells | st.none(), min_size=ROWS, max_size=ROWS)
    return many.map(lambda values: pl.Series(values, dtype=dtype))


SERIES = st.one_of(
    series(NUMBERS, pl.Float64()),
    series(st.floats(-5, 5, width=32), pl.Float32()),
    series(st.integers(-(2**63), 2**63 - 1), pl.Int64()),
    series(st.integers(0, 2**64 - 1), pl.UInt64()),
    series(st.booleans(), pl.Boolean()),
    series(st.text(max_size=2), pl.String()),
    series(st.dates(), pl.Date()),
    series(st.timedeltas(-LONG, LONG), pl.Duration("us")),
    st.sampled_from(
        [
            pl.Series([None] * ROWS),
            pl.Series(["a", "b"] * (ROWS // 2), dtype=pl.Categorical),
            pl.Series(["1.50", "2.25"] * (ROWS // 2)).cast(pl.Decimal(10, 2)),
            pl.Series([[1]] * ROWS),
            pl.Series([{"a": 1}] * ROWS),
        ]
    ),
)
TARGETS = st.sampled_from([pl.Series([0, 1] * (ROWS // 2)), pl.Series(np.arange(ROWS) ** 1.5)]) | SERIES


@given(columns=st.lists(SERIES, min_size=1, max_size=3), target=TARGETS)
@settings(max_examples=100, deadline=None)
def test_any_frame(columns, target):
    frame = pl.DataFrame({f"c{i}": column for i, column in enumerate(columns)} | {"target": target})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        goes_through(frame)
