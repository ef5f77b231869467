"""Files into raw tables and arrays; every way in which a file can be broken ends in one sentence.

Nothing is interpreted here: the cells of a text file stay text (`columns.py` types them).
"""

from __future__ import annotations

import bz2
import csv
import difflib
import gzip
import io
import lzma
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from couloir.data.columns import quoted
from couloir.errors import InputError

SEPARATORS = {",": "commas", ";": "';'", "\t": "tabs", "|": "'|'"}
"""What may stand between two cells, and how it is called in a sentence."""

IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
"""The third byte of an IDX file and the type that it stands for (LeCun, the MNIST page)."""

Place = Callable[[int], str]


@dataclass(frozen=True)
class Table:
    """Raw columns with the way to name one of their rows to a person."""

    frame: pl.DataFrame
    place: Place
    name: str


def existing(path: Path) -> Path:
    """The path itself.

    Raises:
        InputError: there is nothing at it; names in the same folder that are near are suggested.
    """
    if is_there(path):
        return path
    folder = path.parent
    if not is_there(folder) or not folder.is_dir():
        raise InputError(f"There is no file {quoted(path)}, and no folder {quoted(folder)}: check the path.")
    names = sorted(entry.name for entry in folder.iterdir())
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    hint = f"the nearest name there is {quoted(near[0])}." if near else "check the path."
    raise InputError(f"There is no file {quoted(path)}: {hint}")


def is_there(path: Path) -> bool:
    """Whether there is a file or folder; a name that no file can have is not an error."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def unpacked_name(path: Path) -> str:
    """The file's name without the ending that says how it is packed."""
    return path.stem if path.suffix.lower() in PACKINGS else path.name


def read_bytes(path: Path) -> bytes:
    """What a file holds, unpacked where it is packed (told by its first bytes).

    Raises:
        InputError: the file cannot be read, or the packed data are damaged.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"The file {quoted(path.name)} cannot be read: {error.strerror}.") from error
    packing = next((packing for packing in PACKINGS.values() if raw.startswith(packing.magic)), None)
    if packing is None:
        promised = PACKINGS.get(path.suffix.lower())
        if promised is not None and raw:
            raise InputError(
                f"The file {quoted(path.name)} is not {promised.name} data: unpack it, or download it again."
            )
        return raw
    try:
        return packing.unpack(raw)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, pl.exceptions.PolarsError) as error:
        raise InputError(
            f"The {packing.name} file {quoted(path.name)} is damaged or cut short: download or copy it again."
        ) from error


def _unpack_zstandard(raw: bytes) -> bytes:
    """Zstandard data unpacked: by Python from 3.14 on, else by Polars, which does so for text tables."""
    try:
        from compression import zstd
    except ImportError:
        lines = pl.read_csv(
            io.BytesIO(raw),
            has_header=False,
            # A character that no table has, so that a line is a cell; all else is left as it is.
            separator="\x1f",
            quote_char=None,
            infer_schema=False,
            new_columns=["line"],
        )
        return "\n".join(lines["line"].fill_null("")).encode() + b"\n"
    return zstd.decompress(raw)


@dataclass(frozen=True)
class Packing:
    """A way of packing a file: what it is called, its first bytes, and how it is undone."""

    name: str
    magic: bytes
    unpack: Callable[[bytes], bytes]


PACKINGS = {
    ".gz": Packing("gzip", b"\x1f\x8b", gzip.decompress),
    ".bz2": Packing("bzip2", b"BZh", bz2.decompress),
    ".xz": Packing("xz", b"\xfd7zXZ\0", lzma.decompress),
    ".zst": Packing("Zstandard", b"\x28\xb5\x2f\xfd", _unpack_zstandard),
}
"""By the ending of a file's name; what it is, is told by its first bytes."""


def read_arrow(path: Path) -> Table:
    """An Arrow file (Feather) or stream as a table.

    Raises:
        InputError: it is neither.
    """
    raw = read_bytes(path)
    try:
        read = pl.read_ipc if raw.startswith(b"ARROW1") else pl.read_ipc_stream
        frame = read(io.BytesIO(raw))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            f"The file {quoted(path.name)} is not an Arrow file, or is cut short: "
            "write it again, or save it as Parquet or CSV."
        ) from error
    return Table(frame, lambda row: f"row {row + 1} (counted from 1)", path.name)


