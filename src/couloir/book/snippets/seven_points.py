"""The seven points of this chapter."""

from couloir.figures.regression import scatter
from couloir.landscapes.regression import line_fit

count = len(line_fit().targets)
scatter()
