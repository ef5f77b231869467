"""Regularizers compared: the test loss of every treatment in every seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from couloir import text as words
from couloir.figures import theme
from couloir.figures.chart import Chart, new_figure
from couloir.text import number

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from couloir.experiments.regularizers import Regularizers, Treatment

NAMES = {
    "none": "nothing",
    "l2": "L2",
    "l1": "L1",
    "dropout": "dropout",
    "noise": "input noise",
    "early_stopping": "early stopping",
}


def regularizers_compared(found: Regularizers) -> Chart:
    """Test loss of each treatment: a dot a seed, a bar at the mean; hollow the training loss."""
    title = f"Regularizers compared on {words.plain(found.data)}"
    loss = words.METRIC_NAMES[found.metric]
    unit = "nats" if found.metric == "log_loss" else f"{words.plain(found.target, 18)}²"
    figure = new_figure(title, f"{loss} ({unit})", "", height=130 + 62 * len(found.treatments))
    shift = np.linspace(-0.13, 0.13, found.seeds) if found.seeds > 1 else np.zeros(1)
    # Drawn from top to bottom in the order given.
    for part, name, role, symbol in (
        ("training", "training, mean", "quiet", "line-ns-open"),
        ("test", "test, one seed", "right", "circle"),
    ):
        _add_part(figure, found, part, name, role, symbol, shift)
    _add_means(figure, found)
    figure.update_layout(
        yaxis={
            "tickvals": list(range(len(found.treatments))),
            "ticktext": [NAMES[treatment.name] for treatment in found.treatments],
            "range": [len(found.treatments) - 0.5, -0.5],
            "ticklabelstandoff": 6,
            "showgrid": False,
            "tickfont": {"color": theme.colour("ink")},
        },
        xaxis={"rangemode": "tozero"},
    )
    return Chart("regularizers", title, _sentence(found, loss), _alt(found, loss), figure)


def _add_part(
    figure: go.Figure, found: Regularizers, part: str, name: str, role: str, symbol: str, shift: np.ndarray
) -> None:
    """Every seed's test loss, or the mean training loss of each treatment."""
    x: list[float] = []
    y: list[float] = []
    notes: list[str] = []
    for place, treatment in enumerate(found.treatments):
        values = getattr(treatment, part)
        if part == "training":
            values, shifts = values.mean(keepdims=True), np.zeros(1)
        else:
            shifts = shift
        x += [float(value) for value in values]
        y += [float(place + move) for move in shifts]
        notes += [_note(treatment, seed) for seed in range(len(values))] if part == "test" else ["mean"]
    marker = {"color": theme.colour(role), "symbol": symbol, "size": 8, "opacity": 0.75}
    if part == "training":
        marker |= {"size": 16, "opacity": 1.0, "line": {"width": 2.5, "color": theme.colour(role)}}
    figure.add_scatter(
        x=x, y=y, customdata=notes, name=name, mode="markers", marker=marker,
        hovertemplate=f"{part} loss %{{x:.4~g}}<br>%{{customdata}}<extra></extra>",
    )  # fmt: skip


def _note(treatment: Treatment, seed: int) -> str:
    value = treatment.strengths[seed]
    if np.isnan(value):
        return f"seed {seed}"
    what = "epoch" if treatment.name == "early_stopping" else "strength"
    return f"seed {seed}, {what} {number(float(value))}"


def _add_means(figure: go.Figure, found: Regularizers) -> None:
    means = [float(treatment.test.mean()) for treatment in found.treatments]
    figure.add_scatter(
        x=means,
        y=list(range(len(means))),
        customdata=[number(spread(treatment.test)) for treatment in found.treatments],
        name="test, mean",
        mode="markers",
        marker={
            "color": theme.colour("wrong"),
            "symbol": "line-ns-open",
            "size": 30,
            "line": {"width": 3, "color": theme.colour("wrong")},
        },
        hovertemplate="mean test loss %{x:.4~g}, spread %{customdata}<extra></extra>",
    )


def spread(values: np.ndarray) -> float:
    """The standard deviation over seeds; NaN for a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def _sentence(found: Regularizers, loss: str) -> str:
    plain = found.treatment("none")
    ordered = sorted(found.treatments, key=lambda treatment: treatment.test.mean())
    best, base = ordered[0], float(plain.test.mean())
    text = (
        f"Held back by nothing the network's {loss} is {number(float(plain.training.mean()))} on the rows it "
    )
    text += (
        f"learnt from and {number(base)} on test rows, in the mean over {words.count(found.seeds, 'seed')}. "
    )
    if best.name == "none":
        return f"{text}No treatment does better."
    text += f"{_capital(NAMES[best.name])} does best on test rows: {number(float(best.test.mean()))}, "
    text += f"{words.share(1 - float(best.test.mean()) / base)} less. "
    better = [
        f"{NAMES[treatment.name]} in {int(np.sum(treatment.test < plain.test))}"
        for treatment in found.treatments
        if treatment.name != "none"
    ]
    text += f"Of {words.count(found.seeds, 'seed')}, paired, better than nothing: {words.joined(better)}."
    return text


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _alt(found: Regularizers, loss: str) -> str:
    listed = [
        f"{NAMES[each.name]} {number(float(each.test.mean()))} ± {number(spread(each.test), 2)}"
        for each in found.treatments
    ]
    return f"Dots of test {loss} by treatment, one a seed. Mean and spread: {words.joined(listed, limit=8)}."
