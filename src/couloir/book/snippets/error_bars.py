"""The errors of a line: how far it passes above or below each point."""

from couloir.figures.regression import error_bars
from couloir.landscapes.regression import CANDIDATES

error_bars(CANDIDATES[2])
