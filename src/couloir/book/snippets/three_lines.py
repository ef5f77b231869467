"""Three candidate lines through the points."""

from couloir.experiments.regression import CANDIDATES, line_fit
from couloir.figures.experiments.regression import candidate_lines

candidates = CANDIDATES
losses = [float(line_fit().loss(line)) for line in candidates]
halves = [loss / 2 for loss in losses]
candidate_lines(candidates)
