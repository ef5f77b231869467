"""Frames of Polars, pandas and Arrow: one table, whatever form it comes in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from couloir.data.dataset import describe
from couloir.data.loading import load, load_features
from couloir.data.preparation import Preparation
from couloir.errors import InputError


def everything() -> tuple[pd.DataFrame, pl.DataFrame]:
    values = {
        "number": [1.5, None, 3.25, 4.0] * 5,
        "whole": [1, 2, 3, 4] * 5,
        "truth": [True, False, False, True] * 5,
        "colour": ["red", None, "blue", "red"] * 5,
        "day": np.array(["2024-01-01", "2024-02-03", "2023-05-05", "2024-01-01"] * 5, "datetime64[us]"),
        "t": ["no", "yes"] * 10,
    }
    return pd.DataFrame(values), pl.DataFrame(values)


def test_pandas_polars_csv_and_parquet_are_the_same_data(tmp_path):
    pandas, polars = everything()
    pandas.to_csv(tmp_path / "a.csv", index=False)
    polars.write_parquet(tmp_path / "a.parquet")
    files = [tmp_path / "a.csv", tmp_path / "a.parquet"]
    pairs = [(polars.drop("t"), pandas["t"]), (pandas.drop(columns="t"), pandas["t"].to_list())]
    sources = [pandas, polars, polars.lazy(), *files, *pairs]
    found = [load(source, target="t") for source in sources]
    assert {data.fingerprint for data in found} == {found[0].fingerprint}
    assert all(data.classes == ("no", "yes") for data in found)
    assert all(describe(data)["column_kinds"] == describe(found[0])["column_kinds"] for data in found)


def test_pandas_types_of_its_own():
    pandas, _ = everything()
    own = pandas.convert_dtypes()
    own["day"] = own["day"].astype("datetime64[s]")
    own["colour"] = own["colour"].astype("category")
    own["t"] = own["t"].astype("category")
    assert load(own, target="t").fingerprint == load(pandas, target="t").fingerprint


def test_categories_of_a_frame_stay_categories():
    frame = pl.DataFrame({"a": pl.Series(["1", "2"] * 10, dtype=pl.Categorical), "t": [0, 1] * 10})
    assert describe(load(frame, target="t"))["column_kinds"] == {"categorical": 1}


def test_targets_in_every_form():
    features = np.arange(20.0)[:, None]
    labels = ["a", "b"] * 10
    forms = [labels, tuple(labels), np.array(labels), np.array(labels, object), np.array(labels)[:, None],
             pl.Series(labels), pd.Series(labels), pd.Series(labels, index=range(5, 25)), pd.Index(labels),
             pd.Categorical(labels)]  # fmt: skip
    assert {load((features, form)).fingerprint for form in forms} == {load((features, labels)).fingerprint}


# --- categories as pandas has them, and truth values ---------------------------------------------------


def test_numbers_that_pandas_declares_categories_are_categories() -> None:
    codes = pd.Categorical([8001, 3000, 8001, 1200] * 10)
    data = load(pd.DataFrame({"zip": codes, "t": np.arange(40.0)}), target="t")
    assert describe(data)["column_kinds"] == {"categorical": 1}
    preparation = Preparation.fit(data, np.arange(40))
    assert preparation.feature_names == ("zip=1200", "zip=3000", "zip=8001")
    for new in (pd.DataFrame({"zip": [3000]}), pl.DataFrame({"zip": ["3000"]}), pl.DataFrame({"zip": [3e3]})):
        assert preparation.inputs(load_features(new, preparation)[0]).tolist() == [[0, 1, 0]]


def test_classes_that_pandas_declares_categories_keep_their_type() -> None:
    frame = pd.DataFrame({"a": np.arange(40.0), "t": pd.Categorical([3, 7] * 20)})
    assert load(frame, target="t").classes == (3, 7)
    assert load(frame.rename(columns={"t": "Label"})).classes == (3, 7)
    assert load((frame[["a"]], frame["t"])).classes == (3, 7)


def test_an_ordered_type_of_numbers_is_numbers() -> None:
    stars = pd.Categorical([1, 3, 5, 3] * 10, [1, 3, 5], ordered=True)
    data = load(pd.DataFrame({"stars": stars, "t": np.arange(40.0)}), target="t")
    assert describe(data)["column_kinds"] == {"numeric": 1}


@pytest.mark.parametrize(
    "column",
    [
        [True, False, None] * 20,
        pd.array([True, False, None] * 20, dtype="boolean"),
        np.array([True, False, None] * 20, object),
        ["true", "False", None] * 20,
    ],
    ids=["list", "nullable", "object", "text"],
)
def test_truth_values_in_every_form(column) -> None:
    data = load(pd.DataFrame({"ok": column, "t": np.arange(60.0)}), target="t")
    assert describe(data)["column_kinds"] == {"boolean": 1}
    preparation = Preparation.fit(data, np.arange(60))
    assert preparation.feature_names == ("ok", "ok missing")
    found = preparation.inputs(data.features, np.float64)
    filled = np.array([1, 0, 0.5] * 20)
    np.testing.assert_allclose(found[:, 0], (filled - 0.5) / filled.std(), rtol=1e-12)
    assert found[:, 1].tolist() == [0, 0, 1] * 20


# --- Arrow -------------------------------------------------------------------------------------------


def test_arrow_tables_are_the_same_data_as_the_frame_they_come_from() -> None:
    frame = pl.DataFrame(
        {
            "a": [1.5, None, 3.0] * 10,
            "b": ["x", "y", None] * 10,
            "c": pl.Series(["u", "v", "w"] * 10, dtype=pl.Categorical),
            "t": [0, 1] * 15,
        }
    )
    expected = load(frame, target="t")
    for table in (frame.to_arrow(), frame.to_arrow().to_batches()[0]):
        found = load(table, target="t")
        assert found.fingerprint == expected.fingerprint
        assert describe(found)["column_kinds"] == {"numeric": 1, "categorical": 2}
    preparation = Preparation.fit(expected, np.arange(30))
    features, target = load_features(frame.to_arrow(), preparation)
    assert np.array_equal(preparation.inputs(features), preparation.inputs(expected.features))
    assert target is not None


def test_arrow_tables_that_repeat_a_name_are_refused() -> None:
    table = pa.Table.from_arrays([pa.array([1, 2]), pa.array([1, 2])], names=["a", "a"])
    with pytest.raises(InputError, match="Two columns of the table are called 'a'"):
        load(table, target="a")
