"""The commands as a person uses them: what is printed where, what is written, how it ends."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

import couloir
from command_line import COMMAND, Done, couloir_
from couloir.cli import display
from couloir.cli.app import main

QUICK = ["--optimizer", "adam,sgd", "--learning-rate", "0.01,0.1", "--hidden", "3", "--epochs", "2"]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    runs = tmp_path_factory.mktemp("trained") / "my runs"
    return ["train", "iris", *QUICK, "--seed", "1", "--out", str(runs)]


@pytest.fixture(scope="module")
def trained(words: list[str]) -> Done:
    """The command in a process of its own, as from a shell, its output in pipes."""
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=300)
    return Done(done.returncode, done.stdout, done.stderr, Path(words[-1]))


# train --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_is_saved_whole(trained: Done) -> None:
    assert trained.code == 0, trained.err
    assert sorted(path.name for path in trained.runs.iterdir()) == sorted(["latest", trained.run.name])
    names = {path.name for path in trained.run.iterdir()}
    tables = {"history.parquet", "leaderboard.parquet", "predictions.parquet"}
    assert names == {"run.json", "report.html", "model.json", "model.safetensors", *tables}


def test_the_record_repeats_the_command_line(trained: Done) -> None:
    record = json.loads((trained.run / "run.json").read_text("utf-8"))
    assert record["command"] == (
        "couloir train iris --optimizer adam,sgd --learning-rate 0.01,0.1 --hidden 3 --epochs 2 --seed 1 "
        f"--out '{trained.runs}'"
    )
    assert (record["n_members"], record["seed"]) == (4, 1)
    assert {"import", "load", "compile", "train", "report", "total"} <= set(record["seconds"])
    assert record["seconds"]["import"] > 0


def test_results_go_to_standard_output_and_progress_to_standard_error(trained: Done) -> None:
    record = json.loads((trained.run / "run.json").read_text("utf-8"))
    rule = record["winner"]["hyperparameters"]["optimizer"]
    for text in (rule, "95 % interval", "logistic regression", "next", "rule"):
        assert text in trained.out
    assert f"{100 * record['test']['scores']['accuracy']:.1f} %" in trained.out
    for text in ("150 rows", "3 classes", "105 to learn from", "4 members, 1 cohort", "epoch 2"):
        assert text in trained.err
        assert text not in trained.out


def test_piped_output_has_no_control_characters(trained: Done) -> None:
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", trained.out + trained.err)


def test_the_leaderboard_has_the_best_member_of_each_rule(trained: Done) -> None:
    frame = pl.read_parquet(trained.run / "leaderboard.parquet").sort("validation_loss")
    for rule in ("adam", "sgd"):
        best = frame.filter(pl.col("optimizer") == rule).row(0, named=True)
        line = next(line for line in trained.out.splitlines() if line.split()[:1] == [rule])
        assert float(line.split()[1]) == best["learning_rate"]
        assert float(line.split()[2]) == pytest.approx(best["validation_loss"], rel=5e-3)
        assert line.rstrip().endswith("0 of 2")


def test_json_prints_the_record_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "iris", *QUICK, "--json", "--quiet", "--out", str(tmp_path)]
    done = couloir_(words, capsys, tmp_path)
    assert done.code == 0
    assert done.err == ""
    assert json.loads(done.out) == json.loads((done.run / "run.json").read_text("utf-8"))


def test_quiet_prints_the_winner_and_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = couloir_(["train", "iris", *QUICK, "--quiet"], capsys, tmp_path / "runs")
    winner, saved = done.out.splitlines()
    assert winner.startswith("winner")
    assert saved.split() == ["saved", f"runs/{done.run.name}"]
    assert (done.code, done.err) == (0, "")


@pytest.mark.slow
def test_a_regression_with_drops_and_several_networks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=120)
    frame = pl.DataFrame({"x": x, "a,b": x, "y": 3 * x + generator.normal(size=120)})
    frame.write_csv(tmp_path / "t.csv")
    options = ["--drop", '"a,b"', "--target", "y", "--optimizer", "adam", "--learning-rate", "0.01"]
    shape = [
        "--hidden",
        "4,4|3|none",
        "--patience",
        "none",
        "--epochs",
        "2",
        "--split",
        "60/20/20",
        "--refit",
    ]
    done = couloir_(
        ["train", str(tmp_path / "t.csv"), *options, *shape, "--out", str(tmp_path / "r")],
        capsys,
        tmp_path / "r",
    )
    assert done.code == 0
    record = json.loads((done.run / "run.json").read_text("utf-8"))
    assert (record["data"]["columns"], record["n_members"], record["n_cohorts"]) == (1, 3, 3)
    assert record["data"]["split"] == {"train": 72, "validation": 24, "test": 24}
    layers = pl.read_parquet(done.run / "leaderboard.parquet")["hidden"].sort().to_list()
    assert layers == ["3", "4-4", "none"]
    assert "linear regression" in done.out
    assert "hidden" in done.out


def test_a_dry_run_trains_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # A training that saves nothing leaves no trace: it has to be caught in the act.
    monkeypatch.setattr("couloir.commands.train.train", lambda *_, **__: pytest.fail("trained"))
    plain = couloir_(["train", "iris", "--dry-run", "--restarts", "2"], capsys, tmp_path)
    assert plain.code == 0
    assert "128 members" in plain.out
    assert "MiB" in plain.out
    found = json.loads(
        couloir_(["train", "iris", "--dry-run", "--plan", "rules", "--json"], capsys, tmp_path).out
    )
    assert (found["plan"]["members"], found["plan"]["cohorts"], found["data"]["rows"]) == (64, 1, 150)
    assert found["plan"]["memory_bytes"] > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "options", "told"),
    [
        ("iris", ["--plan", "rules"], True),
        ("iris", ["--plan", "rules", "--cv", "5"], True),
        ("iris", ["--l2", "0,0.01"], False),
        ("iris", ["--dropout", "0.2"], False),
        ("digits", ["--members", "2"], False),  # images, and more of them
    ],
)
def test_a_small_table_without_a_penalty_gets_a_hint(
    source: str, options: list[str], told: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = couloir_(["train", source, "--dry-run", *options], capsys, tmp_path).out
    assert ("--l2 0.01" in found) == told


# predict and report -------------------------------------------------------------------------------------


def test_predictions_are_the_models(
    trained: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = list(couloir.load("iris").column_names)
    features = couloir.load("iris").features
    frame = features if isinstance(features, pl.DataFrame) else pl.DataFrame(features, schema=columns)
    new = frame.reverse().select(reversed(frame.columns)).with_columns(note=pl.lit("x"))
    new.write_csv(tmp_path / "new.csv")
    expected = couloir.open_run(trained.run)
    tables = {}
    for ending, read in (("csv", pl.read_csv), ("parquet", pl.read_parquet)):
        target = tmp_path / f"predictions.{ending}"
        words = ["predict", str(trained.run), str(tmp_path / "new.csv"), "-o", str(target)]
        assert couloir_(words, capsys, tmp_path).code == 0
        tables[ending] = read(target)
    couloir_([*words[:3], "-o", str(tmp_path / "p.tsv")], capsys, tmp_path)
    tables["tsv"] = pl.read_csv(tmp_path / "p.tsv", separator="\t")
    tables["stdout"] = pl.read_csv(io.StringIO(couloir_(words[:3], capsys, tmp_path).out))
    shares = [f"probability_{label}" for label in ("setosa", "versicolor", "virginica")]
    for table in tables.values():
        assert table.columns == ["row", "prediction", *shares]
        assert table["row"].to_list() == list(range(150))
        assert table["prediction"].to_list() == expected.predict(new).tolist()
        np.testing.assert_allclose(table.select(shares).to_numpy(), expected.probabilities(new), rtol=1e-12)
        np.testing.assert_allclose(table.select(pl.sum_horizontal(shares)).to_numpy(), 1, rtol=1e-12)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_predictions_replace_a_file_only_when_forced(
    trained: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "p.csv"
    target.write_text("precious")
    words = ["predict", str(trained.run), "iris", "-o", str(target)]
    assert couloir_(words, capsys, tmp_path).code == 2
    assert target.read_text() == "precious"
    assert couloir_([*words, "--force"], capsys, tmp_path).code == 0
    assert pl.read_csv(target).height == 150


def test_predictions_that_cannot_be_written_leave_nothing(
    trained: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("couloir.files.os.replace", full)
    done = couloir_(["predict", str(trained.run), "iris", "-o", str(tmp_path / "p.csv")], capsys, tmp_path)
    assert done.code == 2
    assert "No space left" in done.err
    assert list(tmp_path.iterdir()) == []


def test_predicting_imports_no_jax(trained: Done) -> None:
    code = (
        "import sys; from couloir.cli.app import main; "
        f"main(['predict', {str(trained.run)!r}, 'iris']); sys.exit('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120).returncode == 0


def test_a_report_is_written_again_and_opened(
    trained: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    page = tmp_path / "my page.html"
    done = couloir_(["report", str(trained.run), "-o", str(page), "--open"], capsys, tmp_path)
    assert (done.code, done.out, done.err) == (0, f"{page}\n", "")
    assert opened == [page.as_uri()]
    own = trained.run / "report.html"
    own.write_text("broken")
    assert couloir_(["report", str(trained.runs / "latest")], capsys, tmp_path).code == 0
    assert own.read_text("utf-8") == page.read_text("utf-8")


# How commands end ---------------------------------------------------------------------------------------


def test_version_and_help(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert couloir_(["--version"], capsys, tmp_path).out == f"couloir {couloir.__version__}\n"
    for words in ([], ["--help"], ["-h"]):
        done = couloir_(words, capsys, tmp_path)
        assert done.code == 0
        assert {"train", "predict", "report"} <= set(done.out.split())


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a bug")

    # No command line is known that meets a bug: one is put in.
    monkeypatch.setattr("couloir.commands.train.train", broken)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        main(["train", "iris"])


def test_an_interruption_outside_of_training_saves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    # A signal would have to come in the moments before training takes it over.
    monkeypatch.setattr("couloir.commands.train.train", interrupted)
    done = couloir_(["train", "iris"], capsys, tmp_path)
    assert (done.code, done.out, done.err) == (130, "", "Interrupted: nothing was saved.\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_interrupted_training_is_saved(tmp_path: Path) -> None:
    long = ["train", "digits", "--members", "2", "--hidden", "4", "--epochs", "100000", "--patience", "none"]
    process = subprocess.Popen(
        [*COMMAND, *long, "--out", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        while not (line := process.stderr.readline()).startswith("epoch"):
            assert line, "training ended before its first epoch was shown"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, err
    record = json.loads((tmp_path / "latest" / "run.json").read_text("utf-8"))
    assert record["status"] == "interrupted"
    assert (tmp_path / "latest" / "report.html").is_file()
    assert "saved" in out
    assert record["command"] in err
    assert "Traceback" not in err


def test_a_reader_that_has_seen_enough_is_no_error(trained: Done) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = ["predict", str(trained.run), "iris"]
    done = subprocess.run([*COMMAND, *words], stdout=writing, stderr=subprocess.PIPE, timeout=120)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


# On a terminal ------------------------------------------------------------------------------------------


def on_terminal(words: list[str], columns: int) -> str:
    """What a command writes to a terminal so wide."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    surroundings = {**os.environ, "TERM": "xterm-256color"}
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        surroundings.pop(name, None)
    process = subprocess.Popen([*COMMAND, *words], stdin=slave, stdout=slave, stderr=slave, env=surroundings)
    os.close(slave)
    written = b""
    while select.select([master], [], [], 300)[0]:
        try:
            piece = os.read(master, 65536)
        except OSError:  # Linux's way to say that the other end is closed
            break
        written += piece
    os.close(master)
    assert process.wait(60) == 0
    return written.decode()


