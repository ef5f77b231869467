"""The verb search: what may influence what, how it ends, and how it goes on."""

from __future__ import annotations

import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import optuna
import pytest

import couloir
from couloir.commands import search as searching
from couloir.commands.search import Interrupted
from couloir.commands.stages import IMPORTING
from couloir.commands.train import Silent
from couloir.data.splits import fold_rows, split_rows
from couloir.engine.machine import Machine
from couloir.errors import InputError
from couloir.runs.records import text_of
from couloir.selection.search.budget import Budget
from couloir.selection.search.study import JOURNAL, Study
from poison import hold_division, poisoned

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

TRIALS = {"trials": 18, "generation": 6}


@pytest.fixture(scope="module")
def benchmarks() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        import killed_searches
        import null_searches

        yield {"killed": killed_searches, "null": null_searches}


@pytest.fixture(scope="module")
def killing(benchmarks: dict[str, ModuleType]) -> Any:
    return benchmarks["killed"]


@pytest.fixture(scope="module")
def iris() -> Any:
    return couloir.load("iris")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("searches")


@pytest.fixture(scope="module")
def settings(killing: Any, folder: Path) -> dict[str, Any]:
    """A space whose every trial is the same program, and few trials."""
    return {**TRIALS, "space": killing.space_file(folder)}


@pytest.fixture(scope="module", params=["validation", "folds"])
def way(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"validation": True} if request.param == "validation" else {"cv": 2}


@pytest.fixture(scope="module")
def run(iris: Any, folder: Path, settings: dict[str, Any], way: dict[str, Any]) -> Any:
    """An undisturbed search."""
    return couloir.search(iris, out=folder / "whole", **settings, **way)


# What a search gives --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_search_s_folder_holds_the_run(run: Any, way: dict[str, Any]) -> None:
    names = {path.name for path in run.folder.iterdir()}
    assert names == {
        JOURNAL,
        *(f"networks-{number:04}.safetensors" for number in range(3)),
        *(f"{name}.parquet" for name in ("history", "leaderboard", "predictions", "trials", "rungs")),
        *("model.json", "model.safetensors", "report.html", "run.json"),
    }
    again = couloir.open_run(run.folder.parent / "latest")
    assert again.record == run.record
    assert text_of(again.record) + "\n" == (run.folder / "run.json").read_text("utf-8")
    data = couloir.load("iris")
    assert np.array_equal(again.model.answers(data.features), run.model.answers(data.features))
    assert all(again.tables[name].equals(frame) for name, frame in run.tables.items())
    record = run.record.search
    assert (record.trials, record.generations) == (18, 3)
    assert record.evaluation == ("validation" if "validation" in way else "2 folds")


def test_the_record_the_table_and_the_study_agree(run: Any) -> None:
    copy = run.folder.parent.parent / f"study-{run.folder.parent.name}-{run.record.search.evaluation}"
    shutil.copytree(run.folder, copy)
    study, trials = Study.resume(copy), run.tables["trials"]
    assert trials["value"].to_list() == [trial.value for trial in study.trials]
    assert trials["status"].to_list() == [trial.status for trial in study.trials]
    counted = {name: count for name, count in run.record.counts.items() if count}
    assert counted == dict(trials["status"].value_counts().iter_rows())
    assert {"left", "finished"} <= set(counted)
    best = study.best
    assert best is not None
    assert run.record.search.best_trial == run.record.winner.member == best.number
    assert run.record.search.best_value == best.value
    assert run.leaderboard["number"][0] == best.number
    assert run.record.winner.learning_rate == study.space.member(best.parameters).learning_rate
    kept = run.tables["trials"].filter(status="left")["value"]
    assert kept.is_null().all()
    for rung in run.tables["rungs"].iter_rows(named=True):
        came = [
            trial
            for trial in study.trials
            if trial.generation == rung["generation"] and rung["epoch"] in dict(trial.rungs)
        ]
        assert rung["entered"] == len(came)
        values = sorted(dict(trial.rungs)[rung["epoch"]] for trial in came)
        assert rung["cut"] == pytest.approx(values[rung["kept"] - 1], rel=1e-6)


