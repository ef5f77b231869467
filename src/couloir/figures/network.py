"""A small network drawn: layers as columns of neurons, weights as lines between them.

Lines are drawn in few groups, each one trace, so that a whole network can be restyled at once: `edges` gives
the coordinates of any set of weights, with gaps between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from couloir.figures.chart import Figure, new_figure, title_on_top
from couloir.figures.traces import add_note, add_trace, line, mark

Edge = tuple[int, int, int]
"""A weight: its layer from 0, the unit it comes from, the neuron it leads to."""


@dataclass(frozen=True)
class Layout:
    """Where the neurons of a network stand: layer k at x = k, its units around y = 0.

    Attributes:
        widths: units of every layer, from the inputs to the outputs.
    """

    widths: tuple[int, ...]

    def place(self, layer: int, unit: int) -> tuple[float, float]:
        """Where a neuron stands; unit 0 is on top."""
        return float(layer), (self.widths[layer] - 1) / 2 - unit

    def edges(self, chosen: Iterable[Edge] | None = None) -> tuple[list[float | None], list[float | None]]:
        """x and y of the lines of some weights, with gaps between; None: of all."""
        x: list[float | None] = []
        y: list[float | None] = []
        for layer, source, target in self.all_edges() if chosen is None else chosen:
            first, last = self.place(layer, source), self.place(layer + 1, target)
            x += [first[0], last[0], None]
            y += [first[1], last[1], None]
        return x, y

    def all_edges(self) -> list[Edge]:
        """Every weight, layer by layer."""
        return [
            (layer, source, target)
            for layer in range(len(self.widths) - 1)
            for source in range(self.widths[layer])
            for target in range(self.widths[layer + 1])
        ]


def network_figure(title: str, widths: Sequence[int]) -> Figure:
    """An empty figure that fits a network, with a name under each layer and no axes.

    Args:
        title: of the figure.
        widths: units of every layer, from the inputs to the outputs.
    """
    figure = new_figure(title, "", "", height=170 + 62 * max(widths))
    half = (max(widths) - 1) / 2
    figure.update_layout(
        xaxis={"visible": False, "range": [-0.4, len(widths) - 0.6], "fixedrange": True},
        yaxis={"visible": False, "range": [-half - 1.25, half + 0.6], "fixedrange": True},
        hovermode="closest",
        **title_on_top(3),
    )
    for layer, name in enumerate(layer_names(len(widths))):
        add_note(figure, layer, -half - 0.95, name)
    return figure


def layer_names(layers: int) -> list[str]:
    """What the layers are called, in two lines where a phone is too narrow for one."""
    hidden = [f"hidden<br>{number}" for number in range(1, layers - 1)]
    return ["inputs", *(["hidden"] if len(hidden) == 1 else hidden), "outputs"]


def add_edges(
    figure: Figure,
    layout: Layout,
    name: str,
    chosen: Iterable[Edge] | None = None,
    role: str = "grid",
    width: float = 1.2,
    **settings: Any,
) -> None:
    """The lines of some weights as one trace, in the colour of a role; None: of all."""
    add_trace(figure, *layout.edges(chosen), name, line(role, width), **settings)


def add_neurons(
    figure: Figure,
    places: Sequence[tuple[float, float]],
    role: str,
    name: str,
    hover: Sequence[str],
    filled: bool = True,
) -> None:
    """Neurons as one trace: discs in the colour of a role, or rings around paper."""
    x, y = [x for x, _ in places], [y for _, y in places]
    discs = mark(role if filled else "paper", 24, edge=(2.5, role))
    add_trace(figure, x, y, name, marker=discs, hover="%{text}", text=list(hover))
