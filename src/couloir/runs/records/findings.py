"""The records of the runs that leave no model: surface races, landscapes, gradient checks, guesses."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import field

from couloir.runs.records.common import DataRecord, Part, Record
from couloir.runs.records.learned import Winner

Point = tuple[float, float]


class Surface(Part):
    """The function that was raced down: where it is looked at, its minima as far as known, its least loss."""

    name: str
    title: str
    equation: str
    domain: tuple[Point, Point]
    minima: list[Point]
    least: float | None
    source: str


class SurfaceStanding(Part):
    """How a rule fared on a surface; steps are None where that did not happen."""

    rule: str
    learning_rate: float
    tuned: bool
    at_edge: bool
    ending: str
    loss: float | None
    gradient: float | None
    curvatures: list[float | None]
    sentence: str
    arrived: int | None = None
    minimum: Point | None = None
    escaped: int | None = None
    diverged: int | None = None


class SurfaceRecord(Record, kw_only=True, tag="surface"):
    """What run.json holds of a surface race.

    Attributes:
        code: the lines of Python that give the same race and its first figure.
        asked: the options of `couloir.race_surface`, rules by their names.
        verdict: what can be said, in a sentence.
        standing: the rules, best first.
    """

    code: str
    asked: dict[str, Any]
    surface: Surface
    start: Point
    steps: int
    noise: float
    verdict: str
    standing: list[SurfaceStanding]
    notes: list[str] = field(default_factory=list)

    @property
    def about(self) -> str:
        """The name of the surface."""
        return self.surface.name


class Plane(Part):
    """Where a loss is looked at: what its axes are, the networks marked on it.

    `explained` are the shares of the paths' spread along the axes, for a plane of principal components.
    """

    kind: Literal["random", "paths", "solutions", "line"]
    titles: list[str]
    marks: dict[str, Point]
    explained: list[float] | None = None


class Grid(Part):
    """The ends of the grid, its points along an axis and in all."""

    x: Point
    y: Point
    resolution: int
    points: int


class Centre(Part):
    """The loss at the trained network and, for classes, the share of rows that are recognised."""

    loss: float | None
    accuracy: float | None = None


class Lowest(Part):
    """The lowest loss on the grid, and where."""

    loss: float | None
    x: float
    y: float


class Path(Part):
    """Where a rule went; `shown` is the share of its way that lies in the plane."""

    rule: str
    learning_rate: float
    epochs: int
    diverged: bool
    shown: float
    momentum: float | None = None


class Curvature(Part):
    """The Hessian's ends at the trained network.

    Attributes:
        eigenvalues, residuals: the largest, and how far each is off.
        lowest, lowest_residual: the other end.
        products: of the Hessian with a vector that were needed.
        settled: whether the iteration had come to rest.
        gradient: its norm.
        critical_rate: above it, plain gradient descent over all rows cannot settle here.
    """

    eigenvalues: list[float]
    residuals: list[float]
    lowest: float
    lowest_residual: float
    products: int
    settled: bool
    gradient: float
    parameters: int
    critical_rate: float | None = None


class LandscapeRecord(DataRecord, kw_only=True, tag="landscape"):
    """What run.json holds of a landscape.

    Attributes:
        run: the folder of the run whose network is looked at.
        metric, data, winner, seed: of that run.
        plane_seed: of the random directions.
        rows, part, rows_known: how many rows the loss is the mean over, which, and how many there were.
    """

    run: str | None
    metric: str
    winner: Winner
    plane_seed: int
    plane: Plane
    grid: Grid
    rows: int
    part: str
    rows_known: int
    loss: str
    precision: str
    centre: Centre
    lowest: Lowest
    paths: list[Path] = field(default_factory=list)
    curvature: Curvature | None = None


class Network(Part):
    """The network that is looked at: units of every layer, and what is computed."""

    widths: list[int]
    parameters: int
    activation: str
    loss: str


class LayerAgreement(Part):
    """A layer's largest relative errors of numerical against computed gradients."""

    layer: int
    shape: tuple[int, int]
    checked: int
    forward: float
    central: float
    gradient: float


class Agreement(Part):
    """How far numerical gradients and backpropagation agree."""

    checked: int
    apart: int
    kinks: int
    largest_forward: float
    largest_central: float
    layers: list[LayerAgreement]


class Slopes(Part):
    """Of a difference's error over the nudge, on logarithmic axes; None where that cannot be measured."""

    truncation: float | None
    rounding: float | None


class DifferenceError(Part):
    """The best nudge with its error, and the slopes on either side."""

    best: Point
    slopes: Slopes


class GradientCost(Part):
    """What gradients of a network cost, numerical and by backpropagation."""

    widths: list[int]
    parameters: int
    evaluations: int
    loss_seconds: float
    backprop_seconds: float
    numerical_seconds: float
    backward_ratio: float


class GradcheckRecord(DataRecord, kw_only=True, tag="gradcheck"):
    """What run.json holds of a gradient check; `errors` are by kind of difference, forward and central."""

    network: Network
    rows: int
    agreement: Agreement
    errors: dict[str, DifferenceError]
    costs: list[GradientCost]


class Guess(Part):
    """A guess: its number, its loss, and what its weights were scaled by."""

    number: int
    loss: float
    scale: float


class Descent(Part):
    """Gradient descent, counted in evaluations of the loss; a gradient counts `gradient_cost` of them."""

    rates: list[float]
    steps: int
    evaluations: int
    loss: float
    learning_rate: float
    gradient_cost: int
    reached: int | None = None


class GuessRecord(DataRecord, kw_only=True, tag="guess"):
    """What run.json holds of a random search against gradient descent."""

    network: Network
    guesses: int
    best: Guess
    best_by_scale: dict[str, float]
    median: float
    constant: float | None
    guesses_per_second: float
    descent: Descent
    grid: str
