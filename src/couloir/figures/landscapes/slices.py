"""The loss around a trained network: the slice with its paths, in two and three dimensions; the curvature.

Everything is drawn from a landscape's record and tables (`couloir.commands.landscape`), as they are stored.
Shades and heights are those of `couloir.figures.surfaces.contours`, logarithmic where the losses are wide.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from couloir.figures import relief, theme
from couloir.figures.chart import Chart, Figure, Row, logarithmic_where_wide, new_figure
from couloir.figures.heights import Scale
from couloir.figures.relief import space_axis
from couloir.figures.scores import TableRun, finite, grouped, rows
from couloir.figures.traces import add_note, add_trace, line, mark
from couloir.runs.records import LandscapeRecord
from couloir.text import LOSS_NAMES, joined, number, plain, share

HEIGHT = 540
WIDE = 5.0
"""From this ratio of the highest to the lowest loss on, heights are logarithmic."""

NO_PATHS = "No paths were trained for this plane: couloir landscape RUN --plane paths draws them."


# What the figures read -------------------------------------------------------------------------------


def loss_words(run: TableRun[LandscapeRecord]) -> str:
    """The loss in words: "cross-entropy"."""
    return LOSS_NAMES[run.record.loss]


def loss_axis(run: TableRun[LandscapeRecord]) -> str:
    """The title of an axis that shows the loss, with its unit; short, for phones."""
    loss, target = run.record.loss, plain(run.record.data.target, 18)
    units = {"cross_entropy": " (nats)", "mse": f" ({target}²)", "mae": f" ({target})"}
    return f"{'MSE' if loss == 'mse' else loss_words(run)}{units.get(loss, '')}"


def _grid(run: TableRun[LandscapeRecord]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x [x], y [y] and losses [y, x]; not a number where the loss was not finite."""
    table = run.tables["slice"]
    x, y = (np.unique(table[name].to_numpy()) for name in ("x", "y"))
    return x, y, table["loss"].cast(float).fill_null(math.nan).to_numpy().reshape(len(y), len(x))


def _heights(losses: np.ndarray) -> Scale:
    """The logarithm of the losses where they spread far, otherwise the losses."""
    values = losses[np.isfinite(losses)]
    low, high = float(values.min()), float(values.max())
    if low > 0 and high > WIDE * low:
        return Scale(0.0, 0.0, math.log10(low), math.log10(high), logarithmic=True)
    return Scale(0.0, 0.0, low, high, logarithmic=False)


def _paths(run: TableRun[LandscapeRecord]) -> dict[str, list[Row]]:
    """The rows of the paths by rule."""
    return grouped(rows(run, "path"), "rule")


# The slice -------------------------------------------------------------------------------------------


def slice_contour(run: TableRun[LandscapeRecord]) -> Chart:
    """Level lines of the loss on the plane, with what is marked and the rules' paths; a line's profile."""
    if run.record.plane.kind == "line":
        return _line_chart(run)
    title = "The loss around the trained network"
    x, y, losses = _grid(run)
    if not np.isfinite(losses).any():
        return Chart("slice", title, "Nothing can be drawn: no loss on this plane is finite.")
    heights = _heights(losses)
    across, up = run.record.plane.titles
    figure = new_figure(title, plain(across, 60), plain(up, 60), height=HEIGHT)
    relief.add_levels(figure, x, y, losses, heights, _place_told(run))
    for rule, path in _paths(run).items():
        _add_path(figure, rule, path)
    _add_marks(figure, run)
    figure.update_layout(
        xaxis={"range": [float(x[0]), float(x[-1])], "showgrid": False},
        yaxis={"range": [float(y[0]), float(y[-1])], "showgrid": False},
        showlegend=bool(_paths(run)),
    )
    alt = f"Level lines of the {loss_words(run)} on a plane through the trained network: from "
    alt += f"{number(float(np.nanmin(losses)))} to {number(float(np.nanmax(losses)))}. {_ends_words(run)}"
    return Chart("slice", title, _slice_sentence(run, heights), alt.strip(), figure)


