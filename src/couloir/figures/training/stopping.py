"""Early stopping drawn: where training would have ended, and what going on has brought."""

from __future__ import annotations

import math
from typing import Any

from couloir import text as words
from couloir.figures import reading, scores
from couloir.figures.chart import Chart, Run
from couloir.figures.training.curves import learning_curves, mark_epoch
from couloir.runs.records import TrainRecord
from couloir.runs.records.learned import Stopping
from couloir.text import number


def stopped_curves(run: Run[TrainRecord]) -> Chart:
    """The winner's learning curves with two marks: the epoch that stopping keeps, and where it stops.

    Args:
        run: trained with ``no_stop=True``, so that the curves go on after the stop.
    """
    chart, title = learning_curves(run), "Learning curves, and where training stops"
    found = run.record.stopping
    if chart.figure is None or found is None or found.stop_epoch is None:
        why = "validation went on improving to the last epoch" if found else "nobody was to be stopped"
        return Chart("stopping", title, f"No stop can be drawn: {why}.")
    chart.figure.layout.update(title={"text": title})
    chart.figure.layout.shapes, chart.figure.layout.annotations = (), ()
    _make_room(chart.figure)
    for epoch, name, height in ((found.best_epoch, "kept", 1.0), (found.stop_epoch, "stopped", 0.93)):
        mark_epoch(chart.figure, epoch, f"{name}: epoch {epoch}", found.last_epoch, height)
    return Chart("stopping", title, _sentence(run, found), chart.alt, chart.figure)


def _make_room(figure: Any) -> None:
    """Room above the curves for two lines of text."""
    values = [value for trace in figure.data for value in trace.y]
    low, high = min(values), max(values)
    if figure.layout.yaxis.type == "log":
        low, high = math.log10(low), math.log10(high)
    span = high - low or 1.0
    figure.layout.yaxis.range = [low - 0.05 * span, high + 0.25 * span]


def _sentence(run: Run[TrainRecord], found: Stopping) -> str:
    name = scores.metric_name(run.record.metric)
    text = f"Validation {name} is best at epoch {found.best_epoch}, {number(found.score_at_stop)}; after "
    text += f"{words.count(found.patience, 'epoch')} without a better one training stops, at epoch "
    text += f"{found.stop_epoch}. Up to epoch {found.last_epoch} "
    best = found.best_of_all
    if best.epoch == found.best_epoch:
        text += f"nothing better comes, and it ends at {number(found.score_at_last)}"
    else:
        text += f"the best is {number(best.score)}, at epoch {best.epoch}"
    points = reading.curve(run, run.record.winner.member, "training_loss")
    return f"{text}, while the training {reading.loss_name(run)} goes on to {number(points[-1][1])}."
