"""The line fit drawn: points, candidates and error bars; its bowl, and gradient descent on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from couloir import text as words
from couloir.figures import theme
from couloir.figures.chart import Chart, new_figure
from couloir.figures.sliders import HEIGHT as SLIDER_HEIGHT
from couloir.figures.sliders import Position, add_slider
from couloir.figures.surfaces import contours as surfaces
from couloir.figures.surfaces.contours import Track
from couloir.figures.theme import RuleStyle
from couloir.figures.titles import title_on_top
from couloir.text import number

if TYPE_CHECKING:
    import plotly.graph_objects as go

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
    sentence = f"{words.count(len(x), 'point')}: y tends to grow with x (correlation {number(correlation)}), "
    sentence += "but no line goes through all of them."
    alt = (
        f"Scatter of the points {words.joined([surfaces.place_words(p) for p in zip(x, y, strict=True)], 9)}."
    )
    return Chart("scatter", title, sentence, alt, figure)


def candidate_lines(lines: Sequence[Line] | None = None) -> Chart:
    """Several lines through the points, each with its mean squared error.

    Args:
        lines: (slope, intercept) of each; None: the three candidates.
    """
    from couloir.experiments.regression import CANDIDATES

    problem, title = _line_fit(), "Which line fits best?"
    drawn = list(lines or CANDIDATES)
    losses = [float(problem.loss(line)) for line in drawn]
    figure = new_figure(title, "x", "y")
    for place, (line, loss) in enumerate(zip(drawn, losses, strict=True)):
        role, dash, _ = LINE_STYLES[place % len(LINE_STYLES)]
        _add_line(figure, problem, line, role, dash, f"{equation(line)}: {loss:.3f}")
    _add_points(figure, problem)
    figure.update_layout(legend={"traceorder": "normal"}, **title_on_top(3))
    best = int(np.argmin(losses))
    told = [f"{equation(line)} has {loss:.3f}" for line, loss in zip(drawn, losses, strict=True)]
    sentence = f"Mean squared errors: {words.joined(told)}. Of these {equation(drawn[best])} is the best; "
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
    x, y, residuals = problem.inputs[:, 0], problem.targets, problem.residuals(chosen)
    figure = new_figure(title, "x", "y")
    _add_bars(figure, x, y, residuals)
    _add_line(figure, problem, chosen, "right", "solid", equation(chosen))
    _add_points(figure, problem)
    sentence = _errors_words(x, residuals)
    told = words.joined([number(float(residual)) for residual in residuals], 9)
    alt = f"Seven points, a line, and dashed bars between them: errors y − f(x) of {told}."
    return Chart("error-bars", title, sentence, alt, figure)


def _errors_words(x: np.ndarray, residuals: np.ndarray) -> str:
    """What the squares of the errors come to, and which counts most."""
    squares, worst = residuals**2, int(np.argmax(np.abs(residuals)))
    total, mean = number(float(squares.sum()), 4), f"{float(squares.mean()):.3f}"
    text = f"The squares of the {len(x)} errors sum to {total}, and their mean is the loss, {mean}. "
    text += (
        f"The longest bar, at x = {number(float(x[worst]))}, is {number(float(abs(residuals[worst])))} long; "
    )
    return f"{text}its square alone is {words.share(float(squares[worst] / squares.sum()))} of that sum."


def _line_fit() -> Regression:
    from couloir.experiments.regression import line_fit

    return line_fit()


def _pair(weights: np.ndarray) -> Line:
    return float(weights[0]), float(weights[1])


def _add_points(figure: go.Figure, problem: Regression) -> None:
    figure.add_scatter(
        x=problem.inputs[:, 0].tolist(),
        y=problem.targets.tolist(),
        mode="markers",
        name="points",
        showlegend=False,
        marker={"color": theme.colour("ink"), "size": 10},
        hovertemplate="(%{x}, %{y})<extra></extra>",
    )


def _add_line(figure: go.Figure, problem: Regression, line: Line, role: str, dash: str, name: str) -> None:
    x = problem.inputs[:, 0]
    margin = 0.08 * (x.max() - x.min())
    ends = np.array([x.min() - margin, x.max() + margin])
    figure.add_scatter(
        x=ends.tolist(),
        y=(line[0] * ends + line[1]).tolist(),
        mode="lines",
        name=name,
        line={"color": theme.colour(role), "dash": dash, "width": 2.5},
        hovertemplate=f"{name}<extra></extra>",
    )


def _add_bars(figure: go.Figure, x: np.ndarray, y: np.ndarray, residuals: np.ndarray) -> None:
    """A dashed line from each point to the fitted line below or above it."""
    bars: list[tuple[float | None, float | None]] = []
    for at, value, residual in zip(x.tolist(), y.tolist(), residuals.tolist(), strict=True):
        bars += [(at, value), (at, value - residual), (None, None)]
    figure.add_scatter(
        x=[each[0] for each in bars],
        y=[each[1] for each in bars],
        mode="lines",
        name="error",
        line={"color": theme.colour("wrong"), "dash": "dash", "width": 2},
        hoverinfo="skip",
    )


# The bowl -------------------------------------------------------------------------------------------------


def line_contour() -> Chart:
    """Level lines of the loss over slope and intercept, with the three candidates and the minimum on it."""
    from couloir.experiments.regression import CANDIDATES

    surface, problem, title = _surface(), _line_fit(), "The loss of every line"
    found, heights = surfaces.gridded(surface)
    figure = new_figure(title, "slope m", "intercept b", height=520)
    surfaces.add_levels(figure, found, heights, surface)
    for (role, _, symbol), line in zip(LINE_STYLES, CANDIDATES, strict=True):
        name = f"{equation(line)}: {float(problem.loss(line)):.3f}"
        _add_mark(figure, line, name, symbol, theme.colour(role))
    name = f"the minimum: {problem.least:.3f}"
    _add_mark(figure, _pair(problem.minimum), name, "x", theme.colour("ink"))
    figure.update_layout(
        xaxis=surfaces.side(surface, 0) | {"title": {"text": "slope m"}},
        yaxis=surfaces.side(surface, 1) | {"title": {"text": "intercept b"}},
        **title_on_top(4),
    )
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


def _add_mark(figure: go.Figure, point: Line, name: str, symbol: str, colour: str) -> None:
    figure.add_scatter(
        x=[point[0]],
        y=[point[1]],
        mode="markers",
        name=name,
        marker={
            "color": colour,
            "symbol": symbol,
            "size": 12,
            "line": {"width": 1.5, "color": theme.colour("paper")},
        },
        hovertemplate=f"{name}<extra></extra>",
    )


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
        sentence += (
            f" Nine tenths of the way down take {words.count(int(np.argmax(near)), 'step')}; the rest is "
        )
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
    names = ("too low", "right", "too high")
    tracks = [
        _track(descent, f"{name}: {number(descent.learning_rate)}", style)
        for descent, name, style in zip(found, names, RATE_STYLES, strict=True)
    ]
    figure = _two_parts(title, found, tracks)
    sentence = " ".join(_end_words(descent) for descent in found)
    critical = number(problem.critical_rate, 4)
    sentence += f" The least loss is {number(problem.least)}; the critical rate is 2/λ = {critical}, λ being "
    sentence += "the largest curvature."
    return Chart(
        "three-rates", title, sentence, f"Three paths on level lines and their losses. {sentence}", figure
    )


def rate_slider(steps: int = STEPS, start: Line | None = None) -> Chart:
    """Gradient descent at the learning rate that a slider sets: its path, and its loss by step.

    Args:
        steps: how many are taken at each rate.
        start: (slope, intercept) where all begin.
    """
    from couloir.experiments import regression

    problem, title = _line_fit(), "The learning rate you set"
    found = regression.descents(problem, steps, start or regression.LINE_START)
    first = int(np.argmin([abs(share - 0.5) for share in regression.FRACTIONS]))
    figure = _two_parts(
        title, found, [_track(found[first], "gradient descent", theme.rule_style("sgd"))], SLIDER_HEIGHT
    )
    places = [place for place, trace in enumerate(figure.data) if trace.meta == "moves"]
    add_slider(figure, "α = ", places, [_position(descent) for descent in found], first)
    lost = [descent for descent in found if descent.ending == "diverged"]
    sentence = f"Up to {number(max(d.learning_rate for d in found if d not in lost), 4)} the loss falls; "
    sentence += f"from {number(min(d.learning_rate for d in lost), 4)} on it grows without end. "
    sentence += f"Between them lies the critical rate, {number(problem.critical_rate, 4)}. "
    best = min(found, key=lambda descent: float(descent.losses[-1]))
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
    verdict = {"diverged": "diverges"}.get(descent.ending, f"loss {number(float(descent.losses[-1]))}")
    steps = list(range(len(excess)))
    return Position(
        f"{number(descent.learning_rate)}: {verdict}",
        {"x": [x, x[-1:], steps, steps[-1:]], "y": [y, y[-1:], excess, excess[-1:]]},
    )


def _coordinates(descent: Descent) -> tuple[list[float], list[float], list[float]]:
    """Path and excess losses to six digits; a path that diverges ends where it leaves the picture."""
    path = descent.weights
    if descent.ending == "diverged":
        (a, b), (c, d) = VIEW
        low, high = np.array([a, c]), np.array([b, d])
        outside = np.flatnonzero(((path < low) | (path > high)).any(axis=1))
        path = path[: outside[0] + 1] if len(outside) else path
    x, y = ([float(f"{value:.6g}") for value in side] for side in path.T)
    return x, y, [float(f"{max(value, 1e-15):.6g}") for value in descent.excess]


def _two_parts(title: str, found: Sequence[Descent], tracks: Sequence[Track], below: int = 0) -> go.Figure:
    """Level lines with paths above, and the losses by step below; what may move is marked in `meta`."""
    surface = _surface(VIEW)
    grid, heights = surfaces.gridded(surface)
    figure = new_figure(title, "", "", height=780 + below)
    figure.update_layout(
        xaxis=surfaces.side(surface, 0) | {"anchor": "y"},
        yaxis=surfaces.side(surface, 1) | {"domain": [0.42, 1.0]},
        xaxis2={"title": {"text": "step"}, "anchor": "y2"},
        yaxis2=_excess_axis(found) | {"domain": [0.0, 0.30], "anchor": "x2"},
        **title_on_top(len(tracks) if len(tracks) > 1 else 0),
        showlegend=len(tracks) > 1,
        legend={"traceorder": "normal"},
    )
    surfaces.add_levels(figure, grid, heights, surface, xaxis="x", yaxis="y")
    figure.data[0].colorbar.update(y=0.71, len=0.58)
    surfaces.add_marks(figure, surface, tracks)
    # What they mark is seen, and is said where they are pointed at: a phone has no room for more names.
    figure.update_traces(selector={"type": "scatter"}, showlegend=False)
    for track, descent in zip(tracks, found if len(tracks) > 1 else found[:1], strict=True):
        _add_descent(figure, track, descent)
    return figure


def _excess_axis(found: Sequence[Descent]) -> dict[str, Any]:
    """Logarithmic, from the lowest excess loss to a hundred times the first."""
    first = float(found[0].excess[0])
    lowest = max(min(float(descent.excess.min()) for descent in found), 1e-12)
    return theme.powers(1) | {
        "range": [float(np.log10(lowest)) - 0.3, float(np.log10(first)) + 2],
        "title": {"text": "loss above the least"},
    }


def _add_descent(figure: go.Figure, track: Track, descent: Descent) -> None:
    """A path and its losses, each with a mark at its end."""
    x, y, excess = _coordinates(descent)
    name, colour = words.plain(track.label), track.style.colour
    line = {"color": colour, "width": 1.8, "dash": track.style.dash}
    end = {
        "color": colour,
        "symbol": track.style.symbol,
        "size": 10,
        "line": {"width": 1.5, "color": theme.colour("paper")},
    }
    hover = {
        "x": f"{name}<br>step %{{pointNumber}}: (%{{x:.3~g}}, %{{y:.3~g}})<extra></extra>",
        "x2": f"{name}<br>step %{{x}}: %{{y:.3~g}} above the least<extra></extra>",
    }
    for axes, across, up in (("x", x, y), ("x2", list(range(len(excess))), excess)):
        where = {"xaxis": axes, "yaxis": axes.replace("x", "y"), "legendgroup": name, "meta": "moves"}
        figure.add_scatter(
            x=across,
            y=up,
            mode="lines+markers" if axes == "x" else "lines",
            marker={"size": 4, "color": colour, "symbol": "circle"},
            name=name,
            line=line,
            showlegend=axes == "x",
            hovertemplate=hover[axes],
            **where,
        )
        figure.add_scatter(
            x=across[-1:],
            y=up[-1:],
            mode="markers",
            marker=end,
            hoverinfo="skip",
            name=name,
            showlegend=False,
            **where,
        )
