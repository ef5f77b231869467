"""Gradient descent and momentum in a ravine, with sliders for the learning rate and for β."""

from couloir.experiments.momentum import momentum_grid
from couloir.figures.experiments.momentum import momentum_in_bowl

found = momentum_grid()
condition, steps, betas, limits = found.condition, found.steps, found.momenta, found.critical
rate = found.rates[4]
plain, heavy = found.losses[0, 4, -1], found.losses[-1, 4, -1]
momentum_in_bowl(found)
