"""One weight tweaked, drawn: the neurons that answer differently, and the ways of the change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from couloir.figures.chart import Chart, Figure
from couloir.figures.network import Layout, add_edges, add_neurons, network_figure
from couloir.text import joined, number

if TYPE_CHECKING:
    from couloir.experiments.tweak import Tweak


def weight_tweak(found: Tweak | None = None) -> Chart:
    """A network with one weight changed: filled are the neurons whose answer changed.

    Args:
        found: what `couloir.experiments.tweak.tweak` returns; None: a weight of the first layer.
    """
    from couloir.experiments.tweak import tweak

    found = found or tweak()
    title, layout = "One weight is changed", Layout(found.widths)
    figure = network_figure(title, found.widths)
    carrying = [
        (layer, source, target)
        for layer, source, target in layout.all_edges()
        if layer > found.layer and found.changes[layer][source]
    ]
    add_edges(figure, layout, "other weights", showlegend=False)
    add_edges(figure, layout, "carries the change", carrying, "wrong", opacity=0.45, showlegend=False)
    add_edges(figure, layout, "the changed weight", [(found.layer, found.source, found.target)], "wrong", 6)
    _add_kind(figure, found, layout, True)
    _add_kind(figure, found, layout, False)
    figure.update_layout(legend={"itemsizing": "constant"})
    sentence = _sentence(found)
    alt = f"A network drawn as columns of neurons. {sentence}"
    return Chart("weight-tweak", title, sentence, alt, figure)


def _add_kind(figure: Figure, found: Tweak, layout: Layout, changed: bool) -> None:
    """The neurons whose answer changed, or the others, with their answers before and after."""
    places, hover = [], []
    for layer, (before, after) in enumerate(zip(found.before, found.after, strict=True)):
        for unit, (old, new) in enumerate(zip(before.tolist(), after.tolist(), strict=True)):
            if (old != new) is changed:
                places.append(layout.place(layer, unit))
                hover.append(f"{number(old)} → {number(new)}" if changed else f"{number(old)}, unchanged")
    role, name = ("wrong", "answers differently") if changed else ("quiet", "answers as before")
    add_neurons(figure, places, role, name, hover, filled=changed)


def _sentence(found: Tweak) -> str:
    """How many neurons of each layer notice."""
    (first, of_first), *later = list(zip(found.changed, found.widths, strict=True))[found.layer + 1 :]
    weight = float(found.network[found.layer].weight[found.target, found.source])
    text = f"The thick weight goes from {number(weight)} to {number(weight + found.amount)}. "
    text += f"Of the next layer {first} neuron of {of_first} answers differently"
    if later:
        told = [f"{changed} of {width}" for changed, width in later]
        text += f"; of the layers after it, up to the outputs, {joined(told)}"
    biggest = float(abs(found.changes[-1]).max())
    return f"{text}. The outputs move by up to {number(biggest)}."