def test_the_list_that_is_tested(run: Any) -> None:
    names = [each.name for each in run.record.finalists]
    assert names == ["winner", "refitted", "ensemble"]
    (headline,) = [each for each in run.record.finalists if each.headline]
    several = len(run.record.ensemble) > 1
    assert headline.name == ("ensemble" if several else "refitted")
    assert run.test == headline.test
    assert sum(each.weight for each in run.record.ensemble) == pytest.approx(1)


@pytest.fixture
def same_rows(monkeypatch: pytest.MonkeyPatch, iris: Any) -> Any:
    split = split_rows(iris)
    rest = np.sort(np.concatenate([split.train, split.validation]))
    hold_division(monkeypatch, split, fold_rows(iris, rest, 2))
    return split


TOUCHED = {"test", "baseline", "linear", "finalists", "data"}
"""What of run.json may differ once the test rows are others; the data's own description among it."""


def test_poisoned_test_rows_change_no_choice(
    run: Any, iris: Any, settings: Any, way: Any, tmp_path: Path, same_rows: Any, killing: Any
) -> None:
    other = couloir.search(poisoned(iris, same_rows.test), out=tmp_path, **settings, **way)
    ours, theirs = killing.found(run), killing.found(other)
    assert {name for name in ours if ours[name] != theirs[name]} == {"record"}
    ours, theirs = ours["record"], theirs["record"]
    one, two = (each.pop("calibration") or {} for each in (ours, theirs))  # none of one model
    assert {name for name in one if one[name] != two[name]} <= {
        "test_error",
        "test_error_scaled",
        "reliability",
        "reliability_scaled",
    }
    assert {name for name in ours if ours[name] != theirs[name]} == TOUCHED
    for one, two in zip(ours["finalists"], theirs["finalists"], strict=True):
        assert {name for name in one if one[name] != two[name]} == {"test"}
    assert ours["data"]["split"] == theirs["data"]["split"]
    assert other.test["log_loss"] > run.test["log_loss"]


@pytest.mark.slow
def test_a_search_of_cycles_trains_each_to_its_end_and_averages_out_of_fold_answers(tmp_path: Path) -> None:
    """As the portfolio of `train`: nobody leaves or is refitted, and all other rows are learnt from."""
    settings: dict[str, Any] = {"generation": 4, "cv": 2, "epochs": [8, 12], "hidden": [(8, 8)]}
    data = couloir.load("breast_cancer")
    found = couloir.search(data, trials=14, **settings, out=tmp_path)
    trials = found.tables["trials"]
    assert (trials["epochs_run"] == 2 * trials["epochs"]).all()
    assert (trials["best_epoch"] == trials["epochs"]).all()
    assert found.record.counts == {"finished": 14, "stopped": 0, "left": 0, "diverged": 0}
    assert [each.name for each in found.record.finalists] == ["winner", "ensemble"]
    assert len(found.tables["rungs"]) == 0
    assert all(size.stopping == 0 for size in found.record.cross_validation.sizes)
    assert found.record.cross_validation.nested is None
    # Each row that a fold held out is answered by networks that have not seen it.
    again = answered_by_hand(found, data)
    kept = found.record.finalists[1].validation["log_loss"]
    assert again == pytest.approx(kept, rel=1e-6)


def answered_by_hand(found: Any, dataset: Any) -> float:
    """The log loss of a search's average on the rows that its two folds held out, from the models alone."""
    split = split_rows(dataset)
    rest = np.sort(np.concatenate([split.train, split.validation]))
    shares = {each.member: each.weight for each in found.record.ensemble}
    networks = found.model.networks
    assert len(networks) == 2 * len(shares)
    losses = []
    for number, fold in enumerate(fold_rows(dataset, rest, 2, 0, None)):
        own = [(net, 2 * weight) for net, weight in zip(networks, found.model.weights, strict=True)][
            number::2
        ]
        answers = sum(weight * net.answers(dataset.rows(fold.held_out)) for net, weight in own)
        true = np.searchsorted(dataset.classes, dataset.target[fold.held_out])
        losses += (-np.log(answers[np.arange(len(answers)), true])).tolist()
    return float(np.mean(losses))


