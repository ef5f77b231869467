"""Files that are packed: the same table as the plain one, or one sentence."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from couloir.data.loading import load, load_features
from couloir.data.preparation import Preparation
from couloir.data.sources.files import read_bytes
from couloir.errors import InputError

TEXT = 'a,"b ""c""",t\n1.5,"x, y",no\n,"two\nlines",yes\n\n2,ä,no\n' + "3,z,yes\n4,z,no\n" * 10


def zstandard(data: bytes) -> bytes:
    return pa.compress(data, codec="zstd", asbytes=True)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard,
}


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize("form", ["plain", "carriage returns", "byte order mark"])
def test_packed_tables_are_the_table(ending: str, form: str, tmp_path: Path) -> None:
    text = {"plain": TEXT, "carriage returns": TEXT.replace("\n", "\r\n"), "byte order mark": "\ufeff" + TEXT}
    (tmp_path / "mine.csv").write_bytes(text[form].encode())
    packed = tmp_path / f"mine.csv{ending}"
    packed.write_bytes(PACKERS[ending](text[form].encode()))
    plain, found = load(tmp_path / "mine.csv", target="t"), load(packed, target="t")
    assert found.fingerprint == plain.fingerprint
    assert found.name == "mine"
    assert found.features.equals(plain.features)
    preparation = Preparation.fit(plain, np.arange(len(plain)))
    features, _ = load_features(packed, preparation)
    assert np.array_equal(preparation.inputs(features), preparation.inputs(plain.features))


@pytest.mark.parametrize("ending", PACKERS)
def test_the_first_bytes_say_how_a_file_is_packed(ending: str, tmp_path: Path) -> None:
    (tmp_path / "mine.tsv").write_bytes(PACKERS[ending](TEXT.replace(",", "\t").encode()))
    assert load(tmp_path / "mine.tsv", target="t").column_names[0] == "a"


@pytest.mark.parametrize(
    ("ending", "name"), [(".gz", "gzip"), (".bz2", "bzip2"), (".xz", "xz"), (".zst", "Zstandard")]
)
def test_damaged_and_misnamed_files(ending: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / f"mine.csv{ending}"
    whole = PACKERS[ending](TEXT.encode())
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=f"The {name} file 'mine.csv{ending}' is damaged or cut short"):
        load(path, target="t")
    path.write_bytes(TEXT.encode())
    with pytest.raises(InputError, match=f"is not {name} data: unpack it"):
        load(path, target="t")


def test_messages_count_the_rows_of_the_unpacked_table(tmp_path: Path) -> None:
    text = "a,t\n" + "\n".join(f"{i},{i % 2}" for i in range(30)) + "\noops,1\n"
    for ending, pack in PACKERS.items():
        path = tmp_path / f"mine.csv{ending}"
        path.write_bytes(pack(text.encode()))
        with pytest.raises(InputError, match="'oops' in row 32"):
            load(path, target="t")


@pytest.mark.parametrize("lines", [1, 5])
def test_zstandard_text_comes_back_but_for_its_last_line_break(lines: int, tmp_path: Path) -> None:
    text = "\n".join(['"ü, ""x"" ', "", ",", "\t;|"] * lines) + "\n"
    (tmp_path / "a.csv.zst").write_bytes(zstandard(text.encode()))
    assert read_bytes(tmp_path / "a.csv.zst").decode().rstrip("\n") == text.rstrip("\n")