def _place_told(run: TableRun[LandscapeRecord]) -> str:
    """What is told of a point of the grid, before its loss."""
    return f"(%{{x:.3~g}}, %{{y:.3~g}})<br>{loss_words(run)}"


def _add_path(figure: Figure, rule: str, path: list[Row]) -> None:
    """A path as a line with a point an epoch; its hover tells the true loss beside the plane's."""
    style, name = theme.rule_style(rule), plain(rule)
    shown = [
        f"epoch {row['epoch']}<br>true loss {number(row['loss'])}, on the plane {number(row['projected'])}"
        for row in path
    ]
    x, y = ([row[axis] for row in path] for axis in ("x", "y"))
    halo = line("paper", 5)  # keeps the line apart from a shade like its own
    add_trace(figure, x, y, line=halo, legendgroup=name, showlegend=False)
    further = len(path) - 1
    add_trace(
        figure,
        x,
        y,
        name,
        line(style.colour, 2.5, style.dash),
        mark(style.colour, [5] * further + [12], style.symbol, ([0] * further + [1.5], "paper"), opacity=1),
        f"{name}, %{{customdata}}",
        customdata=shown,
        legendgroup=name,
    )


def _add_marks(figure: Figure, run: TableRun[LandscapeRecord]) -> None:
    """The named points, with their names beside them, and where the paths begin."""
    marks = dict(run.record.plane.marks)
    starts = {(row["x"], row["y"]) for row in rows(run, "path") if row["epoch"] == 0}
    if starts and "the start" not in marks:
        marks["start"] = next(iter(starts))
    for name, (x, y) in marks.items():
        begins = name.endswith("start")
        marker = mark("ink", 12, "circle-open" if begins else "x-thin", (2, "ink"))
        hover = f"{plain(name)}<br>(%{{x:.3~g}}, %{{y:.3~g}})"
        add_trace(figure, [x], [y], plain(name), marker=marker, hover=hover, showlegend=False)
        shift = 16 if begins else -16  # paths leave the start downwards on most planes
        add_note(figure, x, y, plain(name.removeprefix("the ")), "ink", yshift=shift)


def _slice_sentence(run: TableRun[LandscapeRecord], heights: Scale) -> str:
    """What the plane is, what its lines mean, and where it is lowest."""
    record = run.record
    what = {"random": _random_words, "paths": _principal_words, "solutions": _solutions_words}
    text = what[record.plane.kind](record)
    if heights.logarithmic:
        factor = 10 ** heights.contours()["size"]
        text += f" From one level line to the next the loss is multiplied by {number(factor)}."
    lowest, centre = record.lowest.loss, record.centre.loss
    text += f" The trained network's loss is {number(centre, 4)}; "
    if lowest is not None and centre is not None and lowest < centre:
        place = f"({number(record.lowest.x, 2)}, {number(record.lowest.y, 2)})"
        return f"{text}the lowest on the grid is {number(lowest, 4)}, at {place}."
    return f"{text}nothing on the grid is lower."


def _random_words(record: LandscapeRecord) -> str:
    reach = number(record.grid.x[1])
    return (
        "The trained network stands in the middle. At a distance of 1 each neuron has been changed by as "
        f"much as it is long; the grid reaches {reach} to each side."
    )


def _principal_words(record: LandscapeRecord) -> str:
    text = "The plane goes through the trained network along the two directions in which the paths spread "
    text += f"most: they hold {share(sum(record.plane.explained or ()))} of the squared distances from it."
    shares = [f"{path.rule} {share(path.shown)}" for path in record.paths]
    return f"{text} Of each path it shows: {joined(shares, 12)}." if len(shares) > 1 else text


def _solutions_words(record: LandscapeRecord) -> str:
    return f"The plane goes through {joined(list(record.plane.marks))}."


