"""The wild curve drawn: a slider over the penalty's strength, and what the strength does to the curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from couloir.figures import theme
from couloir.figures.chart import Chart, Figure, new_figure
from couloir.figures.experiments.fitted import add_errors, add_rings, decimals
from couloir.figures.sliders import HEIGHT, Position, add_slider
from couloir.figures.traces import add_trace, line, mark, split, titled
from couloir.text import joined, number, share

if TYPE_CHECKING:
    from couloir.experiments.wild import WildCurve

TERMS = {"l2": "½λΣw² (L2)", "l1": "λΣ|w| (L1)"}


def calmed_curve(found: WildCurve) -> Chart:
    """The network's curve at one strength of the penalty, set by a slider; below, errors against λ."""
    title = f"A wild curve under the penalty {TERMS[found.penalty]}"
    figure = new_figure(title, "x", "y", height=640 + HEIGHT)
    best = int(np.argmin(found.truth))
    _add_curves(figure, found)
    _add_errors(figure, found)
    add_rings(figure, "right", ["bottom center", "top center"])
    _lay_out(figure, found)
    errors = np.stack([found.training, found.truth], axis=1).tolist()
    every = zip(found.strengths, _places(found), found.curves, errors, strict=True)
    positions = [
        Position(
            number(strength),
            {
                "x": [decimals(found.grid), [place] * 2],
                "y": [decimals(curve), both],
                "text": [None, [number(error, 2) for error in both]],
            },
        )
        for strength, place, curve, both in every
    ]
    # It opens where the curve is nearest to the law; the wild one stays beside it as a dotted line.
    add_slider(figure, "λ = ", [3, len(figure.data) - 1], positions, best)
    return Chart(f"wild-curve-{found.penalty}", title, _sentence(found, best), _alt(found), figure)


def _places(found: WildCurve) -> list[float]:
    """Where each λ stands on the logarithmic axis; 0 stands apart, to the left of the others."""
    above = [float(strength) for strength in found.strengths if strength > 0]
    return [float(s) if s > 0 else (above[0] / 10 if above else 1.0) for s in found.strengths]


def _add_curves(figure: Figure, found: WildCurve) -> None:
    """The law, the wildest curve, the points, and the curve that the slider changes."""
    grid, points = decimals(found.grid), mark("ink", 8)
    add_trace(figure, grid, decimals(found.law), "law", line("quiet", 1.5, "dash"))
    name = f"λ = {number(found.strengths[0])}"
    add_trace(figure, grid, decimals(found.curves[0]), name, line("wrong", 1.5, "dot"))
    hover = "%{x:.2f}, %{y:.2f}"
    add_trace(figure, decimals(found.x), decimals(found.y), "points", marker=points, hover=hover)
    add_trace(figure, None, None, "network", line("right", 3), hover=hover)


def _add_errors(figure: Figure, found: WildCurve) -> None:
    """Both errors against λ; the lower of the two lines has its name below."""
    second = min(1, len(found.strengths) - 1)
    for name, values, other, dash in (
        ("on the points", found.training, found.truth, "dot"),
        ("from the law", found.truth, found.training, "solid"),
    ):
        side = "top right" if values[second] >= other[second] else "bottom right"
        hover = f"λ = %{{customdata}}: {name} %{{y:.3~g}}"
        add_errors(figure, _places(found), values.tolist(), name, dash, side, hover, found.strengths, 6)


def _lay_out(figure: Figure, found: WildCurve) -> None:
    strengths = _places(found)
    # A label at every fourth strength: on a phone there is no room for more.
    shown = [0, *range(3, len(strengths), 4)]
    errors = np.concatenate([found.training, found.truth])
    x = {"type": "log", "tickvals": [strengths[at] for at in shown], "tickangle": 0}
    x["ticktext"] = [number(found.strengths[at]) for at in shown]
    ends = [float(np.log10(min(errors))) - 0.9, float(np.log10(max(errors))) + 0.5]
    split(figure, titled("λ", **x), titled("squared error", **theme.decades(range=ends)), 0.29, 0.47)
    room = 0.3 * float(np.ptp(found.y))
    ends = [found.y.min() - room, found.y.max() + room]
    figure.update_layout(yaxis={"range": ends}, margin={"b": HEIGHT + 60})


def _sentence(found: WildCurve, best: int) -> str:
    text = f"At λ = {number(found.strengths[0])} the network follows the noise: error "
    text += f"{number(found.training[0])} on the points, {number(found.truth[0])} from the law. "
    text += f"It is nearest to the law at λ = {number(found.strengths[best])}, "
    text += f"{number(found.truth[best])} away"
    if best:
        text += f", though its error on the points has risen to {number(found.training[best])}"
    size, weights = ("norm √Σw²", found.norm) if found.penalty == "l2" else ("sum Σ|w|", found.absolute)
    text += f". From first to last the curve's total variation falls from {number(found.variation[0])} to "
    text += f"{number(found.variation[-1])} and the weights' {size} from {number(weights[0])} to "
    text += f"{number(weights[-1])}"
    if found.penalty == "l1":
        text += f"; at λ = {number(found.strengths[best])} {share(found.zeros[best])} "
        text += "of the weights are below a thousandth"
    return text + "."


def _alt(found: WildCurve) -> str:
    listed = [
        f"λ {number(strength)}: {number(training)} and {number(truth)}"
        for strength, training, truth in zip(found.strengths, found.training, found.truth, strict=True)
    ]
    return (
        "A network's curve through noisy points, with a slider over the penalty's strength. Error on the "
        f"points and distance to the law: {joined(listed, limit=14)}."
    )
