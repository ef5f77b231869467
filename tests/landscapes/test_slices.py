"""Planes through a network's parameters and the loss on them, against NumPy, point by point."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.decomposition import PCA

from couloir.engine.architectures.mlp import MLP, Layer, Network
from couloir.engine.architectures.registry import design
from couloir.engine.epochs import Part, TrainingData
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.engine.training import train_population
from couloir.errors import InputError
from couloir.landscapes.measuring import Measure
from couloir.landscapes.planes import (
    Plane,
    flattened,
    line,
    principal_plane,
    random_plane,
    shaped,
    solutions_plane,
)
from couloir.landscapes.slices import heights, heights_of, loss_slice
from couloir.landscapes.visits import visited
from couloir.model.forward import ACTIVATIONS, outputs
from couloir.model.predictor import Model

ROWS, FEATURES, CLASSES = 300, 6, 4  # more rows than a block holds, and no multiple of it
GENERATOR = np.random.default_rng(3)
INPUTS = GENERATOR.standard_normal((ROWS, FEATURES))
LABELS = GENERATOR.integers(0, CLASSES, ROWS)
VALUES = GENERATOR.standard_normal((ROWS, 1))


def network(*widths: int, seed: int = 0) -> Network:
    generator = np.random.default_rng(seed)
    return tuple(
        Layer(generator.standard_normal((after, before)), generator.standard_normal(after))
        for before, after in pairwise(widths)
    )


def by_numpy(some: Network, measure: Measure) -> tuple[float, float]:
    """The loss and the accuracy of one network, over all rows at once, from the predicting model's code."""
    outputs = Model(some, measure.design.activation, None).outputs(measure.inputs)  # type: ignore[arg-type]
    if not measure.classes:
        residual = measure.targets - outputs
        size = np.abs(residual)
        losses = {
            "mse": residual**2,
            "mae": size,
            "huber": np.where(size <= 1, 0.5 * size**2, size - 0.5),
        }
        return float(losses[measure.loss].mean()) * measure.scale, np.nan
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    logarithms = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    right = np.argmax(outputs, axis=1) == measure.targets
    return float(-logarithms[np.arange(ROWS), measure.targets].mean()), float(right.mean())


def measure_of(activation: str = "tanh", loss: str = "cross_entropy", scale: float = 1.0) -> Measure:
    targets = LABELS if loss == "cross_entropy" else VALUES
    return Measure(
        INPUTS, targets, MLP((3,) * len(activation.split("-")), activation), loss, scale, precision="float64"
    )


POINTS = np.array([(0.0, 0.0), (0.5, -1.25), (-2.0, 0.3)])


# The loss at points of a plane ------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_losses_and_accuracies_are_numpys_for_every_activation(activation: str) -> None:
    plane, measure = random_plane(network(FEATURES, 5, CLASSES)), measure_of(activation)
    found = heights(plane, POINTS, measure)
    for point, loss, accuracy in zip(POINTS, found.losses, found.accuracies, strict=True):
        expected = by_numpy(plane.at(*point), measure)
        assert (loss, accuracy) == pytest.approx(expected, rel=1e-12)


def test_each_hidden_layer_has_its_own_activation() -> None:
    plane, measure = random_plane(network(FEATURES, 5, 4, CLASSES)), measure_of("tanh-elu")
    apart = measure_of("elu-tanh")
    found = heights(plane, POINTS, measure).losses
    expected, other = ([by_numpy(plane.at(*point), each)[0] for point in POINTS] for each in (measure, apart))
    assert found == pytest.approx(expected, rel=1e-12)
    assert found != pytest.approx(other, rel=1e-3)


@pytest.mark.parametrize(
    ("loss", "hidden", "scale"), [("mse", (), 2.5), ("mae", (5, 3), 1.5), ("huber", (5,), 1.0)]
)
def test_losses_of_regression_are_numpys_at_every_depth(
    loss: str, hidden: tuple[int, ...], scale: float
) -> None:
    plane, measure = random_plane(network(FEATURES, *hidden, 1)), measure_of("relu", loss, scale)
    found = heights(plane, POINTS, measure)
    assert found.accuracies is None
    expected = [by_numpy(plane.at(*point), measure)[0] for point in POINTS]
    assert found.losses == pytest.approx(expected, rel=1e-12)


def test_networks_that_share_nothing_are_measured_alike() -> None:
    networks = [network(FEATURES, 5, CLASSES, seed=seed) for seed in range(3)]
    found = heights_of(networks, measure_of())
    expected = np.array([by_numpy(each, measure_of()) for each in networks])
    assert found.losses == pytest.approx(expected[:, 0], rel=1e-12)
    assert found.accuracies == pytest.approx(expected[:, 1], rel=1e-12)


def test_of_equal_outputs_the_first_class_is_the_answer_and_no_number_is_none() -> None:
    silent = shaped(np.zeros(FEATURES * CLASSES + CLASSES), network(FEATURES, CLASSES))
    broken = shaped(np.full(FEATURES * CLASSES + CLASSES, np.nan), silent)
    found = heights_of([silent, broken], measure_of())
    assert found.accuracies == pytest.approx([np.mean(LABELS == 0), 0.0])
    assert found.losses[0] == pytest.approx(np.log(CLASSES))
    assert np.isnan(found.losses[1])


