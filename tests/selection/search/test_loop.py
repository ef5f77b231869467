"""A search, generation by generation: what a trial is worth, who leaves, and what is on the disk when."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import couloir
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.engine.outcomes import Outcome, RungResult, Trained, halving
from couloir.engine.training import train_population
from couloir.errors import InputError
from couloir.selection.cross_validation import CrossValidation
from couloir.selection.members import Options
from couloir.selection.problem import Conditions, Problem, prepare
from couloir.selection.search import loop as module
from couloir.selection.search.entries import Choices, Fixed, Range
from couloir.selection.search.loop import Generation, Search, first_generation, train_generation
from couloir.selection.search.space import Space
from couloir.selection.search.study import Study

DEFAULT = Space.default("classification", 1000)
SPACE = Space(
    "classification",
    DEFAULT.entries
    | {
        "optimizer": Fixed("adam"),
        "rate": Range(0.3, 100.0, log=True),
        "schedule": Choices(("constant", "cosine")),
        "batch_size": Fixed(16),
        "layers": Fixed(1),
        "width": Fixed(6),
        "activation": Fixed("tanh"),
        "dropout": Fixed(0.0),
        "noise": Fixed(0.0),
        "epochs": Fixed(9),
    },
)
"""One program for all: rate, schedule and l2 are searched."""

CONDITIONS = Conditions(precision="float64", patience=4)
RUNGS = halving(9, keep=1 / 3)


@pytest.fixture(scope="module")
def problem() -> Problem:
    return prepare(couloir.load("iris"), CONDITIONS)


@pytest.fixture(scope="module")
def folded() -> Problem:
    return prepare(couloir.load("iris"), replace(CONDITIONS, cv=2))


def member(rate: float, schedule: str = "constant") -> Member:
    rule = RULES["adam"]
    return Member(
        rule, rate, hidden=(6,), activation="tanh", batch_size=16, epochs=9, schedule=schedule, l2=1e-6
    )


MEMBERS = [
    member(3e-4),
    member(0.03, "cosine"),
    member(1e300),
    member(0.1, "cosine"),
    member(1e-3),
    member(0.01, "cosine"),
    member(3e-3),
]
DIVERGES = 2


def whole(given: Problem) -> Trained:
    """The members without rungs: nobody leaves."""
    return train_population(MEMBERS, given.trained_on, patience=4, precision="float64")


@pytest.fixture(scope="module")
def generation(problem: Problem) -> Generation:
    return train_generation(problem, MEMBERS, 40, CONDITIONS, "log_loss", RUNGS)


@pytest.fixture(scope="module")
def in_folds(folded: Problem) -> Generation:
    return train_generation(folded, MEMBERS, 40, CONDITIONS, "log_loss", RUNGS)


# The first generation -------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_search_begins_with_the_default_population_of_train(task: str) -> None:
    space = Space.default(task, 1000)
    lowest = space.entries["l2"].nearest(0.0)  # None is not in a logarithmic range.
    expected = [replace(each, l2=lowest) for each in Options().members(task)]
    found = [space.member(each) for each in first_generation(space, task, module.GENERATION)]
    assert [replace(each, numbers={}) for each in found] == [replace(each, numbers={}) for each in expected]
    assert len(found) == len(expected) == module.GENERATION
    assert [each.hyper() for each in found] == [each.hyper() for each in expected]


def test_of_too_many_beginnings_every_rule_keeps_some() -> None:
    found = first_generation(DEFAULT, "classification", 16)
    assert [sum(each["optimizer"] == rule for each in found) for rule in RULES] == [2] * 8


def test_where_the_default_population_is_not_in_the_space_the_sampler_begins(
    tmp_path: Path, problem: Problem
) -> None:
    assert first_generation(SPACE, "classification", 64) == []
    search = begin(tmp_path / "run", problem)
    search.advance(3)
    assert len(search.study.trials) == 3


# What a trial is worth ------------------------------------------------------------------------------------


def at_rungs(trained: Trained, number: int, epochs: int) -> float:
    """The mean over the folds of a member's best validation loss within so many epochs."""
    return float(
        np.mean([min(s["log_loss"] for s in fold[number].validation[:epochs]) for fold in trained.folds])
    )


