"""Random search drawn beside gradient descent at the same expense."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from couloir.figures import theme
from couloir.figures.chart import Chart, Figure, new_figure, title_on_top
from couloir.figures.traces import add_level, add_trace, line, mark, short
from couloir.text import LOSS_NAMES, count, number

if TYPE_CHECKING:
    from couloir.experiments.guessing import CountedDescent, RandomSearch

MOST_DRAWN = 400
"""Points of a best-so-far line."""


def search_against_descent(search: RandomSearch, descent: CountedDescent) -> Chart:
    """The best loss so far against loss evaluations, guessing and gradient descent.

    Args:
        search: what guessing came to.
        descent: gradient descent on the same network and rows, counted in loss evaluations.
    """
    title = "Guessing against gradient descent"
    figure = new_figure(title, "loss evaluations", f"best {_loss_name(search.loss)} so far", height=460)
    _add_search(figure, search)
    steps = np.unique(np.geomspace(1, descent.steps, MOST_DRAWN).round().astype(int)) - 1
    add_trace(
        figure,
        descent.evaluations[steps].tolist(),
        short(descent.best[steps], 6),
        "gradient descent",
        line(theme.rule_style("sgd").colour, 3),
        hover="gradient descent: %{y:.4~g} after %{x:,} evaluations",
    )
    if search.constant is not None:
        add_level(figure, search.constant, "the best constant answer")
    lowest = min(search.best.loss, float(descent.best[-1]))
    figure.update_layout(
        **title_on_top(2),
        # On a phone there is room for five numbers.
        xaxis={"type": "log", "dtick": 1 if search.guesses <= 1e5 else 2, "tickformat": ",d", "tickangle": 0},
        yaxis=theme.decades(dtick=1 if lowest < 0.01 else "D2"),
    )
    sentence = contest_words(search, descent)
    return Chart("guessing", title, sentence, f"Two falling lines on logarithmic axes. {sentence}", figure)


def _loss_name(loss: str) -> str:
    return LOSS_NAMES.get(loss, loss)


def _add_search(figure: Figure, search: RandomSearch) -> None:
    """The best guess so far as stairs: a mark at each guess that was better than all before."""
    found = [*search.improvements, search.best._replace(number=search.guesses - 1)]
    add_trace(
        figure,
        [each.number + 1 for each in found],
        short([each.loss for each in found], 6),
        "random search",
        line("wrong", 2, "dash", shape="hv"),
        mark("wrong", 6),
        "guess %{x:,}: %{y:.4~g}<br>weights scaled by %{customdata}",
        customdata=[number(each.scale) for each in found],
    )


def contest_words(search: RandomSearch, descent: CountedDescent) -> str:
    """How low guessing came, and how soon gradient descent was there."""
    guesses = count(search.guesses, "guess", "guesses")
    text = f"The best of {guesses} of {search.parameters:,} weights and biases has a "
    text += f"{_loss_name(search.loss)} of {number(search.best.loss)}"
    text += f" (the best constant answer: {number(search.constant)})" if search.constant is not None else ""
    reached, spent = descent.reached(search.best.loss), int(descent.evaluations[-1])
    last = number(float(descent.best[-1]))
    if reached is None:
        text += f". Gradient descent had not come so low after {spent:,} loss evaluations, "
        return f"{text}where it stood at {last}."
    text += f". Gradient descent is there after {reached:,} loss evaluations"
    ended = "was ended" if descent.capped else "stood"
    text += f", and {ended} at {last} after {spent:,}. "
    return text + "A gradient counts as three evaluations, and every learning rate tried is counted."
