"""The numerical gradient beside backpropagation's: how far apart they are, and what each costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from couloir.figures import theme
from couloir.figures.chart import Chart, new_figure, title_on_top
from couloir.figures.traces import add_trace, line, mark, short
from couloir.text import count, number

if TYPE_CHECKING:
    from couloir.experiments.gradient_costs import Cost
    from couloir.experiments.gradients import Agreement, ErrorCurves

KINDS = (("forward", "further-4", "dash", "square"), ("central", "right", "solid", "circle"))


def difference_errors(curves: ErrorCurves) -> Chart:
    """The error of forward and central differences against the nudge ε, which shrinks to the right."""
    title = "Error against the nudge"
    figure = new_figure(title, "nudge ε, shrinking", "relative error", height=460)
    for kind, role, dash, symbol in KINDS:
        add_trace(
            figure,
            curves.epsilons.tolist(),
            [value or None for value in getattr(curves, kind).tolist()],
            f"{kind} difference",
            line(role, 2.5, dash),
            mark(role, 7, symbol),
            f"{kind}: error %{{y:.2~e}} at ε = %{{x:.2~e}}",
        )
    shrinking = theme.powers(2) | {"autorange": "reversed", "tickangle": 0}
    figure.update_layout(xaxis=shrinking, yaxis=theme.powers(2), **title_on_top(2))
    sentence = " ".join(error_words(curves, kind) for kind, *_ in KINDS)
    sentence += f" Measured on {count(curves.weights, 'weight')} in double precision."
    return Chart("difference-errors", title, sentence, f"Two lines shaped like a V. {sentence}", figure)


def error_words(curves: ErrorCurves, kind: str) -> str:
    """Where an error is least, and which power of ε it follows on either side."""
    epsilon, error = curves.best(kind)
    slopes, parts = curves.slopes(kind), []
    text = f"The {kind} difference is best at ε = {number(epsilon, 2)}, with a relative error of "
    text += number(error, 2)
    if slopes.truncation is not None:
        power, expected = round(slopes.truncation, 2), {"forward": 1, "central": 2}[kind]
        # Where a longer nudge switches rectified units on or off the error is not that of a smooth loss.
        cause = "truncation" if abs(power - expected) < 0.1 else "truncation, and kinks of the activation"
        parts.append(f"above, the error goes as ε to the power {number(power)} ({cause})")
    if slopes.rounding is not None:
        parts.append(f"below, to the power {number(round(slopes.rounding, 2))} (rounding)")
    return f"{text}: {', '.join(parts)}." if parts else f"{text}."


def gradient_agreement(found: Agreement) -> Chart:
    """The central difference of every weight against backpropagation's derivative."""
    title = "Nudged and backpropagated"
    figure = new_figure(title, "backpropagation", "central difference", height=460)
    chosen = np.linspace(0, len(found.places) - 1, min(len(found.places), 1500)).round().astype(int)
    x, y = found.gradient[chosen], found.central[chosen]
    ends = [float(min(x.min(), y.min())), float(max(x.max(), y.max()))]
    add_trace(figure, ends, ends, "equal", line("quiet", 1.2, "dot"))
    dots = mark("right", 5, opacity=0.6)
    add_trace(figure, short(x, 5), short(y, 5), "one weight", marker=dots, hover="%{x:.4~g} and %{y:.4~g}")
    sentence = agreement_words(found)
    return Chart("gradient-agreement", title, sentence, f"Points on a diagonal. {sentence}", figure)


def agreement_words(found: Agreement) -> str:
    """Whether nudging and backpropagation agree, and how closely."""
    if found.apart:
        text = f"At {count(found.apart, 'weight')} of {len(found.places):,} both differences are more "
        return f"{text}than 1\u202f% away from backpropagation's derivative."
    text = f"All {len(found.places):,} derivatives agree"
    if found.kinks:
        text += f"; at {count(found.kinks, 'weight')} the longer nudge of the central difference switches a "
        return f"{text}rectified unit on or off."
    central, forward = (number(value, 2) for value in (found.largest_central, found.largest_forward))
    text += f": they differ, relatively, by at most {central} with central differences and {forward} with "
    return f"{text}forward ones."


def gradient_cost(costs: Sequence[Cost]) -> Chart:
    """Seconds for a gradient against the number of weights: nudging each, and backpropagation."""
    title = "What a gradient costs"
    figure = new_figure(title, "weights and biases", "milliseconds", height=460)
    for name, field, role, dash, symbol in (
        ("numerical gradient", "numerical_seconds", "further-4", "dash", "square"),
        ("backpropagation", "backprop_seconds", "right", "solid", "circle"),
        ("the loss alone", "loss_seconds", "quiet", "dot", "diamond"),
    ):
        add_trace(
            figure,
            [cost.parameters for cost in costs],
            [1000 * getattr(cost, field) for cost in costs],
            name,
            line(role, 2.5, dash),
            mark(role, 9, symbol),
            f"{name}: %{{y:.3~g}} ms, %{{x:,}} weights",
        )
    sizes = {"type": "log", "dtick": "D2", "tickformat": ",d"}
    figure.update_layout(**title_on_top(3), xaxis=sizes, yaxis=theme.decades())
    sentence = cost_words(costs)
    alt = f"Three rising lines on logarithmic axes. {sentence}"
    return Chart("gradient-cost", title, sentence, alt, figure)


def cost_words(costs: Sequence[Cost]) -> str:
    """How many times as dear nudging is, and what the backward pass costs."""
    last = costs[-1]
    nudged, backward = (number(1000 * s) for s in (last.numerical_seconds, last.backprop_seconds))
    text = f"For {last.parameters:,} weights and biases nudging takes {last.evaluations:,} loss evaluations "
    text += f"and {nudged}\u202fms, backpropagation {backward}\u202fms: {number(last.factor, 2)} times less. "
    if last.backward_ratio <= 0:
        return f"{text}What the backward pass alone takes was lost in other work on the machine."
    return f"{text}The backward pass took {number(last.backward_ratio, 2)} times a forward one."
