"""The path of gradient descent on the contour plot, and the loss above the minimum at each step."""

import numpy as np

from couloir.experiments.regression import LINE_START, descend, line_fit
from couloir.figures.experiments.regression import line_descent

rate, steps = 0.06, 200
walk = descend(line_fit(), rate, steps, LINE_START)
distance = np.linalg.norm(walk.weights[-1] - line_fit().minimum)
line_descent(rate, steps)
