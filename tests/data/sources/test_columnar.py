"""Arrow files: the same table as the frame, or one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from couloir.data.loading import load
from couloir.errors import InputError


@pytest.mark.parametrize("ending", ["arrow", "feather", "ipc"])
def test_arrow_files_and_streams(ending: str, tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": np.arange(30.0), "b": ["x", "y", None] * 10, "t": [0, 1] * 15})
    expected = load(frame, target="t")
    path = tmp_path / f"mine.{ending}"
    frame.write_ipc(path)
    assert load(path, target="t").fingerprint == expected.fingerprint
    frame.write_ipc_stream(path)
    assert load(path, target="t").fingerprint == expected.fingerprint
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=f"'mine.{ending}' is not an Arrow file, or is cut short"):
        load(path, target="t")
    path.write_bytes(b"something else")
    with pytest.raises(InputError, match="is not an Arrow file"):
        load(path, target="t")
