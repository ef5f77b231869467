"""One step of Nesterov's rule: where the velocity leads, and the slope that is asked for there."""

from couloir.figures.surfaces.microscope import microscope as drawn
from couloir.surfaces.evaluation import slope_and_curvature
from couloir.surfaces.functions import surface
from couloir.surfaces.microscope import microscope

ravine = surface("ravine")
step = microscope(ravine, "nesterov", 0.01, step=3)
here, ahead = slope_and_curvature(ravine, step.point)[0], step.gradient
drawn(step)
