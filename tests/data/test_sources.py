"""Loading, against Python's csv module, pandas and scikit-learn's own loaders."""

from __future__ import annotations

import csv
import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import datasets

from couloir.data.dataset import describe, summary_lines
from couloir.data.loading import load
from couloir.data.sources.bundled import BUNDLED

SHARED = Path(__file__).parents[2] / "../shared/data"
TABLES = {"titanic": "survived", "penguins": "species", "mpg": "mpg", "diamonds": "price"}
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not here")


# --- bundled sets -------------------------------------------------------------------------------------


def test_digits_are_scikit_learns():
    data, expected = load("digits"), datasets.load_digits()
    assert np.array_equal(data.features, expected.data)
    assert np.array_equal(data.target, expected.target)
    assert (data.image_shape, data.pixel_maximum, data.task) == ((8, 8), 16.0, "classification")


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
def test_bundled_tables_are_scikit_learns(name):
    data, expected = load(name), getattr(datasets, f"load_{name}")()
    assert np.array_equal(data.features.to_numpy(), expected.data)
    assert list(data.column_names) == list(expected.feature_names) == data.features.columns
    assert np.array_equal(data.target, expected.target_names[expected.target])


def test_diabetes_is_scikit_learns_in_its_own_units():
    data, expected = load("diabetes"), datasets.load_diabetes(scaled=False)
    assert np.array_equal(data.features.to_numpy(), expected.data)
    assert np.array_equal(data.target, expected.target)
    assert list(data.column_names) == expected.feature_names
    assert data.task == "regression"


# --- text files ---------------------------------------------------------------------------------------


@needs_shared
@pytest.mark.parametrize(("file", "target"), TABLES.items())
def test_every_cell_is_what_the_csv_module_reads(file, target):
    path = SHARED / "tables" / f"{file}.csv"
    data = load(path, target=target)
    with path.open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    assert [name for name in header if name != target] == list(data.column_names)
    for number, name in enumerate(header):
        cells = [row[number] for row in rows]
        if name == target:
            assert [str(v) for v in data.target.tolist()] == [_as_printed(c, data.target) for c in cells]
            continue
        for cell, value in zip(cells, data.features[name].to_list(), strict=True):
            assert (cell == "") == (value is None)
            if isinstance(value, bool):
                assert cell == str(value)
            elif isinstance(value, (int, float)):
                assert float(cell) == value
            elif value is not None:
                assert cell == value


def _as_printed(cell: str, target: np.ndarray) -> str:
    return str(float(cell)) if target.dtype.kind == "f" else cell


# Control characters but for tabs and line breaks are left out: Python and Polars differ in which are blanks.
CHARACTERS = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), include_characters="\n\t")
CELLS = st.text(CHARACTERS | st.sampled_from(",;\"' \n"), max_size=6)


@given(
    texts=st.lists(st.tuples(CELLS, CELLS), min_size=10, max_size=25),
    numbers=st.lists(
        st.floats(-1e90, 1e90).map(lambda x: x + 0.0) | st.none() | st.integers(-(2**53), 2**53), min_size=10
    ),
    separator=st.sampled_from([(",", ".csv"), ("\t", ".tsv")]),
)
@settings(max_examples=60, deadline=None)
def test_any_table_that_is_written_comes_back(tmp_path_factory, texts, numbers, separator):
    rows = min(len(texts), len(numbers))
    mark, ending = separator
    # The mark keeps a cell from being a number by chance; nothing else does, a lone quote or comma included.
    first = ["word", *(a and f"{a}=" for a, _ in texts[1:rows])]
    second = [f"={b}" for _, b in texts[:rows]]
    path = tmp_path_factory.getbasetemp() / f"any{ending}"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter=mark)
        writer.writerow(["number", "first", "second", "target"])
        for i in range(rows):
            writer.writerow(["" if numbers[i] is None else repr(numbers[i]), first[i], second[i], i % 2])
    data = load(path)
    assert data.features["second"].to_list() == [text.strip() for text in second]
    assert data.features["first"].to_list() == [text.strip() or None for text in first]
    assert data.features["number"].to_list() == numbers[:rows]
    assert data.target.tolist() == [i % 2 for i in range(rows)]


