"""Surfaces over two coordinates and the paths on them: level lines, the bowl in three dimensions, losses.

Heights and shades are logarithmic where a surface is wide (`couloir.figures.heights`), and every number that
is shown is a loss. A path has its rule's colour and dash; where one rule goes twice, each path has a style
of its own.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from couloir import text as words
from couloir.figures import theme
from couloir.figures.chart import Chart, new_figure
from couloir.figures.heights import Scale, scale
from couloir.figures.theme import RuleStyle
from couloir.text import number

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from numpy.typing import NDArray

    from couloir.surfaces.evaluation import Grid, Surface
    from couloir.surfaces.paths import Paths

RESOLUTION = 121
"""Grid points along each side of the domain."""
SMALLEST = 0.25
"""The least share of a side of the domain that is shown."""
MOST_MINIMA = 12
"""Of more minima in the picture only the lowest is marked."""
HEIGHT = 520
DEEPEST = 1e-12
"""The least loss above the minimum that is drawn: below it there is only rounding."""
SPARE = ("further-1", "further-4", "further-3", "further-2", "right", "wrong")
DASHES = ("solid", "dash", "dot", "longdash", "dashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "star")


@dataclass(frozen=True)
class Track:
    """One path as it is drawn.

    Attributes:
        label: what it is called: its rule, and its rate or start where a rule goes twice.
        points: [step + 1, 2].
        losses: [step + 1].
        style: its colour, dash and mark.
        diverged: the step that it could not take; None: it took all.
    """

    label: str
    points: NDArray[np.float64]
    losses: NDArray[np.float64]
    style: RuleStyle
    diverged: int | None = None

    @property
    def last(self) -> int:
        """The last step that was taken."""
        return len(self.losses) - 1 if self.diverged is None else self.diverged - 1


def tracks(paths: Paths | None, labels: Sequence[str] | None = None) -> list[Track]:
    """The paths as they are drawn.

    Args:
        paths: what `couloir.surfaces.paths.follow` returns; None: no path.
        labels: what to call each path; None: by its rule, and by what tells it from others of the rule.
    """
    if paths is None:
        return []
    runners = paths.runners
    rules = [runner.rule.name for runner in runners]
    names = list(labels) if labels is not None else _labels(runners)
    twice = len(set(rules)) < len(rules)
    points, losses = np.asarray(paths.points, float), np.asarray(paths.losses, float)
    return [
        Track(
            name,
            points[i],
            losses[i],
            _spare_style(i) if twice else theme.rule_style(rules[i]),
            paths.diverged[i],
        )
        for i, name in enumerate(names)
    ]


def _spare_style(place: int) -> RuleStyle:
    return RuleStyle(
        theme.colour(SPARE[place % len(SPARE)]), DASHES[place % len(DASHES)], SYMBOLS[place % len(SYMBOLS)]
    )


def _labels(runners: Sequence[Any]) -> list[str]:
    """Rules by name; with the rate and the start where those differ within a rule."""
    found = []
    for runner in runners:
        alike = [other for other in runners if other.rule.name == runner.rule.name]
        text = str(runner.rule.name)
        if len({other.learning_rate for other in alike}) > 1:
            text += f", rate {number(runner.learning_rate)}"
        if len({other.start for other in alike}) > 1 and runner.start is not None:
            text += f" from {place_words(runner.start)}"
        found.append(text)
    return found


def place_words(point: Sequence[float]) -> str:
    """A point in words: (1, −0.5)."""
    return f"({number(float(point[0]))}, {number(float(point[1]))})"


# Level lines ----------------------------------------------------------------------------------------------


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
    figure = new_figure(surface.title, surface.axes[0], surface.axes[1], height=HEIGHT)
    add_levels(figure, found, heights, surface)
    for track in drawn:
        add_path(figure, track)
    add_marks(figure, surface, drawn)
    figure.update_layout(
        xaxis=side(surface, 0),
        yaxis=side(surface, 1),
        showlegend=True,
        **room_above(3 if len(drawn) > 3 else 1),
    )
    alt = f"Level lines of {surface.title} over {_domain_words(surface)}. {_heights_words(found)}"
    alt += f" {_ends_words(drawn)}" if drawn else ""
    return Chart("contour", surface.title, _contour_sentence(surface, drawn, heights), alt, figure)


def view(surface: Surface, drawn: Sequence[Track]) -> Surface:
    """The surface with the part of its domain that the paths are in, with some room around them.

    What lies outside the domain is left out, and neither side becomes shorter than a quarter of its own.
    """
    if not drawn:
        return surface
    found = np.concatenate([track.points[: track.last + 1] for track in drawn])
    sides = np.asarray(surface.domain)
    least, size = sides[:, 0], sides[:, 1] - sides[:, 0]
    # Only the lowest minimum belongs to every picture: the others are shown where paths come near them.
    found = np.concatenate([found, *[np.asarray([minimum]) for minimum in surface.minima[:1]]])
    share = np.clip((found - least) / size, 0, 1)
    low, high = share.min(axis=0), share.max(axis=0)
    room = np.maximum(0.18 * (high - low), (SMALLEST - (high - low)) / 2)
    low, high = np.clip(low - room, 0, 1), np.clip(high + room, 0, 1)
    ends = np.stack([least + low * size, least + high * size], axis=1)
    (a, b), (c, d) = ends.tolist()
    return dataclasses.replace(surface, domain=((a, b), (c, d)))


def gridded(surface: Surface, resolution: int = RESOLUTION) -> tuple[Grid, Scale]:
    """The surface over its domain, and the scale that suits it."""
    from couloir.surfaces.evaluation import grid

    found = grid(surface, resolution)
    return found, scale(found.z, surface.least)


def add_levels(
    figure: go.Figure, found: Grid, heights: Scale, surface: Surface, bar: bool = True, **place: Any
) -> None:
    """Shade and level lines, the deeper the darker; the bar beside them names losses.

    Args:
        figure: where they go.
        found: the grid.
        heights: its scale.
        surface: whose axes name the coordinates.
        bar: whether there is a colour bar.
        place: row and column of a figure of several parts.
    """
    x, y = surface.axes
    figure.add_contour(
        x=found.x,
        y=found.y,
        # Single precision halves the page, and differences below it cannot be seen.
        z=heights.height(found.z).astype(np.float32),
        customdata=found.z.astype(np.float32),
        hovertemplate=f"{x} %{{x:.3~g}}, {y} %{{y:.3~g}}<br>loss %{{customdata:.4~g}}<extra></extra>",
        showscale=bar,
        **heights.levels(),
        **place,
    )


def add_path(figure: go.Figure, track: Track, **place: Any) -> None:
    """A path as a line, one point a step, and a mark at its end."""
    points = _coordinates(track)
    name = words.plain(track.label)
    shown = [number(loss) for loss in track.losses[: len(points)]]
    figure.add_scatter(
        x=[point[0] for point in points],
        y=[point[1] for point in points],
        customdata=shown,
        mode="lines",
        name=name,
        legendgroup=name,
        line={"color": track.style.colour, "width": 2.5, "dash": track.style.dash},
        hovertemplate=f"{name}, step %{{pointNumber}}<br>(%{{x:.3~g}}, %{{y:.3~g}})"
        "<br>loss %{customdata}<extra></extra>",
        **place,
    )
    add_head(figure, track, points[-1], name, **place)


def add_head(figure: go.Figure, track: Track, point: Sequence[float], name: str, **place: Any) -> None:
    """The mark at the end of a line."""
    figure.add_scatter(
        x=[point[0]],
        y=[point[1]],
        mode="markers",
        name=name,
        legendgroup=name,
        showlegend=False,
        hoverinfo="skip",
        marker={
            "color": track.style.colour,
            "symbol": track.style.symbol,
            "size": 11,
            "line": {"width": 1.5, "color": theme.colour("paper")},
        },
        **place,
    )


def _coordinates(track: Track) -> list[tuple[float, float]]:
    """The points that there are, to six digits: more cannot be seen."""
    return [(_short(x), _short(y)) for x, y in track.points[: track.last + 1]]


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def add_marks(figure: go.Figure, surface: Surface, drawn: Sequence[Track], **place: Any) -> None:
    """The minima that are known, and where the paths begin."""
    ink = theme.colour("ink")
    inside = [minimum for minimum in surface.minima if _inside(minimum, surface)]
    if len(inside) > MOST_MINIMA:
        inside = inside[:1]
    if inside:
        figure.add_scatter(
            x=[point[0] for point in inside],
            y=[point[1] for point in inside],
            mode="markers",
            name="minimum" if len(inside) == 1 else "minima",
            marker={"symbol": "x-thin", "size": 10, "line": {"width": 2, "color": ink}, "color": ink},
            hovertemplate="minimum (%{x:.4~g}, %{y:.4~g})<extra></extra>",
            **place,
        )
    starts = list(dict.fromkeys(tuple(track.points[0]) for track in drawn)) or [surface.start]
    figure.add_scatter(
        x=[point[0] for point in starts],
        y=[point[1] for point in starts],
        mode="markers",
        name="start",
        marker={"symbol": "circle-open", "size": 12, "line": {"width": 2, "color": ink}, "color": ink},
        hovertemplate="start (%{x:.4~g}, %{y:.4~g})<extra></extra>",
        **place,
    )


def room_above(lines: int) -> dict[str, Any]:
    """Settings of the layout that keep a legend of so many lines off the title."""
    title = {"y": 1, "yref": "container", "yanchor": "top", "pad": {"t": 18}}
    return {"margin": {"t": 42 + 22 * lines}, "title": title}


def _inside(point: Sequence[float], surface: Surface) -> bool:
    return all(low <= c <= high for c, (low, high) in zip(point, surface.domain, strict=True))


def side(surface: Surface, axis: int) -> dict[str, Any]:
    """Settings of an axis that spans a side of the domain."""
    return {"range": list(surface.domain[axis]), "showgrid": False, "title": {"text": surface.axes[axis]}}


def _domain_words(surface: Surface) -> str:
    (a, b), (c, d) = surface.domain
    x, y = surface.axes
    return f"{x} from {number(a)} to {number(b)} and {y} from {number(c)} to {number(d)}"


def _heights_words(found: Grid) -> str:
    return f"The loss goes from {number(float(found.z.min()))} to {number(float(found.z.max()))} there."


def _contour_sentence(surface: Surface, drawn: Sequence[Track], heights: Scale) -> str:
    text = f"The surface is {surface.equation}. " if surface.equation else ""
    if surface.least is not None and surface.minima:
        least = [m for m in surface.minima if abs(_loss(surface, m) - surface.least) < 1e-6]
        text += f"The least loss, {number(surface.least)}, is at "
        text += f"{words.joined([place_words(m) for m in least or surface.minima[:1]])}. "
    if heights.logarithmic:
        text += "From one level line to the next the loss above the least is multiplied by "
        text += f"{number(10 ** heights.contours()['size'])}. "
    return (text + _ends_words(drawn)).strip()


def _loss(surface: Surface, point: Sequence[float]) -> float:
    from couloir.surfaces.evaluation import values

    return float(values(surface, [(float(point[0]), float(point[1]))])[0])


def _ends_words(drawn: Sequence[Track]) -> str:
    """Where the paths end, the lowest first."""
    if not drawn:
        return ""
    steps = len(drawn[0].losses) - 1
    whole = sorted((t for t in drawn if t.diverged is None), key=lambda t: float(t.losses[-1]))
    lost = [f"{track.label} at step {track.diverged}" for track in drawn if track.diverged is not None]
    items = [f"{track.label} {number(float(track.losses[-1]))}" for track in whole]
    text = f"Loss after {words.count(steps, 'step')}: {words.joined(items, 12)}." if items else ""
    if lost:
        text += f" Diverged: {words.joined(lost)}."
    return text.strip()


# Three dimensions -----------------------------------------------------------------------------------------


def bowl(surface: Surface, paths: Paths | None = None, *, labels: Sequence[str] | None = None) -> Chart:
    """The surface in three dimensions with the paths on it; to be turned with the mouse.

    The height is logarithmic where the surface is wide, which the axis says.
    """
    drawn = tracks(paths, labels)
    surface = view(surface, drawn)
    found, heights = gridded(surface, 81)
    title = f"{surface.title} in three dimensions"
    figure = new_figure(title, "", "", height=HEIGHT)
    positions, losses = heights.ticks(5)
    x, y = surface.axes
    figure.add_surface(
        x=found.x.astype(np.float32),
        y=found.y.astype(np.float32),
        z=heights.height(found.z).astype(np.float32),
        customdata=found.z.astype(np.float32),
        hovertemplate=f"{x} %{{x:.3~g}}, {y} %{{y:.3~g}}<br>loss %{{customdata:.4~g}}<extra></extra>",
        colorscale=theme.shades(),
        showscale=False,
        opacity=0.9,
        contours={"z": heights.contours() | {"show": True, "color": theme.colour("quiet"), "width": 1}},
        lighting={"ambient": 0.75, "diffuse": 0.5, "specular": 0.05, "roughness": 0.9},
        name="",
    )
    for track in drawn:
        _add_path_above(figure, surface, track, heights)
    figure.update_layout(scene=_scene(surface, heights, positions, losses), legend={"itemsizing": "constant"})
    alt = f"{surface.title} as a surface in three dimensions. {_heights_words(found)}"
    alt += f" {_ends_words(drawn)}" if drawn else ""
    sentence = f"{_shape_sentence(surface)}Drag to turn it. {_height_sentence(heights)}"
    return Chart("bowl", title, sentence, alt, figure)


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
    return f"Over {words.share(bent)} of the ground shown it curves downwards along some direction. "


def _height_sentence(heights: Scale) -> str:
    if not heights.logarithmic:
        return "The height is the loss."
    text = "The height is the logarithm of the loss above its least value, so that both "
    return f"{text}the steep walls and the flat floor can be seen; the axis names losses."


def _scene(
    surface: Surface, heights: Scale, positions: Sequence[float], losses: Sequence[str]
) -> dict[str, Any]:
    axis = {
        "gridcolor": theme.colour("grid"),
        "zerolinecolor": theme.colour("grid"),
        "showbackground": False,
        "tickfont": {"size": 11, "color": theme.colour("quiet")},
        "nticks": 5,
    }
    low, high = heights.low, heights.high
    return {
        "xaxis": axis | {"title": {"text": surface.axes[0]}, "range": list(surface.domain[0])},
        "yaxis": axis | {"title": {"text": surface.axes[1]}, "range": list(surface.domain[1])},
        "zaxis": axis
        | {
            "title": {"text": heights.words, "font": {"size": 13}},
            "tickvals": list(positions),
            "ticktext": list(losses),
            "range": [low - 0.02 * (high - low), high + 0.05 * (high - low)],
        },
        "aspectmode": "manual",
        "aspectratio": {"x": 1.2, "y": 1.2, "z": 0.8},
        "camera": {"eye": _eye(surface), "center": {"x": 0, "y": 0, "z": -0.15}},
    }


def _eye(surface: Surface) -> dict[str, float]:
    """From where to look: from the side on which the start is, so that the paths come towards the eye."""
    middle = [sum(ends) / 2 for ends in surface.domain]
    right, far = (surface.start[i] >= middle[i] for i in (0, 1))
    return {"x": 1.3 if right else -1.3, "y": 1.0 if far else -1.0, "z": 1.25}


def _add_path_above(figure: go.Figure, surface: Surface, track: Track, heights: Scale) -> None:
    """A path a little above the surface, so that it does not sink in; what is outside the box is left out."""
    points = np.asarray(_coordinates(track))
    lift = 0.012 * (heights.high - heights.low)
    height = heights.height(track.losses[: len(points)]) + lift
    sides = np.asarray(surface.domain)
    outside = ((points < sides[:, 0]) | (points > sides[:, 1])).any(axis=1)
    height = np.where(outside, np.nan, height)
    # Plotly has no long dashes in three dimensions.
    dash = {"longdash": "longdash", "dashdot": "dashdot"}.get(track.style.dash, track.style.dash)
    figure.add_scatter3d(
        x=points[:, 0].tolist(),
        y=points[:, 1].tolist(),
        z=[None if np.isnan(value) else round(float(value), 5) for value in height],
        mode="lines",
        name=words.plain(track.label),
        line={"color": track.style.colour, "width": 6, "dash": dash},
        customdata=[number(float(loss)) for loss in track.losses[: len(points)]],
        hovertemplate=f"{words.plain(track.label)}, step %{{pointNumber}}<br>loss %{{customdata}}"
        "<extra></extra>",
    )


# Losses by step -------------------------------------------------------------------------------------------


def path_losses(surface: Surface, paths: Paths, *, labels: Sequence[str] | None = None) -> Chart:
    """Loss against step, one line a path; above the least loss and logarithmic where that is known."""
    drawn, title = tracks(paths, labels), "Loss by step"
    figure = new_figure(title, "step", losses_title(surface), height=420)
    for track in drawn:
        add_losses(figure, track, surface)
    figure.update_layout(yaxis=losses_axis(surface, drawn), hovermode="closest")
    alt = f"Line chart of the loss by step, one line a path. {_ends_words(drawn)}"
    return Chart("losses", title, _ends_words(drawn), alt, figure)


def losses_title(surface: Surface) -> str:
    """What the axis of losses shows."""
    return "loss" if surface.least in (None, 0.0) else "loss above the least"


def losses_axis(surface: Surface, drawn: Sequence[Track], marks: int = 6) -> dict[str, Any]:
    """Settings of the axis of losses, with about so many marks: logarithmic above a known least loss."""
    values = np.concatenate([_losses_above(surface, track) for track in drawn])
    values = values[np.isfinite(values)]
    first = max(float(_losses_above(surface, track)[0]) for track in drawn)
    if surface.least is None:
        # What falls without end would flatten everything else.
        low, high = (
            max(float(values.min()), -5 * abs(first) - 5),
            min(float(values.max()), 5 * abs(first) + 5),
        )
        margin = 0.05 * (high - low) or 1.0
        return {"range": [low - margin, high + margin]}
    low, high = np.log10(max(float(values.min()), DEEPEST)), np.log10(max(first, DEEPEST))
    ceiling = np.log10(max(float(values.max()), DEEPEST))
    return theme.powers(max(1, math.ceil((high - low) / marks))) | {
        "range": [float(low) - 0.3, float(min(ceiling, high + 2)) + 0.3]
    }


def _losses_above(surface: Surface, track: Track) -> NDArray[np.float64]:
    """The losses that there are, above the least where one is known, not below what can be drawn."""
    losses = track.losses[: track.last + 1]
    return losses if surface.least is None else np.maximum(losses - surface.least, DEEPEST)


def add_losses(figure: go.Figure, track: Track, surface: Surface, legend: bool = True, **place: Any) -> None:
    """The losses of a path as a line, and a mark at its end."""
    name = words.plain(track.label)
    values = [_short(value) for value in _losses_above(surface, track)]
    figure.add_scatter(
        x=list(range(len(values))),
        y=values,
        mode="lines",
        name=name,
        legendgroup=name,
        showlegend=legend,
        line={"color": track.style.colour, "width": 2, "dash": track.style.dash},
        hovertemplate=f"{name}, step %{{x}}: %{{y:.3~g}}<extra></extra>",
        **place,
    )
    add_head(figure, track, (len(values) - 1, values[-1]), name, **place)
