"""The verbs `gradcheck` and `guess`: on training rows alone, repeatable, and as their parts say."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from msgspec import structs

import couloir
from couloir.cli.results import print_found
from couloir.commands.gradcheck import gradcheck
from couloir.commands.guess import guess
from couloir.commands.one_network import Exploration
from couloir.errors import InputError
from couloir.experiments.gradients import relative_difference
from couloir.experiments.guessing import random_search
from couloir.runs.records import GradcheckRecord, GuessRecord, findings, read_record, text_of
from couloir.selection.problem import Conditions, prepare


@pytest.fixture(scope="module")
def checked() -> Exploration[GradcheckRecord]:
    return gradcheck("iris", hidden=(4,), activation="tanh", samples=20)


@pytest.fixture(scope="module")
def guessed() -> Exploration[GuessRecord]:
    return guess("iris", hidden=(4,), guesses=500)


def poisoned():
    """Iris with nonsense in the features of all rows but those of the training part."""
    dataset = couloir.load("iris")
    split = prepare(dataset, Conditions()).split
    values = dataset.features.to_numpy().copy()
    values[np.concatenate([split.validation, split.test])] = 1e6
    return replace(dataset, features=pl.DataFrame(values, schema=dataset.features.columns))


@pytest.mark.slow
def test_what_was_checked_is_recorded(checked):
    record, table = checked.record, checked.tables["agreement"]
    assert record.network == findings.Network(
        widths=[4, 4, 3], parameters=35, activation="tanh", loss="cross_entropy"
    )
    assert (record.rows, len(table), record.agreement.checked) == (20, 35, 35)
    assert record.agreement.apart == record.agreement.kinks == 0
    exact = table["backpropagation"].to_numpy()
    floor = 1e-4 * np.abs(exact).max()
    worst = relative_difference(table["central"].to_numpy(), exact, floor).max()
    assert record.agreement.largest_central == worst < 1e-5
    assert record.errors["central"].slopes.truncation == pytest.approx(2, abs=0.05)
    assert [cost.widths for cost in record.costs] == [[4, units, 3] for units in (1, 2, 4)]
    assert "All 35 derivatives agree" in dict(checked.lines)["agreement"]


@pytest.mark.slow
def test_guessing_is_that_of_the_training_part(guessed):
    part = prepare(couloir.load("iris"), Conditions()).data.train
    search = random_search((4, 4, 3), part, guesses=500)
    assert guessed.record.best == findings.Guess(**search.best._asdict())
    assert guessed.record.constant == pytest.approx(np.log(3), rel=1e-6)
    assert guessed.record.grid == f"10^{search.parameters}"
    assert guessed.record.descent.evaluations == 24 * (500 // 24)
    assert [row[0] for row in guessed.table[1]] == ["0.5", "1", "2", "4"]


@pytest.mark.slow
def test_other_rows_change_nothing(checked, guessed):
    data = poisoned()
    again = guess(data, hidden=(4,), guesses=500)
    first, second = guessed.record, again.record
    assert (second.best, second.median, second.descent) == (first.best, first.median, first.descent)
    settings = {"hidden": (4,), "activation": "tanh", "samples": 20}
    assert gradcheck(data, **settings).tables["agreement"].equals(checked.tables["agreement"])


@pytest.mark.slow
def test_values_are_explored_too():
    random = np.random.default_rng(0)
    features = random.normal(size=(60, 3))
    data = couloir.load((features, features @ [1.0, 2, 3]), task="regression")
    found = gradcheck(data, hidden=(3,), activation="sigmoid", samples=10)
    assert found.record.network.loss == "mse"
    assert found.record.agreement.apart == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: guess("iris", guesses=0), "guesses 0"),
        (lambda: guess("iris", hidden=((4,), (5,)), guesses=5), "one value of each option"),
        (lambda: guess("iris", epochs=5, guesses=5), "no option 'epochs'"),
        (lambda: gradcheck("iris", samples=0), "samples 0"),
        (lambda: gradcheck("iris", activation="tan"), "did you mean 'tanh'"),
        (lambda: gradcheck("iris", hidden=(100_000,)), "takes too long"),
    ],
)
def test_mistakes_are_explained(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_results_are_printed(checked, guessed, capsys):
    print_found(checked)
    text = capsys.readouterr().out
    for word in ("4-4-3, tanh: 35 weights and biases", "All 35 derivatives agree", "truncation", "layer"):
        assert word in text
    print_found(guessed, as_json=True)
    assert json.loads(capsys.readouterr().out) == json.loads(text_of(guessed.record))
    print_found(guessed, quiet=True)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("result")


@pytest.mark.parametrize("name", ["checked", "guessed"])
def test_a_folder_holds_page_tables_and_record(name, request, tmp_path):
    found: Exploration[Any] = request.getfixturevalue(name)
    folder = found.save(tmp_path)
    kind = found.record.kind
    assert {path.name for path in folder.iterdir()} == {
        *("run.json", f"{kind}.html"),
        *(f"{table}.parquet" for table in found.tables),
    }
    assert read_record(folder) == found.record
    for table, frame in found.tables.items():
        assert pl.read_parquet(folder / f"{table}.parquet").equals(frame)
    page = (folder / f"{kind}.html").read_text("utf-8")
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', page, re.S)[1])["figures"]
    assert set(figures) == {chart.name for chart in found.charts}
    for anchor in re.findall(r'href="#([a-z-]+)"', page):
        assert f'id="{anchor}"' in page, anchor
    body = re.sub(r"<[^>]*>", " ", page[page.index("<main>") : page.index("</main>")])
    assert "None" not in body
    assert "nan" not in body.split()


def test_nothing_is_left_of_what_could_not_be_written(guessed, tmp_path):
    broken = replace(guessed, record=structs.replace(guessed.record, median=float("nan")))
    with pytest.raises(ValueError, match="not JSON compliant"):
        broken.save(tmp_path)
    assert list(tmp_path.iterdir()) == []
