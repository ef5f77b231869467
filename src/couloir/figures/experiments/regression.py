"""The line fit drawn: points, candidates and error bars; its bowl, and gradient descent on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from couloir.figures import theme
from couloir.figures.chart import Chart, Figure, new_figure, title_on_top
from couloir.figures.sliders import HEIGHT as SLIDER_HEIGHT
from couloir.figures.sliders import Position, add_slider
from couloir.figures.surfaces.contours import add_levels, add_marks, gridded, side
from couloir.figures.surfaces.tracks import Track
from couloir.figures.theme import RuleStyle
from couloir.figures.traces import add_trace, line, mark, short, split, titled
from couloir.text import count, joined, number, point, share

if TYPE_CHECKING:
    from couloir.experiments.regression import Descent, Regression
    from couloir.surfaces.evaluation import Surface

Line = tuple[float, float]
"""Slope m and intercept b."""

LINE_STYLES = (("further-3", "dash", "square"), ("further-4", "dot", "diamond"), ("right", "solid", "circle"))
"""Colour, dash and mark of each candidate."""

VIEW = ((-2.0, 2.0), (-1.0, 5.5))
"""The part of the bowl that descents are drawn on: slopes, intercepts."""

RATE_STYLES = (
    RuleStyle(theme.colour("further-3"), "dash", "square"),
    RuleStyle(theme.colour("right"), "solid", "circle"),
    RuleStyle(theme.colour("wrong"), "dot", "x"),
)
STEPS = 100


def equation(line: Line) -> str:
    """A line in words: "0.52·x + 0.1"."""
    slope, intercept = line
    sign = "−" if intercept < 0 else "+"
    return f"{number(slope)}·x {sign} {number(abs(intercept))}"


# Points and lines -----------------------------------------------------------------------------------------


def scatter() -> Chart:
    """The seven points that a line is to be fitted to."""
    problem, title = _line_fit(), "Seven points"
    figure = new_figure(title, "x", "y")
    _add_points(figure, problem)
    figure.update_layout(showlegend=False)
    x, y = problem.inputs[:, 0], problem.targets
    correlation = float(np.corrcoef(x, y)[0, 1])
    sentence = f"{count(len(x), 'point')}: y tends to grow with x (correlation {number(correlation)}), "
    sentence += "but no line goes through all of them."
    alt = f"Scatter of the points {joined([point(each) for each in zip(x, y, strict=True)], 9)}."
    return Chart("scatter", title, sentence, alt, figure)


def candidate_lines(lines: Sequence[Line] | None = None) -> Chart:
    """Several lines through the points, each with its mean squared error.

    Args:
        lines: (slope, intercept) of each; None: the three candidates.
    """
    from couloir.experiments.regression import CANDIDATES

    problem, title = _line_fit(), "Which line fits best?"
    drawn = list(lines or CANDIDATES)
    losses = [float(problem.loss(each)) for each in drawn]
    figure = new_figure(title, "x", "y")
    for number_, (each, loss) in enumerate(zip(drawn, losses, strict=True)):
        role, dash, _ = LINE_STYLES[number_ % len(LINE_STYLES)]
        _add_line(figure, problem, each, role, dash, f"{equation(each)}: {loss:.3f}")
    _add_points(figure, problem)
    figure.update_layout(legend={"traceorder": "normal"}, **title_on_top(3))
    best = drawn[int(np.argmin(losses))]
    told = [f"{equation(each)} has {loss:.3f}" for each, loss in zip(drawn, losses, strict=True)]
    sentence = f"Mean squared errors: {joined(told)}. Of these {equation(best)} is the best; "
    sentence += f"the best of all lines, {equation(_pair(problem.minimum))}, has {problem.least:.3f}."
    return Chart("candidates", title, sentence, f"Lines through seven points. {sentence}", figure)


def error_bars(line: Line | None = None) -> Chart:
    """The error of each point under a line, as a dashed vertical bar.

    Args:
        line: (slope, intercept); None: the best of the three candidates.
    """
    from couloir.experiments.regression import CANDIDATES

    problem = _line_fit()
    chosen = line or min(CANDIDATES, key=lambda each: float(problem.loss(each)))
    title = f"Errors of the line {equation(chosen)}"
    x, residuals = problem.inputs[:, 0], problem.residuals(chosen)
    figure = new_figure(title, "x", "y")
    _add_bars(figure, problem, residuals)
    _add_line(figure, problem, chosen, "right", "solid", equation(chosen))
    _add_points(figure, problem)
    told = joined([number(float(residual)) for residual in residuals], 9)
    alt = f"Seven points, a line, and dashed bars between them: errors y − f(x) of {told}."
    return Chart("error-bars", title, _errors_words(x, residuals), alt, figure)


def _errors_words(x: np.ndarray, residuals: np.ndarray) -> str:
    """What the squares of the errors come to, and which counts most."""
    squares, worst = residuals**2, int(np.argmax(np.abs(residuals)))
    total, mean = number(float(squares.sum()), 4), f"{float(squares.mean()):.3f}"
    text = f"The squares of the {len(x)} errors sum to {total}, and their mean is the loss, {mean}. "
    text += f"The longest bar, at x = {number(float(x[worst]))}, is {number(float(abs(residuals[worst])))} "
    return f"{text}long; its square alone is {share(float(squares[worst] / squares.sum()))} of that sum."


def _line_fit() -> Regression:
    from couloir.experiments.regression import line_fit

    return line_fit()


def _pair(weights: np.ndarray) -> Line:
    return float(weights[0]), float(weights[1])


def _add_points(figure: Figure, problem: Regression) -> None:
    x, y = problem.inputs[:, 0].tolist(), problem.targets.tolist()
    add_trace(figure, x, y, "points", marker=mark("ink", 10), hover="(%{x}, %{y})", showlegend=False)


def _add_line(figure: Figure, problem: Regression, at: Line, role: str, dash: str, name: str) -> None:
    x = problem.inputs[:, 0]
    margin = 0.08 * (x.max() - x.min())
    ends = np.array([x.min() - margin, x.max() + margin])
    y = (at[0] * ends + at[1]).tolist()
    add_trace(figure, ends.tolist(), y, name, line(role, 2.5, dash), hover=name)


def _add_bars(figure: Figure, problem: Regression, residuals: np.ndarray) -> None:
    """A dashed line from each point to the fitted line below or above it."""
    x: list[float | None] = []
    y: list[float | None] = []
    bars = zip(problem.inputs[:, 0].tolist(), problem.targets.tolist(), residuals.tolist(), strict=True)
    for at, value, residual in bars:
        x += [at, at, None]
        y += [value, value - residual, None]
    add_trace(figure, x, y, "error", line("wrong", 2, "dash"))


# The bowl -------------------------------------------------------------------------------------------------


def line_contour() -> Chart:
    """Level lines of the loss over slope and intercept, with the three candidates and the minimum on it."""
    from couloir.experiments.regression import CANDIDATES

    surface, problem, title = _surface(), _line_fit(), "The loss of every line"
    figure = new_figure(title, "slope m", "intercept b", height=520)
    add_levels(figure, *gridded(surface), surface)
    marked = [
        (each, f"{equation(each)}: {float(problem.loss(each)):.3f}", symbol, role)
        for (role, _, symbol), each in zip(LINE_STYLES, CANDIDATES, strict=True)
    ]
    marked.append((_pair(problem.minimum), f"the minimum: {problem.least:.3f}", "x", "ink"))
    for (slope, intercept), name, symbol, role in marked:
        marks = mark(role, 12, symbol, (1.5, "paper"))
        add_trace(figure, [slope], [intercept], name, marker=marks, hover=name)
    x, y = side(surface, 0) | titled("slope m"), side(surface, 1) | titled("intercept b")
    figure.update_layout(xaxis=x, yaxis=y, **title_on_top(4))
    sentence = _bowl_words(problem)
    return Chart("line-contour", title, sentence, f"Level lines over slope and intercept. {sentence}", figure)


def _bowl_words(problem: Regression) -> str:
    """Where the bowl's lowest point is, and how it curves."""
    slope, intercept = (number(value, 4) for value in _pair(problem.minimum))
    low, high = (float(value) for value in problem.eigenvalues)
    text = "Each point is a line, and the loss is a bowl with one lowest point: "
    text += f"m = {slope}, b = {intercept}, loss {number(problem.least, 4)}. It is a long valley: its "
    text += f"curvature is {number(high, 4)} across and {number(low)} along, a condition number of "
    return f"{text}{number(problem.condition_number, 4)}."


