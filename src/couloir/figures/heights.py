"""How the loss of a surface becomes a height and a shade: its logarithm above the least value where it is
wide, itself otherwise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from couloir.figures import theme
from couloir.text import number

WIDE = 100.0
"""From this ratio of the largest loss above the least to the smallest one on, heights are logarithmic."""
LEVELS = 18
"""About so many level lines are drawn."""
SHALLOW = 4.0
"""Powers of ten between the heights up to which round losses are marked."""
STEPS = (0.1, 0.2, 0.25, 0.5, 1.0)
"""Distances between two level lines, in powers of ten."""


@dataclass(frozen=True)
class Scale:
    """From losses to heights and back.

    Attributes:
        least: what is subtracted before the logarithm is taken; 0 where heights are the losses.
        floor: added before the logarithm is taken, so that the least itself has a height.
        low, high: the heights between which the surface lies.
        logarithmic: whether height = log₁₀(loss − least + floor), or the loss itself.
    """

    least: float
    floor: float
    low: float
    high: float
    logarithmic: bool

    def height(self, loss: Any) -> NDArray[np.float64]:
        """The heights of losses of any shape; not a number where the loss is none."""
        values = np.asarray(loss, float)
        if not self.logarithmic:
            return values
        # A path can come below the least that is known by rounding.
        return np.log10(np.maximum(values - self.least, 0.0) + self.floor)

    @property
    def words(self) -> str:
        """What the axis of heights shows."""
        return "loss (log)" if self.logarithmic else "loss"

    def ticks(self, most: int = 7) -> tuple[list[float], list[str]]:
        """Heights to mark, and the losses there.

        Round losses; where a valley is drawn deep, powers of ten of the loss above the least.
        """
        if not self.logarithmic:
            heights = _round_numbers(self.low, self.high, most)
            return heights, [number(value) for value in heights]
        if self.high - self.low <= SHALLOW and self.least >= 0:
            losses = _round_losses(*(self.least + 10.0**end - self.floor for end in (self.low, self.high)))
            if 2 <= len(losses) <= most:
                return [float(self.height(loss)) for loss in losses], [number(loss) for loss in losses]
        exponents = list(range(math.ceil(self.low), math.floor(self.high) + 1))
        exponents = exponents[:: math.ceil(len(exponents) / most) or 1]
        losses = [self.least + 10.0**exponent for exponent in exponents]
        return [float(self.height(loss)) for loss in losses], [number(loss) for loss in losses]

    def levels(self) -> dict[str, Any]:
        """How a Plotly contour trace of heights is drawn: shade and level lines, and a bar of losses."""
        positions, labels = self.ticks()
        return {
            "contours": {**self.contours(), "coloring": "fill"},
            "autocontour": False,
            "line": {"width": 0.7, "color": theme.colour("quiet")},
            "colorscale": theme.shades(),
            "colorbar": {
                "title": {"text": "loss", "side": "top", "font": {"size": 13}},
                "tickvals": positions,
                "ticktext": labels,
                "tickfont": {"size": 12, "color": theme.colour("quiet")},
                "thickness": 12,
                "outlinewidth": 0,
                "xpad": 6,
                "ypad": 0,
            },
            "name": "",
            "showlegend": False,
        }

    def contours(self) -> dict[str, float]:
        """Where level lines stand: the first height, the last one, and the distance between two."""
        span = self.high - self.low
        if self.logarithmic:
            size = next((step for step in STEPS if span / step <= 1.4 * LEVELS), 2.0)
        else:
            marks = _round_numbers(self.low, self.high, LEVELS)
            size = marks[1] - marks[0] if len(marks) > 1 else max(span, 1e-12)
        first = math.ceil(self.low / size + 1e-9) * size
        return {"start": first, "end": self.high, "size": size}


def scale(loss: Any, least: float | None) -> Scale:
    """The scale that suits a surface.

    Args:
        loss: the losses of its grid, of any shape.
        least: the least value of the surface where it is known; None, as for a saddle: heights are losses.
    """
    values = np.asarray(loss, float)
    values = values[np.isfinite(values)]
    low, high = float(values.min()), float(values.max())
    if least is None or high <= least:
        return Scale(0.0, 0.0, low, high, logarithmic=False)
    above = np.maximum(values - least, 0.0)
    # The lowest thousandth of the grid decides how deep the valley is drawn: a grid point that happens to
    # lie on the minimum would make it bottomless.
    floor = max(float(np.quantile(above, 0.001)), 1e-6 * float(above.max()))
    if above.max() / floor < WIDE:
        return Scale(0.0, 0.0, low, high, logarithmic=False)
    ends = [math.log10(float(above.min()) + floor), math.log10(float(above.max()) + floor)]
    return Scale(float(least), floor, ends[0], ends[1], logarithmic=True)


def _round_losses(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten between two positive losses; powers alone where they span many."""
    low = max(low, high * 1e-12)  # rounding may leave the least a little below 0
    factors = (1, 2, 5) if math.log10(high / low) < 2.4 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    losses = [factor * 10.0**power for power in powers for factor in factors]
    return [loss for loss in losses if low <= loss <= high]


def _round_numbers(low: float, high: float, most: int) -> list[float]:
    """At most so many multiples of 1, 2 or 5 times a power of ten between two numbers."""
    span = high - low
    if span <= 0:
        return [low]
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1, 2, 5, 10) if step * power >= rough)
    digits = max(12, 2 - math.floor(math.log10(step)))  # 0.3, not 0.30000000000000004
    numbers = [round(k * step, digits) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return list(dict.fromkeys(numbers))  # fewer where they are as close as numbers can be
