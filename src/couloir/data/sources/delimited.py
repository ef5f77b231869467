"""Text files (CSV and its relatives) as tables of texts; every way to be broken ends in one sentence.

Nothing is interpreted here: `couloir.data.columns` types the columns.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from couloir.data.sources.files import bare_name, read_bytes, unpacked_name
from couloir.data.sources.raw import Table
from couloir.errors import InputError
from couloir.text import count, quoted

SEPARATORS = {",": "commas", ";": "';'", "\t": "tabs", "|": "'|'"}
"""What may stand between two cells, and how it is called in a sentence."""


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
    header = next((record for _, record in _records(text, separator, path.name)), [])
    names = _column_names(header, path.name)
    lines = _check_records(text, separator, len(names), path.name)
    if not lines:
        raise InputError(f"The file {quoted(path.name)} has column names but no rows: add the data.")
    frame = _parse(text, separator, names, len(lines))
    return Table(frame, lambda row: f"row {lines[row]}", bare_name(path), path.name)


def _decode(data: bytes, name: str) -> str:
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


def _separator(text: str, path: Path) -> str:
    """What stands between the cells, by the file's ending and its first line."""
    head = text.lstrip()[:100_000]
    counts = {mark: len(next(csv.reader(io.StringIO(head), delimiter=mark), [])) for mark in SEPARATORS}
    best = max(counts, key=lambda mark: counts[mark])
    suffix = Path(unpacked_name(path).lower()).suffix
    if suffix == ".txt":
        return best
    expected = "\t" if suffix in (".tsv", ".tab") else ","
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
            raise InputError(
                f"Row {line} of {quoted(name)} has {count(len(record), 'cell')} where the first row names "
                f"{width} columns: "
                "mend the row, or put cells that hold the separator between quotation marks."
            )
        lines.append(line)
    return lines


def _parse(text: str, separator: str, names: list[str], rows: int) -> pl.DataFrame:
    """The cells as texts, empty ones as missing."""
    data = io.BytesIO(text.encode())
    try:
        frame = pl.read_csv(
            data, separator=separator, has_header=False, infer_schema=False, new_columns=names
        )
        frame = frame[1:]
        if frame.height == rows and frame.width == len(names):
            return frame
    except pl.exceptions.PolarsError:
        pass
    # Blank lines and stray quotation marks, which the two readers see differently: the slower one,
    # which has checked every row, is right.
    cells = [record for _, record in _records(text, separator, "")][1:]
    return pl.DataFrame(cells, schema=dict.fromkeys(names, pl.String), orient="row")
