"""Convolutional networks: against JAX's own convolutions, PyTorch and hand calculations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import couloir
from couloir.data.preparation import Preparation
from couloir.engine.architectures.conv import Conv, convolutions, places
from couloir.engine.architectures.on_jax import JAX, TRAINED
from couloir.engine.epochs import Part, TrainingData
from couloir.errors import InputError
from couloir.export import export
from couloir.export.feeding import onnx_inputs
from couloir.model.files import load_model, save_model
from couloir.model.forward import NUMPY, outputs
from couloir.model.predictor import from_network
from trainings import difference, member, watched

SHAPES = [
    ((28, 28), (3, 4, 5)),
    ((8, 8), (6, 7)),
    ((17, 23), (2, 3, 4)),
    ((9, 11), (5, 4)),
    ((46, 48), (2, 2, 3, 4)),
]


def case(shape: tuple[int, int], hidden: tuple[int, ...], activation: str = "relu", rows: int = 6) -> Any:
    """A network in double precision with biases that are not 0, images as columns, and its architecture."""
    design, random = Conv(hidden, activation).fitting(shape), np.random.default_rng(sum(shape))
    inputs = random.normal(size=(shape[0] * shape[1], rows))
    network = design.initialise((1,), len(inputs), 3, np.float64)
    shaken = jax.tree.map(lambda leaf: leaf + 0.1 * random.normal(size=leaf.shape), network)
    return design, shaken, inputs


def by_jax(design: Conv, network: Any, inputs: Any, activation: Any = jax.nn.relu) -> Any:
    """The same network in JAX's convolutions and windows."""
    height, width = design.image_shape or ()
    signal = jnp.asarray(inputs).T.reshape(-1, 1, height, width)
    for weight, bias in network[:-2]:
        kernels = weight.reshape(len(bias), signal.shape[1], design.kernel, design.kernel)
        sums = lax.conv_general_dilated(signal, kernels, (1, 1), "VALID")
        pooled = lax.reduce_window(sums, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        signal = activation(pooled + bias[None, :, None, None])
    (inner, inner_bias), (outer, outer_bias) = network[-2:]
    dense = activation(inner @ signal.reshape(len(signal), -1).T + inner_bias[:, None])
    return outer @ dense + outer_bias[:, None]


def by_torch(design: Conv, network: Any, inputs: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """What PyTorch answers, and its gradients of the mean square of the answers."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    leaves = [torch.tensor(np.asarray(leaf), requires_grad=True) for part in network for leaf in part]
    signal = torch.tensor(inputs.T.copy()).reshape(-1, 1, *(design.image_shape or ()))
    for weight, bias in zip(leaves[:-4:2], leaves[1:-4:2], strict=True):
        kernels = weight.reshape(len(bias), signal.shape[1], design.kernel, design.kernel)
        signal = torch.relu(torch.nn.functional.max_pool2d(torch.conv2d(signal, kernels, bias), 2))
    dense = torch.relu(torch.nn.functional.linear(signal.flatten(1), *leaves[-4:-2]))
    answers = torch.nn.functional.linear(dense, *leaves[-2:])
    (answers**2).mean().backward()
    return answers.detach().numpy().T, [leaf.grad.numpy() for leaf in leaves]


def square(outputs: Any) -> Any:
    return jnp.mean(outputs**2)


@pytest.mark.parametrize("operations", [JAX, TRAINED])
@pytest.mark.parametrize(("shape", "hidden"), SHAPES)
def test_answers_and_slopes_are_those_of_jax_s_convolutions(
    shape: tuple[int, int], hidden: tuple[int, ...], operations: Any, float64: None
) -> None:
    design, network, inputs = case(shape, hidden, "silu")
    ours = jax.jit(
        jax.value_and_grad(lambda own: square(design.apply(operations, own, jnp.asarray(inputs))))
    )(network)
    theirs = jax.jit(jax.value_and_grad(lambda own: square(by_jax(design, own, inputs, jax.nn.silu))))(
        network
    )
    for one, other in zip(*map(jax.tree.leaves, (ours, theirs)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("shape", "hidden"), SHAPES)
def test_answers_and_slopes_are_those_of_pytorch(
    shape: tuple[int, int], hidden: tuple[int, ...], float64: None
) -> None:
    design, network, inputs = case(shape, hidden)
    answers, slopes = by_torch(design, network, inputs)
    np.testing.assert_allclose(
        design.apply(JAX, network, jnp.asarray(inputs)), answers, rtol=1e-9, atol=1e-12
    )
    ours = jax.jit(jax.grad(lambda own: square(design.apply(TRAINED, own, jnp.asarray(inputs)))))(network)
    for one, other in zip(jax.tree.leaves(ours), slopes, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("operations", [JAX, TRAINED, NUMPY])
def test_by_hand(operations: Any, float64: None) -> None:
    """A kernel that is 1 in its middle alone hands on the image's inside, and pooling takes its maxima.

    Of the 8×8 image with the numbers 0 to 63 the inside is rows and columns 1 to 6; the largest of each two
    by two are those at the lower right. The second channel is the number right of the middle, negated: the
    largest is that at the upper left.
    """
    design = Conv((2, 18), "linear").fitting((8, 8))
    kernels = np.zeros((2, 9))
    kernels[0, 4], kernels[1, 5] = 1, -1
    parts = [(kernels, np.array([0.5, 0.25])), *[(np.eye(18), np.zeros(18))] * 2]
    kind = np.asarray if operations is NUMPY else jnp.asarray
    network, image = jax.tree.map(kind, design.network(parts, 64, 18)), kind(np.arange(64.0)[:, None])
    first = [18.5, 20.5, 22.5, 34.5, 36.5, 38.5, 50.5, 52.5, 54.5]
    second = [-9.75, -11.75, -13.75, -25.75, -27.75, -29.75, -41.75, -43.75, -45.75]
    np.testing.assert_allclose(
        np.asarray(design.apply(operations, network, image))[:, 0], first + second, rtol=1e-15
    )


def test_of_equal_numbers_one_alone_gets_the_slope(float64: None) -> None:
    equal = jnp.ones((4, 3))
    slopes = jax.grad(lambda signal: jnp.sum(TRAINED.most(signal, 0) * jnp.arange(1.0, 4.0)[None]))(equal)
    np.testing.assert_array_equal(slopes, [[1, 2, 3], [0, 0, 0], [0, 0, 0], [0, 0, 0]])


def test_gathering_for_training_has_the_slopes_of_gathering(float64: None) -> None:
    """Of places in some windows, in several and in none."""
    random, where = np.random.default_rng(0), np.array([[0, 1, 2], [2, 2, 5]])
    signal, factors = (
        jnp.asarray(random.normal(size=(2, 7, 4))),
        jnp.asarray(random.normal(size=(2, 2, 3, 4))),
    )
    one, other = (
        jax.grad(lambda own, ops=ops: jnp.sum(ops.gather(own, where) * factors))(signal)
        for ops in (JAX, TRAINED)
    )
    np.testing.assert_allclose(one, other, rtol=1e-14)
    np.testing.assert_array_equal(TRAINED.gather(signal, where), np.asarray(signal)[:, where])


def test_windows_by_hand() -> None:
    """In an image of 5 × 6, kernels of 3: windows of 4 × 4 begin at columns 0 and 2 of row 0."""
    found = places((5, 6), 3)
    assert found.shape == (16, 2)
    assert found[:, 0].tolist() == [0, 1, 2, 3, 6, 7, 8, 9, 12, 13, 14, 15, 18, 19, 20, 21]
    assert (found[:, 1] - found[:, 0]).tolist() == [2] * 16


def test_sizes_by_hand() -> None:
    """28 → 24 → 12 → 8 → 4 and kernels of 5; 8 → 6 → 3 and kernels of 3."""
    design = Conv((16, 32, 128)).fitting((28, 28))
    assert design.maps == [(28, 28), (12, 12), (4, 4)]
    size = design.size(784, 10)
    assert size.parameters == 16 * 26 + 32 * (16 * 25 + 1) + 128 * (32 * 16 + 1) + 10 * 129
    first, second = 2 * 64 * 36 * 144 * 2, 2 * 128 * 36 * 16 * 16 * 3
    assert size.flops == first + second + 6 * (128 * 512 + 10 * 128)
    assert size.signals[-1] == 10
    assert Conv((4, 8)).fitting((8, 8)).size(64, 10).parameters == 4 * 10 + 8 * (4 * 9 + 1) + 10 * 9


def test_kernels_start_as_wide_as_suits_the_activation() -> None:
    network = Conv((400, 500, 300)).fitting((20, 20)).initialise((0,), 400, 10, np.float64)
    for layer, inputs in zip(network, (25, 400 * 25, 500 * 4), strict=False):
        assert layer.weight.shape[1] == inputs
        assert np.var(layer.weight) == pytest.approx(2 / inputs, rel=0.05)
        assert not layer.bias.any()


def test_a_row_alone_is_answered_as_in_a_batch() -> None:
    design, network, inputs = case((28, 28), (3, 4, 5), rows=40)
    parts = design.parts(network)
    together = outputs(design, parts, inputs.T, 3, "classification")
    alone = [outputs(design, parts, row[None], 3, "classification")[0] for row in inputs.T]
    np.testing.assert_allclose(together, alone, rtol=1e-12, atol=1e-13)


def images(rows: int = 40) -> TrainingData:
    """Images of 10 × 8 with a bright spot that is in the left half or in the right."""
    random = np.random.default_rng(2)
    pixels, classes = random.normal(size=(2 * rows, 10, 8)), random.integers(0, 2, 2 * rows)
    pixels[np.arange(2 * rows), random.integers(2, 8, 2 * rows), 2 + 3 * classes] += 3
    flat = pixels.reshape(2 * rows, -1)
    parts = Part(flat[:rows], classes[:rows]), Part(flat[rows:], classes[rows:])
    return TrainingData("classification", 2, *parts, image_shape=(10, 8))


@pytest.mark.slow
@pytest.mark.usefixtures("as_shipped", "for_long")
def test_a_member_alone_is_the_member_in_company() -> None:
    subject = member("adam", 0.01, architecture="conv", hidden=(3, 4), dropout=0.2, epochs=40, restart=1)
    others = [replace(subject, learning_rate=0.03, dropout=0.5), replace(subject, restart=0, l2=1e-3)]
    company = [member("sgd", 0.1, architecture="conv", hidden=(3, 4)), *others, subject]
    alone, own = watched([subject], images(), precision="float64")
    together, all_of_them = watched(company, images(), precision="float64")
    assert difference(own[-1][0], all_of_them[-1][-1]) < 1e-9
    assert alone.outcomes[0].validation[-1]["log_loss"] == pytest.approx(
        together.outcomes[-1].validation[-1]["log_loss"], rel=1e-9
    )


@pytest.mark.parametrize("shape", [(7, 8), (5, 40), (9, 9)])
def test_images_that_are_too_small_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=f"Images of {shape[0]}×{shape[1]} pixels are too small for 2 conv"):
        Conv((4, 4, 8)).fitting(shape)


def test_tables_and_networks_without_convolutions_are_refused() -> None:
    with pytest.raises(InputError, match="conv is for images"):
        Conv((4, 8)).fitting(None)
    with pytest.raises(InputError, match="at least one convolution"):
        Conv((4,))


@pytest.mark.parametrize(
    ("shape", "room"), [((8, 8), 1), ((28, 28), 2), ((3, 28), 0), ((4, 4), 1), ((64, 64), 3), ((13, 13), 2)]
)
def test_as_many_convolutions_as_there_is_room_for(shape: tuple[int, int], room: int) -> None:
    """28 → 12 → 4; 64 → 30 → 13 → 4; with kernels of 3 below 16: 8 → 3, 13 → 5 → 1."""
    assert convolutions(shape) == room
    if room:
        Conv((4,) * (room + 1)).fitting(shape)
    with pytest.raises(InputError, match="too small"):
        Conv((4,) * (room + 2)).fitting(shape)


def test_a_model_is_written_read_and_exported(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
    dataset = couloir.load("digits")
    preparation = Preparation.fit(dataset, np.arange(len(dataset)))
    own = Conv((6, 10), "silu").fitting((8, 8))
    model = from_network(own.initialise((5,), 64, 10, np.float32), own, preparation)
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    np.testing.assert_array_equal(again.answers(dataset.features), model.answers(dataset.features))
    assert again.all_networks()[0].design == own
    prepared = preparation.inputs(dataset.features, np.float64)
    np.testing.assert_allclose(model.predict_prepared(prepared), model.answers(dataset.features), rtol=1e-12)
    export(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    found = session.run(["probabilities"], onnx_inputs(preparation, dataset.features))[0]
    np.testing.assert_allclose(found, model.answers(dataset.features), rtol=1e-9, atol=1e-12)


def test_a_run_with_convolutions_is_trained_saved_and_shown(tmp_path: Path) -> None:
    run = couloir.train(
        "digits",
        architecture="conv",
        hidden=(4, 8),
        optimizer="adam",
        learning_rate=0.03,
        epochs=3,
        out=tmp_path,
    )
    assert run.test["accuracy"] > 0.5
    assert run.record.winner.n_parameters == 4 * 10 + 8 * (4 * 9 + 1) + 10 * 9
    again = couloir.open_run(run.folder)
    data = couloir.load("digits").features[:20]
    np.testing.assert_array_equal(again.predict(data), run.predict(data))
    assert "conv" in (run.folder / "report.html").read_text("utf-8")