def _ends_words(run: TableRun[LandscapeRecord]) -> str:
    """The true loss at the end of each path."""
    ends = [f"{rule} {number(path[-1]['loss'])}" for rule, path in _paths(run).items()]
    return f"Loss at the ends of the paths: {joined(ends, 12)}." if ends else ""


def _line_chart(run: TableRun[LandscapeRecord]) -> Chart:
    """The loss along the line between two networks."""
    title = "The loss on the line between two networks"
    x, _, losses = _grid(run)
    curve = losses[0]
    if not np.isfinite(curve).any():
        return Chart("slice", title, "Nothing can be drawn: no loss on this line is finite.")
    figure = new_figure(title, plain(run.record.plane.titles[0], 60), loss_axis(run))
    hover = f"at %{{x:.2f}}<br>{loss_words(run)} %{{y:.4~g}}"
    add_trace(figure, x, curve, line=line("right"), hover=hover)
    ends = {name: float(np.interp(point[0], x, curve)) for name, point in run.record.plane.marks.items()}
    for name, (place, _) in run.record.plane.marks.items():
        figure.add_vline(x=place, line=line("quiet", 1, "dot"))
        text, paper = plain(name.removeprefix("the "), 24), theme.colour("paper")
        add_note(figure, place, 1, text, "ink", yref="paper", yanchor="top", bgcolor=paper)
    losses_axis = logarithmic_where_wide([value for value in curve if math.isfinite(value)])
    figure.update_layout(showlegend=False, yaxis=losses_axis)
    sentence = _barrier_words(ends, x, curve)
    return Chart("slice", title, sentence, f"Line chart of the loss. {sentence}", figure)


def _barrier_words(ends: dict[str, float], x: np.ndarray, curve: np.ndarray) -> str:
    """How high the ridge between the two is."""
    between = curve[(x >= 0) & (x <= 1)]
    top, (one, other) = float(np.nanmax(between)), ends
    text = f"The loss of {one} is {number(ends[one])}, that of {other} {number(ends[other])}. "
    higher = max(ends.values())
    if top > higher * (1 + 1e-6):
        place = float(x[(x >= 0) & (x <= 1)][int(np.nanargmax(between))])
        text += f"Between them it rises to {number(top, 4)}, at {number(place, 2)} of the way and "
        return f"{text}{share(top / higher - 1)} above the higher of the two: a ridge divides them."
    return f"{text}On the straight way between them nothing is higher: no ridge divides them."


# In three dimensions ---------------------------------------------------------------------------------


def slice_bowl(run: TableRun[LandscapeRecord]) -> Chart:
    """The slice as a surface, with the paths on it; to be turned with the mouse."""
    title = "The same in three dimensions"
    if run.record.plane.kind == "line":
        return Chart("bowl", title, "A line has no third dimension.")
    x, y, losses = _grid(run)
    if not np.isfinite(losses).any():
        return Chart("bowl", title, "Nothing can be drawn: no loss on this plane is finite.")
    heights = _heights(losses)
    figure = new_figure(title, "", "", height=HEIGHT)
    relief.add_surface(figure, x, y, losses, heights, _place_told(run), 0.92)
    for rule, path in _paths(run).items():
        _add_path_above(figure, rule, path, heights)
    figure.update_layout(scene=_scene(run, heights), legend={"itemsizing": "constant"})
    what = "The height is the logarithm of the loss" if heights.logarithmic else "The height is the loss"
    sentence = f"{what}; the axis names losses. Drag to turn it."
    if _paths(run):
        sentence += " The paths lie on the surface: at the loss of the plane, not always at their own."
    alt = f"The loss on the plane as a surface, from {number(float(np.nanmin(losses)))} to "
    return Chart("bowl", title, sentence, f"{alt}{number(float(np.nanmax(losses)))}.", figure)


