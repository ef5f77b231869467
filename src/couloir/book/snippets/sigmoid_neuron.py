"""The loss of a single sigmoid neuron over its weight and its bias; below it the bowl of chapter 2."""

from dataclasses import replace

import numpy as np

from couloir.figures.surfaces.bowl import bowl
from couloir.surfaces.evaluation import slope_and_curvature
from couloir.surfaces.functions import surface

neuron, where = surface("neuron"), (-1.0, -1.0)
curvatures = np.linalg.eigvalsh(slope_and_curvature(neuron, where)[1])
# Where the least loss is not told, heights are losses and not their logarithms.
bowl(replace(neuron, least=None)), bowl(replace(surface("line-fit"), least=None))
