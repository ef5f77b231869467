"""Batch, mini-batch and stochastic gradient descent from one start; below, their losses."""

from couloir.figures.noise import batch_comparison
from couloir.landscapes.noise import batch_paths

found = batch_paths(epochs=150, start=(0.9, 1.5))
sizes = [path.batch_size for path in found.paths]
updates = [len(path.points) - 1 for path in found.paths]
batch_comparison(found)