@pytest.mark.slow
def test_with_a_patience_or_other_schedules_trials_are_stopped_as_ever(iris: Any, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"trials": 4, "generation": 4, "cv": 2, "epochs": 3, "hidden": [(4,)]}
    for number, given in enumerate(({"patience": 2}, {"schedule": "constant"})):
        found = couloir.search(iris, out=tmp_path / str(number), **settings, **given)
        assert [each.name for each in found.record.finalists] == ["winner", "refitted", "ensemble"]
        assert all(size.stopping for size in found.record.cross_validation.sizes)


def test_a_search_without_halving_lets_all_come_to_their_end(
    iris: Any, settings: dict[str, Any], tmp_path: Path
) -> None:
    found = couloir.search(
        iris, **{**settings, "trials": 6}, validation=True, halving=False, patience=None, out=tmp_path
    )
    assert found.tables["trials"]["epochs_run"].unique().to_list() == [9]
    assert len(found.tables["rungs"]) == 0
    assert found.record.counts["finished"] == 6


# Time and interruption -------------------------------------------------------------------------------------


class Ticking:
    """A clock that goes on by a second each time it is read."""

    def __init__(self) -> None:
        self.began, self.read = time.perf_counter(), 0

    def perf_counter(self) -> float:
        self.read += 1
        return self.began + self.read


@pytest.mark.slow
@pytest.mark.parametrize(("least", "earliest", "latest"), [(0, 0, 3), (60, -60, -1)])
def test_a_search_by_minutes_trains_until_the_time_kept_for_the_end(
    least: int,
    earliest: int,
    latest: int,
    iris: Any,
    settings: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Ticking()
    # By the real clock the numbers of generations and epochs would be those of the machine.
    monkeypatch.setattr(searching, "time", clock)
    monkeypatch.setattr(Budget, "least_seconds", least)
    found = couloir.search(iris, **{**settings, "trials": None}, validation=True, minutes=2, out=tmp_path)
    assert found.record.status == "out of time"
    assert found.record.search.trials >= (6 if least else 12)
    # 18 % of two minutes is kept; the clock is read after every epoch and before every generation. None
    # begins that could do nothing but compile.
    assert earliest <= clock.read - 0.82 * 120 <= latest


def test_a_search_whose_time_is_up_at_once_has_one_generation(
    iris: Any, settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(IMPORTING, "seconds", 1000.0)
    found = couloir.search(iris, **{**settings, "trials": None}, validation=True, minutes=1, out=tmp_path)
    assert found.record.status == "out of time"
    assert 1 <= found.record.search.trials <= 6


class Interrupting(Silent):
    """Presses Ctrl-C in the first epoch of a generation."""

    def __init__(self, generation: int) -> None:
        self.generation, self.begun = generation, -1

    def stage(self, what: str) -> None:
        self.begun += what.startswith("generation")

    def epoch(self, progress: Any) -> None:
        if self.begun == self.generation and progress.epoch == 1:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.slow
@pytest.mark.parametrize("generation", [0, 2])
def test_an_interrupted_search_drops_the_generation_in_hand_and_resumes(
    generation: int, run: Any, iris: Any, settings: Any, way: Any, tmp_path: Path, killing: Any
) -> None:
    with pytest.raises(Interrupted) as caught:
        couloir.search(iris, out=tmp_path, observer=Interrupting(generation), **settings, **way)
    assert caught.value.trials == 6 * generation
    networks = sorted(path.name for path in caught.value.folder.glob("networks*"))
    assert networks == [f"networks-{number:04}.safetensors" for number in range(generation)]
    assert not (caught.value.folder / "run.json").exists()
    again = couloir.search(iris, resume=caught.value.folder)
    assert killing.differences(run, again) == []
    assert again.folder == caught.value.folder


# Going on -----------------------------------------------------------------------------------------------


def cut(folder: Path, to: Path, share: float) -> Path:
    """A copy of a search's folder, its journal cut off at some byte: as a kill would leave it."""
    shutil.copytree(folder, to)
    for path in to.iterdir():
        if path.name != JOURNAL and not path.name.startswith("networks"):
            path.unlink()
    journal = (to / JOURNAL).read_bytes()
    first = journal.index(b'"committed"')
    (to / JOURNAL).write_bytes(journal[: round(first + 200 + share * (len(journal) - first - 200))])
    (to / ".networks-0002.safetensors.part4711").write_bytes(b"half")
    return to


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.31, 0.62, 0.93, 1.0])
def test_a_search_cut_off_anywhere_and_copied_elsewhere_resumes_to_the_same(
    share: float, run: Any, iris: Any, tmp_path: Path, killing: Any
) -> None:
    again = couloir.search(iris, resume=cut(run.folder, tmp_path / "elsewhere", share))
    assert killing.differences(run, again) == []
    assert not list(again.folder.glob(".*.part*"))


