"""Who is kept: the list that is tested, which of it is the headline, and what had a say in that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import to_builtins
from sklearn.metrics import log_loss

import couloir
import known_candidates
from couloir.commands import train as workflow
from couloir.engine.optimizers import RULES
from couloir.engine.outcomes import Trained
from couloir.engine.training import train_population
from couloir.errors import InputError
from couloir.model.files import load_model, save_model
from couloir.model.predictor import Ensemble, Model
from couloir.report import render
from couloir.selection import problem as planning
from couloir.selection import testing as results
from couloir.selection.candidates import Candidate, best_validated
from couloir.selection.choosing import choose, choose_trained, shortlist
from couloir.selection.cross_validation import CrossValidation
from couloir.selection.members import Options
from couloir.selection.problem import Conditions, Plan, plan, prepare
from couloir.selection.testing import Choice, Finalist
from known_candidates import READING, known, named
from poison import hold_division, poisoned

OPTIONS: dict[str, Any] = {
    "optimizer": ["adam", "sgd"],
    "learning_rate": [0.01, 0.1],
    "hidden": 6,
    "activation": "tanh",
    "epochs": 5,
    "batch_size": 16,
}
WAYS: dict[str, dict[str, Any]] = {
    "validation": {"ensemble": 3, "refit": True},
    "folds": {"ensemble": 3, "cv": 3},
}


@dataclass(frozen=True)
class Case:
    """A population that was trained, and what was chosen of it."""

    planned: Plan
    conditions: Conditions
    trained: Trained
    choice: Choice

    def finalist(self, name: str) -> Finalist:
        (found,) = [each for each in self.choice.finalists if each.name == name]
        return found


def case(data: Any, precision: Any = "float64", **conditions: Any) -> Case:
    under = Conditions(precision=precision, **conditions)
    planned = plan(prepare(data, under), Options(**OPTIONS), under)
    data = planned.problem.trained_on(planned.members)
    trained = train_population(planned.members, data, metric=planned.metric, precision=precision)
    return Case(planned, under, trained, choose_trained(planned, trained, "test"))


def chosen_under(found: Case, **changes: Any) -> Choice:
    """What is chosen of the same population under other conditions."""
    problem = replace(found.planned.problem, conditions=replace(found.conditions, **changes))
    return choose_trained(replace(found.planned, problem=problem), found.trained, "test")


@pytest.fixture(scope="module")
def wine() -> Any:
    return couloir.load("wine")


@pytest.fixture(scope="module")
def cases(wine: Any) -> dict[str, Case]:
    return {name: case(wine, **way) for name, way in WAYS.items()}


@pytest.fixture(scope="module")
def values() -> dict[str, Case]:
    data = couloir.load("diabetes")
    return {name: case(data, **way) for name, way in WAYS.items()}


# The list ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("which", ["cases", "values"])
@pytest.mark.parametrize("way", WAYS)
def test_the_list_is_the_winner_its_refit_and_the_average(
    way: str, which: str, request: pytest.FixtureRequest
) -> None:
    found: Case = request.getfixturevalue(which)[way]
    assert [each.name for each in found.choice.finalists] == ["winner", "refitted", "ensemble"]
    split = found.planned.problem.split
    rest = np.sort(np.concatenate([split.train, split.validation]))
    learnt = split.train if way == "validation" else rest
    for name, rows in (("winner", learnt), ("ensemble", learnt), ("refitted", rest)):
        assert np.array_equal(found.finalist(name).rows, rows)
        assert not np.isin(rows, split.test).any()
    assert (found.finalist("refitted").validation is None) is True
    assert found.finalist("winner").networks == (1 if way == "validation" else 3)


@pytest.mark.parametrize("way", WAYS)
def test_the_refit_is_the_winner_trained_on_all_rows_but_the_test_part(
    way: str, cases: dict[str, Case], wine: Any
) -> None:
    found = cases[way]
    winner, split = found.choice.winner, found.planned.problem.split
    if way == "validation":
        epochs = found.trained.outcomes[winner.member].best_epoch
    else:
        epochs = sorted(fold[winner.member].best_epoch for fold in found.trained.folds)[1]
    assert winner.refit_epochs == epochs
    # Prepared here as one part of a problem that has no other rows.
    rest = np.setdiff1d(np.arange(len(wine)), split.test)
    _, data = planning.prepare_rows(wine, rest, None, found.conditions)
    cells = np.asarray(wine.features, np.float64)[rest]
    expected = (cells - cells.mean(axis=0)) / cells.std(axis=0)
    np.testing.assert_allclose(data.train.inputs, expected, rtol=1e-9, atol=1e-12)
    member = found.trained.outcomes[winner.member].member
    again = train_population([member], data, epochs=epochs, precision="float64")
    model = found.finalist("refitted").model
    assert isinstance(model, Model)
    for (weight, bias), layer in zip(model.layers, again.outcomes[0].network, strict=True):
        np.testing.assert_allclose(weight, layer.weight, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(bias, layer.bias, rtol=1e-9, atol=1e-12)


def test_the_winner_of_folds_is_the_mean_of_its_models(cases: dict[str, Case], wine: Any) -> None:
    found = cases["folds"]
    number, bag = found.choice.winner.member, found.finalist("winner").model
    assert isinstance(bag, Ensemble)
    expected = np.mean(
        [
            probabilities(outcomes[number].network, wine, fold.train, found.planned.problem.split.test)
            for outcomes, fold in zip(found.trained.folds, found.planned.problem.folds, strict=True)
        ],
        axis=0,
    )
    np.testing.assert_allclose(
        bag.answers(wine.rows(found.planned.problem.split.test)), expected, rtol=1e-9, atol=1e-12
    )


def test_the_best_epoch_of_folds_is_their_median(cases: dict[str, Case]) -> None:
    found = cases["folds"].choice.winner
    best = sorted(fold[found.member].best_epoch for fold in cases["folds"].trained.folds)
    assert found.best_epoch == best[1] == found.refit_epochs


# The average ------------------------------------------------------------------------------------------------


def probabilities(network: Any, data: Any, known: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """What a network that learnt from the rows known says of others, without our preparation and model."""
    cells = np.asarray(data.features, np.float64)
    first = cells[known]
    inside = np.clip(cells[rows], first.min(axis=0), first.max(axis=0))
    inputs = (inside - first.mean(axis=0)) / first.std(axis=0)
    hidden, last = ((np.asarray(layer.weight), np.asarray(layer.bias)) for layer in network)
    logits = np.tanh(inputs @ hidden[0].T + hidden[1]) @ last[0].T + last[1]
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def mean_of_members(found: Case, rows: np.ndarray) -> np.ndarray:
    """The weighted mean of the answers of the members that the record names, for any rows."""
    problem, total = found.planned.problem, 0.0
    for entry in found.choice.more["ensemble"]:
        folds = [fold.train for fold in problem.folds] or [problem.split.train]
        own = [
            probabilities(outcomes[entry.member].network, problem.dataset, known, rows)
            for outcomes, known in zip(found.trained.folds, folds, strict=True)
        ]
        total = total + entry.weight * np.mean(own, axis=0)
    return np.asarray(total)


@pytest.mark.parametrize("way", WAYS)
def test_the_average_is_the_weighted_mean_at_its_temperature(way: str, cases: dict[str, Case]) -> None:
    found = cases[way]
    model, test = found.finalist("ensemble").model, found.planned.problem.split.test
    assert isinstance(model, Ensemble)
    plain = mean_of_members(found, test)
    powers = plain ** (1 / model.temperature)
    expected = powers / powers.sum(axis=1, keepdims=True)
    raw = found.planned.problem.dataset.rows(test)
    np.testing.assert_allclose(model.answers(raw), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(sum(entry.weight for entry in found.choice.more["ensemble"]), 1, rtol=1e-12)
    assert len(found.choice.more["ensemble"]) <= 3


def test_the_average_of_values_is_the_weighted_mean(values: dict[str, Case]) -> None:
    found = values["validation"]
    model, problem = found.finalist("ensemble").model, found.planned.problem
    raw = problem.dataset.rows(problem.split.test)
    expected = 0.0
    for entry in found.choice.more["ensemble"]:
        outcome = found.trained.outcomes[entry.member]
        single = Model(
            tuple((np.asarray(layer.weight), np.asarray(layer.bias)) for layer in outcome.network),
            "tanh",
            problem.preparation,
        )
        expected = expected + entry.weight * single.predict(raw)
    np.testing.assert_allclose(model.answers(raw), expected, rtol=1e-12)
    assert "calibration" not in found.choice.more


def test_the_average_has_at_most_so_many_members(values: dict[str, Case]) -> None:
    found = values["validation"]

    def size(most: int) -> int:
        return len(chosen_under(found, ensemble=most).more["ensemble"])

    assert size(50) > 1, "the case shows nothing"
    assert size(1) == 1


def answers_where_chosen(found: Case) -> tuple[np.ndarray, np.ndarray]:
    """The plain average's answers for the rows it was chosen by, each from networks without it; and truth."""
    problem, weights = found.planned.problem, found.choice.more["ensemble"]
    parts = [(fold.train, fold.held_out) for fold in problem.folds] or [
        (problem.split.train, problem.split.validation)
    ]
    answers = np.concatenate(
        [
            sum(
                entry.weight * probabilities(outcomes[entry.member].network, problem.dataset, *part)
                for entry in weights
            )
            for outcomes, part in zip(found.trained.folds, parts, strict=True)
        ]
    )
    rows = np.concatenate([held for _, held in parts])
    return answers, problem.truth(rows)