def lines(rows: int = 20) -> list[str]:
    return ["n,c,t", *(f"{i}.5,{'xyz'[i % 3]},{i % 2}" for i in range(rows))]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_do_not_matter(tmp_path, end, last):
    path = tmp_path / "t.csv"
    path.write_bytes((end.join(lines()) + end * last).encode())
    data = load(path, target="t")
    assert (len(data), data.fingerprint) == (20, _plain(tmp_path).fingerprint)


def _plain(folder: Path):
    path = folder / "plain.csv"
    path.write_text("\n".join(lines()))
    return load(path, target="t")


def test_marks_blanks_quotes_and_blank_lines_do_not_matter(tmp_path):
    expected = _plain(tmp_path).fingerprint
    variants = {
        "bom.csv": "\ufeff" + "\n".join(lines()),
        "blanks.csv": "\n".join(line.replace(",", " , ") for line in lines()),
        "quotes.csv": "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in lines()),
        "gaps.csv": "\n\n".join(lines()) + "\n\n  \n",
        "tabs.tsv": "\n".join(lines()).replace(",", "\t"),
        "tabs.txt": "\n".join(lines()).replace(",", "\t"),
        "semicolons.txt": "\n".join(lines()).replace(",", ";"),
        "commas.txt": "\n".join(lines()),
    }
    for name, text in variants.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert load(tmp_path / name, target="t").fingerprint == expected, name
    (tmp_path / "packed.csv.gz").write_bytes(gzip.compress("\n".join(lines()).encode()))
    packed = load(tmp_path / "packed.csv.gz", target="t")
    assert (packed.fingerprint, packed.name) == (expected, "packed")


def test_a_cell_may_hold_separators_line_breaks_and_quotation_marks(tmp_path):
    path = tmp_path / "t.csv"
    odd = ['a,"b"', "two\nlines", 'say "hi"', "plain"]
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([["c", "t"], *([odd[i % 4], i % 2] for i in range(20))])
    assert load(path, target="t").features["c"].to_list() == [odd[i % 4] for i in range(20)]


def test_missing_cells(tmp_path):
    path = tmp_path / "t.csv"
    cells = ["", "NaN", "?", "unknown", "-999", *map(str, range(20))]
    path.write_text("n,c,t\n" + "".join(f"{cell},{cell or 'x'}!,{i % 2}\n" for i, cell in enumerate(cells)))
    data = load(path, target="t", missing=["?", "unknown", "-999"])
    assert data.features["n"].to_list() == [None] * 5 + list(range(20))
    assert data.features["c"].null_count() == 0
    assert data.missing_tokens == ("?", "unknown", "-999")
    assert describe(data)["missing"] == 5


def test_an_unnamed_first_column_as_pandas_writes_it(tmp_path):
    frame = pd.DataFrame({"a": np.arange(20) * 1.5, "t": np.arange(20) % 2})
    frame.to_csv(tmp_path / "t.csv")
    assert load(tmp_path / "t.csv", target="t").column_names == ("unnamed_1", "a")


def test_numbers_as_column_names_in_order_are_names(tmp_path):
    pd.DataFrame(np.arange(60).reshape(20, 3) % 7).to_csv(tmp_path / "t.csv", index=False)
    assert load(tmp_path / "t.csv", target="2").column_names == ("0", "1")


# --- kinds, tasks and targets -------------------------------------------------------------------------


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


def test_columns_are_dropped():
    frame = pl.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0), "t": [0, 1] * 10})
    assert load(frame, target="t", drop=["b"]).column_names == ("a",)
    array = load((np.arange(60.0).reshape(20, 3), [0, 1] * 10), drop=["x1"])
    assert array.column_names == ("x0", "x2")
    assert array.features[1].tolist() == [3.0, 5.0]


def test_a_dropped_column_need_not_be_readable():
    frame = pl.DataFrame({"a": np.arange(20.0), "b": [*map(str, range(19)), "x"], "t": [0, 1] * 10})
    assert load(frame, target="t", drop=["b"]).column_names == ("a",)