@pytest.mark.slow
def test_a_finished_search_goes_on_with_more_trials(
    iris: Any, settings: dict[str, Any], folder: Path, tmp_path: Path, killing: Any
) -> None:
    few = couloir.search(iris, out=tmp_path / "few", validation=True, **{**settings, "trials": 12})
    more = couloir.search(iris, resume=few.folder, trials=18)
    at_once = couloir.search(iris, out=tmp_path / "once", validation=True, **settings)
    ours, theirs = killing.found(more), killing.found(at_once)
    assert ours["trials"] == theirs["trials"]
    assert killing.differences(more, at_once) == []
    assert couloir.open_run(few.folder).record.search.trials == 18


def test_other_data_are_refused(run: Any, iris: Any, tmp_path: Path) -> None:
    copy = cut(run.folder, tmp_path / "copy", 0.5)
    other = couloir.load("wine")
    with pytest.raises(InputError, match="'wine' are not those that the search began with"):
        couloir.search(other, resume=copy)


def test_a_search_of_data_from_memory_has_to_be_given_them(
    iris: Any, settings: dict[str, Any], way: Any, tmp_path: Path
) -> None:
    begun = couloir.search(replace(iris, source={}), out=tmp_path, **settings, **way)
    with pytest.raises(InputError, match="does not know where its data are"):
        couloir.search(resume=cut(begun.folder, tmp_path / "copy", 0.5))


@pytest.mark.slow
def test_a_search_that_knows_its_source_needs_no_data(
    settings: dict[str, Any], run: Any, way: Any, tmp_path: Path, killing: Any
) -> None:
    begun = couloir.search("iris", out=tmp_path, **settings, **way)
    again = couloir.search(resume=cut(begun.folder, tmp_path / "copy", 0.5))
    expected = killing.found(begun)
    assert killing.found(again) == expected
    assert expected["trials"] == killing.found(run)["trials"]


