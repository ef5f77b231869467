"""Figures of a run, drawn with Plotly from the numbers in its files; nothing is trained or scored here.

Each function takes a run and returns a `Chart`: `chart.figure` is a Plotly figure, `chart.sentence` says
what to see in it.
"""

from couloir.figures.chart import Chart, Run
from couloir.figures.response import learning_rate_response
from couloir.figures.results import confusion, importance, predicted_against_true
from couloir.figures.theme import recoloured
from couloir.figures.training import (
    curves_by_rule,
    generalisation_gap,
    learning_curves,
)

__all__ = [
    "Chart",
    "Run",
    "confusion",
    "curves_by_rule",
    "generalisation_gap",
    "importance",
    "learning_curves",
    "learning_rate_response",
    "predicted_against_true",
    "recoloured",
]
