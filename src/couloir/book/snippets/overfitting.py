"""Eleven points, a straight line and a polynomial of degree ten; below, the errors of every degree."""

from couloir.experiments.overfitting import overfit
from couloir.figures.experiments.overfitting import polynomial_fits

found = overfit()
count, degree = len(found.x), found.fits[-1].degree
line_fitted, line_fresh = found.fits[0].training, found.fits[0].fresh
wiggle_fitted, wiggle_fresh = found.fits[-1].training, found.fits[-1].fresh
polynomial_fits(found)
