"""What the page is told of a surface of the list, or of a formula: its pictures, and what is known of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from couloir.figures.heights import scale
from couloir.studio.rooms import drawing
from couloir.surfaces import evaluation
from couloir.surfaces.evaluation import Surface

CONTOUR, RELIEF = 101, 51
"""Points along each side of the grids for the picture from above and for the one in space."""


def least_known(surface: Surface) -> float | None:
    """The least value of a surface, else that of the lowest of its minima; None where neither is known."""
    if surface.least is not None or not surface.minima:
        return surface.least
    return float(evaluation.values(surface, surface.minima).min())


def surface_values(surface: Surface) -> dict[str, Any]:
    """What is known of a surface, and the scale that its pictures share, as plain JSON."""
    least = least_known(surface)
    heights = evaluation.values(surface, surface.minima).tolist() if surface.minima else []
    return {
        "equation": surface.equation,
        "source": surface.source,
        "note": surface.note,
        "axes": surface.axes,
        "start": surface.start,
        "starts": surface.starts or (surface.start,),
        "minima": [[*minimum, loss] for minimum, loss in zip(surface.minima, heights, strict=True)],
        "least": least,
        **drawing.surface(*surface.domain, scale(_losses(surface, CONTOUR), least)),
    }


def surface_arrays(surface: Surface) -> dict[str, np.ndarray]:
    """The surface's losses on the two grids, [row, column] from the low end of y and x; NaN where none."""
    return {"contour": _losses(surface, CONTOUR), "relief": _losses(surface, RELIEF)}


def _losses(surface: Surface, resolution: int) -> np.ndarray:
    z = evaluation.grid(surface, resolution).z
    return np.where(np.isfinite(z), z, np.nan)
