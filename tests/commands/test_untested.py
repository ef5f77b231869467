"""Where no row is kept to test on: nothing is scored or counted, all rows are used, and it is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import couloir
from couloir.cli.results import print_found
from couloir.commands.progress import data_lines
from couloir.errors import InputError
from couloir.model.predictor import Ensemble, Model
from couloir.runs import ledger
from couloir.runs.records import text_of
from couloir.selection import evaluation, testing
from couloir.selection.problem import Conditions, prepare
from recorded_runs import recorded

SMALL: dict[str, Any] = {"optimizer": "adam", "learning_rate": [0.01, 0.1], "hidden": 4, "epochs": 3}
SPLIT = (0.8, 0.2, 0)
NAMES = ("untested", "untested_folds", "untested_search")


def refused(*_: Any, **__: Any) -> Any:
    raise AssertionError("something was tested")


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], bool]:
    """Whatever only a test needs fails from now on; gives whether the ledger is as it was: not there."""
    monkeypatch.setenv("COULOIR_HOME", str(tmp_path / "home"))
    for name in ("linear", "naive", "intervals", "confusion"):
        monkeypatch.setattr(evaluation, name, refused)
    monkeypatch.setattr(testing, "_test", refused)
    for kind in (Model, Ensemble):
        monkeypatch.setattr(kind, "answers", refused)
    return lambda: not ledger.ledger_path().exists()


def check(run: Any) -> None:
    """Nothing in the record was tested."""
    record = run.record
    assert run.test is None
    assert record.test is record.baseline is record.linear is record.ledger is record.calibration is None
    assert record.finalists
    assert {entry.test for entry in record.finalists} == {None}
    assert record.rivals == []
    assert record.times_scored is None


def test_a_training_learns_from_and_chooses_by_all_rows(untouched: Callable[[], bool]) -> None:
    run = couloir.train("iris", split=SPLIT, **SMALL)
    check(run)
    assert untouched()
    sizes = run.record.data.split
    assert (sizes.train, sizes.validation, sizes.test) == (120, 30, 0)
    assert run.predictions.height == 30
    assert "testing" not in json.loads(text_of(run.record))["seconds"]


def test_folds_hold_out_every_row(untouched: Callable[[], bool]) -> None:
    run = couloir.train("iris", split=SPLIT, cv=3, ensemble=2, **SMALL)
    check(run)
    assert untouched()
    assert run.record.data.split.train == 150
    assert sorted(run.predictions["row"]) == list(range(150))
    assert sum(size.held_out for size in run.record.cross_validation.sizes) == 150


def test_a_search_tests_nothing(untouched: Callable[[], bool], tmp_path: Path) -> None:
    run = couloir.search("iris", split=SPLIT, trials=4, generation=4, space=None, out=tmp_path / "runs")
    check(run)
    assert untouched()
    assert sorted(run.predictions["row"]) == list(range(150))
    again = couloir.open_run(run.folder)
    check(again)


def test_test_rows_that_the_data_bring_are_neither_learnt_from_nor_scored(
    untouched: Callable[[], bool],
) -> None:
    data = replace(couloir.load("iris"), test_rows=np.arange(0, 150, 5))
    absurd = data.features.to_numpy().copy() if hasattr(data.features, "to_numpy") else data.features.copy()
    absurd[::5] = 1e6
    other = replace(data, features=type(data.features)(absurd, schema=data.features.columns))
    runs = [couloir.train(each, split=SPLIT, **SMALL) for each in (data, other)]
    assert untouched()
    assert runs[0].history.equals(runs[1].history)
    assert not np.isin(runs[0].predictions["row"].to_numpy(), data.test_rows).any()
    assert (runs[0].record.data.split.train, runs[0].record.data.split.validation) == (96, 24)
    lines = list(data_lines(prepare(data, Conditions(split=SPLIT))))
    assert ("rows", "96 to learn from, 24 to choose by, 0 to test") in lines
    assert lines[-1] == ("", "30 rows that the data bring to test on are left alone")


def test_a_race_is_refused_in_a_sentence() -> None:
    with pytest.raises(InputError, match="A race tests its winner, and this split leaves no row for it"):
        couloir.race("iris", split=(0.85, 0.15, 0))


def test_a_landscape_finds_the_rows_again(tmp_path: Path) -> None:
    run = couloir.train("iris", split=SPLIT, out=tmp_path, **SMALL)
    found = couloir.landscape(run.folder, plane="line", resolution=5)
    assert found.record.kind == "landscape"


# What is said -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quiet", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_the_terminal_says_so(name: str, quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:
    run = couloir.open_run(recorded(name))
    print_found(run, quiet=quiet)
    said = " ".join(capsys.readouterr().out.split())
    assert "where it was chosen; nothing was tested" in said
    assert "against" not in said
    assert "test accuracy" not in said
    assert "test R²" not in said
    if not quiet:
        assert "Nothing was tested: the split leaves no row for it." in said
        assert "so they flatter" in said


@pytest.mark.parametrize("name", NAMES)
def test_json_has_nothing_in_place_of_scores(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_found(couloir.open_run(recorded(name)), as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert [told[key] for key in ("test", "linear", "baseline", "ledger", "calibration")] == [None] * 5


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_shows_the_score_of_the_choice(name: str) -> None:
    run = couloir.open_run(recorded(name))
    assert repr(run).endswith("where it was chosen, nothing tested>")
    assert "where it was chosen, nothing tested" in run._repr_html_()
