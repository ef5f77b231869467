"""Figures, drawn with Plotly from numbers: those of a run's files, and what `couloir.landscapes` computes.

Nothing is trained or scored here. Each function takes a run, or what was computed, and returns a `Chart`:
`chart.figure` is a Plotly figure, `chart.sentence` says what to see in it.
"""

# ruff: noqa: F401 (what is imported here is the list of the public names)

from couloir.figures.chart import Chart, Run
from couloir.figures.comparison.curves import race_curves
from couloir.figures.comparison.pairs import race_pairs
from couloir.figures.comparison.rates import race_rates
from couloir.figures.comparison.standing import race_standing
from couloir.figures.comparison.steps import race_steps
from couloir.figures.experiments.dropping import dropped_network
from couloir.figures.experiments.gradients import difference_errors, gradient_agreement, gradient_cost
from couloir.figures.experiments.grids import grid_samples, guesses_needed
from couloir.figures.experiments.guessing import search_against_descent
from couloir.figures.experiments.momentum import momentum_in_bowl
from couloir.figures.experiments.noise import batch_comparison, escape_shares, gradient_clouds
from couloir.figures.experiments.overfitting import polynomial_fits
from couloir.figures.experiments.regression import (
    candidate_lines,
    error_bars,
    line_contour,
    line_descent,
    rate_slider,
    scatter,
    three_rates,
)
from couloir.figures.experiments.regularizers import regularizers_compared
from couloir.figures.experiments.sparse import sparse_rules
from couloir.figures.experiments.stall import effective_step_sizes
from couloir.figures.experiments.tweak import weight_tweak
from couloir.figures.experiments.widths import losses_by_width
from couloir.figures.experiments.wild import calmed_curve
from couloir.figures.landscapes.sharpness import slice_profile, slice_spectrum
from couloir.figures.landscapes.slices import slice_bowl, slice_contour, slice_paths
from couloir.figures.scores import TableRun
from couloir.figures.search.parameters import best_trials, parameter_importance, search_slices
from couloir.figures.search.trials import search_curves, search_history, search_rungs
from couloir.figures.surfaces.bowl import bowl
from couloir.figures.surfaces.contours import contour
from couloir.figures.surfaces.losses import path_losses
from couloir.figures.surfaces.microscope import microscope
from couloir.figures.surfaces.race import race_losses, race_response, surface_race
from couloir.figures.theme import recoloured
from couloir.figures.training.calibration import reliability
from couloir.figures.training.curves import curves_by_rule, generalisation_gap, learning_curves
from couloir.figures.training.folds import fold_scores, fold_strip
from couloir.figures.training.response import learning_rate_response
from couloir.figures.training.results import confusion, importance, predicted_against_true
from couloir.figures.training.stopping import stopped_curves
from couloir.figures.training.tried import settings_tried

__all__ = sorted(name for name, value in globals().items() if callable(value))
