"""What both benchmarks need: the data, the machine, tables and a JSON beside them."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

SHARED_DATA = Path(
    os.environ.get("COULOIR_SHARED_DATA") or Path(__file__).resolve().parents[1].parent / "shared" / "data"
)
"""Beside the project; a second checkout elsewhere is told by COULOIR_SHARED_DATA where that is."""

PACKAGES = ("couloir", "jax", "numpy", "scikit-learn", "torch")


def mnist_rows(count: int) -> tuple[np.ndarray, np.ndarray, str]:
    """The first rows of MNIST with pixels in [0, 1]; random rows of the same shape where it is absent.

    Returns:
        pixels [sample, 784] float32, labels [sample] int64, and where they come from.
    """
    folder = SHARED_DATA / "mnist"
    if folder.is_dir():
        from couloir.data.sources.idx import read_idx

        images = read_idx(folder / "train-images-idx3-ubyte.gz")[:count]
        labels = read_idx(folder / "train-labels-idx1-ubyte.gz")[:count]
        return (
            images.reshape(len(images), -1).astype(np.float32) / 255,
            labels.astype(np.int64),
            "MNIST",
        )
    generator = np.random.default_rng(0)
    pixels = generator.random((count, 784), np.float32)
    return pixels, generator.integers(0, 10, count), "random rows of MNIST's shape (MNIST is not here)"


def machine() -> dict[str, Any]:
    """The processor, the cores this process may use, the load and the versions measured."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _processor(),
        "cores": cores,
        "load_at_start": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
    }


def _processor() -> str:
    """The processor's name where the system tells it, otherwise its architecture."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of text under a heading, the first column flush left and the others flush right."""
    widths = [max(len(row[column]) for row in [heading, *rows]) for column in range(len(heading))]

    def line(row: Sequence[str]) -> str:
        cells = [row[0].ljust(widths[0])] + [
            cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)
        ]
        return "  ".join(cells).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([line(heading), rule, *map(line, rows)])


def write_json(path: Path, results: dict[str, Any]) -> None:
    """Write the results, so that another program can read what the table shows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=2, allow_nan=False) + "\n")
