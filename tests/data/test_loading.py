"""Loading, and new rows for a trained model: read as the training data were, whatever form they come in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from couloir.data.loading import load, load_features
from couloir.data.preparation import Preparation


def test_columns_are_dropped():
    frame = pl.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0), "t": [0, 1] * 10})
    assert load(frame, target="t", drop=["b"]).column_names == ("a",)
    array = load((np.arange(60.0).reshape(20, 3), [0, 1] * 10), drop=["x1"])
    assert array.column_names == ("x0", "x2")
    assert array.features[1].tolist() == [3.0, 5.0]


def test_a_dropped_column_need_not_be_readable():
    frame = pl.DataFrame({"a": np.arange(20.0), "b": [*map(str, range(19)), "x"], "t": [0, 1] * 10})
    assert load(frame, target="t", drop=["b"]).column_names == ("a",)


def test_a_stack_of_images():
    images = np.random.default_rng(0).integers(0, 256, (30, 3, 5), dtype=np.uint8)
    data = load((images, np.arange(30) % 2))
    assert (data.image_shape, data.pixel_maximum) == ((3, 5), 255.0)
    assert np.array_equal(data.features, images.reshape(30, 15))
    assert load((images / 255, np.arange(30) % 2)).pixel_maximum == pytest.approx(images.max() / 255)


# --- new rows -----------------------------------------------------------------------------------------


def prepared(source, **options) -> tuple:
    data = load(source, **options)
    return data, Preparation.fit(data, np.arange(len(data)))


FRAME = pl.DataFrame(
    {
        "age": [float(i) if i % 5 else None for i in range(30)],
        "code": ["1", "2", "x"] * 10,
        "ok": [True, False, None] * 10,
        "day": [f"2024-01-{i % 28 + 1:02d}" for i in range(30)],
        "t": ["no", "yes"] * 15,
    }
)


@pytest.mark.parametrize("form", ["polars", "pandas", "csv", "parquet", "pair", "shuffled"])
def test_every_form_gives_the_same_features(tmp_path, form):
    data, preparation = prepared(FRAME, target="t")
    FRAME.write_csv(tmp_path / "a.csv")
    FRAME.write_parquet(tmp_path / "a.parquet")
    source = {
        "polars": FRAME,
        "pandas": pd.read_csv(tmp_path / "a.csv"),
        "csv": tmp_path / "a.csv",
        "parquet": str(tmp_path / "a.parquet"),
        "pair": (FRAME.drop("t"), FRAME["t"].to_list()),
        "shuffled": FRAME.select("t", "ok", "code", pl.lit("more").alias("more"), "day", "age"),
    }[form]
    features, target = load_features(source, preparation)
    assert np.array_equal(preparation.inputs(features), preparation.inputs(data.features))
    assert target.tolist() == ["no", "yes"] * 15


def test_one_row_of_numbers_in_a_category_column_is_read_as_text():
    _, preparation = prepared(FRAME, target="t")
    features, target = load_features(
        pl.DataFrame({"age": [3], "code": [2], "ok": ["TRUE"], "day": ["2024-01-05 12:00"]}), preparation
    )
    assert target is None
    assert features["code"].to_list() == ["2"]
    found = preparation.inputs(features)
    assert found[0, preparation.feature_slices["code"]].tolist() == [0, 1, 0]


def test_the_missing_tokens_of_training_are_used(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("n,t\n" + "".join(f"{i if i % 4 else '?'},{i % 2}\n" for i in range(20)))
    _, preparation = prepared(path, target="t", missing=["?"])
    (tmp_path / "b.csv").write_text("n\n?\n5\n")
    features, _ = load_features(tmp_path / "b.csv", preparation)
    assert preparation.inputs(features)[:, 1].tolist() == [1, 0]


def test_columns_that_are_not_used_may_be_lacking():
    frame = FRAME.with_columns(pl.lit(1).alias("same"))
    _, preparation = prepared(frame, target="t")
    assert load_features(FRAME, preparation)[0].height == 30


def test_a_target_with_gaps_is_no_target():
    _, preparation = prepared(FRAME, target="t")
    gaps = FRAME.with_columns(pl.when(pl.col("age") > 7).then(pl.col("t")).alias("t"))
    assert load_features(gaps, preparation)[1] is None


def test_a_class_of_new_data_may_be_rare_or_alone():
    _, preparation = prepared(FRAME, target="t")
    assert load_features(FRAME.head(1), preparation)[1].tolist() == ["no"]


@pytest.mark.parametrize("name", ["digits", "iris", "diabetes"])
def test_bundled_sets_are_new_data_too(name):
    data, preparation = prepared(name)
    features, target = load_features(name, preparation)
    assert np.array_equal(preparation.inputs(features), preparation.inputs(data.features))
    assert np.array_equal(target, data.target)


def test_arrays_and_images_in_every_form(tmp_path):
    data, preparation = prepared("digits")
    expected = preparation.inputs(data.features)
    np.savez(tmp_path / "x.npz", X=data.features)
    np.savez(tmp_path / "xy.npz", X=data.features, y=data.target)
    images = data.features.reshape(-1, 8, 8)
    for source in (
        data.features,
        images,
        (images, data.target),
        data,
        tmp_path / "x.npz",
        tmp_path / "xy.npz",
    ):
        features, _ = load_features(source, preparation)
        assert np.array_equal(preparation.inputs(features), expected)
    assert np.array_equal(load_features(tmp_path / "xy.npz", preparation)[1], data.target)
    assert load_features(tmp_path / "x.npz", preparation)[1] is None


def test_two_rows_in_a_list_are_rows_and_not_a_pair():
    _, preparation = prepared((np.arange(60.0).reshape(20, 3), np.arange(20.0)))
    features, target = load_features([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], preparation)
    assert features.shape == (2, 3)
    assert target is None


def test_the_idx_file_of_the_test_images_alone(shared_data):
    images = np.zeros((20, 28, 28), np.uint8)
    _, preparation = prepared((images, np.arange(20) % 2))
    features, target = load_features(shared_data / "mnist/t10k-images-idx3-ubyte.gz", preparation)
    assert features.shape == (10000, 784)
    assert target is None


@pytest.mark.parametrize(("file", "target"), [("titanic", "survived"), ("mpg", "mpg"), ("diamonds", "price")])
def test_a_file_read_again_gives_the_features_of_training(file, target, shared_data):
    path = shared_data / f"tables/{file}.csv"
    data, preparation = prepared(path, target=target)
    features, again = load_features(path, preparation)
    assert np.array_equal(preparation.inputs(features), preparation.inputs(data.features))
    assert np.array_equal(again, data.target)
