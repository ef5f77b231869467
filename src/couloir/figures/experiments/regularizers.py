"""Regularizers compared: the test loss of every treatment in every seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from couloir.figures import theme
from couloir.figures.chart import Chart, Figure, new_figure
from couloir.figures.traces import add_trace, listed, mark
from couloir.text import METRIC_NAMES, count, joined, number, plain, share

if TYPE_CHECKING:
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
    title, treatments = f"Regularizers compared on {plain(found.data)}", found.treatments
    loss = METRIC_NAMES[found.metric]
    unit = "nats" if found.metric == "log_loss" else f"{plain(found.target, 18)}²"
    figure = new_figure(title, f"{loss} ({unit})", "", height=130 + 62 * len(treatments))
    rows = list(range(len(treatments)))  # drawn from top to bottom in the order given
    add_trace(
        figure,
        [float(treatment.training.mean()) for treatment in treatments],
        [float(row) for row in rows],
        "training, mean",
        marker=mark("quiet", 16, "line-ns-open", (2.5, "quiet"), opacity=1.0),
        hover="training loss %{x:.4~g}<br>%{customdata}",
        customdata=["mean" for _ in rows],
    )
    _add_seeds(figure, found)
    add_trace(
        figure,
        [float(treatment.test.mean()) for treatment in treatments],
        rows,
        "test, mean",
        marker=mark("wrong", 30, "line-ns-open", (3, "wrong")),
        hover="mean test loss %{x:.4~g}, spread %{customdata}",
        customdata=[number(spread(treatment.test)) for treatment in treatments],
    )
    names = [NAMES[treatment.name] for treatment in treatments]
    lines = listed(names, ticklabelstandoff=6, tickfont={"color": theme.colour("ink")})
    figure.update_layout(yaxis=lines, xaxis={"rangemode": "tozero"})
    return Chart("regularizers", title, _sentence(found, loss), _alt(found, loss), figure)


def _add_seeds(figure: Figure, found: Regularizers) -> None:
    """Every seed's test loss, a little apart."""
    shifts = np.linspace(-0.13, 0.13, found.seeds) if found.seeds > 1 else np.zeros(1)
    every = [(row, each, seed) for row, each in enumerate(found.treatments) for seed in range(found.seeds)]
    add_trace(
        figure,
        [float(treatment.test[seed]) for _, treatment, seed in every],
        [float(row + shifts[seed]) for row, _, seed in every],
        "test, one seed",
        marker=mark("right", 8, opacity=0.75),
        hover="test loss %{x:.4~g}<br>%{customdata}",
        customdata=[_note(treatment, seed) for _, treatment, seed in every],
    )


def _note(treatment: Treatment, seed: int) -> str:
    value = treatment.strengths[seed]
    if np.isnan(value):
        return f"seed {seed}"
    what = "epoch" if treatment.name == "early_stopping" else "strength"
    return f"seed {seed}, {what} {number(float(value))}"


def spread(values: np.ndarray) -> float:
    """The standard deviation over seeds; NaN for a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def _sentence(found: Regularizers, loss: str) -> str:
    nothing, seeds = found.treatment("none"), count(found.seeds, "seed")
    best = min(found.treatments, key=lambda treatment: treatment.test.mean())
    base, lowest = float(nothing.test.mean()), float(best.test.mean())
    text = f"Held back by nothing the network's {loss} is {number(float(nothing.training.mean()))} on the "
    text += f"rows it learnt from and {number(base)} on test rows, in the mean over {seeds}. "
    if best is nothing:
        return f"{text}No treatment does better."
    name = NAMES[best.name]
    text += f"{name[0].upper()}{name[1:]} does best on test rows: {number(lowest)}, "
    text += f"{share(1 - lowest / base)} less. "
    better = [
        f"{NAMES[treatment.name]} in {int(np.sum(treatment.test < nothing.test))}"
        for treatment in found.treatments
        if treatment is not nothing
    ]
    return f"{text}Of {seeds}, paired, better than nothing: {joined(better)}."


def _alt(found: Regularizers, loss: str) -> str:
    told = [
        f"{NAMES[each.name]} {number(float(each.test.mean()))} ± {number(spread(each.test), 2)}"
        for each in found.treatments
    ]
    return f"Dots of test {loss} by treatment, one a seed. Mean and spread: {joined(told, limit=8)}."
