"""Cross-validation: each fold as if it were alone, scored on rows that nothing of it has seen."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

import couloir
from couloir.data.dataset import Fold
from couloir.data.preparation import Preparation
from couloir.engine.epochs import Part, TrainingData
from couloir.engine.outcomes import Outcome
from couloir.engine.training import train_population
from couloir.errors import InputError
from couloir.runs.records.learned import FoldScores, FoldSizes
from couloir.selection import evaluation
from couloir.selection.candidates import importance
from couloir.selection.cross_validation import CrossValidation, summary
from poison import hold_division, poisoned

SMALL: dict[str, Any] = {
    "optimizer": ["adam", "sgd"],
    "learning_rate": [0.01, 0.1],
    "hidden": 6,
    "activation": "tanh",
    "epochs": 5,
    "batch_size": 16,
    "precision": "float64",
}
FOLDS = 3


@pytest.fixture(scope="module")
def wine() -> Any:
    return couloir.load("wine")


@pytest.fixture(scope="module")
def crossed(wine: Any) -> CrossValidation:
    return couloir.cross_validate(wine, cv=FOLDS, **SMALL)


@pytest.fixture(scope="module")
def values() -> CrossValidation:
    return couloir.cross_validate(couloir.load("diabetes"), cv=FOLDS, **SMALL)


def table(data: Any) -> np.ndarray:
    """The columns, all of them numbers, as one array."""
    return np.asarray(data.features, np.float64)


def standardised(data: Any, known: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Rows with the mean and the spread of those known; beyond these a number counts as the nearest."""
    cells = table(data)
    first = cells[known]
    inside = np.clip(cells[rows], first.min(axis=0), first.max(axis=0))
    return (inside - first.mean(axis=0)) / first.std(axis=0)


def answers(network: Any, inputs: np.ndarray) -> np.ndarray:
    """What a network with one hidden tanh layer says, [sample, output]."""
    hidden, last = ((np.asarray(layer.weight), np.asarray(layer.bias)) for layer in network)
    return np.tanh(inputs @ hidden[0].T + hidden[1]) @ last[0].T + last[1]


def class_scores(outputs: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    powers = np.exp(outputs)
    return {
        "log_loss": metrics.log_loss(truth, powers / powers.sum(axis=1, keepdims=True), labels=[0, 1, 2]),
        "accuracy": metrics.accuracy_score(truth, outputs.argmax(axis=1)),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, outputs.argmax(axis=1)),
    }