# --- frames, arrays, files of arrays ------------------------------------------------------------------


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
             pl.Series(labels), pd.Series(labels), pd.Series(labels, index=range(5, 25))]  # fmt: skip
    assert {load((features, form)).fingerprint for form in forms} == {load((features, labels)).fingerprint}


def test_an_npz_file(tmp_path):
    features, target = np.random.default_rng(0).normal(size=(30, 4)), np.arange(30) % 3
    np.savez(tmp_path / "a.npz", X=features, y=target)
    data = load(tmp_path / "a.npz")
    assert np.array_equal(data.features, features)
    assert (data.name, data.classes) == ("a", (0, 1, 2))
    assert data.fingerprint == load((features, target)).fingerprint


def test_a_stack_of_images():
    images = np.random.default_rng(0).integers(0, 256, (30, 3, 5), dtype=np.uint8)
    data = load((images, np.arange(30) % 2))
    assert (data.image_shape, data.pixel_maximum) == ((3, 5), 255.0)
    assert np.array_equal(data.features, images.reshape(30, 15))
    assert load((images / 255, np.arange(30) % 2)).pixel_maximum == pytest.approx(images.max() / 255)


def idx(array: np.ndarray, code: int = 8) -> bytes:
    kind = {8: ">u1", 13: ">f4"}[code]
    header = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    return header + array.astype(kind).tobytes()


@pytest.mark.parametrize("mark", ["-", "."])
@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_of_idx_files(tmp_path, mark, packed):
    images = np.random.default_rng(0).integers(0, 256, (40, 3, 4), dtype=np.uint8)
    labels = (np.arange(40) % 4).astype(np.uint8)
    for part, rows in (("train", slice(0, 30)), ("t10k", slice(30, 40))):
        for what, axes, array in (("images", 3, images[rows]), ("labels", 1, labels[rows])):
            data = gzip.compress(idx(array)) if packed else idx(array)
            (tmp_path / f"{part}-{what}{mark}idx{axes}-ubyte{'.gz' * packed}").write_bytes(data)
    data = load(tmp_path)
    assert np.array_equal(data.features, images.reshape(40, 12))
    assert np.array_equal(data.target, labels)
    assert data.test_rows.tolist() == list(range(30, 40))
    assert (data.image_shape, data.pixel_maximum, data.name) == ((3, 4), 255.0, tmp_path.name)


def test_idx_files_of_floats(tmp_path):
    images = np.random.default_rng(0).uniform(size=(30, 2, 2)).astype(np.float32)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(images, 13))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.arange(30) % 2))
    data = load(tmp_path)
    assert np.array_equal(data.features, images.reshape(30, 4))
    assert data.test_rows is None


@needs_shared
def test_mnist():
    data = load(SHARED / "mnist")
    with gzip.open(SHARED / "mnist/train-images-idx3-ubyte.gz") as stream:
        first = stream.read(16 + 784)[16:]
    assert data.features.shape == (70000, 784)
    assert data.features.dtype == np.uint8
    assert data.features[0].tobytes() == first
    assert data.test_rows.tolist() == list(range(60000, 70000))
    # Counts of the digits as LeCun's page and every later table of MNIST have them: 6,903 zeros, 7,877 ones.
    assert np.bincount(data.target)[:2].tolist() == [6903, 7877]


# --- fingerprints, descriptions -----------------------------------------------------------------------


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


@needs_shared
def test_the_summary_of_titanic():
    first, second, third = summary_lines(load(SHARED / "tables/titanic.csv", target="survived"))
    assert first == "titanic: 891 rows, 14 columns (5 numeric, 7 categorical, 2 boolean)"
    assert second == "classification of survived, 2 classes: 0 (549), 1 (342)"
    # Counted by pandas.
    missing = (
        pd.read_csv(SHARED / "tables/titanic.csv", keep_default_na=False, na_values=[""]).isna().sum().sum()
    )
    assert third == f"{missing} missing cells"