@pytest.mark.parametrize("which", ["generation", "in_folds"])
def test_the_worse_leave_at_rungs_and_can_be_told_from_who_diverged(
    which: str, request: pytest.FixtureRequest, problem: Problem, folded: Problem
) -> None:
    found: Generation = request.getfixturevalue(which)
    alone = whole(problem if which == "generation" else folded)
    assert [rung.epoch for rung in RUNGS] == [1, 3]
    alive = [number for number in range(len(MEMBERS)) if number != DIVERGES]
    came = dict.fromkeys(range(len(MEMBERS)), 0)
    for rung in RUNGS:
        for number in alive:
            came[number] += 1
        alive.sort(key=lambda number: at_rungs(alone, number, rung.epoch))
        alive = alive[: -(-len(alive) // 3)]
    assert [(rung.entered, rung.kept) for rung in found.rungs] == [(6, 2), (2, 1)]
    for number, result in enumerate(found.results):
        left = [at_rungs(alone, number, rung.epoch) for rung in RUNGS[: came[number]]]
        expected = "diverged" if number == DIVERGES else "left"
        assert result.status == (alone.outcomes[number].status if number in alive else expected)
        assert [epoch for epoch, _ in result.rungs] == [1, 3][: came[number]]
        assert [value for _, value in result.rungs] == pytest.approx(left, rel=1e-9)
        assert (result.value is None) == (number not in alive)
    assert len({result.status for result in found.results}) == 3


def test_who_diverged_between_two_rungs_came_to_the_first_alone() -> None:
    losses = [{"log_loss": loss} for loss in (0.9, 0.8, float("nan"))]
    passed = [RungResult(epoch, 9, 3, 0.5) for epoch in (1, 2, 3, 6)]
    for status, epochs in (("diverged", [1, 2]), ("left", [1, 2, 3]), ("stopped", [1, 2, 3, 6])):
        outcome = Outcome(MEMBERS[0], status, 2, 0.8, losses, losses)
        found = module._at_rungs([outcome], passed, "log_loss")
        assert found == [(epoch, 0.9 if epoch == 1 else 0.8) for epoch in epochs]


def test_a_trial_s_value_is_its_best_on_validation(generation: Generation, problem: Problem) -> None:
    """Also where its rate follows a schedule: the whole budget stays the horizon."""
    alone = whole(problem)
    kept = [number for number, result in enumerate(generation.results) if result.value is not None]
    assert kept
    for number in kept:
        outcome, result = alone.outcomes[number], generation.results[number]
        assert result.value == pytest.approx(min(s["log_loss"] for s in outcome.validation), rel=1e-9)
        assert result.attributes["best_epochs"] == [outcome.best_epoch]
        assert result.attributes["epochs_run"] == outcome.epochs_run
        assert result.attributes["n_parameters"] == 4 * 6 + 6 + 6 * 3 + 3
    assert any(MEMBERS[number].schedule == "cosine" for number in kept)


def test_a_trial_s_value_in_folds_is_its_mean_on_what_they_held_out(
    in_folds: Generation, folded: Problem
) -> None:
    crossed = CrossValidation(folded, whole(folded), "log_loss")
    kept = [number for number, result in enumerate(in_folds.results) if result.value is not None]
    assert kept
    for number in kept:
        result = in_folds.results[number]
        assert result.value == pytest.approx(crossed.scores["log_loss"][number].mean(), rel=1e-9)
        for name, values in crossed.scores.items():
            assert result.attributes["held_out"][name] == pytest.approx(values[number].tolist(), rel=1e-9)
        inner = [fold[number].score for fold in crossed.trained.folds]
        assert result.attributes["stopping"] == pytest.approx(inner, rel=1e-9)
        assert result.attributes["epochs_run"] == sum(
            fold[number].epochs_run for fold in crossed.trained.folds
        )


@pytest.mark.parametrize("which", ["generation", "in_folds"])
def test_candidates_are_the_trials_with_a_value(which: str, request: pytest.FixtureRequest) -> None:
    found: Generation = request.getfixturevalue(which)
    given = {number + 40: result for number, result in enumerate(found.results) if result.value is not None}
    assert [entry.trial for entry in found.candidates] == list(given)
    for entry in found.candidates:
        assert entry.value == given[entry.trial].value
        assert len(entry.models) == (1 if which == "generation" else 2)


def test_curves_are_means_over_the_folds_that_still_ran(in_folds: Generation, folded: Problem) -> None:
    alone = whole(folded)
    for entry in in_folds.candidates:
        outcomes = [fold[entry.trial - 40] for fold in alone.folds]
        for epoch, (training, validation) in enumerate(entry.curves.T):
            for found, part in ((training, "training"), (validation, "validation")):
                running = [getattr(outcome, part) for outcome in outcomes if outcome.epochs_run > epoch]
                expected = np.mean([scores[epoch]["log_loss"] for scores in running])
                assert found == pytest.approx(expected, rel=1e-9)


def test_more_of_an_accuracy_is_better(problem: Problem) -> None:
    found = train_generation(problem, MEMBERS, 0, CONDITIONS, "accuracy", RUNGS)
    alone = train_population(
        MEMBERS, problem.trained_on, patience=4, precision="float64", metric="accuracy"
    ).outcomes
    (kept,) = [number for number, result in enumerate(found.results) if result.value is not None]
    assert found.results[kept].value == max(s["accuracy"] for s in alone[kept].validation)
    firsts = [outcome.validation[0]["accuracy"] for n, outcome in enumerate(alone) if n != DIVERGES]
    assert found.rungs[0].cut == pytest.approx(sorted(firsts, reverse=True)[1])


# The pool and the disk --------------------------------------------------------------------------------------


def begin(folder: Path, given: Problem, space: Space = SPACE, **more: Any) -> Search:
    folder.mkdir()
    study = Study.create(folder, space, 0, False, {})
    return Search.begin(folder, study, given, CONDITIONS, "log_loss", more.get("halve", True))


def copied(search: Search, folder: Path) -> Search:
    """The search as another process would find it."""
    shutil.copytree(search.folder, folder)
    return Search.begin(folder, Study.resume(folder), search.problem, CONDITIONS, "log_loss", search.halve)


def plain(search: Search) -> Any:
    """All that a search holds, as values that can be compared."""
    pool = [
        (entry.trial, entry.value, entry.curves.tolist(), [layer.tolist() for m in entry.models
         for pair in m.layers for layer in pair], [m.activation for m in entry.models])
        for entry in search.pool
    ]  # fmt: skip
    return pool, search.study.trials, search.rungs, search.member_samples


@pytest.fixture(params=["problem", "folded"])
def either(request: pytest.FixtureRequest) -> Problem:
    found: Problem = request.getfixturevalue(request.param)
    return found


def test_after_each_generation_all_of_it_is_on_the_disk(tmp_path: Path, either: Problem) -> None:
    search = begin(tmp_path / "run", either)
    for number in range(3):
        search.advance(7)
        again = copied(search, tmp_path / f"copy{number}")
        assert plain(again) == plain(search)
        assert again.costs == search.costs
        answers = zip(again.candidates(), search.candidates(), strict=True)
        assert all(np.array_equal(one.answers, other.answers) for one, other in answers)
    assert [cost["trials"] for cost in search.costs] == [7, 7, 7]
    assert search.best is not None
    assert search.best.value == min(t.value for t in search.study.trials if t.value is not None)


def test_trials_are_told_in_the_order_in_which_they_were_asked(
    tmp_path: Path, problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, asked = begin(tmp_path / "run", problem), []
    ask = search.study.ask
    monkeypatch.setattr(search.study, "ask", lambda *given: asked.append(ask(*given)) or asked[-1])
    for number in range(2):
        found = search.advance(6)
        assert found is not None
        told = search.study.trials[6 * number :]
        assert [trial.parameters for trial in told] == asked[-1]
        assert [trial.value for trial in told] == [result.value for result in found.results]
        members = [SPACE.member(parameters) for parameters in asked[-1]]
        assert [search.member(trial.number) for trial in told] == members


def test_the_pool_has_the_best_of_all_generations(
    tmp_path: Path, problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POOL", 3)
    search = begin(tmp_path / "run", problem, halve=False)
    for _ in range(3):
        search.advance(6)
    values = sorted((trial.value, trial.number) for trial in search.study.trials)
    assert [(entry.value, entry.trial) for entry in search.pool] == values[:3]
    assert plain(copied(search, tmp_path / "copy")) == plain(search)
    assert search.rungs == []


def test_judged_answers_are_those_of_the_model_for_the_rows_trials_are_chosen_by(
    tmp_path: Path, either: Problem
) -> None:
    search = begin(tmp_path / "run", either)
    search.advance(6)
    entry = search.pool[0]
    judged, truth = search.judged(entry), either.truth(search.judged(entry).rows)
    losses = -np.log(judged.answers[np.arange(len(truth)), truth])
    if either.folds:
        assert np.array_equal(judged.rows, either.split.train)
        means = [losses[np.isin(judged.rows, fold.rows.held_out)].mean() for fold in either.folds]
        assert np.mean(means) == pytest.approx(entry.value, rel=1e-12)
    else:
        assert np.array_equal(judged.rows, either.split.validation)
        assert losses.mean() == pytest.approx(entry.value, rel=1e-9)


# Ends of all kinds ------------------------------------------------------------------------------------------


def test_a_generation_that_is_dropped_leaves_no_trace(tmp_path: Path, problem: Problem) -> None:
    one, other = begin(tmp_path / "one", problem), begin(tmp_path / "other", problem)
    one.advance(6)
    before = plain(one)
    files = sorted(path.name for path in one.folder.iterdir())
    assert one.advance(6, on_epoch=lambda progress: progress.epoch == 2, dropped=lambda: True) is None
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
    assert search.best is not None


class Killed(BaseException):
    pass


@pytest.mark.parametrize("moment", ["before the networks", "after the networks", "before the mark"])
def test_killed_between_two_writes(
    moment: str, tmp_path: Path, problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, other = begin(tmp_path / "run", problem), begin(tmp_path / "other", problem)
    for _ in range(3):
        other.advance(6)
    search.advance(6)

    def kill(*_: Any) -> None:
        raise Killed

    where, name = {
        "before the networks": (module.os, "replace"),
        "after the networks": (search.study, "tell"),
        "before the mark": (search.study._journal, "set_user_attr"),
    }[moment]
    monkeypatch.setattr(where, name, kill)
    with pytest.raises(Killed):
        search.advance(6)
    monkeypatch.undo()
    left = sorted(path.name for path in search.folder.glob("networks*"))
    later = "networks-0001.safetensors" + (".part" if moment == "before the networks" else "")
    assert left == ["networks-0000.safetensors", later]
    again = copied(search, tmp_path / "copy")
    assert [path.name for path in again.folder.glob("networks*")] == ["networks-0000.safetensors"]
    again.advance(6)
    again.advance(6)
    assert plain(again) == plain(other)


@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_networks_that_cannot_be_read_are_one_sentence(harm: str, tmp_path: Path, problem: Problem) -> None:
    search = begin(tmp_path / "run", problem)
    search.advance(6)
    path = search.folder / "networks-0000.safetensors"
    whole_file = path.read_bytes()
    path.unlink()
    if harm == "cut":
        path.write_bytes(whole_file[:-100])
    with pytest.raises(InputError, match=r"networks-0000\.safetensors.*begin again"):
        copied(search, tmp_path / "copy")


def test_with_little_time_only_the_cheaper_trials_are_trained(
    tmp_path: Path, problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = Space("classification", SPACE.entries | {"width": Choices((6, 512))})
    search = begin(tmp_path / "run", problem, wide)
    asked = [
        {"rate": 1.0, "schedule": "constant", "l2": 1e-7, "width": width, "momentum": 0.9}
        for width in (512, 6, 512, 6)
    ]
    asked = [{name: value for name, value in each.items() if name in wide.searched} for each in asked]
    monkeypatch.setattr(search.study, "ask", lambda *_: asked)
    search.advance(4, seconds_left=1e-9)
    assert [search.member(number).hidden for number in range(2)] == [(6,), (6,)]
    assert len(search.study.trials) == 2, "one block is trained, however little time is left"
    assert search._affordable(asked, 1e9) == [asked[1], asked[3], asked[0], asked[2]]


def test_the_nested_score_is_of_each_fold_s_own_choice(tmp_path: Path, folded: Problem) -> None:
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
