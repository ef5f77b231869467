"""The room 'line': a straight line through points, its bowl of losses, and gradient descent at any rate."""

from __future__ import annotations

import math
import re
from typing import Annotated

import numpy as np

from couloir.errors import InputError
from couloir.experiments.regression import Descent, Regression, descend, regression
from couloir.figures.heights import Scale, scale
from couloir.studio import asking
from couloir.studio.rooms import drawing
from couloir.studio.rooms.base import Room
from couloir.studio.wire import Answer
from couloir.text import count, number, percent

MOST_POINTS = 500
MOST_STEPS = 5_000
MOST = 1e6
"""The largest coordinate, slope or intercept."""

RESOLUTION = 51
WIDTH = 4.0
"""Half the bowl's picture: slopes up to this many spreads of y per spread of x away from the best."""

Domain = tuple[tuple[float, float], tuple[float, float]]

_POINT = asking.pair(-MOST, MOST)
Points = Annotated[tuple[tuple[float, float], ...], asking.several(_POINT, 2, MOST_POINTS)]
Weights = Annotated[tuple[float, float], _POINT]
"""A line's slope and intercept."""

Rate = Annotated[float, asking.number(1e-15, 1e6)]
Steps = Annotated[int, asking.whole(1, MOST_STEPS)]
Ends = Annotated[Domain | None, asking.optional(asking.several(asking.pair(-1e9, 1e9), 2, 2))]
"""The part of the bowl to draw, ends of slopes and of intercepts; None: what suits the points."""


class LineRoom(Room):
    """Points, the loss of every line, and the way down to the best."""

    def ask_read(self, text: Annotated[str, asking.text(40_000)]) -> Answer:
        """Points from text: two numbers a line."""
        return Answer({"points": points_of(text)})

    def ask_fit(self, points: Points, domain: Ends = None) -> Answer:
        """The least-squares line, the curvature of the bowl, the rates that follow from it, and its grid."""
        problem = _problem(points)
        domain = domain or _domain(problem)
        (low, high), (bottom, top) = domain
        if not (low < high and bottom < top):
            raise InputError("The domain's ends are the wrong way round: give the lower one first.")
        axes = np.linspace(low, high, RESOLUTION), np.linspace(bottom, top, RESOLUTION)
        z = problem.loss(np.stack(np.meshgrid(*axes), axis=-1))
        slope, intercept = problem.minimum
        values = {
            "slope": slope,
            "intercept": intercept,
            "least": problem.least,
            "eigenvalues": problem.eigenvalues,
            "condition": problem.condition_number,
            "critical": problem.critical_rate,
            "best": problem.best_rate,
            "contour": drawing.surface(*domain, scale(z, problem.least)),
            "bowl": drawing.surface(*domain, _soft(z, problem.least)),
        }
        return Answer(values, {"z": z})

    def ask_loss(self, points: Points, line: Weights) -> Answer:
        """The loss and the gradient of one line, and the error of each point."""
        problem = _problem(points)
        return Answer(
            {"loss": float(problem.loss(line)), "gradient": problem.gradient(line)},
            {"predictions": problem.predictions(line), "residuals": problem.residuals(line)},
        )

    def ask_descend(self, points: Points, line: Weights, rate: Rate, steps: Steps) -> Answer:
        """Gradient descent from a line: every step's line, loss and gradient, and in words how it went."""
        problem = _problem(points)
        found = descend(problem, rate, steps, line)
        with np.errstate(over="ignore", invalid="ignore"):
            gradients = problem.gradient(found.weights)
        name, sentence = verdict(problem, found)
        factors = 1 - rate * problem.eigenvalues
        return Answer(
            {"steps": len(found.losses) - 1, "verdict": name, "sentence": sentence, "factors": factors},
            {
                "weights": found.weights,
                "losses": found.losses,
                "excess": found.excess,
                "gradients": gradients,
            },
        )

    def ask_code(self, points: Points, line: Weights, rate: Rate, steps: Steps) -> Answer:
        """The Python lines that give the same numbers."""
        x, y = ([point[side] for point in points] for side in (0, 1))
        lines = [
            "from couloir.experiments.regression import descend, regression",
            "",
            f"x = {x}",
            f"y = {y}",
            "problem = regression(x, y)",
            'print("least squares: slope and intercept", problem.minimum, "loss", problem.least)',
            'print("curvatures", problem.eigenvalues, "critical rate", problem.critical_rate)',
            "",
            f"path = descend(problem, learning_rate={rate!r}, steps={steps}, start={line})",
            'print("gradient descent:", path.ending, path.weights[-1], "loss", path.losses[-1])',
        ]
        return Answer({"code": "\n".join(lines) + "\n"})


# Points ----------------------------------------------------------------------------------------------------


