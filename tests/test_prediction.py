"""Predicting: a row alone gets what it gets in a batch, to the last bit, and nothing heavy is loaded."""

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

from couloir import blocks, products
from couloir.blocks import LARGE, MIDDLE, TILE, in_blocks, in_tiles, one_thread
from couloir.data.preparation import Preparation
from couloir.data.sources import load
from couloir.model import ACTIVATIONS, Ensemble, Model


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


@pytest.mark.parametrize("name", ["table", "values", "classes", "average"])
def test_a_row_alone_gets_the_same_answer_as_in_any_batch(name: str) -> None:
    rows, model = models(name)
    assert len(rows) > 2 * TILE / 40, "the rows fit into one tile: the case shows little"
    whole = model.answers(rows)
    for row in [*range(70), *range(70, 30_000, 137)]:
        assert np.array_equal(model.answers(rows[row : row + 1])[0], whole[row]), row
    for start, stop in [(0, 2), (3, 34), (1, 1000), (2000, 14_999)]:
        assert np.array_equal(model.answers(rows[start:stop]), whole[start:stop]), (start, stop)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_so_it_is_with_every_activation(activation: str) -> None:
    array = np.random.default_rng(3).normal(size=(300, 13))
    data = load((array, np.arange(300) % 3))
    model = network(Preparation.fit(data, np.arange(300)), (30, 11), activation)
    whole = model.answers(array)
    for row in range(300):
        assert np.array_equal(model.answers(array[row : row + 1])[0], whole[row]), row


