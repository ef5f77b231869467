"""Where studies are kept: who may write, what is cut off, and what is said when a storage fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from couloir.errors import InputError
from couloir.selection.search.storages import cut_back, open_journal, open_storage

MARK = (
    json.dumps({"op_code": 2, "worker_id": "w", "study_id": 0, "user_attr": {"committed": 0}}).encode()
    + b"\n"
)
TRIAL = json.dumps({"op_code": 4, "study_id": 0, "user_attrs": {"committed": 1}}).encode() + b"\n"


@pytest.mark.parametrize(
    ("contents", "kept"),
    [
        (TRIAL + MARK, TRIAL + MARK),
        (MARK + TRIAL + TRIAL, MARK),
        (MARK + TRIAL + MARK[:-1], MARK),
        (MARK + TRIAL[:7], MARK),
        (MARK + b"\0\0\0\n" + MARK, MARK),
        (MARK + b"7\n" + MARK, MARK),
    ],
)
def test_a_journal_is_cut_after_its_last_mark(tmp_path: Path, contents: bytes, kept: bytes) -> None:
    journal = tmp_path / "journal.log"
    journal.write_bytes(contents)
    cut_back(journal)
    assert journal.read_bytes() == kept


def test_a_journal_without_a_mark_is_left_as_it_is(tmp_path: Path) -> None:
    journal = tmp_path / "journal.log"
    journal.write_bytes(TRIAL)
    with pytest.raises(InputError, match="start it anew"):
        cut_back(journal)
    assert journal.read_bytes() == TRIAL


HOLDER = """
import sys, time
from pathlib import Path
from couloir.selection.search.storages import open_journal
open_journal(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such lock")
def test_another_process_at_work_is_not_disturbed_and_a_killed_one_does_not_block(tmp_path: Path) -> None:
    journal = tmp_path / "journal.log"
    journal.write_bytes(b"")
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(journal)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == b"held\n"
        journal.write_bytes(MARK + TRIAL)
        with pytest.raises(InputError, match="Another process is at work"):
            cut_back(journal)
        assert journal.read_bytes() == MARK + TRIAL
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    cut_back(journal)
    assert journal.read_bytes() == MARK
    open_journal(journal)  # The same process may open it again.


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "Could not parse SQLAlchemy URL"),
        ("redis://localhost", "Can't load plugin"),
        ("sqlite:////no/such/folder/studies.db", "unable to open database file"),
    ],
)
def test_a_storage_that_cannot_be_used(url: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught, open_storage(url, "run"):
        pass
    assert "\n" not in str(caught.value)


def test_a_missing_driver_is_named_and_the_password_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with (
        pytest.raises(InputError, match="install the package 'psycopg2'") as caught,
        open_storage("postgresql+psycopg2://me:secret@localhost/studies", "run"),
    ):
        pass
    assert "secret" not in str(caught.value)


def test_a_mistake_of_our_own_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), open_storage(f"sqlite:///{tmp_path / 'studies.db'}", "run"):
        _ = 1 / 0
