"""Eigenvalues by Lanczos and derivatives over all rows, against NumPy's and finite differences."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from couloir.engine.architectures.mlp import MLP, Layer, Network
from couloir.errors import InputError
from couloir.landscapes.curvature import Derivatives, curvature, lanczos
from couloir.landscapes.measuring import Measure
from couloir.landscapes.planes import flattened, shaped
from couloir.landscapes.slices import heights_of

ROWS = 300  # more than a block holds


def with_eigenvalues(values: np.ndarray, seed: int = 0) -> np.ndarray:
    size = len(values)
    axes = np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))[0]
    return (axes * values) @ axes.T


def measure_of(loss: str = "cross_entropy", outputs: int = 3, scale: float = 1.0) -> Measure:
    generator = np.random.default_rng(1)
    inputs = generator.standard_normal((ROWS, 4)) * (1, 2, 0.5, 3)
    values = generator.standard_normal((ROWS, outputs))
    targets = generator.integers(0, outputs, ROWS) if loss == "cross_entropy" else values
    return Measure(inputs, targets, MLP(activation="tanh"), loss, scale, precision="float64")


def small_network(*widths: int) -> Network:
    generator = np.random.default_rng(2)
    return tuple(
        Layer(0.7 * generator.standard_normal((after, before)), 0.1 * generator.standard_normal(after))
        for before, after in pairwise(widths)
    )


@pytest.mark.parametrize("spectrum", ["spread", "crowded", "indefinite"])
def test_the_largest_eigenvalues_of_a_known_matrix(spectrum: str) -> None:
    size = 120
    values = {
        "spread": np.logspace(-4, 3, size),
        "crowded": np.concatenate([np.linspace(0.99, 1, size - 5), [1.5, 1.51, 2, 5, 5.01]]),
        "indefinite": np.linspace(-7, 5, size) ** 3,
    }[spectrum]
    matrix = with_eigenvalues(values)
    found = lanczos(lambda vector: matrix @ vector, size, 5, tolerance=1e-8, most=size)
    ordered = np.sort(values)[::-1]
    assert found.settled
    assert found.values == pytest.approx(ordered[:5], rel=1e-6)
    assert found.lowest[0] == pytest.approx(ordered[-1], abs=1e-6 * np.max(np.abs(values)))
    images = found.vectors @ matrix
    true = np.linalg.norm(images - found.values[:, None] * found.vectors, axis=1)
    assert np.all(true <= found.residuals + 1e-10 * np.max(np.abs(values)))
    assert found.vectors @ found.vectors.T == pytest.approx(np.eye(5), abs=1e-10)


def test_orthogonality_holds_where_plain_lanczos_loses_it() -> None:
    # One eigenvalue far away settles at once; without reorthogonalising, copies of it would be found.
    values = np.concatenate([[1e6], np.linspace(0, 1, 199)])
    matrix = with_eigenvalues(values)
    found = lanczos(lambda vector: matrix @ vector, 200, 3, tolerance=1e-14, most=80)
    assert found.values[0] == pytest.approx(1e6, rel=1e-12)
    assert np.all(found.values[1:] < 1 + 1e-6)


def test_repeated_eigenvalues_are_all_found_once_a_subspace_is_used_up() -> None:
    values = np.array([5.0, 5.0, 5.0, 2.0, 1.0, 1.0, -3.0])
    matrix = with_eigenvalues(values)
    found = lanczos(lambda vector: matrix @ vector, 7, 4)
    assert found.values == pytest.approx([5, 5, 5, 2], rel=1e-10)
    assert found.lowest[0] == pytest.approx(-3, rel=1e-10)
    assert lanczos(lambda vector: 4 * vector, 1, 1).values == pytest.approx([4])
    assert lanczos(lambda vector: 0 * vector, 3, 2).values == pytest.approx([0, 0])


def test_an_iteration_that_is_cut_short_says_so_and_its_residuals_bound_its_errors() -> None:
    values = np.linspace(0, 1, 300)
    matrix = with_eigenvalues(values)
    found = lanczos(lambda vector: matrix @ vector, 300, 2, most=12)
    assert (found.products, found.settled) == (12, False)
    nearest = np.min(np.abs(found.values[:, None] - values), axis=1)
    assert np.all(nearest <= found.residuals)
    assert found.values[0] < 1


def test_asking_for_more_eigenvalues_than_there_are_is_a_mistake() -> None:
    with pytest.raises(InputError, match="There are 3 eigenvalues, so 4 of them cannot be found"):
        lanczos(lambda vector: vector, 3, 4)


def test_on_a_quadratic_the_top_eigenvalues_are_the_exact_ones() -> None:
    # A linear model's mean squared error is a quadratic: its Hessian is scale · 2/n · [X 1]ᵀ[X 1].
    measure, network = measure_of("mse", 1, scale=2.5), small_network(4, 1)
    design = np.column_stack([measure.inputs, np.ones(ROWS)])
    exact = np.sort(np.linalg.eigvalsh(2.5 * 2 / ROWS * design.T @ design))[::-1]
    found = curvature(network, measure, count=3)
    assert found.values == pytest.approx(exact[:3], rel=1e-9)
    assert found.lowest[0] == pytest.approx(exact[-1], rel=1e-6)
    residual = measure.targets - measure.inputs @ network[0].weight.T - network[0].bias
    expected = 2.5 * -2 / ROWS * design.T @ residual
    assert Derivatives(network, measure).gradient() == pytest.approx(expected[:, 0], rel=1e-10)


def test_gradient_and_curvature_are_finite_differences_of_the_loss_and_of_the_gradient() -> None:
    measure, network = measure_of(), small_network(4, 5, 3)
    place = flattened(network)
    derivatives = Derivatives(network, measure)
    direction = np.random.default_rng(5).standard_normal(len(place))
    step = 1e-5

    def moved(distance: float) -> Network:
        return shaped(place + distance * direction, network)

    ahead, behind = heights_of([moved(step), moved(-step)], measure).losses
    assert derivatives.gradient() @ direction == pytest.approx((ahead - behind) / (2 * step), rel=1e-8)
    gradients = [Derivatives(moved(sign * step), measure).gradient() for sign in (1, -1)]
    expected = (gradients[0] - gradients[1]) / (2 * step)
    assert derivatives.product(direction) == pytest.approx(expected, rel=1e-6, abs=1e-8)


def test_the_curvature_of_a_network_is_that_of_its_whole_hessian() -> None:
    measure, network = measure_of(), small_network(4, 3, 3)
    derivatives = Derivatives(network, measure)
    size = len(flattened(network))
    hessian = np.stack([derivatives.product(row) for row in np.eye(size)])
    assert hessian == pytest.approx(hessian.T, abs=1e-12)
    exact = np.sort(np.linalg.eigvalsh(hessian))[::-1]
    found = curvature(network, measure, count=4)
    assert found.values == pytest.approx(exact[:4], rel=1e-6)
    assert found.lowest[0] == pytest.approx(exact[-1], abs=1e-6 * exact[0])