def test_float32_differs_from_float64_by_its_rounding_only() -> None:
    plane = random_plane(network(FEATURES, 5, CLASSES))
    double = heights(plane, POINTS, measure_of())
    single = heights(plane, POINTS, Measure(INPUTS, LABELS, MLP(activation="tanh"), "cross_entropy"))
    assert single.losses == pytest.approx(double.losses, rel=2e-6)
    assert not np.array_equal(single.losses, double.losses)


# Slices -----------------------------------------------------------------------------------------------


def test_a_slice_has_the_loss_of_each_point_in_its_place_and_the_trained_loss_at_its_centre() -> None:
    centre, measure = network(FEATURES, 5, CLASSES), measure_of()
    plane = random_plane(centre, seed=1)
    told: list[tuple[int, int]] = []
    found = loss_slice(plane, measure, (-1, 1), (-0.5, 0.5), 5, lambda *progress: told.append(progress))
    assert found.loss.shape == found.accuracy.shape == (5, 5)
    for row, column in ((0, 4), (3, 1)):
        expected = by_numpy(plane.at(found.x[column], found.y[row]), measure)
        assert (found.loss[row, column], found.accuracy[row, column]) == pytest.approx(expected, rel=1e-12)
    assert found.centre == pytest.approx(by_numpy(centre, measure), rel=1e-13)
    assert found.loss[2, 2] == pytest.approx(found.centre[0], rel=1e-13)
    assert (found.x[2], found.y[2]) == (0.0, 0.0)
    assert told[-1] == (len(told), len(told))


def test_a_line_goes_from_one_network_to_the_other() -> None:
    ends, measure = (
        {"a": network(FEATURES, 5, 1), "b": network(FEATURES, 5, 1, seed=1)},
        measure_of(loss="mse"),
    )
    found = loss_slice(line(ends), measure, (0.0, 1.0), resolution=3)
    assert found.loss.shape == (1, 3)
    middle = shaped((flattened(ends["a"]) + flattened(ends["b"])) / 2, ends["a"])
    expected = [by_numpy(each, measure)[0] for each in (ends["a"], middle, ends["b"])]
    assert found.loss[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("resolution", "x"), [(1, (-1.0, 1.0)), (5, (1.0, 1.0))])
def test_a_grid_that_shows_nothing_is_refused(resolution: int, x: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="shows nothing: give 2 points or more"):
        loss_slice(random_plane(network(FEATURES, CLASSES)), measure_of(), x, resolution=resolution)


# Planes -----------------------------------------------------------------------------------------------


def test_random_directions_are_as_long_as_every_trained_neuron_its_bias_included() -> None:
    centre = network(FEATURES, 5, CLASSES)
    plane = random_plane(centre, seed=4)
    for direction in (plane.first, plane.second):
        for drawn, trained in zip(direction, centre, strict=True):
            lengths = [np.sqrt((each.weight**2).sum(axis=1) + each.bias**2) for each in (drawn, trained)]
            assert lengths[0] == pytest.approx(lengths[1], rel=1e-12)
            assert np.all(drawn.bias != 0)
    again, other = random_plane(centre, seed=4), random_plane(centre, seed=5)
    assert np.array_equal(flattened(again.first), flattened(plane.first))
    assert not np.allclose(flattened(other.first), flattened(plane.first))
    cosine = flattened(plane.first) @ flattened(plane.second)
    assert abs(cosine) < 0.5 * np.sum(flattened(plane.first) ** 2)


def test_coordinates_are_found_again_though_the_directions_are_not_at_right_angles() -> None:
    plane = random_plane(network(FEATURES, 5, CLASSES))
    networks = [plane.at(*point) for point in POINTS]
    assert plane.coordinates(networks) == pytest.approx(POINTS, abs=1e-12)
    assert plane.shown(networks) == pytest.approx(1, abs=1e-12)
    assert plane.shown([plane.centre]) == 1


def in_a_plane(count: int) -> tuple[list[Network], np.ndarray]:
    like = network(FEATURES, 5, CLASSES)
    generator = np.random.default_rng(8)
    directions = generator.standard_normal((2, len(flattened(like))))
    places = np.cumsum(generator.standard_normal((count, 2)), axis=0)
    return [shaped(flattened(like) + place @ directions, like) for place in places], places


def test_a_path_in_a_plane_is_explained_by_its_principal_plane() -> None:
    networks, _ = in_a_plane(20)
    for plane in (principal_plane(networks), principal_plane(networks, centre=networks[-1])):
        assert sum(plane.explained) >= 1 - 1e-10
        assert plane.shown(networks) >= 1 - 1e-10
        directions = np.stack([flattened(plane.first), flattened(plane.second)])
        assert directions @ directions.T == pytest.approx(np.eye(2), abs=1e-12)
        back = np.stack([flattened(plane.at(*place)) for place in plane.coordinates(networks)])
        assert back == pytest.approx(np.stack([flattened(each) for each in networks]), abs=1e-10)


