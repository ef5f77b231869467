"""Gradient descent at learning rates that are too low, right and too high; then at any, and with momentum."""

from couloir.experiments.momentum import momentum_grid
from couloir.experiments.regression import line_fit
from couloir.figures.experiments.momentum import momentum_in_bowl
from couloir.figures.experiments.regression import three_rates
from couloir.surfaces.functions import surface

fit = line_fit()
eigenvalues, condition, critical = fit.eigenvalues, fit.condition_number, fit.critical_rate
three_rates(), momentum_in_bowl(momentum_grid(surface("line-fit"), steps=200))
