"""Nearest training rows: against scikit-learn's search, by hand, and what no row may know of itself."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.neighbors import KNeighborsRegressor

from couloir.data.encodings import neighbours
from couloir.data.encodings.neighbours import LEAST_SQUARE, Neighbours
from couloir.data.loading import load
from couloir.data.preparation import Preparation
from couloir.model import Ensemble, Model, load_model, save_model
from couloir.selection.problem import Conditions, prepare, prepare_rows
from couloir.selection.testing import Finalist
from couloir.text import NEAREST

ROWS = 400


def table(kind: str = "two") -> pl.DataFrame:
    """Rows whose target depends on where they lie, and a category."""
    random = np.random.default_rng(1)
    x, y = random.normal(size=(2, ROWS))
    height = np.sin(3 * x) * np.cos(3 * y) + 0.1 * random.normal(size=ROWS)
    target = {
        "two": np.where(height > 0, "yes", "no"),
        "three": np.array(["low", "middle", "top"])[np.digitize(height, [-0.3, 0.3])],
        "value": height,
    }[kind]
    colour = [f"colour {i}" for i in random.integers(0, 3, ROWS)]
    return pl.DataFrame({"x": x, "y": y, "colour": colour, "target": target})


def fitted(kind: str, rows: np.ndarray, encoding: str = "robust+neighbours"):
    data = load(table(kind), target="target")
    return data, Preparation.fit(data, rows, encoding)


def by_scikit_learn(known: np.ndarray, responses: np.ndarray, asked: np.ndarray, count: int) -> np.ndarray:
    """The averages of the nearest so many, as its search for neighbours finds them."""

    def weights(distances: np.ndarray) -> np.ndarray:
        radius = distances[:, -1:] ** 2 + LEAST_SQUARE
        found = 1 / (distances**2 / radius + 0.01) - 1 / 1.01
        found[:, -1] = 0
        return found

    model = KNeighborsRegressor(count + 1, weights=weights, algorithm="kd_tree").fit(known, responses)
    return model.predict(asked)


@pytest.mark.parametrize("kind", ["two", "three", "value"])
def test_new_rows_have_the_averages_of_the_nearest_that_scikit_learn_finds(kind):
    rows, others = np.arange(0, ROWS, 2), np.arange(1, ROWS, 2)
    data, preparation = fitted(kind, rows)
    plain = Preparation.fit(data, rows, "robust")
    own, nearest = preparation.neighbours, preparation.feature_slices[NEAREST]
    assert own is not None
    found = preparation.inputs(data.rows(others), np.float64)[:, nearest] * own.scale + own.mean
    known = plain.inputs(data.rows(rows)).astype(np.float64)
    asked = plain.inputs(data.rows(others), np.float64)
    responses = preparation.responses(data.target[rows]).astype(np.float32).astype(float)
    width = responses.shape[1] + 1
    for number, count in enumerate((4, 16, 64)):
        expected = by_scikit_learn(known, responses, asked, count)
        part = found[:, number * width : (number + 1) * width]
        np.testing.assert_allclose(part[:, :-1], expected.reshape(len(others), -1), rtol=1e-7, atol=1e-9)
        distances = np.sort(np.linalg.norm(asked[:, None] - known[None], axis=2), axis=1)
        np.testing.assert_allclose(
            part[:, -1], np.log(distances[:, count] ** 2 + LEAST_SQUARE) / 2, rtol=1e-7
        )
    inputs = preparation.inputs(data.rows(others), np.float64)
    np.testing.assert_array_equal(inputs[:, : nearest.start], asked)


@pytest.mark.parametrize("kind", ["two", "three", "value"])
def test_a_row_that_is_learnt_from_is_as_if_all_others_had_been_learnt_from_without_it(kind):
    rows = np.arange(0, ROWS, 2)
    data, preparation = fitted(kind, rows)
    own = preparation.neighbours
    raw, responses = data.rows(rows), preparation.responses(data.target[rows])
    inputs = Preparation.fit(data, rows, "robust").inputs(raw)
    found = preparation.training_inputs(raw, responses, np.float64)[:, preparation.feature_slices[NEAREST]]
    for row in (0, 7, 199):
        others = np.arange(len(rows)) != row
        without = Neighbours(
            own.rows[others], own.responses[others], np.arange(len(rows) - 1), own.mean, own.scale
        )
        np.testing.assert_allclose(found[row], without.of(inputs[row : row + 1])[0], rtol=1e-4, atol=1e-4)


def test_a_row_that_is_learnt_from_tells_nothing_of_its_own_target_and_others_something():
    random = np.random.default_rng(0)
    inputs, responses = random.normal(size=(100, 2)), random.random((100, 1))
    whole = Neighbours(inputs.astype(np.float32), responses, np.arange(100), np.zeros(4), np.ones(4))
    before = whole.of_learnt(inputs)
    other = responses.copy()
    other[17] = 50
    after = Neighbours(whole.rows, other, whole.places, whole.mean, whole.scale).of_learnt(inputs)
    np.testing.assert_array_equal(after[17], before[17])
    assert np.any(after[:, 0] != before[:, 0])


def test_of_a_target_that_is_chance_nothing_can_be_read_where_it_is_learnt_from():
    """Were a row among its own nearest, its features would tell its target."""
    random = np.random.default_rng(0)
    inputs, responses = random.normal(size=(2000, 3)), random.normal(size=(2000, 1))
    fit = Neighbours.fit(inputs, responses)
    learnt, as_new = fit.of_learnt(inputs), fit.of(inputs)
    assert abs(np.corrcoef(learnt[:, 0], responses[:, 0])[0, 1]) < 0.1
    assert np.corrcoef(as_new[:, 0], responses[:, 0])[0, 1] > 0.5


@pytest.mark.parametrize("encoding", ["robust+neighbours", "piecewise+neighbours"])
def test_targets_of_rows_that_are_not_learnt_from_change_nothing(encoding):
    frame = table("value")
    conditions = Conditions(split=(0.6, 0.2, 0.2), seed=3)
    data = load(frame, target="target")
    problem = prepare(data, conditions)
    prepared = problem.encoded(encoding)[0]
    poisoned = frame["target"].to_numpy().copy()
    poisoned[np.concatenate([problem.split.validation, problem.split.test])] = 1e6
    again = prepare(load(frame.with_columns(target=poisoned), target="target"), conditions).encoded(encoding)[
        0
    ]
    np.testing.assert_array_equal(again.data.train.inputs, prepared.data.train.inputs)
    np.testing.assert_array_equal(again.data.validation.inputs, prepared.data.validation.inputs)
    assert again.preparation == prepared.preparation
    rows = data.rows(problem.split.train)
    learnt = prepared.preparation.training_inputs(rows, data.target[problem.split.train][:, None])
    np.testing.assert_array_equal(prepared.data.train.inputs, learnt)
    assert np.any(learnt != prepared.preparation.inputs(rows))


def test_a_row_alone_is_as_in_a_batch_and_blocks_make_no_difference(monkeypatch):
    rows = np.arange(0, ROWS, 2)
    data, preparation = fitted("two", rows)
    whole = preparation.inputs(data.features, np.float64)
    alone = [preparation.inputs(data.rows(np.array([row])), np.float64)[0] for row in range(0, ROWS, 37)]
    np.testing.assert_allclose(alone, whole[::37], rtol=1e-9, atol=1e-9)
    monkeypatch.setattr(neighbours, "CELLS", 1000)  # so that there are many blocks
    np.testing.assert_allclose(preparation.inputs(data.features, np.float64), whole, rtol=1e-9, atol=1e-9)


def test_of_many_rows_some_are_compared_with(monkeypatch):
    monkeypatch.setattr(neighbours, "MOST_ROWS", 50)  # it takes long with as many as there may be
    inputs = np.random.default_rng(0).normal(size=(175, 2))
    responses = inputs[:, :1] > 0
    fit = Neighbours.fit(inputs, responses)
    assert len(fit.rows) == 50
    np.testing.assert_array_equal(fit.rows, inputs[fit.places].astype(np.float32))
    # A row that is not among them is compared with all of them, one that is with the others.
    off = np.setdiff1d(np.arange(175), fit.places)
    learnt, as_new = fit.of_learnt(inputs), fit.of(inputs)
    np.testing.assert_array_equal(learnt[off], as_new[off])
    assert np.all(learnt[fit.places][:, 1] > as_new[fit.places][:, 1])  # farther from others than from itself


def test_rows_that_are_alike_count_alike():
    inputs = np.repeat([[0.0], [5.0]], [10, 20], axis=0)
    responses = np.concatenate([np.arange(10), np.full(20, 7)])[:, None]
    fit = Neighbours(inputs.astype(np.float32), responses, np.arange(30), np.zeros(2), np.ones(2))
    found = fit.of(np.array([[0.0], [5.0]]))
    assert fit.counts == (4,)
    # Four of those at no distance, the first: a library that finds others would answer otherwise.
    np.testing.assert_allclose(found[:, 0], [1.5, 7])
    np.testing.assert_allclose(found[:, 1], np.log(LEAST_SQUARE) / 2, rtol=1e-3)


@pytest.mark.parametrize("rows", [2, 5, 8, 9, 40])
def test_few_rows_have_few_averages_or_none(rows):
    random = np.random.default_rng(0)
    data = load((random.normal(size=(40, 2)), random.normal(size=40)))
    preparation = Preparation.fit(data, np.arange(rows), "piecewise+neighbours")
    inputs = preparation.inputs(data.features)
    assert inputs.shape == (40, len(preparation.feature_names))
    assert np.all(np.isfinite(inputs))
    averages = {2: 0, 5: 0, 8: 0, 9: 1, 40: 2}[rows]  # twice as many others as are averaged
    assert len(preparation.neighbours.names) == 2 * averages


def test_the_rows_are_saved_beside_the_weights(tmp_path):
    data, preparation = fitted("three", np.arange(0, ROWS, 2), "piecewise+neighbours")
    width = len(preparation.feature_names)
    weight = np.random.default_rng(0).normal(size=(3, width)) / width**0.5
    model = Model(((weight, np.zeros(3)),), "linear", preparation)
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    assert again.preparation == preparation
    np.testing.assert_array_equal(again.answers(data.features), model.answers(data.features))
    expected = preparation.inputs(data.features, np.float64) @ weight.T
    logits = expected - np.log(np.exp(expected).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(np.log(model.answers(data.features)), logits, rtol=1e-9, atol=1e-9)


def test_a_model_s_size_counts_the_rows_it_keeps_once_for_all_networks():
    _, preparation = fitted("two", np.arange(0, ROWS, 2))
    width = len(preparation.feature_names)
    one = Model(((np.zeros((2, width)), np.zeros(2)),), "linear", preparation)
    both = Ensemble(preparation, (one, one), (0.5, 0.5))
    weights, kept = 2 * width + 2, sum(array.size for array in preparation.neighbours.arrays().values())
    assert kept > ROWS / 2 * 5  # inputs and responses of each row, at least
    assert Finalist("winner", one, np.arange(3)).parameters == weights + kept
    assert Finalist("ensemble", both, np.arange(3)).parameters == 2 * weights + kept


def test_rows_of_a_group_are_not_compared_with_one_another():
    random = np.random.default_rng(0)
    groups = random.integers(0, 30, 150)
    frame = pl.DataFrame({"x": random.normal(size=150), "group": groups, "target": random.normal(size=150)})
    data = load(frame, target="target", group="group")
    assert data.groups is not None
    rows = np.arange(150)
    preparation = Preparation.fit(data, rows, "robust+neighbours")
    own, inputs = preparation.neighbours, Preparation.fit(data, rows, "robust").inputs(data.features)
    (part,) = prepare_rows(data, rows, None, Conditions(), "robust+neighbours")[1:]
    found = part.train.inputs[:, preparation.feature_slices[NEAREST]]
    for row in (0, 70, 149):
        others = groups != groups[row]
        without = Neighbours(own.rows[others], own.responses[others], rows[others], own.mean, own.scale)
        np.testing.assert_allclose(found[row], without.of(inputs[row : row + 1])[0], rtol=1e-4, atol=1e-4)
    alone = own.of_learnt(inputs)
    assert np.any(np.abs(alone - found) > 0.1)


def test_a_group_of_nearly_all_rows_leaves_nothing_to_compare_them_with(tmp_path):
    inputs = np.random.default_rng(0).normal(size=(60, 2))
    fit = Neighbours.fit(inputs, inputs[:, :1], np.where(np.arange(60) < 55, 0, np.arange(60)))
    assert fit.counts == ()
    assert fit.of_learnt(inputs).shape == (60, 0)
    assert Neighbours.fit(inputs, inputs[:, :1], np.arange(60) // 10).counts == (4, 16)
