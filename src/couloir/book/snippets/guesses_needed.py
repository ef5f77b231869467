"""How many guesses a complete search needs, against the number of weights."""

from couloir.engine.architectures.mlp import parameter_count
from couloir.experiments.grids import dimension_counter
from couloir.figures.experiments.grids import guesses_needed

widths = (784, 15, 10)
parameters, biases = parameter_count(widths), sum(widths[1:])
weights = parameters - biases
pieces = 10
exponent = round(dimension_counter(parameters, pieces).logarithm)
guesses_needed(widths)
