"""AdaGrad's stall drawn: effective steps against time, while the gradient's size changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from couloir import text as words
from couloir.figures import theme
from couloir.figures.chart import Chart, new_figure
from couloir.text import number

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from couloir.experiments.stall import EffectiveSteps


def effective_step_sizes(found: EffectiveSteps) -> Chart:
    """What each rule multiplies the gradient with, step after step; the phases of the gradient are marked."""
    title = "Effective step while the gradient changes"
    figure = new_figure(title, "step", "effective step", height=460)
    _add_phases(figure, found)
    for rule, values in found.steps.items():
        style = theme.rule_style(rule)
        figure.add_scatter(
            x=list(range(1, len(values) + 1)),
            y=[float(f"{value:.5g}") for value in values],
            name=words.plain(rule),
            mode="lines",
            line={"color": style.colour, "width": 2.5, "dash": style.dash},
            hovertemplate=f"{words.plain(rule)}, step %{{x}}: %{{y:.3~g}}<extra></extra>",
        )
    everything = np.concatenate(list(found.steps.values()))
    low, high = np.log10(everything.min()), np.log10(everything.max())
    figure.update_layout(
        xaxis={"range": [0, len(found.gradients)]},
        # Above the lines there is room for the sizes of the gradient.
        yaxis={"type": "log", "dtick": 1, "tickformat": ",.3~r", "range": [low - 0.15, high + 0.7]},
    )
    return Chart("stall", title, _sentence(found), _alt(found), figure)


def _add_phases(figure: go.Figure, found: EffectiveSteps) -> None:
    """A line where the gradient changes, and its size in each phase."""
    begin = 0
    for place, (size, steps) in enumerate(found.phases):
        if begin:
            line = {"color": theme.colour("quiet"), "width": 1, "dash": "dash"}
            figure.add_vline(x=begin, line=line)
        figure.add_annotation(
            x=begin + steps / 2,
            # Every other one stands lower: on a phone there is no room side by side.
            y=1 - 0.07 * (place % 2),
            yref="paper",
            yanchor="top",
            showarrow=False,
            text=f"g = {number(size)}",
            font={"color": theme.colour("quiet"), "size": 13},
        )
        begin += steps


def _sentence(found: EffectiveSteps) -> str:
    shrinking = [rule for rule, values in found.steps.items() if np.all(np.diff(values) <= 0)]
    others = [rule for rule in found.steps if rule not in shrinking]
    sizes = words.joined([f"{number(size)} for {words.count(steps, 'step')}" for size, steps in found.phases])
    text = f"The gradient is {sizes}. "
    for rule in shrinking:
        values = found.steps[rule]
        text += f"The effective step of {rule} only shrinks, from {number(float(values[0]))} to "
        text += f"{number(float(values[-1]))}. "
    if others:
        regained = [f"{rule} {number(found.regained(rule))} times" for rule in others]
        text += f"At the end the others have recovered from their least: {words.joined(regained)} it."
    return text.strip()


def _alt(found: EffectiveSteps) -> str:
    listed = [
        f"{rule} from {number(float(values[0]))} over {number(float(values.min()))} "
        f"to {number(float(values[-1]))}"
        for rule, values in found.steps.items()
    ]
    return f"Line chart of effective steps, first, least and last: {words.joined(listed)}."