@pytest.mark.parametrize("way", WAYS)
def test_the_average_is_scored_where_it_was_chosen_by_networks_that_had_not_seen_the_rows(
    way: str, cases: dict[str, Case]
) -> None:
    finalist = cases[way].finalist("ensemble")
    answers, truth = answers_where_chosen(cases[way])
    assert finalist.validation is not None
    assert finalist.validation["log_loss"] == pytest.approx(log_loss(truth, answers), rel=1e-9)
    assert finalist.validation["accuracy"] == pytest.approx(np.mean(answers.argmax(axis=1) == truth))


@pytest.mark.parametrize("way", WAYS)
def test_the_temperature_is_the_best_where_the_average_was_chosen_or_none(
    way: str, cases: dict[str, Case]
) -> None:
    model = cases[way].finalist("ensemble").model
    answers, truth = answers_where_chosen(cases[way])
    assert isinstance(model, Ensemble)

    rows = np.arange(len(truth))

    def at(temperature: float) -> np.ndarray:
        powers = answers ** (1 / temperature)
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def loss(temperature: float) -> float:
        found = np.log(at(temperature))
        return float(-found[rows, truth].sum() - found.mean())  # one sample more of any class

    best = min(np.geomspace(0.05, 20, 4000), key=loss)
    gains = np.log(at(best) / answers)[rows, truth]
    told = gains.mean() > 2 * gains.std(ddof=1) / np.sqrt(len(truth))
    assert model.temperature == (pytest.approx(best, rel=2e-3) if told else 1.0)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_stored_of_an_average_predicts_the_same(
    way: str, cases: dict[str, Case], tmp_path: Path
) -> None:
    model = cases[way].finalist("ensemble").model
    assert isinstance(model, Ensemble)
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    assert isinstance(again, Ensemble)
    problem = cases[way].planned.problem
    raw = problem.dataset.rows(problem.split.test)
    assert np.array_equal(again.answers(raw), model.answers(raw))
    assert again.weights == model.weights
    assert again.preparation == problem.preparation
    different = {id(network.preparation) for network in again.networks}
    assert len(different) == (1 if way == "validation" else 3), "each fold's is stored once"


