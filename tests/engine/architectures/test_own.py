"""A person's own architecture: trained as a population, found again, and every mistake in one sentence."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest

import couloir
import own_architectures
from couloir.data.preparation import Preparation
from couloir.engine.architectures.paths import path_of
from couloir.engine.architectures.registry import design
from couloir.engine.training import train_population
from couloir.errors import InputError
from couloir.export import export
from couloir.model.files import load_model, save_model
from couloir.model.predictor import from_network
from own_architectures import ROWS, Mixing, Plain
from trainings import CLASSES, FEATURES, classification, difference, member, same_bits

MODULES = ["of_equinox", "of_flax"]


def named(name: str) -> str:
    if name in MODULES or name.startswith("of_flax"):
        pytest.importorskip("equinox" if name == "of_equinox" else "flax")
    return f"own_architectures:{name}"


@pytest.mark.parametrize("name", ["Plain", "ROWS", "Sized", *MODULES])
def test_it_is_trained_as_a_population(name: str) -> None:
    """Alone as among others; also where it is written for several rows."""
    own = {"architecture": named(name), "hidden": (7,), "epochs": 6, "activation": "tanh"}
    members = [member("adam", 0.03, **own), member("sgd", 0.1, restart=1, l2=0.01, **own)]
    data = classification()
    both = train_population(members, [data, classification(seed=3)], seed=3)
    for number, each in enumerate(members):
        alone = train_population([each], data, seed=3).outcomes[0]
        assert difference(both.folds[0][number].network, alone.network) < 2e-5
        losses = [scores["log_loss"] for scores in alone.training]
        assert losses[-1] < losses[0]


def test_for_one_row_and_for_rows_it_learns_the_same() -> None:
    found = [
        train_population(
            [member("adam", 0.03, architecture=path_of(each), epochs=6)], classification(), seed=3
        )
        for each in (Plain, ROWS)
    ]
    one, other = (trained.outcomes[0].network for trained in found)
    assert difference(jax.tree.leaves(one), jax.tree.leaves(other)) < 2e-5


def test_it_learns_what_the_same_network_of_ours_learns() -> None:
    """One step of gradient descent with a penalty, against the perceptron of these weights."""
    own = member("sgd", 0.1, architecture="own_architectures:Plain", batch_size=43, epochs=1, l2=0.3)
    start = own.design.initialise((5,), FEATURES, CLASSES, np.float32)
    out = start.tree["out"]
    layers = [(start.tree["weight"].T, start.tree["bias"]), (out["kernel"].T, out["bias"])]
    plain = member("sgd", 0.1, hidden=(5,), batch_size=43, epochs=1, l2=0.3)
    found = [
        train_population([each], classification(), seed=3, initial=[parts]).outcomes[0].network
        for each, parts in ((own, own.design.parts(start)), (plain, layers))
    ]
    tree, (first, last) = found[0].tree, found[1]
    for mine, ours in (
        (tree["weight"].T, first.weight),
        (tree["bias"], first.bias),
        (tree["out"]["kernel"].T, last.weight),
        (tree["out"]["bias"], last.bias),
    ):
        np.testing.assert_allclose(mine, ours, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["Plain", *MODULES])
@pytest.mark.parametrize(("data", "outputs"), [("wine", 3), ("diabetes", 1)])
def test_its_model_is_written_and_found_again(name: str, data: str, outputs: int, tmp_path: Path) -> None:
    dataset = couloir.load(data)
    preparation = Preparation.fit(dataset, np.arange(len(dataset)))
    own, inputs = design(named(name), (64,), "relu"), len(preparation.feature_names)
    network = own.initialise((3,), inputs, outputs, np.float32)
    model = from_network(network, own, preparation)
    expected = network.functions.apply(network.tree, preparation.inputs(dataset.features))
    np.testing.assert_allclose(
        model.outputs(preparation.inputs(dataset.features, np.float64)), expected, rtol=1e-3, atol=1e-5
    )
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    np.testing.assert_array_equal(again.answers(dataset.features), model.answers(dataset.features))
    assert same_bits(again.all_networks()[0].layers, model.layers)
    with pytest.raises(InputError, match=r"cannot be written as ONNX: write a \.safetensors file"):
        export(model, tmp_path / "m.onnx")
    scaled = own.rescaled(model.layers, np.array([2.0] * outputs), np.array([1.0] * outputs))
    np.testing.assert_allclose(
        own.predicted(scaled, preparation.inputs(dataset.features, np.float64), outputs),
        2 * model.outputs(preparation.inputs(dataset.features, np.float64)) + 1,
    )
    path = tmp_path / "model.json"
    path.write_text(path.read_text("utf-8").replace("own_architectures:", "gone_architectures:"), "utf-8")
    with pytest.raises(InputError, match=r"'gone_architectures:.*' cannot be imported"):
        load_model(tmp_path)


# Mistakes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "tells"),
    [
        ("WrongShape", "does not answer a row of 5 features with 3 outputs"),
        ("WholeNumbers", "gives no parameters to train, or some that are no real numbers"),
        ("Nothing", "gives no parameters to train"),
        ("NoSlopes", "cannot be differentiated and mapped over several networks"),
        ("InNumPy", "does not answer a row of 5 features with 3 outputs (TracerArrayConversionError"),
        ("Mixing", "answers a row among others otherwise than alone"),
        ("Strange", "asks for temperature, which is not known here"),
        ("Broken", "cannot be built for 5 features and 3 outputs (RuntimeError: no luck today)"),
        ("not_a_module", "gives int, which is no Equinox and no Flax NNX module"),
        ("NUMBER", "is int, which cannot be called"),
        ("of_flax_in_batches", "keeps statistics of its batches"),
    ],
)
def test_what_will_not_do_is_refused_before_training(name: str, tells: str) -> None:
    own = member(architecture=named(name))
    with pytest.raises(InputError, match=re.escape(tells)) as refused:
        train_population([own], classification())
    assert str(refused.value).endswith(".")
    assert str(refused.value).count(". ") == 0


def local(inputs: int) -> Any:
    def inside(inputs: int) -> Any:
        return inputs

    return inside


def in_a_script() -> Any:
    def builder(inputs: int) -> Any:
        return inputs

    builder.__module__, builder.__qualname__ = "__main__", "builder"
    return builder


@pytest.mark.parametrize(
    ("made", "tells"),
    [
        (own_architectures.NAMELESS, "cannot be imported again"),
        (local(3), "cannot be imported again"),
        (in_a_script(), "builder of the module __main__ cannot be imported again"),
        (SimpleNamespace(init=Plain.init, apply=Plain.apply), "cannot be imported again"),
        ("own_architectures:Gone", "cannot be imported (AttributeError"),
        ("nowhere.at_all:Net", "cannot be imported (ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_found_again_is_refused(made: Any, tells: str) -> None:
    with pytest.raises(InputError, match=re.escape(tells)):
        path_of(made)


def test_paths_lead_back() -> None:
    assert path_of(Plain) == "own_architectures:Plain"
    assert path_of(ROWS) == "own_architectures:ROWS"
    assert path_of(own_architectures.of_flax) == "own_architectures:of_flax"
    assert path_of("own_architectures:Mixing") == path_of(Mixing)


def test_it_has_no_units_to_drop() -> None:
    with pytest.raises(InputError, match="no units that could be switched off: leave out --dropout"):
        member(architecture="own_architectures:Plain", dropout=0.2)


def test_the_one_in_the_documents_is_trained_and_predicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (Path(__file__).parents[3] / "docs" / "own_architectures.md").read_text("utf-8")
    (source,) = re.findall(r"```python\n(# mine\.py\n.*?)```", text, re.DOTALL)
    (tmp_path / "in_the_documents.py").write_text(source, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    run = couloir.train(
        "iris",
        architecture="in_the_documents:Network",
        hidden=[(8,), (16,)],
        optimizer="adam",
        learning_rate=0.03,
        epochs=15,
        out=tmp_path / "runs",
    )
    assert run.test is not None
    assert run.test["accuracy"] > 0.8
    assert run.record.winner.hyperparameters["architecture"] == "in_the_documents:Network"
