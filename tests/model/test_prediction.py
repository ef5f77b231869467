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

from couloir.data.loading import load
from couloir.data.preparation import Preparation
from couloir.model import blocks, products
from couloir.model.blocks import LARGE, MIDDLE, SMALL, TILE, Blocks, Shape, in_tiles, one_thread
from couloir.model.forward import ACTIVATIONS, Forward
from couloir.model.predictor import Ensemble, Model


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


@pytest.mark.parametrize("hidden", [(400, 400), (100, 300), (600,)])
def test_so_it_is_where_a_last_layer_is_cut_into_smaller_blocks(hidden: tuple[int, ...]) -> None:
    """With many inputs and few outputs, small blocks and large ones are often added up differently."""
    array = np.random.default_rng(3).normal(size=(2000, 50))
    data = load((array, np.arange(2000) % 10))
    model = network(Preparation.fit(data, np.arange(2000)), hidden, "relu")
    whole = model.answers(array)
    for row in range(0, 2000, 11):
        assert np.array_equal(model.answers(array[row : row + 1])[0], whole[row]), row
    for rows in (3, 65, 150, 700):
        assert np.array_equal(model.answers(array[:rows]), whole[:rows]), rows


def test_the_answers_are_those_of_plain_products() -> None:
    rows, model = models("classes")
    assert isinstance(model, Model)
    signal = model.preparation.inputs(rows, np.float64)
    expected = signal
    for number, (weight, bias) in enumerate(model.layers):
        expected = np.einsum("sf,of->so", expected, weight) + bias
        expected = np.tanh(expected) if number < 2 else expected
    np.testing.assert_allclose(model.outputs(signal), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("small", SMALL)
@pytest.mark.parametrize("rows", [1, 31, 64, LARGE - 1, LARGE, 3 * LARGE + MIDDLE + 5])
def test_blocks_hold_the_rows_and_zeros_after_them(rows: int, small: int) -> None:
    array = np.random.default_rng(0).normal(size=(rows, 3)).astype(np.float32)
    found = Blocks(small, (LARGE,)).cut(array)
    assert [part.shape[2] for part in found] == sorted({part.shape[2] for part in found}, reverse=True)
    assert {part.shape[2] for part in found} <= {LARGE, MIDDLE, small}
    assert {part.dtype for part in found} == {np.dtype(np.float64)}
    flat = np.concatenate([part.swapaxes(1, 2).reshape(-1, 3) for part in found])
    assert np.array_equal(flat[:rows], array)
    assert not flat[rows:].any()
    assert len(flat) < rows + small


def test_a_layer_gets_the_same_rows_in_blocks_that_it_may_have() -> None:
    signal = np.arange(2 * 3 * LARGE).reshape(2, 3, LARGE)
    blocks_ = Blocks(8, (LARGE, MIDDLE, 8))
    assert blocks_.for_layer(0, signal) is signal
    cut = blocks_.for_layer(1, signal)
    assert cut.shape == (2, LARGE // MIDDLE, 3, MIDDLE)
    for block, part in np.ndindex(2, LARGE // MIDDLE):
        assert np.array_equal(cut[block, part], signal[block, :, MIDDLE * part : MIDDLE * (part + 1)])
    assert blocks_.for_layer(2, cut.reshape(-1, 3, MIDDLE)).shape[-1] == 8
    assert blocks_.for_layer(1, signal[..., :8]).shape == (2, 3, 8)


def stands_in(monkeypatch: pytest.MonkeyPatch, largest: dict[tuple[int, int], int]) -> None:
    """A library whose small blocks give what those of so many rows give, by outputs and small rows."""
    monkeypatch.setattr(blocks, "_largest", lambda shape, small: largest.get((shape.outputs, small), LARGE))


def test_the_fewest_rows_are_taken_with_which_all_but_a_little_is_done_in_large_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shapes = [Shape(100, 50, True), Shape(101, 100, False), Shape(1, 101, False)]
    stands_in(monkeypatch, {(1, 4): 4})
    assert Blocks.of(shapes) == Blocks(4, (LARGE, LARGE, 4)), "the last layer is next to nothing"
    stands_in(monkeypatch, {(101, 4): 4, (100, 8): MIDDLE})
    assert Blocks.of(shapes) == Blocks(8, (MIDDLE, MIDDLE, MIDDLE))
    stands_in(monkeypatch, {(101, 4): 4, (101, 8): 8, (100, 8): 8, (100, 16): 16})
    assert Blocks.of(shapes) == Blocks(16, (16, 16, 16)), "a third of the work in small blocks is the least"


def test_a_library_that_never_adds_in_the_same_order_gets_blocks_of_one_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocks, "_largest", lambda shape, small: small)
    rows, model = models("classes")
    assert isinstance(model, Model)
    assert set(model._folded.blocks.largest) == {model._folded.blocks.small} == {4}
    whole = model.answers(rows[:1000])
    for row in range(0, 1000, 7):
        assert np.array_equal(model.answers(rows[row : row + 1])[0], whole[row])


@pytest.mark.parametrize("by_row", [True, False])
def test_the_trial_finds_products_that_differ(monkeypatch: pytest.MonkeyPatch, by_row: bool) -> None:
    shape = Shape(7, 50, by_row)
    monkeypatch.setattr(blocks, "_largest", blocks._largest.__wrapped__)
    matmul = np.matmul

    def rounded(weight: np.ndarray, signal: np.ndarray) -> np.ndarray:
        return np.round(matmul(weight, signal), 6)

    def backwards_in_large(weight: np.ndarray, signal: np.ndarray) -> np.ndarray:
        many = signal.shape[-1] == LARGE
        return matmul(weight[:, ::-1], signal[..., ::-1, :]) if many else rounded(weight, signal)

    def backwards_in_small(weight: np.ndarray, signal: np.ndarray) -> np.ndarray:
        few = signal.shape[-1] < MIDDLE
        return matmul(weight[:, ::-1], signal[..., ::-1, :]) if few else matmul(weight, signal)

    def differently_by_place(weight: np.ndarray, signal: np.ndarray) -> np.ndarray:
        sums = matmul(weight, signal)
        sums[..., 1::2] += 1e-15 * np.abs(sums[..., 1::2])
        return sums

    def backwards_in_middle(weight: np.ndarray, signal: np.ndarray) -> np.ndarray:
        middle = signal.shape[-1] == MIDDLE
        return matmul(weight[:, ::-1], signal[..., ::-1, :]) if middle else matmul(weight, signal)

    found = {rounded: LARGE, backwards_in_large: MIDDLE}
    found |= dict.fromkeys((backwards_in_small, backwards_in_middle, differently_by_place), 8)
    for library, largest in found.items():
        monkeypatch.setattr(np, "matmul", library)
        assert blocks._largest(shape, 8) == largest, library


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
        assert [product.lanes for product in model._folded.products] == [None] * 3
    for row in range(0, 700, 13):
        assert np.array_equal(model.answers(rows[row : row + 1])[0], whole[row]), row
    assert np.array_equal(model.answers(rows[:150]), whole[:150])


def test_products_in_lanes_are_those_of_the_weight() -> None:
    random = np.random.default_rng(5)
    weight, bias, signal = random.normal(size=(24, 8)), random.normal(size=24), random.normal(size=(2, 8, 4))
    whole = products.plain(weight, bias, first=True)
    lanes = np.stack([weight[:, lane::4] for lane in range(4)])
    quick = products.Product(weight, bias[:, None], True, lanes)
    expected = np.einsum("bir,oi->bor", signal, weight) + bias[:, None]
    np.testing.assert_allclose(whole(signal, alone=False), expected, rtol=1e-13)
    np.testing.assert_allclose(quick(signal, alone=False), expected, rtol=1e-13)
    np.testing.assert_allclose(quick(signal[:1], alone=True)[0, :, 0], expected[0, :, 0], rtol=1e-13)
    assert whole.shape == Shape(24, 8, by_row=True)
    assert quick.shape == Shape(24, 2, by_row=False)


def test_the_trial_of_lanes_finds_sums_of_another_order() -> None:
    random = np.random.default_rng(6)
    weight = random.normal(size=(64, 256))
    shuffled = np.stack([weight[:, lane::4] for lane in (1, 0, 2, 3)])
    assert not products._agrees(products.Product(weight, np.zeros((64, 1)), True, shuffled))


def test_lanes_are_left_where_small_blocks_do_not_give_what_the_others_give(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A row alone gets what middle blocks get; so the rows of small blocks have to get that too."""
    model = wide()[1]
    monkeypatch.setattr(products, "_agrees", lambda product: True)
    forward = Forward.of(model.layers, model.activation)
    assert forward.products[0].lanes is not None
    monkeypatch.setattr(blocks, "_largest", lambda shape, small: small)
    forward = Forward.of(model.layers, model.activation)
    assert [product.lanes for product in forward.products] == [None] * 3


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
    assert np.array_equal(model.answers(rows), expected)
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
    with threadpool_limits(3, user_api="blas"):
        before = limits()
        assert set(before) == {3}
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
        assert limits() != before, "the other is still at it"
        leave.set()
        thread.join()
        assert limits() == before


def test_products_do_not_depend_on_the_number_of_threads() -> None:
    rows, model = models("values")
    expected = model.answers(rows[:100])
    with threadpool_limits(3, user_api="blas"):
        assert isinstance(model, Model)
        inputs = model.preparation.unscaled(rows[:64]).T
        weight = model._folded.products[0].weight
        several = np.matmul(weight, inputs)
        with one_thread():
            assert np.array_equal(np.matmul(weight, inputs), several)
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
        "import sys; from pathlib import Path; from couloir.model.predictor import load_model; "
        "from couloir.commands.predict import predict_table; "
        f"table = predict_table(load_model(Path({str(tmp_path)!r})), {str(tmp_path / 'rows.parquet')!r}); "
        "print(len(table), [m for m in ('jax', 'sklearn', 'onnx', 'pandas') if m in sys.modules])"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "3 []"