def _surface(domain: tuple[Line, Line] | None = None) -> Surface:
    from couloir.surfaces.functions import surface

    found = surface("line-fit")
    return replace(found, domain=domain) if domain else found


# Descents -------------------------------------------------------------------------------------------------


def line_descent(learning_rate: float = 0.06, steps: int = 200, start: Line | None = None) -> Chart:
    """The path of gradient descent on the level lines of the line fit, and the loss above the minimum below.

    Args:
        learning_rate: α.
        steps: how many.
        start: (slope, intercept) to begin at.
    """
    from couloir.experiments.regression import LINE_START, descend

    problem, title = _line_fit(), "Gradient descent on the bowl"
    found = descend(problem, learning_rate, steps, start or LINE_START)
    track = _track(found, f"α = {number(learning_rate)}", theme.rule_style("sgd"))
    figure = _two_parts(title, [found], [track])
    sentence = f"{_end_words(found)} The least is {number(problem.least)}."
    if found.ending != "diverged" and np.any(near := found.excess <= found.excess[0] / 10):
        sentence += f" Nine tenths of the way down take {count(int(np.argmax(near)), 'step')}; the rest is "
        sentence += "a crawl along the floor of the valley, where the gradient is small."
    return Chart("line-descent", title, sentence, f"A path on level lines. {sentence}", figure)


