"""Gradients of many batches at one point, around the exact gradient, for several sizes of a batch."""

from couloir.figures.noise import gradient_clouds
from couloir.landscapes.noise import gradient_cloud

cloud = gradient_cloud()
gradient_clouds(cloud)
