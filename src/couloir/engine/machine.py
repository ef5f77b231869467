"""The machine that a training is laid out for: decided once, recorded, and used again.

How many chunks train side by side, how large they are and what is worth compiling follow from the machine,
and in float32 the last digits follow from those. So a machine is an input: a command decides it once, writes
it into the run, and whoever resumes the run or shares it out uses the one that is recorded.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

CONTROL_GROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Machine:
    """What is known of a machine.

    Attributes:
        cores: processor cores that a process may use, at least 1.
        memory: bytes that it may use; None where the system does not tell.
        device: what JAX computes on: "cpu", "gpu", "tpu".
        flops_per_core: about as many floating-point operations a second does a core; for predictions.
    """

    cores: int
    memory: int | None
    device: str = "cpu"
    flops_per_core: float = 40e9

    @classmethod
    def here(cls) -> Machine:
        """This machine, as far as this process may use it: its affinity and its container's limits count."""
        return _here()

    @property
    def workers(self) -> int:
        """Chunks that train at the same time: one a core, or one on an accelerator."""
        return self.cores if self.device == "cpu" else 1

    def to_json(self) -> dict[str, Any]:
        """The machine as plain values."""
        return asdict(self)


@cache
def _here() -> Machine:
    import jax

    return Machine(usable_cores(), usable_memory(), jax.default_backend())


def usable_cores(group: Path = CONTROL_GROUP) -> int:
    """The cores that this process may use: those that it is bound to, as many as its container's share.

    Args:
        group: where the system tells of a container's limits.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = _first(_quota, group / "cpu.max") or _first(
        _quota, group / "cpu/cpu.cfs_quota_us", group / "cpu/cpu.cfs_period_us"
    )
    return max(1, bound if share is None else min(bound, round(share)))


def usable_memory(group: Path = CONTROL_GROUP) -> int | None:
    """The bytes of memory that this process may use: the machine's, or its container's limit."""
    found = []
    with suppress(ValueError, OSError, AttributeError):  # not every system tells
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        limit = _first(int, group / name)
        found += [] if limit is None else [limit]
    return int(min(found)) if found else None


def memory_maps(system: Path = Path("/proc")) -> float | None:
    """The share in use of the memory maps that a process may have; None where the system sets no limit.

    Args:
        system: where Linux tells of processes.
    """
    most = _first(int, system / "sys/vm/max_map_count")
    if most is None:
        return None
    with (system / "self/maps").open("rb") as maps:
        return sum(1 for _ in maps) / most


def _first(read: Any, *paths: Path) -> Any:
    """What is made of the words in some files; None where they are not there, or tell of no limit."""
    try:
        words = [word for path in paths for word in path.read_text("utf-8").split()]
        return None if "max" in words else read(*words)
    except (OSError, ValueError, TypeError):
        return None


def _quota(quota: str, period: str) -> float | None:
    """The cores that a quota of processor time in each period comes to; None: there is no limit."""
    return float(quota) / float(period) if float(quota) > 0 else None


# Measured on two AVX-512 cores: what is quickest there, for whoever computes ------------------------------

FEW_OUTPUTS = 3
"""With no more outputs, a product for each of them gives the slopes of a layer's weights fastest."""

SIGNALS_SCORED_AT_ONCE = 2**20
"""Signals of the widest layer, over all members, in a block of samples that a population is scored on, at
most, about: a block as large as the processor's caches allow."""

ROWS_SCORED_AT_ONCE = 256
"""Samples in such a block at least."""

SHORT_SECONDS = 0.1
"""A chunk alone whose epoch takes less runs in the thread that asks: another one's would take half a
millisecond to begin and end, and is there so that Ctrl-C can be answered in the middle of an epoch."""
