"""run.json, typed: one record for each kind of run, one reader for every version, one writer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from couloir.errors import InputError
from couloir.files import whole
from couloir.runs.records.common import SCHEMA_VERSION, Record
from couloir.runs.records.findings import GradcheckRecord, GuessRecord, LandscapeRecord, SurfaceRecord
from couloir.runs.records.learned import LearnedRecord as LearnedRecord
from couloir.runs.records.learned import RaceRecord, TrainRecord
from couloir.runs.records.searched import SearchRecord
from couloir.runs.records.versions import up_to_date

RUN = "run.json"

AnyRecord = (
    TrainRecord | RaceRecord | SearchRecord | SurfaceRecord | LandscapeRecord | GradcheckRecord | GuessRecord
)


def record_of(content: Any) -> AnyRecord:
    """The record that run.json's content is, whatever its version.

    Raises:
        ValueError: its version is not known, or something in it is missing or not as it should be.
    """
    if not isinstance(content, dict):
        raise ValueError("it is not an object")
    return msgspec.convert(up_to_date(content, SCHEMA_VERSION), AnyRecord)


def read_record(folder: Path) -> AnyRecord:
    """The record of a run folder.

    Raises:
        InputError: run.json is missing or broken; the sentence says what in it.
    """
    try:
        return record_of(json.loads((folder / RUN).read_text("utf-8")))
    except FileNotFoundError:
        if (folder / "journal.log").exists():
            raise InputError(
                f"The run folder '{folder}' holds a search that has not ended: "
                f"go on with 'couloir search --resume {folder}'."
            ) from None
        raise lacking(RUN, folder) from None
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable(RUN, folder, error) from None


def lacking(file: str, folder: Path) -> InputError:
    """What to say of a run folder that a file is missing from."""
    text = f"The run folder '{folder}' has no {file}: it is not a run, or was cut short; train again."
    return InputError(text)


def unreadable(file: str, folder: Path, error: Exception) -> InputError:
    """What to say of a file of a run folder that cannot be read."""
    reason = str(error).partition("\n")[0].rstrip(".")
    return InputError(
        f"The {file} of the run folder '{folder}' cannot be read ({reason or type(error).__name__}): "
        "train again."
    )


def text_of(record: Record) -> str:
    """A record as JSON; a number that is not finite is a bug and raises a ValueError."""
    return json.dumps(msgspec.to_builtins(record), indent=1, ensure_ascii=False, allow_nan=False)


def write_record(record: Record, folder: Path) -> None:
    """Write run.json, whole or not at all."""
    text = text_of(record) + "\n"
    with whole(folder / RUN) as temporary:
        temporary.write_text(text, "utf-8")