@pytest.mark.slow
def test_a_storage_gets_every_generation(iris: Any, settings: dict[str, Any], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    with pytest.raises(Interrupted) as caught:
        couloir.search(
            iris, storage=url, out=tmp_path / "runs", validation=True, observer=Interrupting(2), **settings
        )
    name = caught.value.folder.name

    def stored() -> list[Any]:
        return optuna.load_study(study_name=name, storage=url).trials

    assert len(stored()) == 12
    found = couloir.search(iris, resume=caught.value.folder, storage=url)
    values = [trial.value for trial in stored() if trial.state.name == "COMPLETE"]
    assert values == found.tables["trials"].filter(status="finished")["value"].to_list()
    assert len(stored()) == 18


@pytest.mark.slow
def test_killed_at_random_moments(killing: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmark does twenty; here the processes share a compilation cache of their own."""
    monkeypatch.setenv("COULOIR_HOME", str(tmp_path / "home"))
    results = killing.measured(tmp_path, kills=2, seed=5)
    assert results["different"] == []
    assert results["equal"] == 2


# Nothing to find ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_on_random_labels_the_interval_covers_chance(benchmarks: Any, tmp_path: Path) -> None:
    """A few of what the benchmark does two hundred of: of 10, fewer than 7 would cover in 0.2 % of cases."""
    results = benchmarks["null"].measured(10, 1000, tmp_path)
    assert results["covered"] >= 7 / 10
    assert abs(results["test"] - 0.5) < 4 * 0.5 / np.sqrt(10 * 100)
    assert results["validation"] > 0.54, "choosing shows where it was done: there is something to leak"


# Mistakes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"trials": 0}, "trials 0"),
        ({"generation": 1}, "generation 1"),
        ({"ensemble": 0}, "ensemble 0"),
        ({"cv": 1}, "cv 1"),
        ({"cv": 5, "validation": True}, "one of the two"),
        ({"minutes": 0}, "minutes 0"),
        ({"metric": "mse"}, "regression"),
        ({"seed": -1}, "seed"),
        ({"space": "nowhere.toml"}, "nowhere.toml"),
    ],
)
def test_what_cannot_be_meant_leaves_nothing_behind(
    given: dict[str, Any], told: str, iris: Any, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=told):
        couloir.search(iris, out=tmp_path / "runs", **given)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "told"),
    [({"minutes": -1}, "minutes -1"), ({"minutes": 0}, "minutes 0"), ({"trials": 0}, "trials 0")],
)
def test_what_cannot_be_meant_in_resuming(
    given: dict[str, Any], told: str, run: Any, iris: Any, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=told):
        couloir.search(iris, resume=cut(run.folder, tmp_path / "copy", 0.5), **given)


def test_a_folder_without_a_search(iris: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"journal\.log is missing"):
        couloir.search(iris, resume=tmp_path)
    with pytest.raises(InputError, match="no run folder"):
        couloir.search(iris, resume=tmp_path / "nowhere")


def test_a_search_in_which_all_diverge_is_one_sentence(iris: Any, settings: Any, tmp_path: Path) -> None:
    space = tmp_path / "space.toml"
    text = Path(settings["space"]).read_text("utf-8")
    space.write_text(text + "learning_rate = { low = 1e37, high = 1e38 }\n", "utf-8")
    with pytest.raises(InputError, match="No trial has come to a result"):
        couloir.search(iris, trials=4, generation=4, validation=True, space=space, out=tmp_path / "runs")


def test_how_trials_are_judged_unless_told(iris: Any) -> None:
    from couloir.commands.search import judging_folds
    from couloir.options import FOLDS, FOLDS_BELOW

    many = replace(iris, target=np.zeros(FOLDS_BELOW))
    assert judging_folds(iris, None, False) == FOLDS
    assert judging_folds(many, None, False) is None
    assert judging_folds(replace(many, test_rows=np.arange(1)), None, False) == FOLDS
    assert judging_folds(iris, None, True) is None
    assert judging_folds(many, 3, False) == 3


# The machine -----------------------------------------------------------------------------------------------


def asked(folder: Path) -> list[dict[str, Any]]:
    return [trial.parameters for trial in Study.resume(folder).trials]


@pytest.mark.slow
def test_a_search_asks_the_same_trials_on_any_machine_once_one_is_given(tmp_path: Path) -> None:
    """Two machines would ask other trials (more blocks on two cores); a recorded one is what counts."""
    two, eight = Machine(cores=2, memory=None), Machine(cores=8, memory=None)
    settings: dict[str, Any] = {"generation": 16, "epochs": 2, "validation": True, "hidden": [(4,), (64, 64)]}
    found = {}
    for name, machine in (("two", two), ("eight", eight), ("again", two)):
        run = couloir.search("digits", trials=48, machine=machine, out=tmp_path / name, **settings)
        assert run.folder is not None
        found[name] = asked(run.folder)
    assert found["again"] == found["two"]
    # Resumed, by whatever machine, it goes on with what its journal says.
    # (The first generation is the portfolio, as far as it is in the space.)
    whole = 16 + sum(trial.generation == 0 for trial in Study.resume(tmp_path / "two" / "latest").trials)
    begun = couloir.search("digits", trials=whole, machine=two, out=tmp_path / "resumed", **settings)
    couloir.search(resume=begun.folder, trials=48, machine=eight)
    assert begun.folder is not None
    assert asked(begun.folder) == found["two"]
