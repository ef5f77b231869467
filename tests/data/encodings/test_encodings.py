"""What holds for every kind of column in every encoding; an entry of `COLUMNS` without cells here fails."""

from __future__ import annotations

import datetime
import json

import numpy as np
import polars as pl
import pytest

from couloir.data.columns import column_kind
from couloir.data.encodings import COLUMNS, ENCODINGS
from couloir.data.loading import load
from couloir.data.preparation import Preparation
from couloir.errors import InputError
from couloir.model.predictor import Model

ROWS = 6000
LEVELS = ["never", "seldom", "often", "always"]


def columns() -> dict[str, pl.Series]:
    """A column of each kind, with gaps."""
    random = np.random.default_rng(0)
    start = datetime.datetime(2020, 1, 1)
    values = {
        "numeric": random.normal(3, 2, ROWS).tolist(),
        "boolean": (random.random(ROWS) < 0.3).tolist(),
        "date": [start + datetime.timedelta(hours=int(hour)) for hour in random.integers(0, 20_000, ROWS)],
        "ordered": [LEVELS[i] for i in random.integers(0, 4, ROWS)],
        "categorical": [f"colour {i}" for i in random.integers(0, 9, ROWS)],
        "hashed": [f"town {i}" for i in random.integers(0, 280, ROWS)],
    }
    gaps = random.random(ROWS) < 0.1
    return {
        kind: pl.Series(
            kind,
            [None if gap else cell for gap, cell in zip(gaps, cells, strict=True)],
            dtype=pl.Enum(LEVELS) if kind == "ordered" else None,
        )
        for kind, cells in values.items()
    }


CELLS = columns()


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", COLUMNS)
def test_every_column_names_its_features_folds_its_scale_and_comes_back_from_json(kind, encoding):
    assert column_kind(CELLS[kind]) == kind
    frame = pl.DataFrame([CELLS[kind], pl.Series("target", np.arange(ROWS) / 7)])
    data = load(frame, target="target")
    preparation = Preparation.fit(data, np.arange(0, ROWS, 2), encoding)
    assert preparation.encoding == encoding
    (column,) = preparation.columns
    assert type(column) is COLUMNS[kind]
    inputs = preparation.inputs(data.features, np.float64)
    names = preparation.feature_names
    near = preparation.neighbours.names if preparation.neighbours else []
    assert inputs.shape[1] == len(names) == len(set(names)) == column.stop - column.start + len(near)
    assert np.array_equal(inputs[:, names.index(f"{kind} missing")], CELLS[kind].is_null())
    again = Preparation.from_json(json.loads(json.dumps(preparation.to_json())), preparation.arrays)
    assert again == preparation
    assert np.array_equal(again.inputs(data.features, np.float64), inputs)
    alone = np.concatenate(
        [preparation.inputs(data.features[row : row + 1], np.float64) for row in range(99)]
    )
    own = slice(column.start, column.stop)
    assert np.array_equal(alone[:, own], inputs[:99, own])
    # A row's distances, alone and among others, are sums in another order.
    np.testing.assert_allclose(alone, inputs[:99], rtol=1e-9, atol=1e-9)
    random = np.random.default_rng(1)
    weight, bias = random.normal(size=(5, len(names))), random.normal(size=5)
    folded, shifted = preparation.folded(weight, bias)
    found = preparation.unscaled(data.features) @ folded.T + shifted
    np.testing.assert_allclose(found, inputs @ weight.T + bias, rtol=1e-9, atol=1e-9)


def table() -> pl.DataFrame:
    """All kinds of columns, and a target."""
    return pl.DataFrame([*CELLS.values(), pl.Series("target", np.arange(ROWS) / 7)])


