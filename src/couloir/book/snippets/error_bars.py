"""The errors of a line: how far it passes above or below each point."""

from couloir.experiments.regression import CANDIDATES
from couloir.figures.experiments.regression import error_bars

error_bars(CANDIDATES[2])
