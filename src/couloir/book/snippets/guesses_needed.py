"""How many guesses a complete search needs, against the number of weights."""

from couloir.figures.guessing import guesses_needed
from couloir.landscapes.guessing import dimension_counter
from couloir.networks import parameter_count

widths = (784, 15, 10)
parameters, biases = parameter_count(widths), sum(widths[1:])
weights = parameters - biases
pieces = 10
exponent = round(dimension_counter(parameters, pieces).logarithm)
guesses_needed(widths)
