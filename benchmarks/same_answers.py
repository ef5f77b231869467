"""Do two builds give the same answers? Run the same commands with each, and compare what they print.

    python benchmarks/same_answers.py run before.json --couloir ../old/.venv/bin/couloir
    python benchmarks/same_answers.py run after.json
    python benchmarks/same_answers.py compare before.json after.json

Every command's `--json` record is kept whole. Two records are brought to the newest version and compared leaf
by leaf: numbers by their relative difference, all else for equality. What depends on the clock, the machine
or the folder is left out (`IGNORED`), and a key that only one of them has is listed apart.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from couloir.runs.records import record_of

TABLES = Path(__file__).parents[2] / "shared" / "data" / "tables"

COMMANDS = {
    "train digits": ["train", "digits"],
    "train titanic": [
        *("train", str(TABLES / "titanic.csv"), "--target", "survived", "--drop", "alive"),
        *("--cv", "5", "--ensemble", "5"),
    ],
    "train diamonds": ["train", str(TABLES / "diamonds.csv"), "--target", "price", "--epochs", "5"],
    "race iris": ["race", "iris"],
    "search wine": ["search", "wine", "--trials", "32"],
    "race beale": ["race", "beale"],
    "gradcheck iris": ["gradcheck", "iris"],
    "guess iris": ["guess", "iris", "--guesses", "1e4"],
}
"""What is run, by a short name."""

IGNORED = {
    *("created", "command", "versions", "schema_version", "platform", "machine", "out", "folder", "run"),
    *("seconds", "compile_seconds", "training_seconds", "timings", "stages", "member_samples_per_second"),
    *("times_scored", "seconds_to_target", "backward_ratio"),
}
"""Keys whose values differ from run to run."""


def is_time(key: str) -> bool:
    """Whether a key names something that depends on the clock or the place."""
    return key in IGNORED or key.endswith(("seconds", "_per_second", "microseconds"))


def run(couloir: str, out: Path, only: list[str]) -> None:
    """Run every command, and keep the records."""
    records = json.loads(out.read_text()) if out.exists() else {}
    for name, words in COMMANDS.items():
        if only and name not in only:
            continue
        folder = tempfile.mkdtemp()
        try:
            done = subprocess.run(
                [couloir, *words, "--json", "--out", folder], capture_output=True, text=True, check=False
            )
        finally:
            shutil.rmtree(folder)
        if done.returncode:
            sys.exit(f"{name} ended with {done.returncode}:\n{done.stderr}")
        records[name] = json.loads(done.stdout)
        out.write_text(json.dumps(records))
        print(f"{name}: done", flush=True)


def differences(old: Any, new: Any, at: str = "") -> Iterator[tuple[str, str, float]]:
    """Every place where two records differ: where, how, and the relative difference of two numbers."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            if is_time(key):
                continue
            if key not in old or key not in new:
                value = new.get(key, old.get(key))
                yield f"{at}.{key}", f"only {'before' if key in old else 'after'}: {str(value)[:60]}", 0.0
            else:
                yield from differences(old[key], new[key], f"{at}.{key}")
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(old) == len(new):
        for number, pair in enumerate(zip(old, new, strict=True)):
            yield from differences(*pair, f"{at}[{number}]")
    elif isinstance(old, float) and isinstance(new, float):
        if old != new:
            yield at, f"{old!r} became {new!r}", abs(old - new) / max(abs(old), abs(new))
    elif old != new:
        yield at, f"{str(old)[:60]} became {str(new)[:60]}", float("inf")


def compare(before: Path, after: Path) -> None:
    """Print what differs, command by command."""
    old, new = json.loads(before.read_text()), json.loads(after.read_text())
    for name in COMMANDS:
        if name not in old or name not in new:
            print(f"{name}: was not run by both")
            continue
        found = list(differences(*(to_builtins(record_of(each[name])) for each in (old, new))))
        worst = max((size for *_, size in found), default=0.0)
        print(f"{name}: " + (f"{len(found)} differences, the largest {worst:.2g}" if found else "equal"))
        for at, how, _ in found[:40]:
            print(f"    {at}: {how}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="run every command and keep the records")
    running.add_argument("out", type=Path)
    running.add_argument("--couloir", default="couloir", help="the program to run")
    running.add_argument("--only", action="append", default=[], choices=COMMANDS, help="a command")
    comparing = commands.add_parser("compare", help="compare two files of records")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    given = parser.parse_args()
    if given.command == "run":
        run(given.couloir, given.out, given.only)
    else:
        compare(given.before, given.after)


if __name__ == "__main__":
    main()
