"""What dates become: against Python's own calendar, and what a straight line can then learn."""

from __future__ import annotations

import datetime
import json

import numpy as np
import polars as pl
import pytest

from couloir.data.encodings.dates import WEEKDAYS, YEAR, part_features, part_names, varying_parts
from couloir.data.loading import load, load_features
from couloir.data.preparation import Preparation

EPOCH = datetime.datetime(1970, 1, 1)


def days_of(moments: list[datetime.datetime]) -> np.ndarray:
    return np.array([(moment - EPOCH) / datetime.timedelta(days=1) for moment in moments])


def some_moments(count: int = 400) -> list[datetime.datetime]:
    random = np.random.default_rng(0)
    return [
        datetime.datetime(1935, 6, 1) + datetime.timedelta(seconds=int(s))
        for s in random.integers(0, 10**9 * 4, count)
    ]


def test_weekdays_are_those_of_the_calendar() -> None:
    moments = some_moments()
    found = part_features(days_of(moments), ("weekday",))
    assert np.array_equal(found.sum(axis=1), np.ones(len(moments)))
    assert found.argmax(axis=1).tolist() == [moment.weekday() for moment in moments]
    assert part_names(("weekday",)) == tuple(
        datetime.date(2024, 1, day).strftime("%A") for day in range(1, 8)
    )
    assert WEEKDAYS[datetime.date(2024, 2, 29).weekday()] == "Thursday"


def test_hours_go_round_once_a_day() -> None:
    moments = some_moments()
    hours = [m.hour + m.minute / 60 + m.second / 3600 for m in moments]
    found = part_features(days_of(moments), ("hour",))
    expected = np.stack([np.sin(np.pi * np.array(hours) / 12), np.cos(np.pi * np.array(hours) / 12)], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    one = part_features(days_of([datetime.datetime(2024, 1, 1, 6)]), ("hour",))
    np.testing.assert_allclose(one, [[1, 0]], atol=1e-12)


def test_seasons_go_round_once_a_year_to_within_a_day_and_a_half() -> None:
    days = days_of([datetime.datetime(year, 1, 1) for year in range(1902, 2100)])
    angles = np.arctan2(*part_features(days, ("season",)).T)
    assert (np.abs(angles) * YEAR / (2 * np.pi)).max() < 1.5
    summers = days_of([datetime.datetime(year, 7, 2) for year in range(1970, 2040)])
    assert (part_features(summers, ("season",))[:, 1] < -0.999).all()


def test_a_missing_date_is_in_the_middle_of_every_circle() -> None:
    found = part_features(np.array([np.nan, 3.0]), ("season", "weekday", "hour"))
    assert not found[0].any()
    assert found[1].any()


@pytest.mark.parametrize(
    ("step", "count", "parts"),
    [
        (datetime.timedelta(hours=7), 200, ("season", "weekday", "hour")),
        (datetime.timedelta(days=1), 200, ("season", "weekday")),
        (datetime.timedelta(days=7), 50, ("season",)),
        (datetime.timedelta(hours=1), 20, ("hour",)),
        (datetime.timedelta(0), 20, ()),
    ],
)
def test_parts_that_do_not_vary_are_left_out(step, count, parts) -> None:
    start = datetime.datetime(2024, 3, 4)
    days = days_of([start + number * step for number in range(count)])
    assert varying_parts(np.append(days, np.nan)) == parts


def table(rows: int = 900) -> pl.DataFrame:
    moments = [datetime.datetime(2021, 1, 1, 0, 30) + datetime.timedelta(hours=11 * i) for i in range(rows)]
    target = [
        20 - 9 * np.cos(2 * np.pi * m.timetuple().tm_yday / 365)
        + 5 * (m.weekday() >= 5)
        + 4 * np.sin(np.pi * m.hour / 12)
        for m in moments
    ]  # fmt: skip
    return pl.DataFrame({"when": moments, "t": target})


def test_a_straight_line_learns_season_weekend_and_hour_and_not_from_days_alone() -> None:
    data = load(table(), target="t")
    preparation = Preparation.fit(data, np.arange(600))
    inputs = preparation.inputs(data.features, np.float64)

    def unexplained(features: np.ndarray) -> float:
        """The share of the later rows' variance that a line fitted to the earlier ones leaves."""
        design = np.column_stack([np.ones(len(features)), features])
        weights = np.linalg.lstsq(design[:600], data.target[:600], rcond=None)[0]
        return float(np.var(data.target[600:] - design[600:] @ weights) / np.var(data.target[600:]))

    assert unexplained(inputs) < 0.01
    assert unexplained(inputs[:, :1]) > 0.9


def test_features_are_named_marked_and_kept_in_json() -> None:
    gone = np.arange(200) % 9 == 4
    whole = table(200)
    gaps = [None if absent else moment for absent, moment in zip(gone, whole["when"], strict=True)]
    frame = whole.with_columns(pl.Series("gaps", gaps))
    data = load(frame, target="t")
    preparation = Preparation.fit(data, np.arange(200))
    part = preparation.feature_slices["gaps"]
    names = preparation.feature_names[part]
    assert names[:4] == ("gaps", "gaps season sine", "gaps season cosine", "gaps Monday")
    assert names[-2:] == ("gaps hour cosine", "gaps missing")
    found = preparation.inputs(data.features, np.float64)[:, part]
    assert np.array_equal(found[:, -1], gone)
    assert not found[gone, 1:-1].any()
    again = Preparation.from_json(json.loads(json.dumps(preparation.to_json())))
    assert again == preparation


def test_a_preparation_from_before_dates_had_parts_reads_days_alone() -> None:
    data = load(table(200), target="t")
    preparation = Preparation.fit(data, np.arange(200))
    old = preparation.to_json()
    (column,) = old["columns"]
    del column["parts"], column["levels"]
    column["stop"] = 1
    again = Preparation.from_json(old)
    assert again.feature_names == ("when",)
    expected = preparation.inputs(data.features, np.float64)[:, :1]
    assert np.array_equal(again.inputs(data.features, np.float64), expected)


def test_dates_of_a_file_and_of_a_frame_become_the_same(tmp_path) -> None:
    frame = table(200)
    frame.write_csv(tmp_path / "a.csv", datetime_format="%Y-%m-%d %H:%M:%S")
    data = load(frame, target="t")
    preparation = Preparation.fit(data, np.arange(200))
    features, _ = load_features(tmp_path / "a.csv", preparation)
    assert np.array_equal(preparation.inputs(features), preparation.inputs(data.features))
