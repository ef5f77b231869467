"""The machine: what a process may use of it, and that what is laid out follows from it alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from couloir.engine.machine import Machine, memory_maps, usable_cores, usable_memory


def written(folder: Path, **files: str) -> Path:
    """A folder as the system shows a container's limits in, "/" written "__"."""
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def bound() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("max 100000", None),
        ("100000 100000", 1),
        ("50000 100000", 1),
        ("9900000 100000", None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_a_container_s_share_of_the_processor_counts(text: str, cores: int | None, tmp_path: Path) -> None:
    group = written(tmp_path, **{"cpu.max": text})
    assert usable_cores(group) == (bound() if cores is None else min(cores, bound()))


def test_older_control_groups_are_read_too(tmp_path: Path) -> None:
    group = written(
        tmp_path, cpu__cfs="", **{"cpu__cpu.cfs_quota_us": "100000\n", "cpu__cpu.cfs_period_us": "100000\n"}
    )
    assert usable_cores(group) == 1
    unlimited = written(
        tmp_path / "other", **{"cpu__cpu.cfs_quota_us": "-1", "cpu__cpu.cfs_period_us": "100000"}
    )
    assert usable_cores(unlimited) == bound()
    assert usable_cores(tmp_path / "nowhere") == bound()


def test_a_container_s_memory_counts(tmp_path: Path) -> None:
    whole = usable_memory(tmp_path / "nowhere")
    assert whole is not None
    assert usable_memory(written(tmp_path / "a", **{"memory.max": "1048576\n"})) == 2**20
    assert usable_memory(written(tmp_path / "b", **{"memory.max": "max\n"})) == whole
    older = written(tmp_path / "c", **{"memory__memory.limit_in_bytes": "2097152"})
    assert usable_memory(older) == 2**21


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity there")
def test_memory_maps_in_use_are_a_share_of_those_allowed(tmp_path: Path) -> None:
    assert memory_maps(tmp_path) is None, "a system that tells of no limit has none"
    system = written(tmp_path, sys__vm__max_map_count="20\n", self__maps="a\nb\nc\n")
    assert memory_maps(system) == 3 / 20


def test_a_process_bound_to_one_core_has_one() -> None:
    code = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); "
        "from couloir.engine.machine import Machine; print(Machine.here().cores)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


def test_here_is_decided_once_and_can_be_written() -> None:
    here = Machine.here()
    assert Machine.here() is here
    assert Machine(**here.to_json()) == here
    assert here.cores >= 1
    assert here.device == "cpu"
    assert here.workers == here.cores
    assert Machine(cores=8, memory=None, device="gpu").workers == 1