def test_about_the_mean_the_principal_plane_is_that_of_scikit_learn() -> None:
    networks = [network(FEATURES, 5, CLASSES, seed=seed) for seed in range(9)]
    points = np.stack([flattened(each) for each in networks])
    reference = PCA(n_components=2, svd_solver="full").fit(points)
    plane = principal_plane(networks)
    assert plane.explained == pytest.approx(reference.explained_variance_ratio_, rel=1e-10)
    assert np.abs(plane.coordinates(networks)) == pytest.approx(np.abs(reference.transform(points)), rel=1e-8)
    assert np.all(plane.coordinates(networks[:1]) >= 0)


def test_about_the_trained_network_shares_are_of_squared_distances_from_it() -> None:
    like = network(3, 2)
    steps = np.zeros((3, len(flattened(like))))
    steps[0, 0], steps[1, 1], steps[2, 2] = 3.0, 2.0, 1.0
    plane = principal_plane([shaped(flattened(like) + step, like) for step in steps], centre=like)
    assert plane.explained == pytest.approx((9 / 14, 4 / 14))
    assert plane.shown([shaped(flattened(like) + steps[2], like)]) == pytest.approx(0, abs=1e-12)
    assert plane.shown([shaped(flattened(like) + steps[0], like)]) == pytest.approx(1)


def test_three_solutions_lie_where_their_marks_say() -> None:
    found = {name: network(FEATURES, 5, CLASSES, seed=seed) for seed, name in enumerate("abc")}
    plane = solutions_plane(found)
    for name, place in plane.marks.items():
        assert flattened(plane.at(*place)) == pytest.approx(flattened(found[name]), abs=1e-12)
    away = np.linalg.norm(flattened(found["b"]) - flattened(found["a"]))
    assert plane.marks["b"] == pytest.approx((away, 0))


def test_networks_on_one_line_or_at_one_point_give_no_plane() -> None:
    one, other = network(FEATURES, CLASSES), network(FEATURES, CLASSES, seed=1)
    between = shaped((flattened(one) + flattened(other)) / 2, one)
    with pytest.raises(InputError, match="lie on one line"):
        solutions_plane({"a": one, "b": other, "c": between})
    with pytest.raises(InputError, match="lie on one line"):
        principal_plane([one, other, between])
    with pytest.raises(InputError, match="are the same"):
        line({"a": one, "b": one})
    with pytest.raises(InputError, match="three networks, not 2"):
        solutions_plane({"a": one, "b": other})


def test_a_plane_is_what_its_centre_and_directions_say() -> None:
    centre, first, second = (network(2, 3, seed=seed) for seed in range(3))
    plane = Plane("random", centre, first, second, ("", ""))
    expected = flattened(centre) + 2 * flattened(first) - 3 * flattened(second)
    assert flattened(plane.at(2, -3)) == pytest.approx(expected, rel=1e-14)


# Paths ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_path_runs_from_the_start_to_the_weights_that_training_ends_with() -> None:
    rows = INPUTS.astype(np.float32)
    data = TrainingData("classification", CLASSES, Part(rows, LABELS.astype(np.int32)), None)
    members = [
        Member(RULES[name], 0.01, hidden=(5,), batch_size=64, epochs=4) for name in ("adam", "momentum")
    ]
    ways = visited(members, data, 2, seed=7)
    trained = train_population(members, data, seed=7, patience=None, epochs=2)
    for way, outcome in zip(ways, trained.outcomes, strict=True):
        assert (way.epochs, way.diverged) == ([0, 1, 2], False)
        assert flattened(way.networks[-1]) == pytest.approx(flattened(outcome.network), abs=1e-6)
    starts = [flattened(way.networks[0]) for way in ways]
    assert np.array_equal(*starts)
    assert not np.allclose(starts[0], flattened(ways[0].networks[1]))
    with pytest.raises(InputError, match="A path of 0 epochs goes nowhere"):
        visited(members, data, 0)


@pytest.mark.parametrize("name", ["resnet", "tabm", "realmlp"])
def test_other_architectures_are_measured_point_by_point(name: str) -> None:
    """Against the loss that NumPy's pass gives at the same networks; what is no parameter stays."""
    own = design(name, (6, 4), "tanh")
    centre = own.initialise((1,), FEATURES, CLASSES, np.float64)
    plane = random_plane(centre, seed=3)
    found = heights(plane, POINTS, Measure(INPUTS, LABELS, own, "cross_entropy", precision="float64"))
    for point, loss in zip(POINTS, found.losses, strict=True):
        parts = own.parts(plane.at(*point))
        logits = outputs(own, parts, INPUTS, CLASSES, "classification")
        expected = np.mean(logsumexp(logits, axis=1) - logits[np.arange(len(LABELS)), LABELS])
        np.testing.assert_allclose(loss, expected, rtol=1e-9)
