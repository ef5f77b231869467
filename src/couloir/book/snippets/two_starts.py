"""Two starts close together on a surface with several valleys, and where gradient descent takes them."""

import numpy as np

from couloir.engine.optimizers import RULES
from couloir.figures.surfaces.contours import contour
from couloir.surfaces.functions import surface
from couloir.surfaces.paths import Runner, follow

hills, steps = surface("hills"), 200
starts = [Runner(RULES["sgd"], 0.1, start=start) for start in hills.starts]
paths = follow(hills, starts, steps)
first, last = paths.points[:, 0], paths.points[:, -1]
apart, ends_apart = np.linalg.norm(first[1] - first[0]), np.linalg.norm(last[1] - last[0])
losses = paths.losses[:, -1]
contour(hills, paths, labels=["first start", "second start"])
