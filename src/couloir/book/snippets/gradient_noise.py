"""Gradients of many batches at one point, around the exact gradient, for several sizes of a batch."""

from couloir.experiments.noise import gradient_cloud
from couloir.figures.experiments.noise import gradient_clouds

cloud = gradient_cloud()
gradient_clouds(cloud)
