"""A surface in three dimensions, with the paths on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from couloir.figures import relief
from couloir.figures.chart import Chart, Figure, new_figure
from couloir.figures.heights import Scale
from couloir.figures.relief import space_axis
from couloir.figures.surfaces.contours import HEIGHT, coordinates_told, gridded, range_words
from couloir.figures.surfaces.tracks import Track, ends_words, tracks, view
from couloir.text import number, share

if TYPE_CHECKING:
    from couloir.surfaces.evaluation import Surface
    from couloir.surfaces.paths import Paths


def bowl(surface: Surface, paths: Paths | None = None, *, labels: Sequence[str] | None = None) -> Chart:
    """The surface in three dimensions with the paths on it; to be turned with the mouse.

    The height is logarithmic where the surface is wide, which the axis says.
    """
    drawn = tracks(paths, labels)
    surface = view(surface, drawn)
    found, heights = gridded(surface, 81)
    title = f"{surface.title} in three dimensions"
    figure = new_figure(title, "", "", height=HEIGHT)
    relief.add_surface(figure, *found, heights, coordinates_told(surface), 0.9)
    for track in drawn:
        _add_path(figure, surface, track, heights)
    positions, losses = heights.ticks(5)
    x, y = (space_axis(surface.axes[axis], range=list(surface.domain[axis])) for axis in (0, 1))
    z = space_axis(heights.words, tickvals=list(positions), ticktext=list(losses))
    z["title"]["font"] = {"size": 13}
    # From the side on which the start is, so that the paths come towards the eye.
    right, far = (surface.start[axis] >= sum(surface.domain[axis]) / 2 for axis in (0, 1))
    eye = (1.3 if right else -1.3, 1.0 if far else -1.0, 1.25)
    figure.update_layout(scene=relief.scene(heights, x, y, z, eye), legend={"itemsizing": "constant"})
    alt = f"{surface.title} as a surface in three dimensions. {range_words(found)} {ends_words(drawn)}"
    sentence = f"{_shape_sentence(surface)}Drag to turn it. {_height_sentence(heights)}"
    return Chart("bowl", title, sentence, alt.strip(), figure)


def _shape_sentence(surface: Surface, resolution: int = 41) -> str:
    """Over how much of the picture the surface curves downwards along some direction."""
    from couloir.surfaces.evaluation import slopes_and_curvatures

    sides = (np.linspace(low, high, resolution) for low, high in surface.domain)
    places = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    hessians = slopes_and_curvatures(surface, places)[1]
    least = np.linalg.eigvalsh(hessians[np.isfinite(hessians).all(axis=(1, 2))])[:, 0]
    bent = float(np.mean(least < 0))
    if bent == 0:
        return "It curves upwards everywhere, as a bowl does, and has no second valley. "
    return f"Over {share(bent)} of the ground shown it curves downwards along some direction. "


def _height_sentence(heights: Scale) -> str:
    if not heights.logarithmic:
        return "The height is the loss."
    text = "The height is the logarithm of the loss above its least value, so that both "
    return f"{text}the steep walls and the flat floor can be seen; the axis names losses."


def _add_path(figure: Figure, surface: Surface, track: Track, heights: Scale) -> None:
    """A path a little above the surface; what is outside the box is left out."""
    x, y = track.coordinates()
    points, losses = np.array([x, y]).T, track.losses[: len(x)]
    height = heights.height(losses) + relief.LIFT * (heights.high - heights.low)
    low, high = np.asarray(surface.domain).T
    outside = ((points < low) | (points > high)).any(axis=1)
    figure.add_scatter3d(
        x=x,
        y=y,
        z=[None if out else round(float(value), 5) for value, out in zip(height, outside, strict=True)],
        mode="lines",
        name=track.name,
        line={"color": track.style.colour, "width": 6, "dash": track.style.dash},
        customdata=[number(float(loss)) for loss in losses],
        hovertemplate=f"{track.name}, step %{{pointNumber}}<br>loss %{{customdata}}<extra></extra>",
    )
