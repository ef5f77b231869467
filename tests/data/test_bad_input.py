# ruff: noqa: E501 (one case a line)
"""A person's mistakes: each ends in one sentence that names the thing, and in nothing else.

A case is a function that makes the mistake in an empty folder, and a part of the sentence it has to end in.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from couloir.data.loading import load, load_features
from couloir.data.preparation import Preparation
from couloir.errors import InputError
from sources import idx_bytes

ROWS = [f"{i * 7 % 10}.5,{'xyz'[i % 3]},{i % 2}" for i in range(20)]
"""Twenty rows of a number, a category and a target."""


def table(folder: Path, lines: list[str], name: str = "t.csv", **options) -> None:
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    load(folder / name, **{"target": "t", **options})


def raw(folder: Path, data: bytes, name: str = "t.csv", **options) -> None:
    (folder / name).write_bytes(data)
    load(folder / name, **{"target": "t", **options})


def with_cell(number: int, text: str, column: int = 0) -> list[str]:
    """The good table with one cell of one row (counted from 0) replaced."""
    rows = [row.split(",") for row in ROWS]
    rows[number][column] = text
    return ["n,c,t", *(",".join(row) for row in rows)]


GOOD = ["n,c,t", *ROWS]

TABLE_CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty file": (lambda f: raw(f, b""), "'t.csv' is empty"),
    "blank file": (lambda f: raw(f, b"\n \n\n"), "'t.csv' is empty"),
    "header only": (lambda f: table(f, ["n,c,t"]), "'t.csv' has column names but no rows"),
    "one row": (lambda f: table(f, GOOD[:2]), "There are 1 rows"),
    "nine rows": (lambda f: table(f, GOOD[:10]), "There are 9 rows"),
    "one class": (lambda f: table(f, ["n,t", *(f"{i},a" for i in range(20))]), "'t' is 'a' in every row"),
    "constant target": (lambda f: table(f, ["n,t", *(f"{i},2.5" for i in range(20))]), "'t' is '2.5' in every"),
    "rare class": (lambda f: table(f, with_cell(3, "7", 2), task="classification"), "Class '7' of the target 't'"),
    "missing target": (lambda f: table(f, with_cell(3, "", 2)), "'t' is missing in row 5"),
    "NaN target": (lambda f: table(f, with_cell(3, "nan", 2)), "'t' is missing in row 5"),
    "infinite target": (lambda f: table(f, with_cell(3, "inf", 2)), "'t' is infinite in row 5"),
    "text in the target": (lambda f: table(f, with_cell(3, "one", 2)), "'t' is numeric but holds 'one' in row 5"),
    "text in a number column": (lambda f: table(f, with_cell(9, "abc")), "'n' is numeric but holds 'abc' in row 11"),
    "a missing word": (lambda f: table(f, with_cell(9, "NA")), "--missing NA"),
    "many missing words": (
        lambda f: table(f, ["n,t", *(f"{'?' if i % 3 else i},{i % 2}" for i in range(30))]), "'?' in row 3 (and 19"),
    "a text to be quoted": (lambda f: table(f, with_cell(9, "not known")), "--missing 'not known'"),
    "a comma for a point": (
        lambda f: raw(f, ("n\tt\n" + "".join(f"{i},5\t{i % 2}\n" for i in range(20))).encode(), "t.tsv"),
        "'n' holds numbers written as '0,5' in row 2"),
    "currency": (lambda f: table(f, ["n,t", *(f"${i},{i % 2}" for i in range(20))]), "written as '$0' in row 2"),
    "an infinite feature": (lambda f: table(f, with_cell(0, "-inf")), "'n' is infinite in row 2"),
    "a number too large": (lambda f: table(f, with_cell(0, "1e300")), "holds 1e+300, which is too large, in row 2"),
    "repeated names": (lambda f: table(f, ["n,n,t", *ROWS]), "called 'n', columns 1 and 2"),
    "names alike but for blanks": (lambda f: table(f, ["n, n,t", *ROWS]), "called 'n'"),
    "a short row": (lambda f: table(f, [*GOOD, "1,x"]), "Row 22 of 't.csv' has 2 cells"),
    "a long row": (lambda f: table(f, [*GOOD[:5], "1,x,0,9", *GOOD[5:]]), "Row 6 of 't.csv' has 4 cells"),
    "a long row after a line break in quotes": (
        lambda f: table(f, ["n,c,t", '1,"a\nb",0', *ROWS, "1,x"]), "Row 24 of 't.csv' has 2 cells"),
    "an open quotation mark": (lambda f: table(f, [*GOOD[:4], '1,"x,0', *GOOD[4:]]), "marks in row 5 of 't.csv'"),
    "semicolons": (lambda f: table(f, [line.replace(",", ";") for line in GOOD]), "looks separated by ';'"),
    "tabs in a csv": (lambda f: table(f, [line.replace(",", "\t") for line in GOOD]), "looks separated by tabs"),
    "commas in a tsv": (lambda f: table(f, GOOD, "t.tsv"), "looks separated by commas, not by tabs"),
    "no names": (lambda f: table(f, ["1.5,2,3", *(f"{i},2,{i % 2}" for i in range(20))]), "first row of 't.csv' holds"),
    "Latin-1": (lambda f: raw(f, "\n".join(with_cell(4, "café", 1)).encode("latin-1")), "Row 6 of 't.csv' holds the byte 0xE9"),
    "UTF-16": (lambda f: raw(f, "\n".join(GOOD).encode("utf-16")), "'t.csv' is UTF-16"),
    "a workbook called csv": (lambda f: raw(f, b"PK\x03\x04" + bytes(40)), "'t.csv' is not text"),
    "a wrong ending": (lambda f: raw(f, b"x", "t.xlsx"), "'t.xlsx' has an ending that is not known"),
    "a missing file": (lambda f: (table(f, GOOD, "sales.csv"), load(f / "sale.csv")), "nearest name there is 'sales.csv'"),
    "a name that no file can have": (lambda f: load("x" * 5000 + ".csv"), "no file"),
    "an address": (lambda f: load("https://example.org/t.csv"), "download the file"),
    "a missing folder": (lambda f: load(f / "no" / "sales.csv"), "no folder"),
    "a wrong bundled name": (lambda f: load("digit"), "nearest name is 'digits'"),
    "a bundled name in capitals": (lambda f: load("Breast-Cancer"), "nearest name is 'breast_cancer'"),
    "a target for a bundled set": (lambda f: load("iris", target="species"), "bring their own target"),
    "a corrupt gzip": (lambda f: raw(f, gzip.compress("\n".join(GOOD).encode())[:40], "t.csv.gz"), "gzip file 't.csv.gz'"),
    "no gzip": (lambda f: raw(f, "\n".join(GOOD).encode(), "t.csv.gz"), "'t.csv.gz' is not gzip"),
    "no Parquet": (lambda f: raw(f, b"PAR1 and then nothing", "t.parquet"), "'t.parquet' is not a Parquet file"),
    "an empty Parquet": (lambda f: raw(f, b"", "t.parquet"), "'t.parquet' is not a Parquet file"),
    "an unknown target": (lambda f: table(f, GOOD, target="tt"), "no column 'tt': did you mean 't'"),
    "no target": (lambda f: table(f, GOOD, target=None), "--target NAME: the columns are n, c, t"),
    "two columns that may be the target": (
        lambda f: table(f, ["label,y,t", *ROWS], target=None), "--target NAME: the columns are label, y, t"),
    "an unknown column to drop": (lambda f: table(f, ["price,c,t", *ROWS], drop=["prise"]), "did you mean 'price'"),
    "dropping the target": (lambda f: table(f, GOOD, drop=["t"]), "target 't' is among the columns to drop"),
    "dropping everything": (lambda f: table(f, GOOD, drop=["n", "c"]), "No column is left"),
    "only a target": (lambda f: table(f, ["t", *(str(i % 2) for i in range(20))]), "No column is left"),
    "an unknown task": (lambda f: table(f, GOOD, task="regresion"), "did you mean 'regression'"),
    "regression on text": (lambda f: table(f, GOOD, target="c", task="regression"), "'c' holds text such as 'x'"),
    "classes of fractions": (
        lambda f: table(f, ["n,t", *(f"{i % 3},{i / 7}" for i in range(90))], task="classification"), "90 different values"),
    "names as classes": (lambda f: table(f, ["n,t", *(f"{i},name {i}" for i in range(20))]), "20 different values"),
    "dates as a target": (
        lambda f: table(f, ["n,t", *(f"{i},2024-01-{i + 10}" for i in range(20))]), "'t' holds dates"),
    "a folder": (lambda f: load(f), "holds no IDX files"),
}  # fmt: skip


IMAGES = np.arange(20 * 6, dtype=np.uint8).reshape(20, 2, 3)
LABELS = (np.arange(20) % 2).astype(np.uint8)


def idx_folder(
    folder: Path, images: bytes = idx_bytes(IMAGES), labels: bytes | None = idx_bytes(LABELS), **more: bytes
) -> object:
    (folder / "train-images-idx3-ubyte").write_bytes(images)
    if labels is not None:
        (folder / "train-labels-idx1-ubyte").write_bytes(labels)
    for name, data in more.items():
        (folder / name.replace("_", "-")).write_bytes(data)
    return load(folder)


def npz(folder: Path, **arrays: object) -> object:
    np.savez(folder / "a.npz", **arrays)
    return load(folder / "a.npz")


def written(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


NUMBERS = np.arange(60.0).reshape(20, 3)
HALVES = np.arange(20) % 2
FRAME = pl.DataFrame({"n": np.arange(20.0), "t": HALVES})


ARRAY_CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a wrong magic number": (lambda f: idx_folder(f, b"\x89PNG" + bytes(90)), "magic number"),
    "an empty IDX file": (lambda f: idx_folder(f, b""), "magic number"),
    "a truncated IDX file": (lambda f: idx_folder(f, idx_bytes(IMAGES)[:-5]), "shorter than its header promises"),
    "a truncated IDX header": (lambda f: idx_folder(f, idx_bytes(IMAGES)[:7]), "shorter than its header promises"),
    "an IDX file with more": (lambda f: idx_folder(f, idx_bytes(IMAGES) + b"x"), "longer than its header promises"),
    "fewer labels": (lambda f: idx_folder(f, labels=idx_bytes(LABELS[:-1])), "20 images and 19 labels"),
    "no labels": (lambda f: idx_folder(f, labels=None), "no train labels"),
    "labels in place of images": (lambda f: idx_folder(f, idx_bytes(LABELS)), "array with 1 axes where 3"),
    "test images of another size": (
        lambda f: idx_folder(
            f, t10k_images_idx3_ubyte=idx_bytes(IMAGES[:, :, :2].copy()), t10k_labels_idx1_ubyte=idx_bytes(LABELS)),
        "2x2 and the training images 2x3"),
    "test images without labels": (
        lambda f: idx_folder(f, t10k_images_idx3_ubyte=idx_bytes(IMAGES)), "no t10k labels"),
    "a corrupt gzip in a folder": (lambda f: idx_folder(f, gzip.compress(idx_bytes(IMAGES))[:-9]), "damaged or cut short"),
    "dropping pixels": (lambda f: load("digits", drop=["pixel 0,0"]), "no columns to drop"),
    "npz without y": (lambda f: npz(f, X=NUMBERS), "no array 'y' (it holds X)"),
    "npz without X": (lambda f: npz(f, a=NUMBERS, y=HALVES), "no array 'X' (it holds a, y)"),
    "npz with objects": (lambda f: npz(f, X=np.array([{}] * 20), y=HALVES), "holds Python objects"),
    "no npz": (lambda f: load(written(f, "a.npz", b"nothing")), "'a.npz' is not an .npz file"),
    "an empty npz": (lambda f: load(written(f, "a.npz", b"")), "'a.npz' is not an .npz file"),
    "a damaged npz": (lambda f: (npz(f, X=NUMBERS, y=HALVES), load(
        written(f, "b.npz", (f / "a.npz").read_bytes()[:300]))), "'b.npz' is not an .npz file"),
    "an npy called npz": (lambda f: (np.save(f / "a.npy", NUMBERS), load(
        written(f, "a.npz", (f / "a.npy").read_bytes()))), "'a.npz' is not an .npz file"),
    "X and y of different length": (lambda f: load((NUMBERS, HALVES[:-1])), "X has 20 rows and y has 19"),
    "X with one axis": (lambda f: load((HALVES, HALVES)), "X has the shape (20,)"),
    "X with four axes": (lambda f: load((np.zeros((20, 2, 2, 3)), HALVES)), "X has the shape (20, 2, 2, 3)"),
    "X without columns": (lambda f: load((np.zeros((20, 0)), HALVES)), "X has the shape (20, 0)"),
    "X of objects": (lambda f: load((NUMBERS.astype(object), HALVES)), "X holds Python objects"),
    "X of texts": (lambda f: load((NUMBERS.astype(str), HALVES)), "not numbers"),
    "X of complex numbers": (lambda f: load((NUMBERS * 1j, HALVES)), "X holds complex128"),
    "ragged X": (lambda f: load(([[1.0], [1.0, 2.0]], [0, 1])), "rows of different lengths"),
    "infinite X": (lambda f: load((np.where(NUMBERS == 7, np.inf, NUMBERS), HALVES)), "'x1' is infinite in row 2"),
    "an image with NaN": (
        lambda f: load((np.full((20, 2, 2), np.nan), HALVES)), "image in row 0 (counted from 0) has a pixel that is NaN"),
    "y with NaN": (lambda f: load((NUMBERS, np.where(HALVES, np.nan, 1.0))), "missing in row 1 (counted from 0)"),
    "y with two columns": (lambda f: load((NUMBERS, NUMBERS[:, :2])), "The target y has the shape (20, 2)"),
    "y of mixed types": (lambda f: load((NUMBERS, [1, "a"] * 10)), "texts and other values"),
    "a number for a source": (lambda f: load(5), "A int is not a data source"),
    "a column for a source": (lambda f: load(pd.Series(HALVES)), "A Series is not a data source"),
    "a column for X": (lambda f: load((pd.Series(HALVES), HALVES)), "X has the shape (20,)"),
    "a frame without its target": (lambda f: load(FRAME, target="x"), "no column 'x'"),
    "a target in X as well": (lambda f: load((FRAME, FRAME["t"])), "X has a column 't'"),
    "a frame without columns": (lambda f: load(pl.DataFrame()), "the columns are none"),
    "a frame without rows": (lambda f: load(FRAME.clear(), target="t"), "There are 0 rows"),
    "a frame of Python objects": (
        lambda f: load(FRAME.with_columns(pl.Series("o", [object()] * 20, dtype=pl.Object)), target="t"), "'o' holds object values"),
    "a frame of bytes": (lambda f: load(FRAME.with_columns(b=pl.lit(b"x")), target="t"), "'b' holds binary values"),
    "a frame of lists": (lambda f: load(FRAME.with_columns(l=[[1]] * 20), target="t"), "'l' holds list values"),
    "a frame with text among numbers": (
        lambda f: load(FRAME.with_columns(s=pl.Series([str(i) for i in range(19)] + ["x"])), target="t"),
        "'s' is numeric but holds 'x' in row 19 (counted from 0)"),
    "a pandas frame with equal names": (
        lambda f: load(pd.DataFrame(NUMBERS, columns=["a", "a", "t"]), target="t"), "called 'a'"),
    "an unknown array column to drop": (lambda f: load((NUMBERS, HALVES), drop=["x9"]), "no column 'x9'"),
}  # fmt: skip


def model(**options) -> Preparation:
    frame = pl.DataFrame({
        "age": np.arange(20.0), "colour": ["red", "blue"] * 10, "ok": [True, False] * 10,
        "day": [f"2024-01-{i + 10}" for i in range(20)], "t": HALVES,
    })  # fmt: skip
    data = load(frame, target="t", **options)
    return Preparation.fit(data, np.arange(20))


def array_model() -> Preparation:
    return Preparation.fit(load((NUMBERS, HALVES)), np.arange(20))


def new_rows(folder: Path, lines: list[str], name: str = "new.csv") -> object:
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_features(folder / name, model())


NEW = ["age,colour,ok,day", "3,red,true,2024-02-01"]

PREDICTION_CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a lacking column": (lambda f: new_rows(f, ["Age,colour,ok,day", *NEW[1:]]), "lack the column 'age' that the model was trained on (is 'Age' meant?)"),
    "a lacking column with nothing near": (lambda f: new_rows(f, ["age,zzz,ok,day", *NEW[1:]]), "'colour'"),
    "text in a number column": (lambda f: new_rows(f, [*NEW, "old,red,true,2024-02-01"]), "'old' in row 3"),
    "a word for a truth value": (lambda f: new_rows(f, [*NEW, "3,red,perhaps,2024-02-01"]), "'perhaps' in row 3"),
    "no date": (lambda f: new_rows(f, [*NEW, "3,red,true,tomorrow"]), "'day' held dates in training but holds 'tomorrow' in row 3"),
    "an infinite number": (lambda f: new_rows(f, [*NEW, "inf,red,true,2024-02-01"]), "'age' is infinite in row 3"),
    "no rows": (lambda f: new_rows(f, NEW[:1]), "'new.csv' has column names but no rows"),
    "an empty file": (lambda f: load_features(written(f, "new.csv", b""), model()), "'new.csv' is empty"),
    "a frame without rows": (lambda f: load_features(FRAME.clear(), model()), "have no rows"),
    "a missing file": (lambda f: load_features(f / "new.csv", model()), "no file"),
    "an array for a table": (lambda f: load_features(NUMBERS, model()), "named columns"),
    "a table for an array": (lambda f: load_features(FRAME, array_model()), "without column names"),
    "an array too narrow": (lambda f: load_features(NUMBERS[:, :2], array_model()), "rows of 3 numbers and these have 2"),
    "an array without rows": (lambda f: load_features(NUMBERS[:0], array_model()), "nothing"),
    "images of another size": (
        lambda f: load_features(NUMBERS, Preparation.fit(load("digits"), np.arange(50))), "rows of 8x8 numbers"),
    "dates for numbers": (
        lambda f: load_features(pl.DataFrame({"age": [date(2024, 1, 1)], "colour": ["red"], "ok": [True],
                                             "day": ["2024-01-01"]}), model()), "'age' was a numeric column"),
}  # fmt: skip

CASES = {
    **{f"table: {name}": case for name, case in TABLE_CASES.items()},
    **{f"arrays: {name}": case for name, case in ARRAY_CASES.items()},
    **{f"prediction: {name}": case for name, case in PREDICTION_CASES.items()},
}


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_ends_in_one_sentence(name, tmp_path):
    mistake, part = CASES[name]
    with pytest.raises(InputError) as caught:
        mistake(tmp_path)
    sentence = str(caught.value)
    assert part in sentence
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert "\n" not in sentence
    # One sentence: no full stop is followed by a blank and a capital.
    assert ". " not in sentence


def test_the_good_table_of_these_cases_is_good(tmp_path):
    table(tmp_path, GOOD)
    assert len(load(tmp_path / "t.csv", target="t")) == 20
    assert len(idx_folder(tmp_path)) == 20
    assert load_features(written(tmp_path, "new.csv", "\n".join(NEW).encode()), model())[0].height == 1
