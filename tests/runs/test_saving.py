"""What is saved when not everything can be: the model before the page, and no link to nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import couloir
from couloir.cli import app as cli
from couloir.estimators import CouloirRegressor, keeping

QUICK: dict[str, Any] = {"optimizer": "adam", "learning_rate": 0.01, "hidden": 4, "epochs": 3}

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes}, {bytes}))
from couloir.cli import main
sys.exit(main({words}))
"""
"""A command under a system that refuses files of more bytes, as one does whose disk is full."""

PAGE = 2_000_000
"""Bytes that a run needs and no page has room in: Plotly's script alone takes more."""


def limited(words: list[str], room: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command with room for files of so many bytes; JAX's cache is left out, which is not ours."""
    return subprocess.run(
        [sys.executable, "-c", LIMITED.format(bytes=room, words=words)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        # Python 3.11 takes bytecode that was cut short for whole, and would find it again.
        env={**os.environ, "JAX_COMPILATION_CACHE_DIR": "", "PYTHONDONTWRITEBYTECODE": "1"},
    )


def quick(verb: str) -> list[str]:
    """A command that takes little time."""
    if verb == "train":
        return ["train", "iris", "--optimizer", "adam", "--learning-rate", "0.01", "--epochs", "3"]
    if verb == "search":
        return ["search", "iris", "--trials", "2", "--generation", "2", "--cv", "none"]
    return ["race", "beale", "--steps", "20"]


# The page comes last ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no limit on the size of files there")
@pytest.mark.parametrize("verb", ["train", "search", "race"])
def test_a_page_that_has_no_room_takes_nothing_else_with_it(verb: str, tmp_path: Path) -> None:
    done = limited(quick(verb), PAGE, tmp_path)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    said = done.stderr.splitlines()[-1]
    assert "but its page cannot be written (File too large): make room, then draw it with" in said
    (folder,) = [path for path in (tmp_path / "runs").iterdir() if path.is_dir() and not path.is_symlink()]
    assert not list(folder.glob("*.html"))
    assert not [path for path in folder.iterdir() if "part" in path.name]
    # The advice can be followed.
    assert said.endswith(f"draw it with 'couloir report {folder}'.")
    assert cli.main(["report", str(folder)]) == 0
    assert len(list(folder.glob("*.html"))) == 1
    if verb != "race":
        assert np.isfinite(couloir.open_run(tmp_path / "runs" / "latest").probabilities("iris")).all()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no limit on the size of files there")
def test_a_run_that_has_no_room_at_all_leaves_nothing_half_written(tmp_path: Path) -> None:
    done = limited(quick("train"), 200, tmp_path)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("The run cannot be saved in 'runs' (")
    assert list((tmp_path / "runs").iterdir()) == []


# The link to the newest ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_search_resumed_by_the_link_leaves_the_link_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    begun = couloir.search("iris", trials=2, generation=2, validation=True, out="runs")
    went_on = couloir.search(resume="runs/latest", trials=4)
    assert went_on.folder == begun.folder
    assert Path("runs/latest").resolve() == begun.folder
    assert os.readlink("runs/latest") == begun.folder.name
    assert couloir.open_run("runs/latest").record.search.trials == 4
    # By a link of a person's own, from elsewhere.
    (tmp_path / "mine").symlink_to(begun.folder)
    couloir.search(resume="mine", trials=6)
    assert os.readlink("runs/latest") == begun.folder.name
    assert not (tmp_path / "latest").exists()


# A refit that diverges -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_estimator_keeps_its_winner_where_the_refit_diverges(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=(60, 3))
    train_population = keeping.train_population

    def diverging(*given: Any, **others: Any) -> Any:
        trained = train_population(*given, **others)
        trained.outcomes[0].status = "diverged"
        return trained

    # What diverges on all rows does so on nearly all of them as well, and would not have been chosen.
    monkeypatch.setattr(keeping, "train_population", diverging)
    estimator = CouloirRegressor(**QUICK, random_state=0, refit=True)
    with pytest.warns(ConvergenceWarning, match="The refit on all rows diverged"):
        estimator.fit(x, x[:, 0])
    monkeypatch.undo()
    plain = CouloirRegressor(**QUICK, random_state=0).fit(x, x[:, 0])
    np.testing.assert_array_equal(estimator.predict(x), plain.predict(x))