# Which is the headline --------------------------------------------------------------------------------------


TRUTH = np.arange(12) % 2
"""Classes of rows that made-up candidates are judged on."""

sure = partial(known_candidates.sure, TRUTH, 2)
HALVES = known({0: sure(0.8, (0, 1)), 1: sure(0.8, (6, 7))})
"""Two that err in other rows than each other: their average beats both."""

SOME = (0, 1, 2, 3, 4)
FLATTERED = known({0: sure(0.501), 1: sure(0.95, SOME), 2: sure(0.95, SOME)})
"""The first is right everywhere, by a hair, and so the best by accuracy; the others, better by log loss in
other rows, are wrong in the same five."""

AGAIN = named("again")


@pytest.mark.parametrize(
    ("refit", "headline"), [(None, "winner"), (lambda: AGAIN, "refitted"), (lambda: None, "winner")]
)
def test_without_an_average_the_refit_is_kept_unless_it_diverged(refit: Any, headline: str) -> None:
    found = shortlist(HALVES, "log_loss", READING, TRUTH, refit=refit)
    names = ["winner", "refitted"] if headline == "refitted" else ["winner"]
    assert list(found.models) == names
    assert (found.headline, found.average) == (headline, None)
    assert found.models[headline].name == ("again" if headline == "refitted" else "0.0")  # type: ignore[union-attr]


