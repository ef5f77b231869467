"""How sharply the loss curves around a trained network: the Hessian's eigenvalues, and what they promise."""

from __future__ import annotations

from couloir.figures import theme
from couloir.figures.chart import Chart, Row, new_figure
from couloir.figures.landscapes.slices import loss_axis
from couloir.figures.scores import TableRun, finite, rows
from couloir.figures.traces import add_trace, line, listed, mark
from couloir.runs.records.findings import Curvature, LandscapeRecord
from couloir.text import joined, number, subscript

NO_CURVATURE = "The curvature was not asked for."


def slice_spectrum(run: TableRun[LandscapeRecord]) -> Chart:
    """The largest eigenvalues of the Hessian at the trained network, and the smallest."""
    title, found = "How sharply the loss curves", run.record.curvature
    if not found:
        return Chart("spectrum", title, NO_CURVATURE)
    values = [*found.eigenvalues, found.lowest]
    labels = [*(f"λ{subscript(place + 1)}" for place in range(len(found.eigenvalues))), "lowest"]
    figure = new_figure(title, "curvature (eigenvalue of the Hessian)", "", height=110 + 44 * len(values))
    for place, (label, value) in enumerate(zip(labels, values, strict=True)):
        role, told = "wrong" if value < 0 else "right", f"{label} = {number(value)}"
        end = mark(role, [0, 11], opacity=1)
        add_trace(figure, [0, value], [place, place], None, line(role, 3), end, told)
    names = listed(labels, tickfont={"size": 14, "color": theme.colour("ink")})
    across = {"zeroline": True, "zerolinecolor": theme.colour("quiet")}
    figure.update_layout(showlegend=False, yaxis=names, xaxis=across)
    told = joined([f"{n} {number(v)}" for n, v in zip(labels, values, strict=True)], 12)
    return Chart("spectrum", title, _sharpness_words(found), f"Dot chart of eigenvalues: {told}.", figure)


def _sharpness_words(found: Curvature) -> str:
    top, lowest = found.eigenvalues[0], found.lowest
    text = f"Along the sharpest of {found.parameters:,} directions the curvature is {number(top)}"
    if found.critical_rate:
        text += ": plain gradient descent over all rows cannot settle here with a learning rate above "
        text += f"{number(found.critical_rate)}"
    text += ". "
    if lowest < 0 and abs(lowest) > 1e-4 * abs(top):
        text += f"The lowest is {number(lowest)}: in some direction the loss still bends downwards, so this "
        text += "is not quite a minimum. "
    else:
        text += f"The lowest is {number(lowest)}: no direction bends clearly downwards. "
    text += f"The gradient's length is {number(found.gradient)}."
    return text if found.settled else f"{text} The iteration ended before all of these had settled."


def slice_profile(run: TableRun[LandscapeRecord]) -> Chart:
    """The loss along the two sharpest directions, beside the parabolas that the eigenvalues promise."""
    title, table = "Along the sharpest directions", rows(run, "profile")
    if not table:
        why = "No direction curves up." if run.record.curvature else NO_CURVATURE
        return Chart("profile", title, why)
    figure = new_figure(title, "distance from the trained network", loss_axis(run))
    for direction, shade in ((1, "right"), (2, "wrong")):
        own = [row for row in table if row["direction"] == direction]
        for column, dash, what in (("loss", "solid", "measured"), ("parabola", "dot", "parabola")):
            name = f"{ {1: 'sharpest', 2: 'second'}[direction] }, {what}"
            add_trace(
                figure,
                [row["distance"] for row in own],
                [row[column] for row in own],
                name,
                line(shade, 2.5 if dash == "solid" else 2, dash),
                hover=f"{name}: %{{y:.4~g}}<br>at %{{x:.3~g}}",
            )
    sentence = _parabola_words(table)
    alt = f"Line chart of the loss along two directions. {sentence}"
    return Chart("profile", title, sentence, alt, figure)


def _parabola_words(table: list[Row]) -> str:
    """Where the measured loss follows the parabola, and how far it has left it at the ends."""
    own = [row for row in table if row["direction"] == 1]
    farthest, lowest = own[-1]["distance"], min(row["loss"] for row in own)
    near = [row for row in own if abs(row["distance"]) <= farthest / 4 and finite(row["loss"])]
    apart = max(abs(row["loss"] - row["parabola"]) for row in near)
    text = "The parabola has the slope and the curvature at the trained network. Along the sharpest "
    text += f"direction it is off by at most {number(apart)} up to {number(farthest / 4)} away, beside a "
    ends = [f"{number(row['loss'])} against its {number(row['parabola'])}" for row in (own[0], own[-1])]
    text += f"lowest loss of {number(lowest)}; "
    return f"{text}{number(farthest)} away the loss is {ends[0]} and {ends[1]}."
