"""The wild curve drawn: a slider over the penalty's strength, and what the strength does to the curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from couloir import text as words
from couloir.figures import theme
from couloir.figures.chart import Chart, new_figure
from couloir.figures.sliders import HEIGHT, Position, add_slider
from couloir.text import number

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from couloir.experiments.wild import WildCurve

TERMS = {"l2": "½λΣw² (L2)", "l1": "λΣ|w| (L1)"}


def calmed_curve(found: WildCurve) -> Chart:
    """The network's curve at one strength of the penalty, set by a slider; below, errors against λ."""
    title = f"A wild curve under the penalty {TERMS[found.penalty]}"
    figure = new_figure(title, "x", "y", height=640 + HEIGHT)
    best = int(np.argmin(found.truth))
    _add_curves(figure, found)
    _add_errors(figure, found)
    _lay_out(figure, found)
    curve, ring = 3, len(figure.data) - 1
    places = _places(found)
    positions = [
        Position(
            _strength(strength),
            {
                "x": [_short(found.grid), [places[at]] * 2],
                "y": [_short(found.curves[at]), [float(found.training[at]), float(found.truth[at])]],
                "text": [None, [number(found.training[at], 2), number(found.truth[at], 2)]],
            },
        )
        for at, strength in enumerate(found.strengths)
    ]
    # It opens where the curve is nearest to the law; the wild one stays beside it as a dotted line.
    add_slider(figure, "λ = ", [curve, ring], positions, best)
    return Chart(f"wild-curve-{found.penalty}", title, _sentence(found, best), _alt(found), figure)


def _places(found: WildCurve) -> list[float]:
    """Where each λ stands on the logarithmic axis; 0 stands apart, to the left of the others."""
    above = [float(strength) for strength in found.strengths if strength > 0]
    return [float(s) if s > 0 else (above[0] / 10 if above else 1.0) for s in found.strengths]


def _strength(value: float) -> str:
    return number(float(value)) if value else "0"


def _short(values: np.ndarray) -> list[float]:
    return [round(float(value), 4) for value in values]


def _add_curves(figure: go.Figure, found: WildCurve) -> None:
    """The law, the wildest curve, the points, and the curve that the slider changes."""
    quiet = {"color": theme.colour("quiet"), "width": 1.5, "dash": "dash"}
    unpenalised = {"color": theme.colour("wrong"), "width": 1.5, "dash": "dot"}
    figure.add_scatter(
        x=_short(found.grid), y=_short(found.law), name="law", mode="lines", line=quiet, hoverinfo="skip"
    )
    figure.add_scatter(
        x=_short(found.grid),
        y=_short(found.curves[0]),
        name=f"λ = {_strength(found.strengths[0])}",
        mode="lines",
        line=unpenalised,
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=_short(found.x),
        y=_short(found.y),
        name="points",
        mode="markers",
        marker={"color": theme.colour("ink"), "size": 8},
        hovertemplate="%{x:.2f}, %{y:.2f}<extra></extra>",
    )
    figure.add_scatter(
        name="network",
        mode="lines",
        line={"color": theme.colour("right"), "width": 3},
        hovertemplate="%{x:.2f}, %{y:.2f}<extra></extra>",
    )


def _add_errors(figure: go.Figure, found: WildCurve) -> None:
    places = _places(found)
    for name, values, dash in (
        ("on the points", found.training, "dot"),
        ("from the law", found.truth, "solid"),
    ):
        figure.add_scatter(
            x=places,
            y=[float(value) for value in values],
            customdata=[_strength(strength) for strength in found.strengths],
            text=[name if place == 1 else "" for place in range(len(places))],
            # The lower of two lines has its name below.
            textposition="top right"
            if values[1] == max(found.training[1], found.truth[1])
            else "bottom right",
            textfont={"color": theme.colour("quiet"), "size": 13},
            name=name,
            showlegend=False,
            mode="lines+markers+text",
            line={"color": theme.colour("quiet"), "width": 2, "dash": dash},
            marker={"size": 6},
            xaxis="x2",
            yaxis="y2",
            hovertemplate=f"λ = %{{customdata}}: {name} %{{y:.3~g}}<extra></extra>",
        )
    figure.add_scatter(
        mode="markers+text",
        textposition=["bottom center", "top center"],
        textfont={"color": theme.colour("right"), "size": 14},
        showlegend=False,
        xaxis="x2",
        yaxis="y2",
        marker={"color": theme.colour("right"), "symbol": "circle-open", "size": 14, "line": {"width": 2.5}},
        hoverinfo="skip",
    )


def _lay_out(figure: go.Figure, found: WildCurve) -> None:
    places, strengths = _places(found), list(found.strengths)
    # A label at every fourth strength: on a phone there is no room for more.
    shown = [0, *range(3, len(places), 4)]
    errors = np.concatenate([found.training, found.truth])
    reach = 0.15 * float(np.ptp(found.y))
    axis: dict[str, Any] = {
        "anchor": "y2",
        "type": "log",
        "title": {"text": "λ"},
        "tickvals": [places[at] for at in shown],
        "ticktext": [_strength(strengths[at]) for at in shown],
        "tickangle": 0,
    }
    figure.update_layout(
        yaxis={"domain": [0.47, 1], "range": [found.y.min() - 2 * reach, found.y.max() + 2 * reach]},
        xaxis2=axis,
        yaxis2={
            "domain": [0, 0.29],
            "anchor": "x2",
            "type": "log",
            "title": {"text": "squared error"},
            "dtick": 1,
            "tickformat": ",.3~r",
            "range": [float(np.log10(min(errors))) - 0.9, float(np.log10(max(errors))) + 0.5],
        },
        margin={"b": HEIGHT + 60},
    )


def _sentence(found: WildCurve, best: int) -> str:
    text = f"At λ = {_strength(found.strengths[0])} the network follows the noise: error "
    text += f"{number(found.training[0])} on the points, {number(found.truth[0])} from the law. "
    text += f"It is nearest to the law at λ = {_strength(found.strengths[best])}, "
    text += f"{number(found.truth[best])} away"
    last = len(found.strengths) - 1
    text += (
        f", though its error on the points has risen to {number(found.training[best])}. " if best else ". "
    )
    size, weights = ("norm √Σw²", found.norm) if found.penalty == "l2" else ("sum Σ|w|", found.absolute)
    text += f"From first to last the curve's total variation falls from {number(found.variation[0])} to "
    text += f"{number(found.variation[last])} and the weights' {size} from {number(weights[0])} to "
    text += f"{number(weights[last])}"
    if found.penalty == "l1":
        text += f"; at λ = {_strength(found.strengths[best])} {words.share(found.zeros[best])} "
        text += "of the weights are below a thousandth"
    return text + "."


def _alt(found: WildCurve) -> str:
    listed = [
        f"λ {_strength(strength)}: {number(training)} and {number(truth)}"
        for strength, training, truth in zip(found.strengths, found.training, found.truth, strict=True)
    ]
    return (
        "A network's curve through noisy points, with a slider over the penalty's strength. Error on the "
        f"points and distance to the law: {words.joined(listed, limit=14)}."
    )
