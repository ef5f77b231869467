"""What is put on the device: weights of the rows that are scored, and small data filled up to few sizes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from couloir.engine.folds import filled_size
from couloir.engine.member import Member
from couloir.engine.training import train_population
from couloir.errors import InputError
from trainings import (
    CLASSES,
    FEATURES,
    Compilations,
    answers_in_numpy,
    class_weighted,
    classification,
    difference,
    first_weights,
    member,
    regression,
    softmax,
    watched,
)

# Filled up --------------------------------------------------------------------------------------------------


def population(**changed: Any) -> list[Member]:
    settings = {"epochs": 3, "dropout": 0.2, "noise": 0.1, "schedule": "cosine", **changed}
    return [member("adam", 0.01, **settings), member("nesterov", 0.05, restart=1, **settings)]


@pytest.mark.slow
@pytest.mark.parametrize("rows", [40, 71])
def test_filling_up_changes_nothing(rows: int) -> None:
    data = [class_weighted(classification(rows, 20)), classification(rows - 7, 26, seed=4)]
    plain, filled = (
        train_population(population(), data, patience=None, precision="float64", filled=filled)
        for filled in (False, True)
    )
    for one, other in zip(plain.folds[0] + plain.folds[1], filled.folds[0] + filled.folds[1], strict=True):
        assert difference(other.network, one.network) < 1e-9
        for expected, found in zip(
            one.validation + one.training, other.validation + other.training, strict=True
        ):
            assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
def test_a_few_rows_more_or_less_ask_for_no_new_program() -> None:
    train_population(population(), classification(50, 20), epochs=1, filled=True)
    with Compilations() as heard:
        train_population(population(), classification(37, 11), epochs=1, filled=True)
    assert heard.count == 0
    with Compilations() as heard:
        train_population(population(), classification(37, 11), epochs=1)
    assert heard.count > 0


def test_sizes_are_few_and_never_too_small() -> None:
    sizes = {1: 64, 64: 64, 65: 128, 300: 320, 511: 512, 600: 640, 1100: 1280, 2048: 2048, 2049: 2049}
    assert {rows: filled_size(rows) for rows in sizes} == sizes


# Weights of what is scored ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("filled", [False, True])
def test_weighted_scores_of_classes_are_scikit_learn_s(filled: bool) -> None:
    data = classification(40, 30)
    weights = np.random.default_rng(3).uniform(0.1, 5, 30)
    weighted = replace(data, validation_weights=weights)
    trained, networks = watched(population(), weighted, epochs=2, precision="float64", filled=filled)
    assert data.validation is not None
    for number, outcome in enumerate(trained.outcomes):
        logits = answers_in_numpy(networks[-1][number], np.asarray(data.validation.inputs), np.tanh)
        truth, found = data.validation.targets, np.argmax(logits, axis=1)
        expected = {
            "log_loss": sklearn_metrics.log_loss(
                truth, softmax(logits), sample_weight=weights, labels=np.arange(CLASSES)
            ),
            "accuracy": sklearn_metrics.accuracy_score(truth, found, sample_weight=weights),
            "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(truth, found, sample_weight=weights),
        }
        assert outcome.validation[-1] == pytest.approx(expected, rel=1e-10)


@pytest.mark.slow
def test_weighted_scores_of_values_are_scikit_learn_s_and_the_path_is_the_same() -> None:
    data = regression(40, 30)
    weights = np.random.default_rng(3).uniform(0.1, 5, 30)
    one, networks = watched(population(loss="mse"), data, epochs=2, precision="float64")
    weighted = replace(data, validation_weights=weights)
    two, same = watched(population(loss="mse"), weighted, epochs=2, precision="float64")
    assert data.validation is not None
    assert data.target_scale is not None
    for number, outcome in enumerate(two.outcomes):
        assert difference(same[-1][number], networks[-1][number]) < 1e-12
        answers = answers_in_numpy(same[-1][number], np.asarray(data.validation.inputs), np.tanh)
        pair = data.validation.targets * data.target_scale, answers * data.target_scale
        expected = {
            "mse": sklearn_metrics.mean_squared_error(*pair, sample_weight=weights),
            "mae": sklearn_metrics.mean_absolute_error(*pair, sample_weight=weights),
            "r2": sklearn_metrics.r2_score(*pair, sample_weight=weights),
        }
        assert outcome.validation[-1] == pytest.approx(expected, rel=1e-10)
        assert outcome.training == one.outcomes[number].training


# Given weights to start from --------------------------------------------------------------------------------


@pytest.mark.slow
def test_members_start_from_what_is_given() -> None:
    """From the weights that others draw they go the others' way, in every fold."""
    data = [classification(), classification(seed=2)]
    drawing = population(dropout=0.0, noise=0.0)
    settings = {"patience": None, "precision": "float64", "seed": 7}
    expected = train_population(drawing, data, **settings)
    first, second = (first_weights(each, CLASSES, np.float64, seed=7) for each in drawing)
    restarted = [replace(each, restart=9) for each in drawing]  # without dropout, it only sets the draw
    found = train_population(restarted, data, initial=[first, second], **settings)
    for fold in (0, 1):
        for one, other in zip(expected.folds[fold], found.folds[fold], strict=True):
            assert difference(other.network, one.network) < 1e-12
    half = train_population(restarted, data, initial=[first, None], **settings)
    assert difference(half.outcomes[0].network, expected.outcomes[0].network) < 1e-12
    assert difference(half.outcomes[1].network, expected.outcomes[1].network) > 1e-3


@pytest.mark.slow
def test_what_is_given_to_start_from_is_left_alone() -> None:
    given = first_weights(population()[0], CLASSES, np.float32)
    before = jax.tree.map(np.copy, given)
    train_population(population(), classification(), epochs=1, initial=[given, given])
    jax.tree.map(np.testing.assert_array_equal, given, before)


@pytest.mark.parametrize(
    ("initial", "named"),
    [
        ([None], ["1 networks", "2 members"]),
        ([None, [(np.zeros((3, FEATURES)), np.zeros(3))]], [f"(3, {FEATURES})", f"{FEATURES}-", "widths"]),
        ([None, [(np.zeros((n, m)), np.zeros(n)) for m, n in ((9, 5), (5, 3))]], ["(5, 9)"]),
    ],
    ids=["number", "layers", "widths"],
)
def test_layers_that_do_not_fit(initial: Any, named: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        train_population(population(), classification(), initial=initial)
    assert [part for part in named if part not in str(caught.value)] == []
