"""The loss of every line, from above as a contour plot and as a surface over slope and intercept."""

from dataclasses import replace

import numpy as np

from couloir.experiments.regression import descend, line_fit, regression, solve
from couloir.figures.experiments.regression import line_contour
from couloir.figures.surfaces.bowl import bowl
from couloir.surfaces.functions import surface

(slope, intercept), least = line_fit().minimum, line_fit().least

features, random = 5, np.random.default_rng(0)
inputs = random.normal(size=(40, features))
wider = regression(inputs, inputs @ np.arange(1, features + 1) + random.normal(size=40))
answers = descend(wider, wider.best_rate, 500).weights[-1], solve(wider, "qr")
disagreement = max(np.abs(answer - solve(wider, "svd")).max() for answer in answers)

# Where the least loss is not told, heights are losses and not their logarithms.
line_contour(), bowl(replace(surface("line-fit"), least=None))
