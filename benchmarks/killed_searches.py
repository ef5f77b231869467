"""Searches killed with kill -9 at random moments: does each resume to the uninterrupted result?

    python benchmarks/killed_searches.py [--kills 20] [--seed 0] [--out killed.json]

A small search on iris (twelve generations of eight trials) runs in a process of its own, which is killed at a
moment drawn evenly from the time that an undisturbed search takes, its end and its report included. It is
then resumed here, and everything that it found is compared, value for value, with what the same search
finds undisturbed: run.json but for times, all tables, all weights.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from _shared import machine, table, write_json

SPACE = """\
optimizer = "adam"
encoding = "standard"
schedule = ["constant", "cosine"]
l2 = { low = 1e-7, high = 1e-1, log = true }
batch_size = 16
layers = 1
width = 6
activation = "tanh"
dropout = 0.0
noise = 0.0
epochs = 9
"""
"""Whatever is searched here is traced, so that one program serves all trials."""

SETTINGS: dict[str, Any] = {"trials": 96, "generation": 8, "validation": True}
DATA = "iris"
BEGUN = "begun"


def space_file(folder: Path) -> Path:
    """The search space, written into a folder."""
    path = folder / "space.toml"
    path.write_text(SPACE, "utf-8")
    return path


def search_here(out: Path, space: Path) -> Any:
    """The search, undisturbed, in this process."""
    import couloir

    return couloir.search(DATA, space=space, out=out, **SETTINGS)


def start_search(out: Path, space: Path) -> subprocess.Popen[str]:
    """The search in a process of its own, once everything is imported there and it begins."""
    # A cache that is set for the whole process would be used with JAX's own thresholds, that is hardly.
    environment = {key: value for key, value in os.environ.items() if key != "JAX_COMPILATION_CACHE_DIR"}
    process = subprocess.Popen(
        [sys.executable, __file__, "--child", str(out), str(space)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    if process.stdout.readline().strip() != BEGUN:
        process.wait()
        raise RuntimeError(f"the search did not begin: it ended with {process.returncode}")
    return process


def child(out: Path, space: Path) -> None:
    """What the process that is killed does."""
    import couloir.commands.search  # noqa: F401 (imported before the clock starts)

    print(BEGUN, flush=True)
    search_here(out, space)


def duration(out: Path, space: Path) -> float:
    """Seconds that the search takes in a process of its own, from where it begins."""
    with start_search(out, space) as process:
        began = time.perf_counter()
        if process.wait():
            raise RuntimeError(f"the search failed: it ended with {process.returncode}")
        return time.perf_counter() - began


def killed(out: Path, space: Path, after: float) -> None:
    """Begin the search in a process of its own, and kill it after so many seconds."""
    with start_search(out, space) as process:
        time.sleep(after)
        os.kill(process.pid, signal.SIGKILL)


def resumed(out: Path, space: Path) -> tuple[Any, str]:
    """The search that was killed, brought to its end here; and where it was when it was killed."""
    import couloir
    from couloir.errors import InputError

    folders = [path for path in out.glob("*") if path.is_dir() and not path.is_symlink()]
    if not folders:
        return search_here(out, space), "before its folder"
    (folder,) = folders
    marks = (folder / "journal.log").read_bytes().count(b'"committed"') if any(folder.iterdir()) else 0
    where = f"after {max(marks - 1, 0)} generations" + (
        ", all written" if (folder / "run.json").exists() else ""
    )
    try:
        return couloir.search(DATA, resume=folder), where
    except InputError as error:
        if "before it began" not in str(error) and "no search" not in str(error):
            raise
        return search_here(out, space), "before its first mark"


# Comparing ----------------------------------------------------------------------------------------------


def found(run: Any) -> dict[str, Any]:
    """All that a run found, without times and counts that differ by their nature."""
    record = msgspec.to_builtins(run.record)
    for name in ("seconds", "created", "versions", "throughput", "command"):
        record.pop(name)
    for finalist in record["finalists"]:
        finalist.pop("microseconds")
    search = record["search"]
    costs = [{name: cost[name] for name in ("generation", "trials")} for cost in search["costs"]]
    asked = {name: value for name, value in search["asked"].items() if name != "command"}
    record["search"] = {**search, "costs": costs, "asked": asked}
    record.pop("ledger")
    networks = run.model.all_networks()
    return {
        "record": record,
        "history": run.history.to_dict(as_series=False),
        "leaderboard": run.leaderboard.to_dict(as_series=False),
        "predictions": run.predictions.to_dict(as_series=False),
        **{name: frame.to_dict(as_series=False) for name, frame in run.tables.items()},
        "weights": [
            (weight.tolist(), bias.tolist()) for network in networks for weight, bias in network.layers
        ],
        "shares": getattr(run.model, "weights", None),
    }


def differences(one: Any, other: Any) -> list[str]:
    """The names of what two runs have found differently."""
    ours, theirs = found(one), found(other)
    return [name for name in ours if ours[name] != theirs.get(name)]


# The benchmark --------------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--child", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.child:
        child(*given.child)
        return {}
    with tempfile.TemporaryDirectory() as folder:
        results = measured(Path(folder), given.kills, given.seed)
    print(
        table(
            ("killed", "searches"),
            [(where, str(count)) for where, count in sorted(results["killed"].items())],
        )
    )
    print(f"\n{results['equal']} of {results['kills']} resumed to the uninterrupted result")
    if given.out:
        write_json(given.out, {"machine": machine(), **results})
    return results


def measured(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """So many searches killed and resumed, each in a folder of its own."""
    space = space_file(folder)
    whole = search_here(folder / "whole", space)
    duration(folder / "warm", space)  # fills the compilation cache that the processes share
    seconds = duration(folder / "timed", space)
    moments = np.random.default_rng(seed).uniform(0, seconds, kills)
    places: Counter[str] = Counter()
    different: list[dict[str, Any]] = []
    for number, moment in enumerate(moments.tolist()):
        out = folder / f"killed{number}"
        killed(out, space, moment)
        run, where = resumed(out, space)
        places[where] += 1
        if names := differences(whole, run):
            different.append({"moment": moment, "where": where, "different": names})
    return {
        "kills": kills,
        "equal": kills - len(different),
        "seconds": seconds,
        "killed": dict(places),
        "different": different,
    }


if __name__ == "__main__":
    main()
