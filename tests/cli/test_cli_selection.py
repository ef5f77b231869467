"""The commands race and search, and train in folds: what is printed, what is written, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import polars as pl
import pytest

import couloir
from command_line import COMMAND, Done, couloir_
from couloir.cli.app import main

SPACE = """
optimizer = ["adam", "sgd"]
schedule = "constant"
batch_size = 32
layers = 1
width = 4
activation = "relu"
dropout = 0.0
noise = 0.0
epochs = 3
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("selection")
    (folder / "space.toml").write_text(SPACE)
    return folder


@pytest.fixture(scope="module")
def searched(place: Path) -> Done:
    """A small search in a process of its own."""
    words = ["search", "iris", "--space", str(place / "space.toml"), "--trials", "12", "--generation", "6"]
    words += ["--out", str(place / "runs"), "--storage", f"sqlite:///{place / 'study.db'}"]
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=300)
    return Done(done.returncode, done.stdout, done.stderr, place / "runs")


@pytest.mark.slow
def test_a_race_says_who_is_better(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["race", "iris", "--optimizer", "adam,sgd", "--rates", "3", "--replicates", "4"]
    done = couloir_(
        [*words, "--epochs", "3", "--hidden", "4", "--out", str(tmp_path / "runs")], capsys, tmp_path / "runs"
    )
    assert done.code == 0, done.err
    record = json.loads((done.run / "run.json").read_text())
    assert (record["kind"], record["n_trainings"], record["epochs"]) == ("race", 2 * 3 + 4 * 4, 3)
    for text in (*record["verdicts"], "against", "steps to target", "at customary"):
        assert text in " ".join(done.out.split()), text
    assert [entry["rule"] in done.out for entry in record["standing"]] == [True, True]
    names = {path.name for path in done.run.iterdir()}
    assert {"run.json", "report.html", "tuning.parquet", "curves.parquet", "model.safetensors"} <= names
    page = (done.run / "report.html").read_text()
    assert record["verdicts"][0] in page
    predicted = couloir_(["predict", str(done.run), "iris"], capsys, done.runs)
    assert predicted.code == 0
    assert predicted.out.count("\n") == 151


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["race", "--optimizer", "sgd", "--rates", "1", "--replicates", "2", "--epochs", "2", "--hidden", "2"],
        ["search", "--trials", "4", "--generation", "4", "--space", "space.toml"],
    ],
    ids=["race", "search"],
)
def test_what_is_found_in_the_data_is_said_with_its_warnings(
    words: list[str], place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"{n % 7},{n * n % 11},{'yes' if n % 2 else 'no'},{n % 2}\n" for n in range(60))
    (tmp_path / "told.csv").write_text(f"a,b,answer,y\n{rows}")
    words = [str(place / each) if each == "space.toml" else each for each in words]
    given = [
        words[0],
        str(tmp_path / "told.csv"),
        "--target",
        "y",
        *words[1:],
        "--out",
        str(tmp_path / "runs"),
    ]
    done = couloir_(given, capsys, tmp_path / "runs")
    assert done.code == 0, done.err
    assert "60 rows" in done.err
    (warning,) = [line for line in done.err.splitlines() if line.startswith("warning")]
    assert "answer" in warning
    assert "--drop answer" in warning


@pytest.mark.slow
def test_a_search_is_saved_whole(searched: Done) -> None:
    assert searched.code == 0, searched.err
    record = json.loads((searched.run / "run.json").read_text())
    assert (record["kind"], record["status"], record["n_members"]) == ("search", "complete", 12)
    assert record["search"]["evaluation"] == "5 folds"
    assert [entry["name"] for entry in record["finalists"]] == ["winner", "refitted", "ensemble"]
    assert "generation 2, 6 trials so far" in searched.err
    for text in ("12 trials in 2 generations", "folds", "nested", "tested", "winner"):
        assert text in searched.out
    trials = pl.read_parquet(searched.run / "trials.parquet")
    assert len(trials) == 12
    assert set(trials["hidden"]) == {"4"}
    assert (searched.run / "report.html").stat().st_size > 1_000_000


