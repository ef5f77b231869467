"""Sets of OpenML: fetched through scikit-learn from recorded answers, then kept as Parquet.

The answers are those that scikit-learn ships for its own tests, real ones cut to a few rows.
"""

from __future__ import annotations

import gzip
import importlib.util
import io
import re
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlparse

import numpy as np
import polars as pl
import pytest

from couloir.data.dataset import describe
from couloir.data.loading import load, load_features
from couloir.data.preparation import Preparation
from couloir.data.sources import openml
from couloir.errors import InputError

_SKLEARN = importlib.util.find_spec("sklearn")
RECORDED = Path((_SKLEARN and _SKLEARN.origin) or ".").parent / "datasets/tests/data/openml"
needs_answers = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="scikit-learn is installed without its recorded answers of OpenML"
)


SHORTENED = (
    ("-json-data-list", "-jdl"),
    ("-json-data-features", "-jdf"),
    ("-json-data-qualities", "-jdq"),
    ("-json-data", "-jd"),
    ("-data_name", "-dn"),
    ("-limit", "-l"),
    ("-data_version", "-dv"),
    ("-status", "-s"),
    ("-active", "-act"),
)


class Answer(io.BytesIO):
    """What a web server sends, not packed."""

    def info(self) -> dict[str, str]:
        return {}


class Answers:
    """Stands in for the network: answers from recorded files, and counts the questions."""

    def __init__(self, number: int) -> None:
        self.folder, self.asked = RECORDED / f"id_{number}", 0

    def __call__(self, request, *args, **options):
        self.asked += 1
        url = request.full_url if hasattr(request, "full_url") else request
        file = self.folder / self._name(urlparse(url).path)
        if not file.is_file():
            raise HTTPError(url, 412, "no such question was recorded", None, None)  # type: ignore[arg-type]
        return Answer(gzip.decompress(file.read_bytes()))

    def _name(self, path: str) -> str:
        """How scikit-learn calls the file in which it recorded an answer."""
        if path.startswith("/data/"):
            return next(each.name for each in self.folder.glob("data-v1-dl-*"))
        short = re.sub(r"\W", "-", path.lstrip("/"))
        for long, cut in SHORTENED:
            short = short.replace(long, cut)
        return f"{short}.json.gz"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COULOIR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def answers(home: Path, monkeypatch: pytest.MonkeyPatch):
    def use(number: int) -> Answers:
        found = Answers(number)
        monkeypatch.setattr("sklearn.datasets._openml.urlopen", found)
        return found

    return use


@needs_answers
def test_a_set_by_number_is_fetched_once_and_then_read_from_the_cache(answers, home):
    network = answers(1590)
    data = load("openml:1590")
    assert (data.name, data.target_name, data.task) == ("adult-2", "class", "classification")
    assert data.classes == ("<=50K", ">50K")
    kinds = describe(data)["column_kinds"]
    assert kinds["numeric"] >= 5
    assert "categorical" in kinds
    asked = network.asked
    assert asked > 0
    assert (home / "openml" / "1590.parquet").is_file()
    again = load("openml:1590")
    assert network.asked == asked
    assert again.fingerprint == data.fingerprint
    assert again.features.equals(data.features)
    assert data.source == {"data": "openml:1590", "loading": {}}


@needs_answers
def test_the_cells_are_those_of_scikit_learns_frame(answers):
    answers(1590)
    data = load("openml:1590")
    from sklearn.datasets import fetch_openml

    frame = fetch_openml(
        data_id=1590, as_frame=True, parser="pandas", data_home=str(openml.openml_folder() / "fetched")
    ).frame
    assert data.features["age"].to_list() == frame["age"].tolist()
    workclass = [None if text != text else text for text in frame["workclass"].astype(object)]
    assert data.features["workclass"].to_list() == workclass
    assert data.target.tolist() == frame["class"].tolist()


@needs_answers
def test_a_name_with_and_without_a_version(answers):
    answers(61)
    by_name, by_version = load("openml:Iris"), load("openml:iris@1")
    assert by_name.name == by_version.name == "iris-1"
    assert by_name.fingerprint == by_version.fingerprint
    assert by_name.classes == ("Iris-setosa", "Iris-versicolor", "Iris-virginica")


@needs_answers
def test_another_column_can_be_the_target(answers):
    answers(1590)
    data = load("openml:1590", target="hours-per-week", task="regression")
    assert "class" in data.column_names
    assert data.target_name == "hours-per-week"


@needs_answers
def test_a_kept_set_gives_new_rows_too(answers):
    answers(1590)
    data = load("openml:1590")
    preparation = Preparation.fit(data, np.arange(len(data)))
    features, target = load_features("openml:1590", preparation)
    assert np.array_equal(preparation.inputs(features), preparation.inputs(data.features))
    assert target is not None
    assert target.tolist() == data.target.tolist()


def test_where_there_is_no_network_a_sentence_says_so(home, monkeypatch):
    def nothing(*_, **__):
        raise URLError("Name or service not known")

    monkeypatch.setattr("sklearn.datasets._openml.urlopen", nothing)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.raises(InputError, match=r"OpenML cannot be reached, so that 'openml:adult'"):
        load("openml:adult")
    assert not list(home.rglob("*.parquet"))


@needs_answers
@pytest.mark.parametrize("source", ["openml:999999", "openml:no such set"])
def test_a_set_that_is_not_there(answers, source):
    answers(61)
    with pytest.raises(InputError, match="OpenML has no set"):
        load(source)


@pytest.mark.parametrize("source", ["openml:", "openml:adult@", "openml:adult@x", "openml:../adult"])
def test_a_source_that_names_no_set(home, source):
    with pytest.raises(InputError, match="does not name a set of OpenML: write openml:adult"):
        load(source)


@needs_answers
def test_a_sparse_set_is_refused(answers):
    answers(292)
    with pytest.warns(UserWarning, match="is inactive"), pytest.raises(InputError, match="is sparse"):
        load("openml:292")


def test_what_is_kept_is_read_without_scikit_learn(home):
    (home / "openml").mkdir(parents=True)
    frame = pl.DataFrame({"a": np.arange(20.0), "t": ["no", "yes"] * 10})
    frame.write_parquet(home / "openml" / "mine.parquet", metadata={"name": "mine-3", "target": "t"})
    code = (
        "import sys; from couloir.data.loading import load; data = load('openml:mine'); "
        "print(data.name, len(data), 'sklearn' in sys.modules)"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["mine-3", "20", "False"]
