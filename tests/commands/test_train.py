"""The verb train: what may influence what, and what a run holds."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import couloir
from couloir.commands import train as workflow
from couloir.data.splits import split_rows
from couloir.errors import InputError
from couloir.runs import ledger
from couloir.runs import stored as runs
from couloir.runs.records import text_of
from poison import hold_division, poisoned

SMALL = {"optimizer": ["adam", "sgd"], "learning_rate": [0.01, 0.1], "hidden": 8, "epochs": 6}


@pytest.fixture(scope="module")
def wine() -> Any:
    return couloir.load("wine")


@pytest.fixture(scope="module")
def run(wine: Any) -> Any:
    return couloir.train(wine, **SMALL)


@pytest.fixture
def same_split(monkeypatch: pytest.MonkeyPatch, wine: Any) -> Any:
    split = split_rows(wine)
    hold_division(monkeypatch, split)
    return split


@pytest.mark.slow
def test_the_test_part_reaches_no_fit_and_no_choice(run: Any, wine: Any, same_split: Any) -> None:
    other = couloir.train(poisoned(wine, same_split.test), **SMALL)
    assert other.record.winner == run.record.winner
    assert other.record.validation == run.record.validation
    assert other.leaderboard.equals(run.leaderboard)
    assert other.history.equals(run.history)
    assert other.model.preparation == run.model.preparation
    for ours, theirs in zip(run.model.layers, other.model.layers, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert other.test["log_loss"] > run.test["log_loss"], "the poison shows where it may: in the score"


def test_the_validation_part_reaches_no_fit(run: Any, wine: Any, same_split: Any) -> None:
    whole = couloir.train(wine, patience=None, **SMALL)
    other = couloir.train(poisoned(wine, same_split.validation), patience=None, **SMALL)
    assert other.model.preparation == whole.model.preparation
    ours, theirs = (each.history.sort("member", "epoch")["training_loss"] for each in (whole, other))
    assert ours.equals(theirs), "every member took the same path"
    assert not whole.history["validation_loss"].equals(other.history["validation_loss"])


def test_the_winner_is_the_best_on_validation(run: Any) -> None:
    board = run.leaderboard
    assert board["validation_loss"].to_list() == sorted(board["validation_loss"])
    assert run.record.winner.member == board["member"][0]
    best = run.history.filter(member=board["member"][0])["validation_loss"].min()
    assert board["validation_loss"][0] == best
    assert run.record.validation["log_loss"] == pytest.approx(best, rel=1e-5)


def test_a_run_folder_holds_the_run(run: Any, tmp_path: Path) -> None:
    folder = run.save(tmp_path / "runs")
    assert sorted(path.name for path in folder.iterdir()) == [
        "history.parquet",
        "leaderboard.parquet",
        "model.json",
        "model.safetensors",
        "predictions.parquet",
        "report.html",
        "run.json",
    ]
    again = couloir.open_run(tmp_path / "runs" / "latest")
    assert again.record == run.record
    assert text_of(again.record) + "\n" == (folder / "run.json").read_text("utf-8")
    assert again.leaderboard.equals(run.leaderboard)
    data = couloir.load("wine")
    assert again.predict((data.features, data.target)).tolist() == run.model.predict(data.features).tolist()
    assert set(again.record.seconds) >= {"import", "load", "compile", "train", "report", "total"}


def test_a_folder_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fails() -> None:
        with runs.new_folder(tmp_path, "broken") as (folder, _):
            (folder / "half").write_text("written")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert list(tmp_path.iterdir()) == []


def test_refitting_uses_training_and_validation_rows(wine: Any) -> None:
    refitted = couloir.train(wine, refit=True, **SMALL)
    winner = refitted.record.winner
    assert winner.refit_epochs == winner.best_epoch
    rows = np.concatenate([split_rows(wine).train, split_rows(wine).validation])
    column = refitted.model.preparation.columns[0]
    raw = (
        wine.features[column.name].to_numpy()
        if isinstance(wine.features, pl.DataFrame)
        else wine.features[:, 0]
    )
    assert column.mean == pytest.approx(raw[rows].mean(), rel=1e-12)


def test_the_ledger_counts_a_test_part_over_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COULOIR_HOME", str(tmp_path))
    part, other = np.arange(5), np.arange(6)
    assert [ledger.enter("data", part, "one"), ledger.enter("data", part, "two")] == [1, 2]
    assert ledger.enter("data", other, "three") == 1
    assert ledger.enter("other", part, "four") == 1
    with ledger.ledger_path().open("a", encoding="utf-8") as file:
        file.write("cut sho\n")
    assert ledger.enter("data", part, "five") == 3


def test_a_population_that_diverges_is_one_sentence() -> None:
    with pytest.raises(InputError, match="All 1 members diverged"):
        couloir.train("diabetes", optimizer="sgd", learning_rate=1e9, epochs=3)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"seed": -1}, "seed"),
        ({"patience": 0}, "patience"),
        ({"minutes": 0}, "minutes"),
        ({"metric": "r2"}, "classification"),
        ({"metric": "acuracy"}, "accuracy"),
        ({"batch_size": 5000}, "5000"),
    ],
)
def test_conditions_that_cannot_be_meant(given: dict[str, Any], told: str, wine: Any) -> None:
    with pytest.raises(InputError, match=told):
        couloir.train(wine, **given)


def test_testing_waits_for_what_is_imported_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that is imported only in part breaks one that looks at it, as Plotly does at pandas."""
    steps: list[str] = []

    def slow(name: str) -> None:
        time.sleep(0.05)
        steps.append(name)

    class Looked(Exception):
        """Somebody has looked at the choice."""

    class Choice:
        def __getattr__(self, name: str) -> Any:
            steps.append("choice")
            raise Looked

    # The libraries themselves have been imported long since, by other tests.
    monkeypatch.setattr(workflow, "import_module", slow)
    workflow.import_ahead(report=True)
    with pytest.raises(Looked):
        workflow.tested(Choice())
    names = ["sklearn.linear_model", "couloir.report.page", "plotly.graph_objects", "jinja2"]
    assert steps == [*names, "choice"]


class Locked(workflow.Observer):
    """Tells one thing at a time, as a terminal does, and is interrupted while it tells of an epoch."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.said = threading.Event()

    def epoch(self, progress: Any) -> None:
        with self.turn:
            if progress.epoch == 2:
                signal.raise_signal(signal.SIGINT)

    def stage(self, what: str) -> None:
        assert self.turn.acquire(timeout=20), "it waits for the thread that it has interrupted"
        self.turn.release()
        if what.startswith("interrupted"):
            self.said.set()


def test_an_interruption_in_the_middle_of_telling_is_told_and_ends_the_training(wine: Any) -> None:
    observer = Locked()
    assert couloir.train(wine, **SMALL, observer=observer).record.status == "interrupted"
    assert observer.said.wait(20)
