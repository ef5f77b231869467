"""Models in files that other programs read: what onnxruntime answers is what Couloir answers."""

from __future__ import annotations

import datetime
import hashlib
import json
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import couloir
import references
from couloir.commands.predict import predict_table
from couloir.data.encodings import ENCODINGS
from couloir.data.loading import load, load_features
from couloir.data.preparation import Preparation
from couloir.errors import InputError
from couloir.export import export
from couloir.export.feeding import onnx_inputs
from couloir.model.files import load_model
from couloir.model.forward import ACTIVATIONS
from couloir.model.predictor import Ensemble, Model, Predictor

onnx = pytest.importorskip("onnx", reason="the extra 'onnx' is not installed")
runtime = pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")

TABLES = {"titanic": "survived", "diamonds": "price", "penguins": "species", "mpg": "mpg"}
LEVELS = ["small", "middle", "large"]


def network(preparation: Preparation, hidden: tuple[int, ...] = (12, 9), activation: str = "tanh") -> Model:
    """One with random weights that let every input matter."""
    random = np.random.default_rng(len(hidden))
    widths = (len(preparation.feature_names), *hidden, len(preparation.classes or (0,)))
    layers = tuple(
        (random.normal(size=(b, a), scale=a**-0.5).astype(np.float32), random.normal(size=b, scale=0.1))
        for a, b in pairwise(widths)
    )
    return Model(layers, activation, preparation)