def test_the_answers_are_those_of_plain_products() -> None:
    rows, model = models("classes")
    assert isinstance(model, Model)
    signal = model.preparation.inputs(rows, np.float64)
    expected = signal
    for number, (weight, bias) in enumerate(model.layers):
        expected = np.einsum("sf,of->so", expected, weight) + bias
        expected = np.tanh(expected) if number < 2 else expected
    np.testing.assert_allclose(model.outputs(signal), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("small", [4, 16, None])
@pytest.mark.parametrize("rows", [1, 31, 32, LARGE - 1, LARGE, 3 * LARGE + 5])
def test_blocks_hold_the_rows_and_zeros_after_them(rows: int, small: int | None) -> None:
    array = np.random.default_rng(0).normal(size=(rows, 3)).astype(np.float32)
    found = in_blocks(array, small)
    sizes = {part.shape[1] for part in found}
    assert sizes <= ({MIDDLE} if small is None else {LARGE, small})
    assert {part.dtype for part in found} == {np.dtype(np.float64)}
    flat = np.concatenate([part.reshape(-1, 3) for part in found])
    assert np.array_equal(flat[:rows], array)
    assert not flat[rows:].any()
    assert len(flat) < rows + (small or MIDDLE)


def test_a_library_that_never_adds_in_the_same_order_gets_blocks_of_one_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stands in for such a library: small blocks that do not agree are never used."""
    monkeypatch.setattr(blocks, "_agrees", lambda inputs, outputs, rows: False)
    rows, model = models("classes")
    assert isinstance(model, Model)
    assert model._small_block is None
    whole = model.answers(rows[:1000])
    for row in range(0, 1000, 7):
        assert np.array_equal(model.answers(rows[row : row + 1])[0], whole[row])


def test_the_trial_finds_products_that_differ() -> None:
    weight = np.random.default_rng(1).normal(size=(50, 7))
    assert blocks._agrees(50, 7, LARGE)
    # One row at a time is what libraries add in another order; here where they do not, it is no trial.
    alone = np.concatenate([row[None] @ weight for row in np.random.default_rng(0).normal(size=(LARGE, 50))])
    large = np.random.default_rng(0).normal(size=(LARGE, 50)) @ weight
    assert blocks._agrees(50, 7, 1) <= bool(np.array_equal(alone, large))


def wide(seed: int = 0) -> tuple[np.ndarray, Model]:
    """Rows and a network whose first weight is large enough to be quick for a row alone."""
    array = np.random.default_rng(seed).normal(size=(700, 1024))
    data = load((array, np.arange(700) % 3))
    return array, network(Preparation.fit(data, np.arange(700)), (products.LARGE_WEIGHT // 1024, 20), "relu")


@pytest.mark.parametrize("library", ["its own", "another"])
def test_a_row_alone_gets_the_same_answer_from_a_large_weight(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library == "another":  # stands in for one whose product with one row adds in an order of its own
        monkeypatch.setattr(products, "_agrees", lambda product: False)
    rows, model = wide()
    whole = model.answers(rows)
    if library == "another":
        assert [product.lanes for product in model._products] == [None] * 3
    for row in range(0, 700, 13):
        assert np.array_equal(model.answers(rows[row : row + 1])[0], whole[row]), row
    assert np.array_equal(model.answers(rows[:150]), whole[:150])


def test_products_in_lanes_are_those_of_the_weight() -> None:
    random = np.random.default_rng(5)
    weight, bias, signal = random.normal(size=(24, 8)), random.normal(size=24), random.normal(size=(2, 4, 8))
    whole = products.plain(weight, bias)
    lanes = np.stack([weight.T[lane::4] for lane in range(4)])
    quick = products.Product(np.ascontiguousarray(weight).T, bias, lanes)
    expected = np.einsum("bri,oi->bro", signal, weight) + bias
    np.testing.assert_allclose(whole(signal, alone=False), expected, rtol=1e-13)
    np.testing.assert_allclose(quick(signal, alone=False), expected, rtol=1e-13)
    np.testing.assert_allclose(quick(signal[:1], alone=True)[0, 0], expected[0, 0], rtol=1e-13)
    assert np.array_equal(quick.factor, weight.T[::4])


def test_the_trial_of_lanes_finds_sums_of_another_order() -> None:
    random = np.random.default_rng(6)
    weight = random.normal(size=(64, 256))
    shuffled = np.stack([weight.T[lane::4] for lane in (1, 0, 2, 3)])
    assert not products._agrees(products.Product(weight.T, np.zeros(64), shuffled))


def test_every_row_is_asked_for_once_and_answered_in_its_place() -> None:
    rows = np.arange(3_600_000.0).reshape(1_200_000, 3)
    asked: list[int] = []

    def answer(some: np.ndarray) -> np.ndarray:
        asked.append(len(some))
        return some.sum(axis=1)

    assert np.array_equal(in_tiles(answer, rows), rows.sum(axis=1))
    assert sum(asked) == 1_200_000
    assert len(asked) > 2


def limits() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_the_numbers_of_threads_are_put_back_whoever_predicts_at_the_same_time() -> None:
    before = limits()
    with pytest.raises(ZeroDivisionError), one_thread():
        raise ZeroDivisionError
    assert limits() == before
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with one_thread():
            entered.set()
            leave.wait(10)

    with one_thread():
        own = [library.num_threads for library in blocks._libraries()]
        assert own == [1] * len(own)
        thread = threading.Thread(target=other)
        thread.start()
        assert entered.wait(10)
    leave.set()
    thread.join()
    assert limits() == before


def test_products_do_not_depend_on_the_number_of_threads() -> None:
    rows, model = models("values")
    expected = model.answers(rows[:100])
    with threadpool_limits(3, user_api="blas"):
        assert isinstance(model, Model)
        (inputs,) = in_blocks(model.preparation.inputs(rows[:100], np.float64), None)
        weight = model._products[0].weight
        several = np.matmul(inputs, weight)
        with one_thread():
            assert np.array_equal(np.matmul(inputs, weight), several)
        assert np.array_equal(model.answers(rows[:100]), expected)


def test_a_model_that_has_predicted_can_be_pickled() -> None:
    rows, model = models("table")
    before = model.answers(rows[:50])
    again = pickle.loads(pickle.dumps(model))
    assert set(vars(again)) == {"layers", "activation", "preparation"}, "what was tried out goes along"
    assert np.array_equal(again.answers(rows[:50]), before)


def test_predicting_loads_no_jax(tmp_path: Path) -> None:
    rows, model = models("table")
    model.save(tmp_path)
    rows[:3].write_parquet(tmp_path / "rows.parquet")
    code = (
        "import sys; from pathlib import Path; from couloir.model import load_model; "
        "from couloir.predictions import predict_table; "
        f"table = predict_table(load_model(Path({str(tmp_path)!r})), {str(tmp_path / 'rows.parquet')!r}); "
        "print(len(table), [m for m in ('jax', 'sklearn', 'onnx', 'pandas') if m in sys.modules])"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "3 []"
