"""What the chapters show beside their figures: curves of activations and schedules, the rules' settings."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup

from couloir.book.mathml import equation
from couloir.options import symbol
from couloir.text import number


def of(chapter: int) -> dict[str, Any]:
    """What a chapter's template uses besides its figures."""
    return {
        "equation": _equation,
        "thousands": _thousands,
        "sparks": _SPARKS.get(chapter, dict)(),
        "settings": _settings,
    }


def _equation(text: str, display: bool = False) -> Markup:
    return Markup(equation(text, display=display))


def _thousands(count: int) -> str:
    """A count as an equation takes it: 11,935, and no sign of a list between its digits."""
    return rf"\text{{{count:,}}}"


def _settings(rule: str) -> str:
    """A rule's customary settings as its formula names them: "α 0.01, β 0.9"."""
    from couloir.engine.optimizers import RULES

    return ", ".join(f"{symbol(name)} {number(value)}" for name, value in RULES[rule].defaults.items())


def _activations() -> dict[str, Any]:
    import jax.numpy as jnp

    from couloir.engine.activations import ACTIVATIONS

    place = np.linspace(-4, 4, 81, dtype=np.float32)
    curves = {name: np.asarray(each(jnp.asarray(place))) for name, each in ACTIVATIONS.items()}
    return {name: spark(place, curve, (-1.2, 4)) for name, curve in curves.items()}


def _schedules() -> dict[str, Any]:
    from couloir.engine.schedules import SCHEDULES, factors

    steps = np.arange(200)
    curves = {name: factors(name, steps, len(steps)) for name in SCHEDULES}
    curves["warmup"] = factors("cosine", steps, len(steps), warmup=0.15)
    return {name: spark(steps, curve, (0, 1)) for name, curve in curves.items()}


_SPARKS = {3: _activations, 5: _schedules}


def spark(x: np.ndarray, y: np.ndarray, limits: tuple[float, float]) -> Markup:
    """A small curve as an SVG element, with lines at y = 0 and, where it lies inside, x = 0."""
    low, high = limits
    across = (x - x[0]) / (x[-1] - x[0]) * 100
    down = (high - y) / (high - low) * 50
    points = " ".join(f"{a:.1f},{d:.2f}" for a, d in zip(across, down, strict=True) if 0 <= d <= 50)
    zero = high / (high - low) * 50
    lines = f'<line x1="0" x2="100" y1="{zero:.2f}" y2="{zero:.2f}"/>'
    if x[0] < 0 < x[-1]:
        middle = -x[0] / (x[-1] - x[0]) * 100
        lines += f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="0" y2="50"/>'
    return Markup(
        '<svg class="spark" viewBox="-1 -1 102 52" preserveAspectRatio="none" aria-hidden="true">'
        f'{lines}<path d="M{points}"/></svg>'
    )