def value_scores(found: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    return {
        "mse": metrics.mean_squared_error(truth, found),
        "mae": metrics.mean_absolute_error(truth, found),
        "r2": metrics.r2_score(truth, found),
    }


def alone(data: Any, fold: Fold, members: Any, seed: int = 0) -> list[dict[str, float]]:
    """The members' scores on what a fold holds out, trained there alone, without our preparation."""
    classes = data.classes
    target = np.searchsorted(classes, data.target) if classes else data.target
    first = data.target[fold.train]
    centre, scale = (0, 1) if classes else (first.mean(), first.std())

    def part(rows: np.ndarray) -> Part:
        inputs = standardised(data, fold.train, rows)
        targets = target[rows] if classes else ((target[rows] - centre) / scale)[:, None]
        return Part(inputs, targets)

    trained = train_population(
        members,
        TrainingData(
            data.task,
            len(classes or (0,)),
            part(fold.train),
            part(fold.stopping),
            None if classes else np.array([scale]),
        ),
        seed=seed,
        precision="float64",
    )
    inputs, truth = standardised(data, fold.train, fold.held_out), target[fold.held_out]
    if classes:
        return [class_scores(answers(each.network, inputs), truth) for each in trained.outcomes]
    return [
        value_scores(answers(each.network, inputs)[:, 0] * scale + centre, truth) for each in trained.outcomes
    ]


# What the scores are ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("which", "fold"), [("crossed", 0), ("crossed", 2), ("values", 1)])
def test_scores_are_those_of_a_fold_alone(which: str, fold: int, request: pytest.FixtureRequest) -> None:
    found: CrossValidation = request.getfixturevalue(which)
    members = [outcome.member for outcome in found.trained.outcomes]
    assert len(members) == 4
    rows = found.problem.folds[fold]
    for member, expected in enumerate(alone(found.problem.dataset, rows, members)):
        ours = {name: values[member, fold] for name, values in found.scores.items()}
        assert ours == pytest.approx(expected, rel=1e-8)


def test_every_row_but_the_test_part_is_held_out_once(crossed: CrossValidation, wine: Any) -> None:
    folds, test = crossed.problem.folds, crossed.problem.split.test
    sizes = [len(fold.held_out) for fold in folds]
    assert len(set(sizes)) == 2, "the folds are unequal, or the case shows little"
    held = np.concatenate([fold.held_out for fold in folds])
    assert np.array_equal(np.sort(held), np.setdiff1d(np.arange(len(wine)), test))
    for fold in folds:
        parts = np.concatenate([fold.train, fold.stopping, fold.held_out])
        assert np.array_equal(np.sort(parts), np.sort(held))


def test_answers_for_held_out_rows_are_put_together_in_the_order_of_the_rows(
    crossed: CrossValidation,
) -> None:
    member, sizes = 2, [len(fold.held_out) for fold in crossed.problem.folds]
    judged = crossed.judged(member)
    assert np.array_equal(judged.rows, crossed.problem.split.train)
    over_all = evaluation.scores(judged.answers, crossed.problem.truth(judged.rows))
    for name in ("log_loss", "accuracy"):  # means over rows, so that the folds count by their sizes
        expected = np.average(crossed.scores[name][member], weights=sizes)
        assert over_all[name] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("metric", ["log_loss", "accuracy"])
def test_members_are_ranked_by_their_mean_over_the_folds(crossed: CrossValidation, metric: str) -> None:
    found = replace(crossed, metric=metric)
    means, losses = (found.scores[name].mean(axis=1) for name in (metric, "log_loss"))
    sign = -1 if metric == "accuracy" else 1
    assert found.ranking == np.lexsort((losses, sign * means)).tolist()
    assert found.winner == found.ranking[0]


def test_the_nested_score_is_the_inner_choice_s(crossed: CrossValidation) -> None:
    for fold, outcomes in enumerate(crossed.trained.folds):
        inner = [min(scores["log_loss"] for scores in outcome.validation) for outcome in outcomes]
        chosen = inner.index(min(inner))
        for name, values in crossed.scores.items():
            assert crossed.nested[name][fold] == values[chosen, fold]


def test_the_nested_score_asks_each_fold_s_own_rows_alone(crossed: CrossValidation) -> None:
    """In each fold another member, and not the one that is best on what is held out, is best inside."""
    chosen = [int(crossed.scores["log_loss"][:, fold].argmax()) for fold in range(FOLDS)]
    chosen[1] = (chosen[1] + 1) % 4
    folds = [list(outcomes) for outcomes in crossed.trained.folds]
    for fold, member in enumerate(chosen):
        own = folds[fold][member]
        best = [{**scores, "log_loss": 0.0} for scores in own.validation]
        folds[fold][member] = replace(own, validation=best)
    found = replace(crossed, trained=replace(crossed.trained, folds=folds))
    for name, values in crossed.scores.items():
        assert found.nested[name].tolist() == [values[member, fold] for fold, member in enumerate(chosen)]


def test_the_record_and_the_table_hold_every_fold(crossed: CrossValidation) -> None:
    member = crossed.winner
    assert member is not None
    record, rows = crossed.record(member), crossed.table()
    folds = crossed.problem.folds
    assert (record.folds, record.kind, record.metric) == (FOLDS, "stratified", "log_loss")
    for name, values in crossed.scores.items():
        own = values[member].tolist()
        found = record.scores[name]
        assert found.mean == pytest.approx(statistics.mean(own), rel=1e-12)
        assert found.spread == pytest.approx(statistics.stdev(own), rel=1e-9)
        assert found.values == own
        assert record.nested[name].values == crossed.nested[name].tolist()
        assert np.array_equal(rows[name].to_numpy().reshape(-1, FOLDS), values)
    assert record.sizes == [
        FoldSizes(train=len(f.train), stopping=len(f.stopping), held_out=len(f.held_out)) for f in folds
    ]
    best = [outcomes[member].best_epoch for outcomes in crossed.trained.folds]
    assert record.best_epochs == best
    assert record.median_best_epochs == sorted(best)[1] == crossed.best_epochs(member)


def test_one_fold_has_no_spread() -> None:
    assert summary([0.25]) == FoldScores(mean=0.25, spread=0.0, values=[0.25])


def test_importance_is_the_mean_over_the_folds(crossed: CrossValidation) -> None:
    problem, models = crossed.problem, crossed.models(0)
    found = {entry.column: entry for entry in importance(problem, models, 0) or []}
    assert list(found) == sorted(found, key=lambda name: -found[name].increase)
    own = []
    for model, fold in zip(models, problem.folds, strict=True):
        rows = fold.held_out
        inputs = standardised(problem.dataset, fold.train, rows)
        own.append({e.column: e for e in evaluation.importance(model, inputs, problem.truth(rows), 0)})
    for column, entry in found.items():
        rises = [each[column].increase for each in own]
        spreads = [each[column].spread for each in own]
        assert entry.increase == pytest.approx(statistics.mean(rises), rel=1e-6, abs=1e-12)
        assert entry.spread == pytest.approx(math.hypot(*spreads) / FOLDS, rel=1e-6, abs=1e-12)


# What may influence what --------------------------------------------------------------------------------


@pytest.fixture
def same_folds(monkeypatch: pytest.MonkeyPatch, crossed: CrossValidation) -> CrossValidation:
    problem = crossed.problem
    hold_division(monkeypatch, problem.split, problem.folds)
    return crossed


def preparation(found: CrossValidation, fold: int) -> Preparation:
    return found.problem.encoded("standard")[fold].preparation


@pytest.mark.parametrize("fold", range(FOLDS))
def test_held_out_rows_reach_nothing_that_was_fitted_on_their_fold(
    fold: int, wine: Any, same_folds: CrossValidation
) -> None:
    rows = same_folds.problem.folds[fold].held_out
    other = couloir.cross_validate(poisoned(wine, rows), cv=FOLDS, **SMALL)
    assert preparation(other, fold) == preparation(same_folds, fold)
    for ours, theirs in zip(same_folds.trained.folds[fold], other.trained.folds[fold], strict=True):
        assert_same(ours, theirs)
    for name, values in same_folds.scores.items():
        assert (values[:, fold] != other.scores[name][:, fold]).any(), "the poison shows in the score"
    elsewhere = (fold + 1) % FOLDS  # where those rows are learnt from
    assert preparation(other, elsewhere) != preparation(same_folds, elsewhere)


@pytest.mark.parametrize("fold", range(FOLDS))
def test_stopping_rows_reach_nothing_but_the_choice_of_the_epoch(
    fold: int, wine: Any, same_folds: CrossValidation
) -> None:
    rows = same_folds.problem.folds[fold].stopping
    other = couloir.cross_validate(poisoned(wine, rows), cv=FOLDS, **SMALL)
    assert preparation(other, fold) == preparation(same_folds, fold)
    for ours, theirs in zip(same_folds.trained.folds[fold], other.trained.folds[fold], strict=True):
        assert ours.training == theirs.training, "every member took the same path"
        assert ours.validation != theirs.validation


def test_the_test_part_is_not_looked_at(wine: Any, same_folds: CrossValidation) -> None:
    other = couloir.cross_validate(poisoned(wine, same_folds.problem.split.test), cv=FOLDS, **SMALL)
    for name, values in same_folds.scores.items():
        assert np.array_equal(values, other.scores[name])
        assert np.array_equal(same_folds.nested[name], other.nested[name])
    assert other.table().equals(same_folds.table())


def assert_same(ours: Outcome, theirs: Outcome) -> None:
    assert (ours.status, ours.best_epoch) == (theirs.status, theirs.best_epoch)
    assert ours.training == theirs.training
    assert ours.validation == theirs.validation
    for one, other in zip(ours.network, theirs.network, strict=True):
        assert np.array_equal(one.weight, other.weight)
        assert np.array_equal(one.bias, other.bias)


# Other ways to divide, and other ends -------------------------------------------------------------------


def test_without_patience_all_other_rows_are_learnt_from(wine: Any) -> None:
    found = couloir.cross_validate(wine, cv=FOLDS, patience=None, **SMALL)
    for fold, prepared in zip(found.problem.folds, found.problem.encoded("standard"), strict=True):
        assert len(fold.stopping) == 0
        assert prepared.data.validation is None
        everything = np.concatenate([fold.train, fold.held_out])
        assert np.array_equal(np.sort(everything), found.problem.split.train)
    best = {outcome.best_epoch for fold in found.trained.folds for outcome in fold}
    assert best == {SMALL["epochs"]}
    assert np.isfinite(found.scores["log_loss"]).all()
    assert np.isnan(found.nested["log_loss"]).all(), "nobody to choose by inner rows"
    assert found.winner is not None
    assert found.record(found.winner).nested is None


def test_no_group_is_divided(wine: Any) -> None:
    groups = np.random.default_rng(0).integers(0, 40, len(wine))
    data = replace(wine, groups=groups, group_name="cellar")
    found = couloir.cross_validate(data, cv=FOLDS, **SMALL)
    test = set(groups[found.problem.split.test])
    for fold in found.problem.folds:
        parts = [set(groups[rows]) for rows in (fold.train, fold.stopping, fold.held_out)]
        assert sum(map(len, [*parts, test])) == len(set.union(*parts, test))
    assert found.record(0).kind == "grouped"
    assert np.isfinite(found.scores["log_loss"]).all()


def test_in_time_the_past_answers_for_what_follows(wine: Any) -> None:
    times = np.random.default_rng(0).permutation(len(wine))
    data = replace(wine, times=times, time_name="day")
    found = couloir.cross_validate(data, cv=FOLDS, **SMALL)
    latest = -1
    for fold in found.problem.folds:
        parts = fold.train, fold.stopping, fold.held_out, found.problem.split.test
        ends = [(times[rows].min(), times[rows].max()) for rows in parts]
        assert all(before[1] < after[0] for before, after in pairwise(ends))
        assert ends[2][0] > latest
        latest = ends[2][1]
    assert found.record(0).kind == "in time"
    judged = found.judged(0)
    held = np.concatenate([fold.held_out for fold in found.problem.folds])
    assert np.array_equal(judged.rows, np.sort(held))


def with_status(found: CrossValidation, ends: dict[tuple[int, int], Any]) -> CrossValidation:
    """The same where some members, by (fold, member), have come to another end."""
    folds = [
        [replace(outcome, status=ends.get((fold, member), outcome.status)) for member, outcome in each]
        for fold, each in ((number, list(enumerate(all_))) for number, all_ in enumerate(found.trained.folds))
    ]
    return replace(found, trained=replace(found.trained, folds=folds))


@pytest.mark.parametrize("end", ["diverged", "left"])
def test_a_member_that_diverged_in_one_fold_is_never_chosen(crossed: CrossValidation, end: str) -> None:
    first, second = crossed.ranking[:2]
    found = with_status(crossed, {(1, first): end})
    assert np.isnan(found.scores["accuracy"][first]).tolist() == [False, True, False]
    assert found.ranking == [member for member in crossed.ranking if member != first] + [first]
    assert found.winner == second
    with pytest.raises(ValueError, match=f"Member {first}"):
        found.models(first)
    rows = found.table().filter(member=first)
    assert rows["status"].to_list()[1] == end
    assert rows["log_loss"].is_null().to_list() == [False, True, False]


def test_where_all_diverged_somewhere_there_is_no_winner(crossed: CrossValidation) -> None:
    found = with_status(crossed, {(member % FOLDS, member): "diverged" for member in range(4)})
    assert found.winner is None
    assert all(math.isinf(mean[0]) for mean in found.means)


def test_a_fold_s_inner_choice_passes_over_who_diverged_in_it(crossed: CrossValidation) -> None:
    best = min(range(4), key=lambda number: crossed.trained.folds[0][number].score)
    found = with_status(crossed, {(0, best): "diverged"})
    others = [number for number in range(4) if number != best]
    second = min(others, key=lambda number: crossed.trained.folds[0][number].score)
    assert found.nested["log_loss"][0] == crossed.scores["log_loss"][second, 0]
    assert found.nested["log_loss"][1:].tolist() == crossed.nested["log_loss"][1:].tolist()


@pytest.mark.parametrize(
    ("given", "told"), [({"cv": 1}, "cv 1"), ({"cv": 60}, "60 folds"), ({"cv": 2.5}, "2.5")]
)
def test_folds_that_cannot_be_had(given: dict[str, Any], told: str, wine: Any) -> None:
    with pytest.raises(InputError, match=told):
        couloir.cross_validate(wine, **given)


def test_the_observer_hears_of_the_data_the_plan_and_the_epochs(wine: Any) -> None:
    heard: list[str] = []

    def note(what: str) -> Callable[..., None]:
        return lambda *_: heard.append(what)

    class Listener:
        loaded, planned, epoch, stage = map(note, ("loaded", "planned", "epoch", "stage"))

    couloir.cross_validate(wine, cv=FOLDS, observer=Listener(), **SMALL)
    assert heard[:2] == ["loaded", "planned"]
    assert heard[2:] == ["epoch"] * SMALL["epochs"]
