"""The effective step of AdaGrad, RMSprop and AdaDelta while the gradients grow and fall."""

from couloir.experiments.stall import effective_steps
from couloir.figures.experiments.stall import effective_step_sizes

found = effective_steps()
phases = found.phases
regained = {name: found.regained(name) for name in found.steps}
effective_step_sizes(found)
