"""Level lines of a surface over two coordinates, with what is known of it and the paths on it.

Heights and shades are logarithmic where a surface is wide (`couloir.figures.heights`), and every number that
is shown is a loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from couloir.figures import relief
from couloir.figures.chart import Chart, Figure, new_figure, title_on_top
from couloir.figures.heights import Scale, scale
from couloir.figures.surfaces.tracks import Track, add_path, ends_words, tracks, view
from couloir.figures.traces import add_trace, mark, titled
from couloir.text import joined, number, point

if TYPE_CHECKING:
    from couloir.surfaces.evaluation import Grid, Surface
    from couloir.surfaces.paths import Paths

RESOLUTION = 121
"""Grid points along each side of the domain."""
MOST_MINIMA = 12
"""Of more minima in the picture only the lowest is marked."""
HEIGHT = 520


def contour(surface: Surface, paths: Paths | None = None, *, labels: Sequence[str] | None = None) -> Chart:
    """Level lines of a surface with its minima, and the paths on it.

    Args:
        surface: one of `couloir.surfaces.functions.SURFACES`, or any other.
        paths: what `couloir.surfaces.paths.follow` returns; None: the surface alone.
        labels: what to call each path.
    """
    drawn = tracks(paths, labels)
    surface = view(surface, drawn)
    found, heights = gridded(surface)
    figure = new_figure(surface.title, *surface.axes, height=HEIGHT)
    add_levels(figure, found, heights, surface)
    for track in drawn:
        add_path(figure, track)
    add_marks(figure, surface, drawn)
    figure.update_layout(xaxis=side(surface, 0), yaxis=side(surface, 1), showlegend=True)
    figure.update_layout(**title_on_top(3 if len(drawn) > 3 else 1))
    x, y = (f"{axis} from {number(a)} to {number(b)}"
            for axis, (a, b) in zip(surface.axes, surface.domain, strict=True))  # fmt: skip
    alt = f"Level lines of {surface.title} over {x} and {y}. {range_words(found)} {ends_words(drawn)}".strip()
    return Chart("contour", surface.title, _sentence(surface, drawn, heights), alt, figure)


def gridded(surface: Surface, resolution: int = RESOLUTION) -> tuple[Grid, Scale]:
    """The surface over its domain, and the scale that suits it."""
    from couloir.surfaces.evaluation import grid

    found = grid(surface, resolution)
    return found, scale(found.z, surface.least)


def add_levels(
    figure: Figure, found: Grid, heights: Scale, surface: Surface, bar: bool = True, **settings: Any
) -> None:
    """Shade and level lines of a grid.

    Args:
        figure: where they go.
        found: the grid.
        heights: its scale.
        surface: whose axes name the coordinates.
        bar: whether there is a colour bar.
        settings: further ones of the trace.
    """
    relief.add_levels(figure, *found, heights, coordinates_told(surface), showscale=bar, **settings)


def coordinates_told(surface: Surface) -> str:
    """What is told of a point of the grid, before its loss."""
    x, y = surface.axes
    return f"{x} %{{x:.3~g}}, {y} %{{y:.3~g}}<br>loss"


def add_marks(figure: Figure, surface: Surface, drawn: Sequence[Track]) -> None:
    """The minima that are known, and where the paths begin."""
    inside = [
        minimum
        for minimum in surface.minima
        if all(low <= c <= high for c, (low, high) in zip(minimum, surface.domain, strict=True))
    ]
    if len(inside) > MOST_MINIMA:
        inside = inside[:1]
    if inside:
        name, marks = "minimum" if len(inside) == 1 else "minima", mark("ink", 10, "x-thin", (2, "ink"))
        hover = "minimum (%{x:.4~g}, %{y:.4~g})"
        add_trace(figure, *_columns(inside), name, marker=marks, hover=hover)
    starts = list(dict.fromkeys(tuple(track.points[0]) for track in drawn)) or [surface.start]
    marks, hover = mark("ink", 12, "circle-open", (2, "ink")), "start (%{x:.4~g}, %{y:.4~g})"
    add_trace(figure, *_columns(starts), "start", marker=marks, hover=hover)


def _columns(points: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def side(surface: Surface, axis: int) -> dict[str, Any]:
    """Settings of an axis that spans a side of the domain."""
    return titled(surface.axes[axis], range=list(surface.domain[axis]), showgrid=False)


def range_words(found: Grid) -> str:
    """From what to what the loss goes."""
    return f"The loss goes from {number(float(found.z.min()))} to {number(float(found.z.max()))} there."


def _sentence(surface: Surface, drawn: Sequence[Track], heights: Scale) -> str:
    text = f"The surface is {surface.equation}. " if surface.equation else ""
    if surface.least is not None and surface.minima:
        from couloir.surfaces.evaluation import values

        losses = zip(surface.minima, values(surface, surface.minima).tolist(), strict=True)
        least = [at for at, loss in losses if abs(loss - surface.least) < 1e-6]
        text += f"The least loss, {number(surface.least)}, is at "
        text += f"{joined([point(at) for at in least or surface.minima[:1]])}. "
    if heights.logarithmic:
        text += "From one level line to the next the loss above the least is multiplied by "
        text += f"{number(10 ** heights.contours()['size'])}. "
    return (text + ends_words(drawn)).strip()
