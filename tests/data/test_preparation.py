"""Preparation against scikit-learn's, and what it must never do: look at other rows."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from couloir.data.loading import load
from couloir.data.preparation import Preparation
from couloir.data.splits import split_rows
from couloir.errors import InputError


def mixed(rows: int = 120, seed: int = 0) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    age = generator.normal(40, 12, rows).round(1)
    return pl.DataFrame(
        {
            "age": [None if i % 7 == 3 else float(v) for i, v in enumerate(age)],
            "colour": [None if i % 11 == 5 else "rgb"[i % 3] for i in range(rows)],
            "rooms": generator.integers(1, 9, rows),
            "member": generator.integers(0, 2, rows).astype(bool),
            "joined": pl.Series(np.datetime64("2020-01-01") + generator.integers(0, 900, rows)).cast(pl.Date),
            "target": generator.normal(5, 3, rows),
        }
    )


def fitted(frame: pl.DataFrame, rows: np.ndarray | None = None, **options):
    data = load(frame, target="target", **options)
    rows = np.arange(len(data)) if rows is None else rows
    return data, Preparation.fit(data, rows)


def test_numbers_equal_scikit_learns_imputer_marker_and_scaler():
    data, preparation = fitted(mixed(), np.arange(80))
    raw = data.features.select("age", "rooms").cast(pl.Float64).to_numpy()
    imputer = SimpleImputer(strategy="median").fit(raw[:80])
    scaler = StandardScaler().fit(imputer.transform(raw[:80]))
    expected = scaler.transform(imputer.transform(raw))
    found = preparation.inputs(data.features, dtype=np.float64)
    at = preparation.feature_names.index
    np.testing.assert_allclose(found[:, [at("age"), at("rooms")]], expected, rtol=1e-13, atol=1e-13)
    marker = MissingIndicator().fit(raw[:80]).transform(raw)
    assert np.array_equal(found[:, at("age missing")], marker[:, 0].astype(float))
    assert "rooms missing" not in preparation.feature_names


def test_categories_equal_scikit_learns_encoder():
    data, preparation = fitted(mixed(), np.arange(80))
    texts = np.array([["missing" if v is None else v] for v in data.features["colour"].to_list()], object)
    encoder = OneHotEncoder(categories=[["b", "g", "r", "missing"]], sparse_output=False).fit(texts[:80])
    found = preparation.inputs(data.features)[:, preparation.feature_slices["colour"]]
    assert np.array_equal(found, encoder.transform(texts))
    names = preparation.feature_names[preparation.feature_slices["colour"]]
    assert names == ("colour=b", "colour=g", "colour=r", "colour missing")


def test_truth_values_and_dates_are_scaled_as_numbers():
    data, preparation = fitted(mixed())
    days = (data.features["joined"].to_numpy() - np.datetime64("1970-01-01")).astype(float)
    member = data.features["member"].to_numpy().astype(float)
    expected = StandardScaler().fit_transform(np.stack([member, days], axis=1))
    found = preparation.inputs(data.features, dtype=np.float64)
    at = preparation.feature_names.index
    np.testing.assert_allclose(found[:, [at("member"), at("joined")]], expected, rtol=1e-12, atol=1e-12)


def test_arrays_equal_scikit_learns_scaler_and_lose_constant_columns():
    generator = np.random.default_rng(3)
    array = generator.normal(3, 5, (90, 6))
    array[:, 2] = 0.1
    target = generator.normal(size=90)
    data = load((array, target))
    preparation = Preparation.fit(data, np.arange(60))
    assert preparation.left_out == ("x2",)
    varying = np.delete(array, 2, axis=1)
    nearest = np.clip(varying, varying[:60].min(axis=0), varying[:60].max(axis=0))
    assert (nearest != varying).any(), "no row lies beyond the training rows: the case shows little"
    expected = StandardScaler().fit(varying[:60]).transform(nearest)
    np.testing.assert_allclose(preparation.inputs(array, dtype=np.float64), expected, rtol=1e-12, atol=1e-12)


def test_arrays_with_gaps_are_filled_and_marked():
    array = np.arange(60.0).reshape(20, 3) ** 1.3
    array[4, 1] = np.nan
    data = load((array, np.arange(20.0)))
    preparation = Preparation.fit(data, np.arange(20))
    assert preparation.feature_names == ("x0", "x1", "x1 missing", "x2")
    found = preparation.inputs(array, dtype=np.float64)
    expected = StandardScaler().fit_transform(SimpleImputer(strategy="median").fit_transform(array))
    np.testing.assert_allclose(found[:, [0, 1, 3]], expected, rtol=1e-12, atol=1e-12)
    assert np.flatnonzero(found[:, 2]).tolist() == [4]


def test_images_are_divided_by_the_brightest_pixel_and_no_more():
    data = load("digits")
    preparation = Preparation.fit(data, np.arange(100))
    found = preparation.inputs(data.features)
    assert found.dtype == np.float32
    assert np.array_equal(found * 16, data.features)
    assert preparation.feature_slices["pixel 1,2"] == slice(10, 11)


@given(
    columns=st.lists(
        st.lists(
            st.one_of(st.none(), st.floats(-1e6, 1e6, allow_nan=False, width=32)), min_size=12, max_size=12
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=80, deadline=None)
def test_prepared_training_columns_have_mean_0_and_deviation_1(columns):
    frame = pl.DataFrame(
        {f"c{i}": pl.Series(values, dtype=pl.Float64) for i, values in enumerate(columns)}
        | {"target": np.linspace(0, 1, 12), "steady": np.arange(12.0)}
    )
    data, preparation = fitted(frame)
    found = preparation.inputs(data.features, dtype=np.float64)
    assert np.isfinite(found).all()
    for column in preparation.columns:
        values = found[:, column.start]
        size = max(abs(column.mean), abs(column.fill), 1e-300) / column.scale if column.scale else 0.0
        assert abs(values.mean()) < 1e-12 * (1 + size)
        if column.scale:
            assert values.std() == pytest.approx(1, rel=1e-9 * (1 + size))
        else:
            assert column.marker
            assert (values == 0).all()


def test_other_rows_change_nothing_that_is_fitted():
    frame, rows = mixed(), np.arange(0, 120, 2)
    poisoned = frame.with_row_index("i").with_columns(
        pl.when(pl.col("i") % 2 == 1).then(1e9).otherwise(pl.col("age")).alias("age"),
        pl.when(pl.col("i") % 2 == 1).then(pl.lit("poison")).otherwise(pl.col("colour")).alias("colour"),
        pl.when(pl.col("i") % 2 == 1).then(None).otherwise(pl.col("rooms")).alias("rooms"),
        pl.when(pl.col("i") % 2 == 1).then(-1e9).otherwise(pl.col("target")).alias("target"),
    ).drop("i")  # fmt: skip
    assert not poisoned.equals(frame)
    assert fitted(frame, rows)[1] == fitted(poisoned, rows)[1]


def test_what_was_not_seen_in_training_is_handled():
    frame = mixed()
    _, preparation = fitted(frame, np.arange(60))
    new = frame.head(3).with_columns(
        pl.Series("colour", ["violet", None, "r"]),
        pl.Series("rooms", [None, 4, 5]),
        pl.Series("member", [None, True, False]),
    )
    found = preparation.inputs(new.drop("target"), dtype=np.float64)
    assert found[0, preparation.feature_slices["colour"]].tolist() == [0, 0, 0, 0]
    assert found[1, preparation.feature_slices["colour"]].tolist() == [0, 0, 0, 1]
    rooms = next(c for c in preparation.columns if c.name == "rooms")
    median = float(np.median(frame["rooms"].to_numpy()[:60]))
    assert found[0, rooms.start] == pytest.approx((median - rooms.mean) / rooms.scale)


@pytest.mark.parametrize(("given", "end"), [(-1e99, np.nanmin), (1e99, np.nanmax)])
def test_a_number_beyond_the_training_rows_is_taken_as_the_nearest_of_them(given, end):
    _, preparation = fitted(mixed())
    known = mixed().with_columns(pl.lit(float(end(mixed()["age"].to_numpy()))).alias("age"))
    new = mixed().with_columns(pl.lit(given).alias("age"))
    found, expected = (preparation.inputs(frame.drop("target")) for frame in (new, known))
    np.testing.assert_array_equal(found, expected)
    assert np.isfinite(found).all()


def test_a_column_that_never_varied_but_for_gaps_stays_0():
    frame = mixed().with_columns(pl.Series("rooms", [None if i % 5 == 0 else 3 for i in range(120)]))
    _, preparation = fitted(frame)
    new = frame.with_columns(pl.lit(1e6).alias("rooms")).drop("target")
    part = preparation.feature_slices["rooms"]
    assert preparation.feature_names[part] == ("rooms", "rooms missing")
    assert not preparation.inputs(new)[:, part].any()


def test_free_text_and_constants_are_left_out():
    frame = mixed().with_columns(
        pl.Series("note", [f"note {i}" for i in range(120)]),
        pl.lit("x").alias("same"),
        pl.lit(None).alias("void"),
    )
    _, preparation = fitted(frame)
    assert preparation.left_out == ("note", "same", "void")
    assert not any("note" in name for name in preparation.feature_names)


def test_a_table_with_nothing_to_learn_from_is_refused():
    frame = pl.DataFrame({"a": [1] * 20, "target": np.arange(20.0)})
    with pytest.raises(InputError, match="No column"):
        fitted(frame)


@pytest.mark.parametrize(
    ("file", "target"),
    [("titanic", "survived"), ("penguins", "species"), ("mpg", "mpg"), ("diamonds", "price")],
)
def test_json_brings_back_an_equal_preparation(file, target, shared_data):
    data = load(shared_data / "tables" / f"{file}.csv", target=target)
    rows = split_rows(data).train
    preparation = Preparation.fit(data, rows)
    again = Preparation.from_json(json.loads(json.dumps(preparation.to_json(), allow_nan=False)))
    assert again == preparation
    assert np.array_equal(again.inputs(data.features), preparation.inputs(data.features))
    covered = [i for part in preparation.feature_slices.values() for i in range(part.start, part.stop)]
    assert covered == list(range(len(preparation.feature_names)))


@pytest.mark.parametrize("name", ["digits", "iris", "diabetes"])
def test_json_of_bundled_sets(name):
    data = load(name)
    preparation = Preparation.fit(data, np.arange(len(data)))
    text = json.dumps(preparation.to_json(), allow_nan=False)
    assert Preparation.from_json(json.loads(text)) == preparation
    assert Preparation.from_json(preparation.to_json()) == preparation


def test_mpg_without_its_free_text():
    frame = mixed(400).with_columns(pl.Series("name", [f"car {i % 300}" for i in range(400)]))
    _, preparation = fitted(frame)
    assert preparation.left_out == ("name",)


def test_regression_targets_go_there_and_back():
    data, preparation = fitted(mixed(), np.arange(70))
    scaled = preparation.targets(data.target, dtype=np.float64)
    assert scaled.shape == (120, 1)
    expected = StandardScaler().fit(data.target[:70, None]).transform(data.target[:, None])
    np.testing.assert_allclose(scaled, expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(preparation.restore(scaled)[:, 0], data.target, rtol=1e-13)
    assert preparation.targets(data.target).dtype == np.float32


@pytest.mark.parametrize(
    "labels", [["no", "yes"], [False, True], [3, 7], [0.5, 1.5]], ids=["text", "boolean", "integer", "float"]
)
def test_class_labels_become_numbers_in_sorted_order(labels):
    target = np.array([labels[i % 2] for i in range(20)])
    data = load((np.arange(20.0)[:, None], target), task="classification")
    preparation = Preparation.fit(data, np.arange(20))
    assert preparation.classes == tuple(labels)
    assert [type(c) for c in preparation.classes] == [type(c) for c in labels]
    numbers = preparation.targets(data.target)
    assert numbers.dtype == np.int32
    assert numbers.tolist() == [i % 2 for i in range(20)]
    again = Preparation.from_json(json.loads(json.dumps(preparation.to_json())))
    assert again.targets(data.target).tolist() == numbers.tolist()


def test_an_unknown_class_is_refused():
    data = load("iris")
    with pytest.raises(InputError, match=r"'virginica2'.*classes are setosa"):
        Preparation.fit(data, np.arange(150)).targets(np.array(["setosa", "virginica2"]))


def test_rows_in_the_wrong_form_are_refused():
    table = Preparation.fit(load("iris"), np.arange(150))
    with pytest.raises(InputError, match="named columns"):
        table.inputs(np.zeros((3, 4)))
    array = Preparation.fit(load((np.arange(40.0).reshape(20, 2), np.arange(20.0))), np.arange(20))
    with pytest.raises(InputError, match="2 features"):
        array.inputs(np.zeros((3, 5)))


def test_preparation_does_not_change_what_it_is_given():
    data = load((np.arange(40.0).reshape(20, 2), np.arange(20.0)))
    before = data.features.copy()
    Preparation.fit(data, np.arange(20)).inputs(data.features)
    images = replace(load("digits"))
    pixels = images.features.copy()
    Preparation.fit(images, np.arange(20)).inputs(images.features)
    assert np.array_equal(before, data.features)
    assert np.array_equal(pixels, images.features)
