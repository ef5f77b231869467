"""Means of the target: against scikit-learn's encoder, by hand, and what no row may know of itself."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.preprocessing import TargetEncoder

from couloir.data.encodings.target import FOLDS, MANY_LEVELS, level_means, out_of_fold, responses_of
from couloir.data.loading import load, load_features
from couloir.data.preparation import Preparation
from couloir.selection.problem import Conditions, prepare

TOWNS = 40
ROWS = 1200


def towns(kind: str = "two", gaps: bool = False) -> pl.DataFrame:
    """Rows of towns on which the target depends, and a number on which it does not."""
    random = np.random.default_rng(0)
    town = random.integers(0, TOWNS, ROWS)
    height = random.normal(size=TOWNS)[town] + random.normal(size=ROWS)
    target = {
        "two": np.where(height > 0.5, "yes", "no"),
        "three": np.array(["low", "middle", "top"])[np.digitize(height, [-0.5, 1])],
        "value": height,
    }[kind]
    names = [None if gaps and i % 9 == 2 else f"town {t}" for i, t in enumerate(town)]
    return pl.DataFrame({"town": names, "x": random.normal(size=ROWS), "target": target})


def prepared(frame: pl.DataFrame, rows: np.ndarray | None = None, **options):
    data = load(frame, target="target", **options)
    return data, Preparation.fit(data, np.arange(ROWS) if rows is None else rows, "target")


def learnt(data, preparation, rows) -> np.ndarray:
    """The features of the town of rows that are learnt from [sample, feature]."""
    raw, responses = data.rows(rows), preparation.responses(data.target[rows])
    found = preparation.training_inputs(raw, responses, np.float64)
    return found[:, preparation.feature_slices["town"]]


def asked(data, preparation, rows) -> np.ndarray:
    """The same of other rows."""
    return preparation.inputs(data.rows(rows), np.float64)[:, preparation.feature_slices["town"]]


def scikit_learns(data, rows, others) -> np.ndarray:
    """Means of towns drawn toward the overall one by ten rows, of other rows; on the scale of all rows."""
    kinds = {"two": "binary", "three": "multiclass", "value": "continuous"}
    kind = "value" if data.classes is None else {2: "two", 3: "three"}[len(data.classes)]
    encoder = TargetEncoder(smooth=10.0, target_type=kinds[kind])
    texts = data.features["town"].to_numpy().reshape(-1, 1)
    encoder.fit(texts[rows], data.target[rows])
    found, own = (encoder.transform(texts[some]) - encoder.target_mean_ for some in (others, rows))
    return found / np.sqrt((own**2).mean(axis=0))


@pytest.mark.parametrize("kind", ["two", "three", "value"])
def test_rows_that_are_not_learnt_from_have_the_means_of_all_that_are(kind):
    rows, others = np.arange(0, ROWS, 2), np.arange(1, ROWS, 2)
    data, preparation = prepared(towns(kind), rows)
    names = preparation.feature_names[preparation.feature_slices["town"]]
    three = ("town target mean 1", "town target mean 2", "town target mean 3")
    assert names == (three if kind == "three" else ("town target mean",))
    expected = scikit_learns(data, rows, others)
    np.testing.assert_allclose(asked(data, preparation, others), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", ["two", "three", "value"])
def test_rows_that_are_learnt_from_have_the_means_of_the_other_inner_folds(kind):
    rows = np.arange(0, ROWS, 2)
    data, preparation = prepared(towns(kind), rows)
    found = learnt(data, preparation, rows)
    for fold in range(FOLDS):
        own = np.arange(len(rows)) % FOLDS == fold
        expected = scikit_learns(data, rows[~own], rows[own])
        np.testing.assert_allclose(found[own], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", ["two", "three", "value"])
def test_a_row_that_is_learnt_from_tells_nothing_of_its_own_target(kind):
    rows = np.arange(0, ROWS, 2)
    frame = towns(kind)
    data, preparation = prepared(frame, rows)
    before = learnt(data, preparation, rows)
    for row in (0, 7, 333):
        target = data.target.copy()
        target[rows[row]] = (
            1e3 if kind == "value" else next(c for c in data.classes if c != target[rows[row]])
        )
        other = replace(data, target=target)
        again = Preparation.fit(other, rows, "target")
        after = learnt(other, again, rows)
        assert np.array_equal(after[row], before[row])
        # And the change is one that others see: those of its inner fold alone do not.
        assert np.array_equal(after[row % FOLDS :: FOLDS], before[row % FOLDS :: FOLDS])
        assert not np.array_equal(after, before)
        assert again.columns != preparation.columns


@pytest.mark.parametrize("kind", ["two", "three", "value"])
def test_targets_of_validation_and_test_rows_change_nothing(kind):
    """Of a whole problem, in folds and with a validation part."""
    frame = towns(kind)
    for conditions in (Conditions(), Conditions(cv=3)):
        problem = prepare(load(frame, target="target"), conditions)
        unlearnt = [problem.split.test, problem.split.validation]
        parts = [(fold.train, np.concatenate([fold.stopping, fold.held_out])) for fold in problem.folds]
        for number, (train, judged) in enumerate(parts or [(problem.split.train, problem.split.validation)]):
            target = problem.dataset.target.copy()
            poisoned = np.concatenate([*unlearnt, judged])
            assert not np.isin(poisoned, train).any()
            target[poisoned] = 1e9 if kind == "value" else target[poisoned][::-1]
            other = replace(problem.dataset, target=target)
            own, others = (
                replace(problem, dataset=dataset, _encoded={}).encoded("target")[number]
                for dataset in (problem.dataset, other)
            )
            assert own.preparation == others.preparation
            assert np.array_equal(own.data.train.inputs, others.data.train.inputs)
            assert np.array_equal(own.data.train.targets, others.data.train.targets)
            assert np.array_equal(own.data.validation.inputs, others.data.validation.inputs)


def test_a_problem_learns_from_out_of_fold_means_and_judges_by_those_of_all_rows():
    problem = prepare(load(towns(), target="target"), Conditions())
    (part,) = problem.encoded("target")
    place = part.preparation.feature_slices["town"]
    for rows, found, expected in (
        (problem.split.train, part.data.train.inputs, learnt),
        (problem.split.validation, part.data.validation.inputs, asked),
    ):
        own = expected(problem.dataset, part.preparation, rows)
        np.testing.assert_allclose(found[:, place], own, rtol=1e-6)
    assert not np.array_equal(
        learnt(problem.dataset, part.preparation, problem.split.train),
        asked(problem.dataset, part.preparation, problem.split.train),
    )


def test_of_a_target_that_is_chance_nothing_can_be_read_where_it_is_learnt_from():
    """In the means of all rows each row's own target shows; that is what other inner folds are for."""
    random = np.random.default_rng(1)
    places, responses = random.integers(0, 600, 3000), random.normal(size=(3000, 1))
    in_fold = level_means(places, responses, 600)[places]
    assert np.corrcoef(in_fold[:, 0], responses[:, 0])[0, 1] > 0.4
    assert abs(np.corrcoef(out_of_fold(places, responses, 600)[:, 0], responses[:, 0])[0, 1]) < 0.05


