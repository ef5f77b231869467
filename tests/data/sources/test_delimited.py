"""Text files of tables, against Python's csv module and pandas."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couloir.data.loading import load

TABLES = {"titanic": "survived", "penguins": "species", "mpg": "mpg", "diamonds": "price"}


@pytest.mark.parametrize(("file", "target"), TABLES.items())
def test_every_cell_is_what_the_csv_module_reads(file, target, shared_data):
    path = shared_data / "tables" / f"{file}.csv"
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


def test_an_unnamed_first_column_as_pandas_writes_it(tmp_path):
    frame = pd.DataFrame({"a": np.arange(20) * 1.5, "t": np.arange(20) % 2})
    frame.to_csv(tmp_path / "t.csv")
    assert load(tmp_path / "t.csv", target="t").column_names == ("unnamed_1", "a")


def test_numbers_as_column_names_in_order_are_names(tmp_path):
    pd.DataFrame(np.arange(60).reshape(20, 3) % 7).to_csv(tmp_path / "t.csv", index=False)
    assert load(tmp_path / "t.csv", target="2").column_names == ("0", "1")
