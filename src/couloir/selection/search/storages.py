"""Where a study is kept: an append-only Optuna journal with commit marks, and other Optuna storages."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from couloir.errors import InputError

if TYPE_CHECKING:
    from optuna.storages import JournalStorage, RDBStorage

COMMITTED = "committed"
"""The study's attribute that marks a generation as whole: its number, or −1 for the study itself."""

_HELD: dict[tuple[int, int], int] = {}
"""Descriptors of the journals that this process has locked, by device and file; closed at its end."""


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna says nothing while this lasts: neither progress nor that some of it is experimental."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)


def open_journal(path: Path) -> JournalStorage:
    """The journal of a path, made if there is none, and locked for this process as long as it runs.

    Raises:
        InputError: another process is at work on it.
    """
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    path.touch()
    _hold(path)
    # The usual lock is a symbolic link, which Windows allows to administrators only.
    return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))


def _hold(path: Path) -> None:
    """Lock the journal against other processes; the system lifts the lock however this one ends."""
    if os.name == "nt":  # No such lock there.
        return
    import fcntl

    status = path.stat()
    key = status.st_dev, status.st_ino
    if key in _HELD:
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise InputError(
            f"Another process is at work on the search in '{path.parent}': wait for it, or stop it."
        ) from None
    _HELD[key] = descriptor


def cut_back(path: Path) -> None:
    """Cut a journal off after its last commit mark, and remove locks that a killed process left behind.

    Optuna's lock is a file beside the journal, and it waits 30 s for one that nobody removes.

    Raises:
        InputError: the journal has no mark, so that nothing can be resumed, or another process is at work.
    """
    _hold(path)
    for left_over in path.parent.glob(f"{path.name}.lock*"):
        left_over.unlink()
    end = position = 0
    with path.open("rb+") as file:
        for line in file:
            position += len(line)
            # The last line may be half written; after a power cut, what follows may be anything.
            mark = _is_mark(line) if line.endswith(b"\n") else None
            if mark is None:
                break
            end = position if mark else end
        if not end:
            raise InputError(f"The search in '{path.parent}' stopped before it began: start it anew.")
        file.truncate(end)
        file.flush()
        os.fsync(file.fileno())


def _is_mark(line: bytes) -> bool | None:
    """Whether a line of the journal is a commit mark; None for a line that cannot be read."""
    try:
        entry = json.loads(line)
        return "study_id" in entry and COMMITTED in entry.get("user_attr", {})
    except (ValueError, TypeError, AttributeError):
        return None


@contextmanager
def open_storage(url: str, name: str) -> Iterator[RDBStorage]:
    """An Optuna storage, closed in the end; what goes wrong with it is one sentence."""
    from optuna.exceptions import DuplicatedStudyError, OptunaError
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import SQLAlchemyError

    try:
        opened = RDBStorage(url)
        try:
            yield opened
        finally:
            opened.remove_session()
            opened.engine.dispose()
    except DuplicatedStudyError:
        raise InputError(
            f"The storage has a study '{name}' already: name another storage, or delete the study there."
        ) from None
    except ImportError as error:
        missing = getattr(error.__cause__, "name", None)
        driver = f"the package '{missing}'" if missing else "its database driver"
        raise InputError(
            f"The storage cannot be opened: install {driver}, or name an sqlite:/// URL."
        ) from None
    except (SQLAlchemyError, OptunaError, OSError) as error:
        raise InputError(f"The storage cannot be used: {_reason(error)}; check its URL.") from None


def _reason(error: BaseException) -> str:
    """The first line of what a storage complains of (its URL, which may hold a password, is not in it)."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).partition("\n")[0].rstrip(".")
