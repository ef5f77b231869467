"""What holds of every architecture: one definition for JAX, NumPy and ONNX, company, folds, files, rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import couloir
from couloir.data.preparation import Preparation
from couloir.engine.architectures.architecture import Architecture
from couloir.engine.architectures.mlp import MLP
from couloir.engine.architectures.on_jax import JAX, TRAINED
from couloir.engine.architectures.registry import ARCHITECTURES, design
from couloir.engine.epochs import Part, TrainingData
from couloir.engine.losses import LOSSES, is_weight
from couloir.engine.training import train_population
from couloir.errors import InputError
from couloir.export import export
from couloir.export.feeding import onnx_inputs
from couloir.model.files import load_model, save_model
from couloir.model.forward import NUMPY, outputs
from couloir.model.predictor import Ensemble, Model, from_network
from trainings import CLASSES, FEATURES, classification, difference, member, regression, same_bits

TABULAR = tuple(name for name in ARCHITECTURES if name != "conv")
OTHERS = tuple(name for name in TABULAR if name != "mlp")
HIDDEN = (6, 4)


def made(name: str, activation: str = "tanh", hidden: tuple[int, ...] = HIDDEN) -> Architecture:
    return design(name, hidden, activation)


def shaken(network: Any, seed: int = 0) -> Any:
    """A network away from where it starts, so that scales are not 1 and biases not 0."""
    random = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: leaf + random.normal(0, 0.3, leaf.shape).astype(leaf.dtype), network)


def network_of(own: Architecture, outputs: int = CLASSES, inputs: int = FEATURES) -> Any:
    return shaken(own.initialise((7,), inputs, outputs, np.float64))


def rows(count: int = 9, inputs: int = FEATURES) -> np.ndarray:
    return np.random.default_rng(5).normal(size=(count, inputs))


@pytest.mark.parametrize("name", TABULAR)
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_jax_and_numpy_answer_alike(name: str, task: str, float64: None) -> None:
    own = made(name)
    network, inputs = network_of(own), rows()
    expected = own.answers(JAX, network, jnp.asarray(inputs.T), task).T
    found = outputs(own, own.parts(network), inputs, CLASSES, task)
    assert found.shape == (9, CLASSES)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", TABULAR)
def test_a_row_alone_is_answered_as_in_a_batch(name: str) -> None:
    own = made(name)
    network, inputs = network_of(own), rows()
    together = own.answers(NUMPY, network, inputs.T, "classification")
    alone = [own.answers(NUMPY, network, row[:, None], "classification")[:, 0] for row in inputs]
    np.testing.assert_allclose(np.stack(alone, axis=1), together, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", TABULAR)
def test_gradients_equal_central_differences(name: str, float64: None) -> None:
    own = made(name)
    network, inputs = jax.tree.map(jnp.asarray, network_of(own)), jnp.asarray(rows().T)
    targets = jnp.asarray(np.arange(9) % CLASSES)

    def loss(some: Any) -> Any:
        answers = own.answers(TRAINED, some, inputs, "classification")
        return jnp.mean(LOSSES["cross_entropy"].per_sample(answers, targets))

    flat, structure = jax.tree.flatten(network)
    slopes, random, measured = (
        jax.tree.leaves(jax.grad(loss)(network)),
        np.random.default_rng(3),
        jax.jit(loss),
    )
    trained = [leaf for leaf in range(len(flat)) if np.any(slopes[leaf])]
    assert len(trained) >= len(flat) - 1, "nearly everything is trained"
    for leaf in trained:
        direction = random.normal(size=flat[leaf].shape)
        sides = []
        for sign in (1e-6, -1e-6):
            moved = [*flat[:leaf], flat[leaf] + sign * direction, *flat[leaf + 1 :]]
            sides.append(float(measured(jax.tree.unflatten(structure, moved))))
        np.testing.assert_allclose((sides[0] - sides[1]) / 2e-6, np.sum(slopes[leaf] * direction), rtol=2e-6)


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_added_and_what_scales_is_not_penalised(name: str) -> None:
    own = made(name)
    paths = jax.tree_util.tree_leaves_with_path(own.initialise((1,), FEATURES, CLASSES, np.float32))
    weights = {path[-1].name for path, _ in paths if is_weight(path)}
    assert weights <= {"weight", "mix"}
    assert "weight" in weights


@pytest.mark.parametrize("name", TABULAR)
def test_the_initial_network_depends_on_restart_and_shapes_alone(name: str) -> None:
    own = made(name)
    first = own.initialise((1, 2), FEATURES, CLASSES, np.float64)
    assert same_bits(first, own.initialise((1, 2), FEATURES, CLASSES, np.float64))
    assert not same_bits(first, own.initialise((1, 3), FEATURES, CLASSES, np.float64))
    rounded = own.initialise((1, 2), FEATURES, CLASSES, np.float32)
    assert same_bits(rounded, jax.tree.map(lambda leaf: leaf.astype(np.float32), first))
    outline = own.outline(FEATURES, CLASSES)
    assert [leaf.shape for leaf in jax.tree.leaves(outline)] == [
        leaf.shape for leaf in jax.tree.leaves(first)
    ]
    assert own.size(FEATURES, CLASSES).parameters == sum(leaf.size for leaf in jax.tree.leaves(first))


# Populations ------------------------------------------------------------------------------------------


def population(name: str, **more: Any) -> list[Any]:
    shared = {"architecture": name, "epochs": 4, **more}
    return [
        member("sgd", 0.05, **shared),
        member("adam", 0.01, restart=1, **shared),
        member("adamw", 0.02, restart=1, dropout=0.2, l2=0.01, **shared),
    ]


@pytest.mark.parametrize("name", OTHERS)
def test_a_member_fares_alone_as_among_others_and_in_folds(name: str) -> None:
    """Also among members of another architecture, and in a program with an axis of folds."""
    data = classification()
    members = population(name)
    together = train_population([*members, *population("mlp")], [data, classification(seed=3)], seed=3)
    for number, own in enumerate(members):
        alone = train_population([own], data, seed=3).outcomes[0]
        among = together.folds[0][number]
        assert among.best_epoch == alone.best_epoch
        assert difference(among.network, alone.network) < 2e-5


@pytest.mark.parametrize("name", OTHERS)
def test_values_are_learnt_too(name: str) -> None:
    data = regression()
    trained = train_population(
        [member("adam", 0.03, architecture=name, loss="mse", epochs=30, activation="silu")], data, seed=3
    )
    scores = trained.outcomes[0].validation
    assert min(each["mse"] for each in scores) < 0.3 * scores[0]["mse"] or scores[0]["r2"] > 0.8


def narrowed(data: TrainingData, features: int) -> TrainingData:
    parts = [Part(part.inputs[:, :features], part.targets) for part in (data.train, data.validation) if part]
    return replace(data, train=parts[0], validation=parts[1])


@pytest.mark.parametrize("name", OTHERS)
def test_features_that_fill_a_fold_up_change_nothing(name: str) -> None:
    """Folds of 3 and 5 features share a program; the one of 3 ends as it does alone."""
    wide, narrow = classification(), narrowed(classification(seed=3), 3)
    members = population(name)
    together = train_population(members, [wide, narrow], seed=3)
    alone = train_population(members, narrow, seed=3)
    for number in range(len(members)):
        one, other = together.folds[1][number], alone.outcomes[number]
        assert [leaf.shape for leaf in jax.tree.leaves(one.network)] == [
            leaf.shape for leaf in jax.tree.leaves(other.network)
        ]
        assert difference(one.network, other.network) < 2e-5
        np.testing.assert_allclose(one.score, other.score, rtol=1e-5)


@pytest.mark.parametrize("name", OTHERS)
def test_a_network_goes_on_from_its_parts(name: str) -> None:
    """Given as plain lists, as files have them; with another shape it is one sentence."""
    data, own = classification(), member("sgd", 0.05, architecture=name, epochs=2)
    first = train_population([own], data, seed=3).outcomes[0].network
    parts = [[np.asarray(leaf) for leaf in part] for part in first]
    rate_0 = replace(own, learning_rate=1e-12, epochs=1)
    again = train_population([rate_0], data, seed=3, initial=[parts]).outcomes[0].network
    assert difference(again, first) < 1e-6
    with pytest.raises(InputError, match="A network to start from has arrays of the shapes"):
        train_population([own], data, seed=3, initial=[parts[:-1]])


# Models -----------------------------------------------------------------------------------------------


def fitted(data: str, encoding: str = "standard") -> tuple[Any, Preparation]:
    dataset = couloir.load(data)
    return dataset, Preparation.fit(dataset, np.arange(len(dataset)), encoding)


def model_of(name: str, preparation: Preparation, outputs: int) -> Model:
    own = made(name, "gelu")
    return from_network(network_of(own, outputs, len(preparation.feature_names)), own, preparation)


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize(("data", "outputs"), [("wine", 3), ("diabetes", 1)])
def test_a_model_is_written_read_and_exported(name: str, data: str, outputs: int, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    dataset, preparation = fitted(data, "robust")
    model = model_of(name, preparation, outputs)
    linear = from_network(
        MLP(()).initialise((1,), len(preparation.feature_names), outputs, np.float64), MLP(()), preparation
    )
    both: Model | Ensemble
    for both in (model, Ensemble(preparation, (model, linear), (0.25, 0.75))):
        save_model(both, tmp_path)
        again = load_model(tmp_path)
        np.testing.assert_array_equal(again.answers(dataset.features), both.answers(dataset.features))
        assert again.all_networks()[0].design == model.design
        export(both, tmp_path / "m.onnx")
        session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
        found = session.run(None, onnx_inputs(preparation, dataset.features))
        np.testing.assert_allclose(found[-1], both.answers(dataset.features), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", OTHERS)
def test_a_prepared_model_answers_as_raw_rows_are(name: str) -> None:
    dataset, preparation = fitted("wine", "piecewise")
    model = model_of(name, preparation, 3)
    inputs = preparation.inputs(dataset.features, np.float64)
    np.testing.assert_allclose(
        model.answers(dataset.features), model.predict_prepared(inputs), rtol=1e-12, atol=1e-14
    )
    np.testing.assert_allclose(model.answers(dataset.features).sum(axis=1), 1, rtol=1e-12)


Checked = Callable[[], object]


@pytest.mark.parametrize("name", OTHERS)
def test_a_network_without_hidden_layers_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} has at least one hidden layer: give --hidden"):
        member(architecture=name, hidden=())


def test_an_unknown_architecture_is_refused_with_what_is_near() -> None:
    with pytest.raises(InputError, match="resnet"):
        member(architecture="resnett")