def read_parquet(path: Path) -> Table:
    """A Parquet file as a table.

    Raises:
        InputError: it is not one.
    """
    try:
        frame = pl.read_parquet(io.BytesIO(read_bytes(path)))
    except pl.exceptions.PolarsError as error:
        raise InputError(
            f"The file {quoted(path.name)} is not a Parquet file, or is cut short: "
            "write it again, or save it as CSV."
        ) from error
    return Table(frame, lambda row: f"row {row + 1} (counted from 1)", path.name)


def read_text_table(path: Path) -> Table:
    """A CSV, TSV or TXT file as a table of texts; the first line names the columns.

    Cells are separated by commas in a .csv, by tabs in a .tsv, and in a .txt by whichever of comma, tab
    and semicolon the first line has most of. Lines that are blank are left out.

    Raises:
        InputError: no UTF-8 text, no rows, wrong separator, repeated or missing names, ragged rows, or
            a quotation mark that is not closed.
    """
    text = _decode(read_bytes(path), path.name)
    separator = _separator(text, path)
    names = _column_names(_first_record(text, separator, path.name), path.name)
    lines = _check_records(text, separator, len(names), path.name)
    if not lines:
        raise InputError(f"The file {quoted(path.name)} has column names but no rows: add the data.")
    frame = _parse(text, separator, names, len(lines))
    return Table(frame, lambda row: f"row {lines[row]}", path.name)


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file, gzipped or not.

    Raises:
        InputError: a wrong magic number, or more or fewer bytes than the header promises.
    """
    data = read_bytes(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in IDX_TYPES or not 1 <= data[3] <= 4:
        raise InputError(
            f"The file {quoted(path.name)} does not start with an IDX magic number (it starts with "
            f"0x{data[:4].hex() or '(nothing)'}): it is another kind of file."
        )
    start = 4 + 4 * data[3]
    dtype = np.dtype(IDX_TYPES[data[2]])
    shape = struct.unpack(f">{data[3]}I", data[4:start]) if len(data) >= start else (0,)
    promised = start + dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    if len(data) != promised or len(data) < start:
        more = "longer" if len(data) > promised else "shorter"
        raise InputError(
            f"The IDX file {quoted(path.name)} is {more} than its header promises "
            f"({len(data)} bytes for {promised}): download or copy it again."
        )
    array = np.frombuffer(data, dtype, offset=start).reshape(shape)
    return array if dtype.itemsize == 1 else array.astype(dtype.newbyteorder("="))


def read_npz(path: Path, needed: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The arrays X and, where there is one, y, of an .npz file.

    Raises:
        InputError: not an .npz file, an array of `needed` is absent, or one holds Python objects.
    """
    import zipfile

    try:
        with np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) as archive:
            names = list(archive.files)
            for name in needed:
                if name not in names:
                    held = ", ".join(names) or "nothing"
                    raise InputError(
                        f"The file {quoted(path.name)} has no array '{name}' (it holds {held}): "
                        "save it with np.savez(path, X=..., y=...)."
                    )
            return {name: archive[name] for name in ("X", "y") if name in names}
    except InputError:
        raise
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, AttributeError, TypeError) as error:
        objects = isinstance(error, ValueError) and "allow_pickle" in str(error) and "Object" in str(error)
        problem = "holds Python objects" if objects else "is not an .npz file, or is cut short"
        raise InputError(
            f"The file {quoted(path.name)} {problem}: save plain arrays with np.savez(path, X=..., y=...)."
        ) from error


