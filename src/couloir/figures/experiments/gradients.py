"""The numerical gradient beside backpropagation's: how far apart they are, and what each costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from couloir import text as words
from couloir.figures import theme
from couloir.figures.chart import Chart, new_figure
from couloir.figures.titles import title_on_top
from couloir.text import number

if TYPE_CHECKING:
    from couloir.experiments.gradients import Agreement, Cost, ErrorCurves

KINDS = (("forward", "further-4", "dash", "square"), ("central", "right", "solid", "circle"))


def difference_errors(curves: ErrorCurves) -> Chart:
    """The error of forward and central differences against the nudge ε, which shrinks to the right."""
    title = "Error against the nudge"
    figure = new_figure(title, "nudge ε, shrinking", "relative error", height=460)
    for kind, role, dash, symbol in KINDS:
        figure.add_scatter(
            x=curves.epsilons.tolist(),
            y=[value or None for value in getattr(curves, kind).tolist()],
            mode="lines+markers",
            name=f"{kind} difference",
            line={"color": theme.colour(role), "dash": dash, "width": 2.5},
            marker={"symbol": symbol, "size": 7, "color": theme.colour(role)},
            hovertemplate=f"{kind}: error %{{y:.2~e}} at ε = %{{x:.2~e}}<extra></extra>",
        )
    figure.update_layout(
        xaxis=theme.powers(2) | {"autorange": "reversed", "tickangle": 0},
        yaxis=theme.powers(2),
        **title_on_top(2),
    )
    sentence = " ".join(error_words(curves, kind) for kind, *_ in KINDS)
    sentence += f" Measured on {words.count(curves.weights, 'weight')} in double precision."
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
    line = {"color": theme.colour("quiet"), "width": 1.2, "dash": "dot"}
    figure.add_scatter(x=ends, y=ends, mode="lines", name="equal", line=line, hoverinfo="skip")
    figure.add_scatter(
        x=[float(f"{value:.5g}") for value in x],
        y=[float(f"{value:.5g}") for value in y],
        mode="markers",
        name="one weight",
        marker={"color": theme.colour("right"), "size": 5, "opacity": 0.6},
        hovertemplate="%{x:.4~g} and %{y:.4~g}<extra></extra>",
    )
    sentence = agreement_words(found)
    return Chart("gradient-agreement", title, sentence, f"Points on a diagonal. {sentence}", figure)


def agreement_words(found: Agreement) -> str:
    """Whether nudging and backpropagation agree, and how closely."""
    largest = [number(value, 2) for value in (found.largest_central, found.largest_forward)]
    closely = f"by at most {largest[0]} with central differences and {largest[1]} with forward ones"
    if found.apart:
        text = f"At {words.count(found.apart, 'weight')} of {len(found.places):,} both differences are more "
        return f"{text}than 1\u202f% away from backpropagation's derivative."
    if found.kinks:
        where = words.count(found.kinks, "weight")
        text = f"All {len(found.places):,} derivatives agree; at {where} the longer "
        return f"{text}nudge of the central difference switches a rectified unit on or off."
    return f"All {len(found.places):,} derivatives agree: they differ, relatively, {closely}."


def gradient_cost(costs: Sequence[Cost]) -> Chart:
    """Seconds for a gradient against the number of weights: nudging each, and backpropagation."""
    title = "What a gradient costs"
    figure = new_figure(title, "weights and biases", "milliseconds", height=460)
    lines = (
        ("numerical gradient", "numerical_seconds", "further-4", "dash", "square"),
        ("backpropagation", "backprop_seconds", "right", "solid", "circle"),
        ("the loss alone", "loss_seconds", "quiet", "dot", "diamond"),
    )
    for name, field, role, dash, symbol in lines:
        figure.add_scatter(
            x=[cost.parameters for cost in costs],
            y=[1000 * getattr(cost, field) for cost in costs],
            mode="lines+markers",
            name=name,
            line={"color": theme.colour(role), "dash": dash, "width": 2.5},
            marker={"symbol": symbol, "size": 9, "color": theme.colour(role)},
            hovertemplate=f"{name}: %{{y:.3~g}} ms, %{{x:,}} weights<extra></extra>",
        )
    figure.update_layout(
        **title_on_top(3),
        xaxis={"type": "log", "dtick": "D2", "tickformat": ",d"},
        yaxis={"type": "log", "dtick": 1, "tickformat": ",.3~r"},
    )
    sentence = cost_words(costs)
    return Chart(
        "gradient-cost", title, sentence, f"Three rising lines on logarithmic axes. {sentence}", figure
    )


def cost_words(costs: Sequence[Cost]) -> str:
    """How many times as dear nudging is, and what the backward pass costs."""
    last = costs[-1]
    nudged, backward = (number(1000 * s) for s in (last.numerical_seconds, last.backprop_seconds))
    text = f"For {last.parameters:,} weights and biases nudging takes {last.evaluations:,} loss evaluations "
    text += f"and {nudged}\u202fms, backpropagation {backward}\u202fms: {number(last.factor, 2)} times less. "
    if last.backward_ratio <= 0:
        return f"{text}What the backward pass alone takes was lost in other work on the machine."
    return f"{text}The backward pass took {number(last.backward_ratio, 2)} times a forward one."
