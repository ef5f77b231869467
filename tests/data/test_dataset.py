"""Fingerprints and descriptions of data sets."""

from __future__ import annotations

import json
import struct

import numpy as np
import pandas as pd
import polars as pl
import pytest

from couloir.data.dataset import describe, summary_lines
from couloir.data.loading import load
from couloir.data.sources.bundled import BUNDLED


def test_the_fingerprint_sees_every_change():
    def mark(frame: pl.DataFrame, **options) -> str:
        return load(frame, target="t", **options).fingerprint

    base = pl.DataFrame({"a": [1.0, None] * 10, "b": ["x", "yz"] * 10, "t": [0, 1] * 10})
    changed = [
        base.with_columns(a=pl.Series([1.0, 2.0] + [1.0, None] * 9)),
        base.with_columns(b=pl.Series(["xy", "z"] * 10)),
        base.with_columns(b=pl.Series([None, "yz"] * 10)),
        base.with_columns(t=pl.Series([1, 0] * 10)),
        base.rename({"a": "aa"}),
        base.select("b", "a", "t"),
        base.head(18),
    ]
    marks = [mark(base), *map(mark, changed)]
    assert len(set(marks)) == len(marks)
    assert all(len(m) == 16 and int(m, 16) >= 0 for m in marks)
    assert mark(base.with_columns(pl.col("t").cast(pl.Int8))) == marks[0]
    assert mark(base, drop=["b"]) == marks[0]


def test_the_fingerprint_is_the_same_everywhere():
    import hashlib

    data = load((np.array([[0, 255]] * 10, dtype=np.float64), [0.5, 1.5] * 5))
    eight = (2).to_bytes(8, "little")
    expected = hashlib.sha256()
    expected.update(b"text" + eight + struct.pack("<2q", 2, 2) + b"x0x1")
    expected.update(b"array" + (10).to_bytes(8, "little") + eight + b"byte" + bytes([0, 255] * 10))
    expected.update(b"real" + (10).to_bytes(8, "little") + struct.pack("<10d", *[0.5, 1.5] * 5))
    assert data.fingerprint == expected.hexdigest()[:16]


@pytest.mark.parametrize("name", BUNDLED)
def test_descriptions_are_json_and_their_counts_add_up(name):
    found = describe(load(name))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert sum(found["column_kinds"].values()) == found["columns"]
    if found["task"] == "classification":
        assert sum(found["class_counts"]) == found["rows"]
    assert 2 <= len(summary_lines(load(name))) <= 4


def test_the_summary_of_titanic(shared_data):
    first, second, third = summary_lines(load(shared_data / "tables/titanic.csv", target="survived"))
    assert first == "titanic: 891 rows, 14 columns (5 numeric, 7 categorical, 2 boolean)"
    assert second == "classification of survived, 2 classes: 0 (549), 1 (342)"
    # Counted by pandas.
    missing = (
        pd.read_csv(shared_data / "tables/titanic.csv", keep_default_na=False, na_values=[""])
        .isna()
        .sum()
        .sum()
    )
    assert third == f"{missing} missing cells"
