"""Predicting: a row alone gets what it gets in a batch, to rounding, and nothing heavy is loaded."""

from __future__ import annotations

import datetime
import pickle
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from couloir.data.loading import load
from couloir.data.preparation import Preparation
from couloir.model.files import save_model
from couloir.model.forward import ACTIVATIONS
from couloir.model.predictor import Ensemble, Model
from couloir.model.tiles import FEWEST, TILE, in_tiles

ROUNDING = {"rtol": 1e-12, "atol": 1e-14}
"""What a sum's order may change: the terms of these networks are few and about as large as their sums."""


def network(preparation: Preparation, hidden: tuple[int, ...], activation: str, seed: int = 0) -> Model:
    """One with random weights."""
    random = np.random.default_rng(seed)
    widths = (len(preparation.feature_names), *hidden, len(preparation.classes or (0,)))
    layers = tuple((random.normal(size=(b, a)), random.normal(size=b)) for a, b in pairwise(widths))
    return Model(layers, activation, preparation)


def every_kind(rows: int) -> pl.DataFrame:
    """A table with a column of each kind, and gaps."""
    random = np.random.default_rng(1)
    start = datetime.datetime(2021, 3, 4, 5, 6, 7)
    gaps = np.arange(rows) % 13 == 4
    return pl.DataFrame(
        {
            "number": np.where(gaps, np.nan, 1e9 + random.normal(size=rows)),
            "truth": [bool(i % 3) for i in range(rows)],
            "day": [None if i % 11 == 3 else start + datetime.timedelta(hours=7.3 * i) for i in range(rows)],
            "size": pl.Series(random.choice(["small", "middle", "large"], rows)).cast(
                pl.Enum(["small", "middle", "large"])
            ),
            "colour": [None if i % 7 == 2 else "rgb"[i % 3] for i in range(rows)],
            "shop": [f"shop {i}" for i in random.integers(0, 300, rows)],
            "t": random.choice(list("abcdefghij"), rows),
        }
    )


def models(name: str) -> tuple[Any, Model | Ensemble]:
    """Raw rows, more than a tile, and a model of them."""
    random = np.random.default_rng(2)
    if name == "table":
        data = load(every_kind(30_000), target="t")
        preparation = Preparation.fit(data, np.arange(4000))
        assert {c.kind for c in preparation.columns} == {
            "numeric", "boolean", "date", "ordered", "categorical", "hashed",
        }  # fmt: skip
        return data.features, network(preparation, (20,), "tanh")
    array = random.normal(size=(30_000, 40))
    target = array @ random.normal(size=40) if name == "values" else random.integers(0, 12, len(array))
    task = "regression" if name == "values" else "classification"
    data = load((array, target), task=task)
    preparation = Preparation.fit(data, np.arange(4000))
    one = network(preparation, (33, 17), "tanh")
    if name != "average":
        return data.features, one
    other = Preparation.fit(data, np.arange(1000))
    networks = (one, network(other, (50,), "gelu", 1), network(preparation, (8,), "silu", 2))
    return data.features, Ensemble(preparation, networks, (0.5, 0.2, 0.3), 1.7)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["table", "values", "classes", "average"])
def test_a_row_alone_gets_the_same_answer_as_in_any_batch(name: str) -> None:
    rows, model = models(name)
    assert len(rows) > 2 * TILE / 40, "the rows fit into one tile: the case shows little"
    whole, labels = model.answers(rows), model.predict(rows)
    for row in [*range(70), *range(70, 30_000, 137)]:
        np.testing.assert_allclose(model.answers(rows[row : row + 1])[0], whole[row], **ROUNDING)
    for start, stop in [(0, 2), (3, 34), (1, 1000), (2000, 14_999)]:
        np.testing.assert_allclose(model.answers(rows[start:stop]), whole[start:stop], **ROUNDING)
        if name != "values":
            assert np.array_equal(model.predict(rows[start:stop]), labels[start:stop])


def test_the_answers_are_those_of_plain_products() -> None:
    rows, model = models("classes")
    assert isinstance(model, Model)
    signal = model.preparation.inputs(rows, np.float64)
    expected = signal
    for number, (weight, bias) in enumerate(model.layers):
        expected = np.einsum("sf,of->so", expected, weight) + bias
        expected = np.tanh(expected) if number < 2 else expected
    np.testing.assert_allclose(model.outputs(signal), expected, rtol=1e-10, atol=1e-10)


def far(low: float, spread: float) -> tuple[np.ndarray, Model]:
    """Rows near a number, and a network for them."""
    array = low + spread * np.random.default_rng(4).normal(size=(600, 5))
    data = load((array, np.arange(600) % 3))
    return array, network(Preparation.fit(data, np.arange(600)), (30,), "tanh")


@pytest.mark.parametrize(
    ("low", "spread", "folded"),
    [(0.0, 1.0, True), (2000.0, 5.0, True), (-1e12, 1.0, False), (0.0, 1e-120, False), (0.0, 1e-90, True)],
)
def test_scales_are_folded_into_weights_where_that_costs_no_digits(
    low: float, spread: float, folded: bool
) -> None:
    rows, model = far(low, spread)
    preparation = model.preparation
    expected = model.predict_prepared(preparation.inputs(rows, np.float64))
    np.testing.assert_allclose(model.answers(rows), expected, rtol=0, atol=1e-11)
    unscaled = preparation.unscaled(rows)
    same = np.array_equal(unscaled, preparation.inputs(rows, np.float64))
    assert same != folded
    weight, bias = preparation.folded(*model.layers[0])
    inputs = preparation.inputs(rows, np.float64)
    expected = inputs @ model.layers[0][0].T + model.layers[0][1]
    np.testing.assert_allclose(unscaled @ weight.T + bias, expected, rtol=0, atol=1e-11)


