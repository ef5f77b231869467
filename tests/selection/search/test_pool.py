"""The best trials with their networks: who is kept, what they answer, what is on the disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.engine.outcomes import RungResult, halving
from couloir.errors import InputError
from couloir.selection.problem import Problem
from couloir.selection.search.generation import Generation, TrainedTrial, member_of, train_generation
from couloir.selection.search.pool import (
    Pool,
    networks_file,
    read_generation,
    remove_unfinished,
    write_generation,
)
from couloir.selection.search.study import Trial
from searches import CONDITIONS, SPACE, begin, copied, plain

RATES = (0.3, 3.0, 10.0)


@pytest.fixture
def generation(either: Problem) -> Generation:
    parameters = [{"rate": rate, "schedule": "cosine", "l2": 1e-6} for rate in RATES]
    members = [member_of(SPACE, either, each) for each in parameters]
    return train_generation(either, members, 4, CONDITIONS, "log_loss", halving(9, 1 / 2, 1))


def trial(number: int, value: float) -> TrainedTrial:
    return TrainedTrial(
        number, Member(RULES["sgd"], 0.1), [1], [], lambda _: np.empty(0), value, np.empty((2, 1))
    )


@pytest.mark.parametrize(("metric", "best"), [("log_loss", [5, 2, 7]), ("accuracy", [3, 7, 2])])
def test_the_best_are_kept_and_of_equals_the_first(metric: str, best: list[int]) -> None:
    pool = Pool(metric, most=3)
    assert pool.best is None
    first = pool.with_others([trial(7, 0.4), trial(3, 0.6)])
    second = first.with_others([trial(2, 0.4 if metric == "log_loss" else 0.3), trial(5, 0.1)])
    assert second.numbers == best
    assert second.best is second.trials[0]
    assert len(first.trials) == 2, "a pool does not change"


@pytest.mark.slow
def test_answers_are_those_of_the_models_for_the_rows_trials_are_chosen_by(
    generation: Generation, either: Problem
) -> None:
    rows = either.judged_rows
    assert np.array_equal(rows, either.split.train if either.folds else either.split.validation)
    for own in generation.trained:
        losses = -np.log(own.answers[np.arange(len(rows)), either.truth(rows)])
        folds = [np.isin(rows, fold.held_out) for fold in either.folds] or [np.full(len(rows), True)]
        assert np.mean([losses[held].mean() for held in folds]) == pytest.approx(own.value, rel=1e-9)


def test_what_is_written_is_read_back(generation: Generation, either: Problem, tmp_path: Path) -> None:
    told = [
        Trial(
            **vars(result),
            number=number,
            generation=0,
            parameters={"rate": rate, "schedule": "cosine", "l2": 1e-6},
        )
        for (number, rate), result in zip(enumerate(RATES, start=4), generation.results, strict=True)
    ]
    assert len(generation.trained) == 2, "one has left"
    assert isinstance(generation.rungs[0], RungResult)
    path = networks_file(tmp_path, 0)
    for kept in ([each.number for each in generation.trained], [generation.trained[0].number]):
        write_generation(path, generation, kept)
        again = read_generation(path, told, either, SPACE)
        assert (again.results, again.rungs) == (told, generation.rungs)
        assert (again.seconds, again.compile_seconds) == (generation.seconds, generation.compile_seconds)
        assert again.member_samples == generation.member_samples
        assert [each.number for each in again.trained] == kept
        for own, other in zip(again.trained, generation.trained, strict=False):
            assert (own.member, own.best_epochs, own.value) == (other.member, other.best_epochs, other.value)
            assert np.array_equal(own.curves, other.curves)
            assert np.array_equal(own.answers, other.answers)
            for one, two in zip(own.models, other.models, strict=True):
                assert one.preparation is two.preparation
                assert one.activation == two.activation
                layers = zip(one.layers, two.layers, strict=True)
                assert all(np.array_equal(a, b) for pair in layers for a, b in zip(*pair, strict=True))


def test_what_no_told_generation_has_written_is_removed(tmp_path: Path) -> None:
    names = ["networks-0000.safetensors", "networks-0001.safetensors", "networks-0002.safetensors"]
    for name in (*names, ".networks-0000.safetensors.part4711", "networks-half.safetensors", "journal.log"):
        (tmp_path / name).touch()
    remove_unfinished(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal.log", *names[:2]]


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_networks_that_cannot_be_read_are_one_sentence(harm: str, tmp_path: Path, problem: Problem) -> None:
    search = begin(tmp_path / "run", problem)
    search.advance(6)
    path = networks_file(search.folder, 0)
    whole_file = path.read_bytes()
    path.unlink()
    if harm == "cut":
        path.write_bytes(whole_file[:-100])
    with pytest.raises(InputError, match=r"networks-0000\.safetensors.*begin again"):
        copied(search, tmp_path / "copy")


def test_the_pool_has_the_best_of_all_generations(tmp_path: Path, problem: Problem) -> None:
    search = begin(tmp_path / "run", problem, halve=False, most=3)
    for _ in range(3):
        search.advance(6)
    values = sorted((each.value, each.number) for each in search.study.trials)
    assert [(each.value, each.number) for each in search.pool.trials] == values[:3]
    assert plain(copied(search, tmp_path / "copy")) == plain(search)
    assert search.rungs == []