@pytest.mark.parametrize("refit", [None, lambda: AGAIN])
def test_an_average_that_errs_less_is_kept_before_the_refit(refit: Any) -> None:
    found = shortlist(HALVES, "log_loss", READING, TRUTH, refit=refit, ensemble=5)
    assert list(found.models)[-1] == found.headline == "ensemble"
    assert found.average is not None
    assert found.models["ensemble"] is found.average.model
    assert set(found.average.shares) == {0, 1}


def test_an_average_that_is_told_worse_is_on_the_list_and_not_kept() -> None:
    found = shortlist(FLATTERED, "accuracy", READING, TRUTH, refit=lambda: AGAIN, ensemble=2)
    assert list(found.models) == ["winner", "refitted", "ensemble"]
    assert found.average is not None
    assert len(found.average.shares) > 1, "one alone would be no average"
    wrong = found.average.answers.argmax(axis=1) != TRUTH
    assert wrong.sum() == 5
    assert found.headline == "refitted"
    assert (
        shortlist(FLATTERED, "accuracy", READING, TRUTH, ensemble=2, prefer_average=True).headline
        == "ensemble"
    )


@pytest.mark.parametrize("which", ["cases", "values"])
@pytest.mark.parametrize("way", WAYS)
def test_the_headline_of_a_run_is_the_shortlist_s(
    way: str, which: str, request: pytest.FixtureRequest
) -> None:
    """By hand: the average, unless it is one member alone or loses by more than two standard errors."""
    found: Case = request.getfixturevalue(which)[way]
    problem, judged = found.planned.problem, found.choice.judged
    truth, rows = problem.truth(judged.rows), np.arange(len(judged.rows))
    if which == "cases":
        answers, _ = answers_where_chosen(found)
        order = np.argsort(np.concatenate([f.held_out for f in problem.folds])) if problem.folds else rows
        lost = np.log(judged.answers[rows, truth]) - np.log(answers[order][rows, truth])
    else:
        own = {each.number: each.answers for each in candidates_of(found)}
        mean = sum(entry.weight * own[entry.member] for entry in found.choice.more["ensemble"])
        lost = (mean - truth) ** 2 - (judged.answers - truth) ** 2
    told = lost.mean() > 2 * lost.std(ddof=1) / np.sqrt(len(lost))
    several = len(found.choice.more["ensemble"]) > 1
    name = found.choice.finalists[found.choice.headline].name
    assert name == ("ensemble" if several and not told else "refitted")


def candidates_of(found: Case) -> list[Candidate]:
    problem, metric = found.planned.problem, found.planned.metric
    if problem.folds:
        return CrossValidation(problem, found.trained, metric).candidates()
    return best_validated(problem, found.trained.outcomes, metric)


def test_without_a_refit_or_an_average_the_winner_is_kept(cases: dict[str, Case]) -> None:
    found = cases["validation"]
    choice = chosen_under(found, refit=False, ensemble=None)
    assert [each.name for each in choice.finalists] == ["winner"]
    assert choice.final is choice.finalists[0].model
    assert choice.winner.refit_epochs is None


