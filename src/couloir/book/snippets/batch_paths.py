"""Batch, mini-batch and stochastic gradient descent from one start; below, their losses."""

from couloir.experiments.noise import batch_paths
from couloir.figures.experiments.noise import batch_comparison

found = batch_paths(epochs=150, start=(0.9, 1.5))
sizes = [path.batch_size for path in found.paths]
updates = [len(path.points) - 1 for path in found.paths]
batch_comparison(found)