def fitted(source: Any, encoding: str = "standard", **options: Any) -> tuple[Any, Preparation]:
    """A data set and a preparation of its first two thirds, so that the rest holds what is new to it."""
    data = load(source, **options)
    return data, Preparation.fit(data, np.arange(2 * len(data) // 3), encoding)


def answers(model: Predictor, path: Path, source: Any, float32: bool = False) -> dict[str, np.ndarray]:
    """What onnxruntime gives for an exported model, by the outputs' names."""
    export(model, path, float32=float32)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    found = session.run(names, onnx_inputs(model.preparation, source, float32=float32))
    return dict(zip(names, found, strict=True))


def assert_agreement(model: Predictor, path: Path, source: Any) -> None:
    """The bars: 1e-5 absolute for probabilities, relative for values; the same labels."""
    expected, found = predict_table(model, source), answers(model, path, source)
    classes = model.preparation.classes
    if classes is None:
        np.testing.assert_allclose(found["value"], expected["prediction"].to_numpy(), rtol=1e-5, atol=0)
        return
    shares = expected.select(pl.nth(range(2, 2 + len(classes)))).to_numpy()
    np.testing.assert_allclose(found["probabilities"], shares, rtol=0, atol=1e-5)
    assert found["label"].tolist() == expected["prediction"].to_list()


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer", "diabetes"])
def test_bundled_sets_agree(name: str, tmp_path: Path) -> None:
    _, preparation = fitted(name)
    assert_agreement(network(preparation), tmp_path / "model.onnx", name)


@pytest.mark.parametrize("name", TABLES)
def test_tables_agree(name: str, tmp_path: Path, shared_data: Path) -> None:
    path = shared_data / "tables" / f"{name}.csv"
    _, preparation = fitted(path, target=TABLES[name])
    assert_agreement(network(preparation), tmp_path / "model.onnx", path)


def every_kind(rows: int = 900) -> pl.DataFrame:
    """A table with a column of each kind, gaps, and levels and texts that first rows have not."""
    random = np.random.default_rng(1)
    start = datetime.datetime(2021, 3, 4, 5, 6, 7)
    days = [start.date() - datetime.timedelta(days=400 * (i % 90)) for i in range(rows)]
    late = np.arange(rows) >= 800
    return pl.DataFrame(
        {
            "number": np.where(np.arange(rows) % 13 == 4, np.nan, 1e9 + random.normal(size=rows)),
            "truth": [None if i % 17 == 5 else bool(i % 3) for i in range(rows)],
            "moment": [
                None if i % 11 == 3 else start + datetime.timedelta(hours=7.3 * i) for i in range(rows)
            ],
            "day": days,
            "size": pl.Series(np.where(late, "middle", random.choice(["small", "large"], rows))).cast(
                pl.Enum(LEVELS)
            ),
            "grade": pl.Series([None if i % 19 == 2 else "abcde"[i % 5] for i in range(rows)]).cast(
                pl.Enum(list("abcde"))
            ),
            "colour": [None if i % 7 == 2 else "new" if late[i] else "rgb"[i % 3] for i in range(rows)],
            "shop": [f"shop {i}" for i in random.integers(0, 60, rows)],
            "t": random.normal(7, 2, rows),
        }
    )


@pytest.fixture
def few_categories(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash from 20 values on, so that a small table has a hashed column."""
    monkeypatch.setattr("couloir.data.columns.MOST_ONE_HOT", 20)


@pytest.mark.usefixtures("few_categories")
@pytest.mark.parametrize("activation", [*ACTIVATIONS, "relu-tanh", "tanh-relu"])
def test_every_kind_of_column_and_every_activation_agree(activation: str, tmp_path: Path) -> None:
    frame = every_kind()
    _, preparation = fitted(frame, target="t")
    kinds = {column.kind for column in preparation.columns}
    assert kinds == {"numeric", "boolean", "date", "ordered", "categorical", "hashed"}
    model = network(preparation, activation=activation)
    assert_agreement(model, tmp_path / "model.onnx", frame)


@pytest.mark.usefixtures("few_categories")
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_feature_of_every_encoding_is_what_the_preparation_makes(encoding: str, tmp_path: Path) -> None:
    """A network of one layer that hands on its inputs, targets as they are."""
    frame = every_kind().with_columns(
        pl.Series("long", [f"{i * 7 % 60:02d}" for i in range(900)]).cast(
            pl.Enum([f"{i:02d}" for i in range(60)])
        ),
        pl.Series("tail", np.exp(np.arange(900.0) / 9)),
    )
    data, preparation = fitted(frame, encoding, target="t")
    assert preparation.encoding == encoding
    own = replace(preparation, target_mean=0.0, target_scale=1.0)
    width = len(own.feature_names)
    model = Model(((np.eye(width), np.zeros(width)),), "linear", own)
    found = answers(model, tmp_path / "m.onnx", frame)["value"]
    inputs, columns = own.inputs(data.features, np.float64), own.columns[-1].stop
    np.testing.assert_allclose(found[:, :columns], inputs[:, :columns], rtol=1e-13, atol=1e-13)
    # Distances are differences of large squares, which libraries add up in orders of their own.
    np.testing.assert_allclose(found, inputs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_arrays_agree_in_every_encoding(encoding: str, tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    array = random.normal(size=(300, 4)) ** 3
    array[:, 2] = random.integers(0, 2, 300)
    array[::7, 1] = np.nan
    array[:, 3] = 1.5
    _, preparation = fitted((array, np.arange(300) % 3), encoding, task="classification")
    assert preparation.left_out == ("x3",)
    assert_agreement(network(preparation), tmp_path / "m.onnx", array)


def test_an_average_over_encodings_agrees(tmp_path: Path) -> None:
    data = load("diabetes")
    preparations = [Preparation.fit(data, np.arange(300), encoding) for encoding in ENCODINGS]
    weights = tuple((np.arange(len(ENCODINGS)) + 1) / sum(range(len(ENCODINGS) + 1)))
    model = Ensemble(preparations[0], tuple(map(network, preparations)), weights)
    assert_agreement(model, tmp_path / "m.onnx", "diabetes")
    expected = sum(
        weight * each.predict_prepared(each.preparation.inputs(data.features, np.float64))
        for each, weight in zip(model.networks, model.weights, strict=True)
    )
    np.testing.assert_allclose(model.answers(data.features), expected, rtol=1e-9)


def test_robust_numbers_far_out_are_3(tmp_path: Path) -> None:
    """Their squares overflow in float64."""
    tail = np.concatenate([np.linspace(0, 1e-100, 90), np.linspace(-1e90, 1e90, 10)])
    # A column beside it: of one number alone onnxruntime takes a mean below float32's range as 0.
    array = np.stack([tail, np.arange(100.0)], axis=1)
    data = load((array, np.arange(100.0)))
    preparation = Preparation.fit(data, np.arange(100), "robust")
    own = replace(preparation, target_mean=0.0, target_scale=1.0)
    found = answers(Model(((np.eye(2), np.zeros(2)),), "linear", own), tmp_path / "m.onnx", array)["value"]
    np.testing.assert_allclose(found, own.inputs(array, np.float64), rtol=1e-13)
    assert found[-1, 0] == 3


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_activation_s_nodes_alone_are_its_formula_near_0_and_far_out(activation: str) -> None:
    from couloir.export.activations import ACTIVATIONS as AS_NODES  # they import onnx
    from couloir.export.nodes import Nodes

    nodes, real = Nodes({"x", "y"}), onnx.TensorProto.DOUBLE
    answer = AS_NODES[activation](nodes, "x")
    nodes.add("Mul", answer, nodes.constant(1.0), name="y")
    ends = [onnx.helper.make_tensor_value_info(name, real, ["sample"]) for name in ("x", "y")]
    graph = onnx.helper.make_graph(nodes.nodes, activation, ends[:1], ends[1:], nodes.constants)
    opsets = [onnx.helper.make_opsetid("", nodes.opsets[""])]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=7)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    half = np.append(np.geomspace(1e-3, 40, 40), [800.0, 1e4])
    at = np.concatenate([-half, [0.0], half])
    (found,) = session.run(["y"], {"x": at})
    expected = references.ACTIVATIONS[activation].value(at)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_an_average_of_networks_with_preparations_of_their_own_agrees(tmp_path: Path) -> None:
    data = load("wine")
    whole, part = (Preparation.fit(data, rows) for rows in (np.arange(178), np.arange(0, 178, 2)))
    networks = (network(whole), network(part, (5,), "relu"), network(part, (8,), "gelu"))
    for temperature in (1.0, 0.4, 2.5):
        model = Ensemble(whole, networks, (0.5, 0.2, 0.3), temperature)
        assert_agreement(model, tmp_path / "model.onnx", "wine")
    data = load("diabetes")
    preparations = [Preparation.fit(data, np.arange(i, 442, 3)) for i in range(3)]
    values = Ensemble(preparations[0], tuple(map(network, preparations)), (0.2, 0.3, 0.5))
    assert_agreement(values, tmp_path / "model.onnx", "diabetes")


def test_an_average_is_fed_the_columns_that_any_of_its_networks_uses(tmp_path: Path) -> None:
    """The average's own preparation may have left out what another's uses."""
    frame = every_kind(300)
    _, without = fitted(frame, target="t", drop=["number", "day", "size", "colour"])
    _, with_all = fitted(frame, target="t")
    model = Ensemble(without, (network(without), network(with_all)), (0.5, 0.5))
    assert {"number", "day", "size", "colour"} <= set(model.preparation.raw_kinds)
    assert_agreement(model, tmp_path / "model.onnx", frame)


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, {"cv": 3}, {"ensemble": 3}], ids=["one", "cv", "ensemble"])
def test_runs_agree(more: dict[str, int], tmp_path: Path) -> None:
    rates = [0.01, 0.003]
    run = couloir.train(
        "wine", optimizer="adam", hidden=(8,), learning_rate=rates, restarts=2, epochs=6, **more
    )
    assert_agreement(run.model, tmp_path / "model.onnx", "wine")
    found = answers(run.model, tmp_path / "model.onnx", "wine")
    assert found["label"].tolist() == run.predict("wine").tolist()


def test_missing_tokens_are_read_as_missing(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "a": [-999.0 if i % 4 == 0 else i / 7 for i in range(60)],
            "b": ["unknown" if i % 3 == 0 else "pqr"[i % 3] for i in range(60)],
            "t": [i % 2 for i in range(60)],
        }
    )
    data, preparation = fitted(frame, target="t", missing=["-999", "unknown"])
    assert {column.marker for column in preparation.columns} == {True}
    model = network(preparation)
    raw = {"a": frame["a"].to_numpy()[:, None], "b": np.array(frame["b"].to_list(), object)[:, None]}
    export(model, tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    expected = model.answers(data.features)
    np.testing.assert_allclose(session.run(["probabilities"], raw)[0], expected, atol=1e-12)
    array = np.random.default_rng(0).normal(size=(30, 3))
    array[np.arange(90).reshape(30, 3) % 7 == 1] = -999
    _, preparation = fitted((array, np.arange(30) % 2), missing=["-999"])
    model = network(preparation)
    export(model, tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    expected = model.answers(load_features(array, preparation)[0])
    np.testing.assert_allclose(session.run(["probabilities"], {"features": array})[0], expected, atol=1e-12)


@pytest.mark.parametrize(
    "labels", [["no", "yes"], [False, True], [3, 7], [0.5, 1.5]], ids=["text", "boolean", "integer", "float"]
)
def test_labels_come_out_as_they_are(labels: list, tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(40, 3))
    _, preparation = fitted((array, [labels[i % 2] for i in range(40)]), task="classification")
    model = network(preparation)
    found = answers(model, tmp_path / "m.onnx", array)
    assert found["label"].tolist() == model.predict(array).tolist()
    assert set(found["label"].tolist()) == set(labels)


def test_several_outputs_come_out_side_by_side(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(40, 3))
    _, preparation = fitted((array, array[:, 0]), task="regression")
    weight, bias = np.random.default_rng(1).normal(size=(2, 9)), np.array([100.0, -3.0])
    one = network(preparation)
    two = replace(one, layers=(*one.layers[:-1], (weight, bias)))
    for model in (two, Ensemble(preparation, (two, replace(two, activation="relu")), (0.3, 0.7))):
        found = answers(model, tmp_path / "m.onnx", array)["value"]
        assert found.shape == (40, 2)
        np.testing.assert_allclose(found, model.answers(array), rtol=1e-12)
        shape = onnx.load(tmp_path / "m.onnx").graph.output[0].type.tensor_type.shape.dim
        assert shape[1].dim_value == 2
    expected = two.outputs(preparation.inputs(array, np.float64))
    np.testing.assert_allclose(two.answers(array), preparation.restore(expected), rtol=1e-13)


def test_images_go_in_as_images(tmp_path: Path) -> None:
    data = load("digits")
    images = data.features.reshape(-1, 8, 8)
    model = network(Preparation.fit(load((images, data.target)), np.arange(900)))
    found = answers(model, tmp_path / "m.onnx", images)
    np.testing.assert_allclose(found["probabilities"], model.answers(images), atol=1e-12)
    graph = onnx.load(tmp_path / "m.onnx").graph
    assert [each.dim_value for each in graph.input[0].type.tensor_type.shape.dim[1:]] == [8, 8]


def test_float32_goes_in_and_comes_out_where_it_is_asked_for(tmp_path: Path) -> None:
    data, preparation = fitted("wine")
    model = network(preparation)
    found = answers(model, tmp_path / "m.onnx", "wine", float32=True)
    assert found["probabilities"].dtype == np.float32
    single = data.features.cast(pl.Float32).cast(pl.Float64)
    np.testing.assert_allclose(found["probabilities"], model.answers(single), rtol=0, atol=1e-6)


def test_large_numbers_keep_their_differences(tmp_path: Path) -> None:
    seconds = 1.7e9 + np.arange(200.0) / 8
    _, preparation = fitted((seconds[:, None], np.sin(np.arange(200.0))))
    model = network(preparation)
    single = (seconds.astype(np.float32) - np.float32(seconds.mean())) / np.float32(seconds.std())
    assert len(np.unique(single)) < 10, "the numbers are not large enough for float32 to fail"
    found = answers(model, tmp_path / "m.onnx", seconds[:, None])["value"]
    np.testing.assert_allclose(found, model.predict(seconds[:, None]), rtol=1e-9)
    assert len(np.unique(found)) > 100


def test_columns_may_be_called_as_the_outputs_and_the_nodes_are(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    names = ["label", "probabilities", "label_", "Concat_7", "constant_8", "ä b\n"]
    frame = pl.DataFrame({name: random.normal(size=60) for name in names} | {"t": [i % 2 for i in range(60)]})
    _, preparation = fitted(frame, target="t")
    model = network(preparation)
    found = answers(model, tmp_path / "m.onnx", frame)
    assert set(found) == {"label__", "probabilities_"}
    np.testing.assert_allclose(found["probabilities_"], model.answers(frame), atol=1e-12)


def runs_with(model: onnx.ModelProto, opset: int) -> bool:
    """Whether onnxruntime takes the same graph when it declares this opset."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    next(each for each in changed.opset_import if each.domain == "").version = opset
    runtime.set_default_logger_severity(4)
    try:
        onnx.checker.check_model(changed, full_check=True)
        runtime.InferenceSession(changed.SerializeToString(), providers=["CPUExecutionProvider"])
    except Exception:
        return False
    finally:
        runtime.set_default_logger_severity(2)
    return True


@pytest.mark.parametrize(("name", "oldest"), [("digits", 7), ("iris", 9), ("every kind", 9)])
def test_the_opset_is_the_oldest_that_suffices(name: str, oldest: int, tmp_path: Path) -> None:
    source: Any = every_kind() if name == "every kind" else name
    _, preparation = fitted(source, target="t" if name == "every kind" else None)
    export(network(preparation), tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    opsets = {each.domain: each.version for each in model.opset_import}
    assert opsets == {"": oldest} | ({"ai.onnx.ml": 1} if name == "every kind" else {})
    assert runs_with(model, oldest)
    assert not runs_with(model, oldest - 1)
    assert runs_with(model, 12)


def test_the_file_says_what_goes_in(tmp_path: Path) -> None:
    _, preparation = fitted(every_kind(), target="t")
    export(network(preparation), tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    about = json.loads(next(each.value for each in model.metadata_props if each.key == "couloir"))
    assert list(about["inputs"]) == [each.name for each in model.graph.input]
    assert about["inputs"]["moment"] == "days since 1970-01-01, NaN where missing"
    assert about["inputs"]["size"] == "text, empty where missing"
    assert (about["target"], about["task"], about["classes"]) == ("t", "regression", None)


def test_weights_and_json_bring_the_model_back(tmp_path: Path) -> None:
    data = load("wine")
    whole, part = (Preparation.fit(data, rows) for rows in (np.arange(178), np.arange(0, 178, 2)))
    model = Ensemble(
        whole, (network(whole, activation="silu-tanh"), network(part, (5,), "relu")), (0.25, 0.75), 1.5
    )
    written = export(model, tmp_path / "new" / "wine.safetensors")
    assert written == [tmp_path / "new" / "wine.safetensors", tmp_path / "new" / "wine.json"]
    again = load_model(tmp_path / "new", "wine")
    assert np.array_equal(again.answers(data.features), model.answers(data.features))


def test_weights_and_json_are_enough_for_another_program(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    data, preparation = fitted("breast_cancer")
    model = network(preparation)
    export(model, tmp_path / "m.safetensors")
    weights = load_file(tmp_path / "m.safetensors")
    about = json.loads((tmp_path / "m.json").read_text("utf-8"))
    rows = []
    for column in about["preparations"][0]["columns"]:
        clipped = np.clip(data.features[column["name"]].to_numpy(), column["low"], column["high"])
        rows.append((clipped - column["mean"]) / column["scale"])
    signal = np.stack(rows)
    last = len(about["networks"][0]["layers"]) - 1
    for layer, names in enumerate(about["networks"][0]["layers"]):
        assert names == ["weight", "bias"]
        signal = weights[f"network0.layer{layer}.weight"].astype(float) @ signal
        signal = signal + weights[f"network0.layer{layer}.bias"][:, None]
        signal = np.tanh(signal) if layer < last else signal
    shares = np.exp(signal) / np.exp(signal).sum(axis=0)
    np.testing.assert_allclose(shares.T, model.answers(data.features), rtol=1e-10)


def test_exporting_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    _, preparation = fitted(every_kind(), target="t")
    marks = []
    for name in ("a.onnx", "b.onnx"):
        export(network(preparation), tmp_path / name)
        marks.append(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert marks[0] == marks[1]


def test_mistakes_end_in_a_sentence_and_leave_what_was_there(tmp_path: Path) -> None:
    _, preparation = fitted("iris")
    model = network(preparation)
    with pytest.raises(InputError, match=r"'model.pkl' does not end in .onnx or .safetensors"):
        export(model, tmp_path / "model.pkl")
    with pytest.raises(InputError, match="leave out float32"):
        export(model, tmp_path / "model.safetensors", float32=True)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="cannot be written"):
        export(model, tmp_path / "file" / "model.onnx")
    (tmp_path / "model.onnx").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        export(model, tmp_path / "model.onnx")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "model.onnx"]


def test_without_onnx_a_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    _, preparation = fitted("iris")
    with pytest.raises(InputError, match=r"pip install 'couloir\[onnx\]'"):
        export(network(preparation), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())