def _problem(points: tuple[tuple[float, float], ...]) -> Regression:
    x, y = np.ascontiguousarray(np.asarray(points, np.float64).T)
    if np.ptp(x) <= 1e-9 * max(1.0, float(np.abs(x).max())):
        raise InputError("All points have the same x, so that no line is better than others: move one.")
    return regression(x, y)


def points_of(text: str) -> list[tuple[float, float]]:
    """Pairs of numbers from lines of text, apart by spaces, commas, semicolons or tabs; a heading is skipped.

    A comma inside a number is a decimal one where something else stands between the two.

    Raises:
        InputError: a line is no pair, a number is too large, or there are too few or too many lines.
    """
    found: list[tuple[float, float]] = []
    lines = [(place, line.strip()) for place, line in enumerate(text.splitlines(), 1) if line.strip()]
    for first, (place, line) in enumerate(lines):
        pair = _pair(line)
        if pair is not None:
            found.append(pair)
        elif first or len(lines) == 1:
            raise InputError(f"Line {place} of the points is '{line[:40]}': write two numbers, x and y.")
    if not 2 <= len(found) <= MOST_POINTS:
        raise InputError(
            f"The text has {count(len(found), 'point')}: give 2 to {MOST_POINTS}, a pair in each line."
        )
    return found


def _pair(line: str) -> tuple[float, float] | None:
    """The two numbers of a line; None where it is something else."""
    line = line.strip("()[] \t").replace("\u2212", "-").replace(", ", " ")
    apart = r"[;\t ]+" if re.search(r"[;\t ]", line) else ","
    try:
        x, y = (float(part.replace(",", ".")) for part in re.split(apart, line))
    except ValueError:
        return None
    return (x, y) if abs(x) <= MOST and abs(y) <= MOST else None


# The bowl --------------------------------------------------------------------------------------------------


def _domain(problem: Regression) -> Domain:
    """Slopes and intercepts around the best, as far as the valley is long, to round ends."""
    x, y = problem.inputs[:, 0], problem.targets
    steepest = WIDTH * (float(y.std()) or 1.0) / float(x.std())
    slope, intercept = map(float, problem.minimum)
    return _round_ends(slope, steepest), _round_ends(intercept, steepest * math.sqrt(float(np.mean(x**2))))


def _round_ends(middle: float, size: float) -> tuple[float, float]:
    unit = 10.0 ** math.floor(math.log10(size))
    return math.floor((middle - size) / unit) * unit, math.ceil((middle + size) / unit) * unit


def _soft(z: np.ndarray, least: float) -> Scale:
    """Heights in which the bowl keeps its shape: logarithmic, but for a floor that is as wide as a hundredth
    of the range of losses, so that the valley's bottom is round."""
    floor = float(z.max() - least) / 100
    low, high = (math.log10(float(end)) for end in (max(z.min() - least, 0) + floor, z.max() - least + floor))
    return Scale(float(least), floor, low, high, logarithmic=True)


NEARLY = 0.01
"""Share of the first excess loss below which a descent that has not arrived does not crawl."""


def verdict(problem: Regression, found: Descent) -> tuple[str, str]:
    """What gradient descent did, as one word and as a sentence: "converges", "crawls" or "diverges"."""
    rate, steps = number(found.learning_rate, 4), len(found.losses) - 1
    first, last = (number(float(loss)) for loss in found.losses[[0, -1]])
    steep, flat = (1 - found.learning_rate * problem.eigenvalues[[-1, 0]]).tolist()
    across = f"each step multiplies the error across the valley by {number(steep, 5)}"
    if found.ending == "diverged":
        text = f"At {rate} it diverges: {across}, and the loss climbs from {first} to {last}"
        return "diverges", f"{text} in {count(steps, 'step')}."
    if found.learning_rate > problem.critical_rate:
        return "diverges", f"At {rate} it diverges in the end: {across}, though the loss is {last} by now."
    if found.arrived is not None:
        text = f"At {rate} it converges: from step {found.arrived:,} on, less than a millionth of the first"
        return "converges", f"{text} excess loss is left. The loss is {last}."
    left = float(found.excess[-1] / found.excess[0])
    share = percent(left) if left >= 1e-3 else f"{number(100 * left, 2)}\u202f%"
    text = f"after {count(steps, 'step')} {share} of the excess loss is left, and each further step"
    text += f" leaves {_share(flat)} of the error along the valley."
    if left <= NEARLY:
        return "converges", f"At {rate} it converges: {text}"
    swings = f" Across the valley it swings from side to side: {across}." if steep < -0.9 else ""
    return "crawls", f"At {rate} it crawls: {text}{swings}"


def _share(factor: float) -> str:
    """What is left after a step, with as many nines as it takes."""
    digits = max(1, math.ceil(-math.log10(max(1 - factor, 1e-12))) - 1)
    return f"{100 * factor:.{digits}f}\u202f%"
