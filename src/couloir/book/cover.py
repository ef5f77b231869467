"""The picture on the cover: a surface of this book as ridges, with a descent through it."""

from __future__ import annotations

import numpy as np


def picture(rows: int = 34) -> str:
    """The hills of figure 12 from the side, row behind row, with the paths of two descents, as SVG."""
    from couloir.engine.optimizers import RULES
    from couloir.surfaces.evaluation import grid, values
    from couloir.surfaces.functions import surface
    from couloir.surfaces.paths import Runner, follow

    hills = surface("hills")
    found = grid(hills, 121)
    low, high = float(found.z.min()), float(found.z.max())
    (left, right), (_, back) = hills.domain
    front = -2.2  # further in front a hill would hide the valley

    def placed(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Across and down in the picture, [point, 2]."""
        across = (x - left) / (right - left) * 1000
        down = (back - y) / (back - front) * 210 + (high - z) / (high - low) * 140
        return np.stack([across, down], axis=-1)

    runners = [Runner(RULES["sgd"], 0.05, start=start) for start in hills.starts]
    paths = follow(hills, runners, 120).points
    parts = []
    for place in np.linspace(len(found.y) - 1, np.searchsorted(found.y, front), rows).round().astype(int):
        line = placed(found.x, np.full_like(found.x, found.y[place]), found.z[place])
        # What lies behind a ridge is hidden by it.
        parts.append(f'<path class="ground" d="M0,400 {_joined(line)} 1000,400"/>')
        parts.append(f'<path class="level" d="M{_joined(line)}"/>')
    for path in paths:
        drawn = placed(path[:, 0], path[:, 1], values(hills, path))
        parts.append(f'<path class="path" d="M{_joined(drawn)}"/>')
    return f'<svg viewBox="0 5 1000 360" role="presentation">{"".join(parts)}</svg>'


def _joined(points: np.ndarray) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