def test_means_by_hand():
    """Ten rows of each of two levels, 1 and 3 on average: drawn half way toward 2, and 1 in size."""
    places = np.repeat([0, 1], 10)
    responses = np.tile([[0.0], [2.0]], (10, 1)) + 2 * places[:, None]
    np.testing.assert_allclose(level_means(places, responses, 3), [[-1], [1], [0]], rtol=1e-12)
    # A missing cell counts in the overall mean, 4 then, and has no level.
    table = level_means(np.append(places, 3), np.append(responses, [[44.0]], axis=0), 3)
    np.testing.assert_allclose(table, [[-3 / np.sqrt(5)], [-1 / np.sqrt(5)], [0]], rtol=1e-12)


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_few_rows_have_finite_means(rows):
    found = out_of_fold(np.zeros(rows, int), np.arange(float(rows))[:, None], 2)
    assert found.shape == (rows, 1)
    assert np.isfinite(found).all()


def test_rare_and_unknown_levels_share_a_mean_and_gaps_are_marked():
    frame = towns("value", gaps=True)
    rare = [f"hamlet {i}" if i < 9 else name for i, name in enumerate(frame["town"].to_list())]
    data, preparation = prepared(frame.with_columns(pl.Series("town", rare)))
    (column,) = [column for column in preparation.columns if column.name == "town"]
    assert not any(category.startswith("hamlet") for category in column.categories)
    assert len(column.means) == TOWNS + 1
    assert column.means[-1] != (0.0,)
    new = pl.DataFrame({"town": ["hamlet 3", "Atlantis", None, " town 3 "], "x": [0.0] * 4})
    features, _ = load_features(new, preparation)
    found = preparation.inputs(features, np.float64)[:, preparation.feature_slices["town"]]
    assert found[:, 1].tolist() == [0, 0, 1, 0]
    place = column.categories.index("town 3")
    assert found[:, 0].tolist() == [*column.means[-1], *column.means[-1], 0, *column.means[place]]
    gone = data.features["town"].is_null().to_numpy()
    own = learnt(data, preparation, np.arange(ROWS))
    assert np.array_equal(own[:, 1], gone)
    assert not own[gone, 0].any()


def test_few_levels_have_features_of_their_own_and_many_texts_one_mean():
    random = np.random.default_rng(2)
    frame = pl.DataFrame(
        {
            "few": [f"f{i}" for i in random.integers(0, MANY_LEVELS, 6000)],
            "more": [f"m{i}" for i in random.integers(0, MANY_LEVELS + 1, 6000)],
            "hashed": [f"h{i}" for i in random.integers(0, 500, 6000)],
            "target": random.normal(size=6000),
        }
    )
    preparation = Preparation.fit(load(frame, target="target"), np.arange(6000), "target")
    widths = {name: part.stop - part.start for name, part in preparation.feature_slices.items()}
    assert widths == {"few": MANY_LEVELS, "more": 1, "hashed": 1}
    again = Preparation.from_json(json.loads(json.dumps(preparation.to_json(), allow_nan=False)))
    assert again == preparation
    raw = frame.drop("target")
    assert np.array_equal(again.inputs(raw), preparation.inputs(raw))


def test_responses_are_shares_or_the_values():
    assert responses_of(["b", "a"], ("a", "b")).tolist() == [[1], [0]]
    assert responses_of([True, False], (False, True)).tolist() == [[1], [0]]
    assert responses_of([2, 0], (0, 1, 2)).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert responses_of([1.5, 2], None).tolist() == [[1.5], [2]]
    assert responses_of([[1, 2]], None).tolist() == [[1, 2]]


def test_no_inner_fold_divides_a_group():
    random = np.random.default_rng(0)
    places, groups = random.integers(0, 5, 300), random.integers(0, 40, 300)
    responses = random.normal(size=(300, 1))
    before = out_of_fold(places, responses, 5, groups)
    other = responses.copy()
    other[groups == 3] += 100
    after = out_of_fold(places, other, 5, groups)
    np.testing.assert_array_equal(after[groups == 3], before[groups == 3])
    assert np.any(after != before)
    assert not out_of_fold(places, responses, 5, np.zeros(300, int)).any()
