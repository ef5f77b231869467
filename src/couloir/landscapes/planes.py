"""Planes through the space of a network's parameters, on which its loss is looked at.

A plane is a centre and two directions, each shaped as a network: the point (x, y) is the network
``centre + x·first + y·second``. All of it is kept in float64 on the host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from couloir.engine import seeds
from couloir.engine.architectures.architecture import Network
from couloir.engine.architectures.layers import Layer
from couloir.errors import InputError

COLLINEAR = 1e-6
"""Sine of the angle under which three networks count as lying on one line."""


@dataclass(frozen=True)
class Plane:
    """Two coordinates among all the parameters of a network.

    Attributes:
        kind: "random", "paths", "solutions", "line" or "curvature".
        centre: the network at (0, 0).
        first, second: what one unit of x and of y adds; a line has zeros for its second.
        titles: what the two axes are.
        marks: named points, as (x, y).
        explained: for principal directions, the share of the squared distances from the centre that lies
            along each of the two.
    """

    kind: str
    centre: Network
    first: Network
    second: Network
    titles: tuple[str, str]
    marks: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    explained: tuple[float, float] | None = None

    def at(self, x: float, y: float) -> Network:
        """The network at a point."""
        return jax.tree.map(lambda c, u, v: c + x * u + y * v, self.centre, self.first, self.second)

    def coordinates(self, networks: Sequence[Network]) -> np.ndarray:
        """Where networks fall on the plane, [network, 2]: the nearest point to each, by least squares."""
        directions = np.column_stack([flattened(self.first), flattened(self.second)])
        away = np.stack([flattened(network) for network in networks]) - flattened(self.centre)
        return np.linalg.lstsq(directions, away.T, rcond=None)[0].T

    def shown(self, networks: Sequence[Network]) -> float:
        """The share of the networks' squared distances from the centre that the plane shows, 0 … 1.

        1 for networks that lie in the plane, also where all of them are its centre.
        """
        away = np.stack([flattened(network) for network in networks]) - flattened(self.centre)
        seen = self.coordinates(networks) @ np.stack([flattened(self.first), flattened(self.second)])
        whole = float(np.sum(away**2))
        return 1.0 if whole == 0 else 1 - float(np.sum((away - seen) ** 2)) / whole


def flattened(network: Network) -> np.ndarray:
    """All parameters in a row, [parameter] float64: layer by layer, weights row by row, then biases."""
    return np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(network)])


def shaped(vector: np.ndarray, like: Network) -> Network:
    """The inverse of `flattened`: a row of parameters in the shapes of a network."""
    leaves, structure = jax.tree.flatten(like)
    parts = np.split(vector, np.cumsum([leaf.size for leaf in leaves])[:-1])
    own = [part.reshape(leaf.shape) for part, leaf in zip(parts, leaves, strict=True)]
    return jax.tree.unflatten(structure, own)


def random_plane(centre: Network, seed: int = 0) -> Plane:
    """Two random directions, normalised neuron by neuron (Li et al. 2018).

    Each direction is drawn from the standard normal distribution; then the row of every neuron, its bias
    included as one more weight (on an input that is always 1), is scaled to the length of the trained
    row. One unit thus changes every neuron by as much as it is long, however the network's scale is
    divided among its layers. (Li et al. normalise convolution filters and leave biases as they are.) Of
    arrays that make no such layer each row is a neuron's, one without rows is scaled as a whole, and a single
    number stays as it is.

    Args:
        centre: the trained network.
        seed: of the two draws.
    """
    generator = seeds.generator(seeds.DIRECTIONS, seed)
    first, second = (_normalised(centre, generator) for _ in range(2))
    titles = ("first random direction", "second random direction")
    return Plane("random", _doubled(centre), first, second, titles, {"trained": (0.0, 0.0)})


def _normalised(centre: Network, generator: np.random.Generator) -> Network:
    """One random direction whose neurons are as long as those of the network."""

    def drawn(trained: np.ndarray) -> np.ndarray:
        found = generator.standard_normal(trained.shape)
        lengths = (np.linalg.norm(each, axis=-1, keepdims=True) for each in (trained, found))
        return found * np.divide(*lengths)

    def of_layer(part: Any) -> Any:
        if not isinstance(part, Layer):
            return drawn(part) if part.ndim else np.zeros(())
        rows = drawn(np.concatenate([part.weight, part.bias[..., None]], axis=-1))
        return Layer(rows[..., :-1], rows[..., -1])

    return jax.tree.map(of_layer, _doubled(centre), is_leaf=lambda part: isinstance(part, Layer))


def principal_plane(networks: Sequence[Network], centre: Network | None = None) -> Plane:
    """The plane on which the visited networks spread most: their first two principal components.

    The components are those of the differences from the centre, by singular value decomposition; both
    directions have length 1, so that coordinates are distances. With a centre of one's own (the trained
    network) the plane goes through it, and the shares explained are of squared distances from it; with
    the mean, they are the customary shares of variance. Signs: the first network has no negative
    coordinate.

    Args:
        networks: points of one path or of several.
        centre: what the plane goes through; None: the networks' mean.

    Raises:
        InputError: the networks span no plane.
    """
    points = np.stack([flattened(network) for network in networks])
    middle = points.mean(axis=0) if centre is None else flattened(centre)
    _, sizes, directions = np.linalg.svd(points - middle, full_matrices=False)
    if len(sizes) < 2 or not np.isfinite(sizes).all() or sizes[1] <= COLLINEAR**2 * sizes[0]:
        raise InputError(
            "The paths lie on one line, so there is no plane to show them on: train longer, or add a rule."
        )
    signs = np.where(directions[:2] @ (points[0] - middle) < 0, -1.0, 1.0)
    first, second = (shaped(sign * row, networks[0]) for sign, row in zip(signs, directions[:2], strict=True))
    shares = sizes[:2] ** 2 / np.sum(sizes**2)
    titles = ("first principal direction", "second principal direction")
    marks = {} if centre is None else {"trained": (0.0, 0.0)}
    explained = (float(shares[0]), float(shares[1]))
    return Plane("paths", shaped(middle, networks[0]), first, second, titles, marks, explained)


def solutions_plane(solutions: Mapping[str, Network]) -> Plane:
    """The plane through three networks, by name: two solutions and their start, say.

    The first is the centre. x points from it to the second; y is at right angles to x, towards the third
    (the basis of Garipov et al. 2018). Coordinates are distances.

    Raises:
        InputError: there are not three, or they lie on one line.
    """
    if len(solutions) != 3:
        raise InputError(f"A plane goes through three networks, not {len(solutions)}: name three.")
    names, (centre, one, other) = list(solutions), solutions.values()
    to_one, to_other = flattened(one) - flattened(centre), flattened(other) - flattened(centre)
    length = float(np.linalg.norm(to_one))
    along = to_one / length if length else to_one
    across = to_other - (to_other @ along) * along
    height = float(np.linalg.norm(across))
    if length == 0 or height <= COLLINEAR * np.linalg.norm(to_other):
        raise InputError(
            f"The networks {', '.join(names)} lie on one line, so no plane is given by them: "
            "choose --plane line, or other rules."
        )
    points = ((0.0, 0.0), (length, 0.0), (float(to_other @ along), height))
    titles = (f"distance towards {names[1]}", f"distance towards {names[2]}")
    first, second = shaped(along, centre), shaped(across / height, centre)
    return Plane("solutions", _doubled(centre), first, second, titles, dict(zip(names, points, strict=True)))


def line(solutions: Mapping[str, Network]) -> Plane:
    """The straight line between two networks, by name: the first at x = 0, the second at x = 1.

    Raises:
        InputError: there are not two, or they are the same.
    """
    if len(solutions) != 2:
        raise InputError(f"A line goes through two networks, not {len(solutions)}: name two.")
    names, (start, end) = list(solutions), solutions.values()
    along = flattened(end) - flattened(start)
    if not along.any():
        raise InputError(f"The networks {names[0]} and {names[1]} are the same: choose two that differ.")
    nothing = shaped(np.zeros_like(along), start)
    marks = {names[0]: (0.0, 0.0), names[1]: (1.0, 0.0)}
    titles = (f"from {names[0]} (0) to {names[1]} (1)", "")
    return Plane("line", _doubled(start), shaped(along, start), nothing, titles, marks)


def eigenvector_plane(centre: Network, vectors: np.ndarray) -> Plane:
    """The plane along two directions [2, parameter], as those of sharpest curvature; lengths as given."""
    first, second = (shaped(vector, centre) for vector in vectors)
    titles = ("along the sharpest direction", "along the second sharpest")
    return Plane("curvature", _doubled(centre), first, second, titles, {"trained": (0.0, 0.0)})


def _doubled(network: Network) -> Network:
    """The same network in float64."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), network)