def three_rates(steps: int = STEPS, start: Line | None = None) -> Chart:
    """Gradient descent at a rate too low, one that is right, and one too high.

    Args:
        steps: how many each takes.
        start: (slope, intercept) where all begin.
    """
    from couloir.experiments import regression

    problem, title = _line_fit(), "Three learning rates"
    found = regression.three_rates(problem, steps, start or regression.LINE_START)
    tracks = [
        _track(descent, f"{name}: {number(descent.learning_rate)}", style)
        for descent, name, style in zip(found, ("too low", "right", "too high"), RATE_STYLES, strict=True)
    ]
    figure = _two_parts(title, found, tracks)
    sentence = " ".join(_end_words(descent) for descent in found)
    critical = number(problem.critical_rate, 4)
    sentence += f" The least loss is {number(problem.least)}; the critical rate is 2/λ = {critical}, λ being "
    sentence += "the largest curvature."
    alt = f"Three paths on level lines and their losses. {sentence}"
    return Chart("three-rates", title, sentence, alt, figure)


def rate_slider(steps: int = STEPS, start: Line | None = None) -> Chart:
    """Gradient descent at the learning rate that a slider sets: its path, and its loss by step.

    Args:
        steps: how many are taken at each rate.
        start: (slope, intercept) where all begin.
    """
    from couloir.experiments import regression

    problem, title = _line_fit(), "The learning rate you set"
    found = regression.descents(problem, steps, start or regression.LINE_START)
    first = int(np.argmin([abs(fraction - 0.5) for fraction in regression.FRACTIONS]))
    track = _track(found[first], "gradient descent", theme.rule_style("sgd"))
    figure = _two_parts(title, found, [track], SLIDER_HEIGHT)
    moving = [at for at, trace in enumerate(figure.data) if trace.meta == "moves"]
    add_slider(figure, "α = ", moving, [_position(descent) for descent in found], first)
    lost = [descent.learning_rate for descent in found if descent.ending == "diverged"]
    kept = [descent.learning_rate for descent in found if descent.ending != "diverged"]
    best = min(found, key=lambda descent: float(descent.losses[-1]))
    sentence = f"Up to {number(max(kept), 4)} the loss falls; from {number(min(lost), 4)} on it grows "
    sentence += f"without end. Between them lies the critical rate, {number(problem.critical_rate, 4)}. "
    sentence += f"After {steps} steps the lowest loss, {number(float(best.losses[-1]), 4)}, is that of "
    sentence += f"{number(best.learning_rate, 4)}."
    return Chart("rate-slider", title, sentence, f"A path and its loss, set by a slider. {sentence}", figure)


