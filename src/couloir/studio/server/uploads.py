"""Tables that are dropped on a page: plain names, bounded sizes, and no files but tables."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import ClientDisconnect

from couloir.errors import InputError
from couloir.studio.server.sessions import Session

LARGEST = 64 << 20
"""Bytes of one file."""

MOST = 256 << 20
"""Bytes of all files of a session together."""

ENDINGS = (".csv", ".tsv", ".parquet")


async def received(given: str, content: AsyncIterator[bytes], session: Session) -> tuple[str, int]:
    """Take a table into a session; returns the name that it is shown under, and its size.

    Raises:
        InputError: the name cannot be used, the file is too large, or it is no table; nothing is kept then.
    """
    name = shown_name(given)
    path = Path(tempfile.mkdtemp(dir=session.context.uploads)) / name
    before = session.uploading
    try:
        size = await _written(content, path, session)
        _check_table(path, name)
    except BaseException:
        session.uploading = before
        shutil.rmtree(path.parent, ignore_errors=True)
        raise
    session.context.uploaded[name] = path
    return name, size


def shown_name(given: str) -> str:
    """The name that an uploaded table is shown under; an InputError where it is no plain name of a table."""
    name = re.sub(r"[^\w. ()+-]", "_", given)
    plain = given.isprintable() and "\\" not in given and given == Path(given).name
    if not 1 <= len(given.encode()) <= 200 or not plain or given.startswith("."):
        raise InputError("The file's name cannot be used: give a plain name of at most 200 letters.")
    if Path(name).suffix.lower() not in ENDINGS:
        raise InputError(f"The file '{name}' is no table: drop one of {', '.join(ENDINGS)}.")
    return name


async def _written(content: AsyncIterator[bytes], path: Path, session: Session) -> int:
    """Write the body to a file as it arrives; returns its size."""
    size = 0
    with path.open("xb") as file:
        try:
            async for chunk in content:
                size += len(chunk)
                session.uploading += len(chunk)
                if size > LARGEST:
                    raise InputError(f"The file is larger than {LARGEST >> 20} MiB: name it in the terminal.")
                if session.uploading > MOST:
                    raise InputError(f"The page's files are over {MOST >> 20} MiB: reload it and begin anew.")
                file.write(chunk)
        except ClientDisconnect:
            raise InputError("The upload was broken off.") from None
    return size


def _check_table(path: Path, name: str) -> None:
    """Raise an InputError for a file that is not what its name says."""
    with path.open("rb") as file:
        start = file.read(4096)
    if not start:
        raise InputError(f"The file '{name}' is empty.")
    if name.lower().endswith(".parquet") != start.startswith(b"PAR1"):
        raise InputError(f"The file '{name}' is not of the kind that its ending says.")
    if b"\0" in start and not start.startswith(b"PAR1"):
        raise InputError(f"The file '{name}' is no text: save it as CSV, in UTF-8.")
