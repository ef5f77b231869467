"""The seven points of this chapter."""

from couloir.experiments.regression import line_fit
from couloir.figures.experiments.regression import scatter

count = len(line_fit().targets)
scatter()
