"""A network's curve through noisy points, under a penalty on its weights: L2, then L1."""

from couloir.experiments.wild import STRENGTHS, calm
from couloir.figures.experiments.wild import calmed_curve

ridge, lasso = calm("l2", seed=2), calm("l1", seed=2)
strength = 0.01
small = {found.penalty: found.zeros[STRENGTHS.index(strength)] for found in (ridge, lasso)}
calmed_curve(ridge), calmed_curve(lasso)
