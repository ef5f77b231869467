"""How fast the loss on a plane is measured: this engine, NumPy, and the usual loop over a data loader.

    python benchmarks/surface.py [--quick] [--without torch]

One plane of two random directions through a 784-15-10 network, 10,000 images of MNIST, a grid of 51 × 51
points. All three measure the same mean cross-entropy, and the numbers have to agree before a ratio is
printed. They are:

- couloir: `couloir.landscapes.slices.loss_slice` over the whole grid, accuracies included;
- NumPy: for each point the weights of the network there, then one forward pass over all images at once, in
  float32, as a careful person writes it;
- the usual loop: for each point the weights are set in a PyTorch module, and a `DataLoader` brings batches of
  128, whose losses are added up.

The rivals are timed on some points of the grid, and their time per point is the best of several rounds, as
is this engine's over the whole grid: other work on the machine only ever adds time. Rounds are taken in
turns. The first round of every line is a warm-up, compiling included, and is told apart.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _shared import machine, mnist_rows, table, write_json

from couloir.engine.architectures.mlp import MLP, Network, initialise
from couloir.landscapes.measuring import Measure
from couloir.landscapes.planes import Plane, random_plane
from couloir.landscapes.slices import loss_slice

WIDTHS, BATCH = (784, 15, 10), 128
BARS = {"NumPy": 5.0, "PyTorch data loader": 30.0}
PEERS = ("torch",)
TOLERANCE = 1e-5
"""How far, relatively, two measurements of one loss in float32 may be apart."""


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    rows: int = 10_000
    resolution: int = 51
    numpy_points: int = 51
    loader_points: int = 5
    rounds: int = 5


QUICK = Scale(rows=1_000, resolution=11, numpy_points=8, loader_points=2, rounds=2)

Losses = Callable[[Sequence[tuple[float, float]]], np.ndarray]
"""The losses at some points of the plane."""


def numpy_losses(plane: Plane, inputs: np.ndarray, labels: np.ndarray) -> Losses:
    """One forward pass over all images for each point."""
    rows = np.arange(len(labels))

    def at(point: tuple[float, float]) -> float:
        (first, bias), (second, last) = (
            tuple(leaf.astype(np.float32) for leaf in layer) for layer in plane.at(*point)
        )
        hidden = np.maximum(inputs @ first.T + bias, 0)
        outputs = hidden @ second.T + last
        outputs -= outputs.max(axis=1, keepdims=True)
        return float(np.mean(np.log(np.exp(outputs).sum(axis=1)) - outputs[rows, labels]))

    return lambda points: np.array([at(point) for point in points])


def loader_losses(plane: Plane, inputs: np.ndarray, labels: np.ndarray) -> Losses:
    """The usual loop: weights set in a module, batches of 128 through a data loader."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    network = torch.nn.Sequential(
        torch.nn.Linear(WIDTHS[0], WIDTHS[1]), torch.nn.ReLU(), torch.nn.Linear(WIDTHS[1], WIDTHS[2])
    )
    loader = DataLoader(
        TensorDataset(torch.from_numpy(inputs), torch.from_numpy(labels)), batch_size=BATCH, shuffle=False
    )
    loss = torch.nn.CrossEntropyLoss(reduction="sum")

    @torch.no_grad()
    def at(point: tuple[float, float]) -> float:
        leaves = (leaf for layer in plane.at(*point) for leaf in layer)
        for parameter, leaf in zip(network.parameters(), leaves, strict=True):
            parameter.copy_(torch.from_numpy(leaf))
        total = sum(loss(network(batch), target).item() for batch, target in loader)
        return total / len(labels)

    return lambda points: np.array([at(point) for point in points])


@dataclass
class Line:
    """One way of measuring, and the seconds of its rounds, the warm-up first."""

    who: str
    points: Sequence[tuple[float, float]]
    losses: Losses
    seconds: list[float]
    found: np.ndarray | None = None

    def measure(self) -> None:
        """One more round."""
        began = time.perf_counter()
        self.found = self.losses(self.points)
        self.seconds.append(time.perf_counter() - began)

    @property
    def per_point(self) -> float:
        """Seconds for a point in the best round."""
        return min(self.seconds[1:]) / len(self.points)