@pytest.mark.slow
def test_a_terminal_shows_progress_within_its_width(tmp_path: Path) -> None:
    options = ["--optimizer", "adam", "--learning-rate", "0.01,0.02", "--hidden", "3", "--epochs", "20"]
    shown = on_terminal(["train", "wine", *options, "--out", str(tmp_path)], 80)
    for text in ("starting", "compiling", "of 20", "best log loss", "winner", "next"):
        assert text in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h")  # the cursor is hidden, and shown again
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    # Paths and commands are not folded, so that they can be copied.
    folded = [line for line in re.split(r"[\r\n]+", plain) if str(tmp_path) not in line]
    assert max(map(len, folded)) <= 80


def progress(epoch: int, **changed: Any) -> Any:
    count = {"training": 3, "diverged": 1}
    fields = {
        "epoch": epoch,
        "epochs": 100,
        "metric": "log_loss",
        "member_samples": 1000 * epoch,
        "seconds": 0.5 * epoch,
        "compile_seconds": 0.1,
        "count": lambda status: count.get(status, 0),
        "best": lambda: None,
    }
    return SimpleNamespace(**{**fields, **changed})


def test_plain_progress_is_a_line_every_two_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("couloir.cli.display.time.monotonic", lambda: now[0])
    with display.Display() as shown:
        for number in range(1, 101):
            now[0] = 0.125 * number
            shown.epoch(progress(number))
    lines = capsys.readouterr().err.splitlines()
    # Every two seconds, and the last epoch.
    assert [int(line.split()[1]) for line in lines] == [1, 17, 33, 49, 65, 81, 97, 100]
    assert "3 training, 1 diverged, 2,000 member-samples/s, at most 50 s left" in lines[0]


def test_the_time_left_is_bounded_by_the_minutes(capsys: pytest.CaptureFixture[str]) -> None:
    with display.Display(minutes=0.25) as shown:
        shown.epoch(progress(10, compile_seconds=1.0))
    # 90 epochs of half a second would be 45 s; of the 15 s, 5 + 1 are over.
    assert "at most 9 s left" in capsys.readouterr().err
