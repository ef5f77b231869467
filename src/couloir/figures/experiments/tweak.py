"""One weight tweaked, drawn: the neurons that answer differently, and the ways of the change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from couloir import text as words
from couloir.figures.chart import Chart
from couloir.figures.network import Layout, add_edges, add_neurons, network_figure
from couloir.text import number

if TYPE_CHECKING:
    import plotly.graph_objects as go

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
    noticed = [
        (layer, source, target)
        for layer, source, target in layout.all_edges()
        if layer > found.layer and found.changes[layer][source]
    ]
    add_edges(figure, layout, name="other weights", showlegend=False)
    add_edges(
        figure, layout, noticed, "wrong", 1.2, opacity=0.45, name="carries the change", showlegend=False
    )
    tweaked = [(found.layer, found.source, found.target)]
    add_edges(figure, layout, tweaked, "wrong", 6, name="the changed weight")
    _add_kind(figure, found, layout, True)
    _add_kind(figure, found, layout, False)
    sentence = _sentence(found)
    figure.update_layout(legend={"itemsizing": "constant"})
    return Chart(
        "weight-tweak", title, sentence, f"A network drawn as columns of neurons. {sentence}", figure
    )


def _add_kind(figure: go.Figure, found: Tweak, layout: Layout, changed: bool) -> None:
    """The neurons whose answer changed, or the others, with their answers before and after."""
    places, hover = [], []
    for layer, change in enumerate(found.changes):
        for unit in range(len(change)):
            if bool(change[unit]) is changed:
                places.append(layout.place(layer, unit))
                before, after = (float(signal[layer][unit]) for signal in (found.before, found.after))
                hover.append(
                    f"{number(before)} → {number(after)}" if changed else f"{number(before)}, unchanged"
                )
    role, name = ("wrong", "answers differently") if changed else ("quiet", "answers as before")
    add_neurons(figure, places, role, name, hover, filled=changed)


def _sentence(found: Tweak) -> str:
    """How many neurons of each layer notice."""
    counts = list(zip(found.changed, found.widths, strict=True))[found.layer + 1 :]
    (first, of_first), *later = counts
    weight = number(float(found.network[found.layer].weight[found.target, found.source]))
    text = f"The thick weight goes from {weight} to "
    text += f"{number(float(found.network[found.layer].weight[found.target, found.source]) + found.amount)}. "
    text += f"Of the next layer {first} neuron of {of_first} answers differently"
    if later:
        told = [f"{number_changed} of {width}" for number_changed, width in later]
        text += f"; of the layers after it, up to the outputs, {words.joined(told)}"
    biggest = float(abs(found.changes[-1]).max())
    return f"{text}. The outputs move by up to {number(biggest)}."