def _add_path_above(figure: Figure, rule: str, path: list[Row], heights: Scale) -> None:
    style = theme.rule_style(rule)
    seen = [row for row in path if finite(row["projected"]) and row["projected"] > 0]
    lift = relief.LIFT * (heights.high - heights.low)
    figure.add_scatter3d(
        x=[row["x"] for row in seen],
        y=[row["y"] for row in seen],
        z=(heights.height([row["projected"] for row in seen]) + lift).tolist(),
        mode="lines+markers",
        name=plain(rule),
        line={"color": style.colour, "width": 6},
        marker={"color": style.colour, "size": [2.5] * (len(seen) - 1) + [6], "opacity": 1},
        customdata=[[row["epoch"], number(row["projected"])] for row in seen],
        hovertemplate=f"{plain(rule)}, epoch %{{customdata[0]}}<br>loss %{{customdata[1]}}<extra></extra>",
    )


def _scene(run: TableRun[LandscapeRecord], heights: Scale) -> dict[str, Any]:
    positions, labels = heights.ticks()
    z = space_axis("loss", tickvals=positions, ticktext=labels)
    # The axes of the level lines carry the whole names; here they would run into each other.
    return relief.scene(heights, space_axis("first"), space_axis("second"), z, _eye(run))


def _eye(run: TableRun[LandscapeRecord]) -> tuple[float, float, float]:
    """From where to look: from the side on which the paths start, so that they go away from the eye."""
    start = next(iter(rows(run, "path")), {"x": 1.0, "y": -1.0})
    grid = run.record.grid
    right, far = start["x"] >= sum(grid.x) / 2, start["y"] >= sum(grid.y) / 2
    return 1.3 if right else -1.3, 1.2 if far else -1.2, 1.1


# The paths' losses -----------------------------------------------------------------------------------


def slice_paths(run: TableRun[LandscapeRecord]) -> Chart:
    """At each point of each path: the network's true loss, and that of its shadow on the plane."""
    title = "True losses and the plane's"
    paths = _paths(run)
    if not paths:
        return Chart("path-losses", title, NO_PATHS)
    if run.record.plane.kind == "line":
        return Chart("path-losses", title, "A line shows nothing of a path but its end.")
    figure = new_figure(title, "epoch", loss_axis(run))
    for kind, dash in (("the network itself", "solid"), ("its place on the plane", "dot")):
        figure.add_scatter(x=[None], y=[None], mode="lines", name=kind, line=line("quiet", 2, dash))
    values = []
    for rule, path in paths.items():
        style, name = theme.rule_style(rule), plain(rule)
        for column, dash, kind in (("loss", "solid", "true"), ("projected", "dot", "on the plane")):
            values += [row[column] for row in path if finite(row[column])]
            add_trace(
                figure,
                [row["epoch"] for row in path],
                [row[column] for row in path],
                name,
                line(style.colour, 2.2, dash),
                mark(style.colour, 6, style.symbol) if column == "loss" else None,
                f"{name}, epoch %{{x}}<br>{kind}: %{{y:.4~g}}",
                legendgroup=name,
                showlegend=column == "loss",
            )
    figure.update_layout(yaxis=logarithmic_where_wide(values))
    sentence = _apart_words(paths)
    alt = f"Line chart by epoch. {sentence} {_ends_words(run)}"
    return Chart("path-losses", title, sentence, alt, figure)


def _apart_words(paths: dict[str, list[Row]]) -> str:
    """How far the plane's loss is from the true one at its worst, after the start."""
    worst = max(
        (
            (max(row["projected"], row["loss"]) / min(row["projected"], row["loss"]), rule, row)
            for rule, path in paths.items()
            for row in path
            if finite(row["loss"]) and finite(row["projected"]) and min(row["projected"], row["loss"]) > 0
        ),
        key=lambda entry: entry[0],
        default=None,
    )
    if worst is None:
        return "No loss on the paths is finite."
    factor, rule, row = worst
    text = "Where the two lines of a rule part, the plane shows something that the path did not meet. "
    return (
        f"{text}They are farthest apart for {rule} at epoch {row['epoch']}: {number(row['loss'])} in truth, "
        f"{number(row['projected'])} on the plane, a factor of {number(factor)}."
    )
