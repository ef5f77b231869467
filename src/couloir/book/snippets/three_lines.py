"""Three candidate lines through the points."""

from couloir.figures.regression import candidate_lines
from couloir.landscapes.regression import CANDIDATES, line_fit

candidates = CANDIDATES
losses = [float(line_fit().loss(line)) for line in candidates]
halves = [loss / 2 for loss in losses]
candidate_lines(candidates)
