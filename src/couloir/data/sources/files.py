"""Files as bytes, packed or not; a path at which there is nothing and a damaged file end in a sentence."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import polars as pl

from couloir.errors import InputError, nearest
from couloir.text import quoted


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
    near = nearest(path.name, sorted(entry.name for entry in folder.iterdir()))
    hint = f"the nearest name there is {quoted(near)}." if near else "check the path."
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


def bare_name(path: Path) -> str:
    """The file's name without its endings."""
    return Path(unpacked_name(path)).stem


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


class Packing(NamedTuple):
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
