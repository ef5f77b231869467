"""The loss of a network on the plane nearest to the paths of several rules; below, true and projected."""

import couloir
from couloir.commands.landscape import landscape
from couloir.figures.landscapes.slices import slice_contour, slice_paths

digits = couloir.load("digits")
rules = ["adam", "momentum", "rmsprop", "sgd"]
run = couloir.train(digits, optimizer="adam", learning_rate=0.003, hidden=(32,), epochs=15, out=None)
scape = landscape(run, plane="paths", optimizer=rules, eigenvalues=0, data=digits)
share = sum(scape.record.plane.explained)
slice_contour(scape), slice_paths(scape)
