"""Gradient descent at learning rates that are too low, right and too high; then at any, and with momentum."""

from couloir.figures.momentum import momentum_in_bowl
from couloir.figures.regression import three_rates
from couloir.landscapes.functions import surface
from couloir.landscapes.momentum import momentum_grid
from couloir.landscapes.regression import line_fit

fit = line_fit()
eigenvalues, condition, critical = fit.eigenvalues, fit.condition_number, fit.critical_rate
three_rates(), momentum_in_bowl(momentum_grid(surface("line-fit"), steps=200))
