"""The rules on a network that reads handwritten digits, each at its best learning rate."""

import couloir
from couloir import figures

digits = couloir.load("digits")
raced = couloir.race(digits, hidden=(32,), epochs=15, rates=7, replicates=3, out=None)
figures.race_curves(raced)
