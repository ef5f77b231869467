"""All combinations of ten values on each axis: a square in two dimensions, a cube in three."""

from couloir.figures.experiments.grids import grid_samples

pieces = (10, 100)
square, cube = [each**2 for each in pieces], [each**3 for each in pieces]
grid_samples(pieces[0])
