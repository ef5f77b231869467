"""NumPy's .npz files: an array X and, where there is one, y."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from couloir.data.sources.files import bare_name, read_bytes
from couloir.data.sources.raw import Arrays
from couloir.errors import InputError
from couloir.text import quoted


def read_npz(path: Path, labelled: bool) -> Arrays:
    """The arrays of an .npz file.

    Args:
        path: the file.
        labelled: whether it has to hold y as well as X.

    Raises:
        InputError: not an .npz file, an array that is needed is absent, or one holds Python objects.
    """
    raw = read_bytes(path)
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as archive:
            found = {name: archive[name] for name in ("X", "y") if name in archive.files}
            names = list(archive.files)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, AttributeError, TypeError) as error:
        objects = isinstance(error, ValueError) and "allow_pickle" in str(error) and "Object" in str(error)
        problem = "holds Python objects" if objects else "is not an .npz file, or is cut short"
        raise InputError(
            f"The file {quoted(path.name)} {problem}: save plain arrays with np.savez(path, X=..., y=...)."
        ) from error
    for name in ("X", "y") if labelled else ("X",):
        if name not in found:
            held = ", ".join(names) or "nothing"
            raise InputError(
                f"The file {quoted(path.name)} has no array '{name}' (it holds {held}): "
                "save it with np.savez(path, X=..., y=...)."
            )
    return Arrays(found["X"], found.get("y"), name=bare_name(path))