def test_features_that_are_no_numbers_are_folded_as_they_are() -> None:
    rows, model = models("table")
    assert isinstance(model, Model)
    expected = model.predict_prepared(model.preparation.inputs(rows, np.float64))
    # The table has a number near 1e9, which forbids folding; without it all else is folded.
    np.testing.assert_allclose(model.answers(rows), expected, **ROUNDING)
    data = load(every_kind(3000).drop("number"), target="t")
    preparation = Preparation.fit(data, np.arange(3000))
    other = network(preparation, (20,), "tanh")
    inputs = preparation.inputs(data.features, np.float64)
    assert not np.array_equal(preparation.unscaled(data.features), inputs)
    np.testing.assert_allclose(other.answers(data.features), other.predict_prepared(inputs), atol=1e-11)


@pytest.mark.parametrize("averaged", [False, True])
def test_gaps_where_training_had_none_are_filled(averaged: bool) -> None:
    rows, one = models("average" if averaged else "classes")
    rows = rows[:3000].copy()
    whole = one.answers(rows)
    with_gaps = rows.copy()
    gaps = (np.array([3, 700, 2999]), np.array([0, 17, 39]))
    with_gaps[gaps] = np.nan
    fills = np.array([column.fill for column in one.preparation.columns])
    filled = rows.copy()
    filled[gaps] = fills[gaps[1]]
    found = one.answers(with_gaps)
    assert not np.isnan(found).any()
    if not averaged:  # the networks of an average each fill with a median of their own
        assert np.array_equal(found, one.answers(filled))
    others = np.setdiff1d(np.arange(len(rows)), gaps[0])
    assert np.array_equal(found[others], whole[others])
    assert (found[gaps[0]] != whole[gaps[0]]).any(axis=1).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gaps_are_found_through_every_activation(activation: str) -> None:
    array = np.random.default_rng(3).normal(size=(300, 13))
    data = load((array, np.arange(300) % 3))
    model = network(Preparation.fit(data, np.arange(300)), (30, 11), activation)
    filled = array.copy()
    filled[7, 2] = model.preparation.columns[2].fill
    array[7, 2] = np.nan
    assert np.array_equal(model.answers(array), model.answers(filled))


@pytest.mark.parametrize(("cells", "widest"), [(3, 1), (3, 700), (3, 20_000)])
def test_every_row_is_asked_for_once_and_answered_in_its_place(cells: int, widest: int) -> None:
    rows = np.arange(cells * 20_000.0).reshape(20_000, cells)
    asked: list[int] = []

    def answer(some: np.ndarray) -> np.ndarray:
        asked.append(len(some))
        return some.sum(axis=1)

    assert np.array_equal(in_tiles(answer, rows, widest), rows.sum(axis=1))
    assert sum(asked) == 20_000
    # Memory is bounded: a tile has no more cells than it should, but for rows that are very wide.
    assert max(asked) * max(cells, widest) <= max(TILE, FEWEST * widest)
    assert (len(asked) > 1) == (widest > 1)


def threads() -> int:
    """Threads of NumPy's linear algebra library."""
    (library,) = (each for each in threadpool_info() if "numpy" in each["filepath"])
    return library["num_threads"]


def test_each_product_is_done_by_one_thread_and_the_number_put_back() -> None:
    rows = np.zeros((2 * TILE, 3))
    with threadpool_limits(3, user_api="blas"):
        assert set(in_tiles(lambda some: np.full(len(some), threads()), rows)) == {1}
        assert set(in_tiles(lambda some: np.full(len(some), threads()), rows[:5])) == {1}
        with pytest.raises(ZeroDivisionError):
            in_tiles(lambda some: some / (1 // 0), rows[:5])
        assert threads() == 3


def test_the_number_of_threads_is_put_back_whoever_predicts_at_the_same_time() -> None:
    """One prediction begins within another, and ends after it."""
    begun, ended, seen = threading.Event(), threading.Event(), []

    def other(some: np.ndarray) -> np.ndarray:
        begun.set()
        assert ended.wait(10)
        return some

    def outer(some: np.ndarray) -> np.ndarray:
        thread.start()
        assert begun.wait(10)
        seen.append(threads())
        return some

    thread = threading.Thread(target=in_tiles, args=(other, np.zeros((2, 2))))
    with threadpool_limits(3, user_api="blas"):
        in_tiles(outer, np.zeros((2, 2)))
        ended.set()
        thread.join(10)
        assert seen == [1]
        assert threads() == 3


def test_a_model_that_has_predicted_can_be_pickled() -> None:
    rows, model = models("table")
    before = model.answers(rows[:50])
    again = pickle.loads(pickle.dumps(model))
    assert set(vars(again)) == {"layers", "activation", "preparation", "architecture"}, (
        "the folded layers go along"
    )
    assert np.array_equal(again.answers(rows[:50]), before)


def test_predicting_loads_no_jax(tmp_path: Path) -> None:
    rows, model = models("table")
    save_model(model, tmp_path)
    rows[:3].write_parquet(tmp_path / "rows.parquet")
    code = (
        "import sys; from pathlib import Path; from couloir.model import load_model; "
        "from couloir.commands.predict import predict_table; "
        f"table = predict_table(load_model(Path({str(tmp_path)!r})), {str(tmp_path / 'rows.parquet')!r}); "
        "print(len(table), [m for m in ('jax', 'sklearn', 'onnx', 'pandas') if m in sys.modules])"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "3 []"
