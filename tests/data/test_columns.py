"""Kinds of columns, and what their cells say."""

from __future__ import annotations

import datetime

import numpy as np
import polars as pl

from couloir.data.dataset import describe
from couloir.data.loading import load, load_features
from couloir.data.preparation import Preparation


def test_kinds():
    frame = pl.DataFrame(
        {
            "number": np.arange(60) / 7,
            "whole": [str(i) for i in range(60)],
            "truth": ["true", "False"] * 30,
            "colour": ["red", "blue", None] * 20,
            "day": [f"2024-{i % 12 + 1:02d}-03" for i in range(60)],
            "moment": [f"2024-01-03T{i % 24:02d}:30:00" for i in range(60)],
            "note": [f"note {i}" for i in range(60)],
            "void": [None] * 60,
            "target": [0, 1] * 30,
        }
    )
    data = load(frame)
    kinds = {"numeric": 2, "boolean": 1, "categorical": 1, "date": 2, "text": 1, "empty": 1}
    assert describe(data)["column_kinds"] == kinds
    assert data.features["whole"].to_list() == list(range(60))
    assert data.features["truth"].to_list() == [True, False] * 30
    assert str(data.features["moment"][1]) == "2024-01-03 01:30:00"


def test_missing_cells(tmp_path):
    path = tmp_path / "t.csv"
    cells = ["", "NaN", "?", "unknown", "-999", *map(str, range(20))]
    path.write_text("n,c,t\n" + "".join(f"{cell},{cell or 'x'}!,{i % 2}\n" for i, cell in enumerate(cells)))
    data = load(path, target="t", missing=["?", "unknown", "-999"])
    assert data.features["n"].to_list() == [None] * 5 + list(range(20))
    assert data.features["c"].null_count() == 0
    assert data.missing_tokens == ("?", "unknown", "-999")
    assert describe(data)["missing"] == 5


def test_times_with_their_distance_from_utc_are_moments_in_utc(tmp_path) -> None:
    start = datetime.datetime(2024, 3, 30, 22, 15)
    moments = [start + datetime.timedelta(hours=5 * i) for i in range(40)]
    zones = [datetime.timezone(datetime.timedelta(minutes=60 * (i % 3) - 90)) for i in range(40)]
    texts = [
        moment.replace(tzinfo=datetime.UTC).astimezone(zone).isoformat()
        for moment, zone in zip(moments, zones, strict=True)
    ]
    texts[1] = texts[1][:16] + texts[1][-6:-3] + texts[1][-2:]  # no seconds, no colon in the distance
    texts[2] = moments[2].isoformat() + "Z"
    path = tmp_path / "zones.csv"
    target = [i % 7 / 2 for i in range(40)]
    pl.DataFrame({"at": texts, "t": target}).write_csv(path)
    data = load(path, target="t")
    assert data.features["at"].to_list() == moments
    frame = pl.DataFrame({"at": moments, "t": target})
    paris = frame.with_columns(pl.col("at").dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Paris"))
    preparation = Preparation.fit(data, np.arange(40))
    assert [column.kind for column in preparation.columns] == ["date"]
    for other in (frame, paris):
        found, _ = load_features(other, preparation)
        np.testing.assert_array_equal(preparation.inputs(found), preparation.inputs(data.features))


def test_moments_in_the_basic_form_of_iso_8601_are_those_of_the_extended_form(tmp_path) -> None:
    start = datetime.datetime(2013, 12, 28, 21, 7, 9)
    moments = [start + datetime.timedelta(hours=7 * i) for i in range(40)]
    texts = [moment.strftime("%Y%m%dT%H%M%S") for moment in moments]
    texts[1] += "Z"
    texts[2] = (moments[2] + datetime.timedelta(hours=2, minutes=30)).strftime("%Y%m%dT%H%M%S.250+0230")
    moments[2] += datetime.timedelta(milliseconds=250)
    moments[3] = moments[3].replace(second=0)
    texts[3] = moments[3].strftime("%Y%m%dT%H%M")
    moments[4] = moments[4].replace(hour=0, minute=0, second=0)
    texts[4] = moments[4].strftime("%Y%m%d")
    texts[5] = moments[5].isoformat()
    path = tmp_path / "basic.csv"
    pl.DataFrame({"at": texts, "t": [i % 7 / 2 for i in range(40)]}).write_csv(path)
    data = load(path, target="t")
    assert describe(data)["column_kinds"] == {"date": 1}
    assert data.features["at"].to_list() == moments
    preparation = Preparation.fit(data, np.arange(40))
    features, _ = load_features(pl.DataFrame({"at": ["20131229", "20131229T120000"]}), preparation)
    assert features["at"].to_list() == [datetime.datetime(2013, 12, 29), datetime.datetime(2013, 12, 29, 12)]


def test_what_only_looks_like_a_basic_date_is_none() -> None:
    frame = pl.DataFrame(
        {
            "number": [str(20240101 + i) for i in range(28)],
            "part": [f"2024{i % 3 + 11}01T0000" for i in range(28)],  # there is no month 13
            "code": [f"20240101T00{i % 7}" for i in range(28)],
            "t": [i % 5 for i in range(28)],
        }
    )
    assert describe(load(frame, target="t"))["column_kinds"] == {"numeric": 1, "categorical": 2}
