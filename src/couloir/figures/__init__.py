"""Figures of a run, drawn with Plotly from the numbers in its files; nothing is trained or scored here.

Each function takes a run and returns a `Chart`: `chart.figure` is a Plotly figure, `chart.sentence` says
what to see in it.
"""

from couloir.figures.calibration import reliability
from couloir.figures.chart import Chart, Run
from couloir.figures.folds import fold_scores, fold_strip
from couloir.figures.pairs import race_pairs
from couloir.figures.parameters import best_trials, parameter_importance, search_slices
from couloir.figures.race import race_curves, race_standing, race_steps
from couloir.figures.rates import race_rates
from couloir.figures.response import learning_rate_response
from couloir.figures.results import confusion, importance, predicted_against_true
from couloir.figures.scores import TableRun
from couloir.figures.search import search_curves, search_history, search_rungs
from couloir.figures.theme import recoloured
from couloir.figures.training import (
    curves_by_rule,
    generalisation_gap,
    learning_curves,
)

__all__ = [
    "Chart",
    "Run",
    "TableRun",
    "best_trials",
    "confusion",
    "curves_by_rule",
    "fold_scores",
    "fold_strip",
    "generalisation_gap",
    "importance",
    "learning_curves",
    "learning_rate_response",
    "parameter_importance",
    "predicted_against_true",
    "race_curves",
    "race_pairs",
    "race_rates",
    "race_standing",
    "race_steps",
    "recoloured",
    "reliability",
    "search_curves",
    "search_history",
    "search_rungs",
    "search_slices",
]
