"""The examples run as they are, and README says nothing that does not work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

import couloir
from couloir.cli.app import app

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def example(name: str, folder: Path) -> str:
    """What an example prints, run in an empty folder, where its temporary files go too.

    Its programs are compiled as a user's are, not as in the other tests.
    """
    surroundings = {
        **os.environ,
        "TMPDIR": str(folder),
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "0",
        "XLA_FLAGS": "",
    }
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", str(ROOT / "examples" / name)],
        cwd=folder,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    assert found, f"'{pattern}' is not in: {text}"
    return float(found[1])


def test_quickstart(tmp_path: Path) -> None:
    # Wine is easy: linear methods reach 0.95 and more.
    assert number(r"test accuracy ([\d.]+)", example("quickstart.py", tmp_path)) >= 0.85
    assert list(tmp_path.iterdir()) == []


def test_own_csv(tmp_path: Path) -> None:
    printed = example("own_csv.py", tmp_path)
    # The price is a product of two columns, which no linear model can follow.
    assert number(r"test part (-?[\d.]+)", printed) > number(r"linear model has (-?[\d.]+)", printed)
    assert len(re.findall(r"^predicted", printed, re.M)) == 3
    assert (
        len(list(tmp_path.glob("couloir-example-*/runs/*/run.json"))) == 2
    )  # the run, and its name "latest"


def test_one_level_down(tmp_path: Path) -> None:
    printed = example("one_level_down.py", tmp_path)
    for loss in ("cross_entropy", "focal_loss"):
        found = [float(value) for value in re.findall(rf"^{loss}.*accuracy ([\d.]+)", printed, re.M)]
        assert len(found) == 4
        assert max(found) > 0.93
    assert "(16, 30) (2, 16)" in printed


def test_compare(tmp_path: Path) -> None:
    printed = example("compare.py", tmp_path)
    lines = printed.splitlines()
    assert re.search(r"told apart|better", lines[0])
    assert number(r"nested ([\d.]+)", printed) > 0.9
    scores = re.findall(r"^(\w+) +test accuracy ([\d.]+)$", printed, re.M)
    assert [name for name, _ in scores] == ["winner", "ensemble"]
    assert min(float(score) for _, score in scores) > 0.8
    assert list(tmp_path.iterdir()) == []


def test_every_example_is_tested() -> None:
    names = {path.stem for path in (ROOT / "examples").glob("*.py")}
    assert names == {"quickstart", "own_csv", "one_level_down", "compare"}


# README -------------------------------------------------------------------------------------------------


def shell_lines() -> list[str]:
    blocks = re.findall(r"^```\n(.*?)^```", README, re.M | re.S)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith("couloir ")])
def test_readmes_commands_and_options_exist(line: str) -> None:
    words = line.split("#")[0].split()
    command = get_command(app).commands[words[1]]
    known = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known


def test_readmes_quick_start_is_two_lines_that_set_themselves_up() -> None:
    lines = [line for line in shell_lines() if line.startswith("pip install")]
    assert [line.split(" && ")[1] for line in lines] == ["uv run couloir train digits", "uv run pytest"]
    assert {line.split(" && ")[0] for line in lines} == {"pip install uv"}


def test_readmes_python_names_exist() -> None:
    for name in set(
        re.findall(r"couloir\.(\w+)", " ".join(re.findall(r"```python\n(.*?)```", README, re.S)))
    ):
        assert hasattr(couloir, name)
    for name in re.findall(r"run\.(\w+)", " ".join(re.findall(r"```python\n(.*?)```", README, re.S))):
        assert hasattr(couloir.Run, name) or name in couloir.Run.__dataclass_fields__


@pytest.mark.parametrize("target", re.findall(r"\]\((?!http)([^)]+)\)", README))
def test_readmes_links_and_pictures_are_there(target: str) -> None:
    assert (ROOT / target).exists()


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "images").glob("*.png")), ids=lambda path: path.name)
def test_pictures_are_small(path: Path) -> None:
    assert path.stat().st_size < 300_000


def test_files_that_readme_runs_are_executable() -> None:
    for name in (".ci/run", "docs/images/make", "benchmarks/throughput.py", "benchmarks/quality.py"):
        assert name in README
        assert (ROOT / name).is_file()
        assert name.endswith(".py") or os.access(ROOT / name, os.X_OK)
