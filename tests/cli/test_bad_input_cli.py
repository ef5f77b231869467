"""Hostile command lines: each ends in one sentence, exit code 2, and nothing written."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from couloir.cli.app import main

QUICK = ["--optimizer", "adam", "--learning-rate", "0.01", "--hidden", "3", "--epochs", "1"]
TABLE = "size,colour,price\n" + "".join(
    f"{i},{'red' if i % 3 else 'blue'},{2 * i + 1}.5\n" for i in range(40)
)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a small table, made by the command."""
    place = tmp_path_factory.mktemp("whole")
    (place / "table.csv").write_text(TABLE)
    assert (
        main(["train", str(place / "table.csv"), "--target", "price", *QUICK, "--out", str(place / "runs")])
        == 0
    )
    return (place / "runs" / "latest").resolve()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder but for a table."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.csv").write_text(TABLE)
    return tmp_path


def files_below(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def refused(words: list[str], place: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command line that has to be refused, and return its sentence."""
    before = files_below(place)
    capsys.readouterr()
    code = main(words)
    printed = capsys.readouterr()
    assert code == 2, printed.err
    assert printed.out == ""
    assert printed.err.endswith("\n")
    assert printed.err.count("\n") == 1, printed.err
    assert "Traceback" not in printed.err
    assert printed.err.rstrip()[-1] in ".?", printed.err
    assert files_below(place) == before
    return printed.err


COMMAND_LINES = {
    # the line                                                        what its sentence has to name
    "trian digits": "'train'",
    "digits": "command",
    "train": "DATA",
    "train digits --optimiser adam": "'--optimizer'",
    "train digits --learning_rate 0.1": "'--learning-rate'",
    "train digits --qwertz": "--qwertz",
    "train digits -z": "-z",
    "train digits --seed": "--seed",
    "train digits --hidden 64 64": "'64'",
    "train digit": "'digits'",
    "train nowhere.csv": "nowhere.csv",
    "train table.csv": "--target",
    "train table.csv --target prize": "'price'",
    "train table.csv --target price --drop colr": "'colour'",
    "train table.csv --target price --drop price": "price",
    "train table.csv --target price --drop ,": "--drop",
    "train table.csv --target price --task regresion": "'regression'",
    "train table.csv --target price --class-weights": "--class-weights",
    "train table.csv --target price --loss cross_entropy": "mse",
    "train table.csv --target price --metric accuracy": "r2",
    "train iris --target species": "species",
    "train empty": "empty",
    "train iris --optimizer adm": "'adam'",
    "train iris --optimizer ''": "--optimizer",
    "train iris --optimizer optax.adm": "optax.adm",
    "train iris --learning-rate -0.1": "learning rate",
    "train iris --learning-rate 0": "learning rate",
    "train iris --learning-rate fast": "--learning-rate",
    "train iris --learning-rate 0.1,,0.2": "--learning-rate",
    "train iris --learning-rate nan": "--learning-rate",
    "train iris --learning-rate inf": "--learning-rate",
    "train iris --momentum 1": "momentum",
    "train iris --hidden 64x": "--hidden",
    "train iris --hidden 0": "hidden units",
    "train iris --hidden 64,,64": "--hidden",
    "train iris --hidden 8||4": "--hidden",
    "train iris --hidden 8.5": "--hidden",
    "train iris --activation rleu": "'relu'",
    "train iris --activation relu-tahn": "'tanh'",
    "train iris --activation relu-tanh": "1 hidden layer",
    "train iris --batch-size 0": "batch size",
    "train iris --batch-size 1000": "105",
    "train iris --batch-size 1e2": "--batch-size",
    "train iris --epochs 0": "epochs",
    "train iris --epochs 1.5": "--epochs",
    "train iris --l1 -1": "l1",
    "train iris --l2 much": "--l2",
    "train iris --dropout 1": "dropout",
    "train iris --noise -0.1": "noise",
    "train iris --schedule cosin": "'cosine'",
    "train iris --warmup 1": "warmup",
    "train iris --loss mse": "cross_entropy",
    "train iris --loss crossentropy": "'cross_entropy'",
    "train iris --metric r2": "log_loss",
    "train iris --metric acuracy": "'accuracy'",
    "train iris --restarts 0": "restarts",
    "train iris --restarts 1,2": "--restarts",
    "train iris --members 0": "members",
    "train iris --seed -1": "seed",
    "train iris --seed 1,2": "--seed",
    "train iris --seed 99999999999": "seed",
    "train iris --patience -1": "patience",
    "train iris --patience soon": "--patience",
    "train iris --minutes 0": "minutes",
    "train iris --minutes nan": "--minutes",
    "train iris --precision float16": "float32",
    "train iris --split 50/50": "50/50",
    "train iris --split 70/20/20": "70/20/20",
    "train iris --split 70-15-15": "70-15-15",
    "train iris --split 0/50/50": "0/50/50",
    "train iris --out table.csv": "table.csv",
    "train iris --out table.csv/runs": "table.csv",
    "train iris --hidden 99999999": "--hidden",
    "train iris --cv 1": "cv",
    "train iris --cv many": "--cv",
    "train iris --cv 60": "class",
    "train iris --ensemble 0": "ensemble",
    "train table.csv --target price --group colur": "'colour'",
    "train table.csv --target price --group price": "target",
    "train table.csv --target price --group colour --time size": "one",
    "train table.csv --target price --time colour": "'colour'",
    "train digits --time when": "digits",
    "race": "DATA",
    "race iris --rates 0": "rates",
    "race iris --rates some": "--rates",
    "race iris --replicates 0": "replicates",
    "race iris --optimizer adm": "'adam'",
    "race iris --hidden 3|4": "search",
    "race iris --epochs 0": "epochs",
    "race iris --learning-rate 0.1": "--learning-rate",
    "race iris --metric r2": "log_loss",
    "race nowhere.csv": "nowhere.csv",
    "race iris --out table.csv": "table.csv",
    "search": "--resume",
    "search nowhere.csv": "nowhere.csv",
    "search iris --trials 0": "trials",
    "search iris --trials few": "--trials",
    "search iris --minutes 0": "minutes",
    "search iris --cv 1": "cv",
    "search iris --ensemble 0": "ensemble",
    "search iris --generation 1": "generation",
    "search iris --metric acuracy": "'accuracy'",
    "search iris --space nowhere.toml": "nowhere.toml",
    "search iris --space table.csv": "table.csv",
    "search iris --space wrong.toml": "'dropout'",
    "search iris --show-space --space wrong.toml": "'dropout'",
    "search iris --storage nonsense": "storage",  # the URL may hold a password: it is not repeated
    "search iris --out table.csv": "table.csv",
    "search --resume nowhere": "nowhere",
    "search --resume RUN": "search",
    "search --resume RUN --seed 3": "--seed",
    "search --resume RUN --class-weights": "--class-weights",
    "search --export-study sqlite:///a.db": "--resume",
    "search --export-study sqlite:///a.db --resume RUN": "search",
    "predict": "RUN",
    "predict nowhere iris": "nowhere",
    "predict table.csv table.csv": "table.csv",
    "predict . table.csv": "run.json",
    "report": "RUN",
    "report nowhere": "nowhere",
    "report empty": "run.json",
    "predict RUN nowhere.csv": "nowhere.csv",
    "predict RUN iris": "size",
    "predict RUN table.csv -o absent/predictions.csv": "absent",
    "predict RUN table.csv -o empty": "empty",
    "predict RUN table.csv -o predictions.xls": ".csv",
    "predict RUN table.csv -o table.csv": "--force",
    "report RUN -o absent/page.html": "absent",
    "report RUN -o table.csv": "--force",
    "report RUN -o empty": "folder",
}


@pytest.mark.slow
@pytest.mark.parametrize("line", COMMAND_LINES)
def test_a_bad_command_line_is_refused_in_one_sentence(
    line: str, whole_run: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "empty").mkdir()
    (place / "wrong.toml").write_text("droput = 0.1\n")
    words = [str(whole_run) if word == "RUN" else word.strip("'") for word in line.split(" ")]
    assert COMMAND_LINES[line].lower() in refused(words, place, capsys).lower()


NEW_DATA = {
    "lacks a column": ("size\n1\n", "colour"),
    "has a column of nearly that name": ("size,color\n1,red\n", "'color'"),
    "has text in a number's column": ("size,colour\n1,red\nbig,red\n", "'size'"),
    "has a header only": ("size,colour\n", "rows"),
    "is an empty file": ("", "new.csv"),
    "is not UTF-8": (b"size,colour\n1,r\xe9d\n", "new.csv"),
}


@pytest.mark.parametrize("fault", NEW_DATA)
def test_new_data_that_do_not_fit_the_model_are_refused(
    fault: str, whole_run: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, named = NEW_DATA[fault]
    (place / "new.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    words = ["predict", str(whole_run), "new.csv", "-o", "predictions.csv"]
    assert named in refused(words, place, capsys)


def remove(path: Path) -> None:
    path.unlink()


def halve(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


RUN_FILES = (
    "run.json",
    "history.parquet",
    "leaderboard.parquet",
    "predictions.parquet",
    "model.json",
    "model.safetensors",
)


@pytest.mark.parametrize("damage", [remove, halve, empty])
@pytest.mark.parametrize("name", RUN_FILES)
def test_a_run_folder_that_was_cut_short_is_refused(
    name: str,
    damage: Callable[[Path], None],
    whole_run: Path,
    place: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(whole_run, place / "cut")
    damage(place / "cut" / name)
    assert name.split(".")[0] in refused(["report", "cut"], place, capsys)
    assert "cut" in refused(["predict", "cut", "table.csv", "-o", "p.csv"], place, capsys)


def test_a_run_of_another_schema_is_refused(
    whole_run: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(whole_run, place / "old")
    record = json.loads((place / "old" / "run.json").read_text("utf-8"))
    (place / "old" / "run.json").write_text(json.dumps({**record, "schema_version": 99}), "utf-8")
    assert "99" in refused(["report", "old"], place, capsys)


def test_a_folder_of_broken_idx_files_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "images").mkdir()
    (place / "images" / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"\x00\x00\x08\x03")[:-4])
    refused(["train", "images"], place, capsys)


def test_a_folder_that_cannot_be_written_is_refused_before_training(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The user root may write anywhere, so the system's answer is put in place of the system's.
    monkeypatch.setattr("couloir.files.os.access", lambda *_: False)
    assert "--out" in refused(["train", "iris", "--out", "runs"], place, capsys)
