"""The loop: asked, trained, told; what is on the disk when; how a search goes on wherever it was killed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from couloir.selection import portfolio
from couloir.selection.problem import Problem
from couloir.selection.search.entries import Choices
from couloir.selection.search.loop import Search
from couloir.selection.search.space import Space
from couloir.selection.search.study import JOURNAL
from searches import SPACE, begin, copied, found_in, plain


def asked_next(search: Search, count: int) -> list[dict[str, Any]]:
    """What the study would ask for now; asking leaves no trace."""
    return search.study.ask(search.study.generations, count, search.budget.groups(count))


def test_where_there_is_no_default_population_the_sampler_begins(tmp_path: Path, problem: Problem) -> None:
    search = begin(tmp_path / "run", problem)
    search.advance(3)
    assert len(search.study.trials) == 3


@pytest.mark.slow
def test_a_search_of_the_default_space_begins_with_the_portfolio(tmp_path: Path, problem: Problem) -> None:
    space = Space.default("classification", problem.least_rows)
    search = begin(tmp_path / "run", problem, space)
    search.advance(8, on_epoch=lambda progress: True)
    members = [search.member(number).describe() for number in range(8)]
    assert members == [
        each.describe() for each in portfolio.members("classification", problem.least_rows)[:8]
    ]


@pytest.mark.slow
def test_after_each_generation_all_of_it_is_on_the_disk(tmp_path: Path, either: Problem) -> None:
    search = begin(tmp_path / "run", either)
    for number in range(3):
        search.advance(7)
        again = copied(search, tmp_path / f"copy{number}")
        assert plain(again) == plain(search)
        assert again.costs == search.costs
        for one, other in zip(again.pool.trials, search.pool.trials, strict=True):
            assert np.array_equal(one.answers, other.answers)
    assert [cost["trials"] for cost in search.costs] == [7, 7, 7]
    assert search.pool.best is not None
    assert search.pool.best.value == min(t.value for t in search.study.trials if t.value is not None)


def test_trials_are_told_in_the_order_in_which_they_were_asked(tmp_path: Path, problem: Problem) -> None:
    search = begin(tmp_path / "run", problem)
    for number in range(2):
        asked = asked_next(search, 6)
        found = search.advance(6)
        assert found is not None
        told = search.study.trials[6 * number :]
        assert [trial.parameters for trial in told] == asked
        assert [trial.value for trial in told] == [result.value for result in found.results]
        members = [SPACE.member(parameters) for parameters in asked]
        assert [search.member(trial.number) for trial in told] == members


def test_with_little_time_only_the_cheapest_trials_are_trained(tmp_path: Path, problem: Problem) -> None:
    wide = Space("classification", SPACE.entries | {"width": Choices((6, 512))})
    search = begin(tmp_path / "run", problem, wide, seed=1)
    asked = asked_next(search, 8)
    assert {each["width"] for each in asked} == {6, 512}, "the case shows nothing"
    search.advance(8, seconds_left=1e-9)
    small = [each for each in asked if each["width"] == 6]
    assert [trial.parameters for trial in search.study.trials] == small


def test_a_pace_is_what_the_last_generation_took_over_what_was_predicted(
    tmp_path: Path, problem: Problem
) -> None:
    search = begin(tmp_path / "run", problem)
    assert search.budget.pace == 1.0
    search.advance(4)
    members = [search.member(number) for number in range(4)]
    assert search.budget.pace * search.budget.seconds(members) >= search.costs[0]["seconds"]


def test_the_nested_score_is_of_each_fold_s_own_choice(
    tmp_path: Path, folded: Problem, problem: Problem
) -> None:
    search = begin(tmp_path / "run", folded, halve=False)
    search.advance(6)
    trials = [trial.attributes for trial in search.study.trials]
    nested = search.nested()
    assert nested is not None
    for fold in range(2):
        inner = [each["stopping"][fold] for each in trials]
        own = trials[int(np.argmin(inner))]["held_out"]
        assert {name: values[fold] for name, values in nested.items()} == {
            name: values[fold] for name, values in own.items()
        }
    plain_one = begin(tmp_path / "plain", problem)
    plain_one.advance(4)
    assert plain_one.nested() is None


# Ends of all kinds ------------------------------------------------------------------------------------------


def test_a_generation_that_is_unwanted_leaves_no_trace(tmp_path: Path, problem: Problem) -> None:
    one, other = begin(tmp_path / "one", problem), begin(tmp_path / "other", problem)
    one.advance(6)
    before = plain(one)
    files = sorted(path.name for path in one.folder.iterdir())
    assert one.advance(6, on_epoch=lambda progress: progress.epoch == 2, unwanted=lambda: True) is None
    assert plain(one) == before
    assert sorted(path.name for path in one.folder.iterdir()) == files
    one.advance(6)
    other.advance(6)
    other.advance(6)
    assert plain(one) == plain(other)


def test_a_generation_that_is_cut_short_counts_with_what_it_reached(tmp_path: Path, problem: Problem) -> None:
    search = begin(tmp_path / "run", problem)
    found = search.advance(6, on_epoch=lambda progress: progress.epoch == 2)
    assert found is not None
    assert max(result.attributes["epochs_run"] for result in found.results) == 2
    assert sum(result.status == "finished" for result in found.results) == 1
    assert [(rung.epoch, rung.kept) for rung in found.rungs] == [(1, 2), (2, 1)]
    assert search.pool.best is not None


class Killed(BaseException):
    pass


class Dying:
    """A study whose process is killed as it is told a generation."""

    def __init__(self, study: Any) -> None:
        self.study = study

    def __getattr__(self, name: str) -> Any:
        return getattr(self.study, name)

    def tell(self, *_: Any) -> None:
        raise Killed


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, problem: Problem) -> tuple[Search, Path, bytes]:
    """A search of three generations; its folder after the second; and its journal after the first."""
    folder = tmp_path_factory.mktemp("searches")
    search = begin(folder / "run", problem)
    search.advance(6)
    journal = (search.folder / JOURNAL).read_bytes()
    search.advance(6)
    shutil.copytree(search.folder, folder / "second")
    search.advance(6)
    return search, folder / "second", journal


def test_networks_are_on_the_disk_before_their_generation_is_told(
    tmp_path: Path, problem: Problem, undisturbed: tuple[Search, Path, bytes]
) -> None:
    search = begin(tmp_path / "run", problem)
    search.advance(6)
    search.study = Dying(search.study)  # type: ignore[assignment]
    with pytest.raises(Killed):
        search.advance(6)
    left = sorted(path.name for path in search.folder.glob("networks*"))
    assert left == ["networks-0000.safetensors", "networks-0001.safetensors"]
    again = copied(search, tmp_path / "copy")
    assert [path.name for path in again.folder.glob("networks*")] == left[:1]
    goes_on(again, undisturbed[0])


@pytest.mark.parametrize("moment", ["half the networks", "the networks", "the trials without their mark"])
def test_killed_when_so_much_was_written(
    moment: str, tmp_path: Path, undisturbed: tuple[Search, Path, bytes]
) -> None:
    whole, second, journal = undisturbed
    folder = tmp_path / "killed"
    shutil.copytree(second, folder)
    written = folder / "networks-0001.safetensors"
    if moment == "the trials without their mark":
        lines = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
        assert b"committed" in lines[-1]
        (folder / JOURNAL).write_bytes(b"".join(lines[:-1]))
    else:
        (folder / JOURNAL).write_bytes(journal)
    if moment == "half the networks":
        written.with_name(f".{written.name}.part4711").write_bytes(written.read_bytes()[:1000])
        written.unlink()
    again = found_in(folder, whole)
    assert [path.name for path in folder.glob("*networks*")] == ["networks-0000.safetensors"]
    goes_on(again, whole)


def goes_on(search: Search, undisturbed: Search) -> None:
    """A search of one generation comes to the same as one of three that was not disturbed."""
    assert search.study.generations == 1
    search.advance(6)
    search.advance(6)
    assert plain(search) == plain(undisturbed)