@pytest.mark.parametrize("encoding", [name for name, each in ENCODINGS.items() if not each.neighbours])
def test_columns_side_by_side_are_each_what_it_is_alone(encoding):
    """But for the bins, of which 6 columns have as many as one."""
    data = load(table(), target="target")
    preparation = Preparation.fit(data, np.arange(0, ROWS, 2), encoding)
    whole = preparation.inputs(data.features, np.float64)
    assert [*preparation.feature_slices] == [*COLUMNS]
    for kind, places in preparation.feature_slices.items():
        one = load(table().select(kind, "target"), target="target")
        alone = Preparation.fit(one, np.arange(0, ROWS, 2), encoding)
        assert alone.feature_names == preparation.feature_names[places]
        np.testing.assert_array_equal(alone.inputs(one.features, np.float64), whole[:, places], kind)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_rows_that_were_not_fitted_to_change_nothing(encoding):
    rows = np.arange(0, ROWS, 2)
    other = pl.Series(np.arange(ROWS) % 2 == 1)
    poison = {
        "numeric": 1e9,
        "boolean": True,
        "date": datetime.datetime(1970, 1, 1),
        "ordered": "never",
        "categorical": "poison",
        "hashed": "poison",
    }
    poisoned = table().with_columns(
        pl.when(other).then(pl.lit(value, dtype=CELLS[kind].dtype)).otherwise(pl.col(kind)).alias(kind)
        for kind, value in poison.items()
    )
    found = [Preparation.fit(load(frame, target="target"), rows, encoding) for frame in (table(), poisoned)]
    assert found[0].columns == found[1].columns
    other_rows = Preparation.fit(load(poisoned, target="target"), np.arange(ROWS), encoding)
    assert other_rows.columns != found[0].columns


def test_standard_is_the_number_and_what_is_said_when_nothing_is():
    data = load(table(), target="target")
    asked, unasked = (
        Preparation.fit(data, np.arange(ROWS), "standard"),
        Preparation.fit(data, np.arange(ROWS)),
    )
    assert asked == unasked
    assert not any(column.edges or column.smooth for column in asked.columns)


def test_a_preparation_that_was_written_before_there_were_encodings_is_standard():
    data = load(table(), target="target")
    preparation = Preparation.fit(data, np.arange(ROWS))
    written = json.loads(json.dumps(preparation.to_json()))
    del written["encoding"]
    later = ("edges", "smooth", "knots", "scores", "frequencies", "rare", "signed", "means")
    written["columns"] = [
        {name: value for name, value in column.items() if name not in later} for column in written["columns"]
    ]
    assert Preparation.from_json(written) == preparation


def test_an_encoding_that_there_is_not_and_one_for_images_end_in_a_sentence():
    data = load(table(), target="target")
    with pytest.raises(InputError, match=r"no encoding 'piecwise': did you mean 'piecewise'"):
        Preparation.fit(data, np.arange(ROWS), "piecwise")
    with pytest.raises(
        InputError, match=r"'robust' is for the columns of a table.* give the encoding 'stand"
    ):
        Preparation.fit(load("digits"), np.arange(100), "robust")
    assert Preparation.fit(load("digits"), np.arange(100), "standard").encoding == "standard"


@pytest.mark.parametrize("encoding", ["piecewise", "robust"])
@pytest.mark.parametrize("first", [0, 1], ids=["gaps in training", "no gaps in training"])
def test_a_model_answers_rows_with_gaps_as_their_inputs_say(encoding, first):
    """Predicting looks for gaps only where answers show that there are some."""
    random = np.random.default_rng(3)
    array = random.normal(size=(400, 3)) * [1, 100, 1e-3]
    data = load((array, array.sum(axis=1)))
    array[first:100:2, 1] = np.nan
    rows = np.arange(100, 400) if first else np.arange(400)
    preparation = Preparation.fit(data, rows, encoding)
    width = len(preparation.feature_names)
    layers = (
        (random.normal(size=(7, width)), random.normal(size=7)),
        (random.normal(size=(1, 7)), np.zeros(1)),
    )
    model = Model(layers, "relu", preparation)
    expected = model.predict_prepared(preparation.inputs(array, np.float64))
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(model.answers(array), expected, rtol=1e-9)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_widened_numbers_go_on_where_the_rows_do_and_stay_as_they_were_elsewhere(encoding):
    array = np.random.default_rng(4).normal(size=(300, 2))
    data = load((array, array[:, 0]))
    preparation = Preparation.fit(data, np.arange(300), encoding)
    wide = preparation.widened(np.array([[50.0, 0.0]]))
    assert wide.feature_names == preparation.feature_names
    assert np.array_equal(wide.inputs(array), preparation.inputs(array))
    far = np.array([[50.0, 0.0], [100.0, 0.0], [array[:, 0].max(), 0.0]])
    before, after = preparation.inputs(far, np.float64), wide.inputs(far, np.float64)
    assert (before == before[2]).all()
    assert np.array_equal(after[0], after[1])
    # Components end at the last edge, and scores at the last knot.
    assert after[0, 0] > after[2, 0] or encoding == "quantile"
    assert np.array_equal(after[0, 1:], after[2, 1:]) or encoding == "periodic"