def test_where_the_refit_diverges(values: dict[str, Case]) -> None:
    """Trained again, the winner would take steps without bound."""
    found = values["validation"]
    told = {name: getattr(found.choice, name) for name in ("members", "cohorts", "counts", "command")}
    told |= {name: getattr(found.choice, name) for name in ("samples_per_second", "history", "leaderboard")}
    (first, *_) = candidates_of(found)
    exploding = replace(first, member=replace(first.member, rule=RULES["sgd"], learning_rate=1e300))
    problem, metric = found.planned.problem, found.planned.metric
    choice = choose(problem, found.conditions, metric, [exploding], refit=True, more={}, **told)
    assert [each.name for each in choice.finalists] == ["winner"]
    assert choice.headline == 0
    assert choice.winner.refit_epochs is None
    run = workflow.tested(choice)
    assert run.record.refit_diverged is True
    run.record.seconds = {"train": 1.0, "total": 2.0}
    assert "diverged" in render(run)


@pytest.mark.parametrize("way", WAYS)
def test_where_every_member_diverged(way: str, cases: dict[str, Case]) -> None:
    found = cases[way]
    folds = [[replace(outcome, status="diverged") for outcome in fold] for fold in found.trained.folds]
    with pytest.raises(
        InputError, match="All 4 members diverged" + (" in some fold" if way == "folds" else "")
    ):
        choose_trained(found.planned, replace(found.trained, folds=folds), "test")


# What had a say --------------------------------------------------------------------------------------------


TOUCHED = {"test", "baseline", "linear", "finalists", "data"}
"""What of run.json may differ once the test rows are others; the data's own description among it."""
TIMES = {"seconds", "created", "throughput", "ledger"}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_poisoned_test_rows_change_nothing_but_the_test(
    way: str, wine: Any, cases: dict[str, Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = cases[way].planned.problem
    split = cases["validation"].planned.problem.split
    hold_division(monkeypatch, split, problem.folds)
    one = couloir.train(wine, **OPTIONS, **WAYS[way])
    other = couloir.train(poisoned(wine, problem.split.test), **OPTIONS, **WAYS[way])
    ours, theirs = (
        {name: value for name, value in to_builtins(run.record).items() if name not in TIMES}
        for run in (one, other)
    )
    calibrations = [each.pop("calibration") or {} for each in (ours, theirs)]  # none of one model
    assert {name for name in ours if ours[name] != theirs[name]} == TOUCHED
    assert {name for name in calibrations[0] if calibrations[0][name] != calibrations[1][name]} <= {
        "test_error",
        "test_error_scaled",
        "reliability",
        "reliability_scaled",
    }
    for mine, his in zip(ours["finalists"], theirs["finalists"], strict=True):
        assert {name for name in mine if mine[name] != his[name]} - {"microseconds"} == {"test"}
    assert one.leaderboard.equals(other.leaderboard)
    assert one.history.equals(other.history)
    assert one.predictions.equals(other.predictions)
    assert all(one.tables[name].equals(other.tables[name]) for name in one.tables)
    assert np.array_equal(one.model.answers(wine.features), other.model.answers(wine.features))
    assert other.test["log_loss"] > one.test["log_loss"]


@pytest.mark.parametrize("way", WAYS)
def test_the_calibration_that_is_reported_by_hand(way: str, cases: dict[str, Case], wine: Any) -> None:
    """Rows sorted by confidence into fifteen bins; how far each bin's share of right answers is off."""
    found = cases[way]
    names = [each.name for each in found.choice.finalists]
    record = results.record(replace(found.choice, headline=names.index("ensemble")))
    model, calibration = found.finalist("ensemble").model, record.calibration
    assert isinstance(model, Ensemble)
    test = found.planned.problem.split.test
    truth = np.searchsorted(wine.classes, wine.target[test])
    scaled = model.answers(wine.rows(test))
    plain = mean_of_members(found, test)
    for name, answers in (("test_error", plain), ("test_error_scaled", scaled)):
        sure, right = answers.max(axis=1), answers.argmax(axis=1) == truth
        places = np.ceil(sure * 15)
        error = sum(
            abs(right[places == place].mean() - sure[places == place].mean()) * np.mean(places == place)
            for place in np.unique(places)
        )
        assert getattr(calibration, name) == pytest.approx(error, rel=1e-9)
    assert calibration.temperature == model.temperature
    losses = -np.log(scaled[np.arange(len(truth)), truth])
    assert record.test.scores["log_loss"] == pytest.approx(losses.mean(), rel=1e-9)