def lines(scale: Scale, without: Sequence[str]) -> tuple[list[Line], str]:
    """Every way of measuring that is wanted and installed, ready to run, and where the images come from."""
    inputs, labels, source = mnist_rows(scale.rows)
    network: Network = initialise([0], WIDTHS, "relu", np.float32)
    plane = random_plane(network)
    measure = Measure(inputs, labels, MLP(), "cross_entropy")
    side = np.linspace(-1, 1, scale.resolution)
    grid = [(float(x), float(y)) for y in side for x in side]

    def engine(points: Sequence[tuple[float, float]]) -> np.ndarray:
        return loss_slice(plane, measure, resolution=scale.resolution).loss.ravel()

    spread = [grid[n] for n in np.linspace(0, len(grid) - 1, scale.numpy_points).astype(int)]
    few = spread[:: max(1, len(spread) // scale.loader_points)][: scale.loader_points]
    made = [Line("couloir", grid, engine, []), Line("NumPy", spread, numpy_losses(plane, inputs, labels), [])]
    if "torch" not in without and importlib.util.find_spec("torch") is not None:
        made.append(Line("PyTorch data loader", few, loader_losses(plane, inputs, labels), []))
    return made, source


def largest_difference(measured: Sequence[Line]) -> float:
    """The largest relative difference between this engine and the others, at points that both measured.

    Raises:
        RuntimeError: it is larger than rounding can make it, so that the lines measure different things.
    """
    first, *others = measured
    assert first.found is not None, "measured before"
    known = dict(zip(first.points, first.found, strict=True))
    worst = 0.0
    for line in others:
        assert line.found is not None, "measured before"
        own = np.array([known[point] for point in line.points])
        worst = max(worst, float(np.max(np.abs(line.found / own - 1))))
    if worst > TOLERANCE:
        raise RuntimeError(f"The losses differ by {worst:.1e}: the lines do not measure the same.")
    return worst


def measure(scale: Scale, without: Sequence[str]) -> dict[str, Any]:
    """All rounds, in turns: what the JSON holds."""
    about = machine()
    measured, source = lines(scale, without)
    for _ in range(scale.rounds + 1):
        for line in measured:
            line.measure()
    return {
        "machine": about,
        "data": {"source": source, "rows": scale.rows},
        "network": "-".join(map(str, WIDTHS)),
        "resolution": scale.resolution,
        "largest_difference": largest_difference(measured),
        "lines": [_line_record(line, measured[0]) for line in measured],
    }


def _line_record(line: Line, first: Line) -> dict[str, Any]:
    ratio, bar = line.per_point / first.per_point, BARS.get(line.who)
    return {
        "who": line.who,
        "points": len(line.points),
        "seconds": line.seconds,
        "milliseconds_per_point": 1e3 * line.per_point,
        "ratio": ratio,
        "bar": bar,
        "passed": None if bar is None else ratio >= bar,
    }


def report(results: dict[str, Any]) -> str:
    """The table, from what the JSON holds."""
    about, data = results["machine"], results["data"]
    rows = [
        [
            line["who"],
            f"{line['points']:,}",
            f"{line['seconds'][0]:.2f}",
            f"{line['milliseconds_per_point']:.3f}",
            "–" if line["bar"] is None else f"{line['ratio']:.1f}",
            "–" if line["bar"] is None else f"≥ {line['bar']:g}",
            "–" if line["bar"] is None else "yes" if line["passed"] else "NO",
        ]
        for line in results["lines"]
    ]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    load = "unknown" if about["load_at_start"] is None else f"{about['load_at_start']:.1f}"
    heading = ["who", "points", "first round, s", "ms a point", "couloir is × faster", "wanted", "passed"]
    return "\n".join(
        [
            f"{about['processor']}, {about['cores']} cores, load at the start {load}; {versions}",
            f"{results['network']} over {data['rows']:,} rows of {data['source']}, "
            f"{results['resolution']} × {results['resolution']} points",
            "",
            table(heading, rows),
            "",
            f"Where two of them measured the same point, they agree to {results['largest_difference']:.0e}.",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rows and points: some seconds")
    parser.add_argument("--without", default="", help="peers to leave out: torch")
    parser.add_argument("--out", type=Path, default=Path("surface.json"), help="where the JSON goes")
    options = parser.parse_args(arguments)
    without = [name for name in options.without.split(",") if name]
    unknown = [name for name in without if name not in PEERS]
    if unknown:
        parser.error(f"there is no peer '{unknown[0]}' to leave out: the choices are {', '.join(PEERS)}")
    results = measure(QUICK if options.quick else Scale(), without)
    print(report(results))
    write_json(options.out, results)
    print(f"\nWritten to {options.out}.")


if __name__ == "__main__":
    main()
