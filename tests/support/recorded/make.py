"""Make the run folders beside this file: small real runs of every kind, one folder for each schema version.

    python tests/support/recorded/make.py

makes those of the version that the Couloir of this Python writes. Those of older versions were made by the
same script with an older Couloir, as kept in the history, and are never made again:

    git worktree add /tmp/older 475de77        # version 2; version 1: the last commit before 377625a
    PYTHONPATH=/tmp/older/src python tests/support/recorded/make.py

A kind that a version does not know is left out. Pages are not kept: they can be drawn again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SMALL = ["--optimizer", "adam,momentum", "--learning-rate", "0.003,0.03", "--hidden", "4", "--epochs", "6"]
RUNS: dict[str, list[str]] = {
    "classes": ["train", "iris", *SMALL],
    "values": ["train", "diabetes", *SMALL],
    "stopping": ["train", "diabetes", *SMALL, "--no-stop", "--patience", "1", "--refit"],
    "folds": ["train", "wine", *SMALL, "--cv", "3", "--ensemble", "3"],
    "average": ["train", "diabetes", *SMALL, "--ensemble", "3"],
    "images": ["train", "digits", *SMALL],
    "race": ["race", "iris", "--optimizer", "sgd,adam", "--rates", "3", "--replicates", "3", "--epochs", "4"],
    "search": ["search", "iris", "--trials", "16", "--generation", "8", "--ensemble", "3"],
    "search_on_validation": ["search", "diabetes", "--trials", "8", "--generation", "8", "--cv", "0"],
    "untested": ["train", "wine", *SMALL, "--split", "85/15/0"],
    "untested_folds": ["train", "diabetes", *SMALL, "--split", "85/15/0", "--cv", "3", "--ensemble", "3"],
    "untested_search": ["search", "iris", "--trials", "8", "--generation", "8", "--split", "85/15/0"],
    "surface": ["race", "beale", "--optimizer", "sgd,adam", "--steps", "40"],
    "landscape": ["landscape", "run:classes", "--plane", "paths", "--resolution", "7"],
    "line": ["landscape", "run:values", "--plane", "line", "--resolution", "7"],
    "gradcheck": ["gradcheck", "iris", "--hidden", "4"],
    "guess": ["guess", "iris", "--guesses", "500", "--hidden", "4"],
}
"""By a folder's name what is run; `run:NAME` stands for another one's folder."""

START = "from couloir.cli import run; run()"


def made(name: str, arguments: list[str], scratch: Path) -> Path | None:
    """The run folder that a command makes, or None where this Couloir does not know the command."""
    out = scratch / name
    command = [
        str(next(scratch.glob(f"{word.removeprefix('run:')}/2*"))) if word.startswith("run:") else word
        for word in arguments
    ]
    environment = os.environ | {"COULOIR_HOME": str(scratch / "home")}
    done = subprocess.run(
        [sys.executable, "-c", START, *command, "--out", str(out)],
        env=environment,
        capture_output=True,
        text=True,
        cwd=scratch,
    )
    if done.returncode:
        print(f"{name}: left out ({done.stderr.strip().splitlines()[-1]})")
        return None
    (folder,) = (path for path in out.iterdir() if path.is_dir() and not path.is_symlink())
    return folder


def main() -> None:
    """Run everything, and put what comes of it in the place of what was there."""
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        found = {name: made(name, arguments, scratch) for name, arguments in RUNS.items()}
        for name, folder in found.items():
            if folder is None:
                continue
            for told in (*folder.glob("run.json"), *folder.glob("journal.log")):
                told.write_text(told.read_text("utf-8").replace(str(scratch.resolve()), "."), "utf-8")
            for page in folder.glob("*.html"):
                page.unlink()
            target = (
                HERE
                / f"version{json.loads((folder / 'run.json').read_text('utf-8'))['schema_version']}"
                / name
            )
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(folder, target)
            print(target.relative_to(HERE))


if __name__ == "__main__":
    main()
