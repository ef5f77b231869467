"""AdaGrad's stall drawn: effective steps against time, while the gradient's size changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from couloir.figures import theme
from couloir.figures.chart import Chart, Figure, new_figure
from couloir.figures.traces import add_note, add_trace, line, short
from couloir.text import count, joined, number, plain

if TYPE_CHECKING:
    from couloir.experiments.stall import EffectiveSteps


def effective_step_sizes(found: EffectiveSteps) -> Chart:
    """What each rule multiplies the gradient with, step after step; the phases of the gradient are marked."""
    title = "Effective step while the gradient changes"
    figure = new_figure(title, "step", "effective step", height=460)
    _add_phases(figure, found)
    for rule, values in found.steps.items():
        style, name = theme.rule_style(rule), plain(rule)
        steps = list(range(1, len(values) + 1))
        own = line(style.colour, 2.5, style.dash)
        add_trace(figure, steps, short(values, 5), name, own, hover=f"{name}, step %{{x}}: %{{y:.3~g}}")
    everything = np.concatenate(list(found.steps.values()))
    low, high = np.log10(everything.min()), np.log10(everything.max())
    # Above the lines there is room for the sizes of the gradient.
    heights = theme.decades(range=[low - 0.15, high + 0.7])
    figure.update_layout(xaxis={"range": [0, len(found.gradients)]}, yaxis=heights)
    return Chart("stall", title, _sentence(found), _alt(found), figure)


def _add_phases(figure: Figure, found: EffectiveSteps) -> None:
    """A line where the gradient changes, and its size in each phase."""
    begin = 0
    for number_, (size, steps) in enumerate(found.phases):
        if begin:
            figure.add_vline(x=begin, line=line("quiet", 1, "dash"))
        # Every other one stands lower: on a phone there is no room side by side.
        height = 1 - 0.07 * (number_ % 2)
        add_note(figure, begin + steps / 2, height, f"g = {number(size)}", yref="paper", yanchor="top")
        begin += steps


def _sentence(found: EffectiveSteps) -> str:
    shrinking = [rule for rule, values in found.steps.items() if np.all(np.diff(values) <= 0)]
    others = [rule for rule in found.steps if rule not in shrinking]
    sizes = joined([f"{number(size)} for {count(steps, 'step')}" for size, steps in found.phases])
    text = f"The gradient is {sizes}. "
    for rule in shrinking:
        first, last = (number(float(found.steps[rule][place])) for place in (0, -1))
        text += f"The effective step of {rule} only shrinks, from {first} to {last}. "
    if others:
        regained = [f"{rule} {number(found.regained(rule))} times" for rule in others]
        text += f"At the end the others have recovered from their least: {joined(regained)} it."
    return text.strip()


def _alt(found: EffectiveSteps) -> str:
    listed = [
        f"{rule} from {number(float(values[0]))} over {number(float(values.min()))} "
        f"to {number(float(values[-1]))}"
        for rule, values in found.steps.items()
    ]
    return f"Line chart of effective steps, first, least and last: {joined(listed)}."