def _end_words(descent: Descent) -> str:
    """How a descent ended, in a sentence."""
    rate, steps = number(descent.learning_rate), len(descent.losses) - 1
    first, last = (number(float(loss)) for loss in descent.losses[[0, -1]])
    if descent.ending == "diverged":
        return f"At {rate} it overshoots and climbs: from {first} to {last} in {steps} steps."
    return f"At {rate} the loss falls from {first} to {last} in {steps} steps."


def _track(descent: Descent, label: str, style: RuleStyle) -> Track:
    return Track(label, descent.weights, descent.losses, style)


def _position(descent: Descent) -> Position:
    """What the slider's four traces show at a rate: path, its end, losses, their end."""
    x, y, excess = _coordinates(descent)
    ended = "diverges" if descent.ending == "diverged" else f"loss {number(float(descent.losses[-1]))}"
    steps = list(range(len(excess)))
    return Position(
        f"{number(descent.learning_rate)}: {ended}",
        {"x": [x, x[-1:], steps, steps[-1:]], "y": [y, y[-1:], excess, excess[-1:]]},
    )


def _coordinates(descent: Descent) -> tuple[list[float], list[float], list[float]]:
    """Path and excess losses to six digits; a path that diverges ends where it leaves the picture."""
    path = descent.weights
    if descent.ending == "diverged":
        low, high = np.array(VIEW).T
        outside = np.flatnonzero(((path < low) | (path > high)).any(axis=1))
        path = path[: outside[0] + 1] if len(outside) else path
    x, y = (short(values, 6) for values in path.T)
    return x, y, short(np.maximum(descent.excess, 1e-15), 6)


def _two_parts(title: str, found: Sequence[Descent], tracks: Sequence[Track], below: int = 0) -> Figure:
    """Level lines with paths above, and the losses by step below; what may move is marked in `meta`."""
    surface, several = _surface(VIEW), len(tracks) > 1
    figure = new_figure(title, "", "", height=780 + below)
    split(figure, titled("step"), _excess_axis(found), 0.30, 0.42)
    figure.update_layout(
        xaxis=side(surface, 0) | {"anchor": "y"},
        yaxis=side(surface, 1),
        **title_on_top(len(tracks) if several else 0),
        showlegend=several,
        legend={"traceorder": "normal"},
    )
    add_levels(figure, *gridded(surface), surface, xaxis="x", yaxis="y")
    figure.data[0].colorbar.update(y=0.71, len=0.58)
    add_marks(figure, surface, tracks)
    # What they mark is seen, and is said where they are pointed at: a phone has no room for more names.
    figure.update_traces(selector={"type": "scatter"}, showlegend=False)
    for track, descent in zip(tracks, found, strict=several):
        _add_descent(figure, track, descent)
    return figure


def _excess_axis(found: Sequence[Descent]) -> dict[str, Any]:
    """Logarithmic, from the lowest excess loss to a hundred times the first."""
    first = float(found[0].excess[0])
    lowest = max(min(float(descent.excess.min()) for descent in found), 1e-12)
    ends = [float(np.log10(lowest)) - 0.3, float(np.log10(first)) + 2]
    return titled("loss above the least", **theme.powers(1), range=ends)


def _add_descent(figure: Figure, track: Track, descent: Descent) -> None:
    """A path and its losses, each with a mark at its end."""
    x, y, excess = _coordinates(descent)
    name, style = track.name, track.style
    steps = list(range(len(excess)))
    above = f"{name}<br>step %{{pointNumber}}: (%{{x:.3~g}}, %{{y:.3~g}})"
    below = f"{name}<br>step %{{x}}: %{{y:.3~g}} above the least"
    for axis, across, up, hover in (("", x, y, above), ("2", steps, excess, below)):
        own: dict[str, Any] = {"xaxis": f"x{axis}", "yaxis": f"y{axis}", "legendgroup": name, "meta": "moves"}
        path, dots = line(style.colour, 1.8, style.dash), None if axis else mark(style.colour, 4)
        add_trace(figure, across, up, name, path, dots, hover, showlegend=not axis, **own)
        end = mark(style.colour, 10, style.symbol, (1.5, "paper"))
        add_trace(figure, across[-1:], up[-1:], name, marker=end, showlegend=False, **own)