def _decode(data: bytes, name: str) -> str:
    """The bytes as text."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(f"The file {quoted(name)} is UTF-16 text: save it as UTF-8.")
    if data[:4] in (b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0") or b"\0" in data:
        raise InputError(
            f"The file {quoted(name)} is not text but another kind of file with a text file's name: "
            "save the table as CSV."
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        line = data[:at].replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n") + 1
        raise InputError(
            f"Row {line} of {quoted(name)} holds the byte 0x{data[at]:02X}, which is not UTF-8 text "
            "(it may be Latin-1): save the file as UTF-8."
        ) from error
    if not text.strip():
        raise InputError(f"The file {quoted(name)} is empty: give one with column names and rows.")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _records(text: str, separator: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not blank, with the line that it starts on, counted from 1."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for record in reader:
            if record and not (len(record) == 1 and not record[0].strip()):
                yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"The quotation marks in row {line} of {quoted(name)} do not match: "
            'put each cell that needs them between two, and write "" for one inside.'
        ) from error


def _first_record(text: str, separator: str, name: str) -> list[str]:
    """The cells of the first line that is not blank."""
    return next((record for _, record in _records(text, separator, name)), [])


def _separator(text: str, path: Path) -> str:
    """What stands between the cells, by the file's ending and its first line."""
    head = text.lstrip()[:100_000]
    counts = {mark: len(next(csv.reader(io.StringIO(head), delimiter=mark), [])) for mark in SEPARATORS}
    suffix = Path(unpacked_name(path).lower()).suffix
    if suffix == ".txt":
        return max(counts, key=lambda mark: counts[mark])
    expected = "\t" if suffix in (".tsv", ".tab") else ","
    best = max(counts, key=lambda mark: counts[mark])
    if counts[expected] == 1 and counts[best] > 1:
        raise InputError(
            f"The file {quoted(path.name)} looks separated by {SEPARATORS[best]}, not by "
            f"{SEPARATORS[expected]}: save it with {SEPARATORS[expected]}, or rename it to "
            "end in .txt, where the first line decides."
        )
    return expected


def _column_names(header: list[str], name: str) -> list[str]:
    """The column names, with a name for columns that have none."""
    names = [cell.strip() or f"unnamed_{number}" for number, cell in enumerate(header, 1)]
    for number, column in enumerate(names):
        if column in names[:number]:
            raise InputError(
                f"Two columns of {quoted(name)} are called {quoted(column)}, columns "
                f"{names.index(column) + 1} and {number + 1}: rename one."
            )
    if _all_numbers(names):
        raise InputError(
            f"The first row of {quoted(name)} holds numbers instead of column names: "
            "put a line with the names on top."
        )
    return names


def _all_numbers(names: list[str]) -> bool:
    """Whether all names are numbers, and not just the column numbers that a program writes."""
    try:
        numbers = [float(name) for name in names]
    except ValueError:
        return False
    return numbers not in ([*range(len(names))], [*range(1, len(names) + 1)])


def _check_records(text: str, separator: str, width: int, name: str) -> Sequence[int]:
    """The line of each row, for messages; every row has as many cells as the header."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        widths = Counter(map(len, reader))
    except csv.Error:
        widths = Counter()
    # The common case, several times as fast: no blank lines, no line breaks in cells, nothing wrong.
    if set(widths) == {width} and reader.line_num == widths[width] and width > 1:
        return range(2, widths[width] + 1)
    records = _records(text, separator, name)
    next(records)
    lines = []
    for line, record in records:
        if len(record) != width:
            cells = f"{len(record)} cell{'s' if len(record) != 1 else ''}"
            raise InputError(
                f"Row {line} of {quoted(name)} has {cells} where the first row names {width} columns: "
                "mend the row, or put cells that hold the separator between quotation marks."
            )
        lines.append(line)
    return lines


def _parse(text: str, separator: str, names: list[str], rows: int) -> pl.DataFrame:
    """The cells as texts, empty ones as missing."""
    try:
        frame = pl.read_csv(
            io.BytesIO(text.encode()),
            separator=separator,
            has_header=False,
            infer_schema=False,
            new_columns=names,
        )[1:]
        if frame.height == rows and frame.width == len(names):
            return frame
    except pl.exceptions.PolarsError:
        pass
    # Blank lines and stray quotation marks, which the two readers see differently: the slower one,
    # which has checked every row, is right.
    cells = [record for _, record in _records(text, separator, "")][1:]
    return pl.DataFrame(cells, schema=dict.fromkeys(names, pl.String), orient="row")
