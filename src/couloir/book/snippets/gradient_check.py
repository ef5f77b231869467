"""Numerical gradients against backpropagation: their error as ε shrinks, and what they cost."""

import couloir
from couloir.engine.architectures.mlp import initialise
from couloir.experiments.gradient_costs import costs, ladder
from couloir.experiments.gradients import agreement, error_curves
from couloir.figures.experiments.gradients import difference_errors, gradient_cost
from couloir.selection.problem import Conditions, prepare

part = prepare(couloir.load("digits"), Conditions()).data.train
rows = part._replace(inputs=part.inputs[:400], targets=part.targets[:400])
widths, settings = (64, 16, 10), ("tanh", "cross_entropy")
network = initialise((0, 0), widths, "tanh", "float64")

found = agreement(network, rows, *settings)
curves = error_curves(network, rows, *settings)
measured = costs(ladder(widths, len(rows.targets)), rows, *settings, repeats=7)

checked, agreed = len(found.places), found.largest_central
forward_step, forward_least = curves.best("forward")
central_step, central_least = curves.best("central")
difference_errors(curves), gradient_cost(measured)