@pytest.mark.slow
def test_a_search_can_go_on_and_be_read_by_optuna(
    searched: Done, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import optuna

    couloir_(["search", "--resume", str(searched.run), "--trials", "15", "--quiet"], capsys, searched.runs)
    record = json.loads((searched.run / "run.json").read_text())
    assert record["n_members"] == 15
    done = couloir_(
        [
            *("search", "--resume", str(searched.run)),
            *("--export-study", f"sqlite:///{place / 'copy.db'}"),
        ],
        capsys,
        searched.runs,
    )
    assert done.code == 0, done.err
    assert "15 trials" in done.out
    for name, count in (("copy.db", 15), ("study.db", 12)):
        url = f"sqlite:///{place / name}"
        (study,) = optuna.get_all_study_summaries(url)
        assert study.n_trials == count, name


def test_the_space_that_is_shown_can_be_read(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = couloir_(["search", "iris", "--show-space"], capsys, place)
    assert shown.code == 0
    (place / "shown.toml").write_text(shown.out)
    again = couloir_(["search", "iris", "--show-space", "--space", str(place / "shown.toml")], capsys, place)
    assert again.out == shown.out
    own = couloir_(["search", "iris", "--show-space", "--space", str(place / "space.toml")], capsys, place)
    assert "width = 4" in own.out


@pytest.mark.slow
def test_train_in_folds_prints_every_fold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "iris", "--optimizer", "adam,sgd", "--hidden", "3", "--epochs", "2", "--members", "4"]
    done = couloir_(
        [*words, "--cv", "3", "--ensemble", "2", "--out", str(tmp_path / "runs")], capsys, tmp_path / "runs"
    )
    assert done.code == 0, done.err
    record = json.loads((done.run / "run.json").read_text())
    crossed = record["cross_validation"]
    assert (crossed["folds"], len(crossed["scores"]["log_loss"]["values"])) == (3, 3)
    assert "nested" in done.out
    assert "128 in 3 folds, 22 to test" in done.err
    assert len(pl.read_parquet(done.run / "folds.parquet")) == 4 * 3
    assert couloir.open_run(done.run).tables["folds"].height == 12


def test_without_stopping_the_report_says_what_stopping_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "iris", "--optimizer", "adam", "--hidden", "3", "--epochs", "30", "--patience", "2"]
    done = couloir_([*words, "--no-stop", "--out", str(tmp_path / "runs")], capsys, tmp_path / "runs")
    record = json.loads((done.run / "run.json").read_text())
    stopping, history = record["stopping"], pl.read_parquet(done.run / "history.parquet")
    assert set(history.group_by("member").len()["len"]) == {30}
    assert (stopping["compared"], stopping["patience"], stopping["last_epoch"]) == (True, 2, 30)
    losses = history.filter(pl.col("member") == record["winner"]["member"])["validation_loss"].to_list()
    assert stopping["score_at_last"] == losses[-1]
    best, stop = 0, None
    for epoch, loss in enumerate(losses):
        best = epoch if loss < losses[best] else best
        if stop is None and epoch - best >= 2:
            stop = epoch + 1
            break
    assert stopping["stop_epoch"] == stop
    assert stopping["best_epoch"] == best + 1
    assert stopping["score_at_stop"] == losses[best]


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_told_and_says_how_to_go_on(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["search", "iris", "--space", str(place / "space.toml"), "--generation", "6", "--trials", "600"]
    process = subprocess.Popen(
        [*COMMAND, *words, "--out", str(place / "stopped")], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        journals = list((place / "stopped").glob("*/journal.log")) if (place / "stopped").exists() else []
        if journals and '"committed": 1' in journals[0].read_text().replace(
            '"committed":1', '"committed": 1'
        ):
            break
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    last = err.strip().splitlines()[-1]
    assert "--resume" in last
    folder = Path(last.split("--resume ")[1])
    assert not (folder / "run.json").exists()
    assert (place / "stopped" / "latest").resolve() == folder
    capsys.readouterr()
    assert main(["report", str(folder)]) == 2
    assert "search --resume" in capsys.readouterr().err
    told = int(last.split("Interrupted: ")[1].split()[0])
    assert told % 6 == 0
    assert told >= 12
    assert main(["search", "--resume", str(folder), "--trials", str(told), "--quiet"]) == 0
    assert json.loads((folder / "run.json").read_text())["n_members"] == told


@pytest.mark.slow
def test_a_surface_race_needs_no_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["race", "ravine", "--optimizer", "sgd,momentum", "--learning-rate", "0.03", "--steps", "20"]
    done = couloir_([*words, "--out", str(tmp_path / "runs")], capsys, tmp_path / "runs")
    assert done.code == 0, done.err
    (folder,) = (tmp_path / "runs").glob("*-ravine")
    record = json.loads((folder / "run.json").read_text())
    assert record["verdict"] in " ".join(done.out.split())
    assert {path.name for path in folder.iterdir()} == {
        "run.json",
        "race.html",
        "paths.parquet",
        "tuning.parquet",
    }
    again = couloir_(["report", str(folder), "-o", str(tmp_path / "again.html")], capsys, tmp_path)
    assert again.code == 0, again.err
    refused = couloir_(["predict", str(folder), "iris"], capsys, tmp_path)
    assert refused.code == 2
    assert "has no model" in refused.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["race", "bealee"], "did you mean 'beale'"),
        (["race", "beale", "--dropout", "0.1"], "--dropout cannot be given"),
        (["race", "beale", "--start", "1"], "start"),
        (["race", "iris", "--steps", "5"], "--steps is for a surface race"),
        (["landscape", "nowhere"], "There is no run folder 'nowhere'"),
        (["guess", "iris", "--guesses", "1.5"], "--guesses is not a whole number"),
        (["gradcheck", "iris", "--samples", "0"], "samples 0 cannot be used"),
    ],
)
def test_mistakes_about_surfaces_are_one_sentence(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = couloir_([*words, "--out", str(tmp_path / "runs")], capsys, tmp_path / "runs")
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert not (tmp_path / "runs").exists()


def test_a_book_is_asked_for_by_chapters_there_are_and_into_a_folder_that_is_free(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = couloir_(["book", "--section", "9", "--out", str(tmp_path / "book")], capsys, tmp_path)
    assert (refused.code, refused.out) == (2, "")
    assert "1 to 8" in refused.err or "choices are 1" in refused.err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    refused = couloir_(["book", "--section", "2", "--out", str(tmp_path / "mine")], capsys, tmp_path)
    assert refused.code == 2, refused.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    assert not (tmp_path / "book").exists()
