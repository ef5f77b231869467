"""Scores of a search's candidates on disk, so that a search that was stopped can go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from couloir.errors import InputError
from couloir.files import whole

Results = list[dict[str, Any]]
"""A candidate's results in every fold, as scikit-learn's `_fit_and_score` gives them."""


class Checkpoint:
    """A folder with one file for each candidate that is done."""

    def __init__(self, folder: str | Path, task: Mapping[str, Any]) -> None:
        """Open or make the folder.

        Args:
            folder: where.
            task: all that a score depends on besides the candidate's own values: data, splits, ….

        Raises:
            InputError: the folder cannot be written to.
        """
        import joblib

        self.folder = Path(folder)
        self.task = joblib.hash({name: joblib.hash(value) for name, value in task.items()})
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"The checkpoint folder '{folder}' cannot be made ({error.strerror}): give another."
            ) from error

    def _path(self, candidate: Mapping[str, Any]) -> Path:
        named = json.dumps([self.task, sorted((name, _mark(value)) for name, value in candidate.items())])
        return self.folder / f"{hashlib.sha256(named.encode()).hexdigest()[:32]}.json"

    def read(self, candidate: Mapping[str, Any]) -> Results | None:
        """A candidate's results, if it was done before; a file that cannot be read counts as none."""
        try:
            return json.loads(self._path(candidate).read_text("utf-8"))["results"]
        except (OSError, ValueError, KeyError):
            return None

    def write(self, candidate: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> None:
        """Keep a candidate's results; the file is whole or absent."""
        path = self._path(candidate)
        values = {"candidate": {name: repr(value) for name, value in candidate.items()}, "results": results}
        with whole(path) as temporary:
            temporary.write_text(json.dumps(values, default=_plain), "utf-8")


def _mark(value: Any) -> str:
    """A candidate's value as text that differs where the value does, and is the same in another process."""
    import joblib

    if value is None or np.isscalar(value):
        return repr(value)
    try:
        return joblib.hash(value)
    except Exception:  # what cannot be pickled, such as an update rule of one's own
        return repr(value)


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not a score")
